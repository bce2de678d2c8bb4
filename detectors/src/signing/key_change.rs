//! `key-change`: a new digest or version is signed by another key or identity than before.
//!
//! Method e1, e2, e3. Each signature of new content (and each one by a holder that is known) is a chance for five rare
//! outcomes: a holder's old key, a holder's new key, a stranger, a signer that had gone, a known identity that signs
//! from elsewhere. Hazards are Beta per artifact, shrunk to the registry (4 % of an unknown registry's signatures
//! change the key). Where one key signs, after three key lives the stranger's hazard follows the renewal of a log-normal life, so a
//! rotation that is due costs few bits. What an identity is made of (issuer, organisation, source repository, workflow,
//! kind of ref, runner, algorithm) ranks within the outcome, Pitman–Yor each. Overlap softens by itself: a new key that
//! first signs beside the old one is current when it signs alone. ATT&CK T1553.002. Runbook: docs/runbook.md#key-change.

use super::memory::{KnownSigner, SigningState};
use super::relation::{Act, Relation};
use super::{Judged, Signing, WORTH_KEEPING_BITS};
use crate::change_lane::{Masses, Prior, at_random, lesson, scored, shown_time_apart, speak, strongest, tie};
use crate::detector::{Detector, Explanation, Scores};
use crate::finding::{Band, DetectorId, Evidence, Measure};
use crate::signing::signer::Part;
use crate::statistics::Tail;
use crate::statistics::log_normal::LogNormalPrior;
use crate::statistics::pitman_yor::Familiarity;

/// ATT&CK techniques of its findings.
pub const TECHNIQUES: &[&str] = &["T1553.002"];
/// Where the runbook tells what to do.
pub const RUNBOOK: &str = "docs/runbook.md#key-change";

/// What its population rates are kept under.
const WHAT: &str = "key-change";
/// Key lives from which a rotation has a rhythm (methods e2).
const LIVES_NEEDED: f64 = 2.9;
/// Share of the rhythm in a hazard that has one; the rest is what the hazard would be without.
const RHYTHM_SHARE: f64 = 0.9;

/// The rare outcomes of a signature, in their order of surprise. The numbers are places in the habits, behind those of
/// `re-signing`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    HolderOldKey = 5,
    HolderNewKey = 6,
    Stranger = 7,
    Returned = 8,
    /// The identity is known, something it is made of is not.
    FromElsewhere = 9,
}

impl Change {
    const ALL: [Self; 5] =
        [Self::HolderOldKey, Self::HolderNewKey, Self::Stranger, Self::Returned, Self::FromElsewhere];

    /// The guess for an unknown registry (per signature), its worth, and what the registry is worth to an artifact.
    const fn prior(self) -> (f64, f64, f64) {
        match self {
            // A quarter of a change in six signatures (methods e1).
            Self::Stranger => (0.04, 50.0, 6.0),
            Self::Returned => (0.02, 50.0, 6.0),
            Self::HolderNewKey => (0.01, 50.0, 6.0),
            Self::HolderOldKey => (0.005, 50.0, 6.0),
            Self::FromElsewhere => (0.03, 50.0, 6.0),
        }
    }

    /// Surprise from which it is kept, in bits. That somebody else signs is a fact which people ask for later, so it is
    /// kept where it is a habit, too; its surprise says how loud. What surrounds a known identity changes more often.
    const fn kept_from_bits(self) -> f64 {
        match self {
            Self::HolderOldKey | Self::HolderNewKey | Self::Stranger | Self::Returned => 0.0,
            Self::FromElsewhere => WORTH_KEEPING_BITS,
        }
    }

    /// Whether a signature like this one could have this outcome, by what is known from before.
    fn is_possible(self, state: &SigningState, judged: &Judged<'_>) -> bool {
        let new_content = matches!(judged.act, Act::Signed(_));
        match self {
            Self::Stranger => new_content,
            Self::Returned => new_content && state.somebody_is_gone(judged.newest.as_ref()),
            Self::HolderNewKey => state.signers().iter().any(|signer| signer.holder.is_some()),
            Self::HolderOldKey => state.some_holder_has_two_keys(),
            Self::FromElsewhere => state.knows_more_than_issuers(),
        }
    }

