//! The order of what decides: announcements, silences, inhibition, routes, mute times.

use detectors::event::EventTime;
use detectors::finding::{IncidentId, Subject, SubjectKind};
use detectors::incident::TransitionReason;
use proptest::prelude::*;
use serde::Deserialize;
use store::{MaintenanceId, SilenceId};

use super::*;
use crate::fixture;
use crate::maintenance::{Plan, Work};
use crate::routing::{Glob, Matchers, NotTold, Note, RouteReason};

const CONFIG: &str = r#"
    [[owner]]
    team = "web"
    subjects = ["pkg:npm/left-*"]

    [[mute_time]]
    name = "nights"
    time_zone = "UTC"
    from = "22:00"
    until = "07:00"

    [[inhibit]]
    name = "takeover explains pulls"
    source = { detectors = ["key-change"] }
    target = { detectors = ["download-volume"] }
    equal = ["subject"]

    [[route]]
    name = "web"
    owners = ["web"]
    receivers = ["soc"]
    mute = ["nights"]

    [[route]]
    under = "web"
    min_severity = "critical"
    receivers = ["pager"]
"#;

/// 2026-05-11T12:00:00Z, and an hour before midnight.
const NOON: i64 = 1_778_500_800_000_000_000;
const NIGHT: i64 = NOON + 11 * 3_600_000_000_000;

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct File {
    owner: Vec<OwnerConfig>,
    mute_time: Vec<MuteTimeConfig>,
    inhibit: Vec<InhibitConfig>,
    route: Vec<RouteConfig>,
    default_route: DefaultRoute,
}

fn receivers() -> BTreeSet<ReceiverId> {
    ["pager", "soc"].map(|name| ReceiverId::parse(name).unwrap()).into()
}

fn rules(text: &str) -> Result<Rules, RulesError> {
    let file: File = toml::from_str(text).unwrap();
    let config = RulesConfig {
        routes: file.route,
        default_route: file.default_route,
        owners: file.owner,
        mute_times: file.mute_time,
        inhibit: file.inhibit,
    };
    Rules::new(config, &receivers())
}

fn decided(standing: &Standing, change: impl FnOnce(&mut Incident, &mut Vec<Finding>)) -> Decided {
    let (mut incident, mut findings) = fixture::npm_takeover();
    change(&mut incident, &mut findings);
    let transition = fixture::opened();
    let view =
        IncidentView { run: &RunId::Live, incident: &incident, findings: &findings, transition: &transition };
    rules(CONFIG).unwrap().decide(&view, standing)
}

/// The decisions by name: `pager:route`, `soc:muted`, `silenced`.
fn names(decided: &Decided) -> Vec<String> {
    let name = |decision: &Decision| match decision {
        Decision::Tell { receiver, reason } => format!("{receiver}:{reason}"),
        Decision::Muted { receiver, until, .. } => {
            format!("{receiver}:muted until {}", crate::shown_time(*until))
        }
        Decision::Fold { receiver, .. } => format!("{receiver}:fold"),
        Decision::NotTold(reason) => reason.as_str().to_owned(),
        Decision::Note(note) => note.as_str().to_owned(),
    };
    decided.decisions.iter().map(name).collect()
}

fn at(now: i64) -> Standing {
    Standing { now, ..Standing::default() }
}

fn silence_over(findings: &[Finding]) -> Holding {
    let matchers = Matchers { subject_names: vec![Glob::parse("*").unwrap()], ..Matchers::default() };
    let digests = findings.iter().flat_map(silence::digests_of).collect();
    Holding { id: SilenceId(1), form: SilenceForm::new(matchers, Severity::Critical, digests) }
}

fn plan_for(key: &str) -> Announced {
    let plan = Plan::new(
        vec![Work::KeyRotation],
        vec![Glob::parse("pkg:npm/left-pad").unwrap()],
        Vec::new(),
        vec![key.to_owned()],
    );
    Announced {
        id: MaintenanceId(2),
        plan: plan.unwrap(),
        starts: 0,
        ends: i64::MAX,
        created_at: 0,
        ended_at: None,
    }
}

#[test]
fn a_route_under_another_decides_in_its_place() {
    assert_eq!(names(&decided(&at(NOON), |_, _| {})), ["pager:route 2 matched"]);
    let quieter = decided(&at(NOON), |incident, _| incident.severity = Severity::High);
    assert_eq!(names(&quieter), ["soc:route 1 `web` matched"]);
    let elsewhere = decided(&at(NOON), |incident, _| {
        incident.subjects.retain(|subject| subject.kind != SubjectKind::Artifact);
    });
    assert_eq!(
        names(&elsewhere),
        ["pager:no route matched: default route", "soc:no route matched: default route"]
    );
}

#[test]
fn in_a_mute_time_what_is_not_loud_waits_for_its_end() {
    assert_eq!(names(&decided(&at(NIGHT), |_, _| {})), ["pager:route 2 matched"]);
    let quieter = decided(&at(NIGHT), |incident, _| incident.severity = Severity::High);
    assert_eq!(names(&quieter), ["soc:muted until 2026-05-12T07:00:00Z"]);
}

