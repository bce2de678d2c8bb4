//! Messages that nobody needs any more: they end without being sent, and say why.

use super::OutboxId;
use crate::error::StoreError;
use crate::ledger::{self, LedgerEntry};
use crate::writer::Store;

/// Why a message about an incident that nobody took up was not needed.
const ANSWERED: &str = "somebody took the incident up";
/// Asks whether there is anything to withdraw before a transaction is begun: mostly there is not.
const ANSWERED_WAITING: &str =
    "SELECT o.id FROM outbox AS o JOIN incident AS i ON i.run = o.run AND i.id = o.incident
     WHERE o.state IN ('queued', 'retry') AND o.purpose = 'unanswered'
        AND (i.status <> 'new' OR EXISTS (SELECT 1 FROM incident AS into_ WHERE into_.run = i.run
            AND into_.id = i.merged_into AND into_.status <> 'new'))";

impl Store {
    /// Withdraws the messages that say nobody took an incident up, where somebody has. Returns how many.
    ///
    /// # Errors
    /// As [`Store::commit`].
    pub fn withdraw_answered(&self, now: i64) -> Result<usize, StoreError> {
        let waiting = self.reader().read("look for answered incidents", |transaction| {
            Ok(transaction.prepare_cached(ANSWERED_WAITING)?.exists([])?)
        })?;
        if !waiting {
            return Ok(0);
        }
        self.write("withdraw messages", |transaction| {
            let sql = format!(
                "UPDATE outbox SET state = 'withdrawn', due_at = ?1, reason = ?2 WHERE id IN ({ANSWERED_WAITING})"
            );
            Ok(transaction.prepare_cached(&sql)?.execute((now, ANSWERED))?)
        })
    }

    /// Withdraws a message that has not ended well yet, because a person says so; with its ledger entry.
    ///
    /// # Errors
    /// [`StoreError::NoSuch`] if no such message waits or was given up (one that is being sent cannot be withdrawn);
    /// else as [`Store::commit`].
    pub fn withdraw(
        &self,
        id: OutboxId,
        reason: &str,
        now: i64,
        entry: &LedgerEntry,
    ) -> Result<(), StoreError> {
        self.write("withdraw a message", |transaction| {
            let withdrawn = transaction
                .prepare_cached(
                    "UPDATE outbox SET state = 'withdrawn', due_at = ?2, reason = ?3
                     WHERE id = ?1 AND state IN ('queued', 'retry', 'dead')",
                )?
                .execute((id, now, reason))?;
            if withdrawn == 0 {
                return Err(StoreError::NoSuch { what: "waiting message", id: id.0 }.into());
            }
            ledger::append(transaction, std::slice::from_ref(entry))
        })
    }
}
