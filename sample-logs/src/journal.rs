//! What a source writes, in the order in which it writes it, cut into history and attack day.

use std::collections::BTreeSet;

use crate::clock::Moment;
use crate::native::{Body, Event};
use crate::random::Random;

/// The longest that a registry's feed takes to write an event down: events stand out of order by no more than this.
pub(crate) const MAX_FEED_DELAY_MS: i64 = 1_200;

/// Whether a line is everyday traffic or belongs to the recorded case. Taking the case out leaves the rest as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Origin {
    /// Everyday traffic.
    Background,
    /// The attack, or what the benign look-alike is about, with its aftermath.
    Case,
}

/// One source's lines while they are gathered.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    entries: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    written: Moment,
    origin: Origin,
    time: Moment,
    line: String,
}

impl Journal {
    /// Takes a line of an event that happened at `time` and was written down at `written`.
    pub(crate) fn take(&mut self, origin: Origin, time: Moment, written: Moment, line: String) {
        self.entries.push(Entry { written, origin, time, line });
    }

    /// The lines of `from..cut` and of `cut..until`, each in the order of writing.
    pub(crate) fn cut(mut self, from: Moment, cut: Moment, until: Moment) -> (Vec<String>, Vec<String>) {
        // Stable, and with the origin inside the key: the background stands in one order, with the case or without.
        self.entries.sort_by_key(|entry| (entry.written, entry.origin));
        let (mut history, mut day) = (Vec::new(), Vec::new());
        for entry in self.entries {
            if entry.time >= from && entry.time < cut {
                history.push(entry.line);
            } else if entry.time >= cut && entry.time < until {
                day.push(entry.line);
            }
        }
        (history, day)
    }
}

/// A registry's own feed: what is published, tagged, taken back, and in a second stream what is signed.
#[derive(Debug)]
pub(crate) struct Feed {
    pub(crate) registry: &'static str,
    pub(crate) publishes: Journal,
    pub(crate) signatures: Journal,
    /// Indices of the transparency log that are taken.
    indices: BTreeSet<u64>,
}

impl Feed {
    /// An empty feed of this registry.
    pub(crate) fn of(registry: &'static str) -> Self {
        Self {
            registry,
            publishes: Journal::default(),
            signatures: Journal::default(),
            indices: BTreeSet::new(),
        }
    }

    /// This index of the transparency log, or the next one that no entry has yet.
    pub(crate) fn unused_index(&mut self, mut index: u64) -> u64 {
        while !self.indices.insert(index) {
            index += 1;
        }
        index
    }

    /// Writes an event down, a moment after it happened.
    pub(crate) fn tell(&mut self, origin: Origin, event: &Event, random: &mut Random) {
        let journal = match event.body {
            Body::Sign { .. } => &mut self.signatures,
            _ => &mut self.publishes,
        };
        let written = event.time.plus(random.between(0, MAX_FEED_DELAY_MS));
        journal.take(origin, event.time, written, event.line());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(with_case: bool, history: &[&str], day: &[&str]) {
        let at = |second| Moment::utc((2026, 1, 1), (0, 0, second));
        let mut journal = Journal::default();
        journal.take(Origin::Background, at(9), at(9), "late".to_owned());
        if with_case {
            journal.take(Origin::Case, at(5), at(5), "case".to_owned());
        }
        journal.take(Origin::Background, at(5), at(5), "same second".to_owned());
        journal.take(Origin::Background, at(2), at(3), "slow".to_owned());
        journal.take(Origin::Background, at(2), at(2), "early".to_owned());
        journal.take(Origin::Background, at(0), at(0), "before".to_owned());
        assert_eq!(journal.cut(at(1), at(4), at(9)), (owned(history), owned(day)));
    }

    fn owned(lines: &[&str]) -> Vec<String> {
        lines.iter().map(|line| (*line).to_owned()).collect()
    }

    #[test]
    fn lines_stand_in_the_order_of_writing_and_are_cut_by_event_time() {
        check(true, &["early", "slow"], &["same second", "case"]);
        check(false, &["early", "slow"], &["same second"]);
    }
}
