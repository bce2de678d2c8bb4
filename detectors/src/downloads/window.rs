//! Aligned windows of an hour, six hours and a day, each with its own learned rate.
//!
//! An hour need not be over to be surprising: counts only grow within a window, so P(Y ≥ y) at a checkpoint bounds
//! the window's own, and the checkpoints (each twice the last) are looks at one and the same event. What they say has
//! one id, the window's: the first statement that is loud enough to be stored stands, later ones are passed over.

use serde::{Deserialize, Serialize};

use crate::event::{EventTime, Position, Span};
use crate::statistics::rate::{
    LevelChange, MIN_MEAN_FOR_DROPS, Prediction, Rate, RateModel, RatePace, RateScore,
};

/// First count at which an open window is looked at.
const FIRST_CHECKPOINT: u64 = 16;
/// The first look is at no less than this multiple of the expected count: half of all windows pass their mean.
const CHECKPOINT_FACTOR: f64 = 4.0;

/// What an empty window says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EmptyWindows {
    /// The rate counts them: silence is part of a rhythm, and may be news.
    Counted,
    /// Nothing: the rate is that of windows in which something happened. People work in sessions, and the size of
    /// a session says more than how rare it is.
    Skipped,
}

/// How wide a window is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Width {
    /// An hour: bursts.
    Hour,
    /// Six hours.
    SixHours,
    /// A day: the slow leak.
    Day,
}

impl Width {
    /// Every width, narrowest first.
    pub const ALL: [Self; 3] = [Self::Hour, Self::SixHours, Self::Day];

    /// As a length of time.
    #[must_use]
    pub const fn span(self) -> Span {
        Span::hours(self.hours())
    }

    /// In hours.
    #[must_use]
    pub const fn hours(self) -> i64 {
        match self {
            Self::Hour => 1,
            Self::SixHours => 6,
            Self::Day => 24,
        }
    }

    /// What people call one.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::SixHours => "6 hours",
            Self::Day => "day",
        }
    }

    /// How fast its rate learns (methods a.4).
    #[must_use]
    pub fn pace(self) -> RatePace {
        match self {
            Self::Hour => RatePace::hourly(),
            Self::SixHours => RatePace::six_hourly(),
            Self::Day => RatePace::daily(),
        }
    }

    /// Closed windows before a subject is judged by its own past: two days of hours, two of six hours, a week of days.
    #[must_use]
    pub const fn warm_up(self) -> u32 {
        match self {
            Self::Hour => 48,
            Self::SixHours => 8,
            Self::Day => 7,
        }
    }

    /// Whether a window of this width ends at `boundary`.
    #[must_use]
    pub fn ends_at(self, boundary: EventTime) -> bool {
        boundary.floor_to(self.span()) == boundary
    }

    pub(crate) const fn index(self) -> usize {
        match self {
            Self::Hour => 0,
            Self::SixHours => 1,
            Self::Day => 2,
        }
    }
}

/// What is known of one subject at one width.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct WindowRate {
    rate: Option<Rate>,
    /// Start of the first window that was not learned from.
    unlearned: Option<EventTime>,
    open: Option<OpenWindow>,
}

/// The window that is being filled.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OpenWindow {
    /// Its start.
    pub start: EventTime,
    /// What was counted so far.
    pub count: u64,
    /// The first record in it.
    pub first: Option<(EventTime, Position)>,
    /// The latest record in it.
    pub last: Option<EventTime>,
    /// The count at which it is looked at next.
    checkpoint: u64,
    /// Whether it was told at a checkpoint.
    told: bool,
}

/// What a look at a window found.
#[derive(Debug, Clone)]
pub struct WindowLook {
    /// The window.
    pub window: OpenWindow,
    /// What was expected.
    pub prediction: Prediction,
    /// How surprising the count is.
    pub score: RateScore,
    /// Closed windows that the expectation rests on.
    pub learned_from: u32,
    /// Whether it was told at an earlier checkpoint.
    pub told_before: bool,
    /// Whether the level has moved for good.
    pub level: LevelChange,
}

