//! `failed-verification`: the share of failed or unsigned verifications beyond its ratio.
//!
//! Method d. Verifications of one artifact within a day are trials, what failed or had nothing to check are successes: a
//! beta-binomial whose share is learned by the artifact from its own days, starting from its registry's. A day is looked
//! at when its failures reach 1, 2, 3, 4, 6, 8 and so on; as the number of trials is not known beforehand, the p-value
//! of the n-th look is multiplied by n(n + 1). ATT&CK T1553.002. Runbook: docs/runbook.md#failed-verification.

use serde::{Deserialize, Serialize};

use crate::catalogue::CatalogueEntry;
use crate::change_lane::{
    Acquaintance, Place, Places, Statement, artifact_subject, counts, scored, speak, tie,
};
use crate::creation::shown_release;
use crate::detector::{Detector, Scores, Seen};
use crate::event::{CheckResult, EventKind, EventTime, Span};
use crate::finding::{DetectorId, Fact};
use crate::statistics::Tail;
use crate::statistics::beta_binomial::{Ratio, RatioModel};

/// Its place in the catalogue.
pub const ENTRY: CatalogueEntry = CatalogueEntry {
    id: DetectorId::FailedVerification,
    fires_when: "more verifications of an artifact fail, or find nothing to check, than its learned share",
    techniques: &["T1553.002"],
    needs_events: &["verify"],
    needs_fields: &["artifact.purl", "result"],
    warm_up: "none: the registry's share, then the artifact's own days",
};

/// What its population rates are kept under.
const WHAT: &str = "failed-verification";
/// Failures per verification in an unknown registry, and how many verifications that guess is worth.
const GUESS: (f64, f64) = (0.02, 50.0);
/// How many of an artifact's own verifications its registry's share is worth.
const STRENGTH: f64 = 10.0;
/// Surprise from which a day is kept, in bits.
const WORTH_KEEPING_BITS: f64 = 8.0;

/// The detector.
#[derive(Debug, Clone, Copy, Default)]
pub struct FailedVerification;

/// Verifications of one artifact: 180 bytes.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct VerificationState {
    places: Places,
    met: Acquaintance,
    ratio: Option<Ratio>,
    day: Option<Day>,
}

/// A day that is not over.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Day {
    start: EventTime,
    checks: u64,
    failures: u64,
    looks: u32,
    first: Option<(EventTime, Place)>,
}

impl Detector for FailedVerification {
    type State = VerificationState;
    const ID: DetectorId = DetectorId::FailedVerification;
    const MAJOR: u32 = 1;

