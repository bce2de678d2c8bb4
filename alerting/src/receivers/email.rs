//! `email`: SMTP, with STARTTLS required unless configured otherwise.
//!
//! Accepted is what a mail server can say; whether somebody reads it nobody knows. An attempt again carries the same
//! `Message-ID`, and all messages of one incident stand in one thread. A 4xx is tried again. A 5xx before the message
//! means that we or our readers are not wanted there: the receiver rests and the message waits; a 5xx to the message
//! itself is answered once with a smaller one. A line that breaks while the message is on its way may have delivered
//! it. Readers whose address is refused are named to the others. Source: RFC 5321.

mod dialogue;
mod letter;

#[cfg(test)]
mod fake_smtp;
#[cfg(test)]
mod inert_tests;
#[cfg(test)]
mod tests;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use lettre::message::Mailbox;
use lettre::transport::smtp::authentication::Credentials;
use schemars::JsonSchema;
use serde::ser::Error as _;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;
use transport::tcp::{ConnectError, Destination, Dialer};
use transport::{HttpClient, SecretRef, SecretString};

use self::dialogue::{Dialogue, Step, Trouble};
use self::letter::{Letter, Thread};
use super::outcome::{Effect, Failure, with_causes};
use super::registry::{Opened, ReceiverProblem, resolve};
use super::{Attempt, Encoded, Fullness, MessageRef, Outcome};
use crate::card::{Card, Text};

/// How long a whole delivery may take: servers greet slowly on purpose, and read messages before they answer.
pub const SMTP_TIMEOUT: Duration = Duration::from_secs(30);
/// How many times as patient as with a request over HTTP that is, where the client is less patient than usual.
const PATIENCE: u32 = 3;
/// How long a server may take to say good-bye to a message that it has already accepted.
const GOODBYE_TIMEOUT: Duration = Duration::from_secs(1);
/// Most readers of one receiver.
const READERS_MAX: usize = 100;

/// An `email` receiver. It goes to public addresses unless `alerting.allow_targets` names its server, and trusts the
/// system's authorities and those of `alerting.extra_roots`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EmailConfig {
    /// The host of the mail server.
    #[schemars(length(min = 1))]
    pub server: String,
    /// Its port: 587 for STARTTLS, 465 for TLS from the first byte, unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 65_535))]
    pub port: Option<u16>,
    /// Who sends: `Sealwatch <sealwatch@example.com>`.
    #[schemars(length(min = 1))]
    pub from: String,
    /// Who reads. Who has to be told for certain gets a receiver of their own.
    #[schemars(length(min = 1, max = 100))]
    pub to: Vec<String>,
    /// How the connection is protected.
    #[serde(default)]
    pub encryption: MailEncryption,
    /// As whom to sign in, where the server asks for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub user: Option<String>,
    /// Where to find that user's password: `env:NAME` or `file:/path`. It never goes over an unencrypted connection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub password: Option<SecretRef>,
}

/// How a connection to a mail server is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum MailEncryption {
    /// STARTTLS, and no message goes without it.
    #[default]
    Starttls,
    /// TLS from the first byte.
    Tls,
    /// None. Everybody on the way can read, change and drop messages.
    None,
}

/// Why mail cannot be sent with these settings.
#[derive(Debug, thiserror::Error)]
pub enum MailProblem {
    /// What should be an address is none.
    #[error("cannot use `{address}` as a mail address")]
    Address {
        /// What was written.
        address: String,
        /// Why not.
        #[source]
        source: lettre::address::AddressError,
    },
    /// An address that needs an extension many servers do not have.
    #[error("cannot use `{address}` as a mail address: it has other characters than ASCII")]
    NotAscii {
        /// What was written.
        address: String,
    },
    /// Nobody reads, or too many do.
    #[error("cannot send mail to {count} readers: one to {READERS_MAX} are possible")]
    Readers {
        /// How many were written.
        count: usize,
    },
    /// A user without a password, or the other way round.
    #[error("cannot sign in with half of a user and password")]
    Half,
    /// A password would be readable on the way.
    #[error("cannot send a password over a connection without encryption")]
    Exposed,
}

