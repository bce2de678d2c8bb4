//! `tag-move`: a tag moves whose class never or rarely moves here, or a version comes again with other content.
//!
//! Method e with learned mutability. Tags fall into classes by their form ([`TagClass`]). Every publish and every tag
//! event of an artifact is a *step*, at which one tag of each class that exists could have moved: opportunities are
//! what happens to the artifact, not only what happens to the tag, else a fixed tag's first event would be its move.
//! Hazards are Beta, shrunk to the registry's rate of the class and that to a stated guess (full versions: one move in
//! 100,000 steps). Within a move of a full version, sharing its new content with another full version ranks; a row of
//! moved full versions within an hour counts as a row. A known version that is published with another digest is a hard
//! fact. Late events neither score nor teach: where a tag points *now* is what the newest event says.
//! ATT&CK T1195.002. Runbook: docs/runbook.md#tag-move.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use self::outcome::{Move, is_fresh};
use super::class::{TagClass, classify, is_moving_version};
use super::memory::{KnownTag, KnownVersion, TagState, VersionRule};
use super::target::{Comparison, Content, Target};
use crate::change_lane::{
    Mark, Masses, Prior, WarmUp, artifact_subject, at_random, lesson, scored, short_name, speak, strongest,
    tie, whether,
};
use crate::detector::{Detector, EXPLAINED_FROM_BITS, Scores, Seen, Verdict};
use crate::event::{EventKind, EventTime, Outcome, Span};
use crate::finding::{DetectorId, Severity};

mod explain;
mod outcome;
#[cfg(test)]
mod tests;

/// ATT&CK techniques of its findings.
pub const TECHNIQUES: &[&str] = &["T1195.002"];
/// Where the runbook tells what to do.
pub const RUNBOOK: &str = "docs/runbook.md#tag-move";
/// Most names in [`TagMoveConfig::moving`].
pub const MAX_MOVING_NAMES: usize = 64;

/// What its population rates are kept under.
const WHAT: &str = "tag-move";
/// Moves of full-version tags within such a window are one row.
const ROW: Span = Span::hours(1);
/// Steps after which an artifact's own past outweighs the population's.
const WARM_UP_STEPS: u32 = 20;

/// What an owner may set.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TagMoveConfig {
    /// Tags that move by design whatever their form, such as `golden`; at most 64.
    pub moving: Vec<String>,
}

impl TagMoveConfig {
    /// What is out of bounds, as (path, problem).
    #[must_use]
    pub fn problems(&self) -> Vec<(String, String)> {
        let count = self.moving.len();
        let mut problems = Vec::new();
        if count > MAX_MOVING_NAMES {
            problems.push(("moving".to_owned(), format!("{count} names are more than {MAX_MOVING_NAMES}")));
        }
        for (at, _) in self.moving.iter().enumerate().filter(|(_, name)| name.trim().is_empty()) {
            problems.push((format!("moving[{at}]"), "the name is empty".to_owned()));
        }
        problems
    }
}

/// The detector.
#[derive(Debug, Clone, Default)]
pub struct TagMove {
    config: TagMoveConfig,
}

/// Place, in the habits, of "a full-version tag was set to the content of another one"; no outcome of its own.
const SHARES: usize = 9;
const SHARES_PRIOR: Prior = Prior { rate: 0.1, strength: 5.0 };

/// A tag that moved at this step.
struct Moved {
    what: Move,
    /// As it was.
    tag: KnownTag,
    after: Target,
    /// Another full-version tag with the same content now.
    shared_with: Option<Arc<str>>,
}

impl Detector for TagMove {
    type State = TagState;
    const ID: DetectorId = DetectorId::TagMove;
    const MAJOR: u32 = 1;

    fn observe(&self, state: &mut TagState, seen: &Seen<'_>, out: &mut Scores) {
        let event = seen.event();
        if !seen.is_on_time() || event.outcome != Outcome::Success {
            return;
        }
        match &event.kind {
            EventKind::Publish(_) => {
                self.judge_version(state, seen, out);
                self.step(state, seen, None, out);
            }
            EventKind::Tag(tag) => self.step(state, seen, tag.previous.as_ref(), out),
            _ => {}
        }
    }
}

