//! What `metadata-drift` says.

use super::DriftConfig;
use crate::change_lane::shown_time_apart;
use crate::detector::Explanation;
use crate::event::ProvenanceLevel;
use crate::finding::{Band, Evidence, Fact, Measure, RecordPosition};
use crate::metadata::WhatWasPublished;
use crate::metadata::field::{DriftField, Reading};
use crate::metadata::likeness::{FieldOutcome, Likeness, likeness, usual_changes};
use crate::metadata::memory::MetadataState;
use crate::metadata::people::{change_word, publisher};

/// Surprise below which nothing is stored: what the counterfactual must come to.
const SILENT_BITS: f64 = 8.0;
/// Most names of dependencies in a sentence.
const MAX_NAMES: usize = 3;

pub(super) fn drift(
    config: &DriftConfig,
    state: &MetadataState,
    published: &WhatWasPublished<'_>,
    outcomes: &[FieldOutcome],
    found: &Likeness,
) -> Explanation {
    let (usual, most) = usual_changes(outcomes);
    let changed = outcomes.iter().filter(|outcome| outcome.changed).count();
    // A staged or attested origin beside an attack's traces means that the pipeline itself was used.
    let by_pipeline = published.level >= Some(ProvenanceLevel::Attested);
    Explanation {
        observed: Measure::number(changed as f64, "changed fields"),
        expected: Some(Band::numbers(0.0, usual, most, "changed fields")),
        summary: summary(state, published, found),
        counterfactual: counterfactual(config, published, outcomes, found),
        evidence: evidence(state, published, found),
        links: published.links(),
        slsa_threat: Some(if by_pipeline { 'E' } else { 'F' }),
    }
}

/// `` `axios` 1.14.1 appeared 6 minutes after 1.14.0 (usual gap 3.1 days) with …; it looks like … ``.
fn summary(state: &MetadataState, published: &WhatWasPublished<'_>, found: &Likeness) -> String {
    let now = published.seen.now();
    let mut text = published.shown_name();
    match &state.last {
        Some(last) => {
            let usual = shown_time_apart(state.cadence.usual_gap());
            let apart = shown_time_apart(now.since(last.time));
            text.push_str(&format!(" appeared {apart} after {} (usual gap {usual})", last.version));
        }
        None => text.push_str(" appeared"),
    }
    let traces: Vec<String> =
        in_order(published, found).filter_map(|(field, _)| trace(state, published, field)).collect();
    if !traces.is_empty() {
        text.push_str(" with ");
        text.push_str(&joined(&traces));
    }
    text.push_str(&format!("; of the known attacks it is most like: {}", found.profile));
    text
}

/// The changed fields, the most telling first.
fn in_order<'a>(
    published: &'a WhatWasPublished<'_>,
    found: &'a Likeness,
) -> impl Iterator<Item = (DriftField, f64)> + 'a {
    found.terms.iter().copied().filter(|(field, _)| published.readings.get(*field).is_changed())
}

/// What a changed field looks like; `None` for gaps, which the sentence begins with.
fn trace(state: &MetadataState, published: &WhatWasPublished<'_>, field: DriftField) -> Option<String> {
    let (event, metadata) = (published.seen.event(), published.metadata);
    let Reading::Changed(before, after) = published.readings.get(field) else { return None };
    let names = |names: Vec<&str>| {
        let more = names.len().saturating_sub(MAX_NAMES);
        let mut shown: Vec<String> =
            names.into_iter().take(MAX_NAMES).map(|name| format!("`{name}`")).collect();
        if more > 0 {
            shown.push(format!("{more} more"));
        }
        joined(&shown)
    };
    let added = &published.added;
    Some(match field {
        DriftField::Publisher => {
            format!("the new publisher `{}`", publisher(event, metadata).map_or("", |publisher| publisher))
        }
        DriftField::Maintainer => format!("the new maintainer {after}"),
        DriftField::Script => "a new install script".to_owned(),
        DriftField::Dependency => {
            format!("the new dependency {}", names(added.names.iter().map(|name| &**name).collect()))
        }
        DriftField::License => format!("the licence {after} instead of {before}"),
        DriftField::Repository => "another source repository".to_owned(),
        DriftField::Size => format!("a size of {after} instead of {before}"),
        DriftField::ProvenanceLost => format!("weaker provenance ({after} instead of {before})"),
        DriftField::Tool => format!("the tool {after} instead of {before}"),
        DriftField::OddHour => format!("an unusual hour ({after})"),
        DriftField::Dormant | DriftField::Hurried => return None,
        DriftField::AddressDependency => {
            format!(
                "a dependency by address, {}",
                names(added.by_address.iter().map(|(name, _)| &**name).collect())
            )
        }
        DriftField::Contents => format!("{after} instead of {before}"),
        DriftField::Run => format!("an unusual CI run ({after})"),
        DriftField::AccountChanged => {
            let (change, time, _) = state.account.armed(published.seen.now())?;
            let apart = shown_time_apart(published.seen.now().since(time));
            format!("a change of account {apart} before ({})", change_word(change))
        }
    })
}

