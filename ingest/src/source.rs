//! Where raw records come from: one trait for Kafka, files and recordings, in which the end of a log is a value.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use detectors::event::{NextOffset, PartitionId};
use thiserror::Error;

use crate::decode::Refusal;
use crate::recording::ControlRecord;

/// Largest record that is handed over whole, in bytes (EVENTS.md, Limits).
pub const MAX_RECORD_BYTES: usize = 1024 * 1024;
/// How much of a record is kept with a dead letter, in bytes.
pub const HEAD_BYTES: usize = 4 * 1024;

/// A log, or several, read in turn. A thread of the pipeline owns it and polls it.
pub trait Source: Send {
    /// Hands at most `max_records` records, and what else happened, to `visit`; waits up to `wait` for the first.
    ///
    /// Records of one partition come in order of their offsets; [`Item::Assigned`] comes before the first of them.
    ///
    /// # Errors
    /// [`SourceError`] when the source as a whole cannot go on. Trouble that may pass is an [`Item::Trouble`].
    fn poll(
        &mut self,
        max_records: usize,
        wait: Duration,
        visit: &mut dyn FnMut(Item<'_>),
    ) -> Result<Polled, SourceError>;

    /// Asks for records of this partition next, because the order waits for it. A hint: sources that cannot choose
    /// ignore it, and it never changes what is read, only when.
    fn prefer(&mut self, partition: &PartitionId);

    /// Says what is on disk, for displays of the lag elsewhere. Nothing is ever read back from it.
    fn committed(&mut self, _nexts: &[(Arc<PartitionId>, NextOffset)]) {}

    /// Says from where each partition will be read again after a crash: what lies before is in the saved state and need
    /// not be kept.
    ///
    /// # Errors
    /// [`SourceError`] when what need not be kept cannot be forgotten.
    fn saved(&mut self, _nexts: &[(PartitionId, NextOffset)]) -> Result<(), SourceError> {
        Ok(())
    }

    /// Goes on with a partition that stands still after [`Item::DataLost`], at a place that an operator chose. Its
    /// new beginning comes as an [`Item::Assigned`].
    ///
    /// # Errors
    /// [`SourceError::NotStopped`] when it does not stand still, or what keeps it from going on.
    fn accept_data_loss(&mut self, partition: &PartitionId, _from: ResumeAt) -> Result<(), SourceError> {
        Err(SourceError::NotStopped { partition: partition.clone() })
    }
}

/// Where an operator lets a partition go on after a loss.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResumeAt {
    /// At the oldest record that still exists.
    Oldest,
    /// After the newest record that exists now.
    Newest,
    /// At this record.
    Offset(NextOffset),
}

/// What a poll came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Polled {
    /// Something was handed over; there may be more.
    Some,
    /// Nothing came within the time given.
    Nothing,
    /// Every partition has really ended; nothing will ever come again.
    Ended,
}

/// One thing that a source reports.
#[derive(Debug)]
pub enum Item<'a> {
    /// A record.
    Record(RawRecord<'a>),
    /// A record over [`MAX_RECORD_BYTES`], of which only the head was kept.
    Oversize(OversizeRecord<'a>),
    /// Something that was refused at the door and is no record; it is noted in its place.
    Refused(RawRecord<'a>, Refusal),
    /// A control record out of a recording.
    Control(ControlRecord),
    /// This partition is ours from now on, read from this offset.
    Assigned(Arc<PartitionId>, NextOffset),
    /// The partition goes to another member of the group. It is given back at the next poll, so what was read may be
    /// committed before that.
    Revoked(Arc<PartitionId>),
    /// The partition was taken from us; what is not committed belongs to the next owner.
    Lost(Arc<PartitionId>),
    /// Read up to the end of what there is now; more may come.
    EndOfPartition(Arc<PartitionId>, NextOffset),
    /// Read up to the real end: a file, or a recording; nothing more can come.
    Ended(Arc<PartitionId>, NextOffset),
    /// Records that were to be read are gone. The partition stands still until an operator accepts it.
    DataLost(DataLoss),
    /// Something is wrong that may pass: a broker away, a refused sign-in, a partition without a beginning.
    Trouble(Trouble),
}

/// A record as it lay in the log.
#[derive(Debug, Clone)]
pub struct RawRecord<'a> {
    /// The partition.
    pub partition: &'a Arc<PartitionId>,
    /// Kafka's offset, or the record's number in its file, from 0.
    pub offset: i64,
    /// Kafka's timestamp, Unix milliseconds; none in a file.
    pub timestamp_ms: Option<i64>,
    /// The key, if there is one.
    pub key: Option<&'a [u8]>,
    /// The headers, in order.
    pub headers: &'a [Header<'a>],
    /// The value; none for a Kafka tombstone.
    pub payload: Option<&'a [u8]>,
}

