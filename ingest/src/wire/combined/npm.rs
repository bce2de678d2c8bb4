//! Paths of the npm registry (<https://github.com/npm/registry/blob/main/docs/REGISTRY-API.md>).
//!
//! A packument is metadata (`list`), a tarball is the package (`pull`). Publishing, deprecating and the first half of
//! an unpublish are the same request, `PUT /name`; it stays a `push`, since the log cannot tell them apart.

use detectors::event::{AccessAction, Artifact, WithdrawAction};

use super::request::{Asked, Consequence, Method, Target, package, with_file};
use crate::decode::Ecosystem;

/// How clients of this registry call themselves.
const CLIENTS: [&str; 5] = ["npm/", "pnpm/", "yarn/", "bun/", "verdaccio/"];
/// What a user's document is called.
const USER_PREFIX: &str = "org.couchdb.user:";

/// Reads a path of the registry. `/left-pad` could be anything: it is a package only to an npm client, or if the
/// source is configured to be an npm registry.
pub(super) fn read(target: &Target<'_>) -> Option<Asked> {
    let path = target.path();
    if let ["-", api @ ..] = &path[..] {
        return endpoint(target, api);
    }
    let (name, rest) = name_of(&path)?;
    let known = target.ecosystem == Some(Ecosystem::Npm) || target.client_is(&CLIENTS);
    let unmistakable = matches!(rest, ["-", file, ..] if is_tarball(file)) || path[0].contains('/');
    if known || unmistakable { of_package(target, &name, rest) } else { None }
}

/// A name and what follows it; a scope's `/` may be encoded or not.
fn name_of<'p>(path: &'p [&'p str]) -> Option<(String, &'p [&'p str])> {
    match path {
        [first, rest @ ..] if first.starts_with('@') && first.contains('/') => {
            Some(((*first).to_owned(), rest))
        }
        [scope, name, rest @ ..] if scope.starts_with('@') => Some((format!("{scope}/{name}"), rest)),
        [first, rest @ ..] if !first.starts_with('@') && !first.contains('/') => {
            Some(((*first).to_owned(), rest))
        }
        _ => None,
    }
}

fn of_package(target: &Target<'_>, name: &str, rest: &[&str]) -> Option<Asked> {
    let unpublish = Consequence::Withdraw(WithdrawAction::Unpublish);
    match rest {
        [] => Asked::of(target.action(AccessAction::List), package("npm", name, None)),
        ["-", file] => Asked::of(target.action(AccessAction::Pull), tarball(name, file)),
        ["-", file, "-rev", _] => {
            let asked = Asked::of(target.action(AccessAction::List), tarball(name, file))?;
            Some(if target.method == Method::Delete { asked.then(unpublish) } else { asked })
        }
        ["-rev", _] => {
            let asked = Asked::of(target.action(AccessAction::List), package("npm", name, None))?;
            Some(if target.method == Method::Delete { asked.then(unpublish) } else { asked })
        }
        [version] if version.starts_with(|c: char| c.is_ascii_digit()) => {
            Asked::of(target.action(AccessAction::List), package("npm", name, Some(version)))
        }
        [tag] | ["dist-tags", tag] => Asked::of(target.action(AccessAction::List), tagged(name, tag)),
        _ => None,
    }
}

/// What stands behind `/-/`.
fn endpoint(target: &Target<'_>, api: &[&str]) -> Option<Asked> {
    match api {
        ["v1", "search"] | ["all"] if target.method == Method::Get => {
            Some(Asked::plain(AccessAction::Search))
        }
        ["v1", "login" | "done", ..] => Some(Asked::plain(AccessAction::Login)),
        ["user", user, ..] if target.method == Method::Put => {
            let claimed_user =
                user.strip_prefix(USER_PREFIX).filter(|user| !user.is_empty()).map(str::to_owned);
            Some(Asked { claimed_user, ..Asked::plain(AccessAction::Login) })
        }
        ["ping" | "whoami"] => Some(Asked::plain(AccessAction::Head)),
        // An audit sends names and gets advisories: a question, though it is a POST.
        ["npm", "v1", "security", ..] => Some(Asked::plain(AccessAction::List)),
        ["npm", "v1", "attestations", name @ ..] => {
            let name = name.join("/");
            let (name, version) = name.rsplit_once('@').filter(|(name, _)| !name.is_empty())?;
            Asked::of(target.action(AccessAction::List), package("npm", name, Some(version)))
        }
        ["package", package_path @ ..] => {
            let (name, rest) = name_of(package_path)?;
            match rest {
                ["dist-tags", tag] => Asked::of(target.action(AccessAction::List), tagged(&name, tag)),
                _ => Asked::of(target.action(AccessAction::List), package("npm", &name, None)),
            }
        }
        [] => None,
        _ => Some(Asked::plain(target.action(AccessAction::List))),
    }
}

fn is_tarball(file: &str) -> bool {
    file.ends_with(".tgz")
}

/// `/@scope/name/-/name-1.0.0.tgz`: the version is what follows the name, whose scope the file does not repeat.
fn tarball(name: &str, file: &str) -> Option<Artifact> {
    let bare = name.rsplit('/').next().unwrap_or(name);
    let stem = file.strip_suffix(".tgz").unwrap_or(file);
    let version = stem.strip_prefix(bare).and_then(|rest| rest.strip_prefix('-'));
    with_file(package("npm", name, version), file)
}

fn tagged(name: &str, tag: &str) -> Option<Artifact> {
    package("npm", name, None).map(|artifact| Artifact { tag: Some(tag.into()), ..artifact })
}
