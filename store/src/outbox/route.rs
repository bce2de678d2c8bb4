//! Routing: what waits becomes messages, or none, together with the reasons, in one transaction.

use rusqlite::{OptionalExtension as _, Row, Transaction, named_params};

use super::{NewMessage, OutboxId, ToRoute, ToRouteId};
use crate::error::{Fault, StoreError};
use crate::reader::Reader;
use crate::word::{Rank, Word};
use crate::writer::Store;

/// A routing decision about one or several things that waited.
#[derive(Debug, Clone, Copy)]
pub struct Routing<'a> {
    /// What was decided about; may be empty for messages of alerting's own (a fallback's notice, an update).
    pub decided: &'a [ToRouteId],
    /// Whom to tell; may be empty.
    pub messages: &'a [NewMessage],
    /// Who is told and who is not, each with the reason, as JSON: what the incident's page shows.
    pub decision: &'a str,
    /// The clock's time.
    pub now: i64,
}

/// What became of a routing decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Routed {
    /// It holds. For each message its number; `None` where that step is queued for that receiver already.
    Done(Vec<Option<OutboxId>>),
    /// One of the rows was decided before: nothing was changed.
    Already(ToRouteId),
}

/// Something that was routed, or waits for it, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoutedRow {
    /// What happened to which incident.
    pub row: ToRoute,
    /// What was decided, as JSON; `None` where it still waits.
    pub decision: Option<String>,
}

const COLUMNS: &str =
    "t.id, t.run, t.incident, coalesce(i.merged_into, i.id), t.transition, t.reason, t.severity,
                       t.created_at";

impl Reader {
    /// What was routed or waits for it since this clock time, in order, after the row `after`: for whoever asks what
    /// other routes would have done.
    ///
    /// # Errors
    /// [`StoreError`] if the database cannot be read.
    pub fn routed_since(
        &self,
        since: i64,
        after: ToRouteId,
        limit: u32,
    ) -> Result<Vec<RoutedRow>, StoreError> {
        self.read("read routing decisions", |transaction| {
            let mut statement = transaction.prepare_cached(&format!(
                "SELECT {COLUMNS}, t.decision FROM to_route AS t
                 JOIN incident AS i ON i.run = t.run AND i.id = t.incident
                 WHERE t.id > ?1 AND t.created_at >= ?2 ORDER BY t.id LIMIT ?3"
            ))?;
            let rows = statement.query_map((after, since, limit), |row| {
                Ok(RoutedRow { row: stored(row)?, decision: row.get(8)? })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// What waits for routing, oldest first.
    ///
    /// # Errors
    /// [`StoreError`] if the database cannot be read.
    pub fn to_route(&self, limit: u32) -> Result<Vec<ToRoute>, StoreError> {
        self.read("read what waits for routing", |transaction| {
            let mut statement = transaction.prepare_cached(&format!(
                "SELECT {COLUMNS} FROM to_route AS t JOIN incident AS i ON i.run = t.run AND i.id = t.incident
                 WHERE t.routed_at IS NULL ORDER BY t.id LIMIT ?1"
            ))?;
            let rows = statement.query_map([limit], stored)?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }
}

fn stored(row: &Row<'_>) -> rusqlite::Result<ToRoute> {
    let (Word(incident_then), Word(incident)) = (row.get(2)?, row.get(3)?);
    let Rank(severity) = row.get(6)?;
    Ok(ToRoute {
        id: row.get(0)?,
        run: row.get(1)?,
        incident,
        incident_then,
        transition: row.get(4)?,
        reason: row.get(5)?,
        severity,
        created_at: row.get(7)?,
    })
}

impl Store {
    /// Makes a routing decision hold: the rows no longer wait, and the messages are queued.
    ///
    /// # Errors
    /// [`StoreError::NoSuch`] for a row that does not exist; else as [`Store::commit`].
    pub fn route(&self, routing: &Routing<'_>) -> Result<Routed, StoreError> {
        self.write("store a routing decision", |transaction| {
            for id in routing.decided {
                if decided_before(transaction, *id)? {
                    return Ok(Routed::Already(*id));
                }
            }
            let mut mark = transaction
                .prepare_cached("UPDATE to_route SET routed_at = ?2, decision = ?3 WHERE id = ?1")?;
            for id in routing.decided {
                mark.execute((id, routing.now, routing.decision))?;
            }
            let queued = routing.messages.iter().map(|message| queue(transaction, message, routing.now));
            Ok(Routed::Done(queued.collect::<Result<_, _>>()?))
        })
    }

    /// Tells messages in a digest instead of one by one: queues the digest and ends those of `folded` that nobody
    /// has begun to send. Returns the digest's number and how many it took over.
    ///
    /// # Errors
    /// As [`Store::commit`].
    pub fn fold(
        &self,
        folded: &[OutboxId],
        digest: &NewMessage,
        now: i64,
    ) -> Result<(Option<OutboxId>, usize), StoreError> {
        self.write("fold messages into a digest", |transaction| {
            let Some(id) = queue(transaction, digest, now)? else { return Ok((None, 0)) };
            let mut statement = transaction.prepare_cached(
                "UPDATE outbox SET state = 'folded', folded_into = ?2, due_at = ?3
                 WHERE id = ?1 AND id <> ?2 AND state IN ('queued', 'retry')",
            )?;
            let mut taken = 0;
            for message in folded {
                taken += statement.execute((message, id, now))?;
            }
            Ok((Some(id), taken))
        })
    }
}

fn decided_before(transaction: &Transaction<'_>, id: ToRouteId) -> Result<bool, Fault> {
    let row = transaction
        .prepare_cached("SELECT routed_at IS NOT NULL FROM to_route WHERE id = ?1")?
        .query_row([id], |row| row.get(0))
        .optional()?;
    row.ok_or_else(|| StoreError::NoSuch { what: "row to route", id: id.0 }.into())
}

/// Queues a message; `None` if that step is queued for that receiver already.
pub(super) fn queue(
    transaction: &Transaction<'_>,
    message: &NewMessage,
    now: i64,
) -> Result<Option<OutboxId>, Fault> {
    let mut statement = transaction.prepare_cached(
        "INSERT INTO outbox (run, group_id, receiver, transition, incident, delivery_id, severity, payload, state,
                             due_at, queued_at, purpose)
         VALUES (:run, :group, :receiver, :transition, :incident, :delivery, :severity, :payload, 'queued', :due,
                 :now, :purpose)
         ON CONFLICT (run, group_id, receiver, transition) DO NOTHING RETURNING id",
    )?;
    let id = statement.query_row(
        named_params! {
            ":run": message.run,
            ":group": message.group.as_str(),
            ":receiver": message.receiver,
            ":transition": message.transition,
            ":incident": message.incident.as_ref().map(detectors::finding::IncidentId::as_str),
            ":delivery": message.delivery_id,
            ":severity": Rank(message.severity),
            ":payload": message.payload,
            ":due": message.due_at,
            ":now": now,
            ":purpose": message.purpose,
        },
        |row| row.get(0),
    );
    Ok(id.optional()?)
}
