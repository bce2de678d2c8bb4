//! `[http]` and a source's `http`: where to listen, at which path, who may post, how much.

use std::net::SocketAddr;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, de};

use super::CheckSettings;

/// The longest path, in bytes.
const PATH_MAX: usize = 128;
/// Requests a second that a source takes, unless configured.
const DEFAULT_RATE: u32 = 200;
/// Space of a source's spool, unless configured, in MiB.
const DEFAULT_SPOOL_MIB: u32 = 1_024;

/// `[http]`: where webhooks are posted to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HttpDoorSettings {
    /// An address of this machine and a port. Nothing is encrypted here: other machines post through a proxy with TLS.
    #[schemars(with = "String")]
    pub listen: SocketAddr,
}

/// A source that is posted to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HttpSourceSettings {
    /// The path of its own, such as `/harbor`; what is behind it in a URL is not found.
    #[serde(deserialize_with = "path")]
    #[schemars(length(min = 2, max = PATH_MAX))]
    pub path: String,
    /// How it is known who posts.
    pub check: CheckSettings,
    /// Requests a second that are taken; twice as many at once. What is more is answered with 429.
    #[serde(default = "default_rate")]
    #[schemars(range(min = 1, max = 100_000))]
    pub requests_per_second: u32,
    /// Space for requests that were taken and are not yet in the saved state, in MiB. When it is full, requests are
    /// answered with 503 and their senders keep them.
    #[serde(default = "default_spool_mib")]
    #[schemars(range(min = 2, max = 1_048_576))]
    pub spool_mib: u32,
}

const fn default_rate() -> u32 {
    DEFAULT_RATE
}

const fn default_spool_mib() -> u32 {
    DEFAULT_SPOOL_MIB
}

fn path<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let path = String::deserialize(deserializer)?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-/".contains(&byte);
    let is_good = (2..=PATH_MAX).contains(&path.len())
        && path.starts_with('/')
        && !path.ends_with('/')
        && !path.contains("//")
        && path.bytes().all(plain);
    if is_good {
        return Ok(path);
    }
    Err(de::Error::custom(
        "cannot use this path: write `/` and letters, digits, `.`, `_`, `-`, such as `/harbor`",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_plain_and_bounded() {
        let takes = |path: &str| {
            let text = format!("path = '{path}'\ncheck = {{ type = 'token', secret = 'env:X' }}");
            toml::from_str::<HttpSourceSettings>(&text).is_ok()
        };
        assert!(takes("/harbor") && takes("/a/b.c") && takes(&format!("/{}", "x".repeat(PATH_MAX - 1))));
        for bad in ["", "/", "harbor", "/a/", "//a", "/a?b", "/a b", &format!("/{}", "x".repeat(PATH_MAX))] {
            assert!(!takes(bad), "{bad}");
        }
    }
}
