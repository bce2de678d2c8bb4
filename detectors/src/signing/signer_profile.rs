//! `signer-profile`: the signature is valid, but the signer is not as it was.
//!
//! Method e3. A signer's profile is what surrounds its signatures: issuer, source repository and its numeric id, workflow,
//! kind of ref, trigger, runner, and whether the run was repeated. Each part is remembered (Pitman–Yor); a signature is a
//! chance for four rare outcomes: three parts or more are new, another issuer, two parts, one part. Within the outcome the
//! novelty of the parts ranks, the strongest times their number. What a poisoned cache or a stolen workflow token leaves
//! behind is exactly this: a valid identity, from an unusual run. ATT&CK T1195.002. Runbook: docs/runbook.md#signer-profile.

use serde::{Deserialize, Serialize};

use super::signer::{kind_of_ref, without_ref};
use super::{WORTH_KEEPING_BITS, signer_name, signer_row};
use crate::catalogue::CatalogueEntry;
use crate::change_lane::{
    Acquaintance, Chance, Choice, Habits, Mark, RareOutcome, Statement, any, counts, strongest, subject, tie,
};
use crate::creation::shown_release;
use crate::detector::{Detector, Scores, Seen};
use crate::event::{EventKind, EventTime, Signer};
use crate::finding::{DetectorId, Link, SubjectKind};
use crate::statistics::Tail;
use crate::statistics::pitman_yor::{Familiarity, PitmanYor};

/// Its place in the catalogue.
pub const ENTRY: CatalogueEntry = CatalogueEntry {
    id: DetectorId::SignerProfile,
    fires_when: "what surrounds a signer's signatures (issuer, source, workflow, trigger, runner, attempt) is new",
    techniques: &["T1195.002"],
    needs_events: &["sign"],
    needs_fields: &[
        "signer.key_id or signer.identity",
        "signer.workflow, trigger, runner, run_attempt or source_repository",
    ],
    warm_up: "one earlier signature; 10 until the signer's own past outweighs",
};

/// Parts of a profile, in the order in which they are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
enum Trait {
    Issuer,
    Source,
    SourceId,
    Workflow,
    Ref,
    Trigger,
    Runner,
    Attempt,
}

impl Trait {
    const fn word(self) -> &'static str {
        match self {
            Self::Issuer => "issuer",
            Self::Source => "source repository",
            Self::SourceId => "source repository's id",
            Self::Workflow => "workflow",
            Self::Ref => "kind of ref",
            Self::Trigger => "trigger",
            Self::Runner => "runner",
            Self::Attempt => "attempt of the run",
        }
    }
}

/// Rare outcomes of a signature. The guesses are those of `key-change` for a known identity from elsewhere (3 %), less a
/// factor of five for each further part: parts of an honest move come together, but most moves change one thing.
const CHOICE: Choice = Choice {
    detector: DetectorId::SignerProfile,
    major: SignerProfile::MAJOR,
    what: "signer-profile",
    outcomes: &[
        RareOutcome { guess: 0.001, worth: 100.0, strength: 10.0 },
        RareOutcome { guess: 0.001, worth: 100.0, strength: 10.0 },
        RareOutcome { guess: 0.006, worth: 100.0, strength: 10.0 },
        RareOutcome { guess: 0.03, worth: 100.0, strength: 10.0 },
    ],
};

/// The detector.
#[derive(Debug, Clone, Copy, Default)]
pub struct SignerProfile;

/// The profile of one signer: 120 bytes, and some 40 a part.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ProfileState {
    met: Acquaintance,
    habits: Habits,
    parts: Vec<(Trait, PitmanYor)>,
    last: Option<EventTime>,
}

impl Detector for SignerProfile {
    type State = ProfileState;
    const ID: DetectorId = DetectorId::SignerProfile;
    const MAJOR: u32 = 1;

    fn observe(&self, state: &mut ProfileState, seen: &Seen<'_>, out: &mut Scores) {
        let event = seen.event();
        let (EventKind::Sign(sign), true) = (&event.kind, counts(seen)) else { return };
        let Some(name) = signer_row(event) else { return };
        let parts = traits(&sign.signer);
        let marks: Vec<(Trait, Mark)> =
            parts.iter().map(|(part, value)| (*part, Mark::of(seen.seed, &[part.word(), value]))).collect();
        let u = tie(seen, Self::ID.as_str(), &name);
        let scores: Vec<_> = (marks.iter().enumerate())
            .filter_map(|(at, (part, mark))| {
                let known = state.parts.iter().find(|(known, _)| known == part)?;
                Some((at, known.1.score(mark.value(), None, u)))
            })
            .collect();
        if !scores.is_empty() {
            let new: Vec<usize> = (scores.iter())
                .filter(|(_, score)| score.familiarity == Familiarity::New)
                .map(|(at, _)| *at)
                .collect();
            let tails: Vec<Tail> = scores.iter().map(|(_, score)| score.tail).collect();
            let other_issuer = new.iter().any(|at| parts[*at].0 == Trait::Issuer);
            let outcome = match new.len() {
                0 => None,
                3.. => Some(0),
                _ if other_issuer => Some(1),
                2 => Some(2),
                _ => Some(3),
            };
            state.met.meet(seen.now());
            let signer = subject(event, SubjectKind::Signer, &name);
            let chance = Chance {
                seen,
                subject: &signer,
                met: &state.met,
                outcome,
                possible: &any,
                within: Some(strongest(&tails)),
                from_bits: WORTH_KEEPING_BITS,
            };
            let looks = state.met.looks();
            let name = signer_name(event).unwrap_or(name);
            CHOICE.judge(&mut state.habits, &chance, out, || {
                let listed: Vec<String> =
                    new.iter().map(|at| format!("{} `{}`", parts[*at].0.word(), parts[*at].1)).collect();
                let words: Vec<&str> = new.iter().map(|at| parts[*at].0.word()).collect();
                Statement {
                    field: "profile of the signer",
                    before: format!("as in {looks} earlier signatures"),
                    after: listed.join(", "),
                    summary: format!(
                        "{} was signed by {name} with what it never had in {looks} signatures: {}",
                        shown_release(event),
                        listed.join(", ")
                    ),
                    silent_had: format!("the {} been one that {name} had before", words.join(", ")),
                    earlier: vec![],
                    links: std::iter::once(Link::Signer(name.clone()))
                        .chain(sign.signer.run.clone().map(Link::Run))
                        .collect(),
                    slsa_threat: Some('E'),
                }
                .explained(seen)
            });
        }
        let days = state.last.map_or(0.0, |last| seen.now().since(last).as_days_f64());
        for (part, mark) in marks {
            let at = state.parts.iter().position(|(known, _)| *known == part).unwrap_or_else(|| {
                state.parts.push((part, PitmanYor::default()));
                state.parts.len() - 1
            });
            state.parts[at].1.update(mark.value(), days);
        }
        state.last = Some(seen.now());
    }
}