    fn of(state: &SigningState, judged: &Judged<'_>) -> Option<Self> {
        match judged.act {
            Act::Signed(Relation::Newcomer) => Some(Self::Stranger),
            Act::Signed(Relation::HolderNewKey) | Act::CoSigned(Relation::HolderNewKey) => {
                Some(Self::HolderNewKey)
            }
            Act::Signed(Relation::HolderOldKey) | Act::CoSigned(Relation::HolderOldKey) => {
                Some(Self::HolderOldKey)
            }
            Act::Signed(Relation::Current | Relation::Returned) | Act::CoSigned(_)
                if !new_parts(state, judged).is_empty() =>
            {
                Some(Self::FromElsewhere)
            }
            Act::Signed(Relation::Returned) => Some(Self::Returned),
            _ => None,
        }
    }
}

/// What is believed of a key's life before any is known: a year or so.
fn life_prior() -> LogNormalPrior {
    LogNormalPrior::new(365.0, 1.0, 0.5)
}

/// Judges the signature, then learns from it.
pub(super) fn judge(state: &mut SigningState, judged: &Judged<'_>, out: &mut Scores) {
    let now = judged.seen.now();
    state.tenure.get_or_insert(now);
    // A stranger beside known signers is `re-signing`'s alone.
    let is_chance = !matches!(judged.act, Act::First | Act::Repeated | Act::CoSigned(Relation::Newcomer));
    if !is_chance {
        return;
    }
    let registry = &judged.seen.event().registry;
    let change = Change::of(state, judged);
    let possible: Vec<Change> =
        Change::ALL.into_iter().filter(|change| change.is_possible(state, judged)).collect();
    let mut masses = Masses::default();
    for outcome in &possible {
        masses.set(*outcome as usize, hazard(state, judged, *outcome));
    }
    let u = tie(judged.seen, DetectorId::KeyChange.as_str(), &judged.subject.name);
    let tail = match change {
        None => masses.ordinary(u),
        Some(change) => {
            let tails = match change {
                Change::Stranger | Change::FromElsewhere => parts(state, judged, u),
                Change::Returned | Change::HolderNewKey | Change::HolderOldKey => vec![],
            };
            masses.tail(change as usize, if tails.is_empty() { at_random(u) } else { strongest(&tails) }, u)
        }
    };
    let cell = state.acquaintance.cell(DetectorId::KeyChange, registry, now);
    match change {
        None => out.teach(tail, cell),
        Some(change) => speak(out, change.kept_from_bits(), tail, cell, |verdict| {
            let explanation = explain(state, judged, change);
            scored(
                judged.seen,
                (DetectorId::KeyChange, Signing::MAJOR),
                judged.subject.clone(),
                verdict,
                explanation,
            )
        }),
    }
    for outcome in possible {
        let hit = change == Some(outcome);
        state.habits.learn(outcome as usize, if hit { lesson(tail.exact.bits()) } else { 0.0 });
        out.tally(registry, WHAT, outcome as u16, hit);
    }
    let rotated = matches!(judged.act, Act::Signed(Relation::Newcomer | Relation::HolderNewKey));
    if let (true, false, Some(since)) = (rotated, state.is_signed_by_several(), state.tenure) {
        state.lives.update(now.since(since).as_days_f64());
        state.tenure = Some(now);
    }
}

/// P(outcome) at this signature; for a stranger by the rhythm of rotations, once there is one.
fn hazard(state: &SigningState, judged: &Judged<'_>, change: Change) -> f64 {
    let (guess, worth, strength) = change.prior();
    let rate = judged.seen.priors.rate(&judged.seen.event().registry, WHAT, change as u16, guess, worth);
    let plain = state.habits.rate(change as usize, Prior { rate, strength });
    let (Some(tenure), Some(last)) = (state.tenure, state.last) else { return plain };
    let rotates = matches!(change, Change::Stranger | Change::HolderNewKey);
    if !rotates || state.is_signed_by_several() || state.lives.observations() < LIVES_NEEDED {
        return plain;
    }
    // The change could have come at any time since the last signature, and shows at this one.
    let (age, step) = (last.since(tenure).as_days_f64(), judged.seen.now().since(last).as_days_f64());
    let due = state.lives.renewal(&life_prior(), age, step).get();
    RHYTHM_SHARE * due + (1.0 - RHYTHM_SHARE) * plain
}

