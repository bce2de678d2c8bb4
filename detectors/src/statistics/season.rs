//! The rhythm of the week: how an hour of the day and a day of the week differ from the level.
//!
//! Two profiles multiply: hour of the day, apart for working days and weekends, and day of the week. Each place of a profile
//! is a decayed ratio of events to what the level let expect there, shrunk towards one by `SHRINKAGE` events' worth, so an
//! unknown hour is an ordinary one and says how little is known of it. Hours are UTC: a change to summer time is relearned
//! within some weeks. Method a of the catalogue (methods.md, a.1 to a.4); Holt–Winters' multiplicative season, as counts.

use serde::{Deserialize, Serialize};

/// Events that the belief "as usual" is worth in one hour of the day. A day of the week, met in 24 hours, gets four times as much.
const SHRINKAGE: f64 = 12.0;
const DAY_SHRINKAGE: f64 = 4.0 * SHRINKAGE;
/// What is kept of an hour of the day at each visit: half after 20 of them.
const KEEP_HOUR: f64 = 0.965_936_328_924_845_6;
/// What is kept of a day of the week at each of its hours: half after four weeks.
const KEEP_DAY: f64 = 0.992_805_720_491_268_9;
/// Hours of a stretch that are looked at one by one; a longer one has every hour of the week in it.
const WEEK: i64 = 168;

/// An hour since 1970-01-01T00:00Z, counted in hours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hour(pub i64);

impl Hour {
    /// Place in the profile of hours: working days first.
    const fn of_day(self) -> usize {
        let weekend = self.day() >= 5;
        self.0.rem_euclid(24) as usize + if weekend { 24 } else { 0 }
    }

    /// Day of the week, Monday first: 1970-01-01 was a Thursday.
    const fn day(self) -> usize {
        (self.0.div_euclid(24) + 3).rem_euclid(7) as usize
    }
}

/// By how much a stretch of time differs from an ordinary one, and how sure that is.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Factor {
    /// Events that are expected, as a multiple of the level's.
    pub exposure: f64,
    /// The squared relative uncertainty of it.
    pub variance: f64,
}

impl Factor {
    /// An ordinary stretch.
    pub const ORDINARY: Self = Self { exposure: 1.0, variance: 0.0 };
}

/// The profiles of one subject. 440 bytes.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Season {
    hours: [[Place; 16]; 3],
    days: [Place; 7],
}

/// One place of a profile: decayed events, and what the level let expect.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
struct Place {
    events: f32,
    expected: f32,
}

impl Place {
    fn factor(self, shrinkage: f64) -> f64 {
        (shrinkage + f64::from(self.events)) / (shrinkage + f64::from(self.expected))
    }

    fn variance(self, shrinkage: f64) -> f64 {
        1.0 / (shrinkage + f64::from(self.events))
    }

    fn learn(&mut self, keep: f64, events: f64, expected: f64) {
        self.events = (keep * f64::from(self.events) + events) as f32;
        self.expected = (keep * f64::from(self.expected) + expected) as f32;
    }
}

impl Season {
    /// What an hour is expected to hold.
    #[must_use]
    pub fn at(&self, hour: Hour) -> Factor {
        let (of_day, day) = (self.of_day(hour), self.days[hour.day()]);
        Factor {
            exposure: of_day.factor(SHRINKAGE) * day.factor(DAY_SHRINKAGE),
            variance: of_day.variance(SHRINKAGE) + day.variance(DAY_SHRINKAGE),
        }
    }

    /// What an hour of a stretch is expected to hold on average. Longer than a week, a stretch counts as one week.
    #[must_use]
    pub fn over(&self, start: Hour, hours: i64) -> Factor {
        let hours = hours.clamp(1, WEEK);
        let (mut sum, mut squares) = (0.0, 0.0);
        for at in 0..hours {
            let factor = self.at(Hour(start.0 + at));
            sum += factor.exposure;
            squares += factor.exposure * factor.exposure * factor.variance;
        }
        Factor { exposure: sum / hours as f64, variance: squares / (sum * sum) }
    }

    /// Learns from an hour. `events` is what was counted and `level` what an ordinary hour is expected to hold, both times
    /// the weight that the hour has as information (methods a.4).
    pub fn learn(&mut self, hour: Hour, events: f64, level: f64) {
        let hours = self.of_day(hour).factor(SHRINKAGE);
        let days = self.days[hour.day()].factor(DAY_SHRINKAGE);
        let place = hour.of_day();
        self.hours[place / 16][place % 16].learn(KEEP_HOUR, events, level * days);
        self.days[hour.day()].learn(KEEP_DAY, events, level * hours);
    }