/// What an event tells of its signer's profile.
fn traits(signer: &Signer) -> Vec<(Trait, String)> {
    let mut parts: Vec<(Trait, String)> = [
        (Trait::Issuer, &signer.issuer),
        (Trait::Source, &signer.source_repository),
        (Trait::SourceId, &signer.source_repository_id),
        (Trait::Workflow, &signer.workflow),
        (Trait::Trigger, &signer.trigger),
        (Trait::Runner, &signer.runner),
    ]
    .into_iter()
    .filter_map(|(part, value)| Some((part, without_ref(value.as_ref()?).0.to_owned())))
    .collect();
    let reference = signer.identity.as_deref().and_then(|identity| without_ref(identity).1);
    parts.extend(reference.map(|reference| (Trait::Ref, kind_of_ref(reference).to_owned())));
    // The first attempt is the rule; the second and the fifth are the same exception.
    let attempt = signer.run_attempt.map(|attempt| if attempt > 1 { "repeated" } else { "first" });
    parts.extend(attempt.map(|attempt| (Trait::Attempt, attempt.to_owned())));
    parts.sort_by_key(|(part, _)| *part);
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::change_lane::story::{Stage, check_signers as check, size_after};

    const USUAL: &str = "identity=https://github.com/tanstack/router/.github/workflows/release.yml@refs/heads/main issuer=github source=tanstack/router workflow=release.yml";

    fn history() -> String {
        format!(
            "60x +3d sign router@1.169.# digest=r# {USUAL} trigger=push runner=hosted attempt=1 => silence\n"
        )
    }

    #[test]
    fn a_repeated_run_with_another_trigger_is_told_although_it_is_valid() {
        let said = check(
            &SignerProfile,
            &format!(
                "{} +2d sign router@1.170.0 digest=evil {USUAL} trigger=pull_request_target runner=hosted attempt=4 => signer-profile 9",
                history()
            ),
        );
        let explanation = &said.last().unwrap().explanation;
        assert!(
            explanation
                .summary
                .ends_with("in 60 signatures: trigger `pull_request_target`, attempt of the run `repeated`"),
            "{}",
            explanation.summary
        );
        check(
            &SignerProfile,
            &format!(
                "{} +2d sign router@1.170.0 digest=x {USUAL} trigger=push runner=hosted attempt=1 => silence",
                history()
            ),
        );
    }

    #[test]
    fn more_that_is_new_says_more() {
        let bits = |words: &str| {
            let said = check(
                &SignerProfile,
                &format!("{} +2d sign router@1.170.0 digest=evil {USUAL} {words}", history()),
            );
            match said.last().unwrap().verdict {
                crate::detector::Verdict::Surprise { tail, .. } => tail.exact.bits(),
                crate::detector::Verdict::Violation(_) => 0.0,
            }
        };
        let one = bits("trigger=schedule runner=hosted attempt=1");
        let two = bits("trigger=schedule runner=self attempt=1");
        let three = bits("trigger=schedule runner=self attempt=3");
        assert!(one + 1.0 < two && two + 1.0 < three, "{one} {two} {three}");
    }

    #[test]
    fn a_key_of_which_nothing_is_told_has_no_profile() {
        check(&SignerProfile, "30x +1d sign app@1.#.0 digest=d# key=K1 => silence");
    }

    #[test]
    fn a_pipeline_that_moved_is_adopted() {
        check(
            &SignerProfile,
            &format!(
                "{} +2d sign router@1.170.0 digest=a {USUAL} trigger=schedule runner=self attempt=1\n 5x +2d sign router@1.171.# digest=b# {USUAL} trigger=schedule runner=self attempt=1 => silence",
                history()
            ),
        );
    }

    #[test]
    fn its_state_stays_small() {
        let bytes = size_after(Stage::new(&SignerProfile).by_signer(), &history());
        assert!(bytes < 640, "{bytes}");
    }
}
