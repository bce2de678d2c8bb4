//! The configured sources as what the pipeline reads, and single records of Kafka's again.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use dashboards::{RawRecord, RawRecords};
use detectors::event::{NextOffset, PartitionId};
use detectors::finding::RecordPosition;
use ingest::kafka::{KafkaSource, KafkaSourceSettings};
use ingest::source::{Item, Polled, ResumeAt, Source, SourceError};
use pipeline::live::{Live, LiveReport, Telling, Until};
use transport::kafka::{KafkaConsumer, Member, Polled as Brought, StartAt, TopicPartition};

use crate::config::{Config, KafkaConfig};
use crate::exit::{Exit, Failure, chain};
use crate::output;
use crate::session::Session;
use crate::several::Several;
use crate::sources;

/// How long brokers may be away at the start with `--no-wait`.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long fetching one record again may take.
const RAW_WITHIN: Duration = Duration::from_secs(5);

/// Whether brokers that are away at the start are waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Waiting {
    /// For as long as it takes.
    Forever,
    /// Not: the command fails.
    No,
}

/// Watches the configured sources. `check` may refuse what the database holds.
pub(crate) fn watch(
    session: &Session,
    telling: Telling,
    until: Until,
    waiting: Waiting,
    check: &dyn Fn(&Live) -> Result<(), Failure>,
) -> Result<LiveReport, Failure> {
    let config = &session.config;
    let rules = sources::rules(config, &config.identity()?);
    let names = rules.iter().map(|rules| Arc::clone(&rules.decoder.source)).collect();
    let live = session.live(&rules, telling, until, names)?;
    check(&live)?;
    let mut members: Vec<Box<dyn Source>> = Vec::new();
    for source in &config.sources {
        if source.http.is_some() {
            continue;
        }
        if let Some(bucket) = &source.bucket {
            let starts = &mut live.starts().clone();
            members.push(Box::new(sources::bucket(config, source, bucket, starts)?));
            continue;
        }
        if source.topics.is_empty() {
            members.push(Box::new(sources::tail(config, source, &mut live.starts().clone())?));
            continue;
        }
        let kafka = config.kafka.as_ref().ok_or_else(|| {
            Failure::new(Exit::Configuration, "there are no brokers to read from")
                .hint("add a [kafka] table with `brokers = \"host:9092\"` and `group`")
        })?;
        let settings = KafkaSourceSettings {
            source: source.name.clone(),
            topics: source.topics.clone(),
            bootstrap: kafka.brokers.clone(),
            // A group each: sources differ in topics, and one that rebalances must not stop the others.
            group: format!("{}.{}", kafka.group, source.name),
            client_id: kafka.client_id(),
            client: kafka.client.clone(),
            start: source.start,
        };
        let joined = KafkaSource::join(settings, Box::new(live.starts().clone()))
            .map_err(|error| Failure::new(Exit::Unavailable, error).hint("see `sealwatch check`"))?;
        members.push(Box::new(joined));
    }
    let webhooks = sources::webhooks(config, &mut live.starts().clone())?;
    let door = webhooks.map(|(door, posted)| {
        members.extend(posted.into_iter().map(|source| Box::new(source) as Box<dyn Source>));
        door
    });
    let mut source =
        Impatient { inner: Several::new(members), waiting, since: Instant::now(), seen: Seen::Nothing };
    let driven = session.drive(live, &mut source);
    // What is taken now is on disk and read at the next start.
    if let Some(door) = door {
        door.close();
    }
    driven
}

/// Says when brokers are away, and gives up on them if it may not wait.
struct Impatient {
    inner: Several,
    waiting: Waiting,
    since: Instant,
    seen: Seen,
}

/// What has been heard of the brokers.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Seen {
    Nothing,
    Trouble(String),
    Partitions,
}

impl Source for Impatient {
    fn poll(
        &mut self,
        max_records: usize,
        wait: Duration,
        visit: &mut dyn FnMut(Item<'_>),
    ) -> Result<Polled, SourceError> {
        let seen = &mut self.seen;
        let polled = self.inner.poll(max_records, wait, &mut |item| {
            match &item {
                Item::Assigned(..) => *seen = Seen::Partitions,
                Item::Trouble(trouble) if *seen != Seen::Partitions => {
                    let text = output::visible(&trouble.text);
                    if *seen == Seen::Nothing {
                        output::message(&format!("waiting for the brokers: {text}"));
                    }
                    *seen = Seen::Trouble(text);
                }
                _ => {}
            }
            visit(item);
        })?;
        match &self.seen {
            Seen::Trouble(reason) if self.waiting == Waiting::No && self.since.elapsed() >= PATIENCE => {
                Err(SourceError::KafkaFatal { restarts: 0, reason: reason.clone() })
            }
            _ => Ok(polled),
        }
    }

    fn prefer(&mut self, partition: &PartitionId) {
        self.inner.prefer(partition);
    }

    fn committed(&mut self, nexts: &[(Arc<PartitionId>, NextOffset)]) {
        self.inner.committed(nexts);
    }

    fn saved(&mut self, nexts: &[(PartitionId, NextOffset)]) -> Result<(), SourceError> {
        self.inner.saved(nexts)
    }

    fn accept_data_loss(&mut self, partition: &PartitionId, from: ResumeAt) -> Result<(), SourceError> {
        self.inner.accept_data_loss(partition, from)
    }
}

/// Reads single records of the configured topics again.
pub(crate) struct KafkaRecords {
    kafka: Option<KafkaConfig>,
    topics: Vec<String>,
    /// One at a time: a consumer belongs to the thread that polls it.
    turn: Mutex<()>,
}

impl KafkaRecords {
    pub(crate) fn new(config: &Config) -> Self {
        let topics = config.sources.iter().flat_map(|source| source.topics.clone()).collect();
        Self { kafka: config.kafka.clone(), topics, turn: Mutex::new(()) }
    }

    fn read(&self, position: &RecordPosition) -> Result<Vec<u8>, String> {
        let kafka = self.kafka.as_ref().ok_or("no brokers are configured")?;
        if !self.topics.contains(&position.stream) {
            return Err("its stream is not among the configured topics".to_owned());
        }
        let _turn = self.turn.lock().map_err(|_| "an earlier read failed".to_owned())?;
        let group = format!("{}.raw-records", kafka.group);
        let member = Member { bootstrap: &kafka.brokers, group: &group, client_id: &kafka.client_id() };
        let consumer = KafkaConsumer::new(&kafka.client, member).map_err(|error| chain(&error))?;
        let at = TopicPartition::new(&position.stream, position.partition);
        consumer.assign(&[(at, StartAt::Offset(position.offset))]).map_err(|error| chain(&error))?;
        let deadline = Instant::now() + RAW_WITHIN;
        while Instant::now() < deadline {
            match consumer.poll(Duration::from_millis(100)) {
                Brought::Record(record) if record.offset() == position.offset => {
                    return Ok(record.payload().unwrap_or_default().to_vec());
                }
                Brought::Record(_) | Brought::DataLost { .. } | Brought::PartitionEof { .. } => {
                    return Err("the broker no longer holds it".to_owned());
                }
                Brought::Fatal(reason) | Brought::NotAuthorised(reason) => return Err(reason),
                _ => {}
            }
        }
        Err("the brokers did not answer in time".to_owned())
    }
}

impl RawRecords for KafkaRecords {
    fn fetch(&self, position: &RecordPosition) -> RawRecord {
        match self.read(position) {
            Ok(bytes) => RawRecord::Found(bytes),
            Err(reason) => RawRecord::Gone(reason),
        }
    }
}
