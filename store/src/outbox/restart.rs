//! After a restart: the leases of a process that is gone are taken back at once.

use super::OutboxId;
use super::finish::{AttemptOutcome, AttemptRecord, add_attempt};
use crate::error::StoreError;
use crate::writer::Store;

/// What an interrupted message says about itself until its next attempt.
const REASON: &str = "the process that sent it was gone";

impl Store {
    /// Takes back the leases of earlier openings of this database: whoever held them is fenced and can no longer
    /// write a receipt. Their messages are due now, marked as possible repeats. Returns how many there were.
    ///
    /// # Errors
    /// As [`Store::commit`].
    pub fn take_back_leases(&self, now: i64) -> Result<usize, StoreError> {
        self.write("take back leases", |transaction| {
            let held: Vec<(OutboxId, u32, Option<i64>)> = transaction
                .prepare_cached(
                    "SELECT id, attempts, leased_at FROM outbox
                     WHERE state = 'sending' AND leased_by IS NOT ?1 ORDER BY id",
                )?
                .query_map([self.epoch().0], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
                .collect::<Result<_, _>>()?;
            for (id, attempt, leased_at) in &held {
                let lost = AttemptRecord {
                    started_at: leased_at.unwrap_or(now),
                    ended_at: now,
                    outcome: AttemptOutcome::Lost,
                    status_code: None,
                    snippet: String::new(),
                };
                add_attempt(transaction, *id, *attempt, &lost)?;
                transaction
                    .prepare_cached(
                        "UPDATE outbox SET state = 'retry', due_at = ?2, reason = ?3, repeat = 'possible',
                                leased_at = NULL, leased_by = NULL WHERE id = ?1",
                    )?
                    .execute((id, now, REASON))?;
            }
            Ok(held.len())
        })
    }
}
