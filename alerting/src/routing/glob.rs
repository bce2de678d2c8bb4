//! Patterns for names: `*` is any text, also none and also with slashes; `?` is one character.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The longest pattern, in bytes.
pub const GLOB_MAX: usize = 512;

/// A pattern for names. Letters match as they are; a name in lower case needs a pattern in lower case.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct Glob(String);

/// Why a text is no pattern.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum GlobError {
    /// Nothing matches it.
    #[error("cannot use an empty pattern")]
    Empty,
    /// More than [`GLOB_MAX`].
    #[error("cannot use a pattern longer than {GLOB_MAX} bytes")]
    TooLong,
}

impl Glob {
    /// Reads a pattern.
    ///
    /// # Errors
    /// When it is empty or longer than [`GLOB_MAX`].
    pub fn parse(text: &str) -> Result<Self, GlobError> {
        match text.len() {
            0 => Err(GlobError::Empty),
            1..=GLOB_MAX => Ok(Self(text.to_owned())),
            _ => Err(GlobError::TooLong),
        }
    }

    /// Whether the whole name matches. Time is at most the product of both lengths, whatever the pattern.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        let (mut pattern, mut name) = (self.0.chars(), name.chars());
        // Where to go on if the present way fails: after the last star, one character further.
        let mut retry = None;
        loop {
            let (pattern_here, name_here) = (pattern.clone(), name.clone());
            match (pattern.next(), name.next()) {
                (None, None) => return true,
                (Some('*'), _) => {
                    name = name_here;
                    retry = Some((pattern.clone(), name.clone()));
                }
                (Some('?'), Some(_)) => {}
                (Some(wanted), Some(found)) if wanted == found => {}
                _ => {
                    let Some((after_star, mut from)) = retry.take() else { return false };
                    if from.next().is_none() {
                        return false;
                    }
                    retry = Some((after_star.clone(), from.clone()));
                    (pattern, name) = (after_star, from);
                    drop(pattern_here);
                }
            }
        }
    }
}

impl TryFrom<String> for Glob {
    type Error = GlobError;
    fn try_from(text: String) -> Result<Self, GlobError> {
        Self::parse(&text)
    }
}

impl From<Glob> for String {
    fn from(glob: Glob) -> Self {
        glob.0
    }
}

impl fmt::Display for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_matches_the_whole_name() {
        let cases = [
            ("pkg:npm/left-pad", "pkg:npm/left-pad", true),
            ("pkg:npm/left-pad", "pkg:npm/left-pad2", false),
            ("pkg:npm/@acme/*", "pkg:npm/@acme/a/b", true),
            ("pkg:npm/@acme/*", "pkg:npm/@evil/a", false),
            ("*", "", true),
            ("?", "", false),
            ("?", "日", true),
            ("*pad", "left-pad-pad", true),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-c-b", false),
            ("**", "x", true),
            ("a*", "a", true),
            ("a[b]", "a[b]", true),
            ("A", "a", false),
        ];
        for (pattern, name, expected) in cases {
            assert_eq!(Glob::parse(pattern).unwrap().matches(name), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn the_limits_of_a_pattern_hold() {
        assert_eq!(Glob::parse(""), Err(GlobError::Empty));
        assert!(Glob::parse(&"a".repeat(GLOB_MAX)).is_ok());
        assert_eq!(Glob::parse(&"a".repeat(GLOB_MAX + 1)), Err(GlobError::TooLong));
    }

    #[test]
    fn a_pattern_of_many_stars_does_not_explode() {
        let pattern = Glob::parse(&"a*".repeat(GLOB_MAX / 2)).unwrap();
        assert!(!pattern.matches(&format!("{}b", "a".repeat(200))));
    }
}
