//! What the rates of one cohort share: how fast they learn, and the prior they start from and drift back to.

use super::Rate;
use crate::statistics::grid_weights;
use crate::statistics::negative_binomial::DISPERSION_GRID;
use serde::{Deserialize, Serialize};

/// The bounds of a prior level, in events per bin.
const LEVEL_BOUNDS: (f64, f64) = (1e-6, 1e9);

/// How fast rates learn, in bins.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RatePace {
    /// Half-life of the level.
    pub half_life: f64,
    /// Half-life of the dispersion's weights.
    pub dispersion_half_life: f64,
    /// Bins for which a new subject's level is a plain mean, not winsorised.
    pub warm_up: u32,
    /// Bins looked back on for a lasting change of level, at most 64.
    pub shift_window: u32,
    /// Bins for which a level that moved for good is learned as if newborn.
    pub adoption: u8,
}

impl RatePace {
    /// Bins of one hour: a week of memory, three for the dispersion.
    #[must_use]
    pub fn hourly() -> Self {
        Self { half_life: 168.0, dispersion_half_life: 504.0, warm_up: 48, shift_window: 48, adoption: 24 }
    }

    /// Bins of six hours, with the same memory.
    #[must_use]
    pub fn six_hourly() -> Self {
        Self { half_life: 28.0, dispersion_half_life: 84.0, warm_up: 8, shift_window: 24, adoption: 8 }
    }

    /// Bins of one day, with the same memory: the one that sees slow leaks.
    #[must_use]
    pub fn daily() -> Self {
        Self { half_life: 7.0, dispersion_half_life: 21.0, warm_up: 2, shift_window: 5, adoption: 3 }
    }
}

/// What is believed of a rate before it is seen: usually its parent's posterior.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RatePrior {
    level: f64,
    log_weights: [f32; DISPERSION_GRID.len()],
}

impl RatePrior {
    /// A prior around `level` events per bin, with any dispersion equally likely. Levels outside [1e-6, 1e9] are brought inside.
    #[must_use]
    pub fn new(level: f64) -> Self {
        Self { level: bounded_level(level), log_weights: [0.0; DISPERSION_GRID.len()] }
    }

    /// The same with other weights over the dispersion grid.
    #[must_use]
    pub fn with_weights(self, weights: &[f64; DISPERSION_GRID.len()]) -> Self {
        Self { log_weights: grid_weights::log_weights(weights), ..self }
    }

    /// The prior that a cohort gives to its members: median level, mean weights; `None` for an empty cohort.
    ///
    /// The sums run in the order given, so give the members in a fixed order.
    #[must_use]
    pub fn pooled<'a>(cohort: impl IntoIterator<Item = &'a Rate>) -> Option<Self> {
        let mut levels = Vec::new();
        let mut weights = [0.0; DISPERSION_GRID.len()];
        for rate in cohort {
            levels.push(rate.level());
            for (sum, weight) in weights.iter_mut().zip(rate.weights()) {
                *sum += weight;
            }
        }
        levels.sort_by(f64::total_cmp);
        let median = *levels.get(levels.len() / 2)?;
        let members = levels.len() as f64;
        Some(Self::new(median).with_weights(&weights.map(|sum| sum / members)))
    }

    /// Events per bin.
    #[must_use]
    pub fn level(&self) -> f64 {
        self.level
    }

    pub(super) fn log_weights(&self) -> &[f32; DISPERSION_GRID.len()] {
        &self.log_weights
    }
}

impl Default for RatePrior {
    /// One event per bin, any dispersion.
    fn default() -> Self {
        Self::new(1.0)
    }
}

fn bounded_level(level: f64) -> f64 {
    if level.is_nan() { 1.0 } else { level.clamp(LEVEL_BOUNDS.0, LEVEL_BOUNDS.1) }
}

/// Pace and prior of a cohort, with the decay factors worked out once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RateModel {
    pace: RatePace,
    prior: RatePrior,
    keep: f64,
    keep_dispersion: f64,
}

impl RateModel {
    /// Half-lives are at least a tenth of a bin.
    #[must_use]
    pub fn new(pace: RatePace, prior: RatePrior) -> Self {
        let keep = |half_life: f64| libm::exp2(-1.0 / half_life.max(0.1));
        Self { keep: keep(pace.half_life), keep_dispersion: keep(pace.dispersion_half_life), pace, prior }
    }

    /// The same pace under a newly learned prior.
    #[must_use]
    pub fn with_prior(self, prior: RatePrior) -> Self {
        Self { prior, ..self }
    }

    /// How fast rates learn.
    #[must_use]
    pub fn pace(&self) -> &RatePace {
        &self.pace
    }

    /// What rates start from and drift back to.
    #[must_use]
    pub fn prior(&self) -> &RatePrior {
        &self.prior
    }

    pub(super) fn keep(&self) -> f64 {
        self.keep
    }

    pub(super) fn keep_dispersion(&self) -> f64 {
        self.keep_dispersion
    }
}
