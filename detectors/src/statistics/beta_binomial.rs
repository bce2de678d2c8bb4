//! How surprising a share is: k successes in n trials whose probability varies, with a learned correlation between trials.
//!
//! Beta-binomial with mean m and intra-class correlation ρ, as a mixture over a grid of ρ. A plain beta-binomial gave 61 times
//! too many alarms at p = 1e-4 in simulation, the learned grid 0.97 times. Used for refused and absent requests, failed
//! verifications, first-time pairs. What is learned is winsorised, what is scored never is.

mod distribution;
#[cfg(test)]
mod tests;

pub use distribution::{BetaBinomial, EXACT_TRIALS};

use super::grid_weights;
use super::negative_binomial::Parts;
use super::p_value::Tail;
use super::rate::Direction;
use serde::{Deserialize, Serialize};

/// The correlations ρ between which the weights are learned.
pub const CORRELATION_GRID: [f64; 6] = [0.001, 0.005, 0.02, 0.06, 0.15, 0.4];

/// Number of grid points.
const GRID: usize = CORRELATION_GRID.len();

/// The grid points and one component between two of them.
const COMPONENTS: usize = GRID + 1;

/// Standard deviations beyond which a count of successes teaches no more than the bound itself.
const WINSOR_DEVIATIONS: f64 = 8.0;

/// Half-life of what was learned, in bins that had trials.
const HALF_LIFE: f64 = 120.0;

/// Half-life of the weights over the correlations, in bins that had trials.
const CORRELATION_HALF_LIFE: f64 = 504.0;

/// Bins with trials that are learned from without winsorising.
const WARM_UP: u32 = 24;

/// A mean share is kept this far away from 0 and 1.
const SHARE_MARGIN: f64 = 1e-6;

/// What is believed of a share before it is seen, and how fast it is forgotten.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RatioModel {
    successes: f64,
    failures: f64,
    log_weights: [f32; GRID],
    keep: f64,
    keep_correlation: f64,
}

impl RatioModel {
    /// A prior around `share`, worth `strength` independent trials, with any correlation equally likely.
    #[must_use]
    pub fn new(share: f64, strength: f64) -> Self {
        let share = if share.is_nan() { 0.5 } else { share.clamp(SHARE_MARGIN, 1.0 - SHARE_MARGIN) };
        let strength = if strength.is_nan() { 1.0 } else { strength.clamp(0.1, 1e6) };
        Self {
            successes: share * strength,
            failures: (1.0 - share) * strength,
            log_weights: [0.0; GRID],
            keep: libm::exp2(-1.0 / HALF_LIFE),
            keep_correlation: libm::exp2(-1.0 / CORRELATION_HALF_LIFE),
        }
    }

    /// The same with other weights over the correlation grid, usually the mean of a cohort's.
    #[must_use]
    pub fn with_weights(self, weights: &[f64; GRID]) -> Self {
        Self { log_weights: grid_weights::log_weights(weights), ..self }
    }

    /// The same with another half-life, in bins that had trials (at least a tenth of one).
    #[must_use]
    pub fn with_half_life(self, bins: f64) -> Self {
        Self { keep: libm::exp2(-1.0 / bins.max(0.1)), ..self }
    }

    /// The share that is expected of a new subject.
    #[must_use]
    pub fn share(&self) -> f64 {
        self.successes / (self.successes + self.failures)
    }
}

/// What is known about one subject's share. About 45 bytes serialised.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ratio {
    successes: f64,
    failures: f64,
    log_weights: [f32; GRID],
    bins: u32,
}

/// What a share expects of one bin, from the past alone.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RatioPrediction {
    trials: u64,
    share: f64,
    correlations: [f64; COMPONENTS],
    /// α + β of each component.
    strengths: [f64; COMPONENTS],
    weights: [f64; COMPONENTS],
}

/// How surprising a bin's successes are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RatioScore {
    /// Successes that were scored.
    pub observed: u64,
    /// Successes that were expected.
    pub expected: f64,
    /// Trials of the bin.
    pub trials: u64,
    /// On which side of the expectation the successes lie.
    pub direction: Direction,
    /// This many successes or more.
    pub upper: Tail,
    /// This many successes or fewer.
    pub lower: Tail,
    likelihoods: [f64; GRID],
}

impl Ratio {
    /// A share of which only its cohort's is known.
    #[must_use]
    pub fn from_prior(model: &RatioModel) -> Self {
        Self { successes: model.successes, failures: model.failures, log_weights: model.log_weights, bins: 0 }
    }

    /// The expected share of successes.
    #[must_use]
    pub fn share(&self) -> f64 {
        (self.successes / (self.successes + self.failures)).clamp(SHARE_MARGIN, 1.0 - SHARE_MARGIN)
    }

    /// Bins with trials learned from so far.
    #[must_use]
    pub fn bins(&self) -> u32 {
        self.bins
    }

    /// The weights over the correlation grid.
    #[must_use]
    pub fn weights(&self) -> [f64; GRID] {
        grid_weights::weights(&self.log_weights)
    }

