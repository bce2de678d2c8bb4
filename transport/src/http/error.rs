//! What can go wrong on the way out, and whether the other side can have heard the request.

use std::error::Error;
use std::io;

use crate::guard::Refusal;

/// The cause below an error: another library's, with every URL taken out.
type Cause = Box<dyn Error + Send + Sync>;

/// Whether a request without a reply can have had an effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// It cannot: no byte of it left. A repeat is the first attempt.
    NotSent,
    /// It can: it was on its way when the line broke. A repeat may be a second one and is to be marked so.
    Ambiguous,
}

/// Where a request was when its time was up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Name, TCP or TLS.
    Connect,
    /// Sending the request, or waiting for the reply's first line.
    Reply,
}

impl std::fmt::Display for Phase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Connect => "connecting",
            Self::Reply => "waiting for the reply",
        })
    }
}

/// Why there is no reply. `target` is `host:port`; path, query and user never appear.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// The guard forbids the target.
    #[error("cannot send to `{target}`: the address guard refuses it")]
    Refused {
        /// Host and port.
        target: String,
        /// Why.
        #[source]
        refusal: Refusal,
    },
    /// A header's name or value holds what HTTP cannot carry.
    #[error("cannot send to `{target}`: the header `{name}` holds characters that HTTP forbids")]
    InvalidHeader {
        /// Host and port.
        target: String,
        /// The header's name.
        name: String,
    },
    /// No connection: no such name, nobody listening, no route, or a proxy that refused.
    #[error("cannot connect to `{target}`")]
    Connect {
        /// Host and port.
        target: String,
        /// What the system said.
        #[source]
        source: Cause,
    },
    /// A connection, but no agreement on its encryption: wrong name, unknown authority, expired certificate.
    #[error("cannot establish TLS with `{target}`")]
    Tls {
        /// Host and port.
        target: String,
        /// What the TLS library said.
        #[source]
        source: Cause,
    },
    /// The time was up.
    #[error("cannot get a reply from `{target}` in time: it was still {phase}")]
    Timeout {
        /// Host and port.
        target: String,
        /// How far it had come.
        phase: Phase,
    },
    /// The connection broke, or what came back was not HTTP.
    #[error("cannot read a reply from `{target}`")]
    Broken {
        /// Host and port.
        target: String,
        /// What broke.
        #[source]
        source: Cause,
    },
}

impl HttpError {
    /// Whether the other side can have acted on the request.
    #[must_use]
    pub fn reach(&self) -> Reach {
        match self {
            Self::Refused { .. }
            | Self::InvalidHeader { .. }
            | Self::Connect { .. }
            | Self::Tls { .. }
            | Self::Timeout { phase: Phase::Connect, .. } => Reach::NotSent,
            Self::Timeout { phase: Phase::Reply, .. } | Self::Broken { .. } => Reach::Ambiguous,
        }
    }

    /// Host and port of the request.
    #[must_use]
    pub fn target(&self) -> &str {
        match self {
            Self::Refused { target, .. }
            | Self::InvalidHeader { target, .. }
            | Self::Connect { target, .. }
            | Self::Tls { target, .. }
            | Self::Timeout { target, .. }
            | Self::Broken { target, .. } => target,
        }
    }
}

/// Why a client could not be made.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The proxy's URL.
    #[error("cannot use the configured proxy")]
    Proxy {
        /// Why not.
        #[source]
        source: Cause,
    },
    /// The extra certificates.
    #[error("cannot read the extra root certificates as PEM")]
    Roots {
        /// Why not.
        #[source]
        source: Cause,
    },
    /// The TLS library, or a user agent that is no header value.
    #[error("cannot set up the HTTP client")]
    Client {
        /// Why not.
        #[source]
        source: Cause,
    },
}

/// Sorts an error of the exchange by what it means for the caller.
pub(super) fn from_exchange(target: String, error: reqwest::Error) -> HttpError {
    // The client's own message would end in "for url (…)".
    let error = error.without_url();
    if let Some(refusal) = find::<Refusal>(&error) {
        return HttpError::Refused { target, refusal: refusal.clone() };
    }
    let (is_connect, is_timeout) = (error.is_connect(), error.is_timeout());
    let is_tls = find::<native_tls::Error>(&error).is_some();
    let source = Box::new(error);
    match (is_connect, is_timeout) {
        (true, true) => HttpError::Timeout { target, phase: Phase::Connect },
        (true, false) if is_tls => HttpError::Tls { target, source },
        (true, false) => HttpError::Connect { target, source },
        (false, true) => HttpError::Timeout { target, phase: Phase::Reply },
        (false, false) => HttpError::Broken { target, source },
    }
}

/// The first error of a kind in the chain, also where an I/O error wraps it (its `source()` skips what it wraps).
fn find<'e, E: Error + 'static>(error: &'e (dyn Error + 'static)) -> Option<&'e E> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<E>() {
            return Some(found);
        }
        let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        if let Some(found) = wrapped.and_then(|wrapped| find::<E>(wrapped)) {
            return Some(found);
        }
        next = error.source();
    }
    None
}
