//! One shape for all detectors: state in, event in, scores out.
//!
//! A detector is a pure function over the state of one subject. It predicts, scores, then updates, in that order,
//! so a p-value depends on the past alone (DETECTORS.md, One shape for all). It has no threshold: what it returns
//! is how surprising something is, and stage 2 of the engine decides what becomes of it.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::event::{Event, EventTime, Ordered, Timeliness};
use crate::finding::{Anchor, Band, DetectorId, Evidence, Link, Measure, Severity, Subject};
use crate::statistics::p_value::{PValue, Tail};

/// Raw surprise, in bits, from which a score carries its explanation. Below it a score only teaches the
/// calibration: explaining each of a million ordinary bins would cost more than judging them.
pub const EXPLAINED_FROM_BITS: f64 = 6.0;

/// Watches one kind of subject for one kind of change.
pub trait Detector {
    /// What it keeps of one subject.
    type State: Default + Serialize + for<'de> Deserialize<'de>;
    /// Its id in the catalogue.
    const ID: DetectorId;
    /// A new way of working bumps it, and starts with empty state.
    const MAJOR: u32;

    /// Judges one event against the subject's past, then learns from it.
    fn observe(&self, state: &mut Self::State, seen: &Seen<'_>, out: &mut Scores);
}

/// An event as a detector sees it, with what the engine knows beside it.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'a> {
    /// The event in its place.
    pub ordered: &'a Ordered,
    /// Population rates, as they stood when the current hour of event time began.
    pub priors: &'a Priors,
    /// The seed of keyed hashes, part of the configuration.
    pub seed: u64,
}

impl<'a> Seen<'a> {
    /// The event.
    #[must_use]
    pub fn event(&self) -> &'a Event {
        &self.ordered.event
    }
    /// Its order time: what a detector takes for "now".
    #[must_use]
    pub const fn now(&self) -> EventTime {
        self.ordered.order
    }
    /// Whether it may page and teach: late events are counted and page nobody.
    #[must_use]
    pub fn is_on_time(&self) -> bool {
        self.ordered.timeliness != Timeliness::Late
    }
}

/// What came of one look at one subject, on its way from stage 1 to stage 2.
#[derive(Debug, Clone, PartialEq)]
pub struct Scored {
    /// When it could first be known: the order time of the event, or the end of the bin.
    pub time: EventTime,
    /// Who says it.
    pub detector: DetectorId,
    /// The detector's major version.
    pub major: u32,
    /// Whom it concerns.
    pub subject: Subject,
    /// What it is pinned to.
    pub anchor: Anchor,
    /// How surprising, or which fact.
    pub verdict: Verdict,
    /// What it says, where it is worth saying.
    pub explanation: Explanation,
}

/// How surprising something is.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// A hard fact with the severity its rule declares: no p-value, always told.
    Violation(Severity),
    /// A probability under the learned normal; calibrated within its cell.
    Surprise {
        /// The three p-values.
        tail: Tail,
        /// With which scores it is calibrated.
        cell: Cell,
    },
}

/// What a finding says besides its probability.
#[derive(Debug, Clone, PartialEq)]
pub struct Explanation {
    /// What was seen.
    pub observed: Measure,
    /// The normal band.
    pub expected: Option<Band>,
    /// One sentence a person understands. The subject's own strings stand in it as they are: every edge sanitises.
    pub summary: String,
    /// What would have had to be different for silence.
    pub counterfactual: String,
    /// What it rests on, most telling first.
    pub evidence: Vec<Evidence>,
    /// Causes it may share with other findings.
    pub links: Vec<Link>,
    /// Threat of the SLSA model, `A` to `H`.
    pub slsa_threat: Option<char>,
}

/// Scores that are calibrated together: detector × registry × tier of size × band of age (methods a.5).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Cell {
    /// The detector.
    pub detector: DetectorId,
    /// The registry.
    pub registry: Arc<str>,
    /// Tier of size, 0 for the smallest.
    pub tier: u8,
    /// Band of age, 0 for the youngest.
    pub age: u8,
}

/// A rate that a whole registry shares; what a subject starts from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PriorKey {
    /// The registry.
    pub registry: Arc<str>,
    /// Of what (`key-change`, `tag-move semver`, `field license patch`).
    pub what: Cow<'static, str>,
    /// A class within it, 0 where there is none.
    pub class: u16,
}

/// How often something happened, out of how many opportunities. Integers, so that the order of addition cannot
/// change a sum.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Tally {
    /// How often it happened.
    pub hits: u64,
    /// How often it could have.
    pub chances: u64,
}

