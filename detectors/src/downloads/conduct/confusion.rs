//! `dependency-confusion`: a name of ours is asked of, or answered by, a registry that should not know it.
//!
//! A rule, without a p-value: the owner names the private names and the registries that may serve them. A question that an
//! outside registry answers with "no such thing" is how an attack is prepared and how it begins; an answer is the attack, or a name
//! that leaked (Birsan, Dependency Confusion, 2021). ATT&CK T1195.001. Runbook: docs/runbook.md#dependency-confusion.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::subject_of;
use crate::detector::{Scores, Seen, Verdict};
use crate::downloads::statement::Statement;
use crate::event::{EventTime, Outcome, Span, shown_artifact};
use crate::finding::{Anchor, DetectorId, Evidence, Fact, Link, Measure, Severity};

/// Which names are private, and who may serve them.
#[derive(Debug, Clone, Default)]
pub struct PrivateNames {
    prefixes: Arc<[String]>,
    registries: Arc<[String]>,
}

impl PrivateNames {
    /// Artifact keys that begin with one of `prefixes` are private; `registries` may serve them.
    #[must_use]
    pub fn new(prefixes: &[String], registries: &[String]) -> Self {
        Self { prefixes: prefixes.into(), registries: registries.into() }
    }

    /// Whether `key` must not be asked of `registry`.
    fn forbids(&self, key: &str, registry: &str) -> bool {
        self.prefixes.iter().any(|prefix| key.starts_with(prefix.as_str()))
            && !self.registries.iter().any(|known| known == registry)
    }
}

/// What is kept of a principal: the day on which it was told last, and how loud. 11 bytes.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ConfusionState {
    told: Option<(EventTime, Severity)>,
}

pub(super) fn observe(state: &mut ConfusionState, names: &PrivateNames, seen: &Seen<'_>, out: &mut Scores) {
    let event = seen.event();
    if names.prefixes.is_empty() {
        return;
    }
    let Some(key) = event.artifact.as_ref().and_then(|artifact| artifact.key.as_ref()) else { return };
    if !names.forbids(key.as_str(), &event.registry) {
        return;
    }
    let (severity, how) = match event.outcome {
        Outcome::Success => (Severity::High, "and was answered"),
        Outcome::NotFound => (Severity::Medium, "which does not have it yet"),
        Outcome::Denied | Outcome::Error => return,
    };
    // Once a day, and again where it gets worse.
    let day = seen.now().floor_to(Span::days(1));
    if state.told.is_some_and(|(told, as_loud)| told == day && as_loud >= severity) {
        return;
    }
    state.told = Some((day, severity));
    let Some(subject) = subject_of(event) else { return };
    let (name, registry) = (shown_artifact(key.as_str()), &event.registry);
    let statement = Statement {
        detector: DetectorId::DependencyConfusion,
        time: seen.now(),
        anchor: Anchor::Event(event.id.clone()),
        observed: Measure::name(key.as_str(), "private name"),
        expected: None,
        summary: format!("`{}` asked `{registry}` for the private name `{name}`, {how}", subject.name),
        counterfactual: format!(
            "silent if `{registry}` stood in `private_registries`, or the name did not begin with a private prefix"
        ),
        evidence: vec![Evidence {
            fact: Fact::Access { artifact: key.to_string(), principal: subject.name.to_string() },
            time: event.time,
            position: Some((&event.position).into()),
        }],
        subject,
    };
    let mut scored = statement.scored(Verdict::Violation(severity));
    scored.explanation.links.push(Link::Artifact(key.shared()));
    out.violation(scored);
}
