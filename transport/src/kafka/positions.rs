//! Where each assigned partition stands, and whose an event is that names only a partition's number.
//!
//! The binding reports the end of a partition without its topic, and a lost position without topic or partition.
//! Here both are told apart: at once where only one partition fits, else by the next statistics.

use std::collections::BTreeSet;

use super::fetcher::{FetchState, PartitionView, Snapshot};
use super::{PartitionLag, TopicPartition};

/// One assigned partition.
#[derive(Debug)]
struct Track {
    at: TopicPartition,
    /// The offset after the last record.
    next: i64,
    reading: Reading,
    /// The unreadable place that was told last.
    unreadable: Option<i64>,
}

/// How the reading of a partition goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reading {
    /// There may be more.
    Ahead,
    /// Its end was reached and told.
    AtEnd,
    /// It stood still in that many snapshots while a lost position was being looked for.
    Standing(u32),
    /// Its loss was told.
    Lost,
}

/// Whether a record is to be handed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Arrival {
    Fresh,
    /// Below what was asked for, or of a partition that is not assigned.
    Unwanted,
}

/// A partition that stands still while some position is lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Suspect {
    pub(super) at: TopicPartition,
    pub(super) next: i64,
    /// In how many snapshots it stood: once can be a partition that has not begun yet.
    pub(super) seen: u32,
}

/// All assigned partitions.
#[derive(Debug, Default)]
pub(super) struct Positions {
    tracks: Vec<Track>,
    /// Where the last record was found: records come in runs of one partition.
    last: usize,
    /// Partition numbers at which an end was reported that several topics could have reached.
    unsettled_ends: BTreeSet<i32>,
    /// Lost positions that were reported and not yet found.
    losses: usize,
}

impl Positions {
    pub(super) fn assign(&mut self, at: TopicPartition, next: i64) {
        self.unassign(&at);
        self.tracks.push(Track { at, next, reading: Reading::Ahead, unreadable: None });
    }

    pub(super) fn unassign(&mut self, at: &TopicPartition) {
        self.tracks.retain(|track| track.at != *at);
        if self.tracks.is_empty() {
            self.losses = 0;
        }
    }

    pub(super) fn holds(&self, at: &TopicPartition) -> bool {
        self.tracks.iter().any(|track| track.at == *at)
    }

    pub(super) fn record(&mut self, topic: &str, partition: i32, offset: i64) -> Arrival {
        let is_it = |track: &Track| track.at.partition == partition && *track.at.topic == *topic;
        if !self.tracks.get(self.last).is_some_and(is_it) {
            match self.tracks.iter().position(is_it) {
                Some(found) => self.last = found,
                None => return Arrival::Unwanted,
            }
        }
        let track = &mut self.tracks[self.last];
        if offset < track.next {
            return Arrival::Unwanted;
        }
        track.next = offset.saturating_add(1);
        track.reading = Reading::Ahead;
        Arrival::Fresh
    }

