//! Which detectors the configured sources can feed, and which are blind.

use detectors::catalogue::{CatalogueEntry, entry};
use detectors::finding::DetectorId;
use detectors::settings::DetectorMode;
use ingest::decode::Format;
use ingest::mapping::Mapping;

use super::Config;
use super::diagnostic::Diagnostic;
use super::suggestion::listed;

/// What the detectors that are on get to see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Coverage {
    /// Those that some source feeds.
    pub(crate) seeing: Vec<DetectorId>,
    /// Those that none does.
    pub(crate) blind: Vec<DetectorId>,
}

impl Coverage {
    /// The coverage of a configuration, as far as formats tell.
    pub(crate) fn of(config: &Config) -> Self {
        let is_on = |id: &DetectorId| config.engine.detector(*id).mode == DetectorMode::On;
        let mappings: Vec<_> = config
            .sources
            .iter()
            .map(|source| source.mapping.as_deref().and_then(|name| config.mapping(name)))
            .collect();
        let sees = |id: &DetectorId| {
            config.sources.iter().zip(&mappings).any(|(source, mapping)| match mapping {
                Some(mapping) => is_fed(mapping, &entry(*id)),
                None => feeds(source.format, &entry(*id)),
            })
        };
        let (seeing, blind) = DetectorId::ALL.into_iter().filter(is_on).partition(sees);
        Self { seeing, blind }
    }

    /// A warning for each detector that is blind.
    pub(super) fn warnings(&self) -> impl Iterator<Item = Diagnostic> {
        self.blind.iter().map(|id| {
            let needs = entry(*id);
            let message = format!(
                "`{id}` is blind: no source brings {} events with what it needs: {}",
                listed(needs.needs_events.iter().copied(), "or"),
                needs.needs_fields.join(", "),
            );
            let formats = Format::ALL
                .iter()
                .copied()
                .filter(|format| *format != Format::Auto && feeds(*format, &needs));
            let help = format!(
                "read a source of format {}, or write `mode = \"off\"` in `[engine.detectors.{id}]`",
                listed(formats.map(Format::word), "or"),
            );
            Diagnostic::nowhere("source", message).into_warning().help(help)
        })
    }
}

/// Whether records of a format can make this detector speak.
fn feeds(format: Format, needs: &CatalogueEntry) -> bool {
    let own = format.abilities();
    let lacks =
        |event: &str| own.lacks.iter().any(|(of, field)| *of == event && needs.needs_fields.contains(field));
    needs.needs_events.iter().any(|event| own.events.contains(event) && !lacks(event))
}

/// Whether the events that a mapping declares can make this detector speak.
fn is_fed(mapping: &Mapping, needs: &CatalogueEntry) -> bool {
    let types = mapping.types();
    needs.needs_events.iter().any(|event| {
        types.contains(event)
            && (*event != "sign" || mapping.fields().iter().any(|field| field.starts_with("signer.")))
    })
}

