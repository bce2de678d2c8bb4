//! One choice among rare outcomes, from what is believed to what is said: the way of most detectors of changes.
//!
//! Predict from habits and the registry's rates, score, then learn. A detector names its outcomes in their order of
//! surprise with a guess each; everything else is the same for all.

use super::Acquaintance;
use super::habits::{Habits, OUTCOMES, Prior, lesson};
use super::outcome::{Masses, at_random, speak};
use super::statement::{scored, tie};
use std::sync::Arc;

use crate::detector::{Explanation, Priors, Scores, Seen};
use crate::finding::{DetectorId, Subject};
use crate::statistics::Tail;

/// The guess for an unknown registry, and what it is worth.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RareOutcome {
    /// Its rate in a registry of which nothing is known, per chance.
    pub(crate) guess: f64,
    /// How many of a registry's chances that guess is worth.
    pub(crate) worth: f64,
    /// How many of the subject's own chances the registry's rate is worth.
    pub(crate) strength: f64,
}

/// The outcomes of one kind of chance, the most surprising first.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Choice {
    pub(crate) detector: DetectorId,
    pub(crate) major: u32,
    /// What its population rates are kept under.
    pub(crate) what: &'static str,
    pub(crate) outcomes: &'static [RareOutcome],
}

/// One chance, and what came of it.
pub(crate) struct Chance<'a> {
    pub(crate) seen: &'a Seen<'a>,
    pub(crate) subject: &'a Subject,
    /// Since when the subject is known.
    pub(crate) met: &'a Acquaintance,
    /// Place of the outcome; none where nothing rare came.
    pub(crate) outcome: Option<usize>,
    /// Whether an outcome could have come at all, by what was known before.
    pub(crate) possible: &'a dyn Fn(usize) -> bool,
    /// What ranks within the outcome.
    pub(crate) within: Option<Tail>,
    /// Surprise below which an outcome only teaches.
    pub(crate) from_bits: f64,
}

impl Choice {
    /// Judges a chance, learns from it, and returns the bits of its exact p-value.
    pub(crate) fn judge(
        &self,
        habits: &mut Habits,
        chance: &Chance<'_>,
        out: &mut Scores,
        explain: impl FnOnce() -> Explanation,
    ) -> f64 {
        let (seen, registry) = (chance.seen, &chance.seen.event().registry);
        let possible = |at: usize| chance.outcome == Some(at) || (chance.possible)(at);
        let u = tie(seen, self.what, &chance.subject.name);
        let tail = self.tail(habits, seen.priors, registry, (chance.outcome, &possible), chance.within, u);
        let cell = chance.met.cell(self.detector, registry, seen.now());
        match chance.outcome {
            None => out.teach(tail, cell),
            Some(_) => speak(out, chance.from_bits, tail, cell, |verdict| {
                scored(seen, (self.detector, self.major), chance.subject.clone(), verdict, explain())
            }),
        }
        let bits = tail.exact.bits();
        self.learn(habits, registry, (chance.outcome, &possible), bits, out);
        if chance.outcome.is_some() { bits } else { 0.0 }
    }

    /// The tail of an outcome, from the past alone.
    pub(crate) fn tail(
        &self,
        habits: &Habits,
        priors: &Priors,
        registry: &Arc<str>,
        (outcome, possible): (Option<usize>, &dyn Fn(usize) -> bool),
        within: Option<Tail>,
        u: f64,
    ) -> Tail {
        let mut masses = Masses::default();
        for (at, rare) in self.outcomes.iter().enumerate().take(OUTCOMES).filter(|(at, _)| possible(*at)) {
            let rate = priors.rate(registry, self.what, at as u16, rare.guess, rare.worth);
            masses.set(at, habits.rate(at, Prior { rate, strength: rare.strength }));
        }
        match outcome {
            None => masses.ordinary(u),
            Some(at) => masses.tail(at, within.unwrap_or_else(|| at_random(u)), u),
        }
    }

    /// What a chance teaches the subject and its registry.
    pub(crate) fn learn(
        &self,
        habits: &mut Habits,
        registry: &Arc<str>,
        (outcome, possible): (Option<usize>, &dyn Fn(usize) -> bool),
        bits: f64,
        out: &mut Scores,
    ) {
        for at in (0..self.outcomes.len().min(OUTCOMES)).filter(|at| possible(*at)) {
            let hit = outcome == Some(at);
            habits.learn(at, if hit { lesson(bits) } else { 0.0 });
            out.tally(registry, self.what, at as u16, hit);
        }
    }
}

/// Every outcome could have come.
pub(crate) const fn any(_: usize) -> bool {
    true
}
