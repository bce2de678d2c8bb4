//! The wall clock: the only place of the project that may ask what time it is, and the seeded jitter of retries.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};

/// Where the rest of the program gets the time from; pass it as `Arc<dyn Clock>`.
///
/// Detectors have none: there, time arrives with the event.
pub trait Clock: Send + Sync {
    /// The wall clock. It may jump, so never subtract two of its readings to measure a duration.
    fn now(&self) -> DateTime<Utc>;

    /// Time since an arbitrary fixed moment; it never goes backwards. For durations and deadlines.
    fn monotonic(&self) -> Duration;

    /// The wall clock in nanoseconds since 1970 (saturating in the year 2262).
    fn unix_nanos(&self) -> i64 {
        let now = self.now();
        now.timestamp_nanos_opt().unwrap_or(if now.timestamp() < 0 { i64::MIN } else { i64::MAX })
    }
}

/// The machine's own clock.
#[derive(Debug, Clone)]
pub struct SystemClock {
    origin: Instant,
}

impl SystemClock {
    /// A clock whose monotonic reading starts at zero now.
    #[must_use]
    pub fn new() -> Self {
        Self { origin: Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    fn now(&self) -> DateTime<Utc> {
        Utc::now()
    }

    fn monotonic(&self) -> Duration {
        self.origin.elapsed()
    }
}

/// A clock that stands still until a test moves it.
#[derive(Debug)]
pub struct TestClock {
    reading: Mutex<(DateTime<Utc>, Duration)>,
}

impl TestClock {
    /// A clock that shows `now` until it is moved; its monotonic reading starts at zero.
    #[must_use]
    pub fn at(now: DateTime<Utc>) -> Self {
        Self { reading: Mutex::new((now, Duration::ZERO)) }
    }

    /// Lets `step` pass, for the wall clock and the monotonic one.
    pub fn advance(&self, step: Duration) {
        let mut reading = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        reading.0 = TimeDelta::from_std(step)
            .ok()
            .and_then(|step| reading.0.checked_add_signed(step))
            .unwrap_or(DateTime::<Utc>::MAX_UTC);
        reading.1 = reading.1.saturating_add(step);
    }

    /// Moves the wall clock alone, backwards too, as a correction of the machine's time does.
    pub fn set(&self, now: DateTime<Utc>) {
        self.reading.lock().unwrap_or_else(PoisonError::into_inner).0 = now;
    }
}

impl Clock for TestClock {
    fn now(&self) -> DateTime<Utc> {
        self.reading.lock().unwrap_or_else(PoisonError::into_inner).0
    }

    fn monotonic(&self) -> Duration {
        self.reading.lock().unwrap_or_else(PoisonError::into_inner).1
    }
}

/// How far [`Jitter::around`] strays from its base, in percent to either side.
pub const JITTER_PERCENT: u32 = 20;

/// Spreads retries, so that a thousand messages that failed together do not come back together.
///
/// The same seed gives the same sequence (`SplitMix64`), so a schedule can be tested.
#[derive(Debug, Clone)]
pub struct Jitter {
    state: u64,
}

impl Jitter {
    /// A source that repeats itself for the same seed.
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        Self { state: seed }
    }

    /// A source that differs in every process.
    #[must_use]
    pub fn from_entropy() -> Self {
        Self::seeded(RandomState::new().build_hasher().finish())
    }

    /// A duration from `low` to `high`, both included; `low` if they are the wrong way round.
    pub fn between(&mut self, low: Duration, high: Duration) -> Duration {
        let span = nanos(high.saturating_sub(low));
        let share = u128::from(self.draw());
        // The product of two 64-bit numbers fits 128 bits, so the shift is exact and cannot exceed `span`.
        let step = (share * (u128::from(span) + 1)) >> 64;
        low.saturating_add(Duration::from_nanos(u64::try_from(step).unwrap_or(span)))
    }

    /// A duration within [`JITTER_PERCENT`] of `base`.
    pub fn around(&mut self, base: Duration) -> Duration {
        let stray = base / 100 * JITTER_PERCENT;
        self.between(base.saturating_sub(stray), base.saturating_add(stray))
    }

    fn draw(&mut self) -> u64 {
        // Steele, Lea, Flood: "Fast splittable pseudorandom number generators" (2014), figure 17.
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(seconds, 0).unwrap()
    }

    #[test]
    fn a_test_clock_moves_only_when_told() {
        let clock = TestClock::at(moment(1_000));
        assert_eq!((clock.now(), clock.monotonic()), (moment(1_000), Duration::ZERO));
        clock.advance(Duration::from_secs(5));
        assert_eq!((clock.now(), clock.monotonic()), (moment(1_005), Duration::from_secs(5)));
        assert_eq!(clock.unix_nanos(), 1_005_000_000_000);
    }

    #[test]
    fn a_corrected_wall_clock_leaves_durations_alone() {
        let clock = TestClock::at(moment(1_000));
        clock.advance(Duration::from_secs(5));
        clock.set(moment(10));
        assert_eq!((clock.now(), clock.monotonic()), (moment(10), Duration::from_secs(5)));
    }

    #[test]
    fn the_end_of_time_saturates() {
        let clock = TestClock::at(moment(1_000));
        clock.advance(Duration::MAX);
        clock.advance(Duration::MAX);
        assert_eq!((clock.now(), clock.monotonic()), (DateTime::<Utc>::MAX_UTC, Duration::MAX));
        assert_eq!(clock.unix_nanos(), i64::MAX);
    }

    #[test]
    fn the_system_clock_never_runs_backwards() {
        let clock = SystemClock::new();
        let readings: Vec<_> = (0..1_000).map(|_| clock.monotonic()).collect();
        assert!(readings.windows(2).all(|pair| pair[0] <= pair[1]));
        assert!(clock.now() > moment(1_600_000_000));
    }

    #[test]
    fn jitter_repeats_for_a_seed_and_differs_between_seeds() {
        let draws = |seed| {
            let mut jitter = Jitter::seeded(seed);
            (0..8).map(|_| jitter.around(Duration::from_secs(30))).collect::<Vec<_>>()
        };
        assert_eq!(draws(7), draws(7));
        assert_ne!(draws(7), draws(8));
    }

    #[test]
    fn jitter_stays_within_its_bounds_and_uses_their_whole_width() {
        let mut jitter = Jitter::seeded(1);
        let base = Duration::from_secs(100);
        let draws: Vec<_> = (0..2_000).map(|_| jitter.around(base)).collect();
        let (low, high) = (Duration::from_secs(80), Duration::from_secs(120));
        assert!(draws.iter().all(|drawn| (low..=high).contains(drawn)));
        assert!(draws.iter().any(|drawn| *drawn < Duration::from_secs(82)));
        assert!(draws.iter().any(|drawn| *drawn > Duration::from_secs(118)));
    }

    #[test]
    fn jitter_between_equal_or_swapped_bounds_is_the_lower_one() {
        let mut jitter = Jitter::seeded(1);
        let second = Duration::from_secs(1);
        assert_eq!(jitter.between(second, second), second);
        assert_eq!(jitter.between(second, Duration::ZERO), second);
        assert_eq!(jitter.around(Duration::ZERO), Duration::ZERO);
    }
}
