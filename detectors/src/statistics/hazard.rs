//! How likely a rare change is at its next opportunity, learned per subject and shrunk to its population.
//!
//! Three clocks: [`ChangeHazard`] (Gamma over opportunities: a key or identity changes at a signing), [`field::FieldHazard`]
//! (Beta, scaled by the kind of release: a metadata field changes at a publish) and [`mobility::MobilityHazard`] (Beta–Bernoulli:
//! a tag of one class moves). Empirical-Bayes shrinkage after Robbins 1956 and Efron & Morris 1973.

pub mod field;
pub mod mobility;

use super::p_value::PValue;
use serde::{Deserialize, Serialize};

/// Half-life of what was learned about changes of keys and identities, in days.
const HALF_LIFE_DAYS: f64 = 730.0;

/// Bounds of a prior's opportunities: at least half an opportunity, at most what a subject may still outweigh.
const PRIOR_OPPORTUNITIES: (f64, f64) = (0.5, 200.0);

/// The least a prior expects of a change, per opportunity.
const LEAST_RATE: f64 = 1e-5;

/// What is believed of the hazard before the subject is seen.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct HazardPrior {
    changes: f64,
    opportunities: f64,
}

impl HazardPrior {
    /// A prior worth `changes` in `opportunities`; both are brought into sensible bounds.
    #[must_use]
    pub fn new(changes: f64, opportunities: f64) -> Self {
        let opportunities = if opportunities.is_nan() { PRIOR_OPPORTUNITIES.0 } else { opportunities }
            .clamp(PRIOR_OPPORTUNITIES.0, PRIOR_OPPORTUNITIES.1);
        let changes = if changes.is_nan() { 0.0 } else { changes }
            .clamp(LEAST_RATE * opportunities, opportunities * 10.0);
        Self { changes, opportunities }
    }

    /// By moments from a population of (changes, opportunities); the default for a population too small or without changes.
    ///
    /// The sums run in the order given, so give the members in a fixed order.
    #[must_use]
    pub fn from_population(members: &[(f64, f64)]) -> Self {
        /// Members a population needs before it says anything.
        const MEMBERS_NEEDED: usize = 20;
        let seen = || members.iter().filter(|(_, n)| *n > 0.0);
        let count = seen().count();
        let opportunities: f64 = seen().map(|(_, n)| n).sum();
        let changes: f64 = seen().map(|(x, _)| x).sum();
        if count < MEMBERS_NEEDED || changes <= 0.0 {
            return Self::default();
        }
        let mean = changes / opportunities;
        let squares: f64 = seen().map(|(x, n)| n * (x / n - mean) * (x / n - mean)).sum();
        let spread: f64 = opportunities - seen().map(|(_, n)| n * n).sum::<f64>() / opportunities;
        // What a Poisson with one common rate would scatter is taken off; the rest is between members.
        let variance = (squares - (count as f64 - 1.0) * mean) / spread;
        if variance > 0.0 {
            Self::new(mean * mean / variance, mean / variance)
        } else {
            Self::new(mean * PRIOR_OPPORTUNITIES.1, PRIOR_OPPORTUNITIES.1)
        }
    }
}

impl Default for HazardPrior {
    /// A quarter of a change in six opportunities.
    fn default() -> Self {
        Self::new(0.25, 6.0)
    }
}

/// The hazard of a change whose rate is Gamma(changes, opportunities) distributed.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChangeHazard {
    changes: f64,
    opportunities: f64,
}

impl ChangeHazard {
    /// A hazard of which only its population's is known.
    #[must_use]
    pub fn from_prior(prior: &HazardPrior) -> Self {
        Self { changes: prior.changes, opportunities: prior.opportunities }
    }

    /// P(change) at the next opportunity: 1 − (b/(b+1))^a.
    #[must_use]
    pub fn probability(&self) -> f64 {
        -libm::expm1(-self.changes * libm::log1p(1.0 / self.opportunities))
    }

    /// How surprising the outcome of an opportunity is: the probability of a change if there was one, else 1.
    #[must_use]
    pub fn surprise(&self, changed: bool) -> PValue {
        if changed { PValue::clamped(self.probability()) } else { PValue::ONE }
    }

    /// Learns from one opportunity, after forgetting toward the prior over the days since the last one.
    pub fn update(&mut self, prior: &HazardPrior, changed: bool, days_since_last: f64) {
        let days = if days_since_last.is_finite() { days_since_last.max(0.0) } else { 0.0 };
        let keep = libm::exp2(-days / HALF_LIFE_DAYS);
        self.changes = keep * self.changes + (1.0 - keep) * prior.changes + f64::from(u8::from(changed));
        self.opportunities = keep * self.opportunities + (1.0 - keep) * prior.opportunities + 1.0;
    }

