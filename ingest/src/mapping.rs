//! Declared formats: how the records of an unknown log become events, said in the configuration instead of in Rust.
//!
//! A record is JSON, or a line that one regular expression takes apart. Each field of the native event (EVENTS.md) is
//! a JSON pointer, a group of the expression or a constant; tables of words translate what the log calls things. What
//! comes out is read as a native event is, so names, limits and refusals are the same as everywhere.
//!
//! A mapping is compiled when the configuration is read, and what is wrong with it is said there. Its cost is bounded:
//! the expression takes linear time, and every list has a named limit.

mod apply;
mod built_in;
mod compile;
mod declaration;
mod field;
mod source;
#[cfg(test)]
mod tests;
mod time;

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use detectors::event::Event;
use regex::Regex;

pub use self::built_in::{BUILT_IN, BuiltIn};
pub use self::compile::{
    MAX_ALTERNATIVES, MAX_FIELDS, MAX_KINDS, MAX_MAPPINGS, MAX_PATTERN_BYTES, MAX_WORDS, MappingProblem,
    PATTERN_PROGRAM_BYTES,
};
pub use self::declaration::{KindDeclaration, MappingDeclaration};
use self::field::Field;
use self::source::Sources;
use self::time::TimeFormat;
use crate::decode::{Reading, Refusal};

/// A mapping, ready to be applied.
pub struct Mapping {
    name: Arc<str>,
    declaration: MappingDeclaration,
    pattern: Option<Pattern>,
    each: Option<Sources>,
    time: Sources,
    time_format: TimeFormat,
    kinds: Vec<Kind>,
}

/// The one regular expression, and what it is applied to: the whole record, or a text in it.
struct Pattern {
    regex: Regex,
    on: Option<Sources>,
}

/// One kind of record and what it becomes.
struct Kind {
    when: Vec<(Sources, Vec<Wanted>)>,
    word: String,
    fields: Vec<(Field, Sources, Option<Arc<Words>>)>,
}

/// What a text must be.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Wanted {
    Exactly(String),
    Beginning(String),
}

/// What the log calls things, and what they are called here; `*` stands for every other word.
type Words = std::collections::BTreeMap<String, String>;

impl Mapping {
    /// What it is called.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The words of the types of events that it makes.
    #[must_use]
    pub fn types(&self) -> BTreeSet<&str> {
        self.kinds.iter().map(|kind| kind.word.as_str()).collect()
    }

    /// The fields that its events may have, by their names in EVENTS.md.
    #[must_use]
    pub fn fields(&self) -> BTreeSet<&'static str> {
        self.kinds.iter().flat_map(|kind| kind.fields.iter().map(|(field, ..)| field.name())).collect()
    }

    /// The mapping of this name that the program brings along.
    #[must_use]
    pub fn built_in(name: &str) -> Option<Arc<Self>> {
        built_in::mapping(name)
    }

    /// Compiles a declaration.
    ///
    /// # Errors
    /// Everything that is wrong with it, each with its place and its remedy.
    pub fn compile(name: &str, declaration: &MappingDeclaration) -> Result<Self, Vec<MappingProblem>> {
        compile::mapping(name, declaration)
    }

    /// Reads one record.
    pub(crate) fn read(
        &self,
        text: &str,
        reading: &mut Reading<'_>,
        out: &mut Vec<Event>,
    ) -> Result<(), Refusal> {
        apply::read(self, text, reading, out)
    }
}

/// Two mappings are equal if they were declared so.
impl PartialEq for Mapping {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && self.declaration == other.declaration
    }
}

impl Eq for Mapping {}

impl fmt::Debug for Mapping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mapping").field("name", &self.name).finish_non_exhaustive()
    }
}
