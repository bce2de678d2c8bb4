//! Announced work: what was planned is info, what only looks like it is high, the rest is as it is.

use detectors::event::EventTime;
use detectors::finding::SubjectKind;
use detectors::incident::Incident;
use store::RunId;

use super::*;
use crate::fixture;

const HOUR: i64 = 3_600_000_000_000;
/// The latest evidence of the takeover of `left-pad`, by K2.
const EVIDENCE: i64 = 1_778_526_000_000_000_000;

fn globs(names: &[&str]) -> Vec<Glob> {
    names.iter().map(|name| Glob::parse(name).unwrap()).collect()
}

fn plan(subject: &str, key: &str) -> Plan {
    Plan::new(vec![Work::KeyRotation], globs(&[subject]), Vec::new(), vec![key.to_owned()]).unwrap()
}

fn announced(subject: &str, key: &str, starts: i64, ends: i64) -> Announced {
    let (starts, ends) = (EVIDENCE + starts * HOUR, EVIDENCE + ends * HOUR);
    Announced {
        id: MaintenanceId(3),
        plan: plan(subject, key),
        starts,
        ends,
        created_at: starts - 72 * HOUR,
        ended_at: None,
    }
}

fn key_change() -> Finding {
    fixture::npm_takeover().1.remove(1)
}

#[test]
fn a_finding_is_planned_outside_of_the_plan_or_unconcerned() {
    use Deviation::{Key, Subject, Window};
    use Judgement::{Outside, Planned, Unconcerned};
    let left_pad = "pkg:npm/left-*";
    let cases = [
        ("as planned", announced(left_pad, "K2", -1, 1), Planned),
        ("at its beginning", announced(left_pad, "K2", 0, 1), Planned),
        ("at its end", announced(left_pad, "K2", -1, 0), Outside(Window)),
        ("too early", announced(left_pad, "K2", 1, 2), Outside(Window)),
        ("before it was known", announced(left_pad, "K2", 73, 74), Unconcerned),
        ("too late", announced(left_pad, "K2", -3, -2), Outside(Window)),
        ("long after", announced(left_pad, "K2", -3 - 24 * REACH_DAYS, -24 * REACH_DAYS), Unconcerned),
        ("another key", announced(left_pad, "K9", -1, 1), Outside(Key)),
        ("another key at another time", announced(left_pad, "K9", 1, 2), Unconcerned),
        ("another subject", announced("pkg:npm/other", "K2", -1, 1), Outside(Subject)),
        ("nothing in common", announced("pkg:npm/other", "K9", -1, 1), Unconcerned),
        (
            "called off",
            Announced { ended_at: Some(EVIDENCE), ..announced(left_pad, "K2", -1, 1) },
            Unconcerned,
        ),
        (
            "in another registry",
            {
                let mut work = announced(left_pad, "K2", -1, 1);
                work.plan.registries = globs(&["harbor"]);
                work
            },
            Outside(Subject),
        ),
        (
            "other work",
            {
                let mut work = announced(left_pad, "K2", -1, 1);
                work.plan.work = vec![Work::MassReSign];
                work
            },
            Unconcerned,
        ),
    ];
    for (rule, work, expected) in cases {
        assert_eq!(work.judge(&key_change()), expected, "{rule}");
    }
}

fn judged(plans: &[Announced], severity_then: Severity, findings: &[Finding]) -> (Severity, Option<Note>) {
    let (incident, _) = fixture::npm_takeover();
    let ids = findings.iter().map(|finding| finding.id.clone()).collect();
    let incident = Incident { severity: severity_then, findings: ids, ..incident };
    let transition = fixture::opened();
    let view = IncidentView { run: &RunId::Live, incident: &incident, findings, transition: &transition };
    severity(plans, &view)
}

