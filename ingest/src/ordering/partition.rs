//! One partition of a lane: its running maximum, its floor, and what of it waits.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use detectors::event::{EventTime, NextOffset, PartitionId, Span, Timeliness};
use serde::{Deserialize, Serialize};

use super::{Floor, MAX_AGE, MAX_CLOCK_SKEW, run::Run, spill::Spill};

/// How the times of a partition are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimeRule {
    /// How much older than the newest record before it a record may be without being late.
    pub lateness: Span,
    /// Whether old times are trusted: a source of history, or a file.
    pub history: bool,
}

/// Where a partition is to be taken up again, with what the order of its records depends on there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResumePoint {
    /// The partition.
    pub partition: Arc<PartitionId>,
    /// The lowest offset that was not released.
    pub next: NextOffset,
    /// M before that record: the largest trusted time.
    pub latest: Option<EventTime>,
    /// The floor at that record.
    pub floor: EventTime,
    /// The first offset that had not been read: what lies before it may have been released.
    pub read: NextOffset,
    /// Whether it held the lane back.
    pub activity: Activity,
}

/// Whether a partition holds the lane back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Activity {
    /// It may deliver older records than the others.
    Active,
    /// It has nothing for now.
    Idle,
    /// It is over.
    Ended,
}

/// An event that was not released yet.
#[derive(Debug)]
struct Held {
    offset: i64,
    latest: Option<EventTime>,
    floor: EventTime,
    released: bool,
}

#[derive(Debug)]
pub(super) struct Partition {
    pub(super) id: Arc<PartitionId>,
    pub(super) activity: Activity,
    /// M: the largest trusted time so far.
    pub(super) latest: Option<EventTime>,
    /// The largest order time of an event that was held.
    newest_held: Option<EventTime>,
    /// The next record.
    pub(super) next: NextOffset,
    /// Floors known beforehand, by offset.
    pub(super) floors_ahead: BTreeMap<i64, EventTime>,
    pub(super) run: Run,
    pub(super) spill: Option<Spill>,
    rule: TimeRule,
    floor: EventTime,
    held: VecDeque<Held>,
    first_ticket: u64,
    entry: Entry,
    /// Records before it were read before a restart, and may have been released.
    read_before: NextOffset,
    /// What it was when the lane was left.
    resumed: Activity,
}

/// How a partition came into its lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Entry {
    /// With the lane, or taken up where it was left.
    InTime,
    /// When the lane was under way, and nothing has come yet.
    UnderWay,
}

/// What the order rule says about one event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Judged {
    pub(super) order: EventTime,
    pub(super) timeliness: Timeliness,
}

impl Partition {
    pub(super) const fn new(id: Arc<PartitionId>, rule: TimeRule, under_way: bool) -> Self {
        Self {
            id,
            activity: Activity::Active,
            latest: None,
            newest_held: None,
            next: NextOffset(0),
            floors_ahead: BTreeMap::new(),
            run: Run::new(),
            spill: None,
            rule,
            floor: EventTime::MIN,
            held: VecDeque::new(),
            first_ticket: 0,
            entry: if under_way { Entry::UnderWay } else { Entry::InTime },
            read_before: NextOffset(i64::MIN),
            resumed: Activity::Active,
        }
    }

    pub(super) fn resume(&mut self, point: &ResumePoint) {
        self.latest = point.latest;
        self.floor = point.floor;
        self.next = point.next;
        self.entry = Entry::InTime;
        self.read_before = point.read;
        // What was read but not released comes again: until it has, the lane must wait for it.
        self.activity = if point.next < point.read { Activity::Active } else { point.activity };
        self.resumed = point.activity;
    }

    pub(super) fn reopen(&mut self, under_way: bool) {
        if self.activity == Activity::Ended {
            self.activity = Activity::Active;
            self.entry = if under_way { Entry::UnderWay } else { Entry::InTime };
        }
    }

    /// A record has been taken in.
    pub(super) fn took(&mut self, offset: i64, latest: Option<EventTime>) {
        self.latest = latest;
        self.next = NextOffset::after(offset);
        if self.next == self.read_before && self.activity == Activity::Active {
            self.activity = self.resumed;
        }
    }

    /// Below this nothing of the partition will come any more.
    pub(super) fn reached(&self) -> EventTime {
        let trusted = self.latest.map_or(EventTime::MIN, |latest| latest.minus(self.rule.lateness));
        trusted.max(self.floor)
    }

