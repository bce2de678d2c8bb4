//! What could not be read: where it lies, why, and enough of it to see what it was.

use detectors::event::Position;
use sha2::{Digest, Sha256};
use std::fmt::Write as _;

use crate::decode::{Refusal, RefusalReason};
use crate::source::{HEAD_BYTES, MAX_RECORD_BYTES, OversizeRecord, RawRecord};

/// A record that became no event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// Where it lies; enough to read it again.
    pub position: Position,
    /// Why, as a closed word.
    pub reason: RefusalReason,
    /// Why, for people: at most [`crate::decode::MAX_DETAIL_CHARS`] visible characters.
    pub detail: String,
    /// Its first [`HEAD_BYTES`] bytes, made visible by [`visible`].
    pub head: String,
    /// SHA-256 of the whole.
    pub sha256: [u8; 32],
    /// Its size in bytes.
    pub size: u64,
}

impl DeadLetter {
    /// The dead letter of a record that a decoder refused.
    #[must_use]
    pub fn of(record: &RawRecord<'_>, refusal: &Refusal) -> Self {
        let bytes = record.bytes();
        Self {
            position: Position { partition: record.partition.clone(), offset: record.offset, index: 0 },
            reason: refusal.reason,
            detail: refusal.detail.clone(),
            head: visible(&bytes[..bytes.len().min(HEAD_BYTES)]),
            sha256: Sha256::digest(bytes).into(),
            size: bytes.len() as u64,
        }
    }

    /// The dead letter of a record that is too large to be read.
    #[must_use]
    pub fn oversize(record: &OversizeRecord<'_>) -> Self {
        let detail = format!("{} bytes, of {MAX_RECORD_BYTES} allowed", record.size);
        Self {
            position: Position { partition: record.partition.clone(), offset: record.offset, index: 0 },
            reason: RefusalReason::Oversize,
            detail,
            head: visible(&record.head[..record.head.len().min(HEAD_BYTES)]),
            sha256: record.sha256,
            size: record.size,
        }
    }
}

/// Bytes as text in which nothing hides: control, direction and zero-width characters become `\u{…}`, bytes that
/// are no UTF-8 become `\x…`, a backslash is doubled. Nothing is lost, so the bytes can be read back.
#[must_use]
pub fn visible(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() + bytes.len() / 8);
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            push_visible(&mut out, c);
        }
        for byte in chunk.invalid() {
            // Writing to a string cannot fail.
            let _ = write!(out, "\\x{byte:02x}");
        }
    }
    out
}

/// One character, escaped if it would not be seen or would change how its neighbours are seen.
pub(crate) fn push_visible(out: &mut String, c: char) {
    if c == '\\' {
        out.push_str("\\\\");
    } else if is_hidden(c) {
        let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
    } else {
        out.push(c);
    }
}

fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use detectors::event::PartitionId;
    use proptest::prelude::*;

    use super::*;

    fn partition() -> Arc<PartitionId> {
        Arc::new(PartitionId { source: "s".into(), stream: "t".into(), partition: 3 })
    }

    fn check(bytes: &[u8], expected: &str) {
        assert_eq!(visible(bytes), expected);
    }

    #[test]
    fn what_would_hide_is_shown() {
        check(b"{\"a\":1}", "{\"a\":1}");
        check("naïve 包".as_bytes(), "naïve 包");
        check(b"\x1b[31m\r\n\0", "\\u{1b}[31m\\u{d}\\u{a}\\u{0}");
        check("a\u{202e}b\u{200b}c".as_bytes(), "a\\u{202e}b\\u{200b}c");
        check(b"\xff\xfe\\", "\\xff\\xfe\\\\");
    }

    #[test]
    fn a_dead_letter_keeps_the_first_4_kib_and_the_hash_of_all() {
        let payload = vec![b'x'; HEAD_BYTES + 1];
        let partition = partition();
        let record = RawRecord::line(&partition, 7, &payload);
        let letter = DeadLetter::of(&record, &Refusal::new(RefusalReason::InvalidJson, "no"));
        assert_eq!(letter.head.len(), HEAD_BYTES);
        assert_eq!(letter.size, 4097);
        assert_eq!(letter.sha256, <[u8; 32]>::from(Sha256::digest(&payload)));
        assert_eq!(letter.position.to_string(), "s/t[3]@7");
    }

    proptest! {
        #[test]
        fn nothing_hidden_is_left(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(!visible(&bytes).chars().any(is_hidden));
        }
    }
}
