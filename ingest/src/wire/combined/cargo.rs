//! Paths of crates.io and other cargo registries (<https://doc.rust-lang.org/cargo/reference/registry-web-api.html>):
//! API, downloads and sparse index.

use detectors::event::{AccessAction, AccountChange, Artifact, WithdrawAction};

use super::request::{Asked, Consequence, Method, Target, package, with_file};
use crate::decode::Ecosystem;

/// How the client calls itself.
const CLIENTS: [&str; 2] = ["cargo ", "cargo/"];

/// Reads a path of a cargo registry.
pub(super) fn read(target: &Target<'_>) -> Option<Asked> {
    let path = target.path();
    match &path[..] {
        ["crates", name, file] if file.ends_with(".crate") => {
            Asked::of(target.action(AccessAction::Pull), download(name, file))
        }
        ["crates", name, version, "download"] => {
            Asked::of(target.action(AccessAction::Pull), package("cargo", name, Some(version)))
        }
        ["api", "v1", "crates", api @ ..] => endpoint(target, api),
        ["config.json"] if is_known(target) => Some(Asked::plain(target.action(AccessAction::List))),
        ["index", index @ ..] | index => {
            Asked::of(target.action(AccessAction::List), package("cargo", indexed(index)?, None))
        }
    }
}

fn is_known(target: &Target<'_>) -> bool {
    target.ecosystem == Some(Ecosystem::Cargo) || target.client_is(&CLIENTS)
}

fn endpoint(target: &Target<'_>, api: &[&str]) -> Option<Asked> {
    let method = target.method;
    match api {
        [] if target.parameter("q").is_some() => Some(Asked::plain(target.action(AccessAction::Search))),
        [] => Some(Asked::plain(target.action(AccessAction::List))),
        ["new"] if method == Method::Put => Some(Asked::plain(AccessAction::Push)),
        [name] => Asked::of(target.action(AccessAction::List), package("cargo", name, None)),
        [name, version, "download"] => {
            Asked::of(target.action(AccessAction::Pull), package("cargo", name, Some(version)))
        }
        [name, version, "yank"] if method == Method::Delete => {
            let asked = Asked::of(AccessAction::Delete, package("cargo", name, Some(version)))?;
            Some(asked.then(Consequence::Withdraw(WithdrawAction::Yank)))
        }
        [name, version, "unyank"] if method == Method::Put => {
            let asked = Asked::of(AccessAction::Push, package("cargo", name, Some(version)))?;
            Some(asked.then(Consequence::Withdraw(WithdrawAction::Unyank)))
        }
        [name, "owners"] => {
            let asked = Asked::of(target.action(AccessAction::List), package("cargo", name, None))?;
            Some(match method {
                Method::Put => asked.then(Consequence::Account(AccountChange::OwnerAdded)),
                Method::Delete => asked.then(Consequence::Account(AccountChange::OwnerRemoved)),
                _ => asked,
            })
        }
        [name, version, ..] if version.starts_with(|c: char| c.is_ascii_digit()) => {
            Asked::of(target.action(AccessAction::List), package("cargo", name, Some(version)))
        }
        [name, ..] => Asked::of(target.action(AccessAction::List), package("cargo", name, None)),
    }
}

/// `/crates/serde/serde-1.0.0.crate`
fn download(name: &str, file: &str) -> Option<Artifact> {
    let stem = file.strip_suffix(".crate")?;
    let version = stem.strip_prefix(name)?.strip_prefix('-')?;
    with_file(package("cargo", name, Some(version)), file)
}

/// The crate of an index file: `1/a`, `2/ab`, `3/a/abc`, `se/rd/serde`. The folders repeat the name's beginning, so
/// that other sites' paths are hardly ever taken for one.
fn indexed<'p>(path: &[&'p str]) -> Option<&'p str> {
    let begins = |name: &str, head: &str| name.is_ascii() && name.to_ascii_lowercase().starts_with(head);
    match path {
        ["1", name] if name.len() == 1 => Some(name),
        ["2", name] if name.len() == 2 => Some(name),
        ["3", first, name] if name.len() == 3 && first.len() == 1 && begins(name, first) => Some(name),
        [one, two, name]
            if name.len() >= 4
                && one.len() == 2
                && two.len() == 2
                && begins(name, &[*one, *two].concat()) =>
        {
            Some(name)
        }
        _ => None,
    }
}
