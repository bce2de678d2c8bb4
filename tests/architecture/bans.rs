//! Bans of `clippy.toml`: each with its reason, and none lost where a crate has a file of its own.

use std::collections::BTreeMap;

use toml::{Table, Value};

use super::tree::Tree;
use super::{Violation, check};

/// The lists of bans that Clippy knows.
const LISTS: [&str; 3] = ["disallowed-macros", "disallowed-methods", "disallowed-types"];

/// Every `clippy.toml` by its path.
fn files(tree: &Tree) -> BTreeMap<&str, Table> {
    tree.ending("clippy.toml").filter_map(|(path, text)| Some((path, text.parse().ok()?))).collect()
}

/// The bans of a file, by list: what is banned, and why if it says so.
fn bans(file: &Table) -> impl Iterator<Item = (&'static str, String, Option<&str>)> {
    LISTS.into_iter().flat_map(|list| {
        let entries = file.get(list).and_then(Value::as_array).into_iter().flatten();
        entries.map(move |entry| {
            let path = entry.as_str().or_else(|| entry.get("path")?.as_str()).unwrap_or_default();
            (list, path.to_owned(), entry.get("reason").and_then(Value::as_str))
        })
    })
}

/// A ban teaches: it says why, and what to use instead.
fn bans_have_reasons(tree: &Tree) -> Vec<Violation> {
    const REMEDY: &str =
        "write `{ path = \"…\", reason = \"…\" }`: why it is banned, and what to use instead";
    let mut found = Vec::new();
    for (path, file) in files(tree) {
        for (_, banned, _) in
            bans(&file).filter(|(.., reason)| reason.is_none_or(|reason| reason.trim().is_empty()))
        {
            found.push(Violation::file(path, format!("`{banned}` is banned without a reason"), REMEDY));
        }
    }
    found
}

/// A crate's own file replaces the workspace's, so it repeats it.
fn bans_are_repeated(tree: &Tree) -> Vec<Violation> {
    const REMEDY: &str = "Clippy reads the nearest file alone: copy it from the workspace's";
    let files = files(tree);
    let Some(root) = files.get("clippy.toml") else { return Vec::new() };
    let mut found = Vec::new();
    for (path, file) in files.iter().filter(|(path, _)| **path != "clippy.toml") {
        let own: Vec<_> = bans(file).map(|(list, banned, _)| (list, banned)).collect();
        let lost = bans(root).filter(|(list, banned, _)| !own.contains(&(*list, banned.clone())));
        found.extend(lost.map(|(_, banned, _)| {
            Violation::file(path, format!("it forgets the ban of `{banned}`"), REMEDY)
        }));
        let changed = root
            .iter()
            .filter(|(key, _)| !LISTS.contains(&key.as_str()))
            .filter(|(key, value)| file.get(*key) != Some(value));
        found.extend(
            changed.map(|(key, _)| Violation::file(path, format!("its `{key}` is another one"), REMEDY)),
        );
    }
    found
}

#[test]
fn every_ban_has_a_reason() {
    check(
        bans_have_reasons,
        &[
            (
                "clippy.toml",
                "disallowed-methods = ['std::a', { path = 'std::b', reason = ' ' }, { path = 'std::c', reason = 'use d' }]",
            ),
            ("x/clippy.toml", "disallowed-types = [{ path = 'std::E' }]"),
        ],
        &["clippy.toml: `std::a`", "clippy.toml: `std::b`", "x/clippy.toml: `std::E`"],
    );
}

#[test]
fn no_ban_is_lost_in_a_crate_of_its_own_rules() {
    check(
        bans_are_repeated,
        &[
            (
                "clippy.toml",
                "allow-panic-in-tests = true\ndisallowed-methods = [{ path = 'std::a', reason = 'x' }, { path = 'std::b', reason = 'x' }]",
            ),
            ("x/clippy.toml", "disallowed-methods = [{ path = 'std::a', reason = 'y' }]"),
        ],
        &["x/clippy.toml: it forgets the ban of `std::b`", "x/clippy.toml: its `allow-panic-in-tests`"],
    );
}
