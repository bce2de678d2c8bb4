//! The producer: idempotent, in order, and with an answer for every record.

use std::cell::Cell;
use std::time::{Duration, Instant};

use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::metadata::MetadataTopic;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};

use super::context::Notebook;
use super::{KafkaSettings, KafkaSetupError, MESSAGE_MAX_BYTES};
use crate::http::Reach;
use crate::plain_text::printable;
use crate::secret::SecretWarning;

/// One record on its way out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Outgoing<'a> {
    /// The topic.
    pub topic: &'a str,
    /// The partition; by the key if none is said.
    pub partition: Option<i32>,
    /// The key.
    pub key: Option<&'a [u8]>,
    /// The value; none is a tombstone.
    pub payload: Option<&'a [u8]>,
    /// The headers.
    pub headers: &'a [(&'a str, &'a [u8])],
    /// The time in Unix milliseconds; now, if none is said.
    pub time_ms: Option<i64>,
}

impl Outgoing<'_> {
    fn bytes(&self) -> usize {
        let headers: usize = self.headers.iter().map(|(name, value)| name.len() + value.len()).sum();
        self.key.map_or(0, <[u8]>::len) + self.payload.map_or(0, <[u8]>::len) + headers
    }
}

/// Where a record came to lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Placed {
    /// The partition.
    pub partition: i32,
    /// Its offset there.
    pub offset: i64,
}

/// What became of one record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The number it was sent under.
    pub ticket: usize,
    /// Where it lies, or why it does not.
    pub outcome: Result<Placed, DeliveryFailure>,
}

/// Why a record was not confirmed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot confirm a record: {reason}")]
pub struct DeliveryFailure {
    /// Whether it can have been stored all the same.
    pub reach: Reach,
    /// What the client said.
    pub reason: String,
}

/// A producer. One thread owns it; records for one partition keep their order.
pub struct KafkaProducer {
    client: BaseProducer<Notebook>,
    warnings: Vec<SecretWarning>,
    /// Records taken and not yet answered. The client's own count has events of other kinds among them.
    under_way: Cell<usize>,
    /// The number of the last record sent by [`KafkaProducer::deliver`].
    delivered: usize,
}

impl KafkaProducer {
    /// Makes a producer; it connects in the background.
    ///
    /// # Errors
    /// When the settings, the secrets or the files they name cannot be used.
    pub fn new(settings: &KafkaSettings, bootstrap: &str, client_id: &str) -> Result<Self, KafkaSetupError> {
        let prepared = settings.producer(bootstrap, client_id)?;
        let client: BaseProducer<Notebook> = prepared
            .config
            .create_with_context(Notebook::new(prepared.token))
            .map_err(|error| KafkaSetupError::from_client(&error))?;
        client.poll(Duration::ZERO);
        Ok(Self { client, warnings: prepared.warnings, under_way: Cell::new(0), delivered: 0 })
    }

    /// What is wrong with the places the secrets came from.
    #[must_use]
    pub fn warnings(&self) -> &[SecretWarning] {
        &self.warnings
    }

    /// Asks the brokers for a topic, and waits for their answer.
    ///
    /// # Errors
    /// When there is no answer in time, or it is that the topic is not there or not for us.
    pub fn look_up(&self, topic: &str, within: Duration) -> Result<(), LookUpError> {
        let found = self.client.client().fetch_metadata(Some(topic), within);
        // Why there was no answer comes as an event.
        self.client.poll(Duration::ZERO);
        let metadata = found.map_err(|error| {
            let reason = self.client.context().take_reason();
            let reason = if reason.is_empty() { printable(&error.to_string()) } else { reason };
            LookUpError::NoAnswer { reason }
        })?;
        match metadata.topics().first().and_then(MetadataTopic::error) {
            None => Ok(()),
            Some(error) => {
                let reason = printable(&Code::from(error).to_string());
                Err(LookUpError::Topic { topic: printable(topic), reason })
            }
        }
    }

    /// Takes a record into the queue, under a number of the caller's choice. It is sent until it is confirmed or
    /// refused for good: records do not expire here.
    ///
    /// # Errors
    /// When the record is too large or has no topic, or the queue is full ([`ProducerError::QueueFull`]: poll and
    /// try again).
    pub fn send(&self, record: &Outgoing<'_>, ticket: usize) -> Result<(), ProducerError> {
        let bytes = record.bytes();
        if bytes > MESSAGE_MAX_BYTES {
            return Err(ProducerError::TooLarge { bytes });
        }
        if record.topic.is_empty() || record.topic.contains('\0') {
            return Err(ProducerError::Topic { topic: printable(record.topic) });
        }
        let mut outgoing = BaseRecord::<[u8], [u8], usize>::with_opaque_to(record.topic, ticket);
        outgoing.partition = record.partition;
        outgoing.key = record.key;
        outgoing.payload = record.payload;
        outgoing.timestamp = record.time_ms;
        if !record.headers.is_empty() {
            let mut headers = OwnedHeaders::new_with_capacity(record.headers.len());
            for (key, value) in record.headers {
                headers = headers.insert(Header { key, value: Some(*value) });
            }
            outgoing.headers = Some(headers);
        }
        self.client.send(outgoing).map_err(|(error, _)| match error {
            KafkaError::MessageProduction(Code::QueueFull) => ProducerError::QueueFull,
            error => ProducerError::Refused { reason: printable(&error.to_string()) },
        })?;
        self.under_way.set(self.under_way.get() + 1);
        Ok(())
    }

