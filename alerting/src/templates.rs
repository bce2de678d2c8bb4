//! Templates of an owner's own: for the body of a webhook, and for the two sentences of a card.
//!
//! A template fills slots and does nothing else: it opens no file, knows no other template, and ends after a bounded
//! number of steps and bytes. What is undefined is an error and never an empty text. It is tried when the configuration
//! is read, on an honest incident, a hostile one, a digest and a notice; one that fails later all the same (a card has
//! no link, a list is empty) falls back to the built-in card, which is counted and shown. It never swallows a message.

mod context;

use std::fmt;
use std::io::{self, Write};
use std::sync::Arc;

use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, ErrorKind, UndefinedBehavior};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::card::{Card, Piece, Text};
use crate::inert_json::to_inert_json;
use crate::sanitise::{Limit, shorten};

/// The longest template, in bytes.
pub const TEMPLATE_MAX: usize = 16 * 1024;
/// Most steps that a template may take.
pub const FUEL: u64 = 50_000;
/// Most bytes that a body may have.
pub const BODY_MAX: usize = 20_000;
/// Most bytes that a sentence may have before it is shortened as all foreign text is.
pub const SLOT_MAX: usize = 4_000;
/// The one name of a template, in its errors.
const NAME: &str = "template";

/// A template for a whole JSON body: what it fills in is written as JSON, quotes included.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct BodyTemplate(Compiled);

/// A template for one sentence.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct SlotTemplate(Compiled);

/// `[alerting.card]`: sentences of an owner's own, for messages about incidents.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CardTemplates {
    /// What it is and whom it concerns, in a few words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub headline: Option<SlotTemplate>,
    /// One sentence a person understands.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sentence: Option<SlotTemplate>,
}

/// Why a template cannot be used, or could not be this time. It repeats nothing of what it was to fill in.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TemplateError {
    /// More than [`TEMPLATE_MAX`].
    #[error("cannot use a template of more than {TEMPLATE_MAX} bytes")]
    TooLong,
    /// It is not written as one, or asks for what is not there.
    #[error("cannot fill in the template{}: {what}", line.map(|line| format!(", line {line}")).unwrap_or_default())]
    Fails {
        /// What is wrong, without any value.
        what: &'static str,
        /// In which line.
        line: Option<usize>,
    },
    /// It takes more than [`FUEL`] steps.
    #[error("cannot fill in the template within {FUEL} steps")]
    Endless,
    /// It became too large.
    #[error("cannot use what the template became: more than {0} bytes")]
    TooLarge(usize),
    /// It became no JSON.
    #[error("cannot use what the template became: it is no JSON")]
    NoJson,
    /// It became nothing.
    #[error("cannot use what the template became: nothing")]
    Empty,
    /// It fails on a message of this kind.
    #[error("{why} (tried on {sample})")]
    Tried {
        /// On what.
        sample: &'static str,
        /// Why.
        why: Box<Self>,
    },
}

/// A template that was read.
#[derive(Clone)]
struct Compiled {
    text: String,
    environment: Arc<Environment<'static>>,
}

impl Compiled {
    fn new(text: String, escape: AutoEscape) -> Result<Self, TemplateError> {
        if text.len() > TEMPLATE_MAX {
            return Err(TemplateError::TooLong);
        }
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_auto_escape_callback(move |_| escape.clone());
        environment.set_fuel(Some(FUEL));
        environment.add_template_owned(NAME, text.clone()).map_err(|error| of(&error))?;
        Ok(Self { text, environment: Arc::new(environment) })
    }

    fn fill(&self, values: &serde_json::Value, most: usize) -> Result<String, TemplateError> {
        let template = self.environment.get_template(NAME).map_err(|error| of(&error))?;
        let mut written = Bounded { bytes: Vec::new(), most, overflowed: false };
        let filled = template.render_captured_to(Serde(values), &mut written);
        if written.overflowed {
            return Err(TemplateError::TooLarge(most));
        }
        filled.map_err(|error| of(&error))?;
        Ok(String::from_utf8_lossy(&written.bytes).into_owned())
    }
}

