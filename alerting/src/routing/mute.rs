//! `[[mute_time]]`: hours in which a route's receivers are left in peace, by the clocks of a place.
//!
//! What happens then is told in one digest when the mute time ends. Wall clocks jump: a time that a clock skips in
//! spring stands for the moment of the jump, and an hour that it shows twice in autumn is muted both times.

use std::sync::Arc;

use chrono::{DateTime, Datelike as _, Days, LocalResult, NaiveDate, TimeDelta, TimeZone as _, Utc};
use detectors::finding::Severity;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::wall_clock::{TimeOfDay, Zone};

/// The longest anybody is left in peace, in days: mute times that follow on each other without a gap end here.
pub const MUTE_DAYS_MAX: u64 = 8;
/// No clock skips more than a day (Samoa left one out in 2011), in minutes.
const SKIP_MINUTES_MAX: i64 = 24 * 60;

/// A day of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Weekday {
    /// Monday.
    Mon,
    /// Tuesday.
    Tue,
    /// Wednesday.
    Wed,
    /// Thursday.
    Thu,
    /// Friday.
    Fri,
    /// Saturday.
    Sat,
    /// Sunday.
    Sun,
}

impl Weekday {
    fn of(day: NaiveDate) -> Self {
        match day.weekday() {
            chrono::Weekday::Mon => Self::Mon,
            chrono::Weekday::Tue => Self::Tue,
            chrono::Weekday::Wed => Self::Wed,
            chrono::Weekday::Thu => Self::Thu,
            chrono::Weekday::Fri => Self::Fri,
            chrono::Weekday::Sat => Self::Sat,
            chrono::Weekday::Sun => Self::Sun,
        }
    }
}

/// One `[[mute_time]]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MuteTimeConfig {
    /// What it is called, for `mute` of routes.
    pub name: String,
    /// By whose clocks: a name of the IANA time zone database, such as `Europe/Berlin`.
    pub time_zone: Zone,
    /// On which days it begins; on all if not given.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub days: Vec<Weekday>,
    /// When it begins: `22:00`.
    pub from: TimeOfDay,
    /// When it ends: `07:00`, on the next day if that is not after `from`; `24:00` is the end of the day.
    pub until: TimeOfDay,
    /// What is more severe is told at once.
    #[serde(default = "loudest_muted")]
    pub max_severity: Severity,
}

const fn loudest_muted() -> Severity {
    Severity::High
}

/// Why a mute time cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum MuteTimeError {
    /// It would never end.
    #[error("cannot mute for ever: `{0}` is every day, all day")]
    Endless(String),
    /// It is over when it begins.
    #[error("cannot mute for no time: `{0}` ends when it begins")]
    Empty(String),
    /// Two of them have one name.
    #[error("cannot tell two mute times called `{0}` apart")]
    NamedTwice(String),
    /// A route names one that does not exist.
    #[error("cannot mute route {route} by `{name}`: there is no such mute time")]
    Unknown {
        /// The route, from 1.
        route: usize,
        /// The name.
        name: String,
    },
}

/// Mute times that have been checked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MuteTimes(Vec<MuteTimeConfig>);

/// That somebody is left in peace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mute {
    /// The first mute time that holds.
    pub(crate) name: Arc<str>,
    /// When the last of those that follow on each other ends, by the clock, in nanoseconds.
    pub(crate) until: i64,
}

impl MuteTimes {
    /// Checks mute times.
    ///
    /// # Errors
    /// [`MuteTimeError`] for the first that cannot be used.
    pub fn new(times: Vec<MuteTimeConfig>) -> Result<Self, MuteTimeError> {
        for (at, time) in times.iter().enumerate() {
            time.check()?;
            if times[..at].iter().any(|before| before.name == time.name) {
                return Err(MuteTimeError::NamedTwice(time.name.clone()));
            }
        }
        Ok(Self(times))
    }

    /// Whether there is one of this name.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.0.iter().any(|time| time.name == name)
    }

    /// Whether somebody who is muted by these names is left in peace now, and until when.
    pub(crate) fn holding(&self, names: &[String], severity: Severity, now: i64) -> Option<Mute> {
        let held =
            || self.0.iter().filter(|time| names.contains(&time.name) && severity <= time.max_severity);
        let start = DateTime::from_timestamp_nanos(now);
        let latest = start.checked_add_days(Days::new(MUTE_DAYS_MAX))?;
        let (first, mut until) = held().find_map(|time| Some((time, time.end_at(start)?)))?;
        while until < latest {
            let Some(next) = held().filter_map(|time| time.end_at(until)).max() else { break };
            until = next;
        }
        let until = until.min(latest).timestamp_nanos_opt()?;
        Some(Mute { name: Arc::from(first.name.as_str()), until })
    }
}

impl MuteTimeConfig {
    /// Whether it can be used.
    ///
    /// # Errors
    /// When it would hold for ever or never.
    pub fn check(&self) -> Result<(), MuteTimeError> {
        if self.from == self.until {
            return Err(MuteTimeError::Empty(self.name.clone()));
        }
        let all_day = self.from == TimeOfDay::START && self.until == TimeOfDay::END;
        if all_day && (self.days.is_empty() || self.days.len() >= 7) {
            return Err(MuteTimeError::Endless(self.name.clone()));
        }
        Ok(())
    }

    /// When it ends, if it holds at this moment.
    fn end_at(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let today = now.with_timezone(&self.time_zone.0).date_naive();
        // It began today or yesterday; where a clock skipped a day, on the day before.
        let begun = (0..=2).filter_map(|back| today.checked_sub_days(Days::new(back)));
        begun
            .filter_map(|day| self.on(day))
            .find(|(start, end)| (*start..*end).contains(&now))
            .map(|(_, end)| end)
    }

    /// From when to when it holds if it begins on this day of its place.
    fn on(&self, day: NaiveDate) -> Option<(DateTime<Utc>, DateTime<Utc>)> {
        if !self.days.is_empty() && !self.days.contains(&Weekday::of(day)) {
            return None;
        }
        let wraps = self.until.minutes() <= self.from.minutes();
        let last_day = if wraps { day.succ_opt()? } else { day };
        Some((self.moment(day, self.from)?.earliest, self.moment(last_day, self.until)?.latest))
    }

    /// When the clocks of its place show this.
    fn moment(&self, day: NaiveDate, time: TimeOfDay) -> Option<Shown> {
        let shown = day.and_hms_opt(0, 0, 0)? + TimeDelta::minutes(time.minutes().into());
        let zone = self.time_zone.0;
        (0..=SKIP_MINUTES_MAX).find_map(|minutes| {
            match zone.from_local_datetime(&(shown + TimeDelta::minutes(minutes))) {
                LocalResult::None => None,
                LocalResult::Single(at) => Some(Shown { earliest: at.to_utc(), latest: at.to_utc() }),
                LocalResult::Ambiguous(one, other) => {
                    Some(Shown { earliest: one.to_utc(), latest: other.to_utc() })
                }
            }
        })
    }
}

/// When a clock shows something: twice where it is set back.
struct Shown {
    earliest: DateTime<Utc>,
    latest: DateTime<Utc>,
}

#[cfg(test)]
mod tests;
