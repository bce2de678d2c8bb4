//! The card: what a message says, before any channel decides how it looks.
//!
//! A card is built purely from an incident and its findings. Its texts are made of pieces of two types, [`Ours`]
//! and [`Untrusted`]; an encoder gets at the second only through [`Untrusted::shown`], so it cannot forget that
//! the words are an attacker's to choose.

mod build;
mod digest;
mod evidence;
mod layout;
mod news;
mod page;
mod record;
mod text;

use detectors::event::EventTime;
use detectors::finding::Severity;
use detectors::incident::Transition;

pub use build::build;
pub use digest::{DigestCause, digest, notice};
pub(crate) use layout::Layout;
pub use news::News;
pub use page::{PUBLIC_URL_MAX, PageLink, PublicUrl, PublicUrlError};
pub use record::Record;
pub use text::{Ours, Piece, Text, UNTRUSTED_MAX, Untrusted};

/// Most subjects a card names; the rest is counted.
pub const SUBJECTS_MAX: usize = 5;
/// Most lines of evidence a card has; the rest is counted.
pub const EVIDENCE_MAX: usize = 5;
/// Most findings whose observed and expected values a card shows; the rest is counted.
pub const MEASURES_MAX: usize = 3;

/// What a message says.
#[derive(Debug, Clone, PartialEq)]
pub struct Card {
    /// Why this is told.
    pub news: News,
    /// What happened to the incident that makes this worth telling, and when.
    pub transition: Transition,
    /// How loud it is now.
    pub severity: Severity,
    /// What it is and whom it concerns, in a few words.
    pub headline: Text,
    /// One sentence a person understands.
    pub sentence: Text,
    /// Whom it concerns, most severe first, at most [`SUBJECTS_MAX`].
    pub subjects: Listed<Text>,
    /// What was seen and what is normal, loudest first, at most [`MEASURES_MAX`].
    pub measures: Listed<MeasureLine>,
    /// What it rests on, at most [`EVIDENCE_MAX`] lines.
    pub evidence: Listed<Text>,
    /// Earliest and latest event time of the evidence.
    pub seen: (EventTime, EventTime),
    /// The incident on our own page, where one is configured: the only link a card ever has.
    pub link: Option<PageLink>,
    /// Whether an earlier attempt may have arrived already.
    pub repeat: Repeat,
    /// What else a reader must know: what this message supersedes, that a template failed.
    pub notes: Vec<Text>,
    /// What it was built from, for channels read by programs.
    pub record: Record,
}

/// The first few of something, and how many more there are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed<T> {
    /// The first few.
    pub shown: Vec<T>,
    /// How many are not shown.
    pub further: usize,
}

/// What one finding saw, and what it holds for normal.
#[derive(Debug, Clone, PartialEq)]
pub struct MeasureLine {
    /// Which detector says it.
    pub label: Text,
    /// What was seen.
    pub observed: Text,
    /// The normal band, if the detector knows one.
    pub expected: Option<Text>,
}

/// Whether a message may be the second copy of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Repeat {
    /// No earlier attempt can have arrived.
    #[default]
    No,
    /// An earlier attempt ended without an answer and may have arrived.
    Possible,
}

impl Card {
    /// The same card, marked as a possible repeat.
    #[must_use]
    pub fn marked(mut self, repeat: Repeat) -> Self {
        self.repeat = repeat;
        self
    }

    /// The same card, told for this reason.
    #[must_use]
    pub fn telling(mut self, news: News) -> Self {
        self.news = news;
        self
    }

    /// The same card with one more note.
    #[must_use]
    pub fn noting(mut self, note: Text) -> Self {
        self.notes.push(note);
        self
    }

    /// What happened, in words of ours.
    #[must_use]
    pub const fn what_happened(&self) -> &'static str {
        match self.record {
            Record::Incident { .. } => self.news.words(),
            Record::Digest { .. } => "Digest",
            Record::Notice { .. } => "Notice",
        }
    }

    /// What happened, for programs: `incident.opened`, `digest`, `notice`.
    #[must_use]
    pub fn event_type(&self) -> String {
        match self.record {
            Record::Incident { .. } => self.news.word().to_owned(),
            Record::Digest { .. } | Record::Notice { .. } => self.record.kind().to_owned(),
        }
    }

    /// The words of the link.
    pub(crate) const fn link_words(&self) -> &'static str {
        match self.record {
            Record::Incident { .. } => "Open the incident",
            Record::Digest { .. } => "Open the incidents",
            Record::Notice { .. } => "Open the pipeline",
        }
    }

    /// The title of the list of subjects.
    pub(crate) const fn subjects_title(&self) -> &'static str {
        match self.record {
            Record::Incident { .. } => "Whom it concerns",
            Record::Digest { .. } | Record::Notice { .. } => "Incidents",
        }
    }
}

impl<T> Listed<T> {
    /// The first `most` of `all`.
    pub(crate) fn first(most: usize, all: impl IntoIterator<Item = T>, uncounted: usize) -> Self {
        let mut rest = all.into_iter();
        let shown = rest.by_ref().take(most).collect();
        Self { shown, further: rest.count() + uncounted }
    }
}
