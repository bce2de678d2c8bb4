//! The HTTP client for notifications: guarded, impatient, and honest about whether the other side may have heard.
//!
//! Connect within 3 s, everything within 10 s, at most 64 KiB of the reply, no redirects, no decompression, no
//! proxy unless one is configured, https unless `allow_insecure_http`, TLS 1.2 or later, and a new connection for
//! every request, so that each one is judged by the address it really goes to.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use reqwest::dns::Resolve;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use tokio::time::{Instant, timeout_at};

mod error;
mod reply;
mod retry_after;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod tls_tests;

pub use error::{HttpError, Phase, Reach, SetupError};
pub use reply::{BodyEnd, REPLY_MAX_BYTES, Reply};
pub use retry_after::{RETRY_AFTER_MAX, parse_retry_after};

use crate::clock::{Clock, SystemClock};
use crate::guard::{AllowList, Answers, GivenResolver, GuardedResolver, Passage, SystemResolver, judge};
use crate::secret::SecretUrl;
use crate::tcp::Dialer;

/// How long a connection (name, TCP, TLS) may take.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// How long a whole request may take, the reply's body included.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// How the client may reach out.
#[derive(Debug, Clone)]
pub struct HttpPolicy {
    /// Limit for name, TCP and TLS.
    pub connect_timeout: Duration,
    /// Limit for the whole request.
    pub request_timeout: Duration,
    /// Lets `http` URLs through.
    pub allow_insecure_http: bool,
    /// Private targets that are meant.
    pub allow_targets: AllowList,
    /// A proxy for all requests; the environment's `*_PROXY` variables are never read. The guard then sees the
    /// proxy's address and the addresses written in URLs, but names are resolved by the proxy.
    pub proxy: Option<SecretUrl>,
    /// Certificates (PEM) trusted beside the system's, for targets with a private authority.
    pub extra_roots_pem: Option<Vec<u8>>,
    /// The `User-Agent` header.
    pub user_agent: String,
}

impl Default for HttpPolicy {
    fn default() -> Self {
        Self {
            connect_timeout: CONNECT_TIMEOUT,
            request_timeout: REQUEST_TIMEOUT,
            allow_insecure_http: false,
            allow_targets: AllowList::default(),
            proxy: None,
            extra_roots_pem: None,
            user_agent: concat!("sealwatch/", env!("CARGO_PKG_VERSION")).to_owned(),
        }
    }
}

/// What to do at the URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Create.
    Post,
    /// Replace.
    Put,
    /// Change a message that was sent before.
    Patch,
    /// Look something up.
    Get,
    /// Remove.
    Delete,
}

impl From<Method> for reqwest::Method {
    fn from(method: Method) -> Self {
        match method {
            Method::Post => Self::POST,
            Method::Put => Self::PUT,
            Method::Patch => Self::PATCH,
            Method::Get => Self::GET,
            Method::Delete => Self::DELETE,
        }
    }
}

/// One request. Its `Debug` shows the names of the headers and the length of the body, no more.
#[derive(Clone)]
pub struct Request<'a> {
    /// Where to.
    pub url: &'a SecretUrl,
    /// Further headers; their values are treated as secrets.
    pub headers: &'a [(&'a str, &'a str)],
    /// The body.
    pub body: Vec<u8>,
    /// Its `Content-Type`; empty sends none.
    pub content_type: &'a str,
}

impl fmt::Debug for Request<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.headers.iter().map(|(name, _)| *name).collect();
        f.debug_struct("Request")
            .field("url", self.url)
            .field("headers", &names)
            .field("body_bytes", &self.body.len())
            .field("content_type", &self.content_type)
            .finish()
    }
}

/// The client. Cheap to clone; use one for the whole process.
#[derive(Clone)]
pub struct HttpClient {
    /// For names whose answers are filtered.
    filtered: reqwest::Client,
    /// For the hosts an administrator named; they may resolve to anything.
    named: reqwest::Client,
    resolver: Arc<dyn Resolve>,
    policy: Arc<HttpPolicy>,
    clock: Arc<dyn Clock>,
}

impl fmt::Debug for HttpClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpClient").field("policy", &self.policy).finish_non_exhaustive()
    }
}

impl HttpClient {
    /// A client that follows the policy.
    ///
    /// # Errors
    /// When the extra certificates or the proxy cannot be used, or the TLS library cannot be started.
    pub fn new(policy: HttpPolicy) -> Result<Self, SetupError> {
        Self::with_resolver(policy, Arc::new(SystemResolver))
    }

