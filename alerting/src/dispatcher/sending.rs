//! What leaves now: probes first, then the loudest, then the rest, each receiver at its pace, and a storm in digests.

use std::collections::BTreeMap;
use std::time::Duration;

use detectors::finding::Severity;
use store::{
    FoldRequest, GroupId, LeaseRequest, Leased, NewMessage, Purpose, ReceiverId, RunId, StoreError,
    TransitionNumber,
};
use tokio::task::spawn_blocking;

use super::{Dispatcher, LEASE, PER_RECEIVER_MAX, Running, UNDER_WAY_MAX};
use crate::outbox::{Bucket, DeliveryId, Payload, Tells, nanos};

/// How long a digest gathers before it leaves.
pub(super) const DIGEST_WAIT: Duration = Duration::from_secs(10);
/// A receiver gets a digest not more often than this.
pub(super) const DIGEST_EVERY: Duration = Duration::from_secs(60);
/// What is never told in a digest.
pub(super) const NEVER_FOLDED: Severity = Severity::Critical;

/// How fast each receiver with a limit has been told.
#[derive(Debug, Default)]
pub(super) struct Pacing {
    buckets: BTreeMap<ReceiverId, Bucket>,
    /// When each receiver's last digest was due, by the clock.
    digests: BTreeMap<ReceiverId, i64>,
}

impl Dispatcher {
    pub(super) async fn send_due(&self, running: &mut Running) -> Result<(), StoreError> {
        let now = self.clock.unix_nanos();
        self.probe(running, now).await?;
        let mut shut = running.breakers.shut(now);
        self.limit_pace(running, now);
        self.fold_storms(running, &shut, now).await?;
        for at_least in [NEVER_FOLDED, Severity::Info] {
            let allowance = running.pacing.allowance(now);
            shut.extend(allowance.iter().filter(|(_, left)| **left == 0).map(|(name, _)| name.clone()));
            let request = Wanted { except: shut.clone(), at_least, allowance, most: UNDER_WAY_MAX };
            for leased in self.lease(running, request, PER_RECEIVER_MAX).await? {
                self.send(running, leased, now);
            }
        }
        Ok(())
    }

    /// One message for each receiver that has rested, to see whether it works again.
    async fn probe(&self, running: &mut Running, now: i64) -> Result<(), StoreError> {
        let known = self.receivers.names();
        for probed in running.breakers.to_probe(now) {
            let request = Wanted {
                except: running.breakers.all_but(&probed, &known),
                at_least: Severity::Info,
                allowance: BTreeMap::new(),
                most: 1,
            };
            for leased in self.lease(running, request, 1).await? {
                let receiver = leased.receiver.clone();
                let probing = running.breakers.probe(&receiver, now);
                // Sent before it is stored: if the store fails now, the probe is under way all the same.
                self.send(running, leased, now);
                if let Some(breaker) = probing {
                    let store = self.store.clone();
                    let keeping = spawn_blocking(move || store.set_breaker(&receiver, &breaker, now));
                    keeping.await.unwrap_or(Ok(()))?;
                }
            }
        }
        Ok(())
    }

    /// Every receiver with a limit has a bucket.
    fn limit_pace(&self, running: &mut Running, now: i64) {
        for name in self.receivers.names() {
            let own = self.receivers.get(&name).and_then(|receiver| receiver.pace());
            if let Some(pace) = self.config.delivery_to(&name).pace(own) {
                running.pacing.buckets.entry(name).or_insert_with(|| Bucket::new(pace, now));
            }
        }
    }

