//! What is said to a mail server, and what it says: RFC 5321, STARTTLS (RFC 3207) and signing in (RFC 4954).
//!
//! The grammar of commands and replies is lettre's; reading and writing is ours, as it has to be bounded, has to say
//! whether the message was on its way when the line broke, and must not take words said before TLS for words said
//! after it (lettre keeps them in its buffer, and whoever sits on the way could accept a message in the server's name).

use std::fmt::{self, Display};
use std::io;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};

use lettre::Address;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::commands::{Auth, Data, Ehlo, Mail, Quit, Rcpt, Rset, Starttls};
use lettre::transport::smtp::extension::{ClientId, Extension, ServerInfo};
use lettre::transport::smtp::response::Response;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use transport::tcp::ConnectError;

/// Most bytes of one reply: an EHLO with many extensions takes one or two thousand.
pub(super) const REPLY_MAX: usize = 16 * 1024;
/// Most questions of a server when we sign in; LOGIN has two.
const QUESTIONS_MAX: usize = 4;

/// What was being done when something went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Greeting,
    SignIn,
    Envelope,
    Message,
}

impl Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Greeting => "the connection",
            Self::SignIn => "the login",
            Self::Envelope => "sender or readers",
            Self::Message => "the message",
        })
    }
}

/// Why a message was not handed over.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error("it refuses {step}: {code} {words}")]
    Refused { step: Step, code: u16, words: String },
    #[error("the connection broke")]
    Broken {
        #[from]
        source: io::Error,
    },
    #[error("what it says is not SMTP")]
    NotSmtp,
    #[error("what it says does not end")]
    Endless,
    #[error("it does not offer STARTTLS, and nothing goes without encryption")]
    NoStartTls,
    #[error("somebody talks in the clear after STARTTLS was agreed on")]
    Overtaken,
    #[error("it offers no way to sign in with a password")]
    NoMechanism,
    #[error("the message cannot be written")]
    Letter {
        #[source]
        source: lettre::error::Error,
    },
}

impl Trouble {
    pub(super) const fn code(&self) -> Option<u16> {
        match self {
            Self::Refused { code, .. } => Some(*code),
            _ => None,
        }
    }

    /// Whether a smaller message may be taken: the message itself was refused for good.
    pub(super) const fn may_take_less(&self) -> bool {
        matches!(self, Self::Refused { step: Step::Message, code: 500..=599, .. })
    }
}

/// How we introduce ourselves: by our address, as our name means nothing to the server.
pub(super) fn name(own: Option<IpAddr>) -> ClientId {
    match own {
        Some(IpAddr::V4(address)) => ClientId::Ipv4(address),
        Some(IpAddr::V6(address)) => ClientId::Ipv6(address),
        None => ClientId::default(),
    }
}

