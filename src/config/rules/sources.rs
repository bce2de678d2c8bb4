//! Rules of `[[source]]`: there is one, names and topics are its own, and what it says has an effect.

use std::collections::BTreeMap;

use ingest::decode::Format;

use super::Facts;
use crate::config::diagnostic::Diagnostic;
use crate::config::reading::Purpose;
use crate::config::tree::{Node, Value};

pub(super) fn check(facts: &Facts<'_>, found: &mut Vec<Diagnostic>) {
    if facts.purpose != Purpose::Files {
        if facts.tables("source").next().is_none() && facts.is_flawless("source") {
            let help = "add a `[[source]]` with `name`, `start`, and `topics`, `tail`, `http` or `bucket`";
            found.push(Diagnostic::nowhere("source", "there is no source to watch").help(help));
        }
        let of_kafka = facts.tables("source").find(|(_, node)| node.get("topics").is_some());
        if let Some((path, node)) = of_kafka
            && facts.tree.get("kafka").is_none()
        {
            let message = "there are no brokers to read this source from";
            found.push(
                Diagnostic::error(path, &node.span, message)
                    .help("add a `[kafka]` table with `brokers = \"host:9092\"`"),
            );
        }
    }
    names(facts, found);
    topics(facts, found);
    for (path, source) in facts.tables("source") {
        door(&path, source, found);
        without_effect(&path, source, found);
        shifted(&path, source, found);
        zoneless(&path, source, found);
    }
}

/// A source has one door, and says where to begin behind it.
fn door(path: &str, source: &Node, found: &mut Vec<Diagnostic>) {
    let doors: Vec<_> = ["topics", "tail", "http", "bucket"]
        .iter()
        .filter_map(|key| Some((*key, source.get(key)?)))
        .collect();
    let start = source.get("start").and_then(|node| Some((node, node.text()?)));
    match (&doors[..], start) {
        ([], _) => {
            let message = "this source does not say what it reads";
            let help = "add `topics = [\"…\"]` to read from Kafka, `tail = [\"/path\"]` to follow files, `http` to take webhooks, or `bucket`";
            found.push(Diagnostic::error(path, &source.span, message).help(help));
        }
        ([_, (key, second), ..], _) => {
            let message = "a source reads topics or a bucket, follows files or takes webhooks, one of them";
            let help = "make two sources of it";
            found.push(Diagnostic::error(format!("{path}.{key}"), &second.span, message).help(help));
        }
        ([("tail", _)], Some((start, "error"))) => {
            let message = "files are followed from their beginning or their end";
            let help = "write `start = \"beginning\"` or `start = \"end\"`";
            found.push(Diagnostic::error(format!("{path}.start"), &start.span, message).help(help));
        }
        ([("http", _)], Some((start, "end" | "error"))) => {
            let message = "webhooks are read from the first that was taken";
            let help = "write `start = \"beginning\"`";
            found.push(Diagnostic::error(format!("{path}.start"), &start.span, message).help(help));
        }
        ([("bucket", _)], Some((start, "end" | "error"))) => {
            let message = "a bucket is read from its first object, or from the one behind `after`";
            let help =
                "write `start = \"beginning\"`, and in `bucket` the key `after` which reading is to begin";
            found.push(Diagnostic::error(format!("{path}.start"), &start.span, message).help(help));
        }
        _ => {}
    }
}

fn names(facts: &Facts<'_>, found: &mut Vec<Diagnostic>) {
    let mut known = BTreeMap::new();
    for (path, source) in facts.tables("source") {
        let Some((node, name)) = source.get("name").and_then(|node| Some((node, node.text()?))) else {
            continue;
        };
        let line = facts.line(&node.span);
        if let Some(first) = known.get(name) {
            let message = format!("two sources are called `{name}`");
            let help = format!("the other one is on line {first}; rename one of them");
            found.push(Diagnostic::error(format!("{path}.name"), &node.span, message).help(help));
        } else {
            known.insert(name, line);
        }
    }
}

/// A record is read once: by the source whose format and registry are its own. That a source names a topic twice its
/// own type sees.
fn topics(facts: &Facts<'_>, found: &mut Vec<Diagnostic>) {
    let mut known: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for (number, (path, source)) in facts.tables("source").enumerate() {
        let topics = source.get("topics").map(Node::items).unwrap_or_default();
        for (at, (node, topic)) in topics.iter().filter_map(|node| Some((node, node.text()?))).enumerate() {
            let (owner, line) = *known.entry(topic).or_insert_with(|| (number, facts.line(&node.span)));
            let is_first =
                owner == number && line == facts.line(&node.span) && first_in(topics, topic) == Some(node);
            if is_first {
                continue;
            }
            let (message, help) = if owner == number {
                (format!("the topic `{topic}` is named twice"), "remove one of the two".to_owned())
            } else {
                let message = format!("the topic `{topic}` belongs to another source already");
                (message, format!("that one is on line {line}; remove the topic from one of them"))
            };
            found.push(Diagnostic::error(format!("{path}.topics[{at}]"), &node.span, message).help(help));
        }
    }
}

fn first_in<'a>(topics: &'a [Node], topic: &str) -> Option<&'a Node> {
    topics.iter().find(|node| node.text() == Some(topic))
}

fn without_effect(path: &str, source: &Node, found: &mut Vec<Diagnostic>) {
    let Some(ecosystem) = source.get("ecosystem") else { return };
    let format = source.get("format").and_then(Node::text).and_then(|word| word.parse().ok());
    let format: Option<Format> = format;
    if let Some(format) =
        format.filter(|format| *format != Format::Auto && !format.abilities().takes_ecosystem)
    {
        let message = format!(
            "`ecosystem` has no effect: records of format `{}` say themselves what they are about",
            format.word()
        );
        let warning = Diagnostic::error(format!("{path}.ecosystem"), &ecosystem.span, message).into_warning();
        found.push(warning.help("remove it"));
    }
}

fn zoneless(path: &str, source: &Node, found: &mut Vec<Diagnostic>) {
    let Some(written) = source.get("format") else { return };
    let format: Option<Format> = written.text().and_then(|word| word.parse().ok());
    if let Some(format) =
        format.filter(|format| format.abilities().needs_zone && source.get("timezone").is_none())
    {
        let message = format!("times of format `{}` carry no zone, and the source names none", format.word());
        let error = Diagnostic::error(format!("{path}.format"), &written.span, message);
        found.push(
            error.help(
                "write `timezone = \"UTC\"`, or the zone that the registry runs in, such as \"+02:00\"",
            ),
        );
    }
}

fn shifted(path: &str, source: &Node, found: &mut Vec<Diagnostic>) {
    let Some(shift) = source.get("shift_seconds") else { return };
    if matches!(shift.value, Value::Whole(seconds) if seconds != 0) {
        let message = "the times of this source are moved: what is found in it did not happen when it says";
        let warning = Diagnostic::error(format!("{path}.shift_seconds"), &shift.span, message).into_warning();
        found.push(warning.help("remove `shift_seconds` unless this is an exercise"));
    }
}
