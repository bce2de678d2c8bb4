//! What SIGTERM and Ctrl-C mean: drain once, and at the second sign leave at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use signal_hook::consts::{SIGINT, SIGTERM};

use crate::exit::{Exit, Failure};

/// How often a task looks whether it is time to stop: a signal handler can wake nobody.
const TICK: Duration = Duration::from_millis(100);

/// Why the program is to stop.
#[derive(Debug, Clone)]
pub(crate) struct Stopping {
    stop: Arc<AtomicBool>,
    interrupted: Arc<AtomicBool>,
}

impl Stopping {
    /// Listens for SIGTERM and SIGINT. The second one ends the process with the code of a missed deadline: what was
    /// committed stays, and what was not is read again.
    pub(crate) fn listen() -> Result<Self, Failure> {
        let stopping = Self { stop: Arc::default(), interrupted: Arc::default() };
        let failed = |error: std::io::Error| {
            Failure::new(Exit::Internal, format!("cannot listen for signals: {error}"))
        };
        for signal in [SIGTERM, SIGINT] {
            let deadline = i32::from(Exit::ShutdownDeadline.code());
            signal_hook::flag::register_conditional_shutdown(signal, deadline, Arc::clone(&stopping.stop))
                .map_err(failed)?;
        }
        signal_hook::flag::register(SIGINT, Arc::clone(&stopping.interrupted)).map_err(failed)?;
        for signal in [SIGTERM, SIGINT] {
            signal_hook::flag::register(signal, Arc::clone(&stopping.stop)).map_err(failed)?;
        }
        Ok(stopping)
    }

    /// The flag that says so.
    pub(crate) fn flag(&self) -> &AtomicBool {
        &self.stop
    }

    /// Whether it is time to stop.
    pub(crate) fn is_set(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Asks for a stop from inside.
    pub(crate) fn set(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    /// Completes when it is time to stop.
    pub(crate) async fn wait(self) {
        let mut ticks = tokio::time::interval(TICK);
        while !self.is_set() {
            ticks.tick().await;
        }
    }

    /// How the program ends after it has drained.
    pub(crate) fn exit(&self) -> Exit {
        if self.interrupted.load(Ordering::Relaxed) { Exit::Interrupted } else { Exit::Done }
    }
}
