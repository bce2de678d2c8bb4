//! The breakers of all receivers, in memory and in the store.

use std::collections::{BTreeMap, BTreeSet};

use store::{Breaker, ReceiverId, Store, StoreError};
use tokio::task::spawn_blocking;
use transport::Jitter;

use super::LEASE;
use crate::outbox::{Gate, after_attempt, gate, nanos};
use crate::receivers::Outcome;

/// What an attempt changed about its receiver, as far as others have to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    /// Nothing.
    None,
    /// It could be reached before and cannot any more.
    Lost,
}

/// Every receiver's breaker; one that is not here is closed without failures.
#[derive(Debug, Default)]
pub(super) struct Breakers {
    known: BTreeMap<ReceiverId, Breaker>,
    /// When the last probe of each half-open receiver was sent, by the clock.
    probed_at: BTreeMap<ReceiverId, i64>,
    source: Source,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Source {
    /// The store was not asked yet.
    #[default]
    Empty,
    /// What the store said, and what happened since.
    Loaded,
}

impl Breakers {
    /// Reads them once. A probe that was under way is lost with the process that sent it, so its breaker is open
    /// again, and its rest over.
    pub(super) async fn load(&mut self, store: &Store) -> Result<(), StoreError> {
        if self.source == Source::Loaded {
            return Ok(());
        }
        let store = store.clone();
        let read =
            spawn_blocking(move || store.reader().breakers()).await.unwrap_or_else(|_| Ok(Vec::new()))?;
        let reopened = |breaker| match breaker {
            Breaker::HalfOpen { failures } => Breaker::Open { failures, until: i64::MIN },
            other => other,
        };
        self.known = read.into_iter().map(|(receiver, breaker)| (receiver, reopened(breaker))).collect();
        self.source = Source::Loaded;
        Ok(())
    }

    /// Receivers that get one probe now.
    pub(super) fn to_probe(&self, now: i64) -> Vec<ReceiverId> {
        self.with(now, Gate::OneProbe)
    }

    /// Receivers that get nothing now, or no more than their probe.
    pub(super) fn shut(&self, now: i64) -> Vec<ReceiverId> {
        [self.with(now, Gate::Shut), self.to_probe(now)].concat()
    }

    fn with(&self, now: i64, wanted: Gate) -> Vec<ReceiverId> {
        let found =
            self.known.iter().filter(|(receiver, breaker)| self.gate(receiver, breaker, now) == wanted);
        found.map(|(receiver, _)| receiver.clone()).collect()
    }

    /// A probe whose lease has run out will not report any more, whatever became of it: another one may go.
    fn gate(&self, receiver: &ReceiverId, breaker: &Breaker, now: i64) -> Gate {
        let lost = |at: &i64| at.saturating_add(nanos(LEASE)) <= now;
        match breaker {
            Breaker::HalfOpen { .. } if self.probed_at.get(receiver).is_none_or(lost) => Gate::OneProbe,
            other => gate(other, now),
        }
    }

    /// All receivers that are configured or ever failed, but this one.
    pub(super) fn all_but(&self, one: &ReceiverId, configured: &BTreeSet<ReceiverId>) -> Vec<ReceiverId> {
        let all: BTreeSet<_> = configured.iter().chain(self.known.keys()).collect();
        all.into_iter().filter(|receiver| *receiver != one).cloned().collect()
    }

    /// Notes that a probe is on its way; what is returned is to be stored. `None` if the receiver needs none.
    pub(super) fn probe(&mut self, receiver: &ReceiverId, now: i64) -> Option<Breaker> {
        let (Breaker::Open { failures, .. } | Breaker::HalfOpen { failures }) = *self.known.get(receiver)?
        else {
            return None;
        };
        let breaker = Breaker::HalfOpen { failures };
        self.known.insert(receiver.clone(), breaker);
        self.probed_at.insert(receiver.clone(), now);
        Some(breaker)
    }

    /// Notes an attempt's outcome; the result is to be stored with the attempt.
    pub(super) fn after(
        &mut self,
        receiver: &ReceiverId,
        outcome: &Outcome,
        now: i64,
        jitter: &mut Jitter,
    ) -> (Breaker, Change) {
        let breaker = self.known.entry(receiver.clone()).or_default();
        let before = *breaker;
        *breaker = after_attempt(&before, outcome, now, jitter);
        match (&before, &*breaker) {
            (Breaker::Closed { .. }, Breaker::Open { failures, .. }) => {
                tracing::warn!(%receiver, failures, "receiver rests");
                // One that names a time to come back is not lost.
                if !matches!(outcome, Outcome::Retry { wish: Some(_), .. }) {
                    return (*breaker, Change::Lost);
                }
            }
            (Breaker::HalfOpen { .. }, Breaker::Closed { .. }) => {
                tracing::info!(%receiver, "receiver works again");
            }
            _ => {}
        }
        (*breaker, Change::None)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::receivers::{Effect, Failure};

    #[test]
    fn one_probe_at_a_time_and_another_when_it_is_lost() {
        let soc = ReceiverId::parse("soc").unwrap();
        let mut jitter = Jitter::seeded(1);
        let mut breakers = Breakers::default();
        let park = Outcome::Park(Failure::new(None, Effect::None, "no"));
        let (Breaker::Open { until, .. }, Change::Lost) = breakers.after(&soc, &park, 0, &mut jitter) else {
            panic!()
        };
        assert_eq!((breakers.to_probe(until - 1), breakers.shut(until - 1)), (vec![], vec![soc.clone()]));
        assert_eq!(breakers.to_probe(until), vec![soc.clone()]);
        assert_eq!(breakers.probe(&soc, until), Some(Breaker::HalfOpen { failures: 5 }));
        let lease_end = until + nanos(LEASE);
        assert_eq!(
            (breakers.to_probe(lease_end - 1), breakers.shut(lease_end - 1)),
            (vec![], vec![soc.clone()])
        );
        assert_eq!(breakers.to_probe(lease_end), vec![soc.clone()]);
        breakers.probe(&soc, lease_end);
        let wish = Some(Duration::from_secs(1));
        let later = Outcome::Retry { wish, failure: Failure::new(None, Effect::None, "later") };
        breakers.after(&soc, &later, lease_end, &mut jitter);
        assert_eq!(breakers.to_probe(lease_end + nanos(Duration::from_secs(1))), vec![soc.clone()]);
        breakers.after(&soc, &Outcome::Delivered(None), lease_end, &mut jitter);
        assert_eq!((breakers.to_probe(lease_end), breakers.shut(lease_end)), (vec![], vec![]));
        assert_eq!(breakers.probe(&soc, lease_end), None);
    }
}
