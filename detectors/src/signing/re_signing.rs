//! `re-signing`: an already signed digest gets a new signature by another key or identity.
//!
//! Method e1, e6, e10. Each signature is a chance for three rare outcomes: a known signer adds itself to a signed
//! digest, a stranger does, the same signer signs it again. Their hazards are Beta per artifact, shrunk to the
//! registry: where independent builders sign one digest by habit, a further builder is ordinary; where one key signs,
//! any second signature is rare. Within the first two the digest's age ranks (log-normal over this artifact's own
//! re-signings) and, for strangers, the parts of the identity (Pitman–Yor). A row of re-signings within a day counts
//! as a row. Where several sign by habit, a signer's *file* of a version that it signs again with other content is a hard
//! fact of low severity, as independent statements are meant to be final, until the artifact shows that its files
//! change by habit; where one key signs, a version that changed is `tag-move`'s. ATT&CK T1553.002. Runbook: docs/runbook.md#re-signing.

use super::memory::SigningState;
use super::relation::{Act, Relation};
use super::{Judged, Signing, WORTH_KEEPING_BITS, key_change};
use crate::change_lane::{
    Masses, Prior, at_random, lesson, ordinal, scored, shown_time_apart, speak, strongest, tie,
};
use crate::detector::{Detector, Explanation, Scores, Verdict};
use crate::event::Span;
use crate::finding::{Band, DetectorId, Evidence, Measure, Severity};
use crate::statistics::Tail;
use crate::statistics::log_normal::LogNormalPrior;

/// ATT&CK techniques of its findings.
pub const TECHNIQUES: &[&str] = &["T1553.002"];
/// Where the runbook tells what to do.
pub const RUNBOOK: &str = "docs/runbook.md#re-signing";

/// What its population rates are kept under.
const WHAT: &str = "re-signing";
/// Re-signings within such a window are one row.
const ROW: Span = Span::hours(24);
/// So many replaced files, and such a share of its signatures: the artifact's files change by habit.
const FILES_CHANGE_AFTER: f64 = 5.0;
const FILES_CHANGE_SHARE: f64 = 0.05;

/// The rare outcomes of a signature, in their order of surprise. The numbers are places in the habits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Again {
    /// A stranger adds itself to a signed digest.
    Stranger = 0,
    /// A signer that is known here does.
    Known = 1,
    /// The same signer signs the same digest again.
    Same = 2,
}

/// Place in the habits of "somebody else, known or a stranger", for rows.
const ANY: usize = 3;
/// Place in the habits of "a file was replaced".
pub(super) const REPLACED: usize = 4;
const ANY_PRIOR: Prior = Prior { rate: 0.07, strength: 2.0 };
const REPLACED_PRIOR: Prior = Prior { rate: 0.01, strength: 10.0 };

impl Again {
    const ALL: [Self; 3] = [Self::Stranger, Self::Known, Self::Same];

    /// The guess for an unknown registry (per signature), its worth, and what the registry is worth to an artifact.
    const fn prior(self) -> (f64, f64, f64) {
        match self {
            Self::Known => (0.05, 50.0, 2.0),
            Self::Stranger => (0.02, 50.0, 2.0),
            Self::Same => (0.03, 50.0, 3.0),
        }
    }

    /// Surprise from which it is kept, in bits: a stranger's signature always is, as in `key-change`.
    const fn kept_from_bits(self) -> f64 {
        match self {
            Self::Stranger => 0.0,
            Self::Known | Self::Same => WORTH_KEEPING_BITS,
        }
    }

    const fn of(act: Act) -> Option<Self> {
        match act {
            Act::CoSigned(Relation::Newcomer | Relation::HolderNewKey) => Some(Self::Stranger),
            Act::CoSigned(_) => Some(Self::Known),
            Act::Repeated => Some(Self::Same),
            Act::First | Act::Retry | Act::Copy | Act::Signed(_) => None,
        }
    }
}

/// What is believed of ages before any is known: a day, within a factor of e² or so, worth four observations.
fn age_prior() -> LogNormalPrior {
    LogNormalPrior::new(24.0, 2.0, 4.0)
}

