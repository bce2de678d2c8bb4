//! Paths of a Python index: the simple API (PEP 503, PEP 691), its files, and Warehouse's JSON.
//!
//! A project's page is metadata (`list`), a file is the package (`pull`). An upload is `POST` without a name: which
//! package it was, no access log knows.

use detectors::event::{AccessAction, Artifact};

use super::request::{Asked, Target, package, with_file};

/// Endings of source distributions (PEP 527 and what came before it).
const SOURCE_ENDINGS: [&str; 6] = [".tar.gz", ".zip", ".tar.bz2", ".tgz", ".tar.xz", ".tar.Z"];

/// Reads a path of an index.
pub(super) fn read(target: &Target<'_>) -> Option<Asked> {
    let path = target.path();
    match &path[..] {
        ["simple"] => Some(Asked::plain(target.action(AccessAction::List))),
        ["simple", name] | ["pypi", name, "json"] => {
            Asked::of(target.action(AccessAction::List), package("pypi", name, None))
        }
        ["pypi", name, version, "json"] => {
            Asked::of(target.action(AccessAction::List), package("pypi", name, Some(version)))
        }
        ["integrity", name, version, file, "provenance"] => {
            let artifact = with_file(package("pypi", name, Some(version)), file);
            Asked::of(target.action(AccessAction::List), artifact)
        }
        [.., file] if file.ends_with(".metadata") => {
            let artifact = distribution(file.strip_suffix(".metadata")?, file);
            Asked::of(target.action(AccessAction::List), artifact)
        }
        // Only a wheel's name is unmistakable; other archives must lie where an index keeps them.
        [folder, .., file] if file.ends_with(".whl") || matches!(*folder, "packages" | "simple") => {
            Asked::of(target.action(AccessAction::Pull), distribution(file, file))
        }
        _ => None,
    }
}

/// The project and version that a file's name holds.
fn distribution(name: &str, file: &str) -> Option<Artifact> {
    let (project, version) = wheel(name).or_else(|| egg(name)).or_else(|| source(name))?;
    with_file(package("pypi", project, Some(version)), file)
}

/// `name-version(-build)?-python-abi-platform.whl` (PEP 427): a name in it holds no `-`.
fn wheel(file: &str) -> Option<(&str, &str)> {
    let stem = file.strip_suffix(".whl")?;
    let parts: Vec<&str> = stem.split('-').collect();
    matches!(parts.len(), 5 | 6).then(|| (parts[0], parts[1]))
}

/// `name-version-pyX.Y.egg`
fn egg(file: &str) -> Option<(&str, &str)> {
    let stem = file.strip_suffix(".egg")?;
    let mut parts = stem.split('-');
    Some((parts.next()?, parts.next()?))
}

/// `name-version.tar.gz`: a name may hold `-`, a version begins with a digit and holds none.
fn source(file: &str) -> Option<(&str, &str)> {
    let stem = SOURCE_ENDINGS.iter().find_map(|ending| file.strip_suffix(ending))?;
    let (name, version) = stem.rsplit_once('-')?;
    version.starts_with(|c: char| c.is_ascii_digit()).then_some((name, version))
}
