//! The one writer: opens the file for itself alone, and gives every change a transaction and a fence.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, Transaction, TransactionBehavior};
use serde::Serialize;

use crate::database::{Checkpointer, DatabaseLock, MIGRATIONS, check_sqlite, migrate, open_writer};
use crate::error::{Fault, StoreError};
use crate::reader::Reader;

/// The number of a file's opening for writing: it only grows, and only the newest may write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Epoch(pub i64);

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "epoch {}", self.0)
    }
}

/// The database, open for writing. Cheap to clone; the file is released when the last clone is gone.
#[derive(Clone)]
pub struct Store {
    shared: Arc<Shared>,
    reader: Reader,
}

struct Shared {
    path: PathBuf,
    epoch: Epoch,
    fence: Fence,
    writer: Mutex<Connection>,
    /// Set when a write or sync failed: the system may have dropped what it could not write, so a success that is
    /// reported later would prove nothing.
    disk_failed: Arc<AtomicBool>,
    /// None beside another writer, whose own sees to the log.
    checkpointer: Option<Checkpointer>,
    // Last, so that the connections are closed before another process may open.
    _lock: Option<DatabaseLock>,
}

/// Who may write through a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fence {
    /// The one writer, as long as nobody opened the file after it.
    Owner,
    /// A guest beside it, who writes only what people decide ([`crate::Desk`]).
    Guest,
}

impl Store {
    /// Opens the file for writing, making or migrating it if need be.
    ///
    /// # Errors
    /// [`StoreError::InUse`] beside another writer, [`StoreError::Corrupt`], [`StoreError::Foreign`],
    /// [`StoreError::Newer`] or [`StoreError::MigrationChanged`] for a file that must not be touched,
    /// [`StoreError::Full`] without space, [`StoreError::File`] where the system refuses.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        check_sqlite()?;
        let lock = DatabaseLock::take(path)?;
        let mut connection = open_writer(path)?;
        let epoch = migrate(&mut connection, path, MIGRATIONS)
            .and_then(|()| next_epoch(&mut connection))
            .map_err(|fault| fault.settle("open", path))?;
        let disk_failed = Arc::new(AtomicBool::new(false));
        let shared = Shared {
            path: path.to_owned(),
            epoch,
            fence: Fence::Owner,
            writer: Mutex::new(connection),
            checkpointer: Some(Checkpointer::start(path, Arc::clone(&disk_failed))?),
            disk_failed,
            _lock: Some(lock),
        };
        Ok(Self { shared: Arc::new(shared), reader: Reader::beside_writer(path) })
    }

    /// Opens a file that exists for writing beside its owner: SQLite lets one transaction in at a time, and the
    /// owner's fence stays where it is. What may be written so is up to [`crate::Desk`].
    pub(crate) fn open_as_guest(path: &Path) -> Result<Self, StoreError> {
        // Checks that the file is there and of our schema, and so makes and migrates none.
        let reader = Reader::open(path)?;
        let connection = open_writer(path)?;
        let epoch = connection
            .query_row("SELECT epoch FROM meta", [], |row| row.get(0))
            .map_err(|error| Fault::from(error).settle("open", path))?;
        let shared = Shared {
            path: path.to_owned(),
            epoch: Epoch(epoch),
            fence: Fence::Guest,
            writer: Mutex::new(connection),
            checkpointer: None,
            disk_failed: Arc::default(),
            _lock: None,
        };
        Ok(Self { shared: Arc::new(shared), reader })
    }

    /// Opens the file for reading, beside a writer or without one.
    ///
    /// # Errors
    /// [`StoreError::Missing`] without a file, [`StoreError::NotMigrated`] for an older schema, else as
    /// [`Store::open`].
    pub fn open_read_only(path: &Path) -> Result<Reader, StoreError> {
        Reader::open(path)
    }

    /// What reads beside this writer.
    #[must_use]
    pub const fn reader(&self) -> &Reader {
        &self.reader
    }

    /// The number of this opening.
    #[must_use]
    pub fn epoch(&self) -> Epoch {
        self.shared.epoch
    }

    /// Where the database lies.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.shared.path
    }

    /// Limits the file to about this many bytes (the write-ahead log comes on top); at least its present size.
    /// What does not fit is [`StoreError::Full`].
    ///
    /// # Errors
    /// [`StoreError`] if SQLite refuses.
    pub fn limit_size(&self, bytes: u64) -> Result<(), StoreError> {
        let set = |writer: &Connection| -> Result<(), Fault> {
            let page: u64 =
                writer.query_row("PRAGMA page_size", [], |row| row.get(0).map(i64::unsigned_abs))?;
            let pages =
                i64::try_from((bytes / page.max(1)).max(1)).unwrap_or(i64::MAX).min(i64::from(u32::MAX - 1));
            writer.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))?;
            Ok(())
        };
        set(&self.writer()).map_err(|fault| fault.settle("limit the size", self.path()))
    }

    /// Runs `act` in one transaction: all of it is stored and synced when this returns, or nothing is.
    pub(crate) fn write<T>(
        &self,
        doing: &'static str,
        act: impl FnOnce(&Transaction<'_>) -> Result<T, Fault>,
    ) -> Result<T, StoreError> {
        let mut writer = self.writer();
        if self.shared.disk_failed.load(Ordering::Acquire) {
            return Err(StoreError::MustReopen { path: self.shared.path.clone() });
        }
        let owner = (self.shared.fence == Fence::Owner).then_some(self.shared.epoch);
        match transact(&mut writer, owner, &self.shared.path, act) {
            Ok(value) => {
                self.shared.checkpointer.iter().for_each(Checkpointer::wake);
                Ok(value)
            }
            Err(fault) => {
                if fault.leaves_doubt() {
                    self.shared.disk_failed.store(true, Ordering::Release);
                }
                Err(fault.settle(doing, &self.shared.path))
            }
        }
    }

    /// A panic while the writer was held rolled its transaction back, so the connection is still good.
    fn writer(&self) -> MutexGuard<'_, Connection> {
        self.shared.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("path", &self.shared.path).field("epoch", &self.shared.epoch).finish()
    }
}

fn transact<T>(
    connection: &mut Connection,
    owner: Option<Epoch>,
    path: &Path,
    act: impl FnOnce(&Transaction<'_>) -> Result<T, Fault>,
) -> Result<T, Fault> {
    let before = connection.total_changes();
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let current =
        Epoch(transaction.prepare_cached("SELECT epoch FROM meta")?.query_row([], |row| row.get(0))?);
    if let Some(mine) = owner
        && current != mine
    {
        return Err(StoreError::Fenced { path: path.to_owned(), mine, current }.into());
    }
    let value = act(&transaction)?;
    // What changed nothing need not be synced, and must not wake those who watch the counter.
    if transaction.total_changes() != before {
        transaction.prepare_cached("UPDATE meta SET changes = changes + 1")?.execute([])?;
        transaction.commit()?;
    }
    Ok(value)
}

fn next_epoch(connection: &mut Connection) -> Result<Epoch, Fault> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let epoch =
        transaction.query_row("UPDATE meta SET epoch = epoch + 1 RETURNING epoch", [], |row| row.get(0))?;
    transaction.commit()?;
    Ok(Epoch(epoch))
}
