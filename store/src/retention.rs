//! What is thrown away, and when: only what is finished, a little at a time, so that no commit waits long.

use crate::error::{Fault, StoreError};
use crate::ledger::{self, LedgerEntry};
use crate::name::RunId;
use crate::writer::Store;

use rusqlite::Transaction;

/// Most rows of a kind that one call deletes.
pub const PRUNE_BATCH: u32 = 2_000;

/// What may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Dead letters seen before this clock time.
    pub dead_letters_before: i64,
    /// Of the others, all but this many of the newest.
    pub most_dead_letters: u64,
    /// Messages that ended before this clock time (delivered, accepted, folded, withdrawn or given up).
    pub deliveries_before: i64,
}

/// What went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pruned {
    /// Dead letters.
    pub dead_letters: usize,
    /// Messages.
    pub deliveries: usize,
}

impl Pruned {
    /// Whether another call would delete more.
    #[must_use]
    pub const fn is_complete(self) -> bool {
        self.dead_letters < PRUNE_BATCH as usize && self.deliveries < PRUNE_BATCH as usize
    }
}

impl Store {
    /// Deletes some of what may go; call again until [`Pruned::is_complete`].
    ///
    /// # Errors
    /// As [`Store::commit`].
    pub fn prune(&self, retention: &Retention) -> Result<Pruned, StoreError> {
        let most = i64::try_from(retention.most_dead_letters).unwrap_or(i64::MAX);
        self.write("delete what is old", |transaction| {
            let dead_letters = transaction
                .prepare_cached(
                    "DELETE FROM dead_letter WHERE id IN (
                        SELECT id FROM dead_letter WHERE seen_at < ?1
                            OR id <= (SELECT id FROM dead_letter ORDER BY id DESC LIMIT 1 OFFSET ?2)
                        ORDER BY id LIMIT ?3)",
                )?
                .execute((retention.dead_letters_before, most, PRUNE_BATCH))?;
            let deliveries = transaction
                .prepare_cached(
                    "DELETE FROM outbox WHERE id IN (
                        SELECT id FROM outbox WHERE state IN ('accepted', 'delivered', 'dead', 'folded', 'withdrawn')
                            AND due_at < ?1 ORDER BY id LIMIT ?2)",
                )?
                .execute((retention.deliveries_before, PRUNE_BATCH))?;
            Ok(Pruned { dead_letters, deliveries })
        })
    }

    /// Deletes all that a run left, but for its ledger entries; the deletion is one itself.
    ///
    /// # Errors
    /// [`StoreError::RunIsLive`] for the live run; else as [`Store::commit`].
    pub fn delete_run(&self, run: &RunId, entry: &LedgerEntry) -> Result<(), StoreError> {
        if *run == RunId::Live {
            return Err(StoreError::RunIsLive { run: run.clone() });
        }
        self.write("delete a run", |transaction| {
            delete(transaction, run)?;
            ledger::append(transaction, std::slice::from_ref(entry))
        })
    }
}

fn delete(transaction: &Transaction<'_>, run: &RunId) -> Result<(), Fault> {
    // Rows that belong to these go with them, by their foreign keys.
    for sql in [
        "DELETE FROM progress WHERE run = ?1",
        "DELETE FROM control WHERE run = ?1",
        "DELETE FROM finding WHERE run = ?1",
        "DELETE FROM incident WHERE run = ?1",
        "DELETE FROM outbox WHERE run = ?1",
        "DELETE FROM dead_letter WHERE run = ?1",
        "DELETE FROM status WHERE run = ?1",
    ] {
        transaction.execute(sql, [run])?;
    }
    Ok(())
}
