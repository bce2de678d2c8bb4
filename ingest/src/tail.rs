//! Log files that are still written, followed through rotation, truncation and restarts.
//!
//! What is read of one path is one partition: the bytes of the files that lay there, one after another. A record's
//! offset is the place of its first byte in that stream. Which stretch of the stream lies in which file stands in a
//! `Journal`, written before a record of the stretch is handed over; so the progress that the database keeps is
//! enough to go on after `kill -9` without a gap or a repeat, even if the file was rotated, truncated or compressed in
//! between. What a writer truncates before it was read is gone, and is said.

mod file;
mod follow;
mod journal;
mod plan;
mod siblings;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use detectors::event::PartitionId;
use thiserror::Error;

use self::follow::{Follow, Step};
use self::journal::Journal;
pub use self::journal::{JournalError, MAX_STRETCHES};
use crate::kafka::{StartOffsets, StartPolicy};
use crate::source::{Item, Polled, Source, SourceError};

/// Most files of one source.
pub const MAX_FOLLOWED: usize = 64;
/// Rotated files that are kept open for the lines that their writer still adds.
pub const KEPT_OPEN: usize = 4;

/// What to follow, and where to note what was followed.
#[derive(Debug, Clone)]
pub struct TailSettings {
    /// The source's name, as configured.
    pub source: String,
    /// The files, each a stream called by its base name.
    pub paths: Vec<PathBuf>,
    /// Where to begin a file that was never read.
    pub start: StartPolicy,
    /// A folder of this source's own for its journals; it is made.
    pub state: PathBuf,
}

/// Why files cannot be followed.
#[derive(Debug, Error)]
pub enum TailError {
    /// A path ends in no name.
    #[error("could not follow `{}`, which names no file", .0.display())]
    NoName(PathBuf),
    /// Two of them have one base name, and would be one stream.
    #[error("could not follow both `{}` and `{}`, which are one stream", .first.display(), .second.display())]
    SameName {
        /// One.
        first: PathBuf,
        /// The other.
        second: PathBuf,
    },
    /// There are too many.
    #[error("could not follow {0} files as one source, {MAX_FOLLOWED} are allowed")]
    TooMany(usize),
    /// What was followed before cannot be read or noted.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

/// Files that are still written, as a source. It never ends.
pub struct TailSource {
    followed: Vec<Follow>,
    turn: usize,
}

impl TailSource {
    /// Takes up where `starts` says; a file that is not there yet is waited for.
    ///
    /// # Errors
    /// [`TailError`] when the paths cannot be told apart or the journals cannot be used.
    pub fn open(settings: &TailSettings, starts: &mut dyn StartOffsets) -> Result<Self, TailError> {
        if settings.paths.len() > MAX_FOLLOWED {
            return Err(TailError::TooMany(settings.paths.len()));
        }
        let mut seen: BTreeMap<String, &Path> = BTreeMap::new();
        let mut followed = Vec::new();
        for path in &settings.paths {
            let name = path.file_name().ok_or_else(|| TailError::NoName(path.clone()))?;
            let stream = name.to_string_lossy().into_owned();
            if let Some(first) = seen.insert(stream.clone(), path) {
                return Err(TailError::SameName { first: first.to_owned(), second: path.clone() });
            }
            let partition = Arc::new(PartitionId {
                source: Arc::from(settings.source.as_str()),
                stream: Arc::from(stream.as_str()),
                partition: 0,
            });
            let journal = Journal::open(&settings.state, &stream)?;
            let from = starts.next_of(&partition);
            followed.push(Follow::new(path.clone(), partition, journal, from, settings.start));
        }
        Ok(Self { followed, turn: 0 })
    }
}

impl Source for TailSource {
    fn poll(
        &mut self,
        max_records: usize,
        wait: Duration,
        visit: &mut dyn FnMut(Item<'_>),
    ) -> Result<Polled, SourceError> {
        let mut polled = Polled::Nothing;
        let mut counted = |item: Item<'_>| {
            polled = Polled::Some;
            visit(item);
        };
        let count = self.followed.len();
        let mut left = max_records;
        for step in 0..count {
            let follow = &mut self.followed[(self.turn + step) % count];
            while left > 0 && follow.step(&mut counted)? == Step::Record {
                left -= 1;
            }
        }
        self.turn += 1;
        if polled == Polled::Nothing {
            // A file has no bell that rings when it grows: it is looked at again after the time the caller gives.
            std::thread::park_timeout(wait);
        }
        Ok(polled)
    }

    fn prefer(&mut self, partition: &PartitionId) {
        if let Some(at) = self.followed.iter().position(|follow| **follow.partition() == *partition) {
            self.turn = at;
        }
    }
}
