//! Regular expressions for names, for what a [`super::Glob`] cannot say. They take linear time, whatever the name.

use std::fmt;

use regex_lite::{Regex, RegexBuilder};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The longest expression, in bytes.
pub const PATTERN_MAX: usize = 512;
/// The largest program an expression may become, in bytes.
const COMPILED_MAX: usize = 256 * 1024;

/// A regular expression for a whole name, in the syntax of the crate `regex`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct Pattern {
    text: String,
    whole: Regex,
}

/// Why a text is no regular expression for names.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PatternError {
    /// Nothing matches it.
    #[error("cannot use an empty regular expression")]
    Empty,
    /// More than [`PATTERN_MAX`].
    #[error("cannot use a regular expression longer than {PATTERN_MAX} bytes")]
    TooLong,
    /// It is not written as one, or becomes too large.
    #[error("cannot read the regular expression: {0}")]
    Syntax(String),
}

impl Pattern {
    /// Reads an expression.
    ///
    /// # Errors
    /// [`PatternError`].
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        match text.len() {
            0 => Err(PatternError::Empty),
            1..=PATTERN_MAX => {
                let compile = |text: &str| {
                    let built = RegexBuilder::new(text).size_limit(COMPILED_MAX).build();
                    built.map_err(|error| PatternError::Syntax(error.to_string()))
                };
                // By itself first: an expression that only closes our brackets is none.
                compile(text)?;
                Ok(Self { text: text.to_owned(), whole: compile(&format!("^(?:{text})$"))? })
            }
            _ => Err(PatternError::TooLong),
        }
    }

    /// Exactly this name, whatever signs are in it.
    ///
    /// # Errors
    /// [`PatternError`] for a name that is empty or too long.
    pub fn literal(name: &str) -> Result<Self, PatternError> {
        Self::parse(&regex_lite::escape(name))
    }

    /// Whether the whole name matches.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        self.whole.is_match(name)
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Pattern {}

impl TryFrom<String> for Pattern {
    type Error = PatternError;
    fn try_from(text: String) -> Result<Self, PatternError> {
        Self::parse(&text)
    }
}

impl From<Pattern> for String {
    fn from(pattern: Pattern) -> Self {
        pattern.text
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expression_matches_the_whole_name() {
        let cases = [
            ("pkg:npm/left-(pad|right)", "pkg:npm/left-pad", true),
            ("pkg:npm/left-(pad|right)", "pkg:npm/left-pad2", false),
            ("a|b", "xb", false),
            ("pkg:npm/.*", "pkg:npm/x\u{202e}y", true),
        ];
        for (pattern, name, expected) in cases {
            assert_eq!(Pattern::parse(pattern).unwrap().matches(name), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn the_limits_of_an_expression_hold() {
        assert_eq!(Pattern::parse(""), Err(PatternError::Empty));
        assert!(Pattern::parse(&"a".repeat(PATTERN_MAX)).is_ok());
        assert_eq!(Pattern::parse(&"a".repeat(PATTERN_MAX + 1)), Err(PatternError::TooLong));
        for broken in ["(", "a{1000}{1000}", "^)|(.*"] {
            assert!(matches!(Pattern::parse(broken), Err(PatternError::Syntax(_))), "{broken}");
        }
    }
}
