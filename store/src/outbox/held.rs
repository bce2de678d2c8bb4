//! Messages that wait together: for the end of a mute time, or for others that belong to them.

use rusqlite::OptionalExtension as _;

use super::route::queue;
use super::{GroupId, NewMessage, OutboxId};
use crate::error::StoreError;
use crate::writer::Store;

/// What the groups of digests begin with that wait for their time: a storm's digest takes nothing into them.
pub(super) const HELD: &str = "held:";

impl GroupId {
    /// The group of what is held back together for this reason.
    #[must_use]
    pub fn held(reason: &str) -> Self {
        Self::new(format!("{HELD}{reason}"))
    }
}

impl Store {
    /// Holds a message back in the digest of its group: in the one that waits, or in this one, which is then due no
    /// sooner than `spacing` nanoseconds after the last of its group. Returns the digest's number; `None` if the
    /// message is not waiting any more or the digest's number was used before, and then it is told by itself.
    ///
    /// # Errors
    /// As [`Store::commit`].
    pub fn hold(
        &self,
        message: OutboxId,
        digest: &NewMessage,
        spacing: i64,
        now: i64,
    ) -> Result<Option<OutboxId>, StoreError> {
        self.write("hold a message back", |transaction| {
            let key = (&digest.run, digest.group.as_str(), &digest.receiver);
            let waiting: Option<OutboxId> = transaction
                .prepare_cached(
                    "SELECT id FROM outbox WHERE run = ?1 AND group_id = ?2 AND receiver = ?3 AND purpose = 'digest'
                        AND state = 'queued' AND attempts = 0 ORDER BY id DESC LIMIT 1",
                )?
                .query_row(key, |row| row.get(0))
                .optional()?;
            let into = match waiting {
                Some(id) => Some(id),
                None => {
                    let last: Option<i64> = transaction
                        .prepare_cached(
                            "SELECT max(due_at) FROM outbox WHERE run = ?1 AND group_id = ?2 AND receiver = ?3
                                AND state IN ('accepted', 'delivered')",
                        )?
                        .query_row(key, |row| row.get(0))?;
                    let soonest = last.map_or(i64::MIN, |last| last.saturating_add(spacing));
                    queue(transaction, &NewMessage { due_at: digest.due_at.max(soonest), ..digest.clone() }, now)?
                }
            };
            let Some(into) = into else { return Ok(None) };
            let held = transaction
                .prepare_cached(
                    "UPDATE outbox SET state = 'folded', folded_into = ?2, due_at = ?3
                     WHERE id = ?1 AND id <> ?2 AND state = 'queued' AND attempts = 0",
                )?
                .execute((message, into, now))?;
            // The loudest of what it holds decides how loud it is.
            transaction
                .prepare_cached(
                    "UPDATE outbox SET severity = (SELECT max(severity) FROM outbox WHERE folded_into = ?1)
                     WHERE id = ?1 AND EXISTS (SELECT 1 FROM outbox WHERE folded_into = ?1)",
                )?
                .execute([into])?;
            Ok((held > 0).then_some(into))
        })
    }
}
