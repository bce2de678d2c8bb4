//! What is told together: what came while its receiver was muted, and what belongs together.

use detectors::finding::Severity::{Critical, High};
use detectors::incident::TransitionReason::Opened;
use store::DeliveryStateKind::{Delivered, Folded, Queued};

use super::house::{House, fine, kind_of, until};
use crate::receivers::fake_server::FakeServer;
use crate::rules::RulesConfig;

/// From six minutes before the clock's time until 54 minutes after it.
const MUTE: &str = "name = 'dinner'\ntime_zone = 'Etc/UTC'\nfrom = '20:00'\nuntil = '21:00'";

fn muted() -> RulesConfig {
    RulesConfig {
        routes: vec![toml::from_str("receivers = ['soc']\nmute = ['dinner']").unwrap()],
        mute_times: vec![toml::from_str(MUTE).unwrap()],
        ..RulesConfig::default()
    }
}

#[tokio::test]
async fn what_came_while_a_receiver_was_muted_is_one_digest_at_the_end() {
    let server = FakeServer::start([fine()]).await;
    let house = House::new(&[("soc", &server)]).ruled_by(muted());
    let at_work = house.start().await;
    for name in ["pkg:npm/one", "pkg:npm/two", "pkg:npm/three"] {
        house.commit_of(&at_work.store, name, High, Opened);
        house.advance(&at_work, 60);
    }
    at_work.until_states(&[Folded, Queued, Folded, Folded]).await;
    at_work.kill().await;
    let at_work = house.start().await;
    house.advance(&at_work, 49 * 60);
    assert!(server.arrived().is_empty(), "it is not over");
    house.advance(&at_work, 2 * 60);
    let arrived = server.wait_for(1).await;
    at_work.until_states(&[Folded, Delivered, Folded, Folded]).await;
    assert_eq!((arrived.len(), kind_of(&arrived[0].body).as_str()), (1, "digest"));
    let body: serde_json::Value = serde_json::from_slice(&arrived[0].body).unwrap();
    assert_eq!(body["data"]["incidents"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn one_incident_alone_is_told_as_itself_and_what_is_critical_at_once() {
    let server = FakeServer::start([fine()]).await;
    let house = House::new(&[("soc", &server)]).ruled_by(muted());
    let at_work = house.start().await;
    house.commit_of(&at_work.store, "pkg:npm/one", High, Opened);
    house.advance(&at_work, 1);
    house.commit_of(&at_work.store, "pkg:npm/loud", Critical, Opened);
    at_work.waker.wake();
    at_work.until_states(&[Folded, Queued, Delivered]).await;
    let arrived = server.arrived();
    assert!(String::from_utf8_lossy(&arrived[0].body).contains("pkg:npm/loud"));
    house.advance(&at_work, 55 * 60);
    let told = server.wait_for(2).await.remove(1);
    assert_eq!(kind_of(&told.body), "incident.opened");
    let said = String::from_utf8_lossy(&told.body).into_owned();
    assert!(said.contains("held back until the mute time dinner ended"), "{said}");
}

#[tokio::test]
async fn what_belongs_together_by_its_fields_is_one_message_in_the_groups_rhythm() {
    let server = FakeServer::start([fine()]).await;
    let house =
        House::new(&[("soc", &server)]).alerting("delivery.soc.group_by = ['purl-type', 'namespace']");
    let at_work = house.start().await;
    for name in ["pkg:npm/%40acme/one", "pkg:npm/%40acme/two", "pkg:npm/%40other/one"] {
        house.commit_of(&at_work.store, name, High, Opened);
    }
    house.commit_of(&at_work.store, "pkg:npm/%40acme/loud", Critical, Opened);
    at_work.waker.wake();
    let first = server.wait_for(1).await.remove(0);
    until("its receipt", || at_work.states().contains(&Delivered)).await;
    assert!(String::from_utf8_lossy(&first.body).contains("loud"), "what is critical waits for no group");
    house.advance(&at_work, 11);
    let arrived = server.wait_for(3).await;
    let is_quiet = || at_work.is_idle() && server.arrived().len() == 3;
    until("their receipts", is_quiet).await;
    let kinds: std::collections::BTreeSet<_> = arrived[1..].iter().map(|told| kind_of(&told.body)).collect();
    assert_eq!(
        kinds.into_iter().collect::<Vec<_>>(),
        ["digest", "incident.opened"],
        "two of one, one of another"
    );
    house.commit_of(&at_work.store, "pkg:npm/%40acme/three", High, Opened);
    at_work.waker.wake();
    until("its decision", || at_work.store.reader().to_route(1).unwrap().is_empty()).await;
    until("its group", || at_work.states().iter().filter(|state| **state == Queued).count() == 1).await;
    house.advance(&at_work, 120);
    assert_eq!(server.arrived().len(), 3, "the group's next message waits for the interval");
    house.advance(&at_work, 200);
    server.wait_for(4).await;
}

#[tokio::test]
async fn a_template_that_fails_is_counted_and_swallows_nothing() {
    let server = FakeServer::start([fine()]).await;
    let house = House::new(&[("soc", &server)]).alerting(
        "card = { headline = '{{ incident.subjects[1].name }}', sentence = 'Look: {{ subject }}' }",
    );
    let at_work = house.start().await;
    house.commit_each(&at_work.store, [("pkg:npm/alone".to_owned(), Critical)].into_iter());
    at_work.waker.wake();
    at_work.until_states(&[Delivered]).await;
    let said = String::from_utf8_lossy(&server.arrived()[0].body).into_owned();
    assert!(said.contains("a template failed"), "{said}");
    let failures = at_work.store.reader().template_failures().unwrap();
    assert_eq!(
        failures.iter().map(|(name, count)| (name.as_str(), *count)).collect::<Vec<_>>(),
        [("soc", 1)]
    );
    let told = at_work.deliveries().remove(0);
    assert!(told.attempts[0].snippet.starts_with("template failed: cannot fill in the template"));
    house.commit_of(&at_work.store, "pkg:npm/two", Critical, Opened);
    at_work.waker.wake();
    at_work.until_states(&[Delivered, Delivered]).await;
    assert_eq!(at_work.store.reader().template_failures().unwrap()[0].1, 1, "with two subjects it works");
}
