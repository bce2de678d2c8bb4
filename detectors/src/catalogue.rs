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
        DetectorId::SignerProfile => crate::signing::signer_profile::SignerProfile::MAJOR,
        DetectorId::KeyFanOut => crate::signing::key_fan_out::KeyFanOut::MAJOR,
        DetectorId::SigningHour => crate::signing::signing_hour::SigningHour::MAJOR,
        DetectorId::UnsignedAfterSigned => crate::signing::unsigned_after_signed::UnsignedAfterSigned::MAJOR,
        DetectorId::UnmatchedSignature => crate::signing::unmatched_signature::UnmatchedSignature::MAJOR,
        DetectorId::FailedVerification => crate::signing::failed_verification::FailedVerification::MAJOR,
        DetectorId::SigningPolicy => crate::signing_policy::SigningPolicy::MAJOR,
        DetectorId::VersionOddity => crate::metadata::version_oddity::VersionOddity::MAJOR,
        DetectorId::PublishBurst => crate::creation::publish_burst::PublishBurst::MAJOR,
        DetectorId::DormantRevival => crate::creation::dormant_revival::DormantRevival::MAJOR,
        DetectorId::NewAccountPublish => crate::creation::new_account_publish::NewAccountPublish::MAJOR,
        DetectorId::NameSquat => crate::creation::name_squat::NameSquat::MAJOR,
        DetectorId::OwnershipChange => crate::accounts::ownership_change::OwnershipChange::MAJOR,
        DetectorId::WithdrawalWave => crate::creation::withdrawal_wave::WithdrawalWave::MAJOR,
        DetectorId::Enumeration
        | DetectorId::NewOrigin
        | DetectorId::UnusualHour
        | DetectorId::ImpossibleTravel
        | DetectorId::DeniedBurst
        | DetectorId::NotFoundBurst
        | DetectorId::DependencyConfusion => crate::downloads::conduct::Conduct::MAJOR,
        DetectorId::NewConsumer | DetectorId::BadVersionPull => crate::downloads::consumers::Consumers::MAJOR,
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
        DetectorId::SignerProfile => crate::signing::signer_profile::ENTRY,
        DetectorId::KeyFanOut => crate::signing::key_fan_out::ENTRY,
        DetectorId::SigningHour => crate::signing::signing_hour::ENTRY,
        DetectorId::UnsignedAfterSigned => crate::signing::unsigned_after_signed::ENTRY,
        DetectorId::UnmatchedSignature => crate::signing::unmatched_signature::ENTRY,
        DetectorId::FailedVerification => crate::signing::failed_verification::ENTRY,
        DetectorId::SigningPolicy => crate::signing_policy::ENTRY,
        DetectorId::VersionOddity => crate::metadata::version_oddity::ENTRY,
        DetectorId::PublishBurst => crate::creation::publish_burst::ENTRY,
        DetectorId::DormantRevival => crate::creation::dormant_revival::ENTRY,
        DetectorId::NewAccountPublish => crate::creation::new_account_publish::ENTRY,
        DetectorId::NameSquat => crate::creation::name_squat::ENTRY,
        DetectorId::OwnershipChange => crate::accounts::ownership_change::ENTRY,
        DetectorId::WithdrawalWave => crate::creation::withdrawal_wave::ENTRY,
        DetectorId::Enumeration => CatalogueEntry {
            id,
            fires_when: "a principal walks through names in alphabetical order",
            techniques: &["T1083", "T1593.003"],
            needs_events: &["access"],
            needs_fields: &["artifact.purl", "actor.principal"],
            warm_up: "a dozen steps of one session",
        },
        DetectorId::NewOrigin => CatalogueEntry {
            id,
            fires_when: "a principal comes from a country, network, client or way of signing in that it never or rarely used",
            techniques: &["T1078", "T1550"],
            needs_events: &["access"],
            needs_fields: &["actor.principal", "actor.country, actor.asn, actor.user_agent or actor.auth"],
            warm_up: "five days of the principal with that kind of origin",
        },
        DetectorId::UnusualHour => CatalogueEntry {
            id,
            fires_when: "a principal acts at an hour of the day foreign to it",
            techniques: &["T1078"],
            needs_events: &["access"],
            needs_fields: &["actor.principal"],
            warm_up: "40 active hours of the principal",
        },
        DetectorId::ImpossibleTravel => CatalogueEntry {
            id,
            fires_when: "one person in two countries too far apart in too little time",
            techniques: &["T1078"],
            needs_events: &["access"],
            needs_fields: &["actor.principal", "actor.country", "actor.kind or actor.auth"],
            warm_up: "one earlier place",
        },
        DetectorId::DeniedBurst => CatalogueEntry {
            id,
            fires_when: "a principal is refused more often than its learned share allows",
            techniques: &["T1110"],
            needs_events: &["access"],
            needs_fields: &["actor.principal", "outcome"],
            warm_up: "none: an unknown principal is held against its registry's share",
        },
        DetectorId::NotFoundBurst => CatalogueEntry {
            id,
            fires_when: "a principal asks for what is not there more often than its learned share allows",
            techniques: &["T1593.003"],
            needs_events: &["access"],
            needs_fields: &["actor.principal", "outcome"],
            warm_up: "none: an unknown principal is held against its registry's share",
        },
        DetectorId::DependencyConfusion => CatalogueEntry {
            id,
            fires_when: "a private name is asked of, or answered by, a registry that should not know it",
            techniques: &["T1195.001"],
            needs_events: &["access"],
            needs_fields: &["artifact.purl", "actor.principal"],
            warm_up: "none: the list of private names is enough",
        },
        DetectorId::NewConsumer => CatalogueEntry {
            id,
            fires_when: "a quiet artifact gets a consumer unlike its others",
            techniques: &["T1213.003"],
            needs_events: &["access"],
            needs_fields: &["artifact.purl", "actor.principal"],
            warm_up: "14 days with pulls of the artifact",
        },
        DetectorId::BadVersionPull => CatalogueEntry {
            id,
            fires_when: "what was withdrawn, quarantined or is known to be bad is pulled",
            techniques: &["T1195.002"],
            needs_events: &["access", "withdraw"],
            needs_fields: &["artifact.purl with version, or artifact.digest"],
            warm_up: "none: the withdrawal itself is enough",
        },
    }
}