/// Judges the signature, then learns from it.
pub(super) fn judge(state: &mut SigningState, judged: &Judged<'_>, out: &mut Scores) {
    let replaced = judged.replaced.is_some() && state.is_signed_by_several() && !files_change(state);
    if replaced {
        let explanation = explain_replaced(state, judged);
        let verdict = Verdict::Violation(Severity::Low);
        let id = (DetectorId::ReSigning, Signing::MAJOR);
        out.violation(scored(judged.seen, id, judged.subject.clone(), verdict, explanation));
    }
    if judged.act == Act::First {
        return;
    }
    let registry = &judged.seen.event().registry;
    let prior = |again: Again| {
        let (guess, worth, strength) = again.prior();
        Prior { rate: judged.seen.priors.rate(registry, WHAT, again as u16, guess, worth), strength }
    };
    let again = Again::of(judged.act);
    let others = again.is_some_and(|again| again != Again::Same);
    state.burst.turn_to(judged.seen.now(), ROW, &state.habits, ANY, ANY_PRIOR);
    let row = state.burst.count(others);
    let mut masses = Masses::default();
    for outcome in Again::ALL {
        masses.set(outcome as usize, state.habits.rate(outcome as usize, prior(outcome)));
    }
    let u = tie(judged.seen, DetectorId::ReSigning.as_str(), &judged.subject.name);
    let tail = match again {
        None => masses.ordinary(u),
        // The same signer again is a clumsy job more often than anything else: how late it comes says nothing.
        Some(Again::Same) => masses.tail(Again::Same as usize, at_random(u), u),
        Some(again) => {
            let alone = masses.tail(again as usize, within(state, judged, again, u), u);
            state.burst.tail(u).map_or(alone, |row| strongest(&[alone, row]))
        }
    };
    let cell = state.acquaintance.cell(DetectorId::ReSigning, registry, judged.seen.now());
    match again {
        // What the rule told already is not told twice.
        Some(again) if !replaced => speak(out, again.kept_from_bits(), tail, cell, |verdict| {
            let id = (DetectorId::ReSigning, Signing::MAJOR);
            let explanation = explain(state, judged, again, row);
            scored(judged.seen, id, judged.subject.clone(), verdict, explanation)
        }),
        _ => out.teach(tail, cell),
    }
    let taught = lesson(tail.exact.bits());
    for outcome in Again::ALL {
        let hit = again == Some(outcome);
        state.habits.learn(outcome as usize, if hit { taught } else { 0.0 });
        out.tally(registry, WHAT, outcome as u16, hit);
    }
    state.habits.learn(ANY, if others { taught } else { 0.0 });
    state.habits.learn(REPLACED, f64::from(u8::from(judged.replaced.is_some())));
    if let (true, Some(digest)) = (others, &judged.digest) {
        state.ages.update(hours(judged.seen.now().since(digest.first)));
    }
}

/// What ranks within an outcome: the digest's age, and of a stranger what its identity is made of.
fn within(state: &SigningState, judged: &Judged<'_>, again: Again, u: f64) -> Tail {
    let by_habit = again == Again::Known && state.is_signed_by_several();
    let mut tails = Vec::new();
    if let (Some(digest), false) = (&judged.digest, by_habit) {
        let age = hours(judged.seen.now().since(digest.first));
        tails.push(Tail::continuous(state.ages.upper(&age_prior(), age).get()));
    }
    if again == Again::Stranger {
        tails.extend(key_change::parts(state, judged, u));
    }
    if tails.is_empty() { at_random(u) } else { strongest(&tails) }
}

/// Whether this artifact's files change under one version by habit.
fn files_change(state: &SigningState) -> bool {
    state.habits.hits(REPLACED) >= FILES_CHANGE_AFTER
        && state.habits.rate(REPLACED, REPLACED_PRIOR) > FILES_CHANGE_SHARE
}

/// An age as it is learned: an hour more, so that minutes do not count as orders of magnitude.
fn hours(age: Span) -> f64 {
    age.as_hours_f64() + 1.0
}

fn explain(state: &SigningState, judged: &Judged<'_>, again: Again, row: u32) -> Explanation {
    let (who, digest) = (judged.shown_who(), judged.shown_digest());
    let signers = judged.digest.as_ref().map(|digest| digest.signers).unwrap_or_default();
    let usual = state.usual(signers);
    let usual_name = usual.map_or("its signer", |signer| &signer.name);
    let age = judged.digest.as_ref().map_or_else(String::new, |digest| {
        format!(", {} after its first signature", shown_time_apart(judged.seen.now().since(digest.first)))
    });
    let name = judged.shown_name();
    let mut summary = match again {
        Again::Stranger => format!(
            "{name} ({digest}) was signed again{age}, by {who}, which never signed here; until now {usual_name} had signed it"
        ),
        Again::Known => format!(
            "{name} ({digest}) was signed again{age}, by {who}, which signed other content here; until now {usual_name} had signed it"
        ),
        Again::Same => format!("{name} ({digest}) was signed again{age}, by the same signer {who}"),
    };
    if row > 1 && again != Again::Same {
        summary.push_str(&format!("; it is the {} re-signing here within a day", ordinal(row)));
    }
    let mut evidence = vec![judged.signature_evidence()];
    if let (Some(known), Some(usual)) = (&judged.digest, usual) {
        evidence.push(Evidence {
            fact: judged.previous_signature(&usual.name),
            time: known.first,
            position: state.places.find(known.place),
        });
    }
    Explanation {
        observed: Measure::name(who, "signer"),
        expected: Some(Band::name(usual_name, "signer")),
        summary,
        counterfactual: format!("It would have been silent had {usual_name} signed new content instead."),
        evidence,
        links: judged.links(),
        slsa_threat: Some('F'),
    }
}

fn explain_replaced(state: &SigningState, judged: &Judged<'_>) -> Explanation {
    let file = judged
        .seen
        .event()
        .artifact
        .as_ref()
        .and_then(|artifact| artifact.file.as_deref())
        .unwrap_or_default();
    let (who, digest, name) = (judged.shown_who(), judged.shown_digest(), judged.shown_name());
    let known = judged.replaced.as_ref();
    let apart =
        known.map_or_else(String::new, |known| shown_time_apart(judged.seen.now().since(known.since)));
    let mut evidence = vec![judged.signature_evidence()];
    if let Some(known) = known {
        evidence.push(Evidence {
            fact: judged.previous_signature(&who),
            time: known.since,
            position: state.places.find(known.place),
        });
    }
    Explanation {
        observed: Measure::name(digest.clone(), "digest"),
        expected: None,
        summary: format!(
            "{name}: the file `{file}` was signed again by {who} with other content ({digest}), {apart} after the first"
        ),
        counterfactual: "It would have been silent had the other content been signed as a new version."
            .to_owned(),
        evidence,
        links: judged.links(),
        slsa_threat: Some('F'),
    }
}
