//! The client's own view of its partitions, taken from its statistics: what the binding's errors leave out.

use rdkafka::Statistics;

use super::TopicPartition;

/// What the client does with a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FetchState {
    /// Nothing: not begun yet, or its position was lost.
    Standing,
    /// Anything else.
    Working,
}

/// One partition in one snapshot. Offsets the client does not know are `None`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PartitionView {
    pub(super) topic: String,
    pub(super) partition: i32,
    pub(super) state: FetchState,
    /// The last offset at which the end was reached.
    pub(super) end_seen: Option<i64>,
    /// Records fetched, by any partition, and not yet polled.
    pub(super) queued: i64,
    pub(super) low: Option<i64>,
    pub(super) high: Option<i64>,
}

/// All partitions and brokers at one moment.
#[derive(Debug, Clone, Default)]
pub(super) struct Snapshot {
    pub(super) partitions: Vec<PartitionView>,
    pub(super) brokers_known: usize,
    pub(super) brokers_up: usize,
}

impl Snapshot {
    pub(super) fn of(statistics: &Statistics) -> Self {
        let known = |offset: i64| (offset >= 0).then_some(offset);
        let mut partitions = Vec::new();
        for topic in statistics.topics.values() {
            // Partition −1 stands for records without a partition yet.
            for view in topic.partitions.values().filter(|view| view.partition >= 0) {
                partitions.push(PartitionView {
                    topic: topic.topic.clone(),
                    partition: view.partition,
                    state: if view.fetch_state == "none" {
                        FetchState::Standing
                    } else {
                        FetchState::Working
                    },
                    end_seen: known(view.eof_offset),
                    queued: view.fetchq_cnt,
                    low: known(view.lo_offset),
                    high: known(view.ls_offset).or(known(view.hi_offset)),
                });
            }
        }
        // The bootstrap addresses are listed as brokers too, without a number.
        let brokers = statistics.brokers.values().filter(|broker| broker.nodeid >= 0);
        let (known, up) =
            brokers.fold((0, 0), |(known, up), broker| (known + 1, up + usize::from(broker.state == "UP")));
        Self { partitions, brokers_known: known, brokers_up: up }
    }

    pub(super) fn view(&self, topic: &str, partition: i32) -> Option<&PartitionView> {
        self.partitions.iter().find(|view| view.partition == partition && view.topic == topic)
    }
}

/// How a consumer is doing, at most one statistics interval (5 s) ago.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ConsumerHealth {
    /// Brokers of the cluster, as far as known.
    pub brokers_known: usize,
    /// Those with a working connection. The client connects only where it has something to do.
    pub brokers_up: usize,
    /// The assigned partitions.
    pub partitions: Vec<PartitionLag>,
}

/// How far a partition has been read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionLag {
    /// The partition.
    pub at: TopicPartition,
    /// The offset after the last polled record.
    pub next: i64,
    /// The oldest offset the broker holds, if known: reading below it is a loss.
    pub low: Option<i64>,
    /// The offset the next record will get, if known.
    pub high: Option<i64>,
}

impl PartitionLag {
    /// How many records there are left to read, if known.
    #[must_use]
    pub fn records(&self) -> Option<i64> {
        self.high.map(|high| high.saturating_sub(self.next).max(0))
    }
}
