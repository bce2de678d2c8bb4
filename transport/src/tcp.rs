//! Connections for receivers that speak no HTTP: TCP, and TLS over it, judged by the guard like any request.
//!
//! What is judged is the address that is connected. A proxy is for HTTP alone: these connections go directly.

use std::error::Error;
use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::str::FromStr as _;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use reqwest::dns::{Name, Resolve};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_native_tls::TlsStream;

use crate::guard::{GuardedResolver, Passage, Refusal, judge};
use crate::http::HttpPolicy;
use crate::secret::{SecretString, SecretUrl, UrlError};

#[cfg(test)]
mod tests;

type Cause = Box<dyn Error + Send + Sync>;

/// A host and a port in the one spelling in which the guard compares them.
#[derive(Debug, Clone)]
pub struct Destination(SecretUrl);

impl Destination {
    /// Reads a host: a name, an IPv4 address, or an IPv6 one in brackets.
    ///
    /// # Errors
    /// When the host is none, or the port is 0.
    pub fn parse(host: &str, port: u16) -> Result<Self, UrlError> {
        let is_host = !host.contains(['/', '?', '#', '@', '\\']) && port != 0;
        let url = if is_host { format!("https://{host}:{port}/") } else { String::new() };
        let url = SecretUrl::parse(&SecretString::new(url))?;
        // A colon too many makes a port of something else.
        if url.port() == port { Ok(Self(url)) } else { Err(UrlError::NotAUrl) }
    }

    /// The host without brackets, as certificates name it.
    #[must_use]
    pub fn host(&self) -> &str {
        self.0.host().trim_start_matches('[').trim_end_matches(']')
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.authority())
    }
}

/// Who we are to servers that ask for a certificate: both parts in PEM.
#[derive(Clone)]
pub struct Identity(native_tls::Identity);

impl Identity {
    /// Takes a certificate with its chain, and its private key (PKCS#8).
    ///
    /// # Errors
    /// When one of them cannot be read, or they do not belong together. The error repeats nothing of the key.
    pub fn from_pem(certificate: &[u8], key: &[u8]) -> Result<Self, Cause> {
        Ok(Self(native_tls::Identity::from_pkcs8(certificate, key)?))
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Identity(***)")
    }
}

/// Makes connections that follow the policy of an [`HttpClient`](crate::HttpClient).
#[derive(Clone)]
pub struct Dialer {
    policy: Arc<HttpPolicy>,
    resolver: Arc<dyn Resolve>,
}

impl fmt::Debug for Dialer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dialer").field("policy", &self.policy).finish_non_exhaustive()
    }
}

impl Dialer {
    pub(crate) fn new(policy: Arc<HttpPolicy>, resolver: Arc<dyn Resolve>) -> Self {
        Self { policy, resolver }
    }

    /// How long everything that is done over one connection may take.
    #[must_use]
    pub fn patience(&self) -> Duration {
        self.policy.request_timeout
    }

    /// Connects to the first address of the host that answers.
    ///
    /// # Errors
    /// When the guard refuses the host or one of its addresses, or nobody answers in time.
    pub async fn connect(&self, to: &Destination) -> Result<TcpStream, ConnectError> {
        let refused = |refusal| ConnectError::Refused { target: to.to_string(), refusal };
        let passage = judge(&to.0, true, &self.policy.allow_targets).map_err(refused)?;
        let dialled = timeout(self.policy.connect_timeout, self.dial(to, passage));
        dialled.await.unwrap_or_else(|_| Err(ConnectError::Timeout { target: to.to_string() }))
    }

    async fn dial(&self, to: &Destination, passage: Passage) -> Result<TcpStream, ConnectError> {
        let unreachable = |source: Cause| ConnectError::Connect { target: to.to_string(), source };
        let mut last: Cause = "the name has no address".into();
        for address in self.addresses(to, passage).await? {
            match TcpStream::connect(address).await {
                Ok(stream) => return Ok(stream),
                Err(error) => last = Box::new(error),
            }
        }
        Err(unreachable(last))
    }

    async fn addresses(&self, to: &Destination, passage: Passage) -> Result<Vec<SocketAddr>, ConnectError> {
        let port = to.0.port();
        if let Ok(address) = to.host().parse::<IpAddr>() {
            return Ok(vec![SocketAddr::new(address, port)]);
        }
        let failed = |source: Cause| match source.downcast::<Refusal>() {
            Ok(refusal) => ConnectError::Refused { target: to.to_string(), refusal: *refusal },
            Err(source) => ConnectError::Connect { target: to.to_string(), source },
        };
        let name = Name::from_str(to.host()).map_err(|error| failed(Box::new(error)))?;
        let found = match passage {
            Passage::Named => self.resolver.resolve(name).await,
            Passage::Filtered => {
                let allowed = self.policy.allow_targets.clone();
                GuardedResolver::new(Arc::clone(&self.resolver), allowed, None).resolve(name).await
            }
        };
        Ok(found.map_err(failed)?.map(|address| SocketAddr::new(address.ip(), port)).collect())
    }

    /// Encrypts a connection: TLS 1.2 or later, with a certificate for this host from an authority that is trusted.
    ///
    /// # Errors
    /// When there is no agreement in time, or the certificate is not one to trust.
    pub async fn secure(
        &self,
        to: &Destination,
        stream: TcpStream,
        identity: Option<&Identity>,
    ) -> Result<Secured, ConnectError> {
        let failed = |source: Cause| ConnectError::Tls { target: to.to_string(), source };
        let connector = self.connector(identity).map_err(|error| failed(Box::new(error)))?;
        let connector = tokio_native_tls::TlsConnector::from(connector);
        match timeout(self.policy.connect_timeout, connector.connect(to.host(), stream)).await {
            Ok(Ok(stream)) => Ok(Secured(stream)),
            Ok(Err(error)) => Err(failed(Box::new(error))),
            Err(_) => Err(ConnectError::Timeout { target: to.to_string() }),
        }
    }

    fn connector(&self, identity: Option<&Identity>) -> Result<native_tls::TlsConnector, native_tls::Error> {
        let mut builder = native_tls::TlsConnector::builder();
        builder.min_protocol_version(Some(native_tls::Protocol::Tlsv12));
        if let Some(pem) = &self.policy.extra_roots_pem {
            for root in native_tls::Certificate::stack_from_pem(pem)? {
                builder.add_root_certificate(root);
            }
        }
        if let Some(Identity(identity)) = identity {
            builder.identity(identity.clone());
        }
        builder.build()
    }
}

/// An encrypted connection.
#[derive(Debug)]
pub struct Secured(TlsStream<TcpStream>);

impl AsyncRead for Secured {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl AsyncWrite for Secured {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}

/// Why there is no connection. Nothing of a message has been sent then. `target` is `host:port`.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The guard forbids the target.
    #[error("cannot connect to `{target}`: the address guard refuses it")]
    Refused {
        /// Host and port.
        target: String,
        /// Why.
        #[source]
        refusal: Refusal,
    },
    /// No such name, nobody listening, no route.
    #[error("cannot connect to `{target}`")]
    Connect {
        /// Host and port.
        target: String,
        /// What the system said.
        #[source]
        source: Cause,
    },
    /// No agreement on encryption: wrong name, unknown authority, expired certificate.
    #[error("cannot establish TLS with `{target}`")]
    Tls {
        /// Host and port.
        target: String,
        /// What the TLS library said.
        #[source]
        source: Cause,
    },
    /// The time was up.
    #[error("cannot connect to `{target}` in time")]
    Timeout {
        /// Host and port.
        target: String,
    },
}
