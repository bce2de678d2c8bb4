//! The commit against a model of a few lines: any history of commits, repeats and restarts ends in the same content.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use detectors::finding::{Finding, FindingId, IncidentId};
use detectors::incident::TransitionReason;
use proptest::prelude::*;

use super::world::{
    World, at, dead_letter, finding, id_of, incident, incident_id, lane, laned, live, position,
};
use crate::{
    Commit, DeadLetterFilter, FindingFilter, IncidentChange, LaneSave, Page, SegmentKind, SegmentSave, Store,
};

/// One commit's content, by small numbers.
#[derive(Debug, Clone, Default)]
struct Content {
    /// Findings, in the order of emission.
    findings: Vec<u32>,
    /// Incidents: whose, which of the findings it takes, whom it swallows, and whether it asks to be routed.
    incidents: Vec<(u32, Vec<u32>, Vec<u32>, bool)>,
    /// Offsets of dead letters.
    dead_letters: Vec<i64>,
    /// Shards that are saved, with their kinds.
    segments: Vec<(u32, SegmentKind)>,
}

#[derive(Debug, Clone)]
enum Step {
    Commit(Content),
    Repeat,
    Restart,
}

const UNIVERSE: u32 = 10;

fn content() -> impl Strategy<Value = Content> {
    let findings = prop::collection::vec(0..UNIVERSE, 0..5);
    let change = (
        0..UNIVERSE,
        prop::collection::vec(0..5_usize, 0..3),
        prop::collection::vec(0..UNIVERSE, 0..3),
        any::<bool>(),
    );
    let changes = prop::collection::vec(change, 0..4);
    let kind = prop_oneof![Just(SegmentKind::Base), Just(SegmentKind::Delta)];
    let segments = prop::collection::btree_map(0..3_u32, kind, 0..3);
    (findings, changes, prop::collection::vec(0..6_i64, 0..3), segments).prop_map(
        |(mut findings, changes, dead_letters, segments)| {
            let mut once = BTreeSet::new();
            findings.retain(|n| once.insert(*n));
            let incidents = changes.into_iter().map(|(whose, picks, swallows, route)| {
                let members = picks.into_iter().filter_map(|pick| findings.get(pick).copied()).collect();
                // An incident is named by its earliest member, so only earlier ones swallow later ones.
                let swallows = swallows.into_iter().filter(|swallowed| *swallowed > whose).collect();
                (whose, members, swallows, route)
            });
            Content {
                incidents: incidents.collect(),
                findings,
                dead_letters,
                segments: segments.into_iter().collect(),
            }
        },
    )
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![6 => content().prop_map(Step::Commit), 2 => Just(Step::Repeat), 1 => Just(Step::Restart)]
}

/// What the store must hold.
#[derive(Debug, Default)]
struct Model {
    findings: Vec<u32>,
    incident_of: BTreeMap<u32, u32>,
    /// Incidents that are stored, and what each was swallowed by.
    incidents: BTreeMap<u32, Option<u32>>,
    transitions: BTreeMap<u32, u64>,
    dead_letters: Vec<i64>,
    segments: BTreeMap<(u32, u64), SegmentKind>,
    saves: u64,
}

impl Model {
    fn commit(&mut self, content: &Content) -> (Vec<bool>, usize) {
        let new: Vec<bool> = content.findings.iter().map(|n| !self.findings.contains(n)).collect();
        let news: BTreeSet<u32> =
            content.findings.iter().zip(&new).filter(|(_, new)| **new).map(|(n, _)| *n).collect();
        self.findings.extend(content.findings.iter().filter(|n| news.contains(n)));
        let by_news = |members: &[u32]| members.iter().any(|member| news.contains(member));
        for (whose, members, ..) in &content.incidents {
            let pointer = self.incidents.entry(*whose).or_default();
            if by_news(members) {
                *pointer = None;
            }
        }
        for (whose, _, swallows, _) in &content.incidents {
            for swallowed in swallows {
                self.swallow(*swallowed, self.standing(*whose));
            }
        }
        let mut routed = 0;
        for (whose, members, _, route) in &content.incidents {
            for member in members {
                self.incident_of.insert(*member, self.standing(*whose));
            }
            if *route && by_news(members) {
                *self.transitions.entry(*whose).or_default() += 1;
                routed += 1;
            }
        }
        for offset in &content.dead_letters {
            if !self.dead_letters.contains(offset) {
                self.dead_letters.push(*offset);
            }
        }
        (new, routed)
    }

    fn standing(&self, n: u32) -> u32 {
        self.incidents[&n].unwrap_or(n)
    }

    fn swallow(&mut self, swallowed: u32, whose: u32) {
        for (n, pointer) in &mut self.incidents {
            if *n != whose && (*n == swallowed || *pointer == Some(swallowed)) {
                *pointer = Some(whose);
            }
        }
        for incident in self.incident_of.values_mut().filter(|incident| **incident == swallowed) {
            *incident = whose;
        }
    }

    /// Saves the lane under the next number.
    fn save(&mut self, segments: &[(u32, SegmentKind)]) {
        self.saves += 1;
        for (shard, kind) in segments {
            if *kind == SegmentKind::Base {
                self.segments.retain(|(other, _), _| other != shard);
            }
            self.segments.insert((*shard, self.saves), *kind);
        }
    }
}

