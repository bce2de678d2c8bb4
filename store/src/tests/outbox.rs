//! The outbox, step by step: from what waits for routing to a receipt.

use super::world::{World, commit_incident, incident_id, ledger_entry, live, message, receiver};
use crate::{
    AfterAttempt, AttemptOutcome, AttemptRecord, Breaker, Delivery, DeliveryFilter, DeliveryState,
    DeliveryStateKind, Finished, GroupId, LeaseRequest, Leased, NewMessage, OutboxId, Page, ReceiverId,
    Routed, Routing, Store, StoreError, ToRouteId, TransitionNumber,
};

const LEASE: i64 = 60;

fn queue(store: &Store, messages: &[NewMessage]) -> Vec<Option<OutboxId>> {
    match store.route(&Routing { decided: &[], messages, decision: "{}", now: 0 }).unwrap() {
        Routed::Done(ids) => ids,
        Routed::Already(id) => panic!("{id} was decided before"),
    }
}

fn lease_but(store: &Store, now: i64, except: &[ReceiverId]) -> Vec<Leased> {
    store
        .lease(&LeaseRequest { now, lease: LEASE, limit: 10, per_receiver: 2, except, ..LeaseRequest::at(0) })
        .unwrap()
}

fn lease(store: &Store, now: i64) -> Vec<Leased> {
    lease_but(store, now, &[])
}

fn names(leased: &[Leased]) -> Vec<&str> {
    leased.iter().map(|leased| leased.delivery_id.as_str()).collect()
}

fn attempt(outcome: AttemptOutcome, ended_at: i64) -> AttemptRecord {
    AttemptRecord {
        started_at: ended_at - 1,
        ended_at,
        outcome,
        status_code: Some(200),
        snippet: "ok".into(),
    }
}

fn deliver(store: &Store, leased: &Leased, ended_at: i64) -> Finished {
    let receipt = Some(format!("receipt of {}", leased.delivery_id));
    store
        .finish(
            leased,
            &attempt(AttemptOutcome::Delivered, ended_at),
            &AfterAttempt::Delivered { receipt },
            None,
            None,
        )
        .unwrap()
}

fn fail(store: &Store, leased: &Leased, outcome: AttemptOutcome, ended_at: i64, next_at: i64) -> Finished {
    let next = AfterAttempt::Retry { next_at, reason: "http 503".into() };
    store.finish(leased, &attempt(outcome, ended_at), &next, None, None).unwrap()
}

fn delivery(store: &Store, id: OutboxId) -> Delivery {
    store.reader().delivery(id).unwrap().unwrap()
}

#[test]
fn routing_turns_what_waits_into_messages_once() {
    let world = World::new();
    let store = world.store();
    commit_incident(store, &live(), &[1]);
    let waiting = store.reader().to_route(10).unwrap();
    let decided = [waiting[0].id];
    let messages = [message(1, "slack", 1), message(1, "pager", 1)];
    let routing =
        Routing { decided: &decided, messages: &messages, decision: "{\"why\":\"severity\"}", now: 5 };
    assert_eq!(store.route(&routing).unwrap(), Routed::Done(vec![Some(OutboxId(1)), Some(OutboxId(2))]));
    let before = world.dump();
    assert_eq!(
        store.route(&routing).unwrap(),
        Routed::Already(decided[0]),
        "after a crash it is asked again"
    );
    assert_eq!(world.dump(), before);
    assert!(store.reader().to_route(10).unwrap().is_empty());
    let decisions = store.reader().routing_decisions(&live(), &incident_id(1)).unwrap();
    assert_eq!(decisions, [(TransitionNumber(1), Some("{\"why\":\"severity\"}".to_owned()))]);
    let missing = Routing { decided: &[ToRouteId(9)], messages: &messages, decision: "{}", now: 5 };
    assert!(matches!(store.route(&missing), Err(StoreError::NoSuch { id: 9, .. })));
}

#[test]
fn a_decision_to_tell_nobody_is_kept_as_well() {
    let world = World::new();
    commit_incident(world.store(), &live(), &[1]);
    let decided = [world.store().reader().to_route(1).unwrap()[0].id];
    let routing = Routing { decided: &decided, messages: &[], decision: "{\"why\":\"silenced\"}", now: 5 };
    assert_eq!(world.store().route(&routing).unwrap(), Routed::Done(vec![]));
    assert!(world.store().reader().to_route(10).unwrap().is_empty());
}

