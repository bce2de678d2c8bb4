//! Whether somebody walks through a list in order: a sequential test of "the next is a successor of the last".
//!
//! The Shiryaev–Roberts statistic M ← (1 + M) · q₁/q₀ or (1 + M) · (1 − q₁)/(1 − q₀). Under the null the mean of M after n steps
//! is n, so by Doob P(M ≥ x before step n) ≤ n/x; over steps 2^k to 2^(k+1), weighted by 1/((k + 1)(k + 2)), that gives a p-value that
//! holds however often one looks (e-detectors: Shin, Ramdas & Rinaldo, New England Journal of Statistics in Data Science
//! 2023). It forgets by itself: an old honest stretch costs a walk a few steps at most.

use super::p_value::PValue;
use serde::{Deserialize, Serialize};

/// Share of successors in a walk: walkers skip, retry and run in parallel.
const WALKING: f64 = 0.9;
/// An honest share is taken to lie in these bounds, whatever the population says.
const HONEST_BOUNDS: (f64, f64) = (0.02, 0.6);
/// ln M is kept below this: a walk of a year must not overflow.
const LN_CAP: f64 = 600.0;

/// One session's evidence for a walk. 20 bytes in memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SuccessorTest {
    /// ln(1 + M).
    ln_next: f64,
    ln_m: f64,
    steps: u32,
    hits: u32,
}

impl SuccessorTest {
    /// Steps so far.
    #[must_use]
    pub const fn steps(&self) -> u32 {
        self.steps
    }

    /// Steps to a successor so far.
    #[must_use]
    pub const fn hits(&self) -> u32 {
        self.hits
    }

    /// Takes in one step; `honest` is the share of successors among those who do not walk.
    pub fn step(&mut self, is_successor: bool, honest: f64) {
        let honest =
            if honest.is_nan() { HONEST_BOUNDS.1 } else { honest.clamp(HONEST_BOUNDS.0, HONEST_BOUNDS.1) };
        let ratio = if is_successor { WALKING / honest } else { (1.0 - WALKING) / (1.0 - honest) };
        self.ln_m = (self.ln_next + libm::log(ratio)).min(LN_CAP);
        // ln(1 + M), without overflow on either side.
        self.ln_next = if self.ln_m > 0.0 {
            self.ln_m + libm::log1p(libm::exp(-self.ln_m))
        } else {
            libm::log1p(libm::exp(self.ln_m))
        };
        self.steps = self.steps.saturating_add(1);
        self.hits = self.hits.saturating_add(u32::from(is_successor));
    }

    /// A p-value that holds whenever one looks.
    #[must_use]
    pub fn p_value(&self) -> PValue {
        if self.steps == 0 {
            return PValue::ONE;
        }
        let octave = f64::from(self.steps.ilog2());
        let price = 2.0 * f64::from(self.steps) * (octave + 1.0) * (octave + 2.0);
        PValue::clamped(price * libm::exp(-self.ln_m))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::trial::Draws;

    #[test]
    fn a_walk_is_seen_within_a_dozen_steps() {
        let mut walk = SuccessorTest::default();
        for _ in 0..12 {
            walk.step(true, 0.15);
        }
        assert!(walk.p_value().bits() > 16.0, "{}", walk.p_value().bits());
    }

    #[test]
    fn looking_after_every_step_keeps_the_level() {
        let mut draws = Draws::seeded(99);
        let sessions = 4_000;
        let mut alarms = [0_u32; 3];
        for _ in 0..sessions {
            let mut test = SuccessorTest::default();
            let mut least = PValue::ONE;
            for _ in 0..200 {
                test.step(draws.uniform() < 0.2, 0.2);
                least = least.min(test.p_value());
            }
            for (alarms, level) in alarms.iter_mut().zip([0.1, 1e-2, 1e-3]) {
                *alarms += u32::from(least.get() <= level);
            }
        }
        for (alarms, level) in alarms.into_iter().zip([0.1, 1e-2, 1e-3]) {
            let share = f64::from(alarms) / f64::from(sessions);
            assert!(share <= level, "{level}: {share}");
        }
    }

    #[test]
    fn an_honest_past_costs_a_walk_nothing() {
        let mut test = SuccessorTest::default();
        for _ in 0..500 {
            test.step(false, 0.15);
        }
        let after_honest = (0..20).find(|_| {
            test.step(true, 0.15);
            test.p_value().bits() > 10.0
        });
        assert!(after_honest.is_some_and(|steps| steps < 15), "{after_honest:?}");
    }

    #[test]
    fn no_input_breaks_it() {
        let mut test = SuccessorTest::default();
        assert_eq!(test.p_value(), PValue::ONE);
        for honest in [f64::NAN, -1.0, 2.0, f64::INFINITY] {
            for _ in 0..2_000 {
                test.step(true, honest);
            }
        }
        assert!(test.p_value().get() > 0.0);
    }
}
