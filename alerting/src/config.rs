//! `[alerting]`: what concerns all receivers.

mod delivery;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use transport::secret::{SecretError, UrlError};
use transport::{AllowList, HttpPolicy, SecretRef, SecretUrl};

pub use delivery::{DeliveryConfig, Escalation};
use store::ReceiverId;

use crate::card::PublicUrl;
use crate::clicks::ClicksConfig;
use crate::heartbeat::HeartbeatConfig;
use crate::outbox::Pace;
use crate::templates::CardTemplates;

/// How long a first message waits for company if it is not critical, in seconds.
pub const GROUP_WAIT_SECONDS: u32 = 10;
/// How long growth waits after the last message about its incident, in seconds.
pub const GROUP_INTERVAL_SECONDS: u32 = 300;
/// How long an incident of high severity may go untaken before it is told again, in minutes.
pub const REPEAT_MINUTES: u32 = 24 * 60;
/// The longest file of extra certificates, in bytes.
const CERTIFICATES_MAX_BYTES: u64 = 1024 * 1024;

/// `[alerting]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AlertingConfig {
    /// Where people reach our pages: messages link there. Without it they carry no link.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub public_url: Option<PublicUrl>,
    /// How long a first message waits for company, in seconds; a critical one never waits.
    pub group_wait_seconds: u32,
    /// How long growth waits after the last message about its incident, in seconds.
    pub group_interval_seconds: u32,
    /// How long an incident that is high or critical may be left alone before it is told again, in minutes; 0 for
    /// never.
    #[schemars(range(max = 43_200))]
    pub repeat_minutes: u32,
    /// How messages reach one receiver, one `[alerting.delivery.<receiver>]` each.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub delivery: BTreeMap<String, DeliveryConfig>,
    /// A message every few minutes that says that the way is open.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub heartbeat: Option<HeartbeatConfig>,
    /// Sentences of your own for messages about incidents.
    #[serde(skip_serializing_if = "CardTemplates::is_empty")]
    pub card: CardTemplates,
    /// Where clicks on the buttons of a `slack-bot` are taken; without it they do nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clicks: Option<ClicksConfig>,
    /// Private targets that are meant: `host:port`, or networks such as `10.1.0.0/16`. All others are refused.
    #[schemars(with = "Vec<String>")]
    pub allow_targets: AllowList,
    /// Lets `http` URLs through.
    pub allow_insecure_http: bool,
    /// Where to find the URL of a proxy for all messages that go over HTTP: `env:NAME` or `file:/path`. The
    /// environment's own `*_PROXY` variables are not read.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub proxy: Option<SecretRef>,
    /// A file of certificates (PEM) that are trusted beside the system's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub extra_roots: Option<PathBuf>,
}

impl Default for AlertingConfig {
    fn default() -> Self {
        Self {
            public_url: None,
            group_wait_seconds: GROUP_WAIT_SECONDS,
            group_interval_seconds: GROUP_INTERVAL_SECONDS,
            repeat_minutes: REPEAT_MINUTES,
            delivery: BTreeMap::new(),
            heartbeat: None,
            card: CardTemplates::default(),
            clicks: None,
            allow_targets: AllowList::default(),
            allow_insecure_http: false,
            proxy: None,
            extra_roots: None,
        }
    }
}

