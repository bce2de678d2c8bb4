//! Heartbeats reach whoever waits for them, and are missed once when they stay away.

use detectors::finding::Severity;
use detectors::incident::TransitionReason::Opened;
use store::DeliveryStateKind::Delivered;
use store::RunId;

use super::house::{House, fine, kind_of, until};
use crate::receivers::fake_server::FakeServer;

#[tokio::test]
async fn a_heartbeat_reaches_its_receiver_alone_and_its_absence_is_told_once() {
    let (dead_man, boss) = (FakeServer::start([fine()]).await, FakeServer::start([fine()]).await);
    let house = House::new(&[("dead-man", &dead_man), ("boss", &boss)])
        .telling(&[])
        .alerting("heartbeat = { every_minutes = 5, to = 'dead-man', absence_to = 'boss' }");
    let at_work = house.start().await;
    let beat = |name: &str| {
        house.commit_in(&RunId::Heartbeat, &at_work.store, name, (Severity::Info, Opened));
        at_work.waker.wake();
    };
    beat("pkg:npm/one");
    at_work.until_states(&[Delivered]).await;
    assert_eq!(kind_of(&dead_man.wait_for(1).await[0].body), "heartbeat");
    house.advance(&at_work, 11 * 60);
    beat("pkg:npm/two");
    at_work.until_states(&[Delivered, Delivered]).await;
    assert!(boss.arrived().is_empty(), "two came in time");

    house.advance(&at_work, 12 * 60);
    let missed = boss.wait_for(1).await;
    assert_eq!(kind_of(&missed[0].body), "notice");
    let said = String::from_utf8_lossy(&missed[0].body).into_owned();
    assert!(said.contains("Heartbeats to dead-man stay away"), "{said}");
    at_work.until_states(&[Delivered, Delivered, Delivered]).await;
    at_work.stop().await;

    let again = house.start().await;
    house.advance(&again, 60 * 60);
    house.commit_in(&RunId::Heartbeat, &again.store, "pkg:npm/three", (Severity::Info, Opened));
    house.advance(&again, 60);
    dead_man.wait_for(3).await;
    until("all of it", || again.states().iter().all(|state| *state == Delivered)).await;
    assert_eq!(boss.arrived().len(), 1, "one absence is told once, also by another process");
    house.advance(&again, 30 * 60);
    boss.wait_for(2).await;
}
