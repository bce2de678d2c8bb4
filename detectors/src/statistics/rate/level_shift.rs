//! Tells a level that has moved for good from a burst, and lets the baseline follow it once, quickly.
//!
//! A winsorised level follows a lasting change only slowly, which would repeat one finding for weeks. When most of the last
//! bins were surprising on the same side, that is said once, and the level is learned anew as if the subject were newborn.

use super::{Direction, RatePace};
use serde::{Deserialize, Serialize};

/// The p-value below which a bin speaks for a new level.
pub(super) const NOTEWORTHY: f64 = 1e-3;

/// Share of the window's bins that must agree.
const AGREEING_SHARE: f64 = 0.7;

/// The longest window, in bins: one bit each.
pub(super) const LONGEST_WINDOW: u32 = 64;

/// What a bin said about the level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LevelChange {
    /// Nothing new.
    Steady,
    /// Most of the last bins were above: the level has risen and is adopted from here on. Said once.
    Rose,
    /// Most of the last bins were below: the level has fallen and is adopted from here on. Said once.
    Fell,
    /// A new level is being adopted.
    Adopting,
}

/// Which of the last bins were surprising, and on which side.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct LevelWatch {
    /// One bit a bin, the newest lowest: surprisingly many.
    above: u64,
    /// One bit a bin, the newest lowest: surprisingly few.
    below: u64,
}

impl LevelWatch {
    /// Takes in one bin.
    pub(super) fn mark(&mut self, side: Option<Direction>, pace: &RatePace) -> LevelChange {
        let window = pace.shift_window.clamp(1, LONGEST_WINDOW);
        let within = u64::MAX >> (u64::BITS - window);
        self.above = (self.above << 1 | u64::from(side == Some(Direction::Above))) & within;
        self.below = (self.below << 1 | u64::from(side == Some(Direction::Below))) & within;
        let needed = (AGREEING_SHARE * f64::from(window)).ceil() as u32;
        let change = if self.above.count_ones() >= needed {
            LevelChange::Rose
        } else if self.below.count_ones() >= needed {
            LevelChange::Fell
        } else {
            return LevelChange::Steady;
        };
        *self = Self::default();
        change
    }

    /// Takes in empty bins that were no news.
    pub(super) fn pass(&mut self, bins: u64, pace: &RatePace) {
        if bins >= u64::from(pace.shift_window.clamp(1, LONGEST_WINDOW)) {
            self.above = 0;
            self.below = 0;
        } else {
            // Bits beyond the window fall out at the next mark.
            self.above <<= bins;
            self.below <<= bins;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(sides: impl IntoIterator<Item = Option<Direction>>) -> Vec<LevelChange> {
        let pace = RatePace::hourly();
        let mut watch = LevelWatch::default();
        sides.into_iter().map(|side| watch.mark(side, &pace)).collect()
    }

    #[test]
    fn the_shift_is_said_when_seventy_percent_agree_and_then_forgotten() {
        let changes = said(std::iter::repeat_n(Some(Direction::Above), 60));
        assert_eq!(changes.iter().filter(|c| **c == LevelChange::Rose).count(), 1);
        assert_eq!(changes[33], LevelChange::Rose, "34 of 48 bins are the first 70 %");
    }

    #[test]
    fn both_sides_in_turn_are_no_shift() {
        let sides = [Some(Direction::Above), Some(Direction::Below)];
        assert!(said(sides.into_iter().cycle().take(200)).iter().all(|c| *c == LevelChange::Steady));
    }

    #[test]
    fn a_short_burst_is_no_shift_however_often_it_comes() {
        let bursts = (0..400).map(|bin| (bin % 48 < 33).then_some(Direction::Above));
        assert!(said(bursts).iter().all(|c| *c == LevelChange::Steady));
    }

    #[test]
    fn empty_bins_push_old_marks_out() {
        let pace = RatePace::hourly();
        let mut watch = LevelWatch::default();
        for _ in 0..33 {
            watch.mark(Some(Direction::Below), &pace);
        }
        watch.pass(40, &pace);
        assert_eq!(watch.mark(Some(Direction::Below), &pace), LevelChange::Steady);
        watch.pass(1_000, &pace);
        assert_eq!(watch, LevelWatch::default());
    }
}
