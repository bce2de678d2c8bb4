//! Text from the other side made fit for a message: no control or direction marks, and not endless.

use std::fmt::Write as _;

/// The longest piece of foreign text that goes into an error or a log line, in characters.
pub(crate) const FOREIGN_TEXT_MAX: usize = 512;

/// Shows what is invisible as `\u{..}` and cuts at [`FOREIGN_TEXT_MAX`] characters; the cut is marked.
pub(crate) fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len().min(FOREIGN_TEXT_MAX));
    for (index, character) in text.chars().enumerate() {
        if index == FOREIGN_TEXT_MAX {
            shown.push('…');
            break;
        }
        if is_invisible(character) {
            // Writing to a string cannot fail.
            let _ = write!(shown, "\\u{{{:x}}}", u32::from(character));
        } else {
            shown.push(character);
        }
    }
    shown
}

/// Control characters, line separators, and the direction and zero-width marks that can make a line lie.
fn is_invisible(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}'
            | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_forge_a_line_is_shown_as_an_escape() {
        let cases = [
            ("plain text, ünïcode", "plain text, ünïcode"),
            ("a\nb\r\u{1b}[31m", "a\\u{a}b\\u{d}\\u{1b}[31m"),
            ("evil\u{202e}gnp.exe", "evil\\u{202e}gnp.exe"),
            ("zero\u{200b}width\u{feff}", "zero\\u{200b}width\\u{feff}"),
        ];
        for (given, expected) in cases {
            assert_eq!(printable(given), expected);
        }
    }

    #[test]
    fn endless_text_is_cut_and_the_cut_is_marked() {
        let shown = printable(&"x".repeat(FOREIGN_TEXT_MAX + 1));
        assert_eq!(shown.chars().count(), FOREIGN_TEXT_MAX + 1);
        assert!(shown.ends_with('…'));
        assert!(!printable(&"x".repeat(FOREIGN_TEXT_MAX)).ends_with('…'));
    }
}
