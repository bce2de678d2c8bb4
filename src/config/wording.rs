//! The words for what a walk finds, and the remedies.

use super::place::Place;
use super::shape::{Bounds, Key, Shape};
use super::suggestion::{listed, nearest};
use super::tree::{Entry, Node, Value};

/// Keys that other programs have, and what to write instead; a name that ends in `.` stands for all that begin so.
const FOREIGN: &[(&str, &str)] = &[
    ("auto.offset.reset", WHERE_TO_START),
    ("auto_offset_reset", WHERE_TO_START),
    ("offset_reset", WHERE_TO_START),
    ("bootstrap", BROKERS),
    ("bootstrap.servers", BROKERS),
    ("bootstrap_servers", BROKERS),
    ("consumer_group", GROUP),
    ("group.id", GROUP),
    ("group_id", GROUP),
    ("sasl.", SECURITY),
    ("security.", SECURITY),
    ("ssl.", SECURITY),
    ("threshold", "detectors have no threshold: set `floor_bits`, or what may be told in `[engine.budget]`"),
];
const WHERE_TO_START: &str =
    "say in each `[[source]]` where reading begins: `start = \"beginning\"` or `start = \"end\"`";
const BROKERS: &str = "write `brokers = \"host:9092\"` in `[kafka]`";
const SECURITY: &str = "say in `[kafka.client.security]` how the connection is protected";
const GROUP: &str = "write `group = \"…\"` in `[kafka]`";

/// What stands for a value that the reader must choose.
const OPEN: &str = "…";

/// What the last key is for, as the remedy where there is no better one.
pub(super) fn about(place: &Place<'_>) -> Option<String> {
    (!place.about().is_empty()).then(|| format!("`{}`: {}", place.last_key(), place.about()))
}

pub(super) fn did_you_mean(nearest: Option<&str>) -> Option<String> {
    nearest.map(|word| format!("did you mean `{word}`?"))
}

/// What to write instead of a key that another program has.
pub(super) fn foreign_key(entry: &Entry) -> Option<String> {
    let (name, _) = whole_name(entry);
    let is_meant = |foreign: &str| foreign == name || (foreign.ends_with('.') && name.starts_with(foreign));
    FOREIGN.iter().find(|(foreign, _)| is_meant(foreign)).map(|(_, help)| (*help).to_owned())
}

/// Where a key would be right.
pub(super) fn belongs(whole: &Shape, key: &str) -> Option<String> {
    fn search(shape: &Shape, key: &str, header: &str) -> Option<String> {
        let inner = |name: &str| if header.is_empty() { name.to_owned() } else { format!("{header}.{name}") };
        match shape {
            Shape::Table(keys) if !header.is_empty() && keys.iter().any(|known| known.name == key) => {
                Some(format!("`[{header}]`"))
            }
            Shape::Table(keys) => {
                keys.iter().find_map(|known| search(&known.shape, key, &inner(&known.name)))
            }
            Shape::List { item, .. } => match item.as_ref() {
                Shape::Table(keys) if keys.iter().any(|known| known.name == key) => {
                    Some(format!("`[[{header}]]`"))
                }
                _ => None,
            },
            _ => None,
        }
    }
    search(whole, key, "").map(|table| format!("`{key}` belongs in {table}"))
}

/// How to write a name with dots, which TOML takes for tables.
pub(super) fn dotted_name(entry: &Entry) -> String {
    format!("put the whole name in quotation marks: `\"{}\" = {OPEN}`", whole_name(entry).0)
}

/// `a.b.c` for what was written so, and what it stands for.
pub(super) fn whole_name(entry: &Entry) -> (String, &Node) {
    match entry.node.entries() {
        // Only a table that a dotted name made has no place but its key's.
        [only] if entry.node.span == entry.key_span => {
            let (rest, holds) = whole_name(only);
            (format!("{}.{rest}", entry.key), holds)
        }
        _ => (entry.key.clone(), &entry.node),
    }
}

/// How to add a key that is missing.
pub(super) fn add_key(key: &Key) -> String {
    match &key.shape {
        Shape::Words(words) => {
            let ways = words.iter().map(|word| {
                let meaning =
                    if word.about.is_empty() { String::new() } else { format!("  # {}", word.about) };
                format!("\n{} = \"{}\"{meaning}", key.name, word.word)
            });
            format!("add one of{}", ways.collect::<String>())
        }
        table if table.is_table() => format!("add a table `{}`: {}", key.name, key.about),
        shape => format!("add `{} = {}`: {}", key.name, sample(shape), key.about),
    }
}

fn sample(shape: &Shape) -> String {
    match shape {
        Shape::Secret => "\"env:NAME\"".to_owned(),
        Shape::Text { .. } | Shape::Words(_) => format!("\"{OPEN}\""),
        Shape::List { item, .. } => format!("[{}]", sample(item)),
        _ => OPEN.to_owned(),
    }
}

