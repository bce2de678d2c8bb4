//! A watch that ends and goes on, and a broker that dies under it, change no finding.

use crate::kafka::logs::{Logs, Shape};
use crate::kafka::watch::{PATIENCE, Watch, plain};
use crate::parts::broker::{KafkaBroker, KafkaOptions};
use crate::parts::process::Signal;
use crate::parts::until;

const SHAPE: Shape = Shape { seed: 2, days: 16, packages: 8, partitions: 2 };

/// Three topics named after a test, empty.
fn topics(broker: &KafkaBroker, prefix: &str) -> [String; 3] {
    let names = ["tags", "signatures", "pulls"].map(|kind| format!("{prefix}-{kind}"));
    names.iter().for_each(|name| broker.create_topic(name, 2, &[]));
    names
}

fn produce(broker: &KafkaBroker, names: &[String; 3], logs: &Logs) {
    for (name, messages) in names.iter().zip([&logs.tags, &logs.signatures, &logs.pulls]) {
        broker.produce(name, messages);
    }
}

fn watch_of(broker: &KafkaBroker, names: &[String; 3], group: &str) -> Watch {
    let names = names.each_ref().map(String::as_str);
    Watch::new(&plain(broker, group), &[("feeds", &names[..2]), ("proxy", &names[2..])])
}

#[test]
fn a_second_run_goes_on_where_the_first_one_ended() {
    let broker = KafkaBroker::shared();
    let names = topics(broker, "again");
    let (before, after) = Logs::new(SHAPE).halves(SHAPE);
    produce(broker, &names, &before);
    let watch = watch_of(broker, &names, "again");
    watch.run_to_the_end();
    let first = watch.findings();

    produce(broker, &names, &after);
    let errors = watch.run_to_the_end();
    let rest = after.tags.len() + after.signatures.len() + after.pulls.len();
    let all = watch.assert_equal_to_replay(broker);
    assert!(first > 0 && all > first, "{first} findings, then {all}");
    // Only what waited for its turn is read again.
    let read: usize =
        errors.lines().find_map(|line| line.split_once(" records read")).unwrap().0.parse().unwrap();
    assert!((rest..=rest + 100).contains(&read), "{read} records read, {rest} were new");
}

#[test]
fn a_run_without_news_adds_nothing() {
    let broker = KafkaBroker::shared();
    let names = topics(broker, "nothing");
    produce(broker, &names, &Logs::new(SHAPE));
    let watch = watch_of(broker, &names, "nothing");
    watch.run_to_the_end();
    let first = watch.findings();
    let errors = watch.run_to_the_end();
    assert!(errors.contains("0 records read, 0 of them unreadable; 0 findings"), "{errors}");
    assert_eq!(watch.findings(), first);
    watch.assert_equal_to_replay(broker);
}

#[test]
fn a_broker_that_is_killed_under_a_run_changes_no_finding() {
    let mut broker = KafkaBroker::start(KafkaOptions::default());
    let names = topics(&broker, "killed");
    let (before, after) = Logs::new(SHAPE).halves(SHAPE);
    produce(&broker, &names, &before);
    let watch = watch_of(&broker, &names, "killed");
    let mut run = watch.start(&[]);
    until("the first findings", PATIENCE, || (watch.findings() > 0).then_some(()));
    broker.kill_hard();
    broker.restart();
    produce(&broker, &names, &after);
    until("the end of the logs", PATIENCE, || watch.is_caught_up(&broker).then_some(()));
    run.signal(Signal::Terminate);
    assert_eq!(run.wait(PATIENCE), 0, "{}", run.errors());
    watch.assert_equal_to_replay(&broker);
}
