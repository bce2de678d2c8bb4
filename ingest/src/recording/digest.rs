//! What a recording contains, as one hash that a replay through Kafka keeps.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use data_encoding::HEXLOWER;
use detectors::event::PartitionId;
use sha2::{Digest, Sha256};

use crate::source::{OversizeRecord, RawRecord};

/// SHA-256 over what the records hold: for each (stream, partition) in order the key, headers, timestamp and value
/// of each record. Offsets, sources and the interleaving of partitions are left out, since a replay into new topics
/// changes them; control records too, since they are no part of a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordingDigest([u8; 32]);

impl fmt::Display for RecordingDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{}", HEXLOWER.encode(&self.0))
    }
}

/// A digest while it is made.
#[derive(Default)]
pub(super) struct Digesting {
    partitions: BTreeMap<(Arc<str>, i32), Sha256>,
}

impl Digesting {
    pub(super) fn record(&mut self, record: &RawRecord<'_>) {
        let hash = self.hash_of(record.partition);
        hash.update(b"r");
        update_timestamp(hash, record.timestamp_ms);
        update_optional(hash, record.key);
        hash.update((record.headers.len() as u64).to_be_bytes());
        for (name, value) in record.headers {
            update_bytes(hash, name.as_bytes());
            update_optional(hash, *value);
        }
        update_optional(hash, record.payload);
    }

    pub(super) fn oversize(&mut self, record: &OversizeRecord<'_>) {
        let hash = self.hash_of(record.partition);
        hash.update(b"o");
        update_timestamp(hash, record.timestamp_ms);
        hash.update(record.size.to_be_bytes());
        hash.update(record.sha256);
    }

    pub(super) fn finish(self) -> RecordingDigest {
        let mut whole = Sha256::new();
        for ((stream, partition), hash) in self.partitions {
            update_bytes(&mut whole, stream.as_bytes());
            whole.update(partition.to_be_bytes());
            whole.update(hash.finalize());
        }
        RecordingDigest(whole.finalize().into())
    }

    fn hash_of(&mut self, partition: &PartitionId) -> &mut Sha256 {
        self.partitions.entry((Arc::clone(&partition.stream), partition.partition)).or_default()
    }
}

fn update_timestamp(hash: &mut Sha256, timestamp_ms: Option<i64>) {
    update_optional(hash, timestamp_ms.map(i64::to_be_bytes).as_ref().map(<[u8; 8]>::as_slice));
}

fn update_optional(hash: &mut Sha256, bytes: Option<&[u8]>) {
    match bytes {
        None => hash.update([0]),
        Some(bytes) => {
            hash.update([1]);
            update_bytes(hash, bytes);
        }
    }
}

fn update_bytes(hash: &mut Sha256, bytes: &[u8]) {
    hash.update((bytes.len() as u64).to_be_bytes());
    hash.update(bytes);
}
