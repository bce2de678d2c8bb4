//! Where a version comes from: how far its provenance is attested, and by which run.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::field::{DriftField, Reading, Readings};
use super::memory::KnownNames;
use crate::change_lane::{Mark, Place, short_name};
use crate::event::{AuthMethod, Event, EventTime, Metadata, Provenance, ProvenanceLevel};

/// Workflows, triggers, runners and sources kept of one artifact, all together.
pub const MAX_RUN_NAMES: usize = 12;

/// What an artifact's CI runs looked like.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct KnownRuns(KnownNames);

/// The last attested version.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Attested {
    pub(super) level: ProvenanceLevel,
    pub(super) version: Arc<str>,
    /// Attested versions so far.
    pub(super) count: u32,
    pub(super) time: EventTime,
    pub(super) place: Place,
    /// The source that told of it: another one may not know of provenance at all.
    source: Mark,
}

/// How far this version is attested, as far as can be told.
pub(super) fn level(
    attested: Option<&Attested>,
    seed: u64,
    event: &Event,
    metadata: &Metadata,
) -> Option<ProvenanceLevel> {
    if let Some(provenance) = &metadata.provenance {
        return Some(provenance.level);
    }
    if matches!(event.actor.auth, Some(AuthMethod::Token | AuthMethod::Password)) {
        return Some(ProvenanceLevel::Token);
    }
    // A source that told of provenance before, and now tells of none, says that there is none.
    let told_before = attested.is_some_and(|attested| attested.source == source(seed, event));
    told_before.then_some(ProvenanceLevel::None)
}

/// Whether a level is an attestation.
pub(super) fn is_attested(level: ProvenanceLevel) -> bool {
    level >= ProvenanceLevel::Attested
}

/// What people call a level.
pub(super) const fn level_word(level: ProvenanceLevel) -> &'static str {
    match level {
        ProvenanceLevel::None => "without provenance",
        ProvenanceLevel::Token => "with a long-lived token",
        ProvenanceLevel::Attested => "with an attestation",
        ProvenanceLevel::TrustedPublisher => "by a trusted publisher",
        ProvenanceLevel::Staged => "by a trusted publisher in two steps",
    }
}

/// Whether this version is attested less than the last attested one.
pub(super) fn read_level(
    level: Option<ProvenanceLevel>,
    attested: Option<&Attested>,
    readings: &mut Readings,
) {
    if let (Some(level), Some(attested)) = (level, attested) {
        let words = |level| level_word(level).to_owned();
        let reading = Reading::of(level < attested.level, || words(attested.level), || words(level));
        readings.set(DriftField::ProvenanceLost, reading);
    }
}

/// What later versions are held against, after this one.
pub(super) fn attested_after(
    before: Option<Attested>,
    seed: u64,
    event: &Event,
    version: &Arc<str>,
    level: Option<ProvenanceLevel>,
    place: Place,
) -> Option<Attested> {
    let Some(level) = level.filter(|level| is_attested(*level)) else { return before };
    let count = before.map_or(0, |attested| attested.count).saturating_add(1);
    let (version, time, source) = (short_name(version), event.time, source(seed, event));
    Some(Attested { level, version, count, time, place, source })
}

impl KnownRuns {
    pub(super) fn read(&self, seed: u64, metadata: &Metadata, readings: &mut Readings) {
        let Some(provenance) = metadata.provenance.as_ref().filter(|_| !self.0.is_empty()) else { return };
        if run_names(provenance).next().is_none() && provenance.run_attempt.is_none() {
            return;
        }
        let mut odd: Vec<String> = run_names(provenance)
            .filter(|(part, name)| !self.0.contains(Mark::of(seed, &[part, name])))
            .map(|(part, name)| format!("{part} {name}"))
            .collect();
        odd.extend(
            provenance.run_attempt.filter(|attempt| *attempt > 1).map(|attempt| format!("attempt {attempt}")),
        );
        let reading = Reading::of(!odd.is_empty(), || "as usual".to_owned(), || odd.join(", "));
        readings.set(DriftField::Run, reading);
    }

    /// Learns what runs look like.
    pub(super) fn learn(&mut self, seed: u64, metadata: &Metadata) {
        for (part, name) in metadata.provenance.iter().flat_map(run_names) {
            self.0.keep(Mark::of(seed, &[part, name]), MAX_RUN_NAMES);
        }
    }
}

fn source(seed: u64, event: &Event) -> Mark {
    Mark::of(seed, &["source", &event.position.partition.source])
}

fn run_names(provenance: &Provenance) -> impl Iterator<Item = (&'static str, &str)> {
    // The ref behind a workflow is another one with each release.
    let stable = |name: &'_ Arc<str>| name.rfind("@refs/").unwrap_or(name.len());
    [
        ("workflow", &provenance.workflow),
        ("trigger", &provenance.trigger),
        ("runner", &provenance.runner),
        ("source", &provenance.source_repository),
        ("builder", &provenance.builder),
    ]
    .into_iter()
    .filter_map(move |(part, name)| name.as_ref().map(|name| (part, &name[..stable(name)])))
}
