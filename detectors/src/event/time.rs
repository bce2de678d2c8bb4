//! Event time: nanoseconds since 1970, by the log's own word, never by our clock.

use std::fmt;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

/// A moment of event time, in nanoseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct EventTime(i64);

/// A length of event time, in nanoseconds; never negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Span(i64);

/// Why a time was refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TimeError {
    /// The text is no RFC 3339 time with a zone.
    #[error("`{0}` is not an RFC 3339 time with a zone")]
    Unreadable(String),
    /// The year is before 2000 or after 2100: a broken clock, not a fact.
    #[error("year of `{0}` is outside 2000 to 2100")]
    Impossible(String),
}

/// 2000-01-01T00:00:00Z; earlier times are dead letters (DESIGN.md, Time and order).
const EARLIEST: i64 = 946_684_800_000_000_000;
/// 2101-01-01T00:00:00Z, the first moment that is too late.
const TOO_LATE: i64 = 4_133_980_800_000_000_000;

impl EventTime {
    /// Before every event.
    pub const MIN: Self = Self(i64::MIN);
    /// After every event.
    pub const MAX: Self = Self(i64::MAX);

    /// From nanoseconds since 1970.
    #[must_use]
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// Nanoseconds since 1970.
    #[must_use]
    pub const fn nanos(self) -> i64 {
        self.0
    }

    /// From whole seconds since 1970; saturates.
    #[must_use]
    pub const fn from_secs(secs: i64) -> Self {
        Self(secs.saturating_mul(1_000_000_000))
    }

    /// From milliseconds since 1970, refusing what lies outside 2000 to 2100.
    ///
    /// # Errors
    /// [`TimeError::Impossible`] outside these years.
    pub fn from_unix_millis(millis: i64) -> Result<Self, TimeError> {
        millis
            .checked_mul(1_000_000)
            .map(Self)
            .filter(|time| time.is_possible())
            .ok_or_else(|| TimeError::Impossible(millis.to_string()))
    }

    /// Reads RFC 3339 with a zone.
    ///
    /// # Errors
    /// [`TimeError`] when the text is no such time, or its year is outside 2000 to 2100.
    pub fn parse(text: &str) -> Result<Self, TimeError> {
        let parsed =
            DateTime::parse_from_rfc3339(text).map_err(|_| TimeError::Unreadable(shortened(text)))?;
        Self::from_chrono(parsed.with_timezone(&Utc)).ok_or_else(|| TimeError::Impossible(shortened(text)))
    }

    /// From a `chrono` time; `None` outside 2000 to 2100.
    #[must_use]
    pub fn from_chrono(time: DateTime<Utc>) -> Option<Self> {
        time.timestamp_nanos_opt().map(Self).filter(|time| time.is_possible())
    }

    const fn is_possible(self) -> bool {
        self.0 >= EARLIEST && self.0 < TOO_LATE
    }

    /// This time moved into the future; saturates.
    #[must_use]
    pub const fn plus(self, span: Span) -> Self {
        Self(self.0.saturating_add(span.0))
    }

    /// This time moved into the past; saturates.
    #[must_use]
    pub const fn minus(self, span: Span) -> Self {
        Self(self.0.saturating_sub(span.0))
    }

    /// How long after `earlier` this is; zero if it is not.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Span {
        let difference = self.0.saturating_sub(earlier.0);
        Span(if difference > 0 { difference } else { 0 })
    }

    /// The next possible moment.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// The start of the window of this width that holds this time; windows are aligned to 1970 (UTC).
    #[must_use]
    pub const fn floor_to(self, width: Span) -> Self {
        Self(self.0.saturating_sub(self.0.rem_euclid(width.0)))
    }

    /// The same moment as a `chrono` time.
    #[must_use]
    pub const fn to_chrono(self) -> DateTime<Utc> {
        DateTime::from_timestamp_nanos(self.0)
    }

    /// Milliseconds since 1970.
    #[must_use]
    pub const fn unix_millis(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// Seconds since 1970 as a float, for the statistics.
    #[must_use]
    pub fn secs_f64(self) -> f64 {
        self.0 as f64 / 1e9
    }
}

