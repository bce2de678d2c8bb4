//! What may be shown of lines that are no TOML: nobody has read them, so any of them may hold a secret.
//!
//! A line is shown whole if it can only be a header, or one value of a key that never holds a secret. Of another key
//! its name is shown, and of anything else nothing.

use std::collections::BTreeSet;

use super::shape::{Key, Shape};
use super::tree::Span;

/// The parts of a text's lines that must not be shown.
pub(super) fn hidden(text: &str, unread: &Span, shape: &Shape) -> Vec<Span> {
    let harmless = harmless(shape);
    let mut hidden = Vec::new();
    let mut start = unread.start;
    for line in text[unread.clone()].split_inclusive('\n') {
        let content = line.trim_end();
        let shown = shown(content, &harmless);
        if shown < content.len() {
            hidden.push(start + shown..start + content.len());
        }
        start += line.len();
    }
    hidden
}

/// Keys whose values are never secrets, wherever they stand.
fn harmless(shape: &Shape) -> BTreeSet<&str> {
    let (mut plain, mut others) = (BTreeSet::new(), BTreeSet::new());
    shape.each_key(&mut |key: &Key| {
        let is_one_value = match &key.shape {
            Shape::List { item, .. } => matches!(**item, Shape::Words(_) | Shape::Text { .. }),
            other => !other.is_table() && *other != Shape::Secret,
        };
        if is_one_value {
            plain.insert(key.name.as_str())
        } else {
            others.insert(key.name.as_str())
        };
    });
    plain.retain(|key| !others.contains(key));
    plain
}

/// How many bytes of a line may be shown.
fn shown(line: &str, harmless: &BTreeSet<&str>) -> usize {
    let is_bare = |letter: char| letter.is_ascii_alphanumeric() || "_-.".contains(letter);
    if line.trim_start().starts_with('[') {
        let is_header = line.chars().all(|letter| is_bare(letter) || "[] \t".contains(letter));
        return if is_header { line.len() } else { 0 };
    }
    let before = line.len() - line.trim_start().len();
    let key =
        &line[before..before + line[before..].find(|letter| !is_bare(letter)).unwrap_or(line.len() - before)];
    let rest = &line[before + key.len()..];
    if harmless.contains(key) && !rest.contains('{') && rest.matches('=').count() <= 1 {
        return line.len();
    }
    let to_sign = rest.len() - rest.trim_start().len();
    if !key.is_empty() && rest[to_sign..].starts_with('=') {
        let value = &rest[to_sign + 1..];
        return line.len() - value.trim_start().len();
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::schema::config_shape;

    #[test]
    fn only_what_cannot_be_a_secret_is_shown_of_a_line_that_is_no_toml() {
        let shape = config_shape();
        let harmless = harmless(&shape);
        for (line, expected) in [
            ("lateness_seconds = 30s", "lateness_seconds = 30s"),
            ("  topics = [\"a\", \"b\"", "  topics = [\"a\", \"b\""),
            ("start \"end\"", "start \"end\""),
            ("[kafka", "[kafka"),
            ("[[source]", "[[source]"),
            ("password = hunter2", "password = "),
            ("pasword=hunter2", "pasword="),
            ("sasl.password  \"hunter2\"", ""),
            ("soc = { type = \"slack\", url = \"hunter2\"", "soc = "),
            ("name = { url = \"hunter2\"", "name = "),
            ("name = \"a\" secret = hunter2", "name = "),
            ("\"hunter2\" = 1", ""),
            ("https://hooks.example.com/hunter2\"\"\"", ""),
            ("[\"hunter2\"]", ""),
            ("=hunter2", ""),
            ("é = hunter2", ""),
            ("", ""),
        ] {
            assert_eq!(&line[..shown(line, &harmless)], expected, "{line}");
        }
    }

    #[test]
    fn each_line_is_judged_for_itself() {
        let text = "a = 1\nsecret = [\n  'hunter2']\nname = x\r\n";
        let found = hidden(text, &(6..text.len()), &config_shape());
        let parts: Vec<_> = found.iter().map(|span| &text[span.clone()]).collect();
        assert_eq!(parts, ["[", "  'hunter2']"]);
    }
}
