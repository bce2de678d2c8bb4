//! The consumer and a cluster: records, ends, losses, and what passes by itself.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::test_cluster::{PATIENCE, at, cluster, consumer, fill, join, producer, until};
use super::*;

#[test]
fn a_thousand_records_come_back_as_they_were_sent() {
    let broker = cluster(&[("t", 3)]);
    let producer = producer(&broker);
    let text: Vec<_> =
        (0..1_000).map(|number: usize| (format!("key-{number}"), format!("value-{number}"))).collect();
    for (number, (key, value)) in text.iter().enumerate() {
        let record = Outgoing {
            topic: "t",
            key: Some(key.as_bytes()),
            payload: Some(value.as_bytes()),
            headers: &[("n", key.as_bytes()), ("empty", b"")],
            time_ms: Some(1_700_000_000_000 + i64::try_from(number).unwrap()),
            ..Outgoing::default()
        };
        producer.send(&record, number).unwrap();
    }
    let delivered = producer.flush(PATIENCE).unwrap();
    let placed: BTreeMap<usize, Placed> =
        delivered.into_iter().map(|delivery| (delivery.ticket, delivery.outcome.unwrap())).collect();
    assert_eq!(placed.len(), 1_000);

    let consumer = consumer(&broker, "g");
    assert_eq!(join(&consumer, &["t"]), [at("t", 0), at("t", 1), at("t", 2)]);
    let mut came = BTreeMap::new();
    let mut ends = BTreeMap::new();
    until(&consumer, |polled| {
        match polled {
            Polled::Record(record) => {
                let value = String::from_utf8(record.payload().unwrap().to_vec()).unwrap();
                let number: usize = value.strip_prefix("value-").unwrap().parse().unwrap();
                let key = format!("key-{number}");
                assert_eq!(record.key(), Some(key.as_bytes()));
                let headers: Vec<_> = record.headers().collect();
                let named = |name, value| Header::Named { name, value: Some(value) };
                assert_eq!(headers, [named("n", key.as_bytes()), named("empty", b"")]);
                assert_eq!(
                    record.time(),
                    RecordTime::Created(1_700_000_000_000 + i64::try_from(number).unwrap())
                );
                let previous =
                    came.insert(number, Placed { partition: record.partition(), offset: record.offset() });
                assert_eq!(previous, None, "no record comes twice");
            }
            Polled::PartitionEof { at, next } => {
                ends.insert(at.partition, next);
            }
            _ => {}
        }
        (came.len() == 1_000 && ends.len() == 3).then_some(())
    });
    assert_eq!(came, placed);
    assert_eq!(ends.values().sum::<i64>(), 1_000);
    assert_eq!(consumer.close(PATIENCE), Closed::Left);
}

/// Reads one partition from `start` and returns the offsets that came and the end that was told.
fn read_from(consumer: &KafkaConsumer, start: StartAt) -> (i64, Vec<i64>, i64) {
    let started = consumer.assign(&[(at("t", 0), start)]).unwrap();
    let mut offsets = Vec::new();
    let end = until(consumer, |polled| match polled {
        Polled::Record(record) => {
            offsets.push(record.offset());
            None
        }
        Polled::PartitionEof { next, .. } => Some(next),
        _ => None,
    });
    (started[0].1, offsets, end)
}

#[test]
fn reading_begins_exactly_where_it_was_told_to() {
    let broker = cluster(&[("t", 1)]);
    fill(&broker, "t", 0, &[b"a", b"b", b"c", b"d"]);
    let consumer = consumer(&broker, "g");
    for (start, first) in [
        (StartAt::Offset(2), 2),
        (StartAt::Offset(0), 0),
        (StartAt::Offset(4), 4),
        (StartAt::Beginning, 0),
        (StartAt::End, 4),
    ] {
        // Assigning again moves the partition, in a consumer without a group as well.
        let expected = (first, (first..4).collect::<Vec<_>>(), 4);
        assert_eq!(read_from(&consumer, start), expected, "{start:?}");
    }
    assert_eq!(consumer.log_range(&at("t", 0)).unwrap(), LogRange { low: 0, high: 4 });
}

#[test]
fn an_offset_the_broker_never_had_is_a_loss_and_not_a_jump() {
    let broker = cluster(&[("t", 3)]);
    for partition in 0..3 {
        fill(&broker, "t", partition, &[b"a", b"b"]);
    }
    let consumer = consumer(&broker, "g");
    let starts = [
        (at("t", 0), StartAt::Offset(0)),
        (at("t", 1), StartAt::Offset(77)),
        (at("t", 2), StartAt::Offset(1)),
    ];
    consumer.assign(&starts).unwrap();
    let mut records = BTreeSet::new();
    let lost = until(&consumer, |polled| match polled {
        Polled::Record(record) => {
            records.insert((record.partition(), record.offset()));
            None
        }
        Polled::DataLost { at, next, held } => Some((at, next, held)),
        _ => None,
    });
    assert_eq!(lost, (at("t", 1), 77, Some(LogRange { low: 0, high: 2 })));
    assert_eq!(records, BTreeSet::from([(0, 0), (0, 1), (2, 1)]), "the others flow, and nothing was reset");

    // An operator decides; then the partition flows from there.
    consumer.assign(&[(at("t", 1), StartAt::Offset(1))]).unwrap();
    let next = until(&consumer, |polled| match polled {
        Polled::Record(record) => Some((record.partition(), record.offset())),
        Polled::DataLost { .. } => panic!("a loss is told once"),
        _ => None,
    });
    assert_eq!(next, (1, 1));
}