/// Readers behind a mail server.
#[derive(Debug)]
pub struct Email {
    server: Destination,
    encryption: MailEncryption,
    from: Mailbox,
    to: Vec<Mailbox>,
    account: Option<(String, SecretString)>,
}

impl Email {
    pub(super) fn open(config: &EmailConfig) -> Result<Opened<Self>, ReceiverProblem> {
        let mut warnings = Vec::new();
        let mail = |source| ReceiverProblem::Mail { source };
        let port = config.port.unwrap_or(match config.encryption {
            MailEncryption::Tls => 465,
            MailEncryption::Starttls | MailEncryption::None => 587,
        });
        let server =
            Destination::parse(&config.server, port).map_err(|source| ReceiverProblem::Server { source })?;
        if !(1..=READERS_MAX).contains(&config.to.len()) {
            return Err(mail(MailProblem::Readers { count: config.to.len() }));
        }
        let from = mailbox(&config.from).map_err(mail)?;
        let to = config.to.iter().map(|text| mailbox(text)).collect::<Result<_, _>>().map_err(mail)?;
        let account = match (&config.user, &config.password) {
            (Some(_), Some(_)) if config.encryption == MailEncryption::None => {
                return Err(mail(MailProblem::Exposed));
            }
            (Some(user), Some(password)) => Some((user.clone(), resolve(password, &mut warnings)?)),
            (None, None) => None,
            _ => return Err(mail(MailProblem::Half)),
        };
        let encryption = config.encryption;
        let receiver = Self { server, encryption, from, to, account };
        Ok(Opened { receiver, warnings })
    }

    pub(super) async fn deliver(&self, http: &HttpClient, card: &Card, attempt: Attempt<'_>) -> Outcome {
        // Set from the first byte of the message to the server's word on it.
        let on_its_way = AtomicBool::new(false);
        let effect = || if on_its_way.load(Ordering::Relaxed) { Effect::Possible } else { Effect::None };
        let dialer = http.dialer();
        let patience = SMTP_TIMEOUT.min(dialer.patience() * PATIENCE);
        match timeout(patience, self.send(&dialer, card, attempt, &on_its_way)).await {
            Ok(Ok(thread)) => Outcome::Accepted(MessageRef::of(&thread)),
            Ok(Err(trouble)) => self.outcome(&trouble, effect()),
            Err(_) => {
                let words = format!("{} did not answer in time", self.server);
                Outcome::Retry { wish: None, failure: Failure::new(None, effect(), &words) }
            }
        }
    }

    async fn send(
        &self,
        dialer: &Dialer,
        card: &Card,
        attempt: Attempt<'_>,
        on_its_way: &AtomicBool,
    ) -> Result<Thread, Trouble> {
        let stream = dialer.connect(&self.server).await?;
        let own = stream.local_addr().map(|address| address.ip());
        let name = dialogue::name(own.ok());
        let said = match self.encryption {
            MailEncryption::None => {
                let mut dialogue = Dialogue::new(stream);
                dialogue.greeting(&name).await?;
                return self.tell(dialogue, card, attempt, on_its_way).await;
            }
            MailEncryption::Tls => {
                let mut dialogue = Dialogue::new(dialer.secure(&self.server, stream, None).await?);
                dialogue.greeting(&name).await?;
                dialogue
            }
            MailEncryption::Starttls => {
                let mut clear = Dialogue::new(stream);
                clear.greeting(&name).await?;
                let stream = clear.start_tls().await?;
                let mut dialogue = Dialogue::new(dialer.secure(&self.server, stream, None).await?);
                // All that was said in the clear is forgotten: anybody can have said it.
                dialogue.hello(&name).await?;
                dialogue
            }
        };
        self.tell(said, card, attempt, on_its_way).await
    }

