//! Buckets that speak Amazon S3's protocol: a list of keys, and objects whole. Nothing is written there.

use std::fmt;
use std::time::Duration;

use rusty_s3::actions::{ListObjectsV2, S3Action as _};
use rusty_s3::{Bucket, Credentials, UrlStyle};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::secret::SecretString;

/// How long one request may take, its body included: an object of [`OBJECT_MAX_BYTES`] over a slow line.
pub const BUCKET_REQUEST_TIMEOUT: Duration = Duration::from_secs(120);
/// How long a connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a signed URL is good; the request is sent at once.
const SIGNED_FOR: Duration = Duration::from_secs(300);
/// The largest object that is fetched, in bytes as it lies there.
pub const OBJECT_MAX_BYTES: usize = 64 << 20;
/// The largest answer to a listing: a thousand keys of a thousand bytes, each escaped threefold.
const LISTING_MAX_BYTES: usize = 8 << 20;

/// Where a bucket is.
#[derive(Debug, Clone)]
pub struct BucketPlace {
    /// The service's URL, such as `https://s3.eu-west-1.amazonaws.com`.
    pub endpoint: String,
    /// The bucket's name.
    pub name: String,
    /// The region that requests are signed for.
    pub region: String,
    /// How the bucket is named in a URL.
    pub style: BucketStyle,
}

/// How the bucket is named in a URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum BucketStyle {
    /// Before the host: Amazon's way.
    #[default]
    Host,
    /// At the beginning of the path: `MinIO`, Ceph and others.
    Path,
}

/// Who asks.
#[derive(Debug, Clone)]
pub struct BucketKey {
    /// The access key's id.
    pub id: SecretString,
    /// Its secret.
    pub secret: SecretString,
}

/// One object of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its key.
    pub key: String,
    /// Its size in bytes.
    pub size: u64,
}

/// Why a bucket cannot be asked.
#[derive(Debug, Error)]
pub enum BucketError {
    /// The settings name no bucket.
    #[error("could not use `{endpoint}` as the place of a bucket")]
    Place {
        /// What was given.
        endpoint: String,
        /// Why.
        #[source]
        cause: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The client cannot be made.
    #[error("could not set up a client for buckets")]
    Setup(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// No answer came.
    #[error("could not {what}")]
    NoAnswer {
        /// What was asked.
        what: String,
        /// Why.
        #[source]
        cause: Box<dyn std::error::Error + Send + Sync>,
    },
    /// It was refused.
    #[error("could not {what}: the service answered {status}{}", code.as_ref().map(|code| format!(" ({code})")).unwrap_or_default())]
    Refused {
        /// What was asked.
        what: String,
        /// The HTTP status.
        status: u16,
        /// The service's own word, such as `NoSuchKey`.
        code: Option<String>,
    },
    /// The answer is no listing.
    #[error("could not read the list of keys")]
    Unreadable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// It is larger than it may be.
    #[error("could not {what}: it is larger than {most} bytes")]
    TooLarge {
        /// What was asked.
        what: String,
        /// The bound.
        most: usize,
    },
}

impl BucketError {
    /// Whether the object is not there, or too large: asking again will not help.
    #[must_use]
    pub fn is_final(&self) -> bool {
        matches!(self, Self::TooLarge { .. }) || matches!(self, Self::Refused { status: 404 | 410, .. })
    }
}

/// A client for one bucket. It blocks: give it a thread.
pub struct BucketClient {
    bucket: Bucket,
    credentials: Option<Credentials>,
    http: reqwest::Client,
    runtime: tokio::runtime::Runtime,
}

impl fmt::Debug for BucketClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BucketClient").field("bucket", &self.bucket.name()).finish_non_exhaustive()
    }
}

