//! Verdaccio's own log, `format: json` (<https://verdaccio.org/docs/logger>): the npm registry's log that knows its users.
//!
//! | line | becomes |
//! |---|---|
//! | level 25 with `request` and `status` | `access`, and what follows from it |
//! | the same with status 200 and no byte sent, but for HEAD | nothing: it is written before the answer is known |
//! | `deprecating <name>@<version>` | `withdraw` deprecate |
//! | a notification that was sent, if made by the template of docs/formats.md | `publish`, or `withdraw` unpublish |
//! | the webhook itself, made by that template | the same, at the record's own time |
//! | `requested '…'` | nothing: the answer's line follows |
//! | anything else | nothing: the program about itself |
//!
//! `remoteIP` is `client via proxy`. Publishing and the first half of an unpublish are one request, `PUT`; it stays a
//! `push`. A tarball is the package (`pull`), a packument is `list`, a HEAD is `head`.

use detectors::event::{
    Actor, Artifact, Event, EventKind, EventTime, Metadata, Outcome, PackageUrl, Publish, Withdraw,
    WithdrawAction,
};

use super::access::{self, Request};
use super::object::{Text, Unknown, object, said};
use crate::decode::{Ecosystem, PassReason, Reading, Refusal, RefusalReason, check_nesting, time_of_millis};

#[derive(Default)]
struct Line<'a> {
    time: Option<i64>,
    msg: Option<Text<'a>>,
    request: Option<Asked<'a>>,
    status: Option<u16>,
    user: Option<Text<'a>>,
    remote_ip: Option<Text<'a>>,
    bytes: Option<Bytes<'a>>,
    name: Option<Text<'a>>,
    version: Option<Text<'a>>,
    content: Option<Text<'a>>,
    unknown: Unknown<'a>,
}
object!(Line {
    "time" => time, "msg" => msg, "request" => request, "status" => status, "user" => user,
    "remoteIP" => remote_ip, "bytes" => bytes, "name" => name, "version" => version, "content" => content,
} ignored "level", "pid", "hostname", "sub", "req", "ip", "error", "errorMessage", "packageName", "file",
    "pluginName", "pluginCategory", "addr", "current", "recommended");

#[derive(Default)]
struct Asked<'a> {
    method: Option<Text<'a>>,
    url: Option<Text<'a>>,
    unknown: Unknown<'a>,
}
object!(Asked { "method" => method, "url" => url });

#[derive(Default)]
struct Bytes<'a> {
    out: Option<u64>,
    unknown: Unknown<'a>,
}
object!(Bytes { "out" => out } ignored "in");

/// What the notification's template writes.
#[derive(Default)]
struct Notification<'a> {
    published: Option<Text<'a>>,
    publisher: Option<Text<'a>>,
    kind: Option<Text<'a>>,
    unknown: Unknown<'a>,
}
object!(Notification { "published" => published, "publisher" => publisher, "type" => kind }
    ignored "package", "latest", "versions");

/// Reads one line.
pub(crate) fn read(text: &str, reading: &mut Reading<'_>, out: &mut Vec<Event>) -> Result<(), Refusal> {
    check_nesting(text)?;
    let refuse = |error| Refusal::of_json(text, &error);
    if super::scan::members(text).any(|(key, _)| key == "published") {
        let own: Notification<'_> = serde_json::from_str(text).map_err(refuse)?;
        let time = reading.outer_time("the record's timestamp")?;
        let event = of_notification(&own, time, reading).ok_or_else(|| Refusal::missing("published"))?;
        reading.note_unknown("", &own.unknown);
        out.push(event);
        return Ok(());
    }
    let own: Line<'_> = serde_json::from_str(text).map_err(refuse)?;
    let millis = own.time.ok_or_else(|| Refusal::missing("time"))?;
    let time = time_of_millis("time", millis)?;
    reading.note_unknown("", &own.unknown);
    if let (Some(asked), Some(status)) = (&own.request, own.status) {
        return answered(&own, asked, status, time, reading, out);
    }
    let message = said(own.msg.as_ref()).ok_or_else(|| Refusal::missing("msg"))?;
    if message.starts_with("deprecating ") {
        return deprecated(&own, time, reading, out);
    }
    let published = own.content.as_deref().and_then(|content| serde_json::from_str(content).ok());
    if let Some(notification) = published.filter(|_| message.ends_with("successfully dispatched"))
        && let Some(event) = of_notification(&notification, time, reading)
    {
        out.push(event);
        return Ok(());
    }
    let is_request = message.contains(" requested '");
    reading.pass(if is_request { PassReason::Unanswered } else { PassReason::ServerMessage });
    Ok(())
}

