//! Cutting text to a channel's limit without leaving half a letter, half an escape or half an entity behind.

use std::borrow::Cow;

use unicode_segmentation::UnicodeSegmentation as _;

/// What a cut ends with.
pub const ELLIPSIS: &str = "…";

/// The longest escape or entity that is kept whole, in bytes: `\u{10ffff}` is the longest of ours.
const ESCAPE_MAX_BYTES: usize = 10;

/// How much room a channel gives, in the unit in which it counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// Bytes of UTF-8.
    Bytes(usize),
    /// Unicode code points.
    Characters(usize),
    /// UTF-16 units, as JavaScript and Telegram count.
    Utf16(usize),
}

impl Limit {
    /// The number itself.
    #[must_use]
    pub const fn room(self) -> usize {
        match self {
            Self::Bytes(room) | Self::Characters(room) | Self::Utf16(room) => room,
        }
    }

    /// How much of this limit a text takes.
    #[must_use]
    pub fn measure(self, text: &str) -> usize {
        match self {
            Self::Bytes(_) => text.len(),
            Self::Characters(_) => text.chars().count(),
            Self::Utf16(_) => text.encode_utf16().count(),
        }
    }
}

/// The text, or as much of its beginning as fits with an [`ELLIPSIS`] after it.
///
/// Call it after the channel's escaping: it never cuts inside a grapheme cluster, an escape (`\u{202e}`, `\n`)
/// or an entity (`&amp;`). If not even the ellipsis fits, nothing is left.
#[must_use]
pub fn shorten(text: &str, limit: Limit) -> Cow<'_, str> {
    if limit.measure(text) <= limit.room() {
        return Cow::Borrowed(text);
    }
    let Some(mut room) = limit.room().checked_sub(limit.measure(ELLIPSIS)) else {
        return Cow::Borrowed("");
    };
    let mut end = 0;
    while end < text.len() {
        let unit = next_unit(&text[end..]);
        let Some(left) = room.checked_sub(limit.measure(unit)) else { break };
        room = left;
        end += unit.len();
    }
    Cow::Owned(format!("{}{ELLIPSIS}", &text[..end]))
}

/// The shortest beginning of a text that must not be cut.
fn next_unit(text: &str) -> &str {
    let is_name = |name: &str| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'#');
    let escape = match text.as_bytes() {
        [b'&', ..] => text.find(';').filter(|at| is_name(&text[1..*at])).map(|at| at + 1),
        [b'\\', b'u', b'{', ..] => text.find('}').map(|at| at + 1),
        // What a backslash stands before may be a unit of its own.
        [b'\\', b'&', ..] | [b'\\', b'\\', b'u', ..] => None,
        [b'\\', next, ..] if next.is_ascii() => Some(2),
        _ => None,
    };
    match escape {
        Some(length) if length <= ESCAPE_MAX_BYTES && text[..length].is_ascii() => &text[..length],
        _ => text.graphemes(true).next().unwrap_or(text),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_cut_falls_between_units_in_the_channels_own_measure() {
        let cases = [
            ("fits", Limit::Characters(4), "fits"),
            ("abcdef", Limit::Characters(4), "abc…"),
            ("abcdef", Limit::Bytes(5), "ab…"),
            ("a&amp;b", Limit::Characters(5), "a…"),
            ("a&amp;bc", Limit::Characters(7), "a&amp;…"),
            ("x\\u{202e}y", Limit::Characters(9), "x…"),
            ("x\\u{202e}yz", Limit::Characters(10), "x\\u{202e}…"),
            ("e\u{301}e\u{301}e", Limit::Characters(4), "e\u{301}…"),
            ("👍🏽👍🏽", Limit::Utf16(5), "👍🏽…"),
            ("👍🏽👍🏽", Limit::Utf16(4), "…"),
            ("\\&amp;b", Limit::Characters(6), "\\…"),
            ("\\\\u{202e}", Limit::Characters(8), "\\…"),
            ("a & b; c", Limit::Characters(4), "a &…"),
            ("日本語", Limit::Bytes(2), ""),
            ("", Limit::Bytes(0), ""),
        ];
        for (text, limit, expected) in cases {
            assert_eq!(shorten(text, limit), expected, "{text} in {limit:?}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_cut_fits_and_ends_whole(text in "(&lt;|&amp;|\\\\u\\{202e\\}|[a-z é日👍\u{301}]){0,40}", room in 0_usize..60) {
            for limit in [Limit::Bytes(room), Limit::Characters(room), Limit::Utf16(room)] {
                let short = shorten(&text, limit);
                prop_assert!(limit.measure(&short) <= room);
                let kept = short.strip_suffix(ELLIPSIS).unwrap_or(&short);
                prop_assert!(text.starts_with(kept));
                let whole = kept.replace("&lt;", "").replace("&amp;", "").replace("\\u{202e}", "");
                prop_assert!(!whole.contains(['&', '\\']), "{}", short);
            }
        }
    }
}
