//! Promise 2 under fire: a dispatcher that is killed again and again, and a receiver that answers as it likes.

use std::collections::BTreeMap;
use std::time::Duration;

use detectors::finding::Severity;
use detectors::incident::TransitionReason::{Escalated, Opened};
use store::DeliveryStateKind::{Delivered, Folded, Queued};
use transport::Jitter;

use super::house::{House, fine, until};
use crate::dispatcher::LEASE;
use crate::receivers::fake_server::{Act, Arrived, FakeServer, reply};

/// How many times the dispatcher is killed.
const CRASHES: u64 = 25;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_and_no_repeat_is_unmarked_whenever_it_is_killed() {
    let mut dice = Jitter::seeded(7);
    let mut below =
        |limit: u64| dice.between(Duration::ZERO, Duration::from_nanos(limit - 1)).as_nanos() as u64;
    let server = FakeServer::start([fine()]).await;
    // More than a day passes: what nobody takes up would be told again.
    let house = House::new(&[("soc", &server)]).alerting("repeat_minutes = 0");
    for crash in 0..CRASHES {
        let acts = [fine(), Act::Say(reply(503, "", "")), Act::Drop, Act::Hang, Act::Say(reply(429, "", ""))];
        let acts: Vec<_> = (0..4).map(|_| acts[below(5) as usize].clone()).chain([fine()]).collect();
        server.act(acts);
        let at_work = house.start().await;
        house.commit_of(&at_work.store, &format!("pkg:npm/p{crash}"), Severity::Critical, Opened);
        house.advance(&at_work, LEASE.as_secs() + 3_600);
        let seen = server.arrived().len() as u64 + below(3);
        until("some requests", || {
            house.let_time_pass(&at_work);
            server.arrived().len() as u64 >= seen || at_work.is_idle()
        })
        .await;
        for _ in 0..below(200) {
            tokio::task::yield_now().await;
        }
        at_work.kill().await;
    }
    server.act([fine()]);
    let at_work = house.start().await;
    house.advance(&at_work, LEASE.as_secs());
    until("everything is told", || {
        house.let_time_pass(&at_work);
        at_work.states().iter().all(|state| *state == Delivered)
    })
    .await;

    let mut by_id: BTreeMap<String, Vec<Arrived>> = BTreeMap::new();
    for arrived in server.arrived() {
        by_id.entry(arrived.header("webhook-id").unwrap().to_owned()).or_default().push(arrived);
    }
    let told: Vec<_> = at_work.deliveries().into_iter().map(|delivery| delivery.delivery_id).collect();
    assert_eq!(told.len() as u64, CRASHES, "each incident has its message");
    let mut repeats = 0;
    for id in told {
        let attempts = &by_id[&id];
        assert!(attempts.iter().any(|attempt| attempt.act == fine()), "{id} was never taken");
        for (number, attempt) in attempts.iter().enumerate().skip(1) {
            let refused =
                |earlier: &Arrived| matches!(&earlier.act, Act::Say(reply) if !reply.contains(" 200 "));
            let may_be_second = !attempts[..number].iter().all(refused);
            let marked = String::from_utf8_lossy(&attempt.body).contains("\"possible_repeat\":true");
            assert!(marked || !may_be_second, "attempt {number} of {id} is an unmarked repeat");
            repeats += usize::from(may_be_second);
        }
    }
    assert!(repeats > 0, "the test has seen no repeat at all, so it has proved nothing about marks");
}

#[tokio::test]
async fn a_crash_between_taking_over_and_deciding_queues_nothing_twice() {
    let server = FakeServer::start([fine()]).await;
    let house = House::new(&[("soc", &server)]);
    let store = house.open().await;
    let dispatcher = house.dispatcher(store.clone());
    house.commit(&store, Severity::High, Opened);
    dispatcher.route_waiting().unwrap();
    house.commit(&store, Severity::Critical, Escalated);
    let row = store.reader().to_route(1).unwrap().remove(0);
    dispatcher.take_over_only(&row);
    assert_eq!(store.reader().to_route(10).unwrap().len(), 1, "the row still waits");
    drop((dispatcher, store));

    let at_work = house.start().await;
    at_work.until_states(&[Folded, Delivered]).await;
    assert!(!at_work.states().contains(&Queued));
    assert_eq!(server.arrived().len(), 1);
}
