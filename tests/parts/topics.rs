//! Topics of a broker: made, written, read whole, cut short.

use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rdkafka::admin::{AdminClient, AdminOptions, NewPartitions, NewTopic, TopicReplication};
use rdkafka::client::{ClientContext, DefaultClientContext};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Header, Headers, OwnedHeaders};
use rdkafka::metadata::MetadataTopic;
use rdkafka::producer::{BaseProducer, BaseRecord, DeliveryResult, Producer, ProducerContext};
use rdkafka::types::RDKafkaErrorCode;
use rdkafka::{Message as _, Offset, TopicPartitionList};

use super::broker::KafkaBroker;

/// How long any one question to a running broker may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long one wait for the next record or report lasts.
const MOMENT: Duration = Duration::from_millis(100);

/// A record as a test writes it and reads it back; equal means equal in every byte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Message {
    /// The partition it is in.
    pub(crate) partition: i32,
    /// The time that the producer gave it, in milliseconds since 1970.
    pub(crate) timestamp_ms: i64,
    /// The key, if it has one.
    pub(crate) key: Option<Vec<u8>>,
    /// The headers in their order.
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    /// The value; `None` is a tombstone.
    pub(crate) value: Option<Vec<u8>>,
}

impl Message {
    /// A record without key and headers.
    pub(crate) fn new(partition: i32, timestamp_ms: i64, value: impl Into<Vec<u8>>) -> Self {
        Self { value: Some(value.into()), ..Self::tombstone(partition, timestamp_ms) }
    }

    /// A record without a value.
    pub(crate) fn tombstone(partition: i32, timestamp_ms: i64) -> Self {
        Self { partition, timestamp_ms, key: None, headers: Vec::new(), value: None }
    }

    /// The same with a key.
    pub(crate) fn key(self, key: impl Into<Vec<u8>>) -> Self {
        Self { key: Some(key.into()), ..self }
    }

    /// The same with one more header.
    pub(crate) fn header(mut self, name: &str, value: impl Into<Vec<u8>>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }
}

/// A record read back, with the place the broker gave it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stored {
    /// Its place in its partition.
    pub(crate) offset: i64,
    /// What was written.
    pub(crate) message: Message,
}

impl KafkaBroker {
    /// Makes a topic; `settings` are topic settings such as `("retention.ms", "1000")`.
    pub(crate) fn create_topic(&self, name: &str, partitions: i32, settings: &[(&str, &str)]) {
        let topic = NewTopic::new(name, partitions, TopicReplication::Fixed(1));
        let topic = settings.iter().fold(topic, |topic, (name, value)| topic.set(name, value));
        self.administer(name, async |admin, options| admin.create_topics([&topic], options).await);
    }

    /// Gives a topic more partitions, up to `partitions` in all.
    pub(crate) fn grow_topic(&self, name: &str, partitions: usize) {
        let larger = NewPartitions::new(name, partitions);
        self.administer(name, async |admin, options| admin.create_partitions([&larger], options).await);
    }

    /// Removes a topic and all that is in it.
    pub(crate) fn delete_topic(&self, name: &str) {
        self.administer(name, async |admin, options| admin.delete_topics(&[name], options).await);
    }

    /// Removes the records of a partition below `before`, as retention does when it overtakes a reader.
    pub(crate) fn delete_records(&self, topic: &str, partition: i32, before: i64) {
        let mut cuts = TopicPartitionList::new();
        cuts.add_partition_offset(topic, partition, Offset::Offset(before)).expect("a valid offset");
        let left = block_on(self.admin().delete_records(&cuts, &admin_options()))
            .unwrap_or_else(|error| panic!("cannot delete records of {topic}: {error}"));
        for cut in left.elements() {
            cut.error().unwrap_or_else(|error| panic!("cannot delete records of {topic}: {error}"));
        }
    }

    /// Writes the records in their order and returns when the broker has acknowledged every one.
    pub(crate) fn produce(&self, topic: &str, messages: &[Message]) {
        self.writer.get_or_init(|| Writer::connect(self)).write(topic, messages);
    }

    /// First offset that is still there and the offset that the next record will get.
    pub(crate) fn watermarks(&self, topic: &str, partition: i32) -> (i64, i64) {
        let consumer: BaseConsumer = self.client().create().expect("valid settings");
        consumer
            .fetch_watermarks(topic, partition, PATIENCE)
            .unwrap_or_else(|error| panic!("cannot ask for the ends of {topic}/{partition}: {error}"))
    }

    /// Reads all committed records of a topic, by partition and offset.
    pub(crate) fn read_all(&self, topic: &str) -> Vec<Stored> {
        let consumer = self.reader_at_the_beginning(topic);
        let mut unfinished = consumer.assignment().expect("it was just assigned").count();
        let deadline = Instant::now() + PATIENCE;
        let mut stored = Vec::new();
        while unfinished > 0 {
            match consumer.poll(MOMENT) {
                Some(Ok(message)) => stored.push(own(&message)),
                Some(Err(KafkaError::PartitionEOF(_))) => unfinished -= 1,
                Some(Err(error)) => panic!("cannot read {topic}: {error}"),
                None => assert!(Instant::now() < deadline, "{topic} was not read to its end in {PATIENCE:?}"),
            }
        }
        stored.sort_by_key(|stored| (stored.message.partition, stored.offset));
        stored
    }

