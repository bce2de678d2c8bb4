//! Storing incidents: their new shape, their members, what they swallowed, and whether somebody may be told.

use std::collections::BTreeSet;

use detectors::finding::{FindingId, IncidentId, Severity};
use detectors::incident::{Incident, Status, TransitionReason};
use rusqlite::{OptionalExtension as _, Transaction, named_params};

use super::{Commit, IncidentChange};
use crate::error::{Fault, StoreError};
use crate::incident::{self, Told};
use crate::name::RunId;
use crate::outbox::{StepReason, TransitionNumber};
use crate::word::{Rank, Word};

/// The bodies as they are kept.
pub(super) fn prepare(changes: &[IncidentChange<'_>]) -> Result<Vec<String>, StoreError> {
    let body = |change: &IncidentChange<'_>| {
        serde_json::to_string(change.incident)
            .map_err(|source| StoreError::Unwritable { what: "incident", source })
    };
    changes.iter().map(body).collect()
}

/// Applies the changes; returns how many transitions wait for routing because of them. First every incident gets
/// its new shape, then what was swallowed gets its pointer, then members move in: so the order of the changes
/// matters as little as it does to the folding itself.
pub(super) fn apply(
    transaction: &Transaction<'_>,
    commit: &Commit<'_>,
    bodies: &[String],
    new_findings: &BTreeSet<&FindingId>,
) -> Result<usize, Fault> {
    let is_news =
        |change: &IncidentChange<'_>| change.members.iter().any(|member| new_findings.contains(member));
    let mut resolved = BTreeSet::new();
    for change in commit.incidents {
        if was_resolved(transaction, commit.run, change)? {
            resolved.insert(&change.incident.id);
        }
    }
    for (change, body) in commit.incidents.iter().zip(bodies) {
        upsert(transaction, commit, change.incident, body, is_news(change))?;
        add_subjects(transaction, commit.run, change.incident)?;
    }
    for change in commit.incidents.iter().filter(|change| !change.superseded.is_empty()) {
        let into = incident::standing(transaction, commit.run, &change.incident.id)?;
        let into = into.as_ref().unwrap_or(&change.incident.id);
        for superseded in change.superseded.iter().filter(|id| *id != into) {
            supersede(transaction, commit, superseded, into)?;
        }
    }
    let mut routed = 0;
    for change in commit.incidents {
        fold(transaction, commit, change)?;
        if let Some(reason) = change.route.filter(|_| is_news(change) && commit.run.may_notify()) {
            // Only its first step in this commit is the regression.
            let regressed = resolved.remove(&change.incident.id);
            if regressed {
                reopen(transaction, commit.run, &change.incident.id)?;
            }
            let reason = if regressed { TransitionReason::Regressed } else { reason };
            add_transition(transaction, commit.run, &change.incident.id, reason, commit.now)?;
            routed += 1;
        }
    }
    Ok(routed)
}

fn upsert(
    transaction: &Transaction<'_>,
    commit: &Commit<'_>,
    incident: &Incident,
    body: &str,
    caused_by_news: bool,
) -> Result<(), Fault> {
    // An incident that grows after it was swallowed stands on its own again: its news must not vanish behind the
    // pointer. A repeated commit brings no news and so leaves the pointer alone.
    let mut statement = transaction.prepare_cached(
        "INSERT INTO incident (run, id, severity, surprise_bits, told, first_event, last_event, opened_at, changed_at,
                               body)
         VALUES (:run, :id, :severity, :bits, :told, :first, :last, :now, :now, :body)
         ON CONFLICT (run, id) DO UPDATE SET
            severity = excluded.severity, surprise_bits = excluded.surprise_bits, told = excluded.told,
            first_event = excluded.first_event, last_event = excluded.last_event,
            body = excluded.body, changed_at = excluded.changed_at,
            merged_into = CASE WHEN :news THEN NULL ELSE merged_into END
         WHERE body IS NOT excluded.body OR (:news AND merged_into IS NOT NULL)",
    )?;
    statement.execute(named_params! {
        ":run": commit.run,
        ":id": incident.id.as_str(),
        ":severity": Rank(incident.severity),
        ":bits": incident.surprise_bits,
        ":told": Told::of(incident),
        ":first": incident.first_event.nanos(),
        ":last": incident.last_event.nanos(),
        ":body": body,
        ":now": commit.now,
        ":news": caused_by_news,
    })?;
    Ok(())
}

fn add_subjects(transaction: &Transaction<'_>, run: &RunId, incident: &Incident) -> Result<(), Fault> {
    let mut statement = transaction.prepare_cached(
        "INSERT INTO incident_subject (run, incident, registry, kind, name) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT DO NOTHING",
    )?;
    for subject in &incident.subjects {
        let registry = &*subject.registry;
        statement.execute((run, incident.id.as_str(), registry, subject.kind.as_str(), &*subject.name))?;
    }
    Ok(())
}

