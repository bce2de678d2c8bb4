//! From text to a tree although some of it is no TOML: what cannot be read is reported and left out.

use toml::de::DeTable;

use super::diagnostic::Diagnostic;
use super::render::Excerpt;
use super::tree::{Node, Span};

/// After so many mistakes of syntax in one file the rest is not looked at.
const SYNTAX_MISTAKES_MAX: usize = 20;

/// What could be read of a text.
#[derive(Debug)]
pub(super) struct Parsed {
    /// `None` if nothing could be.
    pub(super) tree: Option<Node>,
    pub(super) mistakes: Vec<Diagnostic>,
    /// What was not read, and so may hold a secret; parts of it may be named twice.
    pub(super) unread: Vec<Span>,
}

/// Reads as much of a text as can be read. A line with a mistake is left out; its whole section, where the mistake
/// says nothing about where the next value begins.
pub(super) fn parse(text: &str) -> Parsed {
    let excerpt = Excerpt::new(text, &[]);
    let mut rest = text.to_owned();
    let mut parsed = Parsed { tree: None, mistakes: Vec::new(), unread: Vec::new() };
    while parsed.mistakes.len() < SYNTAX_MISTAKES_MAX {
        let error = match DeTable::parse(&rest) {
            Ok(document) => {
                parsed.tree = Some(Node::of_document(&document));
                return parsed;
            }
            Err(error) => error,
        };
        let span = error.span().unwrap_or(0..0);
        let line = excerpt.line_span(span.start);
        let unread = match extent(error.message(), &text[line.clone()]) {
            Extent::Line => line.clone(),
            Extent::Section => section(text, line.start),
            Extent::SectionBefore => section(text, line.start.saturating_sub(1)),
        };
        let mistake = mistake(error.message(), &span, text);
        if parsed.mistakes.contains(&mistake) {
            // It was noticed elsewhere than where it is: leaving more out would not help.
            break;
        }
        parsed.mistakes.push(mistake);
        parsed.unread.extend([line, unread.clone()]);
        // Bytes keep their places, so that what is read next has its own.
        let blank: String =
            rest[unread.clone()].bytes().map(|byte| if byte == b'\n' { '\n' } else { ' ' }).collect();
        rest.replace_range(unread, &blank);
    }
    parsed
}

/// How far a mistake reaches.
enum Extent {
    /// The next line can be read.
    Line,
    /// Nobody knows where the value ends: the section cannot be read.
    Section,
    /// A value of the section before this header is not closed.
    SectionBefore,
}

fn extent(message: &str, line: &str) -> Extent {
    let is_header = is_header(line);
    if is_open(message) && is_header {
        Extent::SectionBefore
    } else if is_open(message) || is_header || line.contains("\"\"\"") || line.contains("'''") {
        Extent::Section
    } else {
        Extent::Line
    }
}

fn is_header(line: &str) -> bool {
    line.trim_start().starts_with('[')
}

/// Whether a message is about a value that goes on over several lines.
fn is_open(message: &str) -> bool {
    ["array element", "in array", "unclosed array", "inline table", "multi-line", "recurs"]
        .iter()
        .any(|words| message.contains(words) && !message.contains("array table"))
}

/// From the last header at or before a byte to the next header.
fn section(text: &str, byte: usize) -> Span {
    let mut start = 0;
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        if is_header(line) && at <= byte {
            start = at;
        } else if is_header(line) {
            return start..at;
        }
        at += line.len();
    }
    start..text.len()
}

fn mistake(message: &str, span: &Span, text: &str) -> Diagnostic {
    let found = text.get(span.clone()).unwrap_or_default();
    let (what, expected) =
        message.split_once(", expected ").map_or((message, None), |(what, rest)| (what, Some(rest)));
    let error = |message: String| Diagnostic::error("", span, message);
    let is_bare_word = what == "string values must be quoted"
        || (what.starts_with("invalid ") && found.starts_with(char::is_alphabetic));
    if is_bare_word {
        return error("a text must stand in quotation marks".to_owned()).help(
            if found.starts_with(|first: char| first.is_ascii_digit()) {
                "write a number without a unit, or a text in quotation marks"
            } else {
                "put quotation marks around it"
            },
        );
    }
    match (what, expected) {
        ("duplicate key", _) => error(format!("`{found}` is given twice"))
            .help("remove one of the two, or put both into one table"),
        (what, Some(expected)) if is_open(what) => error(format!("cannot read this as TOML: {what}"))
            .help(format!("write {expected} here, or close the list or table before it")),
        (what, Some(expected)) => {
            error(format!("cannot read this as TOML: {what}")).help(format!("write {expected} here"))
        }
        (what, None) => {
            error(format!("cannot read this as TOML: {what}")).help("remove it, or see <https://toml.io>")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, mistakes: &[&str], keys: &[&str]) {
        let parsed = parse(text);
        let found: Vec<_> = parsed.mistakes.iter().map(|mistake| mistake.message.as_str()).collect();
        assert_eq!(found, mistakes);
        let tree = parsed.tree.expect("something can be read");
        let read: Vec<_> = tree.entries().iter().map(|entry| entry.key.as_str()).collect();
        assert_eq!(read, keys);
    }

    #[test]
    fn each_line_with_a_mistake_is_reported_and_the_others_are_read() {
        check(
            "a = 30s\nb = foo\nc =\nd = 1\n",
            &[
                "a text must stand in quotation marks",
                "a text must stand in quotation marks",
                "a text must stand in quotation marks",
            ],
            &["d"],
        );
        check("a = 1\na = 2\nb = 3\n", &["`a` is given twice"], &["a", "b"]);
    }

    #[test]
    fn a_section_that_cannot_be_told_from_the_next_is_left_out() {
        check("[a\nx = 1\n[b]\ny = 2\n", &["cannot read this as TOML: unclosed table"], &["b"]);
        check("[a]\nx = [1,\ny = 2\n[b]\n", &["cannot read this as TOML: unexpected `=` in array"], &["b"]);
        check("[a]\n[a]\nx = 1\n[b]\n", &["`a` is given twice"], &["a", "b"]);
        check(
            "[a]\nx = {y = 1,\n[b]\n",
            &["cannot read this as TOML: missing key for inline table element"],
            &["b"],
        );
        check("[a]\nx = 'b\n[c]\n", &["cannot read this as TOML: invalid literal string"], &["a", "c"]);
    }

    #[test]
    fn a_text_that_never_ends_leaves_nothing_to_read() {
        let parsed = parse("[a]\nx = \"\"\"b\n[c]\n");
        assert_eq!(parsed.mistakes.len(), 1);
        assert_eq!(parsed.tree, None);
    }

    #[test]
    fn after_so_many_mistakes_the_rest_is_not_looked_at() {
        let bad = |count: usize| "a = b\n".repeat(count);
        let parsed = parse(&bad(SYNTAX_MISTAKES_MAX - 1));
        assert_eq!((parsed.mistakes.len(), parsed.tree.is_some()), (SYNTAX_MISTAKES_MAX - 1, true));
        let parsed = parse(&bad(SYNTAX_MISTAKES_MAX + 1));
        assert_eq!((parsed.mistakes.len(), parsed.tree.is_some()), (SYNTAX_MISTAKES_MAX, false));
    }

    #[test]
    fn nothing_at_all_ends_the_reading() {
        for text in ["\"", "[", "]", "=", "'''", "[[", "a.", "\u{feff}=", "{", "a = {", "a = [[[[", "é = é"]
        {
            assert!(!parse(text).mistakes.is_empty(), "{text}");
        }
    }
}
