//! What people decide about incidents: each decision is kept, written into the ledger, and seen by all at once.

use detectors::finding::IncidentId;
use detectors::incident::Status;
use rusqlite::Transaction;
use serde::Serialize;

use crate::commit::{add_transition, next_transition};
use crate::error::{Fault, StoreError};
use crate::incident;
use crate::ledger::{self, LedgerAction, LedgerEntry};
use crate::name::RunId;
use crate::outbox::{StepReason, TransitionNumber};
use crate::reader::Reader;
use crate::word::{Unsigned, Word, worded};
use crate::writer::Store;

worded! {
    /// What an incident turned out to be: the verdicts of OCSF's Incident Finding class (`verdict_id`).
    pub enum Verdict {
        /// Nobody knows.
        Unknown = "unknown",
        /// There was nothing.
        FalsePositive = "false-positive",
        /// It was what it looked like.
        TruePositive = "true-positive",
        /// Not worth following.
        Disregard = "disregard",
        /// It may be something.
        Suspicious = "suspicious",
        /// It was real and meant well.
        Benign = "benign",
        /// It was a test.
        Test = "test",
        /// The data does not suffice.
        InsufficientData = "insufficient-data",
        /// A weakness rather than an attack.
        SecurityRisk = "security-risk",
        /// Somebody else handles it.
        ManagedExternally = "managed-externally",
        /// It is another incident's.
        Duplicate = "duplicate",
        /// Something else.
        Other = "other",
    }
}

impl Verdict {
    /// OCSF's `verdict_id`.
    #[must_use]
    pub const fn ocsf_id(self) -> u8 {
        match self {
            Self::Unknown => 0,
            Self::FalsePositive => 1,
            Self::TruePositive => 2,
            Self::Disregard => 3,
            Self::Suspicious => 4,
            Self::Benign => 5,
            Self::Test => 6,
            Self::InsufficientData => 7,
            Self::SecurityRisk => 8,
            Self::ManagedExternally => 9,
            Self::Duplicate => 10,
            Self::Other => 99,
        }
    }
}

/// A person's decision about an incident: how it shall be from now on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Triage<'a> {
    /// In which world.
    pub run: &'a RunId,
    /// Which incident; the id of a swallowed one leads to the one that swallowed it.
    pub incident: &'a IncidentId,
    /// The revision that the person saw ([`crate::StoredIncident::revision`]).
    pub seen_revision: u64,
    /// The clock's time.
    pub now: i64,
    /// Who decides.
    pub author: &'a str,
    /// Its state from now on.
    pub status: Status,
    /// Who works on it from now on.
    pub owner: Option<&'a str>,
    /// What it turned out to be, if that was decided.
    pub verdict: Option<Verdict>,
    /// Why.
    pub reason: &'a str,
    /// Which settings were in force.
    pub config_hash: Option<&'a str>,
}

/// What became of a decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decided {
    /// It holds.
    Done {
        /// The incident's revision now.
        revision: u64,
        /// The number under which receivers may be told of it. That somebody took it up or closed it waits for
        /// routing by itself, under this number.
        transition: TransitionNumber,
    },
    /// Somebody else decided since the person looked: nothing was changed.
    Stale {
        /// The incident's revision now.
        revision: u64,
    },
}

/// A decision as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VerdictRow {
    /// About which incident it was made; a swallowed one's decisions stay its own.
    pub incident: IncidentId,
    /// Its number.
    pub revision: u64,
    /// When, by the clock.
    pub at: i64,
    /// Who decided.
    pub author: String,
    /// The state from then on.
    pub status: Status,
    /// Who worked on it from then on.
    pub owner: Option<String>,
    /// What it turned out to be.
    pub verdict: Option<Verdict>,
    /// Why.
    pub reason: String,
}

impl Store {
    /// Makes a decision hold, with its ledger entry, unless somebody else decided in between.
    ///
    /// # Errors
    /// [`StoreError::NoIncident`] if there is no such incident; else as [`Store::commit`].
    pub fn triage(&self, triage: &Triage<'_>) -> Result<Decided, StoreError> {
        self.write("store a decision", |transaction| {
            let Some(id) = incident::standing(transaction, triage.run, triage.incident)? else {
                let (run, incident) = (triage.run.clone(), triage.incident.clone());
                return Err(StoreError::NoIncident { run, incident }.into());
            };
            let before = Before::read(transaction, triage.run, &id)?;
            if before.revision != triage.seen_revision {
                return Ok(Decided::Stale { revision: before.revision });
            }
            decide(transaction, triage, &id, &before)
        })
    }
}

