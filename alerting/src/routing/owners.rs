//! `[[owner]]`: which team owns which namespace, so that routes, silences and inhibition can speak of teams.

use detectors::finding::Subject;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Glob;
use super::matchers::fits_name;

/// One `[[owner]]`: the first entry that fits a subject says whose it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OwnerConfig {
    /// The team's name.
    pub team: String,
    /// What it owns: names or patterns of subjects, such as `pkg:npm/@acme/*`.
    pub subjects: Vec<Glob>,
    /// Only in registries of these names or patterns; in any if not given.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub registries: Vec<Glob>,
}

/// The table of owners.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Owners(Vec<OwnerConfig>);

impl Owners {
    /// A table, asked from the top.
    #[must_use]
    pub const fn new(entries: Vec<OwnerConfig>) -> Self {
        Self(entries)
    }

    /// Whose a subject is.
    #[must_use]
    pub fn of(&self, subject: &Subject) -> Option<&str> {
        let owns = |entry: &&OwnerConfig| {
            let here = entry.registries.is_empty()
                || entry.registries.iter().any(|registry| registry.matches(&subject.registry));
            here && entry.subjects.iter().any(|glob| fits_name(subject, |name| glob.matches(name)))
        };
        self.0.iter().find(owns).map(|entry| entry.team.as_str())
    }

    /// Whether a team owns anything.
    #[must_use]
    pub fn has(&self, team: &str) -> bool {
        self.0.iter().any(|entry| entry.team == team)
    }
}

#[cfg(test)]
mod tests {
    use detectors::finding::SubjectKind;

    use super::*;

    #[test]
    fn the_first_entry_that_fits_says_whose_a_subject_is() {
        let glob = |text: &str| Glob::parse(text).unwrap();
        let entry = |team: &str, subject: &str, registries: &[&str]| OwnerConfig {
            team: team.to_owned(),
            subjects: vec![glob(subject)],
            registries: registries.iter().map(|text| glob(text)).collect(),
        };
        let owners = Owners::new(vec![
            entry("payments", "pkg:npm/@acme/pay-*", &[]),
            entry("platform", "pkg:npm/@acme/*", &["npm", "harbor-*"]),
        ]);
        let cases = [
            ("npm", "pkg:npm/@acme/pay-core", Some("payments")),
            ("npm", "pkg:npm/@acme/ui", Some("platform")),
            ("harbor-eu", "pkg:npm/@acme/ui", Some("platform")),
            ("npm", "pkg:npm/%40acme/pay-core", Some("payments")),
            ("elsewhere", "pkg:npm/@acme/ui", None),
            ("npm", "pkg:npm/left-pad", None),
        ];
        for (registry, name, expected) in cases {
            let subject = Subject::new(SubjectKind::Artifact, registry, name);
            assert_eq!(owners.of(&subject), expected, "{registry} {name}");
        }
        assert!(owners.has("platform") && !owners.has("nobody"));
    }
}
