//! How many events a subject should have in the next bin: a Gamma–Poisson level with a learned dispersion.
//!
//! The level L = a/b is a decayed ratio of counts to exposure; the predictive count is a mixture of negative binomials around
//! L × exposure, widened by 1/a because the level itself is uncertain. Close relatives: Farrington Flexible (Noufaily et al.,
//! Statistics in Medicine 2013), conjugate counts on networks (Heard et al., Annals of Applied Statistics 2010).
//! What is learned is winsorised, what is scored never is.
//!
//! Season and common mode are the caller's: both enter as factors of the exposure. A bin that was not covered by the log is
//! neither scored nor learned from; leave it out.

mod learning;
mod level_shift;
mod model;
#[cfg(test)]
mod tests;

use learning::Phase;
pub use level_shift::LevelChange;
use level_shift::LevelWatch;
pub use model::{RateModel, RatePace, RatePrior};

use super::grid_weights;
use super::negative_binomial::{DISPERSION_GRID, DispersionMixture};
use super::p_value::Tail;
use serde::{Deserialize, Serialize};

/// Fewer events than expected are scored only from this mean on: below it even an empty bin is no news (e⁻⁶ = 0.25 %).
pub const MIN_MEAN_FOR_DROPS: f64 = 6.0;

/// Standard deviations beyond which a count teaches no more than the bound itself.
const WINSOR_DEVIATIONS: f64 = 4.5;

/// Bounds of a bin's exposure: an exposure of zero would make any event infinitely surprising.
const EXPOSURE_BOUNDS: (f64, f64) = (1e-6, 1e6);

/// What is known about one subject's rate. At most 90 bytes serialised.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rate {
    /// Once settled: decayed, quasi-likelihood-weighted events, an honest count of information. Before: plain events.
    events: f64,
    /// The exposure that these events came from.
    exposure: f64,
    log_weights: [f32; DISPERSION_GRID.len()],
    /// Bins learned from, saturating.
    bins: u32,
    phase: Phase,
    watch: LevelWatch,
}

/// What a rate expects of one bin, from the past alone.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Prediction {
    mixture: DispersionMixture,
    exposure: f64,
}

/// The counts between which a bin should lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Band {
    /// 1 % quantile.
    pub low: u64,
    /// Median.
    pub mid: u64,
    /// 99 % quantile.
    pub high: u64,
}

/// On which side of the expectation a value lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// More than expected, or as much.
    Above,
    /// Less than expected.
    Below,
}

/// How surprising a bin's count is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RateScore {
    /// The count that was scored.
    pub observed: u64,
    /// The count that was expected.
    pub expected: f64,
    /// On which side the count lies.
    pub direction: Direction,
    /// This many events or more.
    pub upper: Tail,
    /// This many events or fewer; none where the mean is below [`MIN_MEAN_FOR_DROPS`].
    pub lower: Option<Tail>,
    likelihoods: [f64; DISPERSION_GRID.len()],
}

impl Rate {
    /// A rate of which only its parent's is known.
    ///
    /// Its first bins are judged by the cohort alone, and a conjugate prior cannot span a cohort of several decades: in
    /// simulation over five decades the first day gave 16 times the nominal alarms at p = 1e-3, the second and third 1.2
    /// times. Tell nothing before [`Self::is_settled`], or calibrate that age by itself.
    #[must_use]
    pub fn from_prior(prior: &RatePrior) -> Self {
        Self {
            events: 0.0,
            exposure: 0.0,
            log_weights: *prior.log_weights(),
            bins: 0,
            phase: Phase::Newborn { around: prior.level() },
            watch: LevelWatch::default(),
        }
    }

    /// Events per unit of exposure.
    #[must_use]
    pub fn level(&self) -> f64 {
        learning::level(self.phase, self.events, self.exposure)
    }

    /// Bins learned from so far, which is the subject's age here.
    #[must_use]
    pub fn bins(&self) -> u32 {
        self.bins
    }

