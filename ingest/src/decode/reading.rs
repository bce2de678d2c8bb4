//! The desk at which a format works: limits, names and places of the record that is being read.

use std::borrow::Cow;
use std::sync::Arc;

use detectors::event::{
    Digest, EventId, EventTime, MAX_LIST_ITEMS, MAX_STRING_BYTES, PackageUrl, Position, TimeError,
};

use super::recent::RecentNames;
use super::{DecodeCounters, DecoderSettings, PassReason, Refusal, RefusalReason};
use crate::identity::Identifier;
use crate::source::RawRecord;
use crate::wire::object::Unknown;

/// Deepest nesting of a record (EVENTS.md, Limits).
pub const MAX_NESTING: usize = 32;
/// What stands at the end of a string that was cut (EVENTS.md, Limits).
pub const CUT_MARK: &str = "…[cut]";
/// Most events of one record; an envelope with more is refused, since cutting it would lose events.
pub const MAX_EVENTS_PER_RECORD: usize = MAX_LIST_ITEMS;

/// One record on its way to events.
pub(crate) struct Reading<'a> {
    pub(crate) record: &'a RawRecord<'a>,
    pub(crate) settings: &'a DecoderSettings,
    pub(crate) counters: &'a mut DecodeCounters,
    pub(crate) recent: &'a mut RecentNames,
    pub(crate) identifier: &'a mut Identifier,
    /// How many events the record's parts before this one became; places and ids go on from there.
    pub(crate) base: u32,
    /// The time that an envelope around it gives, for what carries none of its own.
    pub(crate) envelope_time: Option<EventTime>,
    /// Parts that were understood and tell of nothing that happened.
    pub(crate) passed: u64,
}

impl Reading<'_> {
    /// Where an event of this record lies.
    pub(crate) fn position(&self, index: u32) -> Position {
        let index = self.base.saturating_add(index);
        Position { partition: Arc::clone(self.record.partition), offset: self.record.offset, index }
    }

    /// The producer's id, or the hash of the record. An id too long to be kept whole is no id: cutting it could
    /// make two ids equal, and equal ids are one event.
    pub(crate) fn id(&mut self, given: Option<&str>, index: u32) -> EventId {
        match given {
            Some(id) if !id.is_empty() && id.len() <= MAX_STRING_BYTES => EventId::Producer(Arc::from(id)),
            given => {
                if given.is_some_and(|id| !id.is_empty()) {
                    self.counters.cut_strings += 1;
                }
                EventId::derive(&self.settings.source, self.record.bytes(), self.base.saturating_add(index))
            }
        }
    }

    /// The time of what carries none itself: its envelope's, else the record's own.
    pub(crate) fn outer_time(&self, field: &str) -> Result<EventTime, Refusal> {
        match (self.envelope_time, self.record.timestamp_ms) {
            (Some(time), _) => Ok(time),
            (None, Some(millis)) => time_of_millis("the record's timestamp", millis),
            (None, None) => Err(Refusal::missing(field)),
        }
    }

    /// Counts a part that was understood and tells of nothing that happened.
    pub(crate) fn pass(&mut self, reason: PassReason) {
        self.passed += 1;
        *self.counters.passed.entry(reason).or_default() += 1;
    }

    /// The registry of an event: named, or the source's own.
    pub(crate) fn registry(&mut self, named: Option<&str>) -> Arc<str> {
        match named {
            None | Some("") => Arc::clone(&self.settings.registry),
            Some(name) => {
                let name = self.cut(name);
                self.recent.registry(&name)
            }
        }
    }

    /// A package URL, or why it is none.
    pub(crate) fn purl(&mut self, field: &str, text: &str) -> Result<PackageUrl, Refusal> {
        let refuse = |error| Refusal::new(RefusalReason::BadPurl, format!("`{field}`: {error}"));
        self.recent.purl(text).map_err(refuse)
    }

    /// A string within its limit; an empty one says nothing.
    pub(crate) fn text(&mut self, text: &str) -> Option<Arc<str>> {
        if text.is_empty() { None } else { Some(Arc::from(&*self.cut(text))) }
    }

    /// As [`Self::text`], for what is likely to come again: it is shared with the last record that said it.
    pub(crate) fn name(&mut self, text: &str) -> Option<Arc<str>> {
        if text.is_empty() {
            return None;
        }
        let text = self.cut(text);
        Some(self.recent.text(&text))
    }

    /// A string within its limit, counted if it was cut.
    pub(crate) fn cut<'t>(&mut self, text: &'t str) -> Cow<'t, str> {
        if text.len() <= MAX_STRING_BYTES {
            return Cow::Borrowed(text);
        }
        self.counters.cut_strings += 1;
        let longest = MAX_STRING_BYTES - CUT_MARK.len();
        let end = (0..=longest).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
        Cow::Owned([&text[..end], CUT_MARK].concat())
    }

    /// How many items of a list are kept, counted if it was cut.
    pub(crate) fn kept(&mut self, items: usize, limit: usize) -> usize {
        if items > limit {
            self.counters.cut_lists += 1;
        }
        items.min(limit)
    }

    /// Counts the fields of an object that nobody reads; `place` is its path with a dot behind, or empty.
    pub(crate) fn note_unknown(&mut self, place: &str, unknown: &Unknown<'_>) {
        for name in unknown.names() {
            if place.is_empty() {
                self.counters.unknown_fields.count(name);
            } else {
                self.counters.unknown_fields.count(&[place, name].concat());
            }
        }
        self.counters.unknown_fields.count_others(unknown.more());
    }
}

