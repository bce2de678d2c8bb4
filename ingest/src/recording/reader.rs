//! Reading a recording, as the items that a source reports.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::sync::Arc;

use data_encoding::HEXLOWER_PERMISSIVE;
use detectors::event::{NextOffset, PartitionId};

use super::digest::Digesting;
use super::line::{Bytes, RecordedEnd, RecordedLine, RecordedOversize};
use super::{LineFault, MAX_LINE_BYTES, Manifest, RECORDING_VERSION, RecordingError};
use crate::source::{Effect, Item, OversizeRecord, RawRecord, Trouble};

/// Reads a recording line by line.
pub struct RecordingReader {
    lines: Box<dyn BufRead + Send>,
    line: Vec<u8>,
    number: u64,
    manifest: Manifest,
    partitions: BTreeMap<PartitionId, Known>,
    digesting: Digesting,
    stage: Stage,
}

/// A partition of the recording, and what comes next in it.
struct Known {
    partition: Arc<PartitionId>,
    next: NextOffset,
}

/// How far the recording is read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// The manifest's partitions were not reported yet.
    Beginning,
    /// Between manifest and last line.
    Reading,
    /// The last line was read.
    Ended,
}

/// What a call came to.
enum Read1 {
    Line,
    NoMore,
}

impl RecordingReader {
    /// Reads a recording as it lies in a file.
    ///
    /// # Errors
    /// [`RecordingError`] when it does not begin as a recording does.
    pub fn new(compressed: impl Read + Send + 'static) -> Result<Self, RecordingError> {
        let unreadable = |cause| RecordingError::Read { line: 0, cause };
        let decoder = zstd::Decoder::new(compressed).map_err(unreadable)?;
        Self::of_lines(Box::new(BufReader::new(decoder)))
    }

    /// Reads the lines of a recording that is decompressed already.
    ///
    /// # Errors
    /// [`RecordingError`] when they do not begin with a manifest that this program knows.
    pub fn of_lines(lines: Box<dyn BufRead + Send>) -> Result<Self, RecordingError> {
        let mut reader = Self {
            lines,
            line: Vec::new(),
            number: 0,
            manifest: Manifest::new("", "", Vec::new()),
            partitions: BTreeMap::new(),
            digesting: Digesting::default(),
            stage: Stage::Beginning,
        };
        reader.next_line()?;
        // A later version may have other fields, so its number is read first.
        #[derive(serde::Deserialize)]
        struct Version {
            swrec: u32,
        }
        let version: Version = serde_json::from_slice(&reader.line).map_err(RecordingError::NoManifest)?;
        if version.swrec > RECORDING_VERSION {
            return Err(RecordingError::TooNew(version.swrec));
        }
        reader.manifest = serde_json::from_slice(&reader.line).map_err(RecordingError::NoManifest)?;
        for recorded in &reader.manifest.partitions {
            let partition = Arc::new(recorded.partition.clone());
            let known = Known { partition, next: recorded.from };
            reader.partitions.insert(recorded.partition.clone(), known);
        }
        Ok(reader)
    }

    /// The first line.
    #[must_use]
    pub const fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The partitions that are known so far.
    pub fn partitions(&self) -> impl Iterator<Item = &Arc<PartitionId>> {
        self.partitions.values().map(|known| &known.partition)
    }

