//! Whom a finding concerns, which detector speaks, and how loud.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Whom a finding concerns.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Subject {
    /// What kind of thing it is.
    pub kind: SubjectKind,
    /// In which registry.
    pub registry: Arc<str>,
    /// Its name; an artifact's name is its key.
    pub name: Arc<str>,
}

impl Subject {
    /// A subject.
    #[must_use]
    pub fn new(kind: SubjectKind, registry: impl Into<Arc<str>>, name: impl Into<Arc<str>>) -> Self {
        Self { kind, registry: registry.into(), name: name.into() }
    }
}

/// What kind of thing a subject is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SubjectKind {
    /// A package or container, without version.
    Artifact,
    /// An account, robot or client.
    Principal,
    /// A key or certificate identity.
    Signer,
    /// The registry as a whole.
    Registry,
}

impl SubjectKind {
    /// The contract's word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Artifact => "artifact",
            Self::Principal => "principal",
            Self::Signer => "signer",
            Self::Registry => "registry",
        }
    }
}

/// The catalogue's ids (DETECTORS.md): public and stable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DetectorId {
    /// An already signed digest gets a signature by another key or identity.
    ReSigning,
    /// A new digest or version is signed by another key or identity than before.
    KeyChange,
    /// A tag moves whose class never or rarely moves here.
    TagMove,
    /// The set of changed fields fits attacks better than this package's own habits.
    MetadataDrift,
    /// Provenance fell below that of the last attested version.
    TrustDowngrade,
    /// More or fewer pulls than the learned rhythm allows.
    DownloadVolume,
    /// A principal touches unusually many distinct artifacts.
    DownloadBreadth,
}

/// A detector's family: incidents combine surprise across families.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// Who pulls how much of what.
    Downloads,
    /// Who signs what.
    Signing,
    /// Where tags point.
    Tags,
    /// What is published, and how it changed.
    Metadata,
}

impl DetectorId {
    /// Every detector, in the catalogue's order.
    pub const ALL: [Self; 7] = [
        Self::ReSigning,
        Self::KeyChange,
        Self::TagMove,
        Self::MetadataDrift,
        Self::TrustDowngrade,
        Self::DownloadVolume,
        Self::DownloadBreadth,
    ];

    /// The id as people write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ReSigning => "re-signing",
            Self::KeyChange => "key-change",
            Self::TagMove => "tag-move",
            Self::MetadataDrift => "metadata-drift",
            Self::TrustDowngrade => "trust-downgrade",
            Self::DownloadVolume => "download-volume",
            Self::DownloadBreadth => "download-breadth",
        }
    }

    /// The family it belongs to.
    #[must_use]
    pub const fn family(self) -> Family {
        match self {
            Self::ReSigning | Self::KeyChange => Family::Signing,
            Self::TagMove => Family::Tags,
            Self::MetadataDrift | Self::TrustDowngrade => Family::Metadata,
            Self::DownloadVolume | Self::DownloadBreadth => Family::Downloads,
        }
    }
}

impl fmt::Display for DetectorId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A name that no detector has.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("there is no detector `{0}`")]
pub struct UnknownDetector(pub String);

impl FromStr for DetectorId {
    type Err = UnknownDetector;
    fn from_str(text: &str) -> Result<Self, UnknownDetector> {
        Self::ALL.into_iter().find(|id| id.as_str() == text).ok_or_else(|| UnknownDetector(text.to_owned()))
    }
}

/// How loud a finding or an incident is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Worth keeping.
    Info,
    /// Worth a look when there is time.
    Low,
    /// Worth a look today.
    Medium,
    /// Worth a look now.
    High,
    /// Worth waking somebody.
    Critical,
}

impl Severity {
    /// The contract's word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }

    /// Every severity, quietest first.
    pub const ALL: [Self; 5] = [Self::Info, Self::Low, Self::Medium, Self::High, Self::Critical];
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An ATT&CK technique, `T1195.002`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Technique(pub String);
