//! Loading what was saved: every segment is checked before it is handed over.

use std::ops::ControlFlow;

use detectors::event::{EventTime, NextOffset, PartitionId};
use rusqlite::{OptionalExtension as _, Transaction};

use super::{LaneProgress, PartitionPosition, SavedLane, SavedSegment, SegmentKind, SegmentSize, digest};
use crate::error::{Fault, StoreError};
use crate::name::{LaneId, RunId};
use crate::reader::Reader;
use crate::word::Unsigned;

impl Reader {
    /// How far the run's lanes are, without their state.
    ///
    /// # Errors
    /// [`StoreError`] if the database cannot be read.
    pub fn lanes(&self, run: &RunId) -> Result<Vec<LaneProgress>, StoreError> {
        self.read("read progress", |transaction| {
            let mut statement = transaction.prepare_cached(
                "SELECT lane, watermark, counters, saved_at FROM progress WHERE run = ?1 ORDER BY lane",
            )?;
            let rows = statement.query_map([run], |row| {
                Ok(LaneProgress {
                    lane: row.get(0)?,
                    watermark: EventTime::from_nanos(row.get(1)?),
                    positions: Vec::new(),
                    counters: row.get(2)?,
                    saved_at: row.get(3)?,
                })
            })?;
            let mut lanes: Vec<LaneProgress> = rows.collect::<Result<_, _>>()?;
            for lane in &mut lanes {
                lane.positions = positions(transaction, run, &lane.lane)?;
            }
            Ok(lanes)
        })
    }

    /// The run's lanes with their state.
    ///
    /// # Errors
    /// As [`Reader::load_segments`].
    pub fn load_lanes(&self, run: &RunId, newest_format: u32) -> Result<Vec<SavedLane>, StoreError> {
        let mut loaded = Vec::new();
        for progress in self.lanes(run)? {
            let mut segments = Vec::new();
            self.load_segments(run, &progress.lane, newest_format, |segment| {
                segments.push(segment);
                ControlFlow::<()>::Continue(())
            })?;
            loaded.push(SavedLane { progress, segments });
        }
        Ok(loaded)
    }

    /// Hands over a lane's segments one by one, each shard's base first, then its deltas; for states too large to
    /// hold twice. `apply` may stop with `Break`, whose value is returned.
    ///
    /// # Errors
    /// [`StoreError::SegmentCorrupt`] for bytes that are not those saved, [`StoreError::SegmentNewer`] for a
    /// format above `newest_format`, [`StoreError::StateMissing`] where there is progress but not its state.
    pub fn load_segments<B>(
        &self,
        run: &RunId,
        lane: &LaneId,
        newest_format: u32,
        mut apply: impl FnMut(SavedSegment) -> ControlFlow<B>,
    ) -> Result<Option<B>, StoreError> {
        for key in self.segment_keys(run, lane)? {
            let segment =
                self.read("read state", |transaction| segment(transaction, run, lane, key, newest_format))?;
            if let ControlFlow::Break(value) = apply(segment) {
                return Ok(Some(value));
            }
        }
        Ok(None)
    }

    fn segment_keys(&self, run: &RunId, lane: &LaneId) -> Result<Vec<(u32, u64)>, StoreError> {
        self.read("read state", |transaction| {
            let expected: Option<u64> = transaction
                .prepare_cached("SELECT segments FROM progress WHERE run = ?1 AND lane = ?2")?
                .query_row((run, lane), |row| row.get(0).map(|Unsigned(count)| count))
                .optional()?;
            let mut statement = transaction.prepare_cached(
                "SELECT shard, seq FROM segment WHERE run = ?1 AND lane = ?2 ORDER BY shard, seq",
            )?;
            let rows = statement.query_map((run, lane), |row| {
                let Unsigned(seq) = row.get(1)?;
                Ok((row.get(0)?, seq))
            })?;
            let keys: Vec<(u32, u64)> = rows.collect::<Result<_, _>>()?;
            let found = keys.len() as u64;
            match expected {
                // Progress that was saved without any state is as wrong as state that was lost since.
                Some(expected) if expected != found || found == 0 => {
                    let (run, lane) = (run.clone(), lane.clone());
                    Err(StoreError::StateMissing { run, lane, expected, found }.into())
                }
                _ => Ok(keys),
            }
        })
    }

