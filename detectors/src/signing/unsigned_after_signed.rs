//! `unsigned-after-signed`: what was signed is not signed any more, or is signed past the transparency log.
//!
//! Method e5. Each version of an artifact is a chance for two rare outcomes: it comes unsigned although the one before was
//! signed, or its signature is in no log although the ones before were. Absence is known in two ways: a verifier says
//! "unsigned", or no signature comes within eight times the usual lag (an hour at least, 30 days at most). The step from
//! signed to unsigned is always kept: its surprise says how loud. ATT&CK T1553. Runbook: docs/runbook.md#unsigned-after-signed.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::content::Content;
use crate::catalogue::CatalogueEntry;
use crate::change_lane::{
    Acquaintance, Chance, Choice, Habits, Place, Places, RareOutcome, Statement, artifact_subject, counts,
    keep_latest, short_name, shown_time_apart,
};
use crate::creation::shown_release;
use crate::detector::{Detector, Explanation, Priors, Scored, Scores, Seen, Verdict};
use crate::event::{CheckResult, EventId, EventKind, EventTime, Span};
use crate::finding::{Anchor, Band, DetectorId, Evidence, Fact, Link, Measure, Subject};
use crate::statistics::log_normal::{LogNormal, LogNormalPrior};
use crate::statistics::tie_break;

/// Its place in the catalogue.
pub const ENTRY: CatalogueEntry = CatalogueEntry {
    id: DetectorId::UnsignedAfterSigned,
    fires_when: "a version comes unsigned although the one before was signed, or its signature is in no log",
    techniques: &["T1553"],
    needs_events: &["sign"],
    needs_fields: &["artifact.purl", "artifact.digest or version"],
    warm_up: "one signed version; three, until a signature that does not come is missed",
};

#[cfg(test)]
mod tests;

/// Versions that wait for their signature, at most; the oldest are given up.
pub const MAX_WAITING: usize = 8;
/// How much longer than usual a signature is waited for.
const PATIENCE: f64 = 8.0;
const LEAST_PATIENCE: Span = Span::hours(1);
const MOST_PATIENCE: Span = Span::days(30);
/// Signed versions before one that stays unsigned is missed.
const SIGNED_NEEDED: u32 = 3;

const UNSIGNED: usize = 0;
const UNLOGGED: usize = 1;

/// Guesses per version of an unknown registry: (½ + 0) / (1 + n) of methods e5 at some fifty signed versions.
const CHOICE: Choice = Choice {
    detector: DetectorId::UnsignedAfterSigned,
    major: UnsignedAfterSigned::MAJOR,
    what: "unsigned-after-signed",
    outcomes: &[
        RareOutcome { guess: 0.01, worth: 50.0, strength: 6.0 },
        RareOutcome { guess: 0.01, worth: 50.0, strength: 6.0 },
    ],
};

/// What is believed of the lag from a publish to its signature: ten minutes, within a factor of e² or so.
fn lag_prior() -> LogNormalPrior {
    LogNormalPrior::new(1.0 / 6.0, 2.0, 2.0)
}

/// The detector.
#[derive(Debug, Clone, Copy, Default)]
pub struct UnsignedAfterSigned;

/// How one artifact is signed: 180 bytes, and 90 for each version that waits for its signature.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct SignedState {
    places: Places,
    met: Acquaintance,
    habits: Habits,
    last: Last,
    /// Versions that were signed, and of these in a log.
    signed: u32,
    logged: u32,
    lags: LogNormal,
    waiting: Vec<Waiting>,
}

/// What the version judged last was.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
enum Last {
    /// Nothing was judged.
    #[default]
    Nothing,
    Signed(Content, EventTime, Place),
    Unsigned(Content),
}

/// A version without a signature so far.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Waiting {
    content: Content,
    shown: Arc<str>,
    since: EventTime,
    due: EventTime,
    id: EventId,
    place: Place,
}

impl Detector for UnsignedAfterSigned {
    type State = SignedState;
    const ID: DetectorId = DetectorId::UnsignedAfterSigned;
    const MAJOR: u32 = 1;

