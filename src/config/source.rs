//! `[[source]]`: topics or files of one kind, and how their records are read.

use std::collections::BTreeSet;
use std::path::PathBuf;

use ingest::bucket::BucketSettings;
use ingest::decode::{Ecosystem, Format, Zone};
use ingest::http::HttpSourceSettings;
use ingest::kafka::StartPolicy;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, de};

use super::refusal::refuse;

/// Lateness, unless configured: `pipeline::flow::DEFAULT_LATENESS`.
const DEFAULT_LATENESS_SECONDS: u32 = 30;
/// The longest name of a source, in bytes; a consumer group is called after it.
const NAME_MAX: usize = 64;
/// The longest name of a topic that Kafka takes, in bytes.
const TOPIC_MAX: usize = 249;
/// The longest name of a registry, in bytes.
const REGISTRY_MAX: usize = 128;
/// The source of files that are given on the command line.
const FILES: &str = "files";

/// One `[[source]]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SourceConfig {
    /// Its name: in findings' positions, in logs, and behind the consumer group's.
    #[serde(deserialize_with = "name")]
    pub(crate) name: String,
    /// The topics it reads; each belongs to one source.
    #[serde(default, deserialize_with = "topics", skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1))]
    pub(crate) topics: Vec<String>,
    /// The files it follows instead, through rotation and truncation; each is a stream called by its base name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1))]
    pub(crate) tail: Vec<PathBuf>,
    /// The webhooks that are posted to it instead; `[http]` says where. The path is the stream.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) http: Option<HttpSourceSettings>,
    /// The bucket that it reads instead; its name is the stream.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) bucket: Option<BucketSettings>,
    /// Where to begin a partition that was never read. Afterwards reading goes on where it was left.
    pub(crate) start: StartPolicy,
    /// The format of its records.
    #[serde(default)]
    pub(crate) format: Format,
    /// The declared format of its records, instead of `format`: a `[mapping.<name>]` of this file, or one that the
    /// program brings along (docs/custom-formats.md).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub(crate) mapping: Option<String>,
    /// The registry of records that name none; the source's name if not given.
    #[serde(default, deserialize_with = "registry", skip_serializing_if = "Option::is_none")]
    pub(crate) registry: Option<String>,
    /// What kind of registry stands behind an access log, if the paths alone would not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) ecosystem: Option<Ecosystem>,
    /// The zone of times that carry none: `UTC`, or a distance from it such as `+02:00`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) timezone: Option<Zone>,
    /// How much older than the newest record before it an access record may be without being late, in seconds. What is
    /// found in access records is found so much later.
    #[serde(default = "default_lateness_seconds")]
    #[schemars(range(min = 0, max = 86_400))]
    pub(crate) lateness_seconds: u32,
    /// Whether its records are old on purpose, so that times long before the broker's are believed.
    #[serde(default)]
    pub(crate) history: bool,
    /// Seconds added to every time in its records, for exercises: a recorded attack happens now.
    #[serde(default)]
    #[schemars(range(min = -3_155_760_000_i64, max = 3_155_760_000_i64))]
    pub(crate) shift_seconds: i64,
}

impl SourceConfig {
    /// A source with nothing but what must be said.
    pub(crate) fn new(name: &str, topics: Vec<String>, start: StartPolicy) -> Self {
        Self {
            name: name.to_owned(),
            topics,
            tail: Vec::new(),
            http: None,
            bucket: None,
            start,
            format: Format::Auto,
            mapping: None,
            registry: None,
            ecosystem: None,
            timezone: None,
            lateness_seconds: DEFAULT_LATENESS_SECONDS,
            history: false,
            shift_seconds: 0,
        }
    }
}

fn default_lateness_seconds() -> u32 {
    DEFAULT_LATENESS_SECONDS
}

fn is_plain(text: &str, max: usize) -> bool {
    let usual = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    !text.is_empty() && text.len() <= max && text.bytes().all(usual)
}

