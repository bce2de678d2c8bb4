//! What one poll can bring.

use super::{LogRange, Record, TopicPartition};

/// What one poll brought. Everything but a record is rare; nothing of it is an error of the call.
#[derive(Debug)]
pub enum Polled<'a> {
    /// A record, in the order of its partition.
    Record(Record<'a>),
    /// The partition has been read to its end, as it was at that moment.
    PartitionEof {
        /// The partition.
        at: TopicPartition,
        /// The offset the next record will have, or more.
        next: i64,
    },
    /// The broker no longer holds (or never held) what comes next. The partition stands still until it is
    /// assigned again with another start, which is for an operator to decide.
    DataLost {
        /// The partition.
        at: TopicPartition,
        /// The offset that was wanted.
        next: i64,
        /// What the broker holds, if it could be asked.
        held: Option<LogRange>,
    },
    /// Records cannot be read: a damaged batch, an unknown compression, a record above
    /// [`super::RECEIVE_MAX_BYTES`]. The client skips them when it has others behind them, and asks again for ever
    /// when it has none: stop the partition, and let an operator decide where it goes on. Told once a place.
    Unreadable {
        /// The partition; none where several are assigned and the client does not say which it was.
        at: Option<TopicPartition>,
        /// Where the batch begins, if the client says so.
        offset: Option<i64>,
        /// What the client said.
        reason: String,
    },
    /// The group gives us these: load their state, then [`super::KafkaConsumer::assign`] them.
    Assigned(Vec<TopicPartition>),
    /// The group wants these back: commit, then [`super::KafkaConsumer::unassign`] them.
    Revoked(Vec<TopicPartition>),
    /// The group took these away; another member may have them already. Drop them without a commit. They are
    /// unassigned already.
    Lost(Vec<TopicPartition>),
    /// This consumer is finished: close it and make another.
    Fatal(String),
    /// The brokers refuse our login, or our right to a topic or group. It is tried again; a human must act.
    NotAuthorised(String),
    /// Something that may pass by itself.
    Trouble {
        /// What sort of thing.
        kind: TroubleKind,
        /// What the client said.
        message: String,
    },
    /// Nothing within the time.
    Idle,
}

/// What may pass by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TroubleKind {
    /// No connection to some or all brokers.
    Brokers,
    /// A topic or partition that does not exist (yet).
    Topic,
    /// A record below the offset that was asked for; it was dropped.
    Redelivered,
    /// Anything else.
    Other,
}
