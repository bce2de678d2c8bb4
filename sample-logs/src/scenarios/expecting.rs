//! Short ways to say what must be found and what must stay silent.

use super::stage::Stage;
use crate::Variant;
use crate::clock::Moment;
use crate::manifest::{Expectation, Manifest, Severity, Silence, SubjectKind, Wanted};

/// An expectation on artifacts of a registry.
pub(crate) fn on_artifacts(
    detector: &str,
    registry: &str,
    names: Vec<String>,
    severity: Severity,
    (after, by): (Moment, Moment),
    why: &str,
) -> Expectation {
    Expectation {
        detector: detector.to_owned(),
        subject: Wanted { kind: SubjectKind::Artifact, registry: registry.to_owned(), names },
        at_least: 1,
        severity_at_least: severity,
        after,
        by,
        one_incident: false,
        why: why.to_owned(),
    }
}

/// Everything, from medium on.
pub(crate) fn all_silent(why: &str) -> Silence {
    Silence {
        detectors: Vec::new(),
        kind: None,
        registry: None,
        names: Vec::new(),
        except: Vec::new(),
        severity_at_least: Severity::Medium,
        why: why.to_owned(),
    }
}

/// All artifacts of a registry but these, from medium on.
pub(crate) fn others_silent(registry: &str, except: Vec<String>, why: &str) -> Silence {
    Silence {
        kind: Some(SubjectKind::Artifact),
        registry: Some(registry.to_owned()),
        except,
        ..all_silent(why)
    }
}

/// These detectors on these artifacts, from medium on.
pub(crate) fn detectors_silent(detectors: &[&str], registry: &str, names: Vec<String>, why: &str) -> Silence {
    Silence {
        detectors: detectors.iter().map(|id| (*id).to_owned()).collect(),
        kind: Some(SubjectKind::Artifact),
        registry: Some(registry.to_owned()),
        names,
        ..all_silent(why)
    }
}

/// The manifest of this variant. Without the case, nothing is expected and all must be silent.
pub(crate) fn manifest(
    stage: &Stage,
    variant: Variant,
    epoch: Moment,
    expectations: Vec<Expectation>,
    silences: Vec<Silence>,
) -> Manifest {
    let (expectations, silences) = if variant.attack {
        (expectations, silences)
    } else {
        (Vec::new(), vec![all_silent("without the case there is only everyday traffic")])
    };
    Manifest { scenario: stage.about(variant, epoch), files: stage.entries(), expectations, silences }
}