impl Span {
    /// From nanoseconds; a negative number is no length and becomes zero.
    #[must_use]
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(if nanos < 0 { 0 } else { nanos })
    }
    /// From milliseconds.
    #[must_use]
    pub const fn millis(millis: i64) -> Self {
        Self::from_nanos(millis.saturating_mul(1_000_000))
    }
    /// From seconds.
    #[must_use]
    pub const fn secs(secs: i64) -> Self {
        Self::millis(secs.saturating_mul(1_000))
    }
    /// From minutes.
    #[must_use]
    pub const fn minutes(minutes: i64) -> Self {
        Self::secs(minutes.saturating_mul(60))
    }
    /// From hours.
    #[must_use]
    pub const fn hours(hours: i64) -> Self {
        Self::minutes(hours.saturating_mul(60))
    }
    /// From days of 24 hours.
    #[must_use]
    pub const fn days(days: i64) -> Self {
        Self::hours(days.saturating_mul(24))
    }
    /// In nanoseconds.
    #[must_use]
    pub const fn nanos(self) -> i64 {
        self.0
    }
    /// In seconds.
    #[must_use]
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / 1e9
    }
    /// In hours.
    #[must_use]
    pub fn as_hours_f64(self) -> f64 {
        self.as_secs_f64() / 3_600.0
    }
    /// In days of 24 hours.
    #[must_use]
    pub fn as_days_f64(self) -> f64 {
        self.as_hours_f64() / 24.0
    }
}

impl fmt::Display for EventTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_chrono().to_rfc3339_opts(SecondsFormat::AutoSi, true))
    }
}

impl fmt::Debug for EventTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Text for people (JSON), nanoseconds for segments: a row of state is read by machines only.
impl Serialize for EventTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_str(self)
        } else {
            serializer.serialize_i64(self.0)
        }
    }
}

impl<'de> Deserialize<'de> for EventTime {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
            let parsed = DateTime::parse_from_rfc3339(&text).map_err(serde::de::Error::custom)?;
            parsed
                .timestamp_nanos_opt()
                .map(Self)
                .ok_or_else(|| serde::de::Error::custom("time out of range"))
        } else {
            i64::deserialize(deserializer).map(Self)
        }
    }
}

impl schemars::JsonSchema for EventTime {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "EventTime".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({"type": "string", "format": "date-time", "description": "RFC 3339, UTC"})
    }
}

/// Enough of a bad text to recognise it by.
fn shortened(text: &str) -> String {
    text.chars().take(40).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Result<&str, &str>) {
        let read = EventTime::parse(text).map(|time| time.to_string()).map_err(|error| error.to_string());
        assert_eq!(read.as_deref().map_err(String::as_str), expected, "{text}");
    }

    #[test]
    fn times_are_read_with_their_zone_and_printed_in_utc() {
        check("2026-05-11T19:20:39Z", Ok("2026-05-11T19:20:39Z"));
        check("2016-03-09T14:44:26.402973972-08:00", Ok("2016-03-09T22:44:26.402973972Z"));
        check("2026-05-11T19:20:39", Err("`2026-05-11T19:20:39` is not an RFC 3339 time with a zone"));
        check("0000-01-01T00:00:00Z", Err("year of `0000-01-01T00:00:00Z` is outside 2000 to 2100"));
        check("9999-12-31T23:59:59Z", Err("year of `9999-12-31T23:59:59Z` is outside 2000 to 2100"));
        check("yesterday", Err("`yesterday` is not an RFC 3339 time with a zone"));
    }

    #[test]
    fn windows_are_aligned_to_utc_hours() {
        let time = EventTime::parse("2026-05-11T19:20:39.5Z").unwrap();
        assert_eq!(time.floor_to(Span::hours(1)).to_string(), "2026-05-11T19:00:00Z");
        assert_eq!(time.floor_to(Span::days(1)).to_string(), "2026-05-11T00:00:00Z");
        assert_eq!(EventTime::from_nanos(-1).floor_to(Span::secs(1)), EventTime::from_secs(-1));
    }

    #[test]
    fn milliseconds_outside_a_century_are_refused() {
        assert!(EventTime::from_unix_millis(i64::MAX).is_err());
        assert!(EventTime::from_unix_millis(0).is_err());
        assert!(EventTime::from_unix_millis(1_778_527_239_000).is_ok());
    }
}
