//! What an administrator allowed: `host:port` pairs and networks, for targets on one's own premises and in tests.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// One permission.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Allowed {
    /// Exactly this host and port, whatever the name resolves to.
    Target {
        /// A lower-case name, an IPv4 address, or an IPv6 address in brackets.
        host: String,
        /// The port.
        port: u16,
    },
    /// Every address of this network, on every port.
    Network {
        /// The network's first address.
        first: IpAddr,
        /// How many leading bits are fixed.
        prefix: u8,
    },
}

impl Allowed {
    fn contains(&self, address: IpAddr) -> bool {
        match self {
            Self::Target { .. } => false,
            Self::Network { first, prefix } => match (first, address) {
                (IpAddr::V4(first), IpAddr::V4(address)) => {
                    leading(first.to_bits().into(), 32, *prefix)
                        == leading(address.to_bits().into(), 32, *prefix)
                }
                (IpAddr::V6(first), IpAddr::V6(address)) => {
                    leading(first.to_bits(), 128, *prefix) == leading(address.to_bits(), 128, *prefix)
                }
                _ => false,
            },
        }
    }
}

/// The `prefix` highest bits of a number `width` bits wide.
fn leading(bits: u128, width: u32, prefix: u8) -> u128 {
    bits.checked_shr(width.saturating_sub(u32::from(prefix))).unwrap_or(0)
}

impl FromStr for Allowed {
    type Err = AllowListError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        match text.split_once('/') {
            Some((first, prefix)) => network(text, first, prefix),
            None => target(text),
        }
    }
}

fn network(text: &str, first: &str, prefix: &str) -> Result<Allowed, AllowListError> {
    let bad = || AllowListError::Network { entry: text.to_owned() };
    let first: IpAddr = first.parse().map_err(|_| bad())?;
    let prefix: u8 = prefix.parse().map_err(|_| bad())?;
    let (bits, width) = match first {
        IpAddr::V4(first) => (u128::from(first.to_bits()), 32),
        IpAddr::V6(first) => (first.to_bits(), 128),
    };
    if u32::from(prefix) > width {
        return Err(bad());
    }
    let host_bits = width - u32::from(prefix);
    if leading(bits, width, prefix).checked_shl(host_bits).unwrap_or(0) != bits {
        return Err(AllowListError::HostBits { entry: text.to_owned() });
    }
    Ok(Allowed::Network { first, prefix })
}

fn target(text: &str) -> Result<Allowed, AllowListError> {
    let bad = || AllowListError::Target { entry: text.to_owned() };
    let (host, port) = text.rsplit_once(':').ok_or_else(bad)?;
    let port: u16 = port.parse().map_err(|_| bad())?;
    // The URL parser gives the host the one spelling in which requests are compared with it.
    let url = reqwest::Url::parse(&format!("https://{host}:{port}/")).map_err(|_| bad())?;
    let nothing_else = url.username().is_empty() && url.password().is_none() && url.path() == "/";
    match url.host_str() {
        Some(host) if nothing_else && port != 0 => Ok(Allowed::Target { host: host.to_owned(), port }),
        _ => Err(bad()),
    }
}

impl fmt::Display for Allowed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Target { host, port } => write!(f, "{host}:{port}"),
            Self::Network { first, prefix } => write!(f, "{first}/{prefix}"),
        }
    }
}

impl<'de> Deserialize<'de> for Allowed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl Serialize for Allowed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The permissions of one policy. Empty allows the public internet and nothing else.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(transparent)]
pub struct AllowList(Vec<Allowed>);

impl AllowList {
    /// Whether this very host and port were named.
    pub(crate) fn names(&self, host: &str, port: u16) -> bool {
        self.0.iter().any(|entry| match entry {
            Allowed::Target { host: named, port: at } => named == host && *at == port,
            Allowed::Network { .. } => false,
        })
    }

    /// Whether the address lies in a network that was named.
    pub(crate) fn contains(&self, address: IpAddr) -> bool {
        self.0.iter().any(|entry| entry.contains(address))
    }
}

impl FromIterator<Allowed> for AllowList {
    fn from_iter<I: IntoIterator<Item = Allowed>>(entries: I) -> Self {
        Self(entries.into_iter().collect())
    }
}

/// Why an entry cannot be a permission.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AllowListError {
    /// Neither a network nor a host with its port.
    #[error("cannot read `{entry}` as `host:port` or as a network such as `10.1.0.0/16`")]
    Target {
        /// What was written.
        entry: String,
    },
    /// Something with a slash that is no network.
    #[error("cannot read `{entry}` as a network such as `10.1.0.0/16`")]
    Network {
        /// What was written.
        entry: String,
    },
    /// A network whose address has bits beyond its prefix: one of the two is a slip.
    #[error("cannot take `{entry}` as a network: its address has bits set beyond the prefix")]
    HostBits {
        /// What was written.
        entry: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_read_into_one_spelling() {
        let cases = [
            ("Chat.Corp:443", Ok("chat.corp:443")),
            ("0x7f.1:8080", Ok("127.0.0.1:8080")),
            ("[0:0::1]:9000", Ok("[::1]:9000")),
            ("10.0.0.0/8", Ok("10.0.0.0/8")),
            ("fd00::/8", Ok("fd00::/8")),
            ("0.0.0.0/0", Ok("0.0.0.0/0")),
            ("::/0", Ok("::/0")),
            ("10.1.2.3", Err("as `host:port`")),
            ("host:0", Err("as `host:port`")),
            ("user@host:80", Err("as `host:port`")),
            ("host:80?", Err("as `host:port`")),
            ("10.0.0.0/33", Err("as a network")),
            ("10.0.0.0/x", Err("as a network")),
            ("http://host:80", Err("as a network")),
            ("10.1.0.0/8", Err("bits set beyond the prefix")),
            ("fd00::1/64", Err("bits set beyond the prefix")),
        ];
        for (text, expected) in cases {
            let read = text.parse::<Allowed>();
            match expected {
                Ok(spelling) => assert_eq!(read.unwrap().to_string(), spelling),
                Err(part) => assert!(read.unwrap_err().to_string().contains(part), "{text}"),
            }
        }
    }

    #[test]
    fn a_network_contains_its_own_addresses_and_no_others() {
        let list: AllowList =
            ["10.1.0.0/16", "fd00:1::/32", "192.0.2.7/32"].iter().map(|text| text.parse().unwrap()).collect();
        for (address, expected) in [
            ("10.1.0.0", true),
            ("10.1.255.255", true),
            ("10.2.0.0", false),
            ("fd00:1:ffff::1", true),
            ("fd00:2::1", false),
            ("192.0.2.7", true),
            ("192.0.2.8", false),
            ("::ffff:10.1.0.1", false),
        ] {
            assert_eq!(list.contains(address.parse().unwrap()), expected, "{address}");
        }
        let all: AllowList = ["::/0".parse().unwrap()].into_iter().collect();
        assert!(all.contains("::1".parse().unwrap()) && !all.contains("127.0.0.1".parse().unwrap()));
    }
}
