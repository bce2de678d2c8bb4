//! What a detector says when something is not as it was: the public contract `sealwatch.finding/v1` (EVENTS.md).

mod evidence;
mod id;
mod subject;

pub use evidence::{Evidence, Fact, RecordPosition};
pub use id::{Anchor, FindingId, IncidentId, finding_id};
pub use subject::{DetectorId, Family, Severity, Subject, SubjectKind, Technique, UnknownDetector};

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::event::EventTime;

/// The contract's name and version.
pub const FINDING_SCHEMA: &str = "sealwatch.finding/v1";

/// One detector's statement. Public contract: fields may be added, never renamed or given another meaning.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// Always `sealwatch.finding/v1`.
    pub schema: String,
    /// The fixed hash of detector, major version, registry, subject and anchor: the same in every replay.
    pub id: FindingId,
    /// Which detector says it.
    pub detector: DetectorId,
    /// Whom it concerns.
    pub subject: Subject,
    /// How loud it is, by `severity.rs`.
    pub severity: Severity,
    /// Event time at which it could first be known.
    pub time: EventTime,
    /// Earliest event time of the evidence.
    pub first_event: EventTime,
    /// Latest event time of the evidence.
    pub last_event: EventTime,
    /// Probability of something at least this surprising under the learned normal, calibrated and randomised:
    /// what was decided on. Null for a violation.
    pub p_value: Option<f64>,
    /// The exact probability, shown to people. Null for a violation.
    pub p_exact: Option<f64>,
    /// −log₂ of the p-value, at most 100. Null for a violation.
    pub surprise_bits: Option<f64>,
    /// What was seen.
    pub observed: Measure,
    /// The normal band, if the detector knows one.
    pub expected: Option<Band>,
    /// One sentence a person understands.
    pub summary: String,
    /// What would have had to be different for silence.
    pub counterfactual: String,
    /// What it rests on, each with the place of its raw record.
    pub evidence: Vec<Evidence>,
    /// ATT&CK techniques.
    pub technique: Vec<Technique>,
    /// Threat of the SLSA model, `A` to `H`, where it fits.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub slsa_threat: Option<char>,
    /// Path of the runbook section.
    pub runbook: String,
    /// What the budget says: told, or stored below it.
    pub decision: Decision,
    /// Causes that it may share with other findings; incidents fold by them.
    pub links: Vec<Link>,
    /// Where it was found: live, in a shadow run, in an exercise.
    pub mode: Mode,
    /// The incident it was folded into.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub incident: Option<IncidentId>,
    /// With which settings it was found.
    pub config_hash: Arc<str>,
    /// Major version of the detector.
    pub detector_version: u32,
}

/// Something measured or named, with its unit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Measure {
    /// The value.
    pub value: Quantity,
    /// Its unit (`pulls per hour`, `key`).
    pub unit: String,
}

/// The normal band of what was measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Band {
    /// Where the lower 0.5 % begins; for names, the first usual one.
    pub low: Quantity,
    /// The middle; for names, the most usual one.
    pub mid: Quantity,
    /// Where the upper 0.5 % begins; for names, the last usual one.
    pub high: Quantity,
    /// Its unit.
    pub unit: String,
}

/// A number or a name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Quantity {
    /// A finite number.
    Number(f64),
    /// A name.
    Name(String),
}

impl Measure {
    /// A number with its unit.
    #[must_use]
    pub fn number(value: f64, unit: &str) -> Self {
        Self { value: Quantity::Number(value), unit: unit.to_owned() }
    }
    /// A name with what it is a name of.
    #[must_use]
    pub fn name(value: impl Into<String>, unit: &str) -> Self {
        Self { value: Quantity::Name(value.into()), unit: unit.to_owned() }
    }
}

impl Band {
    /// A band of numbers.
    #[must_use]
    pub fn numbers(low: f64, mid: f64, high: f64, unit: &str) -> Self {
        let number = Quantity::Number;
        Self { low: number(low), mid: number(mid), high: number(high), unit: unit.to_owned() }
    }
    /// One usual name.
    #[must_use]
    pub fn name(usual: impl Into<String>, unit: &str) -> Self {
        let usual = usual.into();
        let name = |text: &str| Quantity::Name(text.to_owned());
        Self { low: name(&usual), mid: name(&usual), high: name(&usual), unit: unit.to_owned() }
    }
}

/// What the alert budget says about a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Decision {
    /// A hard fact: always told.
    Violation,
    /// Within the budget: told.
    Told,
    /// Stored, visible and searchable, but nobody is told.
    BelowBudget,
}

/// Where a finding was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// On the live log.
    #[default]
    Live,
    /// By a detector that runs beside the live one.
    Shadow,
    /// In an exercise.
    Exercise,
}

/// A cause that findings may share. Two findings with an equal link within [`crate::incident::LINK_WINDOW`] are
/// one incident.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", content = "name", rename_all = "kebab-case")]
pub enum Link {
    /// The artifact key, whatever registry it was seen in: a publish in one and its pulls through a proxy are one story.
    Artifact(Arc<str>),
    /// The content.
    Digest(Arc<str>),
    /// The CI run.
    Run(Arc<str>),
    /// The signing key or identity.
    Signer(Arc<str>),
    /// Who published or acted, as `registry principal`.
    Principal(Arc<str>),
    /// A dependency that was added.
    Dependency(Arc<str>),
}
