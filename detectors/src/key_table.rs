//! The table of subjects: exact keys, two pools, a hard cap, and no way to iterate in hash order.
//!
//! Fake names can never displace learned baselines: a new key is on *probation* and may be evicted by other new keys
//! only; a key that has been seen often and long enough is *protected*. Eviction drops the oldest eighth of the
//! probation at once, ordered by (last touched, key), so it depends on the log alone and costs O(log n) a key.

#[cfg(test)]
mod tests;

use std::sync::Arc;

use hashbrown::HashTable;
use serde::{Deserialize, Serialize};

use crate::event::{EventTime, Span};

/// Share of the capacity that protected keys may fill: the rest stays open for new ones.
const PROTECTED_SHARE: f64 = 0.9;
/// Events after which an old enough key is protected.
const PROTECTED_EVENTS: u32 = 50;
/// Age from which an often enough seen key is protected.
const PROTECTED_AGE: Span = Span::days(7);
/// An eviction drops this share of the probation at once.
const EVICTED_PART: usize = 8;

/// A subject's exact key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SubjectKey {
    /// The registry.
    pub registry: Arc<str>,
    /// The subject's name there.
    pub name: Arc<str>,
}

/// Which pool a key is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Pool {
    /// New: may be evicted.
    Probation,
    /// Learned: never displaced by new keys.
    Protected,
}

/// One subject and what is kept of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry<V> {
    /// Its key.
    pub key: SubjectKey,
    /// What is kept.
    pub value: V,
    /// When it was first seen.
    pub first: EventTime,
    /// When it was last touched.
    pub last: EventTime,
    /// How often it was touched; saturates.
    pub touches: u32,
    /// Its pool.
    pub pool: Pool,
}

/// What a table saves, where it lies: all of it, or what changed. Written as [`Changes`] is read.
#[derive(Debug, Serialize)]
pub struct ChangesView<'a, V> {
    kept: Vec<&'a Entry<V>>,
    gone: Vec<SubjectKey>,
}

/// What a table saved.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Changes<V> {
    /// Entries that are new or changed.
    pub kept: Vec<Entry<V>>,
    /// Keys that were evicted.
    pub gone: Vec<SubjectKey>,
}

#[derive(Debug)]
struct Slot<V> {
    hash: u64,
    dirty: bool,
    entry: Entry<V>,
}

/// Subjects by exact key. Slots are stable while their key lives.
#[derive(Debug)]
pub struct KeyTable<V> {
    index: HashTable<u32>,
    slots: Vec<Option<Slot<V>>>,
    free: Vec<u32>,
    capacity: usize,
    protected: usize,
    dirty: Vec<u32>,
    gone: Vec<SubjectKey>,
    evicted: u64,
}

