//! A program that the owner named: how an actor is held against it, by account, address and user agent.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use std::sync::Arc;

use detectors::event::{Actor, ActorKind};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::KnownClient;

/// The longest pattern, in bytes.
pub const MAX_PATTERN_BYTES: usize = 256;

/// A named program.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Known {
    name: Arc<str>,
    kind: ActorKind,
    principals: Vec<Pattern>,
    addresses: Vec<AddressRange>,
    user_agents: Vec<Pattern>,
}

impl Known {
    pub(super) fn new(client: &KnownClient) -> Self {
        Self {
            name: Arc::from(client.name.as_str()),
            kind: client.kind,
            principals: client.principals.clone(),
            addresses: client.addresses.clone(),
            user_agents: client.user_agents.clone(),
        }
    }

    /// Whether each list that was given fits; a program without any list fits nobody.
    pub(super) fn is(&self, actor: &Actor) -> bool {
        let text = |patterns: &[Pattern], text: Option<&str>| {
            patterns.is_empty() || text.is_some_and(|text| patterns.iter().any(|own| own.fits(text)))
        };
        let says_something =
            !(self.principals.is_empty() && self.addresses.is_empty() && self.user_agents.is_empty());
        says_something
            && (self.addresses.is_empty()
                || actor.ip.is_some_and(|ip| self.addresses.iter().any(|own| own.contains(ip))))
            && text(&self.principals, actor.principal.as_deref())
            && text(&self.user_agents, actor.user_agent.as_deref())
    }

    /// Gives the actor its kind, and its name if no account made the request.
    pub(super) fn name(&self, actor: &mut Actor) {
        let is_unnamed = match &actor.principal {
            None => true,
            Some(name) => name.starts_with("ip:") || name.starts_with("host:"),
        };
        if is_unnamed {
            actor.principal = Some(Arc::clone(&self.name));
        }
        actor.kind = Some(self.kind);
    }
}

/// A text in which `*` stands for any text, also none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct Pattern(String);

/// Why a text is no pattern.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("cannot use this pattern: write 1 to {MAX_PATTERN_BYTES} bytes")]
pub struct PatternError;

impl Pattern {
    /// Whether the whole text fits. Each part between stars is looked for once, from the left, so time grows with the
    /// text alone.
    fn fits(&self, text: &str) -> bool {
        let mut parts = self.0.split('*');
        let first = parts.next().unwrap_or_default();
        let Some(mut rest) = text.strip_prefix(first) else { return false };
        let Some(last) = parts.next_back() else { return rest.is_empty() };
        for part in parts {
            let Some((_, behind)) = rest
                .split_once(part)
                .filter(|_| !part.is_empty())
                .or(Some(("", rest)).filter(|_| part.is_empty()))
            else {
                return false;
            };
            rest = behind;
        }
        rest.ends_with(last)
    }
}

impl TryFrom<String> for Pattern {
    type Error = PatternError;

    fn try_from(text: String) -> Result<Self, PatternError> {
        if (1..=MAX_PATTERN_BYTES).contains(&text.len()) { Ok(Self(text)) } else { Err(PatternError) }
    }
}

impl From<Pattern> for String {
    fn from(pattern: Pattern) -> Self {
        pattern.0
    }
}

/// An address, or a network of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct AddressRange {
    first: IpAddr,
    prefix: u8,
}

/// Why a text is no address and no network.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum AddressRangeError {
    /// It is neither.
    #[error("cannot read `{0}` as an address or a network such as `10.2.0.0/16`")]
    Unreadable(String),
    /// Bits behind the prefix are set: which of the two was meant?
    #[error("cannot use `{0}` as a network: bits behind its prefix are set")]
    HostBits(String),
}

impl AddressRange {
    fn contains(self, ip: IpAddr) -> bool {
        // A socket that takes both kinds writes an IPv4 address as an IPv6 one.
        match (self.first, ip.to_canonical()) {
            (IpAddr::V4(first), IpAddr::V4(ip)) => {
                ((first.to_bits() ^ ip.to_bits()) & mask_4(self.prefix)) == 0
            }
            (IpAddr::V6(first), IpAddr::V6(ip)) => {
                ((first.to_bits() ^ ip.to_bits()) & mask_6(self.prefix)) == 0
            }
            _ => false,
        }
    }
}

