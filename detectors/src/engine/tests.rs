//! Laws of the engine: how a log is cut, when time is told to it, and where it is stopped and taken up again change
//! nothing.

use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::event::{
    Access, AccessAction, Actor, Artifact, Digest, Event, EventId, EventKind, Outcome, PackageUrl,
    PartitionId, Position, Sign, Signer, Tag, Timeliness,
};

/// 2026-05-01T00:00:00Z.
const START: i64 = 1_777_593_600;

/// One event as the generator draws it.
#[derive(Debug, Clone)]
enum Drawn {
    Pull { package: u8, principal: u8 },
    Publish { package: u8, version: u8 },
    Tag { package: u8, tag: u8, digest: u8 },
    Sign { package: Option<u8>, digest: u8, key: u8 },
}

fn event(offset: i64, secs: i64, drawn: &Drawn, id: Option<u8>) -> Ordered {
    let partition = Arc::new(PartitionId { source: "s".into(), stream: "t".into(), partition: 0 });
    let artifact = |package: u8, version: Option<&str>| {
        Artifact::of(&PackageUrl::new("npm", &format!("p{package}"), version).unwrap())
    };
    let digest = |number: u8| Some(Digest::parse(&format!("sha256:{number:064x}")).unwrap());
    let (artifact, kind, principal) = match drawn {
        Drawn::Pull { package, principal } => {
            let access = Access { action: AccessAction::Pull, bytes: None, duration_ms: None };
            (artifact(*package, None), EventKind::Access(access), Some(format!("user-{principal}")))
        }
        Drawn::Publish { package, version } => {
            let mut artifact = artifact(*package, Some(&format!("1.0.{version}")));
            artifact.digest = digest(version.wrapping_add(*package));
            (artifact, EventKind::Publish(Box::default()), None)
        }
        Drawn::Tag { package, tag, digest: content } => {
            let mut artifact = artifact(*package, None);
            artifact.tag = Some(["latest", "1", "1.2.3"][usize::from(tag % 3)].into());
            artifact.digest = digest(*content);
            (artifact, EventKind::Tag(Tag::default()), None)
        }
        Drawn::Sign { package, digest: content, key } => {
            let mut made = package.map_or_else(|| artifact(0, None), |package| artifact(package, None));
            if package.is_none() {
                made.key = None;
            }
            made.digest = digest(*content);
            let signer = Signer { key_id: Some(format!("key-{key}").into()), ..Signer::default() };
            (made, EventKind::Sign(Box::new(Sign { signer, ..Sign::default() })), None)
        }
    };
    let position = Position { partition, offset, index: 0 };
    let id = id.map_or_else(
        || EventId::derive("s", &offset.to_be_bytes(), 0),
        |id| EventId::Producer(format!("id-{id}").into()),
    );
    let time = EventTime::from_secs(START + secs);
    Ordered {
        event: Arc::new(Event {
            id,
            time,
            position,
            registry: "npm".into(),
            artifact: Some(artifact),
            actor: Actor { principal: principal.map(Into::into), ..Actor::default() },
            outcome: Outcome::Success,
            status: None,
            request_id: None,
            kind,
        }),
        order: time,
        timeliness: if offset % 17 == 3 { Timeliness::Late } else { Timeliness::OnTime },
    }
}

/// Days of pulls, so that windows are warm, then whatever is drawn, a burst among it.
fn log() -> impl Strategy<Value = Vec<Ordered>> {
    let drawn = prop_oneof![
        6 => (0_u8..4, 0_u8..3).prop_map(|(package, principal)| Drawn::Pull { package, principal }),
        1 => (0_u8..3, 0_u8..9).prop_map(|(package, version)| Drawn::Publish { package, version }),
        1 => (0_u8..3, 0_u8..3, 0_u8..6).prop_map(|(package, tag, digest)| Drawn::Tag { package, tag, digest }),
        1 => (prop::option::of(0_u8..3), 0_u8..6, 0_u8..4)
            .prop_map(|(package, digest, key)| Drawn::Sign { package, digest, key }),
    ];
    let tail = prop::collection::vec((0_i64..4_000, drawn, prop::option::of(0_u8..40)), 10..60);
    (tail, 20_usize..90).prop_map(|(tail, burst)| {
        let mut events = Vec::new();
        let mut secs = 0;
        let mut push = |secs: i64, drawn: &Drawn, id| {
            let offset = i64::try_from(events.len()).unwrap();
            events.push(event(offset, secs, drawn, id));
        };
        for hour in 0..52_i64 {
            push(hour * 3_600 + 60, &Drawn::Pull { package: 0, principal: 0 }, None);
        }
        secs += 52 * 3_600;
        for (at, (pause, drawn, id)) in tail.iter().enumerate() {
            secs += pause;
            push(secs, drawn, *id);
            if at == 5 {
                for _ in 0..burst {
                    push(secs, &Drawn::Pull { package: 0, principal: 1 }, None);
                }
            }
        }
        events
    })
}

fn whole(log: &[Ordered], lane: Lane) -> Vec<Finding> {
    let mut engine = Engine::new(lane, &EngineSettings::default());
    let end = log.last().map_or(EventTime::MIN, |last| last.order.plus(Span::days(2)));
    engine.step(log, end, &Serial)
}

