//! After an attempt: what came of it, and what comes next.

use rusqlite::{OptionalExtension as _, Transaction};
use serde::Serialize;

use super::breaker::{self, Breaker};
use super::route::queue;
use super::{Leased, NewMessage, OutboxId};
use crate::error::{Fault, StoreError};
use crate::ledger::{self, LedgerEntry};
use crate::word::{beginning, worded};
use crate::writer::Store;

/// How much of a receiver's answer is kept, in bytes.
const MAX_SNIPPET_BYTES: usize = 1024;

worded! {
    /// How an attempt ended.
    pub enum AttemptOutcome {
        /// The receiver has it.
        Delivered = "delivered",
        /// The receiver took it, and may yet lose it.
        Accepted = "accepted",
        /// It did not arrive.
        Failed = "failed",
        /// It may have arrived: the answer did not.
        Ambiguous = "ambiguous",
        /// The sender was gone before its lease ended: it may have arrived.
        Lost = "lost",
    }
}

/// One attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AttemptRecord {
    /// When it began, by the clock.
    pub started_at: i64,
    /// When it ended, by the clock.
    pub ended_at: i64,
    /// How it ended.
    pub outcome: AttemptOutcome,
    /// The receiver's HTTP status, if it gave one.
    pub status_code: Option<u16>,
    /// The beginning of what the receiver said, without secrets; cut to 1 KiB.
    pub snippet: String,
}

/// What comes after an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AfterAttempt {
    /// The receiver took it, and may yet lose it: finished.
    Accepted {
        /// What the receiver calls it, for later updates of the same message.
        receipt: Option<String>,
    },
    /// The receiver has it: finished.
    Delivered {
        /// What the receiver calls it, for later updates of the same message.
        receipt: Option<String>,
    },
    /// Once more.
    Retry {
        /// Not before this clock time.
        next_at: i64,
        /// Why the last attempt failed.
        reason: String,
    },
    /// Given up; shown as undelivered until somebody puts it back.
    Dead {
        /// Why.
        reason: String,
    },
}

/// Whether the sender still held the lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finished {
    /// It did: the message is as told.
    Done,
    /// The lease had run out and somebody else took the message: only the attempt was written down.
    LeaseLost,
}

impl Store {
    /// Writes down an attempt and what comes next; with it, in the same transaction, the receiver's breaker, and the
    /// notice to somebody else if it opened.
    ///
    /// # Errors
    /// As [`Store::commit`].
    pub fn finish(
        &self,
        leased: &Leased,
        attempt: &AttemptRecord,
        next: &AfterAttempt,
        breaker: Option<&Breaker>,
        notice: Option<&NewMessage>,
    ) -> Result<Finished, StoreError> {
        self.write("store a delivery attempt", |transaction| {
            add_attempt(transaction, leased.id, leased.attempt, attempt)?;
            if let Some(breaker) = breaker {
                breaker::save(transaction, &leased.receiver, breaker, attempt.ended_at)?;
            }
            if let Some(notice) = notice {
                queue(transaction, notice, attempt.ended_at)?;
            }
            let (state, due_at, reason, receipt) = match next {
                AfterAttempt::Accepted { receipt } => {
                    ("accepted", attempt.ended_at, None, receipt.as_deref())
                }
                AfterAttempt::Delivered { receipt } => {
                    ("delivered", attempt.ended_at, None, receipt.as_deref())
                }
                AfterAttempt::Retry { next_at, reason } => ("retry", *next_at, Some(reason), None),
                AfterAttempt::Dead { reason } => ("dead", attempt.ended_at, Some(reason), None),
            };
            let in_doubt = matches!(attempt.outcome, AttemptOutcome::Ambiguous | AttemptOutcome::Lost);
            // The attempt's number is the lease: whoever took the message since has a higher one.
            let finished = transaction
                .prepare_cached(
                    "UPDATE outbox SET state = ?3, due_at = ?4, reason = ?5, receipt = coalesce(?6, receipt),
                            repeat = CASE WHEN ?7 THEN 'possible' ELSE repeat END, leased_at = NULL, leased_by = NULL
                     WHERE id = ?1 AND attempts = ?2 AND state = 'sending'",
                )?
                .execute((leased.id, leased.attempt, state, due_at, reason, receipt, in_doubt))?;
            Ok(if finished == 1 { Finished::Done } else { Finished::LeaseLost })
        })
    }

    /// Puts a message that was given up back into the queue, or lets one that waits for its next attempt go now; with
    /// its ledger entry.
    ///
    /// A message that was given up gets its hours anew: they count from `now`.
    ///
    /// # Errors
    /// [`StoreError::NoSuch`] if no such message was given up or waits; else as [`Store::commit`].
    pub fn requeue(&self, id: OutboxId, now: i64, entry: &LedgerEntry) -> Result<(), StoreError> {
        self.write("put a message back", |transaction| {
            let put_back = transaction
                .prepare_cached(
                    "UPDATE outbox SET queued_at = CASE state WHEN 'dead' THEN ?2 ELSE queued_at END, state = 'queued',
                            due_at = ?2, reason = NULL
                     WHERE id = ?1 AND state IN ('dead', 'retry')",
                )?
                .execute((id, now))?;
            if put_back == 0 {
                return Err(StoreError::NoSuch { what: "unfinished message", id: id.0 }.into());
            }
            ledger::append(transaction, std::slice::from_ref(entry))
        })
    }
}

/// Writes down an attempt. A late word about one whose lease was lost replaces the guess made then.
pub(super) fn add_attempt(
    transaction: &Transaction<'_>,
    id: OutboxId,
    number: u32,
    attempt: &AttemptRecord,
) -> Result<(), Fault> {
    let snippet = beginning(&attempt.snippet, MAX_SNIPPET_BYTES);
    transaction
        .prepare_cached(
            "INSERT INTO attempt (outbox, number, started_at, ended_at, outcome, status_code, snippet)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
             ON CONFLICT (outbox, number) DO UPDATE SET started_at = excluded.started_at,
                ended_at = excluded.ended_at, outcome = excluded.outcome, status_code = excluded.status_code,
                snippet = excluded.snippet
             WHERE attempt.outcome = 'lost'",
        )?
        .execute((
            id,
            number,
            attempt.started_at,
            attempt.ended_at,
            attempt.outcome,
            attempt.status_code,
            snippet,
        ))
        .optional()?;
    Ok(())
}
