//! Laws of folding: the set decides, not the order of arrival.

use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::finding::{Anchor, Evidence, FINDING_SCHEMA, Measure, Mode, SubjectKind, finding_id};

fn finding(number: u32, minute: i64, links: &[u8], bits: f64) -> Finding {
    let time = EventTime::from_secs(1_778_526_000 + minute * 60);
    let subject = Subject::new(SubjectKind::Artifact, "npm", format!("pkg:npm/p{number}"));
    let detector = DetectorId::ALL[number as usize % DetectorId::ALL.len()];
    Finding {
        schema: FINDING_SCHEMA.to_owned(),
        id: finding_id(detector, 1, &subject, &Anchor::Window(time, Span::hours(1))),
        detector,
        subject,
        severity: severity::of_surprise(bits, detector.family(), false, Consumption::Unknown),
        time,
        first_event: time,
        last_event: time,
        p_value: Some(libm::exp2(-bits)),
        p_exact: Some(libm::exp2(-bits)),
        surprise_bits: Some(bits),
        observed: Measure::number(f64::from(number), "x"),
        expected: None,
        summary: format!("finding {number}"),
        counterfactual: String::new(),
        evidence: Vec::<Evidence>::new(),
        technique: vec![],
        slsa_threat: None,
        runbook: String::new(),
        decision: if bits > 20.0 { Decision::Told } else { Decision::BelowBudget },
        links: links.iter().map(|link| Link::Run(Arc::from(format!("run {link}")))).collect(),
        mode: Mode::Live,
        incident: None,
        config_hash: Arc::from("x"),
        detector_version: 1,
    }
}

fn folded(findings: &[Finding]) -> Vec<Incident> {
    let mut incidents = Incidents::default();
    for finding in findings {
        incidents.add(finding);
    }
    incidents.all()
}

#[test]
fn findings_with_an_equal_link_within_the_window_are_one_incident() {
    let check = |minutes: &[i64], expected: usize| {
        let findings: Vec<_> =
            minutes.iter().zip(0..).map(|(minute, number)| finding(number, *minute, &[1], 15.0)).collect();
        assert_eq!(folded(&findings).len(), expected, "{minutes:?}");
    };
    check(&[0, 360], 1);
    check(&[0, 361], 2);
    check(&[0, 300, 600, 900], 1);
    check(&[0, 900, 300, 600], 1);
}

#[test]
fn two_incidents_that_turn_out_to_be_one_keep_the_earlier_id() {
    let mut incidents = Incidents::default();
    let first = incidents.add(&finding(1, 0, &[1], 15.0)).unwrap().incident;
    let second = incidents.add(&finding(2, 10, &[2], 15.0)).unwrap().incident;
    let both = incidents.add(&finding(3, 20, &[1, 2], 25.0)).unwrap();
    assert_eq!(both.incident.id, first.id);
    assert_eq!(both.superseded, [second.id]);
    assert_eq!(both.incident.findings.len(), 3);
    assert!(both.incident.told);
    assert_eq!(both.incident.history.first().map(|step| step.reason), Some(TransitionReason::Opened));
}

#[test]
fn volume_alone_stays_medium_and_a_second_family_lifts_it() {
    let volume = finding(5, 0, &[1], 60.0);
    assert_eq!(volume.detector, DetectorId::DownloadVolume);
    assert_eq!(folded(std::slice::from_ref(&volume))[0].severity, Severity::Medium);
    assert_eq!(folded(&[volume, finding(3, 1, &[1], 12.0)])[0].severity, Severity::Critical);
}

proptest! {
    #[test]
    fn the_order_of_arrival_changes_nothing(
        drawn in prop::collection::vec((0_i64..3_000, prop::collection::vec(0_u8..6, 0..3), 8.0_f64..40.0), 1..40),
        seed in any::<u64>(),
    ) {
        let findings: Vec<_> =
            drawn.iter().zip(0..).map(|((minute, links, bits), n)| finding(n, *minute, links, *bits)).collect();
        let mut shuffled = findings.clone();
        let mut state = seed;
        for at in (1..shuffled.len()).rev() {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            shuffled.swap(at, (state >> 33) as usize % (at + 1));
        }
        prop_assert_eq!(folded(&findings), folded(&shuffled));
    }
}