    /// The prior this subject's posterior gives to the next level down, worth at most `opportunities`.
    #[must_use]
    pub fn as_prior(&self, opportunities: f64) -> HazardPrior {
        let worth = self.opportunities.min(opportunities);
        HazardPrior::new(self.changes / self.opportunities * worth, worth)
    }

    /// Decayed opportunities behind the estimate, the prior's included.
    #[must_use]
    pub fn opportunities(&self) -> f64 {
        self.opportunities
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::trial::Draws;

    #[test]
    fn the_probability_is_that_of_a_gamma_poisson() {
        for (a, b, expected) in [(0.25, 6.0, 0.037_804_6), (1.0, 1.0, 0.5), (2.0, 9.0, 0.19)] {
            let hazard = ChangeHazard { changes: a, opportunities: b };
            assert!((hazard.probability() - expected).abs() < 1e-6, "{a} {b} {}", hazard.probability());
        }
    }

    #[test]
    fn long_stability_makes_a_change_surprising_and_a_change_makes_the_next_less_so() {
        let prior = HazardPrior::default();
        let mut hazard = ChangeHazard::from_prior(&prior);
        for _ in 0..300 {
            hazard.update(&prior, false, 1.0);
        }
        let stable = hazard.probability();
        assert!(stable < 2e-3);
        assert_eq!(hazard.surprise(false), PValue::ONE);
        assert!(hazard.surprise(true).bits() > 9.0);
        hazard.update(&prior, true, 1.0);
        assert!(hazard.probability() > 2.0 * stable);
    }

    #[test]
    fn silence_for_decades_returns_to_the_prior() {
        let prior = HazardPrior::default();
        let mut hazard = ChangeHazard::from_prior(&prior);
        for _ in 0..50 {
            hazard.update(&prior, true, 1.0);
        }
        hazard.update(&prior, false, 40_000.0);
        let fresh = ChangeHazard { changes: prior.changes, opportunities: prior.opportunities + 1.0 };
        assert!((hazard.probability() - fresh.probability()).abs() < 1e-3);
    }

    #[test]
    fn broken_numbers_never_make_a_broken_hazard() {
        for (x, n) in [(f64::NAN, f64::NAN), (0.0, 0.0), (1e300, 1e300), (-1.0, -1.0), (f64::INFINITY, 1.0)] {
            let prior = HazardPrior::new(x, n);
            let mut hazard = ChangeHazard::from_prior(&prior);
            hazard.update(&prior, true, f64::NAN);
            let p = hazard.probability();
            assert!(p > 0.0 && p < 1.0, "{x} {n}: {p}");
        }
    }

    /// 3,000 publishers with Gamma hazards: what was predicted must be what happened, decile by decile.
    #[test]
    fn predicted_hazards_are_reliable() {
        let mut draws = Draws::seeded(11);
        let population: Vec<f64> = (0..3_000).map(|_| draws.gamma(0.4) / 8.0).collect();
        let change = |draws: &mut Draws, rate: f64| draws.uniform() < -libm::expm1(-rate);
        // A past population gives the prior.
        let past: Vec<(f64, f64)> = population
            .iter()
            .map(|&rate| ((0..40).filter(|_| change(&mut draws, rate)).count() as f64, 40.0))
            .collect();
        let prior = HazardPrior::from_population(&past);
        let mut outcomes = Vec::new();
        for &rate in &population {
            let mut hazard = ChangeHazard::from_prior(&prior);
            for _ in 0..20 {
                let changed = change(&mut draws, rate);
                outcomes.push((hazard.probability(), changed));
                hazard.update(&prior, changed, 0.0);
            }
        }
        outcomes.sort_by(|a, b| a.0.total_cmp(&b.0));
        for decile in outcomes.chunks(outcomes.len() / 10) {
            let n = decile.len() as f64;
            let predicted: f64 = decile.iter().map(|(p, _)| p).sum::<f64>() / n;
            let observed = decile.iter().filter(|(_, changed)| *changed).count() as f64 / n;
            // Within the 99 % binomial band and a fifth: two changes at one opportunity are seen as one.
            let band = 2.58 * (predicted * (1.0 - predicted) / n).sqrt() + 0.2 * predicted;
            assert!((observed - predicted).abs() < band, "predicted {predicted} observed {observed}");
        }
    }
}
