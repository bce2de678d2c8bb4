//! Learn and run: a source's records through the flow, with commits to the database.
//!
//! The calling thread polls, decodes, orders and detects; a second one commits. Findings are committed every half
//! second, and at once when a loud one waits; state every thirty seconds, or when enough of it changed. The bounded
//! channel between them is the back-pressure: a database that cannot keep up stops the reading, and loses nothing.

mod idle;
mod watcher;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use detectors::event::{NextOffset, PartitionId};
use detectors::finding::Severity;
use ingest::source::{Item, Polled, Source, SourceError};
use store::{ControlRecord, RunId, Store, StoreError};
use thiserror::Error;

use crate::WallClock;
use crate::commit::{Committer, Job, Stored};
use crate::flow::{Flow, FlowError, FlowSettings, Output, SourceRules};
use crate::heartbeat::{Beat, Rhythm};
use crate::resume::{self, ResumeError};
use crate::status::PartitionState;
use idle::Idleness;
pub use watcher::{LiveReport, LiveWatcher};

/// Findings wait at most this long for their commit.
pub const COMMIT_EVERY: Duration = Duration::from_millis(500);
/// State is saved at least this often.
pub const SAVE_EVERY: Duration = Duration::from_secs(30);
/// State is saved when so many keys changed: some 64 MiB of rows.
pub const SAVE_AFTER_KEYS: usize = 150_000;
/// How long the lanes wait at the start until every source has its partitions.
pub const TOGETHER_WITHIN: Duration = Duration::from_secs(30);
/// Records that are asked for at once.
const RECORDS_AT_ONCE: usize = 2_000;
/// How long a poll waits for the first record.
const POLL: Duration = Duration::from_millis(50);
/// Commits that may wait for the database.
const JOBS_WAITING: usize = 4;

/// How a live run goes.
#[derive(Debug, Clone)]
pub struct LiveSettings {
    /// The flow.
    pub flow: FlowSettings,
    /// In which world.
    pub run: RunId,
    /// How long a partition that has been read to its end holds the others back.
    pub idle_timeout: Duration,
    /// Whether findings are stored and told, or only learned from.
    pub telling: Telling,
    /// When it ends.
    pub until: Until,
    /// How often a heartbeat is made, if at all; the first one at the start.
    pub heartbeat: Option<Duration>,
    /// Sources that are waited for at the start, at most [`TOGETHER_WITHIN`]: what is released before a source has
    /// its partitions would lift their older records. Empty where the source announces all it has at once.
    pub together: Vec<Arc<str>>,
}

/// Whether findings are stored and told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Telling {
    /// They are.
    On,
    /// History: the engines learn from it, nobody is told, nothing is stored but their state.
    Off,
}

/// When a live run ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// When it is told to.
    Stopped,
    /// When every partition has been read to the end of what there is, or has ended.
    CaughtUp,
}

