//! The walk through a configuration beside the shape it should have. It never stops at a mistake.
//!
//! What the shape cannot say, each value's own type does: a value is read alone, in the least file that holds it. So
//! one bad value never hides another, and a mistake has the place of its value even where serde has lost it.

use serde::Deserialize as _;
use transport::SecretRef;

use super::diagnostic::Diagnostic;
use super::place::Place;
use super::refusal::{Concerns, Refusal};
use super::shape::{Key, Need, Shape, Variant, Word};
use super::suggestion::{listed, nearest};
use super::tree::{Entry, Node, Span, Value};
use super::{Config, wording};

/// What a walk found.
#[derive(Debug, Default)]
pub(super) struct Walked {
    pub(super) diagnostics: Vec<Diagnostic>,
    /// Keys that are not there: mistakes only if the whole file could be read.
    pub(super) missing: Vec<Diagnostic>,
    /// References to secrets that are written as such.
    pub(super) references: Vec<Reference>,
    /// Values whose text must not be shown: secrets, and whatever may be one.
    pub(super) hidden: Vec<Span>,
    /// Keys and values that must be left out to make something of the rest.
    pub(super) left_out: Vec<Span>,
}

/// A reference to a secret, and where it is written.
#[derive(Debug, Clone)]
pub(super) struct Reference {
    pub(super) path: String,
    pub(super) span: Span,
    pub(super) secret: SecretRef,
}

/// Walks through the whole file.
pub(super) fn walk(file: &Node, shape: &Shape) -> Walked {
    let mut walk = Walk { whole: shape, found: Walked::default() };
    walk.visit(file, shape, &Place::TOP);
    walk.found
}

struct Walk<'a> {
    whole: &'a Shape,
    found: Walked,
}