    /// Whether the level is known from the subject's own past, and has not just moved for good.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.phase == Phase::Settled
    }

    /// The weights over the dispersion grid.
    #[must_use]
    pub fn weights(&self) -> [f64; DISPERSION_GRID.len()] {
        grid_weights::weights(&self.log_weights)
    }

    /// What the next bin should hold. `exposure` is 1 for an ordinary bin, times season, times common mode.
    #[must_use]
    pub fn predict(&self, exposure: f64) -> Prediction {
        self.predict_uncertain(exposure, 0.0)
    }

    /// As [`Self::predict`], with the squared relative uncertainty of the exposure itself (of the season's profile, or of
    /// a sketch that did the counting).
    #[must_use]
    pub fn predict_uncertain(&self, exposure: f64, exposure_variance: f64) -> Prediction {
        let exposure =
            if exposure.is_nan() { 1.0 } else { exposure.clamp(EXPOSURE_BOUNDS.0, EXPOSURE_BOUNDS.1) };
        let weights = self.weights();
        let level = self.level();
        let vertex = grid_weights::vertex(&self.log_weights, &DISPERSION_GRID, level * exposure);
        let dispersion = weights.iter().zip(&DISPERSION_GRID).map(|(weight, phi)| weight * phi).sum();
        let information = learning::information(self.phase, self.events, level, dispersion);
        let mixture =
            DispersionMixture::new(level * exposure, 1.0 / information + exposure_variance, weights)
                .sharpened(vertex);
        Prediction { mixture, exposure }
    }

    /// Predicts, scores and updates in one go: the usual life of a closed bin. `u` is the tie break in [0, 1).
    pub fn observe(
        &mut self,
        model: &RateModel,
        exposure: f64,
        count: u64,
        u: f64,
    ) -> (RateScore, LevelChange) {
        let prediction = self.predict(exposure);
        let score = prediction.score(count, u);
        let change = self.update(model, &prediction, &score);
        (score, change)
    }
}

impl Prediction {
    /// The expected count.
    #[must_use]
    pub fn mean(&self) -> f64 {
        self.mixture.mean()
    }

    /// The standard deviation of the count.
    #[must_use]
    pub fn deviation(&self) -> f64 {
        self.mixture.variance().sqrt()
    }

    /// The level that an ordinary bin is held to.
    #[must_use]
    pub fn level(&self) -> f64 {
        self.mean() / self.exposure
    }

    /// What the bin counts as information, in [0, 1]: the more a subject scatters, the less one bin says (methods a.4).
    fn weight(&self) -> f64 {
        1.0 / (1.0 + self.mixture.dispersion() * self.mean())
    }

    /// The predictive distribution.
    #[must_use]
    pub fn mixture(&self) -> &DispersionMixture {
        &self.mixture
    }

    /// The 1 %, 50 % and 99 % quantiles, for people to look at. Some 100 tails: not for the hot path.
    #[must_use]
    pub fn band(&self) -> Band {
        Band {
            low: self.mixture.quantile(0.01),
            mid: self.mixture.quantile(0.5),
            high: self.mixture.quantile(0.99),
        }
    }

    /// How many times the expected count a bin must hold before P(Y ≥ y) falls to `p`: what cannot be detected is said, too.
    #[must_use]
    pub fn minimum_detectable(&self, p: f64) -> f64 {
        self.mixture.smallest_surprising(p) as f64 / self.mean()
    }

    /// How surprising `count` is, with the tie break `u` in [0, 1).
    #[must_use]
    pub fn score(&self, count: u64, u: f64) -> RateScore {
        let scored = self.mixture.score(count);
        let mean = self.mean();
        RateScore {
            observed: count,
            expected: mean,
            direction: if count as f64 >= mean { Direction::Above } else { Direction::Below },
            upper: scored.parts.upper(u),
            lower: (mean >= MIN_MEAN_FOR_DROPS).then(|| scored.parts.lower(u)),
            likelihoods: scored.likelihoods,
        }
    }

    /// `count` brought to within the winsorising bounds.
    #[must_use]
    pub fn winsorised(&self, count: u64) -> u64 {
        let reach = WINSOR_DEVIATIONS * self.deviation();
        let least = (self.mean() - reach).floor().max(0.0) as u64;
        let most = (self.mean() + reach + 1.0).ceil() as u64;
        count.clamp(least, most)
    }
}

impl RateScore {
    /// The tail on the side of the count; the upper one where drops are not scored.
    #[must_use]
    pub fn tail(&self) -> Tail {
        match (self.direction, self.lower) {
            (Direction::Below, Some(lower)) => lower,
            _ => self.upper,
        }
    }

    /// The tail against both sides: uniform under the null when randomised, unlike [`Self::tail`], which is chosen by the data.
    #[must_use]
    pub fn two_sided(&self) -> Tail {
        self.lower.map_or(self.upper, |lower| Tail::two_sided(self.upper, lower))
    }

    /// The side on which this bin speaks for a new level, if it does.
    fn side_of_note(&self) -> Option<Direction> {
        let noteworthy = |tail: Tail| tail.randomised.get() < level_shift::NOTEWORTHY;
        if noteworthy(self.upper) {
            Some(Direction::Above)
        } else if self.lower.is_some_and(noteworthy) {
            Some(Direction::Below)
        } else {
            None
        }
    }
}
