//! pypiserver's own log (`--log-frmt '%(asctime)s|%(name)s|%(levelname)s|%(message)s'`, its default).
//!
//! | line | becomes |
//! |---|---|
//! | `pypiserver.main`: an access line | `access` |
//! | `User 'x' stored 'file'` | `publish` of the file's project and version by that user |
//! | `<LocalRequest: …>` | nothing: the answer's line follows |
//! | `200 OK` | nothing: it is written even if the answer was 401; `pypiserver.main` has the true one |
//!
//! Times have no zone; the source's `timezone` says which one was meant. The address is the proxy's: a loopback address
//! names nobody, and is left out. A wheel's metadata is `list`, a HEAD `head`, a file `pull`.

use detectors::event::{Actor, Artifact, Event, EventKind, EventTime, Metadata, Outcome, Publish};

use super::access::{self, Request};
use super::combined::request;
use crate::decode::{Ecosystem, PassReason, Reading, Refusal, RefusalReason, time_of_text};

/// Reads one line.
pub(crate) fn read(text: &str, reading: &mut Reading<'_>, out: &mut Vec<Event>) -> Result<(), Refusal> {
    let mut fields = text.trim_end().splitn(4, '|');
    let (Some(time), Some(logger), Some(_level), Some(message)) =
        (fields.next(), fields.next(), fields.next(), fields.next())
    else {
        return Err(bad("has no time, logger, level and message"));
    };
    if !logger.starts_with("pypiserver") {
        return Err(bad("is of another program"));
    }
    let time = local_time(time, reading)?;
    if let Some((user, file)) = stored(message) {
        let event = published(user, file, time, reading)?;
        out.push(event);
        return Ok(());
    }
    let is_answer = logger == "pypiserver.main" && message.contains("] \"");
    if is_answer {
        return answered(message, time, reading, out);
    }
    reading.pass(match message {
        message if message.starts_with("<LocalRequest") => PassReason::Unanswered,
        message if message.ends_with(" OK") => PassReason::Provisional,
        _ => PassReason::ServerMessage,
    });
    Ok(())
}

/// `127.0.0.1 - - [23/Nov/2026 09:29:20] "GET /health HTTP/1.1" 200 2`: the line's own time is the finer one.
fn answered(
    message: &str,
    time: EventTime,
    reading: &mut Reading<'_>,
    out: &mut Vec<Event>,
) -> Result<(), Refusal> {
    let (head, rest) = message.split_once("] \"").ok_or_else(|| bad("has no request"))?;
    let client = head.split(' ').next().unwrap_or("");
    let (line, rest) = rest.rsplit_once("\" ").ok_or_else(|| bad("has a request that does not end"))?;
    let mut numbers = rest.split(' ');
    let status =
        numbers.next().and_then(|text| text.parse().ok()).filter(|status| (100..=599).contains(status));
    let status = status.ok_or_else(|| bad("has a status that is none"))?;
    let is_proxy = access::address(client).is_some_and(|ip| ip.is_loopback());
    let request = Request {
        client: if is_proxy { "" } else { client },
        line,
        status: Some(status),
        bytes: numbers.next().and_then(|text| text.parse().ok()),
        ecosystem: Some(Ecosystem::Pypi),
        ..Request::default()
    };
    access::push(&request, time, reading, out);
    Ok(())
}

/// `User 'releaser' stored 'example_schema-1.0.0-py3-none-any.whl'.`
fn stored(message: &str) -> Option<(&str, &str)> {
    let (user, file) = message.strip_prefix("User '")?.split_once("' stored '")?;
    Some((user, file.strip_suffix("'.")?))
}

fn published(user: &str, file: &str, time: EventTime, reading: &mut Reading<'_>) -> Result<Event, Refusal> {
    // What a file's name says is read as its path would be.
    let asked = request::read(&format!("GET /packages/{file} HTTP/1.1"), "", Some(Ecosystem::Pypi));
    let artifact: Option<Artifact> = asked.artifact;
    let artifact = artifact.ok_or_else(|| bad("stores a file whose name is no distribution's"))?;
    let publisher = reading.text(user);
    let metadata = Metadata { publisher: publisher.clone(), ..Metadata::default() };
    Ok(Event {
        id: reading.id(None, 0),
        time,
        position: reading.position(0),
        registry: reading.registry(None),
        artifact: Some(artifact),
        actor: Actor { principal: publisher, ..Actor::default() },
        outcome: Outcome::Success,
        status: None,
        request_id: None,
        kind: EventKind::Publish(Box::new(Publish { metadata })),
    })
}

/// `2026-11-23 09:29:20,280` in the source's zone.
fn local_time(text: &str, reading: &Reading<'_>) -> Result<EventTime, Refusal> {
    let (date, clock) = text.split_once(' ').ok_or_else(|| bad("has no time"))?;
    let zone = reading.settings.zone;
    time_of_text("asctime", &format!("{date}T{}{zone}", clock.replace(',', ".")))
}

fn bad(what: &str) -> Refusal {
    Refusal::new(RefusalReason::BadLine, format!("the line {what}"))
}
