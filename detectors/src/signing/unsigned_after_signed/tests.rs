//! Stories of versions that come unsigned.

use super::*;
use crate::change_lane::story::{Stage, check, state_size};

/// Forty versions, each published, and signed five minutes later.
fn signed_versions() -> String {
    (1..=40)
        .map(|at| format!("+7d publish app@1.{at}.0 digest=d{at} => silence\n +5m sign app@1.{at}.0 digest=d{at} key=K1 log={at} => silence\n"))
        .collect()
}

#[test]
fn a_verifier_that_finds_nothing_is_told_once() {
    let said = check(
        &UnsignedAfterSigned,
        &format!(
            "{} +7d verify app@2.0.0 digest=e result=unsigned => unsigned-after-signed 9\n +1h verify app@2.0.0 digest=e result=unsigned => silence",
            signed_versions()
        ),
    );
    let explanation = &said[0].explanation;
    assert_eq!(explanation.summary, "`app` 2.0.0 is not signed; the version before it was, and 40 in all");
    assert_eq!(explanation.evidence.len(), 2);
    check(
        &UnsignedAfterSigned,
        &format!("{} +7d sign app@2.0.0 digest=e key=K1 log=99 => silence", signed_versions()),
    );
}

#[test]
fn a_signature_past_the_log_is_told() {
    let said = check(
        &UnsignedAfterSigned,
        &format!("{} +7d sign app@2.0.0 digest=e key=K1 => unsigned-after-signed 9", signed_versions()),
    );
    assert!(said[0].explanation.summary.contains("is in no transparency log; 40 signatures"));
}

#[test]
fn a_signature_that_never_comes_is_missed_after_a_while() {
    let detector = UnsignedAfterSigned;
    let mut stage = Stage::new(&detector);
    for line in signed_versions().lines() {
        stage.play(line.split("=>").next().unwrap());
    }
    stage.play("+7d publish app@2.0.0 digest=e");
    let mut state = stage.row("npm pkg:npm/app").clone();
    let due = state.due().unwrap();
    let subject = Subject::new(crate::finding::SubjectKind::Artifact, "npm", "pkg:npm/app");
    let mut out = Scores::default();
    UnsignedAfterSigned::expire(
        &mut state,
        &subject,
        due.minus(Span::secs(1)),
        7,
        &Priors::default(),
        &mut out,
    );
    assert!(out.looks.is_empty());
    UnsignedAfterSigned::expire(&mut state, &subject, due, 7, &Priors::default(), &mut out);
    let scored = out.looks[0].scored.as_ref().unwrap();
    assert!(
        scored.explanation.summary.starts_with("`app` 2.0.0 is not signed 60 minutes after its publish"),
        "{}",
        scored.explanation.summary
    );
    assert!(scored.explanation.evidence.iter().all(|item| item.position.is_some()));
    assert_eq!(state.due(), None);
}

#[test]
fn what_is_often_unsigned_is_kept_and_quiet() {
    let mixed: String = (1..=30)
        .map(|at| format!("+7d sign app@1.{at}.0 digest=d{at} key=K1\n +7d verify app@1.{at}.1 digest=e{at} result=unsigned\n"))
        .collect();
    check(
        &UnsignedAfterSigned,
        &format!(
            "{mixed} +7d sign app@2.0.0 digest=x key=K1\n +7d verify app@2.0.1 digest=y result=unsigned => silence"
        ),
    );
    check(&UnsignedAfterSigned, "9x +7d verify raw@1.#.0 digest=d# result=unsigned => silence");
}

#[test]
fn its_state_stays_small() {
    let bytes = state_size(&UnsignedAfterSigned, &signed_versions());
    assert!(bytes < 300, "{bytes}");
    let waiting = "60x +1m publish app@3.#.0 digest=w#";
    let bytes = state_size(&UnsignedAfterSigned, &format!("{} {waiting}", signed_versions()));
    assert!(bytes < 300 + 110 * MAX_WAITING, "{bytes}");
}
