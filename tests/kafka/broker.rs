//! The broker that the other tests rely on does what they rely on.

use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::types::RDKafkaErrorCode;

use crate::parts::broker::{KafkaBroker, KafkaOptions, READER, Right, STRANGER, User, sign_in};
use crate::parts::certificates::Authority;
use crate::parts::topics::Message;
use crate::parts::{rounds, until};

const PATIENCE: Duration = Duration::from_secs(30);

/// Records over three partitions, with and without keys, headers and values.
fn varied(count: u32) -> Vec<Message> {
    (0..count)
        .map(|number| {
            let partition = i32::try_from(number % 3).unwrap();
            let time = 1_700_000_000_000 + i64::from(number);
            match number % 5 {
                0 => Message::tombstone(partition, time).key(format!("key-{number}")),
                1 => Message::new(partition, time, vec![0xff; 100])
                    .header("source", [0, 1])
                    .header("source", ""),
                _ => Message::new(partition, time, format!("{{\"n\":{number}}}")).key("k"),
            }
        })
        .collect()
}

/// All that is stored in `topic`, without places, in the order of [`varied`]'s partitions.
fn stored(broker: &KafkaBroker, topic: &str) -> Vec<Message> {
    broker.read_all(topic).into_iter().map(|stored| stored.message).collect()
}

fn by_partition(messages: &[Message]) -> Vec<Message> {
    let mut sorted = messages.to_vec();
    sorted.sort_by_key(|message| message.partition);
    sorted
}

#[test]
fn records_survive_a_broker_that_is_killed_stopped_or_frozen() {
    let started = Instant::now();
    let mut broker = KafkaBroker::start(KafkaOptions::default());
    eprintln!("a broker answers after {:?}", started.elapsed());
    broker.create_topic("kept", 3, &[]);
    let mut written = Vec::new();
    for round in 0..rounds(2, 20) {
        let more = varied(1_000);
        broker.produce("kept", &more);
        written.extend(more);
        let interrupted = Instant::now();
        match round % 2 {
            0 => broker.kill_hard(),
            _ => broker.stop(),
        }
        broker.restart();
        eprintln!("answers again {:?} after it was interrupted", interrupted.elapsed());
        assert_eq!(stored(&broker, "kept"), by_partition(&written));
    }
    let consumer: BaseConsumer = broker.client().create().unwrap();
    broker.freeze();
    assert!(consumer.fetch_metadata(None, Duration::from_millis(500)).is_err(), "a frozen broker answers");
    broker.thaw();
    assert_eq!(stored(&broker, "kept").len(), written.len());
}

#[test]
fn what_is_written_is_read_back_byte_for_byte() {
    let broker = KafkaBroker::shared();
    broker.create_topic("read-back", 3, &[]);
    broker.produce("read-back", &varied(1_000));
    let read = broker.read_all("read-back");
    let offsets: Vec<_> =
        read.iter().filter(|stored| stored.message.partition == 2).map(|s| s.offset).collect();
    assert_eq!(offsets, (0..333).collect::<Vec<_>>());
    assert_eq!(stored(broker, "read-back"), by_partition(&varied(1_000)));
}

#[test]
fn a_topic_can_be_cut_grown_and_deleted() {
    let broker = KafkaBroker::shared();
    broker.create_topic("cut", 1, &[("max.message.bytes", "1048576")]);
    broker.produce("cut", &[0, 1, 2].map(|time| Message::new(0, time, "value")));
    broker.delete_records("cut", 0, 2);
    assert_eq!(broker.watermarks("cut", 0), (2, 3));

    broker.grow_topic("cut", 2);
    until("the second partition", PATIENCE, || (partitions(broker, "cut") == 2).then_some(()));
    broker.produce("cut", &[Message::new(1, 3, "in the second")]);
    assert_eq!(stored(broker, "cut").len(), 2);

    broker.delete_topic("cut");
    until("the end of the topic", PATIENCE, || (partitions(broker, "cut") == 0).then_some(()));
}

/// How many partitions a topic has; none if it is not there.
fn partitions(broker: &KafkaBroker, topic: &str) -> usize {
    let consumer: BaseConsumer = broker.client().create().unwrap();
    let metadata = consumer.fetch_metadata(None, PATIENCE).unwrap();
    metadata.topics().iter().find(|known| known.name() == topic).map_or(0, |known| known.partitions().len())
}

#[test]
fn the_external_listener_wants_the_right_password() {
    let broker = KafkaBroker::shared();
    assert!(broker.topics_seen_by(READER).is_ok());
    let wrong = User { password: "wrong", ..READER };
    assert_eq!(broker.topics_seen_by(wrong), Err(RDKafkaErrorCode::Authentication));
}

#[test]
fn the_external_listener_is_trusted_by_its_authority_and_name_only() {
    let broker = KafkaBroker::shared();
    let folder = tempfile::tempdir().unwrap();
    let other = Authority::create(folder.path());
    let mut config = broker.external_client(READER);
    config.set("ssl.ca.location", other.certificate().to_string_lossy());
    assert_eq!(sign_in(&config), Err(RDKafkaErrorCode::SSL));

    let mut config = broker.external_client(READER);
    config.set("bootstrap.servers", broker.external_bootstrap().replace("localhost", "127.0.0.1"));
    assert_eq!(sign_in(&config), Err(RDKafkaErrorCode::SSL));
}

#[test]
fn a_user_sees_only_the_topics_that_an_access_rule_names() {
    let broker = KafkaBroker::shared();
    broker.create_topic("shown", 1, &[]);
    broker.create_topic("hidden", 1, &[]);
    broker.create_topic("writable", 1, &[]);
    broker.allow(READER, &[Right::Read("shown"), Right::Write("writable"), Right::Join("readers")]);
    until("both access rules", PATIENCE, || {
        let seen = broker.topics_seen_by(READER).unwrap();
        assert!(!seen.contains(&"hidden".to_owned()));
        ["shown", "writable"].iter().all(|topic| seen.iter().any(|name| name == topic)).then_some(())
    });
    assert_eq!(broker.topics_seen_by(STRANGER), Ok(Vec::new()));
}
