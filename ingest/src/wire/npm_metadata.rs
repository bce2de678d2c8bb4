//! Packuments and single manifests of an npm registry
//! (<https://github.com/npm/registry/blob/main/docs/responses/package-metadata.md>), as a change feed's follower reads them.
//!
//! | document | becomes |
//! |---|---|
//! | packument | `publish` of each version at its time, `tag` of each dist-tag at the packument's `modified`, `withdraw` deprecate of each deprecated version at `modified` |
//! | packument with `time.unpublished` | `withdraw` unpublish |
//! | manifest of one version | `publish` at the record's own time |
//!
//! A packument comes again whenever something in it changed. What it repeats has the same id and the same time, and is
//! dropped by them; only what is new counts. An install script is one of npm's three hooks. Packages of twenty years
//! have had many shapes, so a field of another shape than today's says nothing.

mod manifest;

use std::collections::BTreeMap;
use std::sync::Arc;

use detectors::event::{
    Actor, Artifact, Event, EventKind, EventTime, Outcome, PackageUrl, Publish, Tag, Withdraw, WithdrawAction,
};

use super::document::Document;
use super::object::Text;
use crate::decode::{MAX_EVENTS_PER_RECORD, Reading, Refusal, RefusalReason, time_of_text};

/// Reads one document.
pub(crate) fn read(text: &str, reading: &mut Reading<'_>, out: &mut Vec<Event>) -> Result<(), Refusal> {
    let own = Document::of(text)?;
    let name = own.text("name").ok_or_else(|| Refusal::missing("name"))?;
    if own.raw("versions").is_none() && own.raw("time").is_none() {
        let version = own.text("version").ok_or_else(|| Refusal::missing("version"))?;
        let time = reading.outer_time("the record's timestamp")?;
        let purl = purl_of(&name, Some(&version))?;
        let event = published(&purl, &own, time, None, &mut 0, reading)?;
        out.push(event);
        return Ok(());
    }
    let times = own.within("time");
    let modified = times.text("modified").map(|time| time_of_text("time.modified", &time)).transpose()?;
    let mut index = 0;
    if times.raw("unpublished").is_some() {
        let time = times.within("unpublished").text("time");
        let time = time.map(|time| time_of_text("time.unpublished.time", &time)).transpose()?;
        let time = time.or(modified).map_or_else(|| reading.outer_time("time.unpublished.time"), Ok)?;
        let kind = withdrawn(WithdrawAction::Unpublish, None);
        out.push(event(
            &purl_of(&name, None)?,
            kind,
            time,
            Some(&format!("{name}#unpublished")),
            &mut index,
            reading,
        ));
    }
    // By name, since there are as many as versions.
    let by_version: BTreeMap<_, _> = times.fields().collect();
    let versions = own.within("versions");
    let before = out.len();
    for (version, manifest) in versions.fields() {
        let purl = purl_of(&name, Some(&version))?;
        let time = by_version.get(&version).and_then(|raw| serde_json::from_str::<Text<'_>>(raw).ok());
        let time = time.map(|time| time_of_text("time", &time)).transpose()?;
        let time = time.map_or_else(|| reading.outer_time("time of a version"), Ok)?;
        let manifest = Document::cut(manifest);
        let id = format!("{name}@{version}#publish");
        out.push(published(&purl, &manifest, time, Some(&id), &mut index, reading)?);
        if let (Some(reason), Some(time)) = (manifest.text("deprecated"), modified) {
            let kind = withdrawn(WithdrawAction::Deprecate, reading.text(&reason));
            out.push(event(
                &purl,
                kind,
                time,
                Some(&format!("{name}@{version}#deprecate")),
                &mut index,
                reading,
            ));
        }
        too_many(out.len() - before)?;
    }
    tags(&name, &own, modified, &mut index, reading, out)?;
    too_many(out.len() - before)
}

/// Tags as they stand; when they were set, only the last change's time is known.
fn tags(
    name: &str,
    own: &Document<'_>,
    modified: Option<EventTime>,
    index: &mut u32,
    reading: &mut Reading<'_>,
    out: &mut Vec<Event>,
) -> Result<(), Refusal> {
    let Some(time) = modified else {
        return Ok(());
    };
    let tags = own.within("dist-tags");
    for (tag, version) in tags.fields() {
        let Ok(version) = serde_json::from_str::<Text<'_>>(version) else { continue };
        let purl = purl_of(name, Some(&version))?;
        let id = format!("{name}#{tag}#{}#{}", &*version, time.unix_millis());
        let mut event = event(&purl, EventKind::Tag(Tag::default()), time, Some(&id), index, reading);
        if let Some(artifact) = &mut event.artifact {
            artifact.tag = reading.text(&tag);
        }
        out.push(event);
        too_many(out.len())?;
    }
    Ok(())
}

fn too_many(events: usize) -> Result<(), Refusal> {
    if events <= MAX_EVENTS_PER_RECORD {
        return Ok(());
    }
    let detail = format!("more than {MAX_EVENTS_PER_RECORD} versions and tags");
    Err(Refusal::new(RefusalReason::TooManyEvents, detail))
}

fn published(
    purl: &PackageUrl,
    own: &Document<'_>,
    time: EventTime,
    id: Option<&str>,
    index: &mut u32,
    reading: &mut Reading<'_>,
) -> Result<Event, Refusal> {
    let metadata = manifest::metadata(own, reading);
    let publisher = metadata.publisher.clone();
    let mut event = event(purl, EventKind::Publish(Box::new(Publish { metadata })), time, id, index, reading);
    event.actor.principal = publisher;
    if let Some(artifact) = &mut event.artifact {
        artifact.digest = manifest::digest(own)?;
    }
    Ok(event)
}

const fn withdrawn(action: WithdrawAction, reason: Option<Arc<str>>) -> EventKind {
    EventKind::Withdraw(Withdraw { action, reason })
}

fn purl_of(name: &str, version: Option<&str>) -> Result<PackageUrl, Refusal> {
    PackageUrl::new("npm", name, version)
        .ok_or_else(|| Refusal::new(RefusalReason::BadPurl, format!("`{name}` is no package's name")))
}

fn event(
    purl: &PackageUrl,
    kind: EventKind,
    time: EventTime,
    id: Option<&str>,
    index: &mut u32,
    reading: &mut Reading<'_>,
) -> Event {
    let event = Event {
        id: reading.id(id, *index),
        time,
        position: reading.position(*index),
        registry: reading.registry(None),
        artifact: Some(Artifact::of(purl)),
        actor: Actor::default(),
        outcome: Outcome::Success,
        status: None,
        request_id: None,
        kind,
    };
    *index += 1;
    event
}
