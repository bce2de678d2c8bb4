//! The loop that tells: routes what waits, leases what is due, sends it, and writes down what came of it.
//!
//! Decisions are made by pure functions in `rules`, `grouping` and `outbox`; this is their edge. Everything that
//! matters is in the store before and after each step, so a dispatcher may die anywhere: what waited for routing is
//! routed by the next one, and what was being sent is sent again at once, under the same id and marked as a possible
//! repeat.

mod attempt;
mod breakers;
mod holding;
mod pulse;
mod reminders;
mod routing_step;
mod sending;

use std::collections::VecDeque;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use store::{
    AfterAttempt, AttemptRecord, Breaker, Finished, Leased, NewMessage, Store, StoreError, StoreErrorKind,
};
use thiserror::Error;
use tokio::sync::Notify;
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::{Instant, timeout_at};
use transport::http::REQUEST_TIMEOUT;
use transport::{Clock, Jitter};

use self::attempt::Attempted;
use self::breakers::{Breakers, Change};
use self::pulse::Beats;
use self::reminders::Reminders;
use self::routing_step::Waiting;
use self::sending::Pacing;
use crate::config::AlertingConfig;
use crate::outbox::next_state;
use crate::receivers::{Outcome, Receivers, SMTP_TIMEOUT, WRITE_TIMEOUT, with_causes};
use crate::rules::Rules;

/// Most messages under way to one receiver at a time.
pub const PER_RECEIVER_MAX: usize = 4;
/// Most messages under way to all receivers together.
pub const UNDER_WAY_MAX: usize = 32;
/// How long a lease holds: longer than an attempt can last, which is two requests or two waits for standard output.
pub const LEASE: Duration = Duration::from_secs(60);
const _: () = assert!(LEASE.as_secs() > SMTP_TIMEOUT.as_secs() + 10);
const _: () = assert!(LEASE.as_secs() > 2 * REQUEST_TIMEOUT.as_secs() + 2 * WRITE_TIMEOUT.as_secs());
/// How long a shutdown waits for what is under way.
pub const DRAIN: Duration = Duration::from_secs(12);
/// How often the dispatcher looks for itself when nobody wakes it: for messages that come due, and for what a
/// process that could not wake it left behind.
pub const TICK: Duration = Duration::from_secs(1);

/// Everything a dispatcher needs. Setting one up reads no store; [`Dispatcher::run`] does.
#[derive(Clone)]
pub struct Dispatcher {
    store: Store,
    receivers: Arc<Receivers>,
    rules: Arc<Rules>,
    config: Arc<AlertingConfig>,
    clock: Arc<dyn Clock>,
    waker: Waker,
}

/// Wakes a dispatcher: whoever commits something that may have to be told calls it afterwards.
#[derive(Debug, Clone, Default)]
pub struct Waker(Arc<Notify>);

impl Waker {
    /// Makes the dispatcher look now. Waking one that is awake or not running is harmless.
    pub fn wake(&self) {
        self.0.notify_one();
    }
}

/// Why a dispatcher stopped before it was told to. Trouble that may pass (no space, a busy file) is waited out.
#[derive(Debug, Error)]
pub enum DispatchError {
    /// The store can no longer be used by this process.
    #[error("cannot go on telling: the store cannot be used any more")]
    Store {
        /// Why not.
        #[source]
        source: StoreError,
    },
}

/// What a running dispatcher holds in memory; all of it can be lost.
struct Running {
    breakers: Breakers,
    pacing: Pacing,
    reminders: Reminders,
    beats: Beats,
    leases: Leases,
    /// Whether more waited for routing when it was looked at last.
    routed: Waiting,
    jitter: Jitter,
    sending: JoinSet<Attempted>,
    /// Results that the store could not take yet.
    unwritten: VecDeque<Judged>,
    trouble: Trouble,
}

/// What is to be written down about an attempt.
struct Judged {
    leased: Leased,
    record: AttemptRecord,
    next: AfterAttempt,
    breaker: Breaker,
    /// What the receiver's fallback is told, if it has to know.
    notice: Option<NewMessage>,
}

/// When a dispatcher ends by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Until {
    /// Never.
    Stopped,
    /// When nothing is due.
    Idle,
}

/// Whose leases the store may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Leases {
    /// Those of a process that is gone, too.
    OfOthers,
    /// Ours alone.
    Ours,
}

