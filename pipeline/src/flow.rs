//! The way of a record, without a thread or a clock of its own: decoded, ordered in each lane, shown to the engines.

use std::collections::HashMap;
use std::sync::Arc;

use detectors::engine::Lane;
use detectors::event::{Event, EventTime, NextOffset, PartitionId, Span};
use detectors::finding::Finding;
use detectors::settings::EngineSettings;
use ingest::dead_letter::DeadLetter;
use ingest::decode::{Decoder, DecoderSettings, Refusal};
use ingest::ordering::{Floor, MergeBounds, OrderError, PartitionIndex, ResumePoint};
use ingest::recording::ControlRecord;
use ingest::source::{OversizeRecord, RawRecord};
use thiserror::Error;

use crate::Threads;
use crate::lane::LaneFlow;

/// Events that an engine is shown at once, unless asked otherwise. It changes no finding.
pub const DEFAULT_BATCH: usize = 4_096;
/// Lateness of access events read from Kafka or files, unless configured.
pub const DEFAULT_LATENESS: Span = Span::secs(30);

/// How the times of a source's records are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SourceTimes {
    /// How much older than the newest record before it an access event may be.
    pub lateness: Span,
    /// Whether old times are trusted.
    pub history: bool,
    /// Nanoseconds added to every event time: a replayed attack happens now. Never scaled.
    pub shift: i64,
}

impl Default for SourceTimes {
    fn default() -> Self {
        Self { lateness: DEFAULT_LATENESS, history: false, shift: 0 }
    }
}

/// One source as the flow needs to know it.
#[derive(Debug, Clone)]
pub struct SourceRules {
    /// How its records are read.
    pub decoder: DecoderSettings,
    /// How their times are taken.
    pub times: SourceTimes,
}

/// How the flow runs. None of it changes a finding but the engine's settings.
#[derive(Debug, Clone)]
pub struct FlowSettings {
    /// What the owner set.
    pub engine: EngineSettings,
    /// Threads for stage 1.
    pub threads: Threads,
    /// Events that an engine is shown at once.
    pub batch: usize,
    /// Bounds of the merge.
    pub bounds: MergeBounds,
}

impl FlowSettings {
    /// One thread, the default batch and bounds.
    #[must_use]
    pub fn new(engine: EngineSettings) -> Self {
        Self { engine, threads: Threads::new(1), batch: DEFAULT_BATCH, bounds: MergeBounds::default() }
    }
}

/// A finding with its lane and its number there.
#[derive(Debug, Clone, PartialEq)]
pub struct Emitted {
    /// Which lane found it.
    pub lane: Lane,
    /// Its number among the lane's findings.
    pub sequence: u64,
    /// The finding.
    pub finding: Finding,
}

/// What came out of the flow since it was last emptied.
#[derive(Debug, Default)]
pub struct Output {
    /// Findings, in the order of each lane.
    pub findings: Vec<Emitted>,
    /// Records that could not be read.
    pub dead_letters: Vec<DeadLetter>,
    /// Control records: what else changed the order.
    pub controls: Vec<(Lane, Control)>,
}

/// A control record of the order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Control {
    /// A partition stopped holding the others back, before this offset.
    Idle(Arc<PartitionId>, NextOffset),
    /// It came back with a floor.
    Back(Floor),
}

/// Why the flow cannot go on.
#[derive(Debug, Error)]
pub enum FlowError {
    /// A record of a source that nobody configured.
    #[error("cannot decode a record of source `{0}`, which is not configured")]
    UnknownSource(Arc<str>),
    /// The merge of a lane is full or cannot spill.
    #[error("cannot order the {} lane", lane.as_str())]
    Order {
        /// The lane.
        lane: Lane,
        /// Why.
        #[source]
        source: OrderError,
    },
}

/// A partition as both lanes know it.
#[derive(Clone, Copy)]
struct Indexes {
    lanes: [PartitionIndex; 2],
    source: usize,
}

/// The way itself.
pub struct Flow {
    pub(crate) lanes: [LaneFlow; 2],
    sources: Vec<(Decoder, SourceTimes)>,
    partitions: HashMap<Arc<PartitionId>, Indexes>,
    last: Option<(Arc<PartitionId>, Indexes)>,
    decoded: Vec<Event>,
    shared: Vec<Arc<Event>>,
    threads: Threads,
    batch: usize,
}

