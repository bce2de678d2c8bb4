//! What others put around a log line on its way: compression, a schema id, syslog, a container's log, a shipper's
//! object, an array, several lines in one record. Taken off before any format looks at the line.
//!
//! | envelope | recognised by | its time |
//! |---|---|---|
//! | gzip (`CloudTrail` objects) | the bytes `1f 8b` | none |
//! | Confluent's wire prefix, JSON | a zero byte and the schema's id before `{` or `[` | none |
//! | syslog, RFC 3164 and RFC 5424, with or without priority | `<134>`, or a time, a host and a tag with `:` | the header's, if it has a zone |
//! | Kubernetes' container log (CRI) | `<time> stdout F ` | the line's |
//! | Docker's `json-file`, Fluent Bit, Filebeat | an object that begins with one of their keys and has `log` or `message` | `time`, `@timestamp`, `date` |
//! | a webhook or an answer as somebody kept it | an object with `received`, `fetched` or `first_pushed`, and `body` or `bundle` | that one |
//! | an array, NDJSON, several lines | `[`; a second line after a whole object or line | none |
//!
//! Where a line has a time of its own, that one counts.

use std::borrow::Cow;
use std::io::Read as _;

use detectors::event::{EventTime, MAX_LIST_ITEMS};

use super::object::Text;
use super::scan::{elements, members, value_end};
use crate::decode::{Refusal, RefusalReason};
use crate::source::MAX_RECORD_BYTES;

/// What lay in an envelope.
pub(crate) struct Contents<'a> {
    pub(crate) parts: Vec<Cow<'a, str>>,
    /// When the envelope was closed, if it says.
    pub(crate) time: Option<EventTime>,
}

/// First keys of objects that may be envelopes. Others are not even looked at: most records are none.
const OUTER_KEYS: [&str; 16] = [
    "@metadata",
    "@timestamp",
    "MESSAGE",
    "_p",
    "container_id",
    "date",
    "fetched",
    "first_pushed",
    "host",
    "kubernetes",
    "log",
    "logtag",
    "message",
    "received",
    "stream",
    "timestamp",
];
/// Where an envelope keeps the line.
const INNER_KEYS: [&str; 5] = ["log", "message", "MESSAGE", "body", "bundle"];
/// Where an envelope keeps its time.
const TIME_KEYS: [&str; 7] =
    ["time", "@timestamp", "timestamp", "date", "received", "fetched", "first_pushed"];
/// Length of Confluent's prefix: a zero and four bytes of the schema's id.
const CONFLUENT_PREFIX: usize = 5;

/// Takes off what is no text: compression and a schema's id.
pub(crate) fn unpacked(bytes: &[u8]) -> Result<Cow<'_, [u8]>, Refusal> {
    if bytes.starts_with(&[0x1f, 0x8b]) {
        let mut out = Vec::new();
        let limit = MAX_RECORD_BYTES as u64 + 1;
        flate2::read::MultiGzDecoder::new(bytes).take(limit).read_to_end(&mut out).map_err(|error| {
            Refusal::new(RefusalReason::BadEncoding, format!("gzip cannot be unpacked: {error}"))
        })?;
        if out.len() > MAX_RECORD_BYTES {
            let detail = format!("unpacks to more than {MAX_RECORD_BYTES} bytes");
            return Err(Refusal::new(RefusalReason::Oversize, detail));
        }
        return Ok(Cow::Owned(out));
    }
    let behind = if bytes.first() == Some(&0) { bytes.get(CONFLUENT_PREFIX..) } else { None };
    match behind {
        Some(json) if matches!(json.first(), Some(b'{' | b'[')) => Ok(Cow::Borrowed(json)),
        _ => Ok(Cow::Borrowed(bytes)),
    }
}

/// What lies in the outermost envelope, or `None` if there is none.
pub(crate) fn open(text: &str) -> Result<Option<Contents<'_>>, Refusal> {
    let text = text.trim_ascii();
    match text.as_bytes().first() {
        Some(b'{') => of_object(text),
        Some(b'[') if !text.starts_with("[20") => match elements(text, MAX_LIST_ITEMS) {
            Some(parts) => Ok(Some(Contents::of(parts))),
            None => Ok(None),
        },
        Some(_) if text.contains('\n') => Ok(Some(Contents::of(lines(text)?))),
        _ => Ok(container_line(text).or_else(|| syslog(text))),
    }
}