/// Whether the store was in trouble when it was last used, so that only changes are logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trouble {
    None,
    Store,
}

impl Dispatcher {
    /// A dispatcher over this store.
    #[must_use]
    pub fn new(
        store: Store,
        receivers: Receivers,
        rules: impl Into<Rules>,
        config: AlertingConfig,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            store,
            receivers: Arc::new(receivers),
            rules: Arc::new(rules.into()),
            config: Arc::new(config),
            clock,
            waker: Waker::default(),
        }
    }

    /// What wakes it.
    #[must_use]
    pub fn waker(&self) -> Waker {
        self.waker.clone()
    }

    /// Tells until `shutdown` completes, then finishes what is under way within [`DRAIN`].
    ///
    /// # Errors
    /// [`DispatchError`] if the store was taken over by another process or is damaged.
    pub async fn run(self, shutdown: impl Future<Output = ()>) -> Result<(), DispatchError> {
        self.run_until(Until::Stopped, shutdown).await
    }

    /// Tells what waits and is due, and then ends; or when `shutdown` completes.
    ///
    /// # Errors
    /// As [`Dispatcher::run`]; trouble with the store that may pass is waited out here too.
    pub async fn run_until_idle(self, shutdown: impl Future<Output = ()>) -> Result<(), DispatchError> {
        self.run_until(Until::Idle, shutdown).await
    }

    async fn run_until(self, until: Until, shutdown: impl Future<Output = ()>) -> Result<(), DispatchError> {
        let mut shutdown = pin!(shutdown);
        let mut running = Running::new();
        loop {
            let turn = self.turn(&mut running).await;
            running.trouble.judge(turn)?;
            if until == Until::Idle && running.is_idle(self.clock.unix_nanos()) {
                break;
            }
            tokio::select! {
                () = &mut shutdown => break,
                () = self.waker.0.notified() => {}
                Some(ended) = running.sending.join_next() => self.note(&mut running, ended),
                () = tokio::time::sleep(TICK) => {}
            }
            while let Some(ended) = running.sending.try_join_next() {
                self.note(&mut running, ended);
            }
        }
        self.drain(running).await
    }

    /// One look at everything: write down, route, lease, send.
    async fn turn(&self, running: &mut Running) -> Result<(), StoreError> {
        running.breakers.load(&self.store).await?;
        self.take_back_leases(running).await?;
        self.write_results(running).await?;
        let step = self.clone();
        let routed = spawn_blocking(move || step.route_waiting()).await.unwrap_or(Ok(Waiting::Nothing))?;
        running.routed = routed;
        if routed == Waiting::More {
            // A flood is routed batch by batch, so that what is due already leaves in between.
            self.waker.wake();
        }
        self.remind(running).await?;
        self.miss_beats(running).await?;
        self.send_due(running).await
    }

    /// Once at the start: what a process that is gone was sending is due again.
    async fn take_back_leases(&self, running: &mut Running) -> Result<(), StoreError> {
        if running.leases == Leases::Ours {
            return Ok(());
        }
        let (store, now) = (self.store.clone(), self.clock.unix_nanos());
        let taken = spawn_blocking(move || store.take_back_leases(now)).await.unwrap_or(Ok(0))?;
        if taken > 0 {
            tracing::warn!(taken, "messages that were under way when the last process ended are sent again");
        }
        running.leases = Leases::Ours;
        Ok(())
    }

    /// Decides what follows from an attempt.
    fn note(&self, running: &mut Running, ended: Result<Attempted, tokio::task::JoinError>) {
        let attempted = match ended {
            Ok(attempted) => attempted,
            Err(error) => {
                tracing::error!(%error, "an attempt to deliver broke off; its message is sent again when its lease ends");
                return;
            }
        };
        let record = attempt::record(&attempted);
        if let Some(fault) = &attempted.template_fault {
            tracing::warn!(receiver = %attempted.leased.receiver, %fault, "a template failed: the built-in words were sent");
        }
        let Attempted { leased, ended_at, outcome, .. } = attempted;
        let next = next_state(&outcome, leased.attempt, leased.queued_at, ended_at, &mut running.jitter);
        let (breaker, change) =
            running.breakers.after(&leased.receiver, &outcome, ended_at, &mut running.jitter);
        log(&leased, &outcome, &next);
        let notice = (change == Change::Lost)
            .then(|| self.lost_notice(&leased.receiver, outcome.failure(), ended_at))
            .flatten();
        running.unwritten.push_back(Judged { leased, record, next, breaker, notice });
    }

    /// Writes results down in order; what the store cannot take now stays for the next turn.
    async fn write_results(&self, running: &mut Running) -> Result<(), StoreError> {
        while let Some(result) = running.unwritten.pop_front() {
            let store = self.store.clone();
            let writing = spawn_blocking(move || {
                let written = store.finish(
                    &result.leased,
                    &result.record,
                    &result.next,
                    Some(&result.breaker),
                    result.notice.as_ref(),
                );
                (written, result)
            });
            match writing.await {
                Ok((Ok(Finished::Done), _)) => {}
                Ok((Ok(Finished::LeaseLost), result)) => {
                    tracing::warn!(receiver = %result.leased.receiver, delivery = %result.leased.delivery_id,
                        "a delivery took longer than its lease; it may be repeated");
                }
                Ok((Err(error), result)) => {
                    running.unwritten.push_front(result);
                    return Err(error);
                }
                Err(error) => tracing::error!(%error, "an attempt could not be written down"),
            }
        }
        Ok(())
    }

    /// Waits for what is under way, and gives the rest up to its leases.
    async fn drain(&self, mut running: Running) -> Result<(), DispatchError> {
        let deadline = Instant::now() + DRAIN;
        while let Ok(Some(ended)) = timeout_at(deadline, running.sending.join_next()).await {
            self.note(&mut running, ended);
        }
        let left = running.sending.len();
        if left > 0 {
            tracing::warn!(
                left,
                "messages under way at the shutdown are sent again after the restart, marked as repeats"
            );
            running.sending.abort_all();
        }
        let written = self.write_results(&mut running).await;
        running.trouble.judge(written)
    }
}