fn answered(
    own: &Line<'_>,
    asked: &Asked<'_>,
    status: u16,
    time: EventTime,
    reading: &mut Reading<'_>,
    out: &mut Vec<Event>,
) -> Result<(), Refusal> {
    if !(100..=599).contains(&status) {
        return Err(Refusal::new(RefusalReason::ImpossibleValue, format!("`status` is `{status}`")));
    }
    let method = said(asked.method.as_ref()).ok_or_else(|| Refusal::missing("request.method"))?;
    let url = said(asked.url.as_ref()).ok_or_else(|| Refusal::missing("request.url"))?;
    let sent = own.bytes.as_ref().and_then(|bytes| bytes.out);
    if status == 200 && sent == Some(0) && method != "HEAD" {
        reading.pass(PassReason::Provisional);
        return Ok(());
    }
    let client = said(own.remote_ip.as_ref()).unwrap_or("");
    let request = Request {
        client: client.split(" via ").next().unwrap_or(client),
        user: said(own.user.as_ref()),
        line: &format!("{method} {url} HTTP/1.1"),
        status: Some(status),
        bytes: sent,
        ecosystem: Some(Ecosystem::Npm),
        ..Request::default()
    };
    access::push(&request, time, reading, out);
    Ok(())
}

fn deprecated(
    own: &Line<'_>,
    time: EventTime,
    reading: &mut Reading<'_>,
    out: &mut Vec<Event>,
) -> Result<(), Refusal> {
    let name = said(own.name.as_ref()).ok_or_else(|| Refusal::missing("name"))?;
    let purl = purl_of(name, said(own.version.as_ref()))?;
    let kind = EventKind::Withdraw(Withdraw { action: WithdrawAction::Deprecate, reason: None });
    out.push(event(&purl, Actor::default(), kind, time, reading));
    Ok(())
}

/// A template of one's own may write anything; what it does not say is not made up.
fn of_notification(own: &Notification<'_>, time: EventTime, reading: &mut Reading<'_>) -> Option<Event> {
    let (name, version) =
        said(own.published.as_ref())?.rsplit_once('@').filter(|(name, _)| !name.is_empty())?;
    let purl = purl_of(name, Some(version)).ok()?;
    let publisher = said(own.publisher.as_ref()).and_then(|name| reading.text(name));
    let actor = Actor { principal: publisher.clone(), ..Actor::default() };
    let kind = match said(own.kind.as_ref())? {
        "publish" => {
            let metadata = Metadata { publisher, ..Metadata::default() };
            EventKind::Publish(Box::new(Publish { metadata }))
        }
        "unpublish" => EventKind::Withdraw(Withdraw { action: WithdrawAction::Unpublish, reason: None }),
        _ => return None,
    };
    Some(event(&purl, actor, kind, time, reading))
}

fn purl_of(name: &str, version: Option<&str>) -> Result<PackageUrl, Refusal> {
    PackageUrl::new("npm", name, version)
        .ok_or_else(|| Refusal::new(RefusalReason::BadPurl, format!("`{name}` is no package's name")))
}

fn event(
    purl: &PackageUrl,
    actor: Actor,
    kind: EventKind,
    time: EventTime,
    reading: &mut Reading<'_>,
) -> Event {
    Event {
        id: reading.id(None, 0),
        time,
        position: reading.position(0),
        registry: reading.registry(None),
        artifact: Some(Artifact::of(purl)),
        actor,
        outcome: Outcome::Success,
        status: None,
        request_id: None,
        kind,
    }
}
