//! How much the merge may hold, and how far a time may be from its record's and still be trusted.

use std::path::PathBuf;

use detectors::event::Span;

/// Bytes of events that wait in memory before a partition's queue is spilled to disk.
pub const MERGE_BUFFER: usize = 256 << 20;
/// Bytes that may be spilled in all; beyond it the lane stops and names the partition it waits for.
pub const MERGE_SPILL: u64 = 8 << 30;
/// How far ahead of its record's Kafka timestamp a time may be and still be trusted.
pub const MAX_CLOCK_SKEW: Span = Span::minutes(10);
/// How far behind it.
pub const MAX_AGE: Span = Span::days(7);

/// Bounds of the merge.
#[derive(Debug, Clone)]
pub struct MergeBounds {
    /// Bytes of events in memory.
    pub buffer: usize,
    /// Bytes of events on disk.
    pub spill: u64,
    /// Where spilled queues lie; they are temporary and removed with the lane.
    pub folder: PathBuf,
}

impl Default for MergeBounds {
    fn default() -> Self {
        Self { buffer: MERGE_BUFFER, spill: MERGE_SPILL, folder: std::env::temp_dir() }
    }
}
