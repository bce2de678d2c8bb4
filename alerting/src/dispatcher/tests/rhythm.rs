//! Who is told when: growth in its rhythm, each receiver for itself, never too many at a time.

use detectors::finding::Severity;
use detectors::incident::TransitionReason::{Escalated, Grew, Opened};
use store::DeliveryStateKind::{Dead, Delivered, Folded, Queued, Retry, Sending};
use store::RunId;

use super::house::{House, fine, kind_of, until};
use crate::dispatcher::{PER_RECEIVER_MAX, UNDER_WAY_MAX};
use crate::fixture;
use crate::receivers::fake_server::{Act, FakeServer, reply};

#[tokio::test]
async fn growth_is_told_in_its_rhythm_with_the_latest_state() {
    let server = FakeServer::start([fine()]).await;
    let house = House::new(&[("soc", &server)]);
    let at_work = house.start().await;
    house.commit(&at_work.store, Severity::Critical, Opened);
    at_work.waker.wake();
    at_work.until_states(&[Delivered]).await;
    house.commit(&at_work.store, Severity::Critical, Grew);
    at_work.waker.wake();
    at_work.until_states(&[Delivered, Queued]).await;
    house.commit(&at_work.store, Severity::Critical, Grew);
    at_work.waker.wake();
    let incident = fixture::npm_takeover().0.id;
    let decided = || at_work.store.reader().routing_decisions(&RunId::Live, &incident).unwrap();
    until("three decisions", || decided().iter().filter(|(_, decision)| decision.is_some()).count() == 3)
        .await;
    assert!(decided()[2].1.as_ref().unwrap().contains("\"fold\""));
    house.advance(&at_work, 300);
    at_work.until_states(&[Delivered, Delivered]).await;
    let arrived = server.arrived();
    assert_eq!(kind_of(&arrived[1].body), "incident.grew");
    assert!(String::from_utf8_lossy(&arrived[1].body).contains("6 so far"), "the second growth is in it");
}

#[tokio::test]
async fn an_escalation_takes_over_the_opening_that_nobody_heard() {
    let server = FakeServer::start([fine()]).await;
    let house = House::new(&[("soc", &server)]);
    let at_work = house.start().await;
    house.commit(&at_work.store, Severity::High, Opened);
    at_work.waker.wake();
    at_work.until_states(&[Queued]).await;
    house.commit(&at_work.store, Severity::Critical, Escalated);
    at_work.waker.wake();
    at_work.until_states(&[Folded, Delivered]).await;
    house.advance(&at_work, 10_000);
    at_work.stop().await;
    let arrived = server.arrived();
    assert_eq!(arrived.len(), 1);
    assert_eq!(kind_of(&arrived[0].body), "incident.opened");
}

#[tokio::test]
async fn no_more_than_four_are_under_way_to_one_receiver() {
    let server = FakeServer::start([Act::Hang]).await;
    let house = House::new(&[("soc", &server)]);
    let at_work = house.start().await;
    for number in 0..6 {
        house.commit_of(&at_work.store, &format!("pkg:npm/p{number}"), Severity::Critical, Opened);
    }
    at_work.waker.wake();
    server.wait_for(PER_RECEIVER_MAX).await;
    until("six messages", || at_work.states().len() == 6).await;
    let sending = at_work.states().iter().filter(|state| **state == Sending).count();
    assert_eq!((sending, server.arrived().len()), (PER_RECEIVER_MAX, PER_RECEIVER_MAX));
    at_work.kill().await;
}

#[tokio::test]
async fn one_receivers_failure_is_not_the_others() {
    let (good, bad) = (FakeServer::start([fine()]).await, FakeServer::answering(500, "").await);
    let house = House::new(&[("good", &good), ("bad", &bad)]);
    let at_work = house.start().await;
    house.commit(&at_work.store, Severity::Critical, Opened);
    at_work.waker.wake();
    let both = at_work.until_states(&[Retry, Delivered]).await;
    assert_eq!((both[0].receiver.as_str(), both[1].receiver.as_str()), ("bad", "good"));
    assert_ne!(both[0].delivery_id, both[1].delivery_id);
    bad.act([fine()]);
    house.advance(&at_work, 5);
    at_work.until_states(&[Delivered, Delivered]).await;
    assert_eq!((good.arrived().len(), bad.arrived().len()), (1, 2));
}

#[tokio::test]
async fn a_refused_message_is_dead_stays_dead_and_blocks_nobody() {
    let server = FakeServer::start([Act::Say(reply(409, "", "never")), fine()]).await;
    let house = House::new(&[("soc", &server)]);
    let at_work = house.start().await;
    house.commit(&at_work.store, Severity::Critical, Opened);
    at_work.waker.wake();
    at_work.until_states(&[Dead]).await;
    at_work.kill().await;
    let at_work = house.start().await;
    house.commit(&at_work.store, Severity::Critical, Escalated);
    house.advance(&at_work, 1_000_000);
    at_work.until_states(&[Dead, Delivered]).await;
    assert_eq!(server.arrived().len(), 2);
}

#[tokio::test]
async fn no_more_than_32_are_under_way_altogether() {
    let server = FakeServer::start([Act::Hang]).await;
    let names: Vec<_> = (0..9).map(|number| format!("r{number}")).collect();
    let servers: Vec<_> = names.iter().map(|name| (name.as_str(), &server)).collect();
    let house = House::new(&servers);
    let store = house.open().await;
    for number in 0..PER_RECEIVER_MAX {
        house.commit_of(&store, &format!("pkg:npm/p{number}"), Severity::Critical, Opened);
    }
    drop(store);
    let at_work = house.start().await;
    server.wait_for(UNDER_WAY_MAX).await;
    until("all messages", || at_work.states().len() == 9 * PER_RECEIVER_MAX).await;
    let sending = at_work.states().iter().filter(|state| **state == Sending).count();
    assert_eq!((sending, server.arrived().len()), (UNDER_WAY_MAX, UNDER_WAY_MAX));
    at_work.kill().await;
}
