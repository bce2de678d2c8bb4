//! How surprising a real-valued reading is: a robust level and scale, with tails as heavy as the series has shown.
//!
//! The M-estimate of location and scale by a recursive, winsorised filter (Huber 1964; Gelper, Fried & Croux, Journal of
//! Forecasting 2010, for exponential smoothing), and a mixture of Student tails over a grid of degrees of freedom, learned
//! as dispersions are (`grid_weights.rs`). What is learned is winsorised, what is scored never is.

use super::grid_weights;
use super::p_value::{PValue, Tail};
use super::special::{ln_gamma, student_upper};
use serde::{Deserialize, Serialize};

/// The degrees of freedom between which the weights are learned: from nearly Cauchy to nearly normal.
pub const FREEDOM_GRID: [f64; 4] = [2.0, 4.0, 10.0, 60.0];

const GRID: usize = FREEDOM_GRID.len();

/// Scales beyond which a reading teaches no more than the bound itself. Wider than for counts, as a scale that is itself
/// learned from winsorised deviations must be able to grow.
const WINSOR_SCALES: f64 = 8.0;

/// The most nats by which one reading may set a tail back: at four, as for counts, the body of a heavy-tailed series outvotes
/// its few far readings, and three times the nominal alarms at p = 1e-3 came of it.
const CLIP_NATS: f64 = 8.0;

/// Mean absolute deviation of a normal distribution to its standard deviation, √(π/2).
const MEAN_DEVIATION_TO_SCALE: f64 = 1.253_314_137_315_5;

/// The least scale that is believed, as a share of the level: a flat series does not make the next digit a wonder.
const SCALE_FLOOR: f64 = 0.003;

/// And where the level is zero, this.
const LEAST_SCALE: f64 = 1e-12;

/// Half-life of the weights over the tails, in half-lives of the level.
const TAIL_MEMORY: f64 = 3.0;

/// How fast a level is learned, in readings.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct LocationPace {
    half_life: f64,
    warm_up: u32,
    overlap: u32,
}

impl LocationPace {
    /// With this half-life (at least one reading), nothing scored before `warm_up` readings. Where each reading is the mean
    /// over a window that moves on by one, `overlap` is that window's width: so many readings are one independent one.
    #[must_use]
    pub fn new(half_life: f64, warm_up: u32, overlap: u32) -> Self {
        let half_life = if half_life.is_nan() { 1.0 } else { half_life.max(1.0) };
        Self { half_life, warm_up: warm_up.max(2), overlap: overlap.max(1) }
    }
}

/// What is known about one series. At most 45 bytes serialised.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LocationScale {
    level: f64,
    scale: f64,
    log_weights: [f32; GRID],
    readings: u32,
}

/// How surprising a reading is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LocationScore {
    /// The level that was expected.
    pub expected: f64,
    /// The scale around it.
    pub scale: f64,
    /// This high or higher.
    pub upper: PValue,
    /// This low or lower.
    pub lower: PValue,
}

impl LocationScore {
    /// Against both sides.
    #[must_use]
    pub fn two_sided(&self) -> Tail {
        Tail::continuous(self.upper.min(self.lower).times(2).get())
    }
}

impl LocationScale {
    /// Readings learned from so far.
    #[must_use]
    pub fn readings(&self) -> u32 {
        self.readings
    }

    /// The level.
    #[must_use]
    pub fn level(&self) -> f64 {
        self.level
    }

    /// How surprising `reading` is, by the past alone; `None` before the warm-up, and of what is no number.
    #[must_use]
    pub fn score(&self, pace: &LocationPace, reading: f64) -> Option<LocationScore> {
        if self.readings < pace.warm_up || !reading.is_finite() {
            return None;
        }
        let scale = self.predictive_scale(pace);
        let z = (reading - self.level) / scale;
        let weights = grid_weights::weights(&self.log_weights);
        let mixed = |z: f64| {
            let tails = weights.iter().zip(&FREEDOM_GRID);
            PValue::clamped(tails.map(|(weight, freedom)| weight * student_upper(z, *freedom)).sum())
        };
        Some(LocationScore { expected: self.level, scale, upper: mixed(z), lower: mixed(-z) })
    }

    /// Learns from one reading. What is no number teaches nothing.
    pub fn update(&mut self, pace: &LocationPace, reading: f64) {
        if !reading.is_finite() {
            return;
        }
        if self.readings == 0 {
            (self.level, self.readings) = (reading, 1);
            return;
        }
        let scale = self.predictive_scale(pace);
        let settled = self.readings >= pace.warm_up;
        let reach = if settled { WINSOR_SCALES } else { f64::INFINITY };
        let z = ((reading - self.level) / scale).clamp(-reach, reach);
        let learned = z * scale;
        // A young level is a plain mean, a known one decays.
        let own = 1.0 / (f64::from(self.readings) + 1.0);
        let share = own.max(1.0 - libm::exp2(-1.0 / pace.half_life));
        self.level += share * learned;
        self.scale += share * (MEAN_DEVIATION_TO_SCALE * learned.abs() - self.scale);
        self.learn_tails(pace, z);
        self.readings = self.readings.saturating_add(1);
    }

