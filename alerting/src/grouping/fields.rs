//! Grouping by fields: incidents that have these in common are told one receiver in one message.

use detectors::finding::Finding;
use detectors::incident::Incident;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::routing::{Owners, namespace, purl_type};

/// What incidents of a group have in common: always that of their first, most severe subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum GroupField {
    /// The registry.
    Registry,
    /// The type of the package.
    PurlType,
    /// The namespace of the package.
    Namespace,
    /// The team that owns it, by `[[owner]]`.
    Owner,
    /// The detector of the loudest finding.
    Detector,
}

impl GroupField {
    const fn words(self) -> &'static str {
        match self {
            Self::Registry => "registry",
            Self::PurlType => "type",
            Self::Namespace => "namespace",
            Self::Owner => "owner",
            Self::Detector => "detector",
        }
    }

    fn of(self, incident: &Incident, findings: &[Finding], owners: &Owners) -> Option<String> {
        let subject = incident.subjects.first();
        match self {
            Self::Registry => subject.map(|subject| subject.registry.to_string()),
            Self::PurlType => subject.and_then(purl_type).map(str::to_owned),
            Self::Namespace => subject.and_then(namespace),
            Self::Owner => subject.and_then(|subject| owners.of(subject)).map(str::to_owned),
            Self::Detector => {
                let loudest = findings.iter().max_by_key(|finding| finding.severity);
                loudest.map(|finding| finding.detector.to_string())
            }
        }
    }
}

/// A group that an incident belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldGroup {
    /// Its key: short, whatever names are in it.
    pub key: String,
    /// What its incidents have in common, in words; the values may be an attacker's.
    pub words: String,
}

/// The group of an incident; `None` if nothing is to be grouped by. What an incident lacks is a value too: those
/// without a namespace belong together. Pure.
#[must_use]
pub fn field_group(
    fields: &[GroupField],
    incident: &Incident,
    findings: &[Finding],
    owners: &Owners,
) -> Option<FieldGroup> {
    if fields.is_empty() {
        return None;
    }
    let mut fields = fields.to_vec();
    fields.sort_unstable();
    fields.dedup();
    let values: Vec<_> = fields.iter().map(|field| (*field, field.of(incident, findings, owners))).collect();
    let json = serde_json::to_vec(&values).expect("words and texts are always JSON");
    let digest = Sha256::digest(&json);
    let words: Vec<_> = values
        .iter()
        .map(|(field, value)| format!("{} {}", field.words(), value.as_deref().unwrap_or("unknown")))
        .collect();
    Some(FieldGroup { key: data_encoding::HEXLOWER.encode(&digest[..16]), words: words.join(", ") })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    fn group(artifact: &str, fields: &[GroupField]) -> Option<FieldGroup> {
        let (incident, findings) = fixture::takeover_of(artifact, "eve");
        field_group(fields, &incident, &findings, &Owners::default())
    }

    #[test]
    fn incidents_belong_together_by_what_they_have_in_common() {
        use GroupField::{Detector, Namespace, PurlType, Registry};
        assert_eq!(group("pkg:npm/a", &[]), None);
        let fields = [PurlType, Namespace];
        let key = |artifact: &str| group(artifact, &fields).unwrap().key;
        assert_eq!(key("pkg:npm/%40acme/ui"), key("pkg:npm/%40acme/api"));
        assert_ne!(key("pkg:npm/%40acme/ui"), key("pkg:npm/%40evil/ui"));
        assert_ne!(key("pkg:npm/%40acme/ui"), key("pkg:pypi/%40acme/ui"));
        assert_eq!(key("pkg:npm/a"), key("pkg:npm/b"), "those without a namespace belong together");
        let (one, other) =
            (group("pkg:npm/a", &[Registry, Detector]), group("pkg:npm/a", &[Detector, Registry]));
        assert_eq!(one, other, "in whatever order they are written");
        assert_eq!(one.unwrap().words, "registry npm, detector key-change");
        let long = group(&format!("pkg:npm/{}/x", "n".repeat(8_000)), &fields).unwrap();
        assert_eq!(long.key.len(), 32);
    }
}
