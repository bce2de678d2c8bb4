//! The consumer: one thread polls it, one caller says where each partition starts.

use std::cell::RefCell;
use std::collections::{BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::metadata::MetadataPartition;
use rdkafka::{Offset, TopicPartitionList};

use super::closing::{self, Closed};
use super::context::{self, GroupEvent, Notebook};
use super::diagnosis::{Diagnosis, diagnose, offset_in};
use super::fetcher::Snapshot;
use super::positions::{Arrival, Positions, Suspect};
use super::settings::Prepared;
use super::{
    ConsumerHealth, KafkaSettings, KafkaSetupError, LogRange, Member, Polled, Record, TopicPartition,
    TroubleKind,
};
use crate::plain_text::printable;
use crate::secret::SecretWarning;

/// How long a question to a broker may take.
pub const QUERY_TIMEOUT: Duration = Duration::from_secs(5);
/// How long one [`KafkaConsumer::assign`] may ask for beginnings and ends in all: well below `max.poll.interval.ms`.
const ASSIGN_TIMEOUT: Duration = Duration::from_secs(20);
/// How long a new consumer waits for its first bearer token to be read.
const TOKEN_TIMEOUT: Duration = Duration::from_millis(100);
/// In how many snapshots a partition must stand still before it is taken for lost without the broker's word.
const STANDING_SNAPSHOTS: u32 = 2;

/// Where to begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StartAt {
    /// At this offset: the one after the last record that was committed.
    Offset(i64),
    /// At the oldest record there is now.
    Beginning,
    /// After the newest record there is now.
    End,
}

/// A consumer in a group, or of partitions assigned by hand where it never subscribes. Not `Sync`: it belongs to
/// the thread that polls it, at least every `max.poll.interval.ms` (60 s).
pub struct KafkaConsumer {
    /// Present until it is handed to the thread that closes it.
    client: Option<BaseConsumer<Notebook>>,
    warnings: Vec<SecretWarning>,
    positions: RefCell<Positions>,
    waiting: RefCell<VecDeque<Polled<'static>>>,
    snapshot: RefCell<Snapshot>,
    membership: RefCell<Membership>,
}

/// Who decides what may be assigned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Membership {
    /// The caller.
    None,
    /// The group.
    Subscribed,
}

impl KafkaConsumer {
    /// Makes a consumer; it connects in the background.
    ///
    /// # Errors
    /// When the settings, the secrets or the files they name cannot be used.
    pub fn new(settings: &KafkaSettings, member: Member<'_>) -> Result<Self, KafkaSetupError> {
        Self::of(settings.consumer(member)?)
    }

    pub(super) fn of(prepared: Prepared) -> Result<Self, KafkaSetupError> {
        let needs_token = prepared.token.is_some();
        let client: BaseConsumer<Notebook> = prepared
            .config
            .create_with_context(Notebook::new(prepared.token))
            .map_err(|error| KafkaSetupError::from_client(&error))?;
        let consumer = Self {
            client: Some(client),
            warnings: prepared.warnings,
            positions: RefCell::default(),
            waiting: RefCell::default(),
            snapshot: RefCell::default(),
            membership: RefCell::new(Membership::None),
        };
        // The first token is asked for through the queue: without it no question reaches a broker.
        if needs_token && let Some(Err(error)) = consumer.client().poll(TOKEN_TIMEOUT) {
            let refused = consumer.diagnosed(error);
            consumer.waiting.borrow_mut().extend(refused);
        }
        Ok(consumer)
    }

    /// What is wrong with the places the secrets came from.
    #[must_use]
    pub fn warnings(&self) -> &[SecretWarning] {
        &self.warnings
    }

    /// Joins the group for these topics (names, not patterns). What the group gives comes as [`Polled::Assigned`].
    ///
    /// # Errors
    /// When a name is no topic's, or the consumer is closing.
    pub fn subscribe(&self, topics: &[&str]) -> Result<(), ConsumerError> {
        for topic in topics {
            if topic.is_empty() || topic.starts_with('^') || topic.contains('\0') {
                return Err(ConsumerError::Topic { topic: printable(topic) });
            }
        }
        *self.membership.borrow_mut() = Membership::Subscribed;
        self.client().subscribe(topics).map_err(|error| ConsumerError::client("subscribe", &error))
    }

    /// Leaves the group. What it had comes back as [`Polled::Revoked`]: go on polling until it has, then
    /// [`KafkaConsumer::subscribe`] again if this was to become a member afresh.
    pub fn unsubscribe(&self) {
        self.client().unsubscribe();
    }

