//! `denied-burst` and `not-found-burst`: more of a principal's requests are refused, or ask for what is not there, than its
//! learned share allows.
//!
//! Method d of the catalogue: hourly k of n against a beta-binomial with a learned correlation
//! ([`crate::statistics::beta_binomial`]). A principal that was never refused has no model yet, only a count of its clean
//! requests; the first refusal is held against those and its registry's share. ATT&CK T1110, T1593.003.
//! Runbook: docs/runbook.md#denied-burst, docs/runbook.md#not-found-burst.

use serde::{Deserialize, Serialize};

use super::{cell, subject_of};
use crate::detector::{Priors, Scores, Seen};
use crate::downloads::statement::Statement;
use crate::event::{EventTime, Outcome, Position, Span};
use crate::finding::{Anchor, Band, DetectorId, Evidence, Fact, Measure, Subject};
use crate::statistics::beta_binomial::{Ratio, RatioModel, RatioScore};
use crate::statistics::tie_break;

/// Share that an unknown registry's principals are refused, and are answered that there is no such thing.
const GUESSED_SHARE: [f64; 2] = [0.01, 0.03];
/// Requests that the guess is worth to a registry, and a registry's share to a principal.
const STRENGTH: f64 = 20.0;
/// Clean requests that count at most: a long clean past must not make one typing error an alarm.
const CLEAN_CAP: f64 = 100.0;
/// Refusals that are taken as seen at least (Jeffreys' half): nobody is above a typing error.
const LEAST_REFUSED: f64 = 0.5;
/// Refusals at which an open hour is looked at first; then at each doubling.
const FIRST_CHECKPOINT: u32 = 16;
/// Raw bits from which an hour is explained.
const EXPLAINED_FROM_BITS: f64 = 8.0;
/// Raw bits from which an hour counts as told.
const TOLD_FROM_BITS: f64 = 20.0;

/// What was refused: the order of the arrays here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refusal {
    Denied,
    Absent,
}

impl Refusal {
    const ALL: [Self; 2] = [Self::Denied, Self::Absent];

    const fn of(outcome: Outcome) -> Option<Self> {
        match outcome {
            Outcome::Denied => Some(Self::Denied),
            Outcome::NotFound => Some(Self::Absent),
            Outcome::Success | Outcome::Error => None,
        }
    }

    const fn detector(self) -> DetectorId {
        match self {
            Self::Denied => DetectorId::DeniedBurst,
            Self::Absent => DetectorId::NotFoundBurst,
        }
    }

    const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Denied => ("denied share", "refused"),
            Self::Absent => ("not-found share", "answered that there is no such thing"),
        }
    }
}

/// What is kept of a principal's refusals: 30 bytes for one that was never refused, at most 170.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct RefusalState {
    open: Option<OpenHour>,
    /// Requests before the first refusal of each kind.
    clean: u64,
    ratios: [Option<Ratio>; 2],
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct OpenHour {
    start: EventTime,
    requests: u64,
    refused: [u32; 2],
    checkpoints: [u32; 2],
    told: [bool; 2],
    first: [Option<Position>; 2],
}

impl RefusalState {
    /// Start of the hour that is being filled.
    #[must_use]
    pub fn open_hour(&self) -> Option<EventTime> {
        self.open.as_ref().map(|open| open.start)
    }
}

pub(super) fn observe(state: &mut RefusalState, days: f64, seen: &Seen<'_>, out: &mut Scores) {
    let start = seen.now().floor_to(Span::hours(1));
    let open = state.open.get_or_insert(OpenHour {
        start,
        requests: 0,
        refused: [0; 2],
        checkpoints: [FIRST_CHECKPOINT; 2],
        told: [false; 2],
        first: [None, None],
    });
    open.requests += 1;
    let Some(refusal) = Refusal::of(seen.event().outcome) else { return };
    let at = refusal as usize;
    open.refused[at] += 1;
    open.first[at].get_or_insert_with(|| seen.event().position.clone());
    if open.refused[at] < open.checkpoints[at] || open.told[at] {
        return;
    }
    open.checkpoints[at] = open.checkpoints[at].saturating_mul(2);
    let Some(subject) = subject_of(seen.event()) else { return };
    let (trials, refused) = (open.requests, u64::from(open.refused[at]));
    let model = model(refusal, &subject, seen.priors, state.clean);
    let ratio = state.ratios[at].clone().unwrap_or_else(|| Ratio::from_prior(&model));
    let score = ratio.predict(trials).score(refused, tie(seen.seed, refusal, &subject, start));
    let hour = Hour { refusal, subject: &subject, time: seen.now(), start, days };
    let Some(open) = &mut state.open else { return };
    open.told[at] = hour.judge(&score, open.first[at].as_ref(), out);
}

