//! Access logs of Fastly, in the JSON that crates.io has it write
//! (<https://github.com/rust-lang/simpleinfra/tree/master/terraform/crates-io>); Fastly sends them behind a syslog prefix.
//!
//! A HEAD is `head`; only a GET of a file is `pull`.

use detectors::event::Event;

use super::access::{self, Request};
use super::object::{Scalar, Text, Unknown, object, said};
use crate::decode::{Reading, Refusal, RefusalReason, check_nesting, time_of_text};

#[derive(Default)]
struct Line<'a> {
    version: Option<Scalar<'a>>,
    date_time: Option<Text<'a>>,
    ip: Option<Text<'a>>,
    method: Option<Text<'a>>,
    url: Option<Text<'a>>,
    status: Option<u16>,
    bytes: Option<u64>,
    http: Option<Http<'a>>,
    unknown: Unknown<'a>,
}
object!(Line {
    "version" => version, "date_time" => date_time, "ip" => ip, "method" => method, "url" => url,
    "status" => status, "bytes" => bytes, "http" => http,
} ignored "content_type", "ddsource", "ddtags", "edge_location", "host", "service", "tls");

#[derive(Default)]
struct Http<'a> {
    user_agent: Option<Text<'a>>,
    unknown: Unknown<'a>,
}
object!(Http { "useragent" => user_agent } ignored "protocol", "referer");

/// Reads one line.
pub(crate) fn read(text: &str, reading: &mut Reading<'_>, out: &mut Vec<Event>) -> Result<(), Refusal> {
    check_nesting(text)?;
    let own: Line<'_> = serde_json::from_str(text).map_err(|error| Refusal::of_json(text, &error))?;
    if let Some(version) = said(own.version.as_ref())
        && version != "1"
    {
        return Err(Refusal::new(RefusalReason::UnsupportedVersion, format!("`version` is `{version}`")));
    }
    let time = said(own.date_time.as_ref()).ok_or_else(|| Refusal::missing("date_time"))?;
    let method = said(own.method.as_ref()).ok_or_else(|| Refusal::missing("method"))?;
    let url = said(own.url.as_ref()).ok_or_else(|| Refusal::missing("url"))?;
    let http = own.http.as_ref();
    let request = Request {
        client: said(own.ip.as_ref()).unwrap_or(""),
        line: &format!("{method} {url} HTTP/1.1"),
        status: own.status.filter(|status| (100..=599).contains(status)),
        bytes: own.bytes,
        user_agent: http.and_then(|http| said(http.user_agent.as_ref())),
        ..Request::default()
    };
    access::push(&request, time_of_text("date_time", time)?, reading, out);
    reading.note_unknown("", &own.unknown);
    Ok(())
}
