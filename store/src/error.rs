//! What can go wrong with the database, told apart by what the caller can do about it.

use std::path::{Path, PathBuf};

use detectors::finding::IncidentId;
use rusqlite::ErrorCode;
use rusqlite::ffi::SQLITE_IOERR_SHMSIZE;
use thiserror::Error;

use crate::name::{LaneId, RunId};
use crate::writer::Epoch;

/// Why the database could not do what was asked.
#[derive(Debug, Error)]
pub enum StoreError {
    /// Another process writes to it.
    #[error("database {} is in use by {}", path.display(), holder_words(*holder))]
    InUse {
        /// The database.
        path: PathBuf,
        /// The process that holds the lock, as it wrote itself down.
        holder: Option<u32>,
    },
    /// There is no such file, and only a writer makes one.
    #[error("database {} does not exist", path.display())]
    Missing {
        /// The database.
        path: PathBuf,
    },
    /// A database, but not one of ours.
    #[error("{} is a database of another program", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// The file is damaged.
    #[error("database {} is damaged", path.display())]
    Corrupt {
        /// The database.
        path: PathBuf,
        /// What SQLite found.
        #[source]
        source: rusqlite::Error,
    },
    /// A newer program made it.
    #[error("database {} has schema {found}, this program knows up to {known}", path.display())]
    Newer {
        /// The database.
        path: PathBuf,
        /// Its schema.
        found: u32,
        /// The newest schema this program knows.
        known: u32,
    },
    /// It waits for a migration, and only a writer migrates.
    #[error("database {} has schema {found} and must first be opened for writing by schema {known}", path.display())]
    NotMigrated {
        /// The database.
        path: PathBuf,
        /// Its schema.
        found: u32,
        /// The schema this program reads.
        known: u32,
    },
    /// A migration that it went through is not the one this program knows.
    #[error("migration {version} of database {} is not the one this program knows", path.display())]
    MigrationChanged {
        /// The database.
        path: PathBuf,
        /// The migration.
        version: u32,
    },
    /// The disk, or the limit set for the file, is full. Nothing of the call was stored.
    #[error("no space left for database {}", path.display())]
    Full {
        /// The database.
        path: PathBuf,
        /// What SQLite reported.
        #[source]
        source: rusqlite::Error,
    },
    /// A later opening took over: this one may write no more.
    #[error("database {} was taken over: opened as {mine}, now at {current}", path.display())]
    Fenced {
        /// The database.
        path: PathBuf,
        /// The epoch this store was opened with.
        mine: Epoch,
        /// The epoch that holds now.
        current: Epoch,
    },
    /// A write failed in a way that leaves open what reached the disk: open again before writing on.
    #[error("database {} had a failed write and must be opened again", path.display())]
    MustReopen {
        /// The database.
        path: PathBuf,
    },
    /// A state segment is not what was saved.
    #[error("state segment {seq} of shard {shard}, lane {lane}, run {run} is damaged")]
    SegmentCorrupt {
        /// Its run.
        run: RunId,
        /// Its lane.
        lane: LaneId,
        /// Its shard.
        shard: u32,
        /// Its number.
        seq: u64,
    },
    /// A state segment has a format this program does not know yet.
    #[error(
        "state segment {seq} of shard {shard}, lane {lane}, run {run} has format {found}, this program knows up to {known}"
    )]
    SegmentNewer {
        /// Its run.
        run: RunId,
        /// Its lane.
        lane: LaneId,
        /// Its shard.
        shard: u32,
        /// Its number.
        seq: u64,
        /// Its format.
        found: u32,
        /// The newest format this program knows.
        known: u32,
    },
    /// A segment of this number was saved before, with other content.
    #[error(
        "state segment {seq} of shard {shard}, lane {lane}, run {run} was saved before with other content"
    )]
    SegmentConflict {
        /// Its run.
        run: RunId,
        /// Its lane.
        lane: LaneId,
        /// Its shard.
        shard: u32,
        /// Its number.
        seq: u64,
    },
    /// There is progress, but not the state that belongs to it: starting empty would forget what was learned.
    #[error("lane {lane} of run {run} has progress but {found} of its {expected} state segments")]
    StateMissing {
        /// The run.
        run: RunId,
        /// The lane.
        lane: LaneId,
        /// How many segments were saved.
        expected: u64,
        /// How many there are.
        found: u64,
    },
    /// There is no such incident.
    #[error("there is no incident {incident} in run {run}")]
    NoIncident {
        /// The run.
        run: RunId,
        /// The incident.
        incident: IncidentId,
    },
    /// There is no such row.
    #[error("there is no {what} {id}")]
    NoSuch {
        /// What was looked for.
        what: &'static str,
        /// Its number.
        id: u64,
    },
    /// The live run is never deleted.
    #[error("run {run} holds what is live and cannot be deleted")]
    RunIsLive {
        /// The run.
        run: RunId,
    },
    /// A stored value cannot be read back.
    #[error("a stored {what} of database {} cannot be read", path.display())]
    Unreadable {
        /// The database.
        path: PathBuf,
        /// What it is.
        what: &'static str,
        /// Why not.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A value cannot be written as JSON.
    #[error("could not write a {what} as JSON")]
    Unwritable {
        /// What it is.
        what: &'static str,
        /// Why not.
        #[source]
        source: serde_json::Error,
    },
    /// The file system refused.
    #[error("could not {doing} {}", path.display())]
    File {
        /// What was tried.
        doing: &'static str,
        /// On which file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// The linked SQLite is older than is safe.
    #[error("SQLite {found} is linked, at least {needed} is needed")]
    OldSqlite {
        /// What is linked.
        found: &'static str,
        /// What is needed.
        needed: &'static str,
    },
    /// The file system has no write-ahead log (a network share, for example).
    #[error("the file system of {} cannot keep a write-ahead log", path.display())]
    NoWriteAheadLog {
        /// The database.
        path: PathBuf,
    },
    /// Anything else that SQLite reports.
    #[error("could not {doing} in database {}", path.display())]
    Database {
        /// What was tried.
        doing: &'static str,
        /// The database.
        path: PathBuf,
        /// What SQLite reported.
        #[source]
        source: rusqlite::Error,
    },
}

/// What an error means for the program: the command line maps these to exit codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StoreErrorKind {
    /// The file cannot be reached or written: missing, no space, refused by the system.
    Unavailable,
    /// The data is damaged, foreign, or of a newer program.
    Incompatible,
    /// Another process holds it, or took it over.
    Conflict,
    /// What was asked for does not exist or may not be done.
    Refused,
    /// A bug of ours.
    Internal,
}

