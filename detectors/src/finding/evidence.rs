//! What a finding rests on: typed facts, each with the place of its raw record.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::event::{EventTime, Position};

/// One item of evidence.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Evidence {
    /// What it says.
    #[serde(flatten)]
    pub fact: Fact,
    /// Its event time.
    pub time: EventTime,
    /// Where its raw record lies; absent for a sum over many records.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub position: Option<RecordPosition>,
}

/// What an item of evidence says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Fact {
    /// A count over a window, and the band it was held against.
    Count {
        /// What was counted.
        what: String,
        /// How many.
        count: f64,
        /// Middle of the normal band.
        expected: f64,
        /// Hours of the window.
        hours: f64,
        /// Surprise of this window alone, in bits.
        bits: f64,
    },
    /// A field of the metadata that changed.
    Field {
        /// Which.
        field: String,
        /// What it was.
        before: String,
        /// What it is.
        after: String,
        /// How surprising this change alone is, in bits; negative speaks for an honest release.
        bits: f64,
    },
    /// A signature, or the one it is held against.
    Signature {
        /// `this` or `previous`.
        role: String,
        /// The key's id or the certificate's identity.
        signer: String,
        /// Who vouches for the identity.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        issuer: Option<String>,
        /// The digest that was signed.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        digest: Option<String>,
    },
    /// A tag, and what it points to.
    Tag {
        /// The tag.
        tag: String,
        /// What it pointed to.
        before: String,
        /// What it points to.
        after: String,
    },
    /// A version that was published.
    Publish {
        /// The version.
        version: String,
        /// Who published it.
        publisher: String,
    },
    /// One of many accesses, as an example.
    Access {
        /// What was asked for.
        artifact: String,
        /// Who asked.
        principal: String,
    },
}

/// The place of a raw record, as findings print it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RecordPosition {
    /// The source as configured.
    pub source: String,
    /// The topic, or the file's base name.
    pub stream: String,
    /// The partition.
    pub partition: i32,
    /// The record's offset or number.
    pub offset: i64,
}

impl From<&Position> for RecordPosition {
    fn from(position: &Position) -> Self {
        Self {
            source: position.partition.source.to_string(),
            stream: position.partition.stream.to_string(),
            partition: position.partition.partition,
            offset: position.offset,
        }
    }
}
