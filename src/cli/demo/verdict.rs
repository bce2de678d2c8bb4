//! What of the scenarios was found, and what should not have been told.

use std::ops::ControlFlow;

use detectors::event::EventTime;
use detectors::finding::Finding;
use sample_logs::{FoundFinding, judge};
use store::{FindingFilter, RunId};

use super::stage::{Scene, Stage};
use crate::exit::{Exit, Failure};
use crate::output;
use crate::session::Session;

/// Judges every scenario and says so; whether all is as expected.
pub(super) fn report(stage: &Stage, session: &Session) -> Result<bool, Failure> {
    let mut findings: Vec<Finding> = Vec::new();
    session.store.reader().each_finding(&FindingFilter::of(RunId::Live), |stored| {
        findings.extend(stored.finding().ok());
        ControlFlow::<()>::Continue(())
    })?;
    let mut clean = true;
    for scene in &stage.scenes {
        let found: Vec<FoundFinding> = findings
            .iter()
            .filter(|finding| belongs_to(finding, stage, scene))
            .map(|finding| as_recorded(finding, scene))
            .collect::<Result<_, _>>()
            .map_err(|error| Failure::new(Exit::Internal, error))?;
        let verdict = judge(&scene.manifest, &found);
        let expectations = &scene.manifest.expectations;
        let name = &scene.manifest.scenario.name;
        output::message(&format!(
            "{name}: {} of {} expectations met, {} late, {} findings that should not be",
            verdict.found.len(),
            expectations.len(),
            verdict.late.len(),
            verdict.noisy.len(),
        ));
        for unmet in &verdict.missed {
            let expected = &expectations[unmet.expectation];
            output::message(&format!(
                "  missing: {} ({} of {} subjects, in {} incidents): {}",
                expected.detector,
                unmet.names.len(),
                expected.at_least,
                unmet.incidents,
                expected.why,
            ));
        }
        for noisy in &verdict.noisy {
            let name = output::visible(&noisy.subject.name);
            output::message(&format!("  noise: {} {} {:?}", noisy.detector, name, noisy.severity));
        }
        clean &= verdict.is_clean();
    }
    Ok(clean)
}

/// A finding belongs to the scenario whose stream its evidence lies in.
fn belongs_to(finding: &Finding, stage: &Stage, scene: &Scene) -> bool {
    finding
        .evidence
        .iter()
        .find_map(|evidence| evidence.position.as_ref())
        .and_then(|position| stage.scene_of(&position.stream))
        .is_some_and(|owner| owner.manifest.scenario.name == scene.manifest.scenario.name)
}

/// The finding at the time and in the registry of the recording, as the judge reads it.
fn as_recorded(finding: &Finding, scene: &Scene) -> Result<FoundFinding, serde_json::Error> {
    let mut recorded = finding.clone();
    let nanos = finding.time.nanos().saturating_sub(scene.shift.saturating_mul(1_000_000_000));
    recorded.time = EventTime::from_nanos(nanos);
    if let Some(registry) = finding.subject.registry.strip_prefix(&scene.proxy("")) {
        recorded.subject.registry = registry.into();
    }
    serde_json::from_value(serde_json::to_value(recorded)?)
}
