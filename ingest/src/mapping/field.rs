//! The fields that a mapping can fill, and how the text of a log becomes the value of one.

use std::net::IpAddr;

use serde_json::{Value, json};

use crate::decode::{Refusal, RefusalReason};

/// A field of the native event, or a part from which one is put together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Field(&'static (&'static str, Takes));

/// What a field takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Takes {
    Text,
    /// A whole number; what is none of 0 or more says nothing.
    Number,
    Flag,
    Address,
    Digest,
    List,
    /// A container's repository, perhaps with its tag or digest behind it.
    Repository,
    /// A time in the mapping's own format.
    Time,
    /// A part: what it becomes is said where the mapping is applied.
    Part,
}

/// All of them, by their names in EVENTS.md; the parts are described in docs/custom-formats.md.
const FIELDS: &[(&str, Takes)] = &[
    ("action", Takes::Text),
    ("actor.account_created", Takes::Time),
    ("actor.asn", Takes::Number),
    ("actor.auth", Takes::Text),
    ("actor.country", Takes::Text),
    ("actor.ip", Takes::Address),
    ("actor.kind", Takes::Text),
    ("actor.mfa", Takes::Flag),
    ("actor.principal", Takes::Text),
    ("actor.token_id", Takes::Text),
    ("actor.user_agent", Takes::Text),
    ("artifact.digest", Takes::Digest),
    ("artifact.file", Takes::Text),
    ("artifact.name", Takes::Part),
    ("artifact.purl", Takes::Text),
    ("artifact.repository", Takes::Repository),
    ("artifact.tag", Takes::Text),
    ("artifact.type", Takes::Part),
    ("artifact.version", Takes::Part),
    ("bytes", Takes::Number),
    ("change", Takes::Text),
    ("check", Takes::Text),
    ("duration_ms", Takes::Number),
    ("id", Takes::Text),
    ("metadata.description", Takes::Text),
    ("metadata.homepage", Takes::Text),
    ("metadata.install_scripts", Takes::List),
    ("metadata.keywords", Takes::List),
    ("metadata.license", Takes::Text),
    ("metadata.maintainers", Takes::List),
    ("metadata.publisher", Takes::Text),
    ("metadata.repository", Takes::Text),
    ("metadata.size_bytes", Takes::Number),
    ("metadata.tool", Takes::Text),
    ("metadata.vcs_ref", Takes::Text),
    ("outcome", Takes::Text),
    ("predicate", Takes::Text),
    ("previous", Takes::Text),
    ("reason", Takes::Text),
    ("registry", Takes::Text),
    ("request.method", Takes::Part),
    ("request.path", Takes::Part),
    ("request_id", Takes::Text),
    ("result", Takes::Text),
    ("signed_at", Takes::Time),
    ("signer.algorithm", Takes::Text),
    ("signer.identity", Takes::Text),
    ("signer.issuer", Takes::Text),
    ("signer.key_id", Takes::Text),
    ("status", Takes::Number),
    ("tag", Takes::Text),
    ("target", Takes::Text),
];

impl Field {
    /// The field of this name.
    pub(super) fn of(name: &str) -> Option<Self> {
        FIELDS.iter().find(|(known, _)| *known == name).map(Self)
    }

    pub(super) const fn name(self) -> &'static str {
        self.0.0
    }

    pub(super) const fn takes(self) -> Takes {
        self.0.1
    }

    /// The names of all fields, for those who mistyped one.
    pub(super) fn names() -> impl Iterator<Item = &'static str> {
        FIELDS.iter().map(|(name, _)| *name)
    }

    /// The value that a text of the log stands for; none if it says nothing. Times and parts are not made here.
    pub(super) fn value(self, found: &Value) -> Result<Option<Value>, Refusal> {
        let wrong =
            |what: &str| Refusal::new(RefusalReason::WrongType, format!("`{}` is to be {what}", self.name()));
        let text = text_of(found);
        Ok(match self.takes() {
            Takes::List => match found {
                Value::Array(items) => Some(items.iter().filter_map(text_of).map(Value::String).collect()),
                _ => text.map(|text| json!([text])),
            },
            Takes::Text | Takes::Repository | Takes::Part | Takes::Time => text.map(Value::String),
            Takes::Number => {
                text.and_then(|text| whole(&text).transpose()).transpose().map_err(|()| wrong("a number"))?
            }
            Takes::Flag => match text.as_deref().map(str::to_ascii_lowercase).as_deref() {
                None => None,
                Some("true" | "yes" | "1") => Some(Value::Bool(true)),
                Some("false" | "no" | "0") => Some(Value::Bool(false)),
                Some(_) => return Err(wrong("true or false")),
            },
            Takes::Address => text.and_then(|text| address(&text)).map(|ip| json!(ip.to_string())),
            Takes::Digest => text.map(|text| Value::String(digest(text))),
        })
    }
}

