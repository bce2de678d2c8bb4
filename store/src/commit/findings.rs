//! Storing findings: the first emission of an id counts, later ones change nothing.

use std::borrow::Cow;

use rusqlite::{Transaction, named_params};

use super::{Commit, LanedFinding};
use crate::error::{Fault, StoreError};
use crate::word::{Rank, Unsigned, Word};

/// The bodies, byte for byte as they are kept.
pub(super) fn prepare(findings: &[LanedFinding<'_>]) -> Result<Vec<String>, StoreError> {
    findings.iter().map(body).collect()
}

fn body(laned: &LanedFinding<'_>) -> Result<String, StoreError> {
    let mut finding = Cow::Borrowed(laned.finding);
    if finding.incident.is_some() {
        finding.to_mut().incident = None;
    }
    serde_json::to_string(&*finding).map_err(|source| StoreError::Unwritable { what: "finding", source })
}

/// Inserts what is new; says for each finding whether it was.
pub(super) fn insert(
    transaction: &Transaction<'_>,
    commit: &Commit<'_>,
    bodies: &[String],
) -> Result<Vec<bool>, Fault> {
    let mut statement = transaction.prepare_cached(
        "INSERT INTO finding (run, id, lane, sequence, time, detector, severity, registry, subject_kind, subject,
                              decision, stored_at, body)
         VALUES (:run, :id, :lane, :sequence, :time, :detector, :severity, :registry, :subject_kind, :subject,
                 :decision, :stored_at, :body)
         ON CONFLICT (run, id) DO NOTHING",
    )?;
    let mut new = Vec::with_capacity(bodies.len());
    for (laned, body) in commit.findings.iter().zip(bodies) {
        let finding = laned.finding;
        let inserted = statement.execute(named_params! {
            ":run": commit.run,
            ":id": finding.id.as_str(),
            ":lane": laned.lane,
            ":sequence": Unsigned(laned.sequence),
            ":time": finding.time.nanos(),
            ":detector": finding.detector.as_str(),
            ":severity": Rank(finding.severity),
            ":registry": &*finding.subject.registry,
            ":subject_kind": finding.subject.kind.as_str(),
            ":subject": &*finding.subject.name,
            ":decision": Word(finding.decision),
            ":stored_at": commit.now,
            ":body": body,
        })?;
        new.push(inserted == 1);
    }
    Ok(new)
}
