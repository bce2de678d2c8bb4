//! Folds findings into incidents: a function of the *set* of findings, whatever order lanes deliver them in.
//!
//! Two findings with an equal link at most [`LINK_WINDOW`] apart in event time are connected; an incident is a
//! connected component. Through one link it is enough to connect each finding to its nearest neighbours in time, and
//! connections are never taken back, so adding one by one gives the components of the whole set.

use std::collections::{BTreeMap, BTreeSet};

use super::{INCIDENT_SCHEMA, Incident, LINK_WINDOW, MAX_MEMBERS, Status, Transition, TransitionReason};
use crate::event::{EventTime, Span};
use crate::finding::{
    Decision, DetectorId, Family, Finding, FindingId, IncidentId, Link, Severity, Subject, Technique,
};
use crate::severity::{self, Consumption};
use crate::statistics::PValue;

/// Incidents whose last finding is this much older than the newest finding are closed to further members.
pub const HORIZON: Span = Span::days(7);
/// Most steps of a history; beyond it only escalations are added.
const MAX_HISTORY: usize = 100;

/// What is kept of a member.
#[derive(Debug, Clone)]
struct Member {
    detector: DetectorId,
    subject: Subject,
    severity: Severity,
    decision: Decision,
    p: Option<PValue>,
    first_event: EventTime,
    last_event: EventTime,
    summary: String,
    techniques: Vec<Technique>,
}

type MemberKey = (EventTime, FindingId);

/// What adding a finding did.
#[derive(Debug, Clone, PartialEq)]
pub struct Folded {
    /// The incident as it stands.
    pub incident: Incident,
    /// Incidents that turned out to be parts of it.
    pub superseded: Vec<IncidentId>,
}

/// Open incidents.
#[derive(Debug, Default)]
pub struct Incidents {
    components: BTreeMap<u64, BTreeMap<MemberKey, Member>>,
    component_of: BTreeMap<FindingId, u64>,
    by_link: BTreeMap<Link, BTreeSet<MemberKey>>,
    links_of: BTreeMap<FindingId, Vec<Link>>,
    next: u64,
    newest: Option<EventTime>,
}

impl Incidents {
    /// Adds a finding; `None` if it is a member already.
    pub fn add(&mut self, finding: &Finding) -> Option<Folded> {
        if self.component_of.contains_key(&finding.id) {
            return None;
        }
        let key = (finding.time, finding.id.clone());
        let mut joined = BTreeSet::new();
        for link in &finding.links {
            let members = self.by_link.entry(link.clone()).or_default();
            let before = members.range(..&key).next_back();
            let after = members.range(&key..).next();
            for near in before.into_iter().chain(after) {
                let apart = near.0.since(key.0).max(key.0.since(near.0));
                if apart <= LINK_WINDOW {
                    joined.extend(self.component_of.get(&near.1));
                }
            }
            members.insert(key.clone());
        }
        let mut superseded: Vec<IncidentId> =
            joined.iter().filter_map(|at| self.components.get(at).and_then(id_of)).collect();
        let mut members = BTreeMap::new();
        for at in joined {
            let part = self.components.remove(&at).unwrap_or_default();
            if part.len() > members.len() {
                let smaller = std::mem::replace(&mut members, part);
                members.extend(smaller);
            } else {
                members.extend(part);
            }
        }
        members.insert(key.clone(), Member::of(finding));
        self.links_of.insert(finding.id.clone(), finding.links.clone());
        self.next += 1;
        for (_, id) in members.keys() {
            self.component_of.insert(id.clone(), self.next);
        }
        let incident = built(&members)?;
        superseded.retain(|id| *id != incident.id);
        self.components.insert(self.next, members);
        self.newest = self.newest.max(Some(finding.time));
        self.forget_old();
        Some(Folded { incident, superseded })
    }

    /// The incident that a finding belongs to.
    #[must_use]
    pub fn of(&self, finding: &FindingId) -> Option<IncidentId> {
        self.components.get(self.component_of.get(finding)?).and_then(id_of)
    }

    /// Every open incident, by id.
    #[must_use]
    pub fn all(&self) -> Vec<Incident> {
        let mut all: Vec<_> = self.components.values().filter_map(built).collect();
        all.sort_by(|a, b| (a.first_event, &a.id).cmp(&(b.first_event, &b.id)));
        all
    }

    fn forget_old(&mut self) {
        let Some(horizon) = self.newest.map(|newest| newest.minus(HORIZON)) else { return };
        let old: Vec<u64> = self
            .components
            .iter()
            .filter(|(_, members)| members.last_key_value().is_some_and(|((time, _), _)| *time < horizon))
            .map(|(at, _)| *at)
            .collect();
        for at in old {
            for key in self.components.remove(&at).unwrap_or_default().into_keys() {
                self.component_of.remove(&key.1);
                for link in self.links_of.remove(&key.1).unwrap_or_default() {
                    if let Some(members) = self.by_link.get_mut(&link) {
                        members.remove(&key);
                        if members.is_empty() {
                            self.by_link.remove(&link);
                        }
                    }
                }
            }
        }
    }
}

