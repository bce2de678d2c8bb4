//! What is published, and how it changed: metadata drift and trust downgrade, over one state and in one pass.
//!
//! Both look at the same publish, so one [`Publishing`] implements [`Detector`] for both, with the id of the first,
//! and emits both ids. It also notes changes of accounts that concern the artifact, which arm its next publish. A
//! second file of the version published last (a wheel beside its sdist) is part of that publish and not judged again.
//! Late events neither score nor teach: what changed depends on what came before.

mod cadence;
mod contents;
mod dependencies;
mod field;
mod hazards;
mod likeness;
mod memory;
pub mod metadata_drift;
mod origin;
mod people;
#[cfg(test)]
mod tests;
pub mod trust_downgrade;
mod version;
pub mod version_oddity;

pub use contents::MAX_TOOLS;
pub use dependencies::{MAX_ADDRESSES, MAX_DEPENDENCIES};
pub use field::{DRIFT_FIELDS, DriftField};
pub use likeness::{DriftProfile, MAX_PROFILES};
pub use memory::MetadataState;
pub use metadata_drift::DriftConfig;
pub use origin::MAX_RUN_NAMES;
pub(crate) use people::change_word;
pub use people::{ACCOUNT_CHANGE_COUNTS_FOR, MAX_MAINTAINERS, MAX_PUBLISHERS};

use std::sync::Arc;

use crate::change_lane::{WarmUp, artifact_subject, person_link, short_name};
use crate::detector::{Detector, Scores, Seen};
use crate::event::{ArtifactKey, EventKind, Metadata, Outcome, ProvenanceLevel};
use crate::finding::{DetectorId, Link, Subject};
use crate::statistics::hazard::field::Bump;
use dependencies::AddedDependencies;
use field::Readings;
use memory::{LastRelease, Taken};
use version::Numbers;

/// Versions after which an artifact's own past outweighs the population's.
const WARM_UP_VERSIONS: u32 = 3;

/// The detector of `metadata-drift` and `trust-downgrade`.
#[derive(Debug, Clone, Default)]
pub struct Publishing {
    config: DriftConfig,
}

/// A publish that is to be judged, with what is known of it beforehand.
struct WhatWasPublished<'a> {
    seen: &'a Seen<'a>,
    subject: Subject,
    metadata: &'a Metadata,
    version: Arc<str>,
    bump: Bump,
    level: Option<ProvenanceLevel>,
    added: AddedDependencies,
    readings: Readings,
}

impl Detector for Publishing {
    type State = MetadataState;
    const ID: DetectorId = DetectorId::MetadataDrift;
    const MAJOR: u32 = 1;

    fn observe(&self, state: &mut MetadataState, seen: &Seen<'_>, out: &mut Scores) {
        let event = seen.event();
        if !seen.is_on_time() || event.outcome != Outcome::Success {
            return;
        }
        match &event.kind {
            EventKind::Publish(publish) => self.published(state, seen, &publish.metadata, out),
            EventKind::Account(account) => {
                let place = state.places.keep(&event.position);
                state.account.note(account.change, seen.now(), place);
            }
            _ => {}
        }
    }
}

impl Publishing {
    /// A detector with an owner's settings.
    #[must_use]
    pub const fn new(config: DriftConfig) -> Self {
        Self { config }
    }

    fn published(&self, state: &mut MetadataState, seen: &Seen<'_>, metadata: &Metadata, out: &mut Scores) {
        let event = seen.event();
        let (Some(artifact), Some(subject)) = (&event.artifact, artifact_subject(event)) else { return };
        let Some(version) = artifact.version.as_ref().or(artifact.tag.as_ref()).map(short_name) else {
            return;
        };
        if state.last.as_ref().is_some_and(|last| last.version == version) {
            return;
        }
        state.release_held(seen.now());
        let numbers = Numbers::read(&version);
        let level = origin::level(state.attested.as_ref(), seen.seed, event, metadata);
        let added = state.known.dependencies.added(seen.seed, metadata.dependencies.as_ref());
        let readings = read(state, seen, metadata, level, &added);
        let bump = version::bump(numbers, state.highest);
        let published = WhatWasPublished { seen, subject, metadata, version, bump, level, added, readings };
        state.acquaintance.meet(seen.now());
        trust_downgrade::judge(state, &published, out);
        let taken = metadata_drift::judge(&self.config, state, &published, out);
        learn(state, &published, numbers, taken);
    }
}

/// What is seen of each field.
fn read(
    state: &MetadataState,
    seen: &Seen<'_>,
    metadata: &Metadata,
    level: Option<ProvenanceLevel>,
    added: &AddedDependencies,
) -> Readings {
    let (seed, known, mut readings) = (seen.seed, &state.known, Readings::default());
    known.people.read(seed, seen.event(), metadata, &mut readings);
    known.contents.read(seed, metadata, &mut readings);
    known.dependencies.read(metadata.dependencies.as_ref(), added, &mut readings);
    known.runs.read(seed, metadata, &mut readings);
    origin::read_level(level, state.attested.as_ref(), &mut readings);
    state.account.read(seen.now(), &mut readings);
    state.cadence.read(state.last.as_ref().map(|last| last.time), seen.now(), &mut readings);
    readings
}

/// What later publishes are held against.
fn learn(
    state: &mut MetadataState,
    published: &WhatWasPublished<'_>,
    numbers: Option<Numbers>,
    taken: Taken,
) {
    let (event, seed, metadata) = (published.seen.event(), published.seen.seed, published.metadata);
    let now = published.seen.now();
    let place = state.places.keep(&event.position);
    state.take_in(taken, now, |known| {
        known.people.learn(seed, event, metadata);
        known.contents.learn(seed, metadata);
        known.dependencies.learn(seed, metadata.dependencies.as_ref());
        known.runs.learn(seed, metadata);
    });
    let attested = state.attested.take();
    state.attested =
        origin::attested_after(attested, seed, event, &published.version, published.level, place);
    state.account = state.account.spent();
    state.cadence.learn(state.last.as_ref().map(|last| last.time), now);
    state.highest = state.highest.max(numbers);
    let publisher = people::publisher(event, metadata).map(short_name);
    state.last = Some(LastRelease { version: Arc::clone(&published.version), publisher, time: now, place });
}

impl WhatWasPublished<'_> {
    /// The artifact and its version: `` `axios` 1.14.1 ``.
    fn shown_name(&self) -> String {
        let artifact = self.seen.event().artifact.as_ref();
        let name = artifact.and_then(|artifact| artifact.key.as_ref()).map(ArtifactKey::display_name);
        format!("`{}` {}", name.unwrap_or_default(), self.version)
    }

    /// Causes that it may share with other findings.
    fn links(&self) -> Vec<Link> {
        /// Most added dependencies that become links.
        const MAX_LINKED: usize = 8;
        let event = self.seen.event();
        let mut links = vec![Link::Artifact(Arc::clone(&self.subject.name))];
        let digest = event.artifact.as_ref().and_then(|artifact| artifact.digest.as_ref());
        links.extend(digest.map(|digest| Link::Digest(digest.as_str().into())));
        let run = self.metadata.provenance.as_ref().and_then(|provenance| provenance.run.clone());
        links.extend(run.map(Link::Run));
        links.extend(self.added.names.iter().take(MAX_LINKED).cloned().map(Link::Dependency));
        links.extend(person_link(event));
        links
    }
}

/// How far both detectors have come with an artifact.
#[must_use]
pub fn warm_up(state: &MetadataState) -> WarmUp {
    WarmUp { seen: state.acquaintance.looks(), needed: WARM_UP_VERSIONS }
}
