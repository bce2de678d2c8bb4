//! What became of one attempt to deliver a message.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use transport::http::{HttpError, Reach};

use super::MessageRef;
use crate::sanitise::{Limit, sanitise, shorten};

/// Most characters of a failure's text.
const FAILURE_TEXT_MAX: usize = 300;

/// What became of one attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The receiver has it, under this name if it told one.
    Delivered(Option<MessageRef>),
    /// The receiver took it, under this name if it told one, but cannot prove that anybody sees it.
    Accepted(Option<MessageRef>),
    /// Not now. Try again, not before the receiver's own wish if it has one.
    Retry {
        /// How long the receiver asks to be left alone.
        wish: Option<Duration>,
        /// Why.
        failure: Failure,
    },
    /// Nothing can be delivered there until somebody repairs it: the receiver rests, the message waits.
    Park(Failure),
    /// This message will never be taken, however often it is sent.
    Dead(Failure),
}

/// Why an attempt failed, fit to be stored and shown: sanitised and without any secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The HTTP status, if there was a reply.
    pub status: Option<u16>,
    /// Whether the message may have arrived nevertheless.
    pub effect: Effect,
    text: String,
}

/// Whether a failed attempt may have had its effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Effect {
    /// It cannot: nothing left, or the receiver refused it.
    None,
    /// It can: the line broke, or the receiver failed while it had the message. A repeat is marked.
    Possible,
}

impl Failure {
    /// A failure in words; they are sanitised and cut here.
    #[must_use]
    pub fn new(status: Option<u16>, effect: Effect, words: &str) -> Self {
        let text =
            sanitise(words).map(|text| shorten(text, Limit::Characters(FAILURE_TEXT_MAX)).into_owned());
        Self { status, effect, text: text.into_string() }
    }

    /// The same after something that leaves nothing behind, however it ended.
    pub(super) fn without_effect(mut self) -> Self {
        self.effect = Effect::None;
        self
    }

    /// What happened, in words.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Outcome {
    /// Why it failed, if it did.
    #[must_use]
    pub const fn failure(&self) -> Option<&Failure> {
        match self {
            Self::Delivered(_) | Self::Accepted(_) => None,
            Self::Retry { failure, .. } | Self::Park(failure) | Self::Dead(failure) => Some(failure),
        }
    }

    /// What an exchange without a reply means.
    #[must_use]
    pub fn of_no_reply(error: &HttpError) -> Self {
        let effect = match error.reach() {
            Reach::NotSent => Effect::None,
            Reach::Ambiguous => Effect::Possible,
        };
        let failure = Failure::new(None, effect, &with_causes(error));
        match error {
            // Repeating it cannot help until somebody changes the configuration or the name server's answer.
            HttpError::Refused { .. } | HttpError::InvalidHeader { .. } => Self::Park(failure),
            _ => Self::Retry { wish: None, failure },
        }
    }
}

/// An error and its causes in one line.
pub(crate) fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failures_text_is_sanitised_and_cut() {
        let failure = Failure::new(None, Effect::None, &format!("a\u{1b}[2J\n{}", "x".repeat(1_000)));
        assert!(failure.text().starts_with("a\\u{1b}[2J\\u{a}x"));
        assert_eq!(failure.text().chars().count(), FAILURE_TEXT_MAX);
    }

    #[test]
    fn an_error_is_told_with_its_causes() {
        #[derive(Debug, thiserror::Error)]
        #[error("cannot do it")]
        struct Outer(#[source] fmt::Error);
        assert_eq!(with_causes(&Outer(fmt::Error)), format!("cannot do it: {}", fmt::Error));
    }
}
