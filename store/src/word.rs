//! How closed sets of values are written into columns: as the words of the public contracts, never as numbers.

use detectors::finding::Severity;
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};
use serde::de::value::StrDeserializer;
use serde::de::{DeserializeOwned, IntoDeserializer};
use serde::{Serialize, Serializer};

/// Declares an enum of the store whose variants are stored, shown and serialised as words.
macro_rules! worded {
    ($(#[$meta:meta])* pub enum $name:ident { $($(#[$about:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $($(#[$about])* $variant,)+
        }

        impl $name {
            /// Every value, in the order of its declaration.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word it is stored and shown as.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }

            /// The value of a word from outside; `None` if there is none.
            #[must_use]
            pub fn parse(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|value| value.as_str() == word)
            }
        }

        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl ::serde::Serialize for $name {
            fn serialize<S: ::serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl ::rusqlite::types::ToSql for $name {
            fn to_sql(&self) -> ::rusqlite::Result<::rusqlite::types::ToSqlOutput<'_>> {
                Ok(::rusqlite::types::ToSqlOutput::from(self.as_str()))
            }
        }

        impl ::rusqlite::types::FromSql for $name {
            fn column_result(value: ::rusqlite::types::ValueRef<'_>) -> ::rusqlite::types::FromSqlResult<Self> {
                let word = value.as_str()?;
                Self::parse(word).ok_or_else(|| $crate::word::unknown_word(word))
            }
        }
    };
}
pub(crate) use worded;

/// A value of the vocabulary as a column: by the word that its contract gives it.
pub(crate) struct Word<T>(pub(crate) T);

impl<T: Serialize> ToSql for Word<T> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::from(word_of(&self.0)))
    }
}

impl<T: DeserializeOwned> FromSql for Word<T> {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let word = value.as_str()?;
        let deserializer: StrDeserializer<'_, serde::de::value::Error> = word.into_deserializer();
        T::deserialize(deserializer).map(Word).map_err(|_| unknown_word(word))
    }
}

/// A severity as a column: its rank, so that the database can compare.
pub(crate) struct Rank(pub(crate) Severity);

impl ToSql for Rank {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        let rank = Severity::ALL.iter().position(|severity| *severity == self.0);
        Ok(ToSqlOutput::from(rank.map_or(-1, |rank| rank as i64)))
    }
}

impl FromSql for Rank {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let rank = value.as_i64()?;
        let severity = usize::try_from(rank).ok().and_then(|rank| Severity::ALL.get(rank));
        severity.copied().map(Rank).ok_or(FromSqlError::OutOfRange(rank))
    }
}

/// The word of a value that serialises as one; empty for anything else, which no column's check allows.
fn word_of<T: Serialize>(value: &T) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        _ => String::new(),
    }
}

/// A JSON array of the words, for `IN (SELECT value FROM json_each(?))`; `None`, which matches everything, for
/// an empty list.
pub(crate) fn any_of<T: Serialize>(values: &[T]) -> Option<String> {
    if values.is_empty() { None } else { serde_json::to_string(values).ok() }
}

/// The error of a column that holds a word nobody knows.
pub(crate) fn unknown_word(word: &str) -> FromSqlError {
    let shown: String = word.chars().take(40).collect();
    FromSqlError::Other(format!("the stored word `{shown}` is not known").into())
}

/// An unsigned number as a column: SQLite's integers are signed.
pub(crate) struct Unsigned(pub(crate) u64);

impl ToSql for Unsigned {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        let number =
            i64::try_from(self.0).map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
        Ok(ToSqlOutput::from(number))
    }
}

impl FromSql for Unsigned {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let number = value.as_i64()?;
        u64::try_from(number).map(Unsigned).map_err(|_| FromSqlError::OutOfRange(number))
    }
}

/// Numbers that name a row: declared once, stored as integers, shown as themselves.
macro_rules! row_number {
    ($(#[$meta:meta])* $name:ident) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, ::serde::Serialize)]
        #[serde(transparent)]
        pub struct $name(pub u64);

        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                self.0.fmt(f)
            }
        }

        impl ::rusqlite::types::ToSql for $name {
            fn to_sql(&self) -> ::rusqlite::Result<::rusqlite::types::ToSqlOutput<'_>> {
                i64::try_from(self.0)
                    .map(::rusqlite::types::ToSqlOutput::from)
                    .map_err(|error| ::rusqlite::Error::ToSqlConversionFailure(error.into()))
            }
        }

        impl ::rusqlite::types::FromSql for $name {
            fn column_result(value: ::rusqlite::types::ValueRef<'_>) -> ::rusqlite::types::FromSqlResult<Self> {
                $crate::word::Unsigned::column_result(value).map(|number| Self(number.0))
            }
        }
    };
}
pub(crate) use row_number;

/// The beginning of a text, at most so many bytes, cut between characters.
pub(crate) fn beginning(text: &str, most: usize) -> &str {
    let end = (0..=most.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    &text[..end.unwrap_or(0)]
}

/// Hex, for errors and pages.
pub(crate) fn hex<S: Serializer>(bytes: &[u8; 32], serializer: S) -> Result<S::Ok, S::Error> {
    use std::fmt::Write as _;
    let mut text = String::with_capacity(64);
    for byte in bytes {
        write!(text, "{byte:02x}").map_err(serde::ser::Error::custom)?;
    }
    serializer.serialize_str(&text)
}

#[cfg(test)]
mod tests {
    use detectors::finding::Decision;
    use detectors::incident::{Status, TransitionReason};

    use super::*;

    #[test]
    fn words_are_those_of_the_contracts() {
        assert_eq!(word_of(&Status::InProgress), "in-progress");
        assert_eq!(word_of(&Decision::BelowBudget), "below-budget");
        assert_eq!(word_of(&TransitionReason::Regressed), TransitionReason::Regressed.as_str());
        let read = |word: &str| {
            Word::<Status>::column_result(ValueRef::Text(word.as_bytes())).map(|word| word.0).ok()
        };
        assert_eq!(read("on-hold"), Some(Status::OnHold));
        assert_eq!(read("unheard-of"), None);
    }

    #[test]
    fn a_text_is_cut_between_characters() {
        assert_eq!(beginning("abc", 5), "abc");
        assert_eq!(beginning("abc", 2), "ab");
        assert_eq!(beginning("aé", 2), "a");
        assert_eq!(beginning("€", 0), "");
    }

    #[test]
    fn severities_keep_their_order() {
        for (rank, severity) in Severity::ALL.into_iter().enumerate() {
            let read = Rank::column_result(ValueRef::Integer(rank as i64)).map(|rank| rank.0);
            assert_eq!(read.ok(), Some(severity));
        }
        assert!(Rank::column_result(ValueRef::Integer(5)).is_err());
    }
}
