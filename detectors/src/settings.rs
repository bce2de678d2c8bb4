//! What an owner may set of the engine. Everything here is part of the configuration's hash.

use std::collections::BTreeMap;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::creation::name_squat::NameSquatConfig;
use crate::event::Digest;
use crate::finding::DetectorId;
use crate::signing_policy::SigningPolicyConfig;
use crate::tags::tag_move::TagMoveConfig;

/// Keys a lane keeps in memory at most, unless set otherwise.
pub const DEFAULT_HOT_KEYS: usize = 1_000_000;

/// What an owner may set of the engine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct EngineSettings {
    /// Seed of every keyed hash. Replay with the same seed gives the same findings.
    pub seed: u64,
    /// Keys a lane keeps in memory at most.
    pub hot_keys: usize,
    /// The alert budget.
    pub budget: Budget,
    /// Settings of single detectors, by id.
    pub detectors: BTreeMap<DetectorId, DetectorSettings>,
    /// Artifact keys whose findings are one step louder.
    pub critical: Vec<String>,
    /// Digests that are known to be bad (`sha256:…`): a pull of one is told at once.
    pub bad_digests: Vec<String>,
    /// What private artifact keys begin with (`pkg:npm/%40acme/`).
    pub private_names: Vec<String>,
    /// Registries that may serve private names.
    pub private_registries: Vec<String>,
    /// What single detectors are to know beside their mode, weight and floor.
    pub rules: Rules,
}

/// What an owner may tell single detectors, each beside its detector.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct Rules {
    /// Names that are guarded against near ones.
    pub name_squat: NameSquatConfig,
    /// Who may sign and publish what, with what, and for how long.
    pub signing_policy: SigningPolicyConfig,
    /// Tags that move by design.
    pub tag_move: TagMoveConfig,
}

impl Rules {
    fn problems(&self) -> impl Iterator<Item = (String, String)> {
        let of = |id: DetectorId, problems: Vec<(String, String)>| {
            problems.into_iter().map(move |(path, problem)| (format!("engine.rules.{id}.{path}"), problem))
        };
        of(DetectorId::NameSquat, self.name_squat.problems())
            .chain(of(DetectorId::SigningPolicy, self.signing_policy.problems()))
            .chain(of(DetectorId::TagMove, self.tag_move.problems()))
    }
}

/// The alert budget: what share of what is told may be false, and what may be told on a quiet day.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Budget {
    /// At most this share of what is told is false (0.001 to 0.5).
    pub false_share: f64,
    /// False alerts on a day on which nothing happens (0.01 to 100), for each lane of decisions.
    pub quiet_per_day: f64,
}

/// Settings of one detector.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DetectorSettings {
    /// Whether it speaks. Off, it still learns, so turning it on again costs no warm-up.
    pub mode: DetectorMode,
    /// Its weight in the budget (0 to 1).
    pub weight: f64,
    /// Surprise below which nothing is stored, in bits (0 to 100); absent: the detector's own.
    pub floor_bits: Option<f64>,
}

/// Whether a detector speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DetectorMode {
    /// It speaks.
    #[default]
    On,
    /// It learns and is silent.
    Off,
}

impl Default for EngineSettings {
    fn default() -> Self {
        Self {
            seed: 0x5ea1_0001,
            hot_keys: DEFAULT_HOT_KEYS,
            budget: Budget::default(),
            detectors: BTreeMap::new(),
            critical: Vec::new(),
            rules: Rules::default(),
            bad_digests: Vec::new(),
            private_names: Vec::new(),
            private_registries: Vec::new(),
        }
    }
}

impl Default for Budget {
    fn default() -> Self {
        Self { false_share: 0.1, quiet_per_day: 1.0 }
    }
}

impl Default for DetectorSettings {
    fn default() -> Self {
        Self { mode: DetectorMode::On, weight: 1.0, floor_bits: None }
    }
}

impl EngineSettings {
    /// The settings of one detector.
    #[must_use]
    pub fn detector(&self, id: DetectorId) -> DetectorSettings {
        self.detectors.get(&id).copied().unwrap_or_default()
    }

