//! From an incident and its findings to a card.

use std::cmp::Reverse;

use detectors::finding::{Decision, Finding, Subject};
use detectors::incident::{Incident, Transition};

use super::evidence::{expected, line, observed};
use super::text::Text;
use super::{Card, EVIDENCE_MAX, Listed, MEASURES_MAX, MeasureLine, PublicUrl, Record, Repeat, SUBJECTS_MAX};

/// The card that tells a reader of an incident; a pure function of its arguments.
#[must_use]
pub fn build(
    transition: Transition,
    incident: Incident,
    mut findings: Vec<Finding>,
    public_url: Option<&PublicUrl>,
) -> Card {
    findings.sort_by_cached_key(loudness);
    let unknown_findings =
        (incident.findings.len() + incident.further_findings).saturating_sub(findings.len());
    let evidence = findings.iter().flat_map(|finding| &finding.evidence);
    Card {
        news: transition.reason.into(),
        transition,
        severity: incident.severity,
        headline: headline(&incident, &findings),
        sentence: Text::new().untrusted(&incident.summary),
        subjects: Listed::first(SUBJECTS_MAX, incident.subjects.iter().map(subject), 0),
        measures: Listed::first(MEASURES_MAX, findings.iter().map(measure), unknown_findings),
        evidence: Listed::first(EVIDENCE_MAX, evidence.map(line), 0),
        seen: (incident.first_event, incident.last_event),
        link: public_url.and_then(|url| url.incident(&incident.id)),
        repeat: Repeat::No,
        notes: Vec::new(),
        record: Record::Incident { incident, findings },
    }
}

/// Loudest first: severity, then told before untold, violations before probabilities, surprise, and the id so
/// that equal ones keep one order.
fn loudness(finding: &Finding) -> impl Ord + use<> {
    let rank = match finding.decision {
        Decision::Violation => 0_u8,
        Decision::Told => 1,
        Decision::BelowBudget => 2,
    };
    // Bits are finite and at most 100; thousandths of them are an order no float can upset.
    let bits = finding.surprise_bits.map_or(i64::MAX, |bits| (bits * 1_000.0) as i64);
    (Reverse(finding.severity), rank, Reverse(bits), finding.id.clone())
}

fn headline(incident: &Incident, findings: &[Finding]) -> Text {
    let mut text = Text::new();
    if let Some(loudest) = findings.first() {
        text = text.ours(loudest.detector).then(": ");
    }
    match incident.subjects.split_first() {
        Some((first, [])) => text.untrusted(&*first.name),
        Some((first, others)) => text.untrusted(&*first.name).then(" and ").ours(others.len()).then(" more"),
        None => text.then("subject unknown"),
    }
}

fn subject(subject: &Subject) -> Text {
    Text::new()
        .then(subject.kind.as_str())
        .then(" ")
        .untrusted(&*subject.name)
        .then(" in ")
        .untrusted(&*subject.registry)
}

fn measure(finding: &Finding) -> MeasureLine {
    MeasureLine {
        label: Text::new().ours(finding.detector),
        observed: observed(&finding.observed),
        expected: finding.expected.as_ref().map(expected),
    }
}

#[cfg(test)]
mod tests {
    use detectors::finding::Severity;

    use super::*;
    use crate::fixture;

    #[test]
    fn a_card_says_what_whom_and_why_with_the_loudest_first() {
        let (incident, findings) = fixture::npm_takeover();
        let page = PublicUrl::parse("https://watch.example").unwrap();
        let card = build(fixture::opened(), incident.clone(), findings, Some(&page));
        assert_eq!(card.headline.plain(), "key-change: pkg:npm/left-pad and 1 more");
        assert_eq!(card.severity, Severity::Critical);
        assert_eq!(card.subjects.shown[1].plain(), "principal eve in npm");
        assert_eq!(card.measures.shown[0].observed.plain(), "K2 key");
        assert_eq!(card.measures.shown[0].expected.as_ref().unwrap().plain(), "K1 key");
        assert_eq!(card.link.unwrap().as_str(), format!("https://watch.example/i/{}", incident.id));
    }

    #[test]
    fn what_has_no_room_is_counted() {
        let (mut incident, findings) = fixture::npm_takeover();
        let subject = incident.subjects[0].clone();
        incident.subjects = vec![subject; SUBJECTS_MAX + 3];
        incident.further_findings = 7;
        let many: Vec<_> = findings.iter().cycle().take(MEASURES_MAX + 2).cloned().collect();
        incident.findings = many.iter().map(|finding| finding.id.clone()).collect();
        let evidence: usize = many.iter().map(|finding| finding.evidence.len()).sum();
        let card = build(fixture::opened(), incident, many, None);
        assert_eq!((card.subjects.shown.len(), card.subjects.further), (SUBJECTS_MAX, 3));
        assert_eq!((card.measures.shown.len(), card.measures.further), (MEASURES_MAX, 2 + 7));
        assert_eq!(
            (card.evidence.shown.len(), card.evidence.further),
            (EVIDENCE_MAX, evidence - EVIDENCE_MAX)
        );
    }

    #[test]
    fn an_incident_without_findings_still_makes_a_card() {
        let (incident, _) = fixture::npm_takeover();
        let card = build(fixture::opened(), Incident { subjects: Vec::new(), ..incident }, Vec::new(), None);
        assert_eq!(card.headline.plain(), "subject unknown");
        assert_eq!((card.link, card.measures.further), (None, 2));
    }
}
