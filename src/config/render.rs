//! How mistakes are shown: the line, a caret under the place, the remedy; and never a secret.

use std::fmt::Write as _;
use std::path::Path;

use alerting::sanitise::{Sanitised, sanitise};

use super::diagnostic::{Diagnostic, Level};
use super::tree::Span;

/// Most characters of a line that are shown; of a longer one, what lies around the place.
const LINE_MAX: usize = 140;
/// Characters before the place that stay when the beginning of a line is left out.
const BEFORE_PLACE: usize = 40;
/// What a tab is shown as.
const TAB: &str = "    ";
/// What stands for text that is not shown.
const HIDDEN: &str = "***";

/// Line and column, from 1, in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Position {
    pub(super) line: usize,
    pub(super) column: usize,
}

/// The text of a file, from which lines can be shown.
#[derive(Debug)]
pub(super) struct Excerpt<'a> {
    text: &'a str,
    hidden: &'a [Span],
    /// Where each line begins.
    lines: Vec<usize>,
}

/// A line fit to be shown, and the columns from 0 of the place in it.
#[derive(Debug, PartialEq, Eq)]
struct Shown {
    line: String,
    from: usize,
    to: usize,
}

impl<'a> Excerpt<'a> {
    pub(super) fn new(text: &'a str, hidden: &'a [Span]) -> Self {
        let breaks = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
        Self { text, hidden, lines: std::iter::once(0).chain(breaks).collect() }
    }

    /// Line and column of a byte; of the end for what lies beyond it.
    pub(super) fn position(&self, at: usize) -> Position {
        let at = self.boundary(at);
        let line = self.lines.partition_point(|start| *start <= at);
        Position { line, column: self.text[self.lines[line - 1]..at].chars().count() + 1 }
    }

    /// The bytes of the line at a byte, without its end.
    pub(super) fn line_span(&self, at: usize) -> Span {
        let line = self.position(at).line;
        let start = self.lines[line - 1];
        let end = self.lines.get(line).map_or(self.text.len(), |next| next - 1);
        start..start + self.text[start..end].trim_end_matches('\r').len()
    }

    /// The first line of a place.
    fn show(&self, span: &Span) -> Shown {
        let line = self.line_span(span.start);
        let start = self.boundary(span.start).clamp(line.start, line.end);
        let end = self.boundary(span.end).clamp(start, line.end);
        let (mut shown, mut from, mut to) = (String::new(), 0, 0);
        let mut cuts = vec![line.start, start, end, line.end];
        cuts.extend(self.hidden.iter().flat_map(|hidden| [hidden.start, hidden.end]));
        cuts.retain(|cut| line.start <= *cut && *cut <= line.end);
        cuts.sort_unstable();
        for pair in cuts.windows(2) {
            let (piece_start, piece_end) = (pair[0], pair[1]);
            let hidden =
                self.hidden.iter().any(|hidden| hidden.start <= piece_start && piece_end <= hidden.end);
            if piece_start == start {
                let inside = if hidden && shown.ends_with(HIDDEN) { HIDDEN.len() } else { 0 };
                from = shown.chars().count() - inside;
            }
            if !hidden {
                shown.push_str(&visible(&self.text[piece_start..piece_end]));
            } else if piece_start < piece_end && !shown.ends_with(HIDDEN) {
                // A place inside of hidden text cuts it; it is still one text.
                shown.push_str(HIDDEN);
            }
            if piece_end == end {
                to = shown.chars().count();
            }
        }
        if start == line.end {
            (from, to) = (shown.chars().count(), shown.chars().count());
        }
        shortened(&shown, from, to)
    }

    /// The nearest boundary of a character at or before a byte.
    fn boundary(&self, at: usize) -> usize {
        let at = at.min(self.text.len());
        (0..=at).rev().find(|at| self.text.is_char_boundary(*at)).unwrap_or(0)
    }
}

fn visible(text: &str) -> String {
    sanitise(&text.replace('\t', TAB)).into_string()
}

/// A long line without what lies far from the place.
fn shortened(line: &str, from: usize, to: usize) -> Shown {
    let characters: Vec<char> = line.chars().collect();
    let first = if characters.len() <= LINE_MAX { 0 } else { from.saturating_sub(BEFORE_PLACE) };
    let last = characters.len().min(first + LINE_MAX);
    let mut shown: String = characters[first..last].iter().collect();
    if last < characters.len() {
        shown.push('…');
    }
    let mark = if first > 0 { "…" } else { "" };
    let moved = |column: usize| (column.min(last) - first) + mark.chars().count();
    Shown { line: format!("{mark}{shown}"), from: moved(from), to: moved(to).max(moved(from)) }
}

/// Renders the diagnostics of one file.
pub(super) struct Renderer<'a> {
    file: &'a Path,
    excerpt: Excerpt<'a>,
}

impl<'a> Renderer<'a> {
    pub(super) fn new(file: &'a Path, excerpt: Excerpt<'a>) -> Self {
        Self { file, excerpt }
    }

