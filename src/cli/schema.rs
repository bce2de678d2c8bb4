//! `sealwatch schema`: the JSON Schema (2020-12) of a public contract, for producers, consumers and editors.

use clap::{Args, ValueEnum};
use detectors::finding::{FINDING_SCHEMA, Finding};
use detectors::incident::{INCIDENT_SCHEMA, Incident};
use ingest::wire::native::NativeEvent;
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};
use serde_json::json;

use crate::config::config_schema;
use crate::exit::{Exit, Failure};
use crate::output;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Whose schema
    contract: Contract,
}

/// What has a schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Contract {
    /// What a producer writes in format `native`
    Event,
    /// What a detector found
    Finding,
    /// What people triage
    Incident,
    /// The configuration file
    Config,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let schema = schema(arguments.contract);
    output::print(&format!("{:#}\n", schema.as_value()))?;
    Ok(Exit::Done)
}

fn schema(contract: Contract) -> Schema {
    match contract {
        Contract::Event => {
            SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<NativeEvent<'_>>()
        }
        Contract::Finding => written::<Finding>(FINDING_SCHEMA),
        Contract::Incident => written::<Incident>(INCIDENT_SCHEMA),
        Contract::Config => config_schema(),
    }
}

/// The schema of what this program writes, under the name that stands in each object.
fn written<T: JsonSchema>(name: &str) -> Schema {
    let settings = SchemaSettings::draft2020_12().for_serialize();
    let mut schema = settings.into_generator().into_root_schema_for::<T>();
    schema.insert("title".to_owned(), json!(name));
    if let Some(property) = schema.pointer_mut("/properties/schema") {
        property["const"] = json!(name);
    }
    schema
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(contract: Contract, title: &str, required: &[&str]) {
        let schema = schema(contract);
        let value = schema.as_value();
        assert_eq!(value["$schema"], "https://json-schema.org/draft/2020-12/schema");
        assert_eq!(value["title"], title);
        for key in required {
            assert!(value["required"].as_array().unwrap().contains(&json!(key)), "{key}");
            assert!(value["properties"][key].is_object(), "{key}");
        }
    }

    #[test]
    fn each_contract_has_a_schema_with_its_name_and_what_must_be_there() {
        check(Contract::Event, "Sealwatch event, version 1", &["time", "type"]);
        check(
            Contract::Finding,
            "sealwatch.finding/v1",
            &["schema", "id", "detector", "subject", "evidence"],
        );
        check(Contract::Incident, "sealwatch.incident/v1", &["schema", "id", "history", "findings"]);
        check(Contract::Config, "Sealwatch configuration", &[]);
    }

    #[test]
    fn what_is_written_says_which_schema_it_has() {
        assert_eq!(schema(Contract::Finding).as_value()["properties"]["schema"]["const"], FINDING_SCHEMA);
        assert_eq!(schema(Contract::Incident).as_value()["properties"]["schema"]["const"], INCIDENT_SCHEMA);
    }
}