#[test]
fn a_step_is_queued_once_for_a_receiver() {
    let world = World::new();
    let again = NewMessage { delivery_id: "other".into(), ..message(1, "slack", 1) };
    let ids = queue(
        world.store(),
        &[message(1, "slack", 1), again, message(1, "pager", 1), message(1, "slack", 2)],
    );
    assert_eq!(ids.iter().map(Option::is_some).collect::<Vec<_>>(), [true, false, true, true]);
}

#[test]
fn a_message_is_not_leased_before_its_time_or_twice() {
    let world = World::new();
    queue(world.store(), &[NewMessage { due_at: 10, ..message(1, "slack", 1) }]);
    assert!(lease(world.store(), 9).is_empty());
    let leased = lease(world.store(), 10);
    assert_eq!((leased.len(), leased[0].attempt, leased[0].possible_repeat), (1, 1, false));
    assert_eq!(leased[0].lease_until, 10 + LEASE);
    assert!(lease(world.store(), 10 + LEASE - 1).is_empty());
}

#[test]
fn a_group_is_told_in_order_and_other_groups_do_not_wait() {
    let world = World::new();
    let store = world.store();
    queue(
        store,
        &[message(1, "slack", 2), message(1, "slack", 1), message(1, "pager", 1), message(2, "slack", 1)],
    );
    let first = lease(store, 0);
    assert_eq!(names(&first), ["d-1-slack-1", "d-1-pager-1", "d-2-slack-1"]);
    fail(store, &first[0], AttemptOutcome::Failed, 1, 500);
    deliver(store, &first[1], 1);
    deliver(store, &first[2], 1);
    assert!(
        lease(store, 400).iter().all(|leased| leased.delivery_id != "d-1-slack-2"),
        "its predecessor waits"
    );
    let again = lease(store, 500);
    assert_eq!(names(&again), ["d-1-slack-1"]);
    let dead = AfterAttempt::Dead { reason: "72 hours".into() };
    store.finish(&again[0], &attempt(AttemptOutcome::Failed, 501), &dead, None, None).unwrap();
    assert_eq!(names(&lease(store, 501)), ["d-1-slack-2"], "what was given up holds nobody back");
}

#[test]
fn a_receiver_gets_only_so_many_at_a_time_and_none_while_left_out() {
    let world = World::new();
    let store = world.store();
    let mut messages: Vec<_> = (0..5).map(|group| message(group, "slack", 1)).collect();
    messages.push(message(9, "pager", 1));
    queue(store, &messages);
    assert_eq!(names(&lease_but(store, 0, &[receiver("slack")])), ["d-9-pager-1"]);
    let first = lease(store, 0);
    assert_eq!(names(&first), ["d-0-slack-1", "d-1-slack-1"], "two at a time");
    assert!(lease(store, 0).is_empty());
    deliver(store, &first[0], 1);
    assert_eq!(names(&lease(store, 1)), ["d-2-slack-1"]);
    let limited =
        LeaseRequest { now: 1, lease: LEASE, limit: 1, per_receiver: 9, except: &[], ..LeaseRequest::at(0) };
    assert_eq!(store.lease(&limited).unwrap().len(), 1);
}

#[test]
fn a_lease_that_ran_out_is_given_on_as_a_possible_repeat() {
    let mut world = World::new();
    queue(world.store(), &[message(1, "slack", 1)]);
    let lost = lease(world.store(), 100).remove(0);
    world.reopen();
    assert!(lease(world.store(), 159).is_empty(), "a restart does not shorten it");
    let again = lease(world.store(), 160).remove(0);
    assert_eq!((again.attempt, again.possible_repeat, &again.delivery_id), (2, true, &lost.delivery_id));
    let attempts = delivery(world.store(), again.id).attempts;
    assert_eq!(
        (attempts[0].outcome, attempts[0].started_at, attempts[0].ended_at),
        (AttemptOutcome::Lost, 100, 160)
    );
    // The first sender was only slow: its word is kept, and the message stays with the second.
    assert_eq!(deliver(world.store(), &lost, 161), Finished::LeaseLost);
    let now = delivery(world.store(), again.id);
    assert_eq!(now.state, DeliveryState::Sending { lease_until: 160 + LEASE });
    assert_eq!(now.attempts[0].outcome, AttemptOutcome::Delivered);
    assert_eq!(deliver(world.store(), &again, 170), Finished::Done);
    assert_eq!(deliver(world.store(), &again, 171), Finished::LeaseLost, "an end is told once");
    let now = delivery(world.store(), again.id);
    assert_eq!((now.state, now.begun, now.possible_repeat), (DeliveryState::Delivered { at: 170 }, 2, true));
}

