//! State segments: what is loaded is what was saved, or it is refused by name.

use detectors::event::NextOffset;

use super::world::{World, at, lane, live, partition};
use crate::{
    Commit, LaneId, LaneSave, PartitionPosition, SegmentKind, SegmentSave, SegmentSize, Store, StoreError,
    StoreErrorKind,
};

use SegmentKind::{Base, Delta};

/// Saves a lane with these segments: (shard, number, kind, bytes).
fn save(store: &Store, lane: &LaneId, segments: &[(u32, u64, SegmentKind, &[u8])]) -> Result<(), StoreError> {
    let segments: Vec<SegmentSave<'_>> = segments
        .iter()
        .map(|(shard, seq, kind, bytes)| SegmentSave {
            shard: *shard,
            seq: *seq,
            kind: *kind,
            format: 2,
            detectors: [4; 32],
            bytes,
        })
        .collect();
    let next = segments.last().map_or(0, |segment| segment.seq as i64);
    let position = |number| PartitionPosition {
        partition: partition(number),
        next: NextOffset(next),
        ordering: format!("{{\"floor\":{number}}}"),
    };
    let positions = [position(0), position(11), position(2)];
    let save = LaneSave {
        lane,
        watermark: at(next),
        positions: &positions,
        segments: &segments,
        counters: "{\"n\":1}",
    };
    store.commit(&Commit { lanes: &[save], ..Commit::empty(&live(), 77) }).map(drop)
}

/// What a load hands over: (shard, number, kind, bytes).
fn loaded(store: &Store, lane: &LaneId) -> Vec<(u32, u64, SegmentKind, Vec<u8>)> {
    let lanes = store.reader().load_lanes(&live(), 2).unwrap();
    let lane = lanes.into_iter().find(|saved| saved.progress.lane == *lane).unwrap();
    lane.segments
        .into_iter()
        .map(|segment| (segment.shard, segment.seq, segment.kind, segment.bytes))
        .collect()
}

#[test]
fn a_base_replaces_what_came_before_it_in_its_shard_only() {
    let mut world = World::new();
    let (store, lane) = (world.store(), lane());
    save(store, &lane, &[(0, 1, Base, b"a1"), (1, 1, Base, b"b1")]).unwrap();
    save(store, &lane, &[(0, 2, Delta, b"a2"), (1, 2, Delta, b"b2")]).unwrap();
    save(store, &lane, &[(0, 3, Base, b"a3")]).unwrap();
    save(store, &lane, &[(0, 4, Delta, b"a4")]).unwrap();
    save(store, &lane, &[]).unwrap();
    world.reopen();
    let expected = [
        (0, 3, Base, b"a3".to_vec()),
        (0, 4, Delta, b"a4".to_vec()),
        (1, 1, Base, b"b1".to_vec()),
        (1, 2, Delta, b"b2".to_vec()),
    ];
    assert_eq!(loaded(world.store(), &lane), expected);
    let size = |shard, deltas, newest| SegmentSize {
        lane: lane.clone(),
        shard,
        base_bytes: 2,
        delta_bytes: 2 * deltas,
        deltas,
        newest,
    };
    assert_eq!(world.store().reader().segment_sizes(&live()).unwrap(), [size(0, 1, 4), size(1, 1, 2)]);
}

#[test]
fn positions_come_back_with_the_state_they_belong_to() {
    let world = World::new();
    save(world.store(), &lane(), &[(0, 1, Base, b"x")]).unwrap();
    save(world.store(), &lane(), &[(0, 8, Delta, b"y")]).unwrap();
    let progress = &world.store().reader().lanes(&live()).unwrap()[0];
    assert_eq!((progress.watermark, progress.counters.as_str(), progress.saved_at), (at(8), "{\"n\":1}", 77));
    let positions: Vec<_> = progress.positions.iter().map(|p| (p.partition.partition, p.next.0)).collect();
    assert_eq!(positions, [(0, 8), (2, 8), (11, 8)]);
    assert_eq!(progress.positions[2].ordering, "{\"floor\":11}");
    assert!(world.store().reader().lanes(&super::world::backtest()).unwrap().is_empty());
}

