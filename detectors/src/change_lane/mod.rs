//! What the detectors of the change lane stand on: marks for names, places of records, habits of rare outcomes.
//!
//! Signing, tags and metadata are judged event by event, so they share one way of remembering (keyed marks instead of
//! strings, positions without their repeated stream names), one way of turning a choice among rare outcomes into a
//! p-value, and one way of saying it.

mod burst;
mod choice;
mod counting;
mod crowd;
#[cfg(test)]
pub(crate) mod draws;
mod habits;
mod mark;
mod outcome;
mod place;
mod statement;
#[cfg(test)]
pub(crate) mod story;
#[cfg(test)]
mod story_event;
mod windowed;

pub(crate) use burst::Burst;
pub(crate) use choice::{Chance, Choice, RareOutcome, any};
pub(crate) use counting::{CountState, CountWords, Counting, Within, shown_usual};
pub(crate) use habits::{Habits, Prior, lesson};
pub(crate) use mark::Mark;
pub(crate) use outcome::{Masses, at_random, speak, strongest, whether};
pub(crate) use place::{Place, Places};
pub(crate) use statement::{
    Statement, artifact_subject, counts, keep_latest, ordinal, person_link, principal_link, scored,
    short_name, shown_time_apart, subject, tie,
};
pub(crate) use windowed::{CountLook, CountModel, Telling, Thing, WINDOWS_NEEDED, WindowedCount};

use crate::detector::Cell;
use crate::event::{EventTime, Span};
use crate::finding::DetectorId;
use std::sync::Arc;

/// How far a detector has come with one subject: before `needed` it judges by the population alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WarmUp {
    /// Looks it has learned from.
    pub seen: u32,
    /// Looks from which the subject's own past outweighs the population's.
    pub needed: u32,
}

/// Looks below which a subject belongs to each tier of size; what has more belongs to the last.
const TIERS: [u32; 3] = [10, 50, 200];
/// Ages below which a subject belongs to each band of age.
const AGE_BANDS: [Span; 2] = [Span::days(7), Span::days(28)];

/// The scores that this one is calibrated with: by how much its subject has shown, and since when.
pub(crate) fn cell(detector: DetectorId, registry: &Arc<str>, looks: u32, age: Span) -> Cell {
    let tier = TIERS.iter().filter(|limit| looks >= **limit).count();
    let band = AGE_BANDS.iter().filter(|limit| age >= **limit).count();
    Cell {
        detector,
        registry: Arc::clone(registry),
        tier: u8::try_from(tier).unwrap_or(u8::MAX),
        age: u8::try_from(band).unwrap_or(u8::MAX),
    }
}

/// Since when a subject is known, and how often it was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub(crate) struct Acquaintance {
    first: Option<EventTime>,
    looks: u32,
}

impl Acquaintance {
    /// Counts a look.
    pub(crate) fn meet(&mut self, now: EventTime) {
        self.first.get_or_insert(now);
        self.looks = self.looks.saturating_add(1);
    }

    /// Looks so far.
    pub(crate) const fn looks(&self) -> u32 {
        self.looks
    }

    /// The cell of a score that is made now.
    pub(crate) fn cell(&self, detector: DetectorId, registry: &Arc<str>, now: EventTime) -> Cell {
        cell(detector, registry, self.looks, now.since(self.first.unwrap_or(now)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_part_the_young_and_small_from_the_old_and_large() {
        let registry: Arc<str> = "npm".into();
        let place = |looks, days| {
            let cell = cell(DetectorId::TagMove, &registry, looks, Span::days(days));
            (cell.tier, cell.age)
        };
        assert_eq!(
            [place(0, 0), place(10, 7), place(199, 27), place(200, 28)],
            [(0, 0), (1, 1), (2, 1), (3, 2)]
        );
    }
}
