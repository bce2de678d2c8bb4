//! Receivers: one file each with its configuration, encoder, limits, status classes and tests.
//!
//! A receiver turns a [`Card`] into what its channel understands, sends it once, and says what became of it as an
//! [`Outcome`]. It decides nothing about when to try again: that is `outbox.rs`.

mod exchange;
mod message_ref;
mod native;
mod outcome;
mod registry;
mod slack;
mod stdout;
mod webhook;

#[cfg(test)]
mod contract;
#[cfg(test)]
pub(crate) mod fake_server;

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use transport::HttpClient;

pub use message_ref::{Afterwards, MESSAGE_REF_MAX, MessageRef, Place};
pub(crate) use outcome::with_causes;
pub use outcome::{Effect, Failure, Outcome};
pub use registry::{ReceiverError, ReceiverProblem, ReceiverWarning, Receivers};
pub use slack::SlackConfig;
pub use stdout::{DataOutput, StdoutConfig, WRITE_TIMEOUT};
pub use webhook::{SigningKeyError, WebhookConfig};

use crate::card::Card;
use crate::outbox::DeliveryId;

/// `[receivers.<name>]`: whom to tell, by `type`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum ReceiverConfig {
    /// Any HTTP endpoint, signed by Standard Webhooks.
    Webhook(WebhookConfig),
    /// A Slack incoming webhook.
    Slack(SlackConfig),
    /// JSON Lines on standard output.
    Stdout(StdoutConfig),
}

/// Somebody who can be told.
#[derive(Debug)]
pub enum Receiver {
    /// Any HTTP endpoint.
    Webhook(webhook::Webhook),
    /// A Slack channel.
    Slack(slack::Slack),
    /// The program's standard output.
    Stdout(stdout::Stdout),
}

/// What is particular about one attempt.
#[derive(Debug, Clone, Copy)]
pub struct Attempt<'a> {
    /// The message's id, the same in every attempt.
    pub id: &'a DeliveryId,
    /// The wall clock, in seconds since 1970.
    pub unix_seconds: i64,
    /// Where the message goes.
    pub place: Place<'a>,
}

/// How much of a card to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fullness {
    /// All that the channel's limits allow.
    Full,
    /// The least that is still an alert, after the channel refused the full card.
    Minimal,
}

/// What goes over the wire: the bytes and what must stand beside them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encoded {
    /// The body.
    pub body: Vec<u8>,
    /// Its media type.
    pub content_type: &'static str,
    /// Further headers.
    pub headers: Vec<(&'static str, String)>,
}

impl Receiver {
    /// Sends a card once and says what became of it.
    pub async fn deliver(&self, http: &HttpClient, card: &Card, attempt: Attempt<'_>) -> Outcome {
        match self {
            Self::Webhook(webhook) => webhook.deliver(http, card, attempt).await,
            Self::Slack(slack) => slack.deliver(http, card).await,
            Self::Stdout(stdout) => stdout.deliver(card, attempt).await,
        }
    }

    /// What this channel can do with a message that it has, so that one incident need not be many messages.
    #[must_use]
    pub const fn afterwards(&self) -> Afterwards {
        match self {
            Self::Webhook(_) | Self::Slack(_) | Self::Stdout(_) => Afterwards::Nothing,
        }
    }

    /// How often an open incident has to be told again because the channel forgets: none for channels that do not.
    #[must_use]
    pub const fn forgets_after(&self) -> Option<Duration> {
        match self {
            Self::Webhook(_) | Self::Slack(_) | Self::Stdout(_) => None,
        }
    }

    /// What [`Receiver::deliver`] would send, without sending it.
    ///
    /// # Errors
    /// When the card cannot be written as JSON.
    pub fn encode(
        &self,
        card: &Card,
        attempt: Attempt<'_>,
        fullness: Fullness,
    ) -> Result<Encoded, serde_json::Error> {
        match self {
            Self::Webhook(webhook) => webhook.encode(card, attempt, fullness),
            Self::Slack(_) => slack::encode(card, fullness),
            Self::Stdout(_) => stdout::encode(card, attempt),
        }
    }
}
