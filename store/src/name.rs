//! Names that are keys: of runs, lanes and receivers. Checked once, so that whoever holds one need not ask again.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};
use serde::{Serialize, Serializer};
use thiserror::Error;

/// Longest name, in bytes.
pub const MAX_NAME_BYTES: usize = 128;

/// Text that cannot be a name.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{0}` is not a name: 1 to 128 ASCII letters, digits and . _ - : / are allowed")]
pub struct NameError(pub String);

/// In which world findings are made. The same log gives the same finding ids in every run, so everything is
/// stored under (run, id), and only some runs can notify anybody: by type, not by a flag.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RunId {
    /// The log as it happens.
    Live,
    /// A changed detector beside the live one.
    Shadow(RunName),
    /// A replayed attack.
    Exercise(RunName),
    /// Other settings on history.
    Backtest(RunName),
    /// A baseline in the making.
    Learn(RunName),
    /// Made-up incidents that show that the way to people is open.
    Heartbeat,
}

impl RunId {
    /// Whether incidents of this run may reach people: live ones do; an exercise does where its scenario maps
    /// receivers, which routing decides; heartbeats reach those that wait for them.
    #[must_use]
    pub const fn may_notify(&self) -> bool {
        match self {
            Self::Live | Self::Exercise(_) | Self::Heartbeat => true,
            Self::Shadow(_) | Self::Backtest(_) | Self::Learn(_) => false,
        }
    }

    const fn parts(&self) -> (&'static str, Option<&RunName>) {
        match self {
            Self::Live => ("live", None),
            Self::Shadow(name) => ("shadow", Some(name)),
            Self::Exercise(name) => ("exercise", Some(name)),
            Self::Backtest(name) => ("backtest", Some(name)),
            Self::Learn(name) => ("learn", Some(name)),
            Self::Heartbeat => ("heartbeat", None),
        }
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.parts() {
            (word, None) => f.write_str(word),
            (word, Some(name)) => write!(f, "{word}:{name}"),
        }
    }
}

/// Reads `live`, `heartbeat`, `shadow:NAME`, `exercise:NAME`, `backtest:NAME` and `learn:NAME`.
impl FromStr for RunId {
    type Err = NameError;
    fn from_str(text: &str) -> Result<Self, NameError> {
        let named: fn(RunName) -> Self = match text.split_once(':').map(|(word, _)| word) {
            None if text == "live" => return Ok(Self::Live),
            None if text == "heartbeat" => return Ok(Self::Heartbeat),
            Some("shadow") => Self::Shadow,
            Some("exercise") => Self::Exercise,
            Some("backtest") => Self::Backtest,
            Some("learn") => Self::Learn,
            _ => return Err(NameError(shortened(text))),
        };
        let name = text.split_once(':').map_or("", |(_, name)| name);
        RunName::parse(name).map(named)
    }
}

macro_rules! name {
    ($(#[$meta:meta])* $name:ident) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Text from outside as a name.
            ///
            /// # Errors
            /// [`NameError`] for empty, long or unusual text.
            pub fn parse(text: &str) -> Result<Self, NameError> {
                if is_name(text) { Ok(Self(Arc::from(text))) } else { Err(NameError(shortened(text))) }
            }

            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = NameError;
            fn from_str(text: &str) -> Result<Self, NameError> {
                Self::parse(text)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        text_column!($name);
    };
}

/// Stores a type by its `Display` and reads it by its `FromStr`.
macro_rules! text_column {
    ($name:ident) => {
        impl ToSql for $name {
            fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
                Ok(ToSqlOutput::from(self.to_string()))
            }
        }

        impl FromSql for $name {
            fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
                value.as_str()?.parse().map_err(|error| FromSqlError::Other(Box::new(error)))
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
    };
}

name! {
    /// What a run other than the live one is called (`tanstack-2026-05`).
    RunName
}
name! {
    /// A lane: one ordered log with its own watermark (`change`, `access`).
    LaneId
}
name! {
    /// A receiver as configured (`soc-slack`).
    ReceiverId
}
text_column!(RunId);

fn is_name(text: &str) -> bool {
    let usual = |byte: u8| byte.is_ascii_alphanumeric() || b"._-:/".contains(&byte);
    !text.is_empty() && text.len() <= MAX_NAME_BYTES && text.bytes().all(usual)
}

/// Enough of a bad text to recognise it by.
fn shortened(text: &str) -> String {
    text.chars().take(40).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_read_as_they_are_written() {
        for text in ["live", "shadow:a", "exercise:tanstack-2026-05", "backtest:x:y/z", "learn:b_1.0"] {
            assert_eq!(text.parse::<RunId>().unwrap().to_string(), text);
        }
        for text in
            ["", "Live", "live:", "live:x", "shadow", "shadow:", "exercise:a b", "other:x", "learn:\u{202e}"]
        {
            assert!(text.parse::<RunId>().is_err(), "{text}");
        }
    }

    #[test]
    fn only_live_and_exercises_may_notify() {
        let notifies = |text: &str| text.parse::<RunId>().unwrap().may_notify();
        assert!(notifies("live") && notifies("exercise:a"));
        assert!(!notifies("shadow:a") && !notifies("backtest:a") && !notifies("learn:a"));
    }

    #[test]
    fn a_name_has_at_most_128_bytes() {
        assert!(LaneId::parse(&"a".repeat(MAX_NAME_BYTES)).is_ok());
        assert!(LaneId::parse(&"a".repeat(MAX_NAME_BYTES + 1)).is_err());
    }
}
