//! What waits of one partition in its own order: only its first is held against the other partitions.
//!
//! A lane of a few partitions then compares a few events, however many wait.

use std::collections::VecDeque;

use super::{Queue, Waiting};
use detectors::event::EventTime;

/// A partition's events that came in order, sorted by (order time, position).
#[derive(Debug)]
pub(super) struct Run {
    /// Behind the one that stands in the lane's heap.
    behind: VecDeque<Waiting>,
    /// Order time of the newest, while one stands in the heap.
    newest: Option<EventTime>,
}

impl Run {
    pub(super) const fn new() -> Self {
        Self { behind: VecDeque::new(), newest: None }
    }

    /// Takes an event in the order of its arrival; returns it where the lane must hold it against others at once.
    pub(super) fn admit(&mut self, mut waiting: Waiting) -> Option<Waiting> {
        match self.newest {
            Some(newest) if waiting.order < newest => Some(waiting),
            newest => {
                self.newest = Some(waiting.order);
                waiting.queue = Queue::Run;
                if newest.is_none() {
                    return Some(waiting);
                }
                // Of one order time, the later arrival has the higher position.
                self.behind.push_back(waiting);
                None
            }
        }
    }

    /// The one behind the one that was released.
    pub(super) fn next(&mut self) -> Option<Waiting> {
        let next = self.behind.pop_front();
        if next.is_none() {
            self.newest = None;
        }
        next
    }

    /// How many wait behind the first.
    pub(super) fn behind(&self) -> usize {
        self.behind.len()
    }
}