#[test]
fn a_silence_comes_before_every_route() {
    let (_, findings) = fixture::npm_takeover();
    let standing = Standing { silences: vec![silence_over(&findings)], ..at(NOON) };
    assert_eq!(names(&decided(&standing, |_, _| {})), ["silenced"]);
    let below = Standing {
        silences: vec![Holding {
            form: SilenceForm::new(silence_over(&findings).form.matchers, Severity::High, BTreeSet::new()),
            ..silence_over(&findings)
        }],
        ..at(NOON)
    };
    assert_eq!(names(&decided(&below, |_, _| {})), ["silence-passed", "pager:route 2 matched"]);
}

#[test]
fn what_was_announced_is_routed_as_info_and_what_was_not_as_high() {
    let only_the_key = |incident: &mut Incident, findings: &mut Vec<Finding>| {
        findings.remove(0);
        incident.findings = vec![findings[0].id.clone()];
    };
    let planned = decided(&Standing { plans: vec![plan_for("K2")], ..at(NOON) }, only_the_key);
    assert_eq!(
        (planned.severity, names(&planned)),
        (Severity::Info, vec!["planned".to_owned(), "soc:route 1 `web` matched".to_owned()])
    );
    let other = decided(&Standing { plans: vec![plan_for("K9")], ..at(NOON) }, |incident, findings| {
        only_the_key(incident, findings);
        incident.severity = Severity::Low;
    });
    assert_eq!(
        (other.severity, names(&other)),
        (Severity::High, vec!["outside-plan".to_owned(), "soc:route 1 `web` matched".to_owned()])
    );
}

/// The pulls of `left-pad`, beside its takeover.
fn pulls(incident: &mut Incident, findings: &mut Vec<Finding>) {
    findings.truncate(1);
    findings[0].detector = detectors::finding::DetectorId::DownloadVolume;
    findings[0].subject = incident.subjects[0].clone();
    incident.id = IncidentId::of_earliest(&findings[0].id);
    incident.findings = vec![findings[0].id.clone()];
    incident.subjects.truncate(1);
    incident.severity = Severity::High;
}

fn takeover(severity: Severity) -> OpenIncident {
    let (incident, findings) = fixture::npm_takeover();
    OpenIncident { incident: Incident { severity, ..incident }, findings, severity }
}

#[test]
fn an_incident_that_a_worse_one_explains_is_told_to_nobody() {
    let standing = |open: OpenIncident| Standing { open: vec![open], ..at(NOON) };
    let check = |open: OpenIncident, expected: &str| {
        let decided = decided(&standing(open), pulls);
        assert!(names(&decided)[0].starts_with(expected), "{decided:?} is not {expected}");
    };
    check(takeover(Severity::Critical), "inhibited");
    check(takeover(Severity::Medium), "soc:route 1");
    let mut other = takeover(Severity::Critical);
    other.incident.subjects = vec![Subject::new(SubjectKind::Artifact, "npm", "pkg:npm/other")];
    check(other, "soc:route 1");
    let mut closed = takeover(Severity::Critical);
    closed.incident.status = Status::Resolved;
    check(closed, "soc:route 1");
    let mut untold = takeover(Severity::Critical);
    untold.incident.told = false;
    check(untold, "soc:route 1");
    let mut long_ago = takeover(Severity::Critical);
    long_ago.incident.last_event = EventTime::from_secs(1_778_526_000 - 25 * 3_600);
    check(long_ago, "soc:route 1");
    let itself = decided(&standing(takeover(Severity::Critical)), |_, _| {});
    assert_eq!(names(&itself), ["pager:route 2 matched"], "an incident does not explain itself");
}

#[test]
fn whatever_the_rules_of_two_incidents_one_is_told() {
    let circle = r#"
        [[inhibit]]
        name = "everything explains everything"
        source = {}
        target = {}
        equal = ["registry"]
    "#;
    let rules = rules(circle).unwrap();
    let mut one = takeover(Severity::High);
    let mut other = one.clone();
    pulls(&mut other.incident, &mut other.findings);
    one.severity = Severity::High;
    other.severity = Severity::High;
    let transition = fixture::opened();
    let is_told = |mine: &OpenIncident, open: &OpenIncident| {
        let view = IncidentView {
            run: &RunId::Live,
            incident: &mine.incident,
            findings: &mine.findings,
            transition: &transition,
        };
        let standing = Standing { open: vec![open.clone()], ..at(NOON) };
        rules
            .decide(&view, &standing)
            .decisions
            .iter()
            .any(|decision| matches!(decision, Decision::Tell { .. }))
    };
    assert_eq!(u8::from(is_told(&one, &other)) + u8::from(is_told(&other, &one)), 1);
}

