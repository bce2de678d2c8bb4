//! How far the lanes are, and what their engines knew there: saved together, loaded together or refused.

mod load;

use detectors::event::{EventTime, NextOffset, PartitionId};
use rusqlite::{OptionalExtension as _, Transaction, named_params};
use sha2::{Digest as _, Sha256};

use crate::error::{Fault, StoreError};
use crate::name::{LaneId, RunId};
use crate::word::{Unsigned, worded};

worded! {
    /// What a segment holds.
    pub enum SegmentKind {
        /// A shard's whole state: earlier segments of the shard are no longer needed.
        Base = "base",
        /// What changed since the segment before.
        Delta = "delta",
    }
}

/// A lane's state as of now, with the positions from which it can go on.
///
/// The first save of a lane carries a base of each shard, be it empty: progress without any state is refused at the
/// next start. Findings wait behind the bytes of a save (8 MiB take about 50 ms), so large shards are saved in turns.
#[derive(Debug, Clone, Copy)]
pub struct LaneSave<'a> {
    /// The lane.
    pub lane: &'a LaneId,
    /// Its watermark.
    pub watermark: EventTime,
    /// From where each of its partitions is read again.
    pub positions: &'a [PartitionPosition],
    /// Changed shards; a shard without changes needs none.
    pub segments: &'a [SegmentSave<'a>],
    /// The lane's own numbers (findings emitted, control records, bins), as JSON; opaque to the store.
    pub counters: &'a str,
}

/// From where a partition is read again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionPosition {
    /// The partition.
    pub partition: PartitionId,
    /// The lowest offset that was not released yet.
    pub next: NextOffset,
    /// What the order rule remembers of it (maximum, floor, idle), as JSON; opaque to the store.
    pub ordering: String,
}

/// A part of a shard's state, to be saved.
#[derive(Debug, Clone, Copy)]
pub struct SegmentSave<'a> {
    /// Which shard.
    pub shard: u32,
    /// Its number: later segments of a shard have larger ones.
    pub seq: u64,
    /// What it holds. A base deletes the shard's earlier segments in the same commit.
    pub kind: SegmentKind,
    /// The version of its format.
    pub format: u32,
    /// Hash over the major versions of the detectors whose state it holds.
    pub detectors: [u8; 32],
    /// The state.
    pub bytes: &'a [u8],
}

/// How far a lane was when its state was last saved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LaneProgress {
    /// The lane.
    pub lane: LaneId,
    /// Its watermark.
    pub watermark: EventTime,
    /// Its partitions, in their order.
    pub positions: Vec<PartitionPosition>,
    /// As given in [`LaneSave::counters`].
    pub counters: String,
    /// When it was saved, by the clock.
    pub saved_at: i64,
}

/// A segment as it was saved: its hash was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SavedSegment {
    /// Which shard.
    pub shard: u32,
    /// Its number.
    pub seq: u64,
    /// What it holds.
    pub kind: SegmentKind,
    /// The version of its format.
    pub format: u32,
    /// Hash over the major versions of the detectors whose state it holds; the caller compares it with its own.
    pub detectors: [u8; 32],
    /// The state.
    pub bytes: Vec<u8>,
}

/// A lane with its state: each shard's base and its deltas, by shard and number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SavedLane {
    /// How far it was.
    pub progress: LaneProgress,
    /// What it knew.
    pub segments: Vec<SavedSegment>,
}

/// How much is kept of a shard: what decides when a base is worth writing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentSize {
    /// The lane.
    pub lane: LaneId,
    /// The shard.
    pub shard: u32,
    /// Its base, in bytes; 0 if it has none.
    pub base_bytes: u64,
    /// Its deltas since, in bytes.
    pub delta_bytes: u64,
    /// How many deltas these are.
    pub deltas: u64,
    /// The number of its newest segment.
    pub newest: u64,
}

