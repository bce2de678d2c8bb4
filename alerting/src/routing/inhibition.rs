//! `[[inhibit]]`: what people need not be told because they know its cause.
//!
//! An incident is inhibited only by one that comes before it in (severity, first evidence, id). So rules can form no
//! circle in which two incidents keep each other silent, and nothing is hidden behind something less severe.

use std::cmp::Reverse;
use std::sync::Arc;

use detectors::event::Span;
use detectors::finding::{Finding, IncidentId, Severity, Subject};
use detectors::incident::{Incident, Status};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::matchers::{Fit, Matchers, namespace, purl_type};
use super::{IncidentView, NotTold, Owners};

/// One `[[inhibit]]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InhibitConfig {
    /// What it is called, in the reasons that are shown.
    pub name: String,
    /// The cause: while such an incident is open and people are told of it.
    pub source: Matchers,
    /// The consequence: of such an incident nobody is told, unless it is more severe.
    pub target: Matchers,
    /// What a subject of the one and a subject of the other must have in common.
    #[schemars(length(min = 1))]
    pub equal: Vec<Shared>,
    /// How far apart their latest evidence may be, in hours.
    #[serde(default = "a_day")]
    #[schemars(range(min = 1, max = 168))]
    pub within_hours: u32,
}

const fn a_day() -> u32 {
    24
}

/// What two incidents have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Shared {
    /// The registry.
    Registry,
    /// The kind and name of a subject, whatever registry it is in.
    Subject,
    /// The type of a package.
    PurlType,
    /// The type and namespace of a package.
    Namespace,
    /// The owner, by `[[owner]]`.
    Owner,
}

/// Another incident that is open now.
#[derive(Debug, Clone, PartialEq)]
pub struct OpenIncident {
    /// The incident.
    pub incident: Incident,
    /// Its findings.
    pub findings: Vec<Finding>,
    /// How severe it is, with what was announced.
    pub severity: Severity,
}

/// By which other incident this one is inhibited.
pub(crate) fn inhibited(
    rules: &[InhibitConfig],
    view: &IncidentView<'_>,
    severity: Severity,
    others: &[OpenIncident],
    owners: &Owners,
) -> Option<NotTold> {
    let mine = precedence(severity, view.incident);
    rules.iter().find_map(|rule| {
        if rule.target.fit(view, severity, owners) != Fit::Yes {
            return None;
        }
        let explains = |other: &&OpenIncident| {
            let cause = IncidentView {
                run: view.run,
                incident: &other.incident,
                findings: &other.findings,
                transition: view.transition,
            };
            other.incident.told
                && other.incident.status != Status::Resolved
                && precedence(other.severity, &other.incident) < mine
                && near(rule, view.incident, &other.incident)
                && rule.source.fit(&cause, other.severity, owners) == Fit::Yes
                && in_common(&rule.equal, view.incident, &other.incident, owners)
        };
        let by =
            others.iter().filter(explains).min_by_key(|other| precedence(other.severity, &other.incident))?;
        Some(NotTold::Inhibited { rule: Arc::from(rule.name.as_str()), by: by.incident.id.clone() })
    })
}

/// What comes first is never inhibited by what comes after it.
fn precedence(severity: Severity, incident: &Incident) -> (Reverse<Severity>, i64, &IncidentId) {
    (Reverse(severity), incident.first_event.nanos(), &incident.id)
}

fn near(rule: &InhibitConfig, one: &Incident, other: &Incident) -> bool {
    let apart = one.last_event.nanos().abs_diff(other.last_event.nanos());
    apart <= Span::hours(i64::from(rule.within_hours)).nanos().unsigned_abs()
}

fn in_common(equal: &[Shared], one: &Incident, other: &Incident, owners: &Owners) -> bool {
    one.subjects.iter().any(|mine| {
        other.subjects.iter().any(|theirs| equal.iter().all(|shared| shared.is_equal(mine, theirs, owners)))
    })
}

impl Shared {
    /// What neither has is nothing in common.
    fn is_equal(self, one: &Subject, other: &Subject, owners: &Owners) -> bool {
        let both = |one: Option<&str>, other: Option<&str>| one.is_some() && one == other;
        match self {
            Self::Registry => one.registry == other.registry,
            Self::Subject => one.kind == other.kind && one.name == other.name,
            Self::PurlType => both(purl_type(one), purl_type(other)),
            Self::Namespace => {
                both(purl_type(one), purl_type(other))
                    && both(namespace(one).as_deref(), namespace(other).as_deref())
            }
            Self::Owner => both(owners.of(one), owners.of(other)),
        }
    }
}
