//! Leases: who sends which message now. At most one at a time, in order within a group, and never for ever.

use std::collections::BTreeMap;

use detectors::finding::{IncidentId, Severity};
use rusqlite::{Row, Transaction, named_params};

use super::finish::{AttemptOutcome, add_attempt};
use super::{AttemptRecord, GroupId, OutboxId, Purpose, TransitionNumber};
use crate::error::{Fault, StoreError};
use crate::name::{ReceiverId, RunId};
use crate::word::{Rank, Word, any_of};
use crate::writer::{Epoch, Store};

/// What a dispatcher asks for.
#[derive(Debug, Clone, Copy)]
pub struct LeaseRequest<'a> {
    /// The clock's time.
    pub now: i64,
    /// How long a lease holds, in nanoseconds: longer than an attempt can last.
    pub lease: i64,
    /// How many messages at most.
    pub limit: usize,
    /// How many may be under way to one receiver at a time, those leased before included.
    pub per_receiver: usize,
    /// Receivers that get nothing now (an open breaker, an empty token bucket).
    pub except: &'a [ReceiverId],
    /// Only messages at least this severe, where the loudest go first.
    pub at_least: Severity,
    /// How many these receivers get at most in this call; the others have no such limit.
    pub allowance: &'a BTreeMap<ReceiverId, usize>,
}

/// A message to be sent now, by whoever holds this.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leased {
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
    /// What is to be told, as JSON.
    pub payload: String,
    /// Which attempt this is, from 1.
    pub attempt: u32,
    /// Whether the receiver may have this message already: an earlier attempt ended without a clear answer.
    pub possible_repeat: bool,
    /// When it was queued, by the clock.
    pub queued_at: i64,
    /// Until when the lease holds, by the clock.
    pub lease_until: i64,
}

/// Due messages, those whose lease ran out among them, unless an earlier one of their group and receiver is
/// unfinished. `due_at` is the end of the lease while a message is being sent.
pub(crate) const CANDIDATES: &str =
    "SELECT id, run, group_id, receiver, transition, incident, delivery_id, severity, payload,
        attempts, repeat, queued_at, state, leased_at, purpose
    FROM outbox AS o
    WHERE state IN ('queued', 'sending', 'retry') AND due_at <= :now
        AND severity >= :at_least
        AND (:except IS NULL OR receiver NOT IN (SELECT value FROM json_each(:except)))
        AND NOT EXISTS (
            SELECT 1 FROM outbox AS earlier
            WHERE earlier.run = o.run AND earlier.group_id = o.group_id AND earlier.receiver = o.receiver
                AND earlier.transition < o.transition AND earlier.state IN ('queued', 'sending', 'retry'))
    ORDER BY due_at, id";

static UNLIMITED: BTreeMap<ReceiverId, usize> = BTreeMap::new();

impl LeaseRequest<'_> {
    /// A request for everything that is due at this clock time, for a minute, as much as can be.
    #[must_use]
    pub fn at(now: i64) -> Self {
        Self {
            now,
            lease: 60_000_000_000,
            limit: usize::MAX,
            per_receiver: usize::MAX,
            except: &[],
            at_least: Severity::Info,
            allowance: &UNLIMITED,
        }
    }
}

impl Store {
    /// Leases messages that are due, oldest first.
    ///
    /// # Errors
    /// As [`Store::commit`].
    pub fn lease(&self, request: &LeaseRequest<'_>) -> Result<Vec<Leased>, StoreError> {
        if request.limit == 0 || request.per_receiver == 0 || !self.anything_due(request.now)? {
            return Ok(Vec::new());
        }
        self.write("lease messages", |transaction| {
            let mut busy = under_way(transaction, request.now)?;
            let mut chosen = Vec::new();
            let mut statement = transaction.prepare_cached(CANDIDATES)?;
            let mut rows = statement.query(named_params! {
                ":now": request.now,
                ":except": any_of(request.except),
                ":at_least": Rank(request.at_least),
            })?;
            let mut allowance = request.allowance.clone();
            while chosen.len() < request.limit {
                let Some(row) = rows.next()? else { break };
                let candidate = Candidate::read(row, request)?;
                let receiver = &candidate.leased.receiver;
                let busy = busy.entry(receiver.clone()).or_insert(0);
                let mut left = allowance.get_mut(receiver);
                if *busy < request.per_receiver && left.as_ref().is_none_or(|left| **left > 0) {
                    *busy += 1;
                    left.iter_mut().for_each(|left| **left -= 1);
                    chosen.push(candidate);
                }
            }
            chosen.into_iter().map(|candidate| candidate.take(transaction, request, self.epoch())).collect()
        })
    }

