//! Routing as a table: one tree, many incidents.

use std::collections::BTreeSet;

use detectors::finding::{DetectorId, Subject, SubjectKind};
use serde::Deserialize;

use super::*;
use crate::fixture;

const TREE: &str = r#"
    [[route]]
    registries = ["staging-*"]
    receivers = []

    [[route]]
    min_severity = "critical"
    receivers = ["pager"]
    continue = true

    [[route]]
    subject_kinds = ["artifact"]
    subject_names = ["pkg:npm/@acme/*", "pkg:npm/left-*"]
    registries = ["npm"]
    receivers = ["owners", "pager"]

    [[route]]
    detectors = ["download-volume", "download-breadth"]
    min_severity = "high"
    receivers = ["leaks"]

    [default_route]
    receivers = ["soc"]
"#;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Tree {
    route: Vec<RouteConfig>,
    default_route: DefaultRoute,
}

fn receivers() -> BTreeSet<ReceiverId> {
    ["leaks", "owners", "pager", "soc"].map(|name| ReceiverId::parse(name).unwrap()).into()
}

fn routes(text: &str) -> Result<Routes, RoutingError> {
    let tree: Tree = toml::from_str(text).unwrap();
    Routes::new(tree.route, tree.default_route, &receivers())
}

fn tell(receiver: &str, reason: RouteReason) -> Decision {
    Decision::Tell { receiver: ReceiverId::parse(receiver).unwrap(), reason }
}

/// By the route of this number, which has no name.
fn by(number: usize) -> RouteReason {
    RouteReason::Route { number, name: None }
}

/// The decision of routes alone, at a time that is muted by nothing.
fn routed(routes: &Routes, view: &IncidentView<'_>) -> Vec<Decision> {
    let (owners, mute_times) = (Owners::default(), MuteTimes::default());
    let here =
        Circumstances { owners: &owners, mute_times: &mute_times, severity: view.incident.severity, now: 0 };
    route(routes, view, &here)
}

/// What changes about the takeover of `pkg:npm/left-pad` before it is routed.
type Change = fn(&mut Incident, &mut Vec<Finding>, &mut Transition);

#[test]
fn the_first_route_that_fits_decides_and_says_so() {
    use RouteReason::Default;
    let routes = routes(TREE).unwrap();
    let cases: &[(&str, Change, Vec<Decision>)] = &[
        (
            "critical goes on to the owners, and nobody is told twice",
            |_, _, _| {},
            vec![tell("pager", by(2)), tell("owners", by(3))],
        ),
        (
            "less than critical leaves the pager to the owners' route",
            |incident, _, _| incident.severity = Severity::Medium,
            vec![tell("owners", by(3)), tell("pager", by(3))],
        ),
        (
            "registry and name must fit on one subject",
            |incident, _, _| {
                incident.severity = Severity::Low;
                incident.subjects = vec![
                    Subject::new(SubjectKind::Artifact, "harbor", "pkg:npm/left-pad"),
                    Subject::new(SubjectKind::Artifact, "npm", "pkg:npm/other"),
                ];
            },
            vec![tell("soc", Default)],
        ),
        (
            "a route to nobody is a decision",
            |incident, _, _| {
                incident.subjects = vec![Subject::new(SubjectKind::Registry, "staging-eu", "staging-eu")];
            },
            vec![Decision::NotTold(NotTold::RouteToNobody { route: 1 })],
        ),
        (
            "detectors are looked for among the findings",
            |incident, findings, _| {
                incident.severity = Severity::High;
                incident.subjects.remove(0);
                findings[0].detector = DetectorId::DownloadBreadth;
            },
            vec![tell("leaks", by(4))],
        ),
        (
            "nothing fits but the default",
            |incident, _, _| {
                incident.severity = Severity::High;
                incident.subjects.remove(0);
            },
            vec![tell("soc", Default)],
        ),
        (
            "below the budget",
            |incident, _, _| incident.told = false,
            vec![Decision::NotTold(NotTold::BelowBudget)],
        ),
        (
            "closing is no news",
            |_, _, transition| transition.reason = TransitionReason::Resolved,
            vec![Decision::NotTold(NotTold::QuietTransition)],
        ),
    ];
    for (rule, change, expected) in cases {
        let ((mut incident, mut findings), mut transition) = (fixture::npm_takeover(), fixture::opened());
        change(&mut incident, &mut findings, &mut transition);
        let view = IncidentView {
            run: &RunId::Live,
            incident: &incident,
            findings: &findings,
            transition: &transition,
        };
        assert_eq!(routed(&routes, &view), *expected, "{rule}");
    }
}

