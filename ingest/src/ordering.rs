//! One order for each lane: its partitions merged by event time, so that the race between them changes nothing.
//!
//! For partition *p* let *M* be the largest trusted time before a record. The record's order time is
//! τ = max(t, M − lateness, floor), and it is late when t < M − lateness: both are facts of its own partition.
//! A lane releases by (τ, position) what lies strictly below the minimum of (M − lateness) over its active
//! partitions. A partition that went idle holds nobody back; when it comes back its records are lifted to the
//! watermark by a *floor*, which is the one thing that depends on the race and is therefore a control record
//! (DESIGN.md, Time and order).

mod bounds;
mod partition;
mod run;
mod spill;
#[cfg(test)]
mod tests;

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

use detectors::event::{Event, EventTime, Ordered, PartitionId, Timeliness};
use thiserror::Error;

pub use bounds::{MAX_AGE, MAX_CLOCK_SKEW, MERGE_BUFFER, MERGE_SPILL, MergeBounds};
use partition::Partition;
pub use partition::{Activity, ResumePoint, TimeRule};
pub use spill::SpillError;

/// A partition of a lane, by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PartitionIndex(u32);

/// A floor that a partition got when it came back: whatever else changes a finding is a record in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Floor {
    /// The partition.
    pub partition: Arc<PartitionId>,
    /// From this offset on.
    pub offset: i64,
    /// Order times are at least this.
    pub floor: EventTime,
}

/// Why a lane cannot go on.
#[derive(Debug, Error)]
pub enum OrderError {
    /// The spill is full.
    #[error("the merge holds more than it may because it waits for {waiting_for}")]
    Full {
        /// The partition that holds the others back.
        waiting_for: String,
    },
    /// The spill cannot be written or read.
    #[error("the merge cannot spill its queue")]
    Spill(#[from] SpillError),
}

/// One record's events on their way into a lane.
#[derive(Debug)]
pub struct Incoming<'a> {
    /// The record's offset.
    pub offset: i64,
    /// Its Kafka timestamp, in milliseconds since 1970.
    pub timestamp_ms: Option<i64>,
    /// Its bytes, for the memory bound.
    pub bytes: usize,
    /// Its events.
    pub events: &'a [Arc<Event>],
}

/// The merge of one lane.
#[derive(Debug)]
pub struct LaneOrder {
    takes: Takes,
    bounds: MergeBounds,
    partitions: Vec<Partition>,
    /// The first of each partition's run, and what came out of its partition's order.
    heap: BinaryHeap<Reverse<Waiting>>,
    in_memory: usize,
    watermark: EventTime,
}

/// Which events a lane takes; the others only tell it that time passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Takes {
    /// All but access events.
    Changes,
    /// All events.
    Everything,
}

impl Takes {
    fn takes(self, event: &Event) -> bool {
        self == Self::Everything || !matches!(event.kind, detectors::event::EventKind::Access(_))
    }
}

/// An event that waits for its turn.
#[derive(Debug)]
struct Waiting {
    order: EventTime,
    event: Arc<Event>,
    partition: u32,
    ticket: u64,
    bytes: u32,
    timeliness: Timeliness,
    queue: Queue,
}

/// Where an event waits. Most come in their partition's order: they need only be held against other partitions, one of
/// each at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Queue {
    /// In its partition's run.
    Run,
    /// By itself.
    Alone,
}

impl Waiting {
    fn key(&self) -> (EventTime, &detectors::event::Position) {
        (self.order, &self.event.position)
    }
}

impl PartialEq for Waiting {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}
impl Eq for Waiting {}
impl PartialOrd for Waiting {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Waiting {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        // The position is compared on a tie alone: it lies behind two pointers.
        self.order.cmp(&other.order).then_with(|| self.event.position.cmp(&other.event.position))
    }
}

impl LaneOrder {
    /// A lane without partitions.
    #[must_use]
    pub const fn new(takes: Takes, bounds: MergeBounds) -> Self {
        Self {
            takes,
            bounds,
            partitions: Vec::new(),
            heap: BinaryHeap::new(),
            in_memory: 0,
            watermark: EventTime::MIN,
        }
    }

    /// Adds a partition, or finds it. A new one holds the lane back until it has delivered, or is marked idle; one
    /// that comes when the lane is under way gets a floor with its first record.
    pub fn partition(&mut self, id: &Arc<PartitionId>, rule: TimeRule) -> PartitionIndex {
        let at = self.partitions.iter().position(|partition| partition.id == *id).unwrap_or_else(|| {
            self.partitions.push(Partition::new(Arc::clone(id), rule, self.watermark > EventTime::MIN));
            self.partitions.len() - 1
        });
        PartitionIndex(u32::try_from(at).unwrap_or(u32::MAX))
    }

