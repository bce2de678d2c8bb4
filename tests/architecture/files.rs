//! How files are named and cut, so that things are found by guessing and read in one go.

use super::rust_file::module_name;
use super::tree::Tree;
use super::{Violation, check};

/// Lines at which a Rust file ends, its tests included.
const LONGEST_FILE: usize = 400;
/// Lines at which the program's entry ends: it parses, runs, and leaves.
const LONGEST_MAIN: usize = 80;

/// Names that say nothing about what is inside.
const DRAWERS: [&str; 9] =
    ["common", "commons", "helper", "helpers", "misc", "type", "types", "util", "utils"];

/// Ends of the names of files that are code.
const CODE: [&str; 4] = [".rs", ".py", ".sh", ".js"];

/// A name says what the thing is.
fn no_drawers(tree: &Tree) -> Vec<Violation> {
    const REMEDY: &str = "name it after what it does; if that needs two names, it is two things";
    let is_drawer = |name: &str| DRAWERS.contains(&name.to_ascii_lowercase().as_str());
    let mut found = Vec::new();
    for (path, _) in tree.texts().filter(|(path, _)| CODE.iter().any(|end| path.ends_with(end))) {
        let mut parts = path.split('/').map(|part| part.split('.').next().unwrap_or(part));
        if let Some(part) = parts.find(|part| is_drawer(part)) {
            found.push(Violation::file(path, format!("it is called `{part}`"), REMEDY));
        }
    }
    for file in tree.rust() {
        for (at, line) in file.code().filter(|(_, line)| line.trim_end().ends_with('{')) {
            if let Some(name) = module_name(line).filter(|name| is_drawer(name)) {
                found.push(Violation::line(
                    &file.path,
                    at + 1,
                    format!("a module is called `{name}`"),
                    REMEDY,
                ));
            }
        }
    }
    found
}

/// A file ends where a reader would lose the thread.
fn short_files(tree: &Tree) -> Vec<Violation> {
    const REMEDY: &str = "split it by meaning, not by length: what is one idea becomes a file of its own";
    let limit = |path: &str| if path == "src/main.rs" { LONGEST_MAIN } else { LONGEST_FILE };
    let long = tree.rust().iter().filter(|file| file.lines.len() > limit(&file.path));
    long.map(|file| {
        let what = format!("{} lines are more than {}", file.lines.len(), limit(&file.path));
        Violation::file(&file.path, what, REMEDY)
    })
    .collect()
}

/// A file begins by saying what it is for.
fn headlines(tree: &Tree) -> Vec<Violation> {
    const REMEDY: &str = "begin it with a `//!` sentence that says what it is for";
    let says = |line: &String| line.strip_prefix("//! ").is_some_and(|text| !text.trim().is_empty());
    let silent = tree.rust().iter().filter(|file| !file.lines.first().is_some_and(says));
    silent
        .map(|file| Violation::file(&file.path, "its first line does not say what it is for", REMEDY))
        .collect()
}

#[test]
fn names_say_what_things_are() {
    check(
        no_drawers,
        &[
            ("a/src/helpers/x.rs", "//! X."),
            ("a/src/lib.rs", "//! A.\npub(crate) mod utils {\n}\n// mod misc {\nmod typed;"),
            ("a/src/typed.rs", "//! Typed, utility."),
            ("docs/types.md", ""),
            ("tests/common.test.py", ""),
        ],
        &[
            "a/src/helpers/x.rs: it is called `helpers`",
            "a/src/lib.rs:2: a module is called `utils`",
            "tests/common.test.py: it is called `common`",
        ],
    );
}

#[test]
fn files_are_short() {
    let lines = |count: usize| "//! X.\n".repeat(count);
    check(
        short_files,
        &[("a/src/lib.rs", &lines(400)), ("a/src/long.rs", &lines(401)), ("src/main.rs", &lines(81))],
        &["a/src/long.rs: 401 lines are more than 400", "src/main.rs: 81 lines are more than 80"],
    );
}

#[test]
fn files_begin_with_what_they_are_for() {
    check(
        headlines,
        &[
            ("a.rs", "//! What it is for."),
            ("b.rs", "//!\n//! Late."),
            ("c.rs", "// Not this.\n"),
            ("d.rs", ""),
        ],
        &["b.rs", "c.rs", "d.rs"],
    );
}
