//! Incidents that were told and that nobody has taken up: whom to tell again.

use detectors::finding::{IncidentId, Severity};

use super::route::queue;
use super::{NewMessage, OutboxId, TransitionNumber};
use crate::commit::next_transition;
use crate::error::StoreError;
use crate::name::{ReceiverId, RunId};
use crate::reader::Reader;
use crate::word::{Rank, Word};
use crate::writer::Store;

/// A receiver that was told of an incident, and nobody took it up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overdue {
    /// In which world.
    pub run: RunId,
    /// The incident.
    pub incident: IncidentId,
    /// Who was told.
    pub receiver: ReceiverId,
    /// How severe it is now.
    pub severity: Severity,
    /// When it was told last, by the clock.
    pub told_at: i64,
}

impl Reader {
    /// Open incidents at least this severe whose receivers were told before this clock time, and have no message
    /// about them on the way.
    ///
    /// # Errors
    /// [`StoreError`] if the database cannot be read.
    pub fn overdue(
        &self,
        told_before: i64,
        at_least: Severity,
        limit: u32,
    ) -> Result<Vec<Overdue>, StoreError> {
        self.read("look for incidents that nobody took up", |transaction| {
            let mut statement = transaction.prepare_cached(
                "SELECT o.run, o.incident, o.receiver, i.severity,
                        max(CASE WHEN o.state IN ('accepted', 'delivered') THEN o.due_at END) AS told_at
                 FROM incident AS i JOIN outbox AS o ON o.run = i.run AND o.incident = i.id
                 WHERE i.status = 'new' AND i.merged_into IS NULL AND i.severity >= ?2 AND o.purpose = 'news'
                 GROUP BY o.run, o.incident, o.receiver
                 HAVING told_at IS NOT NULL AND told_at <= ?1
                    AND sum(o.state IN ('queued', 'sending', 'retry')) = 0
                 ORDER BY told_at, o.incident, o.receiver LIMIT ?3",
            )?;
            let rows = statement.query_map((told_before, Rank(at_least), limit), |row| {
                let (Word(incident), Rank(severity)) = (row.get(1)?, row.get(3)?);
                Ok(Overdue {
                    run: row.get(0)?,
                    incident,
                    receiver: row.get(2)?,
                    severity,
                    told_at: row.get(4)?,
                })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }
}

impl Store {
    /// Queues a message about an incident under a step number of its own, which `message` is given.
    ///
    /// # Errors
    /// [`StoreError::NoIncident`] if there is no such incident; else as [`Store::commit`].
    pub fn queue_step(
        &self,
        run: &RunId,
        incident: &IncidentId,
        now: i64,
        message: impl FnOnce(TransitionNumber) -> NewMessage,
    ) -> Result<Option<OutboxId>, StoreError> {
        self.write("queue a reminder", |transaction| {
            let (number, _) = next_transition(transaction, run, incident)?;
            queue(transaction, &message(number), now)
        })
    }
}
