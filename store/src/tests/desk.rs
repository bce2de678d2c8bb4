//! What people decide beside a running writer: it holds, is in the ledger, and fences nobody.

use super::world::{World, commit_incident, incident_id, ledger_entry, live};
use crate::{Desk, MaintenanceState, NewMaintenance, NewSilence, StoreError, ToRouteId, Triage};

fn silence() -> NewSilence {
    NewSilence {
        matcher: "{}".into(),
        author: "alice".into(),
        reason: "move".into(),
        starts_at: 100,
        ends_at: 200,
        config_hash: None,
    }
}

fn work() -> NewMaintenance {
    NewMaintenance {
        plan: "{\"keys\":[\"K2\"]}".into(),
        author: "alice".into(),
        reason: "yearly rotation".into(),
        starts: 100,
        ends: 200,
        config_hash: None,
    }
}

#[test]
fn a_guest_decides_beside_the_writer_and_fences_nobody() {
    let world = World::new();
    commit_incident(world.store(), &live(), &[1]);
    let desk = Desk::open(&world.path).unwrap();
    let id = desk.add_silence(&silence(), 50).unwrap();
    let announced = desk.announce_maintenance(&work(), 60).unwrap();
    world.store().append_ledger(&[ledger_entry("by the writer")]).unwrap();
    desk.end_silence(id, "bob", "done", 150).unwrap();
    let (run, incident) = (live(), incident_id(1));
    let triage = Triage {
        run: &run,
        incident: &incident,
        seen_revision: 0,
        now: 160,
        author: "bob",
        status: detectors::incident::Status::Resolved,
        owner: None,
        verdict: None,
        reason: "nothing",
        config_hash: None,
    };
    desk.triage(&triage).unwrap();
    commit_incident(world.store(), &live(), &[2]);
    let reader = world.store().reader();
    assert_eq!(reader.silences().unwrap()[0].ended, Some((150, "bob".to_owned())));
    assert_eq!(reader.maintenance().unwrap()[0].id, announced);
    assert_eq!(reader.ledger_size().unwrap(), 5, "each decision of both is an entry");
    assert_eq!(reader.check_ledger().unwrap(), None);
}

#[test]
fn a_guest_makes_no_database() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("none.db");
    assert!(matches!(Desk::open(&path), Err(StoreError::Missing { .. })));
    assert!(!path.exists());
}

#[test]
fn a_silence_is_extended_while_it_holds_and_not_after() {
    let world = World::new();
    let store = world.store();
    let id = store.add_silence(&silence(), 50).unwrap();
    let extended = store.extend_silence(id, 300, "bob", "not done", 150).unwrap();
    assert_eq!((extended.ends_at, store.reader().active_silences(250).unwrap().len()), (300, 1));
    let entry: &str = &store.reader().ledger(1, 1).unwrap()[0].entry;
    for part in ["silence-extended", "100 to 200", "100 to 300", "bob", "not done"] {
        assert!(entry.contains(part), "{part} in {entry}");
    }
    let refused =
        |now| matches!(store.extend_silence(id, 400, "bob", "x", now), Err(StoreError::NoSuch { .. }));
    assert!(refused(300), "it is over");
    store.end_silence(id, "bob", "done", 200).unwrap();
    assert!(refused(210), "it was ended");
}

#[test]
fn announced_work_is_ahead_underway_over_or_ended() {
    let world = World::new();
    let store = world.store();
    let id = store.announce_maintenance(&work(), 50).unwrap();
    let stored = store.reader().maintenance().unwrap().remove(0);
    let states = [
        (99, MaintenanceState::Ahead),
        (100, MaintenanceState::Underway),
        (199, MaintenanceState::Underway),
        (200, MaintenanceState::Over),
    ];
    for (now, state) in states {
        assert_eq!(stored.state(now), state, "at {now}");
    }
    let ended = store.end_maintenance(id, "bob", "called off", 150).unwrap();
    assert_eq!(ended.state(150), MaintenanceState::Ended);
    assert_eq!(store.end_maintenance(id, "carol", "again", 160).unwrap(), ended);
    assert_eq!(store.reader().ledger_size().unwrap(), 2, "announced, and ended once");
    assert!(store.announce_maintenance(&NewMaintenance { ends: 100, ..work() }, 50).is_err(), "no window");
    let unknown: Result<_, StoreError> = store.end_maintenance(crate::MaintenanceId(9), "x", "y", 1);
    assert!(matches!(unknown, Err(StoreError::NoSuch { id: 9, .. })));
}

#[test]
fn routed_rows_are_read_in_order_from_a_time_on() {
    let world = World::new();
    for number in [1, 2, 3] {
        commit_incident(world.store(), &live(), &[number]);
    }
    let reader = world.store().reader();
    let all = reader.routed_since(i64::MIN, ToRouteId(0), 10).unwrap();
    assert_eq!(all.len(), 3);
    assert!(all.iter().all(|routed| routed.decision.is_none()));
    let second = &all[1].row;
    assert_eq!(reader.routed_since(i64::MIN, second.id, 10).unwrap(), all[2..]);
    assert_eq!(reader.routed_since(i64::MAX, ToRouteId(0), 10).unwrap(), []);
}