    fn predictive_scale(&self, pace: &LocationPace) -> f64 {
        let independent = f64::from(self.readings).min(pace.half_life) / f64::from(pace.overlap);
        let floor = (SCALE_FLOOR * self.level.abs()).max(LEAST_SCALE);
        self.scale.max(floor) * (1.0 + 1.0 / independent.max(LEAST_SCALE)).sqrt()
    }

    fn learn_tails(&mut self, pace: &LocationPace, z: f64) {
        let density = |freedom: f64| {
            let half = 0.5 * (freedom + 1.0);
            libm::exp(
                ln_gamma(half)
                    - ln_gamma(0.5 * freedom)
                    - 0.5 * libm::log(freedom)
                    - half * libm::log1p(z * z / freedom),
            )
        };
        let keep = libm::exp2(-1.0 / (TAIL_MEMORY * pace.half_life));
        let prior = [0.0; GRID];
        let times = 1.0 / f64::from(pace.overlap);
        let densities = FREEDOM_GRID.map(density);
        grid_weights::learn_within(CLIP_NATS, &mut self.log_weights, &prior, &densities, keep, times);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::trial::{Draws, exceedance, kolmogorov_p};

    const PACE: (f64, u32) = (2_000.0, 50);

    fn pace() -> LocationPace {
        LocationPace::new(PACE.0, PACE.1, 1)
    }

    fn after(readings: impl IntoIterator<Item = f64>) -> LocationScale {
        let mut series = LocationScale::default();
        for reading in readings {
            series.update(&pace(), reading);
        }
        series
    }

    /// Two-sided p-values of a stationary series, after what it takes to learn it.
    fn learned(draw: impl Fn(&mut Draws) -> f64) -> Vec<f64> {
        let mut draws = Draws::seeded(90);
        let mut series = LocationScale::default();
        let mut values = Vec::new();
        for at in 0..25_000 {
            let reading = draw(&mut draws);
            if let (true, Some(score)) = (at >= 1_000, series.score(&pace(), reading)) {
                values.push(score.two_sided().randomised.get());
            }
            series.update(&pace(), reading);
        }
        values
    }

    #[test]
    fn learned_p_values_of_a_normal_series_are_uniform() {
        let values = learned(|draws| 40.0 + 3.0 * draws.normal());
        for (level, low, high) in [(0.1, 0.85, 1.15), (1e-2, 0.6, 1.4), (1e-3, 0.2, 2.2)] {
            let ratio = exceedance(&values, level);
            assert!((low..=high).contains(&ratio), "{level}: {ratio}");
        }
        let mut sample: Vec<f64> = values.into_iter().step_by(20).collect();
        assert!(kolmogorov_p(&mut sample) > 0.01);
    }

    #[test]
    fn heavy_tails_are_learned() {
        let values = learned(|draws| draws.normal() / (draws.gamma(1.5) / 1.5).sqrt());
        for (level, low, high) in [(1e-2, 0.4, 1.6), (1e-3, 0.2, 2.2)] {
            let ratio = exceedance(&values, level);
            assert!((low..=high).contains(&ratio), "{level}: {ratio}");
        }
    }

    #[test]
    fn nothing_is_said_before_the_warm_up() {
        assert!(after((0..49).map(f64::from)).score(&pace(), 1e9).is_none());
        assert!(after((0..50).map(f64::from)).score(&pace(), 1e9).is_some());
    }

    #[test]
    fn a_flat_series_does_not_make_the_next_digit_a_wonder() {
        let flat = after([20.0; 500]);
        assert!(flat.score(&pace(), 20.1).unwrap().two_sided().exact.bits() < 8.0);
        assert!(flat.score(&pace(), 40.0).unwrap().two_sided().exact.bits() > 20.0);
    }

    #[test]
    fn one_wild_day_does_not_hide_the_next() {
        let mut draws = Draws::seeded(91);
        let mut series = after((0..2_000).map(|_| 10.0 + draws.normal()));
        let level = series.level();
        for _ in 0..20 {
            series.update(&pace(), 1e6);
        }
        // The tails have become heavier, which is what the day showed; level and scale have hardly moved.
        assert!((series.level() - level).abs() < 0.5, "{}", series.level());
        let again = series.score(&pace(), 40.0).unwrap();
        assert!(again.scale < 2.0 && again.upper.bits() > 8.0, "{again:?}");
    }

    #[test]
    fn what_is_no_number_says_and_teaches_nothing() {
        let mut series = after([1.0, 2.0, 3.0].into_iter().cycle().take(100));
        let before = series.clone();
        for reading in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert!(series.score(&pace(), reading).is_none());
            series.update(&pace(), reading);
        }
        assert_eq!(series, before);
        assert!(series.score(&LocationPace::new(f64::NAN, 0, 0), 1e300).unwrap().upper.get() > 0.0);
    }

    #[test]
    fn the_state_is_small() {
        assert!(postcard::to_allocvec(&after([1.5; 100_000])).unwrap().len() <= 45);
    }
}
