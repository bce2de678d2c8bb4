//! What is kept of one artifact's publishes.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::cadence::Cadence;
use super::contents::KnownContents;
use super::dependencies::KnownDependencies;
use super::hazards::FieldHabits;
use super::origin::{Attested, KnownRuns};
use super::people::{AccountWatch, KnownPeople};
use super::version::Numbers;
use crate::change_lane::{Acquaintance, Habits, Mark, Place, Places, keep_latest};
use crate::event::{EventTime, Span};

/// What is kept of one artifact's publishes: 330 bytes, and what its names and lists take (10 bytes a dependency).
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct MetadataState {
    pub(super) places: Places,
    pub(super) acquaintance: Acquaintance,
    /// How often provenance fell.
    pub(super) falls: Habits,
    pub(super) fields: FieldHabits,
    pub(super) known: KnownNormal,
    /// What is known if the last surprise was honest.
    held: Option<Box<HeldBack>>,
    pub(super) attested: Option<Attested>,
    pub(super) account: AccountWatch,
    pub(super) cadence: Cadence,
    pub(super) last: Option<LastRelease>,
    pub(super) highest: Option<Numbers>,
}

/// What a publish is compared with.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct KnownNormal {
    pub(super) people: KnownPeople,
    pub(super) dependencies: KnownDependencies,
    pub(super) contents: KnownContents,
    pub(super) runs: KnownRuns,
}

/// What a surprising publish showed, until it counts as normal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct HeldBack {
    known: KnownNormal,
    until: EventTime,
}

/// How a publish is taken in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Taken {
    /// It is normal.
    In,
    /// It repeats what was held back, and is no surprise any more.
    InWithHeld,
    /// Held back for so long.
    Held(Span),
}

/// The version published last.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct LastRelease {
    pub(super) version: Arc<str>,
    pub(super) publisher: Option<Arc<str>>,
    pub(super) time: EventTime,
    pub(super) place: Place,
}

/// Names of one kind that an artifact has used, the latest last.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct KnownNames(Vec<Mark>);

impl KnownNames {
    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn contains(&self, name: Mark) -> bool {
        self.0.contains(&name)
    }

    /// Keeps a name as the latest, and at most `most` of them.
    pub(super) fn keep(&mut self, name: Mark, most: usize) {
        self.0.retain(|known| *known != name);
        keep_latest(&mut self.0, most, name);
    }
}

impl MetadataState {
    /// Lets what was held back for long enough count as normal.
    pub(super) fn release_held(&mut self, now: EventTime) {
        if let Some(held) = self.held.take_if(|held| now >= held.until) {
            self.known = held.known;
        }
    }

    /// Takes in what a publish shows. A normal one drops what is held back: the surprise was not repeated.
    pub(super) fn take_in(&mut self, taken: Taken, now: EventTime, learn: impl Fn(&mut KnownNormal)) {
        match (taken, self.held.take()) {
            (Taken::In, _) | (Taken::InWithHeld, None) => learn(&mut self.known),
            (Taken::InWithHeld, Some(mut held)) => {
                learn(&mut held.known);
                self.known = held.known;
            }
            (Taken::Held(span), held) => {
                let mut held =
                    held.unwrap_or_else(|| Box::new(HeldBack { known: self.known.clone(), until: now }));
                learn(&mut held.known);
                held.until = held.until.max(now.plus(span));
                self.held = Some(held);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_bounded_and_the_latest_used_stay() {
        let mark = |at: usize| Mark::of(1, &[&at.to_string()]);
        let mut names = KnownNames::default();
        assert!(names.is_empty());
        for at in [0, 1, 2, 0, 3] {
            names.keep(mark(at), 3);
        }
        assert_eq!([0, 1, 2, 3].map(|at| names.contains(mark(at))), [true, false, true, true]);
    }

    #[test]
    fn what_is_held_back_counts_after_its_time_or_its_repeat_and_is_dropped_by_a_normal_publish() {
        let day = |days: i64| EventTime::from_secs(days * 86_400);
        let show = |dependency: &'static str| {
            move |known: &mut KnownNormal| {
                let list = std::collections::BTreeMap::from([(Arc::from(dependency), Arc::from("1"))]);
                known.dependencies.learn(1, Some(&list));
            }
        };
        let knows = |state: &MetadataState, name: &'static str| {
            let list = std::collections::BTreeMap::from([(Arc::from(name), Arc::from("1"))]);
            state.known.dependencies.added(1, Some(&list)).names.is_empty()
        };
        let mut state = MetadataState::default();
        state.take_in(Taken::In, day(0), show("a"));
        state.take_in(Taken::Held(Span::days(1)), day(1), show("b"));
        state.release_held(day(1));
        assert!(knows(&state, "a") && !knows(&state, "b"));
        state.release_held(day(2));
        assert!(knows(&state, "b"));
        state.take_in(Taken::Held(Span::days(1)), day(3), show("c"));
        state.take_in(Taken::InWithHeld, day(3), show("c"));
        assert!(knows(&state, "c"));
        state.take_in(Taken::Held(Span::days(1)), day(4), show("d"));
        state.take_in(Taken::In, day(4), show("a"));
        state.release_held(day(9));
        assert!(!knows(&state, "d"));
    }
}
