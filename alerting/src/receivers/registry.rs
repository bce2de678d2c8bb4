//! From the configuration to receivers that can be told: secrets are read here, once, and nowhere else.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use store::{NameError, ReceiverId};
use thiserror::Error;
use transport::kafka::KafkaSetupError;
use transport::secret::{SecretError, SecretWarning, UrlError};
use transport::{HttpClient, SecretRef, SecretString};

use super::alertmanager::Alertmanager;
use super::discord::Discord;
use super::elastic::Elastic;
use super::email::{Email, MailProblem};
use super::exchange::Target;
use super::google_chat::GoogleChat;
use super::jira::Jira;
use super::kafka::Kafka;
use super::mattermost::Mattermost;
use super::pagerduty::PagerDuty;
use super::slack::Slack;
use super::slack_bot::SlackBot;
use super::splunk::Splunk;
use super::stdout::{DataOutput, Stdout};
use super::syslog::{Syslog, SyslogProblem};
use super::teams::Teams;
use super::telegram::Telegram;
use super::webhook::{SigningKeyError, Webhook};
use super::{Receiver, ReceiverConfig};

/// All receivers, by name, and the client they send with.
#[derive(Debug)]
pub struct Receivers {
    receivers: BTreeMap<ReceiverId, Arc<Receiver>>,
    http: HttpClient,
    warnings: Vec<ReceiverWarning>,
}

/// Something about a receiver that works but should be repaired.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceiverWarning {
    /// The receiver.
    pub receiver: ReceiverId,
    /// What is wrong with one of its secrets.
    pub warning: SecretWarning,
}

/// Why a receiver cannot be set up.
#[derive(Debug, Error)]
pub enum ReceiverError {
    /// Its name cannot be a key.
    #[error("cannot use the name of a receiver")]
    Name {
        /// Why not.
        #[source]
        source: NameError,
    },
    /// Its settings cannot be used.
    #[error("cannot set up the receiver `{receiver}`")]
    Settings {
        /// The receiver.
        receiver: ReceiverId,
        /// Why not.
        #[source]
        source: ReceiverProblem,
    },
}

/// What is wrong with a receiver's settings. It repeats no secret.
#[derive(Debug, Error)]
pub enum ReceiverProblem {
    /// A secret cannot be read.
    #[error("cannot read the secret at `{reference}`")]
    Secret {
        /// Where it should be.
        reference: SecretRef,
        /// Why not.
        #[source]
        source: SecretError,
    },
    /// The URL is none.
    #[error("cannot use its url")]
    Url {
        /// Why not.
        #[source]
        source: UrlError,
    },
    /// The host of its server is none.
    #[error("cannot use its server")]
    Server {
        /// Why not.
        #[source]
        source: UrlError,
    },
    /// Mail cannot be sent like this.
    #[error("cannot send mail with these settings")]
    Mail {
        /// Why not.
        #[source]
        source: MailProblem,
    },
    /// A collector cannot be written to like this.
    #[error("cannot write syslog with these settings")]
    Syslog {
        /// Why not.
        #[source]
        source: SyslogProblem,
    },
    /// A template without a body of that kind, or the other way round.
    #[error("cannot use `template` without `body = \"template\"`, or that without a `template`")]
    Template,
    /// No topic has this name.
    #[error("cannot call a topic `{topic}`")]
    Topic {
        /// What was written.
        topic: String,
    },
    /// No client of Kafka can be made.
    #[error("cannot write to Kafka with these settings")]
    Kafka {
        /// Why not.
        #[source]
        source: KafkaSetupError,
    },
    /// The signing secret is none.
    #[error("cannot sign with the secret at `{reference}`")]
    SigningKey {
        /// Where it was found.
        reference: SecretRef,
        /// Why not.
        #[source]
        source: SigningKeyError,
    },
}

/// A receiver, and what was odd about its secrets.
pub(super) struct Opened<R> {
    pub(super) receiver: R,
    pub(super) warnings: Vec<SecretWarning>,
}

impl<R> Opened<R> {
    pub(super) fn map<S>(self, change: impl FnOnce(R) -> S) -> Opened<S> {
        Opened { receiver: change(self.receiver), warnings: self.warnings }
    }
}

impl Receiver {
    /// Sets up one receiver: reads its secrets and checks them.
    ///
    /// # Errors
    /// When a secret or URL cannot be used.
    pub fn from_config(config: &ReceiverConfig, output: &DataOutput) -> Result<Self, ReceiverProblem> {
        Ok(Self::open(config, output)?.receiver)
    }

