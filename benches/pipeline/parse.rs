//! What any consumer of these events must do at least: check the UTF-8 once, read all 14 fields into a borrowed struct,
//! read the time. The pipeline is measured against it, and nothing cheaper would be honest.

use std::borrow::Cow;
use std::hint::black_box;

use detectors::event::EventTime;
use serde::Deserialize;

type Text<'a> = Cow<'a, str>;

/// An access event; text that has escapes is owned, all other borrowed.
#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "the fields are read to be paid for, not to be used")]
struct Access<'a> {
    v: u32,
    #[serde(borrow)]
    id: Text<'a>,
    #[serde(borrow)]
    time: Text<'a>,
    #[serde(borrow)]
    registry: Text<'a>,
    #[serde(borrow, rename = "type")]
    kind: Text<'a>,
    #[serde(borrow)]
    action: Text<'a>,
    #[serde(borrow)]
    artifact: Artifact<'a>,
    #[serde(borrow)]
    actor: Actor<'a>,
    #[serde(borrow)]
    outcome: Text<'a>,
    status: u16,
    #[serde(borrow)]
    request_id: Text<'a>,
    bytes: u64,
    duration_ms: u64,
    #[serde(borrow)]
    upstream: Text<'a>,
}

#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "the fields are read to be paid for, not to be used")]
struct Artifact<'a> {
    #[serde(borrow)]
    purl: Text<'a>,
    #[serde(borrow)]
    file: Text<'a>,
}

#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "the fields are read to be paid for, not to be used")]
struct Actor<'a> {
    #[serde(borrow)]
    principal: Text<'a>,
    #[serde(borrow)]
    kind: Text<'a>,
    #[serde(borrow)]
    ip: Text<'a>,
    #[serde(borrow)]
    user_agent: Text<'a>,
    #[serde(borrow)]
    country: Text<'a>,
    asn: u32,
    #[serde(borrow)]
    auth: Text<'a>,
    #[serde(borrow)]
    token_id: Text<'a>,
}

/// Reads one event; says whether it could be read.
pub(crate) fn parse(bytes: &[u8]) -> bool {
    let read = simdutf8::basic::from_utf8(bytes).ok().and_then(|text| {
        let access: Access<'_> = serde_json::from_str(text).ok()?;
        let time = EventTime::parse(&access.time).ok()?;
        black_box(&access);
        Some(time)
    });
    black_box(read).is_some()
}