#[test]
fn what_retention_took_away_is_a_loss() {
    let broker = cluster(&[("t", 1)]);
    // The mock keeps 5 MiB a partition; noise does not shrink in compression.
    let mut noise = crate::clock::Jitter::seeded(1);
    let block: Vec<u8> = (0..900_000)
        .map(|_| noise.between(Duration::ZERO, Duration::from_nanos(255)).subsec_nanos().to_le_bytes()[0])
        .collect();
    fill(&broker, "t", 0, &[block.as_slice(); 8]);
    let consumer = consumer(&broker, "g");
    consumer.assign(&[(at("t", 0), StartAt::Offset(0))]).unwrap();
    let (next, held) = until(&consumer, |polled| match polled {
        Polled::DataLost { next, held, .. } => Some((next, held.unwrap())),
        Polled::Record(record) => panic!("{record:?} after a silent jump"),
        _ => None,
    });
    assert!(next == 0 && held.low > 0 && held.high == 8, "{held:?}");
}

#[test]
fn ends_of_equal_partitions_of_two_topics_are_told_apart() {
    let broker = cluster(&[("a", 2), ("b", 2), ("c", 2)]);
    fill(&broker, "b", 0, &[b"x"]);
    let consumer = consumer(&broker, "g");
    join(&consumer, &["a", "b", "c"]);
    let mut ends = BTreeMap::new();
    until(&consumer, |polled| {
        if let Polled::PartitionEof { at, next } = polled {
            assert_eq!(ends.insert(at.to_string(), next), None, "an end is told once");
        }
        (ends.len() == 6).then_some(())
    });
    let expected = [("a[0]", 0), ("a[1]", 0), ("b[0]", 1), ("b[1]", 0), ("c[0]", 0), ("c[1]", 0)];
    assert_eq!(ends, expected.map(|(at, next)| (at.to_owned(), next)).into());
}

#[test]
fn a_broker_that_goes_away_is_trouble_and_comes_back() {
    let broker = cluster(&[("t", 1)]);
    fill(&broker, "t", 0, &[b"a"]);
    let consumer = consumer(&broker, "g");
    consumer.assign(&[(at("t", 0), StartAt::Offset(0))]).unwrap();
    until(&consumer, |polled| matches!(polled, Polled::Record(_)).then_some(()));
    broker.down().unwrap();
    until(&consumer, |polled| match polled {
        Polled::Trouble { kind: TroubleKind::Brokers, message } => Some(message),
        _ => None,
    });
    broker.up().unwrap();
    fill(&broker, "t", 0, &[b"b"]);
    let offset = until(&consumer, |polled| match polled {
        Polled::Record(record) => Some(record.offset()),
        _ => None,
    });
    assert_eq!(offset, 1);
}

#[test]
fn a_topic_that_does_not_exist_is_told_and_not_made() {
    let broker = cluster(&[("t", 1)]);
    let consumer = consumer(&broker, "g");
    consumer.subscribe(&["missing"]).unwrap();
    let message = until(&consumer, |polled| match polled {
        Polled::Trouble { kind: TroubleKind::Topic, message } => Some(message),
        _ => None,
    });
    assert!(message.contains("missing"), "{message}");
    assert!(matches!(consumer.partitions("missing"), Err(ConsumerError::Topic { .. })));
    assert_eq!(consumer.partitions("t").unwrap(), [at("t", 0)]);
    for name in ["", "^t.*", "a\0b"] {
        assert!(matches!(consumer.subscribe(&[name]), Err(ConsumerError::Topic { .. })), "{name:?}");
    }
}

#[test]
fn health_tells_how_far_each_partition_has_been_read() {
    let broker = cluster(&[("t", 1)]);
    fill(&broker, "t", 0, &[b"a", b"b", b"c"]);
    let consumer = consumer(&broker, "g");
    consumer.assign(&[(at("t", 0), StartAt::Offset(1))]).unwrap();
    let health = until(&consumer, |_| {
        let health = consumer.health();
        let read = health.partitions.first().is_some_and(|lag| lag.next == 3 && lag.records() == Some(0));
        (read && health.brokers_up == 1).then_some(health)
    });
    assert_eq!(health.brokers_known, 1);
    assert_eq!(health.partitions[0].at, at("t", 0));
    let behind = PartitionLag { next: 1, ..health.partitions[0].clone() };
    assert_eq!(behind.records(), Some(2));
}