    /// One diagnostic with its line, ended by a line break. The colours are for terminals; the program's writers take
    /// them out where there is none.
    pub(super) fn render(&self, diagnostic: &Diagnostic) -> String {
        let level_style = match diagnostic.level {
            Level::Error => Style::RED,
            Level::Warning => Style::YELLOW,
        };
        let word = paint(level_style, diagnostic.level.word());
        let mut out =
            format!("{word}{}\n", paint(Style::BOLD, &format!(": {}", sanitise(&diagnostic.message))));
        let file = sanitise(&self.file.display().to_string());
        let margin = match &diagnostic.span {
            None => {
                writeln!(out, " {} {file}", paint(Style::BLUE, "-->")).expect(TO_TEXT);
                " ".to_owned()
            }
            Some(span) => {
                let at = self.excerpt.position(span.start);
                let shown = self.excerpt.show(span);
                let number = at.line.to_string();
                let margin = " ".repeat(number.len());
                let bar = paint(Style::BLUE, "|");
                let arrow = paint(Style::BLUE, "-->");
                let carets = paint(level_style, &"^".repeat((shown.to - shown.from).max(1)));
                let number = paint(Style::BLUE, &number);
                writeln!(out, "{margin}{arrow} {file}:{}:{}", at.line, at.column).expect(TO_TEXT);
                writeln!(out, "{margin} {bar}").expect(TO_TEXT);
                writeln!(out, "{number} {bar} {}", shown.line.trim_end()).expect(TO_TEXT);
                writeln!(out, "{margin} {bar} {}{carets}", " ".repeat(shown.from)).expect(TO_TEXT);
                margin
            }
        };
        if let Some(help) = &diagnostic.help {
            let sign = paint(Style::BLUE, "=");
            let word = paint(Style::BOLD, "help");
            let mut lines = help.lines().map(sanitise);
            let first = lines.next().map(Sanitised::into_string).unwrap_or_default();
            writeln!(out, "{margin} {sign} {word}: {first}").expect(TO_TEXT);
            for line in lines {
                writeln!(out, "{margin}           {line}").expect(TO_TEXT);
            }
        }
        out
    }
}

fn paint(style: Style, text: &str) -> String {
    format!("\u{1b}[{}m{text}\u{1b}[0m", style.0)
}

const TO_TEXT: &str = "writing to a text cannot fail";

/// The numbers of an ANSI escape.
#[derive(Clone, Copy)]
struct Style(&'static str);

impl Style {
    const BOLD: Self = Self("1");
    const RED: Self = Self("1;31");
    const YELLOW: Self = Self("1;33");
    const BLUE: Self = Self("1;34");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, span: Span, hidden: &[Span], line: &str, marked: &str) {
        let shown = Excerpt::new(text, hidden).show(&span);
        assert_eq!(shown.line, line);
        let found: String = shown.line.chars().skip(shown.from).take(shown.to - shown.from).collect();
        assert_eq!(found, marked);
    }

    #[test]
    fn the_place_is_marked_in_its_line() {
        check("a = 1\nbc = 2\n", 6..8, &[], "bc = 2", "bc");
        check("a = 1\r\nb = 2\r\n", 7..8, &[], "b = 2", "b");
        check("a = [1,\n2]\n", 4..10, &[], "a = [1,", "[1,");
        check("a =", 3..3, &[], "a =", "");
        check("é = ü\n", 5..7, &[], "é = ü", "ü");
        check("", 0..0, &[], "", "");
    }

    #[test]
    fn what_hides_is_made_visible_and_the_mark_moves_with_it() {
        check("\ta = 1", 1..2, &[], "    a = 1", "a");
        check("\u{202e}a = 1", 3..4, &[], "\\u{202e}a = 1", "a");
        check("a = '\u{1b}[31m' # x", 0..1, &[], "a = '\\u{1b}[31m' # x", "a");
    }

    #[test]
    fn hidden_text_is_never_shown_wherever_the_place_is() {
        let text = "u = 'hunter2', k = 'x'";
        let hidden = [Span { start: 4, end: 13 }];
        check(text, 15..16, &hidden, "u = ***, k = 'x'", "k");
        check(text, 4..13, &hidden, "u = ***, k = 'x'", "***");
        check(text, 6..9, &hidden, "u = ***, k = 'x'", "***");
        check(text, 0..22, &hidden, "u = ***, k = 'x'", "u = ***, k = 'x'");
    }

    #[test]
    fn hidden_text_over_several_lines_is_hidden_in_each() {
        let text = "u = '''a\nhunter2\nb''' # c";
        let hidden = [Span { start: 4, end: 21 }];
        for at in 0..text.len() {
            let line = Excerpt::new(text, &hidden).show(&(at..at + 1)).line;
            assert!(["u = ***", "***", "*** # c"].contains(&line.as_str()), "{at}: {line}");
        }
    }

    #[test]
    fn of_a_long_line_what_lies_around_the_place_is_shown() {
        let text = format!("{}KEY{}", "a".repeat(500), "b".repeat(500));
        let shown = Excerpt::new(&text, &[]).show(&(500..503));
        assert_eq!(shown.line.chars().count(), LINE_MAX + 2);
        let marked: String = shown.line.chars().skip(shown.from).take(shown.to - shown.from).collect();
        assert_eq!(marked, "KEY");
    }

    #[test]
    fn positions_are_counted_in_characters_from_1() {
        let excerpt = Excerpt::new("é1\nü2", &[]);
        for (at, line, column) in [(0, 1, 1), (2, 1, 2), (4, 2, 1), (6, 2, 2), (99, 2, 3)] {
            assert_eq!(excerpt.position(at), Position { line, column }, "{at}");
        }
    }
}