fn name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let name = String::deserialize(deserializer)?;
    if name == FILES {
        return Err(refuse(
            "cannot call a source `files`: files given on the command line are called so",
            "choose another name",
        ));
    }
    if is_plain(&name, NAME_MAX) {
        return Ok(name);
    }
    Err(refuse("cannot use this name", &format!("write 1 to {NAME_MAX} letters, digits, `.`, `_` or `-`")))
}

fn topics<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let topics = Vec::<String>::deserialize(deserializer)?;
    topics.iter().try_for_each(|topic| known_to_kafka(topic))?;
    let distinct: BTreeSet<_> = topics.iter().collect();
    if distinct.len() < topics.len() {
        return Err(refuse("cannot read a topic twice", "remove one of the two"));
    }
    Ok(topics)
}

fn known_to_kafka<E: de::Error>(topic: &str) -> Result<(), E> {
    if topic.starts_with('^') {
        return Err(refuse(
            "cannot read topics by a pattern",
            "list the topics: each has a place of its own in findings",
        ));
    }
    if is_plain(topic, TOPIC_MAX) && topic != "." && topic != ".." {
        return Ok(());
    }
    let remedy = format!("Kafka's names are 1 to {TOPIC_MAX} letters, digits, `.`, `_` or `-`");
    Err(refuse("cannot read a topic of this name", &remedy))
}

fn registry<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let Some(registry) = Option::<String>::deserialize(deserializer)? else { return Ok(None) };
    if is_plain(&registry, REGISTRY_MAX) {
        return Ok(Some(registry));
    }
    Err(refuse(
        "cannot use this registry",
        &format!("write 1 to {REGISTRY_MAX} letters, digits, `.`, `_` or `-`"),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether a source with this line, added to or instead of the usual ones, is taken.
    fn takes(line: &str) -> bool {
        let key = line.split(' ').next().unwrap();
        let usual = ["name = 'a'", "topics = ['t']", "start = 'end'"];
        let lines: Vec<_> = usual.into_iter().filter(|usual| !usual.starts_with(key)).chain([line]).collect();
        toml::from_str::<SourceConfig>(&lines.join("\n")).is_ok()
    }

    #[test]
    fn names_are_plain_and_of_bounded_length() {
        for (text, expected) in [
            ("npm-proxy.1", true),
            ("", false),
            ("a b", false),
            ("a/b", false),
            ("é", false),
            (&"n".repeat(NAME_MAX), true),
            (&"n".repeat(NAME_MAX + 1), false),
            (FILES, false),
        ] {
            assert_eq!(takes(&format!("name = '{text}'")), expected, "{text}");
        }
        assert!(takes(&format!("registry = '{}'", "r".repeat(REGISTRY_MAX))));
        assert!(!takes(&format!("registry = '{}'", "r".repeat(REGISTRY_MAX + 1))));
    }

    #[test]
    fn topics_are_names_that_kafka_takes() {
        for (text, expected) in [
            ("'registry.access'", true),
            ("'a', 'b'", true),
            ("'a', 'a'", false),
            ("'^registry.*'", false),
            ("'.'", false),
            ("''", false),
            (&format!("'{}'", "t".repeat(TOPIC_MAX)), true),
            (&format!("'{}'", "t".repeat(TOPIC_MAX + 1)), false),
        ] {
            assert_eq!(takes(&format!("topics = [{text}]")), expected, "{text}");
        }
    }

    #[test]
    fn where_reading_begins_must_be_said() {
        let error = toml::from_str::<SourceConfig>("name = 'a'\ntopics = ['t']").unwrap_err();
        assert_eq!(error.message(), "missing field `start`");
    }

    #[test]
    fn what_is_not_said_is_the_same_in_a_file_and_in_the_program() {
        let read: SourceConfig = toml::from_str("name = 'a'\ntopics = ['t']\nstart = 'end'").unwrap();
        assert_eq!(read, SourceConfig::new("a", vec!["t".to_owned()], StartPolicy::End));
        assert_eq!(
            pipeline::flow::DEFAULT_LATENESS,
            detectors::event::Span::secs(DEFAULT_LATENESS_SECONDS.into())
        );
    }
}
