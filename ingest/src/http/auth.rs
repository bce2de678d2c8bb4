//! Who may post: a signature over the body, a token in a header, or a token at the end of the path.
//!
//! | check | what registries send so |
//! |---|---|
//! | `hmac` | GitHub and Gitea (`X-Hub-Signature-256: sha256=<hex>`), npm (`x-npm-signature`), `JFrog` (`X-JFrog-Event-Auth`) |
//! | `token` | Harbor (its "Auth Header" as `Authorization`), CNCF distribution (any header of its endpoint), Artifactory's plain secret |
//! | `path` | Docker Hub and others that can neither sign nor set a header: the token is the last part of the URL |
//!
//! Secrets are compared through a hash, so that the time it takes says nothing about how much of them was right.

use hmac::{Hmac, KeyInit, Mac};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use thiserror::Error;
use transport::secret::{SecretError, SecretRef, SecretString};

/// The shortest secret, in bytes: a shorter one can be guessed at the rate that the door takes requests.
pub(super) const SECRET_MIN_BYTES: usize = 16;

/// How it is known who posts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "kebab-case", deny_unknown_fields)]
pub enum CheckSettings {
    /// A header holds the HMAC-SHA256 of the body in hexadecimal, with or without `sha256=` before it.
    Hmac {
        /// The key: `env:NAME` or `file:/path`, at least 16 bytes.
        #[schemars(with = "String")]
        secret: SecretRef,
        /// The header.
        #[serde(default = "hub_signature")]
        #[schemars(length(min = 1))]
        header: String,
    },
    /// A header holds the token, with or without `Bearer` before it.
    Token {
        /// The token: `env:NAME` or `file:/path`, at least 16 bytes.
        #[schemars(with = "String")]
        secret: SecretRef,
        /// The header.
        #[serde(default = "authorization")]
        #[schemars(length(min = 1))]
        header: String,
    },
    /// The path ends in `/` and the token. URLs stand in the logs of proxies: only for senders that can nothing else.
    Path {
        /// The token: `env:NAME` or `file:/path`, at least 16 bytes.
        #[schemars(with = "String")]
        secret: SecretRef,
    },
}

fn hub_signature() -> String {
    "X-Hub-Signature-256".to_owned()
}

fn authorization() -> String {
    "Authorization".to_owned()
}

/// Why nothing can be told of who posts.
#[derive(Debug, Error)]
pub enum SenderCheckError {
    /// The secret is not where it should be.
    #[error("could not read the secret")]
    Secret(#[from] SecretError),
    /// It can be guessed.
    #[error("could not use a secret of less than {SECRET_MIN_BYTES} bytes")]
    TooShort,
    /// No header has this name.
    #[error("could not use `{0}` as the name of a header")]
    Header(String),
}

/// A check with its secret.
#[derive(Debug)]
pub(super) enum Check {
    Hmac { key: SecretString, header: String },
    Token { token: SecretString, header: String },
    Path { token: SecretString },
}

/// Why a request is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum NotBelieved {
    Unsigned,
    WrongSignature,
    NoToken,
    WrongToken,
}

impl NotBelieved {
    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::Unsigned => "the request is not signed",
            Self::WrongSignature => "the signature does not fit the body",
            Self::NoToken => "the request brings no token",
            Self::WrongToken => "the token is not the right one",
        }
    }
}

impl CheckSettings {
    /// Whether it can be made: the secret is there and long enough, the header has a name.
    ///
    /// # Errors
    /// [`SenderCheckError`] naming what is wrong.
    pub fn check(&self) -> Result<(), SenderCheckError> {
        self.resolve().map(drop)
    }

    /// Reads the secret.
    pub(super) fn resolve(&self) -> Result<Check, SenderCheckError> {
        let (Self::Hmac { secret, .. } | Self::Token { secret, .. } | Self::Path { secret }) = self;
        let secret = secret.resolve()?.secret;
        if secret.expose().len() < SECRET_MIN_BYTES {
            return Err(SenderCheckError::TooShort);
        }
        let named = |header: &String| {
            let is_name = hyper::header::HeaderName::from_bytes(header.as_bytes()).is_ok();
            if is_name { Ok(header.clone()) } else { Err(SenderCheckError::Header(header.clone())) }
        };
        Ok(match self {
            Self::Hmac { header, .. } => Check::Hmac { key: secret, header: named(header)? },
            Self::Token { header, .. } => Check::Token { token: secret, header: named(header)? },
            Self::Path { .. } => Check::Path { token: secret },
        })
    }
}

impl Check {
    /// What is known before the body was read: a token. `rest` is what stands behind the source's path.
    pub(super) fn of_head(&self, headers: &hyper::HeaderMap, rest: &str) -> Result<(), NotBelieved> {
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        match self {
            Self::Hmac { header: name, .. } => header(name).map(|_| ()).ok_or(NotBelieved::Unsigned),
            Self::Token { token, header: name } => {
                let given = header(name).ok_or(NotBelieved::NoToken)?;
                let bare = given.strip_prefix("Bearer ").unwrap_or(given);
                if equal(given, token) || equal(bare, token) { Ok(()) } else { Err(NotBelieved::WrongToken) }
            }
            Self::Path { token } => match rest.strip_prefix('/') {
                None => Err(NotBelieved::NoToken),
                Some(given) if equal(given, token) => Ok(()),
                Some(_) => Err(NotBelieved::WrongToken),
            },
        }
    }

