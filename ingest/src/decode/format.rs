//! The formats that can be read.

use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thiserror::Error;

macro_rules! formats {
    ($($(#[$doc:meta])* $name:ident = $word:literal,)+) => {
        /// A wire format.
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, JsonSchema,
        )]
        pub enum Format {
            $($(#[$doc])* #[serde(rename = $word)] $name,)+
        }

        impl Format {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// The word in configuration and command line.
            #[must_use]
            pub const fn word(self) -> &'static str {
                match self { $(Self::$name => $word,)+ }
            }
        }
    };
}

formats! {
    /// Looked at anew for each record.
    #[default]
    Auto = "auto",
    /// The project's own (EVENTS.md).
    Native = "native",
    /// Notifications of CNCF distribution.
    Distribution = "distribution",
    /// CNCF distribution's own log, `formatter: json`.
    DistributionLog = "distribution-log",
    /// Access logs of nginx and Apache, `combined` or `common`.
    Combined = "combined",
    /// Access logs of nginx, Apache and others whose lines are JSON.
    AccessJson = "access-json",
    /// Verdaccio's own log, `format: json`.
    Verdaccio = "verdaccio",
    /// pypiserver's own log.
    Pypiserver = "pypiserver",
    /// Standard access logs of Amazon `CloudFront`.
    Cloudfront = "cloudfront",
    /// Access logs of Fastly as crates.io has them.
    Fastly = "fastly",
    /// PyPI's CDN log lines (linehaul).
    Linehaul = "linehaul",
    /// Lines of a cargo index.
    CrateIndex = "crate-index",
    /// Packuments and manifests of an npm registry.
    NpmMetadata = "npm-metadata",
    /// Harbor's webhooks, `Default` and `CloudEvents`.
    Harbor = "harbor",
    /// AWS `CloudTrail`, of which Amazon ECR's records are read.
    Cloudtrail = "cloudtrail",
    /// GitHub's audit log.
    GithubAudit = "github-audit",
    /// Audit logs of Google Cloud.
    GoogleAudit = "google-audit",
    /// Audit events of Kubernetes, which concern no registry.
    KubernetesAudit = "kubernetes-audit",
    /// Entries of a Rekor transparency log, and Sigstore bundles.
    Rekor = "rekor",
    /// In-toto statements, bare or in a DSSE envelope.
    Statement = "statement",
    /// Attestations and provenance of PyPI (PEP 740).
    PypiProvenance = "pypi-provenance",
    /// Metadata of a TUF repository.
    Tuf = "tuf",
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
#[error("`{0}` is no format; known are {known}", known = known())]
pub struct UnknownWord(pub String);

impl FromStr for Format {
    type Err = UnknownWord;

    fn from_str(word: &str) -> Result<Self, UnknownWord> {
        Self::ALL
            .iter()
            .copied()
            .find(|format| format.word() == word)
            .ok_or_else(|| UnknownWord(word.to_owned()))
    }
}

fn known() -> String {
    Format::ALL.iter().map(|format| format.word()).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_back() {
        for format in Format::ALL {
            assert_eq!(format.word().parse(), Ok(*format));
        }
        let unknown = "jfrog".parse::<Format>().unwrap_err();
        assert_eq!(unknown, UnknownWord("jfrog".to_owned()));
        assert!(
            unknown.to_string().starts_with("`jfrog` is no format; known are auto, native, distribution, ")
        );
    }
}
