//! A storm: thousands of findings in a minute, from their commit on, for a Slack channel that takes one message a
//! second. What is critical comes through within a minute, the rest in digests that link to the list, nothing is
//! dropped, and memory does not grow with it.

use std::collections::BTreeSet;

use detectors::finding::Severity;
use store::DeliveryStateKind::{Delivered, Folded};
use store::{DeliveryFilter, DeliveryState, Page, Purpose};

use super::house::{House, until};
use crate::receivers::fake_server::FakeServer;

/// How many findings there are in a minute, each an incident of its own: in `make test`, and with `SEALWATCH_FULL=1`.
const FLOOD: usize = 2_000;
const FULL_FLOOD: usize = 10_000;
/// How many of them are critical.
const CRITICAL: usize = 40;
/// How many seconds the storm lasts.
const SECONDS: usize = 60;
const SECOND: i64 = 1_000_000_000;
/// By how much the process may grow in the second half of the storm, in MiB: caches that fill, not the storm.
const GROWTH_MAX: u64 = 24;

/// The storm's next second, as the pipeline commits it.
fn second(number: usize, flood: usize) -> impl Iterator<Item = (String, Severity)> {
    let of_second = |second: usize| second * flood / SECONDS;
    (of_second(number)..of_second(number + 1)).map(move |n| {
        let severity = if n % (flood / CRITICAL) == 0 { Severity::Critical } else { Severity::High };
        (format!("pkg:npm/p{n}"), severity)
    })
}

/// What this process holds in memory, in MiB.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1_024
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_critical_is_told_within_a_minute_and_the_rest_in_digests() {
    let full = std::env::var_os("SEALWATCH_FULL").is_some_and(|set| set == "1");
    let flood = if full { FULL_FLOOD } else { FLOOD };
    let server = FakeServer::answering(200, "ok").await;
    let house = House::new(&[]).slack("chat", &server).alerting("public_url = 'https://watch.example'");
    let at_work = house.start().await;
    let started = house.now();
    let (mut sent, mut memory) = (0, Vec::new());
    for number in 0..SECONDS {
        house.commit_each(&at_work.store, second(number, flood));
        house.advance(&at_work, 1);
        // The clock waits until what came is routed and a message has left, so that the storm is as fast as it says.
        sent += 1;
        until("the second's message", || {
            at_work.store.reader().to_route(1).unwrap().is_empty()
                && (server.arrived().len() >= sent || at_work.is_calm("chat", house.now()))
        })
        .await;
        sent = server.arrived().len();
        if number % 10 == 9 {
            memory.push(resident());
        }
    }
    until("the end of the storm", || {
        house.advance(&at_work, 1);
        at_work.is_idle_in("chat")
    })
    .await;

    let all =
        at_work.store.reader().deliveries(&DeliveryFilter::default(), Page::first(flood as u32 * 2)).unwrap();
    let digests: BTreeSet<_> =
        all.iter().filter(|message| message.purpose == Purpose::Digest).map(|message| message.id).collect();
    let (mut critical, mut folded, mut single, mut slowest) = (0, 0, 0, 0);
    for message in all.iter().filter(|message| message.purpose == Purpose::News) {
        match (&message.state, message.severity) {
            (DeliveryState::Delivered { at }, Severity::Critical) => {
                let waited = at - message.queued_at;
                slowest = waited.max(slowest);
                assert!(waited <= 60 * SECOND, "a critical message waited {} s", waited / SECOND);
                critical += 1;
            }
            (DeliveryState::Delivered { .. }, _) => single += 1,
            (DeliveryState::Folded { digest, .. }, Severity::High) => {
                assert!(digests.contains(&digest.unwrap()), "{message:?}");
                folded += 1;
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((critical, critical + folded + single), (CRITICAL, flood), "nothing is dropped");
    assert!(all.iter().all(|message| matches!(message.state.kind(), Delivered | Folded)));
    let told = server.arrived();
    assert_eq!(told.len(), critical + single + digests.len(), "each message once");
    let took = (house.now() - started) / SECOND;
    assert!(i64::try_from(told.len()).unwrap() <= took + 5, "{} messages in {took} s", told.len());
    let digest = told
        .iter()
        .map(|message| String::from_utf8_lossy(&message.body))
        .find(|body| body.contains("came faster than this receiver"));
    assert!(digest.unwrap().contains("https://watch.example/incidents"), "a digest links to the list");
    eprintln!(
        "storm: {flood} findings, {critical} critical alone (the slowest after {} s), {folded} in {} digests, {single} \
         others alone, {took} s by the clock; memory every 10 s in MiB: {memory:?}",
        slowest / SECOND,
        digests.len()
    );
    let (half, end) = (memory[memory.len() / 2 - 1], memory[memory.len() - 1]);
    assert!(end <= half + GROWTH_MAX, "memory grows with the storm: {memory:?} MiB");
}
