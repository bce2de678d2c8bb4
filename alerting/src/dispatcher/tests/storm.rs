//! A storm: far more than a receiver takes. What is critical comes through at once, the rest in digests, and nothing
//! is dropped.

use std::collections::BTreeSet;

use detectors::finding::Severity;
use store::DeliveryStateKind::{Delivered, Folded};
use store::{DeliveryFilter, DeliveryState, NewMessage, Page, Purpose, ReceiverId, Routing, RunId};

use super::house::{House, until};
use crate::card::News;
use crate::fixture;
use crate::outbox::{DeliveryId, Payload, Tells};
use crate::receivers::fake_server::FakeServer;

/// How many incidents there are in a minute.
const FLOOD: usize = 10_000;
/// One in so many is critical.
const CRITICAL_EACH: usize = 250;
/// How many seconds the storm lasts.
const SECONDS: usize = 60;
const SECOND: i64 = 1_000_000_000;

/// The messages of the storm's next second, as routing leaves them.
fn second(house: &House, template: &NewMessage, number: usize) -> Vec<NewMessage> {
    let of_second = |second: usize| second * FLOOD / SECONDS;
    (of_second(number)..of_second(number + 1))
        .map(|n| NewMessage {
            severity: if n % CRITICAL_EACH == 0 { Severity::Critical } else { Severity::High },
            group: store::GroupId::new(format!("incident-{n}")),
            delivery_id: DeliveryId::of_notice(&RunId::Live, "storm", &template.receiver, n as u64)
                .as_str()
                .to_owned(),
            due_at: house.now(),
            ..template.clone()
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_critical_is_told_within_a_minute_and_the_rest_in_digests() {
    let server = FakeServer::answering(200, "ok").await;
    let house = House::new(&[]).slack("chat", &server);
    let store = house.open().await;
    let (incident, _) = fixture::npm_takeover();
    house.commit(&store, Severity::Critical, detectors::incident::TransitionReason::Opened);
    let row = store.reader().to_route(1).unwrap().remove(0);
    store.route(&Routing { decided: &[row.id], messages: &[], decision: "[]", now: house.now() }).unwrap();
    let template = NewMessage {
        purpose: Purpose::News,
        run: RunId::Live,
        group: store::GroupId::of(&incident.id),
        receiver: ReceiverId::parse("chat").unwrap(),
        transition: store::TransitionNumber(1),
        incident: Some(incident.id.clone()),
        delivery_id: String::new(),
        severity: Severity::High,
        payload: Payload::new(Tells::Incident { news: News::Opened, transition: fixture::opened() })
            .to_json(),
        due_at: 0,
    };
    drop(store);

    let at_work = house.start().await;
    let mut sent = 0;
    for number in 0..SECONDS {
        let messages = second(&house, &template, number);
        at_work
            .store
            .route(&Routing { decided: &[], messages: &messages, decision: "[]", now: house.now() })
            .unwrap();
        house.advance(&at_work, 1);
        // One message a second goes out; the clock waits for it, so that the storm is as fast as it says.
        sent += 1;
        until("the second's message", || {
            server.arrived().len() >= sent || at_work.is_calm("chat", house.now())
        })
        .await;
        sent = server.arrived().len();
    }
    let started = house.now() - SECONDS as i64 * SECOND;
    until("the end of the storm", || {
        house.advance(&at_work, 1);
        at_work.is_idle_in("chat")
    })
    .await;

    let all =
        at_work.store.reader().deliveries(&DeliveryFilter::default(), Page::first(FLOOD as u32 * 2)).unwrap();
    let digests: BTreeSet<_> =
        all.iter().filter(|message| message.purpose == Purpose::Digest).map(|message| message.id).collect();
    let (mut critical, mut folded, mut single) = (0, 0, 0);
    for message in all.iter().filter(|message| message.purpose == Purpose::News) {
        match (&message.state, message.severity) {
            (DeliveryState::Delivered { at }, Severity::Critical) => {
                let waited = at - message.queued_at;
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
    assert_eq!((critical, critical + folded + single), (FLOOD / CRITICAL_EACH, FLOOD), "nothing is dropped");
    assert!(all.iter().all(|message| matches!(message.state.kind(), Delivered | Folded)));
    let told = server.arrived();
    assert_eq!(told.len(), critical + single + digests.len(), "each message once");
    let took = (house.now() - started) / SECOND;
    assert!(i64::try_from(told.len()).unwrap() <= took + 5, "{} messages in {took} s", told.len());
    let says =
        |words: &str| told.iter().any(|message| String::from_utf8_lossy(&message.body).contains(words));
    assert!(says("came faster than this receiver"));
    eprintln!(
        "storm: {FLOOD} messages, {critical} critical alone, {folded} in {} digests, {single} others alone, \
         {took} s by the clock",
        digests.len()
    );
}
