//! How a [`SecretRef`] is written in a configuration, and how a secret written there by mistake is refused.

use std::fmt;
use std::path::PathBuf;

use serde::de::{Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{NotAReference, SecretRef};

pub(super) fn parse(text: &str) -> Result<SecretRef, NotAReference> {
    if let Some(name) = text.strip_prefix("env:") {
        return if is_variable_name(name) {
            Ok(SecretRef::Variable(name.to_owned()))
        } else {
            Err(NotAReference::VariableName)
        };
    }
    if let Some(path) = text.strip_prefix("file:") {
        let path = PathBuf::from(path);
        return if path.is_absolute() { Ok(SecretRef::File(path)) } else { Err(NotAReference::RelativePath) };
    }
    Err(NotAReference::Literal)
}

fn is_variable_name(name: &str) -> bool {
    !name.starts_with(|first: char| first.is_ascii_digit())
        && !name.is_empty()
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

impl<'de> Deserialize<'de> for SecretRef {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ReferenceVisitor)
    }
}

impl Serialize for SecretRef {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Answers for every kind of value itself: serde's own "invalid type" message would repeat the value.
struct ReferenceVisitor;

impl<'de> Visitor<'de> for ReferenceVisitor {
    type Value = SecretRef;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a reference to a secret, `env:NAME` or `file:/path`")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<SecretRef, E> {
        parse(text).map_err(refused)
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<SecretRef, E> {
        Err(refused(NotAReference::Literal))
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<SecretRef, E> {
        Err(refused(NotAReference::Literal))
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<SecretRef, E> {
        Err(refused(NotAReference::Literal))
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<SecretRef, E> {
        Err(refused(NotAReference::Literal))
    }

    fn visit_bytes<E: Error>(self, _: &[u8]) -> Result<SecretRef, E> {
        Err(refused(NotAReference::Literal))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, _: A) -> Result<SecretRef, A::Error> {
        Err(refused(NotAReference::Literal))
    }

    fn visit_map<A: MapAccess<'de>>(self, _: A) -> Result<SecretRef, A::Error> {
        Err(refused(NotAReference::Literal))
    }
}

fn refused<E: Error>(reason: NotAReference) -> E {
    E::custom(format_args!("{reason}: {}", reason.hint()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_read_and_written_back_unchanged() {
        for text in ["env:SLACK_URL", "env:_x9", "file:/run/secrets/slack url"] {
            let reference: SecretRef = serde_json::from_value(text.into()).unwrap();
            assert_eq!(serde_json::to_value(&reference).unwrap(), text);
        }
    }

    #[test]
    fn what_is_no_reference_is_refused_with_its_reason() {
        let cases = [
            ("https://hooks.example/T/B/x", NotAReference::Literal),
            ("", NotAReference::Literal),
            ("ENV:NAME", NotAReference::Literal),
            ("env:", NotAReference::VariableName),
            ("env:9lives", NotAReference::VariableName),
            ("env:a=b", NotAReference::VariableName),
            ("file:secret.txt", NotAReference::RelativePath),
            ("file:", NotAReference::RelativePath),
        ];
        for (text, expected) in cases {
            assert_eq!(parse(text), Err(expected), "{text}");
        }
    }

    #[test]
    fn a_secret_in_the_configuration_is_refused_with_a_hint_and_not_repeated() {
        for literal in [r#""tok-73519""#, "73519", "-73519", "73519.5", r#"["73519"]"#, r#"{"k":"73519"}"#] {
            let error = serde_json::from_str::<SecretRef>(literal).unwrap_err();
            let shown = format!("{error} {error:?}");
            assert!(shown.contains("`env:NAME` or `file:/path`"), "{shown}");
            assert!(!shown.contains("73519"), "{shown}");
        }
    }
}
