//! `unmatched-signature`: a signature without a publish, long after it, or one that claims another time.
//!
//! Method e7. Each signature of an artifact whose publishes the log tells is a chance for three rare outcomes: nothing
//! like it was published, it claims to be made long before it came to light, it comes late. Lags from publish to signature
//! and from the claimed time to the event are log-normal per artifact; late means one in a hundred of its own past and more
//! than a day. Where signing comes before publishing, the first outcome is ordinary, and the detector is silent.
//! ATT&CK T1553.002. Runbook: docs/runbook.md#unmatched-signature.

use serde::{Deserialize, Serialize};

use super::content::Content;
use super::signer_name;
use crate::catalogue::CatalogueEntry;
use crate::change_lane::{
    Acquaintance, Chance, Choice, Habits, Place, Places, RareOutcome, Statement, any, artifact_subject,
    counts, keep_latest, shown_time_apart,
};
use crate::creation::shown_release;
use crate::detector::{Detector, EXPLAINED_FROM_BITS, Scores, Seen};
use crate::event::{EventKind, EventTime, Span};
use crate::finding::{DetectorId, Fact, Link};
use crate::statistics::log_normal::{LogNormal, LogNormalPrior};

/// Its place in the catalogue.
pub const ENTRY: CatalogueEntry = CatalogueEntry {
    id: DetectorId::UnmatchedSignature,
    fires_when: "a signature comes without a publish, long after it, or claims to be older than it is",
    techniques: &["T1553.002"],
    needs_events: &["publish", "tag"],
    needs_fields: &["artifact.purl", "artifact.digest or version"],
    warm_up: "three publishes that the log tells",
};

/// Published contents kept of one artifact.
pub const MAX_CONTENTS: usize = 32;
/// Contents older than those are remembered as two short fingerprints each, so many in all.
pub const MAX_FINGERPRINTS: usize = 256;
/// Publishes before one is missed.
const PUBLISHES_NEEDED: u32 = 3;
/// A lag is late from here on, and if it comes once in a hundred.
const LATE: Span = Span::days(1);
const RARE: f64 = 0.01;

const NOTHING_PUBLISHED: usize = 0;
const BACK_DATED: usize = 1;
const COMES_LATE: usize = 2;

/// Guesses per signature of an unknown registry.
const CHOICE: Choice = Choice {
    detector: DetectorId::UnmatchedSignature,
    major: UnmatchedSignature::MAJOR,
    what: "unmatched-signature",
    outcomes: &[
        RareOutcome { guess: 0.02, worth: 50.0, strength: 6.0 },
        RareOutcome { guess: 0.005, worth: 50.0, strength: 6.0 },
        RareOutcome { guess: 0.02, worth: 50.0, strength: 6.0 },
    ],
};

/// What is believed of lags before any is known: an hour, within a factor of e² or so.
fn prior() -> LogNormalPrior {
    LogNormalPrior::new(1.0, 2.0, 4.0)
}

/// The detector.
#[derive(Debug, Clone, Copy, Default)]
pub struct UnmatchedSignature;

/// What of one artifact was published, and when it is signed: 200 bytes, 25 a content, 10 an older one.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct MatchState {
    places: Places,
    met: Acquaintance,
    habits: Habits,
    contents: Vec<Published>,
    older: Vec<u32>,
    publishes: u32,
    /// Hours from publish to signature, and from the claimed time to the event.
    lags: LogNormal,
    claims: LogNormal,
}

/// A content that was published.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Published {
    content: Content,
    time: EventTime,
    place: Place,
    signature: Signature,
}

/// Whether a content has its first signature: a further one is `re-signing`'s business, however late.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Signature {
    Awaited,
    Seen,
}

impl Detector for UnmatchedSignature {
    type State = MatchState;
    const ID: DetectorId = DetectorId::UnmatchedSignature;
    const MAJOR: u32 = 1;

    fn observe(&self, state: &mut MatchState, seen: &Seen<'_>, out: &mut Scores) {
        let event = seen.event();
        let (Some(content), true) = (Content::of(seen.seed, event), counts(seen)) else { return };
        match &event.kind {
            EventKind::Publish(_) | EventKind::Tag(_)
                if !state.contents.iter().any(|known| known.content.is(content)) =>
            {
                let place = state.places.keep(&event.position);
                if let Some(oldest) = state.contents.first().filter(|_| state.contents.len() >= MAX_CONTENTS)
                {
                    for print in oldest.content.fingerprints() {
                        keep_latest(&mut state.older, MAX_FINGERPRINTS, print);
                    }
                }
                let published = Published { content, time: seen.now(), place, signature: Signature::Awaited };
                keep_latest(&mut state.contents, MAX_CONTENTS, published);
                state.publishes = state.publishes.saturating_add(1);
            }
            EventKind::Sign(sign) => judge(state, seen, content, sign.signed_at, out),
            _ => {}
        }
    }
}