    /// The next thing, waiting for it at most this long.
    pub fn poll(&self, timeout: Duration) -> Polled<'_> {
        if let Some(waiting) = self.waiting.borrow_mut().pop_front() {
            return waiting;
        }
        let polled = match self.client().poll(timeout) {
            Some(Ok(message)) => self.record(Record::new(message)),
            Some(Err(error)) => self.diagnosed(error),
            None => None,
        };
        if self.client().context().take_news() {
            self.read_notebook();
        }
        polled.or_else(|| self.waiting.borrow_mut().pop_front()).unwrap_or(Polled::Idle)
    }

    /// Starts to read partitions, and returns the offsets at which it does. A partition that is assigned already
    /// is moved to the new start. A member assigns what the group gave it, in one call or in several.
    ///
    /// # Errors
    /// When a partition is not (or no longer) ours, or a broker does not say where a beginning or end is. Nothing
    /// is assigned then.
    pub fn assign(
        &self,
        starts: &[(TopicPartition, StartAt)],
    ) -> Result<Vec<(TopicPartition, i64)>, ConsumerError> {
        if *self.membership.borrow() == Membership::Subscribed {
            let context = self.client().context();
            if let Some((at, _)) = starts.iter().find(|(at, _)| !context.grants(at)) {
                return Err(ConsumerError::NotGranted { at: at.clone() });
            }
        }
        let deadline = Instant::now() + ASSIGN_TIMEOUT;
        let mut list = TopicPartitionList::with_capacity(starts.len());
        let mut started = Vec::with_capacity(starts.len());
        for (at, start) in starts {
            // An explicit offset can only be lost, never silently moved.
            let next = match start {
                StartAt::Offset(next) => *next,
                StartAt::Beginning => self.ask_range(at, deadline)?.low,
                StartAt::End => self.ask_range(at, deadline)?.high,
            };
            list.add_partition_offset(&at.topic, at.partition, Offset::Offset(next))
                .map_err(|error| ConsumerError::client("assign", &error))?;
            started.push((at.clone(), next));
        }
        let moved: Vec<_> = {
            let positions = self.positions.borrow();
            starts.iter().filter(|(at, _)| positions.holds(at)).map(|(at, _)| at.clone()).collect()
        };
        if !moved.is_empty() {
            self.unassign(&moved)?;
        }
        self.client().incremental_assign(&list).map_err(|error| ConsumerError::client("assign", &error))?;
        let mut positions = self.positions.borrow_mut();
        for (at, next) in &started {
            positions.assign(at.clone(), *next);
        }
        Ok(started)
    }

    /// Stops to read partitions, and answers the group that wanted them back. Those that were never assigned may
    /// be among them.
    ///
    /// # Errors
    /// When the client refuses, which only a closing one does.
    pub fn unassign(&self, partitions: &[TopicPartition]) -> Result<(), ConsumerError> {
        let mut positions = self.positions.borrow_mut();
        for at in partitions {
            positions.unassign(at);
        }
        context::unassign(self.client(), partitions)
            .map_err(|error| ConsumerError::client("unassign", &error))
    }

    /// The partitions of a topic.
    ///
    /// # Errors
    /// When no broker answers within [`QUERY_TIMEOUT`], or there is no such topic, or we may not see it.
    pub fn partitions(&self, topic: &str) -> Result<Vec<TopicPartition>, ConsumerError> {
        let failed = |error| ConsumerError::client("look up the topic's partitions", &error);
        let metadata = self.client().fetch_metadata(Some(topic), QUERY_TIMEOUT).map_err(failed)?;
        let found = metadata.topics().iter().find(|found| found.name() == topic && found.error().is_none());
        let found = found.filter(|found| !found.partitions().is_empty());
        let found = found.ok_or_else(|| ConsumerError::Topic { topic: printable(topic) })?;
        let numbers: BTreeSet<i32> = found.partitions().iter().map(MetadataPartition::id).collect();
        Ok(numbers.into_iter().map(|number| TopicPartition::new(topic, number)).collect())
    }

    /// What the broker holds of a partition.
    ///
    /// # Errors
    /// When no broker answers within [`QUERY_TIMEOUT`], or there is no such partition.
    pub fn log_range(&self, at: &TopicPartition) -> Result<LogRange, ConsumerError> {
        self.ask_range(at, Instant::now() + QUERY_TIMEOUT)
    }

    /// Tells the group how far we are, for its displays; nothing ever reads it back here. Returns at once, and
    /// what becomes of it is only logged.
    pub fn report_lag(&self, nexts: &[(TopicPartition, i64)]) {
        let mut list = TopicPartitionList::with_capacity(nexts.len());
        for (at, next) in nexts {
            if list.add_partition_offset(&at.topic, at.partition, Offset::Offset(*next)).is_err() {
                tracing::debug!(partition = %at, next, "kafka: not an offset to report");
            }
        }
        if list.count() > 0
            && let Err(error) = self.client().commit(&list, CommitMode::Async)
        {
            tracing::debug!(%error, "kafka: cannot report offsets to the group");
        }
    }

    /// How it was doing at the last statistics (every 5 s), for metrics.
    #[must_use]
    pub fn health(&self) -> ConsumerHealth {
        let snapshot = self.snapshot.borrow();
        ConsumerHealth {
            brokers_known: snapshot.brokers_known,
            brokers_up: snapshot.brokers_up,
            partitions: self.positions.borrow().lags(&snapshot),
        }
    }

    /// Leaves the group and closes, on a thread of its own: that can take as long as a broker likes.
    pub fn close(mut self, deadline: Duration) -> Closed {
        self.client.take().map_or(Closed::Left, |client| closing::close_aside(client, deadline))
    }

    fn client(&self) -> &BaseConsumer<Notebook> {
        self.client.as_ref().expect("only `close` and `drop` take the client, and nothing runs after them")
    }

    fn record<'a>(&self, record: Record<'a>) -> Option<Polled<'a>> {
        let arrival = self.positions.borrow_mut().record(record.topic(), record.partition(), record.offset());
        match arrival {
            Arrival::Fresh => Some(Polled::Record(record)),
            Arrival::Unwanted => {
                let message = format!("dropped {record:?}, which was not asked for");
                Some(Polled::Trouble { kind: TroubleKind::Redelivered, message })
            }
        }
    }

    fn diagnosed(&self, error: KafkaError) -> Option<Polled<'static>> {
        let reason = self.client().context().take_reason();
        let code = match error {
            KafkaError::PartitionEOF(partition) => {
                let end = self.positions.borrow_mut().end(partition, offset_in(&reason));
                return end.map(|(at, next)| Polled::PartitionEof { at, next });
            }
            KafkaError::MessageConsumptionFatal(_) => RDKafkaErrorCode::Fatal,
            error => error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Unknown),
        };
        let reason = if reason.is_empty() { code.to_string() } else { reason };
        Some(match diagnose(code) {
            Diagnosis::PositionLost => {
                // Whose it was, the next statistics will tell.
                self.positions.borrow_mut().loss();
                return None;
            }
            Diagnosis::Unreadable => {
                let offset = offset_in(&reason);
                let at = self.positions.borrow_mut().unreadable(offset)?;
                Polled::Unreadable { at, offset, reason }
            }
            Diagnosis::Fatal => Polled::Fatal(reason),
            Diagnosis::NotAuthorised => Polled::NotAuthorised(reason),
            Diagnosis::Trouble(kind) => Polled::Trouble { kind, message: reason },
        })
    }

    fn read_notebook(&self) {
        let context = self.client().context();
        let events = context.take_events().into_iter().map(|event| match event {
            GroupEvent::Assigned(partitions) => Polled::Assigned(partitions),
            GroupEvent::Revoked(partitions) => Polled::Revoked(partitions),
            GroupEvent::Lost(partitions) => {
                let mut positions = self.positions.borrow_mut();
                partitions.iter().for_each(|at| positions.unassign(at));
                Polled::Lost(partitions)
            }
            GroupEvent::Failed(message) => Polled::Trouble { kind: TroubleKind::Other, message },
        });
        self.waiting.borrow_mut().extend(events);
        if let Some(snapshot) = context.take_snapshot() {
            let ends = self.positions.borrow_mut().settle_ends(&snapshot);
            let ends = ends.into_iter().map(|(at, next)| Polled::PartitionEof { at, next });
            self.waiting.borrow_mut().extend(ends);
            let suspects = self.positions.borrow_mut().suspects(&snapshot);
            self.waiting.borrow_mut().extend(suspects.into_iter().filter_map(|suspect| self.tried(suspect)));
            *self.snapshot.borrow_mut() = snapshot;
        }
    }

    /// The broker's word on a partition that stands still.
    fn tried(&self, suspect: Suspect) -> Option<Polled<'static>> {
        let held = self.log_range(&suspect.at).ok();
        let is_outside = held.is_some_and(|held| !held.contains(suspect.next));
        if !is_outside && suspect.seen < STANDING_SNAPSHOTS {
            return None;
        }
        self.positions.borrow_mut().convict(&suspect.at);
        Some(Polled::DataLost { at: suspect.at, next: suspect.next, held })
    }

    fn ask_range(&self, at: &TopicPartition, deadline: Instant) -> Result<LogRange, ConsumerError> {
        let left = deadline.saturating_duration_since(Instant::now()).min(QUERY_TIMEOUT);
        let (low, high) = self
            .client()
            .fetch_watermarks(&at.topic, at.partition, left)
            .map_err(|error| ConsumerError::client("ask for the range of a partition", &error))?;
        Ok(LogRange { low, high })
    }
}

impl Drop for KafkaConsumer {
    fn drop(&mut self) {
        if let Some(client) = self.client.take() {
            closing::close_aside(client, closing::DROP_TIMEOUT);
        }
    }
}

/// Why the consumer could not do what it was told.
#[derive(Debug, thiserror::Error)]
pub enum ConsumerError {
    /// A name that is no topic's.
    #[error("cannot use `{topic}` as a topic: there is none of that name, or it may not be seen")]
    Topic {
        /// The name.
        topic: String,
    },
    /// The group has not given us this partition, or wants it back.
    #[error("cannot assign {at}: the group does not give it to this member")]
    NotGranted {
        /// The partition.
        at: TopicPartition,
    },
    /// The client or a broker refused.
    #[error("cannot {what}: {reason}")]
    Client {
        /// What was to be done.
        what: &'static str,
        /// What the client said.
        reason: String,
    },
}

impl ConsumerError {
    fn client(what: &'static str, error: &KafkaError) -> Self {
        Self::Client { what, reason: printable(&error.to_string()) }
    }
}
