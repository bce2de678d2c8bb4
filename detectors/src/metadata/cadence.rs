//! When an artifact is published: the gaps between its versions, and its hours of the day.

use serde::{Deserialize, Serialize};

use super::field::{DriftField, Reading, Readings};
use crate::change_lane::shown_time_apart;
use crate::event::{EventTime, Span};
use crate::statistics::log_normal::{LogNormal, LogNormalPrior};

/// A gap is foreign when one as long (or as short) comes once in fifty (or in twenty) releases: many projects follow
/// a release with a repair within minutes, few wake after years.
const FOREIGN_LONG: f64 = 0.02;
const FOREIGN_SHORT: f64 = 0.05;
/// Publishes from which hours of the day say anything.
const HOURS_NEEDED: u32 = 8;
/// An hour is foreign when hours as rare hold one publish in twenty.
const FOREIGN_HOUR: f64 = 0.05;
/// Counts of hours are halved when their sum reaches this: a half-life of some hundred publishes.
const MOST_HOURS: u32 = 200;
/// How sharply publishes at one hour stand for those around it (κ of the circular kernel), and what all hours together
/// weigh beforehand.
const KERNEL: f64 = 8.0;
const EVEN_WORTH: f64 = 4.0;

/// The rhythm of one artifact.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct Cadence {
    gaps: LogNormal,
    hours: [u8; 24],
}

/// What is believed of gaps before any is known: two weeks, within a factor of e² or so.
fn prior() -> LogNormalPrior {
    LogNormalPrior::new(14.0 * 24.0, 2.0, 2.0)
}

impl Cadence {
    /// The usual gap.
    pub(super) fn usual_gap(&self) -> Span {
        Span::secs((self.gaps.typical(&prior()) * 3_600.0) as i64)
    }

    pub(super) fn read(&self, last: Option<EventTime>, now: EventTime, readings: &mut Readings) {
        if let Some(last) = last.filter(|_| self.gaps.observations() > 0.0) {
            let gap = now.since(last);
            let usual = || shown_time_apart(self.usual_gap());
            let long = self.gaps.upper(&prior(), hours(gap)).get() <= FOREIGN_LONG;
            let short = self.gaps.lower(&prior(), hours(gap)).get() <= FOREIGN_SHORT;
            readings.set(DriftField::Dormant, Reading::of(long, usual, || shown_time_apart(gap)));
            readings.set(DriftField::Hurried, Reading::of(short, usual, || shown_time_apart(gap)));
        }
        let total: u32 = self.hours.iter().map(|count| u32::from(*count)).sum();
        if total >= HOURS_NEEDED {
            let hour = hour_of_day(now);
            let foreign = self.rarity(hour) <= FOREIGN_HOUR;
            let shown = || format!("{hour:02} h UTC");
            readings.set(DriftField::OddHour, Reading::of(foreign, || "its usual hours".to_owned(), shown));
        }
    }

    pub(super) fn learn(&mut self, last: Option<EventTime>, now: EventTime) {
        if let Some(last) = last {
            self.gaps.update(hours(now.since(last)));
        }
        let total: u32 = self.hours.iter().map(|count| u32::from(*count)).sum();
        if total >= MOST_HOURS {
            self.hours = self.hours.map(|count| count / 2);
        }
        let hour = usize::from(hour_of_day(now));
        self.hours[hour] = self.hours[hour].saturating_add(1);
    }

    /// How much of its publishing falls on hours that are as rare as this one.
    fn rarity(&self, hour: u8) -> f64 {
        let kernel: [f64; 24] = std::array::from_fn(|apart| {
            libm::exp(KERNEL * (libm::cos(std::f64::consts::TAU * apart as f64 / 24.0) - 1.0))
        });
        let width: f64 = kernel.iter().sum();
        let total: f64 = self.hours.iter().map(|count| f64::from(*count)).sum();
        let density: [f64; 24] = std::array::from_fn(|at| {
            let near = self
                .hours
                .iter()
                .enumerate()
                .map(|(other, count)| f64::from(*count) * kernel[at.abs_diff(other)]);
            (near.sum::<f64>() / width + EVEN_WORTH / 24.0) / (total + EVEN_WORTH)
        });
        let own = density[usize::from(hour)];
        density.iter().filter(|other| **other <= own * (1.0 + 1e-9)).sum()
    }
}

/// A gap as it is learned, in hours; a minute more, so that seconds do not count as orders of magnitude.
fn hours(gap: Span) -> f64 {
    gap.as_hours_f64() + 1.0 / 60.0
}

fn hour_of_day(time: EventTime) -> u8 {
    let seconds = time.nanos().div_euclid(1_000_000_000).rem_euclid(86_400);
    u8::try_from(seconds / 3_600).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Thirty publishes a week apart at ten, then one more.
    fn read(gap: Span) -> Vec<DriftField> {
        let mut cadence = Cadence::default();
        let mut last = None;
        let mut now = EventTime::parse("2026-01-05T10:20:00Z").unwrap();
        for _ in 0..30 {
            cadence.learn(last, now);
            last = Some(now);
            now = now.plus(Span::days(7));
        }
        let mut readings = Readings::default();
        cadence.read(last, last.unwrap().plus(gap), &mut readings);
        readings.chances().filter(|(_, changed)| *changed).map(|(field, _)| field).collect()
    }

    #[test]
    fn gaps_and_hours_foreign_to_the_rhythm_are_found() {
        assert_eq!(read(Span::days(7)), []);
        assert_eq!(read(Span::days(9)), []);
        assert_eq!(read(Span::hours(7 * 24 + 1)), []);
        assert_eq!(read(Span::minutes(6)), [DriftField::Hurried]);
        assert_eq!(read(Span::days(700)), [DriftField::Dormant]);
        assert_eq!(read(Span::hours(7 * 24 + 12)), [DriftField::OddHour]);
    }

    #[test]
    fn without_a_past_nothing_is_foreign() {
        let mut readings = Readings::default();
        Cadence::default().read(None, EventTime::from_secs(0), &mut readings);
        assert_eq!(readings.chances().count(), 0);
    }

    #[test]
    fn counts_of_hours_stay_bounded() {
        let mut cadence = Cadence::default();
        for _ in 0..10_000 {
            cadence.learn(None, EventTime::from_secs(0));
        }
        assert!(u32::from(cadence.hours[0]) <= MOST_HOURS);
    }
}
