//! The envelopes in which Rekor hands out entries: the API's answer, a single entry, the bare body, a bundle.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, Visitor};

use super::body::{Body, Spec};
use super::bundle::{Bundle, DsseEnvelope, MessageSignature, VerificationMaterial};
use super::{Logged, Signature, base64_of, statement};
use crate::decode::{Refusal, RefusalReason, check_nesting};
use crate::wire::object::Text;

/// Something that holds a signature.
pub(super) enum Source<'a> {
    Entry(Box<Entry<'a>>),
    Bundle(Box<Bundle<'a>>),
}

/// All that a record may be, in one object; what is there decides.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Record<'a> {
    #[serde(borrow)]
    kind: Option<Text<'a>>,
    #[serde(borrow)]
    spec: Option<Box<Spec<'a>>>,
    #[serde(borrow, alias = "canonicalizedBody")]
    body: Option<Text<'a>>,
    integrated_time: Option<Number>,
    #[serde(borrow, rename = "logID")]
    log_id_hex: Option<Text<'a>>,
    #[serde(borrow)]
    log_id: Option<LogId<'a>>,
    log_index: Option<Number>,
    #[serde(borrow)]
    attestation: Option<Attestation<'a>>,
    #[serde(borrow)]
    media_type: Option<Text<'a>>,
    #[serde(borrow)]
    verification_material: Option<Box<VerificationMaterial<'a>>>,
    #[serde(borrow)]
    message_signature: Option<MessageSignature<'a>>,
    #[serde(borrow)]
    dsse_envelope: Option<DsseEnvelope<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::wire) struct LogId<'a> {
    #[serde(borrow)]
    key_id: Text<'a>,
}

/// The statement that Rekor stores beside an attestation.
#[derive(Deserialize)]
struct Attestation<'a> {
    #[serde(borrow, default)]
    data: Option<Text<'a>>,
}

/// An entry of the log.
pub(super) struct Entry<'a> {
    logged: Logged,
    body: EntryBody<'a>,
    attestation: Option<Text<'a>>,
}

/// What was logged, encoded or not.
enum EntryBody<'a> {
    Encoded(Text<'a>),
    Plain(Body<'a>),
}

/// The API writes numbers, bundles write them as strings.
#[derive(Clone, Copy)]
pub(in crate::wire) struct Number(pub(super) i64);

/// Reads the record's outermost shape.
pub(super) fn sources(text: &str) -> Result<Vec<Source<'_>>, Refusal> {
    let refuse = |error| Refusal::of_json(text, &error);
    if is_keyed_by_id(text) {
        let keyed: Keyed<'_> = serde_json::from_str(text).map_err(refuse)?;
        return keyed.0.into_iter().map(|(id, record)| source_of(Some(&id), record)).collect();
    }
    let record: Record<'_> = serde_json::from_str(text).map_err(refuse)?;
    source_of(None, record).map(|source| vec![source])
}

fn source_of<'a>(id: Option<&str>, record: Record<'a>) -> Result<Source<'a>, Refusal> {
    if let Some(media_type) = record.media_type {
        let material =
            record.verification_material.ok_or_else(|| Refusal::missing("verificationMaterial"))?;
        return Ok(Source::Bundle(Box::new(Bundle {
            media_type,
            material: *material,
            message: record.message_signature,
            envelope: record.dsse_envelope,
        })));
    }
    let body = match (record.body, record.kind) {
        (Some(body), _) => EntryBody::Encoded(body),
        (None, Some(kind)) => EntryBody::Plain(Body { kind, spec: record.spec }),
        (None, None) => return Err(Refusal::missing("body")),
    };
    let log = match (record.log_id_hex, record.log_id) {
        (Some(hex), _) => Some(hex.to_ascii_lowercase()),
        (None, Some(id)) => Some(id.hex()?),
        (None, None) => None,
    };
    let logged = Logged {
        id: id.map(str::to_owned),
        log,
        index: record.log_index.map(|number| number.unsigned("logIndex")).transpose()?,
        integrated_secs: record.integrated_time.map(|Number(secs)| secs),
    };
    let attestation = record.attestation.and_then(|attestation| attestation.data);
    Ok(Source::Entry(Box::new(Entry { logged, body, attestation })))
}

impl Entry<'_> {
    /// Decodes the body and, for an attestation, its statement.
    pub(super) fn signature(self) -> Result<Signature, Refusal> {
        let mut signature = match self.body {
            EntryBody::Plain(body) => body.signature(self.logged)?,
            EntryBody::Encoded(encoded) => {
                let bytes = base64_of("body", &encoded)?;
                let text = text_of("body", &bytes)?;
                check_nesting(text)?;
                let body: Body<'_> =
                    serde_json::from_str(text).map_err(|error| Refusal::of_json(text, &error))?;
                body.signature(self.logged)?
            }
        };
        if let Some(data) = self.attestation.filter(|data| !data.is_empty()) {
            let statement = statement::read(&base64_of("attestation.data", &data)?)?;
            signature.subjects = statement.subjects;
            signature.predicate = statement.predicate.or(signature.predicate);
        }
        Ok(signature)
    }
}

impl LogId<'_> {
    /// Base64 in bundles; in hex as the API has it.
    pub(super) fn hex(&self) -> Result<String, Refusal> {
        Ok(data_encoding::HEXLOWER.encode(&base64_of("logId.keyId", &self.key_id)?))
    }
}

impl Number {
    /// A number that counts something.
    pub(super) fn unsigned(self, field: &str) -> Result<u64, Refusal> {
        u64::try_from(self.0)
            .map_err(|_| Refusal::new(RefusalReason::NegativeNumber, format!("`{field}` is {}", self.0)))
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;

        impl Visitor<'_> for Either {
            type Value = Number;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a whole number, or one in a string")
            }

            fn visit_i64<E: Error>(self, number: i64) -> Result<Number, E> {
                Ok(Number(number))
            }

            fn visit_u64<E: Error>(self, number: u64) -> Result<Number, E> {
                Ok(Number(i64::try_from(number).unwrap_or(i64::MAX)))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Number, E> {
                text.parse()
                    .map(Number)
                    .map_err(|_| E::invalid_value(serde::de::Unexpected::Str(text), &self))
            }
        }

        deserializer.deserialize_any(Either)
    }
}

/// The API's answer: entries by their ids.
struct Keyed<'a>(Vec<(Cow<'a, str>, Record<'a>)>);

impl<'de: 'a, 'a> Deserialize<'de> for Keyed<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;

        impl<'de> Visitor<'de> for Entries {
            type Value = Vec<(Cow<'de, str>, Record<'de>)>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("log entries by their ids")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut entries = Vec::new();
                while let Some((Text(id), record)) = map.next_entry()? {
                    entries.push((id, record));
                }
                Ok(entries)
            }
        }

        deserializer.deserialize_map(Entries).map(Self)
    }
}

/// An id is hex; no field's name is.
fn is_keyed_by_id(text: &str) -> bool {
    let key = text.trim_ascii_start().strip_prefix('{').map(str::trim_ascii_start);
    let key =
        key.and_then(|rest| rest.strip_prefix('"')).and_then(|rest| rest.split('"').next()).unwrap_or("");
    key.len() >= 64 && key.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Bytes that should be text.
pub(super) fn text_of<'b>(field: &str, bytes: &'b [u8]) -> Result<&'b str, Refusal> {
    simdutf8::basic::from_utf8(bytes)
        .map_err(|_| Refusal::new(RefusalReason::InvalidUtf8, format!("`{field}` decodes to no UTF-8")))
}
