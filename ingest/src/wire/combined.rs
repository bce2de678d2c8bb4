//! Access logs of nginx and Apache: `combined`, `common`, and `combined` with fields behind it.
//!
//! Each line is one `access` event: what was asked, of which artifact as far as the path says, by whom, and how it
//! ended. A successful request that takes something back, or changes owners, is a `withdraw` or `account` event
//! besides. What no path shows is not made up: a tag's digest, the package of a PyPI upload, an npm publish's version.
//!
//! The principal is the user that the log names, else `ip:<address>` of kind anonymous. A path of no registry that we
//! know is still an event, without artifact: someone who looks for `/.env` on a registry's host is worth counting.

mod cargo;
mod line;
mod npm;
mod oci;
mod pypi;
mod request;

use std::net::IpAddr;
use std::sync::Arc;

use detectors::event::{
    Access, Account, Actor, ActorKind, Artifact, ArtifactKey, Event, EventKind, EventTime, MAX_STRING_BYTES,
    Outcome, Sign, Withdraw,
};

use self::line::Fields;
pub(crate) use self::oci::signed_digest;
use self::request::{Asked, Consequence};
use crate::decode::{Reading, Refusal, RefusalReason, time_of_text};

/// Reads one line.
pub(crate) fn read(text: &str, reading: &mut Reading<'_>, out: &mut Vec<Event>) -> Result<(), Refusal> {
    let fields = Fields::of(text.trim_end())?;
    let time = time_of(fields.time)?;
    let asked = request::read(
        &fields.request,
        fields.user_agent.as_deref().unwrap_or(""),
        reading.settings.ecosystem,
    );
    let outcome = fields.status.map_or(Outcome::Error, Outcome::of_status);
    let access = Access { action: asked.action, bytes: fields.bytes, duration_ms: None };
    let actor = actor_of(&fields, &asked, reading);
    let mut event = Event {
        id: reading.id(None, 0),
        time,
        position: reading.position(0),
        registry: reading.registry(None),
        artifact: asked.artifact.filter(is_short),
        actor,
        outcome,
        status: fields.status,
        request_id: None,
        kind: EventKind::Access(access),
    };
    let consequence =
        asked.consequence.filter(|_| fields.status.is_some_and(|status| (200..300).contains(&status)));
    if fields.has_more {
        reading.counters.unknown_fields.count("after the user agent");
    }
    if let Some(consequence) = consequence {
        out.push(event.clone());
        event.id = reading.id(None, 1);
        event.position = reading.position(1);
        event.kind = match consequence {
            Consequence::Withdraw(action) => EventKind::Withdraw(Withdraw { action, reason: None }),
            Consequence::Account(change) => EventKind::Account(Account { change, target: None }),
            Consequence::Sign(subject) => {
                event.artifact =
                    event.artifact.map(|own| Artifact { file: None, digest: Some(subject), ..own });
                EventKind::Sign(Box::<Sign>::default())
            }
        };
    }
    out.push(event);
    Ok(())
}

/// A path can be as long as a record; what is longer than a field may be is no artifact's name.
fn is_short(artifact: &Artifact) -> bool {
    let texts = [artifact.version.as_deref(), artifact.tag.as_deref(), artifact.file.as_deref()];
    let key = artifact.key.as_ref().map(ArtifactKey::as_str);
    texts.into_iter().chain([key]).flatten().all(|text| text.len() <= MAX_STRING_BYTES)
}

fn actor_of(fields: &Fields<'_>, asked: &Asked, reading: &mut Reading<'_>) -> Actor {
    let ip: Option<IpAddr> = fields.host.parse().ok();
    let claimed = asked.claimed_user.as_deref();
    let (principal, kind) = match fields.user.as_deref().or(claimed) {
        Some(user) => (reading.text(user), None),
        None => (Some(anonymous(fields.host, ip, reading)), Some(ActorKind::Anonymous)),
    };
    let user_agent = fields.user_agent.as_deref().and_then(|text| reading.text(text));
    Actor { principal, kind, ip, user_agent, ..Actor::default() }
}

/// What someone without a name is called: by address, in its canonical form, or by host name.
fn anonymous(host: &str, ip: Option<IpAddr>, reading: &mut Reading<'_>) -> Arc<str> {
    match ip {
        Some(ip) => Arc::from(format!("ip:{ip}")),
        None => Arc::from(format!("host:{}", reading.cut(host))),
    }
}

/// `10/Oct/2025:13:55:36 +0000`
fn time_of(text: &str) -> Result<EventTime, Refusal> {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let refuse =
        || Refusal::new(RefusalReason::UnreadableTime, format!("`{text}` is no time of an access log"));
    let (date, rest) = text.split_once(':').ok_or_else(refuse)?;
    let (clock, zone) = rest.split_once(' ').ok_or_else(refuse)?;
    let mut parts = date.split('/');
    let (Some(day), Some(month), Some(year), None) = (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(refuse());
    };
    let month = MONTHS.iter().position(|name| name.eq_ignore_ascii_case(month)).ok_or_else(refuse)? + 1;
    let (hours, minutes) = zone.split_at_checked(3).ok_or_else(refuse)?;
    time_of_text("time", &format!("{year}-{month:02}-{day}T{clock}{hours}:{minutes}"))
}

#[cfg(test)]
mod tests {
    use detectors::event::PartitionId;

    use crate::decode::{Decoder, DecoderSettings, Format};
    use crate::source::RawRecord;

    use super::*;

    #[test]
    fn a_name_longer_than_a_field_is_no_artifact_and_the_request_still_counts() {
        let partition = Arc::new(PartitionId { source: "s".into(), stream: "t".into(), partition: 0 });
        let has_artifact = |length: usize| {
            let tag = "x".repeat(length);
            let line = format!(
                r#"::1 - - [10/Oct/2025:13:55:36 +0000] "GET /v2/a/b/manifests/{tag} HTTP/1.1" 404 0"#
            );
            let mut events = Vec::new();
            let mut decoder = Decoder::new(DecoderSettings::new("s", Format::Combined));
            decoder.decode(&RawRecord::line(&partition, 0, line.as_bytes()), &mut events).unwrap();
            events[0].artifact.is_some()
        };
        assert!(has_artifact(MAX_STRING_BYTES));
        assert!(!has_artifact(MAX_STRING_BYTES + 1));
    }
}
