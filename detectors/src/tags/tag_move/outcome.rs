//! The rare outcomes of a step, and what is believed of them before anything is seen.

use crate::event::{EventTime, Span};
use crate::tags::class::{TagClass, version_numbers};
use crate::tags::memory::{KnownTag, TagState};
use crate::tags::target::Target;

/// A full-version tag that is younger may be set again by the job that made it, as long as no other version has come
/// since: another outcome than the move of one that stood.
const FRESH: Span = Span::hours(1);
/// The rare outcomes of a step, in their order of surprise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Move {
    Full,
    /// A full version within an hour of being set, while it is the newest.
    FreshFull,
    /// A moving tag goes back: to an older version, or to where it came from.
    Back,
    PreRelease,
    Other,
    Minor,
    Major,
    Branch,
    Floating,
}

impl Move {
    pub(super) const ALL: [Self; 9] = [
        Self::Full,
        Self::FreshFull,
        Self::Back,
        Self::PreRelease,
        Self::Other,
        Self::Minor,
        Self::Major,
        Self::Branch,
        Self::Floating,
    ];

    /// The guess of a registry of which nothing is known (moves per step), what the guess is worth in steps of the
    /// registry, and what the registry's rate is worth in steps of the artifact.
    pub(super) const fn prior(self) -> (f64, f64, f64) {
        match self {
            Self::Floating | Self::Branch => (0.3, 50.0, 4.0),
            Self::Major => (0.2, 50.0, 4.0),
            Self::Minor => (0.15, 50.0, 4.0),
            Self::Other => (0.1, 50.0, 4.0),
            Self::PreRelease => (0.01, 50.0, 5.0),
            Self::Back => (0.005, 100.0, 10.0),
            Self::FreshFull => (0.002, 100.0, 10.0),
            Self::Full => (1e-5, 1_000.0, 20.0),
        }
    }

    /// Whether it could happen to this tag now.
    pub(super) fn is_possible_for(self, tag: &KnownTag, fresh: bool) -> bool {
        match self {
            Self::Floating => tag.class == TagClass::Floating,
            Self::Branch => tag.class == TagClass::Branch,
            Self::Major => tag.class == TagClass::Major,
            Self::Minor => tag.class == TagClass::Minor,
            Self::PreRelease => tag.class == TagClass::PreRelease,
            Self::Other => tag.class == TagClass::Other,
            Self::FreshFull => tag.class == TagClass::Full && fresh,
            Self::Full => tag.class == TagClass::Full && !fresh,
            Self::Back => !tag.class.is_fixed(),
        }
    }

    /// What happened to a tag that now points to `after`.
    pub(super) fn of(tag: &KnownTag, after: &Target, fresh: bool) -> Self {
        let back = tag.former == Some(after.mark()) || after.is_older_than(&tag.target);
        match tag.class {
            TagClass::Full if fresh => Self::FreshFull,
            TagClass::Full => Self::Full,
            TagClass::PreRelease => Self::PreRelease,
            _ if back => Self::Back,
            TagClass::Floating => Self::Floating,
            TagClass::Branch => Self::Branch,
            TagClass::Major => Self::Major,
            TagClass::Minor => Self::Minor,
            TagClass::Other => Self::Other,
        }
    }
}

/// Whether the job that set this tag may still be at it.
pub(super) fn is_fresh(state: &TagState, tag: &KnownTag, now: EventTime) -> bool {
    let numbers = version_numbers(&tag.name);
    let newer = |other: &KnownTag| {
        other.class == TagClass::Full && other.since > tag.since && version_numbers(&other.name) != numbers
    };
    now.since(tag.since) < FRESH && !state.tags().iter().any(newer)
}
