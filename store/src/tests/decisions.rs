//! What people decide, and the ledger that remembers it.

use detectors::incident::Status;

use super::world::{World, commit_incident, incident_id, ledger_entry, live};
use crate::{
    Checkpoint, Decided, LedgerFault, NewSilence, PRUNE_BATCH, Retention, SilenceState, StepReason,
    StoreError, Triage, Verdict,
};

fn triage<'a>(
    run: &'a crate::RunId,
    incident: &'a detectors::finding::IncidentId,
    seen_revision: u64,
) -> Triage<'a> {
    Triage {
        run,
        incident,
        seen_revision,
        now: 9_000,
        author: "alice",
        status: Status::Resolved,
        owner: Some("alice"),
        verdict: Some(Verdict::FalsePositive),
        reason: "planned rotation",
        config_hash: Some("c0"),
    }
}

#[test]
fn a_decision_holds_unless_somebody_was_faster() {
    let world = World::new();
    let store = world.store();
    commit_incident(store, &live(), &[1]);
    let (run, id) = (live(), incident_id(1));
    let decided = store.triage(&triage(&run, &id, 0)).unwrap();
    assert!(matches!(decided, Decided::Done { revision: 1, .. }), "{decided:?}");
    let before = world.dump();
    let late = Triage { author: "bob", status: Status::InProgress, ..triage(&run, &id, 0) };
    assert_eq!(store.triage(&late).unwrap(), Decided::Stale { revision: 1 });
    assert_eq!(world.dump(), before);
    let reader = store.reader();
    let found = reader.incident(&run, &id).unwrap().unwrap();
    assert_eq!((found.incident.status, found.incident.owner.as_deref()), (Status::Resolved, Some("alice")));
    assert_eq!((found.revision, found.changed_at), (1, 9_000));
    let verdicts = reader.verdicts(&run, &id).unwrap();
    assert_eq!(
        (verdicts[0].verdict, verdicts[0].reason.as_str()),
        (Some(Verdict::FalsePositive), "planned rotation")
    );
    let entries = reader.ledger(0, 10).unwrap();
    assert_eq!(entries.len(), 1);
    for part in [
        "incident-triaged",
        "alice",
        "planned rotation",
        "false-positive",
        "c0",
        "\\\"status\\\":\\\"new\\\"",
    ] {
        assert!(entries[0].entry.contains(part), "{part} in {}", entries[0].entry);
    }
    let missing = incident_id(99);
    assert!(matches!(store.triage(&triage(&run, &missing, 0)), Err(StoreError::NoIncident { .. })));
}

#[test]
fn taking_up_and_closing_wait_for_routing_and_other_decisions_do_not() {
    let world = World::new();
    let store = world.store();
    commit_incident(store, &live(), &[1]);
    let (run, id) = (live(), incident_id(1));
    let taken = Triage { status: Status::InProgress, ..triage(&run, &id, 0) };
    let Decided::Done { transition, .. } = store.triage(&taken).unwrap() else { panic!("nobody was faster") };
    let held = Triage { status: Status::OnHold, ..triage(&run, &id, 1) };
    assert!(matches!(store.triage(&held).unwrap(), Decided::Done { .. }));
    let waiting = store.reader().to_route(10).unwrap();
    assert_eq!((transition.0, waiting.len(), waiting[1].reason), (2, 2, StepReason::Acknowledged));
    let Decided::Done { transition, .. } = store.triage(&triage(&run, &id, 2)).unwrap() else {
        panic!("nobody was faster")
    };
    let waiting = store.reader().to_route(10).unwrap();
    assert_eq!((transition.0, waiting.len(), waiting[2].transition), (4, 3, transition));
    assert_eq!(waiting[2].reason, StepReason::Resolved);
}

#[test]
fn silences_hold_from_their_start_to_their_end() {
    let world = World::new();
    let store = world.store();
    let silence = NewSilence {
        matcher: "{\"registry\":\"npm\"}".into(),
        author: "alice".into(),
        reason: "move".into(),
        starts_at: 100,
        ends_at: 200,
        config_hash: None,
    };
    let id = store.add_silence(&silence, 50).unwrap();
    let other = store.add_silence(&NewSilence { starts_at: 0, ..silence.clone() }, 51).unwrap();
    let active = |now| store.reader().active_silences(now).unwrap().iter().map(|s| s.id).collect::<Vec<_>>();
    assert_eq!(
        (active(99), active(100), active(199), active(200)),
        (vec![other], vec![id, other], vec![id, other], vec![])
    );
    let ended = store.end_silence(id, "bob", "over", 150).unwrap();
    assert_eq!(ended.ended, Some((150, "bob".to_owned())));
    assert_eq!(store.end_silence(id, "carol", "again", 160).unwrap(), ended);
    assert_eq!((active(149), active(150)), (vec![id, other], vec![other]));
    let states = [(99, SilenceState::Pending), (100, SilenceState::Active), (150, SilenceState::Ended)];
    for (now, state) in states {
        assert_eq!(ended.state(now), state, "at {now}");
    }
    assert_eq!(store.reader().silences().unwrap()[0].state(200), SilenceState::Expired);
    assert_eq!(store.reader().ledger_size().unwrap(), 3, "two made, one ended");
    assert!(matches!(
        store.end_silence(crate::SilenceId(9), "x", "y", 1),
        Err(StoreError::NoSuch { id: 9, .. })
    ));
    assert!(store.add_silence(&NewSilence { ends_at: 100, ..silence }, 50).is_err(), "it would never hold");
}