    fn open(config: &ReceiverConfig, output: &DataOutput) -> Result<Opened<Self>, ReceiverProblem> {
        match config {
            ReceiverConfig::Webhook(config) => Ok(Webhook::open(config)?.map(Self::Webhook)),
            ReceiverConfig::Slack(config) => Ok(Slack::open(config)?.map(Self::Slack)),
            ReceiverConfig::SlackBot(config) => Ok(SlackBot::open(config)?.map(Self::SlackBot)),
            ReceiverConfig::Teams(config) => Ok(Teams::open(config)?.map(Self::Teams)),
            ReceiverConfig::Discord(config) => Ok(Discord::open(config)?.map(Self::Discord)),
            ReceiverConfig::Mattermost(config) => Ok(Mattermost::open(config)?.map(Self::Mattermost)),
            ReceiverConfig::GoogleChat(config) => Ok(GoogleChat::open(config)?.map(Self::GoogleChat)),
            ReceiverConfig::Telegram(config) => Ok(Telegram::open(config)?.map(Self::Telegram)),
            ReceiverConfig::PagerDuty(config) => Ok(PagerDuty::open(config)?.map(Self::PagerDuty)),
            ReceiverConfig::Alertmanager(config) => Ok(Alertmanager::open(config)?.map(Self::Alertmanager)),
            ReceiverConfig::Jira(config) => Ok(Jira::open(config)?.map(Self::Jira)),
            ReceiverConfig::Splunk(config) => Ok(Splunk::open(config)?.map(Self::Splunk)),
            ReceiverConfig::Elastic(config) => Ok(Elastic::open(config)?.map(Self::Elastic)),
            ReceiverConfig::Email(config) => Ok(Email::open(config)?.map(Self::Email)),
            ReceiverConfig::Syslog(config) => Ok(Syslog::open(config)?.map(Self::Syslog)),
            ReceiverConfig::Kafka(config) => Ok(Kafka::open(config)?.map(Self::Kafka)),
            ReceiverConfig::MattermostBot(config) => Ok(Mattermost::open_bot(config)?.map(Self::Mattermost)),
            ReceiverConfig::Stdout(_) => {
                Ok(Opened { receiver: Self::Stdout(Stdout::new(output.clone())), warnings: Vec::new() })
            }
        }
    }
}

impl Receivers {
    /// Sets up all receivers. `output` is where `stdout` receivers write: the program's one writer of data.
    ///
    /// # Errors
    /// At the first receiver whose name, secret or URL cannot be used.
    pub fn from_config(
        config: &BTreeMap<String, ReceiverConfig>,
        http: HttpClient,
        output: &DataOutput,
    ) -> Result<Self, ReceiverError> {
        let mut all = Self { receivers: BTreeMap::new(), http, warnings: Vec::new() };
        for (name, config) in config {
            let receiver = ReceiverId::parse(name).map_err(|source| ReceiverError::Name { source })?;
            let opened = Receiver::open(config, output)
                .map_err(|source| ReceiverError::Settings { receiver: receiver.clone(), source })?;
            let warned = opened
                .warnings
                .into_iter()
                .map(|warning| ReceiverWarning { receiver: receiver.clone(), warning });
            all.warnings.extend(warned);
            all.receivers.insert(receiver, Arc::new(opened.receiver));
        }
        Ok(all)
    }

    /// The names, for [`crate::routing::Routes::new`].
    #[must_use]
    pub fn names(&self) -> BTreeSet<ReceiverId> {
        self.receivers.keys().cloned().collect()
    }

    /// What should be repaired although it works; to be logged once at the start.
    #[must_use]
    pub fn warnings(&self) -> &[ReceiverWarning] {
        &self.warnings
    }

    /// The receiver of this name.
    #[must_use]
    pub fn get(&self, name: &ReceiverId) -> Option<&Arc<Receiver>> {
        self.receivers.get(name)
    }

    /// What clicks on the buttons of bots are signed with.
    #[must_use]
    pub fn signing_secrets(&self) -> Vec<SecretString> {
        let secret = |receiver: &Arc<Receiver>| match &**receiver {
            Receiver::SlackBot(bot) => bot.signing_secret().cloned(),
            _ => None,
        };
        self.receivers.values().filter_map(secret).collect()
    }

    /// The client they send with.
    #[must_use]
    pub fn http(&self) -> &HttpClient {
        &self.http
    }
}

/// A target whose whole URL is a secret.
pub(super) fn target(reference: &SecretRef) -> Result<Opened<Target>, ReceiverProblem> {
    let mut warnings = Vec::new();
    let url = resolve(reference, &mut warnings)?;
    let receiver = Target::new(&url).map_err(|source| ReceiverProblem::Url { source })?;
    Ok(Opened { receiver, warnings })
}

