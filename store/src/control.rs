//! Control records: whatever changes findings besides events, with its place in the lane's log.

use detectors::event::{EventTime, Position};
use rusqlite::{Transaction, named_params};

use crate::error::{Fault, StoreError};
use crate::name::{LaneId, RunId};
use crate::reader::Reader;
use crate::word::{Unsigned, worded};

worded! {
    /// What a control record does.
    pub enum ControlKind {
        /// An idle partition stops holding the others back.
        PartitionIdle = "partition-idle",
        /// It comes back, with its floor.
        PartitionActive = "partition-active",
        /// A configuration takes effect.
        Configuration = "configuration",
        /// An override for one subject takes effect, or ends.
        Override = "override",
        /// A verdict that teaches.
        Verdict = "verdict",
        /// A new look-up table (addresses, names).
        Table = "table",
    }
}

/// One control record. Read again after a restart, it takes effect at the same place of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ControlRecord {
    /// Whose log it stands in.
    pub lane: LaneId,
    /// Its number among the lane's control records.
    pub sequence: u64,
    /// What it does.
    pub kind: ControlKind,
    /// The order time at which it takes effect.
    pub takes_effect: EventTime,
    /// The last released position before it; `None` at the beginning of the log.
    pub after: Option<Position>,
    /// What it says, as JSON; opaque to the store.
    pub body: String,
}

/// Inserts what is new.
pub(crate) fn insert(
    transaction: &Transaction<'_>,
    run: &RunId,
    records: &[ControlRecord],
) -> Result<(), Fault> {
    let mut statement = transaction.prepare_cached(
        "INSERT INTO control (run, lane, sequence, kind, takes_effect, position, body)
         VALUES (:run, :lane, :sequence, :kind, :takes_effect, :position, :body)
         ON CONFLICT (run, lane, sequence) DO NOTHING",
    )?;
    for record in records {
        let position = record.after.as_ref().map(serde_json::to_string).transpose();
        let position = position.map_err(|source| StoreError::Unwritable { what: "position", source })?;
        statement.execute(named_params! {
            ":run": run,
            ":lane": record.lane,
            ":sequence": Unsigned(record.sequence),
            ":kind": record.kind,
            ":takes_effect": record.takes_effect.nanos(),
            ":position": position,
            ":body": record.body,
        })?;
    }
    Ok(())
}

impl Reader {
    /// A lane's control records from number `from` on, in order.
    ///
    /// # Errors
    /// [`StoreError`] if the database cannot be read.
    pub fn controls(&self, run: &RunId, lane: &LaneId, from: u64) -> Result<Vec<ControlRecord>, StoreError> {
        self.read("read control records", |transaction| {
            let mut statement = transaction.prepare_cached(
                "SELECT sequence, kind, takes_effect, position, body FROM control
                 WHERE run = ?1 AND lane = ?2 AND sequence >= ?3 ORDER BY sequence",
            )?;
            let mut rows = statement.query((run, lane, Unsigned(from)))?;
            let mut records = Vec::new();
            while let Some(row) = rows.next()? {
                let Unsigned(sequence) = row.get(0)?;
                let position: Option<String> = row.get(3)?;
                let after = position.map(|text| serde_json::from_str(&text)).transpose();
                records.push(ControlRecord {
                    lane: lane.clone(),
                    sequence,
                    kind: row.get(1)?,
                    takes_effect: EventTime::from_nanos(row.get(2)?),
                    after: after.map_err(|error| Fault::Json("position", error))?,
                    body: row.get(4)?,
                });
            }
            Ok(records)
        })
    }
}
