//! The reading end: what was posted, as records of one partition.

use std::fs::File;
use std::io::{BufReader, ErrorKind};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use detectors::event::{NextOffset, PartitionId};

use super::spool::{self, Frame, Kind, Read, Shared};
use crate::decode::{Refusal, RefusalReason};
use crate::source::{Effect, Item, Polled, RawRecord, Source, SourceError, Trouble};

/// Requests of one path, as a source. It never ends.
#[derive(Debug)]
pub struct HttpSource {
    partition: Arc<PartitionId>,
    folder: PathBuf,
    shared: Arc<Shared>,
    /// The number of the frame to be read next.
    next: u64,
    /// The file that is read, from `next` on.
    reader: Option<BufReader<File>>,
    saying: Saying,
}

/// What was said of the partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Saying {
    Nothing,
    Assigned,
    /// It was read to its end, and nothing came since.
    End,
}

impl HttpSource {
    pub(super) const fn new(
        partition: Arc<PartitionId>,
        folder: PathBuf,
        from: Option<u64>,
        shared: Arc<Shared>,
    ) -> Self {
        let next = match from {
            Some(next) => next,
            None => 0,
        };
        Self { partition, folder, shared, next, reader: None, saying: Saying::Nothing }
    }

    /// The next frame; none if the reader stands where nothing is yet.
    fn frame(&mut self) -> Result<Option<Frame>, SourceError> {
        while self.next < self.shared.next() {
            let failed = |next: u64, cause| SourceError::Spool { number: next, cause };
            if self.reader.is_none() && !self.open()? {
                return Ok(None);
            }
            let Some(reader) = &mut self.reader else { return Ok(None) };
            match spool::read(reader).map_err(|cause| failed(self.next, spool_error(&self.folder, cause)))? {
                Read::Frame(frame) => {
                    self.next += 1;
                    return Ok(Some(frame));
                }
                // The next file begins with the next number.
                Read::End | Read::Torn => self.reader = None,
            }
        }
        Ok(None)
    }

    /// Opens the file that holds the next frame, or the first one behind it if that one is gone.
    fn open(&mut self) -> Result<bool, SourceError> {
        let failed = |number| move |cause| SourceError::Spool { number, cause };
        let segments = spool::segments(&self.folder).map_err(failed(self.next))?;
        let at = segments.partition_point(|(first, _)| *first <= self.next);
        let holding = at.checked_sub(1).and_then(|at| segments.get(at));
        if let Some((first, path)) = holding {
            let file = File::open(path).map_err(|cause| failed(self.next)(spool_error(path, cause)))?;
            let mut reader = BufReader::new(file);
            let mut number = *first;
            while number < self.next
                && matches!(
                    spool::read(&mut reader).map_err(|cause| failed(number)(spool_error(path, cause)))?,
                    Read::Frame(_)
                )
            {
                number += 1;
            }
            let is_there = number == self.next
                && reader.get_ref().metadata().is_ok_and(|data| {
                    use std::io::Seek as _;
                    reader.stream_position().is_ok_and(|position| position < data.len())
                });
            if is_there {
                self.reader = Some(reader);
                return Ok(true);
            }
        }
        let behind = segments.get(at).map_or(self.shared.next(), |(first, _)| *first);
        if behind > self.next {
            let text = format!("{} requests of the spool are damaged or gone", behind - self.next);
            self.shared.trouble(format!("`{}`: {text}", self.folder.display()));
            self.next = behind;
        }
        Ok(self.next < self.shared.next() && segments.get(at).is_some() && self.open()?)
    }

    fn hand_over(&self, frame: &Frame, visit: &mut dyn FnMut(Item<'_>)) {
        let record = RawRecord {
            timestamp_ms: Some(frame.received_ms),
            ..RawRecord::line(&self.partition, offset_of(self.next - 1).0, &frame.bytes)
        };
        match frame.kind {
            Kind::Taken => visit(Item::Record(record)),
            Kind::Refused => {
                let end = frame.bytes.iter().position(|byte| *byte == b'\n').unwrap_or(frame.bytes.len());
                let (reason, body) = frame.bytes.split_at(end);
                let refusal = Refusal::new(RefusalReason::RefusedRequest, String::from_utf8_lossy(reason));
                let body = body.strip_prefix(b"\n").unwrap_or(body);
                visit(Item::Refused(RawRecord { payload: Some(body), ..record }, refusal));
            }
        }
    }
}

impl Source for HttpSource {
    fn poll(
        &mut self,
        max_records: usize,
        wait: Duration,
        visit: &mut dyn FnMut(Item<'_>),
    ) -> Result<Polled, SourceError> {
        let mut polled = Polled::Nothing;
        if self.saying == Saying::Nothing {
            self.saying = Saying::Assigned;
            visit(Item::Assigned(Arc::clone(&self.partition), offset_of(self.next)));
            polled = Polled::Some;
        }
        for _ in 0..max_records {
            let Some(frame) = self.frame()? else { break };
            self.saying = Saying::Assigned;
            self.hand_over(&frame, visit);
            polled = Polled::Some;
        }
        for text in self.shared.take_troubles() {
            let partition = Some(Arc::clone(&self.partition));
            visit(Item::Trouble(Trouble { partition, text, effect: Effect::Passing }));
            polled = Polled::Some;
        }
        if self.next >= self.shared.next() && self.saying == Saying::Assigned {
            self.saying = Saying::End;
            visit(Item::EndOfPartition(Arc::clone(&self.partition), offset_of(self.next)));
            polled = Polled::Some;
        }
        if polled == Polled::Nothing {
            self.shared.wait_for(self.next, wait);
        }
        Ok(polled)
    }

    fn prefer(&mut self, _partition: &PartitionId) {}

    fn saved(&mut self, nexts: &[(PartitionId, NextOffset)]) -> Result<(), SourceError> {
        let own = nexts.iter().find(|(partition, _)| *partition == *self.partition);
        let Some((_, next)) = own else { return Ok(()) };
        let saved = u64::try_from(next.0).unwrap_or(0);
        spool::forget(&self.folder, saved, &self.shared)
            .map_err(|cause| SourceError::Spool { number: saved, cause })
    }
}

fn offset_of(number: u64) -> NextOffset {
    NextOffset(i64::try_from(number).unwrap_or(i64::MAX))
}

fn spool_error(path: &std::path::Path, cause: std::io::Error) -> spool::SpoolError {
    let cause =
        if cause.kind() == ErrorKind::NotFound { std::io::Error::from(ErrorKind::NotFound) } else { cause };
    spool::SpoolError::Unusable { path: path.to_owned(), cause }
}
