//! The program's own log: one line an event on standard error, text on a terminal and JSON elsewhere.

use std::io::{self, IsTerminal as _};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt;

/// Starts logging; `SEALWATCH_LOG` sets the level (`warn`, `pipeline=debug`). A second start changes nothing.
pub(crate) fn start() {
    let filter =
        EnvFilter::try_from_env("SEALWATCH_LOG").unwrap_or_else(|_| EnvFilter::new("warn,librdkafka=error"));
    let ansi = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let logging = fmt().with_env_filter(filter).with_writer(io::stderr).with_ansi(ansi);
    // A second subscriber is refused, and that is fine.
    let _ = if io::stderr().is_terminal() { logging.try_init() } else { logging.json().try_init() };
}