/// A text, or the number or flag that stands for one. Empty texts and `-` say nothing.
pub(super) fn text_of(found: &Value) -> Option<String> {
    match found {
        Value::String(text) if matches!(text.as_str(), "" | "-") => None,
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// A whole number. Many logs write -1 where they do not know.
fn whole(text: &str) -> Result<Option<Value>, ()> {
    match text.parse::<i64>() {
        Ok(number) if number < 0 => Ok(None),
        Ok(number) => Ok(Some(json!(number))),
        Err(_) => match text.parse::<f64>() {
            Ok(number) if (0.0..9e15).contains(&number) => Ok(Some(json!(number.round() as u64))),
            Ok(number) if number < 0.0 => Ok(None),
            _ => Err(()),
        },
    }
}

/// An address, perhaps with a port behind it or a full stop; words such as `AWS Internal` are none.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim().trim_end_matches('.');
    let bare =
        text.strip_prefix('[').and_then(|rest| rest.split_once(']')).map_or(text, |(inside, _)| inside);
    let without_port = || bare.rsplit_once(':').and_then(|(host, _)| host.parse().ok());
    bare.parse().ok().or_else(without_port)
}

/// A digest; 64 hex digits alone are a SHA-256.
fn digest(text: String) -> String {
    if text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        format!("sha256:{text}")
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::needless_pass_by_value, reason = "a table of calls with `json!` is easier to read so")]
    fn check(field: &str, found: Value, expected: Value) {
        let value = Field::of(field).unwrap().value(&found);
        let value = value.map_or_else(|refusal| json!(refusal.to_string()), |value| json!(value));
        assert_eq!(value, expected, "{field} of {found}");
    }

    #[test]
    fn texts_of_a_log_become_values() {
        check("actor.principal", json!("alice"), json!("alice"));
        check("actor.principal", json!(7), json!("7"));
        check("actor.principal", json!("-"), json!(null));
        check("actor.principal", json!({"name": "alice"}), json!(null));
        check("bytes", json!("12"), json!(12));
        check("bytes", json!(1.5), json!(2));
        check("bytes", json!("-1"), json!(null));
        check("bytes", json!("many"), json!("wrong-type: `bytes` is to be a number"));
        check("actor.mfa", json!("Yes"), json!(true));
        check("actor.mfa", json!("perhaps"), json!("wrong-type: `actor.mfa` is to be true or false"));
        check("actor.ip", json!("192.168.64.11:42961"), json!("192.168.64.11"));
        check("actor.ip", json!("[2001:db8::1]:80"), json!("2001:db8::1"));
        check("actor.ip", json!("2001:db8::1"), json!("2001:db8::1"));
        check("actor.ip", json!("86.12.14.192."), json!("86.12.14.192"));
        check("actor.ip", json!("AWS Internal"), json!(null));
        check("artifact.digest", json!("a".repeat(64)), json!(format!("sha256:{}", "a".repeat(64))));
        check("metadata.keywords", json!(["a", 1, null]), json!(["a", "1"]));
        check("metadata.keywords", json!("a"), json!(["a"]));
    }

    #[test]
    fn names_are_sorted_and_known() {
        assert!(Field::names().is_sorted());
        assert_eq!(Field::of("actor.shoe_size"), None);
    }
}
