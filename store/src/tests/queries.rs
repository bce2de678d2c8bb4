//! Questions of pages and of the command line.

use std::ops::ControlFlow;
use std::sync::Arc;

use detectors::finding::{Decision, DetectorId, Severity, Subject, SubjectKind};
use detectors::incident::Status;

use super::world::{World, at, dead_letter, finding, id_of, incident, incident_id, lane, laned, live};
use crate::{
    Commit, DeadLetterFilter, FindingFilter, IncidentChange, IncidentFilter, IncidentOrder, MAX_DETAIL_BYTES,
    MAX_HEAD_BYTES, Order, Page, SubjectMatch, Told,
};

/// Twenty findings of many kinds, each an incident of its own; finding n is n seconds in.
fn filled() -> World {
    let world = World::new();
    let (run, lane) = (live(), lane());
    for n in 0..20 {
        let mut found = finding(n);
        found.severity = Severity::ALL[n as usize % 5];
        found.detector = DetectorId::ALL[n as usize % 7];
        found.decision = [Decision::Told, Decision::BelowBudget, Decision::Violation][n as usize % 3];
        if n % 2 == 1 {
            found.subject.registry = Arc::from("PyPI");
        }
        let mut folded = incident(&[n]);
        folded.severity = found.severity;
        folded.told = found.decision != Decision::BelowBudget;
        folded.surprise_bits = (n != 4).then(|| f64::from(n));
        folded.subjects = vec![found.subject.clone()];
        let change = IncidentChange { incident: &folded, members: &[id_of(n)], superseded: &[], route: None };
        let found = [found];
        let commit =
            Commit { findings: &laned(&lane, &found), incidents: &[change], ..Commit::empty(&run, 1) };
        world.store().commit(&commit).unwrap();
    }
    world
}

fn check_findings(world: &World, change: impl FnOnce(&mut FindingFilter), expected: &[u32]) {
    let mut filter = FindingFilter::of(live());
    change(&mut filter);
    let reader = world.store().reader();
    let found = reader.findings(&filter, Order::OldestFirst, Page::first(100)).unwrap();
    let ids: Vec<_> = found.iter().map(|found| found.id.clone()).collect();
    assert_eq!(ids, expected.iter().map(|n| id_of(*n)).collect::<Vec<_>>(), "{filter:?}");
    assert_eq!(reader.count_findings(&filter).unwrap(), expected.len() as u64);
    let newest = reader.findings(&filter, Order::NewestFirst, Page { limit: 1, offset: 1 }).unwrap();
    assert_eq!(newest.first().map(|found| found.id.clone()), ids.iter().rev().nth(1).cloned());
}

#[test]
fn findings_are_found_by_each_part_of_the_filter() {
    let world = filled();
    let exactly = |n: u32| {
        let registry = if n % 2 == 1 { "PyPI" } else { "npm" };
        SubjectMatch::Is(Subject::new(SubjectKind::Artifact, registry, format!("pkg:npm/package-{n}")))
    };
    check_findings(&world, |filter| filter.detectors = vec![DetectorId::ReSigning], &[0, 7, 14]);
    check_findings(
        &world,
        |filter| filter.detectors = vec![DetectorId::ReSigning, DetectorId::DownloadBreadth],
        &[0, 6, 7, 13, 14],
    );
    check_findings(&world, |filter| filter.at_least = Some(Severity::Critical), &[4, 9, 14, 19]);
    check_findings(&world, |filter| (filter.from, filter.until) = (Some(at(3)), Some(at(6))), &[3, 4, 5]);
    check_findings(&world, |filter| filter.told = Some(Told::BelowBudget), &[1, 4, 7, 10, 13, 16, 19]);
    check_findings(
        &world,
        |filter| (filter.told, filter.from) = (Some(Told::Told), Some(at(14))),
        &[14, 15, 17, 18],
    );
    check_findings(&world, |filter| filter.subject = Some(exactly(7)), &[7]);
    check_findings(
        &world,
        |filter| filter.subject = Some(SubjectMatch::Contains("PACKAGE-1".into())),
        &[1, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19],
    );
    check_findings(&world, |filter| filter.subject = Some(SubjectMatch::Contains("%".into())), &[]);
    check_findings(&world, |filter| filter.subject = Some(SubjectMatch::Contains("' OR 1=1 --".into())), &[]);
    check_findings(
        &world,
        |filter| (filter.registry, filter.from) = (Some(Arc::from("PyPI")), Some(at(16))),
        &[17, 19],
    );
    check_findings(&world, |filter| filter.incident = Some(incident_id(3)), &[3]);
    check_findings(&world, |filter| filter.run = super::world::backtest(), &[]);
}

#[test]
fn findings_are_handed_over_in_the_order_of_storing_and_can_be_followed() {
    let world = World::new();
    let (run, lane) = (live(), lane());
    let order: Vec<u32> = (0..1_203).map(|n| n * 37 % 1_203).collect();
    let found: Vec<_> = order.iter().map(|n| finding(*n)).collect();
    world.store().commit(&Commit { findings: &laned(&lane, &found), ..Commit::empty(&run, 1) }).unwrap();
    let mut seen = Vec::new();
    let mut last = None;
    let reader = world.store().reader();
    let ended = reader.each_finding(&FindingFilter::of(run.clone()), |found| {
        // Asking for more in between must not wait for this very loop.
        assert!(reader.finding(&found.run, &found.id).unwrap().is_some());
        last = Some(found.seq);
        seen.push(found.id);
        ControlFlow::<()>::Continue(())
    });
    assert_eq!(ended.unwrap(), None);
    assert_eq!(seen, found.iter().map(|found| found.id.clone()).collect::<Vec<_>>());
    let stopped =
        reader.each_finding(&FindingFilter::of(run.clone()), |found| ControlFlow::Break(found.sequence));
    assert_eq!(stopped.unwrap(), Some(0));
    let news = FindingFilter { after: last, ..FindingFilter::of(run.clone()) };
    assert_eq!(reader.count_findings(&news).unwrap(), 0);
    let later = [finding(5_000)];
    world.store().commit(&Commit { findings: &laned(&lane, &later), ..Commit::empty(&run, 1) }).unwrap();
    assert_eq!(reader.count_findings(&news).unwrap(), 1);
    let recent = reader.recent_findings(&run, at(1_200)).unwrap();
    let mut recent: Vec<_> = recent.into_iter().map(|(_, finding)| finding.time).collect();
    recent.sort();
    assert_eq!(recent, [at(1_200), at(1_201), at(1_202), at(5_000)]);
}

