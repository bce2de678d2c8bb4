//! A record that is given up does not arrive later, and one that never left is known not to have.

use std::time::Duration;

use super::test_cluster::{PATIENCE, at, cluster, consumer, until};
use super::*;
use crate::http::Reach;

fn record(payload: &[u8]) -> Outgoing<'_> {
    Outgoing { topic: "t", payload: Some(payload), ..Outgoing::default() }
}

#[test]
fn records_are_confirmed_one_by_one_by_one_producer() {
    let broker = cluster(&[("t", 1)]);
    let mut sender = KafkaSender::new(&KafkaSettings::default(), broker.bootstrap(), "test").unwrap();
    for offset in 0..3 {
        assert_eq!(sender.send(&record(b"x"), PATIENCE).unwrap(), Placed { partition: 0, offset });
    }
}

#[test]
fn brokers_that_are_away_have_nothing_and_get_nothing_later() {
    let broker = cluster(&[("t", 1)]);
    let mut sender = KafkaSender::new(&KafkaSettings::default(), broker.bootstrap(), "test").unwrap();
    sender.send(&record(b"first"), PATIENCE).unwrap();
    broker.down().unwrap();
    let error = sender.send(&record(b"given up"), Duration::from_millis(600)).unwrap_err();
    assert_eq!(error.reach(), Reach::NotSent, "{error}");
    broker.up().unwrap();
    assert_eq!(sender.send(&record(b"second"), PATIENCE).unwrap().offset, 1);
    let consumer = consumer(&broker, "g");
    consumer.assign(&[(at("t", 0), StartAt::Beginning)]).unwrap();
    let mut came = Vec::new();
    until(&consumer, |polled| match polled {
        Polled::Record(record) => {
            came.push(record.payload().unwrap().to_vec());
            None
        }
        Polled::PartitionEof { .. } => Some(()),
        _ => None,
    });
    assert_eq!(came, [b"first".to_vec(), b"second".to_vec()]);
}

#[test]
fn settings_that_cannot_work_are_said_before_anything_is_sent() {
    let refused = KafkaSender::new(&KafkaSettings::default(), "kafka.example:9092", "test").unwrap_err();
    assert!(matches!(refused, KafkaSetupError::Insecure { .. }), "{refused}");
}