    fn reader_at_the_beginning(&self, topic: &str) -> BaseConsumer {
        let mut config = self.client();
        config
            .set("group.id", "tests-read-all")
            .set("enable.auto.commit", "false")
            .set("fetch.wait.max.ms", "10");
        let consumer: BaseConsumer =
            config.set("enable.partition.eof", "true").create().expect("valid settings");
        let metadata = consumer.fetch_metadata(Some(topic), PATIENCE);
        let metadata = metadata.unwrap_or_else(|error| panic!("cannot ask for {topic}: {error}"));
        let mut assignment = TopicPartitionList::new();
        for partition in metadata.topics().iter().flat_map(MetadataTopic::partitions) {
            let place = assignment.add_partition_offset(topic, partition.id(), Offset::Beginning);
            place.expect("the beginning is a valid offset");
        }
        assert!(assignment.count() > 0, "there is no topic {topic}");
        consumer.assign(&assignment).expect("the partitions are there");
        consumer
    }

    fn admin(&self) -> AdminClient<DefaultClientContext> {
        self.client().create().expect("valid settings")
    }

    /// Asks for one change of one topic and panics unless it was made.
    fn administer<A>(&self, topic: &str, ask: A)
    where
        A: AsyncFnOnce(
            &AdminClient<DefaultClientContext>,
            &AdminOptions,
        ) -> Result<Vec<Result<String, (String, RDKafkaErrorCode)>>, KafkaError>,
    {
        let results = block_on(ask(&self.admin(), &admin_options()));
        for result in results.unwrap_or_else(|error| panic!("cannot change topic {topic}: {error}")) {
            result.unwrap_or_else(|(_, error)| panic!("cannot change topic {topic}: {error}"));
        }
    }
}

fn admin_options() -> AdminOptions {
    AdminOptions::new().request_timeout(Some(PATIENCE)).operation_timeout(Some(PATIENCE))
}

fn block_on<F: Future>(future: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime can be built");
    runtime.block_on(future)
}

fn own(message: &BorrowedMessage<'_>) -> Stored {
    let headers = message.headers().into_iter().flat_map(|headers| headers.iter());
    let message_headers =
        headers.map(|header| (header.key.to_owned(), header.value.unwrap_or_default().to_vec()));
    Stored {
        offset: message.offset(),
        message: Message {
            partition: message.partition(),
            timestamp_ms: message.timestamp().to_millis().unwrap_or(-1),
            key: message.key().map(<[u8]>::to_vec),
            headers: message_headers.collect(),
            value: message.payload().map(<[u8]>::to_vec),
        },
    }
}

/// A producer that knows how many of its records were refused.
pub(super) struct Writer(BaseProducer<Refused>);

/// Counts the records that the broker did not take.
#[derive(Default)]
struct Refused(AtomicU64);

impl ClientContext for Refused {}

impl ProducerContext for Refused {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        self.0.fetch_add(u64::from(result.is_err()), Ordering::SeqCst);
    }
}

impl Writer {
    fn connect(broker: &KafkaBroker) -> Self {
        let mut config = broker.client();
        config
            .set("enable.idempotence", "true")
            .set("linger.ms", "5")
            .set("compression.type", "zstd")
            .set("topic.metadata.refresh.interval.ms", "200");
        Self(config.create_with_context(Refused::default()).expect("valid settings"))
    }

    fn write(&self, topic: &str, messages: &[Message]) {
        let before = self.0.context().0.load(Ordering::SeqCst);
        for message in messages {
            self.send(topic, message);
        }
        self.0.flush(PATIENCE).unwrap_or_else(|error| panic!("not all records reached {topic}: {error}"));
        let refused = self.0.context().0.load(Ordering::SeqCst) - before;
        assert_eq!(refused, 0, "records that {topic} refused");
    }

    fn send(&self, topic: &str, message: &Message) {
        let headers = message.headers.iter().fold(OwnedHeaders::new(), |headers, (key, value)| {
            headers.insert(Header { key, value: Some(value) })
        });
        let mut record = BaseRecord::<[u8], [u8]>::to(topic)
            .partition(message.partition)
            .timestamp(message.timestamp_ms)
            .headers(headers);
        record.key = message.key.as_deref();
        record.payload = message.value.as_deref();
        let deadline = Instant::now() + PATIENCE;
        while let Err((error, returned)) = self.0.send(record) {
            // A full queue empties, and a partition that was just made becomes known.
            let passes = [RDKafkaErrorCode::QueueFull, RDKafkaErrorCode::UnknownPartition];
            let passes = error.rdkafka_error_code().is_some_and(|code| passes.contains(&code));
            assert!(passes && Instant::now() < deadline, "cannot write to {topic}: {error}");
            self.0.poll(MOMENT);
            record = returned;
        }
    }
}