/// A connection on which one speaks and then the other.
pub(super) struct Dialogue<S> {
    line: S,
    /// What has arrived and was not read yet.
    unread: Vec<u8>,
    server: ServerInfo,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Dialogue<S> {
    pub(super) fn new(line: S) -> Self {
        Self { line, unread: Vec::new(), server: ServerInfo::default() }
    }

    /// Waits for the server's first words, and introduces us.
    pub(super) async fn greeting(&mut self, name: &ClientId) -> Result<(), Trouble> {
        positive(self.reply().await?, Step::Greeting)?;
        self.hello(name).await
    }

    /// Introduces us.
    pub(super) async fn hello(&mut self, name: &ClientId) -> Result<(), Trouble> {
        let reply = positive(self.command(Ehlo::new(name.clone())).await?, Step::Greeting)?;
        // Keywords may be written in any case, and the parser knows one.
        let lines = reply.message().map(str::to_ascii_uppercase).collect();
        let reply = Response::new(reply.code(), lines);
        self.server = ServerInfo::from_response(&reply).map_err(|_| Trouble::NotSmtp)?;
        Ok(())
    }

    /// Agrees on TLS, and gives the connection back for it.
    pub(super) async fn start_tls(mut self) -> Result<S, Trouble> {
        if !self.server.supports_feature(Extension::StartTls) {
            return Err(Trouble::NoStartTls);
        }
        positive(self.command(Starttls).await?, Step::Greeting)?;
        if self.unread.is_empty() { Ok(self.line) } else { Err(Trouble::Overtaken) }
    }

    /// Signs in by the first way that both know.
    pub(super) async fn sign_in(&mut self, account: &Credentials) -> Result<(), Trouble> {
        const QUESTION: u16 = 334;
        let way = self.server.get_auth_mechanism(DEFAULT_MECHANISMS).ok_or(Trouble::NoMechanism)?;
        let auth = Auth::new(way, account.clone(), None).map_err(|_| Trouble::NoMechanism)?;
        let mut reply = positive(self.command(auth).await?, Step::SignIn)?;
        for _ in 0..QUESTIONS_MAX {
            if !reply.has_code(QUESTION) {
                return Ok(());
            }
            let answer =
                Auth::new_from_response(way, account.clone(), &reply).map_err(|_| Trouble::NoMechanism)?;
            reply = positive(self.command(answer).await?, Step::SignIn)?;
        }
        Err(Trouble::NoMechanism)
    }

    /// Says from whom and to whom. Returns whom the server refuses, where it takes at least one of them.
    pub(super) async fn envelope(
        &mut self,
        from: &Address,
        to: &[Address],
    ) -> Result<Vec<(String, String)>, Trouble> {
        positive(self.command(Mail::new(Some(from.clone()), Vec::new())).await?, Step::Envelope)?;
        let (mut refused, mut last) = (Vec::new(), None);
        for reader in to {
            match positive(self.command(Rcpt::new(reader.clone(), Vec::new())).await?, Step::Envelope) {
                Ok(_) => {}
                Err(trouble) => {
                    refused.push((reader.to_string(), trouble.to_string()));
                    // If nobody is taken, one who may be taken later decides.
                    if last.as_ref().and_then(Trouble::code).is_none_or(|code| code >= 500) {
                        last = Some(trouble);
                    }
                }
            }
        }
        match last {
            Some(trouble) if refused.len() == to.len() => Err(trouble),
            _ => Ok(refused),
        }
    }

    /// Hands the message over; `on_its_way` is set while nobody knows whether the server has it.
    pub(super) async fn hand_over(&mut self, message: &[u8], on_its_way: &AtomicBool) -> Result<(), Trouble> {
        const GO_ON: u16 = 354;
        let reply = positive(self.command(Data).await?, Step::Message)?;
        if !reply.has_code(GO_ON) {
            return Err(Trouble::NotSmtp);
        }
        on_its_way.store(true, Ordering::Relaxed);
        self.line.write_all(&stuffed(message)).await?;
        self.line.flush().await?;
        let reply = self.reply().await?;
        on_its_way.store(false, Ordering::Relaxed);
        match positive(reply, Step::Message) {
            Ok(_) => Ok(()),
            Err(trouble) => {
                // The next envelope begins anew, whatever the server made of this one.
                if trouble.may_take_less() {
                    positive(self.command(Rset).await?, Step::Message)?;
                }
                Err(trouble)
            }
        }
    }

    /// Says good-bye.
    pub(super) async fn quit(&mut self) -> Result<(), Trouble> {
        self.command(Quit).await.map(|_| ())
    }

    async fn command(&mut self, command: impl Display) -> Result<Response, Trouble> {
        self.line.write_all(command.to_string().as_bytes()).await?;
        self.line.flush().await?;
        self.reply().await
    }

    /// The next reply, which may have several lines.
    async fn reply(&mut self) -> Result<Response, Trouble> {
        loop {
            if let Some(end) = reply_end(&self.unread) {
                let reply: Vec<u8> = self.unread.drain(..end).collect();
                return parsed(&reply).ok_or(Trouble::NotSmtp);
            }
            if self.unread.len() >= REPLY_MAX {
                return Err(Trouble::Endless);
            }
            let mut chunk = [0; 1_024];
            let read = self.line.read(&mut chunk).await?;
            if read == 0 {
                return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
            }
            self.unread.extend_from_slice(&chunk[..read]);
        }
    }
}

/// Where the first whole reply ends: after a line whose code is not followed by `-`.
fn reply_end(bytes: &[u8]) -> Option<usize> {
    let mut begin = 0;
    while let Some(length) = bytes[begin..].iter().position(|byte| *byte == b'\n') {
        let line = &bytes[begin..begin + length];
        begin += length + 1;
        if line.get(3) != Some(&b'-') {
            return Some(begin);
        }
    }
    None
}

fn parsed(reply: &[u8]) -> Option<Response> {
    let text = String::from_utf8_lossy(reply);
    let mut whole = String::with_capacity(text.len() + 1);
    for line in text.lines() {
        let line = line.trim_end_matches('\r');
        whole.push_str(line);
        // A bare code is a reply too.
        if line.len() == 3 {
            whole.push(' ');
        }
        whole.push_str("\r\n");
    }
    whole.parse().ok()
}

fn positive(reply: Response, step: Step) -> Result<Response, Trouble> {
    if reply.is_positive() {
        return Ok(reply);
    }
    let words = reply.message().collect::<Vec<_>>().join(" ");
    Err(Trouble::Refused { step, code: reply.code().into(), words })
}

/// The message with another dot before each line that begins with one, and the dot that ends it.
fn stuffed(message: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(message.len() + 64);
    let mut at_begin = true;
    for byte in message {
        if at_begin && *byte == b'.' {
            bytes.push(b'.');
        }
        bytes.push(*byte);
        at_begin = *byte == b'\n';
    }
    if !at_begin {
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b".\r\n");
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_ends_with_its_last_line_and_may_be_bare() {
        for (bytes, end, code) in [
            ("220 ready\r\n", Some(11), Some(220)),
            ("250-a\r\n250-b\r\n250 c\r\nrest", Some(21), Some(250)),
            ("250\r\n", Some(5), Some(250)),
            ("250 lenient\n", Some(12), Some(250)),
            ("250-a\r\n250-b", None, None),
            ("hello\r\n", Some(7), None),
            ("250-a\r\n550 b\r\n", Some(14), None),
        ] {
            assert_eq!(reply_end(bytes.as_bytes()), end, "{bytes:?}");
            let reply = end.and_then(|end| parsed(&bytes.as_bytes()[..end]));
            assert_eq!(reply.map(|reply| u16::from(reply.code())), code, "{bytes:?}");
        }
    }

    #[test]
    fn no_line_of_a_message_ends_it() {
        assert_eq!(stuffed(b".\r\na\r\n..b"), b"..\r\na\r\n...b\r\n.\r\n");
        assert_eq!(stuffed(b"a\n.\n"), b"a\n..\n.\r\n");
    }
}
