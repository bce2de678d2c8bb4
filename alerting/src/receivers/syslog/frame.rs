//! The message: RFC 5424's header, structured data with the values programs look for, and one line or one JSON object.

use std::fmt::Write as _;

use detectors::finding::Severity;

use super::{SyslogBody, SyslogConfig, SyslogProblem};
use crate::card::{Card, Layout, Repeat, Text};
use crate::receivers::{Attempt, Fullness, native};
use crate::sanitise::{Limit, shorten};

/// Most bytes of a message for people: what RFC 5425 asks every collector to take.
pub(super) const TEXT_MAX: usize = 8 * 1024;
/// Most bytes of a message with the native body.
pub(super) const NATIVE_MAX: usize = 32 * 1024;
/// What header and structured data take at most: eight values, each of whose bytes may be escaped.
const HEAD_MAX: usize = 5 * 1024;
/// Most characters of one value of the structured data.
const VALUE_MAX: usize = 120;
/// RFC 5424's limits of two names in the header.
const HOSTNAME_MAX: usize = 255;
const MSGID_MAX: usize = 32;
const FACILITY_MAX: u8 = 23;
/// Says that UTF-8 follows, as RFC 5424 wants it.
const BYTE_ORDER_MARK: &str = "\u{feff}";

/// How the messages of one receiver are written.
#[derive(Debug)]
pub(super) struct Style {
    facility: u8,
    hostname: String,
    enterprise: u32,
    body: SyslogBody,
}

impl Style {
    pub(super) fn of(config: &SyslogConfig) -> Result<Self, SyslogProblem> {
        if config.facility > FACILITY_MAX {
            return Err(SyslogProblem::Facility { facility: config.facility });
        }
        // What is not known is a dash.
        let hostname = config.hostname.clone().unwrap_or_else(|| "-".to_owned());
        let fits = (1..=HOSTNAME_MAX).contains(&hostname.len());
        if !fits || !hostname.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(SyslogProblem::Hostname { hostname: hostname.escape_debug().to_string() });
        }
        Ok(Self { facility: config.facility, hostname, enterprise: config.enterprise, body: config.body })
    }

    pub(super) fn message(
        &self,
        card: &Card,
        attempt: Attempt<'_>,
        fullness: Fullness,
    ) -> Result<Vec<u8>, serde_json::Error> {
        let mut message = self.header(card);
        self.push_data(&mut message, card, attempt);
        message.push(' ');
        match self.body {
            SyslogBody::Text => {
                message.push_str(BYTE_ORDER_MARK);
                let room = TEXT_MAX.saturating_sub(message.len());
                message.push_str(&shorten(&line(card, fullness), Limit::Bytes(room)));
                Ok(message.into_bytes())
            }
            SyslogBody::Native => {
                let mut bytes = message.into_bytes();
                bytes.extend(native::within(NATIVE_MAX - HEAD_MAX, card, fullness)?);
                Ok(bytes)
            }
        }
    }

    fn header(&self, card: &Card) -> String {
        let priority = u16::from(self.facility) * 8 + u16::from(severity(card.severity));
        let time = card.transition.time.to_chrono().format("%Y-%m-%dT%H:%M:%S%.3fZ");
        let kind: String = card.event_type().chars().filter(char::is_ascii_graphic).take(MSGID_MAX).collect();
        format!("<{priority}>1 {time} {} sealwatch - {kind} ", self.hostname)
    }

    /// One element with the values that programs look for.
    fn push_data(&self, message: &mut String, card: &Card, attempt: Attempt<'_>) {
        // Writing to a string cannot fail.
        let _ = write!(message, "[sealwatch@{}", self.enterprise);
        for (name, value) in values(card, attempt) {
            let _ = write!(message, " {name}=\"{}\"", escaped(&value));
        }
        message.push(']');
    }
}

fn values(card: &Card, attempt: Attempt<'_>) -> Vec<(&'static str, String)> {
    let mut values = vec![
        ("id", shown(card.record.id())),
        ("delivery", attempt.id.as_str().to_owned()),
        ("severity", card.severity.as_str().to_owned()),
    ];
    if let Some(incident) = card.record.incident() {
        values.extend(incident.surprise_bits.map(|bits| ("surprise_bits", format!("{bits:.2}"))));
        if let Some(subject) = incident.subjects.first() {
            values.push(("subject", shown(&subject.name)));
            values.push(("registry", shown(&subject.registry)));
        }
    }
    values.extend(card.link.as_ref().map(|link| ("url", link.as_str().to_owned())));
    if card.repeat == Repeat::Possible {
        values.push(("repeat", "possible".to_owned()));
    }
    values
}

/// A foreign value, made fit to be shown and cut.
fn shown(value: &str) -> String {
    Text::new().untrusted(value).encode_short(VALUE_MAX, str::to_owned, str::to_owned)
}

/// The three characters that mean something inside a value.
fn escaped(value: &str) -> String {
    let mut escaped = String::with_capacity(value.len());
    for character in value.chars() {
        if matches!(character, '"' | '\\' | ']') {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}

/// The card in one line.
fn line(card: &Card, fullness: Fullness) -> String {
    let layout = Layout::of(card, fullness);
    let mut parts = vec![layout.title.plain(), layout.headline.plain(), layout.sentence.plain()];
    for list in &layout.lists {
        let rest = crate::receivers::fit::rest(list.further);
        let lines: Vec<_> = list.lines.iter().chain(rest.as_ref()).map(Text::plain).collect();
        parts.push(format!("{}: {}", list.title, lines.join("; ")));
    }
    parts.extend(layout.foot.iter().map(Text::plain));
    parts.join(" | ")
}

/// The message with its length before it (RFC 5425, RFC 6587), so that nothing in it can end it.
pub(super) fn counted(message: &[u8]) -> Vec<u8> {
    let mut frame = format!("{} ", message.len()).into_bytes();
    frame.extend_from_slice(message);
    frame
}

const fn severity(severity: Severity) -> u8 {
    match severity {
        Severity::Critical => 2,
        Severity::High => 3,
        Severity::Medium => 4,
        Severity::Low => 5,
        Severity::Info => 6,
    }
}
