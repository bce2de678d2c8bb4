//! From a choice among rare outcomes to a p-value.
//!
//! An event has one outcome: nothing of note, or one of a few rare ones. Outcomes are ranked by how rare they are for
//! this subject; the p-value is the probability of this outcome or a rarer one. Any fixed order gives a valid p-value
//! (methods c). What is known beyond the outcome (how old, how novel) ranks within it, so its p-value multiplies the
//! outcome's probability instead of adding to it: p = P(rarer) + P(this) · p(within).

use super::habits::OUTCOMES;
use crate::statistics::Tail;
use crate::statistics::cauchy::cauchy_equal;
use crate::statistics::p_value::PValue;

/// All rare outcomes together take at most this probability: something ordinary can always happen.
const MOST: f64 = 0.95;

/// Probabilities of the rare outcomes of one event, from the past alone; an impossible one has none.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Masses([f64; OUTCOMES]);

impl Masses {
    /// Gives an outcome its probability.
    pub(crate) fn set(&mut self, outcome: usize, mass: f64) {
        self.0[outcome] = mass.max(0.0);
    }

    /// The tail of a rare outcome; `within` ranks what is known beside it, and is [`at_random`] where nothing is.
    pub(crate) fn tail(&self, outcome: usize, within: Tail) -> Tail {
        let masses = self.scaled();
        let mass = masses[outcome];
        let rarer: f64 = masses
            .iter()
            .enumerate()
            .filter(|(other, share)| *other != outcome && (**share < mass || (**share <= mass && *other < outcome)))
            .map(|(_, share)| share)
            .sum();
        let read = |p: PValue| PValue::clamped(rarer + mass * p.get());
        Tail { exact: read(within.exact), randomised: read(within.randomised), mid: read(within.mid) }
    }

    /// The tail of an event of which nothing rare came.
    pub(crate) fn ordinary(&self, u: f64) -> Tail {
        let rare: f64 = self.scaled().iter().sum();
        Tail::new(rare, 1.0 - rare, u)
    }

    fn scaled(&self) -> [f64; OUTCOMES] {
        let total: f64 = self.0.iter().sum();
        if total > MOST { self.0.map(|mass| mass * MOST / total) } else { self.0 }
    }
}

/// The tail within an outcome of which nothing more is known.
pub(crate) fn at_random(u: f64) -> Tail {
    Tail::new(0.0, 1.0, u)
}

/// The tail of a yes-or-no circumstance that holds with probability `rate`.
pub(crate) fn whether(holds: bool, rate: f64, u: f64) -> Tail {
    if holds { Tail::new(0.0, rate, u) } else { Tail::new(rate, 1.0 - rate, u) }
}

/// Tails on one event, dependent in unknown ways, as one (methods g).
pub(crate) fn combined(tails: &[Tail]) -> Tail {
    let read = |reading: fn(&Tail) -> PValue| cauchy_equal(tails.iter().map(reading)).unwrap_or(PValue::ONE);
    Tail { exact: read(|t| t.exact), randomised: read(|t| t.randomised), mid: read(|t| t.mid) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::change_lane::draws::{Draws, exceedance};

    #[test]
    fn rarer_outcomes_are_more_surprising_and_all_leave_room_for_the_ordinary() {
        let mut masses = Masses::default();
        masses.set(0, 0.3);
        masses.set(1, 0.001);
        let p = |outcome| masses.tail(outcome, Tail::NONE).exact.get();
        assert!((p(1) - 0.001).abs() < 1e-12 && (p(0) - 0.301).abs() < 1e-12);
        assert!((masses.ordinary(0.0).randomised.get() - 0.301).abs() < 1e-12);
        for outcome in 0..OUTCOMES {
            masses.set(outcome, 0.5);
        }
        assert!(masses.ordinary(0.0).randomised.get() <= MOST + 1e-12);
    }

    #[test]
    fn the_randomised_reading_is_uniform_under_its_own_masses() {
        let mut draws = Draws::seeded(7);
        let mut masses = Masses::default();
        let shares = [0.2, 0.01, 0.01, 0.0005];
        for (outcome, share) in shares.into_iter().enumerate() {
            masses.set(outcome, share);
        }
        let values: Vec<f64> = (0..50_000)
            .map(|_| {
                let (mut pick, u) = (draws.uniform(), draws.uniform());
                for (outcome, share) in shares.into_iter().enumerate() {
                    if pick < share {
                        return masses.tail(outcome, whether(u < 0.3, 0.3, draws.uniform())).randomised.get();
                    }
                    pick -= share;
                }
                masses.ordinary(u).randomised.get()
            })
            .collect();
        for level in [0.5, 0.1, 0.01, 0.001] {
            let ratio = exceedance(&values, level);
            assert!((0.7..1.3).contains(&ratio), "{level}: {ratio}");
        }
    }

    #[test]
    fn the_combination_follows_its_strongest_member() {
        let weak = Tail::continuous(0.6);
        let strong = Tail::continuous(1e-6);
        let p = combined(&[weak, strong]).exact.get();
        assert!(p > 1e-6 && p < 3e-6, "{p}");
    }
}