/// Population rates, as stage 2 learned them up to the start of the current hour.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Priors(pub(crate) BTreeMap<PriorKey, Tally>);

impl Priors {
    /// How often it happened in this registry, out of how many opportunities.
    #[must_use]
    pub fn tally(&self, registry: &Arc<str>, what: &'static str, class: u16) -> Tally {
        self.0
            .get(&PriorKey { registry: Arc::clone(registry), what: Cow::Borrowed(what), class })
            .copied()
            .unwrap_or_default()
    }

    /// In how many classes from 1 on something was counted. Walks them, so it is for what is rare.
    #[must_use]
    pub fn classes(&self, registry: &Arc<str>, what: &'static str) -> u64 {
        let key = |class| PriorKey { registry: Arc::clone(registry), what: Cow::Borrowed(what), class };
        self.0.range(key(1)..=key(u16::MAX)).count() as u64
    }

    /// The shrunk population rate: `(hits + strength·guess) / (chances + strength)`, so that a registry seen
    /// for the first time starts from `guess`.
    #[must_use]
    pub fn rate(
        &self,
        registry: &Arc<str>,
        what: &'static str,
        class: u16,
        guess: f64,
        strength: f64,
    ) -> f64 {
        let tally = self.tally(registry, what, class);
        (tally.hits as f64 + strength * guess) / (tally.chances as f64 + strength)
    }
}

/// One look at one subject: it counts as a test whether or not it surprises.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Look {
    /// Its place within the engine's step: the event's number, or after all events for a closed bin.
    pub(crate) rank: u32,
    /// Its moment in the log.
    pub(crate) time: EventTime,
    /// With which scores it is calibrated; a violation has none.
    pub(crate) calibration: Option<(Cell, PValue)>,
    /// What it says, where it is worth saying.
    pub(crate) scored: Option<Box<Scored>>,
}

/// Where detectors put what they have to say.
#[derive(Debug, Default)]
pub struct Scores {
    pub(crate) rank: u32,
    pub(crate) now: EventTime,
    pub(crate) looks: Vec<Look>,
    pub(crate) tallies: BTreeMap<PriorKey, Tally>,
}

impl Scores {
    /// A hard fact.
    pub fn violation(&mut self, scored: Scored) {
        self.looks.push(Look {
            rank: self.rank,
            time: self.now,
            calibration: None,
            scored: Some(Box::new(scored)),
        });
    }

    /// A surprise: every one teaches its cell and counts as a test; the explanation is made only where stage 2 may
    /// need it.
    pub fn surprise(&mut self, tail: Tail, cell: Cell, explain: impl FnOnce(Verdict) -> Scored) {
        self.surprise_from(EXPLAINED_FROM_BITS, tail, cell, explain);
    }

    /// As [`Self::surprise`], explained from `bits` on: for detectors that make a million looks an hour.
    pub fn surprise_from(
        &mut self,
        bits: f64,
        tail: Tail,
        cell: Cell,
        explain: impl FnOnce(Verdict) -> Scored,
    ) {
        let scored = (tail.randomised.bits() >= bits)
            .then(|| Box::new(explain(Verdict::Surprise { tail, cell: cell.clone() })));
        self.looks.push(Look {
            rank: self.rank,
            time: self.now,
            calibration: Some((cell, tail.randomised)),
            scored,
        });
    }

    /// A score that teaches its cell and is never told on its own: a bin that was told already, say.
    pub fn teach(&mut self, tail: Tail, cell: Cell) {
        self.looks.push(Look {
            rank: self.rank,
            time: self.now,
            calibration: Some((cell, tail.randomised)),
            scored: None,
        });
    }

    /// Counts several at once for the population rates of the next hour.
    pub fn tally_many(
        &mut self,
        registry: &Arc<str>,
        what: &'static str,
        class: u16,
        hits: u64,
        chances: u64,
    ) {
        let tally = self
            .tallies
            .entry(PriorKey { registry: Arc::clone(registry), what: Cow::Borrowed(what), class })
            .or_default();
        tally.hits += hits;
        tally.chances += chances;
    }

    /// Counts for the population rates of the next hour.
    pub fn tally(&mut self, registry: &Arc<str>, what: &'static str, class: u16, hit: bool) {
        let tally = self
            .tallies
            .entry(PriorKey { registry: Arc::clone(registry), what: Cow::Borrowed(what), class })
            .or_default();
        tally.hits += u64::from(hit);
        tally.chances += 1;
    }
}