/// A time by the log's own word.
pub(crate) fn time_of_text(field: &str, text: &str) -> Result<EventTime, Refusal> {
    EventTime::parse(text).map_err(|error| refused_time(field, &error))
}

/// A time in Unix milliseconds.
pub(crate) fn time_of_millis(field: &str, millis: i64) -> Result<EventTime, Refusal> {
    EventTime::from_unix_millis(millis).map_err(|error| refused_time(field, &error))
}

fn refused_time(field: &str, error: &TimeError) -> Refusal {
    let reason = match error {
        TimeError::Unreadable(_) => RefusalReason::UnreadableTime,
        TimeError::Impossible(_) => RefusalReason::ImpossibleTime,
    };
    Refusal::new(reason, format!("`{field}`: {error}"))
}

/// A digest, or why it is none.
pub(crate) fn digest_of(field: &str, text: &str) -> Result<Digest, Refusal> {
    Digest::parse(text).map_err(|error| Refusal::new(RefusalReason::BadDigest, format!("`{field}`: {error}")))
}

/// The package URL of a container repository, or why it is none.
pub(crate) fn repository_of(field: &str, path: &str) -> Result<PackageUrl, Refusal> {
    let refuse = || Refusal::new(RefusalReason::BadPurl, format!("`{field}`: `{path}` is no repository"));
    if path.len() > MAX_STRING_BYTES {
        Err(refuse())
    } else {
        PackageUrl::new("docker", path, None).ok_or_else(refuse)
    }
}

/// Refuses JSON that is nested deeper than [`MAX_NESTING`]. Most records hold fewer brackets than that, which is
/// counted in one vectorised pass; only the others are looked at byte by byte.
pub(crate) fn check_nesting(text: &str) -> Result<(), Refusal> {
    if opening_brackets(text.as_bytes()) <= MAX_NESTING {
        return Ok(());
    }
    let mut depth = 0usize;
    let mut in_string = false;
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => in_string = !in_string,
            b'\\' if in_string => {
                bytes.next();
            }
            b'{' | b'[' if !in_string => {
                depth += 1;
                if depth > MAX_NESTING {
                    let detail = format!("nested deeper than {MAX_NESTING}");
                    return Err(Refusal::new(RefusalReason::TooDeep, detail));
                }
            }
            b'}' | b']' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    Ok(())
}

/// Counts `[` and `{`, which differ in one bit. Sums of a byte each, over chunks that cannot overflow it, let the
/// compiler use whole vectors: 20 ns for half a kilobyte instead of 400.
fn opening_brackets(bytes: &[u8]) -> usize {
    const CASE_BIT: u8 = b'{' ^ b'[';
    let of_chunk =
        |chunk: &[u8]| usize::from(chunk.iter().map(|byte| u8::from(byte | CASE_BIT == b'{')).sum::<u8>());
    bytes.chunks(usize::from(u8::MAX) / 32 * 32).map(of_chunk).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_are_counted_over_chunk_ends() {
        for length in [0, 1, 223, 224, 225, 1_000] {
            assert_eq!(opening_brackets(&b"[".repeat(length)), length);
            assert_eq!(opening_brackets(&b"{]}x;\x1b".repeat(length)), length);
        }
    }

    #[test]
    fn nesting_is_allowed_up_to_32_and_brackets_in_strings_do_not_count() {
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        assert!(check_nesting(&nested(MAX_NESTING)).is_ok());
        assert!(check_nesting(&nested(MAX_NESTING + 1)).is_err());
        assert!(check_nesting(&format!("\"\\\"{}\"", "[".repeat(100))).is_ok());
        assert!(check_nesting(&"{},".repeat(100)).is_ok());
    }
}
