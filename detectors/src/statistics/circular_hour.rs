//! At which hours of the day something happens, as a circle: how surprising one more at a given hour is.
//!
//! A kernel estimate on the circle of 24 hours, an equal mixture of four widths (κ = 2, 8, 30, and the hour itself), with
//! four events' worth of an even day. The p-value is the mass of all hours that are as rare as this one or rarer, ties
//! split by the draw; any fixed order of the hours gives a valid p-value. Kernel densities on the circle: Taylor,
//! "Automatic bandwidth selection for circular density estimation", Computational Statistics & Data Analysis 2008;
//! no von Mises likelihood is needed, since only the order of hours counts.

use serde::{Deserialize, Serialize};

use super::Tail;
use crate::event::EventTime;

/// Hours of a day.
const HOURS: usize = 24;
/// Concentrations of the kernels; none is the hour itself.
const CONCENTRATIONS: [Option<f64>; 4] = [Some(2.0), Some(8.0), Some(30.0), None];
/// What an even day weighs beforehand, in events.
const EVEN_WORTH: f64 = 4.0;
/// Counts are halved when their sum reaches this, so that habits may change.
const MOST: u32 = 400;

/// How often something happened at each hour of the day: 24 small numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct CircularHours([u16; HOURS]);

impl CircularHours {
    /// Events counted, after forgetting.
    #[must_use]
    pub fn observations(&self) -> u32 {
        self.0.iter().map(|count| u32::from(*count)).sum()
    }

    /// How surprising an event at this hour is; `u` in [0, 1) splits ties.
    #[must_use]
    pub fn tail(&self, hour: u8, u: f64) -> Tail {
        let density = self.density();
        let own = density[usize::from(hour) % HOURS];
        let rarer: f64 = density.iter().filter(|other| **other < own * (1.0 - 1e-9)).sum();
        let alike: f64 = density.iter().filter(|other| (**other / own - 1.0).abs() <= 1e-9).sum();
        Tail::new(rarer, alike, u)
    }

    /// Counts one event at this hour.
    pub fn update(&mut self, hour: u8) {
        if self.observations() >= MOST {
            self.0 = self.0.map(|count| count / 2);
        }
        let count = &mut self.0[usize::from(hour) % HOURS];
        *count = count.saturating_add(1);
    }

    /// The hours between which most of it happens, as people say it: the shortest stretch with nine in ten events.
    #[must_use]
    pub fn usual(&self) -> (u8, u8) {
        let needed = self.observations() * 9;
        let stretch = |from: usize, length: usize| {
            (from..from + length).map(|at| u32::from(self.0[at % HOURS])).sum::<u32>() * 10
        };
        for length in 1..=HOURS {
            if let Some(from) = (0..HOURS).find(|from| stretch(*from, length) >= needed) {
                return (from as u8, ((from + length) % HOURS) as u8);
            }
        }
        (0, 0)
    }

    fn density(&self) -> [f64; HOURS] {
        let total = f64::from(self.observations());
        let kernels = CONCENTRATIONS.map(kernel);
        std::array::from_fn(|at| {
            let near: f64 = (self.0.iter().enumerate())
                .map(|(other, count)| {
                    let apart = at.abs_diff(other);
                    let weight: f64 = kernels.iter().map(|kernel| kernel[apart]).sum();
                    f64::from(*count) * weight / kernels.len() as f64
                })
                .sum();
            (near + EVEN_WORTH / HOURS as f64) / (total + EVEN_WORTH)
        })
    }
}

/// The share of an event at one hour that stands for the hour so many hours apart; sums to one over the circle.
fn kernel(concentration: Option<f64>) -> [f64; HOURS] {
    let Some(kappa) = concentration else {
        return std::array::from_fn(|apart| f64::from(u8::from(apart == 0)));
    };
    let raw: [f64; HOURS] = std::array::from_fn(|apart| {
        libm::exp(kappa * (libm::cos(std::f64::consts::TAU * apart as f64 / HOURS as f64) - 1.0))
    });
    let sum: f64 = raw.iter().sum();
    raw.map(|weight| weight / sum)
}

/// The hour of the day of a moment, in UTC.
#[must_use]
pub fn hour_of_day(time: EventTime) -> u8 {
    let seconds = time.nanos().div_euclid(1_000_000_000).rem_euclid(86_400);
    u8::try_from(seconds / 3_600).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::change_lane::draws::{Draws, exceedance};

    #[test]
    fn a_night_is_foreign_to_who_works_by_day() {
        let mut hours = CircularHours::default();
        assert!((hours.tail(3, 0.5).exact.get() - 1.0).abs() < 1e-9);
        for at in 0..200_u32 {
            hours.update(8 + (at % 9) as u8);
        }
        assert!(hours.tail(12, 0.5).exact.get() > 0.05);
        assert!(hours.tail(17, 0.5).exact.get() > hours.tail(20, 0.5).exact.get());
        assert!(hours.tail(3, 0.5).exact.get() < 0.03, "{:?}", hours.tail(3, 0.5));
        assert_eq!(hours.usual(), (8, 17));
    }

    #[test]
    fn counts_are_bounded() {
        let mut hours = CircularHours::default();
        for _ in 0..10_000 {
            hours.update(23);
        }
        assert!(hours.observations() <= MOST);
    }

    #[test]
    fn learned_hours_give_p_values_that_are_near_uniform() {
        let mut draws = Draws::seeded(11);
        let mut values = Vec::new();
        for _ in 0..400 {
            let (middle, width) = (draws.uniform() * 24.0, 1.0 + 4.0 * draws.uniform());
            let mut hours = CircularHours::default();
            for at in 0..120 {
                let hour = (middle + width * draws.normal()).rem_euclid(24.0) as u8;
                if at >= 60 {
                    values.push(hours.tail(hour, draws.uniform()).randomised.get());
                }
                hours.update(hour);
            }
        }
        // The bands of methods c for the circular hour: 0.57–0.98 and 0.74–1.64.
        for (level, most) in [(0.1, 1.3), (0.01, 1.5), (0.001, 2.0)] {
            let ratio = exceedance(&values, level);
            assert!(ratio < most, "{level}: {ratio}");
        }
    }
}
