//! The breakers of all receivers, in memory and in the store.

use std::collections::{BTreeMap, BTreeSet};

use store::{Breaker, ReceiverId, Store, StoreError};
use tokio::task::spawn_blocking;
use transport::Jitter;

use crate::outbox::{Gate, after_attempt, gate};
use crate::receivers::Outcome;

/// Every receiver's breaker; one that is not here is closed without failures.
#[derive(Debug, Default)]
pub(super) struct Breakers {
    known: BTreeMap<ReceiverId, Breaker>,
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
        let found = self.known.iter().filter(|(_, breaker)| gate(breaker, now) == wanted);
        found.map(|(receiver, _)| receiver.clone()).collect()
    }

    /// All receivers that are configured or ever failed, but this one.
    pub(super) fn all_but(&self, one: &ReceiverId, configured: &BTreeSet<ReceiverId>) -> Vec<ReceiverId> {
        let all: BTreeSet<_> = configured.iter().chain(self.known.keys()).collect();
        all.into_iter().filter(|receiver| *receiver != one).cloned().collect()
    }

    /// Notes that a probe is on its way.
    pub(super) async fn half_open(
        &mut self,
        store: &Store,
        receiver: &ReceiverId,
        now: i64,
    ) -> Result<(), StoreError> {
        let Some(Breaker::Open { failures, .. }) = self.known.get(receiver).copied() else { return Ok(()) };
        let breaker = Breaker::HalfOpen { failures };
        self.known.insert(receiver.clone(), breaker);
        let (store, receiver) = (store.clone(), receiver.clone());
        spawn_blocking(move || store.set_breaker(&receiver, &breaker, now)).await.unwrap_or(Ok(()))
    }

    /// Notes an attempt's outcome; the result is to be stored with the attempt.
    pub(super) fn after(
        &mut self,
        receiver: &ReceiverId,
        outcome: &Outcome,
        now: i64,
        jitter: &mut Jitter,
    ) -> Breaker {
        let breaker = self.known.entry(receiver.clone()).or_default();
        let before = *breaker;
        *breaker = after_attempt(&before, outcome, now, jitter);
        match (&before, &*breaker) {
            (Breaker::Closed { .. }, Breaker::Open { failures, .. }) => {
                tracing::warn!(%receiver, failures, "receiver rests");
            }
            (Breaker::HalfOpen { .. }, Breaker::Closed { .. }) => {
                tracing::info!(%receiver, "receiver works again");
            }
            _ => {}
        }
        *breaker
    }
}
