//! `trust-downgrade`: provenance below that of the last attested version; a token on a trusted-publisher project.
//!
//! Method f with the last *attested* version, not the one before: a version without provenance does not become the new
//! normal by being there. Each publish of an artifact that was attested is a chance for two rare outcomes: attestation
//! lost, attestation weaker. Their hazards are Beta, shrunk to the registry's rate, so the loss weighs more the longer
//! the artifact was attested, and an artifact that really leaves its trusted publisher is adopted after a few versions.
//! An upgrade never fires. Another workflow at the same level is `metadata-drift`'s. Late events neither score nor
//! teach: what was attested last depends on the order. ATT&CK T1195.002. Runbook: docs/runbook.md#trust-downgrade.

use super::memory::MetadataState;
use super::origin::{Attested, is_attested, level_word};
use super::{Publishing, WhatWasPublished};
use crate::change_lane::{Masses, Prior, at_random, lesson, scored, shown_time_apart, speak, tie};
use crate::detector::{Detector, EXPLAINED_FROM_BITS, Explanation, Scores};
use crate::event::ProvenanceLevel;
use crate::finding::{Band, DetectorId, Evidence, Fact, Measure, RecordPosition};

/// ATT&CK techniques of its findings.
pub const TECHNIQUES: &[&str] = &["T1195.002"];
/// Where the runbook tells what to do.
pub const RUNBOOK: &str = "docs/runbook.md#trust-downgrade";

/// What its population rates are kept under.
const WHAT: &str = "trust-downgrade";

/// The rare outcomes of a publish, in their order of surprise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fall {
    /// No attestation any more.
    Lost,
    /// An attestation of a lower level.
    Weaker,
}

impl Fall {
    const ALL: [Self; 2] = [Self::Lost, Self::Weaker];

    /// The guess for an unknown registry (per publish of an attested artifact), its worth, and what the registry is
    /// worth to an artifact.
    const fn prior(self) -> (f64, f64, f64) {
        match self {
            Self::Lost => (0.01, 100.0, 5.0),
            Self::Weaker => (0.005, 100.0, 5.0),
        }
    }

    fn of(level: ProvenanceLevel, last: ProvenanceLevel) -> Option<Self> {
        match () {
            () if level >= last => None,
            () if is_attested(level) => Some(Self::Weaker),
            () => Some(Self::Lost),
        }
    }
}

/// Judges a publish, then learns from it.
pub(super) fn judge(state: &mut MetadataState, published: &WhatWasPublished<'_>, out: &mut Scores) {
    let (Some(level), Some(attested)) = (published.level, state.attested.clone()) else { return };
    let (seen, registry) = (published.seen, &published.seen.event().registry);
    let fall = Fall::of(level, attested.level);
    let mut masses = Masses::default();
    for outcome in Fall::ALL {
        let (guess, worth, strength) = outcome.prior();
        let rate = seen.priors.rate(registry, WHAT, outcome as u16, guess, worth);
        masses.set(outcome as usize, state.falls.rate(outcome as usize, Prior { rate, strength }));
    }
    let u = tie(seen, DetectorId::TrustDowngrade.as_str(), &published.subject.name);
    let tail = fall.map_or_else(|| masses.ordinary(u), |fall| masses.tail(fall as usize, at_random(u), u));
    let cell = state.acquaintance.cell(DetectorId::TrustDowngrade, registry, seen.now());
    match fall {
        None => out.teach(tail, cell),
        Some(_) => speak(out, EXPLAINED_FROM_BITS, tail, cell, |verdict| {
            let explanation = explain(state, published, level, &attested);
            let id = (DetectorId::TrustDowngrade, Publishing::MAJOR);
            scored(seen, id, published.subject.clone(), verdict, explanation)
        }),
    }
    for outcome in Fall::ALL {
        let hit = fall == Some(outcome);
        state.falls.learn(outcome as usize, if hit { lesson(tail.exact.bits()) } else { 0.0 });
        out.tally(registry, WHAT, outcome as u16, hit);
    }
}

fn explain(
    state: &MetadataState,
    published: &WhatWasPublished<'_>,
    level: ProvenanceLevel,
    attested: &Attested,
) -> Explanation {
    let event = published.seen.event();
    let (now, before) = (level_word(level), level_word(attested.level));
    let versions = match attested.count {
        1 => "the only attested version".to_owned(),
        count => format!("the last of {count} attested versions"),
    };
    let since = shown_time_apart(published.seen.now().since(attested.time));
    let bits = 0.0;
    let evidence = vec![
        Evidence {
            fact: Fact::Field {
                field: "provenance".to_owned(),
                before: before.to_owned(),
                after: now.to_owned(),
                bits,
            },
            time: event.time,
            position: Some(RecordPosition::from(&event.position)),
        },
        Evidence {
            fact: Fact::Publish { version: attested.version.to_string(), publisher: before.to_owned() },
            time: attested.time,
            position: state.places.find(attested.place),
        },
    ];
    Explanation {
        observed: Measure::name(now, "provenance"),
        expected: Some(Band::name(before, "provenance")),
        summary: format!(
            "{} was published {now}; {}, {versions}, came {before} {since} before",
            published.shown_name(),
            attested.version
        ),
        counterfactual: format!("It would have been silent had it been published {before}."),
        evidence,
        links: published.links(),
        slsa_threat: Some('F'),
    }
}
