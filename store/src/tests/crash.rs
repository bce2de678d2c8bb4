//! Crashes: whatever is left of the write-ahead log, whole commits are there or nothing of them.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use super::world::{
    World, at, dead_letter, finding, id_of, incident, lane, laned, ledger_entry, live, position,
};
use crate::{Commit, Committed, IncidentChange, LaneSave, SegmentKind, SegmentSave, Store, StoreError};
use detectors::event::NextOffset;
use detectors::incident::TransitionReason;

/// How many commits the log holds.
const COMMITS: u32 = 4;

/// Stores a bit of everything, all of it naming `n`.
fn commit_everything(store: &Store, n: u32) -> Result<Committed, StoreError> {
    let (run, lane, found, folded) = (live(), lane(), [finding(n)], incident(&[n]));
    let bytes = vec![n as u8; 3_000];
    let seq = u64::from(n);
    let kind = if n == 1 { SegmentKind::Base } else { SegmentKind::Delta };
    let segment = SegmentSave { shard: 0, seq, kind, format: 1, detectors: [0; 32], bytes: &bytes };
    let save = LaneSave {
        lane: &lane,
        watermark: at(i64::from(n)),
        positions: &[position(i64::from(n))],
        segments: &[segment],
        counters: "{}",
    };
    let change = IncidentChange {
        incident: &folded,
        members: &[id_of(n)],
        superseded: &[],
        route: Some(TransitionReason::Opened),
    };
    store.commit(&Commit {
        findings: &laned(&lane, &found),
        incidents: &[change],
        dead_letters: &[dead_letter(i64::from(n), "bad-json")],
        lanes: &[save],
        ledger: &[ledger_entry(&n.to_string())],
        ..Commit::empty(&run, i64::from(n))
    })
}

/// The number of the last commit that the store holds, if every table agrees on it.
fn commits_in(store: &Store) -> u32 {
    let reader = store.reader();
    let all = crate::Page::first(100);
    let lanes = reader.load_lanes(&live(), 1).unwrap();
    let at_lane = lanes.first().map_or(0, |lane| lane.progress.positions[0].next.0);
    let counts = [
        i64::from(store_count(store, "finding")),
        i64::from(store_count(store, "finding_event")),
        reader.incidents(&crate::IncidentFilter::of(live()), crate::IncidentOrder::Newest, all).unwrap().len()
            as i64,
        reader.to_route(100).unwrap().len() as i64,
        reader.dead_letters(&live(), &crate::DeadLetterFilter::default(), all).unwrap().len() as i64,
        reader.ledger_size().unwrap() as i64,
        lanes.first().map_or(0, |lane| lane.segments.len() as i64),
        at_lane,
    ];
    assert!(counts.iter().all(|count| *count == counts[0]), "the tables disagree: {counts:?}");
    assert_eq!(
        lanes.first().map_or(NextOffset(0), |lane| lane.progress.positions[0].next),
        NextOffset(at_lane)
    );
    counts[0] as u32
}

fn store_count(store: &Store, table: &str) -> u32 {
    let sql = format!("SELECT count(*) FROM {table}");
    store
        .reader()
        .read("count", |transaction| Ok(transaction.query_row(&sql, [], |row| row.get(0))?))
        .unwrap()
}

/// What a machine finds that lost its power when the log had this many bytes.
fn survivor(database: &[u8], log: &[u8], folder: &Path) -> Store {
    let path = folder.join("sealwatch.db");
    fs::write(&path, database).unwrap();
    fs::write(folder.join("sealwatch.db-wal"), log).unwrap();
    Store::open(&path).unwrap()
}

