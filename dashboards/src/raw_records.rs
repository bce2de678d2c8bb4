//! The raw records behind evidence: fetched by whoever can read the source, when somebody asks for one.

use detectors::finding::RecordPosition;

/// Reads single records again. It may block; it is called on a thread that may.
pub trait RawRecords: Send + Sync {
    /// The record at a position, byte for byte.
    fn fetch(&self, position: &RecordPosition) -> RawRecord;
}

/// What became of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RawRecord {
    /// Its bytes.
    Found(Vec<u8>),
    /// It cannot be had (any more), for this reason: a sentence for people, without a full stop.
    Gone(String),
}
