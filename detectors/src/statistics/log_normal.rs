//! How surprising a positive quantity is on a logarithmic scale: gaps between releases, ages at re-signing, lives of keys.
//!
//! Student's t predictive for ln x with a normal–inverse-gamma prior (Gelman et al., Bayesian Data Analysis, §3.3): what a
//! subject has shown of itself is blended with what its cohort does, so the first gap is judged and a subject that is always
//! on the minute does not call the second minute a wonder. [`LogNormal::renewal`] makes a hazard of it: how likely a change
//! is now, given how long it has not come.

use super::p_value::PValue;
use super::special::student_upper;
use serde::{Deserialize, Serialize};

/// The least standard deviation of ln x that is believed: 15 %, about two months in a year.
pub const DEVIATION_FLOOR: f64 = 0.15;

/// What a subject keeps of its past at each observation: a half-life of 34.
const KEEP: f64 = 0.98;

/// Bounds of ln x: e^±50 spans nanoseconds to the age of the universe.
const LN_BOUNDS: f64 = 50.0;

/// What is believed of a quantity before the subject is seen.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct LogNormalPrior {
    mean: f64,
    deviation: f64,
    strength: f64,
}

impl LogNormalPrior {
    /// A prior around the median `typical`, with standard deviation `deviation` of ln x, worth `strength` observations
    /// (brought into [0.1, 1,000]; the deviation is at least [`DEVIATION_FLOOR`]).
    #[must_use]
    pub fn new(typical: f64, deviation: f64, strength: f64) -> Self {
        let within = |v: f64, least: f64, most: f64| if v.is_nan() { least } else { v.clamp(least, most) };
        Self {
            mean: ln(typical),
            deviation: within(deviation, DEVIATION_FLOOR, LN_BOUNDS),
            strength: within(strength, 0.1, 1_000.0),
        }
    }
}

/// What is known about one subject's quantity. 24 bytes serialised.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LogNormal {
    /// Decayed observations.
    weight: f64,
    /// Their mean of ln x.
    mean: f64,
    /// Their decayed sum of squared deviations from it.
    squares: f64,
}

/// The predictive distribution of ln x: a Student t.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Predictive {
    centre: f64,
    scale: f64,
    freedom: f64,
}

impl LogNormal {
    /// Decayed observations so far.
    #[must_use]
    pub fn observations(&self) -> f64 {
        self.weight
    }

    /// The median expected of the next x.
    #[must_use]
    pub fn typical(&self, prior: &LogNormalPrior) -> f64 {
        libm::exp(self.predictive(prior).centre)
    }

    /// P(X ≥ x): small for an unusually long gap or high age.
    #[must_use]
    pub fn upper(&self, prior: &LogNormalPrior, x: f64) -> PValue {
        PValue::clamped(self.predictive(prior).upper(ln(x)))
    }

    /// P(X ≤ x): small for an unusually short one.
    #[must_use]
    pub fn lower(&self, prior: &LogNormalPrior, x: f64) -> PValue {
        let predictive = self.predictive(prior);
        PValue::clamped(student_upper((predictive.centre - ln(x)) / predictive.scale, predictive.freedom))
    }

    /// P(x ≤ X < x + step | X ≥ x): how likely a renewal is within the next `step`, having lasted for `x`.
    ///
    /// On time it is near one, early it is small; a scheduled rotation therefore costs few bits.
    #[must_use]
    pub fn renewal(&self, prior: &LogNormalPrior, x: f64, step: f64) -> PValue {
        let predictive = self.predictive(prior);
        let now = predictive.upper(ln(x));
        let then = predictive.upper(ln(x + step.max(0.0)));
        // Past all that was ever seen, both tails may vanish: then a renewal is overdue.
        if now <= 0.0 { PValue::ONE } else { PValue::clamped(1.0 - (then / now).min(1.0)) }
    }

    /// Learns from one observation. NaN teaches nothing.
    pub fn update(&mut self, x: f64) {
        if x.is_nan() {
            return;
        }
        let value = ln(x);
        self.weight = KEEP * self.weight + 1.0;
        let before = value - self.mean;
        self.mean += before / self.weight;
        self.squares = KEEP * self.squares + before * (value - self.mean);
    }

    fn predictive(&self, prior: &LogNormalPrior) -> Predictive {
        let total = prior.strength + self.weight;
        let centre = (prior.strength * prior.mean + self.weight * self.mean) / total;
        let gap = self.mean - prior.mean;
        // The distance between prior and own mean is variance, too, as long as neither outweighs the other.
        let squares = prior.strength * prior.deviation * prior.deviation
            + self.squares
            + prior.strength * self.weight / total * gap * gap;
        let deviation = (squares / total).sqrt().max(DEVIATION_FLOOR);
        Predictive { centre, scale: deviation * (1.0 + 1.0 / total).sqrt(), freedom: total.max(1.0) }
    }
}