    /// How far this partition lets its lane go; `None` if it holds nobody back. One that is idle but is known to come
    /// back holds the lane at the floor that it got then: a restart must give it the same.
    pub(super) fn holds_at(&self) -> Option<EventTime> {
        match self.activity {
            Activity::Active => Some(self.reached()),
            Activity::Idle => {
                self.floors_ahead.first_key_value().map(|(_, floor)| (*floor).max(self.reached()))
            }
            Activity::Ended => None,
        }
    }

    /// Whether the record at `offset` was read before a restart.
    pub(super) fn was_read(&self, offset: i64) -> bool {
        offset < self.read_before.0
    }

    /// A record arrives: known floors take effect, and a partition that was idle gets one.
    pub(super) fn arrive(&mut self, offset: i64, watermark: EventTime) -> Option<Floor> {
        if self.was_read(offset) {
            self.floors_ahead
                .remove(&offset)
                .into_iter()
                .for_each(|floor| self.floor = self.floor.max(floor));
            return None;
        }
        let mut known = false;
        while let Some(entry) = self.floors_ahead.first_entry().filter(|entry| *entry.key() <= offset) {
            self.floor = self.floor.max(entry.remove());
            known = true;
        }
        let came_back = self.activity == Activity::Idle || self.entry == Entry::UnderWay;
        self.entry = Entry::InTime;
        if self.activity == Activity::Idle {
            self.activity = Activity::Active;
        }
        if !came_back || known || watermark <= self.reached() {
            return None;
        }
        self.floor = watermark;
        Some(Floor { partition: Arc::clone(&self.id), offset, floor: watermark })
    }

    /// Order time and timeliness of an event of the record that arrives; M is that of before the record.
    pub(super) fn judge(&mut self, time: EventTime, timestamp_ms: Option<i64>) -> Judged {
        let stamp = timestamp_ms.map(|millis| EventTime::from_nanos(millis.saturating_mul(1_000_000)));
        let (least, most) = match stamp {
            Some(stamp) if self.rule.history => (EventTime::MIN, stamp.plus(MAX_CLOCK_SKEW)),
            Some(stamp) => (stamp.minus(MAX_AGE), stamp.plus(MAX_CLOCK_SKEW)),
            None => {
                let oldest = self.latest.map_or(EventTime::MIN, |latest| latest.minus(MAX_AGE));
                (oldest, EventTime::MAX)
            }
        };
        let on_time_from = self.latest.map_or(EventTime::MIN, |latest| latest.minus(self.rule.lateness));
        let timeliness = if time < least || time > most {
            Timeliness::Untrusted
        } else if time < on_time_from {
            Timeliness::Late
        } else {
            Timeliness::OnTime
        };
        let order = time.max(least).min(most).max(on_time_from).max(self.floor);
        Judged { order, timeliness }
    }

    /// The newest moment that it knows of, which is time where nobody holds anybody back. It must be the same after a
    /// restart: M and the floor are saved, and what was held and not released is read again.
    pub(super) fn newest(&self) -> Option<EventTime> {
        let floor = Some(self.floor).filter(|floor| *floor > EventTime::MIN);
        self.newest_held.max(self.latest).max(floor)
    }

    /// Notes an event that waits for its order time; the ticket lets it go again.
    pub(super) fn hold(&mut self, offset: i64, order: EventTime) -> u64 {
        self.newest_held = self.newest_held.max(Some(order));
        self.held.push_back(Held { offset, latest: self.latest, floor: self.floor, released: false });
        self.first_ticket + self.held.len() as u64 - 1
    }

    pub(super) fn let_go(&mut self, ticket: u64) {
        if let Some(held) =
            self.held.get_mut(usize::try_from(ticket - self.first_ticket).unwrap_or(usize::MAX))
        {
            held.released = true;
        }
        while self.held.front().is_some_and(|held| held.released) {
            self.held.pop_front();
            self.first_ticket += 1;
        }
    }

    pub(super) fn resume_point(&self) -> ResumePoint {
        let (next, latest, floor) = self.held.front().map_or((self.next, self.latest, self.floor), |held| {
            (NextOffset(held.offset), held.latest, held.floor)
        });
        let read = self.next.max(self.read_before);
        // While what was read before a restart is read again, it is only made to hold the lane back: a second restart
        // then must leave it as the first one found it.
        let rereads = self.was_read(self.next.0) && self.activity == Activity::Active;
        let activity = if rereads { self.resumed } else { self.activity };
        ResumePoint { partition: Arc::clone(&self.id), next, latest, floor, read, activity }
    }
}
