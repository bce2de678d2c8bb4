//! Digests: many messages to one receiver become one, and that one grows until it leaves.

use std::collections::BTreeMap;

use detectors::finding::{IncidentId, Severity};
use rusqlite::OptionalExtension as _;

use super::held::HELD;
use super::route::queue;
use super::{NewMessage, OutboxId};
use crate::error::StoreError;
use crate::name::ReceiverId;
use crate::reader::Reader;
use crate::word::{Rank, Unsigned, Word};
use crate::writer::Store;

/// Most incidents that a digest names; the others are counted.
pub const DIGEST_NAMES_MAX: u32 = 10;

/// What is to be told in a digest instead of one by one.
#[derive(Debug, Clone, Copy)]
pub struct FoldRequest<'a> {
    /// To whom.
    pub receiver: &'a ReceiverId,
    /// Only what is less severe than this.
    pub below: Severity,
    /// The clock's time: what is due by now is folded.
    pub now: i64,
    /// The digest, if none waits yet that nobody has begun to send.
    pub digest: &'a NewMessage,
}

/// What a digest says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DigestContents {
    /// How many messages it stands for.
    pub messages: u64,
    /// About how many incidents.
    pub incidents: u64,
    /// How many messages of each severity.
    pub severities: BTreeMap<Severity, u64>,
    /// The most severe incidents, at most [`DIGEST_NAMES_MAX`].
    pub named: Vec<IncidentId>,
}

impl Store {
    /// How many messages are due for a receiver that may be told in a digest.
    ///
    /// # Errors
    /// [`StoreError`] if the database cannot be read.
    pub fn foldable(&self, receiver: &ReceiverId, below: Severity, now: i64) -> Result<u64, StoreError> {
        self.reader().read("count what waits for a receiver", |transaction| {
            let mut statement = transaction.prepare_cached(&format!("SELECT count(*) {FOLDABLE}"))?;
            let Unsigned(count) = statement.query_row((receiver, Rank(below), now), |row| row.get(0))?;
            Ok(count)
        })
    }

    /// Tells what is due for a receiver in a digest: in the one that waits, or in a new one. Returns the digest's
    /// number and how many messages it took over. Messages that may have arrived are left alone: they have to say
    /// so themselves.
    ///
    /// # Errors
    /// As [`Store::commit`].
    pub fn fold_due(&self, request: &FoldRequest<'_>) -> Result<(Option<OutboxId>, usize), StoreError> {
        self.write("fold messages into a digest", |transaction| {
            let waiting: Option<OutboxId> = transaction
                .prepare_cached(
                    "SELECT id FROM outbox WHERE receiver = ?1 AND state = 'queued' AND purpose = 'digest'
                        AND attempts = 0 AND group_id NOT LIKE ?2 || '%' ORDER BY id DESC LIMIT 1",
                )?
                .query_row((request.receiver, HELD), |row| row.get(0))
                .optional()?;
            let digest = match waiting {
                Some(id) => Some(id),
                None => queue(transaction, request.digest, request.now)?,
            };
            let Some(digest) = digest else { return Ok((None, 0)) };
            let sql = format!(
                "UPDATE outbox SET state = 'folded', folded_into = ?4, due_at = ?3 WHERE id IN (SELECT id {FOLDABLE})"
            );
            let taken = transaction.prepare_cached(&sql)?.execute((
                request.receiver,
                Rank(request.below),
                request.now,
                digest,
            ))?;
            // The loudest of what it holds decides how loud it is.
            transaction
                .prepare_cached(
                    "UPDATE outbox SET severity = (SELECT max(severity) FROM outbox WHERE folded_into = ?1)
                     WHERE id = ?1 AND EXISTS (SELECT 1 FROM outbox WHERE folded_into = ?1)",
                )?
                .execute([digest])?;
            Ok((Some(digest), taken))
        })
    }
}

/// Messages that may be told in a digest: due, less severe, not begun or clearly refused.
const FOLDABLE: &str =
    "FROM outbox WHERE receiver = ?1 AND state IN ('queued', 'retry') AND severity < ?2 AND due_at <= ?3
     AND purpose = 'news' AND repeat = 'no'";

impl Reader {
    /// What a digest stands for.
    ///
    /// # Errors
    /// [`StoreError`] if the database cannot be read.
    pub fn digest_contents(&self, digest: OutboxId) -> Result<DigestContents, StoreError> {
        self.read("read a digest", |transaction| {
            let mut contents = DigestContents::default();
            let mut counts = transaction.prepare_cached(
                "SELECT severity, count(*) FROM outbox WHERE folded_into = ?1 GROUP BY severity",
            )?;
            let rows = counts.query_map([digest], |row| {
                let (Rank(severity), Unsigned(count)) = (row.get(0)?, row.get(1)?);
                Ok((severity, count))
            })?;
            for row in rows {
                let (severity, count) = row?;
                contents.messages += count;
                contents.severities.insert(severity, count);
            }
            contents.incidents = transaction
                .prepare_cached("SELECT count(DISTINCT incident) FROM outbox WHERE folded_into = ?1")?
                .query_row([digest], |row| row.get(0).map(|Unsigned(count)| count))?;
            contents.named = transaction
                .prepare_cached(
                    "SELECT incident FROM outbox WHERE folded_into = ?1 AND incident IS NOT NULL
                     GROUP BY incident ORDER BY max(severity) DESC, min(id) LIMIT ?2",
                )?
                .query_map((digest, DIGEST_NAMES_MAX), |row| row.get(0).map(|Word(id)| id))?
                .collect::<Result<_, _>>()?;
            Ok(contents)
        })
    }
}
