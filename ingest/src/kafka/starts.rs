//! Where a partition is read from when it is assigned.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::sync::Arc;

use detectors::event::{NextOffset, PartitionId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::decode::UnknownWord;

/// Who knows how far a partition has been processed: the store. Asked anew at each assignment, since another member
/// may have gone on in between.
pub trait StartOffsets: Send {
    /// What to read next in this partition; `None` if it was never read.
    fn next_of(&mut self, partition: &PartitionId) -> Option<NextOffset>;
}

impl<F: FnMut(&PartitionId) -> Option<NextOffset> + Send> StartOffsets for F {
    fn next_of(&mut self, partition: &PartitionId) -> Option<NextOffset> {
        self(partition)
    }
}

impl StartOffsets for BTreeMap<Arc<PartitionId>, NextOffset> {
    fn next_of(&mut self, partition: &PartitionId) -> Option<NextOffset> {
        self.get(partition).copied()
    }
}

/// Where to begin a partition that was never read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum StartPolicy {
    /// At its oldest record: all that the topic still holds is learned from.
    #[default]
    Beginning,
    /// After its newest record: nothing is known of what was before.
    End,
    /// Nowhere: it stands still until an operator says where.
    Error,
}

impl StartPolicy {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Beginning, Self::End, Self::Error];

    /// The word in the configuration.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Beginning => "beginning",
            Self::End => "end",
            Self::Error => "error",
        }
    }
}

impl FromStr for StartPolicy {
    type Err = UnknownWord;

    fn from_str(word: &str) -> Result<Self, UnknownWord> {
        Self::ALL.into_iter().find(|policy| policy.word() == word).ok_or_else(|| UnknownWord(word.to_owned()))
    }
}
