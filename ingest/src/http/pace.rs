//! How many requests are taken: a bucket of tokens that fills with time.

use std::time::Duration;

/// A bucket of tokens; each request takes one.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Pace {
    per_second: f64,
    burst: f64,
    tokens: f64,
    filled: Duration,
}

impl Pace {
    /// A full bucket that gives `per_second`, and twice as many at once.
    pub(super) fn new(per_second: u32, now: Duration) -> Self {
        let per_second = f64::from(per_second);
        Self { per_second, burst: 2.0 * per_second, tokens: 2.0 * per_second, filled: now }
    }

    /// Takes a token if there is one.
    pub(super) fn takes(&mut self, now: Duration) -> bool {
        let passed = now.saturating_sub(self.filled).as_secs_f64();
        self.filled = self.filled.max(now);
        self.tokens = (self.tokens + passed * self.per_second).min(self.burst);
        if self.tokens < 1.0 {
            return false;
        }
        self.tokens -= 1.0;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twice_the_rate_is_taken_at_once_and_the_rate_from_then_on() {
        let at = |millis| Duration::from_millis(millis);
        let mut pace = Pace::new(5, at(0));
        let taken = |pace: &mut Pace, now| (0..100).filter(|_| pace.takes(now)).count();
        assert_eq!(taken(&mut pace, at(0)), 10);
        assert_eq!(taken(&mut pace, at(199)), 0);
        assert_eq!(taken(&mut pace, at(1_000)), 5);
        assert_eq!(taken(&mut pace, at(500)), 0);
        assert_eq!(taken(&mut pace, at(60_000)), 10);
    }
}
