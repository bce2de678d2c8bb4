//! The producer and a cluster: every record gets an answer, and limits hold before anything is sent.

use std::time::Duration;

use super::test_cluster::{PATIENCE, at, cluster, consumer, producer, until};
use super::*;
use crate::http::Reach;

fn record(payload: &[u8]) -> Outgoing<'_> {
    Outgoing { topic: "t", payload: Some(payload), ..Outgoing::default() }
}

#[test]
fn the_same_key_goes_where_javas_clients_put_it() {
    let broker = cluster(&[("t", 6)]);
    let mut producer = producer(&broker);
    // Murmur2 of the key, sign bit cleared, modulo 6; the hashes are those of Kafka's own `UtilsTest`.
    for (key, hash) in [
        ("21", -973_932_308),
        ("foobar", -790_332_482),
        ("a-little-bit-long-string", -985_981_536),
        ("abc", 479_470_107),
    ] {
        let placed =
            producer.deliver(&Outgoing { key: Some(key.as_bytes()), ..record(b"x") }, PATIENCE).unwrap();
        assert_eq!(placed.partition, (hash & i32::MAX) % 6, "{key}");
    }
}

#[test]
fn one_record_at_a_time_is_confirmed_with_its_place() {
    let broker = cluster(&[("t", 1)]);
    let mut producer = producer(&broker);
    for offset in 0..3 {
        let placed = producer.deliver(&record(b"x"), PATIENCE).unwrap();
        assert_eq!(placed, Placed { partition: 0, offset });
    }
    assert_eq!(producer.under_way(), 0);
}

#[test]
fn a_record_above_the_limit_is_refused_before_it_is_sent() {
    let broker = cluster(&[("t", 1)]);
    let producer = producer(&broker);
    let large = vec![b'x'; MESSAGE_MAX_BYTES + 1];
    assert_eq!(
        producer.send(&record(&large), 1),
        Err(ProducerError::TooLarge { bytes: MESSAGE_MAX_BYTES + 1 })
    );
    let parts =
        Outgoing { key: Some(b"k"), headers: &[("n", b"v")], ..record(&large[..MESSAGE_MAX_BYTES - 2]) };
    assert_eq!(producer.send(&parts, 2), Err(ProducerError::TooLarge { bytes: MESSAGE_MAX_BYTES + 1 }));
    for topic in ["", "a\0b"] {
        let refused = producer.send(&Outgoing { topic, ..record(b"x") }, 3);
        assert!(matches!(refused, Err(ProducerError::Topic { .. })));
    }
    assert_eq!(producer.flush(PATIENCE), Ok(Vec::new()));
}

#[test]
fn a_missing_broker_leaves_records_under_way_and_none_is_lost_or_doubled() {
    let broker = cluster(&[("t", 1)]);
    let mut producer = producer(&broker);
    producer.deliver(&record(b"0"), PATIENCE).unwrap();
    broker.down().unwrap();
    for ticket in 1..=50 {
        producer.send(&record(ticket.to_string().as_bytes()), ticket).unwrap();
    }
    let stuck = producer.flush(Duration::from_millis(200)).unwrap_err();
    assert_eq!((stuck.under_way, stuck.deliveries.len()), (50, 0));
    broker.up().unwrap();
    let delivered = producer.flush(PATIENCE).unwrap();
    let offsets: Vec<_> = delivered
        .iter()
        .map(|delivery| (delivery.ticket, delivery.outcome.as_ref().unwrap().offset))
        .collect();
    assert_eq!(offsets, (1..=50).map(|ticket| (ticket, i64::try_from(ticket).unwrap())).collect::<Vec<_>>());

    let consumer = consumer(&broker, "g");
    consumer.assign(&[(at("t", 0), StartAt::Beginning)]).unwrap();
    let mut came = Vec::new();
    until(&consumer, |polled| match polled {
        Polled::Record(record) => {
            came.push(String::from_utf8(record.payload().unwrap().to_vec()).unwrap());
            None
        }
        Polled::PartitionEof { .. } => Some(()),
        _ => None,
    });
    assert_eq!(came, (0..=50).map(|number| number.to_string()).collect::<Vec<_>>());
}

#[test]
fn an_unconfirmed_record_may_have_been_stored() {
    let broker = cluster(&[("t", 1)]);
    let mut producer = producer(&broker);
    producer.deliver(&record(b"0"), PATIENCE).unwrap();
    broker.down().unwrap();
    let failure = producer.deliver(&record(b"1"), Duration::from_millis(100)).unwrap_err();
    assert_eq!(failure.reach, Reach::Ambiguous);
    broker.up().unwrap();
    // The late confirmation of the first attempt is not taken for that of the next record.
    let placed = producer.deliver(&record(b"2"), PATIENCE).unwrap();
    assert_eq!(placed.offset, 2);
}

#[test]
fn a_full_queue_is_said_and_not_waited_for() {
    let broker = cluster(&[("t", 1)]);
    broker.down().unwrap();
    let mut settings = KafkaSettings::default();
    settings.overrides.insert("queue.buffering.max.messages".into(), OverrideValue::Number(100));
    let producer = KafkaProducer::new(&settings, broker.bootstrap(), "test").unwrap();
    for ticket in 0..100 {
        producer.send(&record(b"x"), ticket).unwrap();
    }
    assert_eq!(producer.send(&record(b"x"), 100), Err(ProducerError::QueueFull));
    assert_eq!(producer.under_way(), 100);
}

#[test]
fn the_mock_refuses_what_no_cluster_could_do() {
    let broker = cluster(&[("t", 1)]);
    for (name, partitions) in [("t", 1), ("u", 0), ("u", -1), ("a\0b", 1)] {
        assert!(broker.create_topic(name, partitions).is_err(), "{name:?} {partitions}");
    }
}
