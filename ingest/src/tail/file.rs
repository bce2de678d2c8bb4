//! One file that may still grow: what it is, how it begins, and its lines.

use std::fs::{File, Metadata};
use std::io::{self, BufRead, Read, Seek, SeekFrom};
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::files::open_for_reading;
use crate::source::{HEAD_BYTES, MAX_RECORD_BYTES};

/// How much of a file's beginning tells it from others, in bytes.
const HEAD_MAX: usize = 1_024;
/// How much is read at once, in bytes.
const CHUNK_BYTES: usize = 64 * 1024;

/// How far before the end a line break is looked for where reading begins at the end, in bytes.
const LAST_LINE_WITHIN: u64 = MAX_RECORD_BYTES as u64;

/// A file as the file system knows it. Numbers of files that are gone are given anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct FileId {
    pub(super) device: u64,
    pub(super) inode: u64,
}

/// How a file begins.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Head {
    /// How many bytes are meant.
    pub(super) bytes: u32,
    /// Their SHA-256 in hex.
    pub(super) sha256: String,
}

impl FileId {
    pub(super) fn of(metadata: &Metadata) -> Self {
        Self { device: metadata.dev(), inode: metadata.ino() }
    }
}

impl Head {
    fn of(bytes: &[u8]) -> Self {
        let sha256 = data_encoding::HEXLOWER.encode(&Sha256::digest(bytes));
        Self { bytes: u32::try_from(bytes.len()).unwrap_or(u32::MAX), sha256 }
    }

    /// Whether it says as much as it ever will.
    pub(super) const fn is_full(&self) -> bool {
        self.bytes as usize >= HEAD_MAX
    }

    /// Reads the beginning of a plain file.
    pub(super) fn read(file: &File) -> io::Result<Self> {
        Ok(Self::of(&beginning(file, HEAD_MAX)?))
    }

    /// Reads the beginning of what a compressed file holds.
    pub(super) fn read_packed(path: &Path) -> io::Result<Self> {
        let mut bytes = Vec::new();
        unpacked(path)?.take(HEAD_MAX as u64).read_to_end(&mut bytes)?;
        Ok(Self::of(&bytes))
    }

    /// Whether a plain file begins so.
    pub(super) fn fits(&self, file: &File) -> io::Result<bool> {
        Ok(Self::of(&beginning(file, (self.bytes as usize).min(HEAD_MAX))?) == *self)
    }

    /// Whether a compressed file begins so once it is unpacked.
    pub(super) fn fits_packed(&self, path: &Path) -> io::Result<bool> {
        let mut bytes = Vec::new();
        unpacked(path)?.take(u64::from(self.bytes)).read_to_end(&mut bytes)?;
        Ok(self.bytes > 0 && Self::of(&bytes) == *self)
    }
}

fn beginning(file: &File, most: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; most];
    let mut held = 0;
    while held < most {
        match file.read_at(&mut bytes[held..], held as u64)? {
            0 => break,
            read => held += read,
        }
    }
    bytes.truncate(held);
    Ok(bytes)
}

fn unpacked(path: &Path) -> io::Result<Box<dyn BufRead + Send>> {
    open_for_reading(path).map_err(|error| io::Error::other(error.to_string()))
}

/// The lines of a file from some byte on. What stands behind the last line break waits for its own.
pub(super) struct Lines {
    input: Input,
    /// Where the next byte of `input` stands in the file.
    read: u64,
    buffer: Vec<u8>,
    /// How much of the buffer was handed over.
    taken: usize,
    /// How much of the rest is known to hold no line break.
    searched: usize,
    long: Option<Long>,
}

enum Input {
    Plain(File),
    Packed(Box<dyn BufRead + Send>),
}

/// A line longer than a record may be, of which the buffer holds no more than the end.
struct Long {
    begins: u64,
    head: Vec<u8>,
    hash: Sha256,
    size: u64,
}

/// What comes next in a file.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next<'a> {
    /// A line without its line break, perhaps blank, and where it begins in the file.
    Line { begins: u64, bytes: &'a [u8] },
    /// A line longer than a record may be.
    Long { begins: u64, size: u64, head: Vec<u8>, sha256: [u8; 32] },
    /// Nothing more for now.
    End,
}

