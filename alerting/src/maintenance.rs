//! Announced work on keys and signatures: what was planned is info, and what only looks like it is high.
//!
//! Whoever announces a rotation also says what it is not. While a plan reaches, a planned key on another subject, a
//! planned subject with another key, and planned work outside of its window are worth more than without a plan: they
//! are what somebody does who hopes to go under in it.

use std::fmt;

use detectors::finding::{Decision, DetectorId, Fact, Finding, Link, Severity};
use serde::{Deserialize, Serialize};
use store::{Maintenance, MaintenanceId, NewMaintenance};
use thiserror::Error;

use crate::routing::matchers::fits_name;
use crate::routing::{Glob, IncidentView, Note};

/// The stored form's version.
const VERSION: u32 = 1;
/// How long after its window a plan still reaches, in days.
pub const REACH_DAYS: i64 = 7;
/// The longest window of a plan, in days.
pub const WINDOW_DAYS_MAX: i64 = 30;
/// Most subjects, registries or keys of a plan.
pub const PLAN_LIST_MAX: usize = 1_000;
const DAY_NANOS: i64 = 86_400_000_000_000;
/// How severe planned work counts.
const PLANNED: Severity = Severity::Info;
/// How severe work outside of a plan counts at least.
const OUTSIDE: Severity = Severity::High;

/// What kind of work is planned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Work {
    /// New releases are signed with another key.
    KeyRotation,
    /// What is signed already gets further signatures.
    MassReSign,
}

impl Work {
    /// Every kind.
    pub const ALL: [Self; 2] = [Self::KeyRotation, Self::MassReSign];

    /// The word people write.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::KeyRotation => "key-rotation",
            Self::MassReSign => "mass-re-sign",
        }
    }

    /// Whose findings it explains.
    const fn detector(self) -> DetectorId {
        match self {
            Self::KeyRotation => DetectorId::KeyChange,
            Self::MassReSign => DetectorId::ReSigning,
        }
    }
}

/// What is planned, as the store keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    version: u32,
    /// What kinds of work.
    pub work: Vec<Work>,
    /// On which subjects: names or patterns.
    pub subjects: Vec<Glob>,
    /// In which registries; in any if empty.
    pub registries: Vec<Glob>,
    /// With which keys or identities, as findings name them.
    pub keys: Vec<String>,
}

/// A plan that somebody announced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Announced {
    /// Its number.
    pub id: MaintenanceId,
    /// What is planned.
    pub plan: Plan,
    /// Where its window begins, in event time, in nanoseconds since 1970.
    pub starts: i64,
    /// Where it ends.
    pub ends: i64,
    /// Since when it is known.
    pub created_at: i64,
    /// Since when it no longer holds, if it was ended.
    pub ended_at: Option<i64>,
}

/// In which way something is not what was planned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Deviation {
    /// Another key.
    Key,
    /// Another subject.
    Subject,
    /// Another time.
    Window,
}

/// What a plan makes of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judgement {
    /// It has nothing to do with it.
    Unconcerned,
    /// It is what was planned.
    Planned,
    /// It only looks like it.
    Outside(Deviation),
}

