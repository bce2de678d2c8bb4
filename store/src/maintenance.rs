//! Work on keys and signatures that was announced ahead: what, by whom, why, and in which window.

use rusqlite::{OptionalExtension as _, Row};
use serde::Serialize;

use crate::error::StoreError;
use crate::ledger::{self, LedgerAction, LedgerEntry};
use crate::reader::Reader;
use crate::word::row_number;
use crate::writer::Store;

row_number! {
    /// An announcement's number.
    MaintenanceId
}

/// Work to be announced. Its limits are checked by alerting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewMaintenance {
    /// What is planned, as JSON; its form belongs to alerting.
    pub plan: String,
    /// Who announces it.
    pub author: String,
    /// Why.
    pub reason: String,
    /// Where the window begins, in event time, in nanoseconds since 1970.
    pub starts: i64,
    /// Where it ends; later than `starts`.
    pub ends: i64,
    /// Which settings were in force.
    pub config_hash: Option<String>,
}

/// Announced work as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Maintenance {
    /// Its number.
    pub id: MaintenanceId,
    /// What is planned, as JSON.
    pub plan: String,
    /// Who announced it.
    pub author: String,
    /// Why.
    pub reason: String,
    /// Where the window begins, in event time.
    pub starts: i64,
    /// Where it ends, in event time.
    pub ends: i64,
    /// When it was announced, by the clock.
    pub created_at: i64,
    /// When and by whom it was ended before its time, by the clock.
    pub ended: Option<(i64, String)>,
}

/// How far announced work is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum MaintenanceState {
    /// Its window has not begun.
    Ahead,
    /// It is in its window.
    Underway,
    /// Its window is over.
    Over,
    /// It was ended before its time.
    Ended,
}

impl Maintenance {
    /// How far it is at this time.
    #[must_use]
    pub fn state(&self, now: i64) -> MaintenanceState {
        match &self.ended {
            Some((at, _)) if *at <= now => MaintenanceState::Ended,
            _ if now < self.starts => MaintenanceState::Ahead,
            _ if now < self.ends => MaintenanceState::Underway,
            _ => MaintenanceState::Over,
        }
    }
}

const COLUMNS: &str = "id, plan, author, reason, starts, ends, created_at, ended_at, ended_by";

impl Store {
    /// Announces work, with its ledger entry.
    ///
    /// # Errors
    /// As [`Store::commit`].
    pub fn announce_maintenance(&self, work: &NewMaintenance, now: i64) -> Result<MaintenanceId, StoreError> {
        self.write("announce maintenance", |transaction| {
            let id: MaintenanceId = transaction
                .prepare_cached(
                    "INSERT INTO maintenance (plan, author, reason, starts, ends, created_at)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6) RETURNING id",
                )?
                .query_row((&work.plan, &work.author, &work.reason, work.starts, work.ends, now), |row| {
                    row.get(0)
                })?;
            let entry = LedgerEntry {
                key: format!("maintenance:{id}"),
                at: now,
                actor: work.author.clone(),
                action: LedgerAction::MaintenanceAnnounced,
                subject: Some(work.plan.clone()),
                before: None,
                after: Some(format!("{} to {}", work.starts, work.ends)),
                reason: Some(work.reason.clone()),
                config_hash: work.config_hash.clone(),
            };
            ledger::append(transaction, &[entry])?;
            Ok(id)
        })
    }

    /// Ends announced work before its time, with its ledger entry. What was ended already stays as it is.
    ///
    /// # Errors
    /// [`StoreError::NoSuch`] if nothing of this number was announced; else as [`Store::commit`].
    pub fn end_maintenance(
        &self,
        id: MaintenanceId,
        author: &str,
        reason: &str,
        now: i64,
    ) -> Result<Maintenance, StoreError> {
        self.write("end maintenance", |transaction| {
            let ended = transaction
                .prepare_cached(
                    "UPDATE maintenance SET ended_at = ?2, ended_by = ?3 WHERE id = ?1 AND ended_at IS NULL",
                )?
                .execute((id, now, author))?;
            let work = transaction
                .prepare_cached(&format!("SELECT {COLUMNS} FROM maintenance WHERE id = ?1"))?
                .query_row([id], stored)
                .optional()?
                .ok_or(StoreError::NoSuch { what: "maintenance", id: id.0 })?;
            if ended > 0 {
                let entry = LedgerEntry {
                    key: format!("maintenance:{id}:ended"),
                    at: now,
                    actor: author.to_owned(),
                    action: LedgerAction::MaintenanceEnded,
                    subject: Some(work.plan.clone()),
                    before: Some(format!("{} to {}", work.starts, work.ends)),
                    after: None,
                    reason: Some(reason.to_owned()),
                    config_hash: None,
                };
                ledger::append(transaction, &[entry])?;
            }
            Ok(work)
        })
    }
}

impl Reader {
    /// Everything that was announced, newest first.
    ///
    /// # Errors
    /// [`StoreError`] if the database cannot be read.
    pub fn maintenance(&self) -> Result<Vec<Maintenance>, StoreError> {
        self.read("list maintenance", |transaction| {
            let mut statement =
                transaction.prepare_cached(&format!("SELECT {COLUMNS} FROM maintenance ORDER BY id DESC"))?;
            Ok(statement.query_map([], stored)?.collect::<Result<_, _>>()?)
        })
    }
}

fn stored(row: &Row<'_>) -> rusqlite::Result<Maintenance> {
    let (ended_at, ended_by): (Option<i64>, Option<String>) = (row.get(7)?, row.get(8)?);
    Ok(Maintenance {
        id: row.get(0)?,
        plan: row.get(1)?,
        author: row.get(2)?,
        reason: row.get(3)?,
        starts: row.get(4)?,
        ends: row.get(5)?,
        created_at: row.get(6)?,
        ended: ended_at.zip(ended_by),
    })
}
