//! The one database: progress, state segments, findings, incidents, outbox, what people decided, and the ledger.
//!
//! [`Store`] writes: one process, one connection, one transaction a call. [`Reader`] reads beside it, in this
//! process or in another one, and never makes a commit wait. Times that come from a clock are given by the caller
//! as nanoseconds since 1970; the store reads no clock. What it does not know, it refuses by name: a newer
//! schema, a newer segment, a changed migration, a second writer.

mod commit;
mod conditions;
mod control;
mod database;
mod dead_letter;
mod desk;
mod error;
mod finding;
mod incident;
mod ledger;
mod maintenance;
mod name;
mod outbox;
mod progress;
mod reader;
mod retention;
mod silence;
mod status;
mod triage;
mod word;
mod writer;

pub use commit::{Commit, Committed, IncidentChange, LanedFinding};
pub use control::{ControlKind, ControlRecord};
pub use dead_letter::{
    DeadLetter, DeadLetterCount, DeadLetterFilter, MAX_DETAIL_BYTES, MAX_HEAD_BYTES, StoredDeadLetter,
};
pub use desk::Desk;
pub use error::{StoreError, StoreErrorKind};
pub use finding::{FindingFilter, FindingSeq, Order, StoredFinding, SubjectMatch};
pub use incident::{IncidentCount, IncidentFilter, IncidentOrder, StoredIncident, Told};
pub use ledger::{Checkpoint, LedgerAction, LedgerEntry, LedgerFault, LedgerRow, leaf_hash};
pub use maintenance::{Maintenance, MaintenanceId, MaintenanceState, NewMaintenance};
pub use name::{LaneId, MAX_NAME_BYTES, NameError, ReceiverId, RunId, RunName};
pub use outbox::{
    AfterAttempt, AttemptOutcome, AttemptRecord, Breaker, DIGEST_NAMES_MAX, Delivery, DeliveryFilter,
    DeliveryState, DeliveryStateKind, DigestContents, Finished, FoldRequest, GroupId, LeaseRequest, Leased,
    NewMessage, OutboxId, Overdue, Purpose, ReceiverSummary, Routed, RoutedRow, Routing, StepReason,
    TEMPLATE_FAILED, ToRoute, ToRouteId, TransitionNumber,
};
pub use progress::{
    LaneProgress, LaneSave, PartitionPosition, SavedLane, SavedSegment, SegmentKind, SegmentSave, SegmentSize,
};
pub use reader::{MAX_READERS, Page, Reader};
pub use retention::{PRUNE_BATCH, Pruned, Retention};
pub use silence::{NewSilence, Silence, SilenceId, SilenceState};
pub use status::StatusRow;
pub use triage::{Decided, Triage, Verdict, VerdictRow};
pub use writer::{Epoch, Store};

#[cfg(test)]
mod tests;
