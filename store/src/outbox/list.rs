//! What was sent, what waits and what was given up: for pages, the command line and the health check.

use detectors::finding::{IncidentId, Severity};
use rusqlite::{Row, Transaction};
use serde::Serialize;

use super::breaker::{self, Breaker};
use super::{AttemptRecord, DeliveryState, DeliveryStateKind, GroupId, OutboxId, Purpose, TransitionNumber};
use crate::conditions::Conditions;
use crate::error::{Fault, StoreError};
use crate::name::{ReceiverId, RunId};
use crate::reader::{Page, Reader};
use crate::word::{Rank, Unsigned, Word, any_of};

/// A message as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Delivery {
    /// Its number.
    pub id: OutboxId,
    /// Why it is sent.
    pub purpose: Purpose,
    /// In which world.
    pub run: RunId,
    /// What is told together.
    pub group: GroupId,
    /// Whom.
    pub receiver: ReceiverId,
    /// The step that is told.
    pub transition: TransitionNumber,
    /// The incident it is about.
    pub incident: Option<IncidentId>,
    /// The stable id that the receiver sees.
    pub delivery_id: String,
    /// How severe it is.
    pub severity: Severity,
    /// What is told, as JSON.
    pub payload: String,
    /// In which state it is.
    pub state: DeliveryState,
    /// Whether the receiver may have got it more than once.
    pub possible_repeat: bool,
    /// What the receiver calls it.
    pub receipt: Option<String>,
    /// When it was queued, by the clock.
    pub queued_at: i64,
    /// How many attempts were begun.
    pub begun: u32,
    /// The attempts that ended, in order.
    pub attempts: Vec<AttemptRecord>,
}

/// Which messages are wanted; empty or `None` is any.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DeliveryFilter {
    /// In which world.
    pub run: Option<RunId>,
    /// In one of these states.
    pub states: Vec<DeliveryStateKind>,
    /// For this receiver.
    pub receiver: Option<ReceiverId>,
    /// About this incident of this run, or one that it swallowed.
    pub incident: Option<(RunId, IncidentId)>,
}

/// How a receiver is doing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReceiverSummary {
    /// The receiver.
    pub receiver: ReceiverId,
    /// How many messages are in each state, in the order of [`DeliveryStateKind::ALL`].
    pub counts: Vec<(DeliveryStateKind, u64)>,
    /// When the oldest unfinished message was queued, by the clock.
    pub oldest_unfinished_at: Option<i64>,
    /// Its breaker.
    pub breaker: Breaker,
}

impl ReceiverSummary {
    /// How many messages are in a state.
    #[must_use]
    pub fn count(&self, state: DeliveryStateKind) -> u64 {
        self.counts.iter().find(|(kind, _)| *kind == state).map_or(0, |(_, count)| *count)
    }
}

const COLUMNS: &str =
    "id, run, group_id, receiver, transition, incident, delivery_id, severity, payload, state,
    due_at, reason, repeat, receipt, queued_at, attempts, folded_into, purpose";

/// What an attempt's snippet begins with that arrived with built-in words, because a template failed.
pub const TEMPLATE_FAILED: &str = "template failed: ";

