//! The engine of one lane: a function of (settings, ordered log), and of nothing else.
//!
//! Stage 0 drops events that were seen before and joins signatures to artifacts by digest; stage 1 shows each event
//! to the shards of its keys, where the detectors live; stage 2 calibrates, decides and makes findings. The number
//! of shards is fixed, so threads change nothing; stage 2 takes what the shards say in the order of the log, so
//! batches change nothing; what stage 2 learns in an hour of event time reaches the shards with the next, so shards
//! never wait for it.
//!
//! ```
//! use detectors::engine::{Engine, Lane, Serial};
//! use detectors::event::EventTime;
//! use detectors::settings::EngineSettings;
//!
//! let mut engine = Engine::new(Lane::Change, &EngineSettings::default());
//! let findings = engine.step(&[], EventTime::from_secs(1_778_526_000), &Serial);
//! assert!(findings.is_empty());
//! ```

mod artifact_changes;
mod assignment;
mod decision;
mod intake;
mod principals;
mod save;
mod shard;
#[cfg(test)]
mod stories;
#[cfg(test)]
mod tests;

pub use intake::IntakeCounters;
pub use save::{LoadError, STATE_FORMAT, Saved, SavedKind, SavedPart};
pub use shard::Shard;

use serde::{Deserialize, Serialize};

use crate::detector::Priors;
use crate::event::{EventTime, Ordered, Span};
use crate::finding::{DetectorId, Family, Finding};
use crate::settings::EngineSettings;
use decision::Decisions;
use intake::{Intake, Passed};

/// Shards of a lane. Fixed: it is part of how state is laid out, not of how many threads there are.
pub const SHARDS: usize = 16;
/// What stage 2 learns reaches the shards at multiples of this.
const HOUR: Span = Span::hours(1);

/// One ordered log with its own watermark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Lane {
    /// All but access events.
    Change,
    /// All events.
    Access,
}

impl Lane {
    /// Both lanes.
    pub const ALL: [Self; 2] = [Self::Change, Self::Access];

    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Change => "change",
            Self::Access => "access",
        }
    }

    /// The lane that a detector lives in.
    #[must_use]
    pub const fn of(detector: DetectorId) -> Self {
        match detector {
            _ if matches!(detector.family(), Family::Downloads | Family::Access) => Self::Access,
            _ => Self::Change,
        }
    }
}

/// Runs a piece of work over all shards, in whatever order and on whatever threads: they share nothing.
pub trait ShardRunner {
    /// Runs `work` once for each shard.
    fn run(&self, shards: &mut [Shard], work: &(dyn Fn(&mut Shard) + Sync));
}

/// Runs the shards one after the other.
#[derive(Debug, Clone, Copy)]
pub struct Serial;

impl ShardRunner for Serial {
    fn run(&self, shards: &mut [Shard], work: &(dyn Fn(&mut Shard) + Sync)) {
        for shard in shards {
            work(shard);
        }
    }
}

/// The engine of one lane.
#[derive(Debug)]
pub struct Engine {
    lane: Lane,
    intake: Intake,
    /// Of the run that is being observed; kept for its memory.
    passed: Passed,
    shards: Vec<Shard>,
    decisions: Decisions,
    /// Windows that end at or before it are closed.
    closed: EventTime,
    ledger: save::SaveLedger,
}

/// What a lane's detectors know so far, for the page that says who is blind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Knowledge {
    /// Artifacts held.
    pub artifacts: u64,
    /// Of these, how many have passed the warm-up of `download-volume` (access lane).
    pub artifacts_warm: u64,
    /// Principals held.
    pub principals: u64,
    /// Of these, how many have passed the warm-up of `download-breadth` (access lane).
    pub principals_warm: u64,
    /// Keys in the protected pool.
    pub protected: u64,
    /// Keys evicted so far.
    pub evicted: u64,
}

impl Engine {
    /// An engine that has seen nothing.
    #[must_use]
    pub fn new(lane: Lane, settings: &EngineSettings) -> Self {
        Self {
            lane,
            intake: Intake::new(settings.seed),
            passed: Passed::default(),
            shards: (0..SHARDS).map(|_| Shard::new(lane, settings, settings.hot_keys / SHARDS)).collect(),
            decisions: Decisions::new(settings.clone()),
            closed: EventTime::MIN,
            ledger: save::SaveLedger::default(),
        }
    }

