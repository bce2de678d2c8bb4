//! `metadata-drift`: the set of changed fields fits attacks better than this package's own habits.
//!
//! Methods f.1 to f.4. Each of sixteen fields changes or not; each has a hazard of its own, learned by the artifact and
//! shrunk to what its registry does in such a release. What ranks is the log-likelihood ratio against profiles of
//! attacks; its p-value is exact under independent fields. A field that the feed does not tell, or that has nothing to
//! be compared with, is no field. What a surprise shows (a new publisher, a new dependency) is held back for a day, or a
//! month, and teaches hazards less; a normal publish in between drops it. ATT&CK T1195.002. Runbook: docs/runbook.md#metadata-drift.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::field::DriftField;
use super::likeness::{DriftProfile, FieldOutcome, MAX_PROFILES, likeness, shipped};
use super::memory::{MetadataState, Taken};
use super::{Publishing, WhatWasPublished, hazards};
use crate::change_lane::{lesson, scored, speak, tie};
use crate::detector::{Detector, EXPLAINED_FROM_BITS, Scores};
use crate::event::Span;
use crate::finding::DetectorId;

mod explain;

/// ATT&CK techniques of its findings.
pub const TECHNIQUES: &[&str] = &["T1195.002"];
/// Where the runbook tells what to do.
pub const RUNBOOK: &str = "docs/runbook.md#metadata-drift";

/// From how much surprise what a publish shows is held back, in bits, and for how long. What is stored as a finding
/// must not be normal an hour later, when the same hand publishes the next version; what is very loud waits until
/// people have had time to look.
const HELD_BACK: [(f64, Span); 2] = [(20.0, Span::days(30)), (8.0, Span::days(1))];

/// What an owner may set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DriftConfig {
    /// The attacks that a publish is compared with, at most [`MAX_PROFILES`].
    pub profiles: Vec<DriftProfile>,
}

impl Default for DriftConfig {
    fn default() -> Self {
        Self { profiles: shipped() }
    }
}

impl DriftConfig {
    /// What is out of bounds, as (path, problem).
    #[must_use]
    pub fn problems(&self) -> Vec<(String, String)> {
        let mut problems = Vec::new();
        let count = self.profiles.len();
        if count == 0 || count > MAX_PROFILES {
            problems.push((
                "profiles".to_owned(),
                format!("{count} profiles are not between 1 and {MAX_PROFILES}"),
            ));
        }
        for (at, profile) in self.profiles.iter().enumerate() {
            for (field, share) in profile.changes.iter().filter(|(_, share)| !(0.0..=1.0).contains(*share)) {
                let path = format!("profiles[{at}].changes.{}", field.word());
                problems.push((path, format!("{share} is not between 0 and 1")));
            }
        }
        problems
    }
}

/// Judges a publish, then learns from it; returns how what it shows is to be taken in.
pub(super) fn judge(
    config: &DriftConfig,
    state: &mut MetadataState,
    published: &WhatWasPublished<'_>,
    out: &mut Scores,
) -> Taken {
    let (seen, registry) = (published.seen, &published.seen.event().registry);
    let outcomes: Vec<FieldOutcome> = published
        .readings
        .chances()
        .map(|(field, changed)| {
            let hazard = state.fields.hazard(seen.priors, registry, field, published.bump);
            FieldOutcome { field, hazard, changed }
        })
        .collect();
    if outcomes.is_empty() {
        return Taken::In;
    }
    let found = likeness(&config.profiles, &outcomes);
    let tail = found.tail(tie(seen, DetectorId::MetadataDrift.as_str(), &published.subject.name));
    let cell = state.acquaintance.cell(DetectorId::MetadataDrift, registry, seen.now());
    speak(out, EXPLAINED_FROM_BITS, tail, cell, |verdict| {
        let explanation = explain::drift(config, state, published, &outcomes, &found);
        let id = (DetectorId::MetadataDrift, Publishing::MAJOR);
        scored(seen, id, published.subject.clone(), verdict, explanation)
    });
    let bits = tail.exact.bits();
    state.fields.learn(&published.readings, seen.priors, registry, published.bump, lesson(bits));
    hazards::tally(&published.readings, registry, published.bump, out);
    match HELD_BACK.iter().find(|(from, _)| bits >= *from) {
        Some((_, span)) => Taken::Held(*span),
        None if shows_something(published) => Taken::InWithHeld,
        None => Taken::In,
    }
}

/// Whether the publish differs from what is known in anything that could have been held back.
fn shows_something(published: &WhatWasPublished<'_>) -> bool {
    let is_held = |field: DriftField| {
        let of_the_moment = [
            DriftField::Size,
            DriftField::ProvenanceLost,
            DriftField::OddHour,
            DriftField::Dormant,
            DriftField::Hurried,
            DriftField::AccountChanged,
        ];
        !of_the_moment.contains(&field)
    };
    published.readings.chances().any(|(field, changed)| changed && is_held(field))
}