fn check_incidents(
    world: &World,
    order: IncidentOrder,
    change: impl FnOnce(&mut IncidentFilter),
    expected: &[u32],
) {
    let mut filter = IncidentFilter::of(live());
    change(&mut filter);
    let reader = world.store().reader();
    let found = reader.incidents(&filter, order, Page::first(4)).unwrap();
    let ids: Vec<_> = found.iter().map(|found| found.incident.id.clone()).collect();
    let first: Vec<_> = expected.iter().take(4).map(|n| incident_id(*n)).collect();
    assert_eq!(ids, first, "{filter:?}");
    assert_eq!(reader.count_incidents(&filter).unwrap(), expected.len() as u64);
    let second = reader.incidents(&filter, order, Page { limit: 1, offset: 1 }).unwrap();
    assert_eq!(second.first().map(|found| &found.incident.id), ids.get(1));
}

#[test]
fn incidents_are_found_by_each_part_of_the_filter() {
    let world = filled();
    let newest = IncidentOrder::Newest;
    check_incidents(&world, newest, |filter| filter.at_least = Some(Severity::Critical), &[19, 14, 9, 4]);
    check_incidents(
        &world,
        IncidentOrder::MostSevere,
        |filter| filter.at_least = Some(Severity::High),
        &[4, 19, 14, 9, 18, 13, 8, 3],
    );
    check_incidents(
        &world,
        newest,
        |filter| filter.told = Some(Told::BelowBudget),
        &[19, 16, 13, 10, 7, 4, 1],
    );
    check_incidents(&world, newest, |filter| filter.from = Some(at(18)), &[19, 18]);
    check_incidents(&world, newest, |filter| filter.until = Some(at(2)), &[1, 0]);
    check_incidents(
        &world,
        newest,
        |filter| (filter.registry, filter.until) = (Some(Arc::from("PyPI")), Some(at(4))),
        &[3, 1],
    );
    check_incidents(
        &world,
        newest,
        |filter| filter.subject = Some(SubjectMatch::Contains("age-17".into())),
        &[17],
    );
    check_incidents(&world, newest, |filter| filter.statuses = vec![Status::Resolved, Status::OnHold], &[]);
    check_incidents(&world, newest, |filter| filter.owner = Some("alice".into()), &[]);
    let subject = Subject::new(SubjectKind::Artifact, "npm", "pkg:npm/package-6");
    check_incidents(&world, newest, |filter| filter.subject = Some(SubjectMatch::Is(subject)), &[6]);
    let counts = world.store().reader().incident_counts(&live()).unwrap();
    assert_eq!(counts.iter().map(|count| count.count).sum::<u64>(), 20);
    assert!(counts.iter().all(|count| count.status == Status::New));
}

#[test]
fn dead_letters_are_cut_counted_and_listed() {
    let world = World::new();
    let mut long = dead_letter(2, "bad-json");
    long.detail = "é".repeat(MAX_DETAIL_BYTES);
    long.head = vec![b'x'; MAX_HEAD_BYTES + 1];
    long.size = 1 << 20;
    let letters = [dead_letter(1, "bad-json"), long, dead_letter(3, "time-impossible")];
    let commit = |letters: &[_]| {
        world
            .store()
            .commit(&Commit { dead_letters: letters, ..Commit::empty(&live(), 1) })
            .unwrap()
            .new_dead_letters
    };
    assert_eq!(commit(&letters), 3);
    assert_eq!(commit(&letters[1..]), 0, "a place is kept once");
    let reader = world.store().reader();
    let all = reader.dead_letters(&live(), &DeadLetterFilter::default(), Page::first(10)).unwrap();
    assert_eq!(all.iter().map(|letter| letter.position.offset).collect::<Vec<_>>(), [3, 2, 1]);
    assert_eq!(
        (all[1].detail.len(), all[1].head.len(), all[1].size),
        (MAX_DETAIL_BYTES, MAX_HEAD_BYTES, 1 << 20)
    );
    assert_eq!(reader.dead_letter(all[2].id).unwrap().unwrap(), all[2]);
    let counts = reader.dead_letter_counts(&live(), &DeadLetterFilter::default()).unwrap();
    let counts: Vec<_> =
        counts.iter().map(|count| (count.reason.as_str(), count.count, count.last_seen_at)).collect();
    assert_eq!(counts, [("bad-json", 2, 1_002), ("time-impossible", 1, 1_003)]);
    let late = DeadLetterFilter {
        since: Some(1_002),
        reason: Some("bad-json".into()),
        ..DeadLetterFilter::default()
    };
    assert_eq!(reader.dead_letters(&live(), &late, Page::first(10)).unwrap().len(), 1);
}
