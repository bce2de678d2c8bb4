//! What is told of people's decisions, and of their absence: follow-ups, reminders, escalation, fallback.

use detectors::finding::Severity;
use detectors::incident::Status;
use detectors::incident::TransitionReason::Opened;
use store::DeliveryStateKind::{Delivered, Queued, Retry, Withdrawn};
use store::{Decided, ReceiverId, RunId, Store, Triage};

use super::house::{House, fine, kind_of, until};
use crate::fixture;
use crate::receivers::fake_server::{Act, FakeServer, reply};

/// Somebody decides about the takeover.
fn decide(store: &Store, seen_revision: u64, status: Status, now: i64) {
    let incident = fixture::npm_takeover().0.id;
    let triage = Triage {
        run: &RunId::Live,
        incident: &incident,
        seen_revision,
        now,
        author: "alice",
        status,
        owner: Some("alice"),
        verdict: None,
        reason: "looking",
        config_hash: None,
    };
    assert!(matches!(store.triage(&triage).unwrap(), Decided::Done { .. }));
}

fn kinds(server: &FakeServer) -> Vec<String> {
    server.arrived().iter().map(|arrived| kind_of(&arrived.body)).collect()
}

#[tokio::test]
async fn whoever_was_told_hears_how_it_goes_on_and_which_message_is_out_of_date() {
    let server = FakeServer::start([fine()]).await;
    let house = House::new(&[("soc", &server)]);
    let at_work = house.start().await;
    house.commit(&at_work.store, Severity::Critical, Opened);
    at_work.waker.wake();
    let opened = at_work.until_states(&[Delivered]).await;
    decide(&at_work.store, 0, Status::InProgress, house.now());
    at_work.waker.wake();
    at_work.until_states(&[Delivered, Delivered]).await;
    decide(&at_work.store, 1, Status::Resolved, house.now());
    at_work.waker.wake();
    at_work.until_states(&[Delivered; 3]).await;
    assert_eq!(kinds(&server), ["incident.opened", "incident.acknowledged", "incident.resolved"]);
    let body: serde_json::Value = serde_json::from_slice(&server.arrived()[1].body).unwrap();
    let note = body["data"]["notes"][0].as_str().unwrap();
    assert!(
        note.starts_with("supersedes the message of ") && note.ends_with(&opened[0].delivery_id),
        "{note}"
    );
}

#[tokio::test]
async fn what_nobody_takes_up_is_told_again_and_to_the_next_once() {
    let (soc, pager) = (FakeServer::start([fine()]).await, FakeServer::start([fine()]).await);
    let config = "repeat_minutes = 60\n[delivery.soc]\nescalate_after_minutes = 30\nescalate_to = 'pager'";
    let house = House::new(&[("soc", &soc), ("pager", &pager)]).alerting(config).telling(&["soc"]);
    let at_work = house.start().await;
    house.commit(&at_work.store, Severity::Critical, Opened);
    at_work.waker.wake();
    at_work.until_states(&[Queued, Delivered]).await;
    house.advance(&at_work, 29 * 60);
    assert!(pager.arrived().is_empty());
    house.advance(&at_work, 60);
    at_work.until_states(&[Delivered, Delivered]).await;
    assert_eq!(kinds(&pager), ["incident.unanswered"]);
    house.advance(&at_work, 31 * 60);
    at_work.until_states(&[Delivered; 3]).await;
    assert_eq!(kinds(&soc), ["incident.opened", "incident.repeated"]);
    assert_eq!(pager.arrived().len(), 1, "the next one is told once");
}

#[tokio::test]
async fn an_answer_stops_the_escalation_and_the_reminders() {
    let (soc, pager) = (FakeServer::start([fine()]).await, FakeServer::start([fine()]).await);
    let config = "repeat_minutes = 60\n[delivery.soc]\nescalate_after_minutes = 30\nescalate_to = 'pager'";
    let house = House::new(&[("soc", &soc), ("pager", &pager)]).alerting(config).telling(&["soc"]);
    let at_work = house.start().await;
    house.commit(&at_work.store, Severity::Critical, Opened);
    at_work.waker.wake();
    at_work.until_states(&[Queued, Delivered]).await;
    decide(&at_work.store, 0, Status::InProgress, house.now());
    house.advance(&at_work, 1);
    at_work.until_states(&[Withdrawn, Delivered, Delivered]).await;
    house.advance(&at_work, 3 * 3_600);
    until("the dispatcher to have looked", || at_work.is_idle()).await;
    assert_eq!(kinds(&soc), ["incident.opened", "incident.acknowledged"]);
    assert!(pager.arrived().is_empty());
}

#[tokio::test]
async fn the_fallback_is_told_once_when_a_receiver_cannot_be_reached() {
    let gone = FakeServer::start([Act::Say(reply(404, "", "no such hook"))]).await;
    let mail = FakeServer::start([fine()]).await;
    let house = House::new(&[("soc", &gone), ("mail", &mail)])
        .alerting("[delivery.soc]\nfallback = 'mail'")
        .telling(&["soc"]);
    let at_work = house.start().await;
    house.commit(&at_work.store, Severity::Critical, Opened);
    at_work.waker.wake();
    at_work.until_states(&[Retry, Delivered]).await;
    let body: serde_json::Value = serde_json::from_slice(&mail.arrived()[0].body).unwrap();
    assert_eq!(body["type"], "notice");
    assert!(body["data"]["summary"].as_str().unwrap().contains("soc cannot be reached"));
    assert_eq!(body["data"].get("incident"), None);
    let seen = gone.arrived().len();
    until("a failed probe", || {
        house.let_time_pass(&at_work);
        gone.arrived().len() > seen
    })
    .await;
    assert_eq!(mail.arrived().len(), 1, "a probe that fails is no news");
    let soc = ReceiverId::parse("soc").unwrap();
    assert!(at_work.store.reader().breakers().unwrap().iter().any(|(name, _)| *name == soc));
}
