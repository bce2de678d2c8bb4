//! Laws of the order: the race between partitions changes nothing, nor does a restart, nor the memory bound.

use std::collections::BTreeMap;

use detectors::event::Span;
use detectors::event::{
    Access, AccessAction, Actor, EventId, EventKind, Outcome, Position, Withdraw, WithdrawAction,
};
use proptest::prelude::*;

use super::*;

/// A partition as the generator draws it: the times of its records in seconds, far beyond the lateness at times.
type Log = Vec<i64>;

const LATENESS: Span = Span::secs(30);

/// An event of the log: one in three is a change.
fn event(partition: &Arc<PartitionId>, offset: i64, secs: i64) -> Arc<Event> {
    let position = Position { partition: Arc::clone(partition), offset, index: 0 };
    let kind = if is_change(offset) {
        EventKind::Withdraw(Withdraw { action: WithdrawAction::Yank, reason: None })
    } else {
        EventKind::Access(Access { action: AccessAction::Pull, bytes: None, duration_ms: None })
    };
    Arc::new(Event {
        id: EventId::Producer(Arc::from(position.to_string())),
        time: EventTime::from_secs(1_700_000_000 + secs),
        position,
        registry: Arc::from("npm"),
        artifact: None,
        actor: Actor::default(),
        outcome: Outcome::Success,
        status: None,
        request_id: None,
        kind,
    })
}

const fn is_change(offset: i64) -> bool {
    offset % 3 == 0
}

fn id(number: usize) -> Arc<PartitionId> {
    let partition = i32::try_from(number).unwrap();
    Arc::new(PartitionId { source: Arc::from("s"), stream: Arc::from("t"), partition })
}

/// One thing that happens in a race.
#[derive(Debug, Clone, Copy)]
enum Step {
    Deliver(usize),
    Idle(usize),
    Release(usize),
    Restart,
}

type Released = Vec<(i64, String)>;

struct Race {
    /// How far the lane came in the end: what is due by then has happened, whether or not anything was released.
    watermark: EventTime,
    released: Released,
    floors: Vec<Floor>,
}

/// Runs logs through a lane as `steps` say, then to their end. `known` are the floors of an earlier run.
fn race(takes: Takes, logs: &[Log], steps: &[Step], known: Option<&[Floor]>, buffer: usize) -> Race {
    let bounds = MergeBounds { buffer, ..MergeBounds::default() };
    let rule = TimeRule { lateness: LATENESS, history: true };
    let mut lane = LaneOrder::new(takes, bounds.clone());
    let mut floors: Vec<Floor> = Vec::new();
    let known_of = |floors: &[Floor], partition: &Arc<PartitionId>| {
        floors.iter().filter(|floor| floor.partition == *partition).cloned().collect::<Vec<_>>()
    };
    for number in 0..logs.len() {
        let at = lane.partition(&id(number), rule);
        lane.replay_floors(at, known_of(known.unwrap_or_default(), &id(number)));
    }
    let mut next = vec![0_usize; logs.len()];
    let mut released = Vec::new();
    let take = |lane: &mut LaneOrder, max: usize, released: &mut Released| {
        let mut out = Vec::new();
        let watermark = lane.release(max, &mut out).unwrap();
        for ordered in &out {
            assert!(ordered.order < watermark, "released above the watermark");
            released.push((ordered.order.nanos(), ordered.event.position.to_string()));
        }
    };
    let deliver = |lane: &mut LaneOrder, next: &mut Vec<usize>, number: usize, floors: &mut Vec<Floor>| {
        let Some(secs) = logs[number].get(next[number]) else { return };
        let at = lane.partition(&id(number), rule);
        let offset = i64::try_from(next[number]).unwrap();
        let events = [event(&id(number), offset, *secs)];
        let incoming = Incoming { offset, timestamp_ms: None, bytes: 100, events: &events };
        floors.extend(lane.push(at, &incoming).unwrap());
        next[number] += 1;
    };
    for step in steps {
        match *step {
            Step::Deliver(number) => deliver(&mut lane, &mut next, number % logs.len(), &mut floors),
            // With known floors an idle mark is not repeated: what it did to the order is in the floors.
            Step::Idle(number) if known.is_none() => {
                let at = lane.partition(&id(number % logs.len()), rule);
                lane.mark_idle(at);
            }
            Step::Idle(_) => {}
            Step::Release(max) => take(&mut lane, max, &mut released),
            Step::Restart => {
                let (points, watermark) = (lane.resume_points(), lane.watermark());
                lane = LaneOrder::new(takes, bounds.clone());
                for (number, point) in points.iter().enumerate() {
                    let at = lane.partition(&point.partition, rule);
                    let all: Vec<_> = known.unwrap_or_default().iter().chain(&floors).cloned().collect();
                    let ahead =
                        known_of(&all, &point.partition).into_iter().filter(|f| f.offset >= point.next.0);
                    lane.resume(at, point, ahead);
                    next[number] = usize::try_from(point.next.0).unwrap();
                }
                lane.resume_watermark(watermark);
            }
        }
    }
    while next.iter().zip(logs).any(|(next, log)| *next < log.len()) {
        for number in 0..logs.len() {
            deliver(&mut lane, &mut next, number, &mut floors);
        }
    }
    for number in 0..logs.len() {
        let at = lane.partition(&id(number), rule);
        lane.mark_ended(at);
    }
    take(&mut lane, usize::MAX, &mut released);
    Race { watermark: lane.watermark(), released, floors }
}

