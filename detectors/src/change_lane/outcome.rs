//! From a choice among rare outcomes to a p-value.
//!
//! An event has one outcome: something ordinary, or one of a few that are rare for this subject. They have a fixed order
//! of surprise, the one with the least number first; the p-value is the probability of this outcome or one before it.
//! Any fixed order gives a valid p-value (methods c). What is known beyond the outcome (how old, how novel) ranks within
//! it, so its own p-value multiplies the outcome's probability: p = P(before) + P(this) · p(within). An outcome that
//! happens more often than once in eight times is ordinary here, whatever it is elsewhere.

use super::habits::OUTCOMES;
use crate::detector::{Cell, Scored, Scores, Verdict};
use crate::statistics::Tail;
use crate::statistics::p_value::PValue;

/// An outcome at least as probable as this is ordinary, and takes no part in the order of surprise.
const ORDINARY: f64 = 1.0 / 8.0;

/// Probabilities of the rare outcomes of one event, from the past alone; an impossible one has none.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Masses([f64; OUTCOMES]);

impl Masses {
    /// Gives an outcome its probability.
    pub(crate) fn set(&mut self, outcome: usize, mass: f64) {
        self.0[outcome] = mass.max(0.0);
    }

    /// The tail of an outcome; `within` ranks what is known beside it, and is [`at_random`] where nothing is. `u`
    /// splits the ties of an outcome that is ordinary here.
    pub(crate) fn tail(&self, outcome: usize, within: Tail, u: f64) -> Tail {
        let mass = self.0[outcome];
        if mass >= ORDINARY {
            return self.ordinary(u);
        }
        let before: f64 = self.0[..outcome].iter().filter(|mass| **mass < ORDINARY).sum();
        let read = |p: PValue| PValue::clamped(before + mass * p.get());
        Tail { exact: read(within.exact), randomised: read(within.randomised), mid: read(within.mid) }
    }

    /// The tail of an event of which nothing rare came.
    pub(crate) fn ordinary(&self, u: f64) -> Tail {
        let rare: f64 = self.0.iter().filter(|mass| **mass < ORDINARY).sum();
        Tail::new(rare, 1.0 - rare, u)
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

/// The strongest of several tails on one event, however they depend on each other: the least, times their number.
///
/// In the tail this is the Cauchy combination with equal weights; there, one member near 1 would cancel the others,
/// and a known issuer must not excuse a foreign workflow.
pub(crate) fn strongest(tails: &[Tail]) -> Tail {
    let read = |reading: fn(&Tail) -> PValue| {
        tails.iter().map(reading).min().unwrap_or(PValue::ONE).times(tails.len().max(1))
    };
    Tail { exact: read(|t| t.exact), randomised: read(|t| t.randomised), mid: read(|t| t.mid) }
}

/// Hands a rare outcome on. One that is common by its exact p-value only teaches: the tie break must not make news of
/// what happens every other time.
pub(crate) fn speak(
    out: &mut Scores,
    from_bits: f64,
    tail: Tail,
    cell: Cell,
    explain: impl FnOnce(Verdict) -> Scored,
) {
    if tail.exact.bits() < from_bits {
        out.teach(tail, cell);
    } else {
        out.surprise_from(from_bits, tail, cell, explain);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::change_lane::draws::{Draws, exceedance};

    #[test]
    fn rare_outcomes_are_surprising_and_habitual_ones_are_not() {
        let mut masses = Masses::default();
        for (outcome, mass) in [0.001, 0.3, 0.01].into_iter().enumerate() {
            masses.set(outcome, mass);
        }
        let p = |outcome, within| masses.tail(outcome, Tail::continuous(within), 0.5).exact.get();
        assert!((p(0, 1.0) - 0.001).abs() < 1e-12 && (p(0, 0.1) - 0.0001).abs() < 1e-12);
        assert!((p(2, 1.0) - 0.011).abs() < 1e-12 && (p(2, 0.01) - 0.0011).abs() < 1e-12);
        assert_eq!(masses.tail(1, Tail::continuous(1e-9), 0.5), masses.ordinary(0.5));
        assert!((masses.ordinary(0.0).randomised.get() - 0.011).abs() < 1e-12);
    }

    #[test]
    fn the_randomised_reading_is_uniform_under_its_own_masses() {
        let mut draws = Draws::seeded(7);
        let mut masses = Masses::default();
        let shares = [0.2, 0.01, 0.02, 0.0005];
        for (outcome, share) in shares.into_iter().enumerate() {
            masses.set(outcome, share);
        }
        let values: Vec<f64> = (0..50_000)
            .map(|_| {
                let (mut pick, u) = (draws.uniform(), draws.uniform());
                for (outcome, share) in shares.into_iter().enumerate() {
                    if pick < share {
                        let within = whether(draws.happens(0.3), 0.3, draws.uniform());
                        return masses.tail(outcome, within, u).randomised.get();
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
    fn the_strongest_counts_and_pays_for_the_others() {
        let (weak, strong) = (Tail::continuous(1.0), Tail::continuous(1e-6));
        assert!((strongest(&[weak, strong]).exact.get() - 2e-6).abs() < 1e-18);
        assert_eq!(strongest(&[weak, weak]).exact, PValue::ONE);
        assert_eq!(strongest(&[]).exact, PValue::ONE);
    }
}
