//! Reading beside the writer: a few connections that see whole commits and never make one wait.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, Transaction};

use crate::database::{MIGRATIONS, check_schema, check_sqlite, open_reader};
use crate::error::{Fault, StoreError};

/// Most reads at one time; further ones wait for their turn.
pub const MAX_READERS: usize = 4;

/// Which part of a long answer is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// How many at most.
    pub limit: u32,
    /// How many to pass over first.
    pub offset: u32,
}

impl Page {
    /// The first `limit`.
    #[must_use]
    pub const fn first(limit: u32) -> Self {
        Self { limit, offset: 0 }
    }
}

/// The database, open for reading. Cheap to clone; each query sees one commit's state, whole.
#[derive(Clone)]
pub struct Reader {
    pool: Arc<Pool>,
}

struct Pool {
    path: PathBuf,
    slots: Mutex<Slots>,
    freed: Condvar,
}

struct Slots {
    idle: Vec<Connection>,
    /// Connections that are open, idle or lent.
    open: usize,
}

impl Reader {
    /// Opens the file for reading only.
    pub(crate) fn open(path: &Path) -> Result<Self, StoreError> {
        check_sqlite()?;
        match path.try_exists() {
            Ok(true) => {}
            Ok(false) => return Err(StoreError::Missing { path: path.to_owned() }),
            Err(source) => return Err(StoreError::File { doing: "look for", path: path.to_owned(), source }),
        }
        let connection = open_reader(path)?;
        let known = crate::database::newest_schema();
        match check_schema(&connection, path, MIGRATIONS) {
            Ok(found) if found == known => {}
            Ok(found) => return Err(StoreError::NotMigrated { path: path.to_owned(), found, known }),
            Err(fault) => return Err(fault.settle("open", path)),
        }
        Ok(Self::pooled(path, vec![connection]))
    }

    /// A reader of a file that this process has open for writing, and so has checked.
    pub(crate) fn beside_writer(path: &Path) -> Self {
        Self::pooled(path, Vec::new())
    }

    fn pooled(path: &Path, idle: Vec<Connection>) -> Self {
        let slots = Mutex::new(Slots { open: idle.len(), idle });
        Self { pool: Arc::new(Pool { path: path.to_owned(), slots, freed: Condvar::new() }) }
    }

    /// Where the database lies.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.pool.path
    }

    /// A number that changes with every commit, by whichever process: cheap enough to ask a few times a second.
    ///
    /// # Errors
    /// [`StoreError`] if the database cannot be read.
    pub fn change_counter(&self) -> Result<u64, StoreError> {
        self.read("look for changes", |transaction| {
            let changes: i64 =
                transaction.prepare_cached("SELECT changes FROM meta")?.query_row([], |row| row.get(0))?;
            Ok(changes.unsigned_abs())
        })
    }

    /// Looks through the whole file for damage; takes long on a big one.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] at the first damage.
    pub fn check_integrity(&self) -> Result<(), StoreError> {
        self.read("check", |transaction| {
            let verdict: String = transaction.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
            if verdict == "ok" {
                return Ok(());
            }
            let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT);
            Err(rusqlite::Error::SqliteFailure(code, Some(verdict)).into())
        })
    }

    /// Copies the database, as it is after some commit, to a file that must not exist yet. A plain copy of an open
    /// database would be wrong.
    ///
    /// # Errors
    /// [`StoreError`] if the copy cannot be written.
    pub fn back_up(&self, to: &Path) -> Result<(), StoreError> {
        let connection = open_reader(self.path())?;
        // `query_only` forbids VACUUM, although VACUUM INTO does not change this file.
        let copy = || -> Result<(), Fault> {
            connection.pragma_update(None, "query_only", false)?;
            connection.execute("VACUUM INTO ?1", [to.to_string_lossy()])?;
            Ok(())
        };
        copy().map_err(|fault| fault.settle("back up", self.path()))
    }

    /// Runs `act` on one commit's state.
    pub(crate) fn read<T>(
        &self,
        doing: &'static str,
        act: impl FnOnce(&Transaction<'_>) -> Result<T, Fault>,
    ) -> Result<T, StoreError> {
        let lent = self.pool.lend()?;
        let run = || -> Result<T, Fault> {
            let transaction = lent.connection().unchecked_transaction()?;
            act(&transaction)
        };
        run().map_err(|fault| fault.settle(doing, &self.pool.path))
    }
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").field("path", &self.pool.path).finish()
    }
}

/// A connection on loan; it goes back to the pool when this is dropped.
struct Lent<'a> {
    pool: &'a Pool,
    connection: Option<Connection>,
}

impl Lent<'_> {
    const fn connection(&self) -> &Connection {
        self.connection.as_ref().expect("it is taken out by drop alone")
    }
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            self.pool.slots().idle.push(connection);
            self.pool.freed.notify_one();
        }
    }
}

impl Pool {
    fn lend(&self) -> Result<Lent<'_>, StoreError> {
        let mut slots = self.slots();
        loop {
            if let Some(connection) = slots.idle.pop() {
                return Ok(Lent { pool: self, connection: Some(connection) });
            }
            if slots.open < MAX_READERS {
                slots.open += 1;
                break;
            }
            slots = self.freed.wait(slots).unwrap_or_else(PoisonError::into_inner);
        }
        drop(slots);
        match open_reader(&self.path) {
            Ok(connection) => Ok(Lent { pool: self, connection: Some(connection) }),
            Err(error) => {
                self.slots().open -= 1;
                self.freed.notify_one();
                Err(error)
            }
        }
    }

    fn slots(&self) -> MutexGuard<'_, Slots> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::thread;

    use super::*;
    use crate::Store;

    #[test]
    fn more_readers_than_connections_wait_for_their_turn() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("a.db")).unwrap();
        let together = Barrier::new(4 * MAX_READERS);
        thread::scope(|scope| {
            for _ in 0..4 * MAX_READERS {
                scope.spawn(|| {
                    together.wait();
                    for _ in 0..20 {
                        let slots =
                            store.reader().read("count", |_| Ok(store.reader().pool.slots().open)).unwrap();
                        assert!(slots <= MAX_READERS, "{slots} are open");
                    }
                });
            }
        });
        let slots = store.reader().pool.slots();
        assert_eq!(slots.idle.len(), slots.open, "every connection went back");
    }

    #[test]
    fn a_read_that_fails_gives_its_connection_back() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("a.db")).unwrap();
        for _ in 0..2 * MAX_READERS {
            let failed = store.reader().read("fail", |transaction| Ok(transaction.execute("nonsense", [])?));
            assert!(failed.is_err());
        }
        assert_eq!(store.reader().change_counter().unwrap(), 0);
    }
}
