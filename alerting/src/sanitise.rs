//! Text from outside made fit to be shown: on pages, in chat and mail, on terminals.
//!
//! Package names, versions, authors, paths and addresses belong to whoever wrote them. Nothing here trusts them:
//! [`sanitise`] makes every invisible character visible and says so with a [`Badge`], [`defang()`] makes addresses
//! unclickable, [`shorten()`] cuts without leaving half an escape behind. Escaping for one channel (HTML, Slack's
//! `&lt;`) is that channel's own business and comes after [`sanitise`] and before [`shorten()`].

mod defang;
mod invisible;
mod shorten;

use std::borrow::Cow;
use std::fmt::{self, Write as _};

use unicode_segmentation::UnicodeSegmentation as _;

pub use defang::defang;
pub(crate) use invisible::{is_invisible, takes_presentation};
pub use shorten::{ELLIPSIS, Limit, shorten};

/// Most characters of one grapheme cluster that are shown as they are; further marks stacked on one letter are
/// shown as escapes, as a tower of them covers the lines above and below.
pub const CLUSTER_MAX: usize = 8;

/// Text without any character that hides, reorders or forges. It still needs its channel's own escapes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sanitised {
    text: String,
    badge: Option<Badge>,
}

/// What a reader must know about a text that is not shown exactly as it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Badge {
    /// It was not valid UTF-8; what could not be read is shown as U+FFFD.
    BrokenEncoding,
    /// It held characters that do not show, or that change the order of others; they are shown as `\u{..}`.
    HiddenCharacters,
}

impl Badge {
    /// The badge in words.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BrokenEncoding => "broken encoding",
            Self::HiddenCharacters => "hidden characters",
        }
    }
}

impl Sanitised {
    /// The text to show.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The text to show, owned.
    #[must_use]
    pub fn into_string(self) -> String {
        self.text
    }

    /// What a reader must know about it.
    #[must_use]
    pub const fn badge(&self) -> Option<Badge> {
        self.badge
    }

    /// The same with its text changed; the change must not bring a hiding character back.
    pub(crate) fn map(self, change: impl FnOnce(&str) -> String) -> Self {
        Self { text: change(&self.text), badge: self.badge }
    }
}

impl fmt::Display for Sanitised {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Shows what hides: control characters (line breaks, tabs and ANSI escapes among them), direction marks,
/// zero-width characters, tags, stray variation selectors and noncharacters become a visible `\u{..}`.
///
/// The result is one line, and sanitising it again changes nothing.
#[must_use]
pub fn sanitise(text: &str) -> Sanitised {
    let shown = without_towers(without_invisible(text));
    let badge = (shown != text).then_some(Badge::HiddenCharacters);
    Sanitised { text: shown.into_owned(), badge }
}

/// As [`sanitise`], for bytes: what is not UTF-8 becomes U+FFFD.
#[must_use]
pub fn sanitise_bytes(bytes: &[u8]) -> Sanitised {
    let text = String::from_utf8_lossy(bytes);
    let mut sanitised = sanitise(&text);
    if matches!(text, Cow::Owned(_)) {
        sanitised.badge = sanitised.badge.or(Some(Badge::BrokenEncoding));
    }
    sanitised
}

fn without_invisible(text: &str) -> Cow<'_, str> {
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len());
    let mut previous = None;
    for character in text.chars() {
        if is_invisible(character) && !takes_presentation(previous, character) {
            push_escape(&mut shown, character);
        } else {
            shown.push(character);
        }
        previous = Some(character);
    }
    Cow::Owned(shown)
}

