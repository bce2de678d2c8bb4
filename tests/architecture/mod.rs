//! The house rules that no compiler knows: what may depend on what, how files are named and cut, what code and tests may
//! do, and that the documents speak of what exists.
//!
//! A rule is a pure function from the [`Tree`] to its [`Violation`]s, and each stands beside its test. A new rule is a
//! function, and one call of [`check`] with a few lines that break it.

mod bans;
mod conduct;
mod crates;
mod documents;
mod files;
mod markdown;
mod publication;
mod rust_file;
mod tree;

use std::fmt;

use tree::Tree;

/// A place where a rule is broken.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Violation {
    /// The file, from the root of the repository.
    file: String,
    /// The line, from 1; none where the file as a whole is meant.
    line: Option<usize>,
    /// What is wrong there.
    what: String,
    /// What to do about it.
    remedy: &'static str,
}

impl Violation {
    /// A whole file that breaks a rule.
    fn file(file: &str, what: impl Into<String>, remedy: &'static str) -> Self {
        Self { file: file.to_owned(), line: None, what: what.into(), remedy }
    }

    /// A line, from 1, that breaks a rule.
    fn line(file: &str, line: usize, what: impl Into<String>, remedy: &'static str) -> Self {
        Self { file: file.to_owned(), line: Some(line), what: what.into(), remedy }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = self.line.map(|line| format!(":{line}")).unwrap_or_default();
        write!(f, "{}{line}: {}\n    {}", self.file, self.what, self.remedy)
    }
}

/// A house rule.
type Rule = fn(&Tree) -> Vec<Violation>;

/// Holds the rule to an example and the repository to the rule.
///
/// In `example`, a few files that break the rule, it must find exactly what `expected` describes: each entry is a part
/// of one violation's first line, in the order of file and line. In this repository it must find nothing.
#[track_caller]
fn check(rule: Rule, example: &[(&str, &str)], expected: &[&str]) {
    let found = sorted(rule(&Tree::of(example)));
    let as_expected = found.len() == expected.len()
        && found.iter().zip(expected).all(|(violation, part)| violation.to_string().contains(part));
    assert!(as_expected, "the rule should find {expected:#?} in its example, and found\n{}", list(&found));
    let broken = sorted(rule(Tree::of_the_repository()));
    assert!(broken.is_empty(), "broken in {} places\n{}", broken.len(), list(&broken));
}

fn sorted(mut violations: Vec<Violation>) -> Vec<Violation> {
    violations.sort();
    violations
}

fn list(violations: &[Violation]) -> String {
    violations.iter().map(|violation| format!("  {violation}\n")).collect()
}
