//! Sealwatch as a process over a broker's topics: its configuration, its runs, what its database holds, and what a
//! quiet replay of the same records says.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use detectors::event::{NextOffset, PartitionId};
use ingest::recording::{ControlRecord, Manifest, RecordedPartition, RecordingWriter};
use ingest::source::RawRecord;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::metadata::MetadataTopic;
use store::{ControlKind, DeadLetterFilter, FindingFilter, LaneId, Order, Page, Reader, RunId, Store};
use tempfile::TempDir;

use crate::parts::broker::KafkaBroker;
use crate::parts::checker::assert_same_findings;
use crate::parts::process::{Leftovers, Part};

/// How long a run may take, beside a compiler and other tests.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// A source of the configuration: its name and its topics.
pub(crate) type SourceTopics<'a> = (&'a str, &'a [&'a str]);

/// One configuration with its database. Each test has its own.
pub(crate) struct Watch {
    folder: TempDir,
    sources: Vec<(String, Vec<String>)>,
    runs: Cell<u32>,
}

/// How a run ended.
#[derive(Debug)]
pub(crate) struct Ended {
    /// Its exit code.
    pub(crate) code: i32,
    /// All of its standard error.
    pub(crate) errors: String,
}

/// The `[kafka]` table for the listener where everything is allowed.
pub(crate) fn plain(broker: &KafkaBroker, group: &str) -> String {
    format!("brokers = \"{}\"\ngroup = \"{group}\"\n", broker.bootstrap())
}

/// The same for a member that is known by name: it takes its own place when it comes back after a crash, where a
/// nameless one waits until the group has given its dead self up.
pub(crate) fn plain_and_named(broker: &KafkaBroker, group: &str) -> String {
    format!("{}[kafka.client.overrides]\n\"group.instance.id\" = \"one\"\n", plain(broker, group))
}

impl Watch {
    /// Writes the configuration; `kafka` is the content of its `[kafka]` table.
    pub(crate) fn new(kafka: &str, sources: &[SourceTopics<'_>]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let database = folder.path().join("sealwatch.db");
        let mut text = format!("[store]\npath = {database:?}\n[order]\nidle_timeout_seconds = 1\n");
        for (name, topics) in sources {
            let (start, history) = ("start = \"beginning\"", "history = true");
            text.push_str(&format!("[[source]]\nname = {name:?}\ntopics = {topics:?}\n{start}\n{history}\n"));
        }
        text.push_str(&format!("[kafka]\n{kafka}"));
        std::fs::write(folder.path().join("sealwatch.toml"), text).expect("the folder can be written");
        let owned = |topics: &[&str]| topics.iter().map(|topic| (*topic).to_owned()).collect();
        let sources = sources.iter().map(|(name, topics)| ((*name).to_owned(), owned(topics))).collect();
        Self { folder, sources, runs: Cell::new(0) }
    }

    /// Starts `sealwatch run` without a dashboard.
    pub(crate) fn start(&self, arguments: &[&str]) -> Part {
        let mut command = program("run");
        command.arg("--config").arg(self.file("sealwatch.toml")).arg("--headless").args(arguments);
        command.env("SEALWATCH_TEST_PASSWORD", crate::parts::broker::READER.password);
        let run = self.runs.get();
        self.runs.set(run + 1);
        Part::start(&format!("run-{run}"), &command, self.folder.path(), Leftovers::Keep)
    }

    /// Starts it and waits for its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ended {
        let mut part = self.start(arguments);
        let code = part.wait(PATIENCE);
        Ended { code, errors: part.errors() }
    }

    /// Runs until every partition has been read to its end, which must succeed; its standard error.
    pub(crate) fn run_to_the_end(&self) -> String {
        let ended = self.run(&["--until-caught-up"]);
        assert_eq!(ended.code, 0, "{}", ended.errors);
        ended.errors
    }

    /// The database beside a running watch; none before the watch has made it.
    pub(crate) fn database(&self) -> Option<Reader> {
        Store::open_read_only(&self.file("sealwatch.db")).ok()
    }

    /// How many findings are stored.
    pub(crate) fn findings(&self) -> usize {
        let all = FindingFilter::of(RunId::Live);
        let stored = |reader: Reader| reader.findings(&all, Order::OldestFirst, Page::first(u32::MAX));
        self.database().map_or(0, |reader| stored(reader).expect("the database can be read").len())
    }

    /// What the pipeline says of the partition `stream[partition]` of `source`.
    pub(crate) fn partition(&self, source: &str, stream: &str, partition: i32) -> Option<serde_json::Value> {
        let rows = self.database()?.status(&RunId::Live).expect("the database can be read");
        let key = format!("partition:{source}/{stream}[{partition}]");
        let row = rows.into_iter().find(|row| row.key == key)?;
        Some(serde_json::from_str(&row.body).expect("status is JSON"))
    }