    /// Takes up a partition where it was left, with the floors that were given after that point.
    pub fn resume(
        &mut self,
        at: PartitionIndex,
        point: &ResumePoint,
        floors: impl IntoIterator<Item = Floor>,
    ) {
        self.partitions[at.0 as usize].resume(point);
        self.replay_floors(at, floors);
    }

    /// Floors that are read back from a recording or the store take effect at their offsets.
    pub fn replay_floors(&mut self, at: PartitionIndex, floors: impl IntoIterator<Item = Floor>) {
        let partition = &mut self.partitions[at.0 as usize];
        partition.floors_ahead.extend(floors.into_iter().map(|floor| (floor.offset, floor.floor)));
    }

    /// Sets the watermark that the lane had reached: what lies below it was released before.
    pub fn resume_watermark(&mut self, watermark: EventTime) {
        self.watermark = self.watermark.max(watermark);
    }

    /// Takes in a record's events. Returns the floor that its partition got, if it just came back.
    ///
    /// # Errors
    /// [`OrderError`] when the merge is full or cannot spill.
    pub fn push(&mut self, at: PartitionIndex, incoming: &Incoming<'_>) -> Result<Option<Floor>, OrderError> {
        let watermark = self.watermark;
        let which = at.0 as usize;
        if incoming.offset < self.partitions[which].next.0 {
            // Read again for another lane's sake, or delivered twice.
            return Ok(None);
        }
        let floor = self.partitions[which].arrive(incoming.offset, watermark);
        let bytes = u32::try_from(size_of::<Event>() + incoming.bytes / incoming.events.len().max(1));
        let bytes = bytes.unwrap_or(u32::MAX);
        // M is that of before the record for all its events.
        let mut latest = self.partitions[which].latest;
        for event in incoming.events {
            let partition = &mut self.partitions[which];
            let judged = partition.judge(event.time, incoming.timestamp_ms);
            if judged.timeliness != Timeliness::Untrusted {
                latest = latest.max(Some(event.time));
            }
            // What was released before a restart is dropped: it lies strictly below the watermark.
            let released = judged.order < watermark && partition.was_read(incoming.offset);
            if released || !self.takes.takes(event) {
                continue;
            }
            let waiting = Waiting {
                order: judged.order,
                event: Arc::clone(event),
                partition: at.0,
                ticket: partition.hold(incoming.offset, judged.order),
                bytes,
                timeliness: judged.timeliness,
                queue: Queue::Alone,
            };
            if partition.spill.is_none() && self.in_memory + bytes as usize <= self.bounds.buffer {
                self.in_memory += bytes as usize;
                self.heap.extend(partition.run.admit(waiting).map(Reverse));
            } else {
                self.spill(at, &waiting)?;
            }
        }
        self.partitions[which].took(incoming.offset, latest);
        Ok(floor)
    }

    /// A partition has nothing more to give for now: it no longer holds the lane back.
    pub fn mark_idle(&mut self, at: PartitionIndex) {
        let partition = &mut self.partitions[at.0 as usize];
        if partition.activity == Activity::Active && !partition.was_read(partition.next.0) {
            partition.activity = Activity::Idle;
        }
    }

    /// A partition that had been taken away is ours again: its first new record gets a floor.
    pub fn reopen(&mut self, at: PartitionIndex) {
        self.partitions[at.0 as usize].reopen(self.watermark > EventTime::MIN);
    }

    /// A partition has ended (a file) or was taken away: it never holds the lane back again.
    pub fn mark_ended(&mut self, at: PartitionIndex) {
        self.partitions[at.0 as usize].activity = Activity::Ended;
    }

    /// Moves about `max` events that are due into `out`, in order, and returns the watermark: every later event's
    /// order time is at or after it.
    ///
    /// # Errors
    /// [`OrderError::Spill`] when a spilled queue cannot be read back.
    pub fn release(&mut self, max: usize, out: &mut Vec<Ordered>) -> Result<EventTime, OrderError> {
        let due = self.due();
        let end = out.len().saturating_add(max);
        loop {
            let frontier = self.unspill(due)?;
            while let Some(Reverse(first)) = self.heap.peek() {
                if first.order >= frontier {
                    break;
                }
                // Events of one moment are never parted: a floor or a restart between them would change their order.
                if out.len() >= end && out.last().is_some_and(|last| last.order < first.order) {
                    self.watermark = self.watermark.max(first.order);
                    return Ok(self.watermark);
                }
                let Some(Reverse(waiting)) = self.heap.pop() else { break };
                self.in_memory = self.in_memory.saturating_sub(waiting.bytes as usize);
                let partition = &mut self.partitions[waiting.partition as usize];
                partition.let_go(waiting.ticket);
                if waiting.queue == Queue::Run {
                    self.heap.extend(partition.run.next().map(Reverse));
                }
                out.push(Ordered {
                    order: waiting.order,
                    event: waiting.event,
                    timeliness: waiting.timeliness,
                });
            }
            self.watermark = self.watermark.max(frontier);
            if frontier >= due {
                return Ok(self.watermark);
            }
        }
    }

