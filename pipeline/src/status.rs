//! What the pipeline says about itself with every commit: rows of the store's status table, read by pages and by
//! the health check. Keys: `lane:<lane>` ([`LaneStatus`]),
//! `knowledge:<lane>` ([`detectors::engine::Knowledge`], with every save of state), `source:<name>` ([`SourceStatus`]),
//! `partition:<partition>` ([`PartitionStatus`]).

use std::collections::BTreeMap;
use std::sync::Arc;

use detectors::engine::IntakeCounters;
use detectors::event::{EventTime, PartitionId};
use ingest::decode::Decoder;
use serde::{Deserialize, Serialize};
use store::StatusRow;

use crate::flow::Flow;

/// How a lane is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LaneStatus {
    /// What it has released; absent before the first event.
    pub watermark: Option<EventTime>,
    /// Events that wait for their turn.
    pub waiting: u64,
    /// The partition that holds it back.
    pub waiting_for: Option<String>,
    /// Findings emitted so far.
    pub findings: u64,
    /// What was counted on the way in.
    pub intake: IntakeCounters,
}

/// How a source is.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SourceStatus {
    /// How its records are read.
    pub format: String,
    /// Records read.
    pub records: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Events that came out.
    pub events: u64,
    /// Records that could not be read, by reason.
    pub refused: BTreeMap<String, u64>,
    /// Fields that nobody reads, by name.
    pub unknown_fields: BTreeMap<String, u64>,
    /// The latest trouble, until a record comes again.
    pub trouble: Option<String>,
}

/// How a partition is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartitionStatus {
    /// What it does.
    pub state: PartitionState,
    /// The next record.
    pub next: i64,
}

/// What a partition does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum PartitionState {
    /// It is being read.
    Reading,
    /// It was read to the end of what there is.
    CaughtUp,
    /// It holds nobody back.
    Idle,
    /// It is over, or belongs to somebody else.
    Ended,
    /// Records that were to be read are gone: it stands still until an operator accepts that.
    DataLost {
        /// What was to be read.
        wanted: i64,
        /// The oldest record that still exists.
        oldest: Option<i64>,
        /// Why, in the broker's words.
        reason: String,
    },
}

impl SourceStatus {
    /// What a decoder has seen.
    #[must_use]
    pub fn of(decoder: &Decoder) -> Self {
        let counters = decoder.counters();
        let unknown = counters.unknown_fields.iter().map(|(name, count)| (name.to_owned(), count));
        Self {
            format: decoder.settings().format.word().to_owned(),
            records: counters.records,
            bytes: counters.bytes,
            events: counters.events,
            refused: counters
                .refused
                .iter()
                .map(|(reason, count)| (reason.word().to_owned(), *count))
                .collect(),
            unknown_fields: unknown.collect(),
            trouble: None,
        }
    }
}

/// Everything: lanes, sources with their trouble, partitions with their next record.
pub(crate) fn all(
    flow: &Flow,
    counted: bool,
    trouble: &BTreeMap<Arc<str>, String>,
    partitions: &BTreeMap<Arc<PartitionId>, (PartitionState, i64)>,
) -> Vec<StatusRow> {
    let mut rows = lanes(flow, counted);
    for decoder in flow.decoders() {
        let source = &decoder.settings().source;
        let status = SourceStatus { trouble: trouble.get(source).cloned(), ..SourceStatus::of(decoder) };
        rows.push(row(&format!("source:{source}"), &status));
    }
    for (id, (state, next)) in partitions {
        rows.push(row(&format!("partition:{id}"), &PartitionStatus { state: state.clone(), next: *next }));
    }
    rows
}

/// A row for each lane. `counted` says whether what the detectors know is to be counted anew, which visits every key.
fn lanes(flow: &Flow, counted: bool) -> Vec<StatusRow> {
    let mut rows = Vec::new();
    for lane in &flow.lanes {
        let watermark = Some(lane.order.watermark()).filter(|watermark| *watermark > EventTime::MIN);
        let status = LaneStatus {
            watermark,
            waiting: lane.order.waiting() as u64,
            waiting_for: lane.order.waiting_for().map(|(id, _)| id.to_string()),
            findings: lane.counters.findings,
            intake: *lane.engine.counters(),
        };
        rows.push(row(&format!("lane:{}", lane.lane.as_str()), &status));
        if counted {
            rows.push(row(&format!("knowledge:{}", lane.lane.as_str()), &lane.engine.knowledge()));
        }
    }
    rows
}

fn row<T: Serialize>(key: &str, body: &T) -> StatusRow {
    let body = serde_json::to_string(body).expect("plain structures of numbers and strings are always JSON");
    StatusRow { key: key.to_owned(), body, at: 0 }
}