/// Leaves the swallowed incident with a pointer, moves its findings over, and keeps what people decided about it
/// where the swallowing one has no decision of its own.
fn supersede(
    transaction: &Transaction<'_>,
    commit: &Commit<'_>,
    swallowed: &IncidentId,
    into: &IncidentId,
) -> Result<(), Fault> {
    let names = (commit.run, swallowed.as_str(), into.as_str());
    let pointed = transaction
        .prepare_cached(
            "UPDATE incident SET merged_into = ?3
             WHERE run = ?1 AND (id = ?2 OR merged_into = ?2) AND id <> ?3 AND merged_into IS NOT ?3",
        )?
        .execute(names)?;
    transaction
        .prepare_cached(
            "INSERT INTO finding_event (run, finding, incident, at)
             SELECT run, id, ?3, ?4 FROM finding WHERE run = ?1 AND incident = ?2 ORDER BY seq
             ON CONFLICT DO NOTHING",
        )?
        .execute((commit.run, swallowed.as_str(), into.as_str(), commit.now))?;
    transaction
        .prepare_cached("UPDATE finding SET incident = ?3 WHERE run = ?1 AND incident = ?2")?
        .execute(names)?;
    if pointed > 0 {
        transaction
            .prepare_cached(
                "UPDATE incident SET status = old.status, owner = old.owner
                 FROM (SELECT status, owner FROM incident WHERE run = ?1 AND id = ?2
                       AND status IN ('in-progress', 'on-hold')) AS old
                 WHERE run = ?1 AND id = ?3 AND incident.status = 'new' AND incident.owner IS NULL",
            )?
            .execute(names)?;
    }
    Ok(())
}

/// Moves the change's members into its incident, or into what that was swallowed by.
fn fold(
    transaction: &Transaction<'_>,
    commit: &Commit<'_>,
    change: &IncidentChange<'_>,
) -> Result<(), Fault> {
    if change.members.is_empty() {
        return Ok(());
    }
    let into = incident::standing(transaction, commit.run, &change.incident.id)?;
    let into = into.as_ref().unwrap_or(&change.incident.id).as_str();
    let mut fold = transaction.prepare_cached(
        "UPDATE finding SET incident = ?3 WHERE run = ?1 AND id = ?2 AND incident IS NOT ?3",
    )?;
    let mut note = transaction.prepare_cached(
        "INSERT INTO finding_event (run, finding, incident, at) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING",
    )?;
    for member in change.members {
        if fold.execute((commit.run, member.as_str(), into))? > 0 {
            note.execute((commit.run, member.as_str(), into, commit.now))?;
        }
    }
    Ok(())
}

/// Whether people had closed this incident; for one that is new here, whether they had closed all that it swallows.
fn was_resolved(
    transaction: &Transaction<'_>,
    run: &RunId,
    change: &IncidentChange<'_>,
) -> Result<bool, Fault> {
    let mut statement =
        transaction.prepare_cached("SELECT status FROM incident WHERE run = ?1 AND id = ?2")?;
    let mut status = |id: &IncidentId| {
        let row = statement
            .query_row((run, id.as_str()), |row| row.get(0).map(|Word(status): Word<Status>| status));
        row.optional()
    };
    if let Some(own) = status(&change.incident.id)? {
        return Ok(own == Status::Resolved);
    }
    let mut swallowed = Vec::new();
    for id in change.superseded {
        swallowed.extend(status(id)?);
    }
    Ok(!swallowed.is_empty() && swallowed.iter().all(|status| *status == Status::Resolved))
}

fn reopen(transaction: &Transaction<'_>, run: &RunId, id: &IncidentId) -> Result<(), Fault> {
    transaction
        .prepare_cached(
            "UPDATE incident SET status = 'new' WHERE run = ?1 AND id = ?2 AND status = 'resolved'",
        )?
        .execute((run, id.as_str()))?;
    Ok(())
}

/// Adds the incident's next transition to what waits for routing.
pub(crate) fn add_transition(
    transaction: &Transaction<'_>,
    run: &RunId,
    incident: &IncidentId,
    reason: impl Into<StepReason>,
    now: i64,
) -> Result<TransitionNumber, Fault> {
    let (number, severity) = next_transition(transaction, run, incident)?;
    transaction
        .prepare_cached(
            "INSERT INTO to_route (run, incident, transition, reason, severity, created_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute((run, incident.as_str(), number, reason.into(), Rank(severity), now))?;
    Ok(number)
}

/// Takes the incident's next transition number; with its severity.
pub(crate) fn next_transition(
    transaction: &Transaction<'_>,
    run: &RunId,
    incident: &IncidentId,
) -> Result<(TransitionNumber, Severity), Fault> {
    let next = transaction
        .prepare_cached(
            "UPDATE incident SET transitions = transitions + 1 WHERE run = ?1 AND id = ?2
             RETURNING transitions, severity",
        )?
        .query_row((run, incident.as_str()), |row| {
            let Rank(severity) = row.get(1)?;
            Ok((row.get(0)?, severity))
        })
        .optional()?;
    Ok(next.ok_or_else(|| StoreError::NoIncident { run: run.clone(), incident: incident.clone() })?)
}
