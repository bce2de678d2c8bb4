//! Who did it, as far as the log says.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::EventTime;

/// Who did it, and from where.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Actor {
    /// The account, robot or client that acted.
    pub principal: Option<Arc<str>>,
    /// What kind of actor it is.
    pub kind: Option<ActorKind>,
    /// Its address.
    pub ip: Option<IpAddr>,
    /// Its client program, as it calls itself.
    pub user_agent: Option<Arc<str>>,
    /// Its country.
    pub country: Option<Country>,
    /// Its network (autonomous system number).
    pub asn: Option<u32>,
    /// How it proved who it is.
    pub auth: Option<AuthMethod>,
    /// Which token it used.
    pub token_id: Option<Arc<str>>,
    /// Whether a second factor was used.
    pub mfa: Option<bool>,
    /// When the account was made.
    pub account_created: Option<EventTime>,
}

/// What kind of actor it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ActorKind {
    /// A person.
    Human,
    /// A service account.
    Service,
    /// A robot account of the registry.
    Robot,
    /// Nobody known.
    Anonymous,
}

/// How an actor proved who it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AuthMethod {
    /// Name and password.
    Password,
    /// A long-lived token.
    Token,
    /// OpenID Connect, as CI systems do.
    Oidc,
    /// A client certificate.
    Certificate,
    /// A browser session.
    Session,
    /// Not at all.
    Anonymous,
}

/// A country: two capital letters of ISO 3166-1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Country([u8; 2]);

impl Country {
    /// Reads two letters; `None` for anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text.as_bytes() {
            [a, b] if a.is_ascii_alphabetic() && b.is_ascii_alphabetic() => {
                Some(Self([a.to_ascii_uppercase(), b.to_ascii_uppercase()]))
            }
            _ => None,
        }
    }

    /// Its two letters.
    #[must_use]
    pub const fn letters(self) -> [u8; 2] {
        self.0
    }
}

impl fmt::Display for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in self.0 {
            write!(f, "{}", char::from(byte))?;
        }
        Ok(())
    }
}
