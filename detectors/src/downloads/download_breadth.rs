//! `download-breadth`: a principal touches unusually many distinct artifacts.
//!
//! Method b.1 of the catalogue. The distinct artifacts of a window are counted exactly up to 128, then by a sketch (`HyperLogLog`)
//! ([`crate::statistics::distinct`]), and held against the principal's own learned rate; a principal without a past
//! is held against its registry's (`breadth_window.rs`). Only *more* is surprising, and only windows in which
//! the principal was there at all are learned from: people work in sessions.
//! ATT&CK T1213.003, T1530. Runbook: docs/runbook.md#download-breadth.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::breadth_window::{self, Cohorts};
use super::window::{Width, WindowLook, WindowRate};
use crate::detector::{Cell, Detector, Explanation, Scored, Scores, Seen, Verdict};
use crate::event::EventTime;
use crate::finding::{Anchor, Band, DetectorId, Evidence, Fact, Link, Measure, Subject, SubjectKind};
use crate::statistics::distinct::Distinct;
use crate::statistics::rate::{RateModel, RatePrior};
use crate::statistics::season::Factor;
use crate::statistics::{PValue, Tail, tie_break};

/// Raw bits from which a window is explained; see `download_volume` for why it is above the general floor.
pub const EXPLAINED_FROM_BITS: f64 = 10.0;
/// Raw bits from which a window keeps the wider ones around it silent: surely told, however calibration turns out.
const TOLD_FROM_BITS: f64 = 2e+01;
/// The widths that are watched: a burst and a slow walk.
const WIDTHS: [Width; 2] = [Width::Hour, Width::Day];
/// Distinct artifacts an hour that an unknown principal starts from.
const PRIOR_PER_HOUR: f64 = 2.0;

/// The detector with its models.
#[derive(Debug)]
pub struct DownloadBreadth {
    models: [RateModel; 2],
}

impl Default for DownloadBreadth {
    fn default() -> Self {
        Self {
            models: WIDTHS.map(|width| {
                RateModel::new(width.pace(), RatePrior::new(PRIOR_PER_HOUR * (width.hours() as f64).sqrt()))
            }),
        }
    }
}

/// What it keeps of one principal.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct BreadthState {
    windows: [BreadthWindow; 2],
    first: Option<EventTime>,
    told: Option<EventTime>,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
struct BreadthWindow {
    rate: WindowRate,
    distinct: Option<Distinct>,
    /// Up to [`EXAMPLES`] artifacts of the window, the latest last.
    examples: Vec<Arc<str>>,
}

/// Artifacts named as examples.
const EXAMPLES: usize = 5;

impl BreadthState {
    /// Whether a window of this width is open.
    #[must_use]
    pub fn is_open(&self, width: Width) -> bool {
        slot(width).is_some_and(|at| self.windows[at].rate.open().is_some())
    }

    /// When the open window of this width ends.
    #[must_use]
    pub fn window_end(&self, width: Width) -> Option<EventTime> {
        self.windows[slot(width)?].rate.open().map(|open| open.start.plus(width.span()))
    }

    /// Whether it is judged by its own past.
    #[must_use]
    pub fn is_warm(&self) -> bool {
        self.hours_learned() >= warm_up(Width::Hour)
    }

    /// Hours with pulls learned from so far.
    #[must_use]
    pub fn hours_learned(&self) -> u32 {
        self.windows[0].rate.learned_from()
    }
}

fn slot(width: Width) -> Option<usize> {
    WIDTHS.iter().position(|watched| *watched == width)
}

/// Windows with pulls before a principal is judged by its own past.
const fn warm_up(width: Width) -> u32 {
    match width {
        Width::Hour => 24,
        Width::SixHours | Width::Day => 7,
    }
}

const fn tally_name(width: Width) -> &'static str {
    match width {
        Width::Hour => "breadth hour",
        Width::SixHours => "breadth 6 hours",
        Width::Day => "breadth day",
    }
}

impl Detector for DownloadBreadth {
    type State = BreadthState;
    const ID: DetectorId = DetectorId::DownloadBreadth;
    const MAJOR: u32 = 1;

