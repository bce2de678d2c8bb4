//! How surprising a change of size is: a Student t around the median of the last twenty log ratios, with the MAD for its scale.
//!
//! Median and median absolute deviation (Hampel 1974; Rousseeuw & Croux 1993) are not moved by a few odd releases, so the one
//! odd release that matters cannot hide behind the last one.

use super::p_value::PValue;
use super::special::student_upper;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// How many of the last values are kept.
pub const KEPT: usize = 20;

/// The standard deviation of ln ratio that is expected of an unknown subject, and how many values that is worth.
const PRIOR_DEVIATION: f64 = 0.35;
const PRIOR_WORTH: f64 = 3.0;

/// The MAD of a normal distribution is this fraction of its standard deviation.
const MAD_TO_DEVIATION: f64 = 1.482_602_218_505_602;

/// The least scale that is believed: releases of one size to the byte do not make the next byte a wonder.
const SCALE_FLOOR: f64 = 0.02;

/// A ratio beyond e^±30 is taken as that.
const LN_BOUNDS: f64 = 30.0;

/// The last log ratios of one subject's sizes. At most 81 bytes serialised.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RobustScale {
    values: VecDeque<f32>,
}

impl RobustScale {
    /// How many values are known, at most [`KEPT`].
    #[must_use]
    pub fn observations(&self) -> usize {
        self.values.len()
    }

    /// P(a ratio at least this far from the usual one, up or down).
    ///
    /// `ratio` is new size over old size; what is no positive number says nothing.
    #[must_use]
    pub fn surprise(&self, ratio: f64) -> PValue {
        let Some(value) = ln_ratio(ratio) else { return PValue::ONE };
        let (centre, scale) = self.centre_and_scale();
        let freedom = self.values.len() as f64 + PRIOR_WORTH;
        PValue::clamped(2.0 * student_upper((value - centre).abs() / scale, freedom))
    }

    /// The usual ratio.
    #[must_use]
    pub fn typical(&self) -> f64 {
        libm::exp(self.centre_and_scale().0)
    }

    /// Learns from one ratio; the oldest of more than [`KEPT`] is forgotten.
    pub fn update(&mut self, ratio: f64) {
        let Some(value) = ln_ratio(ratio) else { return };
        while self.values.len() >= KEPT {
            self.values.pop_front();
        }
        self.values.push_back(value as f32);
    }

    fn centre_and_scale(&self) -> (f64, f64) {
        let n = self.values.len() as f64;
        // An unknown subject's ratio is one: shrink the median as if a few such ratios had been seen.
        let own: Vec<f64> = self.values.iter().map(|v| f64::from(*v)).collect();
        let centre = median(own.clone()) * n / (n + 1.0);
        let deviation = MAD_TO_DEVIATION * median(own.into_iter().map(|v| (v - centre).abs()).collect());
        let squares = n * deviation * deviation + PRIOR_WORTH * PRIOR_DEVIATION * PRIOR_DEVIATION;
        let variance = squares / (n + PRIOR_WORTH);
        (centre, (variance * (1.0 + 1.0 / (n + 1.0))).sqrt().max(SCALE_FLOOR))
    }
}

/// The lower of the two middle values for an even number; 0 of none.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let n = values.len();
    match n {
        0 => 0.0,
        n if n % 2 == 1 => values[n / 2],
        n => 0.5 * (values[n / 2 - 1] + values[n / 2]),
    }
}

fn ln_ratio(ratio: f64) -> Option<f64> {
    (ratio > 0.0).then(|| libm::log(ratio).clamp(-LN_BOUNDS, LN_BOUNDS))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::trial::{Draws, exceedance};

    fn after(ratios: impl IntoIterator<Item = f64>) -> RobustScale {
        let mut scale = RobustScale::default();
        for ratio in ratios {
            scale.update(ratio);
        }
        scale
    }

    #[test]
    fn an_unknown_subject_has_the_prior_scale() {
        let fresh = RobustScale::default();
        assert!(fresh.surprise(1.0).get() > 0.99);
        let (twice, tenfold) = (fresh.surprise(2.0), fresh.surprise(10.0));
        assert!((0.1..0.5).contains(&twice.get()), "{twice:?}");
        assert!((0.005..0.05).contains(&tenfold.get()), "{tenfold:?}");
    }

    #[test]
    fn up_and_down_surprise_alike() {
        let scale = after([1.02, 0.99, 1.0, 1.01, 0.98].into_iter().cycle().take(20));
        let (up, down) = (scale.surprise(3.0).bits(), scale.surprise(1.0 / 3.0).bits());
        assert!(up > 12.0 && (up - down).abs() < 0.5, "{up} {down}");
    }

    #[test]
    fn sizes_that_never_change_do_not_make_the_next_byte_a_wonder() {
        let scale = after([1.0; 40]);
        assert_eq!(scale.observations(), KEPT);
        assert!(scale.surprise(1.001).get() > 0.5);
        assert!(scale.surprise(5.0).bits() > 15.0);
    }

    #[test]
    fn a_few_odd_releases_do_not_hide_the_next() {
        let clean = after([1.01, 0.99, 1.0, 1.02, 0.98].into_iter().cycle().take(20));
        let odd = after([1.01, 0.99, 8.0, 1.02, 0.98].into_iter().cycle().take(20));
        assert!(odd.surprise(8.0).bits() > 0.5 * clean.surprise(8.0).bits());
        assert!((odd.typical() - 1.0).abs() < 0.1);
    }

    #[test]
    fn learned_p_values_are_calibrated_for_ordinary_spreads() {
        let mut draws = Draws::seeded(70);
        let mut values = Vec::new();
        for _ in 0..400 {
            let mut scale = RobustScale::default();
            for index in 0..60 {
                let ratio = libm::exp(0.3 * draws.normal());
                if index >= 20 {
                    values.push(scale.surprise(ratio).get());
                }
                scale.update(ratio);
            }
        }
        for (level, low, high) in [(0.1, 0.7, 1.25), (1e-2, 0.4, 1.7), (1e-3, 0.1, 2.2)] {
            let ratio = exceedance(&values, level);
            assert!((low..=high).contains(&ratio), "{level}: {ratio}");
        }
    }

    #[test]
    fn what_is_no_ratio_says_and_teaches_nothing() {
        let mut scale = RobustScale::default();
        for ratio in [f64::NAN, 0.0, -1.0, f64::NEG_INFINITY] {
            assert_eq!(scale.surprise(ratio), PValue::ONE);
            scale.update(ratio);
        }
        assert_eq!(scale.observations(), 0);
        scale.update(f64::INFINITY);
        assert!(scale.surprise(f64::INFINITY).get() > 0.0);
    }

    #[test]
    fn the_state_is_small() {
        let bytes = postcard::to_allocvec(&after([1.5; 100])).unwrap();
        assert!(bytes.len() <= 81);
    }
}
