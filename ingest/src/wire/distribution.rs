//! Notifications of CNCF distribution and of what speaks like it
//! (<https://distribution.github.io/distribution/about/notifications/>): an envelope of events.
//!
//! | notification | becomes |
//! |---|---|
//! | `pull` | `access` pull, or head if the request was a HEAD: distribution notifies of those too |
//! | `push` of a manifest | `access` push; with a tag and a digest also `tag`, since the tag now points there |
//! | `push` under a signature's tag (`sha256-<hex>`) | `access` push and `sign` of that digest; no tag was moved |
//! | `push` or `mount` of a layer | `access` push |
//! | `delete` of a digest | `access` delete and `withdraw` delete |
//! | `delete` of a tag alone | `access` delete: it follows from the digest's, or the image stays |
//!
//! A layer's digest stands in `file`, so that an image pulled counts once. No `publish` is made of a push: parts of an
//! index are pushed as well, and which push is a release is for the tag to say. Repeats carry equal ids and are
//! dropped by them; an event made of another has its id and a word behind it.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use detectors::event::{
    Access, AccessAction, Actor, ActorKind, Artifact, Event, EventKind, Outcome, Sign, Tag, Withdraw,
    WithdrawAction,
};

use super::combined::signed_digest;
use super::object::{Text, Unknown, object};
use crate::decode::{
    MAX_EVENTS_PER_RECORD, Reading, Refusal, RefusalReason, check_nesting, digest_of, repository_of,
    time_of_text,
};

#[derive(Default)]
struct Envelope<'a> {
    events: Option<Vec<Notification<'a>>>,
    unknown: Unknown<'a>,
}
object!(Envelope { "events" => events });

#[derive(Default)]
struct Notification<'a> {
    id: Option<Text<'a>>,
    timestamp: Option<Text<'a>>,
    action: Option<Text<'a>>,
    target: Option<Target<'a>>,
    request: Option<Request<'a>>,
    actor: Option<Who<'a>>,
    unknown: Unknown<'a>,
}
object!(Notification {
    "id" => id, "timestamp" => timestamp, "action" => action, "target" => target, "request" => request,
    "actor" => actor,
} ignored "source");

#[derive(Default)]
struct Target<'a> {
    media_type: Option<Text<'a>>,
    digest: Option<Text<'a>>,
    size: Option<u64>,
    length: Option<u64>,
    repository: Option<Text<'a>>,
    tag: Option<Text<'a>>,
    unknown: Unknown<'a>,
}
object!(Target {
    "mediaType" => media_type, "digest" => digest, "size" => size, "length" => length, "repository" => repository,
    "tag" => tag,
} ignored "fromRepository", "url", "references");

#[derive(Default)]
struct Request<'a> {
    id: Option<Text<'a>>,
    addr: Option<Text<'a>>,
    method: Option<Text<'a>>,
    user_agent: Option<Text<'a>>,
    unknown: Unknown<'a>,
}
object!(Request { "id" => id, "addr" => addr, "method" => method, "useragent" => user_agent } ignored "host");

#[derive(Default)]
struct Who<'a> {
    name: Option<Text<'a>>,
    unknown: Unknown<'a>,
}
object!(Who { "name" => name });

/// What a notification says was done.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Done {
    Pull,
    Push,
    Mount,
    Delete,
}

/// Reads an envelope.
pub(crate) fn read(text: &str, reading: &mut Reading<'_>, out: &mut Vec<Event>) -> Result<(), Refusal> {
    check_nesting(text)?;
    let envelope: Envelope<'_> =
        serde_json::from_str(text).map_err(|error| Refusal::of_json(text, &error))?;
    let notifications = envelope.events.ok_or_else(|| Refusal::missing("events"))?;
    if notifications.len() > MAX_EVENTS_PER_RECORD {
        let detail = format!("{} events, of {MAX_EVENTS_PER_RECORD} allowed", notifications.len());
        return Err(Refusal::new(RefusalReason::TooManyEvents, detail));
    }
    reading.note_unknown("", &envelope.unknown);
    let mut index = 0;
    for notification in &notifications {
        for event in events_of(notification, &mut index, reading)? {
            out.push(event);
        }
    }
    Ok(())
}