    /// Takes the time, against which a `Retry-After` date is read, from this clock.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// A client that asks this function for the addresses of a name, not the system: for tests of what happens when
    /// a name server lies. The guard judges the answers as any others.
    ///
    /// # Errors
    /// As [`HttpClient::new`].
    pub fn with_names(policy: HttpPolicy, answers: Arc<Answers>) -> Result<Self, SetupError> {
        Self::with_resolver(policy, Arc::new(GivenResolver(answers)))
    }

    pub(crate) fn with_resolver(policy: HttpPolicy, resolver: Arc<dyn Resolve>) -> Result<Self, SetupError> {
        let proxy_host = policy.proxy.as_ref().map(|proxy| proxy.host().to_owned());
        let guarded = GuardedResolver::new(resolver.clone(), policy.allow_targets.clone(), proxy_host);
        Ok(Self {
            filtered: build(&policy, Arc::new(guarded))?,
            named: build(&policy, Arc::clone(&resolver))?,
            resolver,
            policy: Arc::new(policy),
            clock: Arc::new(SystemClock::new()),
        })
    }

    /// Makes connections for what speaks no HTTP, under the same policy.
    #[must_use]
    pub fn dialer(&self) -> Dialer {
        Dialer::new(Arc::clone(&self.policy), Arc::clone(&self.resolver))
    }

    /// Posts a request; see [`HttpClient::send`].
    ///
    /// # Errors
    /// As [`HttpClient::send`].
    pub async fn post(&self, request: Request<'_>) -> Result<Reply, HttpError> {
        self.send(Method::Post, request).await
    }

    /// Sends a request and reads the reply, whatever its status. Once a status has arrived this succeeds: a body
    /// that is cut, breaks off or never ends is told by [`Reply::body_end`].
    ///
    /// # Errors
    /// When no reply came. [`HttpError::reach`] tells whether the other side can have acted on the request.
    pub async fn send(&self, method: Method, request: Request<'_>) -> Result<Reply, HttpError> {
        let target = request.url.authority();
        let passage = judge(request.url, self.policy.allow_insecure_http, &self.policy.allow_targets)
            .map_err(|refusal| HttpError::Refused { target: target.clone(), refusal })?;
        let client = match passage {
            Passage::Filtered => &self.filtered,
            Passage::Named => &self.named,
        };
        let outgoing = client
            .request(method.into(), request.url.expose().clone())
            .headers(headers(&target, &request)?)
            .body(request.body);

        let deadline = Instant::now() + self.policy.request_timeout;
        let mut answer = match timeout_at(deadline, outgoing.send()).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => return Err(error::from_exchange(target, error)),
            Err(_) => return Err(HttpError::Timeout { target, phase: Phase::Reply }),
        };
        let status = answer.status().as_u16();
        let retry_after = answer
            .headers()
            .get(RETRY_AFTER)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| parse_retry_after(value, self.clock.now()));
        let (body, body_end) = reply::read_body(&mut answer, deadline).await;
        Ok(Reply { status, retry_after, body, body_end })
    }
}

fn build(policy: &HttpPolicy, resolver: Arc<dyn Resolve>) -> Result<reqwest::Client, SetupError> {
    let mut builder = reqwest::Client::builder()
        .dns_resolver(resolver)
        .connect_timeout(policy.connect_timeout)
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .http1_only()
        .tls_version_min(reqwest::tls::Version::TLS_1_2)
        .pool_max_idle_per_host(0)
        .user_agent(policy.user_agent.as_str())
        .no_proxy();
    if let Some(proxy) = &policy.proxy {
        let proxy = reqwest::Proxy::all(proxy.expose().clone())
            .map_err(|error| SetupError::Proxy { source: Box::new(error.without_url()) })?;
        builder = builder.proxy(proxy);
    }
    if let Some(pem) = &policy.extra_roots_pem {
        let roots = reqwest::Certificate::from_pem_bundle(pem)
            .map_err(|error| SetupError::Roots { source: Box::new(error) })?;
        builder = builder.tls_certs_merge(roots);
    }
    builder.build().map_err(|error| SetupError::Client { source: Box::new(error.without_url()) })
}

fn headers(target: &str, request: &Request<'_>) -> Result<HeaderMap, HttpError> {
    let content_type = (CONTENT_TYPE.as_str(), request.content_type);
    let content_type = Some(content_type).filter(|(_, value)| !value.is_empty());
    let mut map = HeaderMap::new();
    for (name, value) in request.headers.iter().copied().chain(content_type) {
        let invalid =
            || HttpError::InvalidHeader { target: target.to_owned(), name: name.escape_debug().to_string() };
        let parsed = HeaderName::from_bytes(name.as_bytes()).map_err(|_| invalid())?;
        let mut value = HeaderValue::from_str(value).map_err(|_| invalid())?;
        value.set_sensitive(true);
        map.insert(parsed, value);
    }
    Ok(map)
}