/// Why work cannot be announced, or an announcement not be read.
#[derive(Debug, Error)]
pub enum PlanError {
    /// It plans nothing.
    #[error("cannot announce work without {0}")]
    Without(&'static str),
    /// It names too much.
    #[error("cannot announce more than {PLAN_LIST_MAX} {0}")]
    TooMany(&'static str),
    /// It plans everything.
    #[error("cannot announce work on every subject: name what is worked on")]
    Everything,
    /// Its window is empty or too long.
    #[error("cannot announce a window that does not last between a moment and {WINDOW_DAYS_MAX} days")]
    Window,
    /// It is not JSON of this form.
    #[error("cannot read what was announced")]
    Unreadable {
        /// Why not.
        #[source]
        source: serde_json::Error,
    },
    /// A newer program announced it.
    #[error("cannot read an announcement of form {found}: this program knows form {VERSION}")]
    Newer {
        /// Its form.
        found: u32,
    },
}

impl Plan {
    /// A plan that says what, on what, and with what.
    ///
    /// # Errors
    /// [`PlanError`] for the first rule it breaks.
    pub fn new(
        work: Vec<Work>,
        subjects: Vec<Glob>,
        registries: Vec<Glob>,
        keys: Vec<String>,
    ) -> Result<Self, PlanError> {
        for (is_empty, what) in [
            (work.is_empty(), "a kind of work"),
            (subjects.is_empty(), "subjects"),
            (keys.is_empty() || keys.iter().any(|key| key.trim().is_empty()), "keys"),
        ] {
            if is_empty {
                return Err(PlanError::Without(what));
            }
        }
        for (count, what) in
            [(subjects.len(), "subjects"), (registries.len(), "registries"), (keys.len(), "keys")]
        {
            if count > PLAN_LIST_MAX {
                return Err(PlanError::TooMany(what));
            }
        }
        if subjects.iter().any(|glob| glob.to_string().chars().all(|part| part == '*')) {
            return Err(PlanError::Everything);
        }
        Ok(Self { version: VERSION, work, subjects, registries, keys })
    }

    /// As the store takes it.
    ///
    /// # Errors
    /// When nobody answers for it, or its window cannot be one.
    pub fn announced(
        &self,
        author: &str,
        reason: &str,
        starts: i64,
        ends: i64,
    ) -> Result<NewMaintenance, PlanError> {
        let (author, reason) = (author.trim(), reason.trim());
        for (text, what) in [(author, "an owner"), (reason, "a reason")] {
            if text.is_empty() {
                return Err(PlanError::Without(what));
            }
        }
        if ends <= starts || ends.saturating_sub(starts) > WINDOW_DAYS_MAX * DAY_NANOS {
            return Err(PlanError::Window);
        }
        Ok(NewMaintenance {
            plan: serde_json::to_string(self).expect("words, names and lists are always JSON"),
            author: author.to_owned(),
            reason: reason.to_owned(),
            starts,
            ends,
            config_hash: None,
        })
    }
}

impl Announced {
    /// Reads what the store kept.
    ///
    /// # Errors
    /// When it is unreadable or of a newer form.
    pub fn of(stored: &Maintenance) -> Result<Self, PlanError> {
        let plan: Plan =
            serde_json::from_str(&stored.plan).map_err(|source| PlanError::Unreadable { source })?;
        if plan.version != VERSION {
            return Err(PlanError::Newer { found: plan.version });
        }
        let ended_at = stored.ended.as_ref().map(|(at, _)| *at);
        let (starts, ends, created_at) = (stored.starts, stored.ends, stored.created_at);
        Ok(Self { id: stored.id, plan, starts, ends, created_at, ended_at })
    }

    /// What it makes of a finding: by its subject, its key, and the event time of its latest evidence.
    #[must_use]
    pub fn judge(&self, finding: &Finding) -> Judgement {
        let at = finding.last_event.nanos();
        let covers = self.plan.work.iter().any(|work| work.detector() == finding.detector);
        let is_called_off = self.ended_at.is_some_and(|ended| at >= ended);
        let reaches =
            at < self.ends.saturating_add(REACH_DAYS * DAY_NANOS) && at >= self.created_at.min(self.starts);
        let Some(key) = key_of(finding).filter(|_| covers && !is_called_off && reaches) else {
            return Judgement::Unconcerned;
        };
        let subject = &finding.subject;
        let has_subject = (self.plan.registries.is_empty()
            || self.plan.registries.iter().any(|registry| registry.matches(&subject.registry)))
            && self.plan.subjects.iter().any(|glob| fits_name(subject, |name| glob.matches(name)));
        let has_key = self.plan.keys.iter().any(|planned| planned == key);
        let is_in_window = (self.starts..self.ends).contains(&at);
        match (has_subject, has_key, is_in_window) {
            (true, true, true) => Judgement::Planned,
            (true, true, false) => Judgement::Outside(Deviation::Window),
            (false, true, _) => Judgement::Outside(Deviation::Subject),
            (true, false, true) => Judgement::Outside(Deviation::Key),
            // Another key at another time is a finding like any other.
            (true, false, false) | (false, false, _) => Judgement::Unconcerned,
        }
    }
}

/// The key or identity that a finding is about.
fn key_of(finding: &Finding) -> Option<&str> {
    let signed = finding.evidence.iter().find_map(|evidence| match &evidence.fact {
        Fact::Signature { role, signer, .. } if role == "this" => Some(signer.as_str()),
        _ => None,
    });
    signed.or_else(|| {
        finding.links.iter().find_map(|link| match link {
            Link::Signer(signer) => Some(&**signer),
            _ => None,
        })
    })
}

/// How severe an incident counts with what was announced, and why, if that differs from what it says itself.
///
/// All that would be told was planned: info. Something is outside of a plan: at least high. Else as it is: what was
/// planned does not make the rest of an incident quieter.
#[must_use]
pub fn severity(plans: &[Announced], view: &IncidentView<'_>) -> (Severity, Option<Note>) {
    let own = view.incident.severity;
    let mut planned = None;
    let mut outside = None;
    let mut rest =
        view.incident.findings.len().saturating_add(view.incident.further_findings) > view.findings.len();
    for finding in view.findings.iter().filter(|finding| finding.decision != Decision::BelowBudget) {
        let judged: Vec<_> = plans.iter().map(|plan| (plan.id, plan.judge(finding))).collect();
        if let Some((id, _)) = judged.iter().find(|(_, judgement)| *judgement == Judgement::Planned) {
            planned.get_or_insert(*id);
            continue;
        }
        rest = true;
        let deviating = judged.iter().find_map(|(id, judgement)| match judgement {
            Judgement::Outside(deviation) => Some((*id, *deviation)),
            Judgement::Unconcerned | Judgement::Planned => None,
        });
        outside = outside.or(deviating);
    }
    match (outside, planned, rest) {
        (Some((maintenance, deviation)), _, _) => {
            (own.max(OUTSIDE), Some(Note::OutsidePlan { maintenance, deviation }))
        }
        (None, Some(maintenance), false) => (PLANNED, Some(Note::Planned { maintenance })),
        (None, _, _) => (own, None),
    }
}

impl fmt::Display for Deviation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Key => "by its key",
            Self::Subject => "by its subject",
            Self::Window => "by its time",
        })
    }
}

#[cfg(test)]
mod tests;
