//! What people read off a wall clock: a time of the day, and the place whose clock it is.

use std::fmt;
use std::str::FromStr;

use chrono_tz::Tz;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A time zone of the IANA database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct Zone(pub(super) Tz);

/// A time of the day, in minutes from midnight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct TimeOfDay(u16);

/// Why a text is no place or time of a wall clock.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum WallClockError {
    /// The database has no zone of this name; an abbreviation is none, since it may mean several.
    #[error("there is no time zone `{0}`; write a name such as `Europe/Berlin` or `UTC`")]
    UnknownZone(String),
    /// It is not `HH:MM`.
    #[error("`{0}` is no time of the day; write it as `22:00`, with `24:00` for the end of the day")]
    NotATime(String),
}

impl TimeOfDay {
    /// The beginning of a day.
    pub const START: Self = Self(0);
    /// The end of a day.
    pub const END: Self = Self(24 * 60);

    /// Minutes from midnight.
    #[must_use]
    pub const fn minutes(self) -> u16 {
        self.0
    }
}

impl FromStr for TimeOfDay {
    type Err = WallClockError;
    fn from_str(text: &str) -> Result<Self, WallClockError> {
        let read = || {
            let (hours, minutes) = text.split_once(':')?;
            let two_digits = |part: &str| part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
            if !two_digits(hours) || !two_digits(minutes) {
                return None;
            }
            let (hours, minutes): (u16, u16) = (hours.parse().ok()?, minutes.parse().ok()?);
            let time = Self(hours * 60 + minutes);
            (minutes < 60 && time.0 <= Self::END.0).then_some(time)
        };
        read().ok_or_else(|| WallClockError::NotATime(text.chars().take(20).collect()))
    }
}

impl TryFrom<String> for TimeOfDay {
    type Error = WallClockError;
    fn try_from(text: String) -> Result<Self, WallClockError> {
        text.parse()
    }
}

impl From<TimeOfDay> for String {
    fn from(time: TimeOfDay) -> Self {
        time.to_string()
    }
}

impl fmt::Display for TimeOfDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.0 / 60, self.0 % 60)
    }
}

impl TryFrom<String> for Zone {
    type Error = WallClockError;
    fn try_from(text: String) -> Result<Self, WallClockError> {
        let unknown = || WallClockError::UnknownZone(text.chars().take(60).collect());
        let zone: Tz = text.parse().map_err(|_| unknown())?;
        // `EST` and its like never change their clocks, whatever people there do.
        if text.contains('/') || zone == Tz::UTC { Ok(Self(zone)) } else { Err(unknown()) }
    }
}

impl From<Zone> for String {
    fn from(zone: Zone) -> Self {
        zone.0.name().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_hours_and_minutes_and_a_day_has_an_end() {
        for (text, minutes) in [("00:00", 0), ("07:30", 450), ("23:59", 1_439), ("24:00", 1_440)] {
            let time: TimeOfDay = text.parse().unwrap();
            assert_eq!((time.minutes(), time.to_string().as_str()), (minutes, text));
        }
        for text in ["", "7:30", "24:01", "12:60", "1200", "ab:cd", "-1:00", "99:99"] {
            assert!(text.parse::<TimeOfDay>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_zone_is_a_place_and_no_abbreviation() {
        for name in ["Europe/Berlin", "America/New_York", "UTC"] {
            assert_eq!(String::from(Zone::try_from(name.to_owned()).unwrap()), name);
        }
        for name in ["CET", "EST", "Berlin", "Europe/berlin", "+01:00", ""] {
            assert!(Zone::try_from(name.to_owned()).is_err(), "{name}");
        }
    }
}