#[test]
fn the_ledger_counts_without_gaps_and_knows_an_entry_once() {
    let world = World::new();
    let entries: Vec<_> = (0..5).map(|n| ledger_entry(&format!("k{n}"))).collect();
    world.store().append_ledger(&entries[..3]).unwrap();
    world.store().append_ledger(&entries[1..]).unwrap();
    let reader = world.store().reader();
    let rows = reader.ledger(0, 100).unwrap();
    assert_eq!(rows.iter().map(|row| row.seq).collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
    assert!(rows.iter().zip(0..).all(|(row, n)| row.entry.contains(&format!("\"k{n}\""))));
    assert_eq!((reader.ledger_size().unwrap(), reader.ledger(3, 1).unwrap()[0].seq), (5, 3));
    assert_eq!(reader.check_ledger().unwrap(), None);
    let checkpoint = Checkpoint { size: 5, root: [1; 32], at: 9, note: "note".into() };
    world.store().add_checkpoint(&checkpoint).unwrap();
    world.store().add_checkpoint(&Checkpoint { note: "other".into(), ..checkpoint.clone() }).unwrap();
    assert_eq!(reader.newest_checkpoint().unwrap(), Some(checkpoint));
}

#[test]
fn the_database_refuses_to_change_or_cut_the_ledger() {
    let world = World::new();
    world.store().append_ledger(&[ledger_entry("a")]).unwrap();
    for sql in ["UPDATE ledger SET entry = '{}'", "DELETE FROM ledger"] {
        let result = world.store().write("tamper", |transaction| Ok(transaction.execute(sql, [])?));
        assert!(result.is_err(), "{sql}");
    }
    assert_eq!(world.store().reader().check_ledger().unwrap(), None);
}

/// Whoever takes the triggers away first is found out all the same.
fn check_tampered(sql: &str, expected: LedgerFault) {
    let world = World::new();
    let entries: Vec<_> = (0..9).map(|n| ledger_entry(&format!("k{n}"))).collect();
    world.store().append_ledger(&entries).unwrap();
    let sql = format!("DROP TRIGGER ledger_is_never_changed; DROP TRIGGER ledger_is_never_cut; {sql}");
    world.store().write("tamper", |transaction| Ok(transaction.execute_batch(&sql)?)).unwrap();
    assert_eq!(world.store().reader().check_ledger().unwrap(), Some(expected), "{sql}");
}

#[test]
fn the_first_bad_entry_is_named() {
    let changed = "UPDATE ledger SET entry = replace(entry, 'alice', 'mallory') WHERE seq >= 4";
    check_tampered(changed, LedgerFault::Changed(4));
    check_tampered("DELETE FROM ledger WHERE seq IN (6, 3)", LedgerFault::Missing(3));
    check_tampered("UPDATE ledger SET seq = 100 WHERE seq = 2", LedgerFault::Missing(2));
}

#[test]
fn what_is_old_goes_and_what_is_unfinished_stays() {
    let world = World::new();
    let store = world.store();
    let letters: Vec<_> = (0..10).map(|offset| super::world::dead_letter(offset, "bad-json")).collect();
    let commit = crate::Commit { dead_letters: &letters, ..crate::Commit::empty(&crate::RunId::Live, 1) };
    store.commit(&commit).unwrap();
    let messages = [super::world::message(1, "a", 1), super::world::message(2, "a", 1)];
    store.route(&crate::Routing { decided: &[], messages: &messages, decision: "{}", now: 0 }).unwrap();
    let request = crate::LeaseRequest {
        now: 0,
        lease: 10,
        limit: 1,
        per_receiver: 1,
        except: &[],
        ..crate::LeaseRequest::at(0)
    };
    let leased = store.lease(&request).unwrap().remove(0);
    let attempt = crate::AttemptRecord {
        started_at: 0,
        ended_at: 1,
        outcome: crate::AttemptOutcome::Delivered,
        status_code: Some(200),
        snippet: String::new(),
    };
    store.finish(&leased, &attempt, &crate::AfterAttempt::Delivered { receipt: None }, None, None).unwrap();
    let retention = Retention { dead_letters_before: 1_003, most_dead_letters: 4, deliveries_before: 2 };
    let pruned = store.prune(&retention).unwrap();
    assert_eq!((pruned.dead_letters, pruned.deliveries, pruned.is_complete()), (6, 1, true));
    let left = store
        .reader()
        .dead_letters(&live(), &crate::DeadLetterFilter::default(), crate::Page::first(10))
        .unwrap();
    assert_eq!(left.iter().map(|letter| letter.position.offset).collect::<Vec<_>>(), [9, 8, 7, 6]);
    let left = store.reader().deliveries(&crate::DeliveryFilter::default(), crate::Page::first(10)).unwrap();
    assert_eq!(left.len(), 1);
    assert_eq!(store.prune(&retention).unwrap(), crate::Pruned::default());
}

#[test]
fn a_call_deletes_only_so_much() {
    let world = World::new();
    let store = world.store();
    let letters: Vec<_> =
        (0..=i64::from(PRUNE_BATCH)).map(|offset| super::world::dead_letter(offset, "bad-json")).collect();
    store.commit(&crate::Commit { dead_letters: &letters, ..crate::Commit::empty(&live(), 1) }).unwrap();
    let all = Retention { dead_letters_before: i64::MAX, most_dead_letters: 0, deliveries_before: 0 };
    let first = store.prune(&all).unwrap();
    assert_eq!((first.dead_letters, first.is_complete()), (PRUNE_BATCH as usize, false));
    let second = store.prune(&all).unwrap();
    assert_eq!((second.dead_letters, second.is_complete()), (1, true));
}