#[test]
fn an_unclear_answer_makes_the_next_attempt_a_possible_repeat() {
    for (outcome, possible_repeat) in [(AttemptOutcome::Failed, false), (AttemptOutcome::Ambiguous, true)] {
        let world = World::new();
        let store = world.store();
        queue(store, &[message(1, "slack", 1)]);
        fail(store, &lease(store, 0)[0], outcome, 1, 2);
        let again = lease(store, 2).remove(0);
        assert_eq!(again.possible_repeat, possible_repeat, "{outcome}");
        // Once in doubt, always in doubt: a clear failure later says nothing about the first attempt.
        fail(store, &again, AttemptOutcome::Failed, 3, 4);
        assert_eq!(lease(store, 4)[0].possible_repeat, possible_repeat, "{outcome}");
    }
}

#[test]
fn receipts_are_found_by_group_and_receiver() {
    let world = World::new();
    let store = world.store();
    queue(store, &[message(1, "slack", 1), message(1, "slack", 2), message(2, "slack", 1)]);
    let receipt = |group| {
        let group = GroupId::of(&incident_id(group));
        store.reader().last_receipt(&live(), &group, &receiver("slack")).unwrap()
    };
    assert_eq!(receipt(1), None);
    for leased in lease(store, 0) {
        deliver(store, &leased, 1);
    }
    assert_eq!(receipt(1).as_deref(), Some("receipt of d-1-slack-1"));
    let second = lease(store, 2).remove(0);
    let after = AfterAttempt::Accepted { receipt: None };
    store.finish(&second, &attempt(AttemptOutcome::Accepted, 3), &after, None, None).unwrap();
    assert_eq!(receipt(1).as_deref(), Some("receipt of d-1-slack-1"), "the last one that was given");
    assert_eq!(delivery(store, second.id).state, DeliveryState::Accepted { at: 3 });
}

#[test]
fn what_was_given_up_can_be_put_back_with_a_reason() {
    let world = World::new();
    let store = world.store();
    let id = queue(store, &[message(1, "slack", 1)])[0].unwrap();
    let early = store.requeue(id, 5, &ledger_entry("requeue"));
    assert!(matches!(early, Err(StoreError::NoSuch { .. })), "it was not given up");
    assert_eq!(store.reader().ledger_size().unwrap(), 0);
    let dead = AfterAttempt::Dead { reason: "http 400".into() };
    store.finish(&lease(store, 0)[0], &attempt(AttemptOutcome::Failed, 1), &dead, None, None).unwrap();
    assert_eq!(delivery(store, id).state, DeliveryState::Dead { at: 1, reason: "http 400".into() });
    store.requeue(id, 7, &ledger_entry("requeue")).unwrap();
    assert_eq!(delivery(store, id).state, DeliveryState::Queued { due_at: 7 });
    assert_eq!(lease(store, 7)[0].attempt, 2);
    assert_eq!(store.reader().ledger_size().unwrap(), 1);
}

#[test]
fn a_digest_takes_over_what_nobody_has_begun_to_send() {
    let world = World::new();
    let store = world.store();
    let ids: Vec<_> = queue(store, &(0..3).map(|group| message(group, "slack", 1)).collect::<Vec<_>>());
    let ids: Vec<_> = ids.into_iter().flatten().collect();
    let under_way = lease(store, 0);
    let digest = NewMessage { group: GroupId::new("digest:1"), incident: None, ..message(9, "slack", 1) };
    let (digest_id, taken) = store.fold(&ids, &digest, 1).unwrap();
    assert_eq!(taken, 1, "two are under way");
    assert_eq!(delivery(store, ids[2]).state, DeliveryState::Folded { at: 1, digest: digest_id });
    for leased in under_way {
        deliver(store, &leased, 2);
    }
    assert_eq!(names(&lease(store, 2)), ["d-9-slack-1"]);
    assert_eq!(store.fold(&ids, &digest, 3).unwrap(), (None, 0), "the same digest twice");
}

