//! What the tests of this folder share: a cluster, records in it, and a poll that has a deadline.

use std::time::{Duration, Instant};

use super::settings::Prepared;
use super::{
    KafkaConsumer, KafkaProducer, KafkaSettings, Member, MockBroker, Outgoing, Polled, StartAt,
    TopicPartition,
};

/// How long any single condition may take; a healthy machine needs a few hundred milliseconds.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// A cluster with these topics and numbers of partitions.
pub(super) fn cluster(topics: &[(&str, i32)]) -> MockBroker {
    let broker = MockBroker::start().unwrap();
    for (topic, partitions) in topics {
        broker.create_topic(topic, *partitions).unwrap();
    }
    broker
}

/// The settings of a consumer, with statistics every 100 ms so that no test waits for them, and a short session:
/// the mock lets every rebalance but the first last as long as that.
pub(super) fn prepared(broker: &MockBroker, group: &str) -> Prepared {
    let member = Member { bootstrap: broker.bootstrap(), group, client_id: "test" };
    let mut prepared = KafkaSettings::default().consumer(member).unwrap();
    prepared.config.set("statistics.interval.ms", "100");
    prepared.config.set("session.timeout.ms", "3000").set("heartbeat.interval.ms", "200");
    prepared
}

pub(super) fn consumer(broker: &MockBroker, group: &str) -> KafkaConsumer {
    KafkaConsumer::of(prepared(broker, group)).unwrap()
}

pub(super) fn producer(broker: &MockBroker) -> KafkaProducer {
    KafkaProducer::new(&KafkaSettings::default(), broker.bootstrap(), "test").unwrap()
}

/// Puts one record for each payload into a partition.
pub(super) fn fill(broker: &MockBroker, topic: &str, partition: i32, payloads: &[&[u8]]) {
    let producer = producer(broker);
    for (ticket, payload) in payloads.iter().enumerate() {
        let record =
            Outgoing { topic, partition: Some(partition), payload: Some(payload), ..Outgoing::default() };
        producer.send(&record, ticket).unwrap();
    }
    let delivered = producer.flush(PATIENCE).unwrap();
    assert_eq!(delivered.iter().filter(|delivery| delivery.outcome.is_ok()).count(), payloads.len());
}

pub(super) fn at(topic: &str, partition: i32) -> TopicPartition {
    TopicPartition::new(topic, partition)
}

/// Polls until `wanted` finds what it looks for.
pub(super) fn until<T>(consumer: &KafkaConsumer, mut wanted: impl FnMut(Polled<'_>) -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    let mut seen = Vec::new();
    while Instant::now() < deadline {
        let polled = consumer.poll(Duration::from_millis(20));
        if !matches!(polled, Polled::Idle) {
            seen.push(format!("{polled:?}"));
        }
        if let Some(found) = wanted(polled) {
            return found;
        }
    }
    panic!("what was wanted did not come; the last that came: {:?}", &seen[seen.len().saturating_sub(20)..]);
}

/// Joins the group and starts what it gives at the beginning, all at once.
pub(super) fn join(consumer: &KafkaConsumer, topics: &[&str]) -> Vec<TopicPartition> {
    consumer.subscribe(topics).unwrap();
    let given = until(consumer, |polled| match polled {
        Polled::Assigned(given) => Some(given),
        _ => None,
    });
    let starts: Vec<_> = given.iter().map(|at| (at.clone(), StartAt::Beginning)).collect();
    consumer.assign(&starts).unwrap();
    given
}