impl Predictive {
    fn upper(&self, ln_x: f64) -> f64 {
        student_upper((ln_x - self.centre) / self.scale, self.freedom)
    }
}

/// ln x inside its bounds; zero and less are the smallest x, NaN is 1.
fn ln(x: f64) -> f64 {
    if x.is_nan() {
        0.0
    } else if x <= 0.0 {
        -LN_BOUNDS
    } else {
        libm::log(x).clamp(-LN_BOUNDS, LN_BOUNDS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::trial::{Draws, assert_close, exceedance, kolmogorov_p};

    /// Gaps of about a week in the cohort, within a factor of e.
    fn weekly() -> LogNormalPrior {
        LogNormalPrior::new(7.0, 1.0, 2.0)
    }

    #[test]
    fn a_first_gap_is_judged_by_the_cohort() {
        let fresh = LogNormal::default();
        assert_close(fresh.typical(&weekly()), 7.0, 1e-12, "typical");
        assert!(fresh.upper(&weekly(), 7.0).get() > 0.49);
        assert!(fresh.upper(&weekly(), 900.0).get() < 0.08);
        assert!(fresh.upper(&weekly(), 900.0).get() > 1e-3, "nothing is certain from a cohort alone");
    }

    #[test]
    fn a_subject_that_is_always_on_time_has_the_floor_for_its_spread() {
        let mut daily = LogNormal::default();
        for _ in 0..200 {
            daily.update(1.0);
        }
        assert_close(daily.typical(&weekly()), 1.0, 0.1, "typical");
        assert!(daily.upper(&weekly(), 1.1).get() > 0.1);
        assert!(daily.upper(&weekly(), 30.0).bits() > 12.0);
        assert!(daily.lower(&weekly(), 0.01).bits() > 12.0);
    }

    #[test]
    fn oracle_p_values_become_uniform() {
        let mut draws = Draws::seeded(60);
        let mut values = Vec::new();
        for _ in 0..300 {
            let (mean, deviation) = (draws.normal(), 0.3 + draws.uniform());
            let mut state = LogNormal::default();
            let prior = LogNormalPrior::new(1.0, 0.8, 1.0);
            for index in 0..200 {
                let x = libm::exp(mean + deviation * draws.normal());
                if index >= 60 {
                    values.push(state.upper(&prior, x).get());
                }
                state.update(x);
            }
        }
        for (level, low, high) in [(0.1, 0.9, 1.08), (1e-2, 0.75, 1.25), (1e-3, 0.3, 1.7)] {
            let ratio = exceedance(&values, level);
            assert!((low..=high).contains(&ratio), "{level}: {ratio}");
        }
        let mut sample: Vec<f64> = values.into_iter().step_by(20).collect();
        assert!(kolmogorov_p(&mut sample) > 0.01);
    }

    #[test]
    fn upper_and_lower_are_complements() {
        let mut state = LogNormal::default();
        for x in [3.0, 5.0, 2.0, 8.0] {
            state.update(x);
        }
        for x in [0.1, 3.0, 40.0] {
            let sum = state.upper(&weekly(), x).get() + state.lower(&weekly(), x).get();
            assert_close(sum, 1.0, 1e-9, "sum");
        }
    }

    #[test]
    fn a_rotation_on_time_is_likely_and_an_early_one_is_not() {
        let mut yearly = LogNormal::default();
        for life in [366.0, 364.0, 365.0, 367.0] {
            yearly.update(life);
        }
        let prior = LogNormalPrior::new(365.0, 1.0, 0.5);
        let (early, on_time, overdue) = (
            yearly.renewal(&prior, 60.0, 7.0),
            yearly.renewal(&prior, 365.0, 7.0),
            yearly.renewal(&prior, 1e30, 7.0),
        );
        assert!(early.get() < 0.02, "{}", early.get());
        assert!(on_time.get() > 8.0 * early.get(), "{} {}", on_time.get(), early.get());
        assert!(overdue.get() > 0.0);
    }

    #[test]
    fn no_input_breaks_it() {
        let prior = LogNormalPrior::new(f64::NAN, f64::NAN, f64::NAN);
        let mut state = LogNormal::default();
        for x in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -1.0, 0.0, 1e-300, 1e300, 1.0] {
            for p in [state.upper(&prior, x), state.lower(&prior, x), state.renewal(&prior, x, x)] {
                assert!(p.get() > 0.0 && p.get() <= 1.0, "{x}: {p:?}");
            }
            state.update(x);
            assert!(state.typical(&prior) > 0.0 && state.typical(&prior).is_finite());
        }
    }
}
