//! From a declaration to a mapping, or to everything that is wrong with it.

use std::sync::Arc;

use regex::{Regex, RegexBuilder};
use thiserror::Error;

use super::declaration::{KindDeclaration, MappingDeclaration};
use super::field::Field;
use super::source::{Misplaced, Place, Sources};
use super::time::{TimeFormat, TimeProblem};
use super::{Kind, Mapping, Pattern, Wanted, Words};

/// Most mappings of a configuration.
pub const MAX_MAPPINGS: usize = 64;
/// Most kinds of records of a mapping.
pub const MAX_KINDS: usize = 64;
/// Most fields of a kind, those of all kinds included.
pub const MAX_FIELDS: usize = 64;
/// Most words of a field that are translated.
pub const MAX_WORDS: usize = 1_024;
/// Most places of a value, and texts of a condition, that are tried.
pub const MAX_ALTERNATIVES: usize = 16;
/// Longest regular expression, in bytes.
pub const MAX_PATTERN_BYTES: usize = 4 * 1024;
/// Largest program that a regular expression may become, in bytes.
pub const PATTERN_PROGRAM_BYTES: usize = 1024 * 1024;

/// The types of events and the fields without which they say nothing.
const TYPES: [(&str, &[&str]); 7] = [
    ("access", &["action", "request.path"]),
    ("publish", &[]),
    ("tag", &["tag", "artifact.tag"]),
    ("sign", &[]),
    ("verify", &["check"]),
    ("account", &["change"]),
    ("withdraw", &["action"]),
];

/// Something that is wrong with a mapping.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{message}")]
pub struct MappingProblem {
    /// The key, or keys, below the mapping: `["fields", "actor.ip"]`.
    pub place: Vec<String>,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub hint: String,
}

struct Compiler<'a> {
    declaration: &'a MappingDeclaration,
    groups: Vec<String>,
    problems: Vec<MappingProblem>,
}

pub(super) fn mapping(name: &str, declaration: &MappingDeclaration) -> Result<Mapping, Vec<MappingProblem>> {
    let mut compiler = Compiler { declaration, groups: Vec::new(), problems: Vec::new() };
    let regex = compiler.regex();
    let on = declaration.pattern_on.as_ref().map(|text| compiler.sources(&["pattern_on"], text));
    let each = declaration.each.as_ref().map(|text| compiler.sources(&["each"], text));
    let time = compiler.sources(&["time"], &declaration.time);
    let time_format = compiler.time_format();
    let words = compiler.words();
    if declaration.kind.len() > MAX_KINDS || declaration.kind.is_empty() {
        let message = format!("a mapping has 1 to {MAX_KINDS} kinds of records");
        compiler.problem(&["kind"], message, "add or remove `[[mapping.<name>.kind]]` tables");
    }
    let kinds: Vec<Kind> =
        declaration.kind.iter().enumerate().map(|(at, kind)| compiler.kind(at, kind, &words)).collect();
    match (time, time_format, each.transpose(), on.transpose()) {
        (Some(time), Some(time_format), Some(each), Some(on)) if compiler.problems.is_empty() => {
            Ok(Mapping {
                name: Arc::from(name),
                declaration: declaration.clone(),
                pattern: regex.map(|regex| Pattern { regex, on }),
                each,
                time,
                time_format,
                kinds,
            })
        }
        _ => Err(compiler.problems),
    }
}

/// `Option<Option<T>>` read as "asked for, and found".
trait Transposed<T> {
    fn transpose(self) -> Option<Option<T>>;
}

impl<T> Transposed<T> for Option<Option<T>> {
    fn transpose(self) -> Self {
        match self {
            None => Some(None),
            Some(None) => None,
            Some(found) => Some(found),
        }
    }
}

