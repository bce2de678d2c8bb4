//! Which stretch of a followed stream lies in which file, on disk before a record of it is handed over.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::file::{FileId, Head};

/// Most stretches that are remembered; the older half of more is forgotten. A stretch begins with each rotation, so
/// thousands of them are far more than can lie between two saves.
pub const MAX_STRETCHES: usize = 4_096;
/// The longest line of a journal that is believed, in bytes.
const MAX_LINE_BYTES: usize = 4 * 1024;

/// A stretch of the stream: from `begins` on, up to where the next one begins, it is `file` from `from` on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Stretch {
    /// The place of its first byte in the stream.
    pub(super) begins: u64,
    /// The file, as the file system knows it.
    pub(super) file: FileId,
    /// The place of its first byte in the file.
    pub(super) from: u64,
    /// How the file begins: inode numbers are given anew.
    pub(super) head: Head,
}

/// The stretches of one stream.
#[derive(Debug)]
pub(super) struct Journal {
    path: PathBuf,
    file: File,
    stretches: Vec<Stretch>,
    birth: Birth,
}

/// Whether the stream was followed in an earlier life, be it before its file was there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Birth {
    Now,
    Before,
}

/// Why a journal cannot be used.
#[derive(Debug, Error)]
pub enum JournalError {
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
    /// Opens or begins the journal of a stream.
    pub(super) fn open(folder: &Path, stream: &str) -> Result<Self, JournalError> {
        let path = folder.join(format!("{stream}.tail"));
        let unusable = |cause| JournalError::Unusable { path: path.clone(), cause };
        std::fs::create_dir_all(folder).map_err(unusable)?;
        let birth = if path.exists() { Birth::Before } else { Birth::Now };
        let file = OpenOptions::new().read(true).append(true).create(true).open(&path).map_err(unusable)?;
        if birth == Birth::Now {
            file.sync_all().map_err(unusable)?;
            File::open(folder).and_then(|folder| folder.sync_all()).map_err(unusable)?;
        }
        let stretches = read(&file, &path)?;
        // A line that a crash tore was never acted on; it must not grow into the next one.
        let whole: u64 = stretches.whole;
        file.set_len(whole).map_err(unusable)?;
        Ok(Self { file, stretches: stretches.list, birth, path })
    }

    pub(super) const fn birth(&self) -> Birth {
        self.birth
    }

    /// All that is remembered, in the order of the stream.
    pub(super) fn stretches(&self) -> &[Stretch] {
        &self.stretches
    }

    /// Adds a stretch, or replaces the last one where it begins at the same place; it is on disk afterwards.
    pub(super) fn note(&mut self, stretch: Stretch) -> Result<(), JournalError> {
        self.append(&stretch).map_err(|cause| JournalError::Unusable { path: self.path.clone(), cause })?;
        add(&mut self.stretches, stretch);
        if self.stretches.len() > MAX_STRETCHES {
            self.stretches.drain(..MAX_STRETCHES / 2);
            self.rewrite().map_err(|cause| JournalError::Unusable { path: self.path.clone(), cause })?;
        }
        Ok(())
    }

    fn append(&mut self, stretch: &Stretch) -> io::Result<()> {
        self.file.write_all(&line(stretch)?)?;
        self.file.sync_data()
    }

    fn rewrite(&mut self) -> io::Result<()> {
        let folder = self.path.parent().unwrap_or(Path::new("."));
        let mut fresh = tempfile::NamedTempFile::new_in(folder)?;
        for stretch in &self.stretches {
            fresh.write_all(&line(stretch)?)?;
        }
        fresh.as_file().sync_all()?;
        fresh.persist(&self.path).map_err(|error| error.error)?;
        File::open(folder)?.sync_all()?;
        self.file = OpenOptions::new().append(true).open(&self.path)?;
        Ok(())
    }
}

fn line(stretch: &Stretch) -> io::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(stretch)?;
    line.push(b'\n');
    Ok(line)
}

fn add(stretches: &mut Vec<Stretch>, stretch: Stretch) {
    if stretches.last().is_some_and(|last| last.begins == stretch.begins) {
        stretches.pop();
    }
    stretches.push(stretch);
}

