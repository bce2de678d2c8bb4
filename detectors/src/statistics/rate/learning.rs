//! How a rate learns from a scored bin, from a stretch of empty ones, and when its level moves for good.

use super::level_shift::LevelChange;
use super::{Prediction, Rate, RateModel, RateScore};
use crate::statistics::grid_weights;
use serde::{Deserialize, Serialize};

/// Pseudo-count of the prior: half an event, as in Jeffreys' prior for a Poisson rate.
const PRIOR_COUNT: f64 = 0.5;

/// Bins of a new level that do not teach the dispersion: a mean that is still wrong looks like wild scatter.
const BINS_BEFORE_DISPERSION: u32 = 4;

/// What is kept of the dispersion's weights when a level moves for good: the bins that told it spoke of scatter, too.
const KEPT_AT_SHIFT: f64 = 0.25;

/// Share by which the level may move within one step of the catch-up over empty bins.
const IDLE_STEP: f64 = 0.25;

/// Below this mean the rest of an empty stretch is caught up in one step.
const IDLE_MEAN: f64 = 1e-3;

/// The most steps of one catch-up; the last takes what is left.
const IDLE_STEPS: u32 = 64;

/// How a rate learns its level.
///
/// A quasi-likelihood weight taken from a mean that is still wrong holds the level near its prior for weeks, so a young level
/// is a plain mean. It becomes the decayed, weighted, winsorised one when it has settled.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum Phase {
    /// Not yet seen for the pace's warm-up; expected around the cohort's level.
    Newborn {
        /// The prior level.
        around: f64,
    },
    /// Moved for good; expected around the level it left.
    Adopting {
        /// The level it left.
        around: f64,
        /// Bins until it counts as settled.
        left: u8,
    },
    /// Known.
    Settled,
}

/// Events per unit of exposure.
pub(super) fn level(phase: Phase, events: f64, exposure: f64) -> f64 {
    match phase {
        Phase::Settled => events / exposure,
        Phase::Newborn { around } | Phase::Adopting { around, .. } => {
            let plain = if exposure > 0.0 { events / exposure } else { 0.0 };
            // A conjugate prior far below the truth would weigh as hundreds of bins; half-way in the logarithm it yields.
            let prior_exposure = PRIOR_COUNT / (around * plain.max(around)).sqrt();
            (PRIOR_COUNT + events) / (prior_exposure + exposure)
        }
    }
}

/// How many independent events the level is worth: the inverse of its squared relative uncertainty.
pub(super) fn information(phase: Phase, events: f64, level: f64, dispersion: f64) -> f64 {
    match phase {
        Phase::Settled => events,
        Phase::Newborn { .. } | Phase::Adopting { .. } => PRIOR_COUNT + events / (1.0 + dispersion * level),
    }
}

impl Rate {
    /// Learns from a scored bin and says whether the level has moved for good.
    pub fn update(&mut self, model: &RateModel, prediction: &Prediction, score: &RateScore) -> LevelChange {
        let settled = self.phase == Phase::Settled;
        let learned = if settled { prediction.winsorised(score.observed) } else { score.observed };
        if settled {
            let weight = prediction.weight();
            self.fold(model, model.keep(), weight * learned as f64, weight * prediction.exposure);
        } else {
            self.events += learned as f64;
            self.exposure += prediction.exposure;
        }
        if self.teaches_dispersion(model) {
            let likelihoods = if learned == score.observed {
                score.likelihoods
            } else {
                prediction.mixture.likelihoods(learned)
            };
            self.learn_dispersion(model, &likelihoods, model.keep_dispersion(), 1.0);
        }
        let adopting = matches!(self.phase, Phase::Adopting { .. });
        self.grow_older(model, prediction.mixture.dispersion(), 1);
        if adopting {
            return LevelChange::Adopting;
        }
        if !settled {
            return LevelChange::Steady;
        }
        let change = self.watch.mark(score.side_of_note(), model.pace());
        if change != LevelChange::Steady {
            self.adopt(model);
        }
        change
    }