#[cfg(test)]
mod page;

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;
    use std::sync::Arc;

    use detectors::event::PartitionId;
    use ingest::decode::{Decoder, DecoderSettings};
    use ingest::kafka::StartPolicy;
    use ingest::source::RawRecord;
    use ingest::wire::native::write_native;

    use super::*;
    use crate::config::SourceConfig;

    #[track_caller]
    fn check(formats: &[Format], blind: &[DetectorId]) {
        let mut config = Config::default();
        for format in formats {
            let mut source =
                SourceConfig::new(format.word(), vec![format.word().to_owned()], StartPolicy::End);
            source.format = *format;
            config.sources.push(source);
        }
        assert_eq!(Coverage::of(&config).blind, blind);
    }

    #[test]
    fn a_detector_is_blind_if_no_source_brings_what_it_needs() {
        use DetectorId as Id;
        check(&[Format::Auto], &[]);
        check(&[Format::Native], &[]);
        let of_publishes =
            [Id::VersionOddity, Id::PublishBurst, Id::DormantRevival, Id::NewAccountPublish, Id::NameSquat];
        let with = |first: &[Id], last: &[Id]| [first, of_publishes.as_slice(), last].concat();
        let but_downloads = [
            Id::ReSigning,
            Id::KeyChange,
            Id::TagMove,
            Id::MetadataDrift,
            Id::TrustDowngrade,
            Id::SignerProfile,
            Id::KeyFanOut,
            Id::SigningHour,
            Id::UnmatchedSignature,
            Id::FailedVerification,
            Id::SigningPolicy,
        ];
        check(&[Format::Combined], &with(&but_downloads, &[]));
        let but_signatures = [
            Id::TagMove,
            Id::MetadataDrift,
            Id::TrustDowngrade,
            Id::DownloadVolume,
            Id::DownloadBreadth,
            Id::UnmatchedSignature,
            Id::FailedVerification,
        ];
        let of_pulls = [
            Id::OwnershipChange,
            Id::WithdrawalWave,
            Id::Enumeration,
            Id::NewOrigin,
            Id::UnusualHour,
            Id::ImpossibleTravel,
            Id::DeniedBurst,
            Id::NotFoundBurst,
            Id::DependencyConfusion,
            Id::NewConsumer,
            Id::BadVersionPull,
        ];
        check(&[Format::Rekor], &with(&but_signatures, &of_pulls));
        let neither = [Id::MetadataDrift, Id::TrustDowngrade, Id::FailedVerification];
        check(&[Format::Rekor, Format::Distribution], &with(&neither, &[Id::OwnershipChange]));
        check(&[], &Id::ALL);
    }

    #[test]
    fn a_detector_that_is_off_is_not_missed() {
        let mut config = Config::default();
        let off = detectors::settings::DetectorSettings { mode: DetectorMode::Off, ..Default::default() };
        config.engine.detectors = DetectorId::ALL.into_iter().map(|id| (id, off)).collect();
        assert_eq!(Coverage::of(&config), Coverage { seeing: Vec::new(), blind: Vec::new() });
    }

    #[test]
    fn what_a_format_lacks_is_named_in_the_catalogue_s_words() {
        for (event, field) in Format::ALL.iter().flat_map(|format| format.abilities().lacks) {
            let named = |id: &DetectorId| {
                entry(*id).needs_events.contains(event) && entry(*id).needs_fields.contains(field)
            };
            assert!(DetectorId::ALL.iter().any(named), "{field}");
        }
    }

    /// The kinds of events that a format's own test logs become.
    fn seen(format: Format) -> BTreeSet<String> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("ingest/test-data").join(format.word());
        let partition =
            Arc::new(PartitionId { source: "example".into(), stream: "log".into(), partition: 0 });
        let mut decoder = Decoder::new(DecoderSettings::new("example", format));
        let mut seen = BTreeSet::new();
        for path in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if path.extension().is_none_or(|extension| extension != "log") {
                continue;
            }
            for line in
                std::fs::read(path).unwrap().split(|byte| *byte == b'\n').filter(|line| !line.is_empty())
            {
                let mut events = Vec::new();
                // Some of the logs hold what must be refused.
                let _ = decoder.decode(&RawRecord::line(&partition, 0, line), &mut events);
                for event in &events {
                    let native: serde_json::Value = serde_json::from_str(&write_native(event)).unwrap();
                    seen.insert(native["type"].as_str().unwrap().to_owned());
                    let names_signer = native["signer"].as_object().is_some_and(|signer| !signer.is_empty());
                    assert!(
                        !(names_signer && format.abilities().lacks.iter().any(|(event, _)| *event == "sign")),
                        "{native}"
                    );
                }
            }
        }
        seen
    }

    #[test]
    fn each_format_s_own_logs_become_the_events_it_is_said_to_bring() {
        for format in Format::ALL.iter().copied().filter(|format| *format != Format::Auto) {
            let said: BTreeSet<_> =
                format.abilities().events.iter().map(|event| (*event).to_owned()).collect();
            assert_eq!(seen(format), said, "{}", format.word());
        }
    }
}
