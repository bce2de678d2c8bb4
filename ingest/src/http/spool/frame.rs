//! One frame: length, checksum, when it came, what it is, its bytes.

use std::io::{self, ErrorKind, Read as _};

use crate::source::MAX_RECORD_BYTES;

/// Length, checksum, time, kind.
const HEAD_BYTES: usize = 4 + 4 + 8 + 1;
/// Longest contents: a body, and for a refused one the reason before it.
const MAX_BYTES: usize = MAX_RECORD_BYTES + 4 * 1024;

/// One thing that was posted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::http) struct Frame {
    /// When it came, Unix milliseconds.
    pub(in crate::http) received_ms: i64,
    /// What it is.
    pub(in crate::http) kind: Kind,
    /// Its body.
    pub(in crate::http) bytes: Vec<u8>,
}

/// What a frame is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::http) enum Kind {
    /// A request that was taken.
    Taken,
    /// The reason why one was refused, a line break, and what was read of its body.
    Refused,
}

/// What was found where a frame was to be.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::http) enum Read {
    /// A frame.
    Frame(Frame),
    /// The end, exactly between two frames.
    End,
    /// Something that is no whole frame.
    Torn,
}

impl Frame {
    /// Bytes on disk.
    pub(in crate::http) fn size(&self) -> u64 {
        (HEAD_BYTES + self.bytes.len()) as u64
    }

    pub(in crate::http) fn write(&self, out: &mut Vec<u8>) {
        let kind = match self.kind {
            Kind::Taken => 0,
            Kind::Refused => 1,
        };
        let length = u32::try_from(self.bytes.len()).unwrap_or(u32::MAX);
        out.extend(length.to_le_bytes());
        out.extend(checksum(length, self.received_ms, kind, &self.bytes).to_le_bytes());
        out.extend(self.received_ms.to_le_bytes());
        out.push(kind);
        out.extend(&self.bytes);
    }
}

fn checksum(length: u32, received_ms: i64, kind: u8, bytes: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(&length.to_le_bytes());
    crc.update(&received_ms.to_le_bytes());
    crc.update(&[kind]);
    crc.update(bytes);
    crc.sum()
}

/// Reads the next frame.
pub(in crate::http) fn read(from: &mut impl io::Read) -> io::Result<Read> {
    let mut head = Vec::with_capacity(HEAD_BYTES);
    from.by_ref().take(HEAD_BYTES as u64).read_to_end(&mut head)?;
    let Ok(head) = <[u8; HEAD_BYTES]>::try_from(head.as_slice()) else {
        return Ok(if head.is_empty() { Read::End } else { Read::Torn });
    };
    let [l0, l1, l2, l3, c0, c1, c2, c3, t0, t1, t2, t3, t4, t5, t6, t7, kind_byte] = head;
    let length = u32::from_le_bytes([l0, l1, l2, l3]);
    let received_ms = i64::from_le_bytes([t0, t1, t2, t3, t4, t5, t6, t7]);
    let kind = match kind_byte {
        0 => Kind::Taken,
        1 => Kind::Refused,
        _ => return Ok(Read::Torn),
    };
    if length as usize > MAX_BYTES {
        return Ok(Read::Torn);
    }
    let mut bytes = vec![0; length as usize];
    match from.read_exact(&mut bytes) {
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(Read::Torn),
        other => other?,
    }
    let is_whole = checksum(length, received_ms, kind_byte, &bytes) == u32::from_le_bytes([c0, c1, c2, c3]);
    Ok(if is_whole { Read::Frame(Frame { received_ms, kind, bytes }) } else { Read::Torn })
}