/// Reads a secret and keeps what is odd about it.
pub(super) fn resolve(
    reference: &SecretRef,
    warnings: &mut Vec<SecretWarning>,
) -> Result<SecretString, ReceiverProblem> {
    let resolved = reference
        .resolve()
        .map_err(|source| ReceiverProblem::Secret { reference: reference.clone(), source })?;
    warnings.extend(resolved.warning);
    Ok(resolved.secret)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::os::unix::fs::PermissionsExt as _;

    use transport::HttpPolicy;

    use super::*;
    use crate::receivers::with_causes;

    const CANARY: &str = "c4n4ry-5ecret";

    fn secret(text: &str, mode: u32) -> (tempfile::NamedTempFile, String) {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        file.as_file().set_permissions(std::fs::Permissions::from_mode(mode)).unwrap();
        let reference = format!("'file:{}'", file.path().display());
        (file, reference)
    }

    fn open(text: &str) -> Result<Receivers, ReceiverError> {
        let config: BTreeMap<String, ReceiverConfig> = toml::from_str(text).unwrap();
        let http = HttpClient::new(HttpPolicy::default()).unwrap();
        Receivers::from_config(&config, http, &DataOutput::new(std::io::sink()))
    }

    #[test]
    fn each_type_is_set_up_and_shows_no_secret() {
        let (_url, url) = secret(&format!("https://user:{CANARY}@h/{CANARY}?sig={CANARY}"), 0o600);
        let (_key, key) = secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", 0o644);
        let receivers = open(&format!(
            "siem = {{ type = 'webhook', url = {url}, secret = {key} }}\n\
             chat = {{ type = 'slack', url = {url} }}\n\
             lines = {{ type = 'stdout' }}"
        ))
        .unwrap();
        let names: Vec<_> = receivers.names().iter().map(ToString::to_string).collect();
        assert_eq!(names, ["chat", "lines", "siem"]);
        assert_eq!(receivers.warnings().len(), 1, "everybody can read the key");
        assert_eq!(receivers.warnings()[0].receiver.as_str(), "siem");
        let shown = format!("{receivers:?}");
        assert!(!shown.contains(CANARY) && !shown.contains("MfKQ9r8"), "{shown}");
    }

    #[test]
    fn what_cannot_be_used_is_refused_by_name_and_without_the_secret() {
        let (_short, short) = secret(&format!("whsec_{CANARY}"), 0o600);
        let (_plain, plain) = secret(CANARY, 0o600);
        let (_url, url) = secret("https://h/hook", 0o600);
        let cases = [
            (format!("'a b' = {{ type = 'slack', url = {url} }}"), "cannot use the name of a receiver"),
            (
                format!("soc = {{ type = 'slack', url = {plain} }}"),
                "`soc`: cannot use its url: cannot read the text",
            ),
            (
                "soc = { type = 'slack', url = 'file:/nonexistent' }".to_owned(),
                "cannot read the secret at `file:/nonexistent`",
            ),
            (format!("soc = {{ type = 'webhook', url = {url}, secret = {short} }}"), "as base64"),
            (
                format!("soc = {{ type = 'webhook', url = {url}, secret = {plain} }}"),
                "does not begin with whsec_",
            ),
        ];
        for (text, expected) in cases {
            let shown = with_causes(&open(&text).unwrap_err());
            assert!(shown.contains(expected), "{shown}");
            assert!(!shown.contains(CANARY), "{shown}");
        }
    }

    #[test]
    fn a_mistake_in_the_configuration_is_an_error_that_repeats_no_secret() {
        let cases = [
            (format!("type = 'slack'\nurl = 'https://h/{CANARY}'"), "`env:NAME` or `file:/path`"),
            ("type = 'slack'\nurl = 'env:U'\nchannel = 'x'".to_owned(), "unknown field `channel`"),
            ("type = 'pigeon'".to_owned(), "unknown variant `pigeon`"),
            ("type = 'webhook'\nurl = 'env:U'".to_owned(), "missing field `secret`"),
            ("type = 'stdout'\nfile = 'x'".to_owned(), "unknown field `file`"),
        ];
        for (text, expected) in cases {
            let shown = toml::from_str::<ReceiverConfig>(&text).unwrap_err().message().to_owned();
            assert!(shown.contains(expected), "{shown}");
            assert!(!shown.contains(CANARY), "{shown}");
        }
    }

    #[test]
    fn the_schema_names_every_type_and_closes_each() {
        let schema = serde_json::to_string(&schemars::schema_for!(ReceiverConfig)).unwrap();
        for part in ["webhook", "slack", "stdout", "previous_secret", "\"additionalProperties\":false"] {
            assert!(schema.contains(part), "{part} in {schema}");
        }
    }
}