impl Walk<'_> {
    fn visit(&mut self, node: &Node, shape: &Shape, place: &Place<'_>) {
        match (&node.value, shape) {
            (Value::Table(entries), Shape::Table(keys)) => self.table(node, entries, keys, None, place),
            (Value::Table(entries), Shape::Names { known, value }) => {
                self.names(entries, known, value, place);
            }
            (Value::Table(entries), Shape::Tagged { tag, variants }) => {
                self.tagged(node, entries, (tag, variants), place);
            }
            (Value::List(items), Shape::List { item, at_least }) => {
                if (items.len() as u64) < *at_least {
                    let message = format!("`{}` is empty", place.last_key());
                    self.error(node, place, message, wording::about(place));
                }
                for (number, node) in items.iter().enumerate() {
                    self.visit(node, item, &place.item(number));
                }
            }
            // One table where a list of tables belongs: the brackets are wrong, but what it holds can be checked.
            (Value::Table(_), Shape::List { item, .. }) if matches!(**item, Shape::Table(_)) => {
                let message = format!("`{}` is one table, but must be a list of tables", place.last_key());
                self.error(node, place, message, Some(format!("write `[[{place}]]`")));
                self.visit(node, item, &place.item(0));
            }
            (Value::List(_) | Value::Table(_), _) => self.wrong_kind(node, shape, place),
            (_, Shape::OneOf(shapes)) => match shapes.iter().find(|shape| fits(&node.value, shape)) {
                Some(fitting) => self.visit(node, fitting, place),
                None => self.wrong_kind(node, shape, place),
            },
            _ => self.value(node, shape, place),
        }
    }

    fn table(&mut self, node: &Node, entries: &[Entry], keys: &[Key], tag: Option<&str>, place: &Place<'_>) {
        let mut meant = Vec::new();
        for entry in entries {
            // `group.id` makes a table of `group`, and is meant otherwise.
            let is_foreign = |key: &Key| {
                let is_table = matches!(entry.node.value, Value::Table(_)) && !key.shape.is_table();
                is_table && wording::foreign_key(entry).is_some()
            };
            match keys.iter().find(|key| key.name == entry.key) {
                Some(key) if !is_foreign(key) => {
                    self.visit(&entry.node, &key.shape, &place.key(&key.name, &key.about));
                }
                None if tag == Some(&entry.key) => {}
                _ => meant.extend(self.unknown_key(entry, keys, tag, place)),
            }
        }
        for key in keys.iter().filter(|key| key.need == Need::Required) {
            let is_there = entries.iter().any(|entry| entry.key == key.name);
            // One mistyped key is one mistake.
            if !is_there && !meant.contains(&key.name) {
                self.missing_key(node, key, place);
            }
        }
    }

    fn names(&mut self, entries: &[Entry], known: &[Word], value: &Shape, place: &Place<'_>) {
        for entry in entries {
            let is_known = known.is_empty() || known.iter().any(|word| word.word == entry.key);
            if !is_known {
                let words = known.iter().map(|word| word.word.as_str());
                let message = format!("unknown name `{}` in {}", entry.key, place.table());
                let help = wording::did_you_mean(nearest(&entry.key, words.clone()))
                    .unwrap_or_else(|| format!("known are {}", listed(words, "and")));
                self.at_key(entry, place, message, help);
                continue;
            }
            let here = place.key(&entry.key, place.about());
            if matches!((&entry.node.value, value), (Value::Table(_), Shape::OneOf(_) | Shape::Text { .. })) {
                let message = format!("`{here}` is a table, but must be {}", value.kind());
                self.at_key(entry, place, message, wording::dotted_name(entry));
                self.found.hidden.extend(entry.node.leaves().into_iter().cloned());
                continue;
            }
            self.visit(&entry.node, value, &here);
        }
    }

    /// A table whose keys depend on a word in it.
    fn tagged(
        &mut self,
        node: &Node,
        entries: &[Entry],
        (tag, variants): (&str, &[Variant]),
        place: &Place<'_>,
    ) {
        let chosen = node.get(tag);
        let variant =
            chosen.and_then(Node::text).and_then(|word| variants.iter().find(|one| one.word.word == word));
        let Some(variant) = variant else {
            let words: Vec<_> = variants.iter().map(|variant| variant.word.clone()).collect();
            match chosen {
                Some(chosen) => self.value(chosen, &Shape::Words(words), &place.key(tag, "")),
                None => {
                    let about = "it says what the others mean".to_owned();
                    let key =
                        Key { name: tag.to_owned(), shape: Shape::Words(words), need: Need::Required, about };
                    self.missing_key(node, &key, place);
                }
            }
            // Without that word nobody knows which of the values are secrets.
            let unread = entries.iter().filter(|entry| entry.key != tag);
            self.found.hidden.extend(unread.flat_map(|entry| entry.node.leaves()).cloned());
            return;
        };
        let place = place.tagged(tag, &variant.word.word);
        self.table(node, entries, &variant.keys, Some(tag), &place);
    }

    /// A value that is neither list nor table.
    fn value(&mut self, node: &Node, shape: &Shape, place: &Place<'_>) {
        let refusal = alone(node.to_toml(&[]), place);
        if let Some(Refusal { concerns: Concerns::Secret, reason, remedy }) = refusal {
            self.found.hidden.push(node.span.clone());
            return self.error(node, place, format!("`{}`: {reason}", place.last_key()), remedy);
        }
        if !fits(&node.value, shape) {
            return self.wrong_kind(node, shape, place);
        }
        // The shape's words are better than the type's where both object.
        if let Some((message, help)) = wording::problem(node, shape, place) {
            self.error(node, place, message, help.or_else(|| wording::about(place)));
        } else if let Some(Refusal { reason, remedy, .. }) = refusal {
            let message = format!("`{}`: {reason}", place.last_key());
            self.error(node, place, message, remedy.or_else(|| wording::about(place)));
        } else if *shape == Shape::Secret
            && let Some(Ok(secret)) = node.text().map(str::parse)
        {
            self.found.references.push(Reference {
                path: place.to_string(),
                span: node.span.clone(),
                secret,
            });
        }
    }

    fn wrong_kind(&mut self, node: &Node, shape: &Shape, place: &Place<'_>) {
        if *shape == Shape::Secret {
            // A list or table in place of the password may still hold it.
            self.found.hidden.extend(node.leaves().into_iter().cloned());
        }
        let message = format!("`{}` must be {}, but is {}", place.last_key(), shape.kind(), node.kind());
        let help = wording::other_kind(node, shape, place).or_else(|| wording::about(place));
        self.error(node, place, message, help);
    }

    /// Says which key was most likely meant.
    fn unknown_key(
        &mut self,
        entry: &Entry,
        keys: &[Key],
        tag: Option<&str>,
        place: &Place<'_>,
    ) -> Option<String> {
        let (name, holds) = wording::whole_name(entry);
        let what = if matches!(holds.value, Value::Table(_)) { "table" } else { "key" };
        let message = format!("unknown {what} `{name}` in {}", place.table());
        let names = || keys.iter().map(|key| key.name.as_str()).chain(tag);
        let meant = nearest(&entry.key, names());
        let help = wording::foreign_key(entry)
            .or_else(|| wording::did_you_mean(meant))
            .or_else(|| wording::belongs(self.whole, &entry.key))
            .unwrap_or_else(|| format!("keys here are {}", listed(names(), "and")));
        self.at_key(entry, place, message, help);
        // Nobody knows what it is: it may be a secret under a mistyped key.
        self.found.hidden.extend(entry.node.leaves().into_iter().cloned());
        meant.map(str::to_owned)
    }

    fn missing_key(&mut self, node: &Node, key: &Key, place: &Place<'_>) {
        let message = format!("missing key `{}` in {}", key.name, place.table());
        let mut diagnostic = Diagnostic::error(place.to_string(), &node.span, message);
        if place.is_top() {
            diagnostic.span = None;
        }
        self.found.missing.push(diagnostic.help(wording::add_key(key)));
    }

    fn at_key(&mut self, entry: &Entry, place: &Place<'_>, message: String, help: String) {
        let path = place.key(&entry.key, "").to_string();
        self.found.diagnostics.push(Diagnostic::error(path, &entry.key_span, message).help(help));
        self.found.left_out.push(entry.key_span.clone());
    }

    fn error(&mut self, node: &Node, place: &Place<'_>, message: String, help: Option<String>) {
        let error = Diagnostic::error(place.to_string(), &node.span, message);
        self.found.diagnostics.push(Diagnostic { help, ..error });
        self.found.left_out.push(node.span.clone());
    }
}