/// Why the way out cannot be set up as configured.
#[derive(Debug, Error)]
pub enum AlertingConfigError {
    /// The proxy's URL cannot be read.
    #[error("cannot read the proxy's URL at `{reference}`")]
    ProxySecret {
        /// Where it should be.
        reference: SecretRef,
        /// Why not.
        #[source]
        source: SecretError,
    },
    /// The proxy's URL is none.
    #[error("cannot use the proxy's URL at `{reference}`")]
    ProxyUrl {
        /// Where it was found.
        reference: SecretRef,
        /// Why not.
        #[source]
        source: UrlError,
    },
    /// The certificates cannot be read.
    #[error("cannot read the certificates in {}", path.display())]
    ExtraRoots {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
}

impl AlertingConfig {
    /// The policy for the HTTP client that receivers send with.
    ///
    /// # Errors
    /// When the proxy's URL or the certificates cannot be read.
    pub fn http_policy(&self) -> Result<HttpPolicy, AlertingConfigError> {
        Ok(HttpPolicy {
            allow_insecure_http: self.allow_insecure_http,
            allow_targets: self.allow_targets.clone(),
            proxy: self.proxy.as_ref().map(proxy_url).transpose()?,
            extra_roots_pem: self.extra_roots.as_ref().map(certificates).transpose()?,
            ..HttpPolicy::default()
        })
    }

    pub(crate) fn group_wait_nanos(&self) -> i64 {
        nanos(self.group_wait_seconds)
    }

    pub(crate) fn group_interval_nanos(&self) -> i64 {
        nanos(self.group_interval_seconds)
    }

    /// How long until an incident is told again; `None` for never.
    pub(crate) fn repeat_nanos(&self) -> Option<i64> {
        (self.repeat_minutes > 0).then(|| nanos(self.repeat_minutes.saturating_mul(60)))
    }

    /// How fast this receiver is told, where its channel's own limit is `own`; `None` for as fast as can be.
    #[must_use]
    pub fn pace_of(&self, receiver: &ReceiverId, own: Option<Pace>) -> Option<Pace> {
        self.delivery_to(receiver).pace(own)
    }

    /// How messages reach this receiver.
    pub(crate) fn delivery_to(&self, receiver: &ReceiverId) -> DeliveryConfig {
        self.delivery.get(receiver.as_str()).cloned().unwrap_or_default()
    }
}

fn nanos(seconds: u32) -> i64 {
    i64::try_from(Duration::from_secs(seconds.into()).as_nanos()).unwrap_or(i64::MAX)
}

fn proxy_url(reference: &SecretRef) -> Result<SecretUrl, AlertingConfigError> {
    let resolved = reference
        .resolve()
        .map_err(|source| AlertingConfigError::ProxySecret { reference: reference.clone(), source })?;
    SecretUrl::parse(&resolved.secret)
        .map_err(|source| AlertingConfigError::ProxyUrl { reference: reference.clone(), source })
}

fn certificates(path: &PathBuf) -> Result<Vec<u8>, AlertingConfigError> {
    use std::io::Read as _;
    let mut pem = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(CERTIFICATES_MAX_BYTES).read_to_end(&mut pem))
        .map_err(|source| AlertingConfigError::ExtraRoots { path: path.clone(), source })?;
    Ok(pem)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_given_has_its_default_and_what_is_misspelt_is_refused() {
        let config: AlertingConfig = toml::from_str("public_url = \"https://watch.example\"").unwrap();
        assert_eq!(config.group_interval_nanos(), 300_000_000_000);
        assert_eq!(config.group_wait_nanos(), 10_000_000_000);
        assert!(toml::from_str::<AlertingConfig>("group_wait = 3").is_err());
        assert!(toml::from_str::<AlertingConfig>("public_url = \"javascript:alert(1)\"").is_err());
        assert!(toml::from_str::<AlertingConfig>("proxy = \"http://user:secret@proxy\"").is_err());
    }

    #[test]
    fn the_policy_follows_the_configuration() {
        let config: AlertingConfig =
            toml::from_str("allow_insecure_http = true\nallow_targets = [\"10.0.0.0/8\", \"chat.corp:443\"]")
                .unwrap();
        let policy = config.http_policy().unwrap();
        assert!(policy.allow_insecure_http);
        assert_eq!(policy.allow_targets, config.allow_targets);
        let missing =
            AlertingConfig { extra_roots: Some("/nonexistent.pem".into()), ..AlertingConfig::default() };
        let error = missing.http_policy().unwrap_err();
        assert_eq!(error.to_string(), "cannot read the certificates in /nonexistent.pem");
    }
}
