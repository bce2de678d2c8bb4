//! What follows from an attempt: arrived, again at a named time, or given up; and when a receiver rests.
//!
//! Pure: the clock's time and the jitter are arguments, what comes out is what the store keeps.

mod breaker;
mod bucket;
mod delivery_id;
mod payload;

use std::time::Duration;

use store::AfterAttempt;
use transport::Jitter;

pub use breaker::{FAILURES_MAX, Gate, REST_MAX, REST_MIN, after_attempt, gate};
pub use bucket::{BACKLOG_MAX, Bucket, Pace};
pub use delivery_id::DeliveryId;
pub(crate) use payload::step_of;
pub use payload::{HeldFor, Payload, PayloadError, Tells};

use crate::receivers::{MessageRef, Outcome};

/// The waits between attempts, where the receiver names none; the last one repeats.
pub const SCHEDULE: [Duration; 10] = [
    Duration::from_secs(5),
    Duration::from_secs(30),
    Duration::from_secs(2 * 60),
    Duration::from_secs(5 * 60),
    Duration::from_secs(10 * 60),
    Duration::from_secs(30 * 60),
    Duration::from_secs(3_600),
    Duration::from_secs(2 * 3_600),
    Duration::from_secs(5 * 3_600),
    Duration::from_secs(10 * 3_600),
];
/// How long after it was queued a message is given up.
pub const GIVE_UP_AFTER: Duration = Duration::from_secs(72 * 3_600);
/// The shortest wait, whatever a receiver asks for.
const WAIT_MIN: Duration = Duration::from_secs(1);
/// How much of a receiver's own wish is added at random, so that messages that were told the same do not come
/// back together: a part of it, and at most this long.
const WISH_SPREAD_MAX: Duration = Duration::from_secs(30);

/// What comes after attempt number `attempt` (from 1) of a message queued at `queued_at`; all times are nanoseconds
/// since 1970.
#[must_use]
pub fn next_state(
    outcome: &Outcome,
    attempt: u32,
    queued_at: i64,
    now: i64,
    jitter: &mut Jitter,
) -> AfterAttempt {
    let (wait, failure) = match outcome {
        Outcome::Delivered(made) => return AfterAttempt::Delivered { receipt: receipt(made.as_ref()) },
        Outcome::Accepted(made) => return AfterAttempt::Accepted { receipt: receipt(made.as_ref()) },
        Outcome::Dead(failure) => return AfterAttempt::Dead { reason: failure.text().to_owned() },
        Outcome::Retry { wish: Some(wish), failure } => (spread(*wish, jitter), failure),
        Outcome::Retry { wish: None, failure } | Outcome::Park(failure) => {
            (scheduled(attempt, jitter), failure)
        }
    };
    let next_at = now.saturating_add(nanos(wait));
    if next_at > queued_at.saturating_add(nanos(GIVE_UP_AFTER)) {
        let hours = GIVE_UP_AFTER.as_secs() / 3_600;
        return AfterAttempt::Dead { reason: format!("given up after {hours} hours: {failure}") };
    }
    AfterAttempt::Retry { next_at, reason: failure.text().to_owned() }
}

fn receipt(made: Option<&MessageRef>) -> Option<String> {
    made.map(|made| made.as_receipt().to_owned())
}

/// A wait of the schedule, up to a fifth shorter.
fn scheduled(attempt: u32, jitter: &mut Jitter) -> Duration {
    let step = usize::try_from(attempt.saturating_sub(1)).unwrap_or(usize::MAX);
    let longest = SCHEDULE[step.min(SCHEDULE.len() - 1)];
    jitter.between(longest / 5 * 4, longest)
}

/// A receiver's wish, and a little longer: never shorter.
fn spread(wish: Duration, jitter: &mut Jitter) -> Duration {
    let wish = wish.max(WAIT_MIN);
    jitter.between(wish, wish.saturating_add((wish / 10).min(WISH_SPREAD_MAX)))
}

pub(crate) fn nanos(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::receivers::{Effect, Failure};

    const SECOND: i64 = 1_000_000_000;

    fn failure() -> Failure {
        Failure::new(Some(503), Effect::None, "h:443 answered 503")
    }

    fn wait(outcome: &Outcome, attempt: u32, seed: u64) -> f64 {
        match next_state(outcome, attempt, 0, 0, &mut Jitter::seeded(seed)) {
            AfterAttempt::Retry { next_at, .. } => next_at as f64 / SECOND as f64,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn waits_grow_from_seconds_to_hours_and_are_spread() {
        let retry = Outcome::Retry { wish: None, failure: failure() };
        for seed in 0..50 {
            for (attempt, longest) in (1..).zip(SCHEDULE) {
                let longest = longest.as_secs_f64();
                assert!((longest * 0.8..=longest).contains(&wait(&retry, attempt, seed)), "{attempt}");
            }
            assert!(wait(&retry, u32::MAX, seed) <= 36_000.0);
        }
        assert!((wait(&retry, 5, 1) - wait(&retry, 5, 2)).abs() > f64::EPSILON);
    }

    #[test]
    fn the_receivers_wish_comes_first_and_is_never_cut_short() {
        for (wish, low, high) in [(0, 1.0, 1.1), (17, 17.0, 18.7), (86_400, 86_400.0, 86_430.0)] {
            let outcome = Outcome::Retry { wish: Some(Duration::from_secs(wish)), failure: failure() };
            for seed in 0..50 {
                let waited = wait(&outcome, 9, seed);
                assert!((low..=high).contains(&waited), "{wish}: {waited}");
            }
        }
    }

    #[test]
    fn after_72_hours_a_message_is_given_up_and_says_why() {
        let retry = Outcome::Retry { wish: None, failure: failure() };
        let limit = nanos(GIVE_UP_AFTER);
        let at = |now| next_state(&retry, 1, 0, now, &mut Jitter::seeded(1));
        assert!(matches!(at(limit - 6 * SECOND), AfterAttempt::Retry { .. }));
        let reason = "given up after 72 hours: h:443 answered 503".to_owned();
        assert_eq!(at(limit), AfterAttempt::Dead { reason });
    }

    #[test]
    fn what_ended_stays_ended_and_what_is_parked_waits() {
        let mut jitter = Jitter::seeded(1);
        let mut next = |outcome| next_state(&outcome, 1, 0, 0, &mut jitter);
        assert_eq!(next(Outcome::Delivered(None)), AfterAttempt::Delivered { receipt: None });
        assert_eq!(next(Outcome::Accepted(None)), AfterAttempt::Accepted { receipt: None });
        let made = MessageRef::from_receipt("7");
        let receipt = Some("7".to_owned());
        assert_eq!(next(Outcome::Delivered(made)), AfterAttempt::Delivered { receipt });
        assert_eq!(next(Outcome::Dead(failure())), AfterAttempt::Dead { reason: failure().to_string() });
        assert!(matches!(next(Outcome::Park(failure())), AfterAttempt::Retry { .. }));
    }
}