/// How the incident was before.
struct Before {
    revision: u64,
    status: Status,
    owner: Option<String>,
}

impl Before {
    fn read(transaction: &Transaction<'_>, run: &RunId, id: &IncidentId) -> Result<Self, Fault> {
        let row = transaction
            .prepare_cached("SELECT revision, status, owner FROM incident WHERE run = ?1 AND id = ?2")?
            .query_row((run, id.as_str()), |row| {
                let (Unsigned(revision), Word(status)) = (row.get(0)?, row.get(1)?);
                Ok(Self { revision, status, owner: row.get(2)? })
            })?;
        Ok(row)
    }
}

fn decide(
    transaction: &Transaction<'_>,
    triage: &Triage<'_>,
    id: &IncidentId,
    before: &Before,
) -> Result<Decided, Fault> {
    let revision = before.revision + 1;
    transaction
        .prepare_cached(
            "UPDATE incident SET status = ?3, owner = ?4, revision = ?5, changed_at = ?6 WHERE run = ?1 AND id = ?2",
        )?
        .execute((triage.run, id.as_str(), Word(triage.status), triage.owner, Unsigned(revision), triage.now))?;
    transaction
        .prepare_cached(
            "INSERT INTO verdict (run, incident, revision, at, author, status, owner, verdict, reason)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        )?
        .execute((
            triage.run,
            id.as_str(),
            Unsigned(revision),
            triage.now,
            triage.author,
            Word(triage.status),
            triage.owner,
            triage.verdict,
            triage.reason,
        ))?;
    ledger::append(transaction, &[entry(triage, id, before, revision)])?;
    let transition = match step(before.status, triage.status).filter(|_| triage.run.may_notify()) {
        Some(reason) => add_transition(transaction, triage.run, id, reason, triage.now)?,
        None => next_transition(transaction, triage.run, id)?.0,
    };
    Ok(Decided::Done { revision, transition })
}

/// What those who were told of an incident are told of a decision about it, if anything.
fn step(before: Status, after: Status) -> Option<StepReason> {
    match (before, after) {
        (Status::Resolved, _) => None,
        (_, Status::Resolved) => Some(StepReason::Resolved),
        (Status::New, Status::InProgress | Status::OnHold) => Some(StepReason::Acknowledged),
        _ => None,
    }
}

fn entry(triage: &Triage<'_>, id: &IncidentId, before: &Before, revision: u64) -> LedgerEntry {
    let state = |status: Status, owner: Option<&str>, verdict: Option<Verdict>| {
        serde_json::json!({ "owner": owner, "status": status, "verdict": verdict }).to_string()
    };
    LedgerEntry {
        key: format!("incident:{}:{id}:{revision}", triage.run),
        at: triage.now,
        actor: triage.author.to_owned(),
        action: LedgerAction::IncidentTriaged,
        subject: Some(format!("{}:{id}", triage.run)),
        before: Some(state(before.status, before.owner.as_deref(), None)),
        after: Some(state(triage.status, triage.owner, triage.verdict)),
        reason: Some(triage.reason.to_owned()),
        config_hash: triage.config_hash.map(str::to_owned),
    }
}

impl Reader {
    /// What people decided about an incident and about those it swallowed, in the order of time.
    ///
    /// # Errors
    /// [`StoreError`] if the database cannot be read.
    pub fn verdicts(&self, run: &RunId, id: &IncidentId) -> Result<Vec<VerdictRow>, StoreError> {
        self.read("read decisions", |transaction| {
            let mut statement = transaction.prepare_cached(
                "SELECT incident, revision, at, author, status, owner, verdict, reason FROM verdict
                 WHERE run = ?1 AND incident IN (SELECT id FROM incident WHERE run = ?1 AND (id = ?2 OR merged_into = ?2))
                 ORDER BY at, incident, revision",
            )?;
            let rows = statement.query_map((run, id.as_str()), |row| {
                let (Word(incident), Unsigned(revision), Word(status)) = (row.get(0)?, row.get(1)?, row.get(4)?);
                Ok(VerdictRow {
                    incident,
                    revision,
                    at: row.get(2)?,
                    author: row.get(3)?,
                    status,
                    owner: row.get(5)?,
                    verdict: row.get(6)?,
                    reason: row.get(7)?,
                })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }
}
