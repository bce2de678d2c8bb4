//! Circuit breakers, one a receiver, kept over restarts. When they open and close is alerting's decision.

use rusqlite::{Row, Transaction};
use serde::Serialize;

use crate::error::{Fault, StoreError};
use crate::name::ReceiverId;
use crate::reader::Reader;
use crate::word::unknown_word;
use crate::writer::Store;

/// Whether a receiver is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum Breaker {
    /// It is.
    Closed {
        /// Failures in a row so far.
        failures: u32,
    },
    /// It is left alone.
    Open {
        /// Failures in a row so far.
        failures: u32,
        /// Until this clock time.
        until: i64,
    },
    /// One message is on its way to see whether it works again.
    HalfOpen {
        /// Failures in a row so far.
        failures: u32,
    },
}

impl Default for Breaker {
    fn default() -> Self {
        Self::Closed { failures: 0 }
    }
}

/// Keeps a breaker as it is now.
pub(super) fn save(
    transaction: &Transaction<'_>,
    receiver: &ReceiverId,
    breaker: &Breaker,
    now: i64,
) -> Result<(), Fault> {
    let (state, failures, until) = match *breaker {
        Breaker::Closed { failures } => ("closed", failures, None),
        Breaker::Open { failures, until } => ("open", failures, Some(until)),
        Breaker::HalfOpen { failures } => ("half-open", failures, None),
    };
    transaction
        .prepare_cached(
            "INSERT INTO breaker (receiver, state, failures, until_at, changed_at) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (receiver) DO UPDATE SET state = excluded.state, failures = excluded.failures,
                until_at = excluded.until_at, changed_at = excluded.changed_at
             WHERE state <> excluded.state OR failures <> excluded.failures OR until_at IS NOT excluded.until_at",
        )?
        .execute((receiver, state, failures, until, now))?;
    Ok(())
}

/// The breaker in columns `at` (state), `at + 1` (failures) and `at + 2` (until); closed where there is none.
pub(super) fn read(row: &Row<'_>, at: usize) -> rusqlite::Result<Breaker> {
    let failures = row.get::<_, Option<u32>>(at + 1)?.unwrap_or(0);
    match row.get::<_, Option<String>>(at)?.as_deref() {
        None | Some("closed") => Ok(Breaker::Closed { failures }),
        Some("open") => {
            Ok(Breaker::Open { failures, until: row.get::<_, Option<i64>>(at + 2)?.unwrap_or(i64::MAX) })
        }
        Some("half-open") => Ok(Breaker::HalfOpen { failures }),
        Some(word) => {
            let error = unknown_word(word).into();
            Err(rusqlite::Error::FromSqlConversionFailure(at, rusqlite::types::Type::Text, error))
        }
    }
}

impl Store {
    /// Keeps a receiver's breaker as it is now.
    ///
    /// # Errors
    /// As [`Store::commit`].
    pub fn set_breaker(&self, receiver: &ReceiverId, breaker: &Breaker, now: i64) -> Result<(), StoreError> {
        self.write("keep a breaker", |transaction| save(transaction, receiver, breaker, now))
    }
}

impl Reader {
    /// Every breaker that was ever kept, by receiver. A receiver without one is closed without failures.
    ///
    /// # Errors
    /// [`StoreError`] if the database cannot be read.
    pub fn breakers(&self) -> Result<Vec<(ReceiverId, Breaker)>, StoreError> {
        self.read("read breakers", |transaction| {
            let mut statement = transaction.prepare_cached(
                "SELECT receiver, state, failures, until_at FROM breaker ORDER BY receiver",
            )?;
            let rows = statement.query_map([], |row| Ok((row.get(0)?, read(row, 1)?)))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }
}
