//! Commits: what is new is stored, what is known changes nothing, and only news reaches routing.

use detectors::finding::{Finding, FindingId};
use detectors::incident::{Status, TransitionReason};

use super::world::{
    World, at, backtest, commit_incident, dead_letter, finding, id_of, incident, incident_id, lane, laned,
    ledger_entry, live, position,
};
use crate::{
    Commit, ControlKind, ControlRecord, IncidentChange, LaneSave, RunId, RunName, SegmentKind, SegmentSave,
    StatusRow, Store, Triage,
};

/// Commits findings `new` folded into the incident of `members`, swallowing others.
fn fold(
    store: &Store,
    run: &RunId,
    new: &[u32],
    members: &[u32],
    swallowing: &[u32],
    reason: TransitionReason,
) -> usize {
    let (lane, found) = (lane(), new.iter().map(|n| finding(*n)).collect::<Vec<Finding>>());
    let ids: Vec<FindingId> = new.iter().map(|n| id_of(*n)).collect();
    let superseded: Vec<_> = swallowing.iter().map(|n| incident_id(*n)).collect();
    let folded = incident(members);
    let change =
        IncidentChange { incident: &folded, members: &ids, superseded: &superseded, route: Some(reason) };
    let commit =
        Commit { findings: &laned(&lane, &found), incidents: &[change], ..Commit::empty(run, 2_000) };
    store.commit(&commit).unwrap().to_route
}

/// What waits for routing: (incident now, step, reason).
fn waiting(store: &Store) -> Vec<(String, u64, TransitionReason)> {
    let rows = store.reader().to_route(100).unwrap();
    rows.into_iter()
        .map(|row| (row.incident.to_string(), row.transition.0, row.reason.transition().unwrap()))
        .collect()
}

fn triage(store: &Store, n: u32, status: Status, owner: Option<&str>) {
    let (run, id) = (live(), incident_id(n));
    let seen_revision = store.reader().incident(&run, &id).unwrap().unwrap().revision;
    let triage = Triage {
        run: &run,
        incident: &id,
        seen_revision,
        now: 5_000,
        author: "alice",
        status,
        owner,
        verdict: None,
        reason: "seen",
        config_hash: None,
    };
    store.triage(&triage).unwrap();
}

#[test]
fn the_same_commit_twice_changes_nothing() {
    let world = World::new();
    let (run, lane, found, folded) = (live(), lane(), [finding(1), finding(2)], incident(&[1, 2]));
    let segment = SegmentSave {
        shard: 3,
        seq: 1,
        kind: SegmentKind::Base,
        format: 1,
        detectors: [9; 32],
        bytes: b"state",
    };
    let save = LaneSave {
        lane: &lane,
        watermark: at(9),
        positions: &[position(10)],
        segments: &[segment],
        counters: "{}",
    };
    let control = ControlRecord {
        lane: lane.clone(),
        sequence: 0,
        kind: ControlKind::Configuration,
        takes_effect: at(1),
        after: Some(dead_letter(4, "x").position),
        body: "{\"hash\":\"c0\"}".to_owned(),
    };
    let change = IncidentChange {
        incident: &folded,
        members: &[id_of(1), id_of(2)],
        superseded: &[],
        route: Some(TransitionReason::Opened),
    };
    let status = StatusRow { key: "lane:change".to_owned(), body: "{}".to_owned(), at: 7 };
    let commit = Commit {
        findings: &laned(&lane, &found),
        incidents: &[change],
        dead_letters: &[dead_letter(4, "bad-json"), dead_letter(4, "bad-json")],
        controls: std::slice::from_ref(&control),
        lanes: &[save],
        ledger: &[ledger_entry("k")],
        status: std::slice::from_ref(&status),
        ..Commit::empty(&run, 7)
    };
    let store = world.store();
    let first = store.commit(&commit).unwrap();
    assert_eq!((first.new_findings, first.to_route, first.new_dead_letters), (vec![true, true], 1, 1));
    let before = world.dump();
    let second = store.commit(&commit).unwrap();
    assert_eq!((second.new_findings, second.to_route, second.new_dead_letters), (vec![false, false], 0, 0));
    assert_eq!(world.dump(), before);
    let counter = store.reader().change_counter().unwrap();
    store.commit(&Commit { lanes: &[], ..commit }).unwrap();
    assert_eq!(store.reader().change_counter().unwrap(), counter, "whoever watches is not woken");
    assert_eq!(store.reader().controls(&run, &lane, 0).unwrap(), [control]);
    assert_eq!(store.reader().status(&run).unwrap(), [status]);
}