    fn observe(&self, state: &mut BreadthState, seen: &Seen<'_>, out: &mut Scores) {
        let event = seen.event();
        let Some(principal) = &event.actor.principal else { return };
        let Some(artifact) = event.artifact.as_ref().and_then(|artifact| artifact.key.as_ref()) else {
            return;
        };
        let now = seen.now();
        let first = *state.first.get_or_insert(now);
        let item = Distinct::hash(seen.seed, artifact.as_str().as_bytes());
        for (at, width) in WIDTHS.into_iter().enumerate() {
            let window = &mut state.windows[at];
            if window.rate.open().is_none() {
                // Windows without pulls are passed over: people work in sessions, and the size of a session says more than
                // how rare it is.
                window.rate.open_at(&self.models[at], width, now, Factor::ORDINARY);
                window.distinct = Some(Distinct::new(seen.seed));
                window.examples.clear();
            }
            let distinct = window.distinct.get_or_insert_with(|| Distinct::new(seen.seed));
            if !distinct.insert_hash(item) {
                continue;
            }
            let count = distinct.count();
            if window.examples.len() < EXAMPLES {
                window.examples.push(artifact.shared());
            }
            let u = |start: EventTime| tie(seen.seed, principal, start, width);
            let Some(look) = window.rate.count(count, now, &event.position, u) else { continue };
            let inside_told = state.told.is_some_and(|told| told >= look.window.start);
            if (inside_told && !look.told_before) || !seen.is_on_time() {
                continue;
            }
            let subject = Subject::new(SubjectKind::Principal, event.registry.clone(), Arc::clone(principal));
            let Some(tail) = tail_of(&subject, width, &look, &mut Cohorts::new(seen.priors)) else {
                continue;
            };
            if judge(&subject, now, first, width, &look, tail, &state.windows[at].examples, out) {
                state.windows[at].rate.mark_told();
                state.told = Some(look.window.start);
            }
        }
    }
}

impl DownloadBreadth {
    /// Closes the window of this width that ends at `boundary`.
    #[expect(clippy::too_many_arguments, reason = "a window, its subject, and what it is held against")]
    pub fn close(
        &self,
        state: &mut BreadthState,
        subject: &Subject,
        width: Width,
        boundary: EventTime,
        seed: u64,
        cohorts: &mut Cohorts<'_>,
        out: &mut Scores,
    ) {
        let Some(at) = slot(width) else { return };
        let u = |start: EventTime| tie(seed, &subject.name, start, width);
        let rate = &mut state.windows[at].rate;
        let Some(look) = rate.close(&self.models[at], width, boundary, u) else { return };
        state.windows[at].distinct = None;
        if look.window.count > 0 {
            breadth_window::record(&subject.registry, tally_name(width), look.window.count, out);
        }
        let Some(tail) = tail_of(subject, width, &look, cohorts) else { return };
        let first = state.first.unwrap_or(boundary);
        if state.told.is_some_and(|told| told >= look.window.start) {
            out.teach(tail, cell(subject, &look, first, boundary));
        } else if judge(subject, boundary, first, width, &look, tail, &state.windows[at].examples, out) {
            state.told = Some(look.window.start);
        }
    }
}

impl DownloadBreadth {
    /// Judges the window of this width that is still open, as no more of the log will come.
    #[expect(clippy::too_many_arguments, reason = "a window, its subject, and what it is held against")]
    pub fn flush(
        &self,
        state: &mut BreadthState,
        subject: &Subject,
        width: Width,
        now: EventTime,
        seed: u64,
        cohorts: &mut Cohorts<'_>,
        out: &mut Scores,
    ) {
        let Some(at) = slot(width) else { return };
        let u = |start: EventTime| tie(seed, &subject.name, start, width);
        let Some(look) = state.windows[at].rate.look(u) else { return };
        let inside_told = state.told.is_some_and(|told| told >= look.window.start);
        let Some(tail) = tail_of(subject, width, &look, cohorts) else { return };
        if inside_told {
            return;
        }
        let first = state.first.unwrap_or(now);
        if judge(subject, now, first, width, &look, tail, &state.windows[at].examples, out) {
            state.told = Some(look.window.start);
        }
    }
}

/// Share of a principal's windows that are not like its own past but like anybody's in the registry: a new project is
/// set up, a cache is cold. Methods b.2 takes 2 % "onboarding" hours for what breaks models of breadth in practice.
const LIKE_ANYBODY: f64 = 0.02;