impl Flow {
    /// A flow that has seen nothing.
    #[must_use]
    pub fn new(settings: &FlowSettings, sources: &[SourceRules]) -> Self {
        Self {
            lanes: Lane::ALL.map(|lane| LaneFlow::new(lane, &settings.engine, &settings.bounds)),
            sources: sources.iter().map(|rules| (Decoder::new(rules.decoder.clone()), rules.times)).collect(),
            partitions: HashMap::new(),
            last: None,
            decoded: Vec::new(),
            shared: Vec::new(),
            threads: settings.threads,
            batch: settings.batch.max(1),
        }
    }

    /// Makes a partition known: from now on the lanes wait for it.
    ///
    /// # Errors
    /// [`FlowError::UnknownSource`] if its source is not configured.
    pub fn assign(&mut self, id: &Arc<PartitionId>) -> Result<(), FlowError> {
        let indexes = self.indexes(id)?;
        for (lane, at) in self.lanes.iter_mut().zip(indexes.lanes) {
            lane.order.reopen(at);
        }
        Ok(())
    }

    /// Takes in a record: its events wait in the lanes, or it becomes a dead letter.
    ///
    /// # Errors
    /// [`FlowError`] when its source is unknown or a lane cannot take more.
    pub fn record(&mut self, record: &RawRecord<'_>, out: &mut Output) -> Result<(), FlowError> {
        let indexes = self.indexes(record.partition)?;
        let (decoder, times) = &mut self.sources[indexes.source];
        self.decoded.clear();
        if let Err(refusal) = decoder.decode(record, &mut self.decoded) {
            out.dead_letters.push(DeadLetter::of(record, &refusal));
        }
        let shift = times.shift;
        self.shared.clear();
        self.shared.extend(self.decoded.drain(..).map(|mut event| {
            if shift != 0 {
                event.time = EventTime::from_nanos(event.time.nanos().saturating_add(shift));
            }
            Arc::new(event)
        }));
        self.push(indexes, (record.offset, record.timestamp_ms, record.bytes().len()), out)
    }

    /// Takes in what was refused at the door: a dead letter in its place, and no event.
    ///
    /// # Errors
    /// As [`Flow::record`].
    pub fn refused(
        &mut self,
        record: &RawRecord<'_>,
        refusal: &Refusal,
        out: &mut Output,
    ) -> Result<(), FlowError> {
        let indexes = self.indexes(record.partition)?;
        out.dead_letters.push(DeadLetter::of(record, refusal));
        self.shared.clear();
        self.push(indexes, (record.offset, record.timestamp_ms, 0), out)
    }

    /// Takes in a record that is too large to be read.
    ///
    /// # Errors
    /// As [`Flow::record`].
    pub fn oversize(&mut self, record: &OversizeRecord<'_>, out: &mut Output) -> Result<(), FlowError> {
        let indexes = self.indexes(record.partition)?;
        out.dead_letters.push(DeadLetter::oversize(record));
        self.shared.clear();
        self.push(indexes, (record.offset, record.timestamp_ms, 0), out)
    }

    /// Takes up a partition of one lane where it was left.
    pub(crate) fn resume_partition(
        &mut self,
        lane: usize,
        point: &ResumePoint,
        floors: impl IntoIterator<Item = Floor>,
    ) {
        let source =
            self.sources.iter().find(|(decoder, _)| decoder.settings().source == point.partition.source);
        // A source that is no longer configured delivers nothing, but its position is kept.
        let times = source.map_or_else(SourceTimes::default, |(_, times)| *times);
        let at = self.lanes[lane].partition(&point.partition, times);
        self.lanes[lane].order.resume(at, point, floors);
        if source.is_none() {
            self.lanes[lane].order.mark_ended(at);
        }
    }

    /// The partition has nothing more for now.
    ///
    /// # Errors
    /// [`FlowError::UnknownSource`] if its source is not configured.
    pub fn idle(
        &mut self,
        id: &Arc<PartitionId>,
        next: NextOffset,
        out: &mut Output,
    ) -> Result<(), FlowError> {
        let indexes = self.indexes(id)?;
        for (lane, at) in self.lanes.iter_mut().zip(indexes.lanes) {
            lane.order.mark_idle(at);
            out.controls.push((lane.lane, Control::Idle(Arc::clone(id), next)));
        }
        Ok(())
    }

