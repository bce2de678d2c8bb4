//! Foreign text in Markdown: inside code spans, where no markup, mention, emoji or link begins.
//!
//! A span ends at the next backtick and nowhere else, so a backtick of theirs is shown as the modifier letter that
//! looks like it (U+02CB). Backslashes are no escapes inside a span.

use crate::card::Text;

/// What stands for a backtick.
const NO_BACKTICK: &str = "\u{2cb}";

/// The whole text, with at most so many characters of each foreign piece.
pub(super) fn encode(text: &Text, most: usize) -> String {
    // Two spans that touch would be read as one with longer fences.
    text.encode_short(most, span, without_backticks).replace("``", "` `")
}

/// The same for services that rewrite `<…>` before they read any Markdown, code spans included.
pub(super) fn encode_without_angles(text: &Text, most: usize) -> String {
    let span = |words: &str| span(&words.replace('<', "\u{2039}").replace('>', "\u{203a}"));
    text.encode_short(most, span, without_backticks).replace("``", "` `")
}

fn span(words: &str) -> String {
    if words.is_empty() { String::new() } else { format!("`{}`", without_backticks(words)) }
}

fn without_backticks(words: &str) -> String {
    words.replace('`', NO_BACKTICK)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_foreign_piece_is_one_span_that_it_cannot_leave() {
        let text = Text::new().then("by ").untrusted("`@everyone` [x](y) <@1>").untrusted("b");
        assert_eq!(encode(&text, 99), "by `\u{2cb}@everyone\u{2cb} [x](y) <@1>` `b`");
        assert_eq!(encode_without_angles(&Text::new().untrusted("<!here>"), 99), "`\u{2039}!here\u{203a}`");
        assert_eq!(encode(&Text::new().untrusted("abcdef").untrusted(""), 3), "`ab…`");
    }
}