impl Lines {
    /// A plain file from this byte on.
    pub(super) fn plain(mut file: File, from: u64) -> io::Result<Self> {
        file.seek(SeekFrom::Start(from))?;
        Ok(Self::of(Input::Plain(file), from))
    }

    /// A compressed file from this byte of its content on.
    pub(super) fn packed(path: &Path, from: u64) -> io::Result<Self> {
        let mut reader = unpacked(path)?;
        io::copy(&mut (&mut reader).take(from), &mut io::sink())?;
        Ok(Self::of(Input::Packed(reader), from))
    }

    fn of(input: Input, read: u64) -> Self {
        Self { input, read, buffer: Vec::new(), taken: 0, searched: 0, long: None }
    }

    /// The file, if it is a plain one.
    pub(super) const fn file(&self) -> Option<&File> {
        match &self.input {
            Input::Plain(file) => Some(file),
            Input::Packed(_) => None,
        }
    }

    /// Up to which byte of the file lines were handed over.
    pub(super) fn position(&self) -> u64 {
        match &self.long {
            Some(long) => long.begins,
            None => self.read - (self.buffer.len() - self.taken) as u64,
        }
    }

    /// How far the file was read, lines or not.
    pub(super) const fn read_to(&self) -> u64 {
        self.read
    }

    /// The next whole line before `limit`; at the limit, what stands before it is a line.
    pub(super) fn next(&mut self, limit: Option<u64>) -> io::Result<Next<'_>> {
        loop {
            let rest = &self.buffer[self.taken + self.searched..];
            if let Some(at) = rest.iter().position(|byte| *byte == b'\n') {
                return Ok(self.hand_over(self.searched + at, 1));
            }
            self.searched = self.buffer.len() - self.taken;
            if self.searched > MAX_RECORD_BYTES + 1 {
                self.put_aside();
            }
            let wanted = limit.map_or(CHUNK_BYTES as u64, |limit| limit.saturating_sub(self.read));
            if wanted == 0 {
                return Ok(self.rest());
            }
            if self.fill(usize::try_from(wanted).unwrap_or(CHUNK_BYTES).min(CHUNK_BYTES))? == 0 {
                return Ok(Next::End);
            }
        }
    }

    /// What stands behind the last line break, as a line: its file will not grow any more.
    pub(super) fn rest(&mut self) -> Next<'_> {
        if self.buffer.len() == self.taken && self.long.is_none() {
            return Next::End;
        }
        self.hand_over(self.buffer.len() - self.taken, 0)
    }

    /// Passes over the line that holds the byte before the first one to be read.
    pub(super) fn skip_line(&mut self, limit: Option<u64>) -> io::Result<()> {
        self.next(limit).map(drop)
    }

    fn fill(&mut self, most: usize) -> io::Result<usize> {
        self.buffer.drain(..self.taken);
        self.taken = 0;
        let held = self.buffer.len();
        self.buffer.resize(held + most, 0);
        let read = match &mut self.input {
            Input::Plain(file) => file.read(&mut self.buffer[held..]),
            Input::Packed(reader) => reader.read(&mut self.buffer[held..]),
        };
        self.buffer.truncate(held + *read.as_ref().unwrap_or(&0));
        let read = read?;
        self.read += read as u64;
        Ok(read)
    }

    /// Takes the beginning of a long line out of the buffer; it is hashed, not kept.
    fn put_aside(&mut self) {
        let begins = self.position();
        let bytes = &self.buffer[self.taken..];
        let long = self.long.get_or_insert_with(|| Long {
            begins,
            head: bytes[..HEAD_BYTES.min(bytes.len())].to_vec(),
            hash: Sha256::new(),
            size: 0,
        });
        long.hash.update(bytes);
        long.size += bytes.len() as u64;
        self.buffer.clear();
        self.taken = 0;
        self.searched = 0;
    }

    fn hand_over(&mut self, length: usize, line_break: usize) -> Next<'_> {
        let begins = self.position();
        let (from, to) = (self.taken, self.taken + length);
        self.taken = to + line_break;
        self.searched = 0;
        let bytes = &self.buffer[from..to];
        let bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
        if let Some(mut long) = self.long.take() {
            long.hash.update(bytes);
            let size = long.size + bytes.len() as u64;
            return Next::Long { begins, size, head: long.head, sha256: long.hash.finalize().into() };
        }
        if bytes.len() > MAX_RECORD_BYTES {
            let sha256 = Sha256::digest(bytes).into();
            return Next::Long {
                begins,
                size: bytes.len() as u64,
                head: bytes[..HEAD_BYTES].to_vec(),
                sha256,
            };
        }
        Next::Line { begins, bytes }
    }
}

