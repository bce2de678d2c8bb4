//! Bearer tokens for the brokers, read again from where some agent keeps them fresh.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use rdkafka::client::OAuthToken;
use serde::Deserialize;

use crate::secret::{SecretError, SecretRef};

/// The name that goes with a token which says none.
const UNNAMED_PRINCIPAL: &str = "sealwatch";

/// Where the token is, and what to assume where it is silent.
#[derive(Debug)]
pub(super) struct TokenSource {
    token: SecretRef,
    principal: Option<String>,
    lifetime: Duration,
}

impl TokenSource {
    pub(super) fn new(token: SecretRef, principal: Option<String>, lifetime: Duration) -> Self {
        Self { token, principal, lifetime }
    }

    /// Reads the token that is there now.
    pub(super) fn fetch(&self, now: DateTime<Utc>) -> Result<OAuthToken, TokenError> {
        let resolved = self.token.resolve().map_err(|source| TokenError::Secret { source })?;
        let token = resolved.secret.expose().trim();
        // RFC 6750 allows no others; a line break here would end up inside the login.
        if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(TokenError::NotAToken { reference: self.token.clone() });
        }
        let claims = claims(token);
        let expiry_ms = match claims.exp {
            Some(seconds) => milliseconds(seconds),
            None => now
                .timestamp_millis()
                .saturating_add(i64::try_from(self.lifetime.as_millis()).unwrap_or(i64::MAX)),
        };
        if expiry_ms <= now.timestamp_millis() {
            return Err(TokenError::Expired { reference: self.token.clone() });
        }
        let principal = self.principal.clone().or(claims.sub);
        let principal = principal.unwrap_or_else(|| UNNAMED_PRINCIPAL.to_owned());
        Ok(OAuthToken { token: token.to_owned(), principal_name: principal, lifetime_ms: expiry_ms })
    }
}

/// Why there is no token. It names the place, never the token.
#[derive(Debug, thiserror::Error)]
pub(super) enum TokenError {
    #[error("cannot read the bearer token")]
    Secret {
        #[source]
        source: SecretError,
    },
    #[error("cannot use the bearer token at `{reference}`: it holds characters no token has")]
    NotAToken { reference: SecretRef },
    #[error("cannot use the bearer token at `{reference}`: it has expired")]
    Expired { reference: SecretRef },
}

/// The two claims we look at; the broker judges the token, not we.
#[derive(Default, Deserialize)]
struct Claims {
    exp: Option<f64>,
    sub: Option<String>,
}

/// The claims of a JWT, or none for an opaque token.
fn claims(token: &str) -> Claims {
    let payload = token.split('.').nth(1).filter(|_| token.split('.').count() == 3);
    payload
        .and_then(|payload| URL_SAFE_NO_PAD.decode(payload.trim_end_matches('=')).ok())
        .and_then(|json| serde_json::from_slice(&json).ok())
        .unwrap_or_default()
}

fn milliseconds(seconds: f64) -> i64 {
    // A float cast saturates, which is what an absurd expiry deserves.
    (seconds * 1_000.0) as i64
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    const NOW: i64 = 1_700_000_000;

    fn jwt(payload: &str) -> String {
        format!("eyJhbGciOiJub25lIn0.{}.c2lnbmF0dXJl", URL_SAFE_NO_PAD.encode(payload))
    }

    fn check(token: &str, principal: Option<&str>, expected: Result<(&str, i64), &str>) {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        writeln!(file, "{token}").unwrap();
        let reference = SecretRef::File(file.path().to_owned());
        let source = TokenSource::new(reference, principal.map(str::to_owned), Duration::from_secs(300));
        let fetched = source.fetch(DateTime::from_timestamp(NOW, 0).unwrap());
        match (fetched, expected) {
            (Ok(fetched), Ok(expected)) => {
                assert_eq!((fetched.principal_name.as_str(), fetched.lifetime_ms), expected);
                assert_eq!(fetched.token, token.trim());
            }
            (Err(error), Err(part)) => {
                assert!(error.to_string().contains(part), "{error}");
                assert!(token.trim().is_empty() || !format!("{error:?}").contains(token));
            }
            (fetched, expected) => {
                panic!("{token}: {:?} but {expected:?}", fetched.map(|found| found.lifetime_ms))
            }
        }
    }

    #[test]
    fn a_jwt_says_when_it_ends_and_whose_it_is() {
        check(&jwt(r#"{"sub":"svc-watch","exp":1700000600}"#), None, Ok(("svc-watch", 1_700_000_600_000)));
        check(&jwt(r#"{"sub":"svc-watch","exp":1700000600.5}"#), Some("me"), Ok(("me", 1_700_000_600_500)));
    }

    #[test]
    fn an_opaque_token_is_good_for_the_configured_time() {
        check("opaque-token", None, Ok(("sealwatch", 1_700_000_300_000)));
        check("a.b.c", None, Ok(("sealwatch", 1_700_000_300_000)));
        check(&jwt("not json"), Some("me"), Ok(("me", 1_700_000_300_000)));
    }

    #[test]
    fn what_cannot_open_the_door_is_refused_without_showing_it() {
        check(&jwt(r#"{"exp":1699999999}"#), None, Err("it has expired"));
        check(&jwt(r#"{"exp":-1e300}"#), None, Err("it has expired"));
        check("two words", None, Err("characters no token has"));
        check("   ", None, Err("characters no token has"));
    }
}