    /// Hands over what the next line holds; `false` when the recording has ended.
    ///
    /// # Errors
    /// [`RecordingError`] when it is damaged; what was handed over before stays right.
    pub fn read_one(&mut self, visit: &mut dyn FnMut(Item<'_>)) -> Result<bool, RecordingError> {
        match self.stage {
            Stage::Ended => return Ok(false),
            Stage::Beginning => {
                self.stage = Stage::Reading;
                for known in self.partitions.values() {
                    visit(Item::Assigned(Arc::clone(&known.partition), known.next));
                }
            }
            Stage::Reading => {}
        }
        if let Read1::NoMore = self.next_line()? {
            visit(Item::Trouble(Trouble {
                partition: None,
                text:
                    "the recording has no last line: whoever wrote it was stopped, and its end may be missing"
                        .into(),
                effect: Effect::Passing,
            }));
            return Ok(self.end(visit));
        }
        let line = std::mem::take(&mut self.line);
        let result = self.hand_over(&line, visit);
        self.line = line;
        result
    }

    fn hand_over(&mut self, line: &[u8], visit: &mut dyn FnMut(Item<'_>)) -> Result<bool, RecordingError> {
        let number = self.number;
        let line: RecordedLine<'_> =
            serde_json::from_slice(line).map_err(|cause| RecordingError::Line { line: number, cause })?;
        if let Some(end) = &line.end {
            self.check_end(end)?;
            return Ok(self.end(visit));
        }
        if let Some(control) = line.control {
            visit(Item::Control(control));
            return Ok(true);
        }
        let fault = |fault| RecordingError::Fault { line: number, fault };
        let (partition, offset) = self.place(&line, visit).map_err(fault)?;
        match &line.oversize {
            Some(oversize) => self.oversize(&partition, offset, line.timestamp, oversize, visit),
            None => self.record(&partition, offset, &line, visit),
        }
        .map_err(fault)?;
        Ok(true)
    }

    fn record(
        &mut self,
        partition: &Arc<PartitionId>,
        offset: i64,
        line: &RecordedLine<'_>,
        visit: &mut dyn FnMut(Item<'_>),
    ) -> Result<(), LineFault> {
        let key = line.key.as_ref().map(Bytes::decoded).transpose()?;
        let payload = line.value.as_ref().map(Bytes::decoded).transpose()?;
        let values = line.headers.iter().map(|header| header.value.as_ref().map(Bytes::decoded).transpose());
        let values: Vec<Option<Cow<'_, [u8]>>> = values.collect::<Result<_, _>>()?;
        let headers: Vec<(&str, Option<&[u8]>)> = line
            .headers
            .iter()
            .zip(&values)
            .map(|(header, value)| (&*header.name, value.as_deref()))
            .collect();
        let record = RawRecord {
            partition,
            offset,
            timestamp_ms: line.timestamp,
            key: key.as_deref(),
            headers: &headers,
            payload: payload.as_deref(),
        };
        self.digesting.record(&record);
        visit(Item::Record(record));
        Ok(())
    }

    fn oversize(
        &mut self,
        partition: &Arc<PartitionId>,
        offset: i64,
        timestamp_ms: Option<i64>,
        oversize: &RecordedOversize<'_>,
        visit: &mut dyn FnMut(Item<'_>),
    ) -> Result<(), LineFault> {
        let head = oversize.head.decoded()?;
        let hash =
            HEXLOWER_PERMISSIVE.decode(oversize.sha256.as_bytes()).map_err(|_| LineFault::NotSha256)?;
        let sha256 = hash.try_into().map_err(|_| LineFault::NotSha256)?;
        let record =
            OversizeRecord { partition, offset, timestamp_ms, size: oversize.size, head: &head, sha256 };
        self.digesting.oversize(&record);
        visit(Item::Oversize(record));
        Ok(())
    }

    /// Where a record lies; a partition that was not known yet is reported as assigned.
    fn place(
        &mut self,
        line: &RecordedLine<'_>,
        visit: &mut dyn FnMut(Item<'_>),
    ) -> Result<(Arc<PartitionId>, i64), LineFault> {
        let (Some(stream), Some(partition), Some(offset)) = (&line.stream, line.partition, line.offset)
        else {
            return Err(LineFault::NoPosition);
        };
        let source = line.source.as_deref().map_or_else(|| Arc::clone(&self.manifest.source), Arc::from);
        let id = PartitionId { source, stream: Arc::from(&**stream), partition };
        let known = self.partitions.entry(id).or_insert_with_key(|id| {
            let known = Known { partition: Arc::new(id.clone()), next: NextOffset(offset) };
            visit(Item::Assigned(Arc::clone(&known.partition), known.next));
            known
        });
        if offset < known.next.0 {
            return Err(LineFault::Backwards);
        }
        known.next = NextOffset::after(offset);
        Ok((Arc::clone(&known.partition), offset))
    }

    fn check_end(&mut self, end: &RecordedEnd<'_>) -> Result<(), RecordingError> {
        let found = std::mem::take(&mut self.digesting).finish().to_string();
        if *end.digest != *found {
            return Err(RecordingError::Digest { found, written: end.digest.to_string() });
        }
        match self.next_line()? {
            Read1::NoMore => Ok(()),
            Read1::Line => Err(RecordingError::Fault { line: self.number, fault: LineFault::BehindEnd }),
        }
    }

    fn end(&mut self, visit: &mut dyn FnMut(Item<'_>)) -> bool {
        self.stage = Stage::Ended;
        for known in self.partitions.values() {
            visit(Item::Ended(Arc::clone(&known.partition), known.next));
        }
        false
    }

    /// Reads a line into the buffer.
    fn next_line(&mut self) -> Result<Read1, RecordingError> {
        self.line.clear();
        let limit = MAX_LINE_BYTES as u64 + 1;
        let read = (&mut self.lines).take(limit).read_until(b'\n', &mut self.line);
        let read = read.map_err(|cause| RecordingError::Read { line: self.number, cause })?;
        if read == 0 {
            return Ok(Read1::NoMore);
        }
        self.number += 1;
        if read as u64 == limit && self.line.last() != Some(&b'\n') {
            return Err(RecordingError::Fault { line: self.number, fault: LineFault::TooLong });
        }
        Ok(Read1::Line)
    }
}
