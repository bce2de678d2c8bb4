//! What people triage: findings folded by cause.

mod fold;

pub use fold::{Folded, HORIZON, Incidents};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::event::{EventTime, Span};
use crate::finding::{FindingId, IncidentId, Severity, Subject, Technique};

/// The contract's name and version.
pub const INCIDENT_SCHEMA: &str = "sealwatch.incident/v1";
/// Two findings with an equal link this close in event time are one incident.
pub const LINK_WINDOW: Span = Span::hours(6);
/// Most members an incident lists; the earliest are kept, the rest is counted.
pub const MAX_MEMBERS: usize = 500;

/// What people triage and what receivers send: the public contract `sealwatch.incident/v1` (EVENTS.md).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Incident {
    /// Always `sealwatch.incident/v1`.
    pub schema: String,
    /// A fixed hash of its earliest member: the same in every replay.
    pub id: IncidentId,
    /// How loud it is now.
    pub severity: Severity,
    /// The combined surprise, in bits; null where every member is a violation.
    pub surprise_bits: Option<f64>,
    /// How the surprise was combined.
    pub method: String,
    /// When it became how severe, in event time.
    pub history: Vec<Transition>,
    /// Its members' ids, earliest first, at most [`MAX_MEMBERS`].
    pub findings: Vec<FindingId>,
    /// How many members there are beyond those listed.
    pub further_findings: usize,
    /// Whom it concerns, most severe first, at most [`MAX_MEMBERS`].
    pub subjects: Vec<Subject>,
    /// ATT&CK techniques of its members.
    pub techniques: Vec<Technique>,
    /// Earliest event time of its evidence.
    pub first_event: EventTime,
    /// Latest event time of its evidence.
    pub last_event: EventTime,
    /// One sentence a person understands.
    pub summary: String,
    /// Whether anybody is told: at least one member is within the budget or a violation.
    pub told: bool,
    /// What people decided so far.
    pub status: Status,
    /// Who works on it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub owner: Option<String>,
}

/// One step of an incident's life.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Transition {
    /// When, in event time.
    pub time: EventTime,
    /// How severe it was from then on.
    pub severity: Severity,
    /// What happened.
    pub reason: TransitionReason,
}

/// What happened to an incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TransitionReason {
    /// Its first finding.
    Opened,
    /// A finding on a further subject or by a further detector.
    Grew,
    /// A finding that made it more severe.
    Escalated,
    /// Somebody closed it.
    Resolved,
    /// It came back after it was closed.
    Regressed,
}

impl TransitionReason {
    /// The contract's word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Opened => "opened",
            Self::Grew => "grew",
            Self::Escalated => "escalated",
            Self::Resolved => "resolved",
            Self::Regressed => "regressed",
        }
    }
}

/// What people decided about an incident so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// Nobody has looked yet.
    #[default]
    New,
    /// Somebody works on it.
    InProgress,
    /// It waits for something.
    OnHold,
    /// It is closed.
    Resolved,
}
