//! Standard access logs of Amazon `CloudFront`
//! (<https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/standard-logs-reference.html>), as crates.io and
//! others serve packages through it: fields with a tab between them, two lines of header.
//!
//! Each line is read for itself, so only the documented order of fields can be read: a file with `#Fields` of its own
//! is refused line by line. Paths and user agents are percent-encoded once more by `CloudFront`. A HEAD is `head`.

use detectors::event::Event;
use percent_encoding::percent_decode_str;

use super::access::{self, Request};
use crate::decode::{PassReason, Reading, Refusal, RefusalReason, time_of_text};

/// Fields of the oldest form that is still written; newer ones have more behind them.
const FIELDS: usize = 24;

/// Reads one line.
pub(crate) fn read(text: &str, reading: &mut Reading<'_>, out: &mut Vec<Event>) -> Result<(), Refusal> {
    let line = text.trim_end_matches(['\r', '\n']);
    if let Some(header) = line.strip_prefix('#') {
        return read_header(header, reading);
    }
    let fields: Vec<&str> = line.split('\t').collect();
    if fields.len() < FIELDS {
        let detail = format!("the line has {} fields, of {FIELDS} in the documented order", fields.len());
        return Err(Refusal::new(RefusalReason::BadLine, detail));
    }
    let said = |at: usize| Some(fields[at]).filter(|text| *text != "-" && !text.is_empty());
    let time = time_of_text("date", &format!("{}T{}Z", fields[0], fields[1]))?;
    let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let query = said(11).map_or_else(String::new, |query| format!("?{query}"));
    let target = said(7).map(decoded).ok_or_else(|| Refusal::missing("cs-uri-stem"))?;
    let method = said(5).ok_or_else(|| Refusal::missing("cs-method"))?;
    let status = match fields[8].parse::<u16>() {
        // `000` is a viewer who went away before the answer.
        Ok(0) => None,
        Ok(status @ 100..=599) => Some(status),
        _ => {
            let detail = format!("`sc-status` is `{}`", fields[8]);
            return Err(Refusal::new(RefusalReason::ImpossibleValue, detail));
        }
    };
    let user_agent = said(10).map(decoded);
    let request = Request {
        client: said(4).unwrap_or(""),
        line: &format!("{method} {target}{query} HTTP/1.1"),
        status,
        bytes: fields[3].parse().ok(),
        duration_ms: access::millis_of_seconds(fields[18]),
        user_agent: user_agent.as_deref(),
        request_id: said(14),
        ..Request::default()
    };
    access::push(&request, time, reading, out);
    Ok(())
}

fn read_header(header: &str, reading: &mut Reading<'_>) -> Result<(), Refusal> {
    if let Some(version) = header.strip_prefix("Version:")
        && version.trim() != "1.0"
    {
        let detail = format!("`#Version` is `{}`", version.trim());
        return Err(Refusal::new(RefusalReason::UnsupportedVersion, detail));
    }
    reading.pass(PassReason::Header);
    Ok(())
}
