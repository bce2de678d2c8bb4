//! One score a row for a series of timestamps and values: what `sealwatch score-series` runs.
//!
//! The statistics are those of the detectors: a series of counts has the Gamma–Poisson rate ([`crate::statistics::rate`]), every
//! series the robust location–scale model ([`crate::statistics::location_scale`]) at three widths. The smallest p-value counts,
//! by Bonferroni; the body of the series' own scores recalibrates it ([`crate::statistics::calibration`]'s curve); and an
//! episode is one alert: what follows it is passed over until it has died down or is far more surprising. Streaming, one
//! pass, no look ahead. Widths and half-lives are counted in rows, as nothing is known of a series but its rows.

use std::collections::VecDeque;

use crate::statistics::calibration::Calibrator;
use crate::statistics::location_scale::{LocationPace, LocationScale};
use crate::statistics::rate::{Rate, RateModel, RatePace, RatePrior};
use crate::statistics::{PValue, tie_break};

/// −log₁₀ p that makes the score 1.
pub const FULL_SCORE: f64 = 20.0;

/// Widths of the moving means, in rows.
const WIDTHS: [u32; 3] = [1, 6, 24];
/// Half-life of level and scale, in rows: a week of five minutes.
const HALF_LIFE: f64 = 2_016.0;
/// Rows before the first score.
const WARM_UP: u32 = 100;
/// Half-life, in rows, of the loudness that an episode leaves behind.
const EPISODE_HALF_LIFE: f64 = 200.0;
/// How many times as loud as what is left of the episode a row must be to count as a new one.
const EPISODE_FACTOR: f64 = 2.0;
/// What a row inside an episode keeps of its score: its order, not its loudness.
const INSIDE_EPISODE: f64 = 0.01;
/// Scores a series must have seen before its own body recalibrates it; a series has no parent to ask.
const SCORES_NEEDED: f64 = 200.0;
/// The share of its surprise that a row claims before.
const UNCALIBRATED_SHARE: f64 = 0.3;
/// What the calibrator takes for the seconds of a row: its half-life of 28 days is then four of the level's.
const CALIBRATION_SECONDS: f64 = crate::statistics::calibration::HALF_LIFE_SECONDS as f64 / (4.0 * HALF_LIFE);

/// Scores one series, row by row.
#[derive(Debug, Clone)]
pub struct SeriesScorer {
    counts: Counts,
    means: [MovingMean; WIDTHS.len()],
    calibrator: Calibrator,
    rows: i64,
    /// What is left of the loudest score of the latest episode.
    episode: f64,
}

/// Whether the series is one of counts, as far as it has shown.
#[derive(Debug, Clone)]
enum Counts {
    /// Every value so far was a whole number from 0 on.
    Whole(Box<(RateModel, Option<Rate>)>),
    /// One was not.
    Real,
}

#[derive(Debug, Clone)]
struct MovingMean {
    width: usize,
    pace: LocationPace,
    values: VecDeque<f64>,
    sum: f64,
    model: LocationScale,
}

impl Default for SeriesScorer {
    fn default() -> Self {
        let pace = RatePace {
            half_life: HALF_LIFE,
            dispersion_half_life: 3.0 * HALF_LIFE,
            warm_up: WARM_UP,
            shift_window: 64,
            adoption: 48,
        };
        let means = WIDTHS.map(|width| MovingMean {
            width: width as usize,
            pace: LocationPace::new(HALF_LIFE, WARM_UP.max(3 * width), width),
            values: VecDeque::with_capacity(width as usize + 1),
            sum: 0.0,
            model: LocationScale::default(),
        });
        Self {
            counts: Counts::Whole(Box::new((RateModel::new(pace, RatePrior::default()), None))),
            means,
            calibrator: Calibrator::default(),
            rows: 0,
            episode: 0.0,
        }
    }
}

impl SeriesScorer {
    /// The anomaly score of the next row, from 0 to 1, then learns from it. A value that is no finite number scores 0.
    pub fn score(&mut self, value: f64) -> f64 {
        self.rows += 1;
        if !value.is_finite() {
            return 0.0;
        }
        let mut smallest: Option<PValue> = None;
        let mut tests = 0;
        let mut hear = |p: Option<PValue>| {
            if let Some(p) = p {
                tests += 1;
                smallest = Some(smallest.map_or(p, |smallest| smallest.min(p)));
            }
        };
        for mean in &mut self.means {
            hear(mean.observe(value));
        }
        hear(self.counts.observe(value, self.rows));
        let Some(p) = smallest.map(|p| p.times(tests)) else { return 0.0 };
        let raw = (self.calibrated_decades(p) / FULL_SCORE).min(1.0);
        self.calibrator.record(p, (self.rows as f64 * CALIBRATION_SECONDS) as i64);
        self.once_an_episode(raw)
    }

