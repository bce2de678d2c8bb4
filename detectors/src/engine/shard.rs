//! Stage 1: the detectors and their state, split by key.
//!
//! A shard holds one row a subject with the state of all its detectors, so that an event costs one look-up a key,
//! however many detectors there are. Shards share nothing.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::artifact_changes::{ArtifactChanges, WaitingArtifacts};
use super::assignment::{Assigned, Role};
use super::principals::{Principals, PrincipalsState, PrincipalsView};
use super::{Knowledge, Lane};
use crate::detector::{Detector as _, Priors, Scores, Seen};
use crate::downloads::conduct::confusion::PrivateNames;
use crate::downloads::conduct::{Conduct, ConductState};
use crate::downloads::consumers::{Consumers, ConsumersState};
use crate::downloads::download_breadth::{BreadthState, DownloadBreadth};
use crate::downloads::download_volume::{DownloadVolume, VolumeState, is_pull};
use crate::downloads::{Cohorts, Width};
use crate::event::{EventKind, EventTime, Ordered};
use crate::finding::{Subject, SubjectKind};
use crate::key_table::{Changes, ChangesView, KeyTable};
use crate::metadata::{MetadataState, Publishing};
use crate::settings::EngineSettings;
use crate::signing::{Signing, SigningState};
use crate::tags::TagState;
use crate::tags::tag_move::TagMove;

/// Rank of what a closed window says: after all events of the step.
const AFTER_ALL_EVENTS: u32 = u32::MAX;

/// All that is kept of one artifact.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct ArtifactRow {
    volume: Option<Box<VolumeState>>,
    consumers: Option<Box<ConsumersState>>,
    signing: Option<Box<SigningState>>,
    tags: Option<Box<TagState>>,
    metadata: Option<Box<MetadataState>>,
    changes: Option<Box<ArtifactChanges>>,
}

/// All that is kept of one principal.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct PrincipalRow {
    breadth: BreadthState,
    conduct: Option<Box<ConductState>>,
}

impl PrincipalRow {
    fn is_open(&self, width: Width) -> bool {
        self.window_end(width).is_some()
    }

    fn window_end(&self, width: Width) -> Option<EventTime> {
        let hour = self.conduct.as_ref().filter(|_| width == Width::Hour).and_then(|state| state.hour_end());
        self.breadth.window_end(width).or(hour)
    }
}

/// What one shard saves, where it lies.
#[derive(Debug, Serialize)]
pub(super) struct ShardView<'a> {
    artifacts: ChangesView<'a, ArtifactRow>,
    principals: ChangesView<'a, PrincipalRow>,
    others: PrincipalsView<'a>,
}

/// The same, read back.
#[derive(Debug, Deserialize)]
pub(super) struct ShardState {
    artifacts: Changes<ArtifactRow>,
    principals: Changes<PrincipalRow>,
    others: PrincipalsState,
}

/// One part of the keys of a lane, with their detectors.
#[derive(Debug)]
pub struct Shard {
    lane: Lane,
    seed: u64,
    volume: DownloadVolume,
    breadth: DownloadBreadth,
    consumers: Consumers,
    conduct: Conduct,
    signing: Signing,
    tag_move: TagMove,
    publishing: Publishing,
    artifacts: KeyTable<ArtifactRow>,
    principals: KeyTable<PrincipalRow>,
    others: Principals,
    waiting: WaitingArtifacts,
    /// Slots with an open window, by width.
    open_artifacts: [Vec<u32>; 3],
    open_principals: [Vec<u32>; 3],
    pub(super) work: Vec<Assigned>,
    scores: Scores,
}