    /// What became of records since the last call; waits for news at most this long, and returns early when it
    /// has some. Call it again and again: nothing is confirmed without it.
    pub fn poll(&self, timeout: Duration) -> Vec<Delivery> {
        /// The client's own poll sits out its time even when something has come.
        const STEP: Duration = Duration::from_millis(5);
        let deadline = Instant::now() + timeout;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            self.client.poll(left.min(STEP));
            let deliveries = self.client.context().take_deliveries();
            if !deliveries.is_empty() || left.is_zero() {
                self.under_way.set(self.under_way.get().saturating_sub(deliveries.len()));
                return deliveries;
            }
        }
    }

    /// Waits until every record is confirmed or refused, and returns what became of them.
    ///
    /// # Errors
    /// When some are still under way at the deadline. They stay in the queue and go on being sent.
    pub fn flush(&self, deadline: Duration) -> Result<Vec<Delivery>, Unflushed> {
        let until = Instant::now() + deadline;
        let mut deliveries = Vec::new();
        loop {
            let left = until.saturating_duration_since(Instant::now());
            deliveries.extend(self.poll(left.min(Duration::from_millis(100))));
            let under_way = self.under_way();
            if under_way == 0 {
                return Ok(deliveries);
            }
            if left.is_zero() {
                return Err(Unflushed { deliveries, under_way });
            }
        }
    }

    /// How many records are neither confirmed nor refused yet.
    #[must_use]
    pub fn under_way(&self) -> usize {
        self.under_way.get()
    }

    /// Sends one record and waits for its confirmation; for callers that send now and then and alone.
    ///
    /// # Errors
    /// When it is refused, or not confirmed within the time; then it may still be stored later.
    pub fn deliver(&mut self, record: &Outgoing<'_>, within: Duration) -> Result<Placed, DeliveryFailure> {
        let not_sent =
            |error: ProducerError| DeliveryFailure { reach: Reach::NotSent, reason: error.to_string() };
        // Confirmations of earlier calls that ran out of time carry an older number.
        self.delivered = self.delivered.wrapping_add(1);
        let ticket = self.delivered;
        self.send(record, ticket).map_err(not_sent)?;
        let until = Instant::now() + within;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if let Some(found) = self.poll(left).into_iter().find(|delivery| delivery.ticket == ticket) {
                return found.outcome;
            }
            if left.is_zero() {
                let reason = format!("no answer within {} ms", within.as_millis());
                return Err(DeliveryFailure { reach: Reach::Ambiguous, reason });
            }
        }
    }
}

/// The client's answer for one record.
pub(super) fn delivery(ticket: usize, error: Option<&KafkaError>, partition: i32, offset: i64) -> Delivery {
    let outcome = match error {
        None => Ok(Placed { partition, offset }),
        Some(error) => {
            let code = error.rdkafka_error_code().unwrap_or(Code::Unknown);
            Err(DeliveryFailure { reach: reach(code), reason: printable(&error.to_string()) })
        }
    };
    Delivery { ticket, outcome }
}

/// Whether a record with this answer can have been stored. What is not known for certain is ambiguous.
fn reach(code: Code) -> Reach {
    match code {
        // Refused here, or by the broker before it wrote anything.
        Code::PurgeQueue
        | Code::QueueFull
        | Code::UnknownTopic
        | Code::UnknownPartition
        | Code::UnknownTopicOrPartition
        | Code::InvalidTopic
        | Code::MessageSizeTooLarge
        | Code::MessageBatchTooLarge
        | Code::InvalidRecord
        | Code::InvalidTimestamp
        | Code::PolicyViolation
        | Code::TopicAuthorizationFailed
        | Code::ClusterAuthorizationFailed
        | Code::Authentication
        | Code::SaslAuthenticationFailed => Reach::NotSent,
        _ => Reach::Ambiguous,
    }
}

/// Why a topic is not known to be there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LookUpError {
    /// No broker, no agreement on TLS, no login, or no answer in time.
    #[error("cannot ask the brokers: {reason}")]
    NoAnswer {
        /// What the client said.
        reason: String,
    },
    /// The brokers say no.
    #[error("cannot write to the topic `{topic}`: {reason}")]
    Topic {
        /// The topic.
        topic: String,
        /// What they said.
        reason: String,
    },
}

/// Why a record was not taken into the queue.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProducerError {
    /// More than [`MESSAGE_MAX_BYTES`].
    #[error("cannot send a record of {bytes} bytes: the limit is {MESSAGE_MAX_BYTES}")]
    TooLarge {
        /// Its key, value and headers.
        bytes: usize,
    },
    /// A name that is no topic's.
    #[error("cannot send to `{topic}`: it is no topic's name")]
    Topic {
        /// The name.
        topic: String,
    },
    /// Too many records are under way.
    #[error("cannot send a record now: too many are waiting for their confirmation")]
    QueueFull,
    /// The client refused.
    #[error("cannot send a record: {reason}")]
    Refused {
        /// What it said.
        reason: String,
    },
}

/// Some records are still under way.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot confirm {under_way} records in time")]
pub struct Unflushed {
    /// What became of the others.
    pub deliveries: Vec<Delivery>,
    /// How many are still under way.
    pub under_way: usize,
}
