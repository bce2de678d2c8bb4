//! The consumer and its group: partitions come, go, are lost, and nobody hangs.

use std::collections::BTreeSet;
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

use super::test_cluster::{PATIENCE, at, cluster, consumer, fill, join, until};
use super::*;

/// Lets both members talk to the group until one of them is told something of interest.
fn serve_both<T>(
    one: &KafkaConsumer,
    other: &KafkaConsumer,
    mut wanted: impl FnMut(bool, Polled<'_>) -> Option<T>,
) -> T {
    until(one, |polled| wanted(true, polled).or_else(|| wanted(false, other.poll(Duration::from_millis(5)))))
}

#[test]
fn partitions_are_handed_over_one_by_one_and_back() {
    let broker = cluster(&[("t", 4)]);
    let first = consumer(&broker, "g");
    let all: BTreeSet<_> = join(&first, &["t"]).into_iter().collect();
    assert_eq!(all.len(), 4);

    let second = consumer(&broker, "g");
    second.subscribe(&["t"]).unwrap();
    let mut moved = BTreeSet::new();
    let given = serve_both(&first, &second, |is_first, polled| {
        match polled {
            Polled::Revoked(partitions) if is_first => {
                first.unassign(&partitions).unwrap();
                moved.extend(partitions);
            }
            Polled::Assigned(partitions) if !is_first => return Some(partitions),
            _ => {}
        }
        None
    });
    assert_eq!(given.iter().cloned().collect::<BTreeSet<_>>(), moved);
    assert_eq!(moved.len(), 2, "the others never stopped");

    // A member may assign what is its own, and nothing else.
    let foreign = all.iter().find(|at| !moved.contains(at)).unwrap();
    let error = second.assign(&[(foreign.clone(), StartAt::Offset(0))]).unwrap_err();
    assert!(matches!(error, ConsumerError::NotGranted { .. }));
    for at in &given {
        second.assign(&[(at.clone(), StartAt::Offset(0))]).unwrap();
    }

    assert_eq!(second.close(PATIENCE), Closed::Left);
    let back = until(&first, |polled| match polled {
        Polled::Assigned(partitions) => Some(partitions),
        _ => None,
    });
    assert_eq!(back.into_iter().collect::<BTreeSet<_>>(), moved);
}

#[test]
fn other_partitions_flow_while_a_new_one_is_still_loading() {
    let broker = cluster(&[("t", 2)]);
    let consumer = consumer(&broker, "g");
    consumer.subscribe(&["t"]).unwrap();
    let given = until(&consumer, |polled| match polled {
        Polled::Assigned(given) => Some(given),
        _ => None,
    });
    assert_eq!(given.len(), 2);
    consumer.assign(&[(at("t", 0), StartAt::Offset(0))]).unwrap();
    fill(&broker, "t", 0, &[b"a"]);
    fill(&broker, "t", 1, &[b"b"]);
    let place = until(&consumer, |polled| match polled {
        Polled::Record(record) => Some((record.partition(), record.offset())),
        _ => None,
    });
    assert_eq!(place, (0, 0));
    consumer.assign(&[(at("t", 1), StartAt::Offset(0))]).unwrap();
    let place = until(&consumer, |polled| match polled {
        Polled::Record(record) => Some((record.partition(), record.offset())),
        _ => None,
    });
    assert_eq!(place, (1, 0));
}

#[test]
fn leaving_gives_everything_back_and_a_member_can_join_afresh() {
    let broker = cluster(&[("t", 2)]);
    let consumer = consumer(&broker, "g");
    let given = join(&consumer, &["t"]);
    consumer.unsubscribe();
    let back = until(&consumer, |polled| match polled {
        Polled::Revoked(back) => Some(back),
        _ => None,
    });
    assert_eq!(back, given);
    consumer.unassign(&back).unwrap();
    assert!(consumer.health().partitions.is_empty());
    assert_eq!(join(&consumer, &["t"]), given);
}

#[test]
fn partitions_that_were_never_assigned_can_be_given_back() {
    let broker = cluster(&[("t", 2)]);
    let consumer = consumer(&broker, "g");
    consumer.subscribe(&["t"]).unwrap();
    let given = until(&consumer, |polled| match polled {
        Polled::Assigned(given) => Some(given),
        _ => None,
    });
    // One of the two has loaded its state when the group wants both back.
    consumer.assign(&[(given[0].clone(), StartAt::Offset(0))]).unwrap();
    consumer.unsubscribe();
    let back = until(&consumer, |polled| match polled {
        Polled::Revoked(back) => Some(back),
        _ => None,
    });
    assert_eq!(back.len(), 2);
    let error = consumer.assign(&[(given[1].clone(), StartAt::Offset(0))]).unwrap_err();
    assert!(matches!(error, ConsumerError::NotGranted { .. }), "it came too late");
    consumer.unassign(&back).unwrap();
    assert_eq!(join(&consumer, &["t"]).len(), 2, "the group went on");
}

#[test]
fn closing_never_hangs_whatever_was_left_undone() {
    let broker = cluster(&[("t", 2)]);
    let fresh = consumer(&broker, "fresh");
    assert_eq!(fresh.close(PATIENCE), Closed::Left);

    let joined = consumer(&broker, "joined");
    join(&joined, &["t"]);
    assert_eq!(joined.close(PATIENCE), Closed::Left);

    let unanswered = consumer(&broker, "unanswered");
    unanswered.subscribe(&["t"]).unwrap();
    until(&unanswered, |polled| matches!(polled, Polled::Assigned(_)).then_some(()));
    assert_eq!(unanswered.close(PATIENCE), Closed::Left);

    let dropped = consumer(&broker, "dropped");
    join(&dropped, &["t"]);
    drop(dropped);
    let successor = consumer(&broker, "dropped");
    assert_eq!(join(&successor, &["t"]).len(), 2, "the group was left at once");
}

#[test]
fn a_close_without_a_broker_keeps_its_deadline() {
    let broker = cluster(&[("t", 1)]);
    let consumer = consumer(&broker, "g");
    join(&consumer, &["t"]);
    broker.down().unwrap();
    let before = std::time::Instant::now();
    // Whether it can leave or not is the library's affair; that we do not wait for it is ours.
    consumer.close(Duration::from_millis(500));
    assert!(before.elapsed() < Duration::from_secs(5));
}

#[test]
fn reported_offsets_are_seen_by_others_and_never_used_by_us() {
    let broker = cluster(&[("t", 1)]);
    fill(&broker, "t", 0, &[b"a", b"b", b"c"]);
    let consumer = consumer(&broker, "g");
    join(&consumer, &["t"]);
    consumer.report_lag(&[(at("t", 0), 2)]);
    let onlooker: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", broker.bootstrap())
        .set("group.id", "g")
        .create()
        .unwrap();
    let committed = || {
        let mut list = TopicPartitionList::new();
        list.add_partition("t", 0);
        let list = onlooker.committed_offsets(list, PATIENCE).unwrap();
        list.find_partition("t", 0).unwrap().offset()
    };
    until(&consumer, |_| (committed() == Offset::Offset(2)).then_some(()));
    // Nothing is committed behind the caller's back when it leaves, although it has read to the end.
    assert_eq!(consumer.close(PATIENCE), Closed::Left);
    assert_eq!(committed(), Offset::Offset(2));
}

#[test]
fn a_bearer_token_that_has_expired_is_told_and_not_shown() {
    use std::io::Write as _;

    // The middle part reads {"exp":1600000000}.
    const EXPIRED: &str = "e30.eyJleHAiOjE2MDAwMDAwMDB9.canary";
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(EXPIRED.as_bytes()).unwrap();
    let toml = format!(
        "[security]\nprotocol = \"sasl_ssl\"\nca = \"system\"\n[security.login]\nmechanism = \"OAUTHBEARER\"\ntoken = \"file:{}\"",
        file.path().display()
    );
    let settings: KafkaSettings = toml::from_str(&toml).unwrap();
    let member = Member { bootstrap: "127.0.0.1:9", group: "g", client_id: "test" };
    let consumer = KafkaConsumer::new(&settings, member).unwrap();
    let reason = until(&consumer, |polled| match polled {
        Polled::NotAuthorised(reason) => Some(reason),
        _ => None,
    });
    assert!(reason.contains("it has expired") && !reason.contains("canary"), "{reason}");
}
