//! What kind of name a tag is, which says how far it may be expected to move.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What kind of name a tag is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TagClass {
    /// Follows the newest release: `latest`, `stable`, `lts`.
    Floating,
    /// Follows a branch or a kind of build: `nightly`, `main`, `beta`, `pr-12`.
    Branch,
    /// The newest of a major line: `1`, `v2-alpine`.
    Major,
    /// The newest of a minor line: `1.2`, `3.11-slim`.
    Minor,
    /// One release, before it is one: `1.2.3-rc.1`.
    PreRelease,
    /// One release or build: `1.2.3`, `v2.1.20-debian`, `20260511`, `sha-9fceb02`.
    Full,
    /// Any other word: `alpine`, `gpu`.
    Other,
}

impl TagClass {
    /// What people call it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Floating => "floating",
            Self::Branch => "branch",
            Self::Major => "major-version",
            Self::Minor => "minor-version",
            Self::PreRelease => "pre-release",
            Self::Full => "full-version",
            Self::Other => "other",
        }
    }

    /// Whether a name of this class stands for one content for good.
    #[must_use]
    pub const fn is_fixed(self) -> bool {
        matches!(self, Self::Full | Self::PreRelease)
    }
}

/// Words that follow the newest release.
const NEWEST: [&str; 7] = ["latest", "stable", "current", "lts", "default", "production", "prod"];
/// Words that follow a branch or a kind of build.
const BRANCHES: [&str; 22] = [
    "nightly",
    "edge",
    "main",
    "master",
    "trunk",
    "head",
    "dev",
    "develop",
    "devel",
    "next",
    "canary",
    "snapshot",
    "unstable",
    "testing",
    "staging",
    "experimental",
    "insiders",
    "pr",
    "alpha",
    "beta",
    "rc",
    "preview",
];
/// Words behind a version that make it a pre-release.
const BEFORE_RELEASE: [&str; 11] =
    ["alpha", "beta", "rc", "pre", "preview", "dev", "snapshot", "nightly", "canary", "next", "m"];
/// A lone number of so many digits is a date or a build, not a major version.
const BUILD_DIGITS: usize = 5;
/// Hex digits from which a word is an abbreviated commit.
const COMMIT_DIGITS: usize = 7;

/// The class of a tag; `None` for names under which registries keep signatures and attestations of a digest, which
/// grow with each signature and are no names of releases.
pub(super) fn classify(tag: &str) -> Option<TagClass> {
    let tag = tag.strip_prefix("refs/tags/").unwrap_or(tag).to_ascii_lowercase();
    if is_attachment(&tag) {
        return None;
    }
    if is_commit(tag.strip_prefix("sha-").unwrap_or(&tag)) {
        return Some(TagClass::Full);
    }
    let Some(numbered) = numbered(&tag) else { return Some(class_of_words(&tag)) };
    if words(numbered.before).any(|word| BRANCHES.contains(&word)) {
        return Some(TagClass::Branch);
    }
    let pre_release = words(numbered.behind).any(is_before_release);
    Some(match (numbered.numbers, pre_release) {
        (1, false) if numbered.digits < BUILD_DIGITS => TagClass::Major,
        (2, false) => TagClass::Minor,
        (1 | 2, true) if numbered.digits < BUILD_DIGITS => TagClass::Branch,
        (_, true) => TagClass::PreRelease,
        (_, false) => TagClass::Full,
    })
}

/// The numbers of a tag's version: `2.1.20` of `v2.1.20-debian`.
pub(super) fn version_numbers(tag: &str) -> Option<&str> {
    numbered(tag).map(|numbered| numbered.version)
}

/// Whether a *version* of this name may be published again with other content: a snapshot or a moving word.
pub(super) fn is_moving_version(version: &str) -> bool {
    let lower = version.to_ascii_lowercase();
    let snapshot = words(&lower).any(|word| matches!(word, "snapshot" | "dev" | "nightly"));
    snapshot || matches!(classify(version), Some(TagClass::Floating | TagClass::Branch) | None)
}

fn class_of_words(tag: &str) -> TagClass {
    if words(tag).any(|word| BRANCHES.contains(&word)) {
        TagClass::Branch
    } else if words(tag).any(|word| NEWEST.contains(&word)) {
        TagClass::Floating
    } else {
        TagClass::Other
    }
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty())
}

