//! Recordings (`*.swrec`): a log kept byte for byte, with the control records that replay needs.
//!
//! zstd over JSON Lines. The first line is the [`Manifest`], the last one counts and hashes what lies between:
//! records with topic, partition, offset, timestamp, key, headers and value, and [`ControlRecord`]s where they took
//! effect. Bytes that are no plain text are base64, so nothing is lost.

mod digest;
mod line;
mod reader;
mod writer;

use std::sync::Arc;

use detectors::event::{NextOffset, PartitionId};
use serde::{Deserialize, Serialize};
use thiserror::Error;

pub use self::digest::RecordingDigest;
pub use self::reader::RecordingReader;
pub use self::writer::{RecordingSummary, RecordingWriter};

/// What every recording begins with, once it is decompressed.
pub const RECORDING_MARK: &str = "{\"swrec\":";
/// The version of the format that this program writes, and the newest that it reads.
pub const RECORDING_VERSION: u32 = 1;
/// Longest line of a recording, in bytes: a record of the largest size, encoded, with its key and headers.
pub const MAX_LINE_BYTES: usize = 8 * 1024 * 1024;

/// The first line of a recording.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The format's version.
    #[serde(rename = "swrec")]
    pub version: u32,
    /// The source whose records these are, as configured.
    pub source: Arc<str>,
    /// The program and version that wrote it.
    pub created_by: String,
    /// The partitions that were assigned when recording began. Others appear with their first record.
    pub partitions: Vec<RecordedPartition>,
}

/// A partition that was assigned when recording began.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedPartition {
    /// The partition.
    #[serde(flatten)]
    pub partition: PartitionId,
    /// The first offset that was to be read.
    pub from: NextOffset,
}

impl Manifest {
    /// The manifest of a recording of this source.
    #[must_use]
    pub fn new(source: &str, created_by: &str, partitions: Vec<RecordedPartition>) -> Self {
        Self {
            version: RECORDING_VERSION,
            source: source.into(),
            created_by: created_by.to_owned(),
            partitions,
        }
    }
}

/// Something that changes findings and is no event: an idle mark, a configuration, a verdict that teaches. Its body
/// is the pipeline's; here it is only kept in its place (DESIGN.md, Time and order).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ControlRecord {
    /// The lane whose order it is part of.
    pub lane: Arc<str>,
    /// The partition it concerns, or the one whose record it follows.
    pub partition: Arc<PartitionId>,
    /// It takes effect before the record with this offset.
    pub offset: NextOffset,
    /// What it says.
    pub body: serde_json::Value,
}

/// Why a recording cannot be read or written.
#[derive(Debug, Error)]
pub enum RecordingError {
    /// It could not be read.
    #[error("could not read the recording after line {line}")]
    Read {
        /// Lines that were read before.
        line: u64,
        /// Why.
        #[source]
        cause: std::io::Error,
    },
    /// It could not be written.
    #[error("could not write the recording")]
    Write(#[source] std::io::Error),
    /// It does not begin with a manifest.
    #[error("first line is no manifest")]
    NoManifest(#[source] serde_json::Error),
    /// It was written by a newer program.
    #[error("format version {0} is newer than {RECORDING_VERSION}, the newest known")]
    TooNew(u32),
    /// A line is no line of a recording.
    #[error("line {line} is no line of a recording")]
    Line {
        /// Its number, from 1.
        line: u64,
        /// Why.
        #[source]
        cause: serde_json::Error,
    },
    /// A line says too little, or two things at once.
    #[error("line {line} {fault}")]
    Fault {
        /// Its number, from 1.
        line: u64,
        /// What is wrong with it.
        fault: LineFault,
    },
    /// What was read is not what was written.
    #[error("content has digest {found}, its last line says {written}")]
    Digest {
        /// The digest of what was read.
        found: String,
        /// The digest on the last line.
        written: String,
    },
}

/// What can be wrong with a single line of a recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum LineFault {
    /// It is longer than a line may be.
    #[error("is longer than {MAX_LINE_BYTES} bytes")]
    TooLong,
    /// A record without stream, partition or offset.
    #[error("lacks stream, partition or offset")]
    NoPosition,
    /// Something that should be base64 is not.
    #[error("holds text that is no base64")]
    NotBase64,
    /// A value is there as text and as base64.
    #[error("holds a value twice")]
    Twice,
    /// An offset that does not come after the one before it.
    #[error("goes back in its partition")]
    Backwards,
    /// Something after the last line.
    #[error("stands behind the end")]
    BehindEnd,
    /// A hash that is none.
    #[error("holds no SHA-256")]
    NotSha256,
}

#[cfg(test)]
mod tests;