fn state(shard: u32, seq: u64) -> Vec<u8> {
    format!("shard {shard} as of {seq}").into_bytes()
}

fn commit(store: &Store, content: &Content, save: u64) -> (Vec<bool>, usize) {
    let (run, lane) = (live(), lane());
    let findings: Vec<Finding> = content.findings.iter().map(|n| finding(*n)).collect();
    let incidents: Vec<_> = content.incidents.iter().map(|(whose, ..)| incident(&[*whose])).collect();
    let members: Vec<Vec<FindingId>> = content
        .incidents
        .iter()
        .map(|(_, members, ..)| members.iter().map(|n| id_of(*n)).collect())
        .collect();
    let superseded: Vec<Vec<IncidentId>> = content
        .incidents
        .iter()
        .map(|(_, _, swallows, _)| swallows.iter().map(|n| incident_id(*n)).collect())
        .collect();
    let changes: Vec<IncidentChange<'_>> = (0..incidents.len())
        .map(|at| IncidentChange {
            incident: &incidents[at],
            members: &members[at],
            superseded: &superseded[at],
            route: content.incidents[at].3.then_some(TransitionReason::Opened),
        })
        .collect();
    let dead_letters: Vec<_> = content.dead_letters.iter().map(|offset| dead_letter(*offset, "x")).collect();
    let bytes: Vec<_> = content.segments.iter().map(|(shard, _)| state(*shard, save)).collect();
    let segments: Vec<SegmentSave<'_>> = content
        .segments
        .iter()
        .zip(&bytes)
        .map(|((shard, kind), bytes)| SegmentSave {
            shard: *shard,
            seq: save,
            kind: *kind,
            format: 1,
            detectors: [0; 32],
            bytes,
        })
        .collect();
    let positions = [position(save as i64)];
    let lane_save = LaneSave {
        lane: &lane,
        watermark: at(save as i64),
        positions: &positions,
        segments: &segments,
        counters: "{}",
    };
    let lanes = if segments.is_empty() { vec![] } else { vec![lane_save] };
    let committed = store
        .commit(&Commit {
            findings: &laned(&lane, &findings),
            incidents: &changes,
            dead_letters: &dead_letters,
            lanes: &lanes,
            ..Commit::empty(&run, 1)
        })
        .unwrap();
    (committed.new_findings, committed.to_route)
}

fn compare(store: &Store, model: &Model) {
    let reader = store.reader();
    let mut stored = Vec::new();
    let ended = reader.each_finding(&FindingFilter::of(live()), |found| {
        stored.push((found.id, found.incident, found.body));
        ControlFlow::<()>::Continue(())
    });
    assert_eq!(ended.unwrap(), None);
    let expected: Vec<_> = model
        .findings
        .iter()
        .map(|n| {
            let incident = model.incident_of.get(n).map(|whose| incident_id(*whose));
            (id_of(*n), incident, serde_json::to_string(&finding(*n)).unwrap())
        })
        .collect();
    assert_eq!(stored, expected);
    for (n, pointer) in &model.incidents {
        let found = reader.incident(&live(), &incident_id(*n)).unwrap().unwrap();
        assert_eq!(found.incident.id, incident_id(pointer.unwrap_or(*n)), "incident {n}");
    }
    let mut transitions = BTreeMap::new();
    for row in reader.to_route(1_000).unwrap() {
        let count: &mut u64 = transitions.entry(row.incident_then).or_default();
        *count += 1;
        assert_eq!(row.transition.0, *count, "steps are numbered from 1 without gaps");
    }
    let expected: BTreeMap<_, _> =
        model.transitions.iter().map(|(n, count)| (incident_id(*n), *count)).collect();
    assert_eq!(transitions, expected);
    let letters = reader.dead_letters(&live(), &DeadLetterFilter::default(), Page::first(100)).unwrap();
    let offsets: Vec<_> = letters.iter().rev().map(|letter| letter.position.offset).collect();
    assert_eq!(offsets, model.dead_letters);
    let segments: Vec<_> = match reader.load_lanes(&live(), 1).unwrap().pop() {
        Some(lane) => lane.segments.into_iter().map(|s| ((s.shard, s.seq), s.kind, s.bytes)).collect(),
        None => Vec::new(),
    };
    let expected: Vec<_> = model
        .segments
        .iter()
        .map(|((shard, seq), kind)| ((*shard, *seq), *kind, state(*shard, *seq)))
        .collect();
    assert_eq!(segments, expected);
}

fn check(steps: &[Step]) {
    let mut world = World::new();
    let mut model = Model::default();
    let mut last: Option<Content> = None;
    for step in steps {
        match step {
            Step::Commit(content) => {
                let expected = model.commit(content);
                if !content.segments.is_empty() {
                    model.save(&content.segments);
                }
                assert_eq!(commit(world.store(), content, model.saves), expected);
                last = Some(content.clone());
            }
            Step::Repeat => {
                let Some(content) = &last else { continue };
                let before = world.dump();
                let expected = (vec![false; content.findings.len()], 0);
                assert_eq!(commit(world.store(), content, model.saves), expected);
                assert_eq!(world.dump(), before, "a repeated commit changes nothing");
            }
            Step::Restart => world.reopen(),
        }
        compare(world.store(), &model);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_history_of_commits_is_stored_as_the_model_says(steps in prop::collection::vec(step(), 1..14)) {
        check(&steps);
    }
}