/// The library's words may hold values; its kinds do not.
fn of(error: &minijinja::Error) -> TemplateError {
    let what = match error.kind() {
        ErrorKind::OutOfFuel => return TemplateError::Endless,
        ErrorKind::UndefinedError => "a name is not defined here",
        ErrorKind::SyntaxError => "it is not written as a template",
        ErrorKind::UnknownFilter => "there is no such filter",
        ErrorKind::UnknownFunction | ErrorKind::UnknownMethod => "there is no such function",
        ErrorKind::UnknownTest => "there is no such test",
        ErrorKind::TemplateNotFound => "it names another template",
        ErrorKind::InvalidOperation => "a value is not of the kind that is needed",
        _ => "it cannot be evaluated",
    };
    TemplateError::Fails { what, line: error.line() }
}

/// Takes so many bytes and then no more.
struct Bounded {
    bytes: Vec<u8>,
    most: usize,
    overflowed: bool,
}

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.bytes.len().saturating_add(bytes.len()) > self.most {
            self.overflowed = true;
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl BodyTemplate {
    /// The body for a card: JSON with nothing invisible in it, whatever was filled in.
    ///
    /// # Errors
    /// [`TemplateError`]; the caller sends the built-in body then.
    pub fn fill(&self, card: &Card) -> Result<Vec<u8>, TemplateError> {
        let text = self.0.fill(&context::of(card), BODY_MAX)?;
        let value: serde_json::Value = serde_json::from_str(&text).map_err(|_| TemplateError::NoJson)?;
        to_inert_json(&value).map_err(|_| TemplateError::NoJson)
    }
}

impl SlotTemplate {
    fn fill(&self, values: &serde_json::Value) -> Result<Text, TemplateError> {
        let text = self.0.fill(values, SLOT_MAX)?;
        let words = text.trim();
        if words.is_empty() {
            return Err(TemplateError::Empty);
        }
        // Whatever it says, names may have come into it: all of it is taken for foreign.
        Ok(Text::new().untrusted(words))
    }
}

impl CardTemplates {
    /// Whether everything is built in.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The card with the owner's sentences, and what failed of them: those stay as they are built in. Messages about
    /// anything but an incident have none.
    #[must_use]
    pub fn fill(&self, card: Card) -> (Card, Option<TemplateError>) {
        if card.record.incident().is_none() || self.is_empty() {
            return (card, None);
        }
        let values = context::of(&card);
        let (mut card, mut failed) = (card, None);
        for (template, slot) in [(&self.headline, Slot::Headline), (&self.sentence, Slot::Sentence)] {
            match template.as_ref().map(|template| template.fill(&values)) {
                Some(Ok(text)) if slot == Slot::Headline => card.headline = text,
                Some(Ok(text)) => card.sentence = text,
                Some(Err(error)) => failed = failed.or(Some(error)),
                None => {}
            }
        }
        (card, failed)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Slot {
    Headline,
    Sentence,
}

impl TryFrom<String> for BodyTemplate {
    type Error = TemplateError;
    fn try_from(text: String) -> Result<Self, TemplateError> {
        let template = Self(Compiled::new(text, AutoEscape::Json)?);
        for (sample, card) in context::samples() {
            template.fill(&card).map_err(|why| TemplateError::Tried { sample, why: why.into() })?;
        }
        Ok(template)
    }
}

impl TryFrom<String> for SlotTemplate {
    type Error = TemplateError;
    fn try_from(text: String) -> Result<Self, TemplateError> {
        let template = Self(Compiled::new(text, AutoEscape::None)?);
        for (sample, card) in
            context::samples().into_iter().filter(|(_, card)| card.record.incident().is_some())
        {
            let filled = template.fill(&context::of(&card));
            filled.map_err(|why| TemplateError::Tried { sample, why: why.into() })?;
        }
        Ok(template)
    }
}

macro_rules! is_its_text {
    ($name:ident) => {
        impl From<$name> for String {
            fn from(template: $name) -> Self {
                template.0.text
            }
        }
        impl PartialEq for $name {
            fn eq(&self, other: &Self) -> bool {
                self.0.text == other.0.text
            }
        }
        impl Eq for $name {}
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({:?})", stringify!($name), self.0.text)
            }
        }
    };
}

is_its_text!(BodyTemplate);
is_its_text!(SlotTemplate);

#[cfg(test)]
mod tests;