#[test]
fn breakers_survive_a_restart_and_come_with_the_attempt() {
    let mut world = World::new();
    queue(world.store(), &[message(1, "slack", 1)]);
    let open = Breaker::Open { failures: 5, until: 900 };
    let leased = lease(world.store(), 0).remove(0);
    let next = AfterAttempt::Retry { next_at: 900, reason: "http 503".into() };
    world.store().finish(&leased, &attempt(AttemptOutcome::Failed, 1), &next, Some(&open), None).unwrap();
    world.store().set_breaker(&receiver("pager"), &Breaker::HalfOpen { failures: 7 }, 1).unwrap();
    world.reopen();
    let breakers = world.store().reader().breakers().unwrap();
    assert_eq!(breakers, [(receiver("pager"), Breaker::HalfOpen { failures: 7 }), (receiver("slack"), open)]);
    let counter = world.store().reader().change_counter().unwrap();
    world.store().set_breaker(&receiver("slack"), &open, 99).unwrap();
    assert_eq!(world.store().reader().change_counter().unwrap(), counter, "nothing changed");
    world.store().set_breaker(&receiver("slack"), &Breaker::default(), 100).unwrap();
    assert_eq!(world.store().reader().breakers().unwrap()[1].1, Breaker::Closed { failures: 0 });
}

#[test]
fn the_summary_counts_every_state_and_names_the_oldest() {
    let world = World::new();
    let store = world.store();
    let messages: Vec<_> = (0..4).map(|group| message(group, "slack", 1)).collect();
    for (message, now) in messages.iter().zip([10, 20, 30, 40]) {
        store
            .route(&Routing { decided: &[], messages: std::slice::from_ref(message), decision: "{}", now })
            .unwrap();
    }
    let leased = lease(store, 50);
    deliver(store, &leased[0], 51);
    fail(store, &leased[1], AttemptOutcome::Failed, 51, 99);
    store.set_breaker(&receiver("mail"), &Breaker::Closed { failures: 1 }, 1).unwrap();
    let summary = store.reader().outbox_summary().unwrap();
    assert_eq!((summary[0].receiver.as_str(), summary[0].oldest_unfinished_at), ("mail", None));
    let slack = &summary[1];
    let counts: Vec<_> = DeliveryStateKind::ALL.iter().map(|kind| slack.count(*kind)).collect();
    assert_eq!(counts, [2, 0, 0, 1, 1, 0, 0, 0], "{:?}", slack.counts);
    assert_eq!(slack.oldest_unfinished_at, Some(20));
    let filter = DeliveryFilter {
        states: vec![DeliveryStateKind::Retry, DeliveryStateKind::Delivered],
        receiver: Some(receiver("slack")),
        ..DeliveryFilter::default()
    };
    let listed = store.reader().deliveries(&filter, Page::first(10)).unwrap();
    assert_eq!(listed.iter().map(|delivery| delivery.id).collect::<Vec<_>>(), [leased[1].id, leased[0].id]);
    let of_incident =
        DeliveryFilter { incident: Some((live(), incident_id(3))), ..DeliveryFilter::default() };
    assert_eq!(
        store.reader().deliveries(&of_incident, Page::first(10)).unwrap(),
        [],
        "no such incident is stored"
    );
    commit_incident(store, &live(), &[3]);
    assert_eq!(store.reader().deliveries(&of_incident, Page::first(10)).unwrap().len(), 1);
}

#[test]
fn of_a_receivers_answer_only_the_beginning_is_kept() {
    let world = World::new();
    let id = queue(world.store(), &[message(1, "slack", 1)])[0].unwrap();
    let long = AttemptRecord { snippet: "€".repeat(1_000), ..attempt(AttemptOutcome::Failed, 1) };
    let next = AfterAttempt::Retry { next_at: 9, reason: "http 500".into() };
    world.store().finish(&lease(world.store(), 0)[0], &long, &next, None, None).unwrap();
    assert_eq!(delivery(world.store(), id).attempts[0].snippet, "€".repeat(341), "1 KiB, between characters");
}
