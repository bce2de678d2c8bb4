//! What can be done with any receiver: tell it, ask what it would be told, and what it can do with a message it has.

use std::time::Duration;

use transport::HttpClient;

use super::{
    Afterwards, Attempt, Encoded, Fullness, Outcome, Receiver, alertmanager, discord, google_chat, slack,
    stdout, teams,
};
use crate::card::Card;
use crate::outbox::Pace;
use crate::templates::TemplateError;

impl Receiver {
    /// Sends a card once and says what became of it.
    pub async fn deliver(&self, http: &HttpClient, card: &Card, attempt: Attempt<'_>) -> Outcome {
        match self {
            Self::Webhook(webhook) => webhook.deliver(http, card, attempt).await,
            Self::Slack(slack) => slack.deliver(http, card).await,
            Self::SlackBot(bot) => bot.deliver(http, card, attempt).await,
            Self::Teams(teams) => teams.deliver(http, card).await,
            Self::Discord(discord) => discord.deliver(http, card, attempt).await,
            Self::Mattermost(mattermost) => mattermost.deliver(http, card, attempt).await,
            Self::GoogleChat(chat) => chat.deliver(http, card, attempt).await,
            Self::Telegram(telegram) => telegram.deliver(http, card, attempt).await,
            Self::PagerDuty(pagerduty) => pagerduty.deliver(http, card).await,
            Self::Alertmanager(alertmanager) => alertmanager.deliver(http, card, attempt).await,
            Self::Jira(jira) => jira.deliver(http, card, attempt).await,
            Self::Splunk(splunk) => splunk.deliver(http, card, attempt).await,
            Self::Elastic(elastic) => elastic.deliver(http, card, attempt).await,
            Self::Email(email) => email.deliver(http, card, attempt).await,
            Self::Syslog(syslog) => syslog.deliver(http, card, attempt).await,
            Self::Kafka(kafka) => kafka.deliver(http, card, attempt).await,
            Self::Stdout(stdout) => stdout.deliver(card, attempt).await,
        }
    }

    /// What [`Receiver::deliver`] would send, without sending it: for a channel with several calls, the one that
    /// makes a new message.
    ///
    /// # Errors
    /// When the card cannot be written in the channel's form.
    pub fn encode(
        &self,
        card: &Card,
        attempt: Attempt<'_>,
        fullness: Fullness,
    ) -> Result<Encoded, serde_json::Error> {
        match self {
            Self::Webhook(webhook) => webhook.encode(card, attempt, fullness),
            Self::Slack(_) => slack::encode(card, fullness),
            Self::SlackBot(bot) => bot.encode(card, attempt, fullness),
            Self::Teams(_) => teams::encode(card, fullness),
            Self::Discord(_) => discord::encode(card, fullness),
            Self::Mattermost(mattermost) => mattermost.encode(card, attempt, fullness),
            Self::GoogleChat(_) => google_chat::encode(card, fullness),
            Self::Telegram(telegram) => telegram.encode(card, attempt, fullness),
            Self::PagerDuty(pagerduty) => pagerduty.encode(card, fullness),
            Self::Alertmanager(_) => alertmanager::encode(card, attempt, fullness),
            Self::Jira(jira) => jira.encode(card, fullness),
            Self::Splunk(splunk) => splunk.encode(card, attempt, fullness),
            Self::Elastic(elastic) => elastic.encode(card, attempt, fullness),
            Self::Email(email) => email.encode(card, attempt, fullness),
            Self::Syslog(syslog) => syslog.encode(card, attempt, fullness),
            Self::Kafka(kafka) => kafka.encode(card, attempt, fullness),
            Self::Stdout(_) => stdout::encode(card, attempt),
        }
    }

    /// Why an owner's template cannot say this, so that the built-in body is sent.
    #[must_use]
    pub fn template_fault(&self, card: &Card) -> Option<TemplateError> {
        match self {
            Self::Webhook(webhook) => webhook.template_fault(card),
            _ => None,
        }
    }

    /// What this channel can do with a message that it has, so that one incident need not be many messages.
    #[must_use]
    pub const fn afterwards(&self) -> Afterwards {
        match self {
            Self::SlackBot(_)
            | Self::Discord(_)
            | Self::Telegram(_)
            | Self::PagerDuty(_)
            | Self::Alertmanager(_) => Afterwards::Change,
            Self::Mattermost(mattermost) => mattermost.afterwards(),
            Self::GoogleChat(_) | Self::Jira(_) | Self::Email(_) => Afterwards::Reply,
            Self::Webhook(_)
            | Self::Slack(_)
            | Self::Teams(_)
            | Self::Splunk(_)
            | Self::Elastic(_)
            | Self::Syslog(_)
            | Self::Kafka(_)
            | Self::Stdout(_) => Afterwards::Nothing,
        }
    }

    /// How many messages this channel takes, unless configured otherwise; `None` where it takes all there are, as
    /// channels read by programs do.
    #[must_use]
    pub const fn pace(&self) -> Option<Pace> {
        match self {
            // Slack's limit, with short bursts; what people read in the other channels is no more than that either.
            Self::Slack(_)
            | Self::SlackBot(_)
            | Self::Teams(_)
            | Self::Discord(_)
            | Self::Mattermost(_)
            | Self::GoogleChat(_)
            | Self::Telegram(_)
            | Self::Email(_) => Some(Pace { per_minute: 60, burst: 5 }),
            Self::PagerDuty(_)
            | Self::Alertmanager(_)
            | Self::Jira(_)
            | Self::Splunk(_)
            | Self::Elastic(_)
            | Self::Syslog(_)
            | Self::Kafka(_)
            | Self::Webhook(_)
            | Self::Stdout(_) => None,
        }
    }

    /// How often an open incident has to be told again because the channel forgets: none for channels that do not.
    #[must_use]
    pub const fn forgets_after(&self) -> Option<Duration> {
        match self {
            Self::Alertmanager(_) => Some(alertmanager::FORGETS_AFTER),
            _ => None,
        }
    }
}
