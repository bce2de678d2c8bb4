//! What each detector is, for people: technique, what it needs to see, what it looks for.

use crate::finding::DetectorId;

/// One detector's entry.
#[derive(Debug, Clone, Copy)]
pub struct CatalogueEntry {
    /// The detector.
    pub id: DetectorId,
    /// What makes it speak, in one line.
    pub fires_when: &'static str,
    /// ATT&CK techniques.
    pub techniques: &'static [&'static str],
    /// Kinds of events it needs (EVENTS.md's words).
    pub needs_events: &'static [&'static str],
    /// Fields it cannot do without.
    pub needs_fields: &'static [&'static str],
    /// What it must have seen before it speaks, in words.
    pub warm_up: &'static str,
}

/// The major version of a detector: another one starts with empty state.
#[must_use]
pub const fn major(id: DetectorId) -> u32 {
    use crate::detector::Detector as _;
    match id {
        DetectorId::ReSigning | DetectorId::KeyChange => crate::signing::Signing::MAJOR,
        DetectorId::TagMove => crate::tags::tag_move::TagMove::MAJOR,
        DetectorId::MetadataDrift | DetectorId::TrustDowngrade => crate::metadata::Publishing::MAJOR,
        DetectorId::DownloadVolume => crate::downloads::download_volume::DownloadVolume::MAJOR,
        DetectorId::DownloadBreadth => crate::downloads::download_breadth::DownloadBreadth::MAJOR,
    }
}

/// The entry of a detector.
#[must_use]
pub const fn entry(id: DetectorId) -> CatalogueEntry {
    match id {
        DetectorId::ReSigning => CatalogueEntry {
            id,
            fires_when: "a digest that is signed already gets a signature by another key or identity",
            techniques: &["T1553.002"],
            needs_events: &["sign"],
            needs_fields: &["artifact.digest", "signer.key_id or signer.identity"],
            warm_up: "one earlier signature of the digest",
        },
        DetectorId::KeyChange => CatalogueEntry {
            id,
            fires_when: "a new digest or version is signed by another key or identity than before",
            techniques: &["T1553.002"],
            needs_events: &["sign"],
            needs_fields: &["signer.key_id or signer.identity"],
            warm_up: "one earlier signature of the artifact",
        },
        DetectorId::TagMove => CatalogueEntry {
            id,
            fires_when: "a tag moves whose class never or rarely moves here",
            techniques: &["T1195.002"],
            needs_events: &["tag"],
            needs_fields: &["artifact.tag", "artifact.digest or version"],
            warm_up: "one earlier position of the tag",
        },
        DetectorId::MetadataDrift => CatalogueEntry {
            id,
            fires_when: "the set of changed fields fits attacks better than this package's own habits",
            techniques: &["T1195.002"],
            needs_events: &["publish"],
            needs_fields: &["artifact.purl with version", "metadata"],
            warm_up: "three earlier versions",
        },
        DetectorId::TrustDowngrade => CatalogueEntry {
            id,
            fires_when: "provenance fell below that of the last attested version",
            techniques: &["T1195.002"],
            needs_events: &["publish"],
            needs_fields: &["metadata.provenance.level"],
            warm_up: "one earlier attested version",
        },
        DetectorId::DownloadVolume => CatalogueEntry {
            id,
            fires_when: "more or fewer pulls of an artifact than its learned rhythm allows",
            techniques: &["T1195.002", "T1567"],
            needs_events: &["access"],
            needs_fields: &["artifact.purl"],
            warm_up: "48 hours of pulls for the hour, 8 windows for six hours, 7 days for the day",
        },
        DetectorId::DownloadBreadth => CatalogueEntry {
            id,
            fires_when: "a principal touches unusually many distinct artifacts",
            techniques: &["T1213.003", "T1530"],
            needs_events: &["access"],
            needs_fields: &["artifact.purl", "actor.principal"],
            warm_up: "24 hours with pulls of its own, else 200 windows of others in the registry",
        },
    }
}
