//! One lane on its way: its merge, its engine, and what it has emitted.

use std::collections::HashMap;
use std::sync::Arc;

use detectors::engine::{Engine, Lane};
use detectors::event::{Event, EventTime, Ordered, PartitionId, Span};
use detectors::finding::Finding;
use detectors::settings::EngineSettings;
use ingest::ordering::{
    Floor, Incoming, LaneOrder, MergeBounds, OrderError, PartitionIndex, Takes, TimeRule,
};
use serde::{Deserialize, Serialize};

use crate::Threads;
use crate::flow::{Emitted, Output, SourceTimes};

/// How much older than the newest record before it a change may be.
const CHANGE_LATENESS: Span = Span::secs(2);

/// What of a lane is saved beside its engine and its positions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct LaneCounters {
    /// Findings emitted so far.
    pub(crate) findings: u64,
    /// Number of the last segment of each part.
    pub(crate) segments: u64,
}

pub(crate) struct LaneFlow {
    pub(crate) lane: Lane,
    pub(crate) order: LaneOrder,
    pub(crate) engine: Engine,
    pub(crate) counters: LaneCounters,
    partitions: HashMap<Arc<PartitionId>, PartitionIndex>,
    due: Vec<Ordered>,
}

impl LaneFlow {
    pub(crate) fn new(lane: Lane, settings: &EngineSettings, bounds: &MergeBounds) -> Self {
        let takes = match lane {
            Lane::Change => Takes::Changes,
            Lane::Access => Takes::Everything,
        };
        Self {
            lane,
            order: LaneOrder::new(takes, bounds.clone()),
            engine: Engine::new(lane, settings),
            counters: LaneCounters::default(),
            partitions: HashMap::new(),
            due: Vec::new(),
        }
    }

    pub(crate) fn partition(&mut self, id: &Arc<PartitionId>, times: SourceTimes) -> PartitionIndex {
        if let Some(at) = self.partitions.get(id) {
            return *at;
        }
        let lateness = match self.lane {
            Lane::Change => CHANGE_LATENESS,
            Lane::Access => times.lateness,
        };
        let at = self.order.partition(id, TimeRule { lateness, history: times.history });
        self.partitions.insert(Arc::clone(id), at);
        at
    }

    pub(crate) fn push(
        &mut self,
        at: PartitionIndex,
        record: (i64, Option<i64>, usize),
        events: &[Arc<Event>],
    ) -> Result<Option<Floor>, OrderError> {
        let (offset, timestamp_ms, bytes) = record;
        self.order.push(at, &Incoming { offset, timestamp_ms, bytes, events })
    }

    /// Releases what is due, in runs of about `batch` events, and shows it to the engine.
    pub(crate) fn advance(
        &mut self,
        batch: usize,
        threads: Threads,
        out: &mut Output,
    ) -> Result<EventTime, OrderError> {
        loop {
            let mut due = std::mem::take(&mut self.due);
            due.clear();
            let watermark = self.order.release(batch, &mut due)?;
            let findings = self.engine.step(&due, watermark, &threads);
            let released = due.len();
            self.due = due;
            self.emit(findings, out);
            if released < batch {
                return Ok(watermark);
            }
        }
    }

    /// Judges the windows that are still open: the end of a replay.
    pub(crate) fn flush(&mut self, threads: Threads, out: &mut Output) {
        let findings = self.engine.flush(self.order.watermark(), &threads);
        self.emit(findings, out);
    }

    /// Numbers findings by (time, id). The engine emits one moment's findings in the order of their records, and one
    /// moment is never parted between two steps: where a floor lifts many records to it, their ids decide.
    fn emit(&mut self, mut findings: Vec<Finding>, out: &mut Output) {
        for moment in findings.chunk_by_mut(|one, next| one.time == next.time) {
            moment.sort_by(|one, other| one.id.cmp(&other.id));
        }
        for finding in findings {
            out.findings.push(Emitted { lane: self.lane, sequence: self.counters.findings, finding });
            self.counters.findings += 1;
        }
    }
}
