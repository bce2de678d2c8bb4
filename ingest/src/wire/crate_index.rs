//! Lines of a cargo index (<https://doc.rust-lang.org/cargo/reference/registry-index.html>): one for each version.
//!
//! A version becomes a `publish` event at its `pubtime`, or at the record's own time where the index has none. The line
//! of a version that was yanked says so, not when: it is a `withdraw` event too, but only where the record itself has a
//! time, as a change feed's has. An index knows no publisher.

use std::collections::BTreeMap;
use std::sync::Arc;

use detectors::event::{
    Actor, Artifact, Event, EventKind, MAX_DEPENDENCIES, Metadata, Outcome, PackageUrl, Publish, Withdraw,
    WithdrawAction,
};

use super::object::{Text, Unknown, object, said};
use crate::decode::{Reading, Refusal, RefusalReason, check_nesting, digest_of, time_of_text};

#[derive(Default)]
struct Line<'a> {
    name: Option<Text<'a>>,
    vers: Option<Text<'a>>,
    deps: Option<Vec<Dependency<'a>>>,
    cksum: Option<Text<'a>>,
    yanked: Option<bool>,
    pubtime: Option<Text<'a>>,
    unknown: Unknown<'a>,
}
object!(Line {
    "name" => name, "vers" => vers, "deps" => deps, "cksum" => cksum, "yanked" => yanked, "pubtime" => pubtime,
} ignored "features", "features2", "links", "rust_version", "v");

#[derive(Default)]
struct Dependency<'a> {
    name: Option<Text<'a>>,
    req: Option<Text<'a>>,
    kind: Option<Text<'a>>,
    package: Option<Text<'a>>,
    unknown: Unknown<'a>,
}
object!(Dependency { "name" => name, "req" => req, "kind" => kind, "package" => package }
    ignored "features", "optional", "default_features", "target", "registry", "public");

/// Reads one line.
pub(crate) fn read(text: &str, reading: &mut Reading<'_>, out: &mut Vec<Event>) -> Result<(), Refusal> {
    check_nesting(text)?;
    let own: Line<'_> = serde_json::from_str(text).map_err(|error| Refusal::of_json(text, &error))?;
    let name = said(own.name.as_ref()).ok_or_else(|| Refusal::missing("name"))?;
    let version = said(own.vers.as_ref()).ok_or_else(|| Refusal::missing("vers"))?;
    let purl = PackageUrl::new("cargo", name, Some(version))
        .ok_or_else(|| Refusal::new(RefusalReason::BadPurl, format!("`{name}` is no crate's name")))?;
    let mut artifact = Artifact::of(&purl);
    let checksum = said(own.cksum.as_ref()).ok_or_else(|| Refusal::missing("cksum"))?;
    artifact.digest = Some(digest_of("cksum", &format!("sha256:{checksum}"))?);
    let outer = reading.outer_time("pubtime");
    let time = match said(own.pubtime.as_ref()) {
        Some(time) => time_of_text("pubtime", time)?,
        None => outer.clone()?,
    };
    let metadata = Metadata { dependencies: own.dependencies(reading), ..Metadata::default() };
    let event = Event {
        // The line of a version comes again whenever the crate's file is read again.
        id: reading.id(Some(&format!("{name}@{version}#publish")), 0),
        time,
        position: reading.position(0),
        registry: reading.registry(None),
        artifact: Some(artifact),
        actor: Actor::default(),
        outcome: Outcome::Success,
        status: None,
        request_id: None,
        kind: EventKind::Publish(Box::new(Publish { metadata })),
    };
    if let (Some(true), Ok(time)) = (own.yanked, outer) {
        out.push(event.clone());
        let kind = EventKind::Withdraw(Withdraw { action: WithdrawAction::Yank, reason: None });
        let id = reading.id(Some(&format!("{name}@{version}#yank")), 1);
        out.push(Event { id, time, position: reading.position(1), kind, ..event });
    } else {
        out.push(event);
    }
    reading.note_unknown("", &own.unknown);
    Ok(())
}

impl Line<'_> {
    /// What is needed to build or run it; what only its tests need is left out.
    fn dependencies(&self, reading: &mut Reading<'_>) -> Option<BTreeMap<Arc<str>, Arc<str>>> {
        let all = self.deps.as_deref()?;
        let kept = reading.kept(all.len(), MAX_DEPENDENCIES);
        let mut found = BTreeMap::new();
        for own in all.iter().take(kept).filter(|own| own.kind.as_deref() != Some("dev")) {
            let name = said(own.package.as_ref()).or(said(own.name.as_ref()));
            if let Some(name) = name.and_then(|name| reading.text(name)) {
                let range =
                    own.req.as_deref().and_then(|range| reading.text(range)).unwrap_or_else(|| "".into());
                found.insert(name, range);
            }
        }
        Some(found)
    }
}
