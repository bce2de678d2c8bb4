//! What a line about one request means, whichever log it stands in: an `access` event, and what followed from it.
//!
//! A successful request that takes something back, or changes owners, is a `withdraw` or `account` event besides; one
//! that sets a tag, where the log knows the digest, is a `tag` event. The principal is the user that the log names,
//! else `ip:<address>` of kind anonymous, or `host:<name>`; where a log has no address at all, it is left out.
//!
//! **HEAD, layers, one pull.** A HEAD is `head`, never `pull`. A layer's or file's digest stands in `file`, so that
//! one image pulled counts once, by its manifest (`Artifact::is_part_of_image`). Every format that passes through here
//! follows this rule.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use detectors::event::{
    Access, AccessAction, Account, Actor, ActorKind, Artifact, ArtifactKey, Country, Digest, Event,
    EventKind, EventTime, MAX_STRING_BYTES, Outcome, Sign, Tag, Withdraw,
};

use super::combined::request::{self, Asked, Consequence};
use crate::decode::{Ecosystem, Reading, Refusal, RefusalReason, time_of_text};

/// One request as a log has it.
#[derive(Debug, Default)]
pub(super) struct Request<'a> {
    /// Address, `address:port`, or host name of the client.
    pub(super) client: &'a str,
    /// The user that the log names.
    pub(super) user: Option<&'a str>,
    /// The request line: method, target, protocol.
    pub(super) line: &'a str,
    /// The HTTP status.
    pub(super) status: Option<u16>,
    /// How it ended, where there is no status.
    pub(super) outcome: Option<Outcome>,
    /// Bytes sent.
    pub(super) bytes: Option<u64>,
    /// How long it took.
    pub(super) duration_ms: Option<u64>,
    /// The client program.
    pub(super) user_agent: Option<&'a str>,
    /// Joins several logs of one request.
    pub(super) request_id: Option<&'a str>,
    /// The digest of the manifest that was sent or stored.
    pub(super) digest: Option<Digest>,
    /// The client's country.
    pub(super) country: Option<Country>,
    /// What kind of registry it is, if the format knows.
    pub(super) ecosystem: Option<Ecosystem>,
}

/// Appends the events of a request.
pub(super) fn push(own: &Request<'_>, time: EventTime, reading: &mut Reading<'_>, out: &mut Vec<Event>) {
    let ecosystem = reading.settings.ecosystem.or(own.ecosystem);
    let asked = request::read(own.line, own.user_agent.unwrap_or(""), ecosystem);
    let access = Access { action: asked.action, bytes: own.bytes, duration_ms: own.duration_ms };
    let outcome = own.outcome.unwrap_or_else(|| own.status.map_or(Outcome::Error, Outcome::of_status));
    let actor = actor_of(own, &asked, reading);
    let mut artifact = asked.artifact.filter(is_short);
    let is_success = own.status.is_some_and(|status| (200..300).contains(&status));
    if let (Some(artifact), Some(digest)) = (&mut artifact, &own.digest)
        && is_success
        && artifact.tag.is_some()
    {
        artifact.digest = Some(digest.clone());
    }
    let mut event = Event {
        id: reading.id(None, 0),
        time,
        position: reading.position(0),
        registry: reading.registry(None),
        artifact,
        actor,
        outcome,
        status: own.status,
        request_id: own.request_id.and_then(|id| reading.text(id)),
        kind: EventKind::Access(access),
    };
    if let Some((artifact, kind)) =
        consequence(&event, asked.consequence, asked.action).filter(|_| is_success)
    {
        out.push(event.clone());
        event.id = reading.id(None, 1);
        event.position = reading.position(1);
        (event.artifact, event.kind) = (artifact, kind);
    }
    out.push(event);
}

