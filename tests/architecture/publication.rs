//! What is published says nothing about the machine it was written on, and comes from where everybody gets it.

use super::tree::Tree;
use super::{Violation, check};

/// Where crates come from.
const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// Words in the name of a host that serves copies of somebody else's packages.
const COPIES: [&str; 5] = ["mirror", "mirrors", "artifactory", "nexus", "pkgproxy"];

/// Beginnings of paths that exist on one machine. In two parts, so that this file may be read by its own rule.
const MACHINES: [&str; 6] = [
    concat!("/wo", "rk/"),
    concat!("/ro", "ot/"),
    concat!("/ho", "me/"),
    concat!("/Us", "ers/"),
    concat!("C:\\Us", "ers\\"),
    concat!("/pri", "vate/var/"),
];

/// Whether a path begins here, and is not the rest of an address or of a longer path.
fn begins_a_path(line: &str, at: usize) -> bool {
    let before = &line[..at];
    before.ends_with("//")
        || !before.ends_with(|c: char| {
            c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | '~' | '}' | '>' | '*' | '/')
        })
}

/// No text names a path of one machine.
fn no_machine(tree: &Tree) -> Vec<Violation> {
    const REMEDY: &str = "write it from the root of the repository, or as `~`, `$HOME` or a placeholder";
    let mut found = Vec::new();
    for (path, text) in tree.texts() {
        for (at, line) in text.lines().enumerate() {
            let named =
                |machine: &&&str| line.match_indices(**machine).any(|(place, _)| begins_a_path(line, place));
            if let Some(machine) = MACHINES.iter().find(named) {
                found.push(Violation::line(
                    path,
                    at + 1,
                    format!("it names a path under `{machine}`"),
                    REMEDY,
                ));
            }
        }
    }
    found
}

/// No text sends anybody to a copy, and every crate comes from the public registry.
fn no_copies(tree: &Tree) -> Vec<Violation> {
    const HOST: &str = "name the original: a copy is not everybody's, and may be another thing tomorrow";
    const LOCKED: &str = "lock it against crates.io: `cargo update -p <crate>` without a source replacement";
    const REPLACED: &str = "keep source replacements in your own ~/.cargo/config.toml";
    let mut found = Vec::new();
    for (path, text) in tree.texts() {
        for (at, line) in text.lines().enumerate() {
            if let Some(host) =
                hosts(line).find(|host| host.split(['.', '-']).any(|word| COPIES.contains(&word)))
            {
                found.push(Violation::line(path, at + 1, format!("`{host}` serves copies"), HOST));
            }
            let source = line.strip_prefix("source = \"").and_then(|rest| rest.strip_suffix('"'));
            if path == "Cargo.lock" && source.is_some_and(|source| source != REGISTRY) {
                found.push(Violation::line(path, at + 1, "a crate comes from elsewhere", LOCKED));
            }
        }
        if path.ends_with(".cargo/config.toml") && text.contains("[source.") {
            found.push(Violation::file(path, "it replaces where crates come from", REPLACED));
        }
    }
    found
}

/// The hosts of the addresses in a line.
fn hosts(line: &str) -> impl Iterator<Item = &str> {
    let ends = |c: char| !c.is_alphanumeric() && !matches!(c, '.' | '-');
    line.split("://").skip(1).map(move |rest| rest.split(ends).next().unwrap_or(rest))
}

#[test]
fn no_text_names_a_machine() {
    let line =
        |machine: usize| format!("see {}x and https://host{}x\n", MACHINES[machine], MACHINES[machine]);
    check(
        no_machine,
        &[
            ("README.md", &format!("{}\n{}", line(0), line(1))),
            ("a.rs", &format!("//! {}\nlet x = \"file://{}x\";", MACHINES[2], MACHINES[3])),
            (
                "b.md",
                &format!("https://host.example{0}x and a.b{0}x and $HOME{0}", MACHINES[0])
                    .replace("$HOME/", "~/"),
            ),
        ],
        &["README.md:1:", "README.md:3:", "a.rs:1:", "a.rs:2:"],
    );
}

#[test]
fn nothing_comes_from_a_copy() {
    let host = ["https://crates-mir", "ror.example/x and https://mirrored.example"].concat();
    check(
        no_copies,
        &[
            (".cargo/config.toml", "[source.crates-io]\nreplace-with = 'x'"),
            (
                "Cargo.lock",
                "source = \"registry+https://github.com/rust-lang/crates.io-index\"\nsource = \"registry+https://x.example/index\"",
            ),
            ("README.md", &host),
        ],
        &[
            ".cargo/config.toml: it replaces",
            "Cargo.lock:2: a crate comes from elsewhere",
            "README.md:1: `crates-mir",
        ],
    );
}
