//! Nothing is lost, and nothing is told twice without saying so: whatever dies, and whenever.

use detectors::finding::Severity;
use detectors::incident::TransitionReason::{Escalated, Grew, Opened};
use store::DeliveryStateKind::{Delivered, Queued, Retry, Sending};
use store::{Breaker, DeliveryFilter, DeliveryState, Page, ReceiverId, RunId};

use super::house::{AtWork, House, fine, kind_of};
use crate::dispatcher::LEASE;
use crate::receivers::fake_server::{Act, FakeServer, reply};

#[tokio::test]
async fn what_was_committed_before_the_start_is_told_once() {
    let server = FakeServer::start([fine()]).await;
    let house = House::new(&[("soc", &server)]);
    let store = house.open().await;
    house.commit(&store, Severity::Critical, Opened);
    drop(store);

    let at_work = house.start().await;
    let told = at_work.until_states(&[Delivered]).await;
    let arrived = server.wait_for(1).await;
    assert_eq!(arrived[0].header("webhook-id"), Some(told[0].delivery_id.as_str()));
    let body: serde_json::Value = serde_json::from_slice(&arrived[0].body).unwrap();
    assert_eq!(body["type"], "incident.opened");
    assert_eq!(body["data"]["findings"].as_array().unwrap().len(), 2);
    let decisions =
        at_work.store.reader().routing_decisions(&RunId::Live, told[0].incident.as_ref().unwrap()).unwrap();
    assert!(decisions[0].1.as_ref().unwrap().contains("default-route"), "{decisions:?}");
    at_work.stop().await;

    let again = house.start().await;
    house.advance(&again, 3_600);
    house.commit(&again.store, Severity::Critical, Grew);
    again.waker.wake();
    again.until_states(&[Delivered, Delivered]).await;
    assert_eq!(server.arrived().len(), 2, "only the news was sent after the restart");
}

#[tokio::test]
async fn a_message_that_waits_for_company_survives_a_crash() {
    let server = FakeServer::start([fine()]).await;
    let house = House::new(&[("soc", &server)]);
    let at_work = house.start().await;
    house.commit(&at_work.store, Severity::High, Opened);
    at_work.waker.wake();
    at_work.until_states(&[Queued]).await;
    at_work.kill().await;

    let at_work = house.start().await;
    assert_eq!(at_work.states(), [Queued]);
    assert!(server.arrived().is_empty());
    house.advance(&at_work, 10);
    let told = at_work.until_states(&[Delivered]).await;
    assert_eq!((server.arrived().len(), told[0].possible_repeat), (1, false));
}

#[tokio::test]
async fn a_message_on_its_way_during_a_crash_is_repeated_under_its_id_and_says_so() {
    let server = FakeServer::start([Act::Hang, fine()]).await;
    let house = House::new(&[("soc", &server)]);
    let at_work = house.start().await;
    house.commit(&at_work.store, Severity::Critical, Opened);
    at_work.waker.wake();
    server.wait_for(1).await;
    assert_eq!(at_work.states(), [Sending]);
    at_work.kill().await;

    let at_work = house.start().await;
    house.advance(&at_work, LEASE.as_secs() + 1);
    let told = at_work.until_states(&[Delivered]).await;
    let arrived = server.arrived();
    assert_eq!(arrived.len(), 2);
    assert_eq!(arrived[0].header("webhook-id"), arrived[1].header("webhook-id"));
    let body = |at: usize| serde_json::from_slice::<serde_json::Value>(&arrived[at].body).unwrap();
    assert_eq!(body(0)["data"].get("possible_repeat"), None);
    assert_eq!(body(1)["data"]["possible_repeat"], true);
    assert!(told[0].possible_repeat);
    assert_eq!(told[0].attempts.len(), 2);
}

#[tokio::test]
async fn an_ambiguous_failure_is_repeated_under_its_id_and_says_so() {
    let server = FakeServer::start([Act::Drop, fine()]).await;
    let house = House::new(&[("soc", &server)]);
    let at_work = house.start().await;
    house.commit(&at_work.store, Severity::Critical, Opened);
    at_work.waker.wake();
    let waiting = at_work.until_states(&[Retry]).await;
    assert!(waiting[0].possible_repeat);
    at_work.kill().await;

    let at_work = house.start().await;
    house.advance(&at_work, 5);
    at_work.until_states(&[Delivered]).await;
    let arrived = server.arrived();
    assert_eq!(arrived[0].header("webhook-id"), arrived[1].header("webhook-id"));
    assert_ne!(arrived[0].header("webhook-timestamp"), arrived[1].header("webhook-timestamp"));
    assert!(String::from_utf8_lossy(&arrived[1].body).contains("possible_repeat"));
}

