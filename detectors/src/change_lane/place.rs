//! Where earlier records of one artifact lie, without writing the name of their stream each time.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::event::{PartitionId, Position};
use crate::finding::RecordPosition;

/// Partitions whose names are kept; records of further ones are remembered without a position.
pub(crate) const MAX_PARTITIONS: usize = 8;

/// The partitions that an artifact's records came from.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct Places {
    partitions: Vec<Arc<PartitionId>>,
}

/// Where one record lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) enum Place {
    /// In a partition whose name is no longer kept, or before anything was seen.
    #[default]
    Unknown,
    /// In the partition with this number, at this offset.
    At(u8, i64),
}

impl Places {
    /// Remembers a position.
    pub(crate) fn keep(&mut self, position: &Position) -> Place {
        let known = self.partitions.iter().position(|partition| *partition == position.partition);
        let index = known.unwrap_or_else(|| {
            if self.partitions.len() < MAX_PARTITIONS {
                self.partitions.push(Arc::clone(&position.partition));
                self.partitions.len() - 1
            } else {
                MAX_PARTITIONS
            }
        });
        match u8::try_from(index) {
            Ok(index) if usize::from(index) < MAX_PARTITIONS => Place::At(index, position.offset),
            _ => Place::Unknown,
        }
    }

    /// The position as findings print it.
    pub(crate) fn find(&self, place: Place) -> Option<RecordPosition> {
        let Place::At(index, offset) = place else { return None };
        let partition = Arc::clone(self.partitions.get(usize::from(index))?);
        Some(RecordPosition::from(&Position { partition, offset, index: 0 }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn position(stream: &str, offset: i64) -> Position {
        let partition = PartitionId { source: "feed".into(), stream: stream.into(), partition: 0 };
        Position { partition: Arc::new(partition), offset, index: 0 }
    }

    #[test]
    fn positions_come_back_until_there_are_too_many_partitions() {
        let mut places = Places::default();
        let kept: Vec<Place> = (0..=MAX_PARTITIONS)
            .map(|at| places.keep(&position(&format!("topic-{at}"), at as i64)))
            .collect();
        let found = places.find(kept[3]).unwrap();
        assert_eq!((found.stream.as_str(), found.offset), ("topic-3", 3));
        assert_eq!(kept[MAX_PARTITIONS], Place::Unknown);
        assert_eq!(places.find(Place::Unknown), None);
        assert_eq!(places.keep(&position("topic-3", 9)), Place::At(3, 9));
    }
}