/// What a journal holds, and how many bytes of it are whole lines.
struct Held {
    list: Vec<Stretch>,
    whole: u64,
}

fn read(file: &File, path: &Path) -> Result<Held, JournalError> {
    let mut held = Held { list: Vec::new(), whole: 0 };
    let mut reader = BufReader::new(file);
    let mut text = Vec::new();
    for number in 1.. {
        text.clear();
        let length = reader
            .read_until(b'\n', &mut text)
            .map_err(|cause| JournalError::Unusable { path: path.to_owned(), cause })?;
        if !text.ends_with(b"\n") {
            break;
        }
        let damaged = || JournalError::Damaged { path: path.to_owned(), line: number };
        let stretch: Stretch = (length <= MAX_LINE_BYTES)
            .then(|| serde_json::from_slice(&text).ok())
            .flatten()
            .ok_or_else(damaged)?;
        if held.list.last().is_some_and(|last| last.begins > stretch.begins) {
            return Err(damaged());
        }
        add(&mut held.list, stretch);
        held.whole += length as u64;
    }
    Ok(held)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stretch(begins: u64) -> Stretch {
        let head = Head { bytes: 2, sha256: "00".to_owned() };
        Stretch { begins, file: FileId { device: 1, inode: begins }, from: 3, head }
    }

    #[test]
    fn what_was_noted_is_read_back_and_a_torn_line_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let mut journal = Journal::open(folder.path(), "log").unwrap();
        assert_eq!(journal.birth(), Birth::Now);
        journal.note(stretch(0)).unwrap();
        journal.note(Stretch { from: 9, ..stretch(0) }).unwrap();
        journal.note(stretch(10)).unwrap();
        let path = folder.path().join("log.tail");
        let whole = std::fs::read(&path).unwrap();
        std::fs::write(&path, [&whole[..], b"{\"begins\":20,"].concat()).unwrap();
        let mut again = Journal::open(folder.path(), "log").unwrap();
        let expected = [Stretch { from: 9, ..stretch(0) }, stretch(10)];
        assert_eq!((again.birth(), again.stretches()), (Birth::Before, &expected[..]));
        again.note(stretch(20)).unwrap();
        assert_eq!(Journal::open(folder.path(), "log").unwrap().stretches().len(), 3);
    }

    #[test]
    fn a_journal_is_bounded() {
        let folder = tempfile::tempdir().unwrap();
        let mut journal = Journal::open(folder.path(), "log").unwrap();
        let text: Vec<u8> =
            (0..MAX_STRETCHES as u64).flat_map(|number| line(&stretch(number)).unwrap()).collect();
        std::fs::write(folder.path().join("log.tail"), text).unwrap();
        journal = Journal::open(folder.path(), &journal.path.file_stem().unwrap().to_string_lossy()).unwrap();
        assert_eq!(journal.stretches().len(), MAX_STRETCHES);
        journal.note(stretch(MAX_STRETCHES as u64)).unwrap();
        let again = Journal::open(folder.path(), "log").unwrap();
        assert_eq!(again.stretches().len(), MAX_STRETCHES / 2 + 1);
        assert_eq!(again.stretches(), journal.stretches());
    }

    #[test]
    fn what_is_no_journal_is_refused_by_its_line() {
        let folder = tempfile::tempdir().unwrap();
        for (text, expected) in [
            ("hello\n".to_owned(), 1),
            (format!("{}{}", shown(10), shown(5)), 2),
            (format!("{{\"x\":\"{}\"}}\n", "y".repeat(MAX_LINE_BYTES)), 1),
        ] {
            std::fs::write(folder.path().join("log.tail"), &text).unwrap();
            let error = Journal::open(folder.path(), "log").unwrap_err();
            assert!(matches!(error, JournalError::Damaged { line, .. } if line == expected), "{error}");
        }
    }

    fn shown(begins: u64) -> String {
        String::from_utf8(line(&stretch(begins)).unwrap()).unwrap()
    }
}
