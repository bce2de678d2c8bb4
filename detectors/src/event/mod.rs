//! What happened in a registry, translated from whatever its log called it.
//!
//! Every wire format becomes an [`Event`]; everything after decoding reads nothing else. Names are normalised on
//! the way in, once: whoever holds an [`ArtifactKey`] or a [`Digest`] need not ask again.

mod actor;
mod artifact;
mod client;
mod kind;
mod position;
mod purl;
mod time;

pub use actor::{Actor, ActorKind, AuthMethod, Country};
pub use artifact::{Artifact, ArtifactKey, Digest, DigestError, shown_artifact};
pub use client::{Client, ClientRole};
pub use kind::{
    Access, AccessAction, Account, AccountChange, Check, CheckResult, EventKind, Metadata, Provenance,
    ProvenanceLevel, Publish, Sign, Signer, Tag, TransparencyLog, Verify, Withdraw, WithdrawAction,
};
pub use position::{EventId, NextOffset, PartitionId, Position};
pub use purl::{PackageUrl, PurlError};
pub use time::{EventTime, Span, TimeError};

use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// Longest string field of an event, in bytes; what is longer is cut and counted (EVENTS.md, Limits).
pub const MAX_STRING_BYTES: usize = 8 * 1024;
/// Longest list field of an event (EVENTS.md, Limits).
pub const MAX_LIST_ITEMS: usize = 4_096;
/// Most dependencies of one publish event (EVENTS.md, Limits).
pub const MAX_DEPENDENCIES: usize = 10_000;

/// One thing that happened, in event time, with the place of its raw record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// The producer's id, or the hash of the record.
    pub id: EventId,
    /// When it happened, by the log's own word.
    pub time: EventTime,
    /// Where its raw record lies.
    pub position: Position,
    /// Which registry or feed it concerns.
    pub registry: Arc<str>,
    /// What it was done to; absent where the log does not say (a login).
    pub artifact: Option<Artifact>,
    /// Who did it, as far as the log says.
    pub actor: Actor,
    /// How it ended.
    pub outcome: Outcome,
    /// The HTTP status beside the outcome.
    pub status: Option<u16>,
    /// Joins several logs of one request.
    pub request_id: Option<Arc<str>>,
    /// What happened.
    pub kind: EventKind,
}

/// How the thing that was asked for ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It was done.
    #[default]
    Success,
    /// It was refused (401, 403).
    Denied,
    /// There was no such thing (404, 410).
    NotFound,
    /// It failed.
    Error,
}

impl Outcome {
    /// The outcome that an HTTP status stands for.
    #[must_use]
    pub const fn of_status(status: u16) -> Self {
        match status {
            401 | 403 | 407 => Self::Denied,
            404 | 410 => Self::NotFound,
            400..=599 => Self::Error,
            _ => Self::Success,
        }
    }
}

/// An event in its place in a lane's order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ordered {
    /// The event.
    pub event: Arc<Event>,
    /// The order time τ: `max(time, M − lateness, floor)`, where M is the largest trusted time of the
    /// partition before this record. A lane's events are sorted by (τ, position).
    pub order: EventTime,
    /// What the order rule says about the event's own time.
    pub timeliness: Timeliness,
}

/// What the order rule says about an event's own time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Timeliness {
    /// Within the lateness of its partition.
    OnTime,
    /// Older than the lateness allows: counted, taught only where the detector allows it, pages nobody.
    Late,
    /// Ahead of its record's Kafka timestamp by more than the allowed skew: kept, never moves a watermark.
    Untrusted,
}