#[test]
fn a_body_stays_byte_for_byte_as_first_emitted() {
    let world = World::new();
    let (run, lane) = (live(), lane());
    let first = finding(1);
    let body = serde_json::to_string(&first).unwrap();
    let mut again = first.clone();
    again.summary = "told differently".to_owned();
    let mut with_incident = finding(2);
    with_incident.incident = Some(incident_id(1));
    for found in [&first, &again, &with_incident] {
        let found = std::slice::from_ref(found);
        world.store().commit(&Commit { findings: &laned(&lane, found), ..Commit::empty(&run, 1) }).unwrap();
    }
    commit_incident(world.store(), &run, &[1]);
    let stored = world.store().reader().finding(&run, &first.id).unwrap().unwrap();
    assert_eq!(stored.body, body);
    assert_eq!(stored.incident, Some(incident_id(1)));
    assert_eq!(stored.finding().unwrap().incident, Some(incident_id(1)));
    let second = world.store().reader().finding(&run, &id_of(2)).unwrap().unwrap();
    assert_eq!(
        second.body,
        serde_json::to_string(&finding(2)).unwrap(),
        "membership comes with the incident alone"
    );
    assert_eq!(second.incident, None);
}

#[test]
fn only_runs_that_may_notify_reach_routing() {
    let world = World::new();
    let named = |make: fn(RunName) -> RunId| make(RunName::parse("x").unwrap());
    for run in [named(RunId::Shadow), named(RunId::Backtest), named(RunId::Learn)] {
        assert_eq!(commit_incident(world.store(), &run, &[1]).to_route, 0, "{run}");
    }
    for run in [live(), named(RunId::Exercise)] {
        assert_eq!(commit_incident(world.store(), &run, &[1]).to_route, 1, "{run}");
    }
}

#[test]
fn only_really_new_findings_reach_routing() {
    let world = World::new();
    let store = world.store();
    assert_eq!(fold(store, &live(), &[1], &[1], &[], TransitionReason::Opened), 1);
    // After a restart the same finding is found again, and the incident may even look different.
    assert_eq!(fold(store, &live(), &[1], &[1], &[], TransitionReason::Escalated), 0);
    assert_eq!(fold(store, &live(), &[2], &[1, 2], &[], TransitionReason::Grew), 1);
    let id = incident_id(1).to_string();
    let expected = [(id.clone(), 1, TransitionReason::Opened), (id, 2, TransitionReason::Grew)];
    assert_eq!(waiting(store), expected);
}

#[test]
fn a_swallowed_incident_leads_to_the_one_that_swallowed_it() {
    let world = World::new();
    let store = world.store();
    for n in [5, 7, 9] {
        fold(store, &live(), &[n], &[n], &[], TransitionReason::Opened);
    }
    fold(store, &live(), &[6], &[5, 6, 7], &[7], TransitionReason::Grew);
    fold(store, &live(), &[4], &[4, 5, 6, 7], &[5], TransitionReason::Opened);
    let reader = store.reader();
    for n in [4, 5, 7] {
        let found = reader.incident(&live(), &incident_id(n)).unwrap().unwrap();
        assert_eq!(found.incident.id, incident_id(4), "from {n}");
    }
    let mut swallowed = vec![incident_id(5), incident_id(7)];
    swallowed.sort();
    assert_eq!(reader.swallowed(&live(), &incident_id(4)).unwrap(), swallowed);
    for n in [4, 5, 6, 7] {
        let found = reader.finding(&live(), &id_of(n)).unwrap().unwrap();
        assert_eq!(found.incident, Some(incident_id(4)), "finding {n}");
    }
    let memberships = reader.memberships(&live(), &id_of(7)).unwrap();
    let memberships: Vec<_> = memberships.into_iter().map(|(id, _)| id).collect();
    assert_eq!(memberships, [incident_id(7), incident_id(5), incident_id(4)]);
    let listed = reader.count_incidents(&crate::IncidentFilter::of(live())).unwrap();
    assert_eq!(listed, 2, "4, which swallowed 5 and 7; and 9");
    assert!(
        waiting(store)
            .iter()
            .all(|(id, ..)| *id == incident_id(4).to_string() || *id == incident_id(9).to_string())
    );
}

