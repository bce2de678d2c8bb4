//! The source and a cluster inside the process: records, ends, restarts, losses.

use std::collections::BTreeMap;
use std::time::Instant;

use transport::kafka::{KafkaProducer, MockBroker, Outgoing};

use super::*;

/// How long any single condition may take; a healthy machine needs a second or two.
const PATIENCE: Duration = Duration::from_secs(60);

fn cluster(topics: &[(&str, i32)]) -> MockBroker {
    let broker = MockBroker::start().unwrap();
    for (topic, partitions) in topics {
        broker.create_topic(topic, *partitions).unwrap();
    }
    broker
}

fn fill(broker: &MockBroker, topic: &str, partition: i32, payloads: &[&[u8]]) {
    let producer = KafkaProducer::new(&KafkaSettings::default(), broker.bootstrap(), "test").unwrap();
    for (ticket, payload) in payloads.iter().enumerate() {
        let record = Outgoing {
            topic,
            partition: Some(partition),
            key: Some(b"k"),
            payload: Some(payload),
            headers: &[("h", b"v")],
            time_ms: Some(1_778_527_239_000),
        };
        producer.send(&record, ticket).unwrap();
    }
    let delivered = producer.flush(PATIENCE).unwrap();
    assert!(delivered.iter().all(|delivery| delivery.outcome.is_ok()), "{delivered:?}");
}

fn source(broker: &MockBroker, group: &str, topics: &[&str], starts: &[(&str, i32, i64)]) -> KafkaSource {
    let settings = KafkaSourceSettings {
        source: "s".to_owned(),
        topics: topics.iter().map(|topic| (*topic).to_owned()).collect(),
        bootstrap: broker.bootstrap().to_owned(),
        group: group.to_owned(),
        client_id: "test".to_owned(),
        client: KafkaSettings::default(),
        start: StartPolicy::Beginning,
    };
    let id = |stream: &str, partition| {
        Arc::new(PartitionId { source: "s".into(), stream: stream.into(), partition })
    };
    let known: BTreeMap<_, _> =
        starts.iter().map(|(stream, partition, next)| (id(stream, *partition), NextOffset(*next))).collect();
    KafkaSource::join(settings, Box::new(known)).unwrap()
}

/// Polls until the lines seen so far are what is wanted, and gives them back.
fn until(source: &mut KafkaSource, wanted: impl Fn(&[String]) -> bool) -> Vec<String> {
    let deadline = Instant::now() + PATIENCE;
    let mut seen = Vec::new();
    while !wanted(&seen) {
        assert!(Instant::now() < deadline, "what was wanted did not come: {seen:#?}");
        source.poll(100, Duration::from_millis(20), &mut |item| seen.push(line_of(&item))).unwrap();
    }
    seen
}

fn line_of(item: &Item<'_>) -> String {
    match item {
        Item::Record(record) => {
            let headers: Vec<_> = record.headers.iter().map(|(name, _)| *name).collect();
            let text = String::from_utf8_lossy(record.bytes());
            format!("{}@{} {text} {headers:?} {:?}", record.partition, record.offset, record.timestamp_ms)
        }
        Item::Oversize(record) => format!("{}@{} oversize {}", record.partition, record.offset, record.size),
        Item::Assigned(id, from) => format!("assigned {id} from {}", from.0),
        Item::EndOfPartition(id, next) => format!("end of {id} at {}", next.0),
        Item::DataLost(loss) => format!("{} lost from {}", loss.partition, loss.wanted.0),
        other => format!("{other:?}"),
    }
}

fn ends(seen: &[String]) -> usize {
    seen.iter().filter(|line| line.starts_with("end of")).count()
}

#[test]
fn records_come_with_all_that_belongs_to_them_up_to_the_end() {
    let broker = cluster(&[("t", 1)]);
    fill(&broker, "t", 0, &[b"a", b"b"]);
    let mut source = source(&broker, "g", &["t"], &[]);
    let expected = [
        "assigned s/t[0] from 0",
        "s/t[0]@0 a [\"h\"] Some(1778527239000)",
        "s/t[0]@1 b [\"h\"] Some(1778527239000)",
        "end of s/t[0] at 2",
    ];
    assert_eq!(until(&mut source, |seen| ends(seen) == 1), expected);
    fill(&broker, "t", 0, &[b"c"]);
    let more = until(&mut source, |seen| ends(seen) == 1);
    assert_eq!(more, ["s/t[0]@2 c [\"h\"] Some(1778527239000)", "end of s/t[0] at 3"]);
}

