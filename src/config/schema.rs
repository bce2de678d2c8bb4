//! The configuration's JSON Schema, and the shape made of it.

use schemars::Schema;
use schemars::generate::SchemaSettings;
use serde_json::json;

use super::place::Place;
use super::shape::Shape;
use super::{Config, walk};

/// The JSON Schema of a configuration file, for `sealwatch schema config` and for editors.
pub(crate) fn config_schema() -> Schema {
    let mut schema = SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<Config>();
    // A map whose keys are words of an enum becomes one with any keys: schemars knows only plain enums as keys.
    if let Some(detectors) = schema.pointer_mut("/$defs/EngineSettings/properties/detectors") {
        detectors["propertyNames"] = json!({ "$ref": "#/$defs/DetectorId" });
    }
    schema
}

/// What may stand where, secrets marked.
pub(super) fn config_shape() -> Shape {
    Shape::of(&config_schema()).with_secrets(&Place::TOP, &walk::is_secret)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_whole_schema_is_understood() {
        let shape = format!("{:?}", config_shape());
        assert!(!shape.contains("Unknown"), "{shape}");
    }

    #[test]
    fn references_to_secrets_are_known_without_being_marked() {
        let mut secrets = BTreeSet::new();
        config_shape().each_key(&mut |key| {
            if key.shape == Shape::Secret {
                secrets.insert(key.name.clone());
            }
        });
        for key in ["url", "secret", "previous_secret", "proxy", "password", "token", "key_password"] {
            assert!(secrets.contains(key), "{key} is not among {secrets:?}");
        }
        assert!(!secrets.contains("path") && !secrets.contains("public_url"), "{secrets:?}");
    }

    #[test]
    fn names_of_detectors_are_known() {
        let shape = config_shape();
        let engine = shape.keys().iter().find(|key| key.name == "engine").unwrap();
        let detectors = engine.shape.keys().iter().find(|key| key.name == "detectors").unwrap();
        let Shape::Names { known, .. } = &detectors.shape else { panic!("{detectors:?}") };
        let known: Vec<_> = known.iter().map(|word| word.word.as_str()).collect();
        let all: Vec<_> = detectors::finding::DetectorId::ALL.iter().map(ToString::to_string).collect();
        assert_eq!(known, all);
    }
}