impl Compiler<'_> {
    fn problem(&mut self, place: &[&str], message: impl Into<String>, hint: impl Into<String>) {
        let place = place.iter().map(|part| (*part).to_owned()).collect();
        self.problems.push(MappingProblem { place, message: message.into(), hint: hint.into() });
    }

    fn regex(&mut self) -> Option<Regex> {
        let Some(pattern) = &self.declaration.pattern else {
            if self.declaration.pattern_on.is_some() {
                self.problem(&["pattern_on"], "there is no `pattern` to take this text apart", "add one");
            }
            return None;
        };
        if pattern.len() > MAX_PATTERN_BYTES {
            let message = format!("the pattern is longer than {MAX_PATTERN_BYTES} bytes");
            self.problem(&["pattern"], message, "take apart less of the line");
            return None;
        }
        match RegexBuilder::new(pattern).size_limit(PATTERN_PROGRAM_BYTES).build() {
            Ok(regex) => {
                self.groups = regex.capture_names().flatten().map(str::to_owned).collect();
                Some(regex)
            }
            Err(error) => {
                let text = error.to_string();
                let reason = text.lines().last().unwrap_or_default().trim().to_owned();
                let hint = "look-around and references back are not known here: they could take for ever";
                self.problem(&["pattern"], format!("the pattern cannot be used: {reason}"), hint);
                None
            }
        }
    }

    fn time_format(&mut self) -> Option<TimeFormat> {
        let zone = self.declaration.time_zone.as_deref();
        let problem = match TimeFormat::parse(&self.declaration.time_format, zone) {
            Ok(format) => return Some(format),
            Err(problem) => problem,
        };
        let (place, message, hint) = match problem {
            TimeProblem::Pattern => (
                "time_format",
                "this is no format of times",
                "write `rfc3339`, `unix-seconds`, `unix-millis`, `unix-micros`, `unix-nanos` or a pattern such as `%Y-%m-%d %H:%M:%S`",
            ),
            TimeProblem::Zone => {
                ("time_zone", "this is no zone", "write `UTC`, or a distance such as `+02:00`")
            }
            TimeProblem::ZoneMissing => (
                "time_format",
                "times of this format carry no zone",
                "say it with `time_zone = \"UTC\"`, or such as `\"+02:00\"`",
            ),
            TimeProblem::ZoneTwice => {
                ("time_zone", "times of this format carry their zone", "remove `time_zone`")
            }
        };
        self.problem(&[place], message, hint);
        None
    }

    fn sources(&mut self, place: &[&str], text: &str) -> Option<Sources> {
        let sources = match Sources::parse(text, MAX_ALTERNATIVES) {
            Ok(sources) => sources,
            Err(misplaced) => {
                let (message, hint) = match misplaced {
                    Misplaced::NoPlace => (
                        format!("`{text}` is no place of a value"),
                        "write a JSON pointer (`/a/b`), a group (`$name`) or a constant (`=text`)".to_owned(),
                    ),
                    Misplaced::TooMany => (
                        format!("more than {MAX_ALTERNATIVES} places are tried"),
                        "leave some out".to_owned(),
                    ),
                    Misplaced::EscapeInPointer => (
                        format!("`{text}` is no JSON pointer"),
                        "in a pointer `~` is written `~0`, and `/` in a name `~1`".to_owned(),
                    ),
                };
                self.problem(place, message, hint);
                return None;
            }
        };
        let is_json = self.declaration.pattern.is_none() || self.declaration.pattern_on.is_some();
        for found in sources.places() {
            match found {
                Place::Group(name) if !self.groups.contains(name) => {
                    let known = self.groups.join("`, `");
                    let hint = if known.is_empty() {
                        "groups are named in `pattern`: `(?P<name>…)`".to_owned()
                    } else {
                        format!("its groups are `{known}`")
                    };
                    self.problem(place, format!("the pattern has no group `{name}`"), hint);
                }
                Place::Pointer(_) | Place::OfRecord(_) if !is_json => {
                    let hint =
                        "write a group (`$name`), or say with `pattern_on` where in JSON the line stands";
                    self.problem(place, "a line has no JSON pointers", hint);
                }
                _ => {}
            }
        }
        Some(sources)
    }

    fn words(&mut self) -> Vec<(&'static str, Arc<Words>)> {
        let mut all = Vec::new();
        for (name, words) in &self.declaration.words {
            if words.len() > MAX_WORDS {
                let message = format!("more than {MAX_WORDS} words are translated");
                self.problem(&["words", name], message, "leave some out, or use `\"*\"`");
            }
            if let Some(field) = self.field(&["words", name], name) {
                all.push((field.name(), Arc::new(words.clone())));
            }
        }
        all
    }

    fn field(&mut self, place: &[&str], name: &str) -> Option<Field> {
        let field = Field::of(name);
        if field.is_none() {
            let hint =
                Field::names().max_by_key(|known| likeness(name, known)).map_or_else(String::new, |near| {
                    format!("did you mean `{near}`? docs/custom-formats.md lists them")
                });
            self.problem(place, format!("an event has no field `{name}`"), hint);
        }
        field
    }

    fn kind(&mut self, at: usize, kind: &KindDeclaration, words: &[(&'static str, Arc<Words>)]) -> Kind {
        let at = at.to_string();
        let own: Vec<(&String, &String, [&str; 4])> = kind
            .fields
            .iter()
            .map(|(name, text)| (name, text, ["kind", at.as_str(), "fields", name.as_str()]))
            .collect();
        let shared = self.declaration.fields.iter().filter(|(name, _)| !kind.fields.contains_key(*name));
        let mut fields = Vec::new();
        for (name, text, place) in own {
            if let (Some(field), Some(sources)) = (self.field(&place, name), self.sources(&place, text)) {
                fields.push((field, sources, words_of(field, words)));
            }
        }
        for (name, text) in shared {
            let place = ["fields", name.as_str()];
            // What all kinds share is found wrong once.
            let before = self.problems.len();
            let made = (self.field(&place, name), self.sources(&place, text));
            if at != "0" {
                self.problems.truncate(before);
            }
            if let (Some(field), Some(sources)) = made {
                fields.push((field, sources, words_of(field, words)));
            }
        }
        if fields.len() > MAX_FIELDS {
            self.problem(
                &["kind", &at, "fields"],
                format!("more than {MAX_FIELDS} fields"),
                "leave some out",
            );
        }
        let when = kind.when.iter().filter_map(|(source, text)| {
            let wanted: Vec<_> = text.split(" | ").map(Wanted::of).collect();
            if wanted.len() > MAX_ALTERNATIVES {
                let message = format!("more than {MAX_ALTERNATIVES} texts are compared");
                self.problem(&["kind", &at, "when"], message, "use `*`, or two kinds");
            }
            Some((self.sources(&["kind", &at, "when", source], source)?, wanted))
        });
        let when = when.collect();
        self.needs(&at, kind, &fields);
        Kind { when, word: kind.event.clone(), fields }
    }

    /// A type is one of EVENTS.md's, and has the field without which it is refused.
    fn needs(&mut self, at: &str, kind: &KindDeclaration, fields: &[(Field, Sources, Option<Arc<Words>>)]) {
        let Some((_, needs)) = TYPES.iter().find(|(word, _)| *word == kind.event) else {
            let known = TYPES.map(|(word, _)| word).join("`, `");
            let message = format!("`{}` is no type of event", kind.event);
            self.problem(&["kind", at, "type"], message, format!("it is one of `{known}`"));
            return;
        };
        if !needs.is_empty() && !fields.iter().any(|(field, ..)| needs.contains(&field.name())) {
            let message = format!("an event of type `{}` needs `{}`", kind.event, needs.join("` or `"));
            self.problem(&["kind", at], message, "add it to the kind's `fields`");
        }
    }
}

fn words_of(field: Field, words: &[(&'static str, Arc<Words>)]) -> Option<Arc<Words>> {
    words.iter().find(|(name, _)| *name == field.name()).map(|(_, words)| Arc::clone(words))
}

/// How many bytes two names have in common at their ends.
fn likeness(one: &str, other: &str) -> usize {
    let common = |one: &mut dyn Iterator<Item = u8>, other: &mut dyn Iterator<Item = u8>| {
        one.zip(other).take_while(|(a, b)| a == b).count()
    };
    common(&mut one.bytes(), &mut other.bytes()) + common(&mut one.bytes().rev(), &mut other.bytes().rev())
}

impl Wanted {
    fn of(text: &str) -> Self {
        match text.strip_suffix('*') {
            Some(beginning) => Self::Beginning(beginning.to_owned()),
            None => Self::Exactly(text.to_owned()),
        }
    }

    pub(super) fn fits(&self, text: &str) -> bool {
        match self {
            Self::Exactly(wanted) => wanted == text,
            Self::Beginning(wanted) => text.starts_with(wanted.as_str()),
        }
    }
}
