//! A configuration file as a tree in which every key and value knows its place in the text.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

/// A place in the text, in bytes.
pub(super) type Span = Range<usize>;

/// A value and its place. A table written with a header has the header's place.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Node {
    pub(super) span: Span,
    pub(super) value: Value,
}

/// What stands there.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Text(String),
    Whole(i64),
    /// A whole number beyond 64 bits.
    TooLarge,
    Number(f64),
    Flag(bool),
    Time(toml::value::Datetime),
    List(Vec<Node>),
    /// In the order of the file.
    Table(Vec<Entry>),
}

/// A key with its value.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) key_span: Span,
    pub(super) node: Node,
}

impl Node {
    /// The tree of a document that has been parsed.
    pub(super) fn of_document(document: &Spanned<DeTable<'_>>) -> Self {
        Self { span: 0..0, value: Value::Table(entries(document.get_ref())) }
    }

    /// The value of a key, if this is a table that has it.
    pub(super) fn get(&self, key: &str) -> Option<&Self> {
        self.entries().iter().find(|entry| entry.key == key).map(|entry| &entry.node)
    }

    /// The keys of a table; none of anything else.
    pub(super) fn entries(&self) -> &[Entry] {
        match &self.value {
            Value::Table(entries) => entries,
            _ => &[],
        }
    }

    /// The items of a list; none of anything else.
    pub(super) fn items(&self) -> &[Self] {
        match &self.value {
            Value::List(items) => items,
            _ => &[],
        }
    }

    /// The text, if it is one.
    pub(super) fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// What a person calls such a value.
    pub(super) fn kind(&self) -> &'static str {
        match self.value {
            Value::Text(_) => "a text",
            Value::Whole(_) => "a whole number",
            Value::TooLarge => "a number of more than 64 bits",
            Value::Number(_) => "a decimal number",
            Value::Flag(_) => "true or false",
            Value::Time(_) => "a date or time",
            Value::List(_) => "a list",
            Value::Table(_) => "a table",
        }
    }

    /// The places of all values in it that are neither lists nor tables.
    pub(super) fn leaves(&self) -> Vec<&Span> {
        match &self.value {
            Value::List(items) => items.iter().flat_map(Self::leaves).collect(),
            Value::Table(entries) => entries.iter().flat_map(|entry| entry.node.leaves()).collect(),
            _ => vec![&self.span],
        }
    }

    /// The same as TOML's own value, without what stands at a place in `left_out`.
    pub(super) fn to_toml(&self, left_out: &[Span]) -> toml::Value {
        match &self.value {
            Value::Text(text) => toml::Value::String(text.clone()),
            Value::Whole(number) => toml::Value::Integer(*number),
            Value::TooLarge => toml::Value::Integer(i64::MAX),
            Value::Number(number) => toml::Value::Float(*number),
            Value::Flag(flag) => toml::Value::Boolean(*flag),
            Value::Time(time) => toml::Value::Datetime(*time),
            Value::List(items) => {
                let kept = items.iter().filter(|item| !left_out.contains(&item.span));
                toml::Value::Array(kept.map(|item| item.to_toml(left_out)).collect())
            }
            Value::Table(entries) => {
                let is_kept = |entry: &&Entry| {
                    !left_out.contains(&entry.key_span) && !left_out.contains(&entry.node.span)
                };
                let pair = |entry: &Entry| (entry.key.clone(), entry.node.to_toml(left_out));
                toml::Value::Table(entries.iter().filter(is_kept).map(pair).collect())
            }
        }
    }
}

fn node(value: &Spanned<DeValue<'_>>) -> Node {
    let own = match value.get_ref() {
        DeValue::String(text) => Value::Text(text.as_ref().to_owned()),
        DeValue::Integer(integer) => {
            i64::from_str_radix(integer.as_str(), integer.radix()).map_or(Value::TooLarge, Value::Whole)
        }
        // The parser lets only numbers through; one that is none compares with no bound.
        DeValue::Float(float) => Value::Number(float.as_str().parse().unwrap_or(f64::NAN)),
        DeValue::Boolean(flag) => Value::Flag(*flag),
        DeValue::Datetime(time) => Value::Time(*time),
        DeValue::Array(array) => Value::List(items(array)),
        DeValue::Table(table) => Value::Table(entries(table)),
    };
    Node { span: value.span(), value: own }
}

fn items(array: &DeArray<'_>) -> Vec<Node> {
    array.iter().map(node).collect()
}

fn entries(table: &DeTable<'_>) -> Vec<Entry> {
    let entry = |(key, value): (&Spanned<std::borrow::Cow<'_, str>>, &Spanned<DeValue<'_>>)| Entry {
        key: key.get_ref().as_ref().to_owned(),
        key_span: key.span(),
        node: node(value),
    };
    let mut entries: Vec<_> = table.iter().map(entry).collect();
    entries.sort_by_key(|entry| entry.key_span.start);
    entries
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Node {
        Node::of_document(&DeTable::parse(text).unwrap())
    }

    #[test]
    fn keys_stand_in_the_order_of_the_file_with_their_places() {
        let text = "z = 1\n[m.n]\na = 'x'\n[[b]]\n[[b]]\nc = 2\n";
        let tree = parse(text);
        let keys: Vec<_> = tree.entries().iter().map(|entry| entry.key.as_str()).collect();
        assert_eq!(keys, ["z", "m", "b"]);
        let second = &tree.get("b").unwrap().items()[1];
        assert_eq!(&text[second.span.clone()], "[[b]]");
        let a = tree.get("m").unwrap().get("n").unwrap().get("a").unwrap();
        assert_eq!((&text[a.span.clone()], a.text()), ("'x'", Some("x")));
    }

    #[test]
    fn what_is_left_out_is_not_in_the_value() {
        let tree = parse("a = 1\nb = [1, 2]\n[c]\nd = 3\n");
        let second = tree.get("b").unwrap().items()[1].span.clone();
        let key_d = tree.get("c").unwrap().entries()[0].key_span.clone();
        assert_eq!(tree.to_toml(&[second, key_d]).to_string(), r#"{ a = 1, b = [1], c = {} }"#);
    }

    #[test]
    fn a_number_beyond_64_bits_is_kept_as_such() {
        assert_eq!(parse("a = 9223372036854775808").get("a").unwrap().value, Value::TooLarge);
        assert_eq!(parse("a = 0xff").get("a").unwrap().value, Value::Whole(255));
    }
}
