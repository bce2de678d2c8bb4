//! The schema of [`KafkaSettings`](super::KafkaSettings), for configurations that hold one: JSON, as this crate knows
//! no library of schemas. A test holds it to the type.

use serde_json::{Value, json};

/// The schema of [`KafkaSettings`](super::KafkaSettings), as JSON.
#[must_use]
pub fn settings_schema() -> Value {
    json!({
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

    use super::super::{ClientCertificate, KafkaSettings, Login, OverrideValue, Security, TrustedRoots};
    use super::*;
    use crate::SecretRef;

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
        described(&settings_schema(), "", &mut of_schema);
        assert_eq!(of_schema, of_type);
    }
}