impl<'a> Contents<'a> {
    fn of(parts: Vec<&'a str>) -> Self {
        Self { parts: parts.into_iter().map(Cow::Borrowed).collect(), time: None }
    }

    fn one(part: &'a str, time: Option<&str>) -> Self {
        let time = time.and_then(|time| EventTime::parse(time).ok());
        Self { parts: vec![Cow::Borrowed(part)], time }
    }
}

fn lines(text: &str) -> Result<Vec<&str>, Refusal> {
    let lines: Vec<_> = text.lines().filter(|line| !line.trim_ascii().is_empty()).collect();
    if lines.len() > MAX_LIST_ITEMS {
        let detail = format!("{} lines in one record, of {MAX_LIST_ITEMS} allowed", lines.len());
        return Err(Refusal::new(RefusalReason::TooManyEvents, detail));
    }
    Ok(lines)
}

fn of_object(text: &str) -> Result<Option<Contents<'_>>, Refusal> {
    if text.contains('\n')
        && let Some(end) = value_end(text)
        && text[end..].trim_ascii_start().starts_with('{')
    {
        return Ok(Some(Contents::of(lines(text)?)));
    }
    let key = text[1..].trim_ascii_start().strip_prefix('"').and_then(|rest| rest.split('"').next());
    if !key.is_some_and(|key| OUTER_KEYS.contains(&key)) {
        return Ok(None);
    }
    let mut inner = None;
    let mut time = None;
    for (key, value) in members(text) {
        if INNER_KEYS.contains(&key) && inner.is_none() {
            inner = of_value(value);
        } else if TIME_KEYS.contains(&key) && time.is_none() {
            time = time_of(value);
        }
    }
    // A record that has a request of its own is no envelope, whatever else it calls a message.
    Ok(inner.map(|part| Contents { parts: vec![part], time }))
}

/// A line as a string, or an object as it is.
fn of_value(value: &str) -> Option<Cow<'_, str>> {
    if value.starts_with('{') {
        return Some(Cow::Borrowed(value));
    }
    let Text(line) = serde_json::from_str(value).ok()?;
    Some(line).filter(|line| !line.trim_ascii().is_empty())
}

/// A time as text, or as Fluent Bit writes it: seconds with a fraction.
fn time_of(value: &str) -> Option<EventTime> {
    if let Some(text) = value.strip_prefix('"') {
        return EventTime::parse(text.strip_suffix('"')?).ok();
    }
    super::access::time_of_seconds("date", value).ok()
}

/// `2016-10-06T00:17:09.669794202Z stdout F The line`
fn container_line(text: &str) -> Option<Contents<'_>> {
    let mut fields = text.splitn(4, ' ');
    let time = fields.next().filter(|time| time.len() >= 20 && time.contains('T'))?;
    let is_stream = matches!(fields.next()?, "stdout" | "stderr");
    let is_tag = matches!(fields.next()?.split(':').next()?, "F" | "P");
    let line = fields.next()?;
    (is_stream && is_tag).then(|| Contents::one(line, Some(time)))
}

/// A syslog line; the tag's colon is what makes it one.
fn syslog(text: &str) -> Option<Contents<'_>> {
    let (has_priority, rest) = match text.strip_prefix('<').and_then(|rest| rest.split_once('>')) {
        Some((priority, rest)) if priority.len() <= 3 && priority.parse::<u16>().is_ok() => (true, rest),
        _ => (false, text),
    };
    if has_priority && let Some(rest) = rest.strip_prefix("1 ") {
        return of_rfc5424(rest);
    }
    let (time, rest) = if rest.as_bytes().first().is_some_and(u8::is_ascii_digit) {
        let (time, rest) = rest.split_once(' ')?;
        (Some(time).filter(|time| time.contains('T'))?, rest)
    } else {
        let is_month =
            rest.get(..3).is_some_and(|month| month.bytes().all(|byte| byte.is_ascii_alphabetic()));
        let clock = rest.get(6..16).filter(|_| is_month)?;
        // `Oct 11 22:14:15 `: no year and no zone, so no time.
        if clock.as_bytes()[0] != b' ' || clock.as_bytes()[3] != b':' || clock.as_bytes()[9] != b' ' {
            return None;
        }
        ("", rest.get(16..)?)
    };
    let (host, rest) = rest.split_once(' ')?;
    let (tag, line) = rest.split_once(": ")?;
    let is_name = |name: &str| !name.is_empty() && name.len() <= 256 && !name.contains([' ', '"', '{', '|']);
    (is_name(host) && is_name(tag)).then(|| Contents::one(line, Some(time)))
}

