//! A mapping as it is written: `[mapping.<name>]`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How the records of an own format become events. Where a text stands for a value of the record, it is a JSON
/// pointer (`/actor/name`), a group of the pattern (`$user`), or a constant (`=npm`); several separated by ` | ` are
/// tried in turn.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MappingDeclaration {
    /// A regular expression whose named groups are the parts of a line. Without it records are JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub pattern: Option<String>,
    /// Where the text stands that the pattern takes apart, if records are JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub pattern_on: Option<String>,
    /// Where a list stands each of whose items is an event. Pointers begin at the item, those with `^` before them at
    /// the record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub each: Option<String>,
    /// Where the time stands.
    #[schemars(length(min = 1))]
    pub time: String,
    /// How it is written: `rfc3339`, `unix-seconds`, `unix-millis`, `unix-micros`, `unix-nanos`, or a pattern of
    /// strftime such as `%d/%b/%Y:%H:%M:%S %z`.
    #[serde(default = "rfc3339")]
    #[schemars(length(min = 1))]
    pub time_format: String,
    /// The zone of times that carry none: `UTC`, or such as `+02:00`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub time_zone: Option<String>,
    /// Fields of all kinds of records: the field's name in quotation marks, and where its value stands.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub fields: BTreeMap<String, String>,
    /// For a field, what the log's words mean: `"DOWNLOAD" = "pull"`. The word `"*"` stands for all others; without it
    /// a record with another word is refused.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub words: BTreeMap<String, BTreeMap<String, String>>,
    /// The kinds of records; the first that fits decides, and a record of no kind is refused.
    #[schemars(length(min = 1))]
    pub kind: Vec<KindDeclaration>,
}

/// A kind of record, and what it becomes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KindDeclaration {
    /// What must stand where, several texts separated by ` | `; one that ends with `*` need only begin so. Without
    /// it, every record is of this kind.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub when: BTreeMap<String, String>,
    /// The type of the event: `access`, `publish`, `tag`, `sign`, `verify`, `account` or `withdraw`.
    #[serde(rename = "type")]
    #[schemars(length(min = 1))]
    pub event: String,
    /// Fields of this kind, beside or instead of those of all kinds.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub fields: BTreeMap<String, String>,
}

fn rfc3339() -> String {
    "rfc3339".to_owned()
}
