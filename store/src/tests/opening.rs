//! Opening: one writer, many readers, and what is refused.

use std::fs;

use rusqlite::Connection;

use super::world::{World, at, commit_incident, dump, finding, lane, laned, live, position};
use crate::database::{MIGRATIONS, newest_schema};
use crate::{
    Commit, FindingFilter, LaneSave, Page, SegmentKind, SegmentSave, Store, StoreError, StoreErrorKind,
};

/// The error of an opening, by its kind and the words people see.
fn check(result: Result<(), StoreError>, kind: StoreErrorKind, words: &str) {
    let error = result.unwrap_err();
    assert_eq!(error.kind(), kind, "{error}");
    assert!(error.to_string().contains(words), "`{error}` does not say `{words}`");
}

/// What another program could do to the file while nobody has it open.
fn meddle(world: &mut World, sql: &str) {
    world.store = None;
    Connection::open(&world.path).unwrap().execute_batch(sql).unwrap();
}

#[test]
fn an_empty_folder_becomes_a_database_of_the_newest_schema() {
    let world = World::new();
    assert_eq!(world.store().epoch().0, 1);
    let reader = Store::open_read_only(&world.path).unwrap();
    assert!(reader.check_integrity().is_ok());
    let tables = "progress segment control finding finding_event incident to_route outbox attempt dead_letter silence \
                  verdict ledger checkpoint";
    let connection = Connection::open(&world.path).unwrap();
    for table in tables.split_whitespace() {
        let found: u32 = connection
            .query_row(
                "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = ?1",
                [table],
                |row| row.get(0),
            )
            .unwrap();
        assert_eq!(found, 1, "{table}");
    }
    assert_eq!(MIGRATIONS.len() as u32, newest_schema(), "steps are numbered from 1 without gaps");
}

#[test]
fn what_is_reported_as_stored_was_synced() {
    let world = World::new();
    let setting = |name: &str| {
        let ask = format!("SELECT * FROM pragma_{name}");
        let answer = |transaction: &rusqlite::Transaction<'_>| {
            Ok(transaction.query_row(&ask, [], |row| row.get_ref(0).map(|value| format!("{value:?}")))?)
        };
        world.store().write("ask", answer).unwrap()
    };
    assert_eq!(setting("synchronous"), "Integer(2)", "full: the log is synced with every commit");
    assert_eq!(setting("foreign_keys"), "Integer(1)");
    assert!(setting("journal_mode").contains(&format!("{:?}", b"wal")));
}

#[test]
fn every_opening_has_its_own_epoch_and_keeps_what_is_there() {
    let mut world = World::new();
    commit_incident(world.store(), &live(), &[1]);
    let before = world.dump();
    world.reopen();
    assert_eq!(world.store().epoch().0, 2);
    assert_eq!(world.dump(), before);
}

#[test]
fn a_second_writer_is_refused_and_told_who_is_there() {
    let world = World::new();
    let words = format!("in use by process {}", std::process::id());
    check(Store::open(&world.path).map(drop), StoreErrorKind::Conflict, &words);
}

#[test]
fn the_file_is_free_when_the_last_clone_is_gone() {
    let mut world = World::new();
    let clone = world.store().clone();
    world.store = None;
    check(Store::open(&world.path).map(drop), StoreErrorKind::Conflict, "in use");
    drop(clone);
    assert!(Store::open(&world.path).is_ok());
}

#[test]
fn a_stale_writer_is_fenced_once_another_took_over() {
    let world = World::new();
    let stale = world.store();
    commit_incident(stale, &live(), &[1]);
    // The lock is broken the way an eager administrator would.
    fs::remove_file(crate::database::lock_path(&world.path)).unwrap();
    let newer = Store::open(&world.path).unwrap();
    let before = dump(&newer);
    let (found, lane, run) = ([finding(2)], lane(), live());
    let late = stale.commit(&Commit { findings: &laned(&lane, &found), ..Commit::empty(&run, 2) });
    assert!(matches!(late, Err(StoreError::Fenced { mine, current, .. }) if mine.0 == 1 && current.0 == 2));
    let lease = crate::LeaseRequest {
        now: 0,
        lease: 1,
        limit: 1,
        per_receiver: 1,
        except: &[],
        ..crate::LeaseRequest::at(0)
    };
    assert!(
        stale.lease(&lease).is_ok_and(|leased| leased.is_empty()),
        "nothing is due, so nothing is written"
    );
    check(stale.append_ledger(&[super::world::ledger_entry("k")]), StoreErrorKind::Conflict, "taken over");
    assert_eq!(dump(&newer), before);
    commit_incident(&newer, &live(), &[2]);
}

#[test]
fn readers_see_every_commit_beside_the_writer_and_cannot_write() {
    let world = World::new();
    let reader = Store::open_read_only(&world.path).unwrap();
    let count = || reader.count_findings(&FindingFilter::of(live())).unwrap();
    let counter = reader.change_counter().unwrap();
    assert_eq!(count(), 0);
    commit_incident(world.store(), &live(), &[1, 2]);
    assert_eq!(count(), 2);
    assert_ne!(reader.change_counter().unwrap(), counter);
    let attempt = reader.read("write", |transaction| Ok(transaction.execute("DELETE FROM finding", [])?));
    assert!(attempt.is_err());
    assert_eq!(count(), 2);
}

