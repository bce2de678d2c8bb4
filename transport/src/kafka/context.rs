//! The callbacks of the client library: they write down what happened and return, nothing more.

use std::collections::{BTreeSet, VecDeque};
use std::error::Error;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rdkafka::client::OAuthToken;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::producer::{DeliveryResult, ProducerContext};
use rdkafka::types::RDKafkaRespErr;
use rdkafka::{ClientContext, Message as _, Statistics, TopicPartitionList};

use super::TopicPartition;
use super::fetcher::Snapshot;
use super::oauth::TokenSource;
use super::producer::{Delivery, delivery};
use crate::clock::{Clock, SystemClock};
use crate::plain_text::printable;

/// What the group decided, in the order in which it did.
#[derive(Debug)]
pub(super) enum GroupEvent {
    Assigned(Vec<TopicPartition>),
    Revoked(Vec<TopicPartition>),
    Lost(Vec<TopicPartition>),
    Failed(String),
}

/// The notebook of one consumer or producer.
pub(super) struct Notebook {
    token: Option<TokenSource>,
    clock: Arc<dyn Clock>,
    /// Set when any of the following has something new, so that a record costs one atomic read.
    news: AtomicBool,
    closing: AtomicBool,
    events: Mutex<VecDeque<GroupEvent>>,
    /// What the group gives us at this moment, whether assigned to the client yet or not.
    granted: Mutex<BTreeSet<TopicPartition>>,
    snapshot: Mutex<Option<Snapshot>>,
    /// The sentence beside the last error; the binding drops it from the error itself.
    reason: Mutex<String>,
    deliveries: Mutex<Vec<Delivery>>,
}

impl Notebook {
    pub(super) fn new(token: Option<TokenSource>) -> Self {
        Self {
            token,
            clock: Arc::new(SystemClock::new()),
            news: AtomicBool::new(false),
            closing: AtomicBool::new(false),
            events: Mutex::default(),
            granted: Mutex::default(),
            snapshot: Mutex::default(),
            reason: Mutex::default(),
            deliveries: Mutex::default(),
        }
    }

    /// Whether there is something to take, and forgets that there was.
    pub(super) fn take_news(&self) -> bool {
        self.news.load(Ordering::Relaxed) && self.news.swap(false, Ordering::Relaxed)
    }

    pub(super) fn take_events(&self) -> VecDeque<GroupEvent> {
        std::mem::take(&mut *locked(&self.events))
    }

    pub(super) fn take_snapshot(&self) -> Option<Snapshot> {
        locked(&self.snapshot).take()
    }

    pub(super) fn take_reason(&self) -> String {
        std::mem::take(&mut *locked(&self.reason))
    }

    pub(super) fn take_deliveries(&self) -> Vec<Delivery> {
        std::mem::take(&mut *locked(&self.deliveries))
    }

    pub(super) fn grants(&self, at: &TopicPartition) -> bool {
        locked(&self.granted).contains(at)
    }

    /// From now on the callbacks answer the group themselves: nobody polls for events any more.
    pub(super) fn close(&self) {
        self.closing.store(true, Ordering::Relaxed);
    }

    fn note(&self, event: GroupEvent) {
        locked(&self.events).push_back(event);
        self.news.store(true, Ordering::Relaxed);
    }

    fn assigned(&self, consumer: &BaseConsumer<Self>, partitions: Vec<TopicPartition>) {
        if partitions.is_empty() || self.closing.load(Ordering::Relaxed) {
            // The group waits for an answer even when there is nothing to answer.
            if let Err(error) = consumer.incremental_assign(&TopicPartitionList::new()) {
                self.note(GroupEvent::Failed(printable(&error.to_string())));
            }
            return;
        }
        locked(&self.granted).extend(partitions.iter().cloned());
        self.note(GroupEvent::Assigned(partitions));
    }