pub(super) fn close(
    state: &mut RefusalState,
    subject: &Subject,
    boundary: EventTime,
    days: f64,
    seed: u64,
    priors: &Priors,
    out: &mut Scores,
) {
    let Some(open) = state.open.take_if(|open| open.start.plus(Span::hours(1)) <= boundary) else { return };
    for refusal in Refusal::ALL {
        let at = refusal as usize;
        let refused = u64::from(open.refused[at]);
        out.tally_many(&subject.registry, refusal.words().0, 0, refused, open.requests);
        if refused == 0 && state.ratios[at].is_none() {
            continue;
        }
        let model = model(refusal, subject, priors, state.clean);
        let ratio = state.ratios[at].get_or_insert_with(|| Ratio::from_prior(&model));
        let score = ratio.observe(&model, open.requests, refused, tie(seed, refusal, subject, open.start));
        if !open.told[at] {
            Hour { refusal, subject, time: boundary, start: open.start, days }.judge(
                &score,
                open.first[at].as_ref(),
                out,
            );
        }
    }
    state.clean = state.clean.saturating_add(open.requests);
}

/// What is believed before the first refusal: the registry's share, and the principal's own clean requests.
fn model(refusal: Refusal, subject: &Subject, priors: &Priors, clean: u64) -> RatioModel {
    let guess = GUESSED_SHARE[refusal as usize];
    let share = priors.rate(&subject.registry, refusal.words().0, 0, guess, STRENGTH);
    let strength = STRENGTH + (clean as f64).min(CLEAN_CAP);
    RatioModel::new((share * STRENGTH).max(LEAST_REFUSED) / strength, strength)
}

fn tie(seed: u64, refusal: Refusal, subject: &Subject, start: EventTime) -> f64 {
    tie_break(seed, refusal.detector().as_str(), &subject.name, start.nanos())
}

struct Hour<'a> {
    refusal: Refusal,
    subject: &'a Subject,
    time: EventTime,
    start: EventTime,
    days: f64,
}

impl Hour<'_> {
    /// Hands the hour on; returns whether it was surely told.
    fn judge(&self, score: &RatioScore, first: Option<&Position>, out: &mut Scores) -> bool {
        let tail = score.upper;
        // Two cells: an hour of a handful of requests, and a busy one.
        let cell = cell(self.refusal.detector(), self.subject, u8::from(score.trials >= 20), self.days);
        out.surprise_from(EXPLAINED_FROM_BITS, tail, cell, |verdict| {
            let (refused, trials, what) = (score.observed, score.trials, self.refusal.words().1);
            let unit = format!("of {trials} requests {what}");
            let most = (score.expected.ceil() as u64 + 1).min(refused.saturating_sub(1));
            Statement {
                detector: self.refusal.detector(),
                subject: self.subject.clone(),
                time: self.time,
                anchor: Anchor::Window(self.start, Span::hours(1)),
                observed: Measure::number(refused as f64, &unit),
                expected: Some(Band::numbers(0.0, score.expected, most as f64, &unit)),
                summary: format!(
                    "`{}` was {what} for {refused} of {trials} requests in one hour; {:.1} were expected",
                    self.subject.name, score.expected
                ),
                counterfactual: format!("silent with at most {most} of these {trials} requests {what}"),
                evidence: vec![Evidence {
                    fact: Fact::Count {
                        what: self.refusal.words().0.to_owned(),
                        count: refused as f64,
                        expected: score.expected,
                        hours: 1.0,
                        bits: tail.exact.bits(),
                    },
                    time: self.start,
                    position: first.map(Into::into),
                }],
            }
            .scored(verdict)
        });
        tail.randomised.bits() >= TOLD_FROM_BITS
    }
}
