//! The outbox under any history: no message is lost, none is sent by two at once, and groups keep their order.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::world::{World, message};
use crate::{AfterAttempt, AttemptOutcome, AttemptRecord, Finished, LeaseRequest, Leased, Routed, Routing};

const LEASE: i64 = 10;

/// One step of a history.
#[derive(Debug, Clone)]
enum Step {
    /// Queue the next step of a group for a receiver.
    Queue { group: u32, receiver: usize },
    /// Lease up to so many.
    Lease { limit: usize },
    /// Whoever holds a lease tells how it ended.
    Finish { which: usize, how: How },
    /// Time passes.
    Wait { by: i64 },
    /// The process ends and starts again.
    Restart,
}

#[derive(Debug, Clone, Copy)]
enum How {
    Delivered,
    Failed,
    Unclear,
    Dead,
}

fn step() -> impl Strategy<Value = Step> {
    let how = prop_oneof![Just(How::Delivered), Just(How::Failed), Just(How::Unclear), Just(How::Dead)];
    prop_oneof![
        4 => (0..3_u32, 0..2_usize).prop_map(|(group, receiver)| Step::Queue { group, receiver }),
        4 => (1..4_usize).prop_map(|limit| Step::Lease { limit }),
        4 => (0..8_usize, how).prop_map(|(which, how)| Step::Finish { which, how }),
        3 => (1..8_i64).prop_map(|by| Step::Wait { by }),
        1 => Just(Step::Restart),
    ]
}

const RECEIVERS: [&str; 2] = ["slack", "pager"];
type Lane = (u32, usize);

/// What must be true of the outbox, kept beside it.
#[derive(Default)]
struct Expected {
    /// Steps queued for each group and receiver.
    queued: BTreeMap<Lane, u64>,
    /// Steps that ended.
    ended: BTreeMap<Lane, BTreeSet<u64>>,
    /// Who holds which lease, and until when.
    held: Vec<(Lane, Leased)>,
    /// Messages whose earlier attempts ended unclearly.
    doubtful: BTreeSet<(Lane, u64)>,
}

impl Expected {
    fn leased(&mut self, now: i64, leased: Leased) {
        let lane = self.lane(&leased);
        let step = leased.transition.0;
        let done = self.ended.entry(lane).or_default();
        assert!(!done.contains(&step), "an ended message was leased again");
        assert!((1..step).all(|earlier| done.contains(&earlier)), "step {step} overtook an earlier one");
        for (other, held) in &self.held {
            if *other == lane && held.transition == leased.transition {
                assert!(held.lease_until <= now, "two hold the same message");
                self.doubtful.insert((lane, step));
            }
        }
        assert_eq!(leased.possible_repeat, self.doubtful.contains(&(lane, step)), "{leased:?}");
        self.held.push((lane, leased));
    }

    fn lane(&self, leased: &Leased) -> Lane {
        let mut lanes = self.queued.keys();
        let lane = lanes.find(|(group, receiver)| {
            message(*group, RECEIVERS[*receiver], leased.transition.0).delivery_id == leased.delivery_id
        });
        *lane.expect("only queued messages are leased")
    }

    /// Whether the holder of this lease is the newest of its message.
    fn is_newest(&self, lane: Lane, leased: &Leased) -> bool {
        let rivals =
            self.held.iter().filter(|(other, held)| *other == lane && held.transition == leased.transition);
        rivals.map(|(_, held)| held.attempt).max() == Some(leased.attempt)
    }
}

fn check(steps: &[Step]) {
    let mut world = World::new();
    let mut expected = Expected::default();
    let mut now = 0;
    for step in steps {
        match step {
            Step::Queue { group, receiver } => {
                let count = expected.queued.entry((*group, *receiver)).or_default();
                *count += 1;
                let new = [message(*group, RECEIVERS[*receiver], *count)];
                let routing = Routing { decided: &[], messages: &new, decision: "{}", now };
                assert!(
                    matches!(world.store().route(&routing).unwrap(), Routed::Done(ids) if ids[0].is_some())
                );
            }
            Step::Lease { limit } => {
                let request = LeaseRequest {
                    now,
                    lease: LEASE,
                    limit: *limit,
                    per_receiver: 2,
                    except: &[],
                    ..LeaseRequest::at(0)
                };
                let leased = world.store().lease(&request).unwrap();
                assert!(leased.len() <= *limit);
                for leased in leased {
                    expected.leased(now, leased);
                }
            }
            Step::Finish { which, how } if !expected.held.is_empty() => {
                let (lane, leased) = expected.held[which % expected.held.len()].clone();
                let newest = expected.is_newest(lane, &leased)
                    && !expected.ended[&lane].contains(&leased.transition.0);
                let finished = finish(&world, &leased, *how, now);
                assert_eq!(finished, if newest { Finished::Done } else { Finished::LeaseLost });
                if newest {
                    match how {
                        How::Delivered | How::Dead => {
                            expected.ended.entry(lane).or_default().insert(leased.transition.0);
                        }
                        How::Unclear => {
                            expected.doubtful.insert((lane, leased.transition.0));
                        }
                        How::Failed => {}
                    }
                    expected
                        .held
                        .retain(|(other, held)| *other != lane || held.transition != leased.transition);
                }
            }
            Step::Finish { .. } => {}
            Step::Wait { by } => now += by,
            Step::Restart => world.reopen(),
        }
    }
    drain(&world, expected, now);
}

/// With patience everything that was queued ends.
fn drain(world: &World, mut expected: Expected, mut now: i64) {
    let total: u64 = expected.queued.values().sum();
    for _ in 0..=total {
        now += LEASE;
        let request = LeaseRequest {
            now,
            lease: LEASE,
            limit: 100,
            per_receiver: 100,
            except: &[],
            ..LeaseRequest::at(0)
        };
        for leased in world.store().lease(&request).unwrap() {
            let lane = expected.lane(&leased);
            assert_eq!(finish(world, &leased, How::Delivered, now), Finished::Done);
            expected.leased(now, leased.clone());
            expected.ended.entry(lane).or_default().insert(leased.transition.0);
            expected.held.retain(|(other, held)| *other != lane || held.transition != leased.transition);
        }
    }
    for (lane, count) in expected.queued {
        let ended = expected.ended.get(&lane).map_or(0, BTreeSet::len) as u64;
        assert_eq!(ended, count, "messages of {lane:?} were lost");
    }
}

fn finish(world: &World, leased: &Leased, how: How, now: i64) -> Finished {
    let (outcome, next) = match how {
        How::Delivered => (AttemptOutcome::Delivered, AfterAttempt::Delivered { receipt: None }),
        How::Failed => {
            (AttemptOutcome::Failed, AfterAttempt::Retry { next_at: now + 3, reason: "503".into() })
        }
        How::Unclear => {
            (AttemptOutcome::Ambiguous, AfterAttempt::Retry { next_at: now + 3, reason: "cut".into() })
        }
        How::Dead => (AttemptOutcome::Failed, AfterAttempt::Dead { reason: "400".into() }),
    };
    let attempt =
        AttemptRecord { started_at: now, ended_at: now, outcome, status_code: None, snippet: String::new() };
    world.store().finish(leased, &attempt, &next, None, None).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_history_keeps_order_and_loses_nothing(steps in prop::collection::vec(step(), 1..60)) {
        check(&steps);
    }
}
