//! What a request asked for: action, artifact, and what follows from it if it succeeds.

use std::borrow::Cow;

use detectors::event::{AccessAction, AccountChange, Artifact, Digest, PackageUrl, WithdrawAction};
use percent_encoding::percent_decode_str;

use super::{cargo, npm, oci, pypi};
use crate::decode::Ecosystem;

/// Most segments of a path that are looked at; no registry has names as deep.
const MAX_SEGMENTS: usize = 64;

/// What a request asked for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Asked {
    pub(crate) action: AccessAction,
    pub(crate) artifact: Option<Artifact>,
    /// What happened besides if it succeeded.
    pub(crate) consequence: Option<Consequence>,
    /// The user that a sign-in names in its path.
    pub(crate) claimed_user: Option<String>,
}

/// What a successful request did besides being asked.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Consequence {
    /// It took something back, or gave it back.
    Withdraw(WithdrawAction),
    /// It changed who has rights.
    Account(AccountChange),
    /// It put a signature of this digest in its place. By whom, the log does not say.
    Sign(Digest),
}

/// The methods that make a difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    Get,
    Head,
    Put,
    Post,
    Patch,
    Delete,
    Other,
}

/// The target of a request, taken apart.
pub(super) struct Target<'a> {
    pub(super) method: Method,
    /// The path's segments, percent-decoded after they were split: `%2f` in a name does not split it.
    pub(super) segments: Vec<Cow<'a, str>>,
    pub(super) query: &'a str,
    pub(super) user_agent: &'a str,
    /// The configured kind of registry.
    pub(super) ecosystem: Option<Ecosystem>,
}

/// Reads a request line. What is none, such as a TLS greeting sent to a plain port, asks for nothing that has a name.
pub(crate) fn read(request: &str, user_agent: &str, ecosystem: Option<Ecosystem>) -> Asked {
    let Some(target) = Target::of(request, user_agent, ecosystem) else {
        return Asked::plain(AccessAction::List);
    };
    let known = match ecosystem {
        Some(Ecosystem::Oci) => oci::read(&target),
        Some(Ecosystem::Npm) => npm::read(&target),
        Some(Ecosystem::Pypi) => pypi::read(&target),
        Some(Ecosystem::Cargo) => cargo::read(&target),
        None => oci::read(&target)
            .or_else(|| npm::read(&target))
            .or_else(|| cargo::read(&target))
            .or_else(|| pypi::read(&target)),
    };
    known.unwrap_or_else(|| Asked::plain(target.plain_action(request)))
}

impl Asked {
    /// Asks for nothing that has a name.
    pub(super) const fn plain(action: AccessAction) -> Self {
        Self { action, artifact: None, consequence: None, claimed_user: None }
    }

    /// Asks something of an artifact; `None` if its name is none.
    pub(super) fn of(action: AccessAction, artifact: Option<Artifact>) -> Option<Self> {
        artifact.map(|artifact| Self { artifact: Some(artifact), ..Self::plain(action) })
    }

    /// Says what follows if it succeeds.
    pub(super) fn then(self, consequence: Consequence) -> Self {
        Self { consequence: Some(consequence), ..self }
    }
}

impl<'a> Target<'a> {
    fn of(request: &'a str, user_agent: &'a str, ecosystem: Option<Ecosystem>) -> Option<Self> {
        let (method, rest) = request.split_once(' ')?;
        let method = match method {
            "GET" => Method::Get,
            "HEAD" => Method::Head,
            "PUT" => Method::Put,
            "POST" => Method::Post,
            "PATCH" => Method::Patch,
            "DELETE" => Method::Delete,
            other if !other.is_empty() && other.bytes().all(|byte| byte.is_ascii_uppercase()) => {
                Method::Other
            }
            _ => return None,
        };
        let target = rest.rsplit_once(" HTTP/").map_or(rest, |(target, _)| target);
        let target = without_host(target);
        let target = target.split('#').next().unwrap_or(target);
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        if !path.starts_with('/') {
            return None;
        }
        let mut segments = Vec::new();
        for segment in path.split('/').filter(|segment| !segment.is_empty()) {
            if segments.len() == MAX_SEGMENTS {
                return None;
            }
            segments.push(percent_decode_str(segment).decode_utf8_lossy());
        }
        Some(Self { method, segments, query, user_agent, ecosystem })
    }

    /// The path's segments as plain slices, to match on.
    pub(super) fn path(&self) -> Vec<&str> {
        self.segments.iter().map(|segment| &**segment).collect()
    }

    /// A parameter of the query, decoded.
    pub(super) fn parameter(&self, name: &str) -> Option<String> {
        self.query.split('&').find_map(|pair| {
            let (key, value) = pair.split_once('=')?;
            (key == name).then(|| percent_decode_str(value).decode_utf8_lossy().into_owned())
        })
    }

    /// Whether the client calls itself by one of these names.
    pub(super) fn client_is(&self, names: &[&str]) -> bool {
        let begins = |name: &str| {
            self.user_agent.get(..name.len()).is_some_and(|head| head.eq_ignore_ascii_case(name))
        };
        names.iter().any(|name| begins(name))
    }

    /// What a method asks of content: `get` for GET, and the obvious for the others.
    pub(super) const fn action(&self, get: AccessAction) -> AccessAction {
        match self.method {
            Method::Get | Method::Other => get,
            Method::Head => AccessAction::Head,
            Method::Put | Method::Post | Method::Patch => AccessAction::Push,
            Method::Delete => AccessAction::Delete,
        }
    }

    /// What is asked of a path that we do not know: a folder is listed, anything else fetched.
    fn plain_action(&self, request: &str) -> AccessAction {
        let path = request.split([' ', '?']).nth(1).unwrap_or("");
        match self.method {
            Method::Other => AccessAction::List,
            _ if path.ends_with('/') => self.action(AccessAction::List),
            _ => self.action(AccessAction::Pull),
        }
    }
}

/// Proxies are asked for whole URLs.
fn without_host(target: &str) -> &str {
    let Some(rest) = target.strip_prefix("http://").or_else(|| target.strip_prefix("https://")) else {
        return target;
    };
    rest.find('/').map_or("/", |at| &rest[at..])
}

/// An artifact of a package type, with its version if there is one.
pub(super) fn package(package_type: &str, name: &str, version: Option<&str>) -> Option<Artifact> {
    let version = version.filter(|version| !version.is_empty());
    PackageUrl::new(package_type, name, version).map(|purl| Artifact::of(&purl))
}

/// The same artifact, with the file that was asked for.
pub(super) fn with_file(artifact: Option<Artifact>, file: &str) -> Option<Artifact> {
    artifact.map(|artifact| Artifact { file: Some(file.into()), ..artifact })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_deeper_than_any_name_names_nothing() {
        let asked = |depth: usize| {
            let path = vec!["a"; depth].join("/");
            read(&format!("GET /v2/{path}/manifests/v1 HTTP/1.1"), "", None).artifact
        };
        // `v2`, `manifests` and the tag are segments too.
        assert!(asked(MAX_SEGMENTS - 3).is_some());
        assert!(asked(MAX_SEGMENTS - 2).is_none());
    }

    #[test]
    fn a_configured_ecosystem_decides_what_a_path_means() {
        let asked = |ecosystem| read("GET /left-pad HTTP/1.1", "curl/8", ecosystem).artifact;
        assert_eq!(asked(None), None);
        assert_eq!(asked(Some(Ecosystem::Npm)), package("npm", "left-pad", None));
        assert_eq!(asked(Some(Ecosystem::Oci)), None);
    }
}
