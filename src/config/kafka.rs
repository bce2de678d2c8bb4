//! `[kafka]`: the brokers, and as whom we read from them.

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, Serialize};
use transport::kafka::KafkaSettings;

use super::refusal::refuse;

/// The consumer group, unless configured.
const DEFAULT_GROUP: &str = "sealwatch";

/// The longest group, in bytes.
const GROUP_MAX: usize = 128;

/// `[kafka]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct KafkaConfig {
    /// The brokers to begin with: `host:port`, several separated by commas.
    #[schemars(length(min = 1))]
    pub(crate) brokers: String,
    /// The beginning of the consumer groups' names; each source has a group of its own, `<group>.<source>`.
    #[serde(default = "default_group", deserialize_with = "group")]
    #[schemars(length(min = 1))]
    pub(crate) group: String,
    /// The name of this process in the brokers' logs; the group's if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub(crate) client_id: Option<String>,
    /// How the connection is protected, and single settings of the client.
    #[serde(default)]
    #[schemars(schema_with = "client_schema")]
    pub(crate) client: KafkaSettings,
}

impl KafkaConfig {
    /// Unprotected brokers, which must be on this machine.
    pub(crate) fn new(brokers: &str, group: &str) -> Self {
        Self {
            brokers: brokers.to_owned(),
            group: group.to_owned(),
            client_id: None,
            client: KafkaSettings::default(),
        }
    }

    /// The name of this process in the brokers' logs.
    pub(crate) fn client_id(&self) -> String {
        self.client_id.clone().unwrap_or_else(|| self.group.clone())
    }
}

fn group<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let group = String::deserialize(deserializer)?;
    if group.len() <= GROUP_MAX && !group.chars().any(char::is_control) {
        return Ok(group);
    }
    Err(refuse("cannot join a consumer group of this name", &format!("write up to {GROUP_MAX} letters")))
}

fn default_group() -> String {
    DEFAULT_GROUP.to_owned()
}

fn client_schema(_: &mut SchemaGenerator) -> Schema {
    Schema::try_from(transport::kafka::settings_schema()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_one_that_brokers_take() {
        let takes = |group: &str| {
            toml::from_str::<KafkaConfig>(&format!("brokers = 'b:1'\ngroup = {group:?}")).is_ok()
        };
        assert!(takes("sealwatch") && takes(&"g".repeat(GROUP_MAX)));
        assert!(!takes(&"g".repeat(GROUP_MAX + 1)) && !takes("a\tb"));
    }

    #[test]
    fn brokers_see_the_group_s_name_unless_another_is_given() {
        let kafka = KafkaConfig::new("127.0.0.1:9092", "watch");
        assert_eq!(kafka.client_id(), "watch");
        assert_eq!(KafkaConfig { client_id: Some("one".to_owned()), ..kafka }.client_id(), "one");
    }
}
