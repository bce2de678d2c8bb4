//! What no single value shows: rules between the parts of a configuration, one file a part.
//!
//! They look at the tree and not at the types, so that a mistake in one place hides none in another.

mod bucket;
mod engine;
mod http;
mod identity;
mod kafka;
mod mappings;
mod receivers;
mod routes;
mod secrets;
mod sources;
mod telling;

use serde::de::DeserializeOwned;

use super::diagnostic::Diagnostic;
use super::reading::Purpose;
use super::render::Excerpt;
use super::tree::{Node, Span};
use super::walk::{Reference, Walked};

/// What the rules look at.
pub(super) struct Facts<'a> {
    excerpt: Excerpt<'a>,
    tree: &'a Node,
    references: &'a [Reference],
    left_out: &'a [Span],
    /// Where mistakes have been found.
    flawed: Vec<&'a str>,
    purpose: Purpose,
}

/// Every rule that is broken, and what deserves a warning.
pub(super) fn broken(facts: &Facts<'_>) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for rule in [
        sources::check,
        mappings::check,
        identity::check,
        http::check,
        bucket::check,
        engine::check,
        kafka::check,
        receivers::check,
        routes::check,
        telling::check,
        secrets::check,
    ] {
        rule(facts, &mut found);
    }
    found
}

impl<'a> Facts<'a> {
    pub(super) fn new(
        text: &'a str,
        tree: &'a Node,
        walked: &'a Walked,
        mistakes: &'a [Diagnostic],
        purpose: Purpose,
    ) -> Self {
        Self {
            excerpt: Excerpt::new(text, &[]),
            tree,
            references: &walked.references,
            left_out: &walked.left_out,
            flawed: mistakes.iter().map(|mistake| mistake.path.as_str()).collect(),
            purpose,
        }
    }

    /// The value at a path of keys.
    fn at(&self, path: &[&str]) -> Option<&'a Node> {
        path.iter().try_fold(self.tree, |node, key| node.get(key))
    }

    /// The tables of a list, with their places in words: `source[0]`.
    fn tables(&self, key: &str) -> impl Iterator<Item = (String, &'a Node)> {
        let items = self.tree.get(key).map(Node::items).unwrap_or_default();
        items.iter().enumerate().map(move |(number, node)| (format!("{key}[{number}]"), node))
    }

    /// What a value stands for, without the parts that are mistakes; `None` if the rest is not enough.
    fn typed<T: DeserializeOwned>(&self, node: &Node) -> Option<T> {
        node.to_toml(self.left_out).try_into().ok()
    }

    /// Whether no mistake was found at this path or below it.
    fn is_flawless(&self, path: &str) -> bool {
        let is_below = |flawed: &str| {
            flawed.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        };
        !self.flawed.iter().any(|flawed| is_below(flawed))
    }

    /// The number of the line on which something stands.
    fn line(&self, span: &Span) -> usize {
        self.excerpt.position(span.start).line
    }
}
