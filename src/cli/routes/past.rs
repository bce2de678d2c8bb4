//! What else was open at a moment of the past: from the steps that were routed, and from what people decided.
//!
//! It is exact but for two things: an incident that has swallowed others since counts as what it is today, and what
//! began more than [`LOOKS_BACK`] before the first step that is asked about is not known.

use std::collections::BTreeMap;

use alerting::rules::{OPEN_MAX, findings_of};
use detectors::finding::{Finding, IncidentId, Severity};
use detectors::incident::{Incident, Status};
use store::{Reader, RunId, ToRoute, VerdictRow};

use crate::exit::Failure;

/// How much older than the first step an incident may be that explains it, in nanoseconds: the longest that a rule can
/// ask for (`within_hours`).
const LOOKS_BACK: i64 = 168 * 3_600 * 1_000_000_000;

/// Incidents that have had a step so far, in the order of the steps.
#[derive(Default)]
pub(super) struct Past {
    asks: bool,
    /// How severe each was at its last step.
    known: BTreeMap<IncidentId, Severity>,
    /// What the database says of them, read once.
    read: BTreeMap<IncidentId, Option<Read>>,
}

struct Read {
    incident: Incident,
    findings: Vec<Finding>,
    decided: Vec<VerdictRow>,
}

impl Past {
    /// Nothing has happened yet. Where no rule asks for others, nothing is read.
    pub(super) fn new(asks: bool) -> Self {
        Self { asks, ..Self::default() }
    }

    /// How much further back steps are needed.
    pub(super) const fn looks_back(&self) -> i64 {
        if self.asks { LOOKS_BACK } else { 0 }
    }

    /// A step has happened.
    pub(super) fn step(&mut self, row: &ToRoute) {
        if self.asks && row.run == RunId::Live {
            self.known.insert(row.incident.clone(), row.severity);
        }
    }

    /// Others that were open when this step was stored, as severe as they were then.
    pub(super) fn open(
        &mut self,
        reader: &Reader,
        row: &ToRoute,
    ) -> Result<Vec<(Incident, Vec<Finding>)>, Failure> {
        let mut open = Vec::new();
        for (id, severity) in self.known.iter().filter(|(id, _)| **id != row.incident) {
            if !self.read.contains_key(id) {
                self.read.insert(id.clone(), read(reader, id)?);
            }
            let Some(Some(read)) = self.read.get(id) else { continue };
            if is_open(&read.decided, row.created_at) {
                let incident = Incident { severity: *severity, status: Status::New, ..read.incident.clone() };
                open.push((incident, read.findings.clone()));
            }
        }
        open.sort_by_key(|(incident, _)| (std::cmp::Reverse(incident.severity), incident.id.clone()));
        open.truncate(OPEN_MAX as usize);
        Ok(open)
    }
}

fn read(reader: &Reader, id: &IncidentId) -> Result<Option<Read>, Failure> {
    let Some(stored) = reader.incident(&RunId::Live, id)? else { return Ok(None) };
    let findings = findings_of(reader, &RunId::Live, &stored.incident)?;
    let decided = reader.verdicts(&RunId::Live, id)?;
    Ok(Some(Read { incident: stored.incident, findings, decided }))
}

/// Whether nobody had closed it by then.
fn is_open(decided: &[VerdictRow], at: i64) -> bool {
    let last = decided.iter().filter(|row| row.at <= at).max_by_key(|row| (row.at, row.revision));
    last.is_none_or(|row| row.status != Status::Resolved)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_closed_later_was_open_then() {
        let row = |at: i64, revision: u64, status: Status| VerdictRow {
            incident: IncidentId::parse("lpvrycjm7m2dyzulrruye4eg3a").unwrap(),
            revision,
            at,
            author: "alice".to_owned(),
            status,
            owner: None,
            verdict: None,
            reason: "looked".to_owned(),
        };
        let decided = [row(10, 1, Status::InProgress), row(20, 2, Status::Resolved), row(30, 3, Status::New)];
        let open: Vec<_> = [5, 15, 20, 25, 30].into_iter().filter(|at| is_open(&decided, *at)).collect();
        assert_eq!(open, [5, 15, 30]);
    }
}
