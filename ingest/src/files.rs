//! Files as a source: each is one partition, read to its real end.
//!
//! Plain, gzip and zstd are told apart by content, and so are recordings (`*.swrec`); `-` is standard input.
//! A file's stream is its base name, an offset is the record's number. Blank lines count but are not handed over.

mod lines;
mod open;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use detectors::event::{NextOffset, PartitionId};
use thiserror::Error;

pub(crate) use self::lines::{Line, LineReader};
use self::open::STANDARD_INPUT;
pub(crate) use self::open::{decompressed, open as open_for_reading, peek};
use crate::recording::{RECORDING_MARK, RecordingError, RecordingReader};
use crate::source::{Item, OversizeRecord, Polled, RawRecord, Source, SourceError};

/// What standard input is called as a stream.
const STANDARD_INPUT_STREAM: &str = "stdin";

/// Several files, each a partition. A poll reads from one of them: the preferred one, else the next in turn.
pub struct FileSource {
    files: Vec<OpenFile>,
    turn: usize,
}

struct OpenFile {
    path: PathBuf,
    content: Content,
}

/// What a file holds, and whether it is still being read.
enum Content {
    /// Lines, one record each; those before `from` are passed over.
    Lines { partition: Arc<PartitionId>, reader: LineReader, from: NextOffset, announced: Announced },
    /// A recording, which holds partitions of its own.
    Recording(Box<RecordingReader>),
    /// Nothing more.
    Ended,
}

/// Whether a partition's assignment was reported.
#[derive(PartialEq, Eq)]
enum Announced {
    NotYet,
    Done,
}

/// Why files cannot be read at all.
#[derive(Debug, Error)]
pub enum FilesError {
    /// It could not be opened.
    #[error("could not open `{path}`", path = path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        cause: std::io::Error,
    },
    /// It is a directory.
    #[error("could not read `{path}`, which is a directory", path = path.display())]
    Directory {
        /// The directory.
        path: PathBuf,
    },
    /// Two of them have one base name, and would be one stream.
    #[error("could not tell `{first}` from `{second}`, both are stream `{stream}`",
            first = first.display(), second = second.display())]
    SameName {
        /// The base name.
        stream: String,
        /// One.
        first: PathBuf,
        /// The other.
        second: PathBuf,
    },
    /// It begins like a recording and is none that can be read.
    #[error("could not read recording `{path}`", path = path.display())]
    Recording {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        cause: RecordingError,
    },
}

impl FilesError {
    fn open(path: &Path, cause: std::io::Error) -> Self {
        Self::Open { path: path.to_owned(), cause }
    }

    /// What the operator can do about it.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Open { cause, .. } => match cause.kind() {
                std::io::ErrorKind::NotFound => "check the path; `-` reads standard input",
                std::io::ErrorKind::PermissionDenied => {
                    "give the user that runs Sealwatch the right to read the file"
                }
                _ => "check that the file is readable and, if compressed, complete",
            },
            Self::Directory { .. } => {
                "name the files in it, for example with a pattern such as `logs/*.jsonl.gz`"
            }
            Self::SameName { .. } => "rename one: a stream is called by its file's base name",
            Self::Recording { .. } => "record again, or use the version of Sealwatch that wrote it",
        }
    }
}

impl FileSource {
    /// Opens files. Positions are (`source`, base name, 0, record number); a recording brings positions of its own.
    ///
    /// # Errors
    /// [`FilesError`], naming the first file that is missing, unreadable, a directory, or named like another one.
    pub fn open(source: &str, paths: &[PathBuf]) -> Result<Self, FilesError> {
        let source: Arc<str> = Arc::from(source);
        let mut seen: BTreeMap<String, &Path> = BTreeMap::new();
        let mut files = Vec::with_capacity(paths.len());
        for path in paths {
            let stream = stream_name(path);
            if let Some(first) = seen.insert(stream.clone(), path) {
                return Err(FilesError::SameName { stream, first: first.to_owned(), second: path.clone() });
            }
            let content = Content::open(path, &source, &stream)?;
            files.push(OpenFile { path: path.clone(), content });
        }
        Ok(Self { files, turn: 0 })
    }

    /// Passes over the records of this partition before `next`: they were read in an earlier life.
    pub fn start_at(&mut self, partition: &PartitionId, next: NextOffset) {
        for file in &mut self.files {
            if let Content::Lines { partition: own, from, .. } = &mut file.content
                && **own == *partition
            {
                *from = next;
            }
        }
    }

