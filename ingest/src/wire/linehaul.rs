//! PyPI's CDN log lines as linehaul reads them (<https://github.com/pypi/linehaul-cloud-function>).
//!
//! `download|<time>|<country>|<path>|<tls>|<cipher>|<project>|<version>|<kind>|<user agent>` is `access` pull, and
//! `simple|…` with an empty project is `access` list. There is no address, no user and no status: PyPI logs what it
//! served. HEAD is not logged at all.

use chrono::DateTime;
use detectors::event::{Country, Event, EventTime};

use super::access::{self, Request};
use crate::decode::{Ecosystem, Reading, Refusal, RefusalReason};

/// Fields of a line; the last one, the user agent, may hold the separator.
const FIELDS: usize = 10;
/// What stands where the client named itself not at all.
const NO_USER_AGENT: &str = "(null)";

/// Reads one line.
pub(crate) fn read(text: &str, reading: &mut Reading<'_>, out: &mut Vec<Event>) -> Result<(), Refusal> {
    let fields: Vec<&str> = text.trim_end().splitn(FIELDS, '|').collect();
    let [kind, time, country, path, _tls, _cipher, _project, _version, _package, user_agent] = fields[..]
    else {
        let detail = format!("the line has {} fields, of {FIELDS}", fields.len());
        return Err(Refusal::new(RefusalReason::BadLine, detail));
    };
    if !matches!(kind, "download" | "simple") || !path.starts_with('/') {
        return Err(Refusal::new(RefusalReason::BadLine, "the line names no download and no page"));
    }
    let time = time_of(time)?;
    let request = Request {
        line: &format!("GET {path} HTTP/1.1"),
        status: Some(200),
        user_agent: Some(user_agent).filter(|text| *text != NO_USER_AGENT && !text.is_empty()),
        country: Country::parse(country),
        ecosystem: Some(Ecosystem::Pypi),
        ..Request::default()
    };
    access::push(&request, time, reading, out);
    if let Some(event) = out.last_mut() {
        // The log has no status: that it was served is all it says.
        event.status = None;
    }
    Ok(())
}

/// `Thu, 07 Jan 2021 20:54:54 GMT`
fn time_of(text: &str) -> Result<EventTime, Refusal> {
    let time = DateTime::parse_from_rfc2822(text).map_err(|_| {
        Refusal::new(
            RefusalReason::UnreadableTime,
            format!("`{text}` is no time of an e-mail or HTTP header"),
        )
    })?;
    crate::decode::time_of_millis("time", time.timestamp_millis())
}
