//! The zone of a log whose times carry none.

use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

/// Furthest from UTC that any zone has ever been, in minutes.
const MAX_MINUTES: i32 = 18 * 60;

/// A distance from UTC; UTC unless configured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Zone {
    minutes: i32,
}

/// A text that names no zone.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{0}` is neither `UTC` nor a distance from it such as `+02:00`")]
pub struct ZoneError(String);

impl Zone {
    /// Coordinated Universal Time.
    pub const UTC: Self = Self { minutes: 0 };
}

/// `+02:00`, as RFC 3339 has it.
impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.minutes < 0 { '-' } else { '+' };
        let minutes = self.minutes.abs();
        write!(f, "{sign}{:02}:{:02}", minutes / 60, minutes % 60)
    }
}

impl FromStr for Zone {
    type Err = ZoneError;

    fn from_str(text: &str) -> Result<Self, ZoneError> {
        let refuse = || ZoneError(text.to_owned());
        if matches!(text, "UTC" | "Z") {
            return Ok(Self::UTC);
        }
        let (sign, rest) = match text.split_at_checked(1) {
            Some(("+", rest)) => (1, rest),
            Some(("-", rest)) => (-1, rest),
            _ => return Err(refuse()),
        };
        let (hours, minutes) = rest.split_once(':').ok_or_else(refuse)?;
        let number = |part: &str| match part.len() {
            2 if part.bytes().all(|byte| byte.is_ascii_digit()) => part.parse::<i32>().map_err(|_| refuse()),
            _ => Err(refuse()),
        };
        let (hours, minutes) = (number(hours)?, number(minutes)?);
        let all = hours * 60 + minutes;
        if minutes < 60 && all <= MAX_MINUTES { Ok(Self { minutes: sign * all }) } else { Err(refuse()) }
    }
}

impl<'de> Deserialize<'de> for Zone {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl Serialize for Zone {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl JsonSchema for Zone {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Zone".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "pattern": "^(UTC|Z|[+-][0-9]{2}:[0-9]{2})$"})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_are_read_and_written_back() {
        for text in ["+00:00", "+02:00", "-03:30", "+18:00"] {
            assert_eq!(text.parse::<Zone>().map(|zone| zone.to_string()), Ok(text.to_owned()));
        }
        assert_eq!("UTC".parse(), Ok(Zone::UTC));
        for text in ["", "2", "+2:00", "+18:01", "+01:60", "Europe/Berlin", "+é0:00"] {
            assert!(text.parse::<Zone>().is_err(), "{text}");
        }
    }
}
