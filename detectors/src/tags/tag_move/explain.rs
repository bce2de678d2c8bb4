//! What `tag-move` says.

use super::{Move, Moved};
use crate::change_lane::{ordinal, person_link};
use crate::detector::{Explanation, Seen};
use crate::event::EventKind;
use crate::finding::{Band, Evidence, Fact, Link, Measure, RecordPosition};
use crate::tags::memory::{KnownVersion, TagState};
use crate::tags::target::Content;

/// A tag that moved; `row` counts the full-version tags that moved within the hour.
pub(super) fn moved(state: &TagState, seen: &Seen<'_>, moved: &Moved, row: u32) -> Explanation {
    let (event, tag) = (seen.event(), &moved.tag);
    let (before, after) = (tag.target.to_string(), moved.after.to_string());
    let how = if moved.what == Move::Back { "moved back" } else { "moved" };
    let mut summary = format!("`{}` tag `{}` {how} from {before} to {after}", name(seen), tag.name);
    if let Some(other) = &moved.shared_with {
        summary.push_str(&format!(", now the same content as `{other}`"));
    }
    let (hits, chances) = (state.habits.hits(moved.what as usize), state.habits.chances(moved.what as usize));
    let kind = match moved.what {
        Move::FreshFull => "a tag of a full version was set again within the hour",
        Move::Back => "a tag went back",
        _ => "a tag of this class moved",
    };
    let times = match hits.round() as u32 {
        0 => "not once".to_owned(),
        1 => "once".to_owned(),
        times => format!("{times} times"),
    };
    let class = tag.class.word();
    summary.push_str(&format!("; in {chances:.0} earlier changes here {kind} ({class}) {times}"));
    if row > 1 {
        summary.push_str(&format!("; it is the {} full-version tag to move within the hour", ordinal(row)));
    }
    let fact = |before: &str, after: &str| Fact::Tag {
        tag: tag.name.to_string(),
        before: before.to_owned(),
        after: after.to_owned(),
    };
    let mut evidence = vec![Evidence {
        fact: fact(&before, &after),
        time: event.time,
        position: Some(RecordPosition::from(&event.position)),
    }];
    if let Some(position) = state.places.find(tag.place) {
        evidence.push(Evidence { fact: fact("", &before), time: tag.since, position: Some(position) });
    }
    Explanation {
        observed: Measure::name(after, moved.after.unit()),
        expected: Some(Band::name(before.clone(), tag.target.unit())),
        summary,
        counterfactual: format!("It would have been silent had `{}` still pointed to {before}.", tag.name),
        evidence,
        links: links(seen),
        slsa_threat: Some('F'),
    }
}

/// A version that came again with other content.
pub(super) fn republished(
    state: &TagState,
    seen: &Seen<'_>,
    known: &KnownVersion,
    content: &Content,
) -> Explanation {
    let event = seen.event();
    let version =
        event.artifact.as_ref().and_then(|artifact| artifact.version.as_deref()).unwrap_or_default();
    let publisher = match &event.kind {
        EventKind::Publish(publish) => publish.metadata.publisher.as_ref().or(event.actor.principal.as_ref()),
        _ => None,
    };
    let fact =
        |publisher: &str| Fact::Publish { version: version.to_owned(), publisher: publisher.to_owned() };
    let evidence = vec![
        Evidence {
            fact: fact(publisher.map_or("unknown", |publisher| publisher)),
            time: event.time,
            position: Some(RecordPosition::from(&event.position)),
        },
        // Who published it first is not kept; the record says.
        Evidence { fact: fact("unknown"), time: known.since, position: state.places.find(known.place) },
    ];
    Explanation {
        observed: Measure::name(content.to_string(), "digest"),
        expected: Some(Band::name(known.content.to_string(), "digest")),
        summary: format!(
            "`{}` {version} was published again with other content: {content}, before {}",
            name(seen),
            known.content
        ),
        counterfactual: format!(
            "It would have been silent had {version} kept the content {}.",
            known.content
        ),
        evidence,
        links: links(seen),
        slsa_threat: Some('F'),
    }
}

fn name(seen: &Seen<'_>) -> String {
    let artifact = seen.event().artifact.as_ref();
    artifact
        .and_then(|artifact| artifact.key.as_ref())
        .map_or_else(String::new, crate::event::ArtifactKey::display_name)
}

fn links(seen: &Seen<'_>) -> Vec<Link> {
    let event = seen.event();
    let Some(artifact) = &event.artifact else { return vec![] };
    let key = artifact.key.as_ref().map(|key| Link::Artifact(key.shared()));
    let digest = artifact.digest.as_ref().map(|digest| Link::Digest(digest.as_str().into()));
    key.into_iter().chain(digest).chain(person_link(event)).collect()
}
