//! `download-volume`: more or fewer pulls of an artifact than its learned rhythm allows.
//!
//! Method a of the catalogue: a Gamma–Poisson level with a learned dispersion for the hour, six hours and the day
//! ([`crate::statistics::rate`]), times the rhythm of the week ([`crate::statistics::season`]). Counts are exact. A subject is
//! judged by its own past only, after the warm-up of each width. A wider window that contains one already told teaches and stays silent.
//! ATT&CK T1195.002, T1567. Runbook: docs/runbook.md#download-volume.

use serde::{Deserialize, Serialize};

use super::window::{Width, WindowLook, WindowRate};
use crate::detector::{Cell, Detector, Explanation, Scored, Scores, Seen, Verdict};
use crate::event::{AccessAction, Event, EventKind, EventTime, Outcome, Span, shown_artifact};
use crate::finding::{Anchor, Band, DetectorId, Evidence, Fact, Link, Measure, Subject};
use crate::statistics::rate::{Direction, LevelChange, RateModel, RatePrior};
use crate::statistics::season::{Factor, Hour, Season};
use crate::statistics::{Tail, tie_break};

/// Raw bits from which a window is explained. A registry closes a hundred thousand windows an hour, so the floor
/// stands higher than for events: at 12 bits one look in four thousand is explained.
pub const EXPLAINED_FROM_BITS: f64 = 12.0;
/// Raw bits from which a window keeps the wider ones around it silent: surely told, however calibration turns out.
const TOLD_FROM_BITS: f64 = 2e+01;
/// Pulls per hour that an unknown artifact starts from; the prior weighs half an event, so it is soon forgotten.
const PRIOR_PER_HOUR: f64 = 0.2;

/// Pulls per hour from which an artifact has a rhythm of its own: 50 a week say enough about 55 places of a profile.
const RHYTHM_FROM_PER_HOUR: f64 = 50.0 / 168.0;

/// Scatter that is taken for granted of pulls in one and the same hour of the week (methods a.3 weighs the common mode by it).
const RHYTHM_DISPERSION: f64 = 0.15;

/// The detector with its models, one a width.
#[derive(Debug)]
pub struct DownloadVolume {
    models: [RateModel; 3],
}

impl Default for DownloadVolume {
    fn default() -> Self {
        Self {
            models: Width::ALL.map(|width| {
                RateModel::new(width.pace(), RatePrior::new(PRIOR_PER_HOUR * width.hours() as f64))
            }),
        }
    }
}

/// What it keeps of one artifact.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct VolumeState {
    windows: [WindowRate; 3],
    /// The rhythm of the week, of an artifact that is pulled often enough.
    season: Option<Box<Season>>,
    /// When the artifact was first pulled.
    first: Option<EventTime>,
    /// Start of the latest window that was told, and which way: what contains it stays silent.
    told: Option<EventTime>,
}

impl VolumeState {
    /// Whether a window of this width is open.
    #[must_use]
    pub fn is_open(&self, width: Width) -> bool {
        self.windows[width.index()].open().is_some()
    }

    /// When the open window of this width ends.
    #[must_use]
    pub fn window_end(&self, width: Width) -> Option<EventTime> {
        self.windows[width.index()].open().map(|open| open.start.plus(width.span()))
    }

    /// Hours learned from so far, out of [`Width::warm_up`].
    #[must_use]
    pub fn hours_learned(&self) -> u32 {
        self.windows[0].learned_from()
    }

    fn contains_told(&self, start: EventTime) -> bool {
        self.told.is_some_and(|told| told >= start)
    }
}

/// Whether an event is a pull that counts: content that was really fetched, and no mere part of an image.
#[must_use]
pub fn is_pull(event: &Event) -> bool {
    matches!(&event.kind, EventKind::Access(access) if access.action == AccessAction::Pull)
        && event.outcome == Outcome::Success
        && !event.artifact.as_ref().is_some_and(crate::event::Artifact::is_part_of_image)
}

impl Detector for DownloadVolume {
    type State = VolumeState;
    const ID: DetectorId = DetectorId::DownloadVolume;
    const MAJOR: u32 = 2;

