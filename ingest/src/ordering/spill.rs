//! A partition's queue on disk: written in the order of arrival, read back in the same order.
//!
//! The file is temporary: what is in it was not released, so a restart reads it from its source again.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use detectors::event::{Event, EventTime, Timeliness};
use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;
use thiserror::Error;

/// Why a queue could not be spilled or read back.
#[derive(Debug, Error)]
pub enum SpillError {
    /// The file cannot be made or opened.
    #[error("cannot make a spill file in {folder}")]
    Create {
        /// The folder.
        folder: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The file cannot be written.
    #[error("cannot write the spill file")]
    Write(#[source] io::Error),
    /// The file cannot be read.
    #[error("cannot read the spill file")]
    Read(#[source] io::Error),
    /// What was read is not what was written.
    #[error("cannot decode an event of the spill file")]
    Decode(#[source] postcard::Error),
}

/// One event in the queue, with what its partition had reached when it came.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Spilled {
    pub(super) reached: EventTime,
    pub(super) order: EventTime,
    pub(super) ticket: u64,
    pub(super) bytes: u32,
    pub(super) timeliness: Timeliness,
    pub(super) event: Arc<Event>,
}

#[derive(Debug)]
pub(super) struct Spill {
    writer: BufWriter<NamedTempFile>,
    reader: BufReader<File>,
    next: Option<Spilled>,
    written: usize,
    read: usize,
    bytes: u64,
    flushed: usize,
}

impl Spill {
    pub(super) fn create(folder: &Path) -> Result<Self, SpillError> {
        let failed = |source| SpillError::Create { folder: folder.to_owned(), source };
        let file = tempfile::Builder::new().prefix("sealwatch-merge-").tempfile_in(folder).map_err(failed)?;
        let reader = file.reopen().map_err(failed)?;
        Ok(Self {
            writer: BufWriter::new(file),
            reader: BufReader::new(reader),
            next: None,
            written: 0,
            read: 0,
            bytes: 0,
            flushed: 0,
        })
    }

    pub(super) fn len(&self) -> usize {
        self.written - self.read + usize::from(self.next.is_some())
    }

    pub(super) const fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(super) fn is_drained(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn write(&mut self, spilled: &Spilled) -> Result<(), SpillError> {
        let bytes = postcard::to_stdvec(spilled).map_err(SpillError::Decode)?;
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        self.writer.write_all(&length.to_le_bytes()).map_err(SpillError::Write)?;
        self.writer.write_all(&bytes).map_err(SpillError::Write)?;
        self.written += 1;
        self.bytes += 4 + u64::from(length);
        Ok(())
    }

    /// What the partition had reached when the next event came.
    pub(super) fn next_reached(&mut self) -> Result<Option<EventTime>, SpillError> {
        if self.next.is_none() {
            self.next = self.read_one()?;
        }
        Ok(self.next.as_ref().map(|spilled| spilled.reached))
    }

    pub(super) fn read(&mut self) -> Result<Option<Spilled>, SpillError> {
        match self.next.take() {
            Some(spilled) => Ok(Some(spilled)),
            None => self.read_one(),
        }
    }

    fn read_one(&mut self) -> Result<Option<Spilled>, SpillError> {
        if self.read == self.written {
            return Ok(None);
        }
        if self.flushed < self.written {
            self.writer.flush().map_err(SpillError::Write)?;
            self.flushed = self.written;
        }
        let mut length = [0; 4];
        self.reader.read_exact(&mut length).map_err(SpillError::Read)?;
        let mut bytes = vec![0; u32::from_le_bytes(length) as usize];
        self.reader.read_exact(&mut bytes).map_err(SpillError::Read)?;
        self.read += 1;
        postcard::from_bytes(&bytes).map(Some).map_err(SpillError::Decode)
    }
}