#[tokio::test]
async fn a_clear_refusal_is_tried_again_without_a_mark() {
    let server = FakeServer::start([Act::Say(reply(503, "", "")), fine()]).await;
    let house = House::new(&[("soc", &server)]);
    let at_work = house.start().await;
    house.commit(&at_work.store, Severity::Critical, Opened);
    at_work.waker.wake();
    let waiting = at_work.until_states(&[Retry]).await;
    assert!(
        matches!(&waiting[0].state, DeliveryState::Retry { reason, .. } if reason.contains("answered 503"))
    );
    house.advance(&at_work, 5);
    let told = at_work.until_states(&[Delivered]).await;
    assert!(!told[0].possible_repeat);
    assert!(!String::from_utf8_lossy(&server.arrived()[1].body).contains("possible_repeat"));
}

#[tokio::test]
async fn retry_after_holds_back_the_receiver_and_survives_a_crash() {
    let server = FakeServer::start([Act::Say(reply(429, "Retry-After: 120\r\n", "")), fine()]).await;
    let house = House::new(&[("soc", &server)]);
    let at_work = house.start().await;
    house.commit(&at_work.store, Severity::Critical, Opened);
    at_work.waker.wake();
    at_work.until_states(&[Retry]).await;
    at_work.kill().await;

    let at_work = house.start().await;
    house.advance(&at_work, 119);
    house.commit(&at_work.store, Severity::Critical, Escalated);
    at_work.waker.wake();
    at_work.until_states(&[Retry, Queued]).await;
    assert_eq!(server.arrived().len(), 1, "nothing is sent before the receiver's own time");
    // The wish, and at most a tenth of it.
    house.advance(&at_work, 13);
    at_work.until_states(&[Delivered, Delivered]).await;
    let types: Vec<_> = server.arrived()[1..].iter().map(|arrived| kind_of(&arrived.body)).collect();
    assert_eq!(types, ["incident.opened", "incident.escalated"], "in the order of the incident's life");
}

#[tokio::test]
async fn a_receiver_that_needs_a_person_rests_and_is_probed_with_one_message() {
    let server = FakeServer::answering(404, "").await;
    let house = House::new(&[("soc", &server)]);
    let at_work = house.start().await;
    house.commit(&at_work.store, Severity::Critical, Opened);
    at_work.waker.wake();
    at_work.until_states(&[Retry]).await;
    let soc = ReceiverId::parse("soc").unwrap();
    let breaker = |at_work: &AtWork| {
        at_work.store.reader().breakers().unwrap().into_iter().find(|(name, _)| *name == soc)
    };
    assert!(matches!(breaker(&at_work), Some((_, Breaker::Open { failures: 5, .. }))));
    at_work.kill().await;

    let at_work = house.start().await;
    house.advance(&at_work, 20);
    house.commit(&at_work.store, Severity::Critical, Escalated);
    at_work.waker.wake();
    at_work.until_states(&[Retry, Queued]).await;
    assert_eq!(server.arrived().len(), 1, "the rest holds over the restart, also for what is due");
    server.act([fine()]);
    house.advance(&at_work, 20);
    at_work.until_states(&[Delivered, Delivered]).await;
    assert_eq!(breaker(&at_work), Some((soc.clone(), Breaker::Closed { failures: 0 })));
}

#[tokio::test]
async fn a_shutdown_waits_for_what_is_under_way() {
    let server = FakeServer::start([Act::Hang]).await;
    let house = House::new(&[("soc", &server)]);
    let at_work = house.start().await;
    house.commit(&at_work.store, Severity::Critical, Opened);
    at_work.waker.wake();
    server.wait_for(1).await;
    let store = at_work.store.clone();
    at_work.stop().await;
    let left = store.reader().deliveries(&DeliveryFilter::default(), Page::first(1)).unwrap();
    assert_eq!(left[0].state.kind(), Retry, "the time-out was awaited and written down");
    assert_eq!(left[0].attempts.len(), 1);
}