    fn observe(&self, state: &mut VolumeState, seen: &Seen<'_>, out: &mut Scores) {
        let event = seen.event();
        let Some(key) = event.artifact.as_ref().and_then(|artifact| artifact.key.as_ref()) else { return };
        let now = seen.now();
        let first = *state.first.get_or_insert(now);
        for width in Width::ALL {
            if !state.is_open(width) {
                self.open(state, width, now);
            }
            let window = &mut state.windows[width.index()];
            let count = window.open().map_or(0, |open| open.count) + 1;
            let u = |start: EventTime| tie(seen.seed, key.as_str(), start, width);
            let Some(look) = window.count(count, now, &event.position, u) else { continue };
            if look.learned_from < width.warm_up() || !seen.is_on_time() {
                continue;
            }
            if !look.told_before && state.contains_told(look.window.start) {
                continue;
            }
            let subject =
                Subject::new(crate::finding::SubjectKind::Artifact, event.registry.clone(), key.shared());
            // Only the upper tail: an open window can still fill.
            if judge(&subject, now, first, width, &look, look.score.upper, out) {
                state.windows[width.index()].mark_told();
                state.told = Some(look.window.start);
            }
        }
    }
}

impl DownloadVolume {
    /// Opens the window that holds `now`, and catches up with the empty ones before it.
    fn open(&self, state: &mut VolumeState, width: Width, now: EventTime) {
        let model = &self.models[width.index()];
        let window = &mut state.windows[width.index()];
        if let Some((since, missed)) = window.missed(width, now) {
            let (start, hours) = (hour(since), missed.saturating_mul(width.hours().unsigned_abs()));
            let hours = i64::try_from(hours).unwrap_or(i64::MAX);
            let exposure = state.season.as_ref().map_or(1.0, |season| season.over(start, hours).exposure);
            if let (Width::Hour, Some(season), Some(usual)) = (width, &mut state.season, window.ordinary()) {
                season.learn_silence(start, hours, rhythm_weight(usual.mean()) * usual.level());
            }
            window.catch_up(model, missed, exposure);
        }
        let start = now.floor_to(width.span());
        let factor =
            state.season.as_ref().map_or(Factor::ORDINARY, |season| season.over(hour(start), width.hours()));
        window.open_at(model, width, now, factor);
    }
}

impl VolumeState {
    /// Lets a closed hour teach the rhythm, once the level is known: ratios to a wrong level would be learned for weeks.
    fn learn_rhythm(&mut self, width: Width, look: &WindowLook) {
        let prediction = &look.prediction;
        if width != Width::Hour || look.learned_from < width.warm_up() || look.level != LevelChange::Steady {
            return;
        }
        if self.season.is_none() && prediction.level() < RHYTHM_FROM_PER_HOUR {
            return;
        }
        let weight = rhythm_weight(prediction.mean());
        let events = weight * prediction.winsorised(look.score.observed) as f64;
        self.season.get_or_insert_default().learn(
            hour(look.window.start),
            events,
            weight * prediction.level(),
        );
    }
}

/// What an hour counts for the rhythm. The dispersion that was learned would be too much: while the rhythm is unknown it passes
/// for scatter, and would forbid to learn itself.
fn rhythm_weight(mean: f64) -> f64 {
    1.0 / (1.0 + RHYTHM_DISPERSION * mean)
}

/// The hour that begins at `start`.
fn hour(start: EventTime) -> Hour {
    Hour(start.nanos().div_euclid(Span::hours(1).nanos()))
}

impl DownloadVolume {
    /// Closes the window of this width that ends at `boundary`.
    pub fn close(
        &self,
        state: &mut VolumeState,
        subject: &Subject,
        width: Width,
        boundary: EventTime,
        seed: u64,
        out: &mut Scores,
    ) {
        let u = |start: EventTime| tie(seed, &subject.name, start, width);
        let model = &self.models[width.index()];
        let window = &mut state.windows[width.index()];
        let Some(look) = window.close(model, width, boundary, u) else { return };
        let news = window.silence_is_news();
        state.learn_rhythm(width, &look);
        if news {
            self.open(state, width, look.window.start.plus(width.span()));
        }
        if look.learned_from < width.warm_up() {
            return;
        }
        let first = state.first.unwrap_or(boundary);
        let tail = look.score.two_sided();
        if state.contains_told(look.window.start) {
            out.teach(tail, cell(subject, &look, first, boundary));
        } else if judge(subject, boundary, first, width, &look, tail, out) {
            state.told = Some(look.window.start);
        }
    }
}

