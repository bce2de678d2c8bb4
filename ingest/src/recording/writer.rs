//! Writing a recording.

use std::io::Write;

use data_encoding::HEXLOWER;
use detectors::event::PartitionId;
use sha2::{Digest, Sha256};

use super::digest::Digesting;
use super::line::{Bytes, RecordedEnd, RecordedHeader, RecordedLine, RecordedOversize};
use super::{ControlRecord, Manifest, RecordingDigest, RecordingError};
use crate::source::{HEAD_BYTES, MAX_RECORD_BYTES, OversizeRecord, RawRecord};
use crate::wire::object::Text;

/// zstd's own default: text shrinks to about a tenth, at several hundred megabytes a second.
const COMPRESSION_LEVEL: i32 = 3;

/// Writes a recording. Without [`finish`](Self::finish) it has no last line, and a reader says so.
pub struct RecordingWriter<W: Write> {
    out: zstd::Encoder<'static, W>,
    source: std::sync::Arc<str>,
    digesting: Digesting,
    records: u64,
    controls: u64,
    line: Vec<u8>,
}

/// What was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordingSummary {
    /// Records, oversize ones included.
    pub records: u64,
    /// Control records.
    pub controls: u64,
    /// The digest of the records.
    pub digest: RecordingDigest,
}

impl<W: Write> RecordingWriter<W> {
    /// Begins a recording.
    ///
    /// # Errors
    /// [`RecordingError::Write`] when `out` cannot be written.
    pub fn new(out: W, manifest: &Manifest) -> Result<Self, RecordingError> {
        let mut out = zstd::Encoder::new(out, COMPRESSION_LEVEL).map_err(RecordingError::Write)?;
        out.include_checksum(true).map_err(RecordingError::Write)?;
        let mut writer = Self {
            out,
            source: manifest.source.clone(),
            digesting: Digesting::default(),
            records: 0,
            controls: 0,
            line: Vec::new(),
        };
        serde_json::to_writer(&mut writer.line, manifest)
            .map_err(|error| RecordingError::Write(error.into()))?;
        writer.write_line()?;
        Ok(writer)
    }

    /// Writes a record; of one larger than a record may be, what [`OversizeRecord`] keeps.
    ///
    /// # Errors
    /// [`RecordingError::Write`] when the output cannot be written.
    pub fn record(&mut self, record: &RawRecord<'_>) -> Result<(), RecordingError> {
        let bytes = record.bytes();
        if bytes.len() > MAX_RECORD_BYTES {
            return self.oversize(&OversizeRecord {
                partition: record.partition,
                offset: record.offset,
                timestamp_ms: record.timestamp_ms,
                size: bytes.len() as u64,
                head: &bytes[..HEAD_BYTES],
                sha256: Sha256::digest(bytes).into(),
            });
        }
        self.digesting.record(record);
        self.records += 1;
        let headers = record.headers.iter();
        let headers =
            headers.map(|(name, value)| RecordedHeader { name: (*name).into(), value: value.map(Bytes::of) });
        self.write(&RecordedLine {
            source: self.source_unless_default(record.partition),
            timestamp: record.timestamp_ms,
            key: record.key.map(Bytes::of),
            headers: headers.collect(),
            value: record.payload.map(Bytes::of),
            ..at(record.partition, record.offset)
        })
    }

    /// Writes what is known of a record that is too large.
    ///
    /// # Errors
    /// [`RecordingError::Write`] when the output cannot be written.
    pub fn oversize(&mut self, record: &OversizeRecord<'_>) -> Result<(), RecordingError> {
        self.digesting.oversize(record);
        self.records += 1;
        self.write(&RecordedLine {
            source: self.source_unless_default(record.partition),
            timestamp: record.timestamp_ms,
            oversize: Some(RecordedOversize {
                size: record.size,
                head: Bytes::of(record.head),
                sha256: Text::from(HEXLOWER.encode(&record.sha256)),
            }),
            ..at(record.partition, record.offset)
        })
    }

    /// Writes a control record in its place.
    ///
    /// # Errors
    /// [`RecordingError::Write`] when the output cannot be written.
    pub fn control(&mut self, control: &ControlRecord) -> Result<(), RecordingError> {
        self.controls += 1;
        self.write(&RecordedLine { control: Some(control.clone()), ..RecordedLine::default() })
    }

    /// Hands what was written so far to the output, so that a reader after a crash finds it.
    ///
    /// # Errors
    /// [`RecordingError::Write`] when the output cannot be written.
    pub fn flush(&mut self) -> Result<(), RecordingError> {
        self.out.flush().map_err(RecordingError::Write)
    }

    /// Writes the last line and gives the output back.
    ///
    /// # Errors
    /// [`RecordingError::Write`] when the output cannot be written.
    pub fn finish(mut self) -> Result<(W, RecordingSummary), RecordingError> {
        let digest = std::mem::take(&mut self.digesting).finish();
        let summary = RecordingSummary { records: self.records, controls: self.controls, digest };
        let end = RecordedEnd {
            records: summary.records,
            controls: summary.controls,
            digest: Text::from(digest.to_string()),
        };
        self.write(&RecordedLine { end: Some(end), ..RecordedLine::default() })?;
        let mut out = self.out.finish().map_err(RecordingError::Write)?;
        out.flush().map_err(RecordingError::Write)?;
        Ok((out, summary))
    }

    fn source_unless_default<'a>(&self, partition: &'a PartitionId) -> Option<Text<'a>> {
        (partition.source != self.source).then(|| Text::from(&*partition.source))
    }

    fn write(&mut self, line: &RecordedLine<'_>) -> Result<(), RecordingError> {
        serde_json::to_writer(&mut self.line, line).map_err(|error| RecordingError::Write(error.into()))?;
        self.write_line()
    }

    fn write_line(&mut self) -> Result<(), RecordingError> {
        self.line.push(b'\n');
        self.out.write_all(&self.line).map_err(RecordingError::Write)?;
        self.line.clear();
        Ok(())
    }
}

fn at(partition: &PartitionId, offset: i64) -> RecordedLine<'_> {
    RecordedLine {
        stream: Some(Text::from(&*partition.stream)),
        partition: Some(partition.partition),
        offset: Some(offset),
        ..RecordedLine::default()
    }
}
