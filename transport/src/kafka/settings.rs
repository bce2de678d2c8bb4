//! The Kafka part of a configuration, and the client configuration made of it.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::PathBuf;

use rdkafka::ClientConfig;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError;
use serde::{Deserialize, Serialize};

use super::oauth::TokenSource;
use super::overrides::{self, Side};
use super::security::{self, Security};
use super::tuning;
use crate::plain_text::printable;
use crate::secret::{SecretError, SecretRef, SecretWarning};

/// What a configuration says about Kafka; brokers, groups and topics stand with the source or receiver.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct KafkaSettings {
    /// How the connection is protected.
    pub security: Security,
    /// librdkafka settings by name; only harmless ones are taken, within bounds.
    pub overrides: BTreeMap<String, OverrideValue>,
}

/// The value of an override, as TOML and JSON write it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(untagged)]
pub enum OverrideValue {
    /// `true` or `false`.
    Flag(bool),
    /// A whole number.
    Number(i64),
    /// A text.
    Text(String),
}

impl fmt::Display for OverrideValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(flag) => flag.fmt(f),
            Self::Number(number) => number.fmt(f),
            Self::Text(text) => text.fmt(f),
        }
    }
}

/// As whom a consumer joins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Member<'a> {
    /// The brokers to begin with, `host:port`, separated by commas.
    pub bootstrap: &'a str,
    /// The consumer group.
    pub group: &'a str,
    /// The name of this process in the brokers' logs.
    pub client_id: &'a str,
}

impl KafkaSettings {
    /// Checks everything that can be checked without a connection, for `sealwatch check`.
    ///
    /// # Errors
    /// The first thing that would keep a client from being made.
    pub fn check(&self, bootstrap: &str) -> Result<Vec<SecretWarning>, KafkaSetupError> {
        for (name, value) in &self.overrides {
            judge_override(name, value, Side::Both)?;
        }
        Ok(self.client(bootstrap, "check", Side::Both, &[])?.warnings)
    }

    pub(super) fn consumer(&self, member: Member<'_>) -> Result<Prepared, KafkaSetupError> {
        if member.group.is_empty() || member.group.contains('\0') {
            return Err(KafkaSetupError::Group);
        }
        let mut prepared =
            self.client(member.bootstrap, member.client_id, Side::Consumer, tuning::CONSUMER)?;
        prepared.config.set("group.id", member.group);
        Ok(prepared)
    }

    pub(super) fn producer(&self, bootstrap: &str, client_id: &str) -> Result<Prepared, KafkaSetupError> {
        self.client(bootstrap, client_id, Side::Producer, tuning::PRODUCER)
    }

    fn client(
        &self,
        bootstrap: &str,
        client_id: &str,
        side: Side,
        tuned: &[(&str, &str)],
    ) -> Result<Prepared, KafkaSetupError> {
        check_brokers(bootstrap)?;
        let mut config = ClientConfig::new();
        // Otherwise the level of the `log` crate decides, which is silence in a program that uses `tracing`.
        config.set_log_level(RDKafkaLogLevel::Info);
        config.set("bootstrap.servers", bootstrap).set("client.id", printable(client_id));
        for (name, value) in tuning::COMMON.iter().chain(tuned) {
            config.set(*name, *value);
        }
        for (name, value) in &self.overrides {
            if judge_override(name, value, side)? {
                config.set(name, value.to_string());
            }
        }
        let mut warnings = Vec::new();
        let token = security::apply(&self.security, bootstrap, &mut config, &mut warnings)?;
        Ok(Prepared { config, token, warnings })
    }
}

/// Everything a client is made of.
pub(super) struct Prepared {
    pub(super) config: ClientConfig,
    pub(super) token: Option<TokenSource>,
    pub(super) warnings: Vec<SecretWarning>,
}

fn judge_override(name: &str, value: &OverrideValue, side: Side) -> Result<bool, KafkaSetupError> {
    overrides::judge(name, &value.to_string(), side)
        .map_err(|reason| KafkaSetupError::Override { name: printable(name), reason })
}

/// Every entry must be `host:port`: librdkafka takes anything and tells of a slip only in its log.
fn check_brokers(bootstrap: &str) -> Result<(), KafkaSetupError> {
    for broker in bootstrap.split(',').map(str::trim) {
        let valid = broker.rsplit_once(':').is_some_and(|(host, port)| {
            let bracketed = host.starts_with('[') && host.ends_with(']');
            let plain = !host.contains([':', '/', '[', ']', '@', ' ', '\0']);
            !host.is_empty() && (bracketed || plain) && port.parse::<u16>().is_ok_and(|port| port != 0)
        });
        if !valid {
            return Err(KafkaSetupError::Broker { entry: printable(broker) });
        }
    }
    Ok(())
}

/// Why no client can be made of a configuration.
#[derive(Debug, thiserror::Error)]
pub enum KafkaSetupError {
    /// An entry of the brokers' list.
    #[error("cannot read the broker `{entry}` as `host:port`")]
    Broker {
        /// The entry.
        entry: String,
    },
    /// No group, or one no broker would take.
    #[error("cannot join a consumer group without a name")]
    Group,
    /// No protection on the way to another machine.
    #[error("cannot connect to `{bootstrap}` without TLS")]
    Insecure {
        /// The brokers.
        bootstrap: String,
    },
    /// A setting that may not be changed, or not to this value.
    #[error("cannot override the Kafka setting `{name}`: {reason}")]
    Override {
        /// Its name.
        name: String,
        /// Why not.
        reason: String,
    },
    /// A secret that cannot be had.
    #[error("cannot read a secret for the connection to Kafka")]
    Secret {
        /// Why not.
        #[source]
        source: SecretError,
    },
    /// A secret the client library would cut short.
    #[error("cannot use the secret at `{reference}`: it holds a zero byte")]
    NulInSecret {
        /// Where it is.
        reference: SecretRef,
    },
    /// A certificate or key.
    #[error("cannot read `{}` for the connection to Kafka", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// librdkafka refused the whole.
    #[error("cannot make a Kafka client: {reason}")]
    Client {
        /// What it said.
        reason: String,
    },
}

impl KafkaSetupError {
    /// What to do about it, where that is not obvious.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Insecure { .. } => Some(
                "set `security.protocol` to \"ssl\" or \"sasl_ssl\", or accept the risk with `insecure = true`",
            ),
            _ => None,
        }
    }

    /// librdkafka's refusal, without the value it refused: that can be a password.
    pub(super) fn from_client(error: &KafkaError) -> Self {
        let reason = match error {
            KafkaError::ClientConfig(_, _, name, _) => format!("it does not take the value of `{name}`"),
            KafkaError::ClientCreation(reason) => printable(reason),
            KafkaError::Nul(_) => "a setting holds a zero byte".to_owned(),
            other => printable(&other.to_string()),
        };
        Self::Client { reason }
    }
}
