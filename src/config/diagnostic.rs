//! One mistake or warning, and the report that all of a file's make up.

use std::path::{Path, PathBuf};

use serde_json::json;

use super::render::{Excerpt, Renderer};
use super::tree::Span;

/// Most characters of a message or remedy: keys and words in them can be as long as the file.
const MESSAGE_MAX: usize = 600;

/// Most diagnostics of one file; how many there are beyond them is said in one more.
const DIAGNOSTICS_MAX: usize = 200;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    /// The configuration cannot be used.
    Error,
    /// It can, but somebody should know.
    Warning,
}

impl Level {
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

/// What is wrong, where, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Diagnostic {
    pub(crate) level: Level,
    /// Which key it concerns, as `source[0].start`; empty for the whole file.
    pub(crate) path: String,
    /// Where it stands; `None` if the mistake is that something stands nowhere.
    pub(super) span: Option<Span>,
    /// What is wrong, in lower case and without a full stop.
    pub(crate) message: String,
    /// The remedy.
    pub(crate) help: Option<String>,
}

impl Diagnostic {
    /// A mistake at a place.
    pub(super) fn error(path: impl Into<String>, span: &Span, message: impl Into<String>) -> Self {
        Self {
            level: Level::Error,
            path: path.into(),
            span: Some(span.clone()),
            message: message.into(),
            help: None,
        }
    }

    /// A mistake of the file as a whole.
    pub(super) fn of_file(message: impl Into<String>) -> Self {
        Self::nowhere("", message)
    }

    /// A mistake about what is not in the file.
    pub(super) fn nowhere(path: &str, message: impl Into<String>) -> Self {
        Self { level: Level::Error, path: path.to_owned(), span: None, message: message.into(), help: None }
    }

    /// The same as a warning.
    pub(super) fn into_warning(self) -> Self {
        Self { level: Level::Warning, ..self }
    }

    /// The same with its remedy.
    pub(super) fn help(self, help: impl Into<String>) -> Self {
        Self { help: Some(help.into()), ..self }
    }
}

/// Everything that is to be said about one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Report {
    file: PathBuf,
    text: String,
    diagnostics: Vec<Diagnostic>,
    mistakes: usize,
    /// Places whose text is never shown: it is, or may be, a secret.
    hidden: Vec<Span>,
}

impl Report {
    /// Sorts what was found by its place, what concerns the whole file first.
    pub(super) fn new(file: &Path, text: &str, mut diagnostics: Vec<Diagnostic>, hidden: Vec<Span>) -> Self {
        diagnostics.sort_by_key(|diagnostic| {
            (diagnostic.level, diagnostic.span.as_ref().map(|span| span.start), diagnostic.message.clone())
        });
        diagnostics.dedup();
        let mistakes = diagnostics.iter().filter(|diagnostic| diagnostic.level == Level::Error).count();
        let beyond = diagnostics.len().saturating_sub(DIAGNOSTICS_MAX);
        if beyond > 0 {
            diagnostics.truncate(DIAGNOSTICS_MAX);
            diagnostics
                .push(Diagnostic::of_file(format!("{beyond} more are not shown")).help("repair these first"));
        }
        for diagnostic in &mut diagnostics {
            shorten(&mut diagnostic.message);
            diagnostic.help.iter_mut().for_each(shorten);
        }
        Self { file: file.to_owned(), text: text.to_owned(), diagnostics, mistakes, hidden }
    }

    /// What was found, mistakes before warnings, each in the order of the file.
    pub(crate) fn diagnostics(&self) -> &[Diagnostic] {
        &self.diagnostics
    }

    /// The file it is about.
    pub(crate) fn file(&self) -> &Path {
        &self.file
    }

    /// How many mistakes there are.
    pub(crate) fn mistakes(&self) -> usize {
        self.mistakes
    }

    /// For people: each with its line, as compilers show them, in the colours of a terminal; empty if there is nothing
    /// to say.
    pub(crate) fn render(&self) -> String {
        let renderer = Renderer::new(&self.file, self.excerpt());
        self.diagnostics.iter().map(|diagnostic| renderer.render(diagnostic)).collect::<Vec<_>>().join("\n")
    }

    /// For programs: a list with one object each.
    pub(crate) fn to_json(&self) -> serde_json::Value {
        let excerpt = self.excerpt();
        let object = |diagnostic: &Diagnostic| {
            let at = diagnostic.span.as_ref().map(|span| excerpt.position(span.start));
            json!({
                "level": diagnostic.level.word(),
                "file": self.file.display().to_string(),
                "path": diagnostic.path,
                "line": at.map(|at| at.line),
                "column": at.map(|at| at.column),
                "message": diagnostic.message,
                "help": diagnostic.help,
            })
        };
        self.diagnostics.iter().map(object).collect()
    }

    fn excerpt(&self) -> Excerpt<'_> {
        Excerpt::new(&self.text, &self.hidden)
    }
}

fn shorten(text: &mut String) {
    if let Some((cut, _)) = text.char_indices().nth(MESSAGE_MAX) {
        text.truncate(cut);
        text.push('…');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(diagnostics: Vec<Diagnostic>) -> Report {
        Report::new(Path::new("a.toml"), "a = 1\nb = 2\n", diagnostics, Vec::new())
    }

    #[test]
    fn mistakes_come_before_warnings_and_each_in_the_order_of_the_file() {
        let report = report(vec![
            Diagnostic::error("a", &(0..1), "first warning").into_warning(),
            Diagnostic::error("b", &(6..7), "second"),
            Diagnostic::error("a", &(0..1), "first"),
            Diagnostic::of_file("whole"),
            Diagnostic::error("a", &(0..1), "first"),
        ]);
        let messages: Vec<_> = report.diagnostics().iter().map(|one| one.message.as_str()).collect();
        assert_eq!(messages, ["whole", "first", "second", "first warning"]);
        assert_eq!(report.mistakes(), 3);
    }

    #[test]
    fn the_longest_message_is_shown_whole_and_a_longer_one_is_cut() {
        let message =
            |length| report(vec![Diagnostic::of_file("x".repeat(length))]).diagnostics()[0].message.clone();
        assert_eq!(message(MESSAGE_MAX), "x".repeat(MESSAGE_MAX));
        assert_eq!(message(MESSAGE_MAX + 1), format!("{}…", "x".repeat(MESSAGE_MAX)));
    }

    #[test]
    fn as_many_as_people_can_read_are_shown_and_the_others_are_counted() {
        let many = |count: usize| {
            report((0..count).map(|number| Diagnostic::of_file(format!("{number:03}"))).collect())
        };
        assert_eq!(many(DIAGNOSTICS_MAX).diagnostics().len(), DIAGNOSTICS_MAX);
        let more = many(DIAGNOSTICS_MAX + 7);
        assert_eq!((more.diagnostics().len(), more.mistakes()), (DIAGNOSTICS_MAX + 1, DIAGNOSTICS_MAX + 7));
        assert_eq!(more.diagnostics()[DIAGNOSTICS_MAX].message, "7 more are not shown");
    }

    #[test]
    fn programs_get_place_message_and_remedy() {
        let report = report(vec![
            Diagnostic::error("b", &(6..7), "is bad").help("repair it"),
            Diagnostic::of_file("no"),
        ]);
        let expected = json!([
            { "level": "error", "file": "a.toml", "path": "", "line": null, "column": null, "message": "no", "help": null },
            { "level": "error", "file": "a.toml", "path": "b", "line": 2, "column": 1, "message": "is bad", "help": "repair it" },
        ]);
        assert_eq!(report.to_json(), expected);
    }
}