    /// Surprise from which a detector's statements are stored, in bits.
    #[must_use]
    pub fn floor_bits(&self, id: DetectorId) -> f64 {
        self.detector(id).floor_bits.unwrap_or(match id {
            // A registry closes a hundred thousand windows an hour: at 8 bits a thousand findings a day would be noise.
            DetectorId::DownloadVolume => 14.0,
            // Principals are fewer than artifacts by an order of magnitude, and so are their windows.
            DetectorId::DownloadBreadth => 12.0,
            // One look an active hour, and one a day for each origin: a hundred thousand a day.
            DetectorId::NewOrigin | DetectorId::UnusualHour | DetectorId::NewConsumer => 9.0,
            // Another signature is rare, and worth keeping long before it is worth telling.
            DetectorId::SignerProfile => crate::signing::WORTH_KEEPING_BITS,
            // The step to another signer, or to none, is a fact: it is kept, and its surprise says how loud.
            DetectorId::ReSigning | DetectorId::KeyChange | DetectorId::UnsignedAfterSigned => 0.0,
            // An hour of the day says little alone, and is meant to stand beside others in an incident.
            DetectorId::SigningHour => crate::signing::signing_hour::WORTH_KEEPING_BITS,
            _ => 8.0,
        })
    }

    /// What is out of bounds, as (path, problem).
    #[must_use]
    pub fn problems(&self) -> Vec<(String, String)> {
        let mut problems = Vec::new();
        let mut bound = |path: String, value: f64, low: f64, high: f64| {
            if !(low..=high).contains(&value) {
                problems.push((path, format!("{value} is not between {low} and {high}")));
            }
        };
        bound("engine.hot_keys".into(), self.hot_keys as f64, 1_000.0, 100_000_000.0);
        bound("engine.budget.false_share".into(), self.budget.false_share, 0.001, 0.5);
        bound("engine.budget.quiet_per_day".into(), self.budget.quiet_per_day, 0.01, 100.0);
        for (id, settings) in &self.detectors {
            bound(format!("engine.detectors.{id}.weight"), settings.weight, 0.0, 1.0);
            if let Some(floor) = settings.floor_bits {
                bound(format!("engine.detectors.{id}.floor_bits"), floor, 0.0, 100.0);
            }
        }
        problems.extend(self.rules.problems());
        for digest in &self.bad_digests {
            if let Err(error) = Digest::parse(digest) {
                problems.push(("engine.bad_digests".into(), error.to_string()));
            }
        }
        problems
    }

    /// A short hash of all settings, printed in each finding.
    #[must_use]
    pub fn hash(&self) -> Arc<str> {
        // Field order is fixed and the map is sorted, so equal settings give equal text.
        let text = serde_json::to_string(self).expect("settings hold only finite numbers, strings and maps");
        let mut hex = data_encoding::HEXLOWER.encode(&Sha256::digest(text.as_bytes()));
        hex.truncate(16);
        hex.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_out_of_bounds_is_named() {
        assert!(EngineSettings::default().problems().is_empty());
        let mut settings = EngineSettings::default();
        settings.budget.false_share = 0.9;
        settings.detectors.insert(
            DetectorId::TagMove,
            DetectorSettings { weight: f64::NAN, floor_bits: Some(-1.0), ..DetectorSettings::default() },
        );
        let paths: Vec<_> = settings.problems().into_iter().map(|(path, _)| path).collect();
        assert_eq!(
            paths,
            [
                "engine.budget.false_share",
                "engine.detectors.tag-move.weight",
                "engine.detectors.tag-move.floor_bits"
            ]
        );
    }

    #[test]
    fn every_setting_is_part_of_the_hash() {
        let settings = EngineSettings::default();
        let other = EngineSettings { seed: 1, ..EngineSettings::default() };
        assert_eq!(settings.hash(), EngineSettings::default().hash());
        assert_ne!(settings.hash(), other.hash());
    }
}