#[test]
fn rules_that_name_what_is_not_there_are_refused() {
    let route = "[[route]]\nreceivers = ['soc']\n";
    let cases = [
        (format!("{route}mute = ['x']"), "cannot mute route 1 by `x`: there is no such mute time"),
        (
            format!("{route}owners = ['x']"),
            "cannot ask for the owner `x` in route 1: no `[[owner]]` has this team",
        ),
        (
            "[[inhibit]]\nname = 'i'\nsource = { owners = ['x'] }\ntarget = {}\nequal = ['owner']".to_owned(),
            "cannot ask for the owner `x` in inhibit `i`: no `[[owner]]` has this team",
        ),
        (format!("{route}under = 'x'"), "cannot put route 1 under `x`: no route before it is called so"),
        (
            format!("{route}name = 'a'\nmin_severity = 'high'\n{route}name = 'a'"),
            "cannot tell two routes called `a` apart",
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(rules(&text).unwrap_err().to_string(), expected);
    }
}

#[test]
fn what_people_decided_is_read_from_the_store_and_what_is_broken_hides_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = store::Store::open(&folder.path().join("a.db")).unwrap();
    let new = |matcher: String| store::NewSilence {
        matcher,
        author: "alice".into(),
        reason: "known".into(),
        starts_at: 0,
        ends_at: 100,
        config_hash: None,
    };
    let (_, findings) = fixture::npm_takeover();
    store.add_silence(&new(silence_over(&findings).form.to_json()), 1).unwrap();
    store.add_silence(&new("{}".to_owned()), 1).unwrap();
    let rules = rules(CONFIG).unwrap();
    let standing = rules.standing(store.reader(), 50).unwrap();
    assert_eq!(standing.silences, [silence_over(&findings)]);
    assert_eq!(rules.standing(store.reader(), 100).unwrap().silences, []);
}

proptest! {
    /// Every decision says who is told or why nobody is, once a receiver, and is the same when it is made again.
    #[test]
    fn a_decision_is_whole_and_a_function(
        severity in prop::sample::select(Severity::ALL.to_vec()),
        hours in 0_i64..48,
        told in any::<bool>(),
        resolved in any::<bool>(),
        silenced in any::<bool>(),
    ) {
        let (mut incident, findings) = fixture::npm_takeover();
        (incident.severity, incident.told) = (severity, told);
        let mut transition = fixture::opened();
        if resolved {
            transition.reason = TransitionReason::Resolved;
        }
        let standing = Standing {
            silences: if silenced { vec![silence_over(&findings)] } else { Vec::new() },
            ..at(NOON + hours * 3_600_000_000_000)
        };
        let view = IncidentView { run: &RunId::Live, incident: &incident, findings: &findings, transition: &transition };
        let rules = rules(CONFIG).unwrap();
        let decided = rules.decide(&view, &standing);
        prop_assert_eq!(&decided, &rules.decide(&view, &standing));
        let reasons = decided.decisions.iter().filter(|decision| matches!(decision, Decision::NotTold(_))).count();
        let receivers: Vec<_> = decided.decisions.iter().filter_map(Decision::receiver).collect();
        let distinct: BTreeSet<_> = receivers.iter().collect();
        prop_assert_eq!(receivers.len(), distinct.len(), "nobody is told twice");
        prop_assert_eq!(reasons, usize::from(receivers.is_empty()), "somebody is told, or there is a reason");
    }

    /// Routes that do not continue decide by their order alone: what stands behind the first that fits is not asked.
    #[test]
    fn the_first_route_that_fits_decides(floors in prop::collection::vec(prop::sample::select(Severity::ALL.to_vec()), 1..6)) {
        let text: String = floors.iter().map(|floor| format!("[[route]]\nmin_severity = '{floor}'\nsubject_kinds = ['artifact']\nreceivers = ['soc']\n")).collect();
        let (incident, findings) = fixture::npm_takeover();
        let incident = Incident { severity: Severity::High, ..incident };
        let transition = fixture::opened();
        let view = IncidentView { run: &RunId::Live, incident: &incident, findings: &findings, transition: &transition };
        let decided = rules(&text).unwrap().decide(&view, &at(NOON)).decisions;
        let first = floors.iter().position(|floor| *floor <= Severity::High);
        let expected = match first {
            Some(at) => RouteReason::Route { number: at + 1, name: None },
            None => RouteReason::Default,
        };
        let is_expected = |decision: &Decision| matches!(decision, Decision::Tell { reason, .. } if *reason == expected);
        prop_assert!(decided.iter().all(is_expected), "{:?}", decided);
    }
}

#[test]
fn notes_stand_before_what_they_explain() {
    let (_, findings) = fixture::npm_takeover();
    let standing =
        Standing { silences: vec![silence_over(&findings)], plans: vec![plan_for("K9")], ..at(NOON) };
    let decided = decided(&standing, |_, _| {});
    assert!(matches!(decided.decisions[0], Decision::Note(Note::OutsidePlan { .. })));
    assert!(matches!(decided.decisions[1], Decision::NotTold(NotTold::Silenced { .. })));
}
