//! `syslog`: one message of RFC 5424 an incident, over TLS (RFC 5425), or in the clear where somebody wrote that down.
//!
//! Syslog has no answer, so a message is at most accepted: it was written to a connection that the other side then
//! closed without complaint, or kept open. A connection that is reset may have delivered it. Each message has its own
//! connection, since one that is kept open swallows what is written into it after the other side has gone.

mod frame;

#[cfg(test)]
mod tests;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::time::timeout;
use transport::HttpClient;
use transport::tcp::{ConnectError, Destination, Dialer, Identity};

use super::outcome::{Effect, Failure, with_causes};
use super::registry::{Opened, ReceiverProblem};
use super::{Attempt, Encoded, Fullness, Outcome};
use crate::card::Card;

/// How long we listen for a complaint before we say that this was all: a collector that does not take our certificate
/// ends the connection now, and with TLS 1.3 that is the only sign.
const COMPLAINT_TIMEOUT: Duration = Duration::from_millis(300);
/// How long the other side has to close a connection after we have.
const FAREWELL_TIMEOUT: Duration = Duration::from_secs(2);
/// Most bytes that are read of a side which should say nothing.
const ANSWER_MAX: usize = 4 * 1024;

/// A `syslog` receiver. It goes to public addresses unless `alerting.allow_targets` names its server, and trusts the
/// system's authorities and those of `alerting.extra_roots`. A message is accepted at most: syslog has no answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SyslogConfig {
    /// The host of the collector.
    #[schemars(length(min = 1))]
    pub server: String,
    /// Its port.
    #[serde(default = "port")]
    #[schemars(range(min = 1, max = 65_535))]
    pub port: u16,
    /// How the connection is protected.
    #[serde(default)]
    pub encryption: SyslogEncryption,
    /// Our certificate with its chain (PEM), where the collector asks for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<PathBuf>,
    /// That certificate's private key (PEM, PKCS#8).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<PathBuf>,
    /// What the message is.
    #[serde(default)]
    pub body: SyslogBody,
    /// The facility; 16 is `local0`.
    #[serde(default = "facility")]
    #[schemars(range(min = 0, max = 23))]
    pub facility: u8,
    /// What to call this machine; nothing, if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 255))]
    pub hostname: Option<String>,
    /// The private enterprise number that the structured data carries; 32473 is the one of examples (RFC 5612).
    #[serde(default = "enterprise")]
    #[schemars(range(min = 1))]
    pub enterprise: u32,
}

/// How a connection to a collector is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SyslogEncryption {
    /// TLS.
    #[default]
    Tls,
    /// None. Everybody on the way can read, change and drop messages.
    None,
}

/// What the message of a `syslog` receiver is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SyslogBody {
    /// One line for people; at most 8 KiB with all around it.
    #[default]
    Text,
    /// The native body as JSON; at most 32 KiB, which some collectors have to be told to take.
    Native,
}

const fn port() -> u16 {
    6514
}

const fn facility() -> u8 {
    16
}

const fn enterprise() -> u32 {
    32_473
}

/// Why a collector cannot be written to with these settings.
#[derive(Debug, thiserror::Error)]
pub enum SyslogProblem {
    /// Characters that have no place there.
    #[error("cannot call this machine `{hostname}`: 1 to 255 letters of ASCII without blanks can be a name")]
    Hostname {
        /// What was written.
        hostname: String,
    },
    /// Beyond what syslog has.
    #[error("cannot use the facility {facility}: there are 0 to 23")]
    Facility {
        /// What was written.
        facility: u8,
    },
    /// A certificate without a key, or the other way round.
    #[error("cannot show half of a certificate and key")]
    Half,
    /// They are for TLS.
    #[error("cannot show a certificate over a connection without encryption")]
    Unencrypted,
    /// A file that cannot be read.
    #[error("cannot read `{}`", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// They are no certificate and key, or do not belong together.
    #[error("cannot use the certificate and the key")]
    Identity {
        /// What the TLS library said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// Why a message was not written.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error("the connection broke")]
    Broken {
        #[from]
        source: io::Error,
    },
}

/// A collector.
#[derive(Debug)]
pub struct Syslog {
    server: Destination,
    encryption: SyslogEncryption,
    identity: Option<Identity>,
    style: frame::Style,
}

impl Syslog {
    pub(super) fn open(config: &SyslogConfig) -> Result<Opened<Self>, ReceiverProblem> {
        let server = Destination::parse(&config.server, config.port)
            .map_err(|source| ReceiverProblem::Server { source })?;
        let problem = |source| ReceiverProblem::Syslog { source };
        let style = frame::Style::of(config).map_err(problem)?;
        let identity = identity(config).map_err(problem)?;
        let encryption = config.encryption;
        Ok(Opened { receiver: Self { server, encryption, identity, style }, warnings: Vec::new() })
    }

