//! Which object begins at which offset, on disk before a record of it is handed over.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Objects that are remembered at least; when there are twice as many, the older half of those that the saved state has
/// seen is forgotten. A key that sorts before the oldest is not found any more.
pub const MAX_REMEMBERED: usize = 10_000;

/// An object that was begun.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Entry {
    /// The offset of its first record.
    pub(super) begins: i64,
    pub(super) key: String,
}

/// The objects of one source.
#[derive(Debug)]
pub(super) struct Journal {
    path: PathBuf,
    file: File,
    entries: Vec<Entry>,
    saved: i64,
}

/// Why a journal cannot be used.
#[derive(Debug, Error)]
pub enum BucketJournalError {
    /// The folder or file cannot be made, read or written.
    #[error("could not use the journal `{}`", path.display())]
    Unusable {
        /// The journal.
        path: PathBuf,
        /// Why.
        #[source]
        cause: io::Error,
    },
    /// It holds what this program did not write.
    #[error("could not read line {line} of the journal `{}`", path.display())]
    Damaged {
        /// The journal.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
    },
}

impl Journal {
    /// Opens or begins the journal in a folder.
    pub(super) fn open(folder: &Path) -> Result<Self, BucketJournalError> {
        let path = folder.join("objects.journal");
        let unusable = |cause| BucketJournalError::Unusable { path: path.clone(), cause };
        std::fs::create_dir_all(folder).map_err(unusable)?;
        let file = OpenOptions::new().read(true).append(true).create(true).open(&path).map_err(unusable)?;
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(unusable)?;
        let mut entries: Vec<Entry> = Vec::new();
        let mut whole = 0;
        let mut reader = BufReader::new(&file);
        let mut text = Vec::new();
        for line in 1.. {
            text.clear();
            let length = reader.read_until(b'\n', &mut text).map_err(unusable)?;
            // A line that a crash tore was never acted on.
            if !text.ends_with(b"\n") {
                break;
            }
            let damaged = || BucketJournalError::Damaged { path: path.clone(), line };
            let entry: Entry = serde_json::from_slice(&text).map_err(|_| damaged())?;
            if entries.last().is_some_and(|last| last.begins > entry.begins) {
                return Err(damaged());
            }
            entries.push(entry);
            whole += length as u64;
        }
        file.set_len(whole).map_err(unusable)?;
        Ok(Self { path, file, entries, saved: 0 })
    }

    /// All keys that are remembered.
    pub(super) fn keys(&self) -> BTreeSet<String> {
        self.entries.iter().map(|entry| entry.key.clone()).collect()
    }

    /// The objects that are to be read again, from the one that holds this offset.
    pub(super) fn from(&self, offset: i64) -> Vec<Entry> {
        let at = self.entries.partition_point(|entry| entry.begins <= offset);
        // Several may begin at one offset, if those before were empty.
        let first = at.checked_sub(1).map_or(0, |holding| {
            let begins = self.entries[holding].begins;
            self.entries.partition_point(|entry| entry.begins < begins)
        });
        self.entries[first..].to_vec()
    }

    /// Notes that an object begins at an offset, unless that is known; it is on disk afterwards.
    pub(super) fn note(&mut self, key: &str, begins: i64) -> Result<(), BucketJournalError> {
        let entry = Entry { begins, key: key.to_owned() };
        if self.entries.iter().rev().any(|known| *known == entry) {
            return Ok(());
        }
        self.write(std::slice::from_ref(&entry))
            .map_err(|cause| BucketJournalError::Unusable { path: self.path.clone(), cause })?;
        self.entries.push(entry);
        Ok(())
    }

    /// Forgets what need not be known any more.
    pub(super) fn saved(&mut self, next: i64) -> Result<(), BucketJournalError> {
        self.saved = self.saved.max(next);
        if self.entries.len() < 2 * MAX_REMEMBERED {
            return Ok(());
        }
        let seen = self.entries.partition_point(|entry| entry.begins <= self.saved).saturating_sub(1);
        let forgotten = seen.min(self.entries.len() - MAX_REMEMBERED);
        self.entries.drain(..forgotten);
        self.rewrite().map_err(|cause| BucketJournalError::Unusable { path: self.path.clone(), cause })
    }

    fn write(&mut self, entries: &[Entry]) -> io::Result<()> {
        self.file.write_all(&lines(entries)?)?;
        self.file.sync_data()
    }

    fn rewrite(&mut self) -> io::Result<()> {
        let folder = self.path.parent().unwrap_or(Path::new("."));
        let mut fresh = tempfile::NamedTempFile::new_in(folder)?;
        fresh.write_all(&lines(&self.entries)?)?;
        fresh.as_file().sync_all()?;
        fresh.persist(&self.path).map_err(|error| error.error)?;
        File::open(folder)?.sync_all()?;
        self.file = OpenOptions::new().append(true).open(&self.path)?;
        Ok(())
    }
}

fn lines(entries: &[Entry]) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    for entry in entries {
        serde_json::to_writer(&mut bytes, entry)?;
        bytes.push(b'\n');
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(begins: i64, key: &str) -> Entry {
        Entry { begins, key: key.to_owned() }
    }

    #[test]
    fn what_was_noted_is_known_again_and_a_torn_line_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let mut journal = Journal::open(folder.path()).unwrap();
        for (key, begins) in [("a", 0), ("b", 3), ("b", 3), ("empty", 5), ("c", 5)] {
            journal.note(key, begins).unwrap();
        }
        let path = folder.path().join("objects.journal");
        let whole = std::fs::read(&path).unwrap();
        std::fs::write(&path, [&whole[..], b"{\"begins\":9,"].concat()).unwrap();
        let again = Journal::open(folder.path()).unwrap();
        assert_eq!(again.entries, [entry(0, "a"), entry(3, "b"), entry(5, "empty"), entry(5, "c")]);
        let from = |offset| again.from(offset).iter().map(|entry| entry.key.clone()).collect::<Vec<_>>();
        assert_eq!(from(0), ["a", "b", "empty", "c"]);
        assert_eq!(from(2), ["a", "b", "empty", "c"]);
        assert_eq!(from(3), ["b", "empty", "c"]);
        assert_eq!(from(5), ["empty", "c"]);
        assert_eq!(from(9), ["empty", "c"]);
        std::fs::write(&path, b"{\"begins\":9,\"key\":\"x\"}\n{\"begins\":1,\"key\":\"y\"}\n").unwrap();
        assert!(matches!(Journal::open(folder.path()), Err(BucketJournalError::Damaged { line: 2, .. })));
    }

    #[test]
    fn what_the_saved_state_has_seen_is_forgotten_beyond_the_bound() {
        let folder = tempfile::tempdir().unwrap();
        let count = 2 * MAX_REMEMBERED;
        let all: Vec<_> = (0..count).map(|number| entry(number as i64, &format!("{number:06}"))).collect();
        std::fs::write(folder.path().join("objects.journal"), lines(&all).unwrap()).unwrap();
        let mut journal = Journal::open(folder.path()).unwrap();
        journal.saved(5).unwrap();
        assert_eq!(journal.entries[0].begins, 5, "the one that holds the saved offset stays");
        journal.saved(i64::MAX).unwrap();
        assert_eq!(journal.entries.len(), count - 5, "below the bound nothing is forgotten");
        for number in count..count + 5 {
            journal.note(&format!("{number:06}"), number as i64).unwrap();
        }
        journal.saved(i64::MAX).unwrap();
        assert_eq!(journal.entries.len(), MAX_REMEMBERED);
        assert_eq!(Journal::open(folder.path()).unwrap().entries, journal.entries);
    }
}
