//! Rare outcomes that come in a row: how surprising their number within one window is, under the belief before it.
//!
//! The count is beta-binomial under the belief that stood when the window opened, so outcomes of one cause do not
//! multiply as if they were independent, yet a row of them says more than each alone.

use serde::{Deserialize, Serialize};

use super::habits::{Habits, Prior};
use crate::event::{EventTime, Span};
use crate::statistics::Tail;
use crate::statistics::beta_binomial::BetaBinomial;

/// A window that opens with a chance and closes when it is over.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct Burst {
    opened: Option<EventTime>,
    chances: u32,
    hits: u32,
    /// The Beta belief when the window opened.
    belief: (f32, f32),
}

impl Burst {
    /// Moves to the window of `now`; a new one takes the belief as it stands.
    pub(crate) fn turn_to(
        &mut self,
        now: EventTime,
        width: Span,
        habits: &Habits,
        outcome: usize,
        prior: Prior,
    ) {
        if self.opened.is_none_or(|opened| now.since(opened) >= width) {
            let (hits, misses) = habits.belief(outcome, prior);
            *self = Self { opened: Some(now), chances: 0, hits: 0, belief: (hits as f32, misses as f32) };
        }
    }

    /// Counts one chance; returns how often it happened in this window so far.
    pub(crate) fn count(&mut self, hit: bool) -> u32 {
        self.chances = self.chances.saturating_add(1);
        self.hits = self.hits.saturating_add(u32::from(hit));
        self.hits
    }

    /// How surprising the number in this window is, once there is a row: two or more.
    pub(crate) fn tail(&self, u: f64) -> Option<Tail> {
        (self.hits >= 2).then(|| {
            let (alpha, beta) = (f64::from(self.belief.0), f64::from(self.belief.1));
            let parts = BetaBinomial::new(self.chances.into(), alpha, beta).parts(self.hits.into());
            parts.upper(u)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRIOR: Prior = Prior { rate: 0.001, strength: 10.0 };

    /// Bits of a row of `hits` among `chances` after `quiet` chances without one.
    fn bits(quiet: u32, hits: u32, chances: u32) -> Option<f64> {
        let mut habits = Habits::default();
        for _ in 0..quiet {
            habits.learn(0, 0.0);
        }
        let mut burst = Burst::default();
        for at in 0..chances {
            burst.turn_to(EventTime::from_secs(at.into()), Span::hours(1), &habits, 0, PRIOR);
            burst.count(at < hits);
        }
        burst.tail(0.5).map(|tail| tail.exact.bits())
    }

    #[test]
    fn a_row_says_more_than_one_and_less_than_independence_would() {
        assert_eq!(bits(50, 1, 1), None);
        let (two, five) = (bits(50, 2, 2).unwrap(), bits(50, 5, 5).unwrap());
        let single = -libm::log2(0.01 / 60.0);
        assert!(two > single + 4.0 && two < 2.0 * single && five > two + 8.0, "{single} {two} {five}");
    }

    #[test]
    fn a_row_without_a_past_is_weak() {
        assert!(bits(0, 4, 4).unwrap() < bits(100, 4, 4).unwrap() / 1.5);
    }

    #[test]
    fn the_next_window_starts_anew() {
        let (habits, mut burst) = (Habits::default(), Burst::default());
        for secs in [0, 1, 3_600] {
            burst.turn_to(EventTime::from_secs(secs), Span::hours(1), &habits, 0, PRIOR);
            burst.count(true);
        }
        assert_eq!(burst.tail(0.5), None);
    }
}