/// Whether a value is of the kind that is asked for.
fn fits(value: &Value, shape: &Shape) -> bool {
    match shape {
        Shape::Words(_) | Shape::Text { .. } | Shape::Secret => matches!(value, Value::Text(_)),
        Shape::Flag => matches!(value, Value::Flag(_)),
        Shape::Whole(_) => matches!(value, Value::Whole(_)),
        Shape::Number(_) => matches!(value, Value::Whole(_) | Value::Number(_)),
        Shape::OneOf(shapes) => shapes.iter().any(|shape| fits(value, shape)),
        Shape::Unknown => true,
        Shape::Table(_) | Shape::Names { .. } | Shape::Tagged { .. } | Shape::List { .. } => false,
    }
}

/// Reads a value alone. What is missing around it is found elsewhere.
fn alone(value: toml::Value, place: &Place<'_>) -> Option<Refusal> {
    let error = Config::deserialize(place.least_file(value)).err()?;
    (!error.message().starts_with("missing field ")).then(|| Refusal::of(error.message()))
}

/// Whether a text here must be a reference to a secret: its type is asked with one that is none.
pub(super) fn is_secret(place: &Place<'_>) -> bool {
    let probe = toml::Value::String("no reference".to_owned());
    alone(probe, place).is_some_and(|refusal| refusal.concerns == Concerns::Secret)
}
