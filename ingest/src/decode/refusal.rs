//! Why a record became no event: a closed list of words, each with a detail for people.

use std::fmt;

use serde::Serialize;

use crate::dead_letter::push_visible;

/// Longest detail of a refusal, in characters.
pub const MAX_DETAIL_CHARS: usize = 200;

/// Why a record was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The word that is counted.
    pub reason: RefusalReason,
    /// What exactly, with hidden characters made visible, cut at [`MAX_DETAIL_CHARS`].
    pub detail: String,
}

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident = $word:literal,)+) => {
        /// Why a record was refused, as a word that is counted and shown. Closed.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        pub enum RefusalReason {
            $($(#[$doc])* #[serde(rename = $word)] $name,)+
        }

        impl RefusalReason {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// The word.
            #[must_use]
            pub const fn word(self) -> &'static str {
                match self { $(Self::$name => $word,)+ }
            }
        }
    };
}

reasons! {
    /// There is nothing in it: no bytes, a tombstone, an envelope without events.
    EmptyRecord = "empty-record",
    /// It is larger than a record may be.
    Oversize = "oversize",
    /// Its bytes are no UTF-8.
    InvalidUtf8 = "invalid-utf8",
    /// `auto` recognised no format.
    UnknownFormat = "unknown-format",
    /// It is no JSON.
    InvalidJson = "invalid-json",
    /// It is the beginning of JSON.
    TruncatedJson = "truncated-json",
    /// It is nested deeper than allowed.
    TooDeep = "too-deep",
    /// An object has a key twice.
    DuplicateKey = "duplicate-key",
    /// A required field is missing.
    MissingField = "missing-field",
    /// A field has the wrong type.
    WrongType = "wrong-type",
    /// A number that counts something is negative.
    NegativeNumber = "negative-number",
    /// A value is none of the words, or outside the range, of its field.
    ImpossibleValue = "impossible-value",
    /// A time is no RFC 3339 time with a zone.
    UnreadableTime = "unreadable-time",
    /// A time is before 2000 or after 2100.
    ImpossibleTime = "impossible-time",
    /// A package URL, or a repository, is none.
    BadPurl = "bad-purl",
    /// A digest is none.
    BadDigest = "bad-digest",
    /// What should be base64, hex or PEM is not.
    BadEncoding = "bad-encoding",
    /// A certificate or key cannot be read.
    BadCertificate = "bad-certificate",
    /// A log line does not follow its format.
    BadLine = "bad-line",
    /// It is a kind of record that this format knows and Sealwatch does not read.
    UnsupportedKind = "unsupported-kind",
    /// It is of a version of the contract that this program does not know.
    UnsupportedVersion = "unsupported-version",
    /// One record holds more events than allowed.
    TooManyEvents = "too-many-events",
    /// It was posted and refused at the door: not believed, too large, too slow, empty.
    RefusedRequest = "refused-request",
    /// An object of a bucket cannot be had, or its compression cannot be taken off.
    UnreadableObject = "unreadable-object",
    /// The decoder itself failed: a fault of this program, worth a report.
    DecoderFault = "decoder-fault",
}

impl Refusal {
    /// A refusal; the detail is made visible and cut.
    #[must_use]
    pub fn new(reason: RefusalReason, detail: impl AsRef<str>) -> Self {
        let mut visible = String::new();
        for c in detail.as_ref().chars().take(MAX_DETAIL_CHARS) {
            push_visible(&mut visible, c);
        }
        if visible.chars().count() > MAX_DETAIL_CHARS
            || detail.as_ref().chars().nth(MAX_DETAIL_CHARS).is_some()
        {
            visible = visible.chars().take(MAX_DETAIL_CHARS - 1).chain(['…']).collect();
        }
        Self { reason, detail: visible }
    }

    /// The same, said of one part of a record that holds several.
    pub(crate) fn in_part(self, number: usize, parts: usize) -> Self {
        if parts == 1 {
            self
        } else {
            Self::new(self.reason, format!("part {}: {}", number + 1, self.detail))
        }
    }

    /// A required field that is not there.
    #[must_use]
    pub fn missing(field: &str) -> Self {
        Self::new(RefusalReason::MissingField, format!("`{field}` is missing"))
    }

