//! One record now and then, with an answer for each: for notifications, not for streams.
//!
//! The brokers are asked for the topic before a record is sent, so that "nobody is there" is known to have sent nothing.
//! A producer whose record was not confirmed is thrown away with all that it still holds: what is given up here must not
//! arrive hours later beside its repeat.

use std::time::{Duration, Instant};

use super::producer::{DeliveryFailure, KafkaProducer, LookUpError, Outgoing, Placed};
use super::{KafkaSettings, KafkaSetupError};
use crate::http::Reach;
use crate::secret::SecretWarning;

/// Sends records one at a time.
pub struct KafkaSender {
    settings: KafkaSettings,
    brokers: String,
    client_id: String,
    /// Made when it is needed.
    producer: Option<KafkaProducer>,
}

impl std::fmt::Debug for KafkaSender {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KafkaSender").field("brokers", &self.brokers).finish_non_exhaustive()
    }
}

/// Why a record was not confirmed.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// No client can be made.
    #[error(transparent)]
    Setup(#[from] KafkaSetupError),
    /// The brokers do not answer, or not for this topic: nothing was sent.
    #[error(transparent)]
    LookUp(#[from] LookUpError),
    /// It was refused, or nobody knows.
    #[error(transparent)]
    Delivery(#[from] DeliveryFailure),
}

impl SendError {
    /// Whether the record can have been stored.
    #[must_use]
    pub const fn reach(&self) -> Reach {
        match self {
            Self::Setup(_) | Self::LookUp(_) => Reach::NotSent,
            Self::Delivery(failure) => failure.reach,
        }
    }
}

impl KafkaSender {
    /// Checks the settings, and connects to nobody yet.
    ///
    /// # Errors
    /// When the settings, the secrets or the files they name cannot be used.
    pub fn new(settings: &KafkaSettings, brokers: &str, client_id: &str) -> Result<Self, KafkaSetupError> {
        settings.check(brokers)?;
        let (brokers, client_id) = (brokers.to_owned(), client_id.to_owned());
        Ok(Self { settings: settings.clone(), brokers, client_id, producer: None })
    }

    /// What is wrong with the places the secrets come from.
    ///
    /// # Errors
    /// As [`KafkaSender::new`].
    pub fn warnings(&self) -> Result<Vec<SecretWarning>, KafkaSetupError> {
        self.settings.check(&self.brokers)
    }

    /// Sends one record and waits until all replicas that have to have it do. Blocks its thread.
    ///
    /// # Errors
    /// When it is not confirmed within the time; [`SendError::reach`] says whether it can be stored all the same.
    pub fn send(&mut self, record: &Outgoing<'_>, within: Duration) -> Result<Placed, SendError> {
        let until = Instant::now() + within;
        let mut producer = match self.producer.take() {
            Some(producer) => producer,
            None => KafkaProducer::new(&self.settings, &self.brokers, &self.client_id)?,
        };
        producer.look_up(record.topic, within / 2)?;
        let placed = producer.deliver(record, until.saturating_duration_since(Instant::now()))?;
        self.producer = Some(producer);
        Ok(placed)
    }
}