    /// Tells in a digest what a receiver with a limit would be told too late one by one.
    async fn fold_storms(
        &self,
        running: &mut Running,
        shut: &[ReceiverId],
        now: i64,
    ) -> Result<(), StoreError> {
        let limited: Vec<_> =
            running.pacing.buckets.iter().map(|(name, bucket)| (name.clone(), *bucket)).collect();
        for (receiver, bucket) in limited.into_iter().filter(|(name, _)| !shut.contains(name)) {
            let (store, name) = (self.store.clone(), receiver.clone());
            let counting = spawn_blocking(move || store.foldable(&name, NEVER_FOLDED, now));
            let due = counting.await.unwrap_or(Ok(0))?;
            if !bucket.pace().is_storm(due, bucket.tokens(now).into()) {
                continue;
            }
            let due_at = running.pacing.next_digest(&receiver, now);
            let digest = digest_for(&receiver, now, due_at);
            let (store, name) = (self.store.clone(), receiver.clone());
            let folding = spawn_blocking(move || {
                store.fold_due(&FoldRequest { receiver: &name, below: NEVER_FOLDED, now, digest: &digest })
            });
            let (_, folded) = folding.await.unwrap_or(Ok((None, 0)))?;
            running.pacing.digests.insert(receiver.clone(), due_at);
            tracing::warn!(%receiver, folded, "messages come faster than the receiver takes them: told in a digest");
        }
        Ok(())
    }

    async fn lease(
        &self,
        running: &Running,
        wanted: Wanted,
        per_receiver: usize,
    ) -> Result<Vec<Leased>, StoreError> {
        let limit = wanted.most.min(UNDER_WAY_MAX.saturating_sub(running.sending.len()));
        let (store, now) = (self.store.clone(), self.clock.unix_nanos());
        let leasing = spawn_blocking(move || {
            store.lease(&LeaseRequest {
                now,
                lease: nanos(LEASE),
                limit,
                per_receiver,
                except: &wanted.except,
                at_least: wanted.at_least,
                allowance: &wanted.allowance,
            })
        });
        // A panic below would have left the lease to run out; the next turn looks again.
        leasing.await.unwrap_or_else(|_| Ok(Vec::new()))
    }

    fn send(&self, running: &mut Running, leased: Leased, now: i64) {
        if let Some(bucket) = running.pacing.buckets.get_mut(&leased.receiver) {
            bucket.take(now);
        }
        running.sending.spawn(self.clone().attempt(leased));
    }
}

/// What is to be leased.
struct Wanted {
    except: Vec<ReceiverId>,
    at_least: Severity,
    allowance: BTreeMap<ReceiverId, usize>,
    most: usize,
}

impl Pacing {
    /// How many messages each receiver with a limit may get now.
    fn allowance(&self, now: i64) -> BTreeMap<ReceiverId, usize> {
        let tokens = |bucket: &Bucket| usize::try_from(bucket.tokens(now)).unwrap_or(usize::MAX);
        self.buckets.iter().map(|(name, bucket)| (name.clone(), tokens(bucket))).collect()
    }

    /// Whether a receiver has to wait for its next token.
    pub(super) fn is_out_of_tokens(&self, now: i64) -> bool {
        self.buckets.values().any(|bucket| bucket.tokens(now) == 0)
    }

    /// When a receiver's next digest leaves; the one that waits keeps its time.
    fn next_digest(&self, receiver: &ReceiverId, now: i64) -> i64 {
        let last = self.digests.get(receiver).copied();
        match last {
            Some(last) if last > now => last,
            Some(last) => {
                last.saturating_add(nanos(DIGEST_EVERY)).max(now.saturating_add(nanos(DIGEST_WAIT)))
            }
            None => now.saturating_add(nanos(DIGEST_WAIT)),
        }
    }
}

/// A digest that holds nothing yet.
fn digest_for(receiver: &ReceiverId, now: i64, due_at: i64) -> NewMessage {
    let number = TransitionNumber(now.unsigned_abs());
    NewMessage {
        purpose: Purpose::Digest,
        run: RunId::Live,
        // Each digest is a group of its own: one that cannot be delivered holds no other back.
        group: GroupId::new(format!("digest:{now}")),
        receiver: receiver.clone(),
        transition: number,
        incident: None,
        delivery_id: DeliveryId::of_notice(&RunId::Live, "digest", receiver, number.0).as_str().to_owned(),
        severity: Severity::Info,
        payload: Payload::new(Tells::Digest).to_json(),
        due_at,
    }
}
