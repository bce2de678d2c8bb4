//! The fields of a publish whose change is looked at.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A field of a publish that changes or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DriftField {
    /// Published by an account that never published it.
    Publisher,
    /// A maintainer who was none.
    Maintainer,
    /// An install script that appeared or changed.
    Script,
    /// A dependency that it never had.
    Dependency,
    /// Another licence.
    License,
    /// Another source repository.
    Repository,
    /// A size foreign to its releases.
    Size,
    /// Provenance below that of the last attested version.
    ProvenanceLost,
    /// Published with another tool.
    Tool,
    /// Published at an hour foreign to it.
    OddHour,
    /// Published after a gap longer than its rhythm.
    Dormant,
    /// Published after a gap shorter than its rhythm.
    Hurried,
    /// A dependency that is fetched from an address instead of the registry.
    AddressDependency,
    /// Binaries or many files more.
    Contents,
    /// A CI run that was tried again, or another trigger, workflow, runner or source than ever before.
    Run,
    /// Published soon after owners, tokens or addresses changed.
    AccountChanged,
}

/// How many fields there are.
pub const DRIFT_FIELDS: usize = 16;

impl DriftField {
    /// Every field; the first eleven in the order of the shipped attack profiles.
    pub const ALL: [Self; DRIFT_FIELDS] = [
        Self::Publisher,
        Self::Maintainer,
        Self::Script,
        Self::Dependency,
        Self::License,
        Self::Repository,
        Self::Size,
        Self::ProvenanceLost,
        Self::Tool,
        Self::OddHour,
        Self::Dormant,
        Self::Hurried,
        Self::AddressDependency,
        Self::Contents,
        Self::Run,
        Self::AccountChanged,
    ];

    /// Its name in evidence.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Publisher => "publisher",
            Self::Maintainer => "maintainers",
            Self::Script => "install scripts",
            Self::Dependency => "dependencies",
            Self::License => "licence",
            Self::Repository => "repository",
            Self::Size => "size",
            Self::ProvenanceLost => "provenance",
            Self::Tool => "tool",
            Self::OddHour => "hour",
            Self::Dormant | Self::Hurried => "gap",
            Self::AddressDependency => "dependency by address",
            Self::Contents => "contents",
            Self::Run => "run",
            Self::AccountChanged => "account",
        }
    }

    /// Under which its population rates are kept.
    pub(super) const fn what(self) -> &'static str {
        match self {
            Self::Publisher => "field publisher",
            Self::Maintainer => "field maintainer",
            Self::Script => "field script",
            Self::Dependency => "field dependency",
            Self::License => "field license",
            Self::Repository => "field repository",
            Self::Size => "field size",
            Self::ProvenanceLost => "field provenance-lost",
            Self::Tool => "field tool",
            Self::OddHour => "field odd-hour",
            Self::Dormant => "field dormant",
            Self::Hurried => "field hurried",
            Self::AddressDependency => "field address-dependency",
            Self::Contents => "field contents",
            Self::Run => "field run",
            Self::AccountChanged => "field account-changed",
        }
    }

    /// How often it changes at an honest publish in a registry of which nothing is known. Guesses; twenty publishes of
    /// the registry weigh as much.
    pub(super) const fn guess(self) -> f64 {
        match self {
            Self::AddressDependency => 0.002,
            Self::Script | Self::License | Self::Repository => 0.005,
            Self::Maintainer | Self::ProvenanceLost => 0.01,
            Self::Dormant | Self::Run => 0.02,
            Self::Publisher => 0.03,
            Self::Size
            | Self::Tool
            | Self::OddHour
            | Self::Hurried
            | Self::Contents
            | Self::AccountChanged => 0.05,
            Self::Dependency => 0.1,
        }
    }
}

/// What is seen of one field at one publish.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) enum Reading {
    /// Not told, or nothing to compare with: no chance to change.
    #[default]
    Unknown,
    /// As before.
    Same,
    /// Changed: what it was, what it is.
    Changed(String, String),
}

impl Reading {
    /// Changed or the same.
    pub(super) fn of(changed: bool, before: impl FnOnce() -> String, after: impl FnOnce() -> String) -> Self {
        if changed { Self::Changed(before(), after()) } else { Self::Same }
    }

    pub(super) const fn is_changed(&self) -> bool {
        matches!(self, Self::Changed(..))
    }
}

/// All fields of one publish, in the order of [`DriftField::ALL`].
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Readings([Reading; DRIFT_FIELDS]);

impl Readings {
    pub(super) fn set(&mut self, field: DriftField, reading: Reading) {
        self.0[field as usize] = reading;
    }

    pub(super) fn get(&self, field: DriftField) -> &Reading {
        &self.0[field as usize]
    }

    /// The fields that had a chance to change, and whether they did.
    pub(super) fn chances(&self) -> impl Iterator<Item = (DriftField, bool)> + '_ {
        let known =
            DriftField::ALL.into_iter().zip(&self.0).filter(|(_, reading)| **reading != Reading::Unknown);
        known.map(|(field, reading)| (field, reading.is_changed()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::attack_profiles::Field;

    #[test]
    fn the_fields_stand_in_their_own_order_and_in_that_of_the_profiles() {
        for (at, field) in DriftField::ALL.into_iter().enumerate() {
            assert_eq!(field as usize, at);
        }
        assert_eq!(Field::ALL.len(), DriftField::Dormant as usize + 1);
    }
}
