//! What a decoder has seen: records, events, refusals by reason, fields that nobody reads, what was cut.

use std::collections::BTreeMap;

use super::{Format, RefusalReason};

/// Most names of unknown fields that are counted one by one; the rest is one number.
pub const MAX_UNKNOWN_NAMES: usize = 256;
/// Longest name of an unknown field that is kept, in bytes.
pub const MAX_UNKNOWN_NAME_BYTES: usize = 64;

/// The counters of one decoder, which has one source.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DecodeCounters {
    /// Records given to it.
    pub records: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Events that came out.
    pub events: u64,
    /// Records that became dead letters, by reason.
    pub refused: BTreeMap<RefusalReason, u64>,
    /// Lines that were understood and tell of nothing that happened, by reason. They are no dead letters.
    pub passed: BTreeMap<PassReason, u64>,
    /// Records by the format that read them: what was read, and what was refused.
    pub by_format: BTreeMap<Format, FormatCounters>,
    /// Fields that nobody reads, by path (`actor.shoe_size`).
    pub unknown_fields: UnknownFields,
    /// Strings that were longer than allowed, and cut.
    pub cut_strings: u64,
    /// Lists that were longer than allowed, and cut.
    pub cut_lists: u64,
}

/// What was seen of one format.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FormatCounters {
    /// Records, or parts of them, that it was given.
    pub parts: u64,
    /// Those that it refused.
    pub refused: u64,
}

macro_rules! pass_reasons {
    ($($(#[$doc:meta])* $name:ident = $word:literal,)+) => {
        /// Why a line that a format understands becomes no event. Closed.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum PassReason {
            $($(#[$doc])* $name,)+
        }

        impl PassReason {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// The word.
            #[must_use]
            pub const fn word(self) -> &'static str {
                match self { $(Self::$name => $word,)+ }
            }
        }
    };
}

pass_reasons! {
    /// A request came in; the line that says how it ended is still to come.
    Unanswered = "unanswered",
    /// A status that was written before the answer was known; the true one follows.
    Provisional = "provisional",
    /// A program talks about itself: start-up, plug-ins, deliveries of its webhooks.
    ServerMessage = "server-message",
    /// Names of columns, or a comment.
    Header = "header",
    /// The record is of a service, or of an act, that concerns no registry.
    NoRegistry = "no-registry",
    /// Something was looked at or computed, and no artifact changed hands or shape.
    NoChange = "no-change",
}

impl DecodeCounters {
    /// All lines that tell of nothing.
    #[must_use]
    pub fn passed_over(&self) -> u64 {
        self.passed.values().sum()
    }

    /// All dead letters.
    #[must_use]
    pub fn dead_letters(&self) -> u64 {
        self.refused.values().sum()
    }

    /// Adds another decoder's counters to these.
    pub fn add(&mut self, other: &Self) {
        self.records += other.records;
        self.bytes += other.bytes;
        self.events += other.events;
        for (reason, count) in &other.refused {
            *self.refused.entry(*reason).or_default() += count;
        }
        for (reason, count) in &other.passed {
            *self.passed.entry(*reason).or_default() += count;
        }
        for (format, count) in &other.by_format {
            let own = self.by_format.entry(*format).or_default();
            own.parts += count.parts;
            own.refused += count.refused;
        }
        for (name, count) in &other.unknown_fields.by_name {
            self.unknown_fields.add(name, *count);
        }
        self.unknown_fields.others += other.unknown_fields.others;
        self.cut_strings += other.cut_strings;
        self.cut_lists += other.cut_lists;
    }
}

/// Unknown fields by name, bounded: an attacker invents names faster than anyone reads them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UnknownFields {
    by_name: BTreeMap<String, u64>,
    others: u64,
}

impl UnknownFields {
    /// The names and how often each was seen, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, u64)> {
        self.by_name.iter().map(|(name, count)| (name.as_str(), *count))
    }

    /// How many were seen under names that were not kept.
    #[must_use]
    pub const fn others(&self) -> u64 {
        self.others
    }

    /// Counts one.
    pub(crate) fn count(&mut self, path: &str) {
        self.add(path, 1);
    }

    /// Counts several without a name.
    pub(crate) fn count_others(&mut self, count: u64) {
        self.others += count;
    }

    fn add(&mut self, path: &str, count: u64) {
        if let Some(known) = self.by_name.get_mut(path) {
            *known += count;
        } else if self.by_name.len() < MAX_UNKNOWN_NAMES && path.len() <= MAX_UNKNOWN_NAME_BYTES {
            self.by_name.insert(path.to_owned(), count);
        } else {
            self.others += count;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_unknown_fields_are_bounded() {
        let mut fields = UnknownFields::default();
        for number in 0..1_000 {
            fields.count(&format!("f{number}"));
        }
        fields.count("f0");
        fields.count(&"x".repeat(MAX_UNKNOWN_NAME_BYTES + 1));
        assert_eq!(fields.iter().count(), MAX_UNKNOWN_NAMES);
        assert_eq!(fields.iter().next(), Some(("f0", 2)));
        assert_eq!(fields.others(), 1_000 - 256 + 1);
    }

    #[test]
    fn counters_add_up() {
        let mut one = DecodeCounters { records: 2, bytes: 10, events: 1, ..DecodeCounters::default() };
        one.refused.insert(RefusalReason::BadPurl, 1);
        one.unknown_fields.count("x");
        one.passed.insert(PassReason::Header, 3);
        one.by_format.insert(Format::Native, FormatCounters { parts: 2, refused: 1 });
        let mut sum = one.clone();
        sum.add(&one);
        assert_eq!((sum.records, sum.bytes, sum.events, sum.dead_letters()), (4, 20, 2, 2));
        assert_eq!(sum.passed_over(), 6);
        assert_eq!(sum.by_format[&Format::Native], FormatCounters { parts: 4, refused: 2 });
        assert_eq!(sum.unknown_fields.iter().collect::<Vec<_>>(), [("x", 2)]);
    }
}
