//! How surprising an hour of the day is for somebody: a smoothed circular histogram, ranked by density.
//!
//! A kernel density estimate on the circle with von Mises kernels (Fisher, Statistical Analysis of Circular Data, 1993, §2.2),
//! averaged over four concentrations from half a day wide to a single hour, so that neither a night shift nor a cron job at
//! 03:00 is smoothed away. The p-value is the mass of the hours that are at most as usual. What is counted is active hours.

use super::p_value::Tail;
use serde::{Deserialize, Serialize};

/// The share of an active hour that counts for the hour so far from it; by `kernel_of` of the tests, as it is asked for 576 times a look.
const KERNEL: [f64; HOURS / 2 + 1] = [
    0.4987722661301324,
    0.13806526950806136,
    0.053252397291812636,
    0.025791205839442746,
    0.013751518339623953,
    0.00786114560697554,
    0.004593907399490126,
    0.002726184848240851,
    0.001681487727674103,
    0.00111101786778176,
    0.0008084732094126954,
    0.0006620449049018773,
    0.0006184287830329229,
];
/// Hours on the circle.
const HOURS: usize = 24;
/// Active hours that the uniform prior is worth.
const PRIOR_WORTH: f64 = 4.0;
/// Half-life of an active hour, in days.
const HALF_LIFE_DAYS: f64 = 90.0;

/// The hours at which somebody was active. 97 bytes serialised.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ActiveHours {
    counts: [f32; HOURS],
}

impl ActiveHours {
    /// Decayed active hours behind it.
    #[must_use]
    pub fn observations(&self) -> f64 {
        self.counts.iter().map(|count| f64::from(*count)).sum()
    }

    /// The density of each hour; they add up to one.
    #[must_use]
    pub fn densities(&self) -> [f64; HOURS] {
        let total = self.observations();
        let mut smooth = [0.0; HOURS];
        for (hour, count) in self.counts.iter().enumerate().filter(|(_, count)| **count > 0.0) {
            for (at, sum) in smooth.iter_mut().enumerate() {
                *sum += f64::from(*count) * kernel(hour.abs_diff(at));
            }
        }
        smooth.map(|mass| (mass + PRIOR_WORTH / HOURS as f64) / (total + PRIOR_WORTH))
    }

    /// How surprising `hour` (0 to 23, others wrap) is, with the tie break `u` in [0, 1).
    #[must_use]
    pub fn score(&self, hour: usize, u: f64) -> Tail {
        let densities = self.densities();
        let own = densities[hour % HOURS];
        // Symmetric hours differ in the last digit only.
        let slack = own * 1e-9;
        let rarer: f64 = densities.iter().filter(|density| **density < own - slack).sum();
        let equal: f64 = densities.iter().filter(|density| (**density - own).abs() <= slack).sum();
        Tail::new(rarer, equal, u)
    }

    /// Learns that somebody was active in `hour`, `days` after the last active hour. Call it once an active hour.
    pub fn update(&mut self, hour: usize, days: f64) {
        let days = if days.is_finite() { days.max(0.0) } else { 0.0 };
        let keep = libm::exp2(-days / HALF_LIFE_DAYS) as f32;
        for count in &mut self.counts {
            *count *= keep;
        }
        self.counts[hour % HOURS] += 1.0;
    }
}

fn kernel(apart: usize) -> f64 {
    KERNEL[apart.min(HOURS - apart)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::trial::{Draws, exceedance};

    /// Concentrations κ of the kernels; the fourth kernel is the hour itself.
    const CONCENTRATIONS: [f64; 3] = [2.0, 8.0, 30.0];

    /// What the table holds, from its definition.
    fn kernel_of(apart: usize) -> f64 {
        let turn = |hours: usize| std::f64::consts::TAU * hours as f64 / HOURS as f64;
        let von_mises = |kappa: f64| {
            let at = |hours: usize| libm::exp(kappa * (libm::cos(turn(hours)) - 1.0));
            at(apart) / (0..HOURS).map(at).sum::<f64>()
        };
        let smooth: f64 = CONCENTRATIONS.iter().map(|kappa| von_mises(*kappa)).sum();
        let itself = if apart == 0 { 1.0 } else { 0.0 };
        (smooth + itself) / (CONCENTRATIONS.len() + 1) as f64
    }

    #[test]
    fn the_table_holds_the_kernel() {
        for (apart, share) in KERNEL.iter().enumerate() {
            assert!((share - kernel_of(apart)).abs() < 1e-12, "{apart}");
        }
    }

    #[test]
    fn a_night_is_foreign_to_office_hours() {
        let mut hours = ActiveHours::default();
        for day in 0..100 {
            for hour in 8..18 {
                hours.update(hour, if hour == 8 && day > 0 { 0.6 } else { 0.04 });
            }
        }
        assert!(hours.score(3, 0.5).exact.bits() > 6.5, "{}", hours.score(3, 0.5).exact.bits());
        assert!(hours.score(12, 0.5).exact.bits() < 2.0);
        // The hour beside the usual ones is less foreign than midnight.
        assert!(hours.score(18, 0.5).exact > hours.score(0, 0.5).exact);
    }

    #[test]
    fn a_cron_job_keeps_its_hour_across_midnight() {
        let mut hours = ActiveHours::default();
        for _ in 0..60 {
            hours.update(23, 1.0);
        }
        assert!(hours.score(23, 0.5).exact.bits() < 0.01);
        assert!(hours.score(0, 0.5).exact > hours.score(11, 0.5).exact);
    }

    #[test]
    fn nothing_is_known_of_a_stranger() {
        let score = ActiveHours::default().score(5, 0.25);
        assert!((score.exact.get() - 1.0).abs() < 1e-9 && (score.randomised.get() - 0.25).abs() < 1e-9);
    }

    #[test]
    fn learned_p_values_are_not_too_small() {
        let mut draws = Draws::seeded(98);
        let mut values = Vec::new();
        for _ in 0..200 {
            let centre = draws.uniform() * 24.0;
            let mut hours = ActiveHours::default();
            for at in 0..200 {
                let hour = (centre + 3.0 * draws.normal()).rem_euclid(24.0) as usize % 24;
                let u = draws.uniform();
                if at >= 60 {
                    values.push(hours.score(hour, u).randomised.get());
                }
                hours.update(hour, 0.3);
            }
        }
        // Smoothing and prior take mass from the usual hours, so p-values are too large: half the nominal looks at 0.1, a
        // tenth at 0.01. That costs power and no false alarm.
        for (level, high) in [(0.1, 1.2), (1e-2, 1.6), (1e-3, 2.2)] {
            let ratio = exceedance(&values, level);
            assert!(ratio <= high, "{level}: {ratio}");
        }
    }

    #[test]
    fn hours_and_days_that_are_none_do_no_harm() {
        let mut hours = ActiveHours::default();
        hours.update(99, f64::NAN);
        hours.update(3, f64::NEG_INFINITY);
        assert!((hours.densities().iter().sum::<f64>() - 1.0).abs() < 1e-9);
        assert!(hours.score(1_000, 0.0).exact.get() > 0.0);
        assert!(postcard::to_allocvec(&hours).unwrap().len() <= 97);
    }
}
