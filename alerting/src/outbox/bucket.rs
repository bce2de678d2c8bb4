//! How fast a receiver is told: a token bucket, and when what waits is so much that a digest has to say it.

use std::time::Duration;

use super::nanos;

/// How long what waits may take at the receiver's pace before it is told in a digest.
pub const BACKLOG_MAX: Duration = Duration::from_secs(30);

/// How many messages a receiver takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// A minute, in the long run; at least 1.
    pub per_minute: u32,
    /// At once; at least 1.
    pub burst: u32,
}

/// The tokens left for one receiver.
///
/// It lives in memory. After a restart it holds one token, whatever it held before: a process that dies again and
/// again sends no faster than one that lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bucket {
    pace: Pace,
    /// When it will be full, by the clock.
    full_at: i64,
}

impl Pace {
    /// How long one token takes, in nanoseconds.
    const fn interval(self) -> i64 {
        let per_minute = if self.per_minute == 0 { 1 } else { self.per_minute };
        60_000_000_000 / per_minute as i64
    }

    /// Whether so many due messages, of which `tokens` may go now, are told in a digest.
    #[must_use]
    pub fn is_storm(self, due: u64, tokens: u64) -> bool {
        let later = u64::try_from(nanos(BACKLOG_MAX) / self.interval()).unwrap_or(0);
        due > tokens.saturating_add(later)
    }
}

impl Bucket {
    /// A bucket with one token.
    #[must_use]
    pub fn new(pace: Pace, now: i64) -> Self {
        let missing = i64::from(pace.burst.saturating_sub(1));
        Self { pace, full_at: now.saturating_add(missing.saturating_mul(pace.interval())) }
    }

    /// How many may go now.
    #[must_use]
    pub fn tokens(&self, now: i64) -> u32 {
        let interval = self.pace.interval();
        let missing = self.full_at.saturating_sub(now).max(0);
        let missing = missing / interval + i64::from(missing % interval > 0);
        self.pace.burst.saturating_sub(u32::try_from(missing).unwrap_or(u32::MAX))
    }

    /// Takes one, or goes one into debt.
    pub fn take(&mut self, now: i64) {
        self.full_at = self.full_at.max(now).saturating_add(self.pace.interval());
    }

    /// How fast its receiver is told.
    #[must_use]
    pub const fn pace(&self) -> Pace {
        self.pace
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000_000;

    #[test]
    fn it_begins_with_one_token_and_never_gives_more_than_its_pace() {
        let mut bucket = Bucket::new(Pace { per_minute: 60, burst: 5 }, 0);
        let mut sent = 0;
        for tick in 0..600 {
            let now = tick * SECOND / 10;
            while bucket.tokens(now) > 0 {
                bucket.take(now);
                sent += 1;
            }
        }
        assert_eq!(sent, 60, "one at once, and one a second for the rest of a minute");
    }

    #[test]
    fn rest_fills_it_up_to_the_burst() {
        let mut bucket = Bucket::new(Pace { per_minute: 60, burst: 5 }, 0);
        assert_eq!(bucket.tokens(0), 1);
        bucket.take(0);
        assert_eq!((bucket.tokens(0), bucket.tokens(SECOND - 1), bucket.tokens(SECOND)), (0, 0, 1));
        assert_eq!(bucket.tokens(3_600 * SECOND), 5);
        assert_eq!(bucket.pace().burst, 5);
    }

    #[test]
    fn half_a_minute_of_waiting_is_no_storm_and_more_is() {
        let pace = Pace { per_minute: 60, burst: 5 };
        assert!(!pace.is_storm(32, 2));
        assert!(pace.is_storm(33, 2));
        assert!(!Pace { per_minute: 1, burst: 1 }.is_storm(1, 1));
        assert!(Pace { per_minute: 1, burst: 1 }.is_storm(2, 1));
    }
}