/// Behind the last line break of a file.
pub(super) fn last_line_break(file: &File) -> io::Result<u64> {
    let length = file.metadata()?.len();
    let from = length.saturating_sub(LAST_LINE_WITHIN);
    let mut tail = vec![0; usize::try_from(length - from).unwrap_or(0)];
    file.read_exact_at(&mut tail, from)?;
    Ok(tail.iter().rposition(|byte| *byte == b'\n').map_or(from, |at| from + at as u64 + 1))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn file(content: &[u8]) -> File {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(content).unwrap();
        file
    }

    fn shown(next: &Next<'_>) -> String {
        match next {
            Next::Line { begins, bytes } if bytes.len() > 20 => format!("{begins}: {} bytes", bytes.len()),
            Next::Line { begins, bytes } => format!("{begins}: {}", String::from_utf8_lossy(bytes)),
            Next::Long { begins, size, head, .. } => format!("{begins}: {size} long, {}", head.len()),
            Next::End => "end".to_owned(),
        }
    }

    #[test]
    fn a_line_is_handed_over_when_it_is_whole_or_its_file_is_over() {
        let writer = file(b"a\r\n\nbc");
        let mut lines = Lines::plain(writer.try_clone().unwrap(), 0).unwrap();
        let seen: Vec<_> = (0..3).map(|_| shown(&lines.next(None).unwrap())).collect();
        assert_eq!(
            (seen, lines.position()),
            (vec!["0: a".to_owned(), "3: ".to_owned(), "end".to_owned()], 4)
        );
        writer.write_all_at(b"d\ne", 6).unwrap();
        assert_eq!(shown(&lines.next(None).unwrap()), "4: bcd");
        assert_eq!(shown(&lines.next(None).unwrap()), "end");
        assert_eq!(shown(&lines.rest()), "8: e");
        assert_eq!((shown(&lines.rest()), lines.position()), ("end".to_owned(), 9));
    }

    #[test]
    fn a_limit_ends_a_line_and_nothing_behind_it_is_read() {
        let mut lines = Lines::plain(file(b"abc\ndef\n"), 0).unwrap();
        assert_eq!(shown(&lines.next(Some(6)).unwrap()), "0: abc");
        assert_eq!(shown(&lines.next(Some(6)).unwrap()), "4: de");
        assert_eq!(shown(&lines.next(Some(6)).unwrap()), "end");
    }

    #[test]
    fn a_line_longer_than_a_record_is_never_held_whole() {
        let long = [&vec![b'x'; 5 * MAX_RECORD_BYTES][..], b"\nz\n"].concat();
        let mut lines = Lines::plain(file(&long), 0).unwrap();
        let next = lines.next(None).unwrap();
        let Next::Long { sha256, .. } = &next else { panic!("{next:?}") };
        assert_eq!(*sha256, <[u8; 32]>::from(Sha256::digest(&long[..5 * MAX_RECORD_BYTES])));
        assert_eq!(shown(&next), "0: 5242880 long, 4096");
        assert!(lines.buffer.capacity() < 3 * MAX_RECORD_BYTES);
        assert_eq!(shown(&lines.next(None).unwrap()), "5242881: z");
        let at_bound = [&vec![b'x'; MAX_RECORD_BYTES][..], b"\n"].concat();
        let mut lines = Lines::plain(file(&at_bound), 0).unwrap();
        assert_eq!(shown(&lines.next(None).unwrap()), "0: 1048576 bytes");
    }

    #[test]
    fn a_head_tells_a_file_from_another_with_its_number() {
        let head = Head::read(&file(b"first\n")).unwrap();
        assert!(head.fits(&file(b"first\nsecond\n")).unwrap());
        assert!(!head.fits(&file(b"other\n")).unwrap());
        assert!(!head.fits(&file(b"fir")).unwrap());
        assert!(!head.is_full() && Head::read(&file(&[7; HEAD_MAX])).unwrap().is_full());
    }
}
