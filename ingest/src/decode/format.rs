//! The formats that can be read, and how `auto` tells them apart.

use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A wire format.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// Looked at anew for each record.
    #[default]
    Auto,
    /// The project's own (EVENTS.md).
    Native,
    /// Notifications of CNCF distribution.
    Distribution,
    /// Access logs of nginx and Apache, `combined` or `common`.
    Combined,
    /// Entries of a Rekor transparency log, and Sigstore bundles.
    Rekor,
}

/// What kind of registry stands behind an access log. Paths of one kind can look like another's; naming it decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Ecosystem {
    /// Containers and other OCI artifacts.
    Oci,
    /// The npm registry's API.
    Npm,
    /// The Python simple index and its files.
    Pypi,
    /// crates.io: its API, its index and its downloads.
    Cargo,
}

/// A word that names no format.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{0}` is no format; known are auto, native, distribution, combined, rekor")]
pub struct UnknownWord(pub String);

impl Format {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Auto, Self::Native, Self::Distribution, Self::Combined, Self::Rekor];

    /// The word in configuration and command line.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Native => "native",
            Self::Distribution => "distribution",
            Self::Combined => "combined",
            Self::Rekor => "rekor",
        }
    }

    /// The format that a record looks like: by its first key if it is JSON, by its time if it is a line.
    pub(crate) fn recognise(text: &str) -> Option<Self> {
        let text = text.trim_ascii_start();
        match text.strip_prefix('{') {
            Some(object) => Some(of_object(object)),
            None if looks_combined(text) => Some(Self::Combined),
            None => None,
        }
    }
}

impl FromStr for Format {
    type Err = UnknownWord;

    fn from_str(word: &str) -> Result<Self, UnknownWord> {
        Self::ALL.into_iter().find(|format| format.word() == word).ok_or_else(|| UnknownWord(word.to_owned()))
    }
}

/// Keys that only a Rekor entry, its bare body or a Sigstore bundle has at its top.
const REKOR_KEYS: [&str; 14] = [
    "apiVersion",
    "attestation",
    "body",
    "canonicalizedBody",
    "dsseEnvelope",
    "inclusionProof",
    "inclusionPromise",
    "integratedTime",
    "kindVersion",
    "logID",
    "logId",
    "logIndex",
    "mediaType",
    "verificationMaterial",
];

/// Shortest and longest id of a Rekor entry, which is the only key of the API's answer: a SHA-256, with or without
/// the number of its tree before it.
const REKOR_ID_DIGITS: [usize; 2] = [64, 80];

/// By the first key, as far as any format claims it; else it is native, whose own reasons say best what is wrong.
fn of_object(object: &str) -> Format {
    let key =
        object.trim_ascii_start().strip_prefix('"').and_then(|rest| rest.split('"').next()).unwrap_or("");
    let is_entry_id =
        REKOR_ID_DIGITS.contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_hexdigit());
    if key == "events" {
        Format::Distribution
    } else if is_entry_id || REKOR_KEYS.contains(&key) || (key == "kind" && object.contains("\"spec\"")) {
        Format::Rekor
    } else {
        Format::Native
    }
}

/// `[10/Oct/2025:` before the first quotation mark.
fn looks_combined(text: &str) -> bool {
    let head = text.split('"').next().unwrap_or(text);
    head.rfind('[').is_some_and(|at| {
        let mut parts = head[at + 1..].splitn(3, '/');
        let day =
            parts.next().is_some_and(|day| day.len() == 2 && day.bytes().all(|byte| byte.is_ascii_digit()));
        let month = parts.next().is_some_and(|month| month.len() == 3);
        day && month && parts.next().is_some()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Option<Format>) {
        assert_eq!(Format::recognise(text), expected, "{text}");
    }

    #[test]
    fn each_format_is_recognised_by_its_first_key_or_its_time() {
        check(r#"{"v":1,"time":"2026-01-01T00:00:00Z","type":"access"}"#, Some(Format::Native));
        check(r#" { "type": "sign" }"#, Some(Format::Native));
        check(r#"{"unheard-of":1,"time":1}"#, Some(Format::Native));
        check("{\n   \"events\": [", Some(Format::Distribution));
        check(r#"{"apiVersion":"0.0.1","kind":"hashedrekord","spec":{}}"#, Some(Format::Rekor));
        check(r#"{"kind":"dsse","spec":{}}"#, Some(Format::Rekor));
        check(&format!("{{\"{}\":{{\"body\":\"\"}}}}", "0f".repeat(40)), Some(Format::Rekor));
        check(r#"{"logIndex":"735"}"#, Some(Format::Rekor));
        check(r#"{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json"}"#, Some(Format::Rekor));
        let line = r#"203.0.113.9 - alice [10/Oct/2025:13:55:36 +0000] "GET / HTTP/1.1" 200 5"#;
        check(line, Some(Format::Combined));
        check("2026-11-23 09:29:20,280|pypiserver|INFO|200 OK", None);
        check("[1,2]", None);
        check("", None);
    }

    #[test]
    fn words_are_read_back() {
        for format in Format::ALL {
            assert_eq!(format.word().parse(), Ok(format));
        }
        assert_eq!("harbor".parse::<Format>(), Err(UnknownWord("harbor".to_owned())));
    }
}
