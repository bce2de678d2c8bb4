//! Which shards are shown an event: those of its artifact, its principal, its signer and its registry.

use super::Lane;
use super::principals::{Side, sides};
use super::shard::Shard;
use crate::downloads::conduct::is_conduct;
use crate::downloads::consumers::Consumers;
use crate::event::{Event, EventKind};
use crate::key_table::hash_key;

/// An event to be shown to one subject of a shard.
#[derive(Debug, Clone, Copy)]
pub(super) struct Assigned {
    pub(super) event: u32,
    pub(super) hash: u64,
    pub(super) role: Role,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Artifact,
    Principal,
    /// Another subject of the change lane.
    Other(Side),
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
            for (side, name) in sides(event) {
                put(&event.registry, &name, Role::Other(side));
            }
        }
        Lane::Access => {
            if let (Some(key), true) = (key, Consumers::concerns(event)) {
                put(&event.registry, key.as_str(), Role::Artifact);
            }
            if let (Some(principal), true) = (&event.actor.principal, is_conduct(event)) {
                put(&event.registry, principal, Role::Principal);
            }
        }
    }
}