    pub(super) async fn deliver(&self, http: &HttpClient, card: &Card, attempt: Attempt<'_>) -> Outcome {
        let message = match self.encode(card, attempt, Fullness::Full) {
            Ok(encoded) => encoded.body,
            Err(error) => return Outcome::Dead(Failure::new(None, Effect::None, &with_causes(&error))),
        };
        let (dialer, on_its_way) = (http.dialer(), AtomicBool::new(false));
        let frame = frame::counted(&message);
        let sent = timeout(dialer.patience(), self.send(&dialer, &frame, &on_its_way)).await;
        let effect = if on_its_way.load(Ordering::Relaxed) { Effect::Possible } else { Effect::None };
        let failure = |words: &str| Failure::new(None, effect, &format!("{}: {words}", self.server));
        match sent {
            Ok(Ok(())) => Outcome::Accepted(None),
            Ok(Err(trouble)) => {
                let failure = failure(&with_causes(&trouble));
                match trouble {
                    Trouble::Connect(ConnectError::Refused { .. }) => Outcome::Park(failure),
                    Trouble::Connect(_) | Trouble::Broken { .. } => Outcome::Retry { wish: None, failure },
                }
            }
            Err(_) => Outcome::Retry { wish: None, failure: failure("it did not take the message in time") },
        }
    }

    async fn send(&self, dialer: &Dialer, frame: &[u8], on_its_way: &AtomicBool) -> Result<(), Trouble> {
        let stream = dialer.connect(&self.server).await?;
        match self.encryption {
            SyslogEncryption::Tls => {
                let stream = dialer.secure(&self.server, stream, self.identity.as_ref()).await?;
                hand_over(stream, frame, on_its_way).await
            }
            SyslogEncryption::None => hand_over(stream, frame, on_its_way).await,
        }
    }

    /// The message without its frame.
    pub(super) fn encode(
        &self,
        card: &Card,
        attempt: Attempt<'_>,
        fullness: Fullness,
    ) -> Result<Encoded, serde_json::Error> {
        let body = self.style.message(card, attempt, fullness)?;
        Ok(Encoded { body, content_type: "application/syslog", headers: Vec::new() })
    }
}

/// Writes a message, says that this was all, and listens for a complaint.
async fn hand_over<S: AsyncRead + AsyncWrite + Unpin>(
    mut line: S,
    frame: &[u8],
    on_its_way: &AtomicBool,
) -> Result<(), Trouble> {
    on_its_way.store(true, Ordering::Relaxed);
    line.write_all(frame).await?;
    line.flush().await?;
    let mut answered = 0;
    let mut answer = [0; 512];
    match timeout(COMPLAINT_TIMEOUT, line.read(&mut answer)).await {
        Ok(Ok(0)) => return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
        Ok(read) => answered += read?,
        Err(_) => {}
    }
    line.shutdown().await?;
    while answered < ANSWER_MAX {
        match timeout(FAREWELL_TIMEOUT, line.read(&mut answer)).await {
            Ok(Ok(0)) | Err(_) => break,
            Ok(Ok(read)) => answered += read,
            // Closing without TLS's own farewell is what many collectors do once they have read everything.
            Ok(Err(error)) if with_causes(&error).contains("unexpected eof") => break,
            Ok(Err(error)) => return Err(error.into()),
        }
    }
    Ok(())
}

fn identity(config: &SyslogConfig) -> Result<Option<Identity>, SyslogProblem> {
    let read = |path: &Path| {
        std::fs::read(path).map_err(|source| SyslogProblem::Unreadable { path: path.to_owned(), source })
    };
    match (&config.certificate, &config.key) {
        (None, None) => Ok(None),
        _ if config.encryption == SyslogEncryption::None => Err(SyslogProblem::Unencrypted),
        (Some(certificate), Some(key)) => Identity::from_pem(&read(certificate)?, &read(key)?)
            .map(Some)
            .map_err(|source| SyslogProblem::Identity { source }),
        _ => Err(SyslogProblem::Half),
    }
}
