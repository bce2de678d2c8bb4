//! Ids that are the same on every machine and in every replay.

use std::fmt;
use std::sync::Arc;

use data_encoding::Encoding;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{DetectorId, Subject};
use crate::event::{EventId, EventTime, Span};

/// Length of an id: 26 characters of base32 hold 130 bits.
pub(super) const ID_CHARACTERS: usize = 26;

/// What a finding is called: base32 of sha256 over the canonical JSON of what makes it that finding.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct FindingId(Arc<str>);

/// What an incident is called: a hash of its earliest member.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct IncidentId(Arc<str>);

/// What a finding is pinned to: thresholds and settings are not part of it, so tuning keeps ids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Anchor {
    /// The window that was judged: its aligned start and its width. The width belongs to it, as the hour and the
    /// day that begin at midnight are two windows.
    Window(EventTime, Span),
    /// The event that was judged.
    Event(EventId),
}

impl fmt::Display for Anchor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Window(start, width) => write!(f, "{start}/PT{}H", width.nanos() / Span::hours(1).nanos()),
            Self::Event(id) => write!(f, "{id}"),
        }
    }
}

impl FindingId {
    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl IncidentId {
    /// The id of the incident whose earliest member is this finding.
    #[must_use]
    pub fn of_earliest(finding: &FindingId) -> Self {
        Self(hashed(&format!("[\"incident\",\"{finding}\"]")))
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Text that came from outside (an URL, a command line) as an id; `None` if it cannot be one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        (text.len() == ID_CHARACTERS
            && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()))
        .then(|| Self(Arc::from(text)))
    }
}

impl fmt::Display for FindingId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for IncidentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// base32(sha256(JCS[detector, major version, registry, subject kind, subject name, anchor])), 26 characters
/// (DESIGN.md, Names of things).
#[must_use]
pub fn finding_id(detector: DetectorId, major: u32, subject: &Subject, anchor: &Anchor) -> FindingId {
    // An array of strings and one small integer: serde_json's compact form is the canonical form of RFC 8785,
    // but for the escapes of U+0008 and U+000C, which both write in the short form.
    let parts = (
        detector.as_str(),
        major,
        &*subject.registry,
        subject.kind.as_str(),
        &*subject.name,
        anchor.to_string(),
    );
    let canonical = serde_json::to_string(&parts).expect("a tuple of strings and an integer is always JSON");
    FindingId(hashed(&canonical))
}

fn hashed(canonical: &str) -> Arc<str> {
    let mut text = lower_base32().encode(&Sha256::digest(canonical.as_bytes()));
    text.truncate(ID_CHARACTERS);
    Arc::from(text)
}

/// RFC 4648's alphabet in lower case, without padding.
fn lower_base32() -> Encoding {
    let mut specification = data_encoding::Specification::new();
    specification.symbols.push_str("abcdefghijklmnopqrstuvwxyz234567");
    specification.encoding().expect("the alphabet has 32 distinct symbols")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::SubjectKind;

    #[test]
    fn an_id_is_pinned() {
        let subject = Subject::new(SubjectKind::Artifact, "npm", "pkg:npm/left-pad");
        let anchor = Anchor::Window(EventTime::from_secs(1_778_526_000), Span::hours(1));
        let id = finding_id(DetectorId::DownloadVolume, 1, &subject, &anchor);
        assert_eq!(id.as_str().len(), ID_CHARACTERS);
        // Made with Python: base64.b32encode(hashlib.sha256(b'["download-volume",1,"npm","artifact","pkg:npm/left-pad","2026-05-11T19:00:00Z/PT1H"]').digest()).lower()[:26]
        assert_eq!(id.as_str(), "zrtj5jdacbxcnpayx3qac75ynm");
        assert_ne!(id, finding_id(DetectorId::DownloadVolume, 2, &subject, &anchor));
        assert!(IncidentId::parse(IncidentId::of_earliest(&id).as_str()).is_some());
        assert!(IncidentId::parse("../../etc/passwd").is_none());
    }
}
