//! From a raw record to events, or to one reason why not.
//!
//! What comes out depends on the record and the settings alone, never on the records before it: `auto` looks at
//! each record anew. A record becomes events or exactly one refusal; a line that says
//! that nothing happened is passed over and counted. No record makes a decoder panic.

mod abilities;
mod counters;
mod format;
mod reading;
mod recent;
mod recognise;
mod refusal;
mod zone;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use detectors::event::Event;

pub use self::abilities::{Abilities, Tier};
pub use self::counters::{
    DecodeCounters, FormatCounters, MAX_UNKNOWN_NAME_BYTES, MAX_UNKNOWN_NAMES, PassReason, UnknownFields,
};
pub use self::format::{Ecosystem, Format, UnknownWord};
pub use self::reading::{CUT_MARK, MAX_EVENTS_PER_RECORD, MAX_NESTING};
pub(crate) use self::reading::{
    Reading, check_nesting, digest_of, repository_of, time_of_millis, time_of_text,
};
use self::recent::RecentNames;
pub use self::refusal::{MAX_DETAIL_CHARS, Refusal, RefusalReason};
pub use self::zone::{Zone, ZoneError};
use crate::identity::{Identifier, Identity};
use crate::mapping::Mapping;
use crate::source::{MAX_RECORD_BYTES, RawRecord};
use crate::wire;

/// How the records of one source are to be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecoderSettings {
    /// The source's name; part of derived event ids.
    pub source: Arc<str>,
    /// The registry of events that name none; the source's name unless configured.
    pub registry: Arc<str>,
    /// The format of its records.
    pub format: Format,
    /// What kind of registry stands behind an access log, if the paths alone would not tell.
    pub ecosystem: Option<Ecosystem>,
    /// The zone of times that carry none.
    pub zone: Zone,
    /// How the records of a declared format become events; `format` is not used then.
    pub mapping: Option<Arc<Mapping>>,
    /// What is known of clients beyond the logs; one for all sources.
    pub identity: Arc<Identity>,
}

impl DecoderSettings {
    /// Settings with the source's name as registry and no ecosystem.
    #[must_use]
    pub fn new(source: &str, format: Format) -> Self {
        let source: Arc<str> = Arc::from(source);
        Self {
            registry: Arc::clone(&source),
            source,
            format,
            ecosystem: None,
            zone: Zone::UTC,
            mapping: None,
            identity: Arc::default(),
        }
    }
}

/// Reads the records of one source.
#[derive(Debug)]
pub struct Decoder {
    settings: DecoderSettings,
    counters: DecodeCounters,
    recent: RecentNames,
    identifier: Identifier,
}

impl Decoder {
    /// A decoder for one source.
    #[must_use]
    pub fn new(settings: DecoderSettings) -> Self {
        let recent = RecentNames::new(&settings.registry);
        let identifier = Identifier::new(&settings.identity);
        Self { settings, counters: DecodeCounters::default(), recent, identifier }
    }

    /// The settings it was made with.
    #[must_use]
    pub const fn settings(&self) -> &DecoderSettings {
        &self.settings
    }

    /// What it has seen so far.
    #[must_use]
    pub const fn counters(&self) -> &DecodeCounters {
        &self.counters
    }

    /// What it has seen since this was called last.
    pub fn take_counters(&mut self) -> DecodeCounters {
        std::mem::take(&mut self.counters)
    }

    /// Appends the record's events to `out`: at least one, or none if all that the record says is that nothing
    /// happened, which is counted by [`PassReason`].
    ///
    /// # Errors
    /// [`Refusal`] with the reason; `out` is then as it was before.
    pub fn decode(&mut self, record: &RawRecord<'_>, out: &mut Vec<Event>) -> Result<(), Refusal> {
        let before = out.len();
        self.counters.records += 1;
        self.counters.bytes += record.bytes().len() as u64;
        // A record that finds a fault in a decoder must not stop the watch: it becomes a dead letter like others.
        let result = catch_unwind(AssertUnwindSafe(|| self.read(record, out)))
            .unwrap_or_else(|_| Err(Refusal::new(RefusalReason::DecoderFault, "the decoder panicked")));
        match &result {
            Ok(()) => self.counters.events += (out.len() - before) as u64,
            Err(refusal) => {
                out.truncate(before);
                *self.counters.refused.entry(refusal.reason).or_default() += 1;
            }
        }
        result
    }

    fn read(&mut self, record: &RawRecord<'_>, out: &mut Vec<Event>) -> Result<(), Refusal> {
        if record.bytes().len() > MAX_RECORD_BYTES {
            let detail = format!("{} bytes, of {MAX_RECORD_BYTES} allowed", record.bytes().len());
            return Err(Refusal::new(RefusalReason::Oversize, detail));
        }
        let bytes = wire::envelope::unpacked(record.bytes())?;
        let text = text_of(&bytes)?;
        if text.trim_ascii().is_empty() {
            return Err(Refusal::new(RefusalReason::EmptyRecord, "the record is empty"));
        }
        let before = out.len();
        let mut reading = Reading {
            record,
            settings: &self.settings,
            counters: &mut self.counters,
            recent: &mut self.recent,
            identifier: &mut self.identifier,
            base: 0,
            envelope_time: None,
            passed: 0,
        };
        wire::read(text, &mut reading, out)?;
        if out.len() == before && reading.passed == 0 {
            return Err(Refusal::new(RefusalReason::EmptyRecord, "the record holds no event"));
        }
        Ok(())
    }
}

fn text_of(bytes: &[u8]) -> Result<&str, Refusal> {
    simdutf8::basic::from_utf8(bytes).map_err(|_| {
        // The slow function is asked only where the bad byte is to be named.
        let at = std::str::from_utf8(bytes).err().map_or(0, |error| error.valid_up_to());
        Refusal::new(RefusalReason::InvalidUtf8, format!("no UTF-8 from byte {at} on"))
    })
}

#[cfg(test)]
mod tests;
