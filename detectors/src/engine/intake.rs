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
use crate::key_table::{Changes, ChangesView, KeyTable, hash_key};

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

/// What of a run of events goes on.
#[derive(Debug, Default)]
pub(super) struct Passed {
    /// Places in the run of the events that go on.
    places: Vec<u32>,
    /// Events that were joined, by the place of the one that they stand for.
    joined: Vec<(u32, Ordered)>,
}

impl Passed {
    fn clear(&mut self) {
        self.places.clear();
        self.joined.clear();
    }

    /// Places in the run of the events that go on.
    pub(super) fn places(&self) -> impl Iterator<Item = u32> {
        self.places.iter().copied()
    }

    /// The event that goes on from a place of the run.
    pub(super) fn event<'a>(&'a self, events: &'a [Ordered], at: u32) -> &'a Ordered {
        match self.joined.binary_search_by_key(&at, |(place, _)| *place) {
            Ok(found) => &self.joined[found].1,
            Err(_) => &events[at as usize],
        }
    }
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
    /// Of the run that is looked at; kept for its memory.
    hashes: Vec<Option<u128>>,
}

/// What the intake saves, where it lies.
#[derive(Debug, Serialize)]
pub(super) struct IntakeView<'a> {
    counters: IntakeCounters,
    remembered: Vec<(EventTime, u128)>,
    digests: ChangesView<'a, Named>,
}

/// The same, read back.
#[derive(Debug, Deserialize)]
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
            hashes: Vec::new(),
        }
    }

    pub(super) const fn counters(&self) -> &IntakeCounters {
        &self.counters
    }

    /// Looks at `events` in their order: marks what is seen again, joins what can be joined.
    pub(super) fn take(&mut self, events: &[Ordered], passed: &mut Passed) {
        passed.clear();
        // All hashes first: the look-ups after it are far apart in memory, and wait for each other less.
        let mut hashes = std::mem::take(&mut self.hashes);
        hashes.clear();
        hashes.extend(events.iter().map(|ordered| self.producer_hash(&ordered.event)));
        for (ordered, (at, hash)) in events.iter().zip((0..).zip(&hashes)) {
            self.counters.events += 1;
            if hash.is_some_and(|hash| self.is_duplicate(hash, ordered.order)) {
                self.counters.duplicates += 1;
                continue;
            }
            match ordered.timeliness {
                Timeliness::OnTime => {}
                Timeliness::Late => self.counters.late += 1,
                Timeliness::Untrusted => self.counters.untrusted += 1,
            }
            passed.places.push(at);
            if let Some(joined) = self.joined(ordered) {
                passed.joined.push((at, joined));
            }
        }
        self.hashes = hashes;
    }

    fn is_duplicate(&mut self, hash: u128, now: EventTime) -> bool {
        let horizon = now.minus(DUPLICATE_WINDOW);
        while self.remembered.front().is_some_and(|(time, _)| *time < horizon) {
            self.forget_oldest();
        }
        if self.index.find(bucket(hash), |other| *other == hash).is_some() {
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
        self.index.insert_unique(bucket(hash), hash, |hash| bucket(*hash));
        self.remembered.push_back((time, hash));
    }

    fn forget_oldest(&mut self) {
        if let Some((_, hash)) = self.remembered.pop_front() {
            if let Ok(found) = self.index.find_entry(bucket(hash), |other| *other == hash) {
                found.remove();
            }
            self.unsaved = self.unsaved.min(self.remembered.len());
        }
    }

    /// The seeded hash of (source, id), where the producer gave one: an outsider cannot choose two ids that collide.
    fn producer_hash(&self, event: &Event) -> Option<u128> {
        use std::hash::Hasher as _;
        let EventId::Producer(id) = &event.id else { return None };
        let mut hasher = SipHasher13::new_with_keys(self.seed, 0x1d5);
        hasher.write(event.position.partition.source.as_bytes());
        hasher.write_u8(0xff);
        hasher.write(id.as_bytes());
        Some(hasher.finish128().as_u128())
    }

    /// Learns which artifact a digest is, and gives it to a signature that knows the digest alone: that one
    /// goes on in its place.
    fn joined(&mut self, ordered: &Ordered) -> Option<Ordered> {
        let event = &*ordered.event;
        let names_it = matches!(event.kind, EventKind::Publish(_) | EventKind::Tag(_));
        let needs_it = matches!(event.kind, EventKind::Sign(_) | EventKind::Verify(_));
        let (true, Some(artifact)) = (names_it || needs_it, &event.artifact) else { return None };
        let Some(digest) = &artifact.digest else { return None };
        let nowhere: Arc<str> = Arc::from("");
        let name: Arc<str> = Arc::from(digest.as_str());
        let hash = hash_key(self.seed, &nowhere, &name);
        match &artifact.key {
            Some(key) if names_it => {
                let (_, entry) = self.digests.touch(hash, &nowhere, &name, ordered.order, false);
                entry.value = Named { registry: Some(event.registry.clone()), key: Some(key.clone()) };
                None
            }
            None if needs_it => {
                let (_, entry) = self.digests.touch(hash, &nowhere, &name, ordered.order, false);
                let named = entry.value.clone();
                let (Some(registry), Some(key)) = (named.registry, named.key) else {
                    self.counters.unjoined += 1;
                    return None;
                };
                self.counters.joined += 1;
                let mut event = event.clone();
                event.registry = registry;
                if let Some(artifact) = &mut event.artifact {
                    artifact.key = Some(key);
                }
                Some(Ordered { event: Arc::new(event), ..*ordered })
            }
            _ => None,
        }
    }

    /// Everything, for a base.
    pub(super) fn everything(&mut self) -> IntakeView<'_> {
        self.unsaved = 0;
        IntakeView {
            counters: self.counters,
            remembered: self.remembered.iter().copied().collect(),
            digests: self.digests.save_all(),
        }
    }

    /// What is new since the last save.
    pub(super) fn changes(&mut self) -> IntakeView<'_> {
        let new = self.remembered.len() - self.unsaved;
        self.unsaved = 0;
        IntakeView {
            counters: self.counters,
            remembered: self.remembered.iter().skip(new).copied().collect(),
            digests: self.digests.save_changes(),
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

/// Where the index looks for a hash first.
const fn bucket(hash: u128) -> u64 {
    hash as u64
}