    fn observe(&self, state: &mut VerificationState, seen: &Seen<'_>, out: &mut Scores) {
        let event = seen.event();
        let (EventKind::Verify(verify), true) = (&event.kind, seen.is_on_time()) else { return };
        let Some(artifact) = artifact_subject(event) else { return };
        let (registry, failed) = (&event.registry, verify.result != CheckResult::Ok);
        let share = seen.priors.rate(registry, WHAT, 0, GUESS.0, GUESS.1);
        let model = RatioModel::new(share, STRENGTH);
        let start = seen.now().floor_to(Span::days(1));
        if let Some(day) = state.day.take_if(|day| day.start < start) {
            let ratio = state.ratio.get_or_insert_with(|| Ratio::from_prior(&model));
            ratio.observe(&model, day.checks, day.failures, 0.5);
        }
        let place = state.places.keep(&event.position);
        let day = state.day.get_or_insert(Day { start, checks: 0, failures: 0, looks: 0, first: None });
        day.checks += 1;
        day.failures += u64::from(failed);
        out.tally(registry, WHAT, 0, failed);
        if !failed {
            return;
        }
        day.first.get_or_insert((event.time, place));
        let failures = day.failures;
        let checkpoint =
            failures.is_power_of_two() || (failures.is_multiple_of(3) && (failures / 3).is_power_of_two());
        if !checkpoint || !counts(seen) {
            return;
        }
        day.looks += 1;
        let looks = day.looks as usize * (day.looks as usize + 1);
        let day = *day;
        state.met.meet(seen.now());
        let ratio = state.ratio.clone().unwrap_or_else(|| Ratio::from_prior(&model));
        let prediction = ratio.predict(day.checks);
        let raw = prediction.score(failures, tie(seen, WHAT, &artifact.name)).upper;
        let tail = Tail {
            exact: raw.exact.times(looks),
            randomised: raw.randomised.times(looks),
            mid: raw.mid.times(looks),
        };
        let cell = state.met.cell(Self::ID, registry, seen.now());
        speak(out, WORTH_KEEPING_BITS, tail, cell, |verdict| {
            let usual = format!("{:.1} %", 100.0 * prediction.mean() / day.checks as f64);
            let what = if verify.result == CheckResult::Failed { "failed" } else { "found no signature" };
            let after = format!("{failures} of {}", day.checks);
            let first = day.first.map(|(time, place)| {
                let fact = Fact::Field {
                    field: "verification".to_owned(),
                    before: String::new(),
                    after: "the first failure of this day".to_owned(),
                    bits: 0.0,
                };
                (fact, time, state.places.find(place))
            });
            let statement = Statement {
                field: "failed verifications",
                before: usual.clone(),
                after: after.clone(),
                summary: format!(
                    "verification of {} {what}: {after} today did; usual are {usual}",
                    shown_release(event)
                ),
                silent_had: format!("about {usual} of the verifications failed"),
                earlier: first.into_iter().collect(),
                links: vec![],
                slsa_threat: Some('F'),
            };
            scored(seen, (Self::ID, Self::MAJOR), artifact.clone(), verdict, statement.explained(seen))
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::change_lane::draws::{Draws, exceedance};
    use crate::change_lane::story::{Stage, check, state_size};

    const GOOD: &str = "200x +4h verify app@1.0.0 result=ok => silence\n";

    #[test]
    fn verifications_that_fail_in_a_row_are_told() {
        let said = check(&FailedVerification, &format!("{GOOD} 6x +5m verify app@1.0.1 result=failed"));
        let explanation = &said.last().unwrap().explanation;
        assert!(
            explanation.summary.starts_with("verification of `app` 1.0.1 failed:"),
            "{}",
            explanation.summary
        );
        check(&FailedVerification, &format!("{GOOD} 6x +5m verify app@1.0.1 result=ok => silence"));
    }

    #[test]
    fn what_was_never_signed_is_ordinary() {
        check(
            &FailedVerification,
            "300x +5h verify raw@1.0.0 result=unsigned\n 20x +5h verify raw@1.0.0 result=unsigned => silence",
        );
    }

    #[test]
    fn one_failure_of_an_unknown_artifact_is_no_finding() {
        check(&FailedVerification, "+1h verify new@1.0.0 result=failed => silence");
    }

    #[test]
    fn a_constant_share_gives_conservative_p_values() {
        let mut draws = Draws::seeded(4);
        let mut stage = Stage::fast(&FailedVerification, 9);
        let mut values = Vec::new();
        for artifact in 0..100 {
            let share = 0.05 * draws.uniform();
            for _ in 0..300 {
                let result = if draws.happens(share) { "failed" } else { "ok" };
                let looks = stage.play(&format!("+1h verify a{artifact}@1.0.0 result={result}"));
                values.extend(looks.iter().filter_map(|look| Some(look.calibration.as_ref()?.1.get())));
            }
        }
        for (level, most) in [(0.01, 1.5), (0.001, 2.5)] {
            let ratio = exceedance(&values, level);
            assert!(ratio < most, "{level}: {ratio} of {}", values.len());
        }
    }

    #[test]
    fn its_state_stays_small() {
        let bytes = state_size(&FailedVerification, GOOD);
        assert!(bytes < 256, "{bytes}");
    }
}