fn logs() -> impl Strategy<Value = Vec<Log>> {
    // Skewed rates: one partition may be a day behind another; disorder goes to four times the lateness.
    let log = (0_i64..86_400, 1_i64..400, prop::collection::vec((0_i64..60, 0_i64..120), 0..40));
    let log = log.prop_map(|(start, pace, steps)| {
        let mut time = start;
        steps
            .into_iter()
            .map(|(ahead, behind)| {
                time += ahead * pace / 20;
                time - behind
            })
            .collect()
    });
    prop::collection::vec(log, 1..5)
}

fn takes() -> impl Strategy<Value = Takes> {
    prop_oneof![Just(Takes::Changes), Just(Takes::Everything)]
}

fn steps(restarts: bool) -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        8 => (0_usize..8).prop_map(Step::Deliver),
        1 => (0_usize..8).prop_map(Step::Idle),
        3 => (1_usize..20).prop_map(Step::Release),
        u32::from(restarts) => Just(Step::Restart),
    ];
    prop::collection::vec(step, 0..150)
}

/// Cases a run: the full count with `SEALWATCH_FULL`.
fn cases() -> ProptestConfig {
    ProptestConfig::with_cases(if std::env::var_os("SEALWATCH_FULL").is_some() { 10_000 } else { 1_000 })
}

proptest! {
    #![proptest_config(cases())]

    /// The interleaving law.
    #[test]
    fn the_race_between_partitions_changes_nothing(
        takes in takes(), logs in logs(), first in steps(false), second in steps(false),
    ) {
        let live = race(takes, &logs, &first, None, MERGE_BUFFER);
        let replay = race(takes, &logs, &second, Some(&live.floors), MERGE_BUFFER);
        prop_assert_eq!(&live.released, &replay.released);
        let mut sorted = live.released.clone();
        sorted.sort_by_key(|(order, _)| *order);
        prop_assert_eq!(&live.released, &sorted, "released in order");
        let taken = |offset: &usize| takes == Takes::Everything || is_change(*offset as i64);
        let all: usize = logs.iter().map(|log| (0..log.len()).filter(taken).count()).sum();
        prop_assert_eq!(live.released.len(), all, "nothing lost, nothing twice");
        prop_assert_eq!(live.watermark, replay.watermark);
    }

    /// The restart law: what was released is not released again, what was not is.
    #[test]
    fn a_restart_changes_nothing(takes in takes(), logs in logs(), steps in steps(true)) {
        let killed = race(takes, &logs, &steps, None, MERGE_BUFFER);
        let quiet = race(takes, &logs, &[], Some(&killed.floors), MERGE_BUFFER);
        prop_assert_eq!(killed.released, quiet.released);
        prop_assert_eq!(killed.watermark, quiet.watermark);
    }

    /// The memory bound changes where events wait, not their order.
    #[test]
    fn spilling_changes_nothing(takes in takes(), logs in logs(), steps in steps(true), buffer in 0_usize..4_000) {
        let spilled = race(takes, &logs, &steps, None, buffer);
        let roomy = race(takes, &logs, &[], Some(&spilled.floors), MERGE_BUFFER);
        prop_assert_eq!(spilled.released, roomy.released);
        prop_assert_eq!(spilled.watermark, roomy.watermark);
    }
}

