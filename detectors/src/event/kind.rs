//! The seven things that can happen (EVENTS.md), each with its own fields.

use std::collections::BTreeMap;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::EventTime;

/// What happened. Closed: a new kind is a new version of the contract.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum EventKind {
    /// Something was asked of the registry.
    Access(Access),
    /// A version came to be.
    Publish(Box<Publish>),
    /// A tag or dist-tag was set.
    Tag(Tag),
    /// A signature or attestation was made.
    Sign(Box<Sign>),
    /// Somebody checked a signature, or rebuilt from source.
    Verify(Verify),
    /// Rights or credentials changed.
    Account(Account),
    /// Something was taken back.
    Withdraw(Withdraw),
}

impl EventKind {
    /// The contract's word for it.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Access(_) => "access",
            Self::Publish(_) => "publish",
            Self::Tag(_) => "tag",
            Self::Sign(_) => "sign",
            Self::Verify(_) => "verify",
            Self::Account(_) => "account",
            Self::Withdraw(_) => "withdraw",
        }
    }
}

/// Something was asked of the registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Access {
    /// What was asked.
    pub action: AccessAction,
    /// Bytes sent.
    pub bytes: Option<u64>,
    /// How long it took, in milliseconds.
    pub duration_ms: Option<u64>,
}

/// What was asked of the registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AccessAction {
    /// Content was fetched.
    Pull,
    /// It was asked whether content is there.
    Head,
    /// Names, versions or tags were listed.
    List,
    /// Names were searched for.
    Search,
    /// Content was sent.
    Push,
    /// Content was removed.
    Delete,
    /// Somebody signed in.
    Login,
}

/// A version came to be.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Publish {
    /// What the registry says about the version.
    pub metadata: Metadata,
}

/// What the registry says about a version. An absent field is unknown, not empty.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Metadata {
    /// Who published it.
    pub publisher: Option<Arc<str>>,
    /// Who may publish it.
    pub maintainers: Option<Vec<Arc<str>>>,
    /// Its licence.
    pub license: Option<Arc<str>>,
    /// Where its source lies.
    pub repository: Option<Arc<str>>,
    /// Its home page.
    pub homepage: Option<Arc<str>>,
    /// What it says it is.
    pub description: Option<Arc<str>>,
    /// Its keywords.
    pub keywords: Option<Vec<Arc<str>>>,
    /// Its size in bytes.
    pub size_bytes: Option<u64>,
    /// How many files it holds.
    pub file_count: Option<u64>,
    /// Scripts that run at installation.
    pub install_scripts: Option<Vec<Arc<str>>>,
    /// How many binaries it holds.
    pub binaries: Option<u64>,
    /// What it depends on: name → range.
    pub dependencies: Option<BTreeMap<Arc<str>, Arc<str>>>,
    /// The commit or ref it says it was built from.
    pub vcs_ref: Option<Arc<str>>,
    /// Which client published it.
    pub tool: Option<Arc<str>>,
    /// How its origin is attested.
    pub provenance: Option<Provenance>,
}

/// How far a version's origin is attested, from nothing to a staged publish.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum ProvenanceLevel {
    /// Nothing is known.
    #[default]
    None,
    /// A long-lived token.
    Token,
    /// An attestation.
    Attested,
    /// An attestation by a trusted publisher.
    TrustedPublisher,
    /// A trusted publisher and a second approval.
    Staged,
}

/// Who built a version, from what, and how.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Provenance {
    /// How far the origin is attested.
    pub level: ProvenanceLevel,
    /// The builder.
    pub builder: Option<Arc<str>>,
    /// The workflow file.
    pub workflow: Option<Arc<str>>,
    /// The source repository.
    pub source_repository: Option<Arc<str>>,
    /// The source ref.
    pub source_ref: Option<Arc<str>>,
    /// What started the run.
    pub trigger: Option<Arc<str>>,
    /// The run.
    pub run: Option<Arc<str>>,
    /// Which attempt of the run.
    pub run_attempt: Option<u32>,
    /// Where it ran.
    pub runner: Option<Arc<str>>,
}

/// A tag or dist-tag was set; the tag and what it points to now stand in the artifact.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Tag {
    /// What it pointed to before, if the log says: a digest or a version.
    pub previous: Option<Arc<str>>,
}

/// A signature or attestation was made.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Sign {
    /// Who signed.
    pub signer: Signer,
    /// `signature`, or the predicate type's URI.
    pub predicate: Option<Arc<str>>,
    /// Where it was logged.
    pub transparency_log: Option<TransparencyLog>,
    /// When the signature says it was made.
    pub signed_at: Option<EventTime>,
}

/// Who signed: a key, or an identity with a short-lived certificate.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Signer {
    /// The key's id or fingerprint.
    pub key_id: Option<Arc<str>>,
    /// The identity in the certificate (subject alternative name).
    pub identity: Option<Arc<str>>,
    /// Who vouched for the identity.
    pub issuer: Option<Arc<str>>,
    /// The algorithm.
    pub algorithm: Option<Arc<str>>,
    /// The certificate is valid from.
    pub not_before: Option<EventTime>,
    /// The certificate or metadata is valid until.
    pub not_after: Option<EventTime>,
    /// The workflow.
    pub workflow: Option<Arc<str>>,
    /// What started the run.
    pub trigger: Option<Arc<str>>,
    /// The run.
    pub run: Option<Arc<str>>,
    /// Which attempt of the run.
    pub run_attempt: Option<u32>,
    /// Where it ran.
    pub runner: Option<Arc<str>>,
    /// The source repository.
    pub source_repository: Option<Arc<str>>,
    /// Its numeric id, which survives a rename.
    pub source_repository_id: Option<Arc<str>>,
}

/// Where a signature was logged.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TransparencyLog {
    /// Which log.
    pub log: Option<Arc<str>>,
    /// The entry's index.
    pub index: Option<u64>,
    /// When the log took it in.
    pub integrated_time: Option<EventTime>,
}

/// Somebody checked a signature, or rebuilt from source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verify {
    /// What was checked.
    pub check: Check,
    /// What came out.
    pub result: CheckResult,
    /// Why.
    pub reason: Option<Arc<str>>,
}

/// What was checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Check {
    /// A signature.
    Signature,
    /// The provenance.
    Provenance,
    /// A rebuild from source.
    Rebuild,
}

/// What came out of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CheckResult {
    /// It holds.
    Ok,
    /// It does not hold.
    Failed,
    /// There was nothing to check.
    Unsigned,
}

/// Rights or credentials changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// What changed.
    pub change: AccountChange,
    /// Whom or what it concerns: a principal, token or key id.
    pub target: Option<Arc<str>>,
}

/// What changed in rights or credentials.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the words of EVENTS.md say it all")]
pub enum AccountChange {
    OwnerAdded,
    OwnerRemoved,
    RoleChanged,
    Invited,
    TokenCreated,
    TokenRevoked,
    LoginNewDevice,
    MfaEnabled,
    MfaDisabled,
    EmailChanged,
    PasswordReset,
    PublisherAdded,
    KeyAdded,
    KeyRevoked,
}

/// Something was taken back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Withdraw {
    /// How.
    pub action: WithdrawAction,
    /// Why.
    pub reason: Option<Arc<str>>,
}

/// How something was taken back, or given back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the words of EVENTS.md say it all")]
pub enum WithdrawAction {
    Yank,
    Unyank,
    Unpublish,
    Delete,
    Deprecate,
    Quarantine,
    Release,
}