#[test]
fn an_incident_is_info_only_if_all_of_it_was_planned_and_high_if_anything_is_not() {
    let (_, findings) = fixture::npm_takeover();
    let planned = [announced("pkg:npm/left-pad", "K2", -1, 1)];
    let other_key = [announced("pkg:npm/left-pad", "K9", -1, 1)];
    let note = |deviation| Some(Note::OutsidePlan { maintenance: MaintenanceId(3), deviation });
    let own = [key_change()];
    assert_eq!(
        judged(&planned, Severity::Critical, &own),
        (Severity::Info, Some(Note::Planned { maintenance: MaintenanceId(3) }))
    );
    assert_eq!(judged(&planned, Severity::Critical, &findings), (Severity::Critical, None), "the rest stays");
    assert_eq!(judged(&other_key, Severity::Low, &own), (Severity::High, note(Deviation::Key)));
    assert_eq!(judged(&other_key, Severity::Critical, &own), (Severity::Critical, note(Deviation::Key)));
    let both = [other_key[0].clone(), planned[0].clone()];
    assert_eq!(
        judged(&both, Severity::Critical, &own).0,
        Severity::Info,
        "one plan may allow what another does not"
    );
    assert_eq!(judged(&[], Severity::Critical, &own), (Severity::Critical, None));
}

#[test]
fn a_signer_of_another_kind_of_subject_is_no_excuse() {
    let mut finding = key_change();
    finding.subject = detectors::finding::Subject::new(SubjectKind::Signer, "npm", "K2");
    finding.last_event = EventTime::from_secs(EVIDENCE / 1_000_000_000);
    let work = announced("pkg:npm/left-pad", "K2", -1, 1);
    assert_eq!(work.judge(&finding), Judgement::Outside(Deviation::Subject));
}

#[test]
fn a_plan_says_what_on_what_with_what_and_when() {
    let keys = || vec!["K2".to_owned()];
    let subjects = || globs(&["pkg:npm/x"]);
    let work = || vec![Work::KeyRotation];
    let many = |count| vec!["K".to_owned(); count];
    let refused = [
        (
            Plan::new(Vec::new(), subjects(), Vec::new(), keys()),
            "cannot announce work without a kind of work",
        ),
        (Plan::new(work(), Vec::new(), Vec::new(), keys()), "cannot announce work without subjects"),
        (Plan::new(work(), subjects(), Vec::new(), Vec::new()), "cannot announce work without keys"),
        (
            Plan::new(work(), subjects(), Vec::new(), vec![" ".to_owned()]),
            "cannot announce work without keys",
        ),
        (
            Plan::new(work(), globs(&["**"]), Vec::new(), keys()),
            "cannot announce work on every subject: name what is worked on",
        ),
        (
            Plan::new(work(), subjects(), Vec::new(), many(PLAN_LIST_MAX + 1)),
            "cannot announce more than 1000 keys",
        ),
    ];
    for (plan, expected) in refused {
        assert_eq!(plan.unwrap_err().to_string(), expected);
    }
    let plan = Plan::new(work(), subjects(), Vec::new(), many(PLAN_LIST_MAX)).unwrap();
    assert!(plan.announced("alice", "yearly", 0, WINDOW_DAYS_MAX * DAY_NANOS).is_ok());
    for (owner, reason, ends) in
        [(" ", "r", 1), ("a", "", 1), ("a", "r", 0), ("a", "r", WINDOW_DAYS_MAX * DAY_NANOS + 1)]
    {
        assert!(plan.announced(owner, reason, 0, ends).is_err(), "{owner} {reason} {ends}");
    }
}

#[test]
fn an_announcement_is_kept_as_it_was_made_and_an_unknown_form_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let store = store::Store::open(&folder.path().join("a.db")).unwrap();
    let new = plan("pkg:npm/left-pad", "K2").announced("alice", "yearly", 10, 20).unwrap();
    store.announce_maintenance(&new, 5).unwrap();
    let stored = store.reader().maintenance().unwrap().remove(0);
    let read = Announced::of(&stored).unwrap();
    assert_eq!(
        (read.plan, read.starts, read.ends, read.created_at),
        (plan("pkg:npm/left-pad", "K2"), 10, 20, 5)
    );
    let newer = Maintenance { plan: stored.plan.replace("\"version\":1", "\"version\":2"), ..stored.clone() };
    assert!(matches!(Announced::of(&newer), Err(PlanError::Newer { found: 2 })));
    let broken = Maintenance { plan: "{}".to_owned(), ..stored };
    assert!(matches!(Announced::of(&broken), Err(PlanError::Unreadable { .. })));
}
