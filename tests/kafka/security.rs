//! Brokers that ask who we are, refuse us, or are not there: said plainly, never in silence.

use std::time::{Duration, Instant};

use crate::kafka::logs::{Logs, Shape};
use crate::kafka::watch::{PATIENCE, Watch, plain};
use crate::parts::broker::{KafkaBroker, READER, Right, User};
use crate::parts::process::Signal;
use crate::parts::{free_port, until};

/// How long a refused run may take with `--no-wait`: 10 s of patience, and a busy machine.
const REFUSED_WITHIN: Duration = Duration::from_secs(40);

/// The `[kafka]` table for the listener with TLS and SCRAM.
fn secured(broker: &KafkaBroker, group: &str, user: User) -> String {
    format!(
        "brokers = {:?}
group = {group:?}
[kafka.client.overrides]
\"broker.address.family\" = \"v4\"
[kafka.client.security]
protocol = \"sasl_ssl\"
ca = {:?}
[kafka.client.security.login]
mechanism = \"SCRAM-SHA-512\"
user = {:?}
password = \"env:SEALWATCH_TEST_PASSWORD\"
",
        broker.external_bootstrap(),
        broker.ca_pem(),
        user.name,
    )
}

/// A refusal with `--no-wait`: exit code 4 in bounded time, and the reason on standard error.
fn check_refused(kafka: &str, topic: &str, reason: &str) {
    let watch = Watch::new(kafka, &[("feeds", &[topic])]);
    let started = Instant::now();
    let ended = watch.run(&["--no-wait", "--until-caught-up"]);
    assert_eq!(ended.code, 4, "{}", ended.errors);
    assert!(ended.errors.contains(reason), "nothing of `{reason}` in: {}", ended.errors);
    assert!(started.elapsed() < REFUSED_WITHIN, "it took {:?}", started.elapsed());
}

#[test]
fn topics_are_read_over_tls_after_a_login() {
    let broker = KafkaBroker::shared();
    let logs = Logs::new(Shape { seed: 3, days: 16, packages: 6, partitions: 2 });
    broker.create_topic("secured", 2, &[]);
    broker.produce("secured", &logs.tags);
    broker.allow(READER, &[Right::Read("secured"), Right::Join("secured.feeds")]);
    let watch = Watch::new(&secured(broker, "secured", READER), &[("feeds", &["secured"])]);
    let errors = watch.run_to_the_end();
    assert!(errors.contains(&format!("{} records read", logs.tags.len())), "{errors}");
    watch.assert_equal_to_replay(broker);
}

#[test]
fn a_topic_that_we_may_not_read_is_told() {
    let broker = KafkaBroker::shared();
    broker.create_topic("not-for-us", 1, &[]);
    broker.allow(READER, &[Right::Join("not-for-us.feeds")]);
    check_refused(&secured(broker, "not-for-us", READER), "not-for-us", "uthoriz");
}

#[test]
fn a_group_that_we_may_not_join_is_told() {
    let broker = KafkaBroker::shared();
    broker.create_topic("no-group", 1, &[]);
    broker.allow(READER, &[Right::Read("no-group")]);
    check_refused(&secured(broker, "no-group", READER), "no-group", "roup authorization failed");
}

#[test]
fn a_login_that_is_not_taken_is_told() {
    let broker = KafkaBroker::shared();
    // The variable holds the password of another user.
    let kafka = secured(broker, "no-login", crate::parts::broker::STRANGER);
    check_refused(&kafka, "no-login", "uthentication failed");
}

#[test]
fn brokers_that_are_away_end_a_run_that_may_not_wait() {
    let kafka = format!("brokers = \"127.0.0.1:{}\"\ngroup = \"away\"\n", free_port());
    check_refused(&kafka, "away", "waiting for the brokers");
}

#[test]
fn brokers_that_are_away_are_waited_for_until_the_run_is_told_to_end() {
    let kafka = format!("brokers = \"127.0.0.1:{}\"\ngroup = \"away\"\n", free_port());
    let watch = Watch::new(&kafka, &[("feeds", &["away"])]);
    let mut run = watch.start(&[]);
    let told = || run.errors().contains("waiting for the brokers").then_some(());
    until("word that it waits", PATIENCE, told);
    run.signal(Signal::Terminate);
    assert_eq!(run.wait(PATIENCE), 0, "{}", run.errors());
}

#[test]
fn a_topic_that_is_not_there_is_told() {
    check_refused(&plain(KafkaBroker::shared(), "missing"), "no-such-topic", "no-such-topic");
}