/// `2003-10-11T22:14:15.003Z host app proc id [structured data] line`
fn of_rfc5424(text: &str) -> Option<Contents<'_>> {
    let mut fields = text.splitn(6, ' ');
    let time = fields.next()?;
    let rest = fields.nth(4)?;
    let line = match rest.strip_prefix("- ") {
        Some(line) => line,
        None => rest.strip_prefix('[').and_then(|data| data.rsplit_once("] "))?.1,
    };
    Some(Contents::one(line.trim_start_matches('\u{feff}'), Some(time)))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn check(text: &str, expected: Option<(&[&str], Option<&str>)>) {
        let found = open(text).unwrap();
        let found =
            found.as_ref().map(|own| (own.parts.iter().map(|part| &**part).collect::<Vec<_>>(), own.time));
        let expected =
            expected.map(|(parts, time)| (parts.to_vec(), time.map(|time| EventTime::parse(time).unwrap())));
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn envelopes_give_their_line_and_their_time() {
        let time = Some("2024-01-16T23:53:20Z");
        check(
            "<134>2024-01-16T23:53:20Z cache-1 s3-request-logs[3]: {\"a\":1}",
            Some((&["{\"a\":1}"], time)),
        );
        check("<34>Oct 11 22:14:15 web nginx: 1.2.3.4 - -", Some((&["1.2.3.4 - -"], None)));
        check("Oct 11 22:14:15 web nginx: 1.2.3.4 - -", Some((&["1.2.3.4 - -"], None)));
        check("<165>1 2024-01-16T23:53:20Z web nginx 7 ID47 - line", Some((&["line"], time)));
        check("<165>1 2024-01-16T23:53:20Z web nginx 7 ID47 [a@1 b=\"c\"] line", Some((&["line"], time)));
        check("2024-01-16T23:53:20.000000000Z stdout F line here", Some((&["line here"], time)));
        check(
            r#"{"log":"a \"b\"\n","stream":"stdout","time":"2024-01-16T23:53:20Z"}"#,
            Some((&["a \"b\"\n"], time)),
        );
        check(r#"{"date":1705449200.0,"log":"line","kubernetes":{}}"#, Some((&["line"], time)));
        check(r#"{"@timestamp":"2024-01-16T23:53:20Z","host":{},"message":"line"}"#, Some((&["line"], time)));
        check(r#"{"received":"2024-01-16T23:53:20Z","body":"{}"}"#, Some((&["{}"], time)));
        check(
            r#"{"fetched":"2024-01-16T23:53:20Z","body":{"name":"x"}}"#,
            Some((&[r#"{"name":"x"}"#], time)),
        );
        check("[{\"a\":1}, {\"b\":2}]", Some((&["{\"a\":1}", "{\"b\":2}"], None)));
        check("{\"a\":1}\n{\"b\":2}\n", Some((&["{\"a\":1}", "{\"b\":2}"], None)));
        check("one\n\ntwo\n", Some((&["one", "two"], None)));
    }

    #[test]
    fn what_only_looks_like_one_is_none() {
        check(r#"{"time":1,"log":"x"}"#, None);
        check(r#"{"@timestamp":1,"action":"packages.package_published"}"#, None);
        check("{\n \"a\": 1\n}", None);
        check("[10/Oct/2025", None);
        check(r#"203.0.113.9 - x [10/Oct/2025:13:55:36 +0000] "GET /a: b HTTP/1.1" 200 5"#, None);
        check("2026-11-23 09:29:20,280|pypiserver._app|INFO|<LocalRequest: GET x>", None);
        check("", None);
    }

    #[test]
    fn gzip_and_a_schema_id_are_taken_off_and_a_bomb_is_refused() {
        let packed = |bytes: &[u8]| {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(bytes).unwrap();
            encoder.finish().unwrap()
        };
        assert_eq!(&*unpacked(&packed(b"{}")).unwrap(), b"{}");
        assert_eq!(&*unpacked(b"\0\0\0\x01\xff{}").unwrap(), b"{}");
        assert_eq!(&*unpacked(b"\0\0").unwrap(), b"\0\0");
        let bomb = packed(&vec![b' '; MAX_RECORD_BYTES + 1]);
        assert_eq!(unpacked(&bomb).unwrap_err().reason, RefusalReason::Oversize);
        assert_eq!(unpacked(b"\x1f\x8b\x08").unwrap_err().reason, RefusalReason::BadEncoding);
    }
}
