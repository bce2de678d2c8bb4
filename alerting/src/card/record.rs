//! What a card was built from, for channels that programs read.

use detectors::finding::Finding;
use detectors::incident::Incident;

/// What a card was built from.
#[derive(Debug, Clone, PartialEq)]
#[expect(
    clippy::large_enum_variant,
    reason = "nearly every card is about one incident, and few exist at a time"
)]
pub enum Record {
    /// One incident.
    Incident {
        /// The incident.
        incident: Incident,
        /// Its findings, loudest first.
        findings: Vec<Finding>,
    },
    /// Several incidents in one message, because they came faster than the receiver may be told, or while it was
    /// not to be told.
    Digest {
        /// What the digest is called: the same in every attempt, made of lower-case letters and digits.
        id: String,
        /// The incidents, loudest first.
        incidents: Vec<Incident>,
        /// How many more there are.
        further: usize,
    },
    /// Something about the watch itself: a receiver that rests, a heartbeat that is missing.
    Notice {
        /// What the notice is called: the same while its cause lasts, made of lower-case letters, digits and `-`.
        id: String,
    },
}

impl Record {
    /// What it is called: the incident's id, or the digest's or notice's own.
    #[must_use]
    pub fn id(&self) -> &str {
        match self {
            Self::Incident { incident, .. } => incident.id.as_str(),
            Self::Digest { id, .. } | Self::Notice { id } => id,
        }
    }

    /// What it is, in a word.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Incident { .. } => "incident",
            Self::Digest { .. } => "digest",
            Self::Notice { .. } => "notice",
        }
    }

    /// The incident, if it is one.
    #[must_use]
    pub const fn incident(&self) -> Option<&Incident> {
        match self {
            Self::Incident { incident, .. } => Some(incident),
            Self::Digest { .. } | Self::Notice { .. } => None,
        }
    }

    /// The findings of the incident, loudest first; none of a digest or notice.
    #[must_use]
    pub fn findings(&self) -> &[Finding] {
        match self {
            Self::Incident { findings, .. } => findings,
            Self::Digest { .. } | Self::Notice { .. } => &[],
        }
    }
}