impl BucketClient {
    /// A client for this bucket; without a key it asks as anybody.
    ///
    /// # Errors
    /// [`BucketError::Place`] or [`BucketError::Setup`].
    pub fn new(place: &BucketPlace, key: Option<&BucketKey>) -> Result<Self, BucketError> {
        let refuse = |cause| BucketError::Place { endpoint: place.endpoint.clone(), cause };
        let endpoint = reqwest::Url::parse(&place.endpoint).map_err(|error| refuse(error.into()))?;
        let style = match place.style {
            BucketStyle::Host => UrlStyle::VirtualHost,
            BucketStyle::Path => UrlStyle::Path,
        };
        let bucket = Bucket::new(endpoint, style, place.name.clone(), place.region.clone())
            .map_err(|error| refuse(error.into()))?;
        let http = reqwest::Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(BUCKET_REQUEST_TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .tls_version_min(reqwest::tls::Version::TLS_1_2)
            .user_agent(concat!("sealwatch/", env!("CARGO_PKG_VERSION")))
            .no_proxy()
            .build()
            .map_err(|error| BucketError::Setup(error.without_url().into()))?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        Ok(Self {
            bucket,
            credentials: key.map(|key| Credentials::new(key.id.expose(), key.secret.expose())),
            http,
            runtime: runtime.map_err(|error| BucketError::Setup(error.into()))?,
        })
    }

    /// The next thousand keys at most that begin with `prefix` and sort behind `after`, in order; the list is empty when
    /// there are none.
    ///
    /// # Errors
    /// [`BucketError`] when the service does not answer, refuses, or answers with something else.
    pub fn list(&self, prefix: &str, after: Option<&str>) -> Result<Vec<Listed>, BucketError> {
        let mut action = self.bucket.list_objects_v2(self.credentials.as_ref());
        action.with_prefix(prefix);
        if let Some(after) = after {
            action.with_start_after(after);
        }
        let what = format!("list `{prefix}*` of bucket `{}`", self.bucket.name());
        let body = self.get(&action.sign(SIGNED_FOR), &what, LISTING_MAX_BYTES)?;
        let text = String::from_utf8(body).map_err(|error| BucketError::Unreadable(error.into()))?;
        let listing = ListObjectsV2::parse_response(&text)
            .map_err(|error| BucketError::Unreadable(error.to_string().into()))?;
        let listed = listing.contents.into_iter();
        Ok(listed.map(|own| Listed { key: own.key, size: own.size.unwrap_or(0) }).collect())
    }

    /// An object, whole.
    ///
    /// # Errors
    /// As [`BucketClient::list`], and [`BucketError::TooLarge`] above [`OBJECT_MAX_BYTES`].
    pub fn fetch(&self, key: &str) -> Result<Vec<u8>, BucketError> {
        let url = self.bucket.get_object(self.credentials.as_ref(), key).sign(SIGNED_FOR);
        self.get(&url, &format!("fetch `{key}` of bucket `{}`", self.bucket.name()), OBJECT_MAX_BYTES)
    }

    fn get(&self, url: &reqwest::Url, what: &str, most: usize) -> Result<Vec<u8>, BucketError> {
        // A signed URL is good for whoever has it: no error may repeat it.
        let no_answer = |error: reqwest::Error| BucketError::NoAnswer {
            what: what.to_owned(),
            cause: error.without_url().into(),
        };
        self.runtime.block_on(async {
            let mut answer = self.http.get(url.clone()).send().await.map_err(no_answer)?;
            let status = answer.status().as_u16();
            let mut body = Vec::new();
            while let Some(chunk) = answer.chunk().await.map_err(no_answer)? {
                if body.len() + chunk.len() > most {
                    return Err(BucketError::TooLarge { what: what.to_owned(), most });
                }
                body.extend_from_slice(&chunk);
            }
            if status != 200 {
                return Err(BucketError::Refused { what: what.to_owned(), status, code: code_of(&body) });
            }
            Ok(body)
        })
    }
}

/// The service's own word for what is wrong: `<Code>NoSuchKey</Code>`, if it is a word.
fn code_of(body: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(body);
    let (_, rest) = text.split_once("<Code>")?;
    let (code, _) = rest.split_once("</Code>")?;
    let is_word = (1..=64).contains(&code.len()) && code.bytes().all(|byte| byte.is_ascii_alphanumeric());
    is_word.then(|| code.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_service_s_word_is_taken_if_it_is_one() {
        assert_eq!(code_of(b"<Error><Code>NoSuchKey</Code></Error>").as_deref(), Some("NoSuchKey"));
        assert_eq!(code_of(b"<Code>a b</Code>"), None);
        assert_eq!(code_of(b"\xff"), None);
    }

    #[test]
    fn what_names_no_bucket_is_refused_and_no_key_is_shown() {
        let place = |endpoint: &str| BucketPlace {
            endpoint: endpoint.to_owned(),
            name: "logs".to_owned(),
            region: "eu-west-1".to_owned(),
            style: BucketStyle::Path,
        };
        for bad in ["", "s3", "ftp://s3", "https://"] {
            assert!(matches!(BucketClient::new(&place(bad), None), Err(BucketError::Place { .. })), "{bad}");
        }
        let key = BucketKey {
            id: SecretString::new("AKIA1".to_owned()),
            secret: SecretString::new("hush".to_owned()),
        };
        // Nobody listens on port 9 of this machine.
        let client = BucketClient::new(&place("http://127.0.0.1:9"), Some(&key)).unwrap();
        let error = client.fetch("a").unwrap_err();
        let shown = format!("{client:?} {key:?} {error} {error:?}");
        assert!(
            !shown.contains("AKIA1") && !shown.contains("hush") && !shown.contains("Signature"),
            "{shown}"
        );
    }
}