fn events_of(
    own: &Notification<'_>,
    index: &mut u32,
    reading: &mut Reading<'_>,
) -> Result<Vec<Event>, Refusal> {
    let empty = (Target::default(), Request::default());
    let target = own.target.as_ref().unwrap_or(&empty.0);
    let request = own.request.as_ref().unwrap_or(&empty.1);
    let timestamp = own.timestamp.as_deref().ok_or_else(|| Refusal::missing("timestamp"))?;
    let done = done_of(own.action.as_deref())?;
    let action = match done {
        Done::Pull if request.method.as_deref() == Some("HEAD") => AccessAction::Head,
        Done::Pull => AccessAction::Pull,
        Done::Push | Done::Mount => AccessAction::Push,
        Done::Delete => AccessAction::Delete,
    };
    let signed = present(target.tag.as_ref()).and_then(signed_digest);
    let sent = Some(action).filter(|action| *action != AccessAction::Head).and(target.size.or(target.length));
    let access = Event {
        id: reading.id(own.id.as_deref(), *index),
        time: time_of_text("timestamp", timestamp)?,
        position: reading.position(*index),
        registry: reading.registry(None),
        artifact: Some(artifact_of(target, done, signed.is_some(), reading)?),
        actor: actor_of(own, request, reading),
        outcome: Outcome::Success,
        status: None,
        request_id: request.id.as_deref().and_then(|id| reading.text(id)),
        kind: EventKind::Access(Access { action, bytes: sent, duration_ms: None }),
    };
    note_unknown(own, reading);
    *index += 1;
    let mut events = vec![access];
    if let Some((word, artifact, kind)) = consequence(done, target, signed, &events[0])? {
        let id = own.id.as_deref().filter(|id| !id.is_empty()).map(|id| format!("{id}#{word}"));
        let id = reading.id(id.as_deref(), *index);
        events.push(Event {
            id,
            position: reading.position(*index),
            artifact: Some(artifact),
            kind,
            ..events[0].clone()
        });
        *index += 1;
    }
    Ok(events)
}

fn done_of(action: Option<&str>) -> Result<Done, Refusal> {
    match action {
        Some("pull") => Ok(Done::Pull),
        Some("push") => Ok(Done::Push),
        Some("mount") => Ok(Done::Mount),
        Some("delete") => Ok(Done::Delete),
        Some(other) => Err(Refusal::new(RefusalReason::UnsupportedKind, format!("`action` is `{other}`"))),
        None => Err(Refusal::missing("action")),
    }
}

/// What a notification means besides the request itself, and the word for its id.
fn consequence(
    done: Done,
    target: &Target<'_>,
    signed: Option<detectors::event::Digest>,
    access: &Event,
) -> Result<Option<(&'static str, Artifact, EventKind)>, Refusal> {
    let Some(artifact) = access.artifact.clone() else {
        return Ok(None);
    };
    Ok(match (done, signed) {
        (Done::Push, Some(subject)) => {
            let artifact = Artifact { digest: Some(subject), file: None, ..artifact };
            Some(("sign", artifact, EventKind::Sign(Box::<Sign>::default())))
        }
        (Done::Push, None) if artifact.tag.is_some() && artifact.digest.is_some() => {
            Some(("tag", artifact, EventKind::Tag(Tag::default())))
        }
        (Done::Delete, None) if present(target.digest.as_ref()).is_some() => {
            let kind = EventKind::Withdraw(Withdraw { action: WithdrawAction::Delete, reason: None });
            Some(("withdraw", artifact, kind))
        }
        _ => None,
    })
}