#[test]
fn what_people_decided_survives_growth_and_swallowing() {
    let world = World::new();
    let store = world.store();
    fold(store, &live(), &[5], &[5], &[], TransitionReason::Opened);
    triage(store, 5, Status::InProgress, Some("alice"));
    fold(store, &live(), &[6], &[5, 6], &[], TransitionReason::Grew);
    let grown = store.reader().incident(&live(), &incident_id(5)).unwrap().unwrap().incident;
    assert_eq!((grown.status, grown.owner.as_deref()), (Status::InProgress, Some("alice")));
    assert_eq!(grown.findings.len(), 2);
    fold(store, &live(), &[4], &[4, 5, 6], &[5], TransitionReason::Grew);
    let swallowing = store.reader().incident(&live(), &incident_id(5)).unwrap().unwrap();
    assert_eq!(swallowing.incident.id, incident_id(4));
    assert_eq!(
        (swallowing.incident.status, swallowing.incident.owner.as_deref()),
        (Status::InProgress, Some("alice"))
    );
    assert_eq!(store.reader().verdicts(&live(), &incident_id(4)).unwrap().len(), 1);
}

#[test]
fn what_happens_to_a_resolved_incident_is_a_regression() {
    let world = World::new();
    let store = world.store();
    fold(store, &live(), &[5], &[5], &[], TransitionReason::Opened);
    triage(store, 5, Status::Resolved, None);
    fold(store, &live(), &[6], &[5, 6], &[], TransitionReason::Grew);
    let reasons: Vec<_> = waiting(store).into_iter().map(|(_, step, reason)| (step, reason)).collect();
    let expected = [TransitionReason::Opened, TransitionReason::Resolved, TransitionReason::Regressed];
    assert_eq!(reasons, [(1, expected[0]), (2, expected[1]), (3, expected[2])]);
    assert_eq!(
        store.reader().incident(&live(), &incident_id(5)).unwrap().unwrap().incident.status,
        Status::New
    );
    // Also where an earlier finding gives the incident another id.
    triage(store, 5, Status::Resolved, None);
    fold(store, &live(), &[3], &[3, 5, 6], &[5], TransitionReason::Opened);
    assert_eq!(waiting(store).last().unwrap().2, TransitionReason::Regressed);
    assert_eq!(
        store.reader().incident(&live(), &incident_id(3)).unwrap().unwrap().incident.status,
        Status::New
    );
}

#[test]
fn an_incident_that_grows_after_it_was_swallowed_stands_again() {
    let world = World::new();
    let store = world.store();
    fold(store, &live(), &[1], &[1], &[], TransitionReason::Opened);
    fold(store, &live(), &[5], &[5], &[], TransitionReason::Opened);
    fold(store, &live(), &[2], &[1, 2, 5], &[5], TransitionReason::Grew);
    let standing = |n| store.reader().incident(&live(), &incident_id(n)).unwrap().unwrap().incident.id;
    assert_eq!(standing(5), incident_id(1));
    fold(store, &live(), &[6], &[5, 6], &[], TransitionReason::Grew);
    assert_eq!(standing(5), incident_id(5));
}

#[test]
fn runs_do_not_see_each_other_and_all_but_the_live_one_can_be_deleted() {
    let world = World::new();
    let store = world.store();
    commit_incident(store, &live(), &[1]);
    let alone = world.dump();
    commit_incident(store, &backtest(), &[1, 2]);
    assert_eq!(store.reader().unknown_findings(&live(), &[id_of(1), id_of(2)]).unwrap(), [false, true]);
    store.delete_run(&backtest(), &ledger_entry("deleted")).unwrap();
    let left: Vec<_> = world.dump().into_iter().filter(|line| !line.starts_with("ledger ")).collect();
    assert_eq!(left, alone);
    assert!(store.delete_run(&live(), &ledger_entry("never")).is_err());
}