    /// The partition has ended, or belongs to somebody else.
    ///
    /// # Errors
    /// [`FlowError::UnknownSource`] if its source is not configured.
    pub fn ended(&mut self, id: &Arc<PartitionId>) -> Result<(), FlowError> {
        let indexes = self.indexes(id)?;
        for (lane, at) in self.lanes.iter_mut().zip(indexes.lanes) {
            lane.order.mark_ended(at);
        }
        Ok(())
    }

    /// A control record of a recording takes effect at its offset.
    ///
    /// # Errors
    /// [`FlowError::UnknownSource`] if its source is not configured.
    pub fn replay_control(&mut self, control: &ControlRecord) -> Result<(), FlowError> {
        let indexes = self.indexes(&control.partition)?;
        let Some(floor) = control.body.get("floor").and_then(serde_json::Value::as_i64) else {
            return Ok(());
        };
        for (lane, at) in self.lanes.iter_mut().zip(indexes.lanes) {
            if lane.lane.as_str() == &*control.lane {
                let partition = Arc::clone(&control.partition);
                let floor = EventTime::from_nanos(floor);
                lane.order.replay_floors(at, [Floor { partition, offset: control.offset.0, floor }]);
            }
        }
        Ok(())
    }

    /// Shows the engines what is due.
    ///
    /// # Errors
    /// [`FlowError::Order`] when a spilled queue cannot be read back.
    pub fn advance(&mut self, out: &mut Output) -> Result<(), FlowError> {
        for lane in &mut self.lanes {
            let name = lane.lane;
            lane.advance(self.batch, self.threads, out)
                .map_err(|source| FlowError::Order { lane: name, source })?;
        }
        Ok(())
    }

    /// Judges the windows that are still open: no more of the log will come.
    pub fn flush(&mut self, out: &mut Output) {
        for lane in &mut self.lanes {
            lane.flush(self.threads, out);
        }
    }

    /// What each lane has released: no finding with an earlier time will come.
    #[must_use]
    pub fn watermark(&self) -> EventTime {
        self.lanes.iter().map(|lane| lane.order.watermark()).min().unwrap_or(EventTime::MIN)
    }

    /// The partition that the slower lane waits for.
    #[must_use]
    pub fn waiting_for(&self) -> Option<Arc<PartitionId>> {
        let slowest = self.lanes.iter().min_by_key(|lane| lane.order.watermark())?;
        slowest.order.waiting_for().map(|(id, _)| Arc::clone(id))
    }

    /// The decoders, with what they have seen.
    pub fn decoders(&self) -> impl Iterator<Item = &Decoder> {
        self.sources.iter().map(|(decoder, _)| decoder)
    }

    fn push(
        &mut self,
        indexes: Indexes,
        record: (i64, Option<i64>, usize),
        out: &mut Output,
    ) -> Result<(), FlowError> {
        for (lane, at) in self.lanes.iter_mut().zip(indexes.lanes) {
            let name = lane.lane;
            let floor = lane
                .push(at, record, &self.shared)
                .map_err(|source| FlowError::Order { lane: name, source })?;
            out.controls.extend(floor.map(|floor| (name, Control::Back(floor))));
        }
        Ok(())
    }

    fn indexes(&mut self, id: &Arc<PartitionId>) -> Result<Indexes, FlowError> {
        if let Some((last, indexes)) = &self.last
            && Arc::ptr_eq(last, id)
        {
            return Ok(*indexes);
        }
        let indexes = match self.partitions.get(id) {
            Some(indexes) => *indexes,
            None => self.add(id)?,
        };
        self.last = Some((Arc::clone(id), indexes));
        Ok(indexes)
    }

    fn add(&mut self, id: &Arc<PartitionId>) -> Result<Indexes, FlowError> {
        let source = self
            .sources
            .iter()
            .position(|(decoder, _)| decoder.settings().source == id.source)
            .ok_or_else(|| FlowError::UnknownSource(Arc::clone(&id.source)))?;
        let times = self.sources[source].1;
        let [change, access] = &mut self.lanes;
        let indexes = Indexes { lanes: [change.partition(id, times), access.partition(id, times)], source };
        self.partitions.insert(Arc::clone(id), indexes);
        Ok(indexes)
    }
}
