//! Receivers: one file each with its configuration, encoder, limits, status classes and tests.
//!
//! A receiver turns a [`Card`](crate::card::Card) into what its channel understands, sends it once, and says what became of it as an
//! [`Outcome`]. It decides nothing about when to try again: that is `outbox.rs`.

mod alertmanager;
mod cloud_events;
mod code_spans;
mod delivering;
mod discord;
mod elastic;
mod email;
mod exchange;
mod fit;
mod google_chat;
mod jira;
mod kafka;
mod mattermost;
mod message_ref;
mod native;
mod ocsf;
mod outcome;
mod pagerduty;
mod registry;
mod slack;
pub mod slack_bot;
mod splunk;
mod stdout;
mod syslog;
mod teams;
mod telegram;
mod webhook;

#[cfg(test)]
pub(crate) mod channel_tests;
#[cfg(test)]
pub(crate) mod contract;
#[cfg(test)]
pub(crate) mod fake_server;
#[cfg(test)]
mod inert_tests;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use alertmanager::AlertmanagerConfig;
pub use discord::DiscordConfig;
pub use elastic::ElasticConfig;
pub use email::{EmailConfig, MailEncryption, MailProblem, SMTP_TIMEOUT};
pub use google_chat::GoogleChatConfig;
pub use jira::JiraConfig;
pub use kafka::{KafkaBody, KafkaReceiverConfig};
pub use mattermost::{MattermostBotConfig, MattermostConfig};
pub use message_ref::{Afterwards, MESSAGE_REF_MAX, MessageRef, Place};
pub(crate) use outcome::with_causes;
pub use outcome::{Effect, Failure, Outcome};
pub use pagerduty::PagerDutyConfig;
pub use registry::{ReceiverError, ReceiverProblem, ReceiverWarning, Receivers};
pub use slack::SlackConfig;
pub use slack_bot::SlackBotConfig;
pub use splunk::SplunkConfig;
pub use stdout::{DataOutput, StdoutConfig, WRITE_TIMEOUT};
pub use syslog::{SyslogBody, SyslogConfig, SyslogEncryption, SyslogProblem};
pub use teams::TeamsConfig;
pub use telegram::TelegramConfig;
pub use webhook::{SigningKeyError, WebhookBody, WebhookConfig};

use crate::outbox::DeliveryId;

/// `[receivers.<name>]`: whom to tell, by `type`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum ReceiverConfig {
    /// Any HTTP endpoint, signed by Standard Webhooks.
    Webhook(WebhookConfig),
    /// A Slack incoming webhook.
    Slack(SlackConfig),
    /// An app of Slack, with messages that change in place and buttons.
    SlackBot(SlackBotConfig),
    /// A workflow of Microsoft Teams.
    Teams(TeamsConfig),
    /// A webhook of Discord.
    Discord(DiscordConfig),
    /// An incoming webhook of Mattermost.
    Mattermost(MattermostConfig),
    /// A bot of Mattermost, with posts that change in place.
    MattermostBot(MattermostBotConfig),
    /// An incoming webhook of Google Chat.
    GoogleChat(GoogleChatConfig),
    /// A bot of Telegram.
    Telegram(TelegramConfig),
    /// PagerDuty, Events API v2.
    #[serde(rename = "pagerduty")]
    PagerDuty(PagerDutyConfig),
    /// Prometheus Alertmanager.
    Alertmanager(AlertmanagerConfig),
    /// A project of Jira Cloud.
    Jira(JiraConfig),
    /// The HTTP Event Collector of Splunk.
    Splunk(SplunkConfig),
    /// Elasticsearch or OpenSearch.
    Elastic(ElasticConfig),
    /// E-mail, by SMTP.
    Email(EmailConfig),
    /// A collector of syslog, over TLS.
    Syslog(SyslogConfig),
    /// A topic of Kafka.
    Kafka(KafkaReceiverConfig),
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
    /// A Slack channel that a bot writes to.
    SlackBot(slack_bot::SlackBot),
    /// A Teams channel.
    Teams(teams::Teams),
    /// A Discord channel.
    Discord(discord::Discord),
    /// A Mattermost channel.
    Mattermost(mattermost::Mattermost),
    /// A space of Google Chat.
    GoogleChat(google_chat::GoogleChat),
    /// A Telegram chat.
    Telegram(telegram::Telegram),
    /// A service of PagerDuty.
    PagerDuty(pagerduty::PagerDuty),
    /// An Alertmanager.
    Alertmanager(alertmanager::Alertmanager),
    /// A project of Jira.
    Jira(jira::Jira),
    /// An event collector.
    Splunk(splunk::Splunk),
    /// A cluster.
    Elastic(elastic::Elastic),
    /// Readers behind a mail server.
    Email(email::Email),
    /// A collector of syslog.
    Syslog(syslog::Syslog),
    /// A topic.
    Kafka(kafka::Kafka),
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

impl Encoded {
    /// A body of JSON without further headers.
    pub(crate) const fn json(body: Vec<u8>) -> Self {
        Self { body, content_type: "application/json", headers: Vec::new() }
    }
}
