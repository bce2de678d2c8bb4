//! Kafka as a source: one consumer of a group, polled by one thread of the pipeline.
//!
//! Offsets are ours: where a partition starts comes from the store, else from the configuration, and never from the
//! group. Nothing is skipped in silence: a start that no longer exists, a batch that cannot be read, a partition
//! without a known start stand still, visibly, until an operator decides.

mod holdings;
mod starts;

use std::sync::Arc;
use std::time::Duration;

use detectors::event::{NextOffset, PartitionId};
use sha2::{Digest, Sha256};
use transport::kafka::{
    Header as KafkaHeader, KafkaConsumer, KafkaSettings, Member, Polled as Brought, Record,
};

use self::holdings::Holdings;
pub use self::starts::{StartOffsets, StartPolicy};
use crate::source::{
    Effect, HEAD_BYTES, Header, Item, MAX_RECORD_BYTES, OversizeRecord, Polled, RawRecord, ResumeAt, Source,
    SourceError, Trouble,
};

/// How many consumers in a row may fail for good without having brought a record.
pub const MAX_FRUITLESS_RESTARTS: u32 = 5;
/// How long an old consumer may take to leave its group before a new one is made.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(10);

/// What to read, and as whom.
#[derive(Debug, Clone)]
pub struct KafkaSourceSettings {
    /// The source's name, as configured.
    pub source: String,
    /// The topics.
    pub topics: Vec<String>,
    /// The brokers to begin with, `host:port`, separated by commas.
    pub bootstrap: String,
    /// The consumer group.
    pub group: String,
    /// The name of this process in the brokers' logs.
    pub client_id: String,
    /// Security and client settings.
    pub client: KafkaSettings,
    /// Where to begin a partition that the store does not know.
    pub start: StartPolicy,
}

/// Kafka topics as a source.
pub struct KafkaSource {
    settings: KafkaSourceSettings,
    consumer: KafkaConsumer,
    holdings: Holdings,
    restarts: u32,
}

impl KafkaSource {
    /// Joins the group; connections are made in the background.
    ///
    /// # Errors
    /// [`SourceError`] when the settings cannot be used. Brokers that are away are an [`Item::Trouble`] later.
    pub fn join(settings: KafkaSourceSettings, starts: Box<dyn StartOffsets>) -> Result<Self, SourceError> {
        let consumer = joined(&settings)?;
        let holdings = Holdings::new(&settings.source, settings.start, starts);
        Ok(Self { settings, consumer, holdings, restarts: 0 })
    }

    /// The consumer, for its health.
    #[must_use]
    pub const fn consumer(&self) -> &KafkaConsumer {
        &self.consumer
    }