    /// Learns from a stretch in which nothing happened: its last week, as what was before it is forgotten by then.
    pub fn learn_silence(&mut self, start: Hour, hours: i64, level: f64) {
        let end = start.0 + hours;
        for hour in start.0.max(end - WEEK)..end {
            self.learn(Hour(hour), 0.0, level);
        }
    }

    fn of_day(&self, hour: Hour) -> Place {
        let place = hour.of_day();
        self.hours[place / 16][place % 16]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-01-05, a Monday, 00:00 UTC.
    const MONDAY: Hour = Hour(490_992);

    fn learned(weeks: i64, rhythm: impl Fn(Hour) -> f64) -> Season {
        let mut season = Season::default();
        for at in 0..weeks * WEEK {
            let hour = Hour(MONDAY.0 + at);
            season.learn(hour, 10.0 * rhythm(hour), 10.0);
        }
        season
    }

    #[test]
    fn the_week_begins_on_monday() {
        let days = [0, 1, 4, 5, 6, 7].map(|day| Hour(MONDAY.0 + 24 * day).day());
        assert_eq!(days, [0, 1, 4, 5, 6, 0]);
        assert_eq!(Hour(0).day(), 3, "1970-01-01 was a Thursday");
        assert_eq!(Hour(MONDAY.0 + 24 * 5 + 23).of_day(), 47);
    }

    #[test]
    fn nothing_known_is_ordinary_and_uncertain() {
        let factor = Season::default().at(MONDAY);
        assert!((factor.exposure - 1.0).abs() < 1e-12);
        assert!((factor.variance - (1.0 / SHRINKAGE + 1.0 / DAY_SHRINKAGE)).abs() < 1e-12);
    }

    #[test]
    fn day_and_night_are_learned_in_two_weeks_and_better_in_six() {
        let day = |hour: Hour| if (8..20).contains(&hour.0.rem_euclid(24)) { 1.9 } else { 0.1 };
        let error = |weeks| {
            let season = learned(weeks, day);
            // Working days: a weekend's hour is met twice a week only.
            let off = (0..5 * 24).map(|at| {
                let hour = Hour(MONDAY.0 + at);
                libm::log(season.at(hour).exposure / day(hour)).abs()
            });
            off.fold(0.0, f64::max)
        };
        assert!(error(2) < 1.0 && error(6) < 0.5, "{} {}", error(2), error(6));
    }

    #[test]
    fn a_quiet_weekend_is_no_part_of_the_working_days() {
        let season = learned(6, |hour| if hour.day() >= 5 { 0.2 } else { 1.32 });
        let (monday, sunday) = (season.at(MONDAY).exposure, season.at(Hour(MONDAY.0 + 6 * 24)).exposure);
        assert!((1.1..1.5).contains(&monday) && sunday < 0.35, "{monday} {sunday}");
    }

    #[test]
    fn a_stretch_is_the_mean_of_its_hours_and_surer_than_one() {
        let season = learned(6, |hour| if hour.0.rem_euclid(24) < 12 { 0.5 } else { 1.5 });
        let day = season.over(MONDAY, 24);
        assert!((day.exposure - 1.0).abs() < 0.05, "{day:?}");
        assert!(day.variance < season.at(MONDAY).variance / 10.0);
        assert_eq!(season.over(MONDAY, WEEK), season.over(MONDAY, 10 * WEEK));
    }

    #[test]
    fn silence_teaches_as_empty_hours_do() {
        let (mut one, mut other) = (learned(2, |_| 1.0), learned(2, |_| 1.0));
        (0..30).for_each(|at| one.learn(Hour(MONDAY.0 + at), 0.0, 2.0));
        other.learn_silence(MONDAY, 30, 2.0);
        assert_eq!(one, other);
        assert!(one.at(MONDAY).exposure < learned(2, |_| 1.0).at(MONDAY).exposure);
    }

    #[test]
    fn the_state_is_as_small_as_stated() {
        assert_eq!(postcard::to_stdvec(&learned(3, |_| 1.0)).unwrap().len(), 440);
    }
}
