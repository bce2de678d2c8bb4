//! The schema's way forward: numbered steps, never back, each known by its hash, all in one transaction.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, TransactionBehavior};
use sha2::{Digest as _, Sha256};

use crate::error::{Fault, StoreError};

/// One step of the schema.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Migration {
    /// Its number; 1 is the first.
    pub(crate) version: u32,
    /// What it does.
    pub(crate) sql: &'static str,
}

/// Every step, in order. A released step is never edited: its hash is in every database that took it.
pub(crate) const MIGRATIONS: &[Migration] = &[
    Migration { version: 1, sql: include_str!("../../migrations/0001_first.sql") },
    Migration { version: 2, sql: include_str!("../../migrations/0002_maintenance.sql") },
];

/// Marks a file as ours (`SLWT`), so that another program's database is refused instead of changed.
const APPLICATION_ID: i32 = 0x534C_5754;

/// Brings the file to the newest schema. A file that holds data is copied beside itself first.
pub(crate) fn migrate(connection: &mut Connection, path: &Path, steps: &[Migration]) -> Result<(), Fault> {
    let found = check_schema(connection, path, steps)?;
    let newest = newest(steps);
    if found == newest {
        return Ok(());
    }
    if found > 0 {
        back_up(connection, path, found)?;
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.execute_batch(
        "CREATE TABLE IF NOT EXISTS migration (version INTEGER PRIMARY KEY, sha256 BLOB NOT NULL) STRICT",
    )?;
    for step in steps.iter().filter(|step| step.version > found) {
        transaction.execute_batch(step.sql)?;
        transaction.execute(
            "INSERT INTO migration (version, sha256) VALUES (?1, ?2)",
            (step.version, checksum(step)),
        )?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", newest)?;
    transaction.commit()?;
    tracing::info!(from = found, to = newest, "migrated the database");
    Ok(())
}

/// The file's schema number (0 for an empty file), if this program may use it.
pub(crate) fn check_schema(connection: &Connection, path: &Path, steps: &[Migration]) -> Result<u32, Fault> {
    let found: u32 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    let application: i32 = connection.query_row("PRAGMA application_id", [], |row| row.get(0))?;
    let tables: u32 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if tables == 0 && found == 0 {
        return Ok(0);
    }
    if application != APPLICATION_ID {
        return Err(StoreError::Foreign { path: path.to_owned() }.into());
    }
    let known = newest(steps);
    if found > known {
        return Err(StoreError::Newer { path: path.to_owned(), found, known }.into());
    }
    for step in steps.iter().filter(|step| step.version <= found) {
        let taken: Vec<u8> = connection.query_row(
            "SELECT sha256 FROM migration WHERE version = ?1",
            [step.version],
            |row| row.get(0),
        )?;
        if taken != checksum(step) {
            return Err(StoreError::MigrationChanged { path: path.to_owned(), version: step.version }.into());
        }
    }
    Ok(found)
}

/// The number of the newest step.
pub(crate) fn newest(steps: &[Migration]) -> u32 {
    steps.last().map_or(0, |step| step.version)
}

fn checksum(step: &Migration) -> Vec<u8> {
    Sha256::digest(step.sql.as_bytes()).to_vec()
}

fn back_up(connection: &Connection, path: &Path, found: u32) -> Result<(), Fault> {
    let copy = backup_path(path, found);
    if copy.exists() {
        // An earlier try was interrupted: its copy is of the same schema and at least as old, so it stays.
        return Ok(());
    }
    connection.execute("VACUUM INTO ?1", [copy.to_string_lossy()])?;
    Ok(())
}

/// Where the copy of a file lies that was made before it left schema `found`.
pub(crate) fn backup_path(path: &Path, found: u32) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".schema-{found}"));
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::open_writer;
    use crate::error::StoreError;

    const FIRST: Migration = Migration { version: 1, sql: "CREATE TABLE a (x INTEGER) STRICT" };
    const SECOND: Migration = Migration { version: 2, sql: "ALTER TABLE a ADD COLUMN y INTEGER" };
    const BROKEN: Migration =
        Migration { version: 2, sql: "ALTER TABLE a ADD COLUMN y INTEGER; SELECT nonsense" };

    /// Runs each list of steps on one file in turn; the last result as words.
    fn check(lists: &[&[Migration]], expected: &str) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        let mut last = String::new();
        for steps in lists {
            let mut connection = open_writer(&path).unwrap();
            last = match migrate(&mut connection, &path, steps) {
                Ok(()) => format!("at {}", check_schema(&connection, &path, steps).unwrap()),
                Err(Fault::Store(StoreError::Newer { found, known, .. })) => {
                    format!("newer {found} > {known}")
                }
                Err(Fault::Store(StoreError::MigrationChanged { version, .. })) => {
                    format!("changed {version}")
                }
                Err(_) => {
                    format!("failed at {}", check_schema(&connection, &path, &[FIRST, SECOND]).unwrap())
                }
            };
        }
        assert_eq!(last, expected);
        let backed_up = lists.len() > 1 && lists[0].len() < lists[1].len();
        assert_eq!(backup_path(&path, 1).exists(), backed_up);
    }

    #[test]
    fn steps_are_taken_once_and_in_order() {
        check(&[&[FIRST]], "at 1");
        check(&[&[FIRST, SECOND]], "at 2");
        check(&[&[FIRST], &[FIRST, SECOND], &[FIRST, SECOND]], "at 2");
    }

    #[test]
    fn a_newer_schema_is_refused() {
        check(&[&[FIRST, SECOND], &[FIRST]], "newer 2 > 1");
    }

    #[test]
    fn an_edited_step_is_refused() {
        check(&[&[FIRST], &[Migration { sql: "CREATE TABLE b (x INTEGER)", ..FIRST }]], "changed 1");
    }

    #[test]
    fn a_step_that_fails_changes_nothing() {
        check(&[&[FIRST], &[FIRST, BROKEN]], "failed at 1");
    }
}