    /// The watermark that has been reached.
    #[must_use]
    pub const fn watermark(&self) -> EventTime {
        self.watermark
    }

    /// The active partition that holds the others back, and the time it has reached.
    #[must_use]
    pub fn waiting_for(&self) -> Option<(&Arc<PartitionId>, Option<EventTime>)> {
        self.partitions
            .iter()
            .filter(|partition| partition.activity == Activity::Active)
            .min_by_key(|partition| partition.reached())
            .map(|partition| (&partition.id, partition.latest))
    }

    /// Where each partition is to be taken up again, with what the order of its records depends on there.
    #[must_use]
    pub fn resume_points(&self) -> Vec<ResumePoint> {
        self.partitions.iter().map(Partition::resume_point).collect()
    }

    /// Events that wait, in memory and on disk.
    #[must_use]
    pub fn waiting(&self) -> usize {
        let behind = self
            .partitions
            .iter()
            .map(|partition| partition.run.behind() + partition.spill.as_ref().map_or(0, spill::Spill::len));
        self.heap.len() + behind.sum::<usize>()
    }

    /// What may be released: everything strictly below it.
    fn due(&self) -> EventTime {
        if let Some(least) = self.partitions.iter().filter_map(Partition::holds_at).min() {
            return least.max(self.watermark);
        }
        // Nobody holds anybody back: time is at the newest event, and that one is due, too.
        let newest = self.partitions.iter().filter_map(Partition::newest).max();
        newest.map_or(self.watermark, |newest| newest.next().max(self.watermark))
    }

    fn spill(&mut self, at: PartitionIndex, waiting: &Waiting) -> Result<(), OrderError> {
        let spilled: u64 = self
            .partitions
            .iter()
            .filter_map(|partition| partition.spill.as_ref())
            .map(spill::Spill::bytes)
            .sum();
        if spilled >= self.bounds.spill {
            let waiting_for =
                self.waiting_for().map_or_else(|| "no partition".to_owned(), |(id, _)| id.to_string());
            return Err(OrderError::Full { waiting_for });
        }
        let partition = &mut self.partitions[at.0 as usize];
        let reached = partition.reached();
        let queue = match partition.spill.as_mut() {
            Some(queue) => queue,
            None => partition.spill.insert(spill::Spill::create(&self.bounds.folder)?),
        };
        Ok(queue.write(&spill::Spilled {
            reached,
            order: waiting.order,
            ticket: waiting.ticket,
            bytes: waiting.bytes,
            timeliness: waiting.timeliness,
            event: Arc::clone(&waiting.event),
        })?)
    }

    /// Reads spilled queues back as far as `due` needs and the buffer allows; returns how far everything is in memory.
    fn unspill(&mut self, due: EventTime) -> Result<EventTime, OrderError> {
        let mut frontier = due;
        for (at, partition) in self.partitions.iter_mut().enumerate() {
            let Some(queue) = partition.spill.as_mut() else { continue };
            // At least one chunk, or a full buffer would never move.
            let mut budget = (self.bounds.buffer / 4).max(1 << 16);
            while let Some(reached) = queue.next_reached()? {
                if reached >= due {
                    break;
                }
                if budget == 0 {
                    frontier = frontier.min(reached);
                    break;
                }
                let Some(spilled) = queue.read()? else { break };
                budget = budget.saturating_sub(spilled.bytes as usize);
                self.in_memory += spilled.bytes as usize;
                let waiting = Waiting {
                    order: spilled.order,
                    event: spilled.event,
                    partition: u32::try_from(at).unwrap_or(u32::MAX),
                    ticket: spilled.ticket,
                    bytes: spilled.bytes,
                    timeliness: spilled.timeliness,
                    queue: Queue::Alone,
                };
                self.heap.extend(partition.run.admit(waiting).map(Reverse));
            }
            if queue.is_drained() {
                partition.spill = None;
            }
        }
        Ok(frontier)
    }
}
