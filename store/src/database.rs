//! The file: how it is locked, opened and migrated.

mod checkpointer;
mod lock;
mod migrate;

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use crate::error::{Fault, StoreError};

pub(crate) use checkpointer::Checkpointer;
pub(crate) use lock::DatabaseLock;
#[cfg(test)]
pub(crate) use lock::lock_path;
pub(crate) use migrate::{MIGRATIONS, check_schema, migrate};

/// The schema that this program reads and writes.
pub(crate) fn newest_schema() -> u32 {
    migrate::newest(MIGRATIONS)
}

/// The first SQLite without the WAL-reset bug that can damage a file (all of 3.7.0 to 3.51.2 have it).
const OLDEST_SQLITE: i32 = 3_051_003;
/// The same, for people.
const OLDEST_SQLITE_TEXT: &str = "3.51.3";
/// How long a connection waits for another one's short lock (recovery, a checkpoint's end).
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// What the write-ahead log is cut to after a checkpoint, so that one big commit does not keep its size for ever.
const KEPT_WAL_BYTES: i64 = 64 * 1024 * 1024;

/// Refuses a SQLite that can damage a file.
pub(crate) fn check_sqlite() -> Result<(), StoreError> {
    if rusqlite::version_number() >= OLDEST_SQLITE {
        return Ok(());
    }
    Err(StoreError::OldSqlite { found: rusqlite::version(), needed: OLDEST_SQLITE_TEXT })
}

/// The one connection that writes; makes the file if there is none, readable by its owner alone.
pub(crate) fn open_writer(path: &Path) -> Result<Connection, StoreError> {
    create_private(path)?;
    let open = || -> Result<Connection, Fault> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        connection.pragma_update(None, "cell_size_check", true)?;
        connection.pragma_update(None, "trusted_schema", false)?;
        let mode: String = connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
        if mode != "wal" {
            return Err(StoreError::NoWriteAheadLog { path: path.to_owned() }.into());
        }
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "foreign_keys", true)?;
        // The checkpoint thread comes first; this is for when it is held up, so that the log stays bounded.
        connection.query_row("PRAGMA wal_autocheckpoint = 16384", [], |_| Ok(()))?;
        connection.query_row("PRAGMA journal_size_limit = 67108864", [], |row| row.get(0)).map(
            |limit: i64| {
                debug_assert_eq!(limit, KEPT_WAL_BYTES, "the pragma's text and the constant say the same");
            },
        )?;
        Ok(connection)
    };
    open().map_err(|fault| fault.settle("open", path))
}

/// A connection that can only read.
pub(crate) fn open_reader(path: &Path) -> Result<Connection, StoreError> {
    let open = || -> Result<Connection, Fault> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        connection.pragma_update(None, "cell_size_check", true)?;
        connection.pragma_update(None, "trusted_schema", false)?;
        connection.pragma_update(None, "query_only", true)?;
        Ok(connection)
    };
    open().map_err(|fault| fault.settle("open", path))
}

fn create_private(path: &Path) -> Result<(), StoreError> {
    let mut options = std::fs::OpenOptions::new();
    options.create(true).truncate(false).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let opened = options.open(path).map(drop);
    opened.map_err(|source| StoreError::File { doing: "open", path: path.to_owned(), source })
}