/// `rc1`, `alpha`, `b2`: a stage, and perhaps its number.
fn is_before_release(word: &str) -> bool {
    let stage = word.trim_end_matches(|c: char| c.is_ascii_digit());
    BEFORE_RELEASE.contains(&stage) || (stage.len() < word.len() && matches!(stage, "a" | "b" | "c"))
}

/// cosign's and OCI referrers' tags: `sha256-<hex>`, perhaps with `.sig`, `.att` or `.sbom`.
fn is_attachment(tag: &str) -> bool {
    ["sha256-", "sha512-"].iter().any(|prefix| {
        tag.strip_prefix(prefix).is_some_and(|rest| {
            let hex = rest.split('.').next().unwrap_or(rest);
            hex.len() >= 64 && hex.bytes().all(|byte| byte.is_ascii_hexdigit())
        })
    })
}

/// An abbreviated commit: hex with both digits and letters, so that neither a word nor a date is one.
fn is_commit(word: &str) -> bool {
    word.len() >= COMMIT_DIGITS
        && word.bytes().all(|byte| byte.is_ascii_hexdigit())
        && word.bytes().any(|byte| byte.is_ascii_digit())
        && word.bytes().any(|byte| byte.is_ascii_alphabetic())
}

/// The version inside a tag.
struct Numbered<'a> {
    before: &'a str,
    version: &'a str,
    numbers: usize,
    /// Digits of the first number.
    digits: usize,
    behind: &'a str,
}

/// Finds the version in `1.2.3-debian`, `v2.1`, `axum-v0.8.9`, `release/v2.366.0`.
fn numbered(tag: &str) -> Option<Numbered<'_>> {
    let starts = std::iter::once(0).chain(tag.match_indices(['-', '/', '@', '_']).map(|(at, _)| at + 1));
    starts.into_iter().find_map(|start| {
        let text = &tag[start..];
        let text = text
            .strip_prefix('v')
            .filter(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
            .unwrap_or(text);
        let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        let (version, behind) = (text[..end].trim_end_matches('.'), &text[end..]);
        // `2fa` and `3d` are words; `1.0rc1` and `1.2-alpine` are versions.
        let word_goes_on = behind.starts_with(|c: char| c.is_ascii_alphabetic())
            && !words(behind).next().is_some_and(is_before_release);
        if version.is_empty() || word_goes_on {
            return None;
        }
        let digits = version.split('.').next().map_or(0, str::len);
        Some(Numbered { before: &tag[..start], version, numbers: version.split('.').count(), digits, behind })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(expected: Option<TagClass>, tags: &str) {
        for tag in tags.split_whitespace() {
            assert_eq!(classify(tag), expected, "{tag}");
        }
    }

    #[test]
    fn tags_are_told_apart_by_their_form() {
        check(Some(TagClass::Floating), "latest stable LTS current latest-alpine");
        check(
            Some(TagClass::Branch),
            "nightly main next beta edge pr-123 nightly-20260511 feature-main 1-beta 18-rc",
        );
        check(Some(TagClass::Major), "1 v1 18-alpine postgres-16");
        check(Some(TagClass::Minor), "1.2 v1.2 3.11-slim 22.04 python-3.12");
        check(
            Some(TagClass::PreRelease),
            "1.2.3-rc.1 v2.0.0-beta-1 1.2.3rc1 2.0.0a1 4.0.0-SNAPSHOT 1.0.0-next.4",
        );
        check(
            Some(TagClass::Full),
            "1.2.3 v2.1.20-debian 1.2.3.4 2026.05.11 20260511 axum-v0.8.9 release/v2.366.0",
        );
        check(Some(TagClass::Full), "9fceb02 sha-9fceb02d refs/tags/v1.0.0 1.25.3-alpine3.18 v1.2.3+build.7");
        check(Some(TagClass::Other), "alpine gpu 2fa legacy debian security");
        let hex = "ab".repeat(32);
        check(None, &format!("sha256-{hex} sha256-{hex}.sig sha256-{hex}.att"));
    }

    #[test]
    fn moving_versions_are_snapshots_and_words() {
        for (version, moving) in [
            ("1.2.3", false),
            ("1.2", false),
            ("1.0.0-rc.1", false),
            ("2.0-SNAPSHOT", true),
            ("nightly", true),
            ("1.4.0-dev", true),
        ] {
            assert_eq!(is_moving_version(version), moving, "{version}");
        }
    }
}