#[test]
fn a_log_cut_anywhere_holds_whole_commits_only() {
    let world = World::new();
    let wal = world.path.with_extension("db-wal");
    let mut ends = vec![fs::read(&wal).unwrap().len()];
    for n in 1..=COMMITS {
        commit_everything(world.store(), n).unwrap();
        ends.push(fs::read(&wal).unwrap().len());
    }
    let (database, log) = (fs::read(&world.path).unwrap(), fs::read(&wal).unwrap());
    // Every few frames, and around the end of every commit: a byte short, exact, a byte and half a frame over.
    let frame = 4_096 + 24;
    let around = ends.iter().flat_map(|end| [end.saturating_sub(1), *end, end + 1, end + frame / 2]);
    let between = (ends[0]..log.len()).step_by(7 * frame);
    let cuts: BTreeSet<usize> =
        around.chain(between).filter(|cut| (ends[0]..=log.len()).contains(cut)).collect();
    let mut seen = BTreeSet::new();
    for cut in cuts {
        let folder = tempfile::tempdir().unwrap();
        let store = survivor(&database, &log[..cut], folder.path());
        let whole = ends.iter().filter(|end| **end <= cut).count() as u32 - 1;
        assert_eq!(commits_in(&store), whole, "cut at {cut} of {}", log.len());
        // What was lost is found again, and what was there is not stored twice.
        for n in 1..=COMMITS {
            let committed = commit_everything(&store, n).unwrap();
            assert_eq!(committed.new_findings, [n > whole], "finding {n} after a cut at {cut}");
            assert_eq!(committed.to_route, usize::from(n > whole));
        }
        assert_eq!(commits_in(&store), COMMITS);
        seen.insert(whole);
    }
    assert_eq!(seen.len() as u32, COMMITS + 1, "the cuts reach every commit");
}

#[test]
fn a_transaction_that_fails_half_way_leaves_nothing() {
    let world = World::new();
    commit_everything(world.store(), 1).unwrap();
    let before = world.dump();
    // The segment's number is taken, which is found out after findings, incidents and dead letters were inserted.
    let (run, lane, found) = (live(), lane(), [finding(2)]);
    let segment = SegmentSave {
        shard: 0,
        seq: 1,
        kind: SegmentKind::Base,
        format: 1,
        detectors: [0; 32],
        bytes: b"other",
    };
    let save =
        LaneSave { lane: &lane, watermark: at(9), positions: &[], segments: &[segment], counters: "{}" };
    let result = world.store().commit(&Commit {
        findings: &laned(&lane, &found),
        dead_letters: &[dead_letter(9, "bad-json")],
        lanes: &[save],
        ..Commit::empty(&run, 9)
    });
    assert!(matches!(result, Err(StoreError::SegmentConflict { shard: 0, seq: 1, .. })), "{result:?}");
    assert_eq!(world.dump(), before);
}

#[test]
fn a_panic_half_way_leaves_nothing_and_the_store_goes_on() {
    let world = World::new();
    commit_everything(world.store(), 1).unwrap();
    let before = world.dump();
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let _: Result<(), _> = world.store().write("panic", |transaction| {
            transaction.execute("DELETE FROM finding_event", [])?;
            panic!("a bug");
        });
    }));
    assert!(panicked.is_err());
    assert_eq!(world.dump(), before);
    commit_everything(world.store(), 2).unwrap();
    assert_eq!(commits_in(world.store()), 2);
}

#[test]
fn after_a_failed_write_nothing_is_claimed_until_the_file_is_opened_again() {
    let mut world = World::new();
    commit_everything(world.store(), 1).unwrap();
    let failed: Result<(), StoreError> = world.store().write("fail", |_| {
        let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_IOERR_FSYNC);
        Err(rusqlite::Error::SqliteFailure(code, None).into())
    });
    assert!(failed.is_err());
    let refused = commit_everything(world.store(), 2);
    assert!(matches!(refused, Err(StoreError::MustReopen { .. })), "{refused:?}");
    assert_eq!(commits_in(world.store()), 1, "reading goes on");
    world.reopen();
    commit_everything(world.store(), 2).unwrap();
    assert_eq!(commits_in(world.store()), 2);
}

#[test]
fn the_log_is_moved_into_the_database_beside_the_commits() {
    let world = World::new();
    let (run, lane) = (live(), lane());
    let bytes = vec![1; 4_000_000];
    let mut seq = 0;
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
    // The file grows only when pages are moved; the writer itself would do so at 64 MiB, which is not reached.
    while fs::metadata(&world.path).unwrap().len() < bytes.len() as u64 {
        assert!(std::time::Instant::now() < deadline, "nothing was moved");
        if seq < 2 {
            seq += 1;
            let kind = SegmentKind::Base;
            let segment = SegmentSave { shard: 0, seq, kind, format: 1, detectors: [0; 32], bytes: &bytes };
            let save = LaneSave {
                lane: &lane,
                watermark: at(1),
                positions: &[],
                segments: &[segment],
                counters: "{}",
            };
            world.store().commit(&Commit { lanes: &[save], ..Commit::empty(&run, 1) }).unwrap();
        }
        std::thread::yield_now();
    }
    assert_eq!(world.store().reader().load_lanes(&run, 1).unwrap()[0].segments[0].bytes, bytes);
}