#[test]
fn a_number_cannot_be_used_for_other_bytes() {
    let world = World::new();
    let lane = lane();
    save(world.store(), &lane, &[(0, 1, Base, b"x")]).unwrap();
    save(world.store(), &lane, &[(0, 1, Base, b"x")]).unwrap();
    let error = save(world.store(), &lane, &[(0, 1, Base, b"y")]).unwrap_err();
    assert!(matches!(error, StoreError::SegmentConflict { shard: 0, seq: 1, .. }), "{error}");
    assert_eq!(loaded(world.store(), &lane), [(0, 1, Base, b"x".to_vec())]);
}

/// Saves two shards, changes something behind the store's back, and loads.
fn check_refused(sql: &str, kind: StoreErrorKind, words: &str) {
    let world = World::new();
    save(world.store(), &lane(), &[(0, 1, Base, b"aaaa"), (1, 1, Base, b"bbbb")]).unwrap();
    save(world.store(), &lane(), &[(1, 2, Delta, b"cccc")]).unwrap();
    world.store().write("meddle", |transaction| Ok(transaction.execute_batch(sql)?)).unwrap();
    let error = world.store().reader().load_lanes(&live(), 2).unwrap_err();
    assert_eq!(error.kind(), kind);
    assert!(error.to_string().contains(words), "`{error}` does not say `{words}`");
}

#[test]
fn a_flipped_byte_is_refused_by_the_segments_name() {
    let name = "segment 2 of shard 1, lane change, run live is damaged";
    let damage = |set: &str| format!("UPDATE segment SET {set} WHERE shard = 1 AND seq = 2");
    for set in
        ["bytes = x'63636362'", "bytes = x''", "format = 1", "kind = 'base'", "detectors = zeroblob(32)"]
    {
        check_refused(&damage(set), StoreErrorKind::Incompatible, name);
    }
    check_refused(
        "UPDATE segment SET seq = 3 WHERE seq = 2",
        StoreErrorKind::Incompatible,
        "segment 3 of shard 1, lane change, run live is damaged",
    );
}

#[test]
fn progress_without_its_state_is_refused() {
    let expected = "lane change of run live has progress but 2 of its 3 state segments";
    check_refused("DELETE FROM segment WHERE shard = 0", StoreErrorKind::Incompatible, expected);
    check_refused("DELETE FROM segment", StoreErrorKind::Incompatible, "but 0 of its 3 state segments");
    let world = World::new();
    save(world.store(), &lane(), &[]).unwrap();
    let error = world.store().reader().load_lanes(&live(), 2).unwrap_err();
    assert!(matches!(error, StoreError::StateMissing { expected: 0, found: 0, .. }), "{error}");
}

#[test]
fn a_newer_format_is_refused_and_an_older_one_handed_over() {
    let world = World::new();
    save(world.store(), &lane(), &[(0, 1, Base, b"x")]).unwrap();
    let error = world.store().reader().load_lanes(&live(), 1).unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Incompatible);
    assert!(error.to_string().ends_with("has format 2, this program knows up to 1"), "{error}");
    assert_eq!(world.store().reader().load_lanes(&live(), 3).unwrap()[0].segments[0].format, 2);
}

#[test]
fn a_load_can_be_stopped() {
    let world = World::new();
    save(world.store(), &lane(), &[(0, 1, Base, b"x"), (1, 1, Base, b"y")]).unwrap();
    let mut seen = 0;
    let stopped = world.store().reader().load_segments(&live(), &lane(), 2, |segment| {
        seen += 1;
        std::ops::ControlFlow::Break(segment.shard)
    });
    assert_eq!((stopped.unwrap(), seen), (Some(0), 1));
}
