//! Texts in two kinds of pieces: words that are ours, and words that anybody may have chosen.

use std::borrow::Cow;
use std::fmt;

use detectors::event::EventTime;
use detectors::finding::{DetectorId, Severity};

use crate::sanitise::{Limit, Sanitised, defang, sanitise, shorten};

/// Most characters of one foreign text on a card, after sanitising; the full text stands in the record.
pub const UNTRUSTED_MAX: usize = 512;

/// Words of ours: literals, numbers, times and names from closed lists. Nothing from outside can become one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ours(Cow<'static, str>);

/// Words from outside, kept as they came. There is no way to them but [`Untrusted::shown`].
#[derive(Clone, PartialEq, Eq)]
pub struct Untrusted(String);

/// A piece of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// Ours; an encoder may still have to escape it, as for HTML.
    Ours(Ours),
    /// Not ours.
    Untrusted(Untrusted),
}

/// A text of both kinds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Text(Vec<Piece>);

impl Ours {
    /// A literal of the program's source.
    #[must_use]
    pub const fn literal(words: &'static str) -> Self {
        Self(Cow::Borrowed(words))
    }

    /// A number for people: groups of three digits, and two decimals where there are less than a hundred.
    #[must_use]
    pub fn number(value: f64) -> Self {
        Self(Cow::Owned(written(value)))
    }

    /// The words.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<Severity> for Ours {
    fn from(severity: Severity) -> Self {
        Self::literal(severity.as_str())
    }
}

impl From<DetectorId> for Ours {
    fn from(detector: DetectorId) -> Self {
        Self::literal(detector.as_str())
    }
}

impl From<usize> for Ours {
    fn from(count: usize) -> Self {
        Self(Cow::Owned(grouped(&count.to_string())))
    }
}

impl From<EventTime> for Ours {
    fn from(time: EventTime) -> Self {
        Self(Cow::Owned(time.to_chrono().format("%Y-%m-%d %H:%M:%S UTC").to_string()))
    }
}

impl Untrusted {
    /// Takes words from outside.
    #[must_use]
    pub fn new(words: impl Into<String>) -> Self {
        Self(words.into())
    }

    /// The words made fit to be shown: sanitised, addresses defanged, at most [`UNTRUSTED_MAX`] characters.
    /// They still need the channel's escapes.
    #[must_use]
    pub fn shown(&self) -> Sanitised {
        sanitise(&self.0).map(|text| shorten(&defang(text), Limit::Characters(UNTRUSTED_MAX)).into_owned())
    }
}

impl fmt::Debug for Untrusted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Untrusted({:?})", self.shown().as_str())
    }
}

impl Text {
    /// A text without words.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// This text and then a literal of ours.
    #[must_use]
    pub fn then(self, words: &'static str) -> Self {
        self.ours(Ours::literal(words))
    }

    /// This text and then words of ours.
    #[must_use]
    pub fn ours(mut self, words: impl Into<Ours>) -> Self {
        self.0.push(Piece::Ours(words.into()));
        self
    }

    /// This text and then words from outside.
    #[must_use]
    pub fn untrusted(mut self, words: impl Into<String>) -> Self {
        self.0.push(Piece::Untrusted(Untrusted::new(words)));
        self
    }

    /// This text and then another one.
    #[must_use]
    pub fn and(mut self, other: &Self) -> Self {
        self.0.extend(other.0.iter().cloned());
        self
    }

    /// The pieces in order.
    #[must_use]
    pub fn pieces(&self) -> &[Piece] {
        &self.0
    }

    /// The whole text, each foreign piece through [`Untrusted::shown`] and then `escape`, ours through
    /// `escape_ours`. Foreign pieces with a badge are followed by it, so that nobody reads an escape for a name.
    #[must_use]
    pub fn encode(&self, escape: impl Fn(&str) -> String, escape_ours: impl Fn(&str) -> String) -> String {
        self.encode_short(UNTRUSTED_MAX, escape, escape_ours)
    }