    /// Some topic's partition of this number was read to its end, perhaps at this offset.
    pub(super) fn end(&mut self, partition: i32, offset: Option<i64>) -> Option<(TopicPartition, i64)> {
        let of_number =
            || self.tracks.iter().enumerate().filter(|(_, track)| track.at.partition == partition);
        let ahead = || of_number().filter(|(_, track)| track.reading != Reading::AtEnd);
        let only =
            |mut found: Box<dyn Iterator<Item = (usize, &Track)> + '_>| match (found.next(), found.next()) {
                (Some((index, _)), None) => Some(index),
                _ => None,
            };
        let index = if of_number().nth(1).is_none() {
            only(Box::new(ahead()))?
        } else {
            let exact = only(Box::new(ahead().filter(|(_, track)| Some(track.next) == offset)));
            let Some(index) = exact else {
                self.unsettled_ends.insert(partition);
                return None;
            };
            index
        };
        let track = &mut self.tracks[index];
        // Markers of transactions lie between the last record and the end.
        track.next = track.next.max(offset.unwrap_or(track.next));
        track.reading = Reading::AtEnd;
        Some((track.at.clone(), track.next))
    }

    /// Some partition's position was lost.
    pub(super) fn loss(&mut self) {
        self.losses += 1;
    }

    /// Some partition's batch, perhaps at this offset, could not be read: whose it was, if one alone fits, or
    /// nothing at all if that was told before. (The client asks for the same batch again and again.)
    pub(super) fn unreadable(&mut self, offset: Option<i64>) -> Option<Option<TopicPartition>> {
        let is_only = self.tracks.len() == 1;
        let fits = |track: &&mut Track| is_only || Some(track.next) == offset;
        let mut fitting = self.tracks.iter_mut().filter(fits);
        let (Some(track), None) = (fitting.next(), fitting.next()) else { return Some(None) };
        if offset.is_some() && track.unreadable == offset {
            return None;
        }
        track.unreadable = offset;
        Some(Some(track.at.clone()))
    }

    /// The ends that a snapshot settles.
    pub(super) fn settle_ends(&mut self, snapshot: &Snapshot) -> Vec<(TopicPartition, i64)> {
        let mut settled = Vec::new();
        for track in &mut self.tracks {
            if !self.unsettled_ends.contains(&track.at.partition) || track.reading == Reading::AtEnd {
                continue;
            }
            let view = snapshot.view(&track.at.topic, track.at.partition);
            if let Some(end) = view.and_then(|view| end_reached(view, track.next)) {
                track.next = end;
                track.reading = Reading::AtEnd;
                settled.push((track.at.clone(), end));
            }
        }
        let tracks = &self.tracks;
        self.unsettled_ends.retain(|number| {
            tracks.iter().any(|track| track.at.partition == *number && track.reading != Reading::AtEnd)
        });
        settled
    }

    /// The partitions that can be the one whose position was lost; none while none is.
    pub(super) fn suspects(&mut self, snapshot: &Snapshot) -> Vec<Suspect> {
        if self.losses == 0 {
            return Vec::new();
        }
        let mut suspects = Vec::new();
        for track in &mut self.tracks {
            let view = snapshot.view(&track.at.topic, track.at.partition);
            let stands = view.is_some_and(|view| view.state == FetchState::Standing);
            track.reading = match track.reading {
                Reading::Lost => Reading::Lost,
                Reading::Standing(seen) if stands => Reading::Standing(seen + 1),
                _ if stands => Reading::Standing(1),
                Reading::Standing(_) => Reading::Ahead,
                reading => reading,
            };
            if let Reading::Standing(seen) = track.reading {
                suspects.push(Suspect { at: track.at.clone(), next: track.next, seen });
            }
        }
        suspects
    }

    /// The loss was this partition's, and is told now.
    pub(super) fn convict(&mut self, at: &TopicPartition) {
        if let Some(track) = self.tracks.iter_mut().find(|track| track.at == *at) {
            track.reading = Reading::Lost;
            self.losses = self.losses.saturating_sub(1);
        }
    }

    pub(super) fn lags(&self, snapshot: &Snapshot) -> Vec<PartitionLag> {
        let lag = |track: &Track| {
            let view = snapshot.view(&track.at.topic, track.at.partition);
            PartitionLag {
                at: track.at.clone(),
                next: track.next,
                low: view.and_then(|view| view.low),
                high: view.and_then(|view| view.high),
            }
        };
        self.tracks.iter().map(lag).collect()
    }
}