    fn revoked(&self, consumer: &BaseConsumer<Self>, partitions: Vec<TopicPartition>) {
        locked(&self.granted).retain(|granted| !partitions.contains(granted));
        if self.closing.load(Ordering::Relaxed) {
            // While closing, the client takes any assignment for "drop everything".
            if let Err(error) = consumer.unassign() {
                tracing::warn!(%error, "kafka: cannot give partitions back while closing");
            }
        } else if consumer.assignment_lost() {
            // There is nothing left to commit to, so there is nothing to wait for.
            if let Err(error) = unassign(consumer, &partitions) {
                self.note(GroupEvent::Failed(printable(&error.to_string())));
            }
            self.note(GroupEvent::Lost(partitions));
        } else {
            self.note(GroupEvent::Revoked(partitions));
        }
    }
}

/// Takes those of the partitions from the client that it has; of others it would refuse the whole list, and the
/// group would wait for ever. An empty list is an answer too.
pub(super) fn unassign(consumer: &BaseConsumer<Notebook>, partitions: &[TopicPartition]) -> KafkaResult<()> {
    let held = consumer.assignment()?;
    let mut list = TopicPartitionList::new();
    for at in partitions {
        if held.find_partition(&at.topic, at.partition).is_some() {
            list.add_partition(&at.topic, at.partition);
        }
    }
    consumer.incremental_unassign(&list)
}

impl ClientContext for Notebook {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = true;

    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        let message = printable(message);
        match level {
            // A library's "error" is a broken connection that it will mend; what matters comes as an event.
            RDKafkaLogLevel::Emerg
            | RDKafkaLogLevel::Alert
            | RDKafkaLogLevel::Critical
            | RDKafkaLogLevel::Error
            | RDKafkaLogLevel::Warning => tracing::warn!(target: "librdkafka", facility, "{message}"),
            RDKafkaLogLevel::Notice => tracing::info!(target: "librdkafka", facility, "{message}"),
            RDKafkaLogLevel::Info | RDKafkaLogLevel::Debug => {
                tracing::debug!(target: "librdkafka", facility, "{message}");
            }
        }
    }

    fn stats(&self, statistics: Statistics) {
        *locked(&self.snapshot) = Some(Snapshot::of(&statistics));
        self.news.store(true, Ordering::Relaxed);
    }

    fn error(&self, _error: KafkaError, reason: &str) {
        *locked(&self.reason) = printable(reason);
    }

    fn generate_oauth_token(&self, _config: Option<&str>) -> Result<OAuthToken, Box<dyn Error>> {
        let source = self.token.as_ref().ok_or("no bearer token is configured")?;
        source.fetch(self.clock.now()).map_err(|error| {
            let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
            tracing::warn!("kafka: {error}{cause}");
            // The text ends up in the library's log, which cannot carry a zero byte.
            printable(&format!("{error}{cause}")).into()
        })
    }
}

impl ConsumerContext for Notebook {
    fn rebalance(&self, consumer: &BaseConsumer<Self>, what: RDKafkaRespErr, list: &mut TopicPartitionList) {
        let partitions: Vec<_> = list
            .elements()
            .iter()
            .map(|element| TopicPartition::new(element.topic(), element.partition()))
            .collect();
        match what {
            RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS => self.assigned(consumer, partitions),
            _ => self.revoked(consumer, partitions),
        }
    }

    fn commit_callback(&self, result: KafkaResult<()>, _offsets: &TopicPartitionList) {
        if let Err(error) = result {
            tracing::debug!(%error, "kafka: the group did not take the offsets for its displays");
        }
    }
}

impl ProducerContext for Notebook {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, ticket: usize) {
        let (error, message) = match result {
            Ok(message) => (None, message),
            Err((error, message)) => (Some(error), message),
        };
        let delivered = delivery(ticket, error, message.partition(), message.offset());
        locked(&self.deliveries).push(delivered);
    }
}

/// A panic while the lock was held leaves nothing half-written here: every write is one statement.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
