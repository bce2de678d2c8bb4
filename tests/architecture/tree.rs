//! The repository as the rules see it: paths and texts, read once.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::OnceLock;

use super::rust_file::{RustFile, test_modules};

/// What is not the repository's own. In a further work tree `.git` is a file.
const PASSED_OVER: [&str; 2] = [".git", "target"];

/// All files, by their path from the root with `/` between its parts.
#[derive(Debug, Default)]
pub(super) struct Tree {
    paths: BTreeSet<String>,
    texts: BTreeMap<String, String>,
    rust: Vec<RustFile>,
}

impl Tree {
    /// This repository.
    pub(super) fn of_the_repository() -> &'static Self {
        static TREE: OnceLock<Tree> = OnceLock::new();
        TREE.get_or_init(|| {
            let mut tree = Self::default();
            tree.read(Path::new(env!("CARGO_MANIFEST_DIR")), "");
            tree.understood()
        })
    }

    /// A few files, made up.
    pub(super) fn of(files: &[(&str, &str)]) -> Self {
        let texts: BTreeMap<_, _> =
            files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect();
        Self { paths: texts.keys().cloned().collect(), texts, rust: Vec::new() }.understood()
    }

    /// The text of a file; none if it does not exist or is not text.
    pub(super) fn text(&self, path: &str) -> Option<&str> {
        self.texts.get(path).map(String::as_str)
    }

    /// Whether there is such a file or folder.
    pub(super) fn exists(&self, path: &str) -> bool {
        let folder = format!("{}/", path.trim_end_matches('/'));
        self.paths.contains(path)
            || self.paths.range(folder.clone()..).next().is_some_and(|first| first.starts_with(&folder))
    }

    /// Every text with its path.
    pub(super) fn texts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.texts.iter().map(|(path, text)| (path.as_str(), text.as_str()))
    }

    /// Every text whose path ends with this.
    pub(super) fn ending(&self, end: &'static str) -> impl Iterator<Item = (&str, &str)> {
        self.texts().filter(move |(path, _)| path.ends_with(end))
    }

    /// Every Rust file.
    pub(super) fn rust(&self) -> &[RustFile] {
        &self.rust
    }

    /// Every `Cargo.toml` that can be read, with its path and text.
    pub(super) fn manifests(&self) -> impl Iterator<Item = (&str, &str, toml::Table)> {
        self.ending("Cargo.toml").filter_map(|(path, text)| Some((path, text, text.parse().ok()?)))
    }

    fn read(&mut self, folder: &Path, prefix: &str) {
        let entries = std::fs::read_dir(folder).expect("the repository can be read");
        for entry in entries.map(|entry| entry.expect("the repository can be read")) {
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = if prefix.is_empty() { name.clone() } else { format!("{prefix}/{name}") };
            let kind = entry.file_type().expect("the repository can be read");
            if PASSED_OVER.contains(&name.as_str()) {
                continue;
            }
            if kind.is_dir() {
                self.read(&entry.path(), &path);
                continue;
            }
            // A file that is deleted while it is read is another test's temporary one.
            if let Some(text) =
                std::fs::read(entry.path()).ok().and_then(|bytes| String::from_utf8(bytes).ok())
            {
                self.texts.insert(path.clone(), text);
            }
            self.paths.insert(path);
        }
    }

    fn understood(mut self) -> Self {
        let sources: Vec<(&str, &str)> = self.ending(".rs").collect();
        let tests = test_modules(&sources);
        self.rust = sources.into_iter().map(|(path, text)| RustFile::new(path, text, &tests)).collect();
        self
    }
}

#[test]
fn folders_and_files_exist_by_their_whole_names() {
    let tree = Tree::of(&[("docs/runbook.md", ""), ("docs.md", "")]);
    let exists = |path| tree.exists(path);
    assert!(exists("docs") && exists("docs/") && exists("docs/runbook.md"));
    assert!(!exists("doc") && !exists("docs/run") && !exists("runbook.md"));
}
