//! The `Retry-After` header (RFC 9110, 10.2.3): seconds, or a date in one of the three formats of HTTP.

use std::time::Duration;

use chrono::{DateTime, NaiveDateTime, Utc};

/// The longest wait another side can ask for; beyond it our own schedule knows better.
pub const RETRY_AFTER_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// IMF-fixdate, and the two obsolete forms a recipient must still accept (RFC 9110, 5.6.7).
const DATE_FORMATS: [&str; 3] =
    ["%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y"];

/// How long to wait: a date in the past is no wait, more than [`RETRY_AFTER_MAX`] is cut, and what cannot be read
/// is no wish at all. Fractions of a second, which some services send, are rounded up.
#[must_use]
pub fn parse_retry_after(value: &str, now: DateTime<Utc>) -> Option<Duration> {
    let value = value.trim();
    let wait = if value.starts_with(|first: char| first.is_ascii_digit()) && !value.contains(' ') {
        seconds(value)?
    } else {
        let date =
            DATE_FORMATS.iter().find_map(|format| NaiveDateTime::parse_from_str(value, format).ok())?;
        (date.and_utc() - now).to_std().unwrap_or(Duration::ZERO)
    };
    Some(wait.min(RETRY_AFTER_MAX))
}

fn seconds(value: &str) -> Option<Duration> {
    let (whole, fraction) = value.split_once('.').unwrap_or((value, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(fraction) {
        return None;
    }
    // A number too large for the type is certainly too large for the limit.
    let whole = whole.parse::<u64>().unwrap_or(u64::MAX);
    let partly = u64::from(fraction.bytes().any(|digit| digit != b'0'));
    Some(Duration::from_secs(whole.saturating_add(partly)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_is_read_in_all_its_forms() {
        // Sun, 06 Nov 1994 08:49:37 GMT, the RFC's own example.
        let now = DateTime::from_timestamp(784_111_777, 0).unwrap();
        let cases = [
            ("120", Some(120)),
            (" 0 ", Some(0)),
            ("1.2", Some(2)),
            ("3.000", Some(3)),
            ("86400", Some(86_400)),
            ("86401", Some(86_400)),
            ("99999999999999999999999", Some(86_400)),
            ("Sun, 06 Nov 1994 08:50:37 GMT", Some(60)),
            ("Sunday, 06-Nov-94 08:50:37 GMT", Some(60)),
            ("Sun Nov  6 08:50:37 1994", Some(60)),
            ("Sun, 06 Nov 1994 08:49:00 GMT", Some(0)),
            ("Fri, 31 Dec 1999 23:59:59 GMT", Some(86_400)),
            ("", None),
            ("-5", None),
            ("+5", None),
            ("5s", None),
            ("1.2.3", None),
            ("1e9", None),
            ("soon", None),
            ("Sun, 06 Nov 1994 08:50:37 CET", None),
            ("Sun, 32 Nov 1994 08:50:37 GMT", None),
        ];
        for (value, expected) in cases {
            assert_eq!(parse_retry_after(value, now), expected.map(Duration::from_secs), "{value:?}");
        }
    }
}