fn mask_4(prefix: u8) -> u32 {
    u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0)
}

fn mask_6(prefix: u8) -> u128 {
    u128::MAX.checked_shl(128 - u32::from(prefix)).unwrap_or(0)
}

impl FromStr for AddressRange {
    type Err = AddressRangeError;

    fn from_str(text: &str) -> Result<Self, AddressRangeError> {
        let unreadable = || AddressRangeError::Unreadable(text.chars().take(80).collect());
        let (first, prefix) =
            text.split_once('/').map_or((text, None), |(first, prefix)| (first, Some(prefix)));
        let first: IpAddr = first.parse().map_err(|_| unreadable())?;
        let width = if first.is_ipv4() { 32 } else { 128 };
        let prefix = prefix.map_or(Ok(width), str::parse).map_err(|_| unreadable())?;
        if prefix > width {
            return Err(unreadable());
        }
        let host_bits = match first {
            IpAddr::V4(first) => u128::from(first.to_bits() & !mask_4(prefix)),
            IpAddr::V6(first) => first.to_bits() & !mask_6(prefix),
        };
        if host_bits != 0 {
            return Err(AddressRangeError::HostBits(text.to_owned()));
        }
        Ok(Self { first, prefix })
    }
}

impl TryFrom<String> for AddressRange {
    type Error = AddressRangeError;

    fn try_from(text: String) -> Result<Self, AddressRangeError> {
        text.parse()
    }
}

impl From<AddressRange> for String {
    fn from(range: AddressRange) -> Self {
        range.to_string()
    }
}

impl fmt::Display for AddressRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.first, self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_fits_the_whole_text() {
        for (pattern, text, expected) in [
            ("robot$ci", "robot$ci", true),
            ("robot$ci", "robot$ci2", false),
            ("robot$*", "robot$", true),
            ("*-Trivy", "robot$harbor+x-Trivy", true),
            ("*-Trivy", "robot$harbor+x-Trivy2", false),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-c-b", false),
            ("a*a", "a", false),
            ("**", "", true),
            ("*", "anything", true),
        ] {
            let own = Pattern::try_from(pattern.to_owned()).unwrap();
            assert_eq!(own.fits(text), expected, "{pattern} {text}");
        }
        assert!(Pattern::try_from(String::new()).is_err());
        assert!(Pattern::try_from("x".repeat(MAX_PATTERN_BYTES)).is_ok());
        assert!(Pattern::try_from("x".repeat(MAX_PATTERN_BYTES + 1)).is_err());
    }

    #[test]
    fn addresses_are_held_against_networks() {
        let is_in =
            |range: &str, ip: &str| range.parse::<AddressRange>().unwrap().contains(ip.parse().unwrap());
        assert!(is_in("10.2.0.0/16", "10.2.255.1"));
        assert!(is_in("10.2.0.0/16", "::ffff:10.2.255.1"));
        assert!(!is_in("10.2.0.0/16", "10.3.0.1"));
        assert!(is_in("10.2.3.4", "10.2.3.4"));
        assert!(!is_in("10.2.3.4", "10.2.3.5"));
        assert!(is_in("0.0.0.0/0", "203.0.113.9"));
        assert!(is_in("2001:db8::/32", "2001:db8:ffff::1"));
        assert!(!is_in("2001:db8::/32", "2001:db9::1"));
        assert!(is_in("::/0", "2001:db8::1"));
        assert!(!is_in("::/0", "10.0.0.1"));
        for bad in ["", "x", "10.0.0.0/33", "10.0.0.1/8", "::1/64", "10.0.0.0/", "10.0.0.0/-1"] {
            assert!(bad.parse::<AddressRange>().is_err(), "{bad}");
        }
        assert_eq!("10.2.0.0/16".parse::<AddressRange>().unwrap().to_string(), "10.2.0.0/16");
    }
}