/// Where the end is, if the partition had been read to it when the snapshot was taken and nothing came since.
fn end_reached(view: &PartitionView, next: i64) -> Option<i64> {
    let end = view.end_seen?;
    // Beyond `next` lie markers of transactions, or records in the queue; the queue says which.
    (end == next || (end > next && view.queued == 0)).then_some(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(topic: &str, partition: i32) -> TopicPartition {
        TopicPartition::new(topic, partition)
    }

    fn positions(starts: &[(&str, i32, i64)]) -> Positions {
        let mut positions = Positions::default();
        for (topic, partition, next) in starts {
            positions.assign(at(topic, *partition), *next);
        }
        positions
    }

    fn view(topic: &str, partition: i32, state: FetchState, end_seen: i64, queued: i64) -> PartitionView {
        let end_seen = Some(end_seen).filter(|end| *end >= 0);
        PartitionView { topic: topic.into(), partition, state, end_seen, queued, low: Some(0), high: Some(9) }
    }

    fn snapshot(partitions: Vec<PartitionView>) -> Snapshot {
        Snapshot { partitions, brokers_known: 1, brokers_up: 1 }
    }

    #[test]
    fn records_below_the_start_or_of_another_partition_are_unwanted() {
        let mut positions = positions(&[("a", 0, 5), ("b", 0, 0)]);
        for (topic, partition, offset, expected) in [
            ("a", 0, 4, Arrival::Unwanted),
            ("a", 0, 5, Arrival::Fresh),
            ("a", 0, 5, Arrival::Unwanted),
            ("a", 0, 9, Arrival::Fresh),
            ("b", 0, 0, Arrival::Fresh),
            ("a", 1, 0, Arrival::Unwanted),
            ("c", 0, 0, Arrival::Unwanted),
        ] {
            assert_eq!(positions.record(topic, partition, offset), expected, "{topic} {partition} {offset}");
        }
    }

    #[test]
    fn the_end_of_the_only_partition_of_a_number_is_its_own_and_told_once() {
        let mut positions = positions(&[("a", 0, 5), ("a", 1, 0)]);
        assert_eq!(positions.end(0, Some(7)), Some((at("a", 0), 7)), "markers may lie before the end");
        assert_eq!(positions.end(0, Some(7)), None);
        assert_eq!(positions.end(2, Some(0)), None);
        assert_eq!(positions.record("a", 0, 7), Arrival::Fresh);
        assert_eq!(
            positions.end(0, None),
            Some((at("a", 0), 8)),
            "a sentence we cannot read costs nothing here"
        );
    }

    #[test]
    fn the_end_of_one_of_several_is_told_by_its_offset_where_that_is_enough() {
        let mut positions = positions(&[("a", 0, 5), ("b", 0, 3)]);
        assert_eq!(positions.end(0, Some(3)), Some((at("b", 0), 3)));
        assert_eq!(positions.end(0, Some(5)), Some((at("a", 0), 5)));
    }

    #[test]
    fn an_end_that_several_could_have_reached_waits_for_the_statistics() {
        let mut positions = positions(&[("a", 0, 0), ("b", 0, 0), ("a", 1, 0)]);
        assert_eq!(positions.end(0, Some(0)), None);
        let working = FetchState::Working;
        let half = snapshot(vec![
            view("a", 0, working, -1, 0),
            view("b", 0, working, 0, 0),
            view("a", 1, working, 0, 0),
        ]);
        assert_eq!(positions.settle_ends(&half), [(at("b", 0), 0)], "and a[1] was not in question");
        assert_eq!(positions.settle_ends(&half), []);
        let whole = snapshot(vec![view("a", 0, working, 0, 4), view("b", 0, working, 0, 0)]);
        assert_eq!(positions.settle_ends(&whole), [(at("a", 0), 0)]);
    }

    #[test]
    fn an_end_seen_before_later_records_is_no_end() {
        let working = FetchState::Working;
        for (end, queued, expected) in
            [(5, 0, false), (6, 9, true), (8, 0, true), (8, 2, false), (-1, 0, false)]
        {
            let found = end_reached(&view("a", 0, working, end, queued), 6);
            assert_eq!(found.is_some(), expected, "{end} {queued}");
        }
    }

    #[test]
    fn a_lost_position_is_sought_among_those_that_stand_still() {
        let mut positions = positions(&[("a", 0, 5), ("a", 1, 6), ("b", 0, 7)]);
        let (standing, working) = (FetchState::Standing, FetchState::Working);
        let shot = snapshot(vec![
            view("a", 0, working, 0, 0),
            view("a", 1, standing, 0, 0),
            view("b", 0, working, 0, 0),
        ]);
        assert_eq!(positions.suspects(&shot), [], "nothing is lost yet");
        positions.loss();
        assert_eq!(positions.suspects(&shot), [Suspect { at: at("a", 1), next: 6, seen: 1 }]);
        assert_eq!(positions.suspects(&shot), [Suspect { at: at("a", 1), next: 6, seen: 2 }]);
        positions.convict(&at("a", 1));
        positions.loss();
        assert_eq!(positions.suspects(&shot), [], "a loss is told once");
        positions.assign(at("a", 1), 8);
        assert_eq!(positions.suspects(&shot).len(), 1, "until the partition is assigned again");
    }

    #[test]
    fn an_unreadable_batch_belongs_to_the_one_that_was_about_to_read_it() {
        let mut two = positions(&[("a", 0, 5), ("b", 0, 7)]);
        assert_eq!(two.unreadable(Some(7)), Some(Some(at("b", 0))));
        assert_eq!(two.unreadable(Some(7)), None, "once a place");
        assert_eq!((two.unreadable(Some(6)), two.unreadable(None)), (Some(None), Some(None)));
        let mut one = positions(&[("a", 0, 5)]);
        assert_eq!(one.unreadable(None), Some(Some(at("a", 0))));
        assert_eq!(positions(&[("a", 0, 5), ("b", 0, 5)]).unreadable(Some(5)), Some(None));
    }
}