#[test]
fn an_exercise_tells_nobody() {
    let routes = routes(TREE).unwrap();
    let ((incident, findings), transition) = (fixture::npm_takeover(), fixture::opened());
    let run: RunId = "exercise:autumn".parse().unwrap();
    let view = IncidentView { run: &run, incident: &incident, findings: &findings, transition: &transition };
    assert_eq!(routed(&routes, &view), [Decision::NotTold(NotTold::NotLive)]);
}

#[test]
fn without_a_default_the_reason_names_what_was_missing() {
    let cases = [
        ("min_severity = \"critical\"", NotTold::SeverityBelow { route: 1 }),
        ("registries = [\"other\"]", NotTold::NoRoute),
    ];
    for (matcher, expected) in cases {
        let text = format!("[[route]]\n{matcher}\nreceivers = [\"soc\"]\n[default_route]\nreceivers = []");
        let (incident, findings) = fixture::npm_takeover();
        let incident = Incident { severity: Severity::High, ..incident };
        let transition = fixture::opened();
        let view = IncidentView {
            run: &RunId::Live,
            incident: &incident,
            findings: &findings,
            transition: &transition,
        };
        assert_eq!(routed(&routes(&text).unwrap(), &view), [Decision::NotTold(expected)]);
    }
}

#[test]
fn without_any_route_every_receiver_is_told() {
    let routes = Routes::new(Vec::new(), DefaultRoute::default(), &receivers()).unwrap();
    let ((incident, findings), transition) = (fixture::npm_takeover(), fixture::opened());
    let view =
        IncidentView { run: &RunId::Live, incident: &incident, findings: &findings, transition: &transition };
    let expected: Vec<_> = receivers().iter().map(|name| tell(name.as_str(), RouteReason::Default)).collect();
    assert_eq!(routed(&routes, &view), expected);
}

#[test]
fn a_route_that_cannot_work_is_refused_by_name() {
    let cases = [
        (
            "[[route]]\nreceivers = [\"sco\"]\n[default_route]",
            "cannot route to `sco` in route 1: there is no such receiver",
        ),
        (
            "route = []\n[default_route]\nreceivers = [\"ops\"]",
            "cannot route to `ops` in default_route: there is no such receiver",
        ),
        (
            "[[route]]\nreceivers = [\"soc\"]\nmin_severity = \"info\"\n[[route]]\nreceivers = []\n[default_route]",
            "cannot reach route 2: route 1 before it matches everything and does not continue",
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(routes(text).unwrap_err().to_string(), expected);
    }
}

#[test]
fn a_misspelt_matcher_is_an_error() {
    let error = toml::from_str::<RouteConfig>("receivers = []\nseverity = \"high\"").unwrap_err();
    assert!(error.to_string().contains("unknown field `severity`"), "{error}");
}

#[test]
fn every_matcher_asks_what_it_says() {
    let cases = [
        ("max_severity = 'critical'", true),
        ("max_severity = 'high'", false),
        ("subject_regexes = ['pkg:npm/(left|right)-pad']", true),
        ("subject_regexes = ['left']", false),
        ("purl_types = ['npm', 'pypi']", true),
        ("purl_types = ['docker']", false),
        ("namespaces = ['@ac*']", true),
        ("namespaces = ['@evil']", false),
        ("subject_names = ['pkg:npm/@acme/*']", true),
        ("subject_names = ['pkg:npm/%40acme/*']", true),
        ("min_findings = 2", true),
        ("min_findings = 3", false),
        ("min_subjects = 3", true),
        ("min_subjects = 4", false),
        ("modes = ['live', 'exercise']", true),
        ("modes = ['exercise']", false),
        ("namespaces = ['@acme']\nregistries = ['harbor']", false),
    ];
    let (mut incident, findings) = fixture::npm_takeover();
    incident.subjects.push(Subject::new(SubjectKind::Artifact, "npm", "pkg:npm/%40acme/ui"));
    let transition = fixture::opened();
    let view =
        IncidentView { run: &RunId::Live, incident: &incident, findings: &findings, transition: &transition };
    for (matcher, expected) in cases {
        let matchers: Matchers = toml::from_str(matcher).unwrap();
        let fit = matchers.fit(&view, incident.severity, &Owners::default());
        assert_eq!(fit == Fit::Yes, expected, "{matcher}");
    }
}

#[test]
fn an_exercise_reaches_only_whom_a_route_maps_it_to() {
    let text = "[[route]]\nreceivers = ['soc']\n[[route]]\nmodes = ['exercise']\nreceivers = ['leaks']\n[default_route]";
    let ((incident, findings), transition) = (fixture::npm_takeover(), fixture::opened());
    for (run, expected) in [("exercise:autumn", tell("leaks", by(2))), ("live", tell("soc", by(1)))] {
        let run: RunId = run.parse().unwrap();
        let view =
            IncidentView { run: &run, incident: &incident, findings: &findings, transition: &transition };
        assert_eq!(routed(&routes(text).unwrap(), &view), [expected]);
    }
}
