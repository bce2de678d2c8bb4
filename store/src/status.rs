//! What the pipeline says about itself with every commit: a few rows of JSON that pages and the health check read.

use rusqlite::Transaction;
use serde::Serialize;

use crate::error::{Fault, StoreError};
use crate::name::RunId;
use crate::reader::Reader;

/// One statement of the pipeline about itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StatusRow {
    /// What it is about (`lane:access`, `source:npm-feed`, `detector:key-change`).
    pub key: String,
    /// What it says, as JSON; its form belongs to the pipeline.
    pub body: String,
    /// When it was said, by the clock; taken from the commit.
    pub at: i64,
}

/// Replaces what was said under the same keys.
pub(crate) fn replace(
    transaction: &Transaction<'_>,
    run: &RunId,
    now: i64,
    rows: &[StatusRow],
) -> Result<(), Fault> {
    let mut statement = transaction.prepare_cached(
        "INSERT INTO status (run, key, body, at) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (run, key) DO UPDATE SET body = excluded.body, at = excluded.at
         WHERE body IS NOT excluded.body OR at IS NOT excluded.at",
    )?;
    for row in rows {
        statement.execute((run, &row.key, &row.body, now))?;
    }
    Ok(())
}

impl Reader {
    /// What the pipeline of this run last said about itself, by key.
    ///
    /// # Errors
    /// [`StoreError`] if the database cannot be read.
    pub fn status(&self, run: &RunId) -> Result<Vec<StatusRow>, StoreError> {
        self.read("read the status", |transaction| {
            let mut statement =
                transaction.prepare_cached("SELECT key, body, at FROM status WHERE run = ?1 ORDER BY key")?;
            let rows = statement.query_map([run], |row| {
                Ok(StatusRow { key: row.get(0)?, body: row.get(1)?, at: row.get(2)? })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }
}
