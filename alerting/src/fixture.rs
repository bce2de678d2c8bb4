//! Incidents to test with and to try templates on: an honest-looking one, and one whose names attack the channel.

use std::sync::Arc;

use detectors::event::{EventTime, Span};
use detectors::finding::{
    Anchor, Band, Decision, DetectorId, Evidence, FINDING_SCHEMA, Fact, Finding, IncidentId, Link, Measure,
    Mode, RecordPosition, Severity, Subject, SubjectKind, Technique, finding_id,
};
use detectors::incident::{INCIDENT_SCHEMA, Incident, Status, Transition, TransitionReason};

/// A name that tries to wake everybody, to plant a link, and to turn the line around.
pub(crate) const HOSTILE_NAME: &str = "<!channel> <https://evil|x>\u{202e}";

/// 2026-05-11T19:00:00Z.
const START: i64 = 1_778_526_000;

/// Two findings on one takeover: another key, and a publisher never seen before.
pub(crate) fn npm_takeover() -> (Incident, Vec<Finding>) {
    takeover_of("pkg:npm/left-pad", "eve")
}

/// The same, with hostile text wherever an attacker can put any.
pub(crate) fn hostile_takeover() -> (Incident, Vec<Finding>) {
    takeover_of(HOSTILE_NAME, HOSTILE_NAME)
}

/// The same, with names of the caller's choice.
pub(crate) fn takeover_of(artifact: &str, principal: &str) -> (Incident, Vec<Finding>) {
    let artifact_subject = Subject::new(SubjectKind::Artifact, "npm", artifact);
    let principal_subject = Subject::new(SubjectKind::Principal, "npm", principal);
    let key_change = Finding {
        observed: Measure::name("K2", "key"),
        expected: Some(Band::name("K1", "key")),
        summary: format!("{artifact} 4.1.0 was signed with K2; the last 31 releases used K1"),
        evidence: vec![
            signature("this", "K2", artifact, 40),
            signature("previous", "K1", artifact, 12),
            at(Fact::Publish { version: "4.1.0".to_owned(), publisher: principal.to_owned() }, 41),
        ],
        ..finding(DetectorId::KeyChange, artifact_subject.clone(), Severity::Critical, 33.0)
    };
    let drift = Finding {
        observed: Measure::number(3.0, "changed fields"),
        expected: Some(Band::numbers(0.0, 0.0, 1.0, "changed fields")),
        summary: format!("{principal} changed the licence and the install scripts of {artifact}"),
        evidence: vec![
            at(field("license", "MIT", artifact), 41),
            at(field("install_scripts", "", "node ./steal.js"), 41),
            at(field("publisher", "alice", principal), 41),
        ],
        ..finding(DetectorId::MetadataDrift, principal_subject.clone(), Severity::High, 21.5)
    };
    let incident = Incident {
        schema: INCIDENT_SCHEMA.to_owned(),
        id: IncidentId::of_earliest(&key_change.id),
        severity: Severity::Critical,
        surprise_bits: Some(48.25),
        method: "cauchy".to_owned(),
        history: vec![opened()],
        findings: vec![key_change.id.clone(), drift.id.clone()],
        further_findings: 0,
        subjects: vec![artifact_subject, principal_subject],
        techniques: vec![Technique("T1553.002".to_owned())],
        first_event: EventTime::from_secs(START - 60),
        last_event: EventTime::from_secs(START),
        summary: key_change.summary.clone(),
        told: true,
        status: Status::New,
        owner: None,
    };
    (incident, vec![drift, key_change])
}

/// The transition that opened them.
pub(crate) fn opened() -> Transition {
    transition(TransitionReason::Opened)
}

/// A transition for one reason.
pub(crate) fn transition(reason: TransitionReason) -> Transition {
    Transition { time: EventTime::from_secs(START), severity: Severity::Critical, reason }
}

fn finding(detector: DetectorId, subject: Subject, severity: Severity, bits: f64) -> Finding {
    let time = EventTime::from_secs(START);
    Finding {
        schema: FINDING_SCHEMA.to_owned(),
        id: finding_id(detector, 1, &subject, &Anchor::Window(time, Span::hours(1))),
        links: vec![Link::Artifact(Arc::from(&*subject.name))],
        detector,
        subject,
        severity,
        time,
        first_event: EventTime::from_secs(START - 60),
        last_event: time,
        p_value: Some(bits.exp2().recip()),
        p_exact: Some(bits.exp2().recip()),
        surprise_bits: Some(bits),
        observed: Measure::number(0.0, ""),
        expected: None,
        summary: String::new(),
        counterfactual: "a signature by K1".to_owned(),
        evidence: Vec::new(),
        technique: vec![Technique("T1553.002".to_owned())],
        slsa_threat: None,
        runbook: "docs/runbook.md#key-change".to_owned(),
        decision: Decision::Told,
        mode: Mode::Live,
        incident: None,
        config_hash: Arc::from("c0ffee"),
        detector_version: 1,
    }
}

fn signature(role: &str, signer: &str, digest: &str, offset: i64) -> Evidence {
    let [role, signer] = [role, signer].map(str::to_owned);
    at(Fact::Signature { role, signer, issuer: None, digest: Some(digest.to_owned()) }, offset)
}

fn field(field: &str, before: &str, after: &str) -> Fact {
    let [field, before, after] = [field, before, after].map(str::to_owned);
    Fact::Field { field, before, after, bits: 7.5 }
}

fn at(fact: Fact, offset: i64) -> Evidence {
    let position =
        RecordPosition { source: "npm-feed".to_owned(), stream: "publish".to_owned(), partition: 3, offset };
    Evidence { fact, time: EventTime::from_secs(START), position: Some(position) }
}