    /// As [`Text::encode`], with at most so many characters of each foreign piece: for channels whose escapes put
    /// something around a piece, which must not be cut afterwards.
    #[must_use]
    pub fn encode_short(
        &self,
        most: usize,
        escape: impl Fn(&str) -> String,
        escape_ours: impl Fn(&str) -> String,
    ) -> String {
        let mut whole = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Ours(words) => whole.push_str(&escape_ours(words.as_str())),
                Piece::Untrusted(words) => {
                    let shown = words.shown();
                    whole.push_str(&escape(&shorten(shown.as_str(), Limit::Characters(most))));
                    if let Some(badge) = shown.badge() {
                        whole.push_str(&escape_ours(" [! "));
                        whole.push_str(&escape_ours(badge.as_str()));
                        whole.push_str(&escape_ours("]"));
                    }
                }
            }
        }
        whole
    }

    /// The whole text for a channel without markup: a terminal, a log, plain text in chat.
    #[must_use]
    pub fn plain(&self) -> String {
        self.encode(str::to_owned, str::to_owned)
    }
}

fn written(value: f64) -> String {
    const FEW: f64 = 100.0;
    if !value.is_finite() {
        return "unknown".to_owned();
    }
    let decimals = if value.abs() < FEW { format!("{value:.2}") } else { format!("{value:.0}") };
    let (whole, fraction) = decimals.split_once('.').unwrap_or((&decimals, ""));
    let (sign, digits) = whole.strip_prefix('-').map_or(("", whole), |digits| ("−", digits));
    let fraction = fraction.trim_end_matches('0');
    let point = if fraction.is_empty() { "" } else { "." };
    format!("{sign}{}{point}{fraction}", grouped(digits))
}

fn grouped(digits: &str) -> String {
    let mut shown = String::with_capacity(digits.len() * 4 / 3);
    for (at, digit) in digits.char_indices() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            shown.push(',');
        }
        shown.push(digit);
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_for_people() {
        let cases = [
            (0.0, "0"),
            (3.0, "3"),
            (0.126, "0.13"),
            (99.5, "99.5"),
            (1234.56, "1,235"),
            (9_876_543.0, "9,876,543"),
            (-1500.0, "−1,500"),
            (f64::NAN, "unknown"),
        ];
        for (value, expected) in cases {
            assert_eq!(Ours::number(value).as_str(), expected);
        }
        assert_eq!(Ours::from(1_000_usize).as_str(), "1,000");
    }

    #[test]
    fn foreign_words_reach_an_encoder_only_sanitised_defanged_and_with_their_badge() {
        let text = Text::new().then("seen: ").untrusted("<!channel> https://evil.example/\u{202e}x");
        assert_eq!(text.plain(), "seen: <!channel> hxxps://evil[.]example/\\u{202e}x [! hidden characters]");
        let escaped = text.encode(|foreign| foreign.replace('<', "&lt;").replace('>', "&gt;"), str::to_owned);
        assert!(escaped.starts_with("seen: &lt;!channel&gt;"));
    }

    #[test]
    fn a_long_foreign_text_is_cut() {
        let shown = Untrusted::new("x".repeat(UNTRUSTED_MAX + 1)).shown();
        assert_eq!(shown.as_str().chars().count(), UNTRUSTED_MAX);
        assert!(shown.as_str().ends_with('…'));
    }

    #[test]
    fn debug_output_is_sanitised_too() {
        assert_eq!(format!("{:?}", Untrusted::new("a\u{1b}[2J")), "Untrusted(\"a\\\\u{1b}[2J\")");
    }

    #[test]
    fn a_time_is_written_with_its_zone() {
        assert_eq!(Ours::from(EventTime::from_secs(1_778_526_000)).as_str(), "2026-05-11 19:00:00 UTC");
    }
}