    /// What only the body shows: whether the signature is its own.
    pub(super) fn of_body(&self, headers: &hyper::HeaderMap, body: &[u8]) -> Result<(), NotBelieved> {
        let Self::Hmac { key, header } = self else { return Ok(()) };
        let given = headers.get(header).and_then(|value| value.to_str().ok()).ok_or(NotBelieved::Unsigned)?;
        let hex = given.trim().strip_prefix("sha256=").unwrap_or(given.trim());
        let bytes = data_encoding::HEXLOWER_PERMISSIVE.decode(hex.as_bytes());
        let bytes = bytes.map_err(|_| NotBelieved::WrongSignature)?;
        let mut mac =
            Hmac::<Sha256>::new_from_slice(key.expose().as_bytes()).expect("HMAC takes keys of any length");
        mac.update(body);
        mac.verify_slice(&bytes).map_err(|_| NotBelieved::WrongSignature)
    }

    /// Whether something behind the source's path belongs to the check.
    pub(super) const fn is_in_path(&self) -> bool {
        matches!(self, Self::Path { .. })
    }
}

fn equal(given: &str, token: &SecretString) -> bool {
    Sha256::digest(given.as_bytes()) == Sha256::digest(token.expose().as_bytes())
}

#[cfg(test)]
mod tests {
    use hyper::HeaderMap;

    use super::*;

    const SECRET: &str = "it's a secret to everybody";

    fn secret() -> SecretString {
        SecretString::new(SECRET.to_owned())
    }

    #[test]
    fn signatures_are_those_of_github_s_own_example() {
        // https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries, "Testing the webhook payload
        // validation".
        const SIGNATURE: &str = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
        let check = Check::Hmac {
            key: SecretString::new("It's a Secret to Everybody".to_owned()),
            header: "X-Hub-Signature-256".to_owned(),
        };
        for (value, body, expected) in [
            (Some(format!("sha256={SIGNATURE}")), "Hello, World!", Ok(())),
            (Some(SIGNATURE.to_uppercase()), "Hello, World!", Ok(())),
            (Some(format!("sha256={SIGNATURE}")), "Hello, World?", Err(NotBelieved::WrongSignature)),
            (Some("sha256=".to_owned()), "Hello, World!", Err(NotBelieved::WrongSignature)),
            (Some("zz".to_owned()), "Hello, World!", Err(NotBelieved::WrongSignature)),
            (None, "Hello, World!", Err(NotBelieved::Unsigned)),
        ] {
            let mut headers = HeaderMap::new();
            if let Some(value) = value {
                headers.insert("x-hub-signature-256", value.parse().unwrap());
            }
            let judged = check.of_head(&headers, "").and_then(|()| check.of_body(&headers, body.as_bytes()));
            assert_eq!(judged, expected);
        }
    }

    #[test]
    fn tokens_stand_in_a_header_or_in_the_path() {
        let in_header = Check::Token { token: secret(), header: "Authorization".to_owned() };
        let bearer = format!("Bearer {SECRET}");
        for (value, expected) in [
            (Some(SECRET), Ok(())),
            (Some(bearer.as_str()), Ok(())),
            (Some("it's a secret"), Err(NotBelieved::WrongToken)),
            (Some(""), Err(NotBelieved::WrongToken)),
            (None, Err(NotBelieved::NoToken)),
        ] {
            let mut headers = HeaderMap::new();
            if let Some(value) = value {
                headers.insert("authorization", value.parse().unwrap());
            }
            assert_eq!(in_header.of_head(&headers, ""), expected);
        }
        let in_path = Check::Path { token: secret() };
        let headers = HeaderMap::new();
        assert_eq!(in_path.of_head(&headers, &format!("/{SECRET}")), Ok(()));
        assert_eq!(in_path.of_head(&headers, "/x"), Err(NotBelieved::WrongToken));
        assert_eq!(in_path.of_head(&headers, ""), Err(NotBelieved::NoToken));
    }

    #[test]
    fn a_secret_that_can_be_guessed_is_refused_and_none_is_shown() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        let settings =
            CheckSettings::Token { secret: SecretRef::File(path.clone()), header: authorization() };
        std::fs::write(&path, "x".repeat(SECRET_MIN_BYTES - 1)).unwrap();
        assert!(matches!(settings.resolve(), Err(SenderCheckError::TooShort)));
        std::fs::write(&path, SECRET).unwrap();
        let shown = format!("{:?}", settings.resolve().unwrap());
        assert!(!shown.contains(SECRET), "{shown}");
        let header = CheckSettings::Token { secret: SecretRef::File(path), header: "a b".to_owned() };
        assert!(matches!(header.resolve(), Err(SenderCheckError::Header(_))));
    }
}