/// Runs a log in pieces; after each, time is told in up to three steps, and the engine may be stopped and taken up
/// again from what it has saved so far.
fn pieces(log: &[Ordered], lane: Lane, cuts: &[(usize, u8, bool)]) -> Vec<Finding> {
    let settings = EngineSettings::default();
    let mut engine = Engine::new(lane, &settings);
    let mut saved = Vec::new();
    let mut findings = Vec::new();
    let mut rest = log;
    let mut cuts = cuts.iter().cycle();
    while !rest.is_empty() {
        let (count, tellings, restart) = cuts.next().copied().unwrap_or((usize::MAX, 0, false));
        let (now, later) = rest.split_at(count.clamp(1, rest.len()));
        let next = later.first().map_or(EventTime::MIN, |event| event.order);
        findings.extend(engine.step(now, EventTime::MIN, &Serial));
        for telling in 1..=i64::from(tellings) {
            // Time may be told at any moment up to the next event.
            let last = now.last().map_or(next, |event| event.order);
            let step = next.since(last).nanos() / i64::from(tellings) * telling;
            findings.extend(engine.step(&[], last.plus(Span::from_nanos(step)).min(next.max(last)), &Serial));
        }
        if restart {
            saved.extend(engine.save().parts);
            engine = Engine::new(lane, &settings);
            engine.load(saved.iter().cloned()).unwrap();
        }
        rest = later;
    }
    let end = log.last().map_or(EventTime::MIN, |last| last.order.plus(Span::days(2)));
    findings.extend(engine.step(&[], end, &Serial));
    findings
}

/// The shards in reverse: what one says must not depend on another.
struct Backwards;

impl ShardRunner for Backwards {
    fn run(&self, shards: &mut [Shard], work: &(dyn Fn(&mut Shard) + Sync)) {
        for shard in shards.iter_mut().rev() {
            work(shard);
        }
    }
}

fn json(findings: &[Finding]) -> Vec<String> {
    findings.iter().map(|finding| serde_json::to_string(finding).unwrap()).collect()
}

fn cuts(restarts: bool) -> impl Strategy<Value = Vec<(usize, u8, bool)>> {
    prop::collection::vec(
        (1_usize..80, 0_u8..3, prop::bool::weighted(if restarts { 0.3 } else { 0.0 })),
        1..12,
    )
}

/// Cases a run: the full count with `SEALWATCH_FULL`.
fn cases() -> ProptestConfig {
    ProptestConfig::with_cases(if option_env!("SEALWATCH_FULL").is_some() { 5_000 } else { 1_000 })
}

proptest! {
    #![proptest_config(cases())]

    /// Batches and cadence: `step(a); step(b)` is `step(a ++ b)`, and telling time in between changes nothing.
    #[test]
    fn how_a_log_is_cut_changes_nothing(log in log(), cuts in cuts(false)) {
        for lane in Lane::ALL {
            prop_assert_eq!(json(&whole(&log, lane)), json(&pieces(&log, lane, &cuts)));
        }
    }

    /// Restart: save anywhere, load, go on.
    #[test]
    fn a_restart_changes_nothing(log in log(), cuts in cuts(true)) {
        for lane in Lane::ALL {
            prop_assert_eq!(json(&whole(&log, lane)), json(&pieces(&log, lane, &cuts)));
        }
    }
}

#[test]
fn the_order_of_shards_changes_nothing() {
    use proptest::strategy::ValueTree as _;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    let mut found = 0;
    for _ in 0..50 {
        let log = log().new_tree(&mut runner).unwrap().current();
        for lane in Lane::ALL {
            let end = log.last().map_or(EventTime::MIN, |last| last.order.plus(Span::days(2)));
            let backwards = Engine::new(lane, &EngineSettings::default()).step(&log, end, &Backwards);
            found += backwards.len();
            assert_eq!(json(&whole(&log, lane)), json(&backwards));
        }
    }
    assert!(found > 50, "the laws are about something: {found} findings");
}

#[test]
fn equal_producer_ids_within_a_day_are_one_event_and_derived_ones_never() {
    let check = |ids: &[(i64, Option<u8>)], duplicates: u64| {
        let pull = Drawn::Pull { package: 0, principal: 0 };
        let log: Vec<_> =
            (0..).zip(ids).map(|(offset, (secs, id))| event(offset, *secs, &pull, *id)).collect();
        let mut engine = Engine::new(Lane::Access, &EngineSettings::default());
        engine.step(&log, EventTime::MIN, &Serial);
        assert_eq!(engine.counters().duplicates, duplicates, "{ids:?}");
    };
    check(&[(0, Some(1)), (10, Some(1)), (86_400, Some(1))], 2);
    check(&[(0, Some(1)), (86_401, Some(1))], 0);
    check(&[(0, None), (0, None)], 0);
}

#[test]
fn a_signature_that_knows_a_digest_alone_is_joined_to_its_artifact() {
    let log = [
        event(0, 0, &Drawn::Tag { package: 1, tag: 2, digest: 5 }, None),
        event(1, 1, &Drawn::Sign { package: None, digest: 5, key: 0 }, None),
        event(2, 2, &Drawn::Sign { package: None, digest: 4, key: 0 }, None),
    ];
    let mut engine = Engine::new(Lane::Change, &EngineSettings::default());
    engine.step(&log, EventTime::MIN, &Serial);
    assert_eq!((engine.counters().joined, engine.counters().unjoined), (1, 1));
}

#[test]
fn newer_state_and_changes_without_a_base_are_refused() {
    let settings = EngineSettings::default();
    let mut parts = Engine::new(Lane::Access, &settings).save().parts;
    parts[3].format = STATE_FORMAT + 1;
    let error = Engine::new(Lane::Access, &settings).load(parts.clone()).unwrap_err();
    let newest =
        format!("state part 3 has format {}; this version reads up to {STATE_FORMAT}", STATE_FORMAT + 1);
    assert_eq!(error.to_string(), newest);
    parts[3] = SavedPart { format: STATE_FORMAT, kind: SavedKind::Delta, ..parts[3].clone() };
    let error = Engine::new(Lane::Access, &settings).load(parts).unwrap_err();
    assert_eq!(error.to_string(), "state part 3 begins with changes instead of a base");
}