#[test]
fn late_is_a_fact_of_the_events_own_partition() {
    let check = |secs: &[i64], expected: &[Timeliness]| {
        let mut lane = LaneOrder::new(Takes::Everything, MergeBounds::default());
        let at = lane.partition(&id(0), TimeRule { lateness: LATENESS, history: true });
        for (offset, secs) in (0..).zip(secs) {
            let events = [event(&id(0), offset, *secs)];
            lane.push(at, &Incoming { offset, timestamp_ms: None, bytes: 0, events: &events }).unwrap();
        }
        lane.mark_ended(at);
        let mut out = Vec::new();
        lane.release(usize::MAX, &mut out).unwrap();
        let by_offset: BTreeMap<_, _> =
            out.into_iter().map(|ordered| (ordered.event.position.offset, ordered.timeliness)).collect();
        assert_eq!(by_offset.into_values().collect::<Vec<_>>(), expected, "{secs:?}");
    };
    use Timeliness::{Late, OnTime, Untrusted};
    check(&[100, 70, 69], &[OnTime, OnTime, Late]);
    check(&[100, 200, 150], &[OnTime, OnTime, Late]);
    check(&[1_000_000, 0], &[OnTime, Untrusted]);
}

#[test]
fn a_time_ahead_of_its_record_is_kept_and_moves_no_watermark() {
    let mut lane = LaneOrder::new(Takes::Everything, MergeBounds::default());
    let at = lane.partition(&id(0), TimeRule { lateness: LATENESS, history: false });
    let push = |lane: &mut LaneOrder, offset, secs: i64, stamp: i64| {
        let events = [event(&id(0), offset, secs)];
        let timestamp_ms = Some((1_700_000_000 + stamp) * 1_000);
        lane.push(at, &Incoming { offset, timestamp_ms, bytes: 0, events: &events }).unwrap();
    };
    push(&mut lane, 0, 100, 100);
    push(&mut lane, 1, 10 * 365 * 86_400, 101);
    push(&mut lane, 2, 200, 200);
    let mut out = Vec::new();
    let watermark = lane.release(usize::MAX, &mut out).unwrap();
    assert_eq!(watermark, EventTime::from_secs(1_700_000_000 + 170));
    assert_eq!(out.len(), 1);
    lane.mark_ended(at);
    lane.release(usize::MAX, &mut out).unwrap();
    let told: Vec<_> =
        out.iter().map(|ordered| (ordered.event.position.offset, ordered.timeliness)).collect();
    assert_eq!(told, [(0, Timeliness::OnTime), (2, Timeliness::OnTime), (1, Timeliness::Untrusted)]);
}

#[test]
fn the_last_event_of_a_quiet_stream_is_not_stuck() {
    let mut lane = LaneOrder::new(Takes::Everything, MergeBounds::default());
    let at = lane.partition(&id(0), TimeRule { lateness: LATENESS, history: true });
    let events = [event(&id(0), 0, 0)];
    lane.push(at, &Incoming { offset: 0, timestamp_ms: None, bytes: 0, events: &events }).unwrap();
    let mut out = Vec::new();
    lane.release(usize::MAX, &mut out).unwrap();
    assert!(out.is_empty());
    lane.mark_idle(at);
    lane.release(usize::MAX, &mut out).unwrap();
    assert_eq!(out.len(), 1);
}

#[test]
fn a_full_spill_names_the_partition_it_waits_for() {
    let bounds = MergeBounds { buffer: 0, spill: 2_000, ..MergeBounds::default() };
    let mut lane = LaneOrder::new(Takes::Everything, bounds);
    let rule = TimeRule { lateness: LATENESS, history: true };
    let (ahead, behind) = (lane.partition(&id(0), rule), lane.partition(&id(7), rule));
    let _ = behind;
    let error = (0..1_000).find_map(|offset| {
        let events = [event(&id(0), offset, offset)];
        lane.push(ahead, &Incoming { offset, timestamp_ms: None, bytes: 100, events: &events }).err()
    });
    let text = error.map(|error| error.to_string()).unwrap_or_default();
    assert_eq!(text, "the merge holds more than it may because it waits for s/t[7]");
}
