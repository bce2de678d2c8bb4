//! Which addresses a notification may be sent to: the public internet, and what an administrator allowed by name.
//!
//! The decision is about the address that is *connected*, not about the name that was checked a moment ago: the
//! name server may answer differently the second time. So the filter sits in the client's resolver
//! (`guard/resolver.rs`), and an address written into the URL is judged before anything is resolved.

use std::fmt;
use std::net::IpAddr;

mod address;
mod allow_list;
mod resolver;

pub use address::{AddressClass, classify};
pub use allow_list::{AllowList, AllowListError, Allowed};
pub use resolver::Answers;
pub(crate) use resolver::{GivenResolver, GuardedResolver, SystemResolver};

use crate::secret::SecretUrl;

/// Why a request was not even begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// The URL is `http` and the policy wants `https`.
    NotHttps,
    /// The URL names an address that notifications must not reach.
    Address {
        /// The address.
        address: IpAddr,
        /// What kind of address it is.
        class: AddressClass,
    },
    /// The name resolved to an address that notifications must not reach.
    Resolved {
        /// The address among the answers.
        address: IpAddr,
        /// What kind of address it is.
        class: AddressClass,
    },
    /// The name means this machine whatever a name server says.
    LocalName,
}

impl Refusal {
    /// What an administrator can do about it, if the target is meant.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::NotHttps => "use an https URL, or set `allow_insecure_http = true`",
            Self::Address { .. } | Self::Resolved { .. } | Self::LocalName => {
                "if this target is meant, add its `host:port` or its network to `allow_targets`"
            }
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotHttps => f.write_str("it is not https"),
            Self::Address { address, class } => write!(f, "{address} is {class}"),
            Self::Resolved { address, class } => {
                write!(f, "its name resolves to {address}, which is {class}")
            }
            Self::LocalName => f.write_str("its name means this machine"),
        }
    }
}

impl std::error::Error for Refusal {}

/// How a URL's host is to be treated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Passage {
    /// An administrator named this host and port: whatever it resolves to is meant.
    Named,
    /// Every address it resolves to must be public or in an allowed network.
    Filtered,
}

/// Judges a URL before anything is resolved or connected.
pub(crate) fn judge(url: &SecretUrl, allow_http: bool, allowed: &AllowList) -> Result<Passage, Refusal> {
    if !allow_http && !url.is_https() {
        return Err(Refusal::NotHttps);
    }
    if allowed.names(url.host(), url.port()) {
        return Ok(Passage::Named);
    }
    let host = url.host();
    let literal = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    match literal {
        Ok(address) => match refused_class(address, allowed) {
            Some(class) => Err(Refusal::Address { address, class }),
            None => Ok(Passage::Filtered),
        },
        Err(_) if is_local_name(host) => Err(Refusal::LocalName),
        Err(_) => Ok(Passage::Filtered),
    }
}

/// The class that forbids this address, if one does.
pub(crate) fn refused_class(address: IpAddr, allowed: &AllowList) -> Option<AddressClass> {
    match classify(address) {
        AddressClass::Public => None,
        _ if allowed.contains(address) => None,
        class => Some(class),
    }
}

/// RFC 6761 reserves `localhost` and everything below it; a resolver may answer anything for them.
fn is_local_name(host: &str) -> bool {
    let host = host.strip_suffix('.').unwrap_or(host);
    host == "localhost" || host.ends_with(".localhost")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::SecretString;

    fn check(url: &str, allowed: &[&str], expected: Result<Passage, &str>) {
        let url = SecretUrl::parse(&SecretString::new(url.to_owned())).unwrap();
        let allowed = allowed.iter().map(|entry| entry.parse().unwrap()).collect();
        let judged = judge(&url, true, &allowed).map_err(|refusal| refusal.to_string());
        assert_eq!(judged.as_ref().map_err(String::as_str).copied(), expected, "{url}");
    }

    #[test]
    fn odd_spellings_of_a_forbidden_address_are_forbidden() {
        let loopback = Err("127.0.0.1 is a loopback address");
        for url in [
            "http://127.0.0.1/",
            "http://0x7f.1/",
            "http://2130706433/",
            "http://0177.0.0.1:80/",
            "https://127.1/",
        ] {
            check(url, &[], loopback);
        }
        check("http://[::1]/", &[], Err("::1 is a loopback address"));
        check("http://[::ffff:127.0.0.1]/", &[], Err("::ffff:127.0.0.1 is a loopback address"));
        check("http://[::ffff:7f00:1]/", &[], Err("::ffff:127.0.0.1 is a loopback address"));
        check("http://0/", &[], Err("0.0.0.0 is an unspecified address"));
        check("http://169.254.169.254/", &[], Err("169.254.169.254 is a cloud metadata address"));
        check("http://0xA9FEA9FE/", &[], Err("169.254.169.254 is a cloud metadata address"));
    }

    #[test]
    fn names_that_mean_this_machine_are_forbidden() {
        for url in ["http://localhost/", "http://LOCALHOST./", "http://a.localhost:81/"] {
            check(url, &[], Err("its name means this machine"));
        }
        check("http://localhost.example.com/", &[], Ok(Passage::Filtered));
    }

    #[test]
    fn public_targets_pass_and_are_filtered_when_resolved() {
        check("https://hooks.example.com/", &[], Ok(Passage::Filtered));
        check("https://1.1.1.1/", &[], Ok(Passage::Filtered));
    }

    #[test]
    fn an_administrator_can_allow_a_host_and_port_or_a_network() {
        check("http://10.1.2.3:9000/", &["10.1.2.3:9000"], Ok(Passage::Named));
        check("http://0x0a010203:9000/", &["10.1.2.3:9000"], Ok(Passage::Named));
        check("http://10.1.2.3:9001/", &["10.1.2.3:9000"], Err("10.1.2.3 is a private address"));
        check("http://10.1.2.3/", &["10.1.0.0/16"], Ok(Passage::Filtered));
        check("http://10.2.2.3/", &["10.1.0.0/16"], Err("10.2.2.3 is a private address"));
        check("http://localhost:8080/", &["localhost:8080"], Ok(Passage::Named));
        check("http://[::1]:8080/", &["[::1]:8080"], Ok(Passage::Named));
        check("https://Chat.corp/", &["chat.corp:443"], Ok(Passage::Named));
    }

    #[test]
    fn plain_http_needs_a_permission_of_its_own() {
        let url = SecretUrl::parse(&SecretString::new("http://10.1.2.3:80/x".into())).unwrap();
        let allowed = ["10.1.2.3:80".parse().unwrap()].into_iter().collect();
        assert_eq!(judge(&url, false, &allowed), Err(Refusal::NotHttps));
        assert_eq!(judge(&url, true, &allowed), Ok(Passage::Named));
    }
}
