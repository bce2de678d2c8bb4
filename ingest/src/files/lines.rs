//! Lines of a file, one at a time, never more of one in memory than a record may hold.

use std::io::{self, BufRead, Read};

use detectors::event::NextOffset;
use sha2::{Digest, Sha256};

use crate::source::{HEAD_BYTES, MAX_RECORD_BYTES};

/// A file read line by line. Every line counts, blank ones too, so that offset + 1 is the line number of an editor;
/// blank lines are not handed over.
pub(crate) struct LineReader {
    reader: Box<dyn BufRead + Send>,
    buffer: Vec<u8>,
    next: i64,
}

/// What comes next in a file.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Line<'a> {
    /// A line without its line break.
    Whole { offset: i64, bytes: &'a [u8] },
    /// A line longer than a record may be: its head, its size and its hash.
    Oversize { offset: i64, size: u64, head: &'a [u8], sha256: [u8; 32] },
    /// The end of the file.
    End { next: NextOffset },
}

/// A line break after the longest record may be two bytes long.
const READ_LIMIT: u64 = MAX_RECORD_BYTES as u64 + 2;

/// What some editors put at the start of a file.
const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

impl LineReader {
    pub(crate) fn new(reader: Box<dyn BufRead + Send>) -> Self {
        Self { reader, buffer: Vec::new(), next: 0 }
    }

    /// How many lines were read so far.
    pub(crate) const fn lines(&self) -> i64 {
        self.next
    }

    /// Reads on to the next line that holds something.
    pub(crate) fn next_line(&mut self) -> io::Result<Line<'_>> {
        loop {
            self.buffer.clear();
            let read = (&mut self.reader).take(READ_LIMIT).read_until(b'\n', &mut self.buffer)?;
            if read == 0 {
                return Ok(Line::End { next: NextOffset(self.next) });
            }
            let offset = self.next;
            self.next += 1;
            let broken_off = !self.buffer.ends_with(b"\n") && read as u64 == READ_LIMIT;
            if broken_off {
                return self.oversize(offset);
            }
            let end = without_line_break(&self.buffer).len();
            let start = if offset == 0 && self.buffer.starts_with(BYTE_ORDER_MARK) {
                BYTE_ORDER_MARK.len()
            } else {
                0
            };
            let length = end - start;
            if length > MAX_RECORD_BYTES {
                return Ok(Line::Oversize {
                    offset,
                    size: length as u64,
                    sha256: Sha256::digest(&self.buffer[start..end]).into(),
                    head: &self.buffer[start..start + HEAD_BYTES],
                });
            }
            if !self.buffer[start..end].trim_ascii().is_empty() {
                return Ok(Line::Whole { offset, bytes: &self.buffer[start..end] });
            }
        }
    }

    /// Skips the rest of a line of which the buffer holds the beginning.
    fn oversize(&mut self, offset: i64) -> io::Result<Line<'_>> {
        let mut hash = Sha256::new();
        hash.update(&self.buffer);
        let mut size = self.buffer.len() as u64;
        loop {
            let chunk = self.reader.fill_buf()?;
            let line_break = chunk.iter().position(|byte| *byte == b'\n');
            let content = &chunk[..line_break.unwrap_or(chunk.len())];
            hash.update(content);
            size += content.len() as u64;
            let used = content.len() + usize::from(line_break.is_some());
            let ended = line_break.is_some() || chunk.is_empty();
            self.reader.consume(used);
            if ended {
                break;
            }
        }
        Ok(Line::Oversize { offset, size, head: &self.buffer[..HEAD_BYTES], sha256: hash.finalize().into() })
    }
}

fn without_line_break(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &[u8], expected: &[&str]) {
        let mut reader = LineReader::new(Box::new(io::Cursor::new(text.to_vec())));
        let mut seen = Vec::new();
        loop {
            match reader.next_line().unwrap() {
                Line::Whole { offset, bytes } if bytes.len() > 20 => {
                    seen.push(format!("{offset}: {} bytes", bytes.len()));
                }
                Line::Whole { offset, bytes } => {
                    seen.push(format!("{offset}: {}", String::from_utf8_lossy(bytes)));
                }
                Line::Oversize { offset, size, head, .. } => {
                    seen.push(format!("{offset}: {size} oversize, {}", head.len()));
                }
                Line::End { next } => {
                    seen.push(format!("end {}", next.0));
                    break;
                }
            }
        }
        assert_eq!(seen, expected);
    }

    #[test]
    fn every_line_counts_and_blank_ones_are_not_handed_over() {
        check(b"", &["end 0"]);
        check(b"a\nb\n", &["0: a", "1: b", "end 2"]);
        check(b"a\r\n\r\n  \nb", &["0: a", "3: b", "end 4"]);
        check(b"\xEF\xBB\xBFa\n", &["0: a", "end 1"]);
    }

    #[test]
    fn a_line_of_just_one_mebibyte_is_whole_and_one_byte_more_is_not() {
        let line = |length: usize, end: &str| {
            [vec![b'x'; length], end.as_bytes().to_vec(), b"\nz".to_vec()].concat()
        };
        check(&line(MAX_RECORD_BYTES, ""), &["0: 1048576 bytes", "1: z", "end 2"]);
        check(&line(MAX_RECORD_BYTES, "\r"), &["0: 1048576 bytes", "1: z", "end 2"]);
        check(&line(MAX_RECORD_BYTES + 1, ""), &["0: 1048577 oversize, 4096", "1: z", "end 2"]);
        check(&line(3 * MAX_RECORD_BYTES, ""), &["0: 3145728 oversize, 4096", "1: z", "end 2"]);
        check(&vec![b'x'; 2 * MAX_RECORD_BYTES], &["0: 2097152 oversize, 4096", "end 1"]);
    }

    #[test]
    fn an_oversize_line_is_never_buffered_whole_and_its_hash_is_of_the_whole() {
        let text = vec![b'x'; 10 * MAX_RECORD_BYTES];
        let expected: [u8; 32] = Sha256::digest(&text).into();
        let mut reader = LineReader::new(Box::new(io::BufReader::new(io::Cursor::new(text))));
        let Line::Oversize { sha256, .. } = reader.next_line().unwrap() else { panic!("not oversize") };
        assert_eq!(sha256, expected);
        assert!(reader.buffer.capacity() < 4 * MAX_RECORD_BYTES);
    }
}
