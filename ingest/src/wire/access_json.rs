//! Access logs whose lines are JSON objects: nginx' `log_format … escape=json`, Apache's the like.
//!
//! There is no standard of names, so the usual ones are read: those of nginx' variables, with and without prefix. The
//! finest time counts: `msec` before `time`. A digest (`docker_content_digest`, nginx'
//! `$sent_http_docker_content_digest`) says what a tag pointed to: a successful `PUT` of a tag is a `tag` event then.
//!
//! Whether a user who is named was accepted, only the status says. The rule for HEAD and layers stands in `access.rs`.

use detectors::event::{Digest, Event};

use super::access::{self, Request};
use super::object::{Scalar, Text, Unknown, object, said};
use crate::decode::{Reading, Refusal, RefusalReason, check_nesting, time_of_text};

#[derive(Default)]
struct Line<'a> {
    time: Option<Text<'a>>,
    time_iso8601: Option<Text<'a>>,
    timestamp: Option<Text<'a>>,
    at_timestamp: Option<Text<'a>>,
    time_local: Option<Text<'a>>,
    msec: Option<Scalar<'a>>,
    remote_addr: Option<Text<'a>>,
    remote_ip: Option<Text<'a>>,
    client_ip: Option<Text<'a>>,
    remote_host: Option<Text<'a>>,
    remote_user: Option<Text<'a>>,
    user: Option<Text<'a>>,
    method: Option<Text<'a>>,
    request_method: Option<Text<'a>>,
    uri: Option<Text<'a>>,
    request_uri: Option<Text<'a>>,
    path: Option<Text<'a>>,
    request: Option<Text<'a>>,
    status: Option<Scalar<'a>>,
    body_bytes_sent: Option<Scalar<'a>>,
    bytes_sent: Option<Scalar<'a>>,
    bytes: Option<Scalar<'a>>,
    request_time: Option<Scalar<'a>>,
    request_id: Option<Text<'a>>,
    user_agent: Option<Text<'a>>,
    http_user_agent: Option<Text<'a>>,
    docker_content_digest: Option<Text<'a>>,
    unknown: Unknown<'a>,
}
object!(Line {
    "time" => time, "time_iso8601" => time_iso8601, "timestamp" => timestamp, "@timestamp" => at_timestamp,
    "time_local" => time_local, "msec" => msec, "remote_addr" => remote_addr, "remote_ip" => remote_ip,
    "client_ip" => client_ip, "remote_host" => remote_host, "remote_user" => remote_user, "user" => user,
    "method" => method, "request_method" => request_method, "uri" => uri, "request_uri" => request_uri,
    "path" => path, "request" => request, "status" => status, "body_bytes_sent" => body_bytes_sent,
    "bytes_sent" => bytes_sent, "bytes" => bytes, "request_time" => request_time, "request_id" => request_id,
    "user_agent" => user_agent, "http_user_agent" => http_user_agent,
    "docker_content_digest" => docker_content_digest,
} ignored "host", "protocol", "request_length", "upstream_status", "upstream_response_time", "content_type", "range",
    "referer", "http_referer", "connection_requests", "server_protocol", "scheme");

/// Reads one line.
pub(crate) fn read(text: &str, reading: &mut Reading<'_>, out: &mut Vec<Event>) -> Result<(), Refusal> {
    check_nesting(text)?;
    let own: Line<'_> = serde_json::from_str(text).map_err(|error| Refusal::of_json(text, &error))?;
    let time = own.time()?;
    let line = own.request_line()?;
    let status = said(own.status.as_ref()).map(status_of).transpose()?.flatten();
    let number = |field: Option<&Scalar<'_>>| said(field).and_then(|text| text.parse().ok());
    let request = Request {
        client: said(own.remote_addr.as_ref())
            .or(said(own.remote_ip.as_ref()))
            .or(said(own.client_ip.as_ref()))
            .or(said(own.remote_host.as_ref()))
            .unwrap_or(""),
        user: said(own.remote_user.as_ref()).or(said(own.user.as_ref())),
        line: &line,
        status,
        bytes: number(own.body_bytes_sent.as_ref())
            .or_else(|| number(own.bytes_sent.as_ref()))
            .or_else(|| number(own.bytes.as_ref())),
        duration_ms: said(own.request_time.as_ref()).and_then(access::millis_of_seconds),
        user_agent: said(own.user_agent.as_ref()).or(said(own.http_user_agent.as_ref())),
        request_id: said(own.request_id.as_ref()),
        // What a server puts into a header for itself may be anything; what is no digest says nothing.
        digest: said(own.docker_content_digest.as_ref()).and_then(|text| Digest::parse(text).ok()),
        ..Request::default()
    };
    access::push(&request, time, reading, out);
    reading.note_unknown("", &own.unknown);
    Ok(())
}

impl Line<'_> {
    fn time(&self) -> Result<detectors::event::EventTime, Refusal> {
        if let Some(seconds) = said(self.msec.as_ref()) {
            return access::time_of_seconds("msec", seconds);
        }
        let fields = [&self.time, &self.time_iso8601, &self.timestamp, &self.at_timestamp, &self.time_local];
        let text = fields.into_iter().find_map(|field| said(field.as_ref()));
        let text = text.ok_or_else(|| Refusal::missing("time"))?;
        // nginx writes `$time_local` as in `combined`.
        if text.as_bytes().get(2) == Some(&b'/') {
            access::time_of_access_log(text)
        } else {
            time_of_text("time", text)
        }
    }

    fn request_line(&self) -> Result<String, Refusal> {
        if let Some(line) = said(self.request.as_ref()) {
            return Ok(line.to_owned());
        }
        let fields = [&self.request_uri, &self.uri, &self.path];
        let target = fields.into_iter().find_map(|field| said(field.as_ref()));
        let target = target.ok_or_else(|| Refusal::missing("uri"))?;
        let method = said(self.method.as_ref()).or(said(self.request_method.as_ref()));
        let method = method.ok_or_else(|| Refusal::missing("method"))?;
        Ok(format!("{method} {target} HTTP/1.1"))
    }
}

/// Three digits; `000` is what nginx writes when it answered nothing.
fn status_of(text: &str) -> Result<Option<u16>, Refusal> {
    match text.parse::<u16>() {
        Ok(0) => Ok(None),
        Ok(status @ 100..=599) => Ok(Some(status)),
        _ => Err(Refusal::new(RefusalReason::ImpossibleValue, format!("`status` is `{text}`"))),
    }
}
