//! Laws of the whole way: replay equals live, whatever the race, the batches, the threads and the crashes.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use detectors::event::{NextOffset, PartitionId};
use detectors::finding::Finding;
use detectors::settings::EngineSettings;
use ingest::dead_letter::DeadLetter;
use ingest::decode::{DecoderSettings, Format};
use ingest::source::{Item, Polled, RawRecord, Source, SourceError};
use proptest::prelude::*;
use store::{FindingFilter, RunId, Store};

use crate::commit::Stored;
use crate::flow::{FlowSettings, SourceRules, SourceTimes};
use crate::live::{Live, LiveError, LiveSettings, LiveWatcher, Telling, Until};
use crate::replay::{ReplaySink, replay};
use crate::{Threads, WallClock};

/// A clock that moves by 100 ms a look: commits, idle marks and saves happen without waiting.
#[derive(Default)]
struct Ticking(AtomicI64);

impl WallClock for Ticking {
    fn now_nanos(&self) -> i64 {
        1_778_526_000_000_000_000 + self.0.fetch_add(100_000_000, Ordering::Relaxed)
    }
    fn monotonic_nanos(&self) -> i64 {
        self.now_nanos()
    }
}

/// Records of partitions in a drawn order of delivery; fails after so many polls, as a killed process would.
struct Race {
    partitions: Vec<(Arc<PartitionId>, Vec<String>)>,
    next: Vec<usize>,
    turns: Vec<u8>,
    turn: usize,
    dies_after: Option<usize>,
    polls: usize,
    assigned: bool,
}

impl Race {
    fn new(logs: &[Vec<String>], turns: &[u8], starts: &BTreeMap<Arc<PartitionId>, NextOffset>) -> Self {
        let partitions: Vec<_> = logs.iter().enumerate().map(|(at, log)| (id(at), log.clone())).collect();
        let next = partitions
            .iter()
            .map(|(id, _)| starts.get(id).map_or(0, |next| usize::try_from(next.0).unwrap()))
            .collect();
        let turns = turns.to_vec();
        Self { partitions, next, turns, turn: 0, dies_after: None, polls: 0, assigned: false }
    }
}

