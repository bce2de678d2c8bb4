//! What silences hide and what they never do, over the takeover of `left-pad`.

use detectors::finding::{DetectorId, Subject, SubjectKind};
use detectors::incident::Incident;
use proptest::prelude::*;
use store::RunId;

use super::*;
use crate::fixture;
use crate::routing::Glob;

const DAY: i64 = 86_400_000_000_000;
const NOW: i64 = 1_778_530_000_000_000_000;

fn about(name: &str) -> Matchers {
    Matchers { subject_names: vec![Glob::parse(name).unwrap()], ..Matchers::default() }
}

fn draft(matchers: Matchers) -> SilenceDraft {
    SilenceDraft {
        matchers,
        owner: "alice".to_owned(),
        reason: "known".to_owned(),
        starts_at: NOW,
        ends_at: NOW + DAY,
        ceiling: None,
    }
}

/// A silence made over these findings.
fn made(matchers: Matchers, findings: &[Finding]) -> Holding {
    let form = draft(matchers).form(findings, &Owners::default(), NOW).unwrap();
    Holding { id: SilenceId(7), form }
}

fn judged(silences: &[Holding], incident: &Incident, findings: &[Finding]) -> (Option<NotTold>, Vec<Note>) {
    let transition = fixture::opened();
    let view = IncidentView { run: &RunId::Live, incident, findings, transition: &transition };
    judge(silences, &view, incident.severity, &Owners::default())
}

fn passed(why: Pierce) -> (Option<NotTold>, Vec<Note>) {
    (None, vec![Note::SilencePassed { silence: SilenceId(7), why }])
}

#[test]
fn an_incident_is_hidden_only_where_all_that_would_be_told_is() {
    let (incident, findings) = fixture::npm_takeover();
    let hidden = (Some(NotTold::Silenced { silence: SilenceId(7) }), Vec::new());
    assert_eq!(judged(&[made(about("*"), &findings)], &incident, &findings), hidden);
    let part = [made(about("pkg:npm/left-pad"), &findings)];
    assert_eq!(judged(&part, &incident, &findings), passed(Pierce::Company));
    let mut quieter = findings.clone();
    quieter[0].decision = Decision::BelowBudget;
    assert_eq!(judged(&part, &incident, &quieter), hidden, "what nobody is told of needs no silence");
    let longer = Incident { further_findings: 1, ..incident.clone() };
    assert_eq!(judged(&[made(about("*"), &findings)], &longer, &findings), passed(Pierce::Unseen));
    assert_eq!(judged(&[made(about("pkg:npm/other"), &findings)], &incident, &findings), (None, Vec::new()));
    assert_eq!(judged(&[], &incident, &findings), (None, Vec::new()));
}

#[test]
fn two_silences_may_hide_an_incident_together() {
    let (incident, findings) = fixture::npm_takeover();
    let mut second = Holding { id: SilenceId(8), ..made(about("eve"), &findings) };
    let (reason, notes) = judged(&[second.clone()], &incident, &findings);
    assert!(reason.is_none() && notes.len() == 1, "alone it may not hide what is critical in sum");
    second.form.ceiling = Severity::Critical;
    let both = [made(about("pkg:npm/*"), &findings), second];
    let (reason, _) = judged(&both, &incident, &findings);
    assert!(matches!(reason, Some(NotTold::Silenced { .. })), "{reason:?}");
}

#[test]
fn what_is_worse_than_when_it_was_made_is_told() {
    let (mut incident, mut findings) = fixture::npm_takeover();
    incident.severity = Severity::Medium;
    findings.iter_mut().for_each(|finding| finding.severity = Severity::Medium);
    let silence = [made(about("*"), &findings)];
    assert_eq!(silence[0].form.ceiling, Severity::Medium);
    assert!(judged(&silence, &incident, &findings).0.is_some());
    let ceiling = Pierce::Severity { ceiling: Severity::Medium };
    incident.severity = Severity::High;
    assert_eq!(judged(&silence, &incident, &findings), passed(ceiling.clone()), "together they are worse");
    incident.severity = Severity::Medium;
    findings[1].severity = Severity::Critical;
    assert_eq!(judged(&silence, &incident, &findings), passed(ceiling), "one of them is worse");
}

#[test]
fn content_that_was_not_known_is_told() {
    let (incident, mut findings) = fixture::npm_takeover();
    let silence = [made(about("*"), &findings)];
    findings[1].links.push(Link::Digest("sha256:e71l".into()));
    let digest = "sha256:e71l".to_owned();
    assert_eq!(judged(&silence, &incident, &findings), passed(Pierce::ChangedDigest { digest }));
    let ahead = [made(about("*"), &[])];
    assert_eq!(ahead[0].form.ceiling, Severity::Medium, "what matches nothing may hide little");
    assert!(judged(&ahead, &incident, &findings).0.is_none());
}

#[test]
fn a_silence_is_kept_as_it_was_made_and_an_unknown_form_is_refused() {
    let (_, findings) = fixture::npm_takeover();
    let form =
        made(Matchers { detectors: vec![DetectorId::KeyChange], ..about("pkg:npm/*") }, &findings).form;
    assert_eq!(SilenceForm::from_json(&form.to_json()).unwrap(), form);
    let newer = form.to_json().replace("\"version\":1", "\"version\":2");
    assert!(matches!(SilenceForm::from_json(&newer), Err(SilenceError::Newer { found: 2 })));
    for broken in ["{}", "null", "{\"version\":1,\"matchers\":{},\"ceiling\":\"high\"}"] {
        assert!(matches!(SilenceForm::from_json(broken), Err(SilenceError::Unreadable { .. })), "{broken}");
    }
}

