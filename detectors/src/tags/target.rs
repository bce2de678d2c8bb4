//! What a tag points to: compared by a mark, shown by its first digits or its version.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::change_lane::{Mark, short_name};
use crate::event::{Artifact, Digest};

/// What a tag or version points to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) enum Target {
    /// Content.
    Digest(Content),
    /// A version, as dist-tags do.
    Version {
        /// Stands for the whole version.
        mark: Mark,
        /// The version.
        name: Arc<str>,
    },
}

/// A digest, remembered.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Content {
    /// Stands for the whole digest.
    pub(super) mark: Mark,
    algorithm: Algorithm,
    /// Its first twelve hex digits.
    head: [u8; 6],
}

/// The algorithm of a digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Algorithm {
    Sha1,
    Sha256,
    Sha384,
    Sha512,
}

/// How two targets compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    /// The same.
    Same,
    /// Another one.
    Other,
    /// One is a digest and the other a version: the log changed its way of saying it.
    Incomparable,
}

impl Target {
    /// The target of a tag event: its digest, else its version.
    pub(super) fn of(seed: u64, artifact: &Artifact) -> Option<Self> {
        match (&artifact.digest, &artifact.version) {
            (Some(digest), _) => Some(Self::Digest(Content::of(seed, digest))),
            (None, Some(version)) => Some(Self::of_version(seed, version)),
            (None, None) => None,
        }
    }

    /// The target a log names as the previous one.
    pub(super) fn read(seed: u64, text: &Arc<str>) -> Self {
        Digest::parse(text)
            .map_or_else(|_| Self::of_version(seed, text), |digest| Self::Digest(Content::of(seed, &digest)))
    }

    fn of_version(seed: u64, version: &Arc<str>) -> Self {
        Self::Version { mark: Mark::of(seed, &["version", version]), name: short_name(version) }
    }

    pub(super) const fn mark(&self) -> Mark {
        match self {
            Self::Digest(Content { mark, .. }) | Self::Version { mark, .. } => *mark,
        }
    }

    /// What it is: `digest` or `version`.
    pub(super) const fn unit(&self) -> &'static str {
        match self {
            Self::Digest(_) => "digest",
            Self::Version { .. } => "version",
        }
    }

    pub(super) fn compared_with(&self, other: &Self) -> Comparison {
        match (self, other) {
            (Self::Digest(_), Self::Digest(_)) | (Self::Version { .. }, Self::Version { .. }) => {
                if self.mark() == other.mark() { Comparison::Same } else { Comparison::Other }
            }
            _ => Comparison::Incomparable,
        }
    }

    /// Whether this version comes before the other; never for digests.
    pub(super) fn is_older_than(&self, other: &Self) -> bool {
        let version = |target: &Self| match target {
            Self::Version { name, .. } => semver::Version::parse(name.strip_prefix('v').unwrap_or(name)).ok(),
            Self::Digest(_) => None,
        };
        matches!((version(self), version(other)), (Some(mine), Some(theirs)) if mine < theirs)
    }
}

impl Content {
    /// Remembers a digest.
    pub(super) fn of(seed: u64, digest: &Digest) -> Self {
        let algorithm = match digest.as_str().split(':').next() {
            Some("sha1") => Algorithm::Sha1,
            Some("sha384") => Algorithm::Sha384,
            Some("sha512") => Algorithm::Sha512,
            _ => Algorithm::Sha256,
        };
        let mut head = [0; 6];
        // A digest holds at least forty hex digits, all in lower case.
        if let Ok(bytes) = data_encoding::HEXLOWER.decode(digest.short().as_bytes()) {
            head.copy_from_slice(&bytes);
        }
        Self { mark: Mark::of(seed, &["digest", digest.as_str()]), algorithm, head }
    }
}

impl fmt::Display for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self.algorithm {
            Algorithm::Sha1 => "sha1",
            Algorithm::Sha256 => "sha256",
            Algorithm::Sha384 => "sha384",
            Algorithm::Sha512 => "sha512",
        };
        write!(f, "{name}:{}", data_encoding::HEXLOWER.encode(&self.head))
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Digest(content) => content.fmt(f),
            Self::Version { name, .. } => f.write_str(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(text: &str) -> Target {
        Target::read(1, &text.into())
    }

    #[test]
    fn targets_compare_within_their_kind() {
        let digest = format!("sha256:{}", "ab".repeat(32));
        assert_eq!(target(&digest).to_string(), "sha256:abababababab");
        assert_eq!(
            target(&digest).compared_with(&target(&digest.to_uppercase().replace("SHA", "sha"))),
            Comparison::Same
        );
        assert_eq!(
            target(&digest).compared_with(&target(&digest.replace("abab", "cdab"))),
            Comparison::Other
        );
        assert_eq!(target(&digest).compared_with(&target("1.2.3")), Comparison::Incomparable);
    }

    #[test]
    fn versions_have_an_order() {
        assert!(target("1.2.3").is_older_than(&target("1.10.0")));
        assert!(target("v1.2.3-rc.1").is_older_than(&target("1.2.3")));
        assert!(!target("1.2.3").is_older_than(&target("1.2.3")));
        assert!(!target("nightly").is_older_than(&target("1.2.3")));
    }
}