    /// Whether every partition is idle at the end that the broker shows.
    pub(crate) fn is_caught_up(&self, broker: &KafkaBroker) -> bool {
        self.partitions(broker).iter().all(|id| {
            let (_, end) = broker.watermarks(&id.stream, id.partition);
            self.partition(&id.source, &id.stream, id.partition)
                .is_some_and(|status| status["next"] == end && status["state"]["state"] == "idle")
        })
    }

    /// Dead letters by reason.
    pub(crate) fn dead_letters(&self) -> BTreeMap<String, u64> {
        let reader = self.database().expect("a run has made the database");
        let counts = reader.dead_letter_counts(&RunId::Live, &DeadLetterFilter::default());
        let mut by_reason = BTreeMap::new();
        for count in counts.expect("the database can be read") {
            *by_reason.entry(count.reason).or_default() += count.count;
        }
        by_reason
    }

    /// Panics unless the database holds what one quiet replay of all that is in the topics finds. Returns the count.
    pub(crate) fn assert_equal_to_replay(&self, broker: &KafkaBroker) -> usize {
        let replayed = self.replay(broker);
        let live = self.file("live.jsonl");
        let mut command = program("findings");
        command.arg("--db").arg(self.file("sealwatch.db")).arg("--json");
        command.stdout(File::create(&live).expect("the folder can be written"));
        assert!(command.status().expect("the program is there").success());
        assert_same_findings(&replayed, &live);
        std::fs::read_to_string(&replayed).expect("it was just written").lines().count()
    }

    /// Replays a recording of all that is in the topics; the file of findings.
    fn replay(&self, broker: &KafkaBroker) -> PathBuf {
        let (recording, replayed) = (self.file("all.swrec"), self.file("replayed.jsonl"));
        self.record(broker, &recording);
        let mut command = program("replay");
        command.arg("--config").arg(self.file("sealwatch.toml")).arg("--no-flush");
        let ended = command.arg("--findings").arg(&replayed).arg(&recording).output();
        let ended = ended.expect("the program is there");
        assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
        replayed
    }

    /// Records the topics as they are, with the floors that the live run gave.
    fn record(&self, broker: &KafkaBroker, path: &Path) {
        let partitions = self.partitions(broker);
        let recorded = |id: &Arc<PartitionId>| RecordedPartition {
            partition: PartitionId::clone(id),
            from: NextOffset(broker.watermarks(&id.stream, id.partition).0),
        };
        let manifest = Manifest::new(&self.sources[0].0, "tests", partitions.iter().map(recorded).collect());
        let file = File::create(path).expect("the folder can be written");
        let mut writer = RecordingWriter::new(file, &manifest).expect("the file can be written");
        for floor in self.floors() {
            writer.control(&floor).expect("the file can be written");
        }
        for stream in self.sources.iter().flat_map(|(_, topics)| topics) {
            for stored in broker.read_all(stream) {
                let message = stored.message;
                let is_it =
                    |id: &&Arc<PartitionId>| *id.stream == **stream && id.partition == message.partition;
                let record = RawRecord {
                    partition: partitions.iter().find(is_it).expect("it was listed"),
                    offset: stored.offset,
                    timestamp_ms: Some(message.timestamp_ms),
                    key: message.key.as_deref(),
                    headers: &[],
                    payload: message.value.as_deref(),
                };
                writer.record(&record).expect("the file can be written");
            }
        }
        writer.finish().expect("the file can be written");
    }

    /// Floors that idle partitions got when they came back: the one thing that depends on the race.
    pub(crate) fn floors(&self) -> Vec<ControlRecord> {
        let reader = self.database().expect("a run has made the database");
        let mut floors = Vec::new();
        for lane in ["change", "access"] {
            let id = LaneId::parse(lane).expect("the names of lanes are names");
            let controls = reader.controls(&RunId::Live, &id, 0).expect("the database can be read");
            for control in controls.iter().filter(|control| control.kind == ControlKind::PartitionActive) {
                let body: serde_json::Value = serde_json::from_str(&control.body).expect("bodies are JSON");
                floors.push(ControlRecord {
                    lane: lane.into(),
                    partition: serde_json::from_value(body["partition"].clone()).expect("a partition"),
                    offset: NextOffset(body["offset"].as_i64().expect("an offset")),
                    body: serde_json::json!({ "floor": body["floor"] }),
                });
            }
        }
        floors
    }

    fn partitions(&self, broker: &KafkaBroker) -> Vec<Arc<PartitionId>> {
        let consumer: BaseConsumer = broker.client().create().expect("valid settings");
        let mut ids = Vec::new();
        for (source, topics) in &self.sources {
            for topic in topics {
                let metadata = consumer.fetch_metadata(Some(topic), PATIENCE).expect("the broker answers");
                for partition in metadata.topics().iter().flat_map(MetadataTopic::partitions) {
                    let (source, stream) = (source.as_str().into(), topic.as_str().into());
                    ids.push(Arc::new(PartitionId { source, stream, partition: partition.id() }));
                }
            }
        }
        ids
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

fn program(command: &str) -> Command {
    let mut program = Command::new(env!("CARGO_BIN_EXE_sealwatch"));
    program.arg(command);
    program
}
