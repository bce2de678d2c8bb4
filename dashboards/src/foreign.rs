//! Text from outside as HTML: sanitised, defanged, cut, escaped, and marked where it hides something.
//!
//! Names of packages, people, tags and keys belong to whoever chose them. Every one that a page shows passes here;
//! `<bdi>` keeps text that runs from right to left from reordering what stands beside it.

use alerting::card::Untrusted;
use alerting::sanitise::{Badge, Sanitised, sanitise_bytes};

use crate::html::Html;

/// Two values are the same but for a stretch if they have this much in common, in bytes; else marking it would only
/// confuse.
const ALIKE_BYTES: usize = 8;

/// The same text for places that take no elements: a page's title, an attribute, a form field's value. It still
/// needs the template's escapes.
pub(crate) fn plain(text: &str) -> String {
    Untrusted::new(text).shown().into_string()
}

/// A name: of a package, a person, a key.
pub(crate) fn name(text: &str) -> Html {
    let shown = Untrusted::new(text).shown();
    let marks = Marks::of(text, &shown, Alphabets::OfTheWhole);
    marked(Html::new().markup("<bdi class=\"name\">"), shown.as_str(), &marks)
        .markup("</bdi>")
        .html(&marks.badges())
}

/// A name, or a word of ours where there is none.
pub(crate) fn name_or_nothing(text: &str) -> Html {
    if text.is_empty() { Html::new().markup("<span class=\"nothing\">nothing</span>") } else { name(text) }
}

/// A sentence of ours with names in it: what stands between backticks is shown as a name.
pub(crate) fn sentence(text: &str) -> Html {
    let shown = Untrusted::new(text).shown();
    let marks = Marks::of(text, &shown, Alphabets::OfEachWord);
    let mut html = Html::new().markup("<bdi>");
    let parts: Vec<&str> = shown.as_str().split('`').collect();
    let closed = parts.len() % 2 == 1;
    for (at, part) in parts.iter().enumerate() {
        html = match (at % 2 == 1, closed || at + 1 < parts.len()) {
            (true, true) => marked(html.markup("<bdi class=\"name\">"), part, &marks).markup("</bdi>"),
            (true, false) => marked(html.markup("`"), part, &marks),
            (false, _) => marked(html, part, &marks),
        };
    }
    html.markup("</bdi>").html(&marks.badges())
}

/// Two values of one thing, with the stretch in which they differ marked.
pub(crate) fn pair(before: &str, after: &str) -> (Html, Html) {
    if before.is_empty() || after.is_empty() {
        return (name_or_nothing(before), name_or_nothing(after));
    }
    let [old, new] = [before, after].map(|text| Untrusted::new(text).shown());
    let (head, tail) = common_ends(old.as_str(), new.as_str());
    if head + tail < ALIKE_BYTES || old == new {
        return (name(before), name(after));
    }
    let side = |text: &str, shown: &Sanitised| {
        let whole = shown.as_str();
        let marks = Marks::of(text, shown, Alphabets::OfTheWhole);
        let middle = &whole[head..whole.len() - tail];
        let mut html = marked(Html::new().markup("<bdi class=\"name\">"), &whole[..head], &marks);
        if !middle.is_empty() {
            html = marked(html.markup("<b class=\"differs\">"), middle, &marks).markup("</b>");
        }
        marked(html, &whole[whole.len() - tail..], &marks).markup("</bdi>").html(&marks.badges())
    };
    (side(before, &old), side(after, &new))
}

/// A record's bytes, line by line: controls and direction marks visible, line breaks kept.
pub(crate) fn lines(bytes: &[u8]) -> Html {
    let mut html = Html::new();
    for (at, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
        let shown = sanitise_bytes(line.strip_suffix(b"\r").unwrap_or(line));
        let marks = Marks { escapes: shown.badge().is_some(), mixed: false, badge: None };
        html = marked(if at > 0 { html.markup("\n") } else { html }, shown.as_str(), &marks);
    }
    html
}

/// What is to be marked in a text.
struct Marks {
    /// Whether `\u{..}` in it stands for a character that does not show.
    escapes: bool,
    /// Whether it mixes alphabets whose letters look alike.
    mixed: bool,
    badge: Option<Badge>,
}

/// Where letters of two alphabets are a sign of forgery.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Alphabets {
    /// In a name.
    OfTheWhole,
    /// In one word of a sentence, which may quote names in any script.
    OfEachWord,
}

impl Marks {
    fn of(text: &str, shown: &Sanitised, alphabets: Alphabets) -> Self {
        let mixed = match alphabets {
            Alphabets::OfTheWhole => mixes(text),
            Alphabets::OfEachWord => text.split(|character: char| !character.is_alphanumeric()).any(mixes),
        };
        Self { escapes: shown.badge().is_some(), mixed, badge: shown.badge() }
    }

    fn badges(&self) -> Html {
        let mut html = Html::new();
        if let Some(badge) = self.badge {
            html = html
                .markup(
                    " <span class=\"caution\" title=\"This text is not shown exactly as it was written\">",
                )
                .text(badge.as_str())
                .markup("</span>");
        }
        if self.mixed {
            html = html.markup(
                " <span class=\"caution\" title=\"Letters of another alphabet that look like Latin ones\">look-alike letters</span>",
            );
        }
        html
    }
}

fn mixes(text: &str) -> bool {
    !text.is_ascii()
        && text.contains(|letter: char| letter.is_ascii_alphabetic())
        && text.contains(looks_latin)
}