impl Shard {
    pub(super) fn new(lane: Lane, settings: &EngineSettings, hot_keys: usize) -> Self {
        Self {
            lane,
            seed: settings.seed,
            volume: DownloadVolume::default(),
            breadth: DownloadBreadth::default(),
            consumers: Consumers::knowing(&settings.bad_digests),
            conduct: Conduct::new(PrivateNames::new(&settings.private_names, &settings.private_registries)),
            signing: Signing,
            tag_move: TagMove::new(settings.rules.tag_move.clone()),
            publishing: Publishing::default(),
            artifacts: KeyTable::new(hot_keys),
            principals: KeyTable::new(hot_keys),
            others: Principals::new(settings, hot_keys),
            waiting: WaitingArtifacts::default(),
            open_artifacts: Default::default(),
            open_principals: Default::default(),
            work: Vec::new(),
            scores: Scores::default(),
        }
    }

    pub(super) fn take_scores(&mut self) -> Scores {
        std::mem::take(&mut self.scores)
    }

    /// Shows the events of the work list to the detectors of their subjects.
    pub(super) fn observe<'a>(&mut self, event: &dyn Fn(u32) -> &'a Ordered, priors: &Priors) {
        let mut work = std::mem::take(&mut self.work);
        for assigned in work.drain(..) {
            let ordered = event(assigned.event);
            self.scores.rank = assigned.event;
            self.scores.now = ordered.order;
            let seen = Seen { ordered, priors, seed: self.seed };
            match (self.lane, assigned.role) {
                (Lane::Access, Role::Artifact) => self.pulled(assigned.hash, &seen),
                (Lane::Access, Role::Principal) => self.pulls(assigned.hash, &seen),
                (Lane::Change, Role::Artifact) => self.changed(assigned.hash, &seen),
                (Lane::Change, Role::Other(side)) => {
                    self.others.observe(side, assigned.hash, &seen, &mut self.scores);
                }
                (Lane::Change, Role::Principal) | (Lane::Access, Role::Other(_)) => {}
            }
        }
        // Its memory serves the next run.
        self.work = work;
    }

    fn pulled(&mut self, hash: u64, seen: &Seen<'_>) {
        let event = seen.event();
        let Some(key) = event.artifact.as_ref().and_then(|artifact| artifact.key.as_ref()) else { return };
        let (slot, entry) = self.artifacts.touch(hash, &event.registry, key.shared_ref(), seen.now(), false);
        self.consumers.observe(entry.value.consumers.get_or_insert_default(), seen, &mut self.scores);
        if !is_pull(event) {
            return;
        }
        let state = entry.value.volume.get_or_insert_default();
        let before = Width::ALL.map(|width| state.is_open(width));
        self.volume.observe(state, seen, &mut self.scores);
        for (width, was_open) in Width::ALL.into_iter().zip(before) {
            if !was_open && state.is_open(width) {
                self.open_artifacts[width.index()].push(slot);
            }
        }
    }

    fn pulls(&mut self, hash: u64, seen: &Seen<'_>) {
        let event = seen.event();
        let Some(principal) = &event.actor.principal else { return };
        let (slot, entry) = self.principals.touch(hash, &event.registry, principal, seen.now(), false);
        let row = &mut entry.value;
        let before = Width::ALL.map(|width| row.is_open(width));
        if is_pull(event) {
            self.breadth.observe(&mut row.breadth, seen, &mut self.scores);
        }
        self.conduct.observe(row.conduct.get_or_insert_default(), seen, &mut self.scores);
        for (width, was_open) in Width::ALL.into_iter().zip(before) {
            if !was_open && row.is_open(width) {
                self.open_principals[width.index()].push(slot);
            }
        }
    }

    fn changed(&mut self, hash: u64, seen: &Seen<'_>) {
        let event = seen.event();
        let Some(key) = event.artifact.as_ref().and_then(|artifact| artifact.key.as_ref()) else { return };
        let (slot, entry) = self.artifacts.touch(hash, &event.registry, key.shared_ref(), seen.now(), true);
        let row = &mut entry.value;
        // Each detector passes over what is not its business; state is made where there is some.
        match &event.kind {
            EventKind::Sign(_) => {
                self.signing.observe(row.signing.get_or_insert_default(), seen, &mut self.scores);
            }
            EventKind::Tag(_) => {
                self.tag_move.observe(row.tags.get_or_insert_default(), seen, &mut self.scores);
            }
            EventKind::Publish(_) => {
                self.tag_move.observe(row.tags.get_or_insert_default(), seen, &mut self.scores);
                self.publishing.observe(row.metadata.get_or_insert_default(), seen, &mut self.scores);
            }
            EventKind::Account(_) | EventKind::Withdraw(_) => {
                self.publishing.observe(row.metadata.get_or_insert_default(), seen, &mut self.scores);
            }
            EventKind::Access(_) | EventKind::Verify(_) => {}
        }
        let changes = row.changes.get_or_insert_default();
        changes.observe(seen, &mut self.scores);
        let due = changes.due();
        self.waiting.note(slot, due);
    }

    /// Judges the versions whose signature did not come until `boundary`.
    fn expire(&mut self, boundary: EventTime, priors: &Priors) {
        for slot in self.waiting.take_due(boundary) {
            let Some(entry) = self.artifacts.get_mut(slot) else { continue };
            let subject = subject(SubjectKind::Artifact, &entry.key.registry, &entry.key.name);
            let Some(changes) = &mut entry.value.changes else { continue };
            changes.expire(&subject, boundary, self.seed, priors, &mut self.scores);
            let due = changes.due();
            self.waiting.note(slot, due);
        }
    }

    /// Closes the windows that end at or before `boundary`, in the order of keys.
    pub(super) fn close(&mut self, boundary: EventTime, priors: &Priors) {
        (self.scores.rank, self.scores.now) = (AFTER_ALL_EVENTS, boundary);
        self.expire(boundary, priors);
        let mut cohorts = Cohorts::new(priors);
        for width in Width::ALL {
            if !width.ends_at(boundary) {
                continue;
            }
            for slot in std::mem::take(&mut self.open_artifacts[width.index()]) {
                let Some(entry) = self.artifacts.get_mut(slot) else { continue };
                let Some(state) = entry.value.volume.as_deref_mut().filter(|state| state.is_open(width))
                else {
                    continue;
                };
                let subject = subject(SubjectKind::Artifact, &entry.key.registry, &entry.key.name);
                self.volume.close(state, &subject, width, boundary, self.seed, &mut self.scores);
                if state.is_open(width) {
                    self.open_artifacts[width.index()].push(slot);
                }
            }
            for slot in std::mem::take(&mut self.open_principals[width.index()]) {
                let Some(entry) = self.principals.get_mut(slot) else { continue };
                if !entry.value.is_open(width) {
                    continue;
                }
                let subject = subject(SubjectKind::Principal, &entry.key.registry, &entry.key.name);
                let row = &mut entry.value;
                let (seed, scores) = (self.seed, &mut self.scores);
                self.breadth.close(&mut row.breadth, &subject, width, boundary, seed, &mut cohorts, scores);
                if let Some(state) = row.conduct.as_mut().filter(|_| width == Width::Hour) {
                    self.conduct.close(state, &subject, boundary, seed, priors, scores);
                }
                if row.is_open(width) {
                    self.open_principals[width.index()].push(slot);
                }
            }
        }
    }

    /// Looks at the windows that are still open, as no more of the log will come. An open window may yet have filled,
    /// so only *more* than expected is a statement, and nothing is learned.
    pub(super) fn flush(&mut self, now: EventTime, priors: &Priors) {
        (self.scores.rank, self.scores.now) = (AFTER_ALL_EVENTS, now);
        let mut cohorts = Cohorts::new(priors);
        for width in Width::ALL {
            for slot in std::mem::take(&mut self.open_artifacts[width.index()]) {
                let Some(entry) = self.artifacts.get_mut(slot) else { continue };
                let subject = subject(SubjectKind::Artifact, &entry.key.registry, &entry.key.name);
                if let Some(state) = &mut entry.value.volume {
                    self.volume.flush(state, &subject, width, now, self.seed, &mut self.scores);
                }
            }
            for slot in std::mem::take(&mut self.open_principals[width.index()]) {
                let Some(entry) = self.principals.get_mut(slot) else { continue };
                let subject = subject(SubjectKind::Principal, &entry.key.registry, &entry.key.name);
                let state = &mut entry.value.breadth;
                self.breadth.flush(state, &subject, width, now, self.seed, &mut cohorts, &mut self.scores);
            }
        }
    }

    /// When the first open window ends; `None` where none is open.
    pub(super) fn first_window_end(&self) -> Option<EventTime> {
        self.window_ends().chain(self.waiting.first_hour()).min()
    }

    /// All windows of one width that are open at one moment end together, so the first that is still open tells.
    fn window_ends(&self) -> impl Iterator<Item = EventTime> {
        let artifacts = Width::ALL.into_iter().filter_map(|width| {
            self.open_artifacts[width.index()]
                .iter()
                .find_map(|slot| self.artifacts.get(*slot)?.value.volume.as_ref()?.window_end(width))
        });
        let principals = Width::ALL.into_iter().filter_map(|width| {
            self.open_principals[width.index()]
                .iter()
                .find_map(|slot| self.principals.get(*slot)?.value.window_end(width))
        });
        artifacts.chain(principals)
    }

    pub(super) fn add_knowledge(&self, sum: &mut Knowledge) {
        for (_, entry) in self.artifacts.slots() {
            sum.artifacts += 1;
            let hours = entry.value.volume.as_ref().map_or(0, |state| state.hours_learned());
            sum.artifacts_warm += u64::from(hours >= Width::Hour.warm_up());
        }
        for (_, entry) in self.principals.slots() {
            sum.principals += 1;
            sum.principals_warm += u64::from(entry.value.breadth.is_warm());
        }
        sum.protected += (self.artifacts.protected() + self.principals.protected()) as u64;
        sum.evicted += self.artifacts.evicted() + self.principals.evicted();
    }

    pub(super) fn changed_keys(&self) -> usize {
        self.artifacts.changed() + self.principals.changed() + self.others.changed_keys()
    }

    pub(super) fn everything(&mut self) -> ShardView<'_> {
        ShardView {
            artifacts: self.artifacts.save_all(),
            principals: self.principals.save_all(),
            others: self.others.everything(),
        }
    }

    pub(super) fn changes(&mut self) -> ShardView<'_> {
        ShardView {
            artifacts: self.artifacts.save_changes(),
            principals: self.principals.save_changes(),
            others: self.others.changes(),
        }
    }

    pub(super) fn apply(&mut self, state: ShardState) {
        self.artifacts.apply(self.seed, state.artifacts);
        self.principals.apply(self.seed, state.principals);
        self.others.apply(self.seed, state.others);
        self.waiting = WaitingArtifacts::default();
        for (slot, entry) in self.artifacts.slots() {
            self.waiting.note(slot, entry.value.changes.as_ref().and_then(|changes| changes.due()));
        }
        for width in Width::ALL {
            let open =
                |volume: &Option<Box<VolumeState>>| volume.as_ref().is_some_and(|state| state.is_open(width));
            self.open_artifacts[width.index()] = (self.artifacts.slots())
                .filter(|(_, entry)| open(&entry.value.volume))
                .map(|(slot, _)| slot)
                .collect();
            self.open_principals[width.index()] = (self.principals.slots())
                .filter(|(_, entry)| entry.value.is_open(width))
                .map(|(slot, _)| slot)
                .collect();
        }
    }
}

fn subject(kind: SubjectKind, registry: &Arc<str>, name: &Arc<str>) -> Subject {
    Subject::new(kind, Arc::clone(registry), Arc::clone(name))
}
