//! The server: what it shows, the port it takes, and how it starts and ends.

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use alerting::heartbeat::{HeartbeatConfig, Pulse as Heartbeat, judge};
use pipeline::WallClock;
use store::{MAX_READERS, Reader, RunId, StoreError};
use thiserror::Error;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::time::timeout;

use crate::problem::Problem;
use crate::pulse::{self, Pulse};
use crate::raw_records::RawRecords;
use crate::routes;
use crate::seats::{MAX_CONNECTIONS, Seats};
use crate::show::moment::Now;

/// Most reads of the database at one time: one connection of the pool stays for the dispatcher.
pub(crate) const READS_AT_ONCE: usize = MAX_READERS - 1;
/// Most raw records that are fetched at one time.
pub(crate) const RAW_AT_ONCE: usize = 4;
/// Most live streams, which is most visible tabs.
pub(crate) const MAX_STREAMS: usize = 64;
/// How long open connections may go on after the end was asked for.
const GRACE: Duration = Duration::from_secs(3);

/// What is shown.
#[derive(Clone)]
pub struct Dashboard {
    reader: Reader,
    run: RunId,
    raw: Arc<dyn RawRecords>,
    clock: Arc<dyn WallClock>,
    notice: Option<String>,
    heartbeat: Option<Awaited>,
}

/// Heartbeats that somebody waits for.
#[derive(Debug, Clone)]
pub(crate) struct Awaited {
    config: HeartbeatConfig,
    /// Since when, by the clock.
    since: i64,
}

impl Awaited {
    /// Whether they arrive.
    pub(crate) fn pulse(&self, last: Option<i64>, now: Now) -> Heartbeat {
        judge(&self.config, last, self.since, now.0)
    }
}

impl Dashboard {
    /// Shows one run of a database. `raw` reads the records behind evidence again, `clock` says how long ago
    /// something was.
    #[must_use]
    pub fn new(reader: Reader, run: RunId, raw: Arc<dyn RawRecords>, clock: Arc<dyn WallClock>) -> Self {
        Self { reader, run, raw, clock, notice: None, heartbeat: None }
    }

    /// The same, and whether heartbeats arrive.
    #[must_use]
    pub fn with_heartbeat(mut self, config: Option<HeartbeatConfig>) -> Self {
        let since = self.clock.now_nanos();
        self.heartbeat = config.map(|config| Awaited { config, since });
        self
    }

    /// The same with a sentence above every page, as `Demo data: nothing here is real`.
    #[must_use]
    pub fn with_notice(mut self, notice: impl Into<String>) -> Self {
        self.notice = Some(notice.into());
        self
    }
}