impl WindowRate {
    /// The window that is being filled.
    #[must_use]
    pub const fn open(&self) -> Option<&OpenWindow> {
        self.open.as_ref()
    }

    /// Windows learned from so far.
    #[must_use]
    pub fn learned_from(&self) -> u32 {
        self.rate.as_ref().map_or(0, Rate::bins)
    }

    /// Opens the window that holds `now`, catching up over empty ones; the open one must have been closed before.
    /// Returns whether it was opened just now.
    pub fn open_at(&mut self, model: &RateModel, width: Width, empty: EmptyWindows, now: EventTime) -> bool {
        if self.open.is_some() {
            return false;
        }
        let start = now.floor_to(width.span());
        let rate = self.rate.get_or_insert_with(|| Rate::from_prior(model.prior()));
        if let Some(unlearned) = self.unlearned {
            let missed = start.since(unlearned).nanos() / width.span().nanos();
            if missed > 0 && empty == EmptyWindows::Counted {
                rate.idle(model, missed.unsigned_abs(), 1.0);
            }
        }
        self.open = Some(OpenWindow {
            start,
            count: 0,
            first: None,
            last: None,
            checkpoint: FIRST_CHECKPOINT.max((CHECKPOINT_FACTOR * rate.level()).ceil() as u64),
            told: false,
        });
        true
    }

    /// Sets the count of the open window; returns a look where a checkpoint was reached. `u` breaks ties.
    pub fn count(
        &mut self,
        count: u64,
        time: EventTime,
        position: &Position,
        u: impl FnOnce(EventTime) -> f64,
    ) -> Option<WindowLook> {
        let open = self.open.as_mut()?;
        open.count = count;
        open.last = Some(time);
        open.first.get_or_insert_with(|| (time, position.clone()));
        if count < open.checkpoint {
            return None;
        }
        while open.checkpoint <= count {
            open.checkpoint = open.checkpoint.saturating_mul(2);
        }
        self.look(u)
    }

    /// Marks the open window as surely told.
    pub const fn mark_told(&mut self) {
        if let Some(open) = self.open.as_mut() {
            open.told = true;
        }
    }

    /// Looks at the open window as it stands; nothing is learned.
    #[must_use]
    pub fn look(&self, u: impl FnOnce(EventTime) -> f64) -> Option<WindowLook> {
        let (open, rate) = (self.open.as_ref()?, self.rate.as_ref()?);
        let prediction = rate.predict(1.0);
        let score = prediction.score(open.count, u(open.start));
        Some(WindowLook {
            window: open.clone(),
            prediction,
            score,
            learned_from: rate.bins(),
            told_before: open.told,
            level: LevelChange::Steady,
        })
    }

    /// Closes the window that ends at or before `boundary`: scores it, learns from it, and opens the next one at once
    /// where an empty one would be news.
    pub fn close(
        &mut self,
        model: &RateModel,
        width: Width,
        empty: EmptyWindows,
        boundary: EventTime,
        u: impl FnOnce(EventTime) -> f64,
    ) -> Option<WindowLook> {
        let window = self.open.take_if(|open| open.start.plus(width.span()) <= boundary)?;
        let rate = self.rate.as_mut()?;
        let learned_from = rate.bins();
        let prediction = rate.predict(1.0);
        let score = prediction.score(window.count, u(window.start));
        let level = rate.update(model, &prediction, &score);
        let end = window.start.plus(width.span());
        self.unlearned = Some(end);
        if empty == EmptyWindows::Counted && rate.level() >= MIN_MEAN_FOR_DROPS {
            self.open_at(model, width, empty, end);
        }
        Some(WindowLook { told_before: window.told, window, prediction, score, learned_from, level })
    }
}
