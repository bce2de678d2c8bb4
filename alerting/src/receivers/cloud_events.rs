//! CloudEvents 1.0 as a body of `webhook`: structured, where the event wraps the native body, or binary, where it
//! stands in headers beside it. Source: cloudevents/spec, `http-protocol-binding.md`.

use detectors::event::EventTime;
use serde::Serialize;
use serde_json::Value;

use super::{Attempt, Encoded, Fullness, native};
use crate::card::Card;
use crate::inert_json::to_inert_json;

/// The source of all events; with the id it is unique.
const SOURCE: &str = "/sealwatch";
/// What the event around the native body takes at most, in bytes.
const ENVELOPE_MAX: usize = 600;

#[derive(Serialize)]
struct Structured<'a> {
    specversion: &'static str,
    id: &'a str,
    source: &'static str,
    #[serde(rename = "type")]
    kind: String,
    subject: &'a str,
    time: EventTime,
    datacontenttype: &'static str,
    data: Value,
}

fn kind(card: &Card) -> String {
    format!("sealwatch.{}", card.event_type())
}

/// The event around the native body.
pub(super) fn structured(
    most: usize,
    card: &Card,
    attempt: Attempt<'_>,
    fullness: Fullness,
) -> Result<Encoded, serde_json::Error> {
    let native = native::within(most.saturating_sub(ENVELOPE_MAX), card, fullness)?;
    let event = Structured {
        specversion: "1.0",
        id: attempt.id.as_str(),
        source: SOURCE,
        kind: kind(card),
        subject: card.record.id(),
        time: card.transition.time,
        datacontenttype: "application/json",
        data: serde_json::from_slice(&native)?,
    };
    let body = to_inert_json(&event)?;
    Ok(Encoded { body, content_type: "application/cloudevents+json", headers: Vec::new() })
}

/// The native body with the event in headers. Ids and types are ASCII without blanks, quotes or percent signs, so
/// there is nothing to encode in a header; an id that is none of ours is left out.
pub(super) fn binary(
    most: usize,
    card: &Card,
    attempt: Attempt<'_>,
    fullness: Fullness,
) -> Result<Encoded, serde_json::Error> {
    let time = serde_json::to_value(card.transition.time)?;
    let mut headers = vec![
        ("ce-specversion", "1.0".to_owned()),
        ("ce-id", attempt.id.as_str().to_owned()),
        ("ce-source", SOURCE.to_owned()),
        ("ce-type", kind(card)),
        ("ce-time", time.as_str().unwrap_or_default().to_owned()),
    ];
    let id = card.record.id();
    if id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
        headers.push(("ce-subject", id.to_owned()));
    }
    let body = native::within(most, card, fullness)?;
    Ok(Encoded { body, content_type: "application/json", headers })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outbox::DeliveryId;
    use crate::receivers::Place;
    use crate::receivers::channel_tests::{honest, worst};

    #[test]
    fn both_forms_say_the_same_within_the_limit() {
        let id = DeliveryId::parse("abc").unwrap();
        let attempt = Attempt { id: &id, unix_seconds: 7, place: Place::New };
        let whole = structured(20_000, &honest(), attempt, Fullness::Full).unwrap();
        let event: Value = serde_json::from_slice(&whole.body).unwrap();
        let parted = binary(20_000, &honest(), attempt, Fullness::Full).unwrap();
        for (name, value) in &parted.headers {
            assert_eq!(event[name.trim_start_matches("ce-")], **value, "{name}");
        }
        assert_eq!(event["data"], serde_json::from_slice::<Value>(&parted.body).unwrap());
        let worst = structured(20_000, &worst(), attempt, Fullness::Full).unwrap();
        assert!(worst.body.len() <= 20_000, "{}", worst.body.len());
    }
}