/// Why a port cannot be had.
#[derive(Debug, Error)]
pub enum BindError {
    /// Pages have no login yet, so only this machine may reach them.
    #[error("cannot serve pages on {0}: without a login they are for 127.0.0.1 and [::1] only")]
    NotLoopback(SocketAddr),
    /// Somebody else listens there.
    #[error("cannot serve pages on {address}: the port is in use")]
    InUse {
        /// Where.
        address: SocketAddr,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The system refuses.
    #[error("cannot serve pages on {address}")]
    Refused {
        /// Where.
        address: SocketAddr,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

/// Takes a port of this machine; port 0 is any free one.
///
/// # Errors
/// [`BindError::NotLoopback`] for an address that others can reach, else what the system said.
pub async fn bind(address: SocketAddr) -> Result<TcpListener, BindError> {
    if !address.ip().is_loopback() {
        return Err(BindError::NotLoopback(address));
    }
    TcpListener::bind(address).await.map_err(|source| match source.kind() {
        io::ErrorKind::AddrInUse => BindError::InUse { address, source },
        _ => BindError::Refused { address, source },
    })
}

/// Answers until `shutdown` comes; then live streams end, and what is being answered has three seconds more.
///
/// # Errors
/// What the system said when the listener could not go on.
pub async fn serve(
    listener: TcpListener,
    dashboard: Dashboard,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let (close, closing) = watch::channel(Phase::Serving);
    let (pulses, pulse) = watch::channel(Pulse::Unknown);
    let app = Arc::new(App::new(dashboard, pulse, closing.clone()));
    let watcher = tokio::spawn(pulse::keep(Arc::clone(&app), pulses));
    let graceful = async move {
        shutdown.await;
        // Every receiver is gone only when nobody has to be told.
        let _ = close.send(Phase::Closing);
    };
    let door = Seats::new(listener, MAX_CONNECTIONS);
    let taken = door.taken();
    let serving = axum::serve(door, routes::all(app)).with_graceful_shutdown(graceful);
    let ended = match drained(serving.into_future(), closing, GRACE).await {
        Some(ended) => ended,
        None => {
            let (connections, seconds) = (taken(), GRACE.as_secs());
            tracing::warn!(
                connections,
                seconds,
                "cut off connections that went on after the end was asked for"
            );
            Ok(())
        }
    };
    watcher.abort();
    ended
}

/// Waits until what is being answered has ended; `None` if it goes on when `grace` has passed since the end was asked for.
async fn drained<T>(
    serving: impl Future<Output = T>,
    mut closing: watch::Receiver<Phase>,
    grace: Duration,
) -> Option<T> {
    let mut serving = pin!(serving);
    tokio::select! {
        ended = &mut serving => return Some(ended),
        // The sender is dropped only after it has said `Closing`.
        _ = closing.wait_for(|phase| *phase == Phase::Closing) => {}
    }
    timeout(grace, serving).await.ok()
}

/// Whether the server still serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// It does.
    Serving,
    /// It was asked to end.
    Closing,
}

/// What every request shares.
pub(crate) struct App {
    dashboard: Dashboard,
    pub(crate) pulse: watch::Receiver<Pulse>,
    pub(crate) closing: watch::Receiver<Phase>,
    pub(crate) streams: Arc<Semaphore>,
    reads: Arc<Semaphore>,
    raws: Arc<Semaphore>,
}

impl App {
    fn new(dashboard: Dashboard, pulse: watch::Receiver<Pulse>, closing: watch::Receiver<Phase>) -> Self {
        Self {
            dashboard,
            pulse,
            closing,
            streams: Arc::new(Semaphore::new(MAX_STREAMS)),
            reads: Arc::new(Semaphore::new(READS_AT_ONCE)),
            raws: Arc::new(Semaphore::new(RAW_AT_ONCE)),
        }
    }

    /// The clock's time.
    pub(crate) fn now(&self) -> Now {
        Now(self.dashboard.clock.now_nanos())
    }

    /// Which run is shown.
    pub(crate) const fn run(&self) -> &RunId {
        &self.dashboard.run
    }

    /// Heartbeats, if somebody waits for them.
    pub(crate) const fn heartbeat(&self) -> Option<&Awaited> {
        self.dashboard.heartbeat.as_ref()
    }

    /// What stands above every page.
    pub(crate) fn notice(&self) -> Option<&str> {
        self.dashboard.notice.as_deref()
    }

    /// Reads the database on a thread that may block.
    ///
    /// # Errors
    /// [`Problem::Store`] if it cannot be read.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        act: impl FnOnce(&Reader, &RunId) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, Problem> {
        let Dashboard { reader, run, .. } = self.dashboard.clone();
        blocking(&self.reads, move || act(&reader, &run)).await?.map_err(Problem::Store)
    }

    /// Uses the source of raw records on a thread that may block.
    ///
    /// # Errors
    /// [`Problem::Internal`] if it panics.
    pub(crate) async fn raw<T: Send + 'static>(
        &self,
        act: impl FnOnce(&dyn RawRecords) -> T + Send + 'static,
    ) -> Result<T, Problem> {
        let raw = Arc::clone(&self.dashboard.raw);
        blocking(&self.raws, move || act(&*raw)).await
    }
}

async fn blocking<T: Send + 'static>(
    turns: &Arc<Semaphore>,
    act: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Problem> {
    let turn = Arc::clone(turns).acquire_owned().await.map_err(|_| Problem::Internal)?;
    let done = tokio::task::spawn_blocking(move || {
        let result = act();
        drop(turn);
        result
    });
    done.await.map_err(|error| {
        tracing::error!(%error, "a page's work was cut short");
        Problem::Internal
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_addresses_of_this_machine_are_served() {
        for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0"] {
            let error = bind(address.parse().unwrap()).await.unwrap_err();
            assert!(matches!(error, BindError::NotLoopback(_)), "{error}");
        }
        let taken = bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let error = bind(taken.local_addr().unwrap()).await.unwrap_err();
        assert!(matches!(error, BindError::InUse { .. }), "{error:?}");
    }

    #[tokio::test]
    async fn what_is_being_answered_may_end_and_holds_nobody_up() {
        let (close, closing) = watch::channel(Phase::Serving);
        let short = Duration::from_millis(20);
        assert_eq!(drained(async { 1 }, closing.clone(), short).await, Some(1), "it ended by itself");
        let mut asked = pin!(drained(std::future::pending::<()>(), closing.clone(), Duration::ZERO));
        assert!(timeout(short, &mut asked).await.is_err(), "nobody has asked it to end");
        close.send(Phase::Closing).unwrap();
        assert_eq!(asked.await, None, "it went on after its grace");
        let (answer, answered) = tokio::sync::oneshot::channel();
        let mut last = pin!(drained(answered, closing, Duration::from_secs(60)));
        assert!(timeout(short, &mut last).await.is_err(), "its grace is not over");
        answer.send(2).unwrap();
        assert_eq!(last.await, Some(Ok(2)), "it was let finish");
    }

    #[tokio::test]
    async fn no_more_is_done_at_once_than_there_are_turns() {
        let turns = Arc::new(Semaphore::new(1));
        let taken = Arc::clone(&turns).acquire_owned().await.unwrap();
        let mut waiting = Box::pin(blocking(&turns, || 7));
        assert!(timeout(Duration::from_millis(20), &mut waiting).await.is_err());
        drop(taken);
        assert_eq!(waiting.await.ok(), Some(7));
    }
}