#[test]
fn a_restart_goes_on_where_the_store_says_and_not_where_the_group_does() {
    let broker = cluster(&[("t", 2)]);
    fill(&broker, "t", 0, &[b"a", b"b", b"c"]);
    fill(&broker, "t", 1, &[b"x", b"y"]);
    let mut first = source(&broker, "g", &["t"], &[]);
    until(&mut first, |seen| ends(seen) == 2);
    let id = |partition| Arc::new(PartitionId { source: "s".into(), stream: "t".into(), partition });
    first.committed(&[(id(0), NextOffset(3)), (id(1), NextOffset(2))]);
    drop(first);
    let mut second = source(&broker, "g", &["t"], &[("t", 0, 1), ("t", 1, 2)]);
    let mut seen = until(&mut second, |seen| ends(seen) == 2);
    seen.retain(|line| line.contains('@') || line.starts_with("assigned"));
    seen.sort();
    let expected = [
        "assigned s/t[0] from 1",
        "assigned s/t[1] from 2",
        "s/t[0]@1 b [\"h\"] Some(1778527239000)",
        "s/t[0]@2 c [\"h\"] Some(1778527239000)",
    ];
    assert_eq!(seen, expected);
}

#[test]
fn a_start_that_does_not_exist_is_a_loss_and_goes_on_when_an_operator_says_so() {
    let broker = cluster(&[("t", 1)]);
    fill(&broker, "t", 0, &[b"a"]);
    let mut source = source(&broker, "g", &["t"], &[("t", 0, 1_000)]);
    let lost = "s/t[0] lost from 1000".to_owned();
    until(&mut source, |seen| seen.contains(&lost));
    let id = PartitionId { source: "s".into(), stream: "t".into(), partition: 0 };
    source.accept_data_loss(&id, ResumeAt::Oldest).unwrap();
    let seen = until(&mut source, |seen| ends(seen) == 1);
    let expected = ["assigned s/t[0] from 0", "s/t[0]@0 a [\"h\"] Some(1778527239000)", "end of s/t[0] at 1"];
    assert_eq!(seen, expected);
    assert!(source.accept_data_loss(&id, ResumeAt::Oldest).is_err());
}

#[test]
fn brokers_that_are_away_are_trouble_and_reading_goes_on_when_they_are_back() {
    let broker = cluster(&[("t", 1)]);
    fill(&broker, "t", 0, &[b"a"]);
    let mut source = source(&broker, "g", &["t"], &[]);
    until(&mut source, |seen| ends(seen) == 1);
    broker.down().unwrap();
    until(&mut source, |seen| seen.iter().any(|line| line.starts_with("Trouble")));
    broker.up().unwrap();
    fill(&broker, "t", 0, &[b"b"]);
    until(&mut source, |seen| seen.iter().any(|line| line.starts_with("s/t[0]@1 b")));
}

#[test]
fn nothing_comes_of_a_poll_of_no_records() {
    let broker = cluster(&[("t", 1)]);
    let mut source = source(&broker, "g", &["t"], &[]);
    until(&mut source, |seen| ends(seen) == 1);
    assert_eq!(source.poll(0, PATIENCE, &mut |_| ()).unwrap(), Polled::Nothing);
    assert_eq!(source.poll(10, Duration::ZERO, &mut |_| ()).unwrap(), Polled::Nothing);
}

#[test]
fn a_consumer_that_fails_for_good_is_replaced_and_not_for_ever() {
    let broker = cluster(&[("t", 1)]);
    fill(&broker, "t", 0, &[b"a"]);
    let mut source = source(&broker, "g", &["t"], &[]);
    until(&mut source, |seen| ends(seen) == 1);
    let restart = |source: &mut KafkaSource| {
        let mut seen = Vec::new();
        let result = source.restart("fenced".to_owned(), &mut |item| seen.push(format!("{item:?}")));
        (result, seen)
    };
    let (result, seen) = restart(&mut source);
    result.unwrap();
    assert!(seen[0].starts_with("Lost(") && seen[1].contains("is started anew: fenced"), "{seen:?}");
    let again = until(&mut source, |seen| ends(seen) == 1);
    assert_eq!(again[0], "assigned s/t[0] from 0", "the store is asked again, not the old consumer");
    assert_eq!(source.restarts, 0, "a record pardons the restarts before it");
    for _ in 0..MAX_FRUITLESS_RESTARTS {
        restart(&mut source).0.unwrap();
    }
    let error = restart(&mut source).0.unwrap_err().to_string();
    assert_eq!(error, "could not keep a Kafka consumer alive, 5 restarts brought no record: fenced");
}
