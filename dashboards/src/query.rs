//! What a URL asks for: parsed once, with every wrong value named.

use std::fmt::Display;
use std::sync::Arc;

use detectors::finding::{DetectorId, Severity};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use thiserror::Error;

/// Longest query string, in bytes.
pub(crate) const MAX_QUERY_BYTES: usize = 4 * 1024;
/// Most parameters.
pub(crate) const MAX_PARAMETERS: usize = 32;
/// Longest value of one parameter, in bytes after decoding.
pub(crate) const MAX_VALUE_BYTES: usize = 1024;

/// What is escaped in a value: all but the characters that RFC 3986, section 2.3, calls unreserved.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Why a query cannot be answered.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum BadQuery {
    /// The whole is too long.
    #[error("the query is longer than {MAX_QUERY_BYTES} bytes")]
    TooLong,
    /// There are too many parameters.
    #[error("the query has more than {MAX_PARAMETERS} parameters")]
    TooMany,
    /// A value is too long.
    #[error("`{0}` is longer than {MAX_VALUE_BYTES} bytes")]
    ValueTooLong(&'static str),
    /// A value is none of those that exist.
    #[error("`{key}` must be {expected}")]
    Value {
        /// The parameter.
        key: &'static str,
        /// What it may be.
        expected: &'static str,
    },
    /// A parameter is missing.
    #[error("`{0}` is missing")]
    Missing(&'static str),
}

/// A query's parameters, decoded. An empty value is none; of two equal keys the first counts.
#[derive(Debug, Clone, Default)]
pub(crate) struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// Reads a query string.
    ///
    /// # Errors
    /// [`BadQuery`] when it is too long.
    pub(crate) fn parse(query: Option<&str>) -> Result<Self, BadQuery> {
        let query = query.unwrap_or_default();
        if query.len() > MAX_QUERY_BYTES {
            return Err(BadQuery::TooLong);
        }
        let pairs: Vec<&str> = query.split('&').filter(|pair| !pair.is_empty()).collect();
        if pairs.len() > MAX_PARAMETERS {
            return Err(BadQuery::TooMany);
        }
        let decoded =
            |text: &str| percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned();
        let pair = |pair: &str| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decoded(key), decoded(value))
        };
        Ok(Self(pairs.into_iter().map(pair).collect()))
    }

    /// A value, if there is one.
    ///
    /// # Errors
    /// [`BadQuery::ValueTooLong`].
    pub(crate) fn text(&self, key: &'static str) -> Result<Option<&str>, BadQuery> {
        let found = self.0.iter().find(|(own, _)| own == key).map(|(_, value)| value.trim());
        match found {
            Some(value) if value.len() > MAX_VALUE_BYTES => Err(BadQuery::ValueTooLong(key)),
            found => Ok(found.filter(|value| !value.is_empty())),
        }
    }

    /// A value, as what `read` makes of it.
    ///
    /// # Errors
    /// [`BadQuery::Value`] naming what is expected, where `read` makes nothing of it.
    pub(crate) fn read<T>(
        &self,
        key: &'static str,
        expected: &'static str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, BadQuery> {
        self.text(key)?.map(|value| read(value).ok_or(BadQuery::Value { key, expected })).transpose()
    }

    /// A whole number from 0 to `most`.
    ///
    /// # Errors
    /// [`BadQuery::Value`].
    pub(crate) fn number(&self, key: &'static str, most: u64) -> Result<Option<u64>, BadQuery> {
        self.read(key, "a whole number within bounds", |text| {
            text.parse().ok().filter(|number| *number <= most)
        })
    }

    /// A severity.
    ///
    /// # Errors
    /// [`BadQuery::Value`].
    pub(crate) fn severity(&self, key: &'static str) -> Result<Option<Severity>, BadQuery> {
        self.read(key, "info, low, medium, high or critical", |word| {
            Severity::ALL.into_iter().find(|severity| severity.as_str() == word)
        })
    }

    /// A detector.
    ///
    /// # Errors
    /// [`BadQuery::Value`].
    pub(crate) fn detector(&self, key: &'static str) -> Result<Option<DetectorId>, BadQuery> {
        self.read(key, "the id of a detector", |word| word.parse().ok())
    }

    /// A shared text.
    ///
    /// # Errors
    /// [`BadQuery::ValueTooLong`].
    pub(crate) fn shared(&self, key: &'static str) -> Result<Option<Arc<str>>, BadQuery> {
        Ok(self.text(key)?.map(Arc::from))
    }
}

/// A query string in the making.
#[derive(Debug, Clone, Default)]
pub(crate) struct QueryString(String);

impl QueryString {
    /// This and one more parameter.
    pub(crate) fn with(mut self, key: &'static str, value: impl Display) -> Self {
        if !self.0.is_empty() {
            self.0.push('&');
        }
        self.0.push_str(key);
        self.0.push('=');
        self.0.extend(utf8_percent_encode(&value.to_string(), ESCAPED));
        self
    }

    /// This and one more parameter, if there is a value.
    pub(crate) fn with_some(self, key: &'static str, value: Option<impl Display>) -> Self {
        match value {
            Some(value) => self.with(key, value),
            None => self,
        }
    }

    /// The path with this query.
    pub(crate) fn after(&self, path: &str) -> String {
        if self.0.is_empty() { path.to_owned() } else { format!("{path}?{}", self.0) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_decoded_and_empty_ones_are_none() {
        let parameters = Parameters::parse(Some("a=x%2Fy+z&b=&c&%64=1&a=second&bad=%ff")).unwrap();
        let text = |key| parameters.text(key).unwrap().map(str::to_owned);
        assert_eq!(text("a").as_deref(), Some("x/y z"));
        assert_eq!((text("b"), text("c"), text("absent")), (None, None, None));
        assert_eq!(text("d").as_deref(), Some("1"));
        assert_eq!(text("bad").as_deref(), Some("\u{fffd}"));
    }

    #[test]
    fn a_wrong_value_is_named_with_what_it_may_be() {
        let parameters = Parameters::parse(Some("severity=loud&page=-1&detector=x")).unwrap();
        assert_eq!(
            parameters.severity("severity").unwrap_err().to_string(),
            "`severity` must be info, low, medium, high or critical"
        );
        assert!(parameters.number("page", 9).is_err() && parameters.detector("detector").is_err());
        assert_eq!(Parameters::parse(None).unwrap().severity("severity"), Ok(None));
    }

    #[test]
    fn a_query_is_bounded_in_length_count_and_value() {
        let long = "a".repeat(MAX_QUERY_BYTES + 1);
        assert_eq!(Parameters::parse(Some(&long)).unwrap_err(), BadQuery::TooLong);
        let many = "a=1&".repeat(MAX_PARAMETERS + 1);
        assert_eq!(Parameters::parse(Some(&many)).unwrap_err(), BadQuery::TooMany);
        let value = format!("a={}", "v".repeat(MAX_VALUE_BYTES + 1));
        assert_eq!(Parameters::parse(Some(&value)).unwrap().text("a"), Err(BadQuery::ValueTooLong("a")));
    }

    #[test]
    fn what_is_written_is_read_back() {
        let hostile = "\"><script>&a=b#?%\u{202e}é";
        let path =
            QueryString::default().with("q", hostile).with_some("page", None::<u32>).after("/incidents");
        assert!(path.is_ascii() && !path.contains(['<', '"', '#']));
        let (_, query) = path.split_once('?').unwrap();
        assert_eq!(Parameters::parse(Some(query)).unwrap().text("q"), Ok(Some(hostile)));
        assert_eq!(QueryString::default().after("/x"), "/x");
    }
}
