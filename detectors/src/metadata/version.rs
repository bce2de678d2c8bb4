//! What kind of release a version is, given the highest one before it.

use serde::{Deserialize, Serialize};

use crate::statistics::hazard::field::Bump;

/// The numbers of a version, as far as it has any.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Numbers {
    pub(super) major: u64,
    pub(super) minor: u64,
    patch: u64,
    stage: Stage,
}

/// A pre-release comes before its release.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
enum Stage {
    PreRelease,
    Release,
}

impl Numbers {
    /// Reads `1.2.3`, `v1.2`, `axum-v0.8.9`, `1.2.3-rc.1`, `2.0.0a1`; `None` where there is no number.
    pub(super) fn read(version: &str) -> Option<Self> {
        let core = version.rsplit('/').next().unwrap_or(version);
        let start = core.match_indices(|c: char| c.is_ascii_digit()).map(|(at, _)| at).find(|at| {
            // `axum-v0.8.9`: the number is the one behind a separator or a `v`, not one inside the name.
            core[..*at].chars().next_back().is_none_or(|before| matches!(before, 'v' | '-' | '@' | '_' | 'V'))
        })?;
        let text = &core[start..];
        let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        let mut numbers = text[..end].split('.').map(|number| number.parse().unwrap_or(0));
        let mut next = || numbers.next().unwrap_or(0);
        let (major, minor, patch) = (next(), next(), next());
        // Build metadata (`+…`) is no pre-release, `.post1` neither.
        let behind = text[end..].trim_start_matches('.');
        let is_release = behind.is_empty() || behind.starts_with('+') || behind.starts_with("post");
        Some(Self { major, minor, patch, stage: if is_release { Stage::Release } else { Stage::PreRelease } })
    }

    /// Whether it comes before its release.
    pub(super) fn is_pre_release(self) -> bool {
        self.stage == Stage::PreRelease
    }

    /// What kind of release this is after `highest`.
    pub(super) fn bump(self, highest: Self) -> Bump {
        match () {
            () if self.stage == Stage::PreRelease || self <= highest => Bump::Other,
            () if self.major > highest.major => Bump::Major,
            () if self.minor > highest.minor => Bump::Minor,
            () => Bump::Patch,
        }
    }
}

/// What kind of release a version is; one without numbers, or without one before it, is of another kind.
pub(super) fn bump(version: Option<Numbers>, highest: Option<Numbers>) -> Bump {
    version.zip(highest).map_or(Bump::Other, |(version, highest)| version.bump(highest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_are_told_apart() {
        for (highest, version, expected) in [
            ("1.2.3", "1.2.4", Bump::Patch),
            ("1.2.3", "1.3.0", Bump::Minor),
            ("1.2.3", "2.0.0", Bump::Major),
            ("1.2.3", "2.0.0-rc.1", Bump::Other),
            ("2.0.0-rc.1", "2.0.0", Bump::Patch),
            ("2.0.0", "1.9.9", Bump::Other),
            ("1.2.3", "1.2.3", Bump::Other),
            ("v1.2", "v1.3", Bump::Minor),
            ("axum-v0.8.9", "axum-v0.9.0", Bump::Minor),
            ("release/v2.366.0", "release/v2.366.1", Bump::Patch),
            ("1.0", "1.0.post1", Bump::Other),
            ("3.9", "nightly", Bump::Other),
        ] {
            assert_eq!(
                bump(Numbers::read(version), Numbers::read(highest)),
                expected,
                "{highest} -> {version}"
            );
        }
    }

    #[test]
    fn no_text_breaks_the_reading() {
        for text in ["", "v", "-", "99999999999999999999.1", "a1b2", "1..2", "é1"] {
            let _ = Numbers::read(text).map(|numbers| numbers.bump(numbers));
        }
        assert_eq!(Numbers::read("nightly"), None);
    }
}