/// A header of a record: its name, and its value if it has one.
pub type Header<'a> = (&'a str, Option<&'a [u8]>);

impl<'a> RawRecord<'a> {
    /// A record that is nothing but a line of text: no timestamp, key or headers.
    #[must_use]
    pub const fn line(partition: &'a Arc<PartitionId>, offset: i64, payload: &'a [u8]) -> Self {
        Self { partition, offset, timestamp_ms: None, key: None, headers: &[], payload: Some(payload) }
    }

    /// The value, a tombstone's being empty.
    #[must_use]
    pub fn bytes(&self) -> &'a [u8] {
        self.payload.unwrap_or_default()
    }
}

/// What is left of a record that is too large.
#[derive(Debug, Clone)]
pub struct OversizeRecord<'a> {
    /// The partition.
    pub partition: &'a Arc<PartitionId>,
    /// Its offset.
    pub offset: i64,
    /// Kafka's timestamp, Unix milliseconds.
    pub timestamp_ms: Option<i64>,
    /// Its whole size in bytes.
    pub size: u64,
    /// Its first [`HEAD_BYTES`] bytes.
    pub head: &'a [u8],
    /// SHA-256 of the whole.
    pub sha256: [u8; 32],
}

/// Records that were to be read and no longer exist, or cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataLoss {
    /// The partition; it stands still.
    pub partition: Arc<PartitionId>,
    /// What was to be read next.
    pub wanted: NextOffset,
    /// The oldest record that still exists, if the broker said.
    pub oldest: Option<NextOffset>,
    /// Why, in the source's words.
    pub reason: String,
}

/// Something that is wrong and may pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// The partition it concerns, if it is one alone.
    pub partition: Option<Arc<PartitionId>>,
    /// What is wrong, for the operator.
    pub text: String,
    /// Whether the partition stands still because of it.
    pub effect: Effect,
}

/// What trouble does to the flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Reading goes on, or will by itself.
    Passing,
    /// The partition stands still until an operator acts.
    PartitionStopped,
}

/// Why a source cannot go on.
#[derive(Debug, Error)]
pub enum SourceError {
    /// A file could not be read any further.
    #[error("could not read `{path}` after record {record}", path = path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// How many records were read before.
        record: i64,
        /// Why.
        #[source]
        cause: std::io::Error,
    },
    /// A partition was to go on and does not stand still.
    #[error("could not resume {partition}, which does not stand still")]
    NotStopped {
        /// The partition.
        partition: PartitionId,
    },
    /// The Kafka client cannot be made.
    #[error("could not set up reading from Kafka")]
    KafkaSetup(#[source] transport::kafka::KafkaSetupError),
    /// The Kafka client, or a broker, refused what was asked of it.
    #[error("could not go on reading from Kafka")]
    Kafka(#[source] transport::kafka::ConsumerError),
    /// The Kafka client gave up again and again.
    #[error("could not keep a Kafka consumer alive, {restarts} restarts brought no record: {reason}")]
    KafkaFatal {
        /// How often it was tried.
        restarts: u32,
        /// What the client said last.
        reason: String,
    },
    /// A spool of webhooks cannot be read.
    #[error("could not read request {number} of the spool")]
    Spool {
        /// The request's number.
        number: u64,
        /// Why.
        #[source]
        cause: crate::http::SpoolError,
    },
    /// What was read of a bucket cannot be noted.
    #[error("could not go on reading a bucket")]
    Bucket(#[source] crate::bucket::BucketJournalError),
    /// A recording is damaged.
    #[error("recording `{path}` is damaged", path = path.display())]
    Recording {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        cause: crate::recording::RecordingError,
    },
}