impl Source for Race {
    fn poll(
        &mut self,
        _: usize,
        _: Duration,
        visit: &mut dyn FnMut(Item<'_>),
    ) -> Result<Polled, SourceError> {
        if !std::mem::replace(&mut self.assigned, true) {
            for ((id, _), next) in self.partitions.iter().zip(&self.next) {
                visit(Item::Assigned(Arc::clone(id), NextOffset(i64::try_from(*next).unwrap())));
            }
        }
        self.polls += 1;
        if self.dies_after.is_some_and(|polls| self.polls > polls) {
            return Err(SourceError::KafkaFatal { restarts: 0, reason: "killed".to_owned() });
        }
        let turn = usize::from(self.turns.get(self.turn % self.turns.len().max(1)).copied().unwrap_or(0));
        self.turn += 1;
        let left: Vec<usize> =
            (0..self.partitions.len()).filter(|at| self.next[*at] < self.partitions[*at].1.len()).collect();
        let at = if left.is_empty() { 0 } else { left[turn % left.len()] };
        let (id, log) = &self.partitions[at];
        for _ in 0..=turn / 4 {
            let Some(line) = log.get(self.next[at]) else { break };
            let offset = i64::try_from(self.next[at]).unwrap();
            visit(Item::Record(RawRecord::line(id, offset, line.as_bytes())));
            self.next[at] += 1;
        }
        for ((id, log), next) in self.partitions.iter().zip(&self.next) {
            if *next >= log.len() {
                visit(Item::EndOfPartition(Arc::clone(id), NextOffset(i64::try_from(*next).unwrap())));
            }
        }
        Ok(Polled::Some)
    }

    fn prefer(&mut self, _: &PartitionId) {}
}

/// The same records as files would give them.
struct Files(Race);

impl Source for Files {
    fn poll(
        &mut self,
        max: usize,
        wait: Duration,
        visit: &mut dyn FnMut(Item<'_>),
    ) -> Result<Polled, SourceError> {
        let mut ended = Vec::new();
        self.0.poll(max, wait, &mut |item| match item {
            Item::EndOfPartition(id, next) => ended.push((id, next)),
            other => visit(other),
        })?;
        let all = ended.len() == self.0.partitions.len();
        for (id, next) in ended {
            visit(Item::Ended(id, next));
        }
        Ok(if all { Polled::Ended } else { Polled::Some })
    }
    fn prefer(&mut self, _: &PartitionId) {}
}

fn id(number: usize) -> Arc<PartitionId> {
    let partition = i32::try_from(number).unwrap();
    Arc::new(PartitionId { source: "s".into(), stream: "t".into(), partition })
}

fn rules() -> Vec<SourceRules> {
    let times = SourceTimes { history: true, ..SourceTimes::default() };
    vec![SourceRules { decoder: DecoderSettings::new("s", Format::Auto), times }]
}

fn settings(threads: usize, batch: usize) -> FlowSettings {
    FlowSettings { threads: Threads::new(threads), batch, ..FlowSettings::new(EngineSettings::default()) }
}

#[derive(Default)]
struct Collected {
    findings: Vec<Finding>,
    dead_letters: usize,
}

impl ReplaySink for Collected {
    fn finding(&mut self, finding: &Finding) -> std::io::Result<()> {
        self.findings.push(finding.clone());
        Ok(())
    }
    fn dead_letter(&mut self, _: &DeadLetter) -> std::io::Result<()> {
        self.dead_letters += 1;
        Ok(())
    }
    fn progress(&mut self, _: u64) {}
}

fn replayed(logs: &[Vec<String>], turns: &[u8], threads: usize, batch: usize) -> Collected {
    let mut sink = Collected::default();
    let mut source = Files(Race::new(logs, turns, &BTreeMap::new()));
    replay(&mut source, &rules(), &settings(threads, batch), false, &mut sink).unwrap();
    sink
}

struct Silent;
impl LiveWatcher for Silent {
    fn stored(&self, _: &Stored<'_>) {}
    fn trouble(&self, _: &str) {}
    fn progress(&self, _: u64) {}
}

/// Runs live with a crash after each of `lives`, then to the end; what the database holds.
fn lived(folder: &Path, logs: &[Vec<String>], turns: &[u8], lives: &[usize], batch: usize) -> Vec<Finding> {
    let path = folder.join("sealwatch.db");
    let clock = Ticking::default();
    for life in lives.iter().map(|polls| Some(*polls)).chain([None]) {
        let store = Store::open(&path).unwrap();
        let settings = LiveSettings {
            // Beside them, so that every law holds with heartbeats as without.
            heartbeat: Some(Duration::from_secs(30)),
            flow: settings(1, batch),
            run: RunId::Live,
            idle_timeout: Duration::from_secs(1),
            telling: Telling::On,
            until: Until::CaughtUp,
            together: Vec::new(),
        };
        let live = Live::resume(&store, &rules(), settings).unwrap();
        let mut source = Race::new(logs, turns, live.starts());
        source.dies_after = life;
        let ended = live.drive(&mut source, &store, &clock, &AtomicBool::new(false), &Silent);
        assert!(matches!(ended, Ok(_) | Err(LiveError::Source(_))), "{ended:?}");
    }
    let store = Store::open(&path).unwrap();
    assert!(store.reader().to_route(u32::MAX).unwrap().iter().any(|row| row.run == RunId::Heartbeat));
    let rows = store
        .reader()
        .findings(&FindingFilter::of(RunId::Live), store::Order::OldestFirst, store::Page::first(u32::MAX))
        .unwrap();
    rows.iter().map(|row| row.finding().unwrap()).collect()
}

/// Findings as they are compared: by id, without incident.
fn compared(findings: &[Finding]) -> BTreeMap<String, String> {
    let body =
        |finding: &Finding| serde_json::to_string(&Finding { incident: None, ..finding.clone() }).unwrap();
    let all: BTreeMap<_, _> =
        findings.iter().map(|finding| (finding.id.to_string(), body(finding))).collect();
    assert_eq!(all.len(), findings.len(), "no finding twice");
    all
}

/// Two feeds and an access log: weeks of habit, then what is drawn.
fn logs() -> impl Strategy<Value = Vec<Vec<String>>> {
    let tail = prop::collection::vec((0_i64..3_000, 0_u8..8, 0_u8..4, 0_i64..90), 5..60);
    tail.prop_map(|tail| {
        let start = 1_777_593_600;
        let mut logs = vec![Vec::new(), Vec::new(), Vec::new()];
        for hour in 0..60_i64 {
            for pull in 0..2 {
                logs[2].push(pull_line(start + hour * 3_600 + pull * 700, 0, 0));
            }
        }
        let mut now = start + 60 * 3_600;
        for (pause, what, which, back) in tail {
            now += pause;
            match what {
                0 => logs[0].push(format!(
                    r#"{{"time":{},"type":"tag","registry":"npm","artifact":{{"purl":"pkg:npm/p{which}","tag":"1.2.{which}","digest":"sha256:{:064x}"}}}}"#,
                    (now - back) * 1_000, back % 5
                )),
                1 => logs[1].push(format!(
                    r#"{{"time":{},"type":"sign","registry":"npm","artifact":{{"purl":"pkg:npm/p{which}@1.{back}","digest":"sha256:{:064x}"}},"signer":{{"key_id":"k{}"}}}}"#,
                    now * 1_000, back, back % 3
                )),
                2 => logs[usize::from(which % 3)].push("{ not json".to_owned()),
                3 => (0..40).for_each(|_| logs[2].push(pull_line(now, 0, which))),
                _ => logs[2].push(pull_line(now - back, which, which)),
            }
        }
        logs
    })
}

fn pull_line(secs: i64, package: u8, principal: u8) -> String {
    format!(
        r#"{{"time":{},"type":"access","action":"pull","registry":"npm","artifact":{{"purl":"pkg:npm/p{package}"}},"actor":{{"principal":"u{principal}"}}}}"#,
        secs * 1_000
    )
}

fn turns() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 1..40)
}

/// Cases a run: the full count with `SEALWATCH_FULL`.
fn cases(usual: u32, full: u32) -> ProptestConfig {
    ProptestConfig::with_cases(if std::env::var_os("SEALWATCH_FULL").is_some() { full } else { usual })
}

proptest! {
    #![proptest_config(cases(200, 2_000))]

    #[test]
    fn race_batches_and_threads_change_no_byte_of_a_replay(
        logs in logs(), first in turns(), second in turns(), batch in 1_usize..200,
    ) {
        let one = replayed(&logs, &first, 1, 4_096);
        let other = replayed(&logs, &second, 2, batch);
        prop_assert_eq!(&one.findings, &other.findings);
        prop_assert_eq!(one.dead_letters, other.dead_letters);
    }
}

proptest! {
    #![proptest_config(cases(40, 500))]

    /// Promises 1 and 2: a live run with crashes stores what a quiet replay finds, once.
    #[test]
    fn live_with_crashes_equals_replay(
        logs in logs(), live in turns(), quiet in turns(),
        lives in prop::collection::vec(1_usize..60, 0..5), batch in 1_usize..100,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let stored = lived(folder.path(), &logs, &live, &lives, batch);
        let replayed = replayed(&logs, &quiet, 1, 4_096).findings;
        prop_assert_eq!(compared(&stored), compared(&replayed));
    }
}

#[test]
fn the_laws_are_about_something() {
    use proptest::strategy::ValueTree as _;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let found: usize = (0..20)
        .map(|_| replayed(&logs().new_tree(&mut runner).unwrap().current(), &[0, 5, 9], 1, 64).findings.len())
        .sum();
    assert!(found > 20, "{found} findings in 20 logs");
}