    fn observe(&self, state: &mut SignedState, seen: &Seen<'_>, out: &mut Scores) {
        let event = seen.event();
        if !counts(seen) {
            return;
        }
        let Some(content) = Content::of(seen.seed, event) else { return };
        match &event.kind {
            EventKind::Publish(_) | EventKind::Tag(_) => published(state, seen, content),
            EventKind::Sign(sign) => signed(state, seen, content, sign.transparency_log.is_some(), out),
            EventKind::Verify(verify) if verify.result == CheckResult::Unsigned => {
                unsigned(state, seen, content, out);
            }
            _ => {}
        }
    }
}

impl SignedState {
    fn judged(&self, content: Content) -> bool {
        match self.last {
            Last::Nothing => false,
            Last::Signed(last, ..) | Last::Unsigned(last) => last.is(content),
        }
    }

    /// When the first version that waits will have waited long enough.
    #[must_use]
    pub fn due(&self) -> Option<EventTime> {
        self.waiting.iter().map(|waiting| waiting.due).min()
    }
}

fn published(state: &mut SignedState, seen: &Seen<'_>, content: Content) {
    if state.signed < SIGNED_NEEDED || state.lags.observations() < 1.0 || state.judged(content) {
        return;
    }
    if state.waiting.iter().any(|waiting| waiting.content.is(content)) {
        return;
    }
    let usual = Span::secs((state.lags.typical(&lag_prior()) * 3_600.0 * PATIENCE) as i64);
    let place = state.places.keep(&seen.event().position);
    let waiting = Waiting {
        content,
        shown: short_name(&shown_release(seen.event()).into()),
        since: seen.now(),
        due: seen.now().plus(usual.clamp(LEAST_PATIENCE, MOST_PATIENCE)),
        id: seen.event().id.clone(),
        place,
    };
    keep_latest(&mut state.waiting, MAX_WAITING, waiting);
}

fn signed(state: &mut SignedState, seen: &Seen<'_>, content: Content, in_log: bool, out: &mut Scores) {
    if let Some(at) = state.waiting.iter().position(|waiting| waiting.content.is(content)) {
        let waiting = state.waiting.remove(at);
        state.lags.update(seen.now().since(waiting.since).as_hours_f64() + 1.0 / 60.0);
    } else if state.lags.observations() < 1.0 {
        // Until a publish was seen to wait, a signature is taken to come at once.
        state.lags.update(1.0 / 60.0);
    }
    let again = state.judged(content);
    let place = state.places.keep(&seen.event().position);
    let before = std::mem::replace(&mut state.last, Last::Signed(content, seen.event().time, place));
    if again {
        return;
    }
    let unlogged = !in_log && state.logged >= SIGNED_NEEDED;
    if let (Last::Signed(_, time, last_place), Some(artifact)) = (before, artifact_subject(seen.event())) {
        state.met.meet(seen.now());
        let knows_log = state.logged > 0;
        let possible = move |at: usize| at == UNSIGNED || knows_log;
        let chance = Chance {
            seen,
            subject: &artifact,
            met: &state.met,
            outcome: unlogged.then_some(UNLOGGED),
            possible: &possible,
            within: None,
            from_bits: 0.0,
        };
        let (places, logged) = (&state.places, state.logged);
        CHOICE.judge(&mut state.habits, &chance, out, || {
            Statement {
                field: "transparency log",
                before: "an entry".to_owned(),
                after: "no entry".to_owned(),
                summary: format!(
                    "the signature of {} is in no transparency log; {logged} signatures before it were",
                    shown_release(seen.event())
                ),
                silent_had: "its signature been in a transparency log".to_owned(),
                earlier: vec![(earlier_signature(), time, places.find(last_place))],
                links: vec![],
                slsa_threat: Some('F'),
            }
            .explained(seen)
        });
    }
    state.signed = state.signed.saturating_add(1);
    state.logged = if in_log { state.logged.saturating_add(1) } else { state.logged };
}

