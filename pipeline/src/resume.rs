//! What of a flow is saved, and how it is taken up again.

use std::collections::BTreeMap;
use std::sync::Arc;

use detectors::engine::{Engine, LoadError, SavedKind, SavedPart};
use detectors::event::{EventTime, NextOffset, PartitionId};
use detectors::finding::DetectorId;
use ingest::ordering::{Activity, Floor, ResumePoint};
use serde::{Deserialize, Serialize};
use store::{ControlKind, ControlRecord, LaneId, PartitionPosition, Reader, RunId, SegmentKind, StoreError};
use thiserror::Error;

use crate::flow::{Control, Flow};
use crate::lane::{LaneCounters, LaneFlow};

/// Why saved state cannot be taken up.
#[derive(Debug, Error)]
pub enum ResumeError {
    /// The database refuses.
    #[error("cannot load the saved state")]
    Store(#[from] StoreError),
    /// A segment is not what this version reads.
    #[error("cannot use the saved state of the {lane} lane")]
    Engine {
        /// The lane.
        lane: &'static str,
        /// Why.
        #[source]
        source: LoadError,
    },
    /// It was made by other detectors.
    #[error("the saved state of the {lane} lane was made by other versions of the detectors")]
    OtherDetectors {
        /// The lane.
        lane: &'static str,
    },
    /// What stands beside the segments cannot be read.
    #[error("cannot read the saved {what} of the {lane} lane")]
    Unreadable {
        /// The lane.
        lane: &'static str,
        /// What.
        what: &'static str,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
}

/// A lane's state, ready to be stored.
pub(crate) struct OwnedSave {
    pub(crate) lane: LaneId,
    pub(crate) watermark: EventTime,
    pub(crate) positions: Vec<PartitionPosition>,
    pub(crate) parts: Vec<SavedPart>,
    pub(crate) seq: u64,
    pub(crate) counters: String,
}

/// What the order rule remembers of a partition.
#[derive(Serialize, Deserialize)]
struct Ordering {
    latest: Option<i64>,
    floor: i64,
    read: NextOffset,
    activity: Activity,
}

/// The body of a floor's control record.
#[derive(Serialize, Deserialize)]
struct FloorBody {
    partition: PartitionId,
    offset: i64,
    floor: i64,
}

pub(crate) fn lane_id(lane: &LaneFlow) -> LaneId {
    LaneId::parse(lane.lane.as_str()).expect("the names of lanes are names")
}

/// Hash over the detectors' major versions: state of another set is refused.
pub(crate) fn detectors_hash() -> [u8; 32] {
    use detectors::event::EventId;
    let list: Vec<_> =
        DetectorId::ALL.iter().map(|id| format!("{id} {}", detectors::catalogue::major(*id))).collect();
    match EventId::derive("detectors", list.join("\n").as_bytes(), 0) {
        EventId::Derived(hash) => hash,
        EventId::Producer(_) => [0; 32],
    }
}

/// What a lane is now, to be stored in one transaction with what it found up to here.
pub(crate) fn save(lane: &mut LaneFlow) -> OwnedSave {
    lane.counters.segments += 1;
    let positions = lane.order.resume_points().into_iter().map(|point| PartitionPosition {
        partition: PartitionId::clone(&point.partition),
        next: point.next,
        ordering: json(&Ordering {
            latest: point.latest.map(EventTime::nanos),
            floor: point.floor.nanos(),
            read: point.read,
            activity: point.activity,
        }),
    });
    OwnedSave {
        lane: lane_id(lane),
        watermark: lane.order.watermark(),
        positions: positions.collect(),
        seq: lane.counters.segments,
        counters: json(&lane.counters),
        parts: lane.engine.save().parts,
    }
}

/// Takes up a run's lanes where they were saved; returns from where each partition is to be read.
pub(crate) fn load(
    flow: &mut Flow,
    reader: &Reader,
    run: &RunId,
) -> Result<BTreeMap<Arc<PartitionId>, NextOffset>, ResumeError> {
    let mut starts: BTreeMap<Arc<PartitionId>, NextOffset> = BTreeMap::new();
    for saved in reader.load_lanes(run, detectors::engine::STATE_FORMAT)? {
        let Some(at) = flow.lanes.iter().position(|lane| lane.lane.as_str() == saved.progress.lane.as_str())
        else {
            continue;
        };
        let name = flow.lanes[at].lane.as_str();
        let unreadable = |what| move |source| ResumeError::Unreadable { lane: name, what, source };
        if saved.segments.iter().any(|segment| segment.detectors != detectors_hash()) {
            return Err(ResumeError::OtherDetectors { lane: name });
        }
        let parts = saved.segments.into_iter().map(|segment| SavedPart {
            part: segment.shard,
            kind: match segment.kind {
                SegmentKind::Base => SavedKind::Base,
                SegmentKind::Delta => SavedKind::Delta,
            },
            format: segment.format,
            bytes: segment.bytes,
        });
        load_parts(&mut flow.lanes[at].engine, parts, name)?;
        flow.lanes[at].counters =
            serde_json::from_str::<LaneCounters>(&saved.progress.counters).map_err(unreadable("counters"))?;
        let controls = reader.controls(run, &saved.progress.lane, 0)?;
        let mut floors = Vec::new();
        for control in controls.iter().filter(|control| control.kind == ControlKind::PartitionActive) {
            floors.push(serde_json::from_str::<FloorBody>(&control.body).map_err(unreadable("floors"))?);
        }
        for position in &saved.progress.positions {
            let ordering: Ordering =
                serde_json::from_str(&position.ordering).map_err(unreadable("positions"))?;
            let id = Arc::new(position.partition.clone());
            let point = ResumePoint {
                partition: Arc::clone(&id),
                next: position.next,
                latest: ordering.latest.map(EventTime::from_nanos),
                floor: EventTime::from_nanos(ordering.floor),
                read: ordering.read,
                activity: ordering.activity,
            };
            let ahead = floors
                .iter()
                .filter(|floor| floor.partition == *id && floor.offset >= position.next.0)
                .map(|floor| Floor {
                    partition: Arc::clone(&id),
                    offset: floor.offset,
                    floor: EventTime::from_nanos(floor.floor),
                });
            flow.resume_partition(at, &point, ahead);
            let start = starts.entry(id).or_insert(position.next);
            *start = (*start).min(position.next);
        }
        flow.lanes[at].order.resume_watermark(saved.progress.watermark);
    }
    Ok(starts)
}

fn load_parts(
    engine: &mut Engine,
    parts: impl Iterator<Item = SavedPart>,
    lane: &'static str,
) -> Result<(), ResumeError> {
    engine.load(parts).map_err(|source| ResumeError::Engine { lane, source })
}

/// A control record as the store keeps it.
pub(crate) fn control_record(
    lane: LaneId,
    sequence: u64,
    control: &Control,
    watermark: EventTime,
) -> ControlRecord {
    match control {
        Control::Idle(partition, next) => ControlRecord {
            lane,
            sequence,
            kind: ControlKind::PartitionIdle,
            takes_effect: watermark,
            after: None,
            body: json(&FloorBody {
                partition: PartitionId::clone(partition),
                offset: next.0,
                floor: watermark.nanos(),
            }),
        },
        Control::Back(floor) => ControlRecord {
            lane,
            sequence,
            kind: ControlKind::PartitionActive,
            takes_effect: floor.floor,
            after: None,
            body: json(&FloorBody {
                partition: PartitionId::clone(&floor.partition),
                offset: floor.offset,
                floor: floor.floor.nanos(),
            }),
        },
    }
}

pub(crate) fn json<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("plain structures of numbers and strings are always JSON")
}