/// Why a live run ended before its time.
#[derive(Debug, Error)]
pub enum LiveError {
    /// The saved state cannot be taken up.
    #[error("cannot go on from the saved state")]
    Resume(#[from] ResumeError),
    /// The database refuses.
    #[error("cannot store what was found")]
    Store(#[from] StoreError),
    /// The source cannot go on.
    #[error("cannot read the logs")]
    Source(#[from] SourceError),
    /// The flow cannot go on.
    #[error("cannot process the logs")]
    Flow(#[from] FlowError),
    /// The committing thread died.
    #[error("cannot store what was found: the committing thread is gone")]
    CommitterGone,
}

/// A flow that has taken up its saved state and can begin.
pub struct Live {
    flow: Flow,
    settings: LiveSettings,
    starts: BTreeMap<Arc<PartitionId>, NextOffset>,
    controls: [u64; 2],
}

impl Live {
    /// Takes up what the database holds of this run.
    ///
    /// # Errors
    /// [`LiveError::Resume`] when it cannot be used.
    pub fn resume(store: &Store, rules: &[SourceRules], settings: LiveSettings) -> Result<Self, LiveError> {
        let mut flow = Flow::new(&settings.flow, rules);
        let starts = resume::load(&mut flow, store.reader(), &settings.run)?;
        let mut controls = [0; 2];
        for (next, lane) in controls.iter_mut().zip(&flow.lanes) {
            let stored = store.reader().controls(&settings.run, &resume::lane_id(lane), 0)?;
            *next = stored.last().map_or(0, |last| last.sequence + 1);
        }
        Ok(Self { flow, settings, starts, controls })
    }

    /// From where each known partition is to be read; others start where the configuration says.
    #[must_use]
    pub const fn starts(&self) -> &BTreeMap<Arc<PartitionId>, NextOffset> {
        &self.starts
    }

    /// Whether the database held state of this run.
    #[must_use]
    pub fn has_state(&self) -> bool {
        self.flow.lanes.iter().any(|lane| lane.counters.segments > 0)
    }

    /// Reads, detects and commits until it is stopped or caught up; what was found is on disk when it returns.
    ///
    /// # Errors
    /// [`LiveError`] naming what could not go on. What was committed before stays.
    pub fn drive(
        self,
        source: &mut dyn Source,
        store: &Store,
        clock: &dyn WallClock,
        stop: &AtomicBool,
        watcher: &dyn LiveWatcher,
    ) -> Result<LiveReport, LiveError> {
        let run = self.settings.run.clone();
        let on_stored = |stored: &Stored<'_>| watcher.stored(stored);
        let on_trouble = |error: &StoreError| watcher.trouble(&error.to_string());
        let committer = Committer::new(store, &run, clock, &on_stored, &on_trouble)?;
        std::thread::scope(|scope| {
            let (jobs, waiting) = bounded(JOBS_WAITING);
            let (end, ended) = bounded::<()>(0);
            let (tell_saved, saved) = unbounded();
            let committing = scope.spawn(move || committer.run(&waiting, &ended, &tell_saved));
            let driven = Driver::new(self, clock, watcher).drive(source, stop, &jobs, &saved);
            drop(jobs);
            // A full disk is waited for only while the flow still wants to go on.
            drop(end);
            let committed = committing.join().map_err(|_| LiveError::CommitterGone)?;
            match (driven, committed) {
                (_, Err(error)) => Err(error.into()),
                (driven, Ok(())) => driven,
            }
        })
    }
}

struct Driver<'a> {
    live: Live,
    clock: &'a dyn WallClock,
    watcher: &'a dyn LiveWatcher,
    idleness: Idleness,
    partitions: BTreeMap<Arc<PartitionId>, (PartitionState, i64)>,
    trouble: BTreeMap<Arc<str>, String>,
    out: Output,
    report: LiveReport,
    started_at: i64,
    committed_at: i64,
    saved_at: i64,
    rhythm: Rhythm,
}

impl<'a> Driver<'a> {
    fn new(live: Live, clock: &'a dyn WallClock, watcher: &'a dyn LiveWatcher) -> Self {
        let now = clock.monotonic_nanos();
        let rhythm = Rhythm::new(live.settings.heartbeat);
        Self {
            live,
            clock,
            watcher,
            idleness: Idleness::default(),
            partitions: BTreeMap::new(),
            trouble: BTreeMap::new(),
            out: Output::default(),
            report: LiveReport::default(),
            started_at: now,
            committed_at: now,
            saved_at: now,
            rhythm,
        }
    }

    fn drive(
        mut self,
        source: &mut dyn Source,
        stop: &AtomicBool,
        jobs: &Sender<Job>,
        saved: &Receiver<Vec<(PartitionId, NextOffset)>>,
    ) -> Result<LiveReport, LiveError> {
        loop {
            let now = self.clock.monotonic_nanos();
            let mut failed = None;
            let polled = source.poll(RECORDS_AT_ONCE, POLL, &mut |item| {
                if failed.is_none() {
                    failed = self.take(item, now).err();
                }
            })?;
            if let Some(error) = failed {
                return Err(error.into());
            }
            for (id, next) in self.idleness.due(now, self.live.settings.idle_timeout) {
                self.live.flow.idle(&id, next, &mut self.out)?;
                self.partitions.insert(id, (PartitionState::Idle, next.0));
            }
            if self.all_came(now) {
                self.live.flow.advance(&mut self.out)?;
            }
            if let Some(waiting) = self.live.flow.waiting_for() {
                source.prefer(&waiting);
            }
            self.watcher.progress(self.report.records);
            while let Ok(positions) = saved.try_recv() {
                source.saved(&positions)?;
            }
            let over = polled == Polled::Ended || stop.load(Ordering::Relaxed) || self.is_caught_up();
            let saves = over || self.save_is_due(now);
            if saves || self.commit_is_due(now) {
                self.send(jobs, now, saves)?;
                source.committed(&self.positions());
            }
            if over {
                return Ok(self.report);
            }
        }
    }

    /// Whether every source that is waited for has its partitions, or it was waited long enough.
    fn all_came(&mut self, now: i64) -> bool {
        let partitions = &self.partitions;
        self.live.settings.together.retain(|source| !partitions.keys().any(|id| id.source == *source));
        if now - self.started_at >= nanos(TOGETHER_WITHIN) {
            self.live.settings.together.clear();
        }
        self.live.settings.together.is_empty()
    }

    /// What was read up to, for the lag that the brokers show; nothing else depends on it.
    fn positions(&self) -> Vec<(Arc<PartitionId>, NextOffset)> {
        self.partitions.iter().map(|(id, (_, next))| (Arc::clone(id), NextOffset(*next))).collect()
    }

    fn take(&mut self, item: Item<'_>, now: i64) -> Result<(), FlowError> {
        match item {
            Item::Record(record) => {
                self.report.records += 1;
                self.idleness.delivered(record.partition);
                if !self.trouble.is_empty() {
                    self.trouble.remove(&record.partition.source);
                }
                self.live.flow.record(&record, &mut self.out)
            }
            Item::Oversize(record) => {
                self.report.records += 1;
                self.idleness.delivered(record.partition);
                self.live.flow.oversize(&record, &mut self.out)
            }
            Item::Refused(record, refusal) => {
                self.report.records += 1;
                self.idleness.delivered(record.partition);
                self.live.flow.refused(&record, &refusal, &mut self.out)
            }
            Item::Control(control) => self.live.flow.replay_control(&control),
            Item::Assigned(id, next) => {
                self.partitions.insert(Arc::clone(&id), (PartitionState::Reading, next.0));
                self.live.flow.assign(&id)
            }
            Item::EndOfPartition(id, next) => {
                self.partitions.insert(Arc::clone(&id), (PartitionState::CaughtUp, next.0));
                self.idleness.caught_up(id, next, now);
                Ok(())
            }
            Item::Ended(id, next) => {
                self.partitions.insert(Arc::clone(&id), (PartitionState::Ended, next.0));
                self.live.flow.ended(&id)
            }
            Item::Revoked(id) | Item::Lost(id) => {
                self.partitions.remove(&id);
                self.idleness.delivered(&id);
                self.live.flow.ended(&id)
            }
            Item::DataLost(loss) => {
                self.watcher.trouble(&format!("data lost on {}: {}", loss.partition, loss.reason));
                let state = PartitionState::DataLost {
                    wanted: loss.wanted.0,
                    oldest: loss.oldest.map(|oldest| oldest.0),
                    reason: loss.reason,
                };
                self.partitions.insert(loss.partition, (state, loss.wanted.0));
                Ok(())
            }
            Item::Trouble(trouble) => {
                self.watcher.trouble(&trouble.text);
                for decoder in self.live.flow.decoders() {
                    self.trouble.insert(Arc::clone(&decoder.settings().source), trouble.text.clone());
                }
                Ok(())
            }
        }
    }

    /// Whether every assigned partition has been read to its end and holds nobody back.
    fn is_caught_up(&self) -> bool {
        self.live.settings.until == Until::CaughtUp
            && self.live.settings.together.is_empty()
            && !self.partitions.is_empty()
            && self
                .partitions
                .values()
                .all(|(state, _)| !matches!(state, PartitionState::Reading | PartitionState::CaughtUp))
    }

    fn commit_is_due(&self, now: i64) -> bool {
        let loud = self.out.findings.iter().any(|emitted| emitted.finding.severity >= Severity::High);
        (loud && self.live.settings.telling == Telling::On) || now - self.committed_at >= nanos(COMMIT_EVERY)
    }

    fn save_is_due(&self, now: i64) -> bool {
        let changed: usize = self.live.flow.lanes.iter().map(|lane| lane.engine.changed_keys()).sum();
        now - self.saved_at >= nanos(SAVE_EVERY) || changed >= SAVE_AFTER_KEYS
    }

    fn send(&mut self, jobs: &Sender<Job>, now: i64, saves: bool) -> Result<(), LiveError> {
        let status = crate::status::all(&self.live.flow, saves, &self.trouble, &self.partitions);
        let mut job = Job { status, ..Job::default() };
        let out = std::mem::take(&mut self.out);
        self.report.findings += out.findings.len() as u64;
        self.report.dead_letters += out.dead_letters.len() as u64;
        job.dead_letters = out.dead_letters;
        for (lane, control) in &out.controls {
            job.controls.push(self.control(*lane, control));
        }
        if self.live.settings.telling == Telling::On {
            job.findings = out.findings;
        }
        job.beat = self.beat(now);
        if saves {
            job.saves = self.live.flow.lanes.iter_mut().map(resume::save).collect();
            self.saved_at = now;
        }
        self.committed_at = now;
        jobs.send(job).map_err(|_| LiveError::CommitterGone)
    }

    /// A heartbeat, when it is time for one and there is a log that is read.
    fn beat(&mut self, now: i64) -> Option<Beat> {
        let reads = !self.partitions.is_empty() && self.live.settings.together.is_empty();
        if !reads || self.live.settings.telling == Telling::Off || !self.rhythm.comes(now) {
            return None;
        }
        let beat = Beat::at(self.clock.now_nanos());
        beat.inspect_err(|error| self.watcher.trouble(&format!("no heartbeat: {error}"))).ok()
    }

    fn control(&mut self, lane: detectors::engine::Lane, control: &crate::flow::Control) -> ControlRecord {
        let at = usize::from(lane == detectors::engine::Lane::Access);
        let flow = &self.live.flow.lanes[at];
        let sequence = self.live.controls[at];
        self.live.controls[at] += 1;
        resume::control_record(resume::lane_id(flow), sequence, control, flow.order.watermark())
    }
}

fn nanos(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}
