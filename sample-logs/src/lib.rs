//! The seeded generator of the recorded attacks in this folder, what must be found in each of them, and the judge.
//!
//! Everything is a pure function of a [`Scenario`] and a [`Variant`]: [`generate`] makes the logs, [`expectations`]
//! says what must be found in them and what must stay silent, [`judge()`] compares that with findings. The public
//! formats are written as text, by code that shares nothing with the program's own decoders.

pub mod committed;
pub mod manifest;

mod clock;
mod combined;
mod company;
mod jitter;
mod journal;
mod judge;
mod names;
mod native;
mod publishing;
mod random;
mod scenarios;

pub use clock::{Moment, MomentError};
pub use judge::{FoundFinding, FoundSubject, Met, Unmet, Verdict, judge};
pub use manifest::{Expectation, Manifest, Silence};

use serde::{Deserialize, Serialize};

/// One of the recorded cases.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scenario {
    /// 84 versions of 42 `@tanstack` packages with valid provenance, 11 May 2026.
    TanStack,
    /// Tags of `checkmarx/kics` on Docker Hub overwritten, 22 April 2026.
    Kics,
    /// `axios` 1.14.1 and 0.30.4 published by a taken-over account, 31 March 2026.
    Axios,
    /// No attack: a clean re-release with an announced key rotation.
    CleanRelease,
}

impl Scenario {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::TanStack, Self::Kics, Self::Axios, Self::CleanRelease];

    /// The name of its folder.
    #[must_use]
    pub const fn folder(self) -> &'static str {
        match self {
            Self::TanStack => "tanstack",
            Self::Kics => "kics",
            Self::Axios => "axios",
            Self::CleanRelease => "clean-release",
        }
    }
}

/// Which telling of a scenario.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Variant {
    /// With its case (the attack and its aftermath; in the look-alike the re-release and rotation), or without: then
    /// the same background, line by line, and nothing else.
    pub attack: bool,
    /// With counts, times and names bent by this seed, on another background; `None` is the telling that is committed.
    pub jitter_seed: Option<u64>,
}

impl Variant {
    /// The telling that is committed.
    pub const COMMITTED: Self = Self { attack: true, jitter_seed: None };
}

/// Whether a file teaches or is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// The weeks before.
    History,
    /// The day of the attack.
    AttackDay,
}

impl Role {
    /// The name of its folder inside a scenario's.
    #[must_use]
    pub const fn folder(self) -> &'static str {
        match self {
            Self::History => "history",
            Self::AttackDay => "attack-day",
        }
    }
}

/// How a file's lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// Native events, a JSON object a line.
    Native,
    /// nginx's `combined`.
    Combined,
}

/// What kind of registry stands behind a log whose lines do not say so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ecosystem {
    /// Containers.
    Oci,
    /// npm packages.
    Npm,
}

/// The logs of one scenario in one variant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recording {
    /// History and attack day of each stream.
    pub files: Vec<LogFile>,
}

/// One log file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogFile {
    /// Its base name before compression, unique over all scenarios: `tanstack-publishes.jsonl`.
    pub name: String,
    /// Whether it teaches or is judged.
    pub role: Role,
    /// How its lines are written.
    pub format: Format,
    /// What kind of registry it is about, where the format does not say.
    pub ecosystem: Option<Ecosystem>,
    /// The topic it is played into; history and attack day of a stream share one.
    pub topic: String,
    /// The registry it is about; where lines do not say so, the source must be named so.
    pub registry: String,
    /// Its lines, without their ends.
    pub lines: Vec<String>,
}

impl LogFile {
    /// Where it lies inside the scenario's folder, compressed: `history/tanstack-publishes.jsonl.zst`.
    #[must_use]
    pub fn path(&self) -> String {
        format!("{}/{}.zst", self.role.folder(), self.name)
    }

    /// Its text, each line ended.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::with_capacity(self.lines.iter().map(|line| line.len() + 1).sum());
        for line in &self.lines {
            text.push_str(line);
            text.push('\n');
        }
        text
    }
}

/// The event time of a line of a recording: what a producer must set as the record's timestamp, since a live source
/// does not trust times that lie far from it. `None` for a line that is not of this generator.
#[must_use]
pub fn event_time(format: Format, line: &str) -> Option<Moment> {
    let between = |start: &str, end: char| line.split_once(start)?.1.split_once(end).map(|(text, _)| text);
    match format {
        Format::Native => Moment::parse(between("\"time\":\"", '"')?).ok(),
        Format::Combined => Moment::parse_combined(between("[", ']')?),
    }
}

/// Makes the logs of a scenario.
#[must_use]
pub fn generate(scenario: Scenario, variant: Variant) -> Recording {
    match scenario {
        Scenario::TanStack => scenarios::tanstack::record(variant),
        Scenario::Kics => scenarios::kics::record(variant),
        Scenario::Axios => scenarios::axios::record(variant),
        Scenario::CleanRelease => scenarios::clean_release::record(variant),
    }
}

/// What must be found in these logs, by when, and what must stay silent. Without the case nothing is expected and
/// everything must stay silent.
#[must_use]
pub fn expectations(scenario: Scenario, variant: Variant) -> Manifest {
    match scenario {
        Scenario::TanStack => scenarios::tanstack::manifest(variant),
        Scenario::Kics => scenarios::kics::manifest(variant),
        Scenario::Axios => scenarios::axios::manifest(variant),
        Scenario::CleanRelease => scenarios::clean_release::manifest(variant),
    }
}

#[cfg(test)]
mod tests;