impl TagMove {
    /// A detector with an owner's settings.
    #[must_use]
    pub const fn new(config: TagMoveConfig) -> Self {
        Self { config }
    }

    fn class(&self, tag: &str) -> Option<TagClass> {
        if self.config.moving.iter().any(|name| name == tag) {
            Some(TagClass::Floating)
        } else {
            classify(tag)
        }
    }

    /// The rule: a version stands for one content.
    fn judge_version(&self, state: &mut TagState, seen: &Seen<'_>, out: &mut Scores) {
        let Some(artifact) = &seen.event().artifact else { return };
        let (Some(version), Some(digest), Some(key)) = (&artifact.version, &artifact.digest, &artifact.key)
        else {
            return;
        };
        let file = artifact.file.as_deref().unwrap_or_default();
        if (file.is_empty() && has_many_files(key.package_type())) || is_moving_version(version) {
            return;
        }
        let mark = Mark::of(seen.seed, &[version, file]);
        let content = Content::of(seen.seed, digest);
        if let Some(known) = state.version(mark).filter(|known| known.content.mark != content.mark).cloned() {
            if let (VersionRule::Fixed(_), Some(subject)) = (state.rule, artifact_subject(seen.event())) {
                let explanation = explain::republished(state, seen, &known, &content);
                let verdict = Verdict::Violation(Severity::High);
                out.violation(scored(seen, (Self::ID, Self::MAJOR), subject, verdict, explanation));
            }
            state.rule = state.rule.broken();
        }
        let place = state.places.keep(&seen.event().position);
        state.keep_version(KnownVersion { mark, content, since: seen.now(), place });
    }

    /// One step of the artifact: at most one tag moves.
    fn step(&self, state: &mut TagState, seen: &Seen<'_>, previous: Option<&Arc<str>>, out: &mut Scores) {
        let (event, now) = (seen.event(), seen.now());
        let (Some(artifact), Some(subject)) = (&event.artifact, artifact_subject(event)) else { return };
        let set = artifact.tag.as_ref().and_then(|name| {
            let class = self.class(name)?;
            Some((short_name(name), class, Target::of(seen.seed, artifact)?))
        });
        let moved = set.as_ref().and_then(|(name, class, after)| {
            let tag = as_it_was(state, seen, name, *class, previous)?;
            (tag.target.compared_with(after) == Comparison::Other).then(|| {
                let shared_with = sharing(state, name, *class, after);
                let fresh = is_fresh(state, &tag, now);
                Moved { what: Move::of(&tag, after, fresh), tag, after: after.clone(), shared_with }
            })
        });
        judge(state, seen, subject, moved.as_ref(), out);
        let Some((name, class, target)) = set else { return };
        if class == TagClass::Full {
            let shares = f64::from(u8::from(sharing(state, &name, class, &target).is_some()));
            state.habits.learn(SHARES, shares);
        }
        let place = state.places.keep(&event.position);
        let known = state.tag(&name);
        let (since, former) = match (&moved, known) {
            (None, Some(known)) if known.target.compared_with(&target) == Comparison::Same => {
                (known.since, known.former)
            }
            (Some(moved), _) => (now, Some(moved.tag.target.mark())),
            _ => (now, None),
        };
        state.keep_tag(KnownTag { name, class, target, since, place, former });
    }
}

/// The tag before this event: as it is remembered, and where the log names what it pointed to, as the log says.
fn as_it_was(
    state: &TagState,
    seen: &Seen<'_>,
    name: &Arc<str>,
    class: TagClass,
    previous: Option<&Arc<str>>,
) -> Option<KnownTag> {
    let known = state.tag(name).cloned();
    let said = previous.map(|text| Target::read(seen.seed, text));
    match (known, said) {
        (Some(known), Some(said)) if known.target.compared_with(&said) == Comparison::Other => {
            Some(KnownTag { target: said, ..known })
        }
        (Some(known), _) => Some(known),
        (None, Some(target)) => {
            let place = crate::change_lane::Place::Unknown;
            Some(KnownTag {
                name: Arc::clone(name),
                class,
                target,
                since: EventTime::MIN,
                place,
                former: None,
            })
        }
        (None, None) => None,
    }
}

