//! One HTTP exchange with a receiver: send, read the status by its class, shrink once, and leak nothing.

use std::time::Duration;

use transport::http::{Method, RETRY_AFTER_MAX, Request};
use transport::secret::UrlError;
use transport::{HttpClient, Reply, SecretString, SecretUrl};

use super::outcome::{Effect, Failure, Outcome, with_causes};
use super::{Encoded, Fullness, MessageRef};

/// Most characters of a reply's body that a failure repeats.
const EXCERPT_MAX: usize = 160;
/// The shortest part of a secret URL that is worth hiding: shorter ones occur in every text.
const SECRET_PART_MIN: usize = 5;

/// Where to send, and what of it must never be repeated.
#[derive(Debug)]
pub(super) struct Target {
    url: SecretUrl,
    /// Headers of every request, as for a token.
    headers: Vec<(&'static str, SecretString)>,
    secret_parts: Vec<SecretString>,
}

/// What a reply means for the message and for the receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StatusClass {
    /// It arrived.
    Delivered,
    /// It was taken, and nobody can say whether it will be seen.
    Accepted,
    /// Later again.
    Retry(Effect),
    /// The receiver needs a person.
    Park,
    /// It may take a smaller one.
    Shrink,
    /// The message that was to be changed or answered is no more: a new one is needed.
    Gone,
    /// It will never take this one.
    Refused,
}

/// A reply as its receiver reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Judged {
    pub(super) class: StatusClass,
    /// How long the body asks to be left alone; the header's wish comes first.
    pub(super) wish: Option<Duration>,
    /// What the channel calls the message.
    pub(super) made: Option<MessageRef>,
}

/// How a message becomes bytes, once in full and perhaps once more in its least form.
pub(super) type Encode<'a> = dyn Fn(Fullness) -> Result<Encoded, serde_json::Error> + Send + Sync + 'a;

/// One call of a channel's interface.
pub(super) struct Call<'a> {
    pub(super) method: Method,
    pub(super) url: SecretUrl,
    pub(super) encode: &'a Encode<'a>,
    pub(super) judge: &'a (dyn Fn(&Reply) -> Judged + Send + Sync + 'a),
}

/// The message that was to be changed is no more.
pub(super) struct Gone(pub(super) Failure);

impl From<StatusClass> for Judged {
    fn from(class: StatusClass) -> Self {
        Self { class, wish: None, made: None }
    }
}

/// A wait that a body asks for, in seconds; what is no number of seconds is none.
pub(super) fn seconds(wait: f64) -> Duration {
    Duration::try_from_secs_f64(wait).unwrap_or_default().min(RETRY_AFTER_MAX)
}

/// What a status means where a receiver's own documentation says nothing else.
pub(super) const fn default_class(status: u16) -> StatusClass {
    match status {
        // Taken to be looked at later: whoever says so may yet lose it.
        202 => StatusClass::Accepted,
        200..=299 => StatusClass::Delivered,
        // A client that follows redirects can be sent anywhere: the URL has to be corrected by a person.
        300..=399 => StatusClass::Park,
        408 | 425 | 429 => StatusClass::Retry(Effect::None),
        401..=405 | 407 | 410 => StatusClass::Park,
        400 | 413 | 414 | 415 | 422 | 431 => StatusClass::Shrink,
        406 | 409 | 411 | 412 | 416..=421 | 423 | 424 | 426..=428 | 430 | 432..=499 => StatusClass::Refused,
        // "Not available" is said instead of acting; any other failure may have come after it.
        503 => StatusClass::Retry(Effect::None),
        _ => StatusClass::Retry(Effect::Possible),
    }
}

impl Target {
    /// Takes a URL that is a secret.
    ///
    /// # Errors
    /// When it is no `http` or `https` URL.
    pub(super) fn new(secret: &SecretString) -> Result<Self, UrlError> {
        let url = SecretUrl::parse(secret)?;
        let text = secret.expose().trim();
        let (_, after_scheme) = text.split_once("://").unwrap_or(("", text));
        let path_at = after_scheme.find(['/', '?', '#']).unwrap_or(after_scheme.len());
        let (authority, path) = after_scheme.split_at(path_at);
        let user = authority.rsplit_once('@').map_or("", |(user, _)| user);
        let mut parts: Vec<_> = [path, user]
            .into_iter()
            .chain(path.split(['/', '?', '&', '=', '#', ';']))
            .chain(user.split(':'))
            .filter(|part| part.len() >= SECRET_PART_MIN)
            .collect();
        // The longest first, so that no part of a secret stays when a shorter one is taken out of it.
        parts.sort_by_key(|part| std::cmp::Reverse(part.len()));
        let secret_parts = parts.into_iter().map(|part| SecretString::new(part.to_owned())).collect();
        Ok(Self { url, headers: Vec::new(), secret_parts })
    }

    /// A base that is no secret itself, as `https://api.example`, with a path that may hold one.
    ///
    /// # Errors
    /// When it is no `http` or `https` URL.
    pub(super) fn at(base: &str, path: &str) -> Result<Self, UrlError> {
        Self::new(&SecretString::new(format!("{}{path}", base.trim_end_matches('/'))))
    }

    /// Sends this header with every request, and never repeats its value.
    pub(super) fn with_header(self, name: &'static str, value: String) -> Self {
        let token = value.rsplit_once(' ').map_or(&*value, |(_, token)| token).to_owned();
        let mut target = self.hiding(&SecretString::new(token));
        target.headers.push((name, SecretString::new(value)));
        target
    }

    /// Never repeats this, wherever it is sent.
    pub(super) fn hiding(mut self, secret: &SecretString) -> Self {
        let text = secret.expose().trim();
        if text.len() >= SECRET_PART_MIN {
            self.secret_parts.insert(0, SecretString::new(text.to_owned()));
        }
        self
    }