fn unsigned(state: &mut SignedState, seen: &Seen<'_>, content: Content, out: &mut Scores) {
    state.waiting.retain(|waiting| !waiting.content.is(content));
    // A verifier that looks twice, or too early, has seen nothing new.
    if state.judged(content) {
        return;
    }
    let before = std::mem::replace(&mut state.last, Last::Unsigned(content));
    let Some(artifact) = artifact_subject(seen.event()) else { return };
    let Last::Signed(_, time, place) = before else {
        if before != Last::Nothing {
            state.habits.learn(UNSIGNED, 1.0);
        }
        return;
    };
    state.met.meet(seen.now());
    let chance = Chance {
        seen,
        subject: &artifact,
        met: &state.met,
        outcome: Some(UNSIGNED),
        possible: &|at| at == UNSIGNED,
        within: None,
        from_bits: 0.0,
    };
    let (places, signed) = (&state.places, state.signed);
    CHOICE.judge(&mut state.habits, &chance, out, || {
        Statement {
            field: "signature",
            before: "signed".to_owned(),
            after: "unsigned".to_owned(),
            summary: format!(
                "{} is not signed; the version before it was, and {signed} in all",
                shown_release(seen.event())
            ),
            silent_had: "it been signed as the version before".to_owned(),
            earlier: vec![(earlier_signature(), time, places.find(place))],
            links: vec![],
            slsa_threat: Some('F'),
        }
        .explained(seen)
    });
}

impl UnsignedAfterSigned {
    /// Judges the versions that have waited for their signature until `boundary` in vain.
    pub fn expire(
        state: &mut SignedState,
        subject: &Subject,
        boundary: EventTime,
        seed: u64,
        priors: &Priors,
        out: &mut Scores,
    ) {
        while let Some(at) = state.waiting.iter().position(|waiting| waiting.due <= boundary) {
            let waiting = state.waiting.remove(at);
            if state.judged(waiting.content) {
                continue;
            }
            let before = std::mem::replace(&mut state.last, Last::Unsigned(waiting.content));
            let Last::Signed(_, time, place) = before else {
                state.habits.learn(UNSIGNED, 1.0);
                continue;
            };
            state.met.meet(boundary);
            let u = tie_break(seed, CHOICE.what, &subject.name, waiting.since.nanos());
            let outcome: (Option<usize>, &dyn Fn(usize) -> bool) = (Some(UNSIGNED), &|at| at == UNSIGNED);
            let tail = CHOICE.tail(&state.habits, priors, &subject.registry, outcome, None, u);
            let cell = state.met.cell(Self::ID, &subject.registry, boundary);
            let explanation = missing(state, &waiting, subject, boundary, (time, place));
            out.surprise_from(0.0, tail, cell, |verdict: Verdict| Scored {
                time: boundary,
                detector: Self::ID,
                major: Self::MAJOR,
                subject: subject.clone(),
                anchor: Anchor::Event(waiting.id.clone()),
                verdict,
                explanation,
            });
            CHOICE.learn(&mut state.habits, &subject.registry, outcome, tail.exact.bits(), out);
        }
    }
}

fn missing(
    state: &SignedState,
    waiting: &Waiting,
    subject: &Subject,
    boundary: EventTime,
    (time, place): (EventTime, Place),
) -> Explanation {
    let waited = shown_time_apart(boundary.since(waiting.since));
    let field = Fact::Field {
        field: "signature".to_owned(),
        before: "signed".to_owned(),
        after: format!("none after {waited}"),
        bits: 0.0,
    };
    Explanation {
        observed: Measure::name("unsigned", "signature"),
        expected: Some(Band::name("signed", "signature")),
        summary: format!(
            "{} is not signed {waited} after its publish; the version before it was, and {} in all",
            waiting.shown, state.signed
        ),
        counterfactual: "It would have been silent had it been signed as the version before.".to_owned(),
        evidence: vec![
            Evidence { fact: field, time: waiting.since, position: state.places.find(waiting.place) },
            Evidence { fact: earlier_signature(), time, position: state.places.find(place) },
        ],
        links: vec![Link::Artifact(Arc::clone(&subject.name))],
        slsa_threat: Some('F'),
    }
}

fn earlier_signature() -> Fact {
    Fact::Field {
        field: "signature".to_owned(),
        before: String::new(),
        after: "the version before was signed".to_owned(),
        bits: 0.0,
    }
}
