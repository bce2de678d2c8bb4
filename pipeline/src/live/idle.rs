//! When a partition that has been read to its end stops holding the others back.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use detectors::event::{NextOffset, PartitionId};

/// Partitions that have been read to their end, and since when.
#[derive(Debug, Default)]
pub(super) struct Idleness {
    since: BTreeMap<Arc<PartitionId>, (NextOffset, i64)>,
}

impl Idleness {
    /// A record came: the partition is not at its end.
    pub(super) fn delivered(&mut self, id: &Arc<PartitionId>) {
        if !self.since.is_empty() {
            self.since.remove(id);
        }
    }

    /// The partition was read to its end.
    pub(super) fn caught_up(&mut self, id: Arc<PartitionId>, next: NextOffset, now: i64) {
        self.since.entry(id).or_insert((next, now));
    }

    /// Takes out the partitions that have been at their end for `timeout`.
    pub(super) fn due(&mut self, now: i64, timeout: Duration) -> Vec<(Arc<PartitionId>, NextOffset)> {
        let timeout = i64::try_from(timeout.as_nanos()).unwrap_or(i64::MAX);
        let mut due = Vec::new();
        self.since.retain(|id, (next, since)| {
            let over = now.saturating_sub(*since) >= timeout;
            if over {
                due.push((Arc::clone(id), *next));
            }
            !over
        });
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partition_is_idle_after_the_timeout_at_its_end_and_not_before() {
        let id = Arc::new(PartitionId { source: "s".into(), stream: "t".into(), partition: 0 });
        let mut idleness = Idleness::default();
        let timeout = Duration::from_secs(1);
        idleness.caught_up(Arc::clone(&id), NextOffset(5), 0);
        assert!(idleness.due(999_999_999, timeout).is_empty());
        idleness.delivered(&id);
        assert!(idleness.due(i64::MAX, timeout).is_empty());
        idleness.caught_up(Arc::clone(&id), NextOffset(6), 10);
        assert_eq!(idleness.due(1_000_000_010, timeout), [(id, NextOffset(6))]);
        assert!(idleness.due(i64::MAX, timeout).is_empty(), "said once");
    }
}