/// The upper tail: by the principal's own past once it has one, with a share of windows like anybody's in the registry;
/// before that by the registry's alone.
fn tail_of(subject: &Subject, width: Width, look: &WindowLook, cohorts: &mut Cohorts<'_>) -> Option<Tail> {
    let anybody = cohorts.survivor(&subject.registry, tally_name(width), look.window.count);
    if look.learned_from < warm_up(width) {
        return Some(Tail::continuous(anybody?));
    }
    let own = look.score.upper;
    let Some(anybody) = anybody else { return Some(own) };
    let mixed = |own: PValue| PValue::clamped((1.0 - LIKE_ANYBODY) * own.get() + LIKE_ANYBODY * anybody);
    Some(Tail { exact: mixed(own.exact), randomised: mixed(own.randomised), mid: mixed(own.mid) })
}

#[expect(clippy::too_many_arguments, reason = "one look with all that its sentence names")]
fn judge(
    subject: &Subject,
    time: EventTime,
    first: EventTime,
    width: Width,
    look: &WindowLook,
    tail: Tail,
    examples: &[Arc<str>],
    out: &mut Scores,
) -> bool {
    let cell = cell(subject, look, first, time);
    out.surprise_from(EXPLAINED_FROM_BITS, tail, cell, |verdict| {
        scored(subject, time, width, look, tail, examples, verdict)
    });
    tail.randomised.bits() >= TOLD_FROM_BITS
}

fn scored(
    subject: &Subject,
    time: EventTime,
    width: Width,
    look: &WindowLook,
    tail: Tail,
    examples: &[Arc<str>],
    verdict: Verdict,
) -> Scored {
    let (count, word) = (look.score.observed, width.word());
    let own = look.learned_from >= warm_up(width);
    let band = look.prediction.band();
    let unit = format!("distinct artifacts per {word}");
    let held_against = if own {
        format!("its own past expects {:.1}, up to {}", look.score.expected, band.high)
    } else {
        "no principal without a past here comes near".to_owned()
    };
    let position = look.window.first.as_ref().map(|(_, position)| position.into());
    let mut evidence = vec![Evidence {
        fact: Fact::Count {
            what: "distinct artifacts".to_owned(),
            count: count as f64,
            expected: look.score.expected,
            hours: width.hours() as f64,
            bits: tail.exact.bits(),
        },
        time: look.window.start,
        position,
    }];
    evidence.extend(examples.iter().map(|artifact| Evidence {
        fact: Fact::Access { artifact: artifact.to_string(), principal: subject.name.to_string() },
        time: look.window.start,
        position: None,
    }));
    Scored {
        time,
        detector: DetectorId::DownloadBreadth,
        major: DownloadBreadth::MAJOR,
        subject: subject.clone(),
        anchor: Anchor::Window(look.window.start, width.span()),
        verdict,
        explanation: Explanation {
            observed: Measure::number(count as f64, &unit),
            expected: own.then(|| Band::numbers(band.low as f64, band.mid as f64, band.high as f64, &unit)),
            summary: format!(
                "`{}` touched {count} distinct artifacts in one {word}; {held_against}",
                subject.name
            ),
            counterfactual: if own {
                format!("silent with at most {} distinct artifacts in this {word}", band.high)
            } else {
                format!(
                    "silent with no more distinct artifacts in this {word} than others of {} touch",
                    subject.registry
                )
            },
            evidence,
            links: vec![Link::Principal(format!("{} {}", subject.registry, subject.name).into())],
            slsa_threat: None,
        },
    }
}

fn cell(subject: &Subject, look: &WindowLook, first: EventTime, now: EventTime) -> Cell {
    let tier = [3.0, 30.0].iter().filter(|limit| look.score.expected >= **limit).count();
    let days = now.since(first).as_days_f64();
    let age = [1.0, 7.0, 28.0].iter().filter(|limit| days >= **limit).count();
    Cell {
        detector: DetectorId::DownloadBreadth,
        registry: subject.registry.clone(),
        tier: u8::try_from(tier).unwrap_or(u8::MAX),
        age: u8::try_from(age).unwrap_or(u8::MAX),
    }
}

fn tie(seed: u64, subject: &str, start: EventTime, width: Width) -> f64 {
    tie_break(seed, DetectorId::DownloadBreadth.as_str(), subject, start.nanos() + width.hours())
}
