//! What is in an object: lines, or the `Records` of one JSON object; compression taken off.

use std::io::{self, Cursor, Read as _};

use sha2::{Digest as _, Sha256};

use crate::files::{Line, LineReader, decompressed, peek};
use crate::source::{HEAD_BYTES, MAX_RECORD_BYTES};
use crate::wire::scan;

/// Largest JSON object with `Records` that is held, unpacked, in bytes.
pub const MAX_UNPACKED_BYTES: usize = 256 << 20;
/// How far it is looked for `"Records"`.
const LOOKED_AT: usize = 64;

/// An object that is read.
pub(super) enum Contents {
    Lines(LineReader),
    /// The text, and where the next of its records begins.
    Records {
        text: String,
        at: usize,
    },
}

impl std::fmt::Debug for Contents {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Lines(_) => "Lines",
            Self::Records { .. } => "Records",
        })
    }
}

/// What comes next in an object.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next<'a> {
    Record(&'a [u8]),
    Oversize { size: u64, head: &'a [u8], sha256: [u8; 32] },
    End,
}

impl Contents {
    pub(super) fn open(bytes: Vec<u8>) -> io::Result<Self> {
        Self::open_up_to(bytes, MAX_UNPACKED_BYTES)
    }

    fn open_up_to(bytes: Vec<u8>, most: usize) -> io::Result<Self> {
        let (head, reader) = peek(decompressed(Box::new(Cursor::new(bytes)))?, LOOKED_AT)?;
        if !begins_records(&head) {
            return Ok(Self::Lines(LineReader::new(reader)));
        }
        let mut text = String::new();
        reader.take(most as u64 + 1).read_to_string(&mut text)?;
        if text.len() > most {
            return Err(io::Error::other(format!("more than {most} bytes unpacked")));
        }
        let at = text.find('[').map_or(text.len(), |at| at + 1);
        Ok(Self::Records { text, at })
    }

    pub(super) fn next(&mut self) -> io::Result<Next<'_>> {
        match self {
            Self::Lines(reader) => Ok(match reader.next_line()? {
                Line::Whole { bytes, .. } => Next::Record(bytes),
                Line::Oversize { size, head, sha256, .. } => Next::Oversize { size, head, sha256 },
                Line::End { .. } => Next::End,
            }),
            Self::Records { text, at } => {
                let rest = text[*at..].trim_start_matches(|c: char| c.is_ascii_whitespace() || c == ',');
                let begins = text.len() - rest.len();
                if rest.is_empty() || rest.starts_with(']') {
                    return Ok(Next::End);
                }
                let length = scan::value_end(rest).unwrap_or(rest.len());
                *at = begins + length;
                let record = &text.as_bytes()[begins..begins + length];
                Ok(if record.len() <= MAX_RECORD_BYTES {
                    Next::Record(record)
                } else {
                    let head = &record[..HEAD_BYTES];
                    Next::Oversize { size: record.len() as u64, head, sha256: Sha256::digest(record).into() }
                })
            }
        }
    }
}

/// Whether a text begins with `{"Records":[`, blanks aside.
fn begins_records(head: &[u8]) -> bool {
    let plain: Vec<u8> = head.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
    plain.starts_with(br#"{"Records":["#)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn all(bytes: Vec<u8>) -> Vec<String> {
        let mut contents = Contents::open(bytes).unwrap();
        let mut found = Vec::new();
        loop {
            match contents.next().unwrap() {
                Next::Record(bytes) => found.push(String::from_utf8(bytes.to_vec()).unwrap()),
                Next::Oversize { size, .. } => found.push(format!("oversize {size}")),
                Next::End => return found,
            }
        }
    }

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn objects_are_lines_or_records() {
        assert_eq!(all(b"a\nb\n\nc".to_vec()), ["a", "b", "c"]);
        assert_eq!(all(gzip(b"a\nb\n")), ["a", "b"]);
        let trail = br#"{ "Records" : [ {"a":"]}"}, {"b":[1,2]} ,{"c":1}] }"#;
        assert_eq!(all(gzip(trail)), [r#"{"a":"]}"}"#, r#"{"b":[1,2]}"#, r#"{"c":1}"#]);
        assert_eq!(all(br#"{"Records":[]}"#.to_vec()), Vec::<String>::new());
        assert_eq!(all(br#"{"Records":[{"a":1},{"b":"#.to_vec()), [r#"{"a":1}"#, r#"{"b":"#]);
        assert_eq!(all(br#"{"Record":[1]}"#.to_vec()), [r#"{"Record":[1]}"#]);
        assert_eq!(all(Vec::new()), Vec::<String>::new());
        let large = format!(r#"{{"Records":["{}",1]}}"#, "x".repeat(MAX_RECORD_BYTES));
        assert_eq!(all(large.into_bytes()), [format!("oversize {}", MAX_RECORD_BYTES + 2), "1".to_owned()]);
    }

    #[test]
    fn what_cannot_be_unpacked_or_unpacks_to_too_much_is_an_error() {
        let whole = gzip(br#"{"Records":[{"a":1}]}"#);
        assert!(Contents::open(whole[..whole.len() / 2].to_vec()).is_err());
        assert!(Contents::open_up_to(whole.clone(), 21).is_ok());
        assert!(Contents::open_up_to(whole, 20).is_err());
    }
}