impl Reader {
    /// How many messages that are kept arrived with built-in words because a template failed, by receiver.
    ///
    /// # Errors
    /// [`StoreError`] if the database cannot be read.
    pub fn template_failures(&self) -> Result<Vec<(ReceiverId, u64)>, StoreError> {
        self.read("count templates that failed", |transaction| {
            let mut statement = transaction.prepare_cached(
                "SELECT o.receiver, count(*) FROM attempt AS a JOIN outbox AS o ON o.id = a.outbox
                 WHERE a.snippet LIKE ?1 || '%' AND a.outcome IN ('delivered', 'accepted')
                 GROUP BY o.receiver ORDER BY o.receiver",
            )?;
            let rows = statement.query_map([TEMPLATE_FAILED], |row| {
                let Unsigned(count) = row.get(1)?;
                Ok((row.get(0)?, count))
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// Messages that fit the filter, newest first, each with its attempts.
    ///
    /// # Errors
    /// [`StoreError`] if the database cannot be read.
    pub fn deliveries(&self, filter: &DeliveryFilter, page: Page) -> Result<Vec<Delivery>, StoreError> {
        self.read("list messages", |transaction| {
            let mut conditions = conditions(filter);
            conditions.bind(":limit", page.limit);
            conditions.bind(":offset", page.offset);
            let mut statement = transaction.prepare_cached(&format!(
                "SELECT {COLUMNS} FROM outbox WHERE {} ORDER BY id DESC LIMIT :limit OFFSET :offset",
                conditions.sql()
            ))?;
            let rows = statement.query_map(&*conditions.bound(), stored)?;
            let found: Vec<Delivery> = rows.collect::<Result<_, _>>()?;
            found.into_iter().map(|delivery| with_attempts(transaction, delivery)).collect()
        })
    }

    /// One message with its attempts.
    ///
    /// # Errors
    /// [`StoreError`] if the database cannot be read.
    pub fn delivery(&self, id: OutboxId) -> Result<Option<Delivery>, StoreError> {
        self.read("read a message", |transaction| {
            let mut statement =
                transaction.prepare_cached(&format!("SELECT {COLUMNS} FROM outbox WHERE id = ?1"))?;
            let found = statement.query_map([id], stored)?.next().transpose()?;
            found.map(|delivery| with_attempts(transaction, delivery)).transpose()
        })
    }

    /// What the receiver called the last message of this group, if it said: what an update goes to. An incident's
    /// group includes the messages about incidents that it swallowed.
    ///
    /// # Errors
    /// [`StoreError`] if the database cannot be read.
    pub fn last_receipt(
        &self,
        run: &RunId,
        group: &GroupId,
        receiver: &ReceiverId,
    ) -> Result<Option<String>, StoreError> {
        self.read("read a receipt", |transaction| {
            let mut statement = transaction.prepare_cached(
                "SELECT receipt FROM outbox WHERE run = ?1 AND receiver = ?3 AND receipt IS NOT NULL
                    AND (group_id = ?2 OR group_id IN (
                        SELECT id FROM incident WHERE run = ?1 AND merged_into = ?2))
                 ORDER BY id DESC LIMIT 1",
            )?;
            Ok(statement.query_map((run, group.as_str(), receiver), |row| row.get(0))?.next().transpose()?)
        })
    }

    /// The routing decisions about an incident and those it swallowed, in order: (step, decision as JSON).
    /// `None` where it still waits.
    ///
    /// # Errors
    /// [`StoreError`] if the database cannot be read.
    pub fn routing_decisions(
        &self,
        run: &RunId,
        incident: &IncidentId,
    ) -> Result<Vec<(TransitionNumber, Option<String>)>, StoreError> {
        self.read("read routing decisions", |transaction| {
            let mut statement = transaction.prepare_cached(
                "SELECT transition, decision FROM to_route WHERE run = ?1 AND incident IN (
                    SELECT id FROM incident WHERE run = ?1 AND (id = ?2 OR merged_into = ?2)) ORDER BY id",
            )?;
            let rows = statement.query_map((run, incident.as_str()), |row| Ok((row.get(0)?, row.get(1)?)))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// How every receiver is doing that ever got a message or has a breaker, by name.
    ///
    /// # Errors
    /// [`StoreError`] if the database cannot be read.
    pub fn outbox_summary(&self) -> Result<Vec<ReceiverSummary>, StoreError> {
        self.read("sum up the outbox", |transaction| {
            let mut statement = transaction.prepare_cached(
                "SELECT r.receiver, b.state, b.failures, b.until_at,
                        (SELECT min(queued_at) FROM outbox AS o WHERE o.receiver = r.receiver
                         AND o.state IN ('queued', 'sending', 'retry'))
                 FROM (SELECT receiver FROM outbox UNION SELECT receiver FROM breaker) AS r
                 LEFT JOIN breaker AS b ON b.receiver = r.receiver ORDER BY r.receiver",
            )?;
            let rows = statement.query_map([], |row| {
                Ok(ReceiverSummary {
                    receiver: row.get(0)?,
                    counts: Vec::new(),
                    oldest_unfinished_at: row.get(4)?,
                    breaker: breaker::read(row, 1)?,
                })
            })?;
            let mut summaries: Vec<ReceiverSummary> = rows.collect::<Result<_, _>>()?;
            let mut count = transaction
                .prepare_cached("SELECT count(*) FROM outbox WHERE receiver = ?1 AND state = ?2")?;
            for summary in &mut summaries {
                for kind in DeliveryStateKind::ALL {
                    let Unsigned(number) = count.query_row((&summary.receiver, kind), |row| row.get(0))?;
                    summary.counts.push((*kind, number));
                }
            }
            Ok(summaries)
        })
    }
}

fn conditions(filter: &DeliveryFilter) -> Conditions<'_> {
    let mut all = Conditions::new("true");
    all.and_if("run = :run", ":run", filter.run.as_ref());
    all.and_if("state IN (SELECT value FROM json_each(:states))", ":states", any_of(&filter.states));
    all.and_if("receiver = :receiver", ":receiver", filter.receiver.as_ref());
    if let Some((run, incident)) = &filter.incident {
        all.and(
            "run = :in_run AND incident IN (
                SELECT id FROM incident WHERE run = :in_run AND (id = :incident OR merged_into = :incident))",
        );
        all.bind(":in_run", run);
        all.bind(":incident", incident.as_str());
    }
    all
}

fn with_attempts(transaction: &Transaction<'_>, mut delivery: Delivery) -> Result<Delivery, Fault> {
    let mut statement = transaction.prepare_cached(
        "SELECT started_at, ended_at, outcome, status_code, snippet FROM attempt WHERE outbox = ?1 ORDER BY number",
    )?;
    let rows = statement.query_map([delivery.id], |row| {
        Ok(AttemptRecord {
            started_at: row.get(0)?,
            ended_at: row.get(1)?,
            outcome: row.get(2)?,
            status_code: row.get(3)?,
            snippet: row.get(4)?,
        })
    })?;
    delivery.attempts = rows.collect::<Result<_, _>>()?;
    Ok(delivery)
}

fn stored(row: &Row<'_>) -> rusqlite::Result<Delivery> {
    let Rank(severity) = row.get(7)?;
    let incident: Option<Word<IncidentId>> = row.get(5)?;
    let group: String = row.get(2)?;
    Ok(Delivery {
        id: row.get(0)?,
        purpose: row.get(17)?,
        run: row.get(1)?,
        group: GroupId::new(group),
        receiver: row.get(3)?,
        transition: row.get(4)?,
        incident: incident.map(|Word(id)| id),
        delivery_id: row.get(6)?,
        severity,
        payload: row.get(8)?,
        state: state(row)?,
        possible_repeat: row.get_ref(12)?.as_str()? == "possible",
        receipt: row.get(13)?,
        queued_at: row.get(14)?,
        begun: row.get(15)?,
        attempts: Vec::new(),
    })
}

fn state(row: &Row<'_>) -> rusqlite::Result<DeliveryState> {
    let at = row.get(10)?;
    let reason = || row.get::<_, Option<String>>(11).map(Option::unwrap_or_default);
    Ok(match row.get(9)? {
        DeliveryStateKind::Queued => DeliveryState::Queued { due_at: at },
        DeliveryStateKind::Sending => DeliveryState::Sending { lease_until: at },
        DeliveryStateKind::Accepted => DeliveryState::Accepted { at },
        DeliveryStateKind::Delivered => DeliveryState::Delivered { at },
        DeliveryStateKind::Retry => DeliveryState::Retry { next_at: at, reason: reason()? },
        DeliveryStateKind::Dead => DeliveryState::Dead { at, reason: reason()? },
        DeliveryStateKind::Folded => DeliveryState::Folded { at, digest: row.get(16)? },
        DeliveryStateKind::Withdrawn => DeliveryState::Withdrawn { at, reason: reason()? },
    })
}
