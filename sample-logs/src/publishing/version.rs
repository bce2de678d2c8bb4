//! Versions of the form `major.minor.patch`, and how releases step through them.

use std::fmt;

use crate::random::Random;

/// A version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Version(pub(crate) u32, pub(crate) u32, pub(crate) u32);

/// How far a release steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bump {
    /// Fixes.
    Patch,
    /// New things.
    Minor,
    /// Breaking changes.
    Major,
}

impl Bump {
    /// What honest projects do: mostly patches.
    pub(crate) fn drawn(random: &mut Random) -> Self {
        match random.unit() {
            share if share < 0.74 => Self::Patch,
            share if share < 0.97 => Self::Minor,
            _ => Self::Major,
        }
    }
}

impl Version {
    /// The version after this one.
    pub(crate) const fn next(self, bump: Bump) -> Self {
        match bump {
            Bump::Patch => Self(self.0, self.1, self.2 + 1),
            Bump::Minor => Self(self.0, self.1 + 1, 0),
            Bump::Major => Self(self.0 + 1, 0, 0),
        }
    }

    /// So many versions that lead up to this one, the last of them itself; fewer if it cannot have had as many.
    /// Where the version is known and its past is not, this is the past that fits.
    pub(crate) fn leading_here(self, count: usize, random: &mut Random) -> Vec<Self> {
        let mut versions = vec![self];
        while versions.len() < count {
            let last = versions[versions.len() - 1];
            let before = match last {
                Self(major, minor, patch) if patch > 0 => Self(major, minor, patch - 1),
                Self(major, minor, _) if minor > 0 => {
                    Self(major, minor - 1, u32::try_from(random.between(2, 9)).unwrap_or(2))
                }
                _ => break,
            };
            versions.push(before);
        }
        versions.reverse();
        versions
    }

    /// The step from an earlier version to this one.
    pub(crate) const fn step_from(self, earlier: Self) -> Bump {
        if self.0 != earlier.0 {
            Bump::Major
        } else if self.1 != earlier.1 {
            Bump::Minor
        } else {
            Bump::Patch
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.0, self.1, self.2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(version: Version, count: usize, first: Option<&str>) {
        let versions = version.leading_here(count, &mut Random::new(5));
        assert!(versions.is_sorted() && versions.len() <= count);
        assert_eq!(versions.last(), Some(&version));
        if let Some(first) = first {
            assert_eq!(versions[0].to_string(), first);
        }
    }

    #[test]
    fn the_past_of_a_version_leads_up_to_it() {
        check(Version(1, 169, 2), 30, None);
        check(Version(0, 0, 1), 9, Some("0.0.0"));
        check(Version(1, 14, 9), 4, Some("1.14.6"));
    }

    #[test]
    fn steps_are_what_they_are_called() {
        let version = Version(1, 2, 3);
        for (bump, next) in [(Bump::Patch, "1.2.4"), (Bump::Minor, "1.3.0"), (Bump::Major, "2.0.0")] {
            assert_eq!(version.next(bump).to_string(), next);
            assert_eq!(version.next(bump).step_from(version), bump);
        }
    }
}