    /// Which lane it serves.
    #[must_use]
    pub const fn lane(&self) -> Lane {
        self.lane
    }

    /// Takes in a run of the lane's log and then moves time to `watermark`: every later event's order time must be
    /// at or after it. Returns the findings in the order in which they become known.
    ///
    /// However a log is cut into steps, the findings are the same; `step(&[], a)` then `step(&[], b)` is
    /// `step(&[], b)`.
    pub fn step(
        &mut self,
        events: &[Ordered],
        watermark: EventTime,
        runner: &dyn ShardRunner,
    ) -> Vec<Finding> {
        let mut findings = Vec::new();
        let mut rest = events;
        while let Some(first) = rest.first() {
            self.close_until(first.order, runner, &mut findings);
            let next_hour = first.order.floor_to(HOUR).plus(HOUR);
            let count = rest.iter().take_while(|event| event.order < next_hour).count();
            let (now, later) = rest.split_at(count.max(1));
            self.observe(now, runner, &mut findings);
            rest = later;
        }
        if watermark > EventTime::MIN {
            self.close_until(watermark, runner, &mut findings);
        }
        findings
    }

    /// Judges the windows that are still open: the end of a replay. `now` is the lane's last watermark. The engine
    /// is not to be stepped on after it.
    pub fn flush(&mut self, now: EventTime, runner: &dyn ShardRunner) -> Vec<Finding> {
        let mut findings = Vec::new();
        let priors = self.decisions.priors();
        runner.run(&mut self.shards, &|shard| shard.flush(now, &priors));
        self.decide(&mut findings);
        findings
    }

    /// What it counted on the way in.
    #[must_use]
    pub const fn counters(&self) -> &IntakeCounters {
        self.intake.counters()
    }

    /// Keys whose state changed since it was last saved.
    #[must_use]
    pub fn changed_keys(&self) -> usize {
        self.shards.iter().map(Shard::changed_keys).sum()
    }

    /// What its detectors know so far.
    #[must_use]
    pub fn knowledge(&self) -> Knowledge {
        let mut sum = Knowledge::default();
        for shard in &self.shards {
            shard.add_knowledge(&mut sum);
        }
        sum
    }

    fn observe(&mut self, events: &[Ordered], runner: &dyn ShardRunner, findings: &mut Vec<Finding>) {
        let seed = self.decisions.settings().seed;
        self.intake.take(events, &mut self.passed);
        let passed = &self.passed;
        for at in passed.places() {
            assignment::assign(self.lane, seed, at, &passed.event(events, at).event, &mut self.shards);
        }
        let priors = self.decisions.priors();
        runner.run(&mut self.shards, &|shard| shard.observe(&|at| passed.event(events, at), &priors));
        self.decide(findings);
    }

    /// Closes, hour by hour, the windows that end at or before `until`.
    fn close_until(&mut self, until: EventTime, runner: &dyn ShardRunner, findings: &mut Vec<Finding>) {
        let target = until.floor_to(HOUR);
        if self.closed == EventTime::MIN {
            self.closed = target;
        }
        while self.closed < target {
            // Nothing open: nothing happens until the target, and it may be years away.
            let next = self.shards.iter().filter_map(Shard::first_window_end).min().unwrap_or(target);
            // What the hour taught takes effect with its end, however far the next thing is away.
            let next = if self.decisions.has_pending() { self.closed } else { next };
            let boundary = next.max(self.closed.plus(HOUR)).min(target);
            let priors = self.decisions.priors();
            runner.run(&mut self.shards, &|shard| shard.close(boundary, &priors));
            self.decide(findings);
            self.decisions.end_hour(boundary);
            self.closed = boundary;
        }
    }

    fn decide(&mut self, findings: &mut Vec<Finding>) {
        let outputs = self.shards.iter_mut().map(Shard::take_scores).collect();
        self.decisions.decide(outputs, findings);
    }
}

/// What `priors` is shared as.
pub(crate) type SharedPriors = std::sync::Arc<Priors>;
