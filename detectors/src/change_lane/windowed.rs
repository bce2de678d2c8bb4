//! How many distinct things one subject does in an aligned window, held against its own earlier windows.
//!
//! A window opens with its first event and is closed by the first event after it, so nothing depends on when time is
//! told: only windows in which something happened are learned from, as people and pipelines work in sessions. An open
//! window is looked at whenever its count reaches a checkpoint. P(Y ≥ y) only falls with y and is taken from the past
//! alone, so the least p of all looks is that of the last: looking often costs nothing. Level and dispersion: `statistics/rate.rs`.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::crowd;
use super::{Place, Places};
use crate::detector::{Scores, Seen};
use crate::event::{EventTime, Span, shown_artifact};
use crate::finding::Band;
use crate::statistics::distinct::Distinct;
use crate::statistics::p_value::PValue;
use crate::statistics::rate::{Rate, RateModel, RatePace, RatePrior};
use crate::statistics::{Tail, tie_break};

/// Windows with events before a subject is judged by its own past.
pub(crate) const WINDOWS_NEEDED: u32 = 8;
/// A window is looked at from this count on: two of a kind are no burst.
const LOOKED_AT_FROM: u64 = 3;
/// Of a subject's windows one in (its number + this) is like anybody's in the registry: a first monorepo, a migration.
const WINDOWS_LIKE_ANYBODY: f64 = 20.0;
/// What was told is told again once the count is so many times larger.
const TOLD_AGAIN_AT: u64 = 4;
/// Things named as examples.
const EXAMPLES: usize = 3;

/// What is counted, in which windows.
#[derive(Debug, Clone)]
pub(crate) struct CountModel {
    /// What the registry's windows are kept under.
    pub(crate) what: &'static str,
    pub(crate) width: Span,
    rate: RateModel,
}

impl CountModel {
    pub(crate) fn new(what: &'static str, width: Span) -> Self {
        // In windows with events: some sixty of memory, since people change their habits within a year or so.
        let pace = RatePace {
            half_life: 60.0,
            dispersion_half_life: 180.0,
            warm_up: WINDOWS_NEEDED,
            shift_window: 24,
            adoption: 8,
        };
        Self { what, width, rate: RateModel::new(pace, RatePrior::new(1.0)) }
    }
}

/// The windows of one subject: 100 bytes, and while one is open its distinct set (2 KiB at most).
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct WindowedCount {
    open: Option<OpenWindow>,
    rate: Option<Rate>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct OpenWindow {
    start: EventTime,
    things: Distinct,
    /// The count that was told last; 0 where nothing was.
    told: u64,
    examples: Vec<Arc<str>>,
    first: (EventTime, Place),
}

/// A look at a window that reached a checkpoint.
#[derive(Debug, Clone)]
pub(crate) struct CountLook {
    pub(crate) count: u64,
    pub(crate) tail: Tail,
    /// Bounds and middle of what is usual.
    pub(crate) usual: (f64, f64, f64),
    /// Windows learned from.
    pub(crate) windows: u32,
    pub(crate) examples: Vec<Arc<str>>,
    pub(crate) first: (EventTime, Place),
    pub(crate) worth_telling: Telling,
}

/// One thing that is counted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Thing<'a> {
    /// What makes it distinct.
    pub(crate) key: &'a str,
    /// What people call it.
    pub(crate) name: &'a Arc<str>,
    /// Whose it is: the subject's name.
    pub(crate) of: &'a str,
}

/// Whether a look may speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Telling {
    /// Nothing was told of this window, or far less.
    News,
    /// It was told already.
    Known,
}

impl WindowedCount {
    /// Takes in one thing; a look where the count reached a checkpoint.
    pub(crate) fn add(
        &mut self,
        model: &CountModel,
        seen: &Seen<'_>,
        places: &mut Places,
        thing: Thing<'_>,
        out: &mut Scores,
    ) -> Option<CountLook> {
        let (now, registry) = (seen.now(), &seen.event().registry);
        let start = now.floor_to(model.width);
        if let Some(over) = self.open.take_if(|open| open.start < start) {
            let count = over.things.count();
            let rate = self.rate.get_or_insert_with(|| Rate::from_prior(model.rate.prior()));
            rate.observe(&model.rate, 1.0, count, 0.5);
            crowd::record(registry, model.what, count, out);
        }
        let place = places.keep(&seen.event().position);
        let open = self.open.get_or_insert_with(|| OpenWindow {
            start,
            things: Distinct::new(seen.seed),
            told: 0,
            examples: Vec::new(),
            first: (seen.event().time, place),
        });
        if !open.things.insert(thing.key.as_bytes()) {
            return None;
        }
        if open.examples.len() < EXAMPLES {
            open.examples.push(super::short_name(thing.name));
        }
        let count = open.things.count();
        if count < LOOKED_AT_FROM || !is_checkpoint(count) {
            return None;
        }
        let anybody = crowd::survivor(registry, model.what, count, seen.priors);
        let u = tie_break(seen.seed, model.what, thing.of, open.start.nanos() ^ count.cast_signed());
        let (tail, usual, windows) = match &self.rate {
            Some(rate) if rate.bins() >= WINDOWS_NEEDED => {
                let prediction = rate.predict(1.0);
                let band = prediction.band();
                let own = prediction.score(count, u).upper;
                let share = 1.0 / (f64::from(rate.bins()) + WINDOWS_LIKE_ANYBODY);
                let mixed = |own: PValue| PValue::clamped((1.0 - share) * own.get() + share * anybody);
                let tail =
                    Tail { exact: mixed(own.exact), randomised: mixed(own.randomised), mid: mixed(own.mid) };
                (tail, (band.low as f64, band.mid as f64, band.high as f64), rate.bins())
            }
            young => {
                let windows = young.as_ref().map_or(0, Rate::bins);
                (Tail::continuous(anybody), (1.0, 1.0, 4.0), windows)
            }
        };
        let worth_telling = if count >= TOLD_AGAIN_AT * open.told { Telling::News } else { Telling::Known };
        let (examples, first) = (open.examples.clone(), open.first);
        Some(CountLook { count, tail, usual, windows, examples, first, worth_telling })
    }

    /// Notes that the open window was told at this count.
    pub(crate) fn mark_told(&mut self, count: u64) {
        if let Some(open) = &mut self.open {
            open.told = count;
        }
    }
}

impl CountLook {
    /// The usual band with its unit.
    pub(crate) fn band(&self, unit: &str) -> Band {
        Band::numbers(self.usual.0, self.usual.1, self.usual.2, unit)
    }

    /// The examples as people read them.
    pub(crate) fn shown_examples(&self) -> String {
        let names: Vec<String> =
            self.examples.iter().map(|name| format!("`{}`", shown_artifact(name))).collect();
        let more = if self.count > names.len() as u64 { " and others" } else { "" };
        format!("{}{more}", names.join(", "))
    }
}

/// Powers of two, and the numbers half-way between two of them.
const fn is_checkpoint(count: u64) -> bool {
    count.is_power_of_two() || (count.is_multiple_of(3) && (count / 3).is_power_of_two())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checkpoints_grow_with_the_count() {
        let checkpoints: Vec<u64> = (1..100).filter(|count| is_checkpoint(*count)).collect();
        assert_eq!(checkpoints, [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96]);
    }
}