    /// Asked before a transaction is begun, since a dispatcher asks often and mostly there is nothing.
    fn anything_due(&self, now: i64) -> Result<bool, StoreError> {
        self.reader().read("look for due messages", |transaction| {
            let mut statement = transaction.prepare_cached(
                "SELECT 1 FROM outbox WHERE state IN ('queued', 'sending', 'retry') AND due_at <= ?1 LIMIT 1",
            )?;
            Ok(statement.exists([now])?)
        })
    }
}

/// How many messages are on their way to each receiver, under leases that hold.
fn under_way(transaction: &Transaction<'_>, now: i64) -> Result<BTreeMap<ReceiverId, usize>, Fault> {
    let mut statement = transaction.prepare_cached(
        "SELECT receiver, count(*) FROM outbox WHERE state = 'sending' AND due_at > ?1 GROUP BY receiver",
    )?;
    let rows = statement.query_map([now], |row| Ok((row.get(0)?, row.get::<_, u32>(1)? as usize)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

struct Candidate {
    leased: Leased,
    /// When the attempt began whose lease ran out, if one did.
    lost_since: Option<i64>,
}

impl Candidate {
    fn read(row: &Row<'_>, request: &LeaseRequest<'_>) -> rusqlite::Result<Self> {
        let Rank(severity) = row.get(7)?;
        let incident: Option<Word<IncidentId>> = row.get(5)?;
        let group: String = row.get(2)?;
        let lost_since = if row.get_ref(12)?.as_str()? == "sending" { row.get(13)? } else { None };
        let possible_repeat = lost_since.is_some() || row.get_ref(10)?.as_str()? == "possible";
        let leased = Leased {
            id: row.get(0)?,
            purpose: row.get(14)?,
            run: row.get(1)?,
            group: GroupId::new(group),
            receiver: row.get(3)?,
            transition: row.get(4)?,
            incident: incident.map(|Word(id)| id),
            delivery_id: row.get(6)?,
            severity,
            payload: row.get(8)?,
            attempt: row.get::<_, u32>(9)?.saturating_add(1),
            possible_repeat,
            queued_at: row.get(11)?,
            lease_until: request.now.saturating_add(request.lease),
        };
        Ok(Self { leased, lost_since })
    }

    fn take(
        self,
        transaction: &Transaction<'_>,
        request: &LeaseRequest<'_>,
        epoch: Epoch,
    ) -> Result<Leased, Fault> {
        let leased = self.leased;
        if let Some(started_at) = self.lost_since {
            let lost = AttemptRecord {
                started_at,
                ended_at: request.now,
                outcome: AttemptOutcome::Lost,
                status_code: None,
                snippet: String::new(),
            };
            add_attempt(transaction, leased.id, leased.attempt - 1, &lost)?;
        }
        transaction
            .prepare_cached(
                "UPDATE outbox SET state = 'sending', due_at = ?2, leased_at = ?3, attempts = ?4,
                        repeat = CASE WHEN ?5 THEN 'possible' ELSE repeat END, leased_by = ?6
                 WHERE id = ?1",
            )?
            .execute((
                leased.id,
                leased.lease_until,
                request.now,
                leased.attempt,
                leased.possible_repeat,
                epoch.0,
            ))?;
        Ok(leased)
    }
}