impl DownloadVolume {
    /// Judges the window of this width that is still open, as no more of the log will come.
    pub fn flush(
        &self,
        state: &mut VolumeState,
        subject: &Subject,
        width: Width,
        now: EventTime,
        seed: u64,
        out: &mut Scores,
    ) {
        let u = |start: EventTime| tie(seed, &subject.name, start, width);
        let Some(look) = state.windows[width.index()].look(u) else { return };
        if look.learned_from < width.warm_up() || state.contains_told(look.window.start) {
            return;
        }
        if judge(subject, now, state.first.unwrap_or(now), width, &look, look.score.upper, out) {
            state.told = Some(look.window.start);
        }
    }
}

/// Hands a look on; returns whether it was surprising enough to keep wider windows silent.
fn judge(
    subject: &Subject,
    time: EventTime,
    first: EventTime,
    width: Width,
    look: &WindowLook,
    tail: Tail,
    out: &mut Scores,
) -> bool {
    let cell = cell(subject, look, first, time);
    out.surprise_from(EXPLAINED_FROM_BITS, tail, cell, |verdict| {
        scored(subject, time, width, look, tail, verdict)
    });
    tail.randomised.bits() >= TOLD_FROM_BITS
}

fn scored(
    subject: &Subject,
    time: EventTime,
    width: Width,
    look: &WindowLook,
    tail: Tail,
    verdict: Verdict,
) -> Scored {
    let band = look.prediction.band();
    let (count, word) = (look.score.observed, width.word());
    let unit = format!("pulls per {word}");
    let name = shown_artifact(&subject.name);
    let (summary, counterfactual) = match look.score.direction {
        Direction::Above => (
            format!(
                "`{name}` was pulled {count} times in one {word}; {:.1} were expected, up to {}",
                look.score.expected, band.high
            ),
            format!("silent with at most {} pulls in this {word}", band.high),
        ),
        Direction::Below => (
            format!(
                "`{name}` was pulled only {count} times in one {word}; {:.1} were expected, at least {}",
                look.score.expected, band.low
            ),
            format!("silent with at least {} pulls in this {word}", band.low.max(1)),
        ),
    };
    let count_fact = Evidence {
        fact: Fact::Count {
            what: "pulls".to_owned(),
            count: count as f64,
            expected: look.score.expected,
            hours: width.hours() as f64,
            bits: tail.exact.bits(),
        },
        time: look.window.start,
        position: look.window.first.as_ref().map(|(_, position)| position.into()),
    };
    Scored {
        time,
        detector: DetectorId::DownloadVolume,
        major: DownloadVolume::MAJOR,
        subject: subject.clone(),
        anchor: Anchor::Window(look.window.start, width.span()),
        verdict,
        explanation: Explanation {
            observed: Measure::number(count as f64, &unit),
            expected: Some(Band::numbers(band.low as f64, band.mid as f64, band.high as f64, &unit)),
            summary,
            counterfactual,
            evidence: vec![count_fact],
            links: vec![Link::Artifact(subject.name.clone())],
            slsa_threat: None,
        },
    }
}

/// Tiers of the expected count: below 1, 10, 100, and above; bands of age: 1, 3, 7, 14 and 28 days (methods a.5).
fn cell(subject: &Subject, look: &WindowLook, first: EventTime, now: EventTime) -> Cell {
    let tier = [1.0, 10.0, 100.0].iter().filter(|limit| look.score.expected >= **limit).count();
    let days = now.since(first).as_days_f64();
    let age = [1.0, 3.0, 7.0, 14.0, 28.0].iter().filter(|limit| days >= **limit).count();
    Cell {
        detector: DetectorId::DownloadVolume,
        registry: subject.registry.clone(),
        tier: u8::try_from(tier).unwrap_or(u8::MAX),
        age: u8::try_from(age).unwrap_or(u8::MAX),
    }
}

fn tie(seed: u64, subject: &str, start: EventTime, width: Width) -> f64 {
    tie_break(seed, DetectorId::DownloadVolume.as_str(), subject, start.nanos() + width.hours())
}

#[cfg(test)]
mod tests;