    /// Catches up over `bins` empty bins of `exposure` each, in at most 64 steps however many there are.
    ///
    /// The same as that many updates with a count of zero, but the mean, and with it the weight of a bin and the likelihood
    /// of zero, is held while the level moves by up to a quarter. Empty bins of a subject whose mean is high enough for drops
    /// are news and must be scored instead. Two catch-ups are not bit for bit one over the sum: call it when the subject is
    /// next touched, never when time merely advances.
    pub fn idle(&mut self, model: &RateModel, bins: u64, exposure: f64) {
        let mut left = bins;
        let mut steps = 0;
        while left > 0 {
            steps += 1;
            let prediction = self.predict(exposure);
            let run = if steps == IDLE_STEPS { left } else { self.steady_run(model, &prediction, left) };
            let dispersion = prediction.mixture.dispersion();
            let mut learned = 0;
            if self.phase == Phase::Settled {
                learned = prediction.winsorised(0);
                let weight = prediction.weight();
                let keep = libm::pow(model.keep(), run as f64);
                let times = weight * (1.0 - keep) / (1.0 - model.keep());
                self.fold(model, keep, times * learned as f64, times * prediction.exposure);
            } else {
                self.exposure += run as f64 * prediction.exposure;
            }
            if self.teaches_dispersion(model) {
                let keep = libm::pow(model.keep_dispersion(), run as f64);
                let times = (1.0 - keep) / (1.0 - model.keep_dispersion());
                self.learn_dispersion(model, &prediction.mixture.likelihoods(learned), keep, times);
            }
            self.grow_older(model, dispersion, run);
            left -= run;
        }
        self.watch.pass(bins, model.pace());
    }

    /// For how many empty bins the prediction may be held.
    fn steady_run(&self, model: &RateModel, prediction: &Prediction, left: u64) -> u64 {
        let (bins, change) = match self.phase {
            Phase::Settled if prediction.mean() < IDLE_MEAN => return left,
            Phase::Settled => {
                let weight = prediction.weight();
                (self.exposure / (weight * prediction.exposure), 1.0 / (1.0 - model.keep()))
            }
            Phase::Newborn { .. } => {
                let until = model.pace().warm_up.saturating_sub(self.bins).max(1);
                // The prior's exposure counts as well, but it only makes the level steadier.
                (self.exposure / prediction.exposure, f64::from(until) / IDLE_STEP)
            }
            Phase::Adopting { left, .. } => {
                (self.exposure / prediction.exposure, f64::from(left) / IDLE_STEP)
            }
        };
        ((IDLE_STEP * bins.min(change)).floor() as u64).clamp(1, left)
    }

    /// Counts bins, and settles a level that has been young for long enough.
    fn grow_older(&mut self, model: &RateModel, dispersion: f64, run: u64) {
        self.bins = self.bins.saturating_add(u32::try_from(run).unwrap_or(u32::MAX));
        let grown = match &mut self.phase {
            Phase::Settled => false,
            Phase::Newborn { .. } => self.bins >= model.pace().warm_up,
            Phase::Adopting { left, .. } => {
                *left = left.saturating_sub(u8::try_from(run).unwrap_or(u8::MAX));
                *left == 0
            }
        };
        if grown {
            let level = self.level();
            self.events = information(self.phase, self.events, level, dispersion);
            self.exposure = self.events / level;
            self.phase = Phase::Settled;
        }
    }

    /// Starts anew around the present level.
    fn adopt(&mut self, model: &RateModel) {
        self.phase = Phase::Adopting { around: self.level(), left: model.pace().adoption };
        self.events = 0.0;
        self.exposure = 0.0;
        let nothing = [1.0; super::DISPERSION_GRID.len()];
        self.learn_dispersion(model, &nothing, KEPT_AT_SHIFT, 0.0);
    }

    /// Decays toward the prior, then adds.
    fn fold(&mut self, model: &RateModel, keep: f64, events: f64, exposure: f64) {
        let pull = (1.0 - keep) * PRIOR_COUNT;
        // The prior keeps a silent subject's level from vanishing; it does not drag down one that is busier than its cohort.
        let around = model.prior().level().max(self.level());
        self.events = keep * self.events + pull + events;
        self.exposure = keep * self.exposure + pull / around + exposure;
    }

    fn teaches_dispersion(&self, model: &RateModel) -> bool {
        match self.phase {
            Phase::Settled => true,
            Phase::Newborn { .. } => self.bins >= BINS_BEFORE_DISPERSION,
            Phase::Adopting { left, .. } => {
                u32::from(left) + BINS_BEFORE_DISPERSION <= u32::from(model.pace().adoption)
            }
        }
    }

    fn learn_dispersion(
        &mut self,
        model: &RateModel,
        likelihoods: &[f64; super::DISPERSION_GRID.len()],
        keep: f64,
        times: f64,
    ) {
        grid_weights::learn(&mut self.log_weights, model.prior().log_weights(), likelihoods, keep, times);
    }
}
