//! CNCF distribution's own log with `formatter: json` (<https://distribution.github.io/distribution/about/configuration/>).
//!
//! | line | becomes |
//! |---|---|
//! | `response completed`, `response completed with error` | `access`, and what follows from it |
//! | `error authorizing context…` | `access`, denied; the log has no status and no user here |
//! | `authorized request` | nothing: the answer's line follows |
//! | anything else | nothing: the program about itself, or a webhook that could not be sent |
//!
//! Of all of distribution's logs this one has most: the user that was accepted, the request's id, what was refused.
//! It has no digest behind a tag. The rule for HEAD and layers stands in `access.rs`.

use detectors::event::{Event, Outcome};

use super::access::{self, Request};
use super::object::{Text, Unknown, object, said};
use crate::decode::{Ecosystem, PassReason, Reading, Refusal, check_nesting, time_of_text};

#[derive(Default)]
struct Line<'a> {
    msg: Option<Text<'a>>,
    time: Option<Text<'a>>,
    user: Option<Text<'a>>,
    id: Option<Text<'a>>,
    method: Option<Text<'a>>,
    address: Option<Text<'a>>,
    uri: Option<Text<'a>>,
    user_agent: Option<Text<'a>>,
    duration: Option<Text<'a>>,
    status: Option<u16>,
    written: Option<u64>,
    unknown: Unknown<'a>,
}
object!(Line {
    "msg" => msg, "time" => time, "auth.user.name" => user, "http.request.id" => id,
    "http.request.method" => method, "http.request.remoteaddr" => address, "http.request.uri" => uri,
    "http.request.useragent" => user_agent, "http.response.duration" => duration,
    "http.response.status" => status, "http.response.written" => written,
} ignored "go.version", "http.request.host", "http.request.contenttype", "http.request.referer",
    "http.response.contenttype", "instance.id", "level", "service", "version", "vars.name", "vars.reference",
    "vars.digest", "vars.uuid", "err.code", "err.detail", "err.message", "error", "event", "environment");

/// Reads one line.
pub(crate) fn read(text: &str, reading: &mut Reading<'_>, out: &mut Vec<Event>) -> Result<(), Refusal> {
    check_nesting(text)?;
    let own: Line<'_> = serde_json::from_str(text).map_err(|error| Refusal::of_json(text, &error))?;
    let message = said(own.msg.as_ref()).ok_or_else(|| Refusal::missing("msg"))?;
    let outcome = if message.starts_with("response completed") {
        None
    } else if message.starts_with("error authorizing context") {
        Some(Outcome::Denied)
    } else {
        let is_request = message == "authorized request";
        reading.pass(if is_request { PassReason::Unanswered } else { PassReason::ServerMessage });
        return Ok(());
    };
    let time = time_of_text("time", own.time.as_deref().ok_or_else(|| Refusal::missing("time"))?)?;
    let method = own.method.as_deref().ok_or_else(|| Refusal::missing("http.request.method"))?;
    let uri = own.uri.as_deref().ok_or_else(|| Refusal::missing("http.request.uri"))?;
    let request = Request {
        client: said(own.address.as_ref()).unwrap_or(""),
        user: said(own.user.as_ref()),
        line: &format!("{method} {uri} HTTP/1.1"),
        status: own.status,
        outcome,
        bytes: own.written,
        duration_ms: own.duration.as_deref().and_then(millis_of_go),
        user_agent: said(own.user_agent.as_ref()),
        request_id: said(own.id.as_ref()),
        ecosystem: Some(Ecosystem::Oci),
        ..Request::default()
    };
    access::push(&request, time, reading, out);
    reading.note_unknown("", &own.unknown);
    Ok(())
}

/// A duration as Go writes it (`1m2.5s`, `4.351663ms`, `51.2µs`), in whole milliseconds.
fn millis_of_go(text: &str) -> Option<u64> {
    const UNITS: [(&str, u64); 6] =
        [("h", 3_600_000_000), ("ms", 1_000), ("µs", 1), ("us", 1), ("m", 60_000_000), ("s", 1_000_000)];
    if let Some(nanos) = text.strip_suffix("ns") {
        return nanos.parse::<u64>().ok().map(|nanos| nanos / 1_000_000);
    }
    let mut micros = 0_u64;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, behind) = rest.split_at(digits);
        let (unit, factor) = UNITS.into_iter().find(|(unit, _)| behind.starts_with(unit))?;
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        let fraction = format!("{fraction:0<6.6}").parse::<u64>().ok()?;
        let part = whole.parse::<u64>().ok()?.checked_mul(factor)?;
        micros = micros.checked_add(part)?.checked_add(fraction.checked_mul(factor)? / 1_000_000)?;
        rest = &behind[unit.len()..];
    }
    (!text.is_empty()).then_some(micros / 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_of_go_are_read() {
        let check = |text, expected| assert_eq!(millis_of_go(text), expected, "{text}");
        check("4.351663ms", Some(4));
        check("9.802s", Some(9_802));
        check("1m2.5s", Some(62_500));
        check("1h0m0s", Some(3_600_000));
        check("812.4µs", Some(0));
        check("40ns", Some(0));
        check("fast", None);
        check("", None);
        check("99999999999999999999h", None);
    }
}