fn judge(
    state: &mut MatchState,
    seen: &Seen<'_>,
    content: Content,
    claimed: Option<EventTime>,
    out: &mut Scores,
) {
    let event = seen.event();
    let Some(artifact) = artifact_subject(event).filter(|_| state.publishes >= PUBLISHES_NEEDED) else {
        return;
    };
    // An old release that is signed again is known, if not by its time.
    if content.fingerprints().any(|print| state.older.contains(&print)) {
        return;
    }
    let at = state.contents.iter().position(|known| known.content.is(content));
    let published = at.map(|at| state.contents[at]);
    if let Some(at) = at {
        state.contents[at].signature = Signature::Seen;
    }
    if published.is_some_and(|published| published.signature == Signature::Seen) {
        return;
    }
    let lag = published.map(|published| seen.now().since(published.time));
    let claim = claimed.map(|claimed| event.time.since(claimed));
    let is_late = |lag: Option<Span>, known: &LogNormal| {
        lag.is_some_and(|lag| lag > LATE && known.upper(&prior(), hours(lag)).get() <= RARE)
    };
    let outcome = match () {
        () if published.is_none() => Some(NOTHING_PUBLISHED),
        () if is_late(claim, &state.claims) => Some(BACK_DATED),
        () if is_late(lag, &state.lags) => Some(COMES_LATE),
        () => None,
    };
    state.met.meet(seen.now());
    let chance = Chance {
        seen,
        subject: &artifact,
        met: &state.met,
        outcome,
        possible: &any,
        within: None,
        from_bits: EXPLAINED_FROM_BITS,
    };
    let (places, publishes) = (&state.places, state.publishes);
    CHOICE.judge(&mut state.habits, &chance, out, || {
        let who = signer_name(event).unwrap_or_else(|| "somebody".into());
        let (name, apart) =
            (shown_release(event), |span: Option<Span>| shown_time_apart(span.unwrap_or_default()));
        let (after, summary, silent_had) = match outcome {
            Some(NOTHING_PUBLISHED) => (
                "no publish".to_owned(),
                format!("{who} signed {name}, of which no publish is known among {publishes}"),
                "a publish of it come before",
            ),
            Some(BACK_DATED) => (
                format!("{} before", apart(claim)),
                format!(
                    "the signature of {name} by {who} claims to be made {} before it came to light",
                    apart(claim)
                ),
                "it claimed the time at which it came to light",
            ),
            _ => (
                format!("{} after", apart(lag)),
                format!("{who} signed {name} {} after its publish", apart(lag)),
                "it been signed soon after its publish",
            ),
        };
        let fact = Fact::Publish { version: "published".to_owned(), publisher: String::new() };
        Statement {
            field: "time between publish and signature",
            before: "soon after the publish".to_owned(),
            after,
            summary,
            silent_had: silent_had.to_owned(),
            earlier: published
                .map(|known| (fact, known.time, places.find(known.place)))
                .into_iter()
                .collect(),
            links: vec![Link::Signer(who)],
            slsa_threat: Some('E'),
        }
        .explained(seen)
    });
    // One late repair must not make lateness usual.
    if outcome.is_none() {
        lag.into_iter().for_each(|lag| state.lags.update(hours(lag)));
        claim.into_iter().for_each(|claim| state.claims.update(hours(claim)));
    }
}

/// A lag as it is learned; a minute more, so that seconds do not count as orders of magnitude.
fn hours(lag: Span) -> f64 {
    lag.as_hours_f64() + 1.0 / 60.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::change_lane::story::{check, state_size};

    fn matched() -> String {
        (1..=40)
            .map(|at| format!("+7d publish app@1.{at}.0 digest=d{at} => silence\n +5m sign app@1.{at}.0 digest=d{at} key=K1 signed=2m => silence\n"))
            .collect()
    }

    #[test]
    fn a_signature_of_what_was_never_published_is_told() {
        let said = check(
            &UnmatchedSignature,
            &format!("{} +2d sign app@9.9.9 digest=evil key=K1 => unmatched-signature 7", matched()),
        );
        assert_eq!(
            said[0].explanation.summary,
            "K1 signed `app` 9.9.9, of which no publish is known among 40"
        );
        check(
            &UnmatchedSignature,
            &format!(
                "{} +2d publish app@9.9.9 digest=evil\n +5m sign app@9.9.9 digest=evil key=K1 => silence",
                matched()
            ),
        );
    }

    #[test]
    fn late_and_back_dated_signatures_are_told() {
        let late = format!(
            "{} +1d publish app@2.0.0 digest=x\n +30d sign app@2.0.0 digest=x key=K1 => unmatched-signature 6",
            matched()
        );
        assert!(
            check(&UnmatchedSignature, &late)[0].explanation.summary.ends_with("30 days after its publish")
        );
        let dated = format!(
            "{} +1d publish app@2.0.0 digest=x\n +5m sign app@2.0.0 digest=x key=K1 signed=90d => unmatched-signature 6",
            matched()
        );
        assert!(
            check(&UnmatchedSignature, &dated)[0]
                .explanation
                .summary
                .contains("claims to be made 90 days before")
        );
    }

    #[test]
    fn an_old_release_that_is_signed_again_was_published() {
        check(
            &UnmatchedSignature,
            &format!(
                "{} +2d sign app@1.2.0 digest=d2 key=K2 => silence\n +2d sign app@1.30.0 digest=d30 key=K2 => silence",
                matched()
            ),
        );
    }

    #[test]
    fn a_pipeline_that_signs_before_it_publishes_is_ordinary() {
        let first: String = (1..=30)
            .map(|at| {
                format!("+7d sign app@1.{at}.0 digest=d{at} key=K1\n +5m publish app@1.{at}.0 digest=d{at}\n")
            })
            .collect();
        check(&UnmatchedSignature, &format!("{first} +7d sign app@2.0.0 digest=x key=K1 => silence"));
    }

    #[test]
    fn a_feed_without_publishes_feeds_it_nothing() {
        check(&UnmatchedSignature, "50x +1d sign app@1.#.0 digest=d# key=K1 => silence");
    }

    #[test]
    fn its_state_stays_small() {
        let bytes = state_size(&UnmatchedSignature, &matched());
        assert!(bytes < 256 + 32 * MAX_CONTENTS + 5 * MAX_FINGERPRINTS, "{bytes}");
    }
}