    /// The partitions that are known before reading, in the order of the files.
    #[must_use]
    pub fn partitions(&self) -> Vec<Arc<PartitionId>> {
        let mut known = Vec::new();
        for file in &self.files {
            match &file.content {
                Content::Lines { partition, .. } => known.push(Arc::clone(partition)),
                Content::Recording(reader) => known.extend(reader.partitions().cloned()),
                Content::Ended => {}
            }
        }
        known
    }

    /// Moves the turn to a file that is still being read; `false` if there is none.
    fn find_turn(&mut self) -> bool {
        let count = self.files.len();
        let open = (0..count)
            .map(|step| (self.turn + step) % count)
            .find(|index| !matches!(self.files[*index].content, Content::Ended));
        if let Some(index) = open {
            self.turn = index;
        }
        open.is_some()
    }
}

impl Source for FileSource {
    /// Files do not wait: `wait` is not used, and standard input blocks until a line is there.
    fn poll(
        &mut self,
        max_records: usize,
        _wait: Duration,
        visit: &mut dyn FnMut(Item<'_>),
    ) -> Result<Polled, SourceError> {
        if !self.find_turn() {
            return Ok(Polled::Ended);
        }
        let file = &mut self.files[self.turn];
        for _ in 0..max_records {
            if !file.read_one(visit)? {
                break;
            }
        }
        self.turn += 1;
        Ok(if self.find_turn() { Polled::Some } else { Polled::Ended })
    }

    fn prefer(&mut self, partition: &PartitionId) {
        let found = self.files.iter().position(|file| match &file.content {
            Content::Lines { partition: own, .. } => **own == *partition,
            Content::Recording(reader) => reader.partitions().any(|own| **own == *partition),
            Content::Ended => false,
        });
        if let Some(index) = found {
            self.turn = index;
        }
    }
}

impl Content {
    fn open(path: &Path, source: &Arc<str>, stream: &str) -> Result<Self, FilesError> {
        let plain = open::open(path)?;
        let (head, reader) =
            peek(plain, RECORDING_MARK.len()).map_err(|cause| FilesError::open(path, cause))?;
        if head == RECORDING_MARK.as_bytes() {
            let recording = RecordingReader::of_lines(reader)
                .map_err(|cause| FilesError::Recording { path: path.to_owned(), cause })?;
            return Ok(Self::Recording(Box::new(recording)));
        }
        let partition =
            Arc::new(PartitionId { source: Arc::clone(source), stream: Arc::from(stream), partition: 0 });
        Ok(Self::Lines {
            partition,
            reader: LineReader::new(reader),
            from: NextOffset(0),
            announced: Announced::NotYet,
        })
    }
}

impl OpenFile {
    /// Hands over one thing; `false` when the file has ended.
    fn read_one(&mut self, visit: &mut dyn FnMut(Item<'_>)) -> Result<bool, SourceError> {
        let ended = match &mut self.content {
            Content::Ended => return Ok(false),
            Content::Recording(reader) => {
                let more = reader.read_one(visit);
                !more.map_err(|cause| SourceError::Recording { path: self.path.clone(), cause })?
            }
            Content::Lines { partition, reader, from, announced } => {
                if *announced == Announced::NotYet {
                    *announced = Announced::Done;
                    visit(Item::Assigned(Arc::clone(partition), *from));
                }
                let record = reader.lines();
                let line = reader.next_line();
                match line.map_err(|cause| SourceError::Read { path: self.path.clone(), record, cause })? {
                    Line::Whole { offset, .. } | Line::Oversize { offset, .. } if offset < from.0 => false,
                    Line::Whole { offset, bytes } => {
                        visit(Item::Record(RawRecord::line(partition, offset, bytes)));
                        false
                    }
                    Line::Oversize { offset, size, head, sha256 } => {
                        visit(Item::Oversize(OversizeRecord {
                            partition,
                            offset,
                            timestamp_ms: None,
                            size,
                            head,
                            sha256,
                        }));
                        false
                    }
                    Line::End { next } => {
                        visit(Item::Ended(Arc::clone(partition), next));
                        true
                    }
                }
            }
        };
        if ended {
            self.content = Content::Ended;
        }
        Ok(!ended)
    }
}

fn stream_name(path: &Path) -> String {
    if path.as_os_str() == STANDARD_INPUT {
        return STANDARD_INPUT_STREAM.to_owned();
    }
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests;