impl<V: Default + Clone> KeyTable<V> {
    /// An empty table for at most `capacity` keys (at least 16).
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self {
            index: HashTable::new(),
            slots: Vec::new(),
            free: Vec::new(),
            capacity: capacity.max(16),
            protected: 0,
            dirty: Vec::new(),
            gone: Vec::new(),
            evicted: 0,
        }
    }

    /// How many keys it holds.
    #[must_use]
    pub fn len(&self) -> usize {
        self.index.len()
    }

    /// Whether it holds none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.index.is_empty()
    }

    /// How many keys are protected.
    #[must_use]
    pub const fn protected(&self) -> usize {
        self.protected
    }

    /// How many keys were evicted so far.
    #[must_use]
    pub const fn evicted(&self) -> u64 {
        self.evicted
    }

    /// How many keys changed since the last save.
    #[must_use]
    pub const fn changed(&self) -> usize {
        self.dirty.len()
    }

    /// Touches a key, making it if it is new, and returns its slot and entry, which counts as changed. `hash` is [`hash_key`] of it. `named` says that a
    /// publish, tag or signature names it: such a key is worth keeping from the start.
    pub fn touch(
        &mut self,
        hash: u64,
        registry: &Arc<str>,
        name: &Arc<str>,
        now: EventTime,
        named: bool,
    ) -> (u32, &mut Entry<V>) {
        let slot = self.find(hash, registry, name).unwrap_or_else(|| {
            self.insert(
                hash,
                Entry {
                    key: SubjectKey { registry: Arc::clone(registry), name: Arc::clone(name) },
                    value: V::default(),
                    first: now,
                    last: now,
                    touches: 0,
                    pool: Pool::Probation,
                },
            )
        });
        let held = self.slots[slot as usize].as_mut().expect("a slot that was found or filled holds its key");
        let entry = &mut held.entry;
        entry.touches = entry.touches.saturating_add(1);
        entry.last = entry.last.max(now);
        if entry.pool == Pool::Probation {
            let learned = entry.touches >= PROTECTED_EVENTS && now.since(entry.first) >= PROTECTED_AGE;
            let room = self.protected < (self.capacity as f64 * PROTECTED_SHARE) as usize;
            if room && (named || learned) {
                entry.pool = Pool::Protected;
                self.protected += 1;
            }
        }
        if !held.dirty {
            held.dirty = true;
            self.dirty.push(slot);
        }
        (slot, entry)
    }

    /// The entry in a slot.
    #[must_use]
    pub fn get(&self, slot: u32) -> Option<&Entry<V>> {
        self.slots.get(slot as usize)?.as_ref().map(|held| &held.entry)
    }

    /// The entry in a slot, to be changed.
    pub fn get_mut(&mut self, slot: u32) -> Option<&mut Entry<V>> {
        let held = self.slots.get_mut(slot as usize)?.as_mut()?;
        if !held.dirty {
            held.dirty = true;
            self.dirty.push(slot);
        }
        Some(&mut held.entry)
    }

    /// Every slot that is in use. The order is that of first use, which differs after a reload: whoever lets it
    /// show must sort by key.
    pub fn slots(&self) -> impl Iterator<Item = (u32, &Entry<V>)> {
        self.slots.iter().enumerate().filter_map(|(at, slot)| {
            slot.as_ref().map(|held| (u32::try_from(at).unwrap_or(u32::MAX), &held.entry))
        })
    }

    /// What changed since the last save; it counts as saved.
    pub fn save_changes(&mut self) -> ChangesView<'_, V> {
        let mut changed = std::mem::take(&mut self.dirty);
        let gone = std::mem::take(&mut self.gone);
        changed.retain(|slot| {
            let held = self.slots.get_mut(*slot as usize).and_then(Option::as_mut);
            held.is_some_and(|held| std::mem::take(&mut held.dirty))
        });
        let kept = changed.iter().filter_map(|slot| self.slots[*slot as usize].as_ref()).collect();
        // A key that was evicted and came back is laid over the one that went: gone is read first.
        self.view(kept, gone)
    }

    /// Everything; it counts as saved.
    pub fn save_all(&mut self) -> ChangesView<'_, V> {
        self.mark_saved();
        self.view(self.slots.iter().flatten().collect(), Vec::new())
    }

    /// Equal tables give equal bytes, whatever order their slots were filled in: by hash, which lies at hand, then key.
    fn view<'a>(&'a self, mut kept: Vec<&'a Slot<V>>, mut gone: Vec<SubjectKey>) -> ChangesView<'a, V> {
        kept.sort_unstable_by(|a, b| a.hash.cmp(&b.hash).then_with(|| a.entry.key.cmp(&b.entry.key)));
        gone.sort_unstable();
        gone.dedup();
        ChangesView { kept: kept.into_iter().map(|held| &held.entry).collect(), gone }
    }

    fn mark_saved(&mut self) {
        for slot in std::mem::take(&mut self.dirty) {
            if let Some(held) = self.slots.get_mut(slot as usize).and_then(Option::as_mut) {
                held.dirty = false;
            }
        }
        self.gone.clear();
    }

    /// Lays saved changes over the table.
    pub fn apply(&mut self, seed: u64, changes: Changes<V>) {
        for key in &changes.gone {
            if let Some(slot) = self.find(hash_key(seed, &key.registry, &key.name), &key.registry, &key.name)
            {
                self.remove(slot);
            }
        }
        for entry in changes.kept {
            let hash = hash_key(seed, &entry.key.registry, &entry.key.name);
            if let Some(slot) = self.find(hash, &entry.key.registry, &entry.key.name) {
                self.remove(slot);
            }
            if entry.pool == Pool::Protected {
                self.protected += 1;
            }
            let slot = self.place(hash, entry);
            self.index_slot(hash, slot);
        }
        self.mark_saved();
    }

    fn find(&self, hash: u64, registry: &Arc<str>, name: &Arc<str>) -> Option<u32> {
        // A name that was read a moment ago is often the very same text: then it need not be read again.
        let same = |one: &Arc<str>, other: &Arc<str>| Arc::ptr_eq(one, other) || **one == **other;
        let slots = &self.slots;
        self.index
            .find(hash, |slot| {
                slots[*slot as usize].as_ref().is_some_and(|held| {
                    held.hash == hash
                        && same(&held.entry.key.name, name)
                        && same(&held.entry.key.registry, registry)
                })
            })
            .copied()
    }

    fn insert(&mut self, hash: u64, entry: Entry<V>) -> u32 {
        if self.index.len() >= self.capacity {
            self.evict();
        }
        let slot = self.place(hash, entry);
        self.index_slot(hash, slot);
        slot
    }

    fn place(&mut self, hash: u64, entry: Entry<V>) -> u32 {
        let held = Some(Slot { hash, dirty: false, entry });
        if let Some(slot) = self.free.pop() {
            self.slots[slot as usize] = held;
            return slot;
        }
        self.slots.push(held);
        u32::try_from(self.slots.len() - 1).expect("a table is capped far below four thousand million keys")
    }

    fn index_slot(&mut self, hash: u64, slot: u32) {
        let slots = &self.slots;
        self.index
            .insert_unique(hash, slot, |slot| slots[*slot as usize].as_ref().map_or(0, |held| held.hash));
    }

    fn remove(&mut self, slot: u32) {
        let Some(held) = self.slots[slot as usize].take() else { return };
        if let Ok(found) = self.index.find_entry(held.hash, |other| *other == slot) {
            found.remove();
        }
        if held.entry.pool == Pool::Protected {
            self.protected -= 1;
        }
        self.free.push(slot);
    }

    /// Drops the oldest part of the probation.
    fn evict(&mut self) {
        let mut candidates: Vec<(EventTime, SubjectKey, u32)> = self
            .slots()
            .filter(|(_, entry)| entry.pool == Pool::Probation)
            .map(|(slot, entry)| (entry.last, entry.key.clone(), slot))
            .collect();
        candidates.sort();
        let count = (candidates.len() / EVICTED_PART).max(1);
        for (_, key, slot) in candidates.into_iter().take(count) {
            self.remove(slot);
            self.gone.push(key);
            self.evicted += 1;
        }
    }
}

/// The seeded hash that a key is found and sharded by: an outsider cannot aim collisions.
#[must_use]
pub fn hash_key(seed: u64, registry: &str, name: &str) -> u64 {
    use std::hash::Hasher as _;
    let mut hasher = siphasher::sip::SipHasher13::new_with_keys(seed, 0x5ea1_3a7c);
    hasher.write(registry.as_bytes());
    hasher.write_u8(0xff);
    hasher.write(name.as_bytes());
    hasher.finish()
}
