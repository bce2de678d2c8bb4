//! Records that could not be read, each with its place and its reason.

use std::sync::Arc;

use detectors::event::{PartitionId, Position};
use rusqlite::{Row, Transaction, named_params};
use serde::Serialize;

use crate::conditions::Conditions;
use crate::error::{Fault, StoreError};
use crate::name::RunId;
use crate::reader::{Page, Reader};
use crate::word::{Unsigned, beginning, hex};

/// How much of the record is kept.
pub const MAX_HEAD_BYTES: usize = 4 * 1024;
/// How much of the detail is kept.
pub const MAX_DETAIL_BYTES: usize = 1024;

/// A record that could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// Where it lies.
    pub position: Position,
    /// Why, as one of the ingest's own codes (`bad-json`, `time-impossible`): what rows are counted by.
    pub reason: Arc<str>,
    /// Why, for people. May quote the record, so it is as untrusted as that. Cut to [`MAX_DETAIL_BYTES`].
    pub detail: String,
    /// The record's beginning, raw. Cut to [`MAX_HEAD_BYTES`].
    pub head: Vec<u8>,
    /// Hash of the whole record.
    pub sha256: [u8; 32],
    /// Size of the whole record, in bytes.
    pub size: u64,
    /// When it was seen, by the clock.
    pub seen_at: i64,
}

/// A dead letter as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StoredDeadLetter {
    /// Its number, in the order of storing.
    pub id: u64,
    /// Where the record lies.
    pub position: Position,
    /// Why it could not be read, as a code.
    pub reason: String,
    /// Why, for people; untrusted.
    pub detail: String,
    /// The record's beginning, raw.
    pub head: Vec<u8>,
    /// Hash of the whole record.
    #[serde(serialize_with = "hex")]
    pub sha256: [u8; 32],
    /// Size of the whole record, in bytes.
    pub size: u64,
    /// When it was seen, by the clock.
    pub seen_at: i64,
}

/// Which dead letters are wanted; `None` is any.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DeadLetterFilter {
    /// Of this source.
    pub source: Option<String>,
    /// Of this stream.
    pub stream: Option<String>,
    /// For this reason.
    pub reason: Option<String>,
    /// Seen at this clock time or later.
    pub since: Option<i64>,
}

/// How many records of a stream could not be read for one reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DeadLetterCount {
    /// The source.
    pub source: String,
    /// The stream.
    pub stream: String,
    /// The reason's code.
    pub reason: String,
    /// How many.
    pub count: u64,
    /// When the last one was seen, by the clock.
    pub last_seen_at: i64,
}

/// Inserts what is new; says how many that were.
pub(crate) fn insert(
    transaction: &Transaction<'_>,
    run: &RunId,
    letters: &[DeadLetter],
) -> Result<usize, Fault> {
    let mut statement = transaction.prepare_cached(
        "INSERT INTO dead_letter (run, source, stream, partition, record_offset, item, reason, detail, head, sha256,
                                  size, seen_at)
         VALUES (:run, :source, :stream, :partition, :offset, :item, :reason, :detail, :head, :sha256, :size, :seen)
         ON CONFLICT (run, source, stream, partition, record_offset, item) DO NOTHING",
    )?;
    let mut new = 0;
    for letter in letters {
        let Position { partition, offset, index } = &letter.position;
        new += statement.execute(named_params! {
            ":run": run,
            ":source": &*partition.source,
            ":stream": &*partition.stream,
            ":partition": partition.partition,
            ":offset": offset,
            ":item": index,
            ":reason": &*letter.reason,
            ":detail": beginning(&letter.detail, MAX_DETAIL_BYTES),
            ":head": &letter.head[..letter.head.len().min(MAX_HEAD_BYTES)],
            ":sha256": letter.sha256,
            ":size": Unsigned(letter.size),
            ":seen": letter.seen_at,
        })?;
    }
    Ok(new)
}

const COLUMNS: &str =
    "id, source, stream, partition, record_offset, item, reason, detail, head, sha256, size, seen_at";

fn conditions<'a>(run: &'a RunId, filter: &'a DeadLetterFilter) -> Conditions<'a> {
    let mut all = Conditions::new("run = :run");
    all.bind(":run", run);
    all.and_if("source = :source", ":source", filter.source.as_deref());
    all.and_if("stream = :stream", ":stream", filter.stream.as_deref());
    all.and_if("reason = :reason", ":reason", filter.reason.as_deref());
    all.and_if("seen_at >= :since", ":since", filter.since);
    all
}

impl Reader {
    /// Dead letters, newest first.
    ///
    /// # Errors
    /// [`StoreError`] if the database cannot be read.
    pub fn dead_letters(
        &self,
        run: &RunId,
        filter: &DeadLetterFilter,
        page: Page,
    ) -> Result<Vec<StoredDeadLetter>, StoreError> {
        self.read("list dead letters", |transaction| {
            let mut conditions = conditions(run, filter);
            conditions.bind(":limit", page.limit);
            conditions.bind(":offset", page.offset);
            let mut statement = transaction.prepare_cached(&format!(
                "SELECT {COLUMNS} FROM dead_letter WHERE {} ORDER BY id DESC LIMIT :limit OFFSET :offset",
                conditions.sql()
            ))?;
            let rows = statement.query_map(&*conditions.bound(), stored)?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// One dead letter.
    ///
    /// # Errors
    /// [`StoreError`] if the database cannot be read.
    pub fn dead_letter(&self, id: u64) -> Result<Option<StoredDeadLetter>, StoreError> {
        self.read("read a dead letter", |transaction| {
            let sql = format!("SELECT {COLUMNS} FROM dead_letter WHERE id = ?1");
            let mut statement = transaction.prepare_cached(&sql)?;
            Ok(statement.query_map([Unsigned(id)], stored)?.next().transpose()?)
        })
    }

    /// How many there are, by source, stream and reason.
    ///
    /// # Errors
    /// [`StoreError`] if the database cannot be read.
    pub fn dead_letter_counts(
        &self,
        run: &RunId,
        filter: &DeadLetterFilter,
    ) -> Result<Vec<DeadLetterCount>, StoreError> {
        self.read("count dead letters", |transaction| {
            let conditions = conditions(run, filter);
            let mut statement = transaction.prepare_cached(&format!(
                "SELECT source, stream, reason, count(*), max(seen_at) FROM dead_letter WHERE {}
                 GROUP BY source, stream, reason ORDER BY count(*) DESC, source, stream, reason",
                conditions.sql()
            ))?;
            let rows = statement.query_map(&*conditions.bound(), |row| {
                let Unsigned(count) = row.get(3)?;
                Ok(DeadLetterCount {
                    source: row.get(0)?,
                    stream: row.get(1)?,
                    reason: row.get(2)?,
                    count,
                    last_seen_at: row.get(4)?,
                })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }
}

fn stored(row: &Row<'_>) -> rusqlite::Result<StoredDeadLetter> {
    let (source, stream): (String, String) = (row.get(1)?, row.get(2)?);
    let partition = PartitionId { source: source.into(), stream: stream.into(), partition: row.get(3)? };
    let (Unsigned(id), Unsigned(size)) = (row.get(0)?, row.get(10)?);
    Ok(StoredDeadLetter {
        id,
        position: Position { partition: Arc::new(partition), offset: row.get(4)?, index: row.get(5)? },
        reason: row.get(6)?,
        detail: row.get(7)?,
        head: row.get(8)?,
        sha256: row.get(9)?,
        size,
        seen_at: row.get(11)?,
    })
}