/// What a request did besides being asked, if it succeeded, and to what.
fn consequence(
    event: &Event,
    consequence: Option<Consequence>,
    action: AccessAction,
) -> Option<(Option<Artifact>, EventKind)> {
    let own = event.artifact.clone();
    Some(match consequence {
        Some(Consequence::Withdraw(action)) => (own, EventKind::Withdraw(Withdraw { action, reason: None })),
        Some(Consequence::Account(change)) => (own, EventKind::Account(Account { change, target: None })),
        Some(Consequence::Sign(subject)) => {
            let own = own.map(|own| Artifact { file: None, digest: Some(subject), ..own });
            (own, EventKind::Sign(Box::<Sign>::default()))
        }
        None => {
            let own = own.filter(|own| own.tag.is_some() && own.digest.is_some())?;
            (action == AccessAction::Push).then_some((Some(own), EventKind::Tag(Tag::default())))?
        }
    })
}

/// A path can be as long as a record; what is longer than a field may be is no artifact's name.
pub(super) fn is_short(artifact: &Artifact) -> bool {
    let texts = [artifact.version.as_deref(), artifact.tag.as_deref(), artifact.file.as_deref()];
    let key = artifact.key.as_ref().map(ArtifactKey::as_str);
    texts.into_iter().chain([key]).flatten().all(|text| text.len() <= MAX_STRING_BYTES)
}

fn actor_of(own: &Request<'_>, asked: &Asked, reading: &mut Reading<'_>) -> Actor {
    let ip = address(own.client);
    let (principal, kind) = match own.user.or(asked.claimed_user.as_deref()) {
        Some(user) => (reading.text(user), None),
        None if own.client.is_empty() => (None, None),
        None => (Some(anonymous(own.client, ip, reading)), Some(ActorKind::Anonymous)),
    };
    let user_agent = own.user_agent.and_then(|text| reading.text(text));
    Actor { principal, kind, ip, user_agent, country: own.country, ..Actor::default() }
}

/// An address, with or without a port.
pub(super) fn address(text: &str) -> Option<IpAddr> {
    text.parse().ok().or_else(|| text.parse::<SocketAddr>().ok().map(|socket| socket.ip()))
}

/// What someone without a name is called: by address, in its canonical form, or by host name.
pub(super) fn anonymous(host: &str, ip: Option<IpAddr>, reading: &mut Reading<'_>) -> Arc<str> {
    match ip {
        Some(ip) => Arc::from(format!("ip:{ip}")),
        None => Arc::from(format!("host:{}", reading.cut(host))),
    }
}

/// `10/Oct/2025:13:55:36 +0000`
pub(super) fn time_of_access_log(text: &str) -> Result<EventTime, Refusal> {
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

/// Unix seconds with a fraction, digit by digit: a floating-point number would lose the last ones.
pub(super) fn time_of_seconds(field: &str, text: &str) -> Result<EventTime, Refusal> {
    let refuse = || {
        Refusal::new(RefusalReason::UnreadableTime, format!("`{field}`: `{text}` is no number of seconds"))
    };
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let seconds: i64 = whole.parse().map_err(|_| refuse())?;
    if fraction.len() > 12 || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(refuse());
    }
    let nanos: i64 = format!("{fraction:0<9.9}").parse().map_err(|_| refuse())?;
    // The bounds are those of milliseconds; what lies below them is added afterwards.
    let time = crate::decode::time_of_millis(field, seconds.saturating_mul(1_000))?;
    Ok(EventTime::from_nanos(time.nanos().saturating_add(nanos)))
}

/// Seconds with a fraction as whole milliseconds; what is no such number is left out.
pub(super) fn millis_of_seconds(text: &str) -> Option<u64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let millis: u64 = format!("{fraction:0<3.3}").parse().ok()?;
    whole.parse::<u64>().ok()?.checked_mul(1_000)?.checked_add(millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_keep_their_fraction() {
        let time = |text| time_of_seconds("t", text).map(EventTime::nanos).ok();
        assert_eq!(time("1795426160.363"), Some(1_795_426_160_363_000_000));
        assert_eq!(time("1795426160"), Some(1_795_426_160_000_000_000));
        assert_eq!(time("1795426160.1234567891"), Some(1_795_426_160_123_456_789));
        assert_eq!(time("1795426160.x"), None);
        assert_eq!(time("1"), None);
        assert_eq!(millis_of_seconds("0.058"), Some(58));
        assert_eq!(millis_of_seconds("2"), Some(2_000));
        assert_eq!(millis_of_seconds("-"), None);
    }
}
