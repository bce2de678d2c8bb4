//! `key-fan-out`: a key or identity signs unusually many artifacts.
//!
//! Method e9. Distinct artifacts that one signer signs within an hour and within a day, held against its own windows with
//! signatures, or where it has no past against those of the registry's signers. A stolen key signs what it can reach; a
//! release train signs what it always signs. ATT&CK T1588.003, T1553.002. Runbook: docs/runbook.md#key-fan-out.

use super::{signer_name, signer_row};
use crate::catalogue::CatalogueEntry;
use crate::change_lane::{CountState, CountWords, Counting, Thing, Within, counts, shown_usual, subject};
use crate::detector::{Detector, Scores, Seen};
use crate::event::EventKind;
use crate::finding::{DetectorId, Link, SubjectKind};

/// Its place in the catalogue.
pub const ENTRY: CatalogueEntry = CatalogueEntry {
    id: DetectorId::KeyFanOut,
    fires_when: "a key or identity signs unusually many artifacts within an hour or a day",
    techniques: &["T1588.003", "T1553.002"],
    needs_events: &["sign"],
    needs_fields: &["artifact.purl", "signer.key_id or signer.identity"],
    warm_up: "8 hours or days with signatures, else the registry's signers",
};

/// The detector.
#[derive(Debug, Clone)]
pub struct KeyFanOut(Counting);

impl Default for KeyFanOut {
    fn default() -> Self {
        let what = ["key-fan-out hour", "key-fan-out day"];
        Self(Counting::new(Self::ID, Self::MAJOR, what, "artifacts signed"))
    }
}

impl Detector for KeyFanOut {
    type State = CountState;
    const ID: DetectorId = DetectorId::KeyFanOut;
    const MAJOR: u32 = 1;

    fn observe(&self, state: &mut CountState, seen: &Seen<'_>, out: &mut Scores) {
        let event = seen.event();
        if !counts(seen) || !matches!(event.kind, EventKind::Sign(_)) {
            return;
        }
        let key = event.artifact.as_ref().and_then(|artifact| artifact.key.as_ref());
        let (Some(name), Some(key)) = (signer_row(event), key) else { return };
        let (signer, artifact) = (subject(event, SubjectKind::Signer, &name), key.shared());
        for within in [Within::Hour, Within::Day] {
            let thing = Thing { key: key.as_str(), name: &artifact, of: &name };
            self.0.count(state, seen, &signer, (within, thing), out, |look| {
                let name = signer_name(event).unwrap_or_else(|| name.clone());
                let time = if within == Within::Hour { "an hour" } else { "a day" };
                CountWords {
                    summary: format!(
                        "{name} signed {} artifacts within {time}, such as {}; {}",
                        look.count,
                        look.shown_examples(),
                        shown_usual(look)
                    ),
                    silent_had: format!(
                        "{name} signed at most {} artifacts within {time}",
                        look.usual.2.max(2.0)
                    ),
                    links: vec![Link::Signer(name.clone())],
                    slsa_threat: Some('F'),
                }
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::change_lane::story::{Stage, check_signers as check, size_after};

    const ONE: &str = "40x +5d sign app@1.#.0 digest=a# key=K1 => silence\n";

    #[test]
    fn a_key_that_signs_everything_is_told() {
        let said = check(&KeyFanOut::default(), &format!("{ONE} 48x +20s sign p#@1.0.0 digest=b# key=K1"));
        let explanation = &said.last().unwrap().explanation;
        assert!(explanation.summary.starts_with("K1 signed"), "{}", explanation.summary);
        assert!(explanation.evidence.iter().all(|item| item.position.is_some()));
        check(&KeyFanOut::default(), &format!("{ONE} 2x +20s sign p#@1.0.0 digest=b# key=K1 => silence"));
    }

    #[test]
    fn a_train_is_ordinary_and_a_new_signer_has_a_little_credit() {
        let train = |version: usize| {
            (0..20)
                .map(|at| format!("+1s sign p{at}@1.{version}.0 digest=d{at}-{version} key=CI\n"))
                .collect::<String>()
        };
        let learned: String = (0..12)
            .map(|version| format!("+3d sign q@1.{version}.0 digest=q{version} key=CI\n{}", train(version)))
            .collect();
        let said = check(
            &KeyFanOut::default(),
            &format!(
                "{learned} +3d sign q@2.0.0 digest=e key=CI => silence\n 19x +1s sign p#@2.0.0 digest=e# key=CI => silence"
            ),
        );
        assert!(said.len() <= 6, "{}", said.len());
        check(&KeyFanOut::default(), "4x +1m sign p#@1.0.0 digest=d# key=NEW => silence");
    }

    #[test]
    fn its_state_stays_small() {
        let detector = KeyFanOut::default();
        let bytes = size_after(Stage::new(&detector).by_signer(), ONE);
        assert!(bytes < 700, "{bytes}");
    }
}
