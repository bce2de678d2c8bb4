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
use crate::statistics::season::Factor;

/// First count at which an open window is looked at.
const FIRST_CHECKPOINT: u64 = 16;
/// The first look is at no less than this multiple of the expected count: half of all windows pass their mean.
const CHECKPOINT_FACTOR: f64 = 4.0;

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
    /// How it should differ from an ordinary one, as was known when it opened.
    pub factor: Factor,
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

    /// The windows before the one that holds `now` that nothing was learned from, as they were empty: the first one's
    /// start, and how many.
    #[must_use]
    pub fn missed(&self, width: Width, now: EventTime) -> Option<(EventTime, u64)> {
        let unlearned = self.unlearned?;
        let missed = now.floor_to(width.span()).since(unlearned).nanos() / width.span().nanos();
        Some((unlearned, u64::try_from(missed).ok().filter(|missed| *missed > 0)?))
    }

    /// Learns that the missed windows were empty; `exposure` is that of one of them, on average.
    pub fn catch_up(&mut self, model: &RateModel, missed: u64, exposure: f64) {
        if let Some(rate) = &mut self.rate {
            rate.idle(model, missed, exposure);
        }
    }

    /// What an ordinary window is expected to hold.
    #[must_use]
    pub fn ordinary(&self) -> Option<Prediction> {
        self.rate.as_ref().map(|rate| rate.predict(1.0))
    }

    /// Opens the window that holds `now`; the one before must have been closed, and missed ones been caught up with.
    pub fn open_at(&mut self, model: &RateModel, width: Width, now: EventTime, factor: Factor) {
        let rate = self.rate.get_or_insert_with(|| Rate::from_prior(model.prior()));
        let expected = rate.level() * factor.exposure;
        self.open = Some(OpenWindow {
            start: now.floor_to(width.span()),
            count: 0,
            factor,
            first: None,
            last: None,
            checkpoint: FIRST_CHECKPOINT.max((CHECKPOINT_FACTOR * expected).ceil() as u64),
            told: false,
        });
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

    /// Whether the next window must be opened even if nothing comes: an empty one would be news.
    #[must_use]
    pub fn silence_is_news(&self) -> bool {
        self.rate.as_ref().is_some_and(|rate| rate.level() >= MIN_MEAN_FOR_DROPS)
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
        let prediction = rate.predict_uncertain(open.factor.exposure, open.factor.variance);
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

    /// Closes the window that ends at or before `boundary`: scores it and learns from it.
    pub fn close(
        &mut self,
        model: &RateModel,
        width: Width,
        boundary: EventTime,
        u: impl FnOnce(EventTime) -> f64,
    ) -> Option<WindowLook> {
        let window = self.open.take_if(|open| open.start.plus(width.span()) <= boundary)?;
        let rate = self.rate.as_mut()?;
        let learned_from = rate.bins();
        let prediction = rate.predict_uncertain(window.factor.exposure, window.factor.variance);
        let score = prediction.score(window.count, u(window.start));
        let level = rate.update(model, &prediction, &score);
        self.unlearned = Some(window.start.plus(width.span()));
        Some(WindowLook { told_before: window.told, window, prediction, score, learned_from, level })
    }
}
