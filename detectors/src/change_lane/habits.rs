//! How often each of a few rare outcomes happened to one subject, shrunk to its population.
//!
//! A Beta estimate per outcome, `(hits + strength · rate) / (chances + strength)`, with slow forgetting. What an
//! outcome teaches is winsorised by [`lesson`]: a single great surprise hardly moves the habit, so an attack does not
//! become normal at once, while a real migration is adopted after a few repeats.

use serde::{Deserialize, Serialize};

/// Outcomes that one set of habits can tell apart.
pub(crate) const OUTCOMES: usize = 12;
/// What is kept of the past at each chance: a half-life of some 230 chances.
const KEEP: f32 = 0.997;
/// Surprise up to which an outcome teaches in full, in bits.
const TAUGHT_IN_FULL_BITS: f64 = 10.0;
/// Beyond that, the lesson halves with each of so many bits: a quarter at 20 bits.
const HALVED_EVERY_BITS: f64 = 5.0;
/// The least that an outcome teaches.
const LEAST_LESSON: f64 = 0.125;

/// What is believed of an outcome before the subject is seen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Prior {
    /// Its rate in the population, per chance.
    pub(crate) rate: f64,
    /// How many of the subject's own chances that is worth.
    pub(crate) strength: f64,
}

/// Hits out of chances, outcome by outcome.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct Habits {
    hits: [f32; OUTCOMES],
    chances: [f32; OUTCOMES],
}

impl Habits {
    /// P(outcome) at the next chance.
    pub(crate) fn rate(&self, outcome: usize, prior: Prior) -> f64 {
        let (hits, misses) = self.belief(outcome, prior);
        hits / (hits + misses)
    }

    /// The Beta belief behind the rate.
    pub(crate) fn belief(&self, outcome: usize, prior: Prior) -> (f64, f64) {
        let (hits, chances) = (f64::from(self.hits[outcome]), f64::from(self.chances[outcome]));
        let expected = prior.strength * prior.rate;
        (hits + expected, (chances - hits).max(0.0) + prior.strength - expected)
    }

    /// Learns from one chance; `hit` is what the outcome teaches, 0 where it did not happen.
    pub(crate) fn learn(&mut self, outcome: usize, hit: f64) {
        self.hits[outcome] = KEEP * self.hits[outcome] + hit as f32;
        self.chances[outcome] = KEEP * self.chances[outcome] + 1.0;
    }

    /// Decayed chances of an outcome so far.
    pub(crate) fn chances(&self, outcome: usize) -> f64 {
        f64::from(self.chances[outcome])
    }

    /// Decayed hits of an outcome so far.
    pub(crate) fn hits(&self, outcome: usize) -> f64 {
        f64::from(self.hits[outcome])
    }
}

/// How much of a hit an outcome of this surprise teaches, from 1 down to an eighth.
pub(crate) fn lesson(bits: f64) -> f64 {
    libm::exp2((TAUGHT_IN_FULL_BITS - bits) / HALVED_EVERY_BITS).clamp(LEAST_LESSON, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRIOR: Prior = Prior { rate: 0.01, strength: 10.0 };

    fn after(outcomes: impl IntoIterator<Item = f64>) -> f64 {
        let mut habits = Habits::default();
        for hit in outcomes {
            habits.learn(0, hit);
        }
        habits.rate(0, PRIOR)
    }

    #[test]
    fn a_habit_starts_at_the_population_and_ends_at_its_own() {
        assert!((after([]) - 0.01).abs() < 1e-12);
        assert!(after(vec![0.0; 90]) < 0.0012);
        assert!(after(vec![1.0; 90]) > 0.85);
    }

    #[test]
    fn a_great_surprise_teaches_little_and_repeats_teach_on() {
        for (bits, expected) in [(0.0, 1.0), (10.0, 1.0), (15.0, 0.5), (20.0, 0.25), (90.0, 0.125)] {
            assert!((lesson(bits) - expected).abs() < 1e-12, "{bits}");
        }
        let quiet = vec![0.0; 50];
        let once = after(quiet.iter().copied().chain([lesson(25.0)]));
        let migrated = after(quiet.iter().copied().chain(vec![lesson(6.0); 5]));
        assert!(once < 0.005 && migrated > 0.06, "{once} {migrated}");
    }
}