    /// What a bin of `trials` should hold.
    #[must_use]
    pub fn predict(&self, trials: u64) -> RatioPrediction {
        // The share is itself uncertain, which correlates the trials further.
        let uncertainty = 1.0 / (self.successes + self.failures + 1.0);
        let vertex = grid_weights::vertex(&self.log_weights, &CORRELATION_GRID, trials as f64 - 1.0);
        let mut correlations = [vertex.value; COMPONENTS];
        correlations[..GRID].copy_from_slice(&CORRELATION_GRID);
        let mut weights = [0.0; COMPONENTS];
        weights[..GRID].copy_from_slice(&self.weights());
        weights[GRID] = weights[vertex.peak] * vertex.share;
        weights[vertex.peak] -= weights[GRID];
        let strengths = correlations.map(|rho| {
            let total = 1.0 - (1.0 - rho) * (1.0 - uncertainty);
            1.0 / total - 1.0
        });
        RatioPrediction { trials, share: self.share(), correlations, strengths, weights }
    }

    /// Learns from a scored bin; a bin without trials teaches nothing.
    pub fn update(&mut self, model: &RatioModel, prediction: &RatioPrediction, score: &RatioScore) {
        if score.trials == 0 {
            return;
        }
        let learned =
            if self.bins >= WARM_UP { prediction.winsorised(score.observed) } else { score.observed };
        let trials = score.trials as f64;
        let weight = 1.0 / (1.0 + (trials - 1.0) * prediction.correlation());
        let pull = 1.0 - model.keep;
        self.successes = model.keep * self.successes + pull * model.successes + weight * learned as f64;
        self.failures =
            model.keep * self.failures + pull * model.failures + weight * (trials - learned as f64);
        let likelihoods =
            if learned == score.observed { score.likelihoods } else { prediction.likelihoods(learned) };
        grid_weights::learn(
            &mut self.log_weights,
            &model.log_weights,
            &likelihoods,
            model.keep_correlation,
            1.0,
        );
        self.bins = self.bins.saturating_add(1);
    }

    /// Predicts, scores and updates in one go. `successes` above `trials` count as `trials`; `u` is the tie break in [0, 1).
    pub fn observe(&mut self, model: &RatioModel, trials: u64, successes: u64, u: f64) -> RatioScore {
        let prediction = self.predict(trials);
        let score = prediction.score(successes, u);
        self.update(model, &prediction, &score);
        score
    }
}

impl RatioPrediction {
    /// The expected successes.
    #[must_use]
    pub fn mean(&self) -> f64 {
        self.share * self.trials as f64
    }

    /// The standard deviation of the successes.
    #[must_use]
    pub fn deviation(&self) -> f64 {
        let trials = self.trials as f64;
        let binomial = trials * self.share * (1.0 - self.share);
        let inflation: f64 = self
            .weights
            .iter()
            .zip(&self.strengths)
            .map(|(weight, strength)| weight * (1.0 + (trials - 1.0).max(0.0) / (strength + 1.0)))
            .sum();
        (binomial * inflation).sqrt()
    }

    /// How surprising `successes` are, with the tie break `u` in [0, 1).
    #[must_use]
    pub fn score(&self, successes: u64, u: f64) -> RatioScore {
        let observed = successes.min(self.trials);
        let mut parts = Parts { below: 0.0, exactly: 0.0, above: 0.0 };
        let mut likelihoods = [0.0; GRID];
        for (j, component) in self.components().into_iter().enumerate() {
            let part = component.parts(observed);
            if j < GRID {
                likelihoods[j] = part.exactly;
            }
            parts.below += self.weights[j] * part.below;
            parts.exactly += self.weights[j] * part.exactly;
            parts.above += self.weights[j] * part.above;
        }
        let mean = self.mean();
        RatioScore {
            observed,
            expected: mean,
            trials: self.trials,
            direction: if observed as f64 >= mean { Direction::Above } else { Direction::Below },
            upper: parts.upper(u),
            lower: parts.lower(u),
            likelihoods,
        }
    }

    /// The mean of the learned correlation ρ.
    fn correlation(&self) -> f64 {
        self.weights.iter().zip(&self.correlations).map(|(weight, rho)| weight * rho).sum()
    }

    fn components(&self) -> [BetaBinomial; COMPONENTS] {
        self.strengths.map(|strength| {
            BetaBinomial::new(self.trials, self.share * strength, (1.0 - self.share) * strength)
        })
    }

    fn likelihoods(&self, successes: u64) -> [f64; GRID] {
        let mut likelihoods = [0.0; GRID];
        for (likelihood, component) in likelihoods.iter_mut().zip(self.components()) {
            *likelihood = component.pmf(successes);
        }
        likelihoods
    }

    /// `successes` brought to within the winsorising bounds.
    fn winsorised(&self, successes: u64) -> u64 {
        let reach = WINSOR_DEVIATIONS * self.deviation();
        let least = (self.mean() - reach).floor().max(0.0) as u64;
        let most = (self.mean() + reach + 1.0).ceil() as u64;
        successes.clamp(least, most).min(self.trials)
    }
}

impl RatioScore {
    /// The tail against both sides.
    #[must_use]
    pub fn two_sided(&self) -> Tail {
        Tail::two_sided(self.upper, self.lower)
    }
}