    /// How much is kept of each shard.
    ///
    /// # Errors
    /// [`StoreError`] if the database cannot be read.
    pub fn segment_sizes(&self, run: &RunId) -> Result<Vec<SegmentSize>, StoreError> {
        self.read("measure state", |transaction| {
            let mut statement = transaction.prepare_cached(
                "SELECT lane, shard, sum(CASE kind WHEN 'base' THEN size ELSE 0 END),
                        sum(CASE kind WHEN 'delta' THEN size ELSE 0 END), sum(kind = 'delta'), max(seq)
                 FROM segment WHERE run = ?1 GROUP BY lane, shard ORDER BY lane, shard",
            )?;
            let number = |row: &rusqlite::Row<'_>, column| row.get(column).map(|Unsigned(number)| number);
            let rows = statement.query_map([run], |row| {
                Ok(SegmentSize {
                    lane: row.get(0)?,
                    shard: row.get(1)?,
                    base_bytes: number(row, 2)?,
                    delta_bytes: number(row, 3)?,
                    deltas: number(row, 4)?,
                    newest: number(row, 5)?,
                })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }
}

fn positions(
    transaction: &Transaction<'_>,
    run: &RunId,
    lane: &LaneId,
) -> Result<Vec<PartitionPosition>, Fault> {
    let mut statement = transaction.prepare_cached(
        "SELECT source, stream, partition, next_offset, ordering FROM partition_progress
         WHERE run = ?1 AND lane = ?2 ORDER BY source, stream, partition",
    )?;
    let rows = statement.query_map((run, lane), |row| {
        let (source, stream): (String, String) = (row.get(0)?, row.get(1)?);
        let partition = PartitionId { source: source.into(), stream: stream.into(), partition: row.get(2)? };
        Ok(PartitionPosition { partition, next: NextOffset(row.get(3)?), ordering: row.get(4)? })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn segment(
    transaction: &Transaction<'_>,
    run: &RunId,
    lane: &LaneId,
    (shard, seq): (u32, u64),
    newest_format: u32,
) -> Result<SavedSegment, Fault> {
    let corrupt = || StoreError::SegmentCorrupt { run: run.clone(), lane: lane.clone(), shard, seq };
    let mut statement = transaction.prepare_cached(
        "SELECT kind, format, detectors, sha256, bytes FROM segment
         WHERE run = ?1 AND lane = ?2 AND shard = ?3 AND seq = ?4",
    )?;
    let row = statement.query_row((run, lane, shard, Unsigned(seq)), |row| {
        let kind: String = row.get(0)?;
        let (detectors, saved): (Vec<u8>, Vec<u8>) = (row.get(2)?, row.get(3)?);
        let bytes: Vec<u8> = row.get(4)?;
        Ok((kind, row.get::<_, u32>(1)?, detectors, saved, bytes))
    });
    let (kind, format, detectors, saved, bytes) = row.optional()?.ok_or_else(corrupt)?;
    let kind = SegmentKind::parse(&kind).ok_or_else(corrupt)?;
    if digest(run, lane, (shard, seq, kind, format), &detectors, &bytes)[..] != saved[..] {
        return Err(corrupt().into());
    }
    if format > newest_format {
        let (run, lane) = (run.clone(), lane.clone());
        return Err(
            StoreError::SegmentNewer { run, lane, shard, seq, found: format, known: newest_format }.into()
        );
    }
    let detectors = detectors.try_into().map_err(|_| corrupt())?;
    Ok(SavedSegment { shard, seq, kind, format, detectors, bytes })
}
