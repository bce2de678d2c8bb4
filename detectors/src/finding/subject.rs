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
    /// What surrounds a signer's signatures is not as it was.
    SignerProfile,
    /// A key signs unusually many artifacts.
    KeyFanOut,
    /// A signer signs at an hour foreign to it.
    SigningHour,
    /// What was signed is not signed any more.
    UnsignedAfterSigned,
    /// A signature without a publish, long after it, or back-dated.
    UnmatchedSignature,
    /// More verifications fail than usual.
    FailedVerification,
    /// A rule about signing or publishing is broken.
    SigningPolicy,
    /// Version numbers do not go on as they did.
    VersionOddity,
    /// A publisher publishes more than its history allows.
    PublishBurst,
    /// An artifact or account publishes after a foreign gap.
    DormantRevival,
    /// An account younger than usual publishes.
    NewAccountPublish,
    /// A new name is near one of ours.
    NameSquat,
    /// Owners or accounts change, and then somebody publishes.
    OwnershipChange,
    /// More is taken back than usual.
    WithdrawalWave,
    /// A principal walks through names in order.
    Enumeration,
    /// A principal comes from where it never or rarely came from.
    NewOrigin,
    /// A principal acts at an hour foreign to it.
    UnusualHour,
    /// One person in two places too far apart.
    ImpossibleTravel,
    /// A principal is refused more often than its learned share allows.
    DeniedBurst,
    /// A principal asks for what is not there more often than its learned share allows.
    NotFoundBurst,
    /// A private name is asked of a registry that should not know it.
    DependencyConfusion,
    /// A quiet artifact gets a consumer unlike its others.
    NewConsumer,
    /// What was withdrawn, quarantined or is known to be bad is pulled.
    BadVersionPull,
}

/// A detector's family: incidents combine surprise across families.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// Who pulls how much of what.
    Downloads,
    /// Who comes from where, and gets what it should not.
    Access,
    /// Who signs what.
    Signing,
    /// Where tags point.
    Tags,
    /// What is published, and how it changed.
    Metadata,
    /// What comes to be and is taken back, how much at once, and by whom.
    Creation,
    /// Whose rights and credentials change.
    Accounts,
}

impl Family {
    /// Whether it only counts how much: then it needs another family beside it before anybody is woken.
    #[must_use]
    pub const fn is_volume(self) -> bool {
        matches!(self, Self::Downloads | Self::Creation)
    }
}

impl DetectorId {
    /// Every detector, in the catalogue's order.
    pub const ALL: [Self; 30] = [
        Self::ReSigning,
        Self::KeyChange,
        Self::TagMove,
        Self::MetadataDrift,
        Self::TrustDowngrade,
        Self::DownloadVolume,
        Self::DownloadBreadth,
        Self::SignerProfile,
        Self::KeyFanOut,
        Self::SigningHour,
        Self::UnsignedAfterSigned,
        Self::UnmatchedSignature,
        Self::FailedVerification,
        Self::SigningPolicy,
        Self::VersionOddity,
        Self::PublishBurst,
        Self::DormantRevival,
        Self::NewAccountPublish,
        Self::NameSquat,
        Self::OwnershipChange,
        Self::WithdrawalWave,
        Self::Enumeration,
        Self::NewOrigin,
        Self::UnusualHour,
        Self::ImpossibleTravel,
        Self::DeniedBurst,
        Self::NotFoundBurst,
        Self::DependencyConfusion,
        Self::NewConsumer,
        Self::BadVersionPull,
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
            Self::SignerProfile => "signer-profile",
            Self::KeyFanOut => "key-fan-out",
            Self::SigningHour => "signing-hour",
            Self::UnsignedAfterSigned => "unsigned-after-signed",
            Self::UnmatchedSignature => "unmatched-signature",
            Self::FailedVerification => "failed-verification",
            Self::SigningPolicy => "signing-policy",
            Self::VersionOddity => "version-oddity",
            Self::PublishBurst => "publish-burst",
            Self::DormantRevival => "dormant-revival",
            Self::NewAccountPublish => "new-account-publish",
            Self::NameSquat => "name-squat",
            Self::OwnershipChange => "ownership-change",
            Self::WithdrawalWave => "withdrawal-wave",
            Self::Enumeration => "enumeration",
            Self::NewOrigin => "new-origin",
            Self::UnusualHour => "unusual-hour",
            Self::ImpossibleTravel => "impossible-travel",
            Self::DeniedBurst => "denied-burst",
            Self::NotFoundBurst => "not-found-burst",
            Self::DependencyConfusion => "dependency-confusion",
            Self::NewConsumer => "new-consumer",
            Self::BadVersionPull => "bad-version-pull",
        }
    }

    /// The family it belongs to.
    #[must_use]
    pub const fn family(self) -> Family {
        match self {
            Self::ReSigning
            | Self::KeyChange
            | Self::SignerProfile
            | Self::KeyFanOut
            | Self::SigningHour
            | Self::UnsignedAfterSigned
            | Self::UnmatchedSignature
            | Self::FailedVerification
            | Self::SigningPolicy => Family::Signing,
            Self::TagMove => Family::Tags,
            Self::MetadataDrift | Self::TrustDowngrade | Self::VersionOddity => Family::Metadata,
            Self::PublishBurst
            | Self::DormantRevival
            | Self::NewAccountPublish
            | Self::NameSquat
            | Self::WithdrawalWave => Family::Creation,
            Self::OwnershipChange => Family::Accounts,
            Self::DownloadVolume
            | Self::DownloadBreadth
            | Self::Enumeration
            | Self::DeniedBurst
            | Self::NotFoundBurst => Family::Downloads,
            Self::NewOrigin
            | Self::UnusualHour
            | Self::ImpossibleTravel
            | Self::DependencyConfusion
            | Self::NewConsumer
            | Self::BadVersionPull => Family::Access,
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
