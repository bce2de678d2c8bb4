//! What templates may fill in, and the messages that they are tried on.

use detectors::event::EventTime;
use detectors::finding::Severity;
use serde_json::{Value, json};

use super::{Limit, Piece, shorten};
use crate::card::{Card, DigestCause, PublicUrl, Record, Repeat, Text, Untrusted, build, digest, notice};
use crate::fixture;

/// Most characters of a text of the card, as other channels show it.
const SHOWN: Limit = Limit::Characters(2_000);

/// A card as templates see it. Every name is there for every kind of message; what a message lacks is null or empty.
pub(super) fn of(card: &Card) -> Value {
    let (incident, findings, incidents, further) = match &card.record {
        Record::Incident { incident, findings } => (json!(incident), json!(findings), json!([]), 0),
        Record::Digest { incidents, further, .. } => (Value::Null, json!([]), json!(incidents), *further),
        Record::Notice { .. } => (Value::Null, json!([]), json!([]), 0),
    };
    let first = card.record.incident().and_then(|incident| incident.subjects.first());
    json!({
        "type": card.event_type(),
        "what_happened": card.what_happened(),
        "severity": card.severity,
        "headline": plain(&card.headline),
        "sentence": plain(&card.sentence),
        "time": card.transition.time,
        "id": card.record.id(),
        "url": card.link.as_ref().map(crate::card::PageLink::as_str),
        "possible_repeat": card.repeat == Repeat::Possible,
        "notes": card.notes.iter().map(plain).collect::<Vec<_>>(),
        "subject": first.map(|subject| shown(&subject.name)),
        "registry": first.map(|subject| shown(&subject.registry)),
        "incident": incident,
        "findings": findings,
        "incidents": incidents,
        "further": further,
    })
}

/// A name made fit to be shown; as it came it stands in `incident`.
fn shown(name: &str) -> String {
    Untrusted::new(name).shown().as_str().to_owned()
}

/// A text as people read it: foreign pieces made fit to be shown.
fn plain(text: &Text) -> String {
    let pieces = text.pieces().iter().map(|piece| match piece {
        Piece::Ours(ours) => ours.as_str().to_owned(),
        Piece::Untrusted(foreign) => foreign.shown().as_str().to_owned(),
    });
    shorten(&pieces.collect::<String>(), SHOWN).into_owned()
}

/// Messages of every kind, each with its name.
pub(super) fn samples() -> Vec<(&'static str, Card)> {
    let page = PublicUrl::parse("https://watch.example").ok();
    let (honest, findings) = fixture::npm_takeover();
    let (hostile, hostile_findings) = fixture::hostile_takeover();
    let at = EventTime::from_secs(0);
    let words = || Text::new().then("something about the watch itself");
    vec![
        ("an incident", build(fixture::opened(), honest.clone(), findings, page.as_ref())),
        (
            "an incident with hostile names and no link",
            build(fixture::opened(), hostile, hostile_findings, None),
        ),
        ("a digest", digest("d".to_owned(), DigestCause::TooFast, vec![honest], 3, at, page.as_ref())),
        ("a notice", notice("n".to_owned(), Severity::High, words(), words(), at, None)),
    ]
}