impl Member {
    fn of(finding: &Finding) -> Self {
        Self {
            detector: finding.detector,
            subject: finding.subject.clone(),
            severity: finding.severity,
            decision: finding.decision,
            p: finding.p_value.map(PValue::clamped),
            first_event: finding.first_event,
            last_event: finding.last_event,
            summary: finding.summary.clone(),
            techniques: finding.technique.clone(),
        }
    }
}

fn id_of(members: &BTreeMap<MemberKey, Member>) -> Option<IncidentId> {
    members.first_key_value().map(|((_, id), _)| IncidentId::of_earliest(id))
}

/// How surprise adds up while members are taken in one by one.
#[derive(Default)]
struct Combined {
    families: BTreeMap<Family, (PValue, u32)>,
    violation: Option<Severity>,
    loudest: Option<Severity>,
}

/// What is said about how surprise was combined.
const METHOD: &str = "smallest p-value, by Bonferroni within its family and over families";

impl Combined {
    fn take(&mut self, member: &Member) {
        self.loudest = self.loudest.max(Some(member.severity));
        if let Some(p) = member.p {
            let (smallest, count) = self.families.entry(member.detector.family()).or_insert((p, 0));
            *smallest = (*smallest).min(p);
            *count += 1;
        } else {
            self.violation = self.violation.max(Some(member.severity));
        }
    }

    fn bits(&self) -> Option<f64> {
        let families: Vec<PValue> =
            self.families.values().map(|(smallest, count)| smallest.times(*count as usize)).collect();
        // Valid under any dependence; a family that corroborates lifts the cap on volume, not the bits.
        families.iter().min().map(|smallest| smallest.times(families.len()).bits())
    }

    fn severity(&self) -> Severity {
        let only_volume = self.families.keys().all(|family| family.is_volume());
        let family = if only_volume { Family::Downloads } else { Family::Metadata };
        let combined =
            self.bits().map(|bits| severity::of_surprise(bits, family, false, Consumption::Unknown));
        // Combining must not make an incident quieter than its loudest member.
        combined.max(self.violation).max(self.loudest).unwrap_or(Severity::Info)
    }
}

/// The incident of a component: members are taken in their own order, not in that of their arrival.
fn built(members: &BTreeMap<MemberKey, Member>) -> Option<Incident> {
    let id = id_of(members)?;
    let mut combined = Combined::default();
    let mut history: Vec<Transition> = Vec::new();
    let mut loudness: BTreeMap<Subject, Severity> = BTreeMap::new();
    let mut detectors = BTreeSet::new();
    let mut techniques = BTreeSet::new();
    for ((time, _), member) in members {
        combined.take(member);
        let severity = combined.severity();
        let new_detector = detectors.insert(member.detector);
        let new_subject = !loudness.contains_key(&member.subject);
        let held = loudness.entry(member.subject.clone()).or_insert(member.severity);
        *held = (*held).max(member.severity);
        techniques.extend(member.techniques.iter().cloned());
        let reason = match history.last() {
            None => Some(TransitionReason::Opened),
            Some(last) if severity > last.severity => Some(TransitionReason::Escalated),
            Some(_) if (new_detector || new_subject) && history.len() < MAX_HISTORY => {
                Some(TransitionReason::Grew)
            }
            Some(_) => None,
        };
        history.extend(reason.map(|reason| Transition { time: *time, severity, reason }));
    }
    let mut subjects: Vec<(Subject, Severity)> = loudness.into_iter().collect();
    subjects.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    Some(Incident {
        schema: INCIDENT_SCHEMA.to_owned(),
        id,
        severity: combined.severity(),
        surprise_bits: combined.bits(),
        method: METHOD.to_owned(),
        history,
        findings: members.keys().take(MAX_MEMBERS).map(|(_, id)| id.clone()).collect(),
        further_findings: members.len().saturating_sub(MAX_MEMBERS),
        summary: summary(members, subjects.len())?,
        subjects: subjects.into_iter().take(MAX_MEMBERS).map(|(subject, _)| subject).collect(),
        techniques: techniques.into_iter().collect(),
        first_event: members.values().map(|member| member.first_event).min()?,
        last_event: members.values().map(|member| member.last_event).max()?,
        told: members.values().any(|member| member.decision != Decision::BelowBudget),
        status: Status::New,
        owner: None,
    })
}

/// The loudest member speaks for all, the earliest of equals.
fn summary(members: &BTreeMap<MemberKey, Member>, subjects: usize) -> Option<String> {
    let bits = |member: &Member| member.p.map_or(f64::INFINITY, PValue::bits);
    let mut loudest = members.values().next()?;
    for member in members.values() {
        if (member.severity, bits(member)) > (loudest.severity, bits(loudest)) {
            loudest = member;
        }
    }
    let others = members.len() - 1;
    Some(match (others, subjects) {
        (0, _) => loudest.summary.clone(),
        (1, 1) => format!("{}; and one more finding", loudest.summary),
        (_, 1) => format!("{}; and {others} more findings", loudest.summary),
        _ => format!("{}; and {others} more on {subjects} subjects in all", loudest.summary),
    })
}

#[cfg(test)]
mod tests;