impl StoreError {
    /// What it means for the program.
    #[must_use]
    pub const fn kind(&self) -> StoreErrorKind {
        match self {
            Self::InUse { .. } | Self::Fenced { .. } => StoreErrorKind::Conflict,
            Self::Missing { .. } | Self::Full { .. } | Self::File { .. } | Self::NoWriteAheadLog { .. } => {
                StoreErrorKind::Unavailable
            }
            Self::MustReopen { .. } | Self::Database { .. } => StoreErrorKind::Unavailable,
            Self::Foreign { .. } | Self::Corrupt { .. } | Self::Newer { .. } | Self::NotMigrated { .. } => {
                StoreErrorKind::Incompatible
            }
            Self::MigrationChanged { .. } | Self::SegmentCorrupt { .. } | Self::SegmentNewer { .. } => {
                StoreErrorKind::Incompatible
            }
            Self::StateMissing { .. } | Self::Unreadable { .. } => StoreErrorKind::Incompatible,
            Self::NoIncident { .. } | Self::NoSuch { .. } | Self::RunIsLive { .. } => StoreErrorKind::Refused,
            Self::SegmentConflict { .. } | Self::Unwritable { .. } | Self::OldSqlite { .. } => {
                StoreErrorKind::Internal
            }
        }
    }
}

/// What a step inside a transaction may fail with, before it is known what was being done to which file.
#[derive(Debug)]
pub(crate) enum Fault {
    /// SQLite's word.
    Sql(rusqlite::Error),
    /// Ours, final already.
    Store(StoreError),
    /// A stored text that is not the JSON it should be.
    Json(&'static str, serde_json::Error),
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sql(error)
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl Fault {
    /// Says what was being done, and sorts SQLite's errors by what the caller can do about them.
    pub(crate) fn settle(self, doing: &'static str, path: &Path) -> StoreError {
        let path = path.to_owned();
        let source = match self {
            Self::Store(error) => return error,
            Self::Json(what, error) => return StoreError::Unreadable { path, what, source: error.into() },
            Self::Sql(error) => error,
        };
        match &source {
            rusqlite::Error::SqliteFailure(failure, _) => match failure.code {
                ErrorCode::DiskFull => StoreError::Full { path, source },
                // The log's index could not grow: the disk is full as well.
                _ if failure.extended_code == SQLITE_IOERR_SHMSIZE => StoreError::Full { path, source },
                ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => StoreError::Corrupt { path, source },
                _ => StoreError::Database { doing, path, source },
            },
            rusqlite::Error::FromSqlConversionFailure(..)
            | rusqlite::Error::IntegralValueOutOfRange(..)
            | rusqlite::Error::InvalidColumnType(..)
            | rusqlite::Error::Utf8Error(..) => {
                StoreError::Unreadable { path, what: "value", source: Box::new(source) }
            }
            _ => StoreError::Database { doing, path, source },
        }
    }

    /// Whether the failure leaves open what reached the disk.
    pub(crate) fn leaves_doubt(&self) -> bool {
        let Self::Sql(rusqlite::Error::SqliteFailure(failure, _)) = self else { return false };
        failure.code == ErrorCode::SystemIoFailure && failure.extended_code != SQLITE_IOERR_SHMSIZE
    }
}

fn holder_words(holder: Option<u32>) -> String {
    holder.map_or_else(|| "another process".to_owned(), |process| format!("process {process}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(code: i32, kind: StoreErrorKind, words: &str, leaves_doubt: bool) {
        let failure = rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(code), None);
        let fault = Fault::Sql(failure);
        assert_eq!(fault.leaves_doubt(), leaves_doubt, "{code}");
        let error = fault.settle("store a commit", Path::new("a.db"));
        assert_eq!((error.kind(), error.to_string().as_str()), (kind, words), "{code}");
    }

    #[test]
    fn failures_are_sorted_by_what_can_be_done_about_them() {
        use rusqlite::ffi;
        let (full, other) = ("no space left for database a.db", "could not store a commit in database a.db");
        check(ffi::SQLITE_FULL, StoreErrorKind::Unavailable, full, false);
        check(SQLITE_IOERR_SHMSIZE, StoreErrorKind::Unavailable, full, false);
        check(ffi::SQLITE_CORRUPT, StoreErrorKind::Incompatible, "database a.db is damaged", false);
        check(ffi::SQLITE_NOTADB, StoreErrorKind::Incompatible, "database a.db is damaged", false);
        check(ffi::SQLITE_IOERR_FSYNC, StoreErrorKind::Unavailable, other, true);
        check(ffi::SQLITE_IOERR_WRITE, StoreErrorKind::Unavailable, other, true);
        check(ffi::SQLITE_BUSY, StoreErrorKind::Unavailable, other, false);
    }
}