fn without_towers(text: Cow<'_, str>) -> Cow<'_, str> {
    let is_tower = |cluster: &str| cluster.chars().nth(CLUSTER_MAX).is_some();
    if text.is_ascii() || !text.graphemes(true).any(is_tower) {
        return text;
    }
    let mut shown = String::with_capacity(text.len());
    for cluster in text.graphemes(true) {
        for (index, character) in cluster.chars().enumerate() {
            if index < CLUSTER_MAX {
                shown.push(character);
            } else {
                push_escape(&mut shown, character);
            }
        }
    }
    Cow::Owned(shown)
}

fn push_escape(shown: &mut String, character: char) {
    // Writing to a string cannot fail.
    let _ = write!(shown, "\\u{{{:x}}}", u32::from(character));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_class_of_hiding_character_is_shown() {
        let cases = [
            ("line breaks and tabs", "a\nb\r\tc", "a\\u{a}b\\u{d}\\u{9}c"),
            ("ANSI escapes", "\u{1b}[2Jx\u{9b}31m", "\\u{1b}[2Jx\\u{9b}31m"),
            ("NUL and DEL", "a\0b\u{7f}", "a\\u{0}b\\u{7f}"),
            ("line separators", "a\u{2028}b\u{2029}", "a\\u{2028}b\\u{2029}"),
            ("direction marks", "x\u{202e}gnp.exe\u{2066}", "x\\u{202e}gnp.exe\\u{2066}"),
            ("Arabic letter mark", "a\u{61c}b\u{200f}", "a\\u{61c}b\\u{200f}"),
            ("zero width", "lod\u{200b}ash\u{feff}\u{2060}", "lod\\u{200b}ash\\u{feff}\\u{2060}"),
            ("soft hyphen, fillers", "a\u{ad}b\u{3164}", "a\\u{ad}b\\u{3164}"),
            ("tags", "a\u{e0041}\u{e007f}", "a\\u{e0041}\\u{e007f}"),
            ("hidden data in variation selectors", "a\u{fe01}\u{e0101}", "a\\u{fe01}\\u{e0101}"),
            ("blank Braille", "a\u{2800}b", "a\\u{2800}b"),
            ("noncharacters", "a\u{ffff}\u{fdd0}", "a\\u{ffff}\\u{fdd0}"),
        ];
        for (class, given, expected) in cases {
            let sanitised = sanitise(given);
            assert_eq!(sanitised.as_str(), expected, "{class}");
            assert_eq!(sanitised.badge(), Some(Badge::HiddenCharacters), "{class}");
        }
    }

    #[test]
    fn honest_text_stays_as_it_is_and_has_no_badge() {
        for text in
            ["@acme/left-pad", "naïve café", "日本語 パッケージ", "שלום", "⚡\u{fe0f} fast", "<b>&amp;", ""]
        {
            assert_eq!(sanitise(text), Sanitised { text: text.to_owned(), badge: None });
        }
    }

    #[test]
    fn marks_beyond_the_limit_do_not_pile_up() {
        let honest = format!("e{}", "\u{301}".repeat(CLUSTER_MAX - 1));
        assert_eq!(sanitise(&honest).badge(), None);
        let tower = format!("e{}", "\u{301}".repeat(CLUSTER_MAX + 1));
        assert_eq!(sanitise(&tower).as_str(), format!("{honest}\\u{{301}}\\u{{301}}"));
    }

    #[test]
    fn broken_encoding_is_shown_and_hidden_characters_are_the_louder_badge() {
        let broken = sanitise_bytes(b"caf\xe9");
        assert_eq!((broken.as_str(), broken.badge()), ("caf\u{fffd}", Some(Badge::BrokenEncoding)));
        assert_eq!(sanitise_bytes(b"\xff\x1b").badge(), Some(Badge::HiddenCharacters));
        assert_eq!(sanitise_bytes(b"plain").badge(), None);
    }

    proptest! {
        #[test]
        fn whatever_comes_in_nothing_invisible_comes_out(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let once = sanitise_bytes(&bytes);
            let mut previous = None;
            for character in once.as_str().chars() {
                prop_assert!(!is_invisible(character) || takes_presentation(previous, character));
                previous = Some(character);
            }
            let twice = sanitise(once.as_str());
            prop_assert_eq!(twice.as_str(), once.as_str());
        }

        #[test]
        fn text_of_hiding_characters_comes_out_visible(text in "[\u{0}-\u{1f}\u{7f}-\u{9f}\u{200b}-\u{202e}\u{fe00}-\u{fe0f}\u{e0000}-\u{e007f}\u{300}-\u{36f}⚡a-c]{0,80}") {
            let once = sanitise(&text);
            prop_assert!(!once.as_str().chars().any(char::is_control));
            let twice = sanitise(once.as_str());
            prop_assert_eq!(twice.as_str(), once.as_str());
            prop_assert_eq!(once.badge().is_some(), once.as_str() != text);
        }
    }
}
