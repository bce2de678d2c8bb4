//! The outbox: from "somebody may have to be told" to "told", with every step on disk before it is taken.
//!
//! A commit leaves a [`ToRoute`] row. Routing turns it into messages, one a receiver, or into none, with its
//! reasons ([`Store::route`](crate::Store::route)). A dispatcher leases a message, sends it, and writes down what
//! came of it. Nothing lives in memory only: a lease that runs out is given to the next, marked as a possible
//! repeat.

mod breaker;
mod digest;
mod finish;
mod held;
mod lease;
mod list;
mod overdue;
mod restart;
mod route;
mod withdraw;

use detectors::finding::{IncidentId, Severity};
use detectors::incident::TransitionReason;
use serde::Serialize;

use crate::name::{ReceiverId, RunId};
use crate::word::{row_number, worded};

pub use breaker::Breaker;
pub use digest::{DIGEST_NAMES_MAX, DigestContents, FoldRequest};
pub use finish::{AfterAttempt, AttemptOutcome, AttemptRecord, Finished};
#[cfg(test)]
pub(crate) use lease::CANDIDATES;
pub use lease::{LeaseRequest, Leased};
pub use list::{Delivery, DeliveryFilter, ReceiverSummary, TEMPLATE_FAILED};
pub use overdue::Overdue;
pub use route::{Routed, RoutedRow, Routing};

row_number! {
    /// The number of something that waits for routing.
    ToRouteId
}
row_number! {
    /// A message's number, in the order of queuing.
    OutboxId
}
row_number! {
    /// The number of a step in an incident's life, from 1: each is told at most once to each receiver.
    TransitionNumber
}

/// What is told together: an incident by default (its id), else what alerting groups by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct GroupId(String);

impl GroupId {
    /// A group of this name.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self(name.into())
    }

    /// The group of one incident.
    #[must_use]
    pub fn of(incident: &IncidentId) -> Self {
        Self(incident.as_str().to_owned())
    }

    /// Its name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

worded! {
    /// What happened to an incident that somebody may have to be told.
    pub enum StepReason {
        /// Its first finding.
        Opened = "opened",
        /// A finding on a further subject or by a further detector.
        Grew = "grew",
        /// A finding that made it more severe.
        Escalated = "escalated",
        /// Somebody closed it.
        Resolved = "resolved",
        /// It came back after it was closed.
        Regressed = "regressed",
        /// Somebody took it up.
        Acknowledged = "acknowledged",
    }
}

impl StepReason {
    /// The step as the incident's own history knows it; that somebody took it up is not part of that.
    #[must_use]
    pub const fn transition(self) -> Option<TransitionReason> {
        match self {
            Self::Opened => Some(TransitionReason::Opened),
            Self::Grew => Some(TransitionReason::Grew),
            Self::Escalated => Some(TransitionReason::Escalated),
            Self::Resolved => Some(TransitionReason::Resolved),
            Self::Regressed => Some(TransitionReason::Regressed),
            Self::Acknowledged => None,
        }
    }
}

impl From<TransitionReason> for StepReason {
    fn from(reason: TransitionReason) -> Self {
        match reason {
            TransitionReason::Opened => Self::Opened,
            TransitionReason::Grew => Self::Grew,
            TransitionReason::Escalated => Self::Escalated,
            TransitionReason::Resolved => Self::Resolved,
            TransitionReason::Regressed => Self::Regressed,
        }
    }
}

worded! {
    /// Why a message is sent, as far as the store has to know.
    pub enum Purpose {
        /// News of an incident for those whom routing chose.
        News = "news",
        /// Nobody took the incident up in time: withdrawn as soon as somebody does.
        Unanswered = "unanswered",
        /// Many messages in one.
        Digest = "digest",
        /// Something about the program itself.
        Notice = "notice",
    }
}

/// Something that happened to an incident and that nobody has decided yet whether to tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToRoute {
    /// Its number.
    pub id: ToRouteId,
    /// In which world: `live`, or an exercise, whose scenario says whom it may reach.
    pub run: RunId,
    /// The incident as it is called now (it may have been swallowed since).
    pub incident: IncidentId,
    /// The incident as it was called when this happened.
    pub incident_then: IncidentId,
    /// The step's number.
    pub transition: TransitionNumber,
    /// What happened.
    pub reason: StepReason,
    /// How severe the incident was then.
    pub severity: Severity,
    /// When it was stored, by the clock.
    pub created_at: i64,
}

/// A message to be queued: one group's news for one receiver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewMessage {
    /// Why it is sent.
    pub purpose: Purpose,
    /// In which world.
    pub run: RunId,
    /// What is told together; messages of one group and receiver are sent in the order of their transitions.
    pub group: GroupId,
    /// Whom.
    pub receiver: ReceiverId,
    /// The step that is told. (run, group, receiver, transition) is queued once.
    pub transition: TransitionNumber,
    /// The incident it is about; `None` for a digest of many.
    pub incident: Option<IncidentId>,
    /// The stable id that the receiver sees, equal in every attempt.
    pub delivery_id: String,
    /// How severe it is.
    pub severity: Severity,
    /// What is to be told, as JSON; its form belongs to alerting.
    pub payload: String,
    /// Not before this clock time.
    pub due_at: i64,
}

worded! {
    /// In which state a message is, without the details of [`DeliveryState`].
    pub enum DeliveryStateKind {
        /// It waits for its first attempt.
        Queued = "queued",
        /// Somebody holds its lease.
        Sending = "sending",
        /// The receiver took it, and may yet lose it.
        Accepted = "accepted",
        /// The receiver has it.
        Delivered = "delivered",
        /// It waits for its next attempt.
        Retry = "retry",
        /// It was given up.
        Dead = "dead",
        /// It is told in a digest instead.
        Folded = "folded",
        /// Nobody needs it any more.
        Withdrawn = "withdrawn",
    }
}

/// In which state a message is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum DeliveryState {
    /// It waits for its first attempt.
    Queued {
        /// Until this clock time.
        due_at: i64,
    },
    /// Somebody holds its lease.
    Sending {
        /// Until this clock time.
        lease_until: i64,
    },
    /// The receiver took it, and may yet lose it.
    Accepted {
        /// When.
        at: i64,
    },
    /// The receiver has it.
    Delivered {
        /// When.
        at: i64,
    },
    /// It waits for its next attempt.
    Retry {
        /// Until this clock time.
        next_at: i64,
        /// Why the last one failed.
        reason: String,
    },
    /// It was given up.
    Dead {
        /// When.
        at: i64,
        /// Why.
        reason: String,
    },
    /// It is told in a digest instead.
    Folded {
        /// Since when.
        at: i64,
        /// In which; `None` once that was pruned.
        digest: Option<OutboxId>,
    },
    /// Nobody needs it any more.
    Withdrawn {
        /// Since when.
        at: i64,
        /// Why.
        reason: String,
    },
}

impl DeliveryState {
    /// The state without its details.
    #[must_use]
    pub const fn kind(&self) -> DeliveryStateKind {
        match self {
            Self::Queued { .. } => DeliveryStateKind::Queued,
            Self::Sending { .. } => DeliveryStateKind::Sending,
            Self::Accepted { .. } => DeliveryStateKind::Accepted,
            Self::Delivered { .. } => DeliveryStateKind::Delivered,
            Self::Retry { .. } => DeliveryStateKind::Retry,
            Self::Dead { .. } => DeliveryStateKind::Dead,
            Self::Folded { .. } => DeliveryStateKind::Folded,
            Self::Withdrawn { .. } => DeliveryStateKind::Withdrawn,
        }
    }
}
