//! Recalibrates the body of a cell's scores, so that 1 % means 1 % before anything is decided.
//!
//! Models are a little wrong in the same way for all subjects of a cell (detector × registry × volume tier × age band). The 90 %
//! and 99 % quantiles of x = −ln p correct that; beyond, an exponential tail of the slope between the two, never steeper than
//! nominal. A tail fitted to the exceedances themselves would absorb the attacks: in simulation it left no power at all,
//! while two quantiles are untouched by up to 1 % of contamination.

use super::p_value::PValue;
use serde::{Deserialize, Serialize};

/// Bins of the histogram, as rows of eight (serde writes no longer arrays).
const ROWS: usize = 8;
const BINS: usize = ROWS * 8;

/// Width of a bin of x = −ln p; the last one is open.
const WIDTH: f64 = 0.25;

/// Decayed scores a cell needs before it speaks for itself.
pub const SCORES_NEEDED: f64 = 2_000.0;

/// Half-life of a score, in seconds of event time.
pub const HALF_LIFE_SECONDS: i64 = 28 * 86_400;

/// The two quantiles of x that make the curve, by their upper tails.
const BODY_TAIL: f64 = 0.1;
const EDGE_TAIL: f64 = 0.01;

/// A decayed histogram of randomised p-values, from which they are recalibrated.
///
/// Decay looks forward from half-life boundaries, so neither the order of the scores nor that of merges matters beyond rounding.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Calibrator {
    counts: [[f64; 8]; ROWS],
    /// The half-life that weights are relative to, counted from the epoch.
    epoch: i64,
    /// Event time of the newest score, in seconds.
    newest: i64,
}

/// The monotone, continuous map from raw to calibrated p-values that a cell has learned.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct CalibrationCurve {
    /// The 90 % quantile of x.
    body: f64,
    /// How much slower than nominal the tail falls, at least 1.
    stretch: f64,
}

impl Default for Calibrator {
    fn default() -> Self {
        Self { counts: [[0.0; 8]; ROWS], epoch: i64::MIN, newest: i64::MIN }
    }
}

impl Calibrator {
    /// Takes in one randomised p-value, scored at `time` (seconds of event time). Late scores weigh what they would have.
    pub fn record(&mut self, p: PValue, time: i64) {
        self.advance_to(time.div_euclid(HALF_LIFE_SECONDS));
        self.newest = self.newest.max(time);
        let bin = ((p.nats() / WIDTH) as usize).min(BINS - 1);
        self.counts[bin / 8][bin % 8] += self.weight_at(time);
    }

    /// Takes in all that `other` has seen.
    pub fn merge(&mut self, other: &Self) {
        if other.newest == i64::MIN {
            return;
        }
        self.advance_to(other.epoch);
        self.newest = self.newest.max(other.newest);
        let scale = halvings(self.epoch - other.epoch);
        for (mine, theirs) in self.counts.as_flattened_mut().iter_mut().zip(other.counts.as_flattened()) {
            *mine += scale * theirs;
        }
    }

    /// The decayed number of scores, as of the newest.
    #[must_use]
    pub fn scores(&self) -> f64 {
        let total: f64 = self.counts.as_flattened().iter().sum();
        if total > 0.0 { total / self.weight_at(self.newest) } else { 0.0 }
    }

    /// Whether the cell has seen enough to speak for itself.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.scores() >= SCORES_NEEDED
    }

    /// The learned curve; `None` before [`SCORES_NEEDED`].
    #[must_use]
    pub fn curve(&self) -> Option<CalibrationCurve> {
        self.curve_from(SCORES_NEEDED)
    }

    /// As [`Self::curve`], from another number of scores on: for a cell that has no parent to ask, where a rough curve is
    /// better than none.
    #[must_use]
    pub fn curve_from(&self, scores_needed: f64) -> Option<CalibrationCurve> {
        (self.scores() >= scores_needed).then(|| {
            let body = self.upper_quantile(BODY_TAIL);
            let edge = self.upper_quantile(EDGE_TAIL);
            CalibrationCurve { body, stretch: ((edge - body) / libm::log(BODY_TAIL / EDGE_TAIL)).max(1.0) }
        })
    }

    /// `p` by this cell's curve, else by its parent's, else as it is.
    #[must_use]
    pub fn calibrate(&self, p: PValue, parent: Option<&Self>) -> PValue {
        self.curve().or_else(|| parent?.curve()).map_or(p, |curve| curve.apply(p))
    }

    /// The x that a share `tail` of the scores exceeds; inside a bin the tail falls exponentially.
    fn upper_quantile(&self, tail: f64) -> f64 {
        let total: f64 = self.counts.as_flattened().iter().sum();
        let mut beyond = 0.0;
        for (bin, &count) in self.counts.as_flattened().iter().enumerate().rev() {
            let at_start = (beyond + count) / total;
            if at_start >= tail {
                let start = bin as f64 * WIDTH;
                let at_end = beyond / total;
                if at_end <= 0.0 {
                    return start;
                }
                return start + WIDTH * libm::log(at_start / tail) / libm::log(at_start / at_end);
            }
            beyond += count;
        }
        0.0
    }

    /// Weight of a score at `time` relative to the epoch: 1 to 2 within it, less before.
    fn weight_at(&self, time: i64) -> f64 {
        let since = time.saturating_sub(self.epoch.saturating_mul(HALF_LIFE_SECONDS));
        libm::exp2(since as f64 / HALF_LIFE_SECONDS as f64)
    }

    /// Halves all counts once a half-life: powers of two, so nothing is rounded.
    fn advance_to(&mut self, epoch: i64) {
        if epoch <= self.epoch {
            return;
        }
        let scale = halvings(epoch.saturating_sub(self.epoch));
        for count in self.counts.as_flattened_mut() {
            *count *= scale;
        }
        self.epoch = epoch;
    }
}

/// 2^−n.
fn halvings(n: i64) -> f64 {
    libm::exp2(-(n.min(2_000) as f64))
}

impl CalibrationCurve {
    /// The calibrated p-value: `min(1, 0.1 e^A p)` up to the 90 % quantile A, `0.1 exp(−(x − A)/σ)` beyond.
    #[must_use]
    pub fn apply(&self, p: PValue) -> PValue {
        let x = p.nats();
        let stretch = if x <= self.body { 1.0 } else { self.stretch };
        PValue::clamped(BODY_TAIL * libm::exp((self.body - x) / stretch))
    }

    /// How much slower than nominal the tail falls: 1 is a calibrated model.
    #[must_use]
    pub fn stretch(&self) -> f64 {
        self.stretch
    }
}

#[cfg(test)]
mod tests;
