//! Moments in UTC: made, printed and read by hand, so that no calendar is shared with what is tested on these files.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

/// Milliseconds in a second.
pub(crate) const SECOND: i64 = 1_000;
/// Milliseconds in a minute.
pub(crate) const MINUTE: i64 = 60 * SECOND;
/// Milliseconds in an hour.
pub(crate) const HOUR: i64 = 60 * MINUTE;
/// Milliseconds in a day.
pub(crate) const DAY: i64 = 24 * HOUR;

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// A moment of event time, to the millisecond, UTC. Written and read as RFC 3339.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(i64);

/// Why a text is no moment.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{0}` is not an RFC 3339 time such as 2026-05-11T19:20:39Z")]
pub struct MomentError(String);

impl Moment {
    /// A date and time of day.
    pub(crate) const fn utc(date: (i64, i64, i64), time: (i64, i64, i64)) -> Self {
        let days = days_from_civil(date.0, date.1, date.2);
        Self(days * DAY + time.0 * HOUR + time.1 * MINUTE + time.2 * SECOND)
    }

    /// Milliseconds since 1970.
    #[must_use]
    pub const fn unix_ms(self) -> i64 {
        self.0
    }

    /// This many milliseconds later.
    #[must_use]
    pub const fn plus(self, milliseconds: i64) -> Self {
        Self(self.0 + milliseconds)
    }

    /// Milliseconds from another moment to this one.
    pub(crate) const fn since(self, other: Self) -> i64 {
        self.0 - other.0
    }

    /// The last midnight.
    pub(crate) const fn midnight(self) -> Self {
        Self(self.0 - self.0.rem_euclid(DAY))
    }

    /// Hour of the day.
    pub(crate) const fn hour(self) -> i64 {
        self.0.rem_euclid(DAY) / HOUR
    }

    /// Whether it is a Saturday or Sunday.
    pub(crate) const fn is_weekend(self) -> bool {
        // 1 January 1970 was a Thursday: Saturday and Sunday are the days 2 and 3 after one.
        matches!(self.0.div_euclid(DAY).rem_euclid(7), 2 | 3)
    }

    /// As nginx writes `$time_local`: `11/May/2026:19:20:39 +0000`.
    pub(crate) fn combined(self) -> String {
        let (year, month, day) = self.civil();
        let (hour, minute, second, _) = self.time_of_day();
        let month = MONTHS[usize::try_from(month - 1).unwrap_or(0)];
        format!("{day:02}/{month}/{year}:{hour:02}:{minute:02}:{second:02} +0000")
    }

    /// As RFC 3339 with milliseconds, always.
    pub(crate) fn precise(self) -> String {
        let (year, month, day) = self.civil();
        let (hour, minute, second, milli) = self.time_of_day();
        format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z")
    }

    /// Reads RFC 3339, with `Z` or an offset; what is finer than a millisecond is dropped.
    ///
    /// # Errors
    /// [`MomentError`] with the text.
    pub fn parse(text: &str) -> Result<Self, MomentError> {
        parsed(text).ok_or_else(|| MomentError(text.chars().take(80).collect()))
    }

    /// Reads nginx's `$time_local` in UTC, as [`Moment::combined`] writes it.
    pub(crate) fn parse_combined(text: &str) -> Option<Self> {
        let (date, time) = text.strip_suffix(" +0000")?.split_once(':')?;
        let mut parts = date.split('/');
        let (day, month, year) = (parts.next()?.parse().ok()?, parts.next()?, parts.next()?.parse().ok()?);
        let month = i64::try_from(MONTHS.iter().position(|name| *name == month)?).ok()? + 1;
        let mut parts = time.split(':').map(str::parse);
        let mut next = || parts.next()?.ok();
        Some(Self::utc((year, month, day), (next()?, next()?, next()?)))
    }

    const fn time_of_day(self) -> (i64, i64, i64, i64) {
        let in_day = self.0.rem_euclid(DAY);
        (in_day / HOUR, in_day / MINUTE % 60, in_day / SECOND % 60, in_day % SECOND)
    }

