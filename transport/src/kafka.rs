//! Kafka: one consumer whose offsets live elsewhere, one idempotent producer, and the settings that hold.
//!
//! The offsets are the caller's. Kafka's group decides who *tries* a partition; where it starts is said with every
//! [`KafkaConsumer::assign`], and the committed offset ([`KafkaConsumer::report_lag`]) is for displays only.
//!
//! A consumer belongs to one thread, which calls [`KafkaConsumer::poll`] again and again:
//!
//! ```no_run
//! use std::time::Duration;
//! use transport::kafka::{KafkaConsumer, KafkaSettings, Member, Polled, StartAt};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let member = Member { bootstrap: "127.0.0.1:9092", group: "sealwatch", client_id: "sealwatch-1" };
//! let consumer = KafkaConsumer::new(&KafkaSettings::default(), member)?;
//! consumer.subscribe(&["registry.access"])?;
//! loop {
//!     match consumer.poll(Duration::from_millis(20)) {
//!         Polled::Record(record) => drop(record.payload()),
//!         Polled::Assigned(partitions) => {
//!             // The stored offset of each; the group waits for this call, other partitions keep flowing.
//!             let starts: Vec<_> = partitions.into_iter().map(|at| (at, StartAt::Offset(0))).collect();
//!             consumer.assign(&starts)?;
//!         }
//!         Polled::Revoked(partitions) => consumer.unassign(&partitions)?,
//!         Polled::Fatal(_) => break,
//!         _ => {}
//!     }
//! }
//! # Ok(()) }
//! ```

use std::fmt;
use std::sync::Arc;

mod closing;
mod consumer;
mod context;
mod diagnosis;
mod fetcher;
mod mock_broker;
mod oauth;
mod overrides;
mod polled;
mod positions;
mod producer;
mod record;
mod schema;
mod security;
mod sender;
mod settings;
mod tuning;

#[cfg(test)]
mod consumer_tests;
#[cfg(test)]
mod group_tests;
#[cfg(test)]
mod hostile_tests;
#[cfg(test)]
mod producer_tests;
#[cfg(test)]
mod sender_tests;
#[cfg(test)]
mod settings_tests;
#[cfg(test)]
mod test_cluster;

pub use closing::Closed;
pub use consumer::{ConsumerError, KafkaConsumer, QUERY_TIMEOUT, StartAt};
pub use fetcher::{ConsumerHealth, PartitionLag};
pub use mock_broker::{MockBroker, MockBrokerError};
pub use polled::{Polled, TroubleKind};
pub use producer::{
    Delivery, DeliveryFailure, KafkaProducer, LookUpError, Outgoing, Placed, ProducerError, Unflushed,
};
pub use record::{Header, Record, RecordTime};
pub use schema::settings_schema;
pub use security::{ClientCertificate, Login, Security, TrustedRoots};
pub use sender::{KafkaSender, SendError};
pub use settings::{KafkaSettings, KafkaSetupError, Member, OverrideValue};

/// The largest record that is sent, in bytes of key, value and headers; consumers fetch this much of a partition
/// at once, and a larger record still comes through, up to [`RECEIVE_MAX_BYTES`].
pub const MESSAGE_MAX_BYTES: usize = 1024 * 1024;

/// The largest answer a broker may give, in bytes, before decompression.
pub const RECEIVE_MAX_BYTES: usize = 16 * 1024 * 1024;

/// One partition of one topic.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicPartition {
    /// The topic.
    pub topic: Arc<str>,
    /// The partition's number.
    pub partition: i32,
}

impl TopicPartition {
    /// The partition `partition` of `topic`.
    #[must_use]
    pub fn new(topic: &str, partition: i32) -> Self {
        Self { topic: topic.into(), partition }
    }
}

impl fmt::Display for TopicPartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}[{}]", self.topic, self.partition)
    }
}

/// What a broker holds of a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogRange {
    /// The offset of the oldest record.
    pub low: i64,
    /// The offset the next record will get (below open transactions).
    pub high: i64,
}

impl LogRange {
    /// Whether reading can go on at `next`.
    #[must_use]
    pub fn contains(&self, next: i64) -> bool {
        (self.low..=self.high).contains(&next)
    }
}
