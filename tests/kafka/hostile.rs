//! Topics that lose records, and records that are made to hurt: what cannot be read is named, the rest goes on.

use std::collections::BTreeMap;
use std::io::Write as _;

use rdkafka::producer::{BaseProducer, BaseRecord, Producer};

use crate::kafka::watch::{PATIENCE, Watch, plain};
use crate::parts::broker::KafkaBroker;
use crate::parts::process::{Part, Signal};
use crate::parts::topics::Message;
use crate::parts::until;

/// Event times begin here, in milliseconds since 1970.
const START: i64 = 1_777_593_600_000;
/// The size of a record that unpacks to far more than it may: a broker stores some 64 KB of it.
const BOMB_BYTES: usize = 64 << 20;
/// What a watch that met the bomb may have needed at most: it is unpacked by the client, once, with its copy.
const BOMB_MEMORY_KIB: u64 = 512 << 10;

/// Records that can be read.
fn pulls(partition: i32, from: i64, count: i64) -> Vec<Message> {
    let pull = |number: i64| {
        let time = START + number * 1_000;
        let body = r#""type":"access","action":"pull","registry":"npm","artifact":{"purl":"pkg:npm/p"}"#;
        Message::new(partition, time, format!(r#"{{"time":{time},{body}}}"#))
    };
    (from..from + count).map(pull).collect()
}

/// Writes one record that the usual producer would refuse.
fn produce_large(broker: &KafkaBroker, topic: &str, compression: &str, value: &[u8]) {
    let mut config = broker.client();
    config.set("message.max.bytes", "200000000").set("compression.type", compression);
    config.set("queue.buffering.max.kbytes", "400000");
    let producer: BaseProducer = config.create().unwrap();
    let record = BaseRecord::<[u8], [u8]>::to(topic).partition(0).timestamp(START).payload(value);
    producer.send(record).map_err(|(error, _)| error).unwrap();
    producer.flush(PATIENCE).unwrap();
    let (_, end) = broker.watermarks(topic, 0);
    assert!(end > 0, "the broker did not take the record");
}

/// The most memory that a process has had, in KiB.
fn peak_memory(part: &Part) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", part.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

fn reasons(expected: &[(&str, u64)]) -> BTreeMap<String, u64> {
    expected.iter().map(|(reason, count)| ((*reason).to_owned(), *count)).collect()
}

#[test]
fn retention_that_overtook_us_is_told_and_stops_its_partition_alone() {
    let broker = KafkaBroker::shared();
    broker.create_topic("overtaken", 2, &[]);
    (0..2).for_each(|partition| broker.produce("overtaken", &pulls(partition, 0, 100)));
    let watch = Watch::new(&plain(broker, "overtaken"), &[("proxy", &["overtaken"])]);
    watch.run_to_the_end();

    (0..2).for_each(|partition| broker.produce("overtaken", &pulls(partition, 100, 100)));
    broker.delete_records("overtaken", 0, 150);
    for run in 0..2 {
        let errors = watch.run_to_the_end();
        assert!(errors.contains("data lost on proxy/overtaken[0]"), "run {run}: {errors}");
        let lost = watch.partition("proxy", "overtaken", 0).unwrap();
        assert_eq!(lost["state"]["state"], "data-lost", "run {run}: {lost}");
        assert_eq!(lost["state"]["oldest"], 150, "run {run}: {lost}");
        assert!(lost["state"]["wanted"].as_i64().unwrap() <= 100, "run {run}: {lost}");
        assert_eq!(watch.partition("proxy", "overtaken", 1).unwrap()["next"], 200, "run {run}");
    }
}

#[test]
fn a_record_beyond_the_limit_is_a_dead_letter_and_the_stream_goes_on() {
    let broker = KafkaBroker::shared();
    broker.create_topic("oversize", 1, &[("max.message.bytes", "10000000")]);
    produce_large(broker, "oversize", "none", &vec![b'x'; 2_000_000]);
    broker.produce("oversize", &pulls(0, 0, 10));
    let watch = Watch::new(&plain(broker, "oversize"), &[("proxy", &["oversize"])]);
    let errors = watch.run_to_the_end();
    assert!(errors.contains("11 records read, 1 of them unreadable"), "{errors}");
    assert_eq!(watch.dead_letters(), reasons(&[("oversize", 1)]));
}

#[test]
fn a_record_that_unpacks_to_far_more_than_it_may_does_not_end_the_watch() {
    let broker = KafkaBroker::shared();
    broker.create_topic("bomb", 2, &[]);
    produce_large(broker, "bomb", "gzip", &vec![0; BOMB_BYTES]);
    broker.produce("bomb", &pulls(0, 0, 10));
    broker.produce("bomb", &pulls(1, 0, 10));
    let watch = Watch::new(&plain(broker, "bomb"), &[("proxy", &["bomb"])]);
    let mut run = watch.start(&[]);
    until("both partitions' ends", PATIENCE, || {
        assert_eq!(run.ended(), None, "{}", run.errors());
        watch.is_caught_up(broker).then_some(())
    });
    let peak = peak_memory(&run);
    run.signal(Signal::Terminate);
    assert_eq!(run.wait(PATIENCE), 0, "{}", run.errors());
    assert_eq!(watch.dead_letters(), reasons(&[("oversize", 1)]));
    assert!(peak < BOMB_MEMORY_KIB, "{peak} KiB");
}

#[test]
fn records_that_cannot_be_read_are_counted_by_their_reasons() {
    let broker = KafkaBroker::shared();
    broker.create_topic("unreadable", 1, &[]);
    let mut deep = Vec::new();
    deep.write_all(b"{\"a\":").unwrap();
    deep.extend(std::iter::repeat_n(b'[', 100_000));
    deep.extend(std::iter::repeat_n(b']', 100_000));
    deep.push(b'}');
    let truncated = br#"{"time":1777593600000,"type":"access","registry":"np"#;
    let kinds: [(&str, u64, Option<&[u8]>); 5] = [
        ("invalid-utf8", 3, Some(b"{\"type\":\"access\",\"registry\":\"\xff\xfe\"}")),
        ("truncated-json", 4, Some(truncated)),
        ("too-deep", 2, Some(&deep)),
        ("invalid-json", 5, Some(b"{ not json")),
        ("empty-record", 1, None),
    ];
    let mut messages = pulls(0, 0, 20);
    for (_, count, value) in kinds {
        let message = Message { value: value.map(<[u8]>::to_vec), ..Message::tombstone(0, START) };
        messages.extend((0..count).map(|_| message.clone()));
    }
    messages.extend(pulls(0, 20, 20));
    broker.produce("unreadable", &messages);
    let watch = Watch::new(&plain(broker, "unreadable"), &[("proxy", &["unreadable"])]);
    let errors = watch.run_to_the_end();
    assert!(errors.contains("55 records read, 15 of them unreadable"), "{errors}");
    let expected: Vec<_> = kinds.iter().map(|(reason, count, _)| (*reason, *count)).collect();
    assert_eq!(watch.dead_letters(), reasons(&expected));
}
