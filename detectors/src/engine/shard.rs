//! Stage 1: the detectors and their state, split by key.
//!
//! A shard holds one row a subject with the state of all its detectors, so that an event costs one look-up a key,
//! however many detectors there are. Shards share nothing.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Knowledge, Lane};
use crate::detector::{Detector as _, Priors, Scores, Seen};
use crate::downloads::download_breadth::{BreadthState, DownloadBreadth};
use crate::downloads::download_volume::{DownloadVolume, VolumeState, is_pull};
use crate::downloads::{Cohorts, Width};
use crate::event::{Event, EventKind, EventTime, Ordered};
use crate::finding::{Subject, SubjectKind};
use crate::key_table::{Changes, ChangesView, KeyTable, hash_key};
use crate::metadata::{MetadataState, Publishing};
use crate::signing::{Signing, SigningState};
use crate::tags::TagState;
use crate::tags::tag_move::TagMove;

/// Rank of what a closed window says: after all events of the step.
const AFTER_ALL_EVENTS: u32 = u32::MAX;

/// All that is kept of one artifact.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct ArtifactRow {
    volume: Option<Box<VolumeState>>,
    signing: Option<Box<SigningState>>,
    tags: Option<Box<TagState>>,
    metadata: Option<Box<MetadataState>>,
}

/// All that is kept of one principal.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct PrincipalRow {
    breadth: BreadthState,
}

/// What one shard saves, where it lies.
#[derive(Debug, Serialize)]
pub(super) struct ShardView<'a> {
    artifacts: ChangesView<'a, ArtifactRow>,
    principals: ChangesView<'a, PrincipalRow>,
}

/// The same, read back.
#[derive(Debug, Deserialize)]
pub(super) struct ShardState {
    artifacts: Changes<ArtifactRow>,
    principals: Changes<PrincipalRow>,
}

/// An event to be shown to one subject of a shard.
#[derive(Debug, Clone, Copy)]
pub(super) struct Assigned {
    event: u32,
    hash: u64,
    role: Role,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Artifact,
    Principal,
}

/// One part of the keys of a lane, with their detectors.
#[derive(Debug)]
pub struct Shard {
    lane: Lane,
    seed: u64,
    volume: DownloadVolume,
    breadth: DownloadBreadth,
    signing: Signing,
    tag_move: TagMove,
    publishing: Publishing,
    artifacts: KeyTable<ArtifactRow>,
    principals: KeyTable<PrincipalRow>,
    /// Slots with an open window, by width.
    open_artifacts: [Vec<u32>; 3],
    open_principals: [Vec<u32>; 3],
    work: Vec<Assigned>,
    scores: Scores,
}

/// Puts an event on the work lists of the shards of its keys.
pub(super) fn assign(lane: Lane, seed: u64, at: u32, event: &Event, shards: &mut [Shard]) {
    let mut put = |registry: &str, name: &str, role: Role| {
        let hash = hash_key(seed, registry, name);
        // The low bits find the slot in a table, so the shard is taken from the high ones.
        let shard = (hash >> 48) as usize % shards.len();
        shards[shard].work.push(Assigned { event: at, hash, role });
    };
    let key = event.artifact.as_ref().and_then(|artifact| artifact.key.as_ref());
    match lane {
        Lane::Change => {
            if let (Some(key), false) = (key, matches!(event.kind, EventKind::Access(_))) {
                put(&event.registry, key.as_str(), Role::Artifact);
            }
        }
        Lane::Access => {
            if let (Some(key), true) = (key, is_pull(event)) {
                put(&event.registry, key.as_str(), Role::Artifact);
                if let Some(principal) = &event.actor.principal {
                    put(&event.registry, principal, Role::Principal);
                }
            }
        }
    }
}

impl Shard {
    pub(super) fn new(lane: Lane, seed: u64, hot_keys: usize) -> Self {
        Self {
            lane,
            seed,
            volume: DownloadVolume::default(),
            breadth: DownloadBreadth::default(),
            signing: Signing,
            tag_move: TagMove::default(),
            publishing: Publishing::default(),
            artifacts: KeyTable::new(hot_keys),
            principals: KeyTable::new(hot_keys),
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
                (Lane::Change, _) => self.changed(assigned.hash, &seen),
            }
        }
        // Its memory serves the next run.
        self.work = work;
    }

    fn pulled(&mut self, hash: u64, seen: &Seen<'_>) {
        let event = seen.event();
        let Some(key) = event.artifact.as_ref().and_then(|artifact| artifact.key.as_ref()) else { return };
        let (slot, entry) = self.artifacts.touch(hash, &event.registry, key.shared_ref(), seen.now(), false);
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
        let state = &mut entry.value.breadth;
        let before = Width::ALL.map(|width| state.is_open(width));
        self.breadth.observe(state, seen, &mut self.scores);
        for (width, was_open) in Width::ALL.into_iter().zip(before) {
            if !was_open && state.is_open(width) {
                self.open_principals[width.index()].push(slot);
            }
        }
    }

    fn changed(&mut self, hash: u64, seen: &Seen<'_>) {
        let event = seen.event();
        let Some(key) = event.artifact.as_ref().and_then(|artifact| artifact.key.as_ref()) else { return };
        let (_, entry) = self.artifacts.touch(hash, &event.registry, key.shared_ref(), seen.now(), true);
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
    }

    /// Closes the windows that end at or before `boundary`, in the order of keys.
    pub(super) fn close(&mut self, boundary: EventTime, priors: &Priors) {
        (self.scores.rank, self.scores.now) = (AFTER_ALL_EVENTS, boundary);
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
                if !entry.value.breadth.is_open(width) {
                    continue;
                }
                let subject = subject(SubjectKind::Principal, &entry.key.registry, &entry.key.name);
                let state = &mut entry.value.breadth;
                self.breadth.close(
                    state,
                    &subject,
                    width,
                    boundary,
                    self.seed,
                    &mut cohorts,
                    &mut self.scores,
                );
                if state.is_open(width) {
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
        self.window_ends().min()
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
                .find_map(|slot| self.principals.get(*slot)?.value.breadth.window_end(width))
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
        self.artifacts.changed() + self.principals.changed()
    }

    pub(super) fn everything(&mut self) -> ShardView<'_> {
        ShardView { artifacts: self.artifacts.save_all(), principals: self.principals.save_all() }
    }

    pub(super) fn changes(&mut self) -> ShardView<'_> {
        ShardView { artifacts: self.artifacts.save_changes(), principals: self.principals.save_changes() }
    }

    pub(super) fn apply(&mut self, state: ShardState) {
        self.artifacts.apply(self.seed, state.artifacts);
        self.principals.apply(self.seed, state.principals);
        for width in Width::ALL {
            let open =
                |volume: &Option<Box<VolumeState>>| volume.as_ref().is_some_and(|state| state.is_open(width));
            self.open_artifacts[width.index()] = (self.artifacts.slots())
                .filter(|(_, entry)| open(&entry.value.volume))
                .map(|(slot, _)| slot)
                .collect();
            self.open_principals[width.index()] = (self.principals.slots())
                .filter(|(_, entry)| entry.value.breadth.is_open(width))
                .map(|(slot, _)| slot)
                .collect();
        }
    }
}

fn subject(kind: SubjectKind, registry: &Arc<str>, name: &Arc<str>) -> Subject {
    Subject::new(kind, Arc::clone(registry), Arc::clone(name))
}