impl Running {
    fn new() -> Self {
        Self {
            breakers: Breakers::default(),
            pacing: Pacing::default(),
            reminders: Reminders::default(),
            beats: Beats::default(),
            leases: Leases::OfOthers,
            routed: Waiting::More,
            jitter: Jitter::from_entropy(),
            sending: JoinSet::new(),
            unwritten: VecDeque::new(),
            trouble: Trouble::None,
        }
    }

    /// Whether the last turn left nothing to do now: what is due for a receiver that may not be told yet waits.
    fn is_idle(&self, now: i64) -> bool {
        self.trouble == Trouble::None
            && self.routed == Waiting::Nothing
            && self.sending.is_empty()
            && self.unwritten.is_empty()
            && !self.pacing.is_out_of_tokens(now)
    }
}

impl Trouble {
    /// Logs the beginning and the end of trouble that may pass, and hands on what cannot.
    fn judge(&mut self, result: Result<(), StoreError>) -> Result<(), DispatchError> {
        match result {
            Ok(()) => {
                if *self == Self::Store {
                    tracing::info!("telling goes on: the store works again");
                }
                *self = Self::None;
                Ok(())
            }
            Err(source) if passes(&source) => {
                if *self == Self::None {
                    tracing::warn!(error = %with_causes(&source), "telling waits for the store");
                }
                *self = Self::Store;
                Ok(())
            }
            Err(source) => Err(DispatchError::Store { source }),
        }
    }
}

/// Whether the store may take the same call later.
const fn passes(error: &StoreError) -> bool {
    let must_reopen = matches!(error, StoreError::MustReopen { .. });
    !must_reopen && matches!(error.kind(), StoreErrorKind::Unavailable | StoreErrorKind::Internal)
}

fn log(leased: &Leased, outcome: &Outcome, next: &AfterAttempt) {
    let (receiver, delivery, attempt) = (&leased.receiver, &leased.delivery_id, leased.attempt);
    match (outcome.failure(), next) {
        (None, _) => tracing::debug!(%receiver, %delivery, attempt, "message delivered"),
        (Some(failure), AfterAttempt::Dead { .. }) => {
            tracing::error!(%receiver, %delivery, attempt, %failure, "message given up");
        }
        (Some(failure), _) => {
            tracing::warn!(%receiver, %delivery, attempt, %failure, "message not delivered yet");
        }
    }
}

#[cfg(test)]
mod tests;