    /// Signs in and hands the message over, and a smaller one if it is not taken.
    async fn tell<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        mut dialogue: Dialogue<S>,
        card: &Card,
        attempt: Attempt<'_>,
        on_its_way: &AtomicBool,
    ) -> Result<Thread, Trouble> {
        if let Some((user, password)) = &self.account {
            dialogue.sign_in(&Credentials::new(user.clone(), password.expose().to_owned())).await?;
        }
        let mut fullness = Fullness::Full;
        loop {
            let addresses: Vec<_> = self.to.iter().map(|reader| reader.email.clone()).collect();
            let refused = dialogue.envelope(&self.from.email, &addresses).await?;
            let mut card = card.clone();
            for (address, reply) in refused {
                tracing::warn!(server = %self.server, %address, %reply, "a reader of a message is refused");
                let told = Text::new().then("The mail server refused the address ").untrusted(address);
                card = card.noting(told.then(": nobody is told there."));
            }
            let letter = self.letter(&card, attempt, fullness)?;
            match dialogue.hand_over(&letter.bytes(), on_its_way).await {
                Err(trouble) if trouble.may_take_less() && fullness == Fullness::Full => {
                    fullness = Fullness::Minimal;
                }
                Err(trouble) => return Err(trouble),
                Ok(()) => {
                    // The server has the message, whatever becomes of the line now.
                    let _ = timeout(GOODBYE_TIMEOUT, dialogue.quit()).await;
                    return Ok(letter.thread);
                }
            }
        }
    }

    fn outcome(&self, trouble: &Trouble, effect: Effect) -> Outcome {
        let words = self.without_password(&format!("{}: {}", self.server, with_causes(trouble)));
        let failure = |effect| Failure::new(trouble.code(), effect, &words);
        match trouble {
            Trouble::Connect(ConnectError::Refused { .. })
            | Trouble::NoStartTls
            | Trouble::NoMechanism
            | Trouble::Refused {
                code: 500..=599,
                step: Step::Greeting | Step::SignIn | Step::Envelope,
                ..
            } => Outcome::Park(failure(Effect::None)),
            Trouble::Refused { code: 500..=599, step: Step::Message, .. } | Trouble::Letter { .. } => {
                Outcome::Dead(failure(Effect::None))
            }
            Trouble::Refused { .. } | Trouble::Connect(_) => {
                Outcome::Retry { wish: None, failure: failure(Effect::None) }
            }
            Trouble::Broken { .. } | Trouble::NotSmtp | Trouble::Endless | Trouble::Overtaken => {
                Outcome::Retry { wish: None, failure: failure(effect) }
            }
        }
    }

    /// Some servers repeat what they could not read.
    fn without_password(&self, words: &str) -> String {
        let Some((user, password)) = &self.account else { return words.to_owned() };
        let base64 = |text: &str| data_encoding::BASE64.encode(text.as_bytes());
        let password = password.expose();
        let plain = base64(&format!("\0{user}\0{password}"));
        [plain, base64(password), password.to_owned()]
            .iter()
            .fold(words.to_owned(), |words, secret| words.replace(secret.as_str(), "***"))
    }

    fn letter(&self, card: &Card, attempt: Attempt<'_>, fullness: Fullness) -> Result<Letter, Trouble> {
        let earlier = attempt.place.earlier().and_then(MessageRef::read::<Thread>);
        letter::write(card, attempt, fullness, &self.from, &self.to, earlier.as_ref())
            .map_err(|source| Trouble::Letter { source })
    }

    pub(super) fn encode(
        &self,
        card: &Card,
        attempt: Attempt<'_>,
        fullness: Fullness,
    ) -> Result<Encoded, serde_json::Error> {
        let letter = self.letter(card, attempt, fullness).map_err(serde_json::Error::custom)?;
        Ok(Encoded { body: letter.bytes(), content_type: "message/rfc822", headers: Vec::new() })
    }
}

fn mailbox(text: &str) -> Result<Mailbox, MailProblem> {
    let address = text.escape_debug().to_string();
    let mailbox: Mailbox =
        text.parse().map_err(|source| MailProblem::Address { address: address.clone(), source })?;
    let own: &str = mailbox.email.as_ref();
    // An address in ASCII needs no extension of the server's. A line break in it would be a command of its own.
    if !own.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(MailProblem::NotAscii { address });
    }
    Ok(mailbox)
}