    /// Where to.
    pub(super) const fn url(&self) -> &SecretUrl {
        &self.url
    }

    /// Posts a full message, and a minimal one if the receiver takes no full one.
    pub(super) async fn send(
        &self,
        http: &HttpClient,
        encode: impl Fn(Fullness) -> Result<Encoded, serde_json::Error> + Send + Sync,
        judge: impl Fn(&Reply) -> StatusClass + Send + Sync,
    ) -> Outcome {
        let judge = |reply: &Reply| judge(reply).into();
        self.post(http, self.url.clone(), &encode, &judge).await
    }

    /// The same to another URL of the channel, with all that the reply says.
    pub(super) async fn post(
        &self,
        http: &HttpClient,
        url: SecretUrl,
        encode: &Encode<'_>,
        judge: &(dyn Fn(&Reply) -> Judged + Send + Sync + '_),
    ) -> Outcome {
        let call = Call { method: Method::Post, url, encode, judge };
        self.call(http, call).await.unwrap_or_else(|Gone(failure)| Outcome::Dead(failure))
    }

    /// Changes an earlier message if there is one, and posts a new one if there is none any more.
    pub(super) async fn change_or_post(
        &self,
        http: &HttpClient,
        change: Option<Call<'_>>,
        post: Call<'_>,
    ) -> Outcome {
        if let Some(change) = change
            && let Ok(outcome) = self.call(http, change).await
        {
            return outcome;
        }
        self.call(http, post).await.unwrap_or_else(|Gone(failure)| Outcome::Dead(failure))
    }

    /// One call, in full and then in its least form.
    pub(super) async fn call(&self, http: &HttpClient, call: Call<'_>) -> Result<Outcome, Gone> {
        let mut fullness = Fullness::Full;
        loop {
            let encoded = match (call.encode)(fullness) {
                Ok(encoded) => encoded,
                Err(error) => {
                    return Ok(Outcome::Dead(Failure::new(None, Effect::None, &with_causes(&error))));
                }
            };
            let reply = match self.exchange(http, call.method, &call.url, encoded).await {
                Ok(reply) => reply,
                Err(outcome) => return Ok(outcome),
            };
            let Judged { class, wish, made } = (call.judge)(&reply);
            let failure = |effect| self.failure(&reply, effect);
            return match class {
                StatusClass::Shrink if fullness == Fullness::Full => {
                    fullness = Fullness::Minimal;
                    continue;
                }
                StatusClass::Delivered => Ok(Outcome::Delivered(made)),
                StatusClass::Accepted => Ok(Outcome::Accepted(made)),
                StatusClass::Retry(effect) => {
                    Ok(Outcome::Retry { wish: reply.retry_after.or(wish), failure: failure(effect) })
                }
                StatusClass::Park => Ok(Outcome::Park(failure(Effect::None))),
                StatusClass::Gone => Err(Gone(failure(Effect::None))),
                StatusClass::Shrink | StatusClass::Refused => Ok(Outcome::Dead(failure(Effect::None))),
            };
        }
    }

    async fn exchange(
        &self,
        http: &HttpClient,
        method: Method,
        url: &SecretUrl,
        encoded: Encoded,
    ) -> Result<Reply, Outcome> {
        let own = self.headers.iter().map(|(name, value)| (*name, value.expose()));
        let headers: Vec<_> =
            encoded.headers.iter().map(|(name, value)| (*name, value.as_str())).chain(own).collect();
        let request =
            Request { url, headers: &headers, body: encoded.body, content_type: encoded.content_type };
        http.send(method, request).await.map_err(|error| Outcome::of_no_reply(&error))
    }

    fn failure(&self, reply: &Reply, effect: Effect) -> Failure {
        let mut words = format!("{} answered {}", self.url.authority(), reply.status);
        let excerpt = self.excerpt(&reply.body);
        if !excerpt.is_empty() {
            words.push_str(": ");
            words.push_str(&excerpt);
        }
        Failure::new(Some(reply.status), effect, &words)
    }

    /// The beginning of a reply's body, without the parts of our URL that some servers repeat in it.
    fn excerpt(&self, body: &str) -> String {
        // Hiding first and cutting afterwards: a secret cut in half would not be recognised.
        let mut text = body.trim().to_owned();
        for part in &self.secret_parts {
            text = text.replace(part.expose(), "***");
        }
        text.chars().take(EXCERPT_MAX).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(url: &str) -> Target {
        Target::new(&SecretString::new(url.to_owned())).unwrap()
    }

    #[test]
    fn an_excerpt_repeats_no_part_of_the_url() {
        let target = target("https://user:passw0rd@hooks.example/services/T0001/B0002/c4n4ry?sig=s1gn4tur3");
        let echo = "Cannot POST /services/T0001/B0002/c4n4ry?sig=s1gn4tur3 (c4n4ry, s1gn4tur3, passw0rd)";
        assert_eq!(target.excerpt(echo), "Cannot POST *** (***, ***, ***)");
        let half = format!("{}c4n4ry", "x".repeat(EXCERPT_MAX - 3));
        assert!(!target.excerpt(&half).contains("c4n"));
        assert!(!format!("{target:?}").contains("c4n4ry"));
    }

    #[test]
    fn a_failure_names_host_and_status_and_shows_nothing_that_hides() {
        let body = "no\u{1b}[2J\r\nsuch hook".to_owned();
        let reply = Reply { status: 404, retry_after: None, body, body_end: transport::http::BodyEnd::Whole };
        let failure = target("https://h/secretive").failure(&reply, Effect::None);
        assert_eq!(failure.text(), "h:443 answered 404: no\\u{1b}[2J\\u{d}\\u{a}such hook");
    }
}
