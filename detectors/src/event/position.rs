//! Where a raw record lies, and what an event is called.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// One partition of one stream: a Kafka topic's partition, or a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PartitionId {
    /// The source as configured (`npm-feed`).
    pub source: Arc<str>,
    /// The topic, or the file's base name.
    pub stream: Arc<str>,
    /// The partition's number; 0 for a file.
    pub partition: i32,
}

impl fmt::Display for PartitionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}[{}]", self.source, self.stream, self.partition)
    }
}

/// Where a raw record lies; the tie-break of every order.
///
/// Two positions compare by source, stream, partition, offset and the event's index inside its record, so the
/// order of arguments or of topics in a configuration changes nothing.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Position {
    /// The partition.
    pub partition: Arc<PartitionId>,
    /// The record's offset: Kafka's, or the record's number in its file, from 0.
    pub offset: i64,
    /// Which event of the record this is: an envelope may hold several.
    pub index: u32,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.partition, self.offset)?;
        if self.index > 0 { write!(f, "#{}", self.index) } else { Ok(()) }
    }
}

/// The offset to read next: one after the last that was read. A type of its own, as mixing the two loses or
/// repeats a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct NextOffset(pub i64);

impl NextOffset {
    /// What to read after the record at `offset`.
    #[must_use]
    pub const fn after(offset: i64) -> Self {
        Self(offset.saturating_add(1))
    }
}

/// What an event is called: by its producer, or by its bytes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum EventId {
    /// The producer's own id: equal ids of one source within 24 h are one event.
    Producer(Arc<str>),
    /// sha256(source, record bytes, index inside the record): two honest identical lines stay two events,
    /// since nothing is dropped by this id.
    Derived([u8; 32]),
}

impl EventId {
    /// The id of an event whose producer gave none.
    #[must_use]
    pub fn derive(source: &str, record: &[u8], index: u32) -> Self {
        use sha2::{Digest as _, Sha256};
        let mut hasher = Sha256::new();
        hasher.update((source.len() as u64).to_be_bytes());
        hasher.update(source.as_bytes());
        hasher.update((record.len() as u64).to_be_bytes());
        hasher.update(record);
        hasher.update(index.to_be_bytes());
        Self::Derived(hasher.finalize().into())
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Producer(id) => f.write_str(id),
            Self::Derived(hash) => write!(f, "sha256:{}", data_encoding::HEXLOWER.encode(hash)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_derived_id_depends_on_source_bytes_and_index() {
        let id = EventId::derive("a", b"bc", 0);
        assert_eq!(id, EventId::derive("a", b"bc", 0));
        assert_ne!(id, EventId::derive("ab", b"c", 0));
        assert_ne!(id, EventId::derive("a", b"bc", 1));
        assert!(id.to_string().starts_with("sha256:"));
    }
}
