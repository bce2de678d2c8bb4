//! How a consumer goes: on a thread of its own, because the client library may take minutes over it.

use std::sync::mpsc;
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer as _};

use super::context::Notebook;

/// How long a consumer that is dropped instead of closed may take to leave its group.
pub(super) const DROP_TIMEOUT: Duration = Duration::from_secs(10);

/// How closing ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closed {
    /// The group was left.
    Left,
    /// The deadline passed; a thread of its own goes on trying. The group will notice by itself.
    Abandoned,
}

/// Dropping the client blocks until the group has been left, and may do so for minutes (rust-rdkafka#453, #611).
pub(super) fn close_aside(client: BaseConsumer<Notebook>, deadline: Duration) -> Closed {
    client.context().close();
    let (done, finished) = mpsc::channel();
    let closing = std::thread::Builder::new().name("kafka-close".to_owned()).spawn(move || {
        drop(client);
        // Nobody may be waiting any more.
        let _ = done.send(());
    });
    match closing.map(|_| finished.recv_timeout(deadline)) {
        Ok(Ok(())) => Closed::Left,
        _ => Closed::Abandoned,
    }
}
