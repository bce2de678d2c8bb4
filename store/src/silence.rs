//! Silences: who wants to hear nothing about what, why, and until when.

use rusqlite::{OptionalExtension as _, Row};
use serde::Serialize;

use crate::error::StoreError;
use crate::ledger::{self, LedgerAction, LedgerEntry};
use crate::reader::Reader;
use crate::word::row_number;
use crate::writer::Store;

row_number! {
    /// A silence's number.
    SilenceId
}

/// A silence to be made. Its limits (a reason, an owner, at most 30 days) are checked by alerting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSilence {
    /// What it matches, as JSON; its form belongs to alerting.
    pub matcher: String,
    /// Who makes it.
    pub author: String,
    /// Why.
    pub reason: String,
    /// From when, by the clock.
    pub starts_at: i64,
    /// Until when, by the clock; later than `starts_at`.
    pub ends_at: i64,
    /// Which settings were in force.
    pub config_hash: Option<String>,
}

/// A silence as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Silence {
    /// Its number.
    pub id: SilenceId,
    /// What it matches, as JSON.
    pub matcher: String,
    /// Who made it.
    pub author: String,
    /// Why.
    pub reason: String,
    /// From when.
    pub starts_at: i64,
    /// Until when, unless it is ended before.
    pub ends_at: i64,
    /// When it was made.
    pub created_at: i64,
    /// When and by whom it was ended before its time.
    pub ended: Option<(i64, String)>,
}

/// Whether a silence holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SilenceState {
    /// It will.
    Pending,
    /// It does.
    Active,
    /// Its time is over.
    Expired,
    /// It was ended before its time.
    Ended,
}

impl Silence {
    /// Whether it holds at this clock time.
    #[must_use]
    pub fn state(&self, now: i64) -> SilenceState {
        match &self.ended {
            Some((at, _)) if *at <= now => SilenceState::Ended,
            _ if now < self.starts_at => SilenceState::Pending,
            _ if now < self.ends_at => SilenceState::Active,
            _ => SilenceState::Expired,
        }
    }
}

const COLUMNS: &str = "id, matcher, author, reason, starts_at, ends_at, created_at, ended_at, ended_by";

impl Store {
    /// Makes a silence, with its ledger entry.
    ///
    /// # Errors
    /// As [`Store::commit`].
    pub fn add_silence(&self, silence: &NewSilence, now: i64) -> Result<SilenceId, StoreError> {
        self.write("make a silence", |transaction| {
            let id: SilenceId = transaction
                .prepare_cached(
                    "INSERT INTO silence (matcher, author, reason, starts_at, ends_at, created_at)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6) RETURNING id",
                )?
                .query_row(
                    (
                        &silence.matcher,
                        &silence.author,
                        &silence.reason,
                        silence.starts_at,
                        silence.ends_at,
                        now,
                    ),
                    |row| row.get(0),
                )?;
            let entry = LedgerEntry {
                key: format!("silence:{id}"),
                at: now,
                actor: silence.author.clone(),
                action: LedgerAction::SilenceCreated,
                subject: Some(silence.matcher.clone()),
                before: None,
                after: Some(format!("{} to {}", silence.starts_at, silence.ends_at)),
                reason: Some(silence.reason.clone()),
                config_hash: silence.config_hash.clone(),
            };
            ledger::append(transaction, &[entry])?;
            Ok(id)
        })
    }

