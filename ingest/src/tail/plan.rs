//! What the journal says is still to be read after a restart.

use std::collections::VecDeque;

use super::journal::Stretch;

/// A stretch that the journal knows and that is still to be read, from this byte of its file on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Planned {
    pub(super) stretch: Stretch,
    pub(super) limit: Option<u64>,
    pub(super) from: Entry,
}

/// Where a stretch is entered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Entry {
    /// At the beginning of a line.
    Line(u64),
    /// Behind the line that holds this byte: its record was processed.
    Behind(u64),
}

impl Planned {
    /// Where in the stream it is entered.
    pub(super) const fn place(&self) -> u64 {
        let behind = match self.from {
            Entry::Line(byte) => byte,
            Entry::Behind(byte) => byte + 1,
        };
        self.stretch.begins + (behind - self.stretch.from)
    }
}

impl Entry {
    pub(super) const fn byte(self) -> u64 {
        match self {
            Self::Line(byte) | Self::Behind(byte) => byte,
        }
    }
}

/// Whether something lies before the first stretch that is remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Skipped {
    Nothing,
    Forgotten,
}

/// What is still to be read of the stretches, from `next` on; `None` if there are none.
pub(super) fn plan(stretches: &[Stretch], next: Option<u64>) -> Option<(VecDeque<Planned>, Skipped)> {
    let first = stretches.first()?;
    let next = next.unwrap_or(first.begins);
    let skipped = if next < first.begins { Skipped::Forgotten } else { Skipped::Nothing };
    let next = next.max(first.begins);
    let at = stretches.partition_point(|stretch| stretch.begins <= next).saturating_sub(1);
    let limit = |index: usize| {
        let stretch = &stretches[index];
        stretches.get(index + 1).map(|after| stretch.from + (after.begins - stretch.begins))
    };
    let planned = (at..stretches.len()).map(|index| {
        let stretch = stretches[index].clone();
        let from = match next.checked_sub(stretch.begins).filter(|_| index == at) {
            // The record that begins at the byte before was processed, or that byte ends a line.
            Some(read @ 1..) => Entry::Behind(stretch.from + read - 1),
            _ => Entry::Line(stretch.from),
        };
        Planned { stretch, limit: limit(index), from }
    });
    Some((planned.collect(), skipped))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tail::file::{FileId, Head};

    fn stretch(begins: u64, from: u64) -> Stretch {
        Stretch { begins, file: FileId { device: 1, inode: begins }, from, head: Head::default() }
    }

    /// Where each stretch is entered and left, from `next` on.
    fn check(next: Option<u64>, expected: &[(u64, Entry, Option<u64>)], skipped: Skipped) {
        let stretches = [stretch(100, 0), stretch(150, 7), stretch(160, 50)];
        let (planned, found) = plan(&stretches, next).unwrap();
        let seen: Vec<_> =
            planned.iter().map(|planned| (planned.stretch.begins, planned.from, planned.limit)).collect();
        assert_eq!((seen.as_slice(), found), (expected, skipped), "from {next:?}");
    }

    #[test]
    fn a_stretch_is_entered_behind_the_line_that_was_processed() {
        let last = (160, Entry::Line(50), None);
        let middle = (150, Entry::Line(7), Some(17));
        check(None, &[(100, Entry::Line(0), Some(50)), middle, last], Skipped::Nothing);
        check(Some(101), &[(100, Entry::Behind(0), Some(50)), middle, last], Skipped::Nothing);
        check(Some(150), &[middle, last], Skipped::Nothing);
        check(Some(155), &[(150, Entry::Behind(11), Some(17)), last], Skipped::Nothing);
        check(Some(200), &[(160, Entry::Behind(89), None)], Skipped::Nothing);
        check(Some(99), &[(100, Entry::Line(0), Some(50)), middle, last], Skipped::Forgotten);
        assert_eq!(plan(&[], Some(5)), None);
    }
}
