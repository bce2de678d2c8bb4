//! The three sides of the comparison, each a process of its own that drains the whole topic once.

use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use detectors::settings::EngineSettings;
use ingest::decode::{DecoderSettings, Format};
use ingest::kafka::{KafkaSource, KafkaSourceSettings, StartPolicy};
use pipeline::WallClock;
use pipeline::commit::Stored;
use pipeline::flow::{FlowSettings, SourceRules, SourceTimes};
use pipeline::live::{Live, LiveSettings, LiveWatcher, Telling, Until};
use serde::{Deserialize, Serialize};
use store::{RunId, Store};
use transport::kafka::{KafkaConsumer, KafkaSettings, Member, Polled, StartAt};
use transport::{Clock, SystemClock};

use crate::{Failure, meter, parse};

/// The command that makes this program one side.
pub(crate) const COMMAND: &str = "side";
/// What the source is called in the whole pipeline.
const SOURCE: &str = "access";
/// How long one side may wait for its next record.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long a partition that was read to its end waits before the whole pipeline takes it for idle.
const IDLE: Duration = Duration::from_millis(100);

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// Take every record from the broker.
    Consume,
    /// And read it into a typed struct.
    Parse,
    /// And decode, order, detect, find and commit: what `sealwatch run` does.
    Pipeline,
}

/// What one side used and saw.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(crate) struct Outcome {
    /// Records taken.
    pub(crate) records: u64,
    /// Records that could not be read.
    pub(crate) unreadable: u64,
    /// Findings that were stored.
    pub(crate) findings: u64,
    /// Processor seconds of the process.
    pub(crate) cpu_seconds: f64,
    /// Seconds from the first record to the end.
    pub(crate) wall_seconds: f64,
    /// The most memory it had, in KiB.
    pub(crate) peak_kib: u64,
}

impl Side {
    pub(crate) const ALL: [Self; 3] = [Self::Consume, Self::Parse, Self::Pipeline];

    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Consume => "consume",
            Self::Parse => "consume + typed parse",
            Self::Pipeline => "whole pipeline",
        }
    }

    /// Runs this side as a process of its own.
    pub(crate) fn measure(self, bootstrap: &str, topic: &str) -> Result<Outcome, Failure> {
        let program = std::env::current_exe()?;
        let output = Command::new(program).args([COMMAND, self.word(), bootstrap, topic]).output()?;
        if !output.status.success() {
            let told = String::from_utf8_lossy(&output.stderr).into_owned();
            return Err(format!("the side `{}` ended with {}: {told}", self.word(), output.status).into());
        }
        Ok(serde_json::from_slice(&output.stdout)?)
    }
}

/// Is one side, in its own process.
pub(crate) fn run(word: &str, bootstrap: &str, topic: &str) -> Result<Outcome, Failure> {
    let side = Side::ALL.into_iter().find(|side| side.word() == word).ok_or("no side has this name")?;
    let before = meter::cpu(std::process::id());
    let mut outcome = match side {
        Side::Consume => drain(bootstrap, topic, |_| true)?,
        Side::Parse => drain(bootstrap, topic, parse::parse)?,
        Side::Pipeline => whole_pipeline(bootstrap, topic)?,
    };
    outcome.cpu_seconds = (meter::cpu(std::process::id()) - before).as_secs_f64();
    outcome.peak_kib = meter::own_peak_kib();
    Ok(outcome)
}

/// Takes all records; `read` says whether one could be read.
fn drain(bootstrap: &str, topic: &str, read: impl Fn(&[u8]) -> bool) -> Result<Outcome, Failure> {
    let member = Member { bootstrap, group: "bench-drain", client_id: "bench" };
    let consumer = KafkaConsumer::new(&KafkaSettings::default(), member)?;
    let partitions = consumer.partitions(topic)?;
    let mut unfinished = partitions.len();
    let starts: Vec<_> = partitions.into_iter().map(|partition| (partition, StartAt::Beginning)).collect();
    consumer.assign(&starts)?;
    let mut outcome = Outcome::default();
    let mut first = None;
    while unfinished > 0 {
        match consumer.poll(PATIENCE) {
            Polled::Record(record) => {
                first.get_or_insert_with(Instant::now);
                outcome.records += 1;
                outcome.unreadable += u64::from(!read(record.payload().unwrap_or_default()));
            }
            Polled::PartitionEof { .. } => unfinished -= 1,
            Polled::Idle => return Err(format!("no record came for {PATIENCE:?}").into()),
            Polled::Trouble { .. } => {}
            other => return Err(format!("cannot drain the topic: {other:?}").into()),
        }
    }
    outcome.wall_seconds = first.map_or(0.0, |first| first.elapsed().as_secs_f64());
    Ok(outcome)
}

/// What `sealwatch run` does with one source, from an empty database until it has caught up.
fn whole_pipeline(bootstrap: &str, topic: &str) -> Result<Outcome, Failure> {
    let folder = tempfile::tempdir()?;
    let store = Store::open(&folder.path().join("sealwatch.db"))?;
    let rules = [SourceRules {
        decoder: DecoderSettings::new(SOURCE, Format::Native),
        times: SourceTimes::default(),
    }];
    let settings = LiveSettings {
        heartbeat: None,
        flow: FlowSettings::new(EngineSettings::default()),
        run: RunId::Live,
        idle_timeout: IDLE,
        telling: Telling::On,
        until: Until::CaughtUp,
        together: vec![SOURCE.into()],
    };
    let live = Live::resume(&store, &rules, settings)?;
    let kafka = KafkaSourceSettings {
        source: SOURCE.to_owned(),
        topics: vec![topic.to_owned()],
        bootstrap: bootstrap.to_owned(),
        // A group of its own, or the one before it would still be a member.
        group: format!("bench-{}", std::process::id()),
        client_id: "bench".to_owned(),
        client: KafkaSettings::default(),
        start: StartPolicy::Beginning,
    };
    let mut source = KafkaSource::join(kafka, Box::new(live.starts().clone()))?;
    let watcher = Watcher::default();
    let clock = BenchClock(SystemClock::new());
    let report = live.drive(&mut source, &store, &clock, &AtomicBool::new(false), &watcher)?;
    let wall_seconds = watcher.first.get().map_or(0.0, |first| first.elapsed().as_secs_f64());
    check_database(folder.path())?;
    Ok(Outcome {
        records: report.records,
        unreadable: report.dead_letters,
        findings: watcher.findings.load(Ordering::Relaxed),
        wall_seconds,
        ..Outcome::default()
    })
}

/// What was committed is there: a pipeline that stored nothing would be fast.
fn check_database(folder: &Path) -> Result<(), Failure> {
    let size = std::fs::metadata(folder.join("sealwatch.db"))?.len();
    if size == 0 { Err("nothing was committed".into()) } else { Ok(()) }
}

struct BenchClock(SystemClock);

impl WallClock for BenchClock {
    fn now_nanos(&self) -> i64 {
        self.0.unix_nanos()
    }
    fn monotonic_nanos(&self) -> i64 {
        i64::try_from(self.0.monotonic().as_nanos()).unwrap_or(i64::MAX)
    }
}

#[derive(Default)]
struct Watcher {
    first: OnceLock<Instant>,
    findings: AtomicU64,
}

impl LiveWatcher for Watcher {
    fn stored(&self, stored: &Stored<'_>) {
        self.findings.fetch_add(stored.findings.len() as u64, Ordering::Relaxed);
    }

    fn trouble(&self, _text: &str) {}

    fn progress(&self, records: u64) {
        if records > 0 {
            self.first.get_or_init(Instant::now);
        }
    }
}