/// How novel the parts of this signer are, part by part; only parts that were known before say anything.
pub(super) fn parts(state: &SigningState, judged: &Judged<'_>, u: f64) -> Vec<Tail> {
    let scores = judged
        .who
        .parts
        .iter()
        .filter_map(|(part, value)| Some(state.part(*part)?.score(value.value(), None, u)));
    scores.map(|score| score.tail).collect()
}

/// Parts of this signer that were never seen here.
fn new_parts(state: &SigningState, judged: &Judged<'_>) -> Vec<Part> {
    let is_new = |(part, value): &&(Part, crate::change_lane::Mark)| {
        let score = state.part(*part).map(|values| values.score(value.value(), None, 0.0));
        score.is_some_and(|score| score.familiarity == Familiarity::New)
    };
    judged.who.parts.iter().filter(is_new).map(|(part, _)| *part).collect()
}

fn explain(state: &SigningState, judged: &Judged<'_>, change: Change) -> Explanation {
    let (who, name) = (judged.shown_who(), judged.shown_name());
    let set = judged.newest.as_ref().map(|newest| newest.signers).unwrap_or_default();
    let usual: Option<&KnownSigner> = match change {
        Change::HolderNewKey | Change::HolderOldKey => {
            judged.who.holder.and_then(|holder| state.latest_of(holder))
        }
        Change::FromElsewhere => state.slot(judged.who.credential).and_then(|slot| state.signer(slot)),
        Change::Stranger | Change::Returned => state.usual(set),
    };
    let usual_name = usual.map_or("its signer", |signer| &signer.name);
    let before = usual.map_or(0, |signer| signer.signatures);
    let times = if before == 1 { "signature".to_owned() } else { format!("{before} signatures") };
    let holder = judged.who.holder_name.as_deref().unwrap_or_default();
    let elsewhere = new_parts(state, judged).into_iter().map(Part::word).collect::<Vec<_>>().join(", ");
    let summary = match change {
        Change::Stranger => {
            format!(
                "{name} was signed by {who}, which never signed here; the {times} before were by {usual_name}"
            )
        }
        Change::Returned => {
            let quiet =
                state.slot(judged.who.credential).map(|slot| state.quiet_for(slot, judged.seen.now()));
            let quiet = shown_time_apart(quiet.unwrap_or_default());
            format!(
                "{name} was signed by {who}, which last signed here {quiet} ago; the release before was signed by {usual_name}"
            )
        }
        Change::HolderNewKey => {
            format!("{name} was signed by `{holder}` with a new key {who}, after {times} with {usual_name}")
        }
        Change::HolderOldKey => {
            format!(
                "{name} was signed by `{holder}` with the old key {who} again, after {times} with {usual_name}"
            )
        }
        Change::FromElsewhere => {
            format!("{name} was signed by {who}, known from {times}, but with a new {elsewhere}")
        }
    };
    let counterfactual = match change {
        Change::FromElsewhere => {
            format!("It would have been silent had the {elsewhere} been one that {who} had before.")
        }
        _ => format!("It would have been silent had {usual_name} signed it."),
    };
    let mut evidence = vec![judged.signature_evidence()];
    if let Some(usual) = usual {
        let fact = judged.previous_signature(&usual.name);
        evidence.push(Evidence { fact, time: usual.last, position: state.places.find(usual.place) });
    }
    Explanation {
        observed: Measure::name(who, "signer"),
        expected: Some(Band::name(usual_name, "signer")),
        summary,
        counterfactual,
        evidence,
        links: judged.links(),
        slsa_threat: Some('F'),
    }
}
