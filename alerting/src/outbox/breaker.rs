//! When a receiver rests: a breaker for each, closed, open or half-open, kept by the store over restarts.

use std::time::Duration;

use store::Breaker;
use transport::Jitter;

use super::nanos;
use crate::receivers::Outcome;

/// Failures in a row after which a receiver rests.
pub const FAILURES_MAX: u32 = 5;
/// The first rest; each further failure doubles it.
pub const REST_MIN: Duration = Duration::from_secs(30);
/// The longest rest.
pub const REST_MAX: Duration = Duration::from_secs(10 * 60);

/// What may be sent to a receiver now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gate {
    /// Everything that is due.
    Through,
    /// One message, to see whether it works again.
    OneProbe,
    /// Nothing.
    Shut,
}

/// What a breaker lets through at this clock time.
#[must_use]
pub const fn gate(breaker: &Breaker, now: i64) -> Gate {
    match breaker {
        Breaker::Closed { .. } => Gate::Through,
        Breaker::Open { until, .. } if *until <= now => Gate::OneProbe,
        Breaker::Open { .. } | Breaker::HalfOpen { .. } => Gate::Shut,
    }
}

/// The breaker after an attempt.
///
/// A receiver that refuses one message for good answers and so works. One that names a time to come back gets that
/// rest at once, and one that needs a person rests as after [`FAILURES_MAX`] failures.
#[must_use]
pub fn after_attempt(breaker: &Breaker, outcome: &Outcome, now: i64, jitter: &mut Jitter) -> Breaker {
    let (Breaker::Closed { failures } | Breaker::Open { failures, .. } | Breaker::HalfOpen { failures }) =
        *breaker;
    let failed = failures.saturating_add(1);
    let open = |failures, rest| Breaker::Open { failures, until: now.saturating_add(nanos(rest)) };
    match outcome {
        Outcome::Delivered(_) | Outcome::Accepted(_) | Outcome::Dead(_) => Breaker::Closed { failures: 0 },
        Outcome::Retry { wish: Some(wish), .. } => open(failures, *wish),
        Outcome::Park(_) => {
            let failures = failed.max(FAILURES_MAX);
            open(failures, rest(failures, jitter))
        }
        Outcome::Retry { wish: None, .. } => {
            let probing = matches!(breaker, Breaker::HalfOpen { .. });
            if probing || failed >= FAILURES_MAX {
                open(failed, rest(failed, jitter))
            } else {
                Breaker::Closed { failures: failed }
            }
        }
    }
}

/// How long to rest after so many failures, up to a fifth shorter.
fn rest(failures: u32, jitter: &mut Jitter) -> Duration {
    let doublings = failures.saturating_sub(FAILURES_MAX).min(16);
    let longest = REST_MIN.saturating_mul(1 << doublings).min(REST_MAX);
    jitter.between(longest / 5 * 4, longest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::receivers::{Effect, Failure};

    const NOW: i64 = 1_000_000_000_000;
    const SECOND: i64 = 1_000_000_000;

    fn failure() -> Failure {
        Failure::new(None, Effect::None, "no")
    }

    fn retry() -> Outcome {
        Outcome::Retry { wish: None, failure: failure() }
    }

    /// What a breaker comes down to: failures, and how long it rests at most, in seconds.
    fn check(breaker: Breaker, outcome: &Outcome, expected_failures: u32, expected_rest: Option<i64>) {
        let after = after_attempt(&breaker, outcome, NOW, &mut Jitter::seeded(3));
        match (after, expected_rest) {
            (Breaker::Closed { failures }, None) => assert_eq!(failures, expected_failures),
            (Breaker::Open { failures, until }, Some(rest)) => {
                assert_eq!(failures, expected_failures);
                let rested = until - NOW;
                assert!((rest * SECOND / 5 * 4..=rest * SECOND).contains(&rested), "{rested} of {rest} s");
            }
            other => panic!("{breaker:?} and {outcome:?} gave {other:?}"),
        }
    }

    #[test]
    fn five_failures_open_it_and_each_further_one_doubles_the_rest() {
        check(Breaker::default(), &retry(), 1, None);
        check(Breaker::Closed { failures: 3 }, &retry(), 4, None);
        check(Breaker::Closed { failures: 4 }, &retry(), 5, Some(30));
        check(Breaker::HalfOpen { failures: 5 }, &retry(), 6, Some(60));
        check(Breaker::HalfOpen { failures: 8 }, &retry(), 9, Some(480));
        check(Breaker::HalfOpen { failures: 9 }, &retry(), 10, Some(600));
        check(Breaker::HalfOpen { failures: u32::MAX }, &retry(), u32::MAX, Some(600));
    }

    #[test]
    fn a_failed_probe_opens_it_again_however_few_failures_there_were() {
        check(Breaker::HalfOpen { failures: 0 }, &retry(), 1, Some(30));
    }

    #[test]
    fn an_answer_closes_it_even_a_refusal_of_one_message() {
        for outcome in [Outcome::Delivered(None), Outcome::Accepted(None), Outcome::Dead(failure())] {
            check(Breaker::HalfOpen { failures: 9 }, &outcome, 0, None);
            check(Breaker::Closed { failures: 4 }, &outcome, 0, None);
        }
    }

    #[test]
    fn a_wish_is_obeyed_by_all_messages_and_counts_as_no_failure() {
        let outcome = Outcome::Retry { wish: Some(Duration::from_secs(17)), failure: failure() };
        let after = after_attempt(&Breaker::Closed { failures: 2 }, &outcome, NOW, &mut Jitter::seeded(1));
        assert_eq!(after, Breaker::Open { failures: 2, until: NOW + 17 * SECOND });
    }

    #[test]
    fn what_needs_a_person_rests_at_once() {
        check(Breaker::default(), &Outcome::Park(failure()), 5, Some(30));
    }

    #[test]
    fn an_open_breaker_lets_one_probe_through_when_its_rest_is_over() {
        assert_eq!(gate(&Breaker::Closed { failures: 4 }, NOW), Gate::Through);
        assert_eq!(gate(&Breaker::Open { failures: 5, until: NOW + 1 }, NOW), Gate::Shut);
        assert_eq!(gate(&Breaker::Open { failures: 5, until: NOW }, NOW), Gate::OneProbe);
        assert_eq!(gate(&Breaker::HalfOpen { failures: 5 }, NOW), Gate::Shut);
    }
}
