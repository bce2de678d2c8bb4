//! `[kafka]`: the brokers, and as whom we read from them.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Value, json};
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

/// The schema of [`KafkaSettings`], whose crate knows nothing of schemas. A test holds it to the type.
fn client_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "security": security_schema(),
            "overrides": {
                "description": "Settings of librdkafka by name, each name in quotation marks. Only harmless ones are taken, within bounds.",
                "type": "object",
                "additionalProperties": { "anyOf": [{ "type": "boolean" }, { "type": "integer" }, { "type": "string" }] },
            },
        },
    })
}

fn security_schema() -> Value {
    let ca = text(
        "Whom to trust: a file of certificates (PEM), or `system` for the authorities of the operating system.",
    );
    let client = json!({
        "description": "Our own certificate, where the brokers ask for one.",
        "type": "object",
        "additionalProperties": false,
        "required": ["certificate", "key"],
        "properties": {
            "certificate": text("The certificate with its chain, a file (PEM)."),
            "key": text("Its private key, a file (PEM)."),
            "key_password": text("Where to find the key's pass phrase: `env:NAME` or `file:/path`."),
        },
    });
    let insecure = json!({
        "description": "Accepts that others on the network can read and forge everything. Brokers on this machine need it not.",
        "type": "boolean",
        "default": false,
    });
    json!({
        "description": "How the connection is protected; without it not at all, which only brokers on this machine need.",
        "oneOf": [
            variant("protocol", "plaintext", "No protection.", json!({ "insecure": insecure }), &[]),
            variant("protocol", "ssl", "TLS.", json!({ "ca": ca, "client": client }), &["ca"]),
            variant("protocol", "sasl_ssl", "TLS, and a login over it.", json!({ "ca": ca, "login": login_schema() }), &["ca", "login"]),
        ],
    })
}

fn login_schema() -> Value {
    let by_password = |mechanism, about| {
        let keys = json!({
            "user": text("The user, or the API key."),
            "password": text("Where to find the password: `env:NAME` or `file:/path`."),
        });
        variant("mechanism", mechanism, about, keys, &["user", "password"])
    };
    let by_token = json!({
        "token": text("Where to find the token: `env:NAME` or `file:/path`. It is read again before it expires."),
        "principal": text("Our name; the token's `sub` if not given."),
        "lifetime_s": {
            "description": "How long a token without `exp` is good for, in seconds.",
            "type": "integer", "format": "uint32", "minimum": 0, "default": 300,
        },
    });
    json!({
        "description": "By what we are known to the brokers.",
        "oneOf": [
            by_password("SCRAM-SHA-256", "A salted challenge, SHA-256."),
            by_password("SCRAM-SHA-512", "A salted challenge, SHA-512."),
            by_password("PLAIN", "User and password as they are, protected by TLS alone."),
            variant("mechanism", "OAUTHBEARER", "A bearer token.", by_token, &["token"]),
        ],
    })
}

fn text(about: &str) -> Value {
    json!({ "description": about, "type": "string" })
}

/// A table that is told from others by one fixed word.
fn variant(tag: &str, word: &str, about: &str, mut keys: Value, required: &[&str]) -> Value {
    keys[tag] = json!({ "type": "string", "const": word });
    let required: Vec<_> = std::iter::once(&tag).chain(required).collect();
    json!({
        "description": about,
        "type": "object",
        "additionalProperties": false,
        "required": required,
        "properties": keys,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use transport::SecretRef;
    use transport::kafka::{ClientCertificate, Login, OverrideValue, Security, TrustedRoots};

    use super::*;

    /// All keys and tag words of a value that was written from the type.
    fn written(value: &Value, at: &str, found: &mut BTreeSet<String>) {
        let Some(object) = value.as_object() else { return };
        for (key, value) in object {
            let tag = ["protocol", "mechanism"].contains(&key.as_str()).then(|| value.as_str()).flatten();
            let path = format!("{at}/{key}");
            found.insert(tag.map_or_else(|| path.clone(), |word| format!("{path}={word}")));
            written(value, &path, found);
        }
    }

    /// The same of the schema.
    fn described(schema: &Value, at: &str, found: &mut BTreeSet<String>) {
        for variant in schema["oneOf"].as_array().into_iter().flatten() {
            described(variant, at, found);
        }
        for (key, property) in schema["properties"].as_object().into_iter().flatten() {
            let path = format!("{at}/{key}");
            found.insert(
                property["const"].as_str().map_or_else(|| path.clone(), |word| format!("{path}={word}")),
            );
            described(property, &path, found);
        }
    }

    #[test]
    fn the_schema_has_every_key_and_word_of_the_type_and_no_other() {
        let secret = SecretRef::Variable("X".to_owned());
        let login = |login| Security::SaslSsl { ca: TrustedRoots::System, login };
        let client = ClientCertificate {
            certificate: "c".into(),
            key: "k".into(),
            key_password: Some(secret.clone()),
        };
        let (user, password) = ("u".to_owned(), secret.clone());
        let all = [
            Security::Plaintext { insecure: true },
            Security::Ssl { ca: TrustedRoots::System, client: Some(client) },
            login(Login::ScramSha256 { user: user.clone(), password: password.clone() }),
            login(Login::ScramSha512 { user: user.clone(), password: password.clone() }),
            login(Login::Plain { user, password }),
            login(Login::OauthBearer { token: secret, principal: Some("p".to_owned()), lifetime_s: 1 }),
        ];
        let (mut of_type, mut of_schema) = (BTreeSet::new(), BTreeSet::new());
        for security in all {
            let settings = KafkaSettings {
                security,
                overrides: BTreeMap::from([("x".to_owned(), OverrideValue::Flag(true))]),
            };
            written(&serde_json::to_value(settings).unwrap(), "", &mut of_type);
        }
        of_type.remove("/overrides/x");
        described(client_schema(&mut SchemaGenerator::default()).as_value(), "", &mut of_schema);
        assert_eq!(of_schema, of_type);
    }

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
