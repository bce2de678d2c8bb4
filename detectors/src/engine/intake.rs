//! Stage 0: what an event must pass before a detector sees it.
//!
//! Two honest identical log lines are two events; only equal ids that their *producer* gave, of one source and
//! within a day of event time, are one. A signature feed's event that knows a digest alone takes the registry and
//! the artifact that a publish, tag or push named for that digest.

use std::collections::VecDeque;
use std::sync::Arc;

use hashbrown::HashTable;
use serde::{Deserialize, Serialize};
use siphasher::sip128::{Hasher128 as _, SipHasher13};

use crate::event::{ArtifactKey, Event, EventId, EventKind, EventTime, Ordered, Span, Timeliness};
use crate::key_table::{Changes, KeyTable, hash_key};

/// Producer ids are remembered this long in event time.
pub(super) const DUPLICATE_WINDOW: Span = Span::hours(24);
/// At most this many producer ids are remembered; beyond it the oldest are forgotten, and that is counted.
pub(super) const DUPLICATES_REMEMBERED: usize = 1_000_000;
/// At most this many digests are remembered for the join; the oldest unused are forgotten.
pub(super) const DIGESTS_REMEMBERED: usize = 250_000;

/// What was counted on the way in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct IntakeCounters {
    /// Events that came.
    pub events: u64,
    /// Events that were seen before, by their producer's id.
    pub duplicates: u64,
    /// Events older than their partition's lateness.
    pub late: u64,
    /// Events ahead of their record's timestamp.
    pub untrusted: u64,
    /// Signatures that were joined to an artifact by digest.
    pub joined: u64,
    /// Signatures whose digest nobody had named.
    pub unjoined: u64,
    /// Producer ids forgotten before a day had passed, as too many came.
    pub forgotten_ids: u64,
}

/// What a digest was named as.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Named {
    registry: Option<Arc<str>>,
    key: Option<ArtifactKey>,
}

#[derive(Debug)]
pub(super) struct Intake {
    seed: u64,
    counters: IntakeCounters,
    remembered: VecDeque<(EventTime, u128)>,
    index: HashTable<u128>,
    /// How many at the back of `remembered` are new since the last save.
    unsaved: usize,
    digests: KeyTable<Named>,
}

/// Saved state of the intake.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct IntakeState {
    counters: IntakeCounters,
    remembered: Vec<(EventTime, u128)>,
    digests: Changes<Named>,
}