#[test]
fn a_silence_has_an_owner_a_reason_an_end_and_a_matcher() {
    type Change = fn(&mut SilenceDraft);
    let cases: [(Change, DraftError); 9] = [
        (|draft| draft.matchers = Matchers::default(), DraftError::NoMatcher),
        (|draft| draft.matchers.min_findings = Some(3), DraftError::Size),
        (|draft| draft.owner = " ".to_owned(), DraftError::Owner),
        (|draft| draft.owner = "a".repeat(129), DraftError::Owner),
        (|draft| draft.reason.clear(), DraftError::Reason),
        (|draft| draft.reason = "a".repeat(2_001), DraftError::Reason),
        (|draft| draft.starts_at = draft.ends_at, DraftError::NoTime),
        (|draft| (draft.starts_at, draft.ends_at) = (0, NOW), DraftError::Over),
        (|draft| draft.ends_at = NOW + SILENCE_DAYS_MAX * DAY + 1, DraftError::TooLong),
    ];
    for (change, expected) in cases {
        let mut draft = draft(about("x"));
        change(&mut draft);
        assert_eq!(draft.form([], &Owners::default(), NOW), Err(expected));
    }
    let mut longest = draft(about("x"));
    longest.ends_at = NOW + SILENCE_DAYS_MAX * DAY;
    assert!(longest.form([], &Owners::default(), NOW).is_ok());
    let (_, findings) = fixture::npm_takeover();
    let many = |count: usize| {
        let mut finding = findings[1].clone();
        finding.evidence.clear();
        finding.links = (0..count).map(|n| Link::Digest(format!("sha256:{n}").into())).collect();
        draft(about("*")).form([&finding], &Owners::default(), NOW)
    };
    assert!(many(DIGESTS_MAX).is_ok());
    assert_eq!(many(DIGESTS_MAX + 1), Err(DraftError::TooBroad));
}

#[test]
fn a_preview_counts_what_is_hidden_and_names_what_is_told_first() {
    let (_, findings) = fixture::npm_takeover();
    let form = SilenceForm::new(about("*"), Severity::High, BTreeSet::new());
    let seen = [(&findings[0], Seen::Open), (&findings[0], Seen::Closed), (&findings[1], Seen::Recorded)];
    let preview = Preview::of(&form, seen, &Owners::default());
    assert_eq!((preview.open_hidden, preview.closed_hidden, preview.recorded_hidden), (1, 1, 0));
    assert_eq!(preview.told_all_the_same, 1);
    let first = &preview.examples[0];
    assert_eq!(first.told_because.as_ref().map(|(name, _)| *name), Some("severity-above-ceiling"));
    let many = vec![(&findings[0], Seen::Open); EXAMPLES_MAX + 1];
    let preview = Preview::of(&form, many, &Owners::default());
    assert_eq!((preview.open_hidden, preview.examples.len()), (EXAMPLES_MAX + 1, EXAMPLES_MAX));
    let nothing = SilenceForm::new(about("pkg:npm/other"), Severity::High, BTreeSet::new());
    assert!(Preview::of(&nothing, seen, &Owners::default()).matches_nothing());
}

fn severities() -> impl Strategy<Value = Severity> {
    prop::sample::select(Severity::ALL.to_vec())
}

proptest! {
    /// Whatever the silences and the findings: what is hidden is nowhere more severe than what a silence may hide,
    /// and names no content that none of them knew.
    #[test]
    fn nothing_worse_and_nothing_changed_is_ever_hidden(
        ceilings in prop::collection::vec((severities(), 0_u8..3, 0_u8..3), 0..4),
        members in prop::collection::vec((severities(), 0_u8..3, 0_u8..3), 1..5),
        of_all in severities(),
    ) {
        let name = |number: u8| format!("pkg:npm/p{number}");
        let digest = |number: u8| format!("sha256:{number}");
        let silences: Vec<_> = ceilings.iter().zip(1..).map(|((ceiling, subject, known), id)| Holding {
            id: SilenceId(id),
            form: SilenceForm::new(about(&name(*subject)), *ceiling, [digest(*known)].into()),
        }).collect();
        let (mut incident, findings) = fixture::npm_takeover();
        incident.severity = of_all;
        let findings: Vec<_> = members.iter().map(|(severity, subject, content)| Finding {
            severity: *severity,
            subject: Subject::new(SubjectKind::Artifact, "npm", name(*subject)),
            links: vec![Link::Digest(digest(*content).into())],
            evidence: Vec::new(),
            ..findings[0].clone()
        }).collect();
        incident.findings = findings.iter().map(|finding| finding.id.clone()).collect();
        let first = judged(&silences, &incident, &findings);
        prop_assert_eq!(&first, &judged(&silences, &incident, &findings), "a decision is a function");
        let mut reversed = silences.clone();
        reversed.reverse();
        let again = judged(&reversed, &incident, &findings);
        prop_assert_eq!(again.0.is_some(), first.0.is_some(), "the order of silences hides nothing more");
        if first.0.is_some() {
            for (severity, subject, content) in members {
                let may = ceilings.iter().any(|(ceiling, about, known)| {
                    subject == *about && content == *known && severity <= *ceiling && of_all <= *ceiling
                });
                prop_assert!(may, "{severity} {subject} {content} is hidden by {ceilings:?}");
            }
        }
    }
}