    /// Translates what `serde_json` found wrong with `text`.
    pub(crate) fn of_json(text: &str, error: &serde_json::Error) -> Self {
        use serde_json::error::Category;
        let message = error.to_string();
        let reason = match error.classify() {
            Category::Eof => RefusalReason::TruncatedJson,
            Category::Syntax if message.starts_with("recursion limit") => RefusalReason::TooDeep,
            Category::Syntax | Category::Io => RefusalReason::InvalidJson,
            Category::Data => reason_of_data(&message),
        };
        let field = field_before(text, error.line(), error.column());
        Self::new(reason, field.map_or_else(|| message.clone(), |field| format!("in `{field}`: {message}")))
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.reason.word(), self.detail)
    }
}

/// The words with which serde begins its own messages; each is pinned by a test below.
fn reason_of_data(message: &str) -> RefusalReason {
    let begins = |words: &str| message.starts_with(words);
    if begins("duplicate field") {
        RefusalReason::DuplicateKey
    } else if begins("missing field") {
        RefusalReason::MissingField
    } else if begins("invalid value: integer `-") {
        RefusalReason::NegativeNumber
    } else if begins("invalid value") || begins("unknown variant") {
        RefusalReason::ImpossibleValue
    } else {
        RefusalReason::WrongType
    }
}

/// The key that stands last before a place in JSON text: a name that helps to find the fault, no more.
fn field_before(text: &str, line: usize, column: usize) -> Option<&str> {
    let start = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum::<usize>();
    let end = (start + column).min(text.len());
    let head = text.get(..end)?;
    let colon = head.rfind("\":")?;
    let open = head[..colon].rfind('"')?;
    Some(&head[open + 1..colon])
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize, Debug)]
    #[expect(dead_code, reason = "only read by serde")]
    struct Sample {
        count: u32,
        word: Option<Word>,
        flag: Option<bool>,
    }

    #[derive(Deserialize, Debug)]
    enum Word {
        A,
    }

    fn check(text: &str, expected: &str) {
        let error = serde_json::from_str::<Sample>(text).unwrap_err();
        assert_eq!(Refusal::of_json(text, &error).to_string(), expected);
    }

    #[test]
    fn json_errors_become_reasons() {
        check("{", "truncated-json: EOF while parsing an object at line 1 column 1");
        check("{]", "invalid-json: key must be a string at line 1 column 2");
        check(r#"{"count":NaN}"#, "invalid-json: in `count`: expected value at line 1 column 10");
        check(
            r#"{"count":1,"count":2}"#,
            "duplicate-key: in `count`: duplicate field `count` at line 1 column 18",
        );
        check("{}", "missing-field: missing field `count` at line 1 column 2");
        check(
            r#"{"count":-1}"#,
            "negative-number: in `count`: invalid value: integer `-1`, expected u32 at line 1 column 11",
        );
        check(
            r#"{"count":5000000000}"#,
            "impossible-value: in `count`: invalid value: integer `5000000000`, expected u32 at line 1 column 19",
        );
        check(
            r#"{"count":1,"word":"B"}"#,
            "impossible-value: in `word`: unknown variant `B`, expected `A` at line 1 column 21",
        );
        check(
            r#"{"count":"1"}"#,
            "wrong-type: in `count`: invalid type: string \"1\", expected u32 at line 1 column 12",
        );
        check(
            r#"{"count":1.5}"#,
            "wrong-type: in `count`: invalid type: floating point `1.5`, expected u32 at line 1 column 12",
        );
    }

    #[test]
    fn the_recursion_limit_of_serde_json_stays_on() {
        let deep = "[".repeat(200);
        let error = serde_json::from_str::<serde_json::Value>(&deep).unwrap_err();
        assert_eq!(Refusal::of_json(&deep, &error).reason, RefusalReason::TooDeep);
    }

    #[test]
    fn a_detail_is_visible_and_at_most_200_characters() {
        let refusal = Refusal::new(RefusalReason::BadLine, "\u{1b}[31m\n".repeat(100));
        assert_eq!(refusal.detail.chars().count(), MAX_DETAIL_CHARS);
        assert!(refusal.detail.starts_with("\\u{1b}[31m\\u{a}"));
        assert!(refusal.detail.ends_with('…'));
        let short = Refusal::new(RefusalReason::BadLine, "x".repeat(MAX_DETAIL_CHARS));
        assert_eq!(short.detail, "x".repeat(MAX_DETAIL_CHARS));
    }

    #[test]
    fn words_are_kebab_case_and_all_different() {
        let mut words: Vec<_> = RefusalReason::ALL.iter().map(|reason| reason.word()).collect();
        assert!(
            words
                .iter()
                .all(|word| word.bytes().all(|byte| byte.is_ascii_lowercase() || b"-8".contains(&byte)))
        );
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), RefusalReason::ALL.len());
    }
}