/// The hashes of a commit's segments, in their order.
pub(crate) fn digests(run: &RunId, lanes: &[LaneSave<'_>]) -> Vec<[u8; 32]> {
    let segments = lanes.iter().flat_map(|save| save.segments.iter().map(|segment| (save.lane, segment)));
    segments
        .map(|(lane, s)| digest(run, lane, (s.shard, s.seq, s.kind, s.format), &s.detectors, s.bytes))
        .collect()
}

/// Over the bytes and over all that says what they are, so that nothing of it can change unseen.
fn digest(
    run: &RunId,
    lane: &LaneId,
    (shard, seq, kind, format): (u32, u64, SegmentKind, u32),
    detectors: &[u8],
    bytes: &[u8],
) -> [u8; 32] {
    let header = format!("{run}\n{lane}\n{shard}\n{seq}\n{kind}\n{format}\n");
    let mut hasher = Sha256::new();
    hasher.update((header.len() as u64).to_be_bytes());
    hasher.update(header.as_bytes());
    hasher.update((detectors.len() as u64).to_be_bytes());
    hasher.update(detectors);
    hasher.update(bytes);
    hasher.finalize().into()
}

/// Stores lanes with their positions and segments.
pub(crate) fn save(
    transaction: &Transaction<'_>,
    run: &RunId,
    now: i64,
    lanes: &[LaneSave<'_>],
    digests: &[[u8; 32]],
) -> Result<(), Fault> {
    let mut digests = digests.iter();
    for save in lanes {
        transaction
            .prepare_cached(
                "INSERT INTO progress (run, lane, watermark, counters, segments, saved_at)
                 VALUES (?1, ?2, ?3, ?4, 0, ?5)
                 ON CONFLICT (run, lane) DO UPDATE SET watermark = excluded.watermark,
                    counters = excluded.counters, saved_at = excluded.saved_at",
            )?
            .execute((run, save.lane, save.watermark.nanos(), save.counters, now))?;
        save_positions(transaction, run, save)?;
        for (segment, digest) in save.segments.iter().zip(&mut digests) {
            save_segment(transaction, run, save.lane, segment, digest)?;
        }
        transaction
            .prepare_cached(
                "UPDATE progress SET segments = (SELECT count(*) FROM segment WHERE run = ?1 AND lane = ?2)
                 WHERE run = ?1 AND lane = ?2",
            )?
            .execute((run, save.lane))?;
    }
    Ok(())
}

fn save_positions(transaction: &Transaction<'_>, run: &RunId, save: &LaneSave<'_>) -> Result<(), Fault> {
    transaction
        .prepare_cached("DELETE FROM partition_progress WHERE run = ?1 AND lane = ?2")?
        .execute((run, save.lane))?;
    let mut statement = transaction.prepare_cached(
        "INSERT INTO partition_progress (run, lane, source, stream, partition, next_offset, ordering)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?;
    for position in save.positions {
        let PartitionId { source, stream, partition } = &position.partition;
        let NextOffset(next) = position.next;
        statement.execute((run, save.lane, &**source, &**stream, partition, next, &position.ordering))?;
    }
    Ok(())
}

fn save_segment(
    transaction: &Transaction<'_>,
    run: &RunId,
    lane: &LaneId,
    segment: &SegmentSave<'_>,
    digest: &[u8; 32],
) -> Result<(), Fault> {
    let SegmentSave { shard, seq, .. } = *segment;
    let key = (run, lane, shard, Unsigned(seq));
    let before: Option<Vec<u8>> = transaction
        .prepare_cached(
            "SELECT sha256 FROM segment WHERE run = ?1 AND lane = ?2 AND shard = ?3 AND seq = ?4",
        )?
        .query_row(key, |row| row.get(0))
        .optional()?;
    if let Some(before) = before {
        if before == digest {
            return Ok(());
        }
        return Err(StoreError::SegmentConflict { run: run.clone(), lane: lane.clone(), shard, seq }.into());
    }
    let mut insert = transaction.prepare_cached(
        "INSERT INTO segment (run, lane, shard, seq, kind, format, detectors, sha256, size, bytes)
         VALUES (:run, :lane, :shard, :seq, :kind, :format, :detectors, :sha256, :size, :bytes)",
    )?;
    insert.execute(named_params! {
        ":run": run,
        ":lane": lane,
        ":shard": shard,
        ":seq": Unsigned(seq),
        ":kind": segment.kind,
        ":format": segment.format,
        ":detectors": segment.detectors,
        ":sha256": digest,
        ":size": Unsigned(segment.bytes.len() as u64),
        ":bytes": segment.bytes,
    })?;
    if segment.kind == SegmentKind::Base {
        transaction
            .prepare_cached("DELETE FROM segment WHERE run = ?1 AND lane = ?2 AND shard = ?3 AND seq < ?4")?
            .execute((run, lane, shard, Unsigned(seq)))?;
    }
    Ok(())
}
