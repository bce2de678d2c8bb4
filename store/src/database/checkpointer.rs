//! Moves the write-ahead log into the database beside the commits, so that no commit pays for the ones before it.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use rusqlite::Connection;

use super::open_writer;
use crate::error::{Fault, StoreError};

/// The log is moved once it has this many pages (of 4 KiB) that are not in the database yet.
const WORTHWHILE_PAGES: i64 = 1_000;

/// The thread that does it; ends with the store.
pub(crate) struct Checkpointer {
    wake: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Checkpointer {
    /// Starts the thread. `failed` is set when the disk failed: what the database then says is in doubt.
    pub(crate) fn start(path: &Path, failed: Arc<AtomicBool>) -> Result<Self, StoreError> {
        let connection = open_writer(path)?;
        let (wake, woken) = sync_channel(1);
        let work = move || run(&connection, &woken, &failed);
        let started = std::thread::Builder::new().name("checkpoint".to_owned()).spawn(work);
        let refuse = |source| StoreError::File { doing: "start a thread for", path: path.to_owned(), source };
        Ok(Self { wake: Some(wake), thread: Some(started.map_err(refuse)?) })
    }

    /// Lets it look whether there is enough to do; never waits.
    pub(crate) fn wake(&self) {
        if let Some(wake) = &self.wake {
            // A full channel means that it will look anyway.
            let _ = wake.try_send(());
        }
    }
}

impl Drop for Checkpointer {
    fn drop(&mut self) {
        self.wake = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the checkpoint thread panicked");
        }
    }
}

fn run(connection: &Connection, woken: &Receiver<()>, failed: &AtomicBool) {
    while woken.recv().is_ok() {
        match move_log(connection) {
            Ok(()) => {}
            Err(fault) if fault.leaves_doubt() => {
                failed.store(true, Ordering::Release);
                tracing::error!(?fault, "the disk failed while the log was moved into the database");
                return;
            }
            // Busy or full: the log stays, and with it all that was committed.
            Err(fault) => tracing::warn!(?fault, "could not move the log into the database"),
        }
    }
}

fn move_log(connection: &Connection) -> Result<(), Fault> {
    let pages = |mode: &str| {
        connection.query_row(&format!("PRAGMA wal_checkpoint({mode})"), [], |row| {
            Ok(row.get::<_, i64>(1)? - row.get::<_, i64>(2)?)
        })
    };
    if pages("NOOP")? >= WORTHWHILE_PAGES {
        pages("PASSIVE")?;
    }
    Ok(())
}