    /// Makes a silence that holds or will hold last until another time, with its ledger entry.
    ///
    /// # Errors
    /// [`StoreError::NoSuch`] if there is no such silence, or if it is over; else as [`Store::commit`].
    pub fn extend_silence(
        &self,
        id: SilenceId,
        ends_at: i64,
        author: &str,
        reason: &str,
        now: i64,
    ) -> Result<Silence, StoreError> {
        self.write("extend a silence", |transaction| {
            let before = transaction
                .prepare_cached(&format!("SELECT {COLUMNS} FROM silence WHERE id = ?1"))?
                .query_row([id], stored)
                .optional()?
                .filter(|silence| matches!(silence.state(now), SilenceState::Active | SilenceState::Pending))
                .ok_or(StoreError::NoSuch { what: "silence that holds", id: id.0 })?;
            transaction
                .prepare_cached("UPDATE silence SET ends_at = ?2 WHERE id = ?1")?
                .execute((id, ends_at))?;
            let entry = LedgerEntry {
                key: format!("silence:{id}:extended:{now}"),
                at: now,
                actor: author.to_owned(),
                action: LedgerAction::SilenceExtended,
                subject: Some(before.matcher.clone()),
                before: Some(format!("{} to {}", before.starts_at, before.ends_at)),
                after: Some(format!("{} to {ends_at}", before.starts_at)),
                reason: Some(reason.to_owned()),
                config_hash: None,
            };
            ledger::append(transaction, &[entry])?;
            Ok(Silence { ends_at, ..before })
        })
    }

    /// Ends a silence before its time, with its ledger entry. One that was ended already stays as it is.
    ///
    /// # Errors
    /// [`StoreError::NoSuch`] if there is no such silence; else as [`Store::commit`].
    pub fn end_silence(
        &self,
        id: SilenceId,
        author: &str,
        reason: &str,
        now: i64,
    ) -> Result<Silence, StoreError> {
        self.write("end a silence", |transaction| {
            let ended = transaction
                .prepare_cached(
                    "UPDATE silence SET ended_at = ?2, ended_by = ?3 WHERE id = ?1 AND ended_at IS NULL",
                )?
                .execute((id, now, author))?;
            let silence = transaction
                .prepare_cached(&format!("SELECT {COLUMNS} FROM silence WHERE id = ?1"))?
                .query_row([id], stored)
                .optional()?
                .ok_or(StoreError::NoSuch { what: "silence", id: id.0 })?;
            if ended > 0 {
                let entry = LedgerEntry {
                    key: format!("silence:{id}:ended"),
                    at: now,
                    actor: author.to_owned(),
                    action: LedgerAction::SilenceEnded,
                    subject: Some(silence.matcher.clone()),
                    before: Some(format!("{} to {}", silence.starts_at, silence.ends_at)),
                    after: None,
                    reason: Some(reason.to_owned()),
                    config_hash: None,
                };
                ledger::append(transaction, &[entry])?;
            }
            Ok(silence)
        })
    }
}

impl Reader {
    /// Every silence, newest first.
    ///
    /// # Errors
    /// [`StoreError`] if the database cannot be read.
    pub fn silences(&self) -> Result<Vec<Silence>, StoreError> {
        self.read("list silences", |transaction| {
            let mut statement =
                transaction.prepare_cached(&format!("SELECT {COLUMNS} FROM silence ORDER BY id DESC"))?;
            Ok(statement.query_map([], stored)?.collect::<Result<_, _>>()?)
        })
    }

    /// The silences that hold at this clock time, oldest first.
    ///
    /// # Errors
    /// [`StoreError`] if the database cannot be read.
    pub fn active_silences(&self, now: i64) -> Result<Vec<Silence>, StoreError> {
        self.read("list silences", |transaction| {
            let mut statement = transaction.prepare_cached(&format!(
                "SELECT {COLUMNS} FROM silence WHERE starts_at <= ?1 AND ends_at > ?1
                 AND (ended_at IS NULL OR ended_at > ?1) ORDER BY id"
            ))?;
            Ok(statement.query_map([now], stored)?.collect::<Result<_, _>>()?)
        })
    }
}

fn stored(row: &Row<'_>) -> rusqlite::Result<Silence> {
    let (ended_at, ended_by): (Option<i64>, Option<String>) = (row.get(7)?, row.get(8)?);
    Ok(Silence {
        id: row.get(0)?,
        matcher: row.get(1)?,
        author: row.get(2)?,
        reason: row.get(3)?,
        starts_at: row.get(4)?,
        ends_at: row.get(5)?,
        created_at: row.get(6)?,
        ended: ended_at.zip(ended_by),
    })
}