/// Letters of alphabets with shapes of Latin letters: Greek, Cyrillic, Armenian, Cherokee, full-width forms,
/// mathematical letters. Source: the scripts with most entries in Unicode's `confusables.txt` (UTS #39).
fn looks_latin(letter: char) -> bool {
    letter.is_alphabetic()
        && matches!(letter, '\u{370}'..='\u{58f}' | '\u{13a0}'..='\u{13ff}' | '\u{1f00}'..='\u{1fff}'
            | '\u{ff21}'..='\u{ff5a}' | '\u{1d400}'..='\u{1d7ff}')
}

/// Adds text with its escapes and look-alike letters marked.
fn marked(mut html: Html, text: &str, marks: &Marks) -> Html {
    if !marks.escapes && !marks.mixed {
        return html.text(text);
    }
    let mut rest = text;
    while let Some(length) = next_mark(rest, marks).map(|(at, length)| {
        html = std::mem::take(&mut html)
            .text(&rest[..at])
            .markup("<span class=\"esc\">")
            .text(&rest[at..at + length])
            .markup("</span>");
        at + length
    }) {
        rest = &rest[length..];
    }
    html.text(rest)
}

/// Where the next stretch to be marked begins, and how long it is.
fn next_mark(text: &str, marks: &Marks) -> Option<(usize, usize)> {
    let escape = |at: usize| {
        let length = text[at..].strip_prefix("\\u{")?.find('}')? + "\\u{}".len();
        let digits = &text[at + 3..at + length - 1];
        (!digits.is_empty() && digits.len() <= 6 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
            .then_some(length)
    };
    text.char_indices().find_map(|(at, character)| match character {
        '\\' if marks.escapes => escape(at).map(|length| (at, length)),
        '\u{fffd}' if marks.escapes => Some((at, character.len_utf8())),
        _ if marks.mixed && looks_latin(character) => Some((at, character.len_utf8())),
        _ => None,
    })
}

/// Bytes that two texts have in common at their beginnings and, after these, at their ends.
fn common_ends(one: &str, other: &str) -> (usize, usize) {
    let same = |pair: &(char, char)| pair.0 == pair.1;
    let length = |pairs: &mut dyn Iterator<Item = (char, char)>| pairs.map(|pair| pair.0.len_utf8()).sum();
    let head: usize = length(&mut one.chars().zip(other.chars()).take_while(same));
    let tail = length(&mut one[head..].chars().rev().zip(other[head..].chars().rev()).take_while(same));
    (head, tail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_inert_and_says_what_it_hides() {
        let cases = [
            ("@acme/left-pad", "<bdi class=\"name\">@acme/left-pad</bdi>"),
            ("<b>&\"'", "<bdi class=\"name\">&lt;b&gt;&amp;&#34;&#39;</bdi>"),
            ("https://evil.example", "<bdi class=\"name\">hxxps://evil[.]example</bdi>"),
        ];
        for (given, expected) in cases {
            assert_eq!(name(given).as_str(), expected);
        }
        let hidden = name("a\u{202e}b");
        assert!(hidden.as_str().contains("a<span class=\"esc\">\\u{202e}</span>b"), "{hidden}");
        assert!(hidden.as_str().contains(">hidden characters<"));
        let forged = name("pkg:npm/l\u{43e}dash");
        assert!(forged.as_str().contains("l<span class=\"esc\">\u{43e}</span>dash"), "{forged}");
        assert!(forged.as_str().contains("look-alike letters"));
        assert!(!name("пакет").as_str().contains("look-alike"), "a whole word of one alphabet is a word");
    }

    #[test]
    fn backticks_in_a_sentence_hold_names() {
        let html = sentence("`axum` 0.8.9 is signed by `<K2>`");
        let expected = "<bdi><bdi class=\"name\">axum</bdi> 0.8.9 is signed by <bdi class=\"name\">&lt;K2&gt;</bdi></bdi>";
        assert_eq!(html.as_str(), expected);
        assert_eq!(sentence("a ` b").as_str(), "<bdi>a ` b</bdi>");
        assert!(
            sentence("пакет left-pad").as_str().ends_with("left-pad</bdi>"),
            "words of two scripts are no forgery"
        );
    }

    #[test]
    fn a_pair_shows_where_it_differs() {
        let (old, new) = pair("acme/app@main", "acme/app@evil");
        assert_eq!(old.as_str(), "<bdi class=\"name\">acme/app@<b class=\"differs\">main</b></bdi>");
        assert_eq!(new.as_str(), "<bdi class=\"name\">acme/app@<b class=\"differs\">evil</b></bdi>");
        let (old, new) = pair("releaseéa", "releaseéaa");
        assert_eq!(old.as_str(), "<bdi class=\"name\">releaseéa</bdi>");
        assert_eq!(new.as_str(), "<bdi class=\"name\">releaseéa<b class=\"differs\">a</b></bdi>");
        assert!(
            !pair("318", "319").1.as_str().contains("differs"),
            "two numbers are no variants of each other"
        );
        assert!(pair("", "x").0.as_str().contains("nothing"));
    }

    #[test]
    fn a_record_keeps_its_lines_and_shows_its_controls() {
        let html = lines(b"{\"a\":\"<\x1b\"}\r\nb\xff");
        assert_eq!(
            html.as_str(),
            "{&#34;a&#34;:&#34;&lt;<span class=\"esc\">\\u{1b}</span>&#34;}\nb<span class=\"esc\">\u{fffd}</span>"
        );
    }
}