#[test]
fn reading_does_not_wait_for_a_commit_in_progress() {
    let world = World::new();
    commit_incident(world.store(), &live(), &[1]);
    let seen = world.store().write("wait", |transaction| {
        transaction.execute("DELETE FROM incident_subject", [])?;
        let all = FindingFilter::of(live());
        Ok(world.store().reader().findings(&all, crate::Order::OldestFirst, Page::first(10))?.len())
    });
    assert_eq!(seen.unwrap(), 1);
}

#[test]
fn a_read_only_opening_needs_a_file_of_the_right_schema() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("none.db");
    check(Store::open_read_only(&path).map(drop), StoreErrorKind::Unavailable, "does not exist");
    fs::write(&path, b"").unwrap();
    check(
        Store::open_read_only(&path).map(drop),
        StoreErrorKind::Incompatible,
        "must first be opened for writing",
    );
    assert_eq!(fs::read(&path).unwrap(), b"", "it was not touched");
}

#[test]
fn a_damaged_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("damaged.db");
    fs::write(&path, [b'x'; 8_192]).unwrap();
    check(Store::open(&path).map(drop), StoreErrorKind::Incompatible, "is damaged");
    check(Store::open_read_only(&path).map(drop), StoreErrorKind::Incompatible, "is damaged");

    let mut world = World::new();
    commit_incident(world.store(), &live(), &(0..200).collect::<Vec<_>>());
    world.store = None;
    let mut bytes = fs::read(&world.path).unwrap();
    bytes[4_096..20_480].fill(0xAA);
    fs::write(&world.path, bytes).unwrap();
    let opened = Store::open(&world.path).and_then(|store| store.reader().check_integrity());
    check(opened, StoreErrorKind::Incompatible, "is damaged");
}

#[test]
fn another_programs_database_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("foreign.db");
    Connection::open(&path).unwrap().execute_batch("CREATE TABLE mail (x); PRAGMA user_version = 1").unwrap();
    check(Store::open(&path).map(drop), StoreErrorKind::Incompatible, "another program");
}

#[test]
fn a_newer_schema_is_refused() {
    let mut world = World::new();
    let newer = newest_schema() + 1;
    meddle(&mut world, &format!("PRAGMA user_version = {newer}"));
    check(Store::open(&world.path).map(drop), StoreErrorKind::Incompatible, &format!("has schema {newer}"));
    check(
        Store::open_read_only(&world.path).map(drop),
        StoreErrorKind::Incompatible,
        "this program knows up to",
    );
}

#[test]
fn a_changed_migration_is_refused() {
    let mut world = World::new();
    meddle(&mut world, "UPDATE migration SET sha256 = zeroblob(32)");
    check(Store::open(&world.path).map(drop), StoreErrorKind::Incompatible, "migration 1");
}

#[test]
fn a_full_disk_stores_nothing_and_the_same_commit_works_once_there_is_space() {
    let world = World::new();
    let store = world.store();
    commit_incident(store, &live(), &[1]);
    store.limit_size(1).unwrap();
    let before = world.dump();
    let (run, lane, found, bytes) = (live(), lane(), [finding(2)], vec![3; 400_000]);
    let segment = SegmentSave {
        shard: 0,
        seq: 1,
        kind: SegmentKind::Base,
        format: 1,
        detectors: [0; 32],
        bytes: &bytes,
    };
    let save = LaneSave {
        lane: &lane,
        watermark: at(5),
        positions: &[position(3)],
        segments: &[segment],
        counters: "{}",
    };
    let commit = Commit { findings: &laned(&lane, &found), lanes: &[save], ..Commit::empty(&run, 2) };
    let result = store.commit(&commit);
    assert!(matches!(result, Err(StoreError::Full { .. })), "{result:?}");
    assert_eq!(world.dump(), before);
    store.limit_size(100_000_000).unwrap();
    assert_eq!(store.commit(&commit).unwrap().new_findings, [true]);
    assert_eq!(store.reader().load_lanes(&run, 1).unwrap()[0].segments[0].bytes, bytes);
}

#[test]
fn a_backup_taken_while_writing_opens_as_a_database() {
    let world = World::new();
    commit_incident(world.store(), &live(), &[1, 2, 3]);
    let copy = world.path.with_extension("copy");
    world.store().reader().back_up(&copy).unwrap();
    assert!(world.store().reader().back_up(&copy).is_err(), "it does not overwrite");
    assert_eq!(dump(&Store::open(&copy).unwrap()), world.dump());
}

#[cfg(unix)]
#[test]
fn the_file_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let world = World::new();
    commit_incident(world.store(), &live(), &[1]);
    for suffix in ["", "-wal"] {
        let path = format!("{}{suffix}", world.path.display());
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600, "{path}");
    }
}
