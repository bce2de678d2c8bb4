//! One line of a recording, as JSON, and how bytes become text in it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::{ControlRecord, LineFault};
use crate::wire::object::Text;

/// A line behind the manifest: a record, or exactly one of `oversize`, `control` and `end`.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RecordedLine<'a> {
    /// The source, where it is not the manifest's.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) source: Option<Text<'a>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) stream: Option<Text<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) partition: Option<i32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) offset: Option<i64>,
    /// Unix milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) timestamp: Option<i64>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) key: Option<Bytes<'a>>,
    #[serde(borrow, default, skip_serializing_if = "Vec::is_empty")]
    pub(super) headers: Vec<RecordedHeader<'a>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) value: Option<Bytes<'a>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) oversize: Option<RecordedOversize<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) control: Option<ControlRecord>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) end: Option<RecordedEnd<'a>>,
}

/// A header; without a value it is Kafka's null.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RecordedHeader<'a> {
    #[serde(borrow)]
    pub(super) name: Text<'a>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) value: Option<Bytes<'a>>,
}

/// What is kept of a record that was too large to be recorded.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RecordedOversize<'a> {
    pub(super) size: u64,
    #[serde(borrow)]
    pub(super) head: Bytes<'a>,
    #[serde(borrow)]
    pub(super) sha256: Text<'a>,
}

/// The last line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RecordedEnd<'a> {
    pub(super) records: u64,
    pub(super) controls: u64,
    #[serde(borrow)]
    pub(super) digest: Text<'a>,
}

/// Bytes: a string if they are plain text, else `{"base64": "…"}`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum Bytes<'a> {
    Text(#[serde(borrow)] Text<'a>),
    Encoded {
        #[serde(borrow)]
        base64: Text<'a>,
    },
}

impl<'a> Bytes<'a> {
    /// Control characters are encoded too: as JSON escapes they would be six times as long.
    pub(super) fn of(bytes: &'a [u8]) -> Self {
        let plain =
            |text: &&str| !text.bytes().any(|byte| byte < b' ' && !matches!(byte, b'\t' | b'\n' | b'\r'));
        match simdutf8::basic::from_utf8(bytes).ok().filter(plain) {
            Some(text) => Self::Text(Text::from(text)),
            None => Self::Encoded { base64: Text::from(STANDARD.encode(bytes)) },
        }
    }

    /// The bytes again.
    pub(super) fn decoded(&self) -> Result<std::borrow::Cow<'_, [u8]>, LineFault> {
        match self {
            Self::Text(text) => Ok(std::borrow::Cow::Borrowed(text.as_bytes())),
            Self::Encoded { base64 } => {
                let bytes = STANDARD.decode(base64.as_bytes()).map_err(|_| LineFault::NotBase64)?;
                Ok(std::borrow::Cow::Owned(bytes))
            }
        }
    }
}