    /// Takes one thing that the consumer brought. Says whether the poll goes on.
    fn take(&mut self, brought: Taken, visit: &mut dyn FnMut(Item<'_>)) -> Result<Flow, SourceError> {
        match brought {
            Taken::Record => self.restarts = 0,
            Taken::Nothing => return Ok(Flow::Stop),
            Taken::Fatal(reason) => {
                self.restart(reason, visit)?;
                return Ok(Flow::Stop);
            }
            // What was read is to be committed before the partition is given back.
            Taken::Revoked => return Ok(Flow::Stop),
            Taken::Other => {}
        }
        Ok(Flow::GoOn)
    }

    /// Drops a consumer that failed for good and joins anew. The partitions are lost: another member may have them.
    fn restart(&mut self, reason: String, visit: &mut dyn FnMut(Item<'_>)) -> Result<(), SourceError> {
        self.holdings.lose_all(visit);
        if self.restarts >= MAX_FRUITLESS_RESTARTS {
            return Err(SourceError::KafkaFatal { restarts: self.restarts, reason });
        }
        self.restarts += 1;
        visit(Item::Trouble(Trouble {
            partition: None,
            text: format!("the Kafka client gave up and is started anew: {reason}"),
            effect: Effect::Passing,
        }));
        let old = std::mem::replace(&mut self.consumer, joined(&self.settings)?);
        let closed = old.close(CLOSE_TIMEOUT);
        tracing::warn!(source = %self.settings.source, ?closed, reason, "kafka: consumer restarted");
        Ok(())
    }
}

impl Source for KafkaSource {
    fn poll(
        &mut self,
        max_records: usize,
        wait: Duration,
        visit: &mut dyn FnMut(Item<'_>),
    ) -> Result<Polled, SourceError> {
        let mut polled = Polled::Nothing;
        let mut counted = |item: Item<'_>| {
            polled = Polled::Some;
            visit(item);
        };
        self.holdings.settle(&self.consumer, &mut counted)?;
        for number in 0..max_records {
            let timeout = if number == 0 { wait } else { Duration::ZERO };
            let taken = match self.consumer.poll(timeout) {
                Brought::Record(record) => {
                    hand_over(&record, &mut self.holdings, &mut counted);
                    Taken::Record
                }
                Brought::Idle => Taken::Nothing,
                Brought::Fatal(reason) => Taken::Fatal(reason),
                other => self.holdings.take(other, &self.consumer, &mut counted)?,
            };
            if self.take(taken, &mut counted)? == Flow::Stop {
                break;
            }
        }
        Ok(polled)
    }

    /// Not used: pausing a partition loses its place in this client (librdkafka#2190, #5591).
    fn prefer(&mut self, _partition: &PartitionId) {}

    fn committed(&mut self, nexts: &[(Arc<PartitionId>, NextOffset)]) {
        self.consumer.report_lag(&self.holdings.held_among(nexts));
    }

    fn accept_data_loss(&mut self, partition: &PartitionId, from: ResumeAt) -> Result<(), SourceError> {
        self.holdings.resume(partition, from, &self.consumer)
    }
}

/// What the consumer brought, once it has been handed over.
#[derive(Debug, PartialEq, Eq)]
enum Taken {
    Record,
    Revoked,
    Other,
    Nothing,
    Fatal(String),
}

/// Whether a poll goes on.
#[derive(PartialEq, Eq)]
enum Flow {
    GoOn,
    Stop,
}

fn joined(settings: &KafkaSourceSettings) -> Result<KafkaConsumer, SourceError> {
    let member =
        Member { bootstrap: &settings.bootstrap, group: &settings.group, client_id: &settings.client_id };
    let consumer = KafkaConsumer::new(&settings.client, member).map_err(SourceError::KafkaSetup)?;
    let topics: Vec<&str> = settings.topics.iter().map(String::as_str).collect();
    consumer.subscribe(&topics).map_err(SourceError::Kafka)?;
    Ok(consumer)
}

/// Hands a record over, borrowed from the client; one that is too large by its head.
fn hand_over(record: &Record<'_>, holdings: &mut Holdings, visit: &mut dyn FnMut(Item<'_>)) {
    let offset = record.offset();
    let Some(partition) = holdings.read(record.topic(), record.partition(), offset) else {
        return;
    };
    let timestamp_ms = record.time().unix_ms();
    let payload = record.payload();
    if let Some(bytes) = payload.filter(|bytes| bytes.len() > MAX_RECORD_BYTES) {
        visit(Item::Oversize(OversizeRecord {
            partition,
            offset,
            timestamp_ms,
            size: bytes.len() as u64,
            head: &bytes[..HEAD_BYTES],
            sha256: Sha256::digest(bytes).into(),
        }));
        return;
    }
    // Most records have none, and an empty list costs nothing.
    let headers: Vec<Header<'_>> = record
        .headers()
        .map(|header| match header {
            KafkaHeader::Named { name, value } => (name, value),
            KafkaHeader::Unreadable => (UNREADABLE_HEADER, None),
        })
        .collect();
    visit(Item::Record(RawRecord {
        partition,
        offset,
        timestamp_ms,
        key: record.key(),
        headers: &headers,
        payload,
    }));
}

/// What a header is called whose name is no UTF-8: the client library does not give it.
const UNREADABLE_HEADER: &str = "(unreadable)";

#[cfg(test)]
mod tests;
