//! Bends a recorded case: other times, counts and names, so that detectors are not fitted to one telling of it.

use crate::clock::Moment;
use crate::random::Random;

/// Draws the bends of one seed; with no seed every fact stays as it was.
#[derive(Debug, Clone)]
pub(crate) struct Jitter {
    random: Option<Random>,
}

impl Jitter {
    /// The bends of this seed.
    pub(crate) fn of(seed: Option<u64>, scenario: &str) -> Self {
        Self { random: seed.map(|seed| Random::new(seed).fork("jitter").fork(scenario)) }
    }

    /// The same moment, or one up to `most` milliseconds earlier or later.
    pub(crate) fn moved(&mut self, fact: Moment, most: i64) -> Moment {
        self.random.as_mut().map_or(fact, |random| fact.plus(random.between(-most, most)))
    }

    /// The same length of time, or one between six tenths and seventeen tenths of it.
    pub(crate) fn stretched(&mut self, fact: i64) -> i64 {
        self.random.as_mut().map_or(fact, |random| fact * random.between(60, 170) / 100)
    }

    /// The same count, or one within `low..=high`.
    pub(crate) fn counted(&mut self, fact: usize, low: usize, high: usize) -> usize {
        self.random.as_mut().map_or(fact, |random| {
            let drawn = random.between(i64::try_from(low).unwrap_or(0), i64::try_from(high).unwrap_or(0));
            usize::try_from(drawn).unwrap_or(fact)
        })
    }

    /// The same name, or a made one.
    pub(crate) fn named(&mut self, fact: &str, made: impl FnOnce(&mut Random) -> String) -> String {
        self.random.as_mut().map_or_else(|| fact.to_owned(), made)
    }

    /// The same item, or another of `others`.
    pub(crate) fn one_of<T: Copy>(&mut self, fact: T, others: &[T]) -> T {
        self.random.as_mut().map_or(fact, |random| *random.pick(others))
    }

    /// Whether facts are bent at all.
    pub(crate) const fn is_on(&self) -> bool {
        self.random.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_seed_facts_stay_facts() {
        let mut jitter = Jitter::of(None, "x");
        let fact = Moment::utc((2026, 5, 11), (19, 20, 39));
        assert_eq!(jitter.moved(fact, 1_000), fact);
        assert_eq!(jitter.stretched(335), 335);
        assert_eq!(jitter.counted(42, 1, 9), 42);
        assert_eq!(jitter.named("axios", |_| "other".to_owned()), "axios");
        assert_eq!(jitter.one_of(4, &[5, 6]), 4);
        assert!(!jitter.is_on());
    }

    #[test]
    fn a_seed_bends_within_bounds_and_the_same_way_each_time() {
        let fact = Moment::utc((2026, 5, 11), (19, 20, 39));
        for seed in 0..50 {
            let draw = || {
                let mut jitter = Jitter::of(Some(seed), "x");
                (jitter.moved(fact, 1_000), jitter.stretched(100), jitter.counted(42, 20, 60))
            };
            assert_eq!(draw(), draw());
            let (moved, stretched, counted) = draw();
            assert!(moved.since(fact).abs() <= 1_000);
            assert!((60..=170).contains(&stretched) && (20..=60).contains(&counted));
        }
        let moved = |seed| Jitter::of(Some(seed), "x").moved(fact, 1_000_000);
        assert_ne!(moved(1), moved(2));
    }
}