/// Another full-version tag with this content; `v1.2.3` and `1.2.3` are one name.
fn sharing(state: &TagState, name: &str, class: TagClass, target: &Target) -> Option<Arc<str>> {
    let bare = |name: &str| name.strip_prefix('v').unwrap_or(name).to_owned();
    let other = |tag: &&KnownTag| {
        tag.class == TagClass::Full
            && bare(&tag.name) != bare(name)
            && tag.target.compared_with(target) == Comparison::Same
    };
    (class == TagClass::Full)
        .then(|| state.tags().iter().find(other))
        .flatten()
        .map(|tag| Arc::clone(&tag.name))
}

/// Scores the step against the habits, then lets it teach them.
fn judge(
    state: &mut TagState,
    seen: &Seen<'_>,
    subject: crate::finding::Subject,
    moved: Option<&Moved>,
    out: &mut Scores,
) {
    let (now, registry) = (seen.now(), &seen.event().registry);
    let standing: Vec<(&KnownTag, bool)> =
        state.tags().iter().map(|tag| (tag, is_fresh(state, tag, now))).collect();
    let possible = |what: &Move| {
        moved.is_some_and(|moved| moved.what == *what)
            || standing.iter().any(|(tag, fresh)| what.is_possible_for(tag, *fresh))
    };
    let possible: Vec<Move> = Move::ALL.into_iter().filter(possible).collect();
    if possible.is_empty() {
        // No tag exists: there is nothing to expect.
        return;
    }
    let prior = |what: Move| {
        let (guess, worth, strength) = what.prior();
        Prior { rate: seen.priors.rate(registry, WHAT, what as u16, guess, worth), strength }
    };
    let mut masses = Masses::default();
    for what in &possible {
        masses.set(*what as usize, state.habits.rate(*what as usize, prior(*what)));
    }
    let full = Move::Full as usize;
    let mut row = 0;
    if possible.contains(&Move::Full) {
        state.burst.turn_to(now, ROW, &state.habits, full, prior(Move::Full));
        row = state.burst.count(moved.is_some_and(|moved| moved.what == Move::Full));
    }
    let u = tie(seen, TagMove::ID.as_str(), &subject.name);
    let tail = match moved {
        None => masses.ordinary(u),
        Some(Moved { what: Move::Full, shared_with, .. }) => {
            let shares = state.habits.rate(SHARES, SHARES_PRIOR);
            let alone = masses.tail(full, whether(shared_with.is_some(), shares, u), u);
            state.burst.tail(u).map_or(alone, |row| strongest(&[alone, row]))
        }
        Some(moved) => masses.tail(moved.what as usize, at_random(u), u),
    };
    state.acquaintance.meet(now);
    let cell = state.acquaintance.cell(TagMove::ID, registry, now);
    if let Some(moved) = moved {
        let explanation = |verdict| {
            let explanation = explain::moved(state, seen, moved, row);
            scored(seen, (TagMove::ID, TagMove::MAJOR), subject, verdict, explanation)
        };
        speak(out, EXPLAINED_FROM_BITS, tail, cell, explanation);
    } else {
        out.teach(tail, cell);
    }
    for what in possible {
        let hit = moved.is_some_and(|moved| moved.what == what);
        // A row has one cause, so it teaches once.
        if !(hit && what == Move::Full && row > 1) {
            state.habits.learn(what as usize, if hit { lesson(tail.exact.bits()) } else { 0.0 });
            out.tally(registry, WHAT, what as u16, hit);
        }
    }
}

/// Package types of which one version has many files: without the file's name, two digests are no contradiction.
fn has_many_files(package_type: &str) -> bool {
    matches!(package_type, "pypi" | "maven" | "conda" | "deb" | "rpm" | "apk" | "generic" | "nuget" | "gem")
}

/// How far the detector has come with an artifact.
#[must_use]
pub fn warm_up(state: &TagState) -> WarmUp {
    WarmUp { seen: state.acquaintance.looks(), needed: WARM_UP_STEPS }
}
