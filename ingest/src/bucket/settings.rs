//! A source's `bucket`: where it is, what of it is read, and who asks.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use transport::bucket::{BucketClient, BucketError, BucketKey, BucketPlace, BucketStyle};
use transport::secret::{SecretError, SecretRef};

/// Seconds between two listings, unless configured.
const DEFAULT_EVERY_SECONDS: u32 = 60;

/// A bucket that speaks Amazon S3's protocol.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BucketSettings {
    /// The service's URL, such as `https://s3.eu-west-1.amazonaws.com`.
    #[schemars(length(min = 1))]
    pub endpoint: String,
    /// The bucket's name; the stream is called after it.
    #[schemars(length(min = 1))]
    pub name: String,
    /// The region that requests are signed for.
    #[schemars(length(min = 1))]
    pub region: String,
    /// How the bucket is named in a URL.
    #[serde(default)]
    pub style: BucketStyle,
    /// What the keys begin with. Keys of a source sort by time: give each account and region a source of its own.
    #[serde(default)]
    pub prefix: String,
    /// The key behind which reading begins, if not at the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub after: Option<String>,
    /// The access key's id: `env:NAME` or `file:/path`. Without one the bucket is asked as anybody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub key_id: Option<SecretRef>,
    /// The access key's secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub secret: Option<SecretRef>,
    /// Seconds between two listings.
    #[serde(default = "default_every")]
    #[schemars(range(min = 1, max = 86_400))]
    pub every_seconds: u32,
}

const fn default_every() -> u32 {
    DEFAULT_EVERY_SECONDS
}

/// Why there is no key.
#[derive(Debug, Error)]
pub enum BucketSecretError {
    /// A part of it is not where it should be.
    #[error("could not read a part of it")]
    Unreadable(#[from] SecretError),
    /// One half alone opens nothing.
    #[error("could not use a key of which one half is given")]
    Half,
}

impl BucketSettings {
    /// Whether it can be a place.
    ///
    /// # Errors
    /// [`BucketError`] when the endpoint, or the name in it, makes no URL.
    pub fn check(&self) -> Result<(), BucketError> {
        BucketClient::new(&self.place(), None).map(drop)
    }

    /// Whether other machines are asked without TLS.
    #[must_use]
    pub fn is_in_the_clear(&self) -> bool {
        let rest = self.endpoint.strip_prefix("http://");
        let host = rest.map(|rest| rest.split(['/', ':']).next().unwrap_or(rest));
        host.is_some_and(|host| !matches!(host, "localhost" | "127.0.0.1" | "[" | "[::1]"))
    }

    pub(super) fn place(&self) -> BucketPlace {
        BucketPlace {
            endpoint: self.endpoint.clone(),
            name: self.name.clone(),
            region: self.region.clone(),
            style: self.style,
        }
    }

    pub(super) fn key(&self) -> Result<Option<BucketKey>, BucketSecretError> {
        match (&self.key_id, &self.secret) {
            (Some(id), Some(secret)) => {
                Ok(Some(BucketKey { id: id.resolve()?.secret, secret: secret.resolve()?.secret }))
            }
            (None, None) => Ok(None),
            _ => Err(BucketSecretError::Half),
        }
    }

    pub(super) fn every(&self) -> Duration {
        Duration::from_secs(self.every_seconds.into())
    }
}
