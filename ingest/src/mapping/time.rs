//! How a declared format writes its times.

use chrono::format::{Item, Numeric, Parsed, StrftimeItems};
use chrono::{FixedOffset, Utc};
use detectors::event::EventTime;

use crate::decode::{Refusal, RefusalReason, time_of_text};

/// How times are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum TimeFormat {
    Rfc3339,
    /// A number since 1970, with so many of it in a second.
    Unix(i64),
    /// A pattern of strftime, and the zone of times that carry none.
    Pattern(Vec<Item<'static>>, Option<FixedOffset>),
}

/// Why a format of times cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TimeProblem {
    Pattern,
    Zone,
    ZoneMissing,
    ZoneTwice,
}

impl TimeFormat {
    pub(super) fn parse(format: &str, zone: Option<&str>) -> Result<Self, TimeProblem> {
        let per_second = match format {
            "rfc3339" => None,
            "unix-seconds" => Some(1),
            "unix-millis" => Some(1_000),
            "unix-micros" => Some(1_000_000),
            "unix-nanos" => Some(1_000_000_000),
            pattern => return Self::pattern(pattern, zone),
        };
        match (per_second, zone) {
            (_, Some(_)) => Err(TimeProblem::ZoneTwice),
            (None, None) => Ok(Self::Rfc3339),
            (Some(per_second), None) => Ok(Self::Unix(per_second)),
        }
    }

    fn pattern(pattern: &str, zone: Option<&str>) -> Result<Self, TimeProblem> {
        if !pattern.contains('%') {
            return Err(TimeProblem::Pattern);
        }
        let items: Vec<Item<'static>> = StrftimeItems::new(pattern).map(Item::to_owned).collect();
        if items.iter().any(|item| matches!(item, Item::Error)) {
            return Err(TimeProblem::Pattern);
        }
        let carries_zone = items.iter().any(|item| match item {
            Item::Numeric(Numeric::Timestamp, _) => true,
            Item::Fixed(fixed) => {
                format!("{fixed:?}").contains("TimezoneOffset") || format!("{fixed:?}").starts_with("RFC")
            }
            _ => false,
        });
        match (carries_zone, zone) {
            (true, None) => Ok(Self::Pattern(items, None)),
            (true, Some(_)) => Err(TimeProblem::ZoneTwice),
            (false, None) => Err(TimeProblem::ZoneMissing),
            (false, Some(zone)) => {
                let zone = if zone == "UTC" { FixedOffset::east_opt(0) } else { zone.parse().ok() };
                Ok(Self::Pattern(items, Some(zone.ok_or(TimeProblem::Zone)?)))
            }
        }
    }

    /// Reads a time.
    pub(super) fn read(&self, field: &str, text: &str) -> Result<EventTime, Refusal> {
        let unreadable = || {
            Refusal::new(
                RefusalReason::UnreadableTime,
                format!("`{field}`: `{text}` is not written as declared"),
            )
        };
        match self {
            Self::Rfc3339 => time_of_text(field, text),
            Self::Unix(per_second) => {
                let nanos = match text.parse::<i64>() {
                    Ok(whole) => whole.checked_mul(1_000_000_000 / per_second),
                    Err(_) => text
                        .parse::<f64>()
                        .ok()
                        .filter(|number| number.is_finite())
                        .map(|number| {
                            // A float holds the microseconds of our time, which is what logs that write one mean.
                            ((number / *per_second as f64) * 1e6).round() as i64
                        })
                        .and_then(|micros| micros.checked_mul(1_000)),
                };
                let is_number = text.parse::<f64>().is_ok_and(f64::is_finite);
                let refused = || if is_number { impossible(field, text) } else { unreadable() };
                let nanos = nanos.ok_or_else(refused)?;
                possible(EventTime::from_nanos(nanos)).ok_or_else(|| impossible(field, text))
            }
            Self::Pattern(items, zone) => {
                let mut parsed = Parsed::new();
                chrono::format::parse(&mut parsed, text, items.iter()).map_err(|_| unreadable())?;
                let moment = match zone {
                    None => parsed.to_datetime(),
                    Some(zone) => parsed.to_datetime_with_timezone(zone),
                };
                let moment = moment.map_err(|_| unreadable())?.with_timezone(&Utc);
                EventTime::from_chrono(moment).ok_or_else(|| impossible(field, text))
            }
        }
    }
}

fn possible(time: EventTime) -> Option<EventTime> {
    EventTime::from_chrono(time.to_chrono())
}

fn impossible(field: &str, text: &str) -> Refusal {
    Refusal::new(
        RefusalReason::ImpossibleTime,
        format!("`{field}`: year of `{text}` is outside 2000 to 2100"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(format: &str, zone: Option<&str>, text: &str, expected: &str) {
        let read = TimeFormat::parse(format, zone).unwrap().read("time", text);
        assert_eq!(read.map_or_else(|refusal| refusal.to_string(), |time| time.to_string()), expected);
    }

    #[test]
    fn times_are_read_as_they_were_declared() {
        check("rfc3339", None, "2018-11-18T15:39:04.902Z", "2018-11-18T15:39:04.902Z");
        check("unix-seconds", None, "1680502372", "2023-04-03T06:12:52Z");
        check("unix-seconds", None, "1680502372.25", "2023-04-03T06:12:52.250Z");
        check("unix-millis", None, "1619032221869", "2021-04-21T19:10:21.869Z");
        check("unix-nanos", None, "1619032221869000001", "2021-04-21T19:10:21.869000001Z");
        check("%Y-%m-%d %H:%M:%S,%3f%z", None, "2019-02-04 18:12:07,856-0500", "2019-02-04T23:12:07.856Z");
        check("%d/%b/%Y:%H:%M:%S %z", None, "10/Oct/2025:13:55:36 +0200", "2025-10-10T11:55:36Z");
        check("%Y%m%d%H%M%S", Some("UTC"), "20200515155211", "2020-05-15T15:52:11Z");
        check("%Y-%m-%d %H:%M:%S", Some("+02:00"), "2020-05-15 15:52:11", "2020-05-15T13:52:11Z");
        check(
            "unix-seconds",
            None,
            "1e30",
            "impossible-time: `time`: year of `1e30` is outside 2000 to 2100",
        );
        check("unix-seconds", None, "0", "impossible-time: `time`: year of `0` is outside 2000 to 2100");
        check("unix-millis", None, "soon", "unreadable-time: `time`: `soon` is not written as declared");
        check(
            "%Y%m%d%H%M%S",
            Some("UTC"),
            "2020",
            "unreadable-time: `time`: `2020` is not written as declared",
        );
    }

    #[test]
    fn a_format_without_a_zone_needs_one() {
        for (format, zone, expected) in [
            ("%Y-%m-%d", None, TimeProblem::ZoneMissing),
            ("%Y-%m-%d %z", Some("UTC"), TimeProblem::ZoneTwice),
            ("rfc3339", Some("UTC"), TimeProblem::ZoneTwice),
            ("%Y-%m-%d", Some("Mars"), TimeProblem::Zone),
            ("%Q", None, TimeProblem::Pattern),
            ("iso", None, TimeProblem::Pattern),
        ] {
            assert_eq!(TimeFormat::parse(format, zone), Err(expected), "{format}");
        }
    }
}