    /// Year, month, day (Howard Hinnant, "chrono-compatible low-level date algorithms", `civil_from_days`).
    const fn civil(self) -> (i64, i64, i64) {
        let z = self.0.div_euclid(DAY) + 719_468;
        let era = z.div_euclid(146_097);
        let of_era = z.rem_euclid(146_097);
        let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted = (5 * of_year + 2) / 153;
        let day = of_year - (153 * shifted + 2) / 5 + 1;
        let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
        let year = year_of_era + era * 400 + if month <= 2 { 1 } else { 0 };
        (year, month, day)
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.precise();
        f.write_str(&text.strip_suffix(".000Z").map_or_else(|| text.clone(), |whole| format!("{whole}Z")))
    }
}

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

const fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let shifted = if month > 2 { month - 3 } else { month + 9 };
    let of_year = (153 * shifted + 2) / 5 + day - 1;
    let of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + of_year;
    era * 146_097 + of_era - 719_468
}

fn parsed(text: &str) -> Option<Moment> {
    let number = |from: usize, to: usize| {
        let digits = text.get(from..to)?;
        digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse::<i64>().ok())?
    };
    let mark = |at: usize, wanted: &[u8]| text.as_bytes().get(at).filter(|byte| wanted.contains(byte));
    mark(4, b"-")?;
    mark(7, b"-")?;
    mark(10, b"Tt ")?;
    mark(13, b":")?;
    mark(16, b":")?;
    let (month, day, hour, minute, second) =
        (number(5, 7)?, number(8, 10)?, number(11, 13)?, number(14, 16)?, number(17, 19)?);
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let rest = text.get(19..)?;
    let (fraction, zone) = match rest.strip_prefix('.') {
        Some(rest) => rest.split_at(rest.find(|c: char| !c.is_ascii_digit())?),
        None => ("0", rest),
    };
    let milli = fraction
        .bytes()
        .chain(*b"000")
        .take(3)
        .try_fold(0_i64, |sum, byte| byte.is_ascii_digit().then(|| sum * 10 + i64::from(byte - b'0')))?;
    let offset = match zone {
        "Z" | "z" => 0,
        _ => {
            let sign = if zone.starts_with('-') { -1 } else { 1 };
            let (hours, minutes) = zone.strip_prefix(['+', '-'])?.split_once(':')?;
            sign * (hours.parse::<i64>().ok()? * HOUR + minutes.parse::<i64>().ok()? * MINUTE)
        }
    };
    let moment = Moment::utc((number(0, 4)?, month, day), (hour, minute, second));
    Some(moment.plus(milli - offset))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, unix_ms: i64, combined: &str) {
        let moment = Moment::parse(text).unwrap();
        assert_eq!((moment.unix_ms(), moment.combined().as_str()), (unix_ms, combined), "{text}");
        assert_eq!(Moment::parse(&moment.to_string()).unwrap(), moment);
        let second = moment.plus(-moment.unix_ms().rem_euclid(SECOND));
        assert_eq!(Moment::parse_combined(combined), Some(second));
    }

    #[test]
    fn known_moments_are_read_and_printed() {
        check("1970-01-01T00:00:00Z", 0, "01/Jan/1970:00:00:00 +0000");
        check("2026-05-11T19:20:39Z", 1_778_527_239_000, "11/May/2026:19:20:39 +0000");
        check("2026-05-11T21:26:14+02:00", 1_778_527_574_000, "11/May/2026:19:26:14 +0000");
        check("2024-02-29T23:59:59.5Z", 1_709_251_199_500, "29/Feb/2024:23:59:59 +0000");
        check("1969-12-31T23:59:59.999Z", -1, "31/Dec/1969:23:59:59 +0000");
    }

    #[test]
    fn what_is_no_moment_is_refused() {
        for bad in
            ["", "2026-05-11", "2026-13-01T00:00:00Z", "2026-05-11T19:20:39", "2026-05-11T25:00:00Z", "x"]
        {
            assert!(Moment::parse(bad).is_err(), "{bad}");
            assert_eq!(Moment::parse_combined(bad), None);
        }
    }

    #[test]
    fn weekends_are_known() {
        let weekend = |text: &str| Moment::parse(text).unwrap().is_weekend();
        assert!(!weekend("2026-05-11T12:00:00Z") && !weekend("2026-05-15T23:59:59Z"));
        assert!(weekend("2026-05-16T00:00:00Z") && weekend("2026-05-17T23:00:00Z"));
    }
}
