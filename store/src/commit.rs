//! The commit: what the pipeline found, learned and could not read since the last one, stored whole or not at all.

mod findings;
mod incidents;

pub(crate) use incidents::{add_transition, next_transition};

use detectors::finding::{Finding, FindingId, IncidentId};
use detectors::incident::{Incident, TransitionReason};

use crate::control::{self, ControlRecord};
use crate::dead_letter::{self, DeadLetter};
use crate::error::StoreError;
use crate::ledger::{self, LedgerEntry};
use crate::name::{LaneId, RunId};
use crate::progress::{self, LaneSave};
use crate::status::{self, StatusRow};
use crate::writer::Store;

/// Everything that one transaction stores. Storing the same commit twice changes nothing: each part is known by
/// its own key.
#[derive(Debug, Clone, Copy)]
pub struct Commit<'a> {
    /// In which world.
    pub run: &'a RunId,
    /// The clock's time, in nanoseconds since 1970.
    pub now: i64,
    /// Findings, in the order of their emission; known ids are passed over.
    pub findings: &'a [LanedFinding<'a>],
    /// Incidents that these findings opened or changed.
    pub incidents: &'a [IncidentChange<'a>],
    /// Records that could not be read; known places are passed over.
    pub dead_letters: &'a [DeadLetter],
    /// What else changed findings; known numbers are passed over.
    pub controls: &'a [ControlRecord],
    /// Lanes whose state is saved, each with the positions that belong to it.
    pub lanes: &'a [LaneSave<'a>],
    /// Decisions of the program itself; known keys are passed over.
    pub ledger: &'a [LedgerEntry],
    /// What the pipeline says about itself; replaces what it said under the same key.
    pub status: &'a [StatusRow],
}

impl<'a> Commit<'a> {
    /// A commit of nothing, to be filled: `Commit { findings: &found, ..Commit::empty(&run, now) }`.
    #[must_use]
    pub const fn empty(run: &'a RunId, now: i64) -> Self {
        Self {
            run,
            now,
            findings: &[],
            incidents: &[],
            dead_letters: &[],
            controls: &[],
            lanes: &[],
            ledger: &[],
            status: &[],
        }
    }
}

/// A finding with its place in its lane's emission.
#[derive(Debug, Clone, Copy)]
pub struct LanedFinding<'a> {
    /// Which lane found it.
    pub lane: &'a LaneId,
    /// Its number among the lane's findings.
    pub sequence: u64,
    /// The finding. Its `incident` is not part of the stored body: membership comes with [`IncidentChange`].
    pub finding: &'a Finding,
}

/// An incident as it is after this commit's findings.
///
/// It travels in the commit of the findings that caused it. `status` and `owner` of the incident are not taken:
/// they belong to people, see [`Store::triage`].
#[derive(Debug, Clone, Copy)]
pub struct IncidentChange<'a> {
    /// The incident.
    pub incident: &'a Incident,
    /// The findings that were folded into it by this change (not all its members).
    pub members: &'a [FindingId],
    /// Incidents that were found to be this one; they stay, with a pointer to it, and their findings move over.
    pub superseded: &'a [IncidentId],
    /// What happened, if somebody may have to be told; `None` stores the change only. A `to_route` row is made
    /// if the run may notify and at least one of `members` is stored for the first time by this very commit. If
    /// people had resolved the incident (or, for a new one, all that it swallows), the reason becomes [`TransitionReason::Regressed`] and its status new.
    pub route: Option<TransitionReason>,
}

/// What a commit really stored.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Committed {
    /// For each finding of the commit, whether it was new.
    pub new_findings: Vec<bool>,
    /// How many incident transitions now wait for routing because of it.
    pub to_route: usize,
    /// How many dead letters were new.
    pub new_dead_letters: usize,
}

impl Store {
    /// Stores a commit: when this returns, all of it is on disk; on an error, none of it is.
    ///
    /// # Errors
    /// [`StoreError::Fenced`] if a later opening took over; [`StoreError::Full`] without space, after which the
    /// same commit may be tried again; [`StoreError::MustReopen`] after a failed sync;
    /// [`StoreError::SegmentConflict`] if a segment's number was used for other bytes.
    pub fn commit(&self, commit: &Commit<'_>) -> Result<Committed, StoreError> {
        // Everything that costs time and needs no lock comes first: other writers wait for the rest.
        let findings = findings::prepare(commit.findings)?;
        let incidents = incidents::prepare(commit.incidents)?;
        let digests = progress::digests(commit.run, commit.lanes);
        self.write("store a commit", |transaction| {
            let new_findings = findings::insert(transaction, commit, &findings)?;
            let new_ids = commit.findings.iter().zip(&new_findings).filter(|(_, new)| **new);
            let new_ids = new_ids.map(|(laned, _)| &laned.finding.id).collect();
            let to_route = incidents::apply(transaction, commit, &incidents, &new_ids)?;
            let new_dead_letters = dead_letter::insert(transaction, commit.run, commit.dead_letters)?;
            control::insert(transaction, commit.run, commit.controls)?;
            progress::save(transaction, commit.run, commit.now, commit.lanes, &digests)?;
            ledger::append(transaction, commit.ledger)?;
            status::replace(transaction, commit.run, commit.now, commit.status)?;
            Ok(Committed { new_findings, to_route, new_dead_letters })
        })
    }
}
