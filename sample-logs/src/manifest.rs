//! `scenario.toml`: what a recording is, which files it has, what must be found in it, and what must stay silent.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::clock::Moment;
use crate::{Ecosystem, Format, Role};

/// The name of the file in a scenario's folder.
pub const FILE_NAME: &str = "scenario.toml";

/// The public ids of detectors (DETECTORS.md); expectations may name no other.
pub const CATALOGUE: [&str; 34] = [
    "download-volume",
    "download-breadth",
    "enumeration",
    "new-origin",
    "unusual-hour",
    "impossible-travel",
    "denied-burst",
    "not-found-burst",
    "dependency-confusion",
    "new-consumer",
    "bad-version-pull",
    "re-signing",
    "key-change",
    "signer-profile",
    "key-fan-out",
    "signing-hour",
    "unsigned-after-signed",
    "unmatched-signature",
    "failed-verification",
    "signing-policy",
    "tag-move",
    "metadata-drift",
    "trust-downgrade",
    "version-oddity",
    "publish-burst",
    "dormant-revival",
    "new-account-publish",
    "name-squat",
    "ownership-change",
    "withdrawal-wave",
    "baseline-drift",
    "cardinality-flood",
    "data-gap",
    "clock-trouble",
];

/// A scenario's description.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// What it is.
    pub scenario: About,
    /// Its logs.
    #[serde(rename = "file")]
    pub files: Vec<FileEntry>,
    /// What must be found.
    #[serde(rename = "expect", default, skip_serializing_if = "Vec::is_empty")]
    pub expectations: Vec<Expectation>,
    /// What must stay silent.
    #[serde(rename = "silent", default, skip_serializing_if = "Vec::is_empty")]
    pub silences: Vec<Silence>,
}

/// What a recording is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct About {
    /// Its short name, that of its folder.
    pub name: String,
    /// Its name for people.
    pub title: String,
    /// Where the facts are from.
    pub source: String,
    /// The generator's seed.
    pub seed: u64,
    /// Whether it is an attack.
    pub nature: Nature,
    /// When the case began: the first event that is not everyday traffic.
    pub epoch: Moment,
    /// From when to when the judged day goes.
    pub day_start: Moment,
    /// Its end, not included.
    pub day_end: Moment,
}

/// Whether a recording is of an attack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Nature {
    /// An attack that happened.
    Attack,
    /// Something honest that looks like one.
    LookAlike,
    /// The background alone.
    Background,
}

/// One of a recording's logs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileEntry {
    /// Where it lies inside the scenario's folder.
    pub path: String,
    /// Whether it teaches or is judged.
    pub role: Role,
    /// How its lines are written.
    pub format: Format,
    /// What kind of registry an access log is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ecosystem: Option<Ecosystem>,
    /// The topic it is played into.
    pub topic: String,
    /// The registry it is about, and the name of its source.
    pub registry: String,
}

/// What kind of thing a finding is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SubjectKind {
    /// A package or container repository.
    Artifact,
    /// Who acts.
    Principal,
    /// Who signs.
    Signer,
    /// A registry as a whole.
    Registry,
}

/// How severe a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// For the record.
    Info,
    /// Little.
    Low,
    /// Worth a look.
    Medium,
    /// Worth a page.
    High,
    /// At once.
    Critical,
}

/// A finding, or several of one kind, that must be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expectation {
    /// The detector's id.
    pub detector: String,
    /// About what.
    pub subject: Wanted,
    /// On how many of the named subjects at least.
    pub at_least: usize,
    /// How severe each at least.
    pub severity_at_least: Severity,
    /// What is found before does not count: it cannot be about the case.
    pub after: Moment,
    /// The deadline, in event time.
    pub by: Moment,
    /// Whether all of them must belong to one incident, as far as findings say which.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub one_incident: bool,
    /// Why it must be found.
    pub why: String,
}

/// The subjects that an expectation is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    /// Their kind.
    pub kind: SubjectKind,
    /// Their registry.
    pub registry: String,
    /// Their names, as findings write them.
    pub names: Vec<String>,
}

/// Findings that must not be made on the judged day. What an expectation asks for is never noise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Silence {
    /// These detectors; all if empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub detectors: Vec<String>,
    /// About this kind of subject; about any if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<SubjectKind>,
    /// Of this registry; of any if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registry: Option<String>,
    /// With these names, a `*` at the end standing for anything; all if empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<String>,
    /// But not with these.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub except: Vec<String>,
    /// From this severity on; what is below may be said.
    pub severity_at_least: Severity,
    /// Why it must stay silent.
    pub why: String,
}

/// Why a description could not be used.
#[derive(Debug, Error)]
pub enum ManifestError {
    /// The file cannot be read.
    #[error("could not read {}", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The file says something else than a scenario.
    #[error("{} is not a scenario", path.display())]
    Parse {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: toml::de::Error,
    },
}

impl Manifest {
    /// Reads `scenario.toml` of a scenario's folder.
    ///
    /// # Errors
    /// [`ManifestError`] naming the file.
    pub fn load(folder: &Path) -> Result<Self, ManifestError> {
        let path = folder.join(FILE_NAME);
        match std::fs::read_to_string(&path) {
            Ok(text) => toml::from_str(&text).map_err(|source| ManifestError::Parse { path, source }),
            Err(source) => Err(ManifestError::Read { path, source }),
        }
    }

    /// The text of `scenario.toml`.
    #[must_use]
    pub fn to_toml(&self) -> String {
        let body = toml::to_string_pretty(self).expect("strings, numbers and lists are always TOML");
        format!("# Made by `cargo run -p sample-logs -- write`: change the generator, not this file.\n{body}")
    }

    /// The files of one role.
    pub fn files_of(&self, role: Role) -> impl Iterator<Item = &FileEntry> {
        self.files.iter().filter(move |file| file.role == role)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn catalogue_ids_are_kebab_case_and_unique() {
        let unique: std::collections::BTreeSet<&str> = CATALOGUE.into_iter().collect();
        assert_eq!(unique.len(), CATALOGUE.len());
        assert!(CATALOGUE.iter().all(|id| id.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-')));
    }

    #[test]
    fn an_unreadable_or_unknown_description_is_refused_by_name() {
        let missing = Manifest::load(Path::new("no-such-folder")).unwrap_err();
        assert_eq!(
            missing.to_string(),
            format!("could not read {}", Path::new("no-such-folder").join(FILE_NAME).display())
        );
        assert!(toml::from_str::<Manifest>("[scenario]\nname = 1").is_err());
    }

    #[test]
    fn severities_are_ordered() {
        assert!(Severity::Info < Severity::Low && Severity::Low < Severity::Medium);
        assert!(Severity::Medium < Severity::High && Severity::High < Severity::Critical);
    }
}