fn artifact_of(
    target: &Target<'_>,
    done: Done,
    is_signature: bool,
    reading: &mut Reading<'_>,
) -> Result<Artifact, Refusal> {
    let repository =
        present(target.repository.as_ref()).ok_or_else(|| Refusal::missing("target.repository"))?;
    let mut artifact = Artifact::of(&repository_of("target.repository", repository)?);
    let digest =
        present(target.digest.as_ref()).map(|digest| digest_of("target.digest", digest)).transpose()?;
    let tag = present(target.tag.as_ref()).and_then(|tag| reading.text(tag));
    let is_part = done == Done::Mount || (done != Done::Delete && !is_manifest(target));
    if is_signature {
        artifact.file = tag;
    } else if is_part {
        artifact.file = digest.map(|digest| Arc::from(digest.as_str()));
    } else {
        (artifact.digest, artifact.tag) = (digest, tag);
    }
    Ok(artifact)
}

/// Manifests and indexes have media types that say so; layers are `application/octet-stream` or an archive's.
fn is_manifest(target: &Target<'_>) -> bool {
    let media_type = target.media_type.as_deref().unwrap_or("");
    target.tag.is_some() || media_type.contains("manifest") || media_type.contains("image.index")
}

fn actor_of(own: &Notification<'_>, request: &Request<'_>, reading: &mut Reading<'_>) -> Actor {
    let address = request.addr.as_deref().unwrap_or("");
    let ip =
        address.parse::<SocketAddr>().map(|socket| socket.ip()).or_else(|_| address.parse::<IpAddr>()).ok();
    let name = own.actor.as_ref().and_then(|who| present(who.name.as_ref()));
    let (principal, kind) = match (name, ip) {
        (Some(name), _) => (reading.text(name), None),
        (None, Some(ip)) => (Some(Arc::from(format!("ip:{ip}"))), Some(ActorKind::Anonymous)),
        (None, None) => (None, None),
    };
    let user_agent = request.user_agent.as_deref().and_then(|text| reading.text(text));
    Actor { principal, kind, ip, user_agent, ..Actor::default() }
}

fn note_unknown(own: &Notification<'_>, reading: &mut Reading<'_>) {
    reading.note_unknown("events.", &own.unknown);
    if let Some(target) = &own.target {
        reading.note_unknown("events.target.", &target.unknown);
    }
    if let Some(request) = &own.request {
        reading.note_unknown("events.request.", &request.unknown);
    }
    if let Some(who) = &own.actor {
        reading.note_unknown("events.actor.", &who.unknown);
    }
}

/// A field that is there and says something.
fn present<'t>(text: Option<&'t Text<'_>>) -> Option<&'t str> {
    text.map(|text| &**text).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use detectors::event::PartitionId;

    use crate::decode::{Decoder, DecoderSettings, Format, MAX_EVENTS_PER_RECORD};
    use crate::source::RawRecord;

    fn check(events: usize, expected: Result<usize, &str>) {
        let one = r#"{"timestamp":"2026-11-23T09:29:21Z","action":"pull","target":{"repository":"a"}}"#;
        let envelope = format!("{{\"events\":[{}]}}", vec![one; events].join(","));
        let partition = Arc::new(PartitionId { source: "s".into(), stream: "t".into(), partition: 0 });
        let mut out = Vec::new();
        let mut decoder = Decoder::new(DecoderSettings::new("s", Format::Distribution));
        let result = decoder.decode(&RawRecord::line(&partition, 0, envelope.as_bytes()), &mut out);
        let result = result.map(|()| out.len()).map_err(|refusal| refusal.to_string());
        assert_eq!(result.as_ref().map_err(String::as_str), expected.as_ref().map_err(|text| *text));
    }

    #[test]
    fn an_envelope_of_too_many_events_is_refused_whole_since_cutting_it_would_lose_some() {
        check(MAX_EVENTS_PER_RECORD, Ok(4_096));
        check(MAX_EVENTS_PER_RECORD + 1, Err("too-many-events: 4097 events, of 4096 allowed"));
    }
}