/// What is wrong with a value of the right kind, and the remedy if there is a better one than the key's description.
pub(super) fn problem(node: &Node, shape: &Shape, place: &Place<'_>) -> Option<(String, Option<String>)> {
    let key = place.last_key();
    match (&node.value, shape) {
        (Value::Text(text), Shape::Words(words)) => {
            let words = || words.iter().map(|word| word.word.as_str());
            if words().any(|word| word == text) {
                return None;
            }
            let help = did_you_mean(nearest(text, words()))
                .unwrap_or_else(|| format!("it is {}", listed(words(), "or")));
            Some((format!("unknown word `{text}` for `{key}`"), Some(help)))
        }
        (Value::Text(text), Shape::Text { at_least, .. })
            if (text.trim().chars().count() as u64) < *at_least =>
        {
            Some((format!("`{key}` is empty"), None))
        }
        (Value::Whole(number), Shape::Whole(bounds) | Shape::Number(bounds)) => {
            out_of_bounds(*number as f64, *bounds, key)
        }
        (Value::Number(number), Shape::Number(bounds)) => out_of_bounds(*number, *bounds, key),
        _ => None,
    }
}

fn out_of_bounds(number: f64, bounds: Bounds, key: &str) -> Option<(String, Option<String>)> {
    if bounds.contain(number) {
        return None;
    }
    let wanted = match (bounds.low, bounds.high) {
        (Some(low), Some(high)) => format!("from {low} to {high}"),
        (Some(low), None) => format!("at least {low}"),
        (None, Some(high)) => format!("at most {high}"),
        (None, None) => "a number".to_owned(),
    };
    Some((format!("`{key}` is {number}, but must be {wanted}"), None))
}

/// The remedy for a value of another kind, where there is an obvious one.
pub(super) fn other_kind(node: &Node, shape: &Shape, place: &Place<'_>) -> Option<String> {
    let key = place.last_key();
    match (&node.value, shape) {
        (Value::Text(text), Shape::Whole(_) | Shape::Number(_)) => {
            let number = quantity(text, key)?;
            Some(format!("write the number alone: `{key} = {number}`"))
        }
        (Value::Text(_), Shape::Flag) => Some(format!("write `{key} = true` or `{key} = false`")),
        (Value::Text(_), Shape::List { item, .. }) if !matches!(**item, Shape::Table(_)) => {
            Some(format!("put brackets around it: `{key} = [{}]`", sample(item)))
        }
        (
            Value::Whole(_) | Value::Number(_) | Value::Flag(_) | Value::Time(_),
            Shape::Text { .. } | Shape::Words(_),
        ) => Some("put it in quotation marks".to_owned()),
        (Value::List(_), Shape::Table(_)) => Some(format!("write `[{place}]`, once")),
        (Value::TooLarge, _) => Some(format!("the largest number is {}", i64::MAX)),
        _ => None,
    }
}

/// The number that a text with a unit means for a key whose name ends with its unit.
fn quantity(text: &str, key: &str) -> Option<i64> {
    let text = text.trim();
    let (digits, unit) =
        text.split_at(text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len()));
    let number: i64 = digits.parse().ok()?;
    let factor = match (key.rsplit('_').next()?, unit.trim().to_lowercase().as_str()) {
        (_, "") | ("seconds", "s" | "sec" | "second" | "seconds") | ("mib", "m" | "mb" | "mib") => 1,
        ("seconds", "m" | "min" | "minute" | "minutes") => 60,
        ("seconds", "h" | "hour" | "hours") => 3_600,
        ("mib", "g" | "gb" | "gib") => 1_024,
        _ => return None,
    };
    number.checked_mul(factor)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::schema::config_shape;

    #[test]
    fn no_key_of_ours_is_taken_for_another_program_s() {
        config_shape().each_key(&mut |key| {
            assert!(FOREIGN.iter().all(|(foreign, _)| *foreign != key.name), "{}", key.name);
        });
    }

    #[test]
    fn a_text_with_a_unit_becomes_the_number_that_the_key_wants() {
        for (text, key, expected) in [
            ("30", "lateness_seconds", Some(30)),
            ("30s", "lateness_seconds", Some(30)),
            ("5 min", "lateness_seconds", Some(300)),
            ("2h", "lateness_seconds", Some(7_200)),
            ("8GiB", "merge_spill_mib", Some(8_192)),
            ("8GiB", "lateness_seconds", None),
            ("9223372036854775807h", "lateness_seconds", None),
            ("soon", "lateness_seconds", None),
            ("", "lateness_seconds", None),
        ] {
            assert_eq!(quantity(text, key), expected, "{text} for {key}");
        }
    }
}