    fn calibrated_decades(&self, p: PValue) -> f64 {
        match self.calibrator.curve_from(SCORES_NEEDED) {
            Some(curve) => -libm::log10(curve.apply(p).get()),
            None => -libm::log10(p.get()) * UNCALIBRATED_SHARE,
        }
    }

    fn once_an_episode(&mut self, raw: f64) -> f64 {
        self.episode *= libm::exp2(-1.0 / EPISODE_HALF_LIFE);
        if raw > EPISODE_FACTOR * self.episode {
            self.episode = raw;
            raw
        } else {
            raw * INSIDE_EPISODE
        }
    }
}

impl Counts {
    /// The p-value of a count under the rate; `None` where the series is none of counts, or too young.
    fn observe(&mut self, value: f64, row: i64) -> Option<PValue> {
        let whole = value >= 0.0 && value.fract() == 0.0 && value < 9e15;
        let Self::Whole(kept) = self else { return None };
        if !whole {
            *self = Self::Real;
            return None;
        }
        let (model, rate) = &mut **kept;
        let count = value as u64;
        let rate = rate.get_or_insert_with(|| Rate::from_prior(&RatePrior::new(value.max(1.0))));
        let young = rate.bins() < WARM_UP;
        let (score, _) = rate.observe(model, 1.0, count, tie_break(0, "score-series", "", row));
        (!young).then(|| score.two_sided().randomised)
    }
}

impl MovingMean {
    fn observe(&mut self, value: f64) -> Option<PValue> {
        let width = self.width;
        self.values.push_back(value);
        self.sum += value;
        if self.values.len() > width {
            self.sum -= self.values.pop_front().unwrap_or_default();
        }
        if self.values.len() < width {
            return None;
        }
        let mean = self.sum / width as f64;
        let score = self.model.score(&self.pace, mean);
        self.model.update(&self.pace, mean);
        score.map(|score| score.two_sided().randomised)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::trial::Draws;

    fn scores(values: &[f64]) -> Vec<f64> {
        let mut scorer = SeriesScorer::default();
        values.iter().map(|value| scorer.score(*value)).collect()
    }

    fn normal_series(rows: usize) -> Vec<f64> {
        let mut draws = Draws::seeded(95);
        (0..rows).map(|_| 50.0 + 4.0 * draws.normal()).collect()
    }

    #[test]
    fn an_episode_is_one_alert() {
        let mut values = normal_series(2_000);
        values[1_500..1_530].fill(120.0);
        let scores = scores(&values);
        let loudest = scores[1_500];
        assert!(loudest > 0.2, "{loudest}");
        assert!(scores[1_501..].iter().all(|score| *score < 0.5 * loudest));
        assert!(scores[..1_500].iter().all(|score| *score < 0.5 * loudest));
    }

    #[test]
    fn a_count_is_judged_as_a_count_and_a_reading_as_a_reading() {
        let mut draws = Draws::seeded(96);
        let counts: Vec<f64> = (0..1_500).map(|_| draws.poisson(3.0) as f64).chain([40.0]).collect();
        assert!(scores(&counts)[1_500] > 0.3);
        let mut scorer = SeriesScorer::default();
        for value in [1.0, 2.0] {
            scorer.score(value);
        }
        assert!(matches!(scorer.counts, Counts::Whole(_)));
        scorer.score(2.5);
        assert!(matches!(scorer.counts, Counts::Real));
    }

    #[test]
    fn a_score_depends_on_the_past_alone() {
        let values = normal_series(1_200);
        let whole = scores(&values);
        assert_eq!(whole[..700], scores(&values[..700]));
    }

    #[test]
    fn a_young_or_flat_series_is_silent() {
        assert!(scores(&[7.0; 3_000]).iter().all(|score| *score < 0.15));
        assert!(scores(&normal_series(99)).iter().all(|score| *score <= 0.0));
    }

    #[test]
    fn every_score_lies_between_0_and_1() {
        let mut values = normal_series(600);
        values.extend([f64::NAN, f64::INFINITY, -1e300, 1e300, 0.0, 9e15, -0.0]);
        assert!(scores(&values).iter().all(|score| (0.0..=1.0).contains(score)));
    }
}