/// What would have had to be different: the most telling changes are taken back, one after the other, until silence.
fn counterfactual(
    config: &DriftConfig,
    published: &WhatWasPublished<'_>,
    outcomes: &[FieldOutcome],
    found: &Likeness,
) -> String {
    let mut other = outcomes.to_vec();
    let mut taken_back = Vec::new();
    for (field, _) in in_order(published, found) {
        if let Some(outcome) = other.iter_mut().find(|outcome| outcome.field == field) {
            outcome.changed = false;
        }
        taken_back.push(without(field).to_owned());
        if likeness(&config.profiles, &other).tail(1.0).exact.bits() < SILENT_BITS {
            break;
        }
    }
    format!("It would have been silent with {}.", joined(&taken_back))
}

/// A field as it would have had to be.
const fn without(field: DriftField) -> &'static str {
    match field {
        DriftField::Publisher => "a publisher known here",
        DriftField::Maintainer => "the maintainers as they were",
        DriftField::Script => "the install scripts as they were",
        DriftField::Dependency => "no new dependency",
        DriftField::License => "the same licence",
        DriftField::Repository => "the same source repository",
        DriftField::Size => "a usual size",
        DriftField::ProvenanceLost => "the provenance as it was",
        DriftField::Tool => "a tool known here",
        DriftField::OddHour => "a usual hour",
        DriftField::Dormant | DriftField::Hurried => "a usual gap",
        DriftField::AddressDependency => "no dependency by a new address",
        DriftField::Contents => "the files as they were",
        DriftField::Run => "a usual CI run at the first attempt",
        DriftField::AccountChanged => "no change of account shortly before",
    }
}

/// `a`, `a and b`, `a, b and c`.
fn joined(items: &[String]) -> String {
    match items {
        [] => String::new(),
        [only] => only.clone(),
        [head @ .., last] => format!("{} and {last}", head.join(", ")),
    }
}

fn evidence(state: &MetadataState, published: &WhatWasPublished<'_>, found: &Likeness) -> Vec<Evidence> {
    let event = published.seen.event();
    let here = || Some(RecordPosition::from(&event.position));
    let mut items: Vec<Evidence> = in_order(published, found)
        .filter_map(|(field, bits)| {
            let Reading::Changed(before, after) = published.readings.get(field) else { return None };
            let (before, after) = (before.clone(), after.clone());
            let fact = Fact::Field { field: field.word().to_owned(), before, after, bits };
            Some(Evidence { fact, time: event.time, position: here() })
        })
        .collect();
    let shown =
        |name: Option<&std::sync::Arc<str>>| name.map_or_else(|| "unknown".to_owned(), ToString::to_string);
    let fact = Fact::Publish {
        version: published.version.to_string(),
        publisher: shown(publisher(event, published.metadata)),
    };
    items.push(Evidence { fact, time: event.time, position: here() });
    if let Some(last) = &state.last {
        let fact =
            Fact::Publish { version: last.version.to_string(), publisher: shown(last.publisher.as_ref()) };
        items.push(Evidence { fact, time: last.time, position: state.places.find(last.place) });
    }
    if let Some((change, time, place)) = state.account.armed(published.seen.now()) {
        let (field, after) = ("account".to_owned(), change_word(change).to_owned());
        let fact = Fact::Field { field, before: "no change".to_owned(), after, bits: 0.0 };
        items.push(Evidence { fact, time, position: state.places.find(place) });
    }
    items
}
