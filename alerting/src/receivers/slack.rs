//! `slack`: an incoming webhook of Slack, with Block Kit.
//!
//! Foreign text is sanitised, defanged, entity-escaped and put into `plain_text` objects with `emoji:false`, where
//! Slack parses nothing. The one `mrkdwn` object holds our own link. An incoming webhook tells no message's id, so
//! nothing can be updated in place, and after an ambiguous failure a repeat is marked.

pub(super) mod blocks;
pub(super) mod reply;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use transport::{HttpClient, SecretRef};

use super::exchange::Target;
use super::registry::{Opened, ReceiverProblem, resolve};
use super::{Encoded, Fullness, Outcome};
use crate::card::Card;

/// A `slack` receiver.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SlackConfig {
    /// Where to find the incoming webhook's URL, which is a secret: `env:NAME` or `file:/path`.
    #[schemars(with = "String")]
    pub url: SecretRef,
}

/// A Slack channel behind an incoming webhook.
#[derive(Debug)]
pub struct Slack {
    target: Target,
}

impl Slack {
    pub(super) fn open(config: &SlackConfig) -> Result<Opened<Self>, ReceiverProblem> {
        let mut warnings = Vec::new();
        let url = resolve(&config.url, &mut warnings)?;
        let target = Target::new(&url).map_err(|source| ReceiverProblem::Url { source })?;
        Ok(Opened { receiver: Self { target }, warnings })
    }

    pub(super) async fn deliver(&self, http: &HttpClient, card: &Card) -> Outcome {
        self.target.send(http, |fullness| encode(card, fullness), reply::class).await
    }
}

/// The message as JSON.
pub(super) fn encode(card: &Card, fullness: Fullness) -> Result<Encoded, serde_json::Error> {
    let body = serde_json::to_vec(&blocks::message(card, fullness))?;
    Ok(Encoded { body, content_type: "application/json; charset=utf-8", headers: Vec::new() })
}