impl Intake {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            seed,
            counters: IntakeCounters::default(),
            remembered: VecDeque::new(),
            index: HashTable::new(),
            unsaved: 0,
            digests: KeyTable::new(DIGESTS_REMEMBERED),
        }
    }

    pub(super) const fn counters(&self) -> &IntakeCounters {
        &self.counters
    }

    /// What of `events` goes on, joined where it can be.
    pub(super) fn take(&mut self, events: &[Ordered]) -> Vec<Ordered> {
        let mut passed = Vec::with_capacity(events.len());
        for ordered in events {
            self.counters.events += 1;
            if self.is_duplicate(&ordered.event, ordered.order) {
                self.counters.duplicates += 1;
                continue;
            }
            match ordered.timeliness {
                Timeliness::OnTime => {}
                Timeliness::Late => self.counters.late += 1,
                Timeliness::Untrusted => self.counters.untrusted += 1,
            }
            passed.push(self.joined(ordered));
        }
        passed
    }

    fn is_duplicate(&mut self, event: &Event, now: EventTime) -> bool {
        let EventId::Producer(id) = &event.id else { return false };
        let horizon = now.minus(DUPLICATE_WINDOW);
        while self.remembered.front().is_some_and(|(time, _)| *time < horizon) {
            self.forget_oldest();
        }
        let hash = self.id_hash(&event.position.partition.source, id);
        let bucket = hash as u64;
        if self.index.find(bucket, |other| *other == hash).is_some() {
            return true;
        }
        if self.remembered.len() >= DUPLICATES_REMEMBERED {
            self.forget_oldest();
            self.counters.forgotten_ids += 1;
        }
        self.remember(now, hash);
        self.unsaved += 1;
        false
    }

    fn remember(&mut self, time: EventTime, hash: u128) {
        self.index.insert_unique(hash as u64, hash, |hash| *hash as u64);
        self.remembered.push_back((time, hash));
    }

    fn forget_oldest(&mut self) {
        if let Some((_, hash)) = self.remembered.pop_front() {
            if let Ok(found) = self.index.find_entry(hash as u64, |other| *other == hash) {
                found.remove();
            }
            self.unsaved = self.unsaved.min(self.remembered.len());
        }
    }

    /// The seeded hash of (source, id): an outsider cannot choose two ids that collide.
    fn id_hash(&self, source: &str, id: &str) -> u128 {
        use std::hash::Hasher as _;
        let mut hasher = SipHasher13::new_with_keys(self.seed, 0x1d5);
        hasher.write(source.as_bytes());
        hasher.write_u8(0xff);
        hasher.write(id.as_bytes());
        hasher.finish128().as_u128()
    }

    /// Learns which artifact a digest is, and gives it to a signature that knows the digest alone.
    fn joined(&mut self, ordered: &Ordered) -> Ordered {
        let event = &*ordered.event;
        let names_it = matches!(event.kind, EventKind::Publish(_) | EventKind::Tag(_));
        let needs_it = matches!(event.kind, EventKind::Sign(_) | EventKind::Verify(_));
        let (true, Some(artifact)) = (names_it || needs_it, &event.artifact) else { return ordered.clone() };
        let Some(digest) = &artifact.digest else { return ordered.clone() };
        let nowhere: Arc<str> = Arc::from("");
        let name: Arc<str> = Arc::from(digest.as_str());
        let hash = hash_key(self.seed, &nowhere, &name);
        match &artifact.key {
            Some(key) if names_it => {
                let slot = self.digests.touch(hash, &nowhere, &name, ordered.order, false);
                if let Some(entry) = self.digests.get_mut(slot) {
                    entry.value = Named { registry: Some(event.registry.clone()), key: Some(key.clone()) };
                }
                ordered.clone()
            }
            None if needs_it => {
                let slot = self.digests.touch(hash, &nowhere, &name, ordered.order, false);
                let named = self.digests.get_mut(slot).map(|entry| entry.value.clone()).unwrap_or_default();
                let (Some(registry), Some(key)) = (named.registry, named.key) else {
                    self.counters.unjoined += 1;
                    return ordered.clone();
                };
                self.counters.joined += 1;
                let mut event = event.clone();
                event.registry = registry;
                if let Some(artifact) = &mut event.artifact {
                    artifact.key = Some(key);
                }
                Ordered { event: Arc::new(event), ..ordered.clone() }
            }
            _ => ordered.clone(),
        }
    }

    /// Everything, for a base.
    pub(super) fn everything(&mut self) -> IntakeState {
        self.unsaved = 0;
        self.digests.mark_saved();
        IntakeState {
            counters: self.counters,
            remembered: self.remembered.iter().copied().collect(),
            digests: self.digests.everything(),
        }
    }

    /// What is new since the last save.
    pub(super) fn changes(&mut self) -> IntakeState {
        let new = self.remembered.len() - self.unsaved;
        self.unsaved = 0;
        IntakeState {
            counters: self.counters,
            remembered: self.remembered.iter().skip(new).copied().collect(),
            digests: self.digests.take_changes(),
        }
    }

    pub(super) fn apply(&mut self, state: IntakeState) {
        self.counters = state.counters;
        for (time, hash) in state.remembered {
            while self.remembered.len() >= DUPLICATES_REMEMBERED {
                self.forget_oldest();
            }
            self.remember(time, hash);
        }
        // What had been forgotten by age before the save is forgotten again with the next event.
        self.digests.apply(self.seed, state.digests);
        self.unsaved = 0;
    }
}
