//! JSON documents whose fields have had many shapes over the years: read field by field, where a field of another shape
//! than expected says nothing instead of making the whole unreadable.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::object::{Scalar, Text};
use super::scan::{elements, members};
use crate::decode::{Refusal, check_nesting};

/// Most fields of an object that are kept.
const MAX_FIELDS: usize = 16_384;

/// An object, cut into its fields.
#[derive(Debug, Default)]
pub(crate) struct Document<'a>(Vec<(&'a str, &'a str)>);

impl<'a> Document<'a> {
    /// Reads a whole record, which must be well-formed.
    pub(crate) fn of(text: &'a str) -> Result<Self, Refusal> {
        check_nesting(text)?;
        serde_json::from_str::<IgnoredAny>(text).map_err(|error| Refusal::of_json(text, &error))?;
        Ok(Self::cut(text))
    }

    /// Cuts a part of a record that was checked as a whole.
    pub(crate) fn cut(text: &'a str) -> Self {
        Self(members(text).take(MAX_FIELDS).collect())
    }

    /// A field as it is written; null is none.
    pub(crate) fn raw(&self, key: &str) -> Option<&'a str> {
        self.0.iter().find(|(name, _)| *name == key).map(|(_, value)| *value).filter(|value| *value != "null")
    }

    /// A field of this type, if it has this type.
    pub(crate) fn get<T: Deserialize<'a>>(&self, key: &str) -> Option<T> {
        serde_json::from_str(self.raw(key)?).ok()
    }

    /// A string that is not empty.
    pub(crate) fn text(&self, key: &str) -> Option<Cow<'a, str>> {
        self.get::<Text<'a>>(key).map(|Text(text)| text).filter(|text| !text.is_empty())
    }

    /// A string, number or truth value that is not empty.
    pub(crate) fn scalar(&self, key: &str) -> Option<Cow<'a, str>> {
        self.get::<Scalar<'a>>(key).map(|Scalar(text)| text).filter(|text| !text.is_empty())
    }

    /// An object inside; empty if there is none.
    pub(crate) fn within(&self, key: &str) -> Self {
        self.raw(key).map_or_else(Self::default, Self::cut)
    }

    /// The elements of a list, as they are written; empty if there is none.
    pub(crate) fn list(&self, key: &str) -> Vec<&'a str> {
        self.raw(key).and_then(|value| elements(value, MAX_FIELDS)).unwrap_or_default()
    }

    /// All fields, in their order.
    pub(crate) fn fields(&self) -> impl Iterator<Item = (Cow<'a, str>, &'a str)> {
        self.0.iter().map(|(key, value)| (name_of(key), *value))
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

/// A key without its escapes.
fn name_of(key: &str) -> Cow<'_, str> {
    if !key.contains('\\') {
        return Cow::Borrowed(key);
    }
    serde_json::from_str(&format!("\"{key}\"")).map_or(Cow::Borrowed(key), Cow::Owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_of_another_shape_says_nothing() {
        let own =
            Document::of(r#"{"a":"x","n":5,"o":{"b":"y"},"l":[1,"z"],"e":"","no":null,"\u0071":1}"#).unwrap();
        assert_eq!((own.text("a").as_deref(), own.text("n"), own.text("e")), (Some("x"), None, None));
        assert_eq!(own.scalar("n").as_deref(), Some("5"));
        assert_eq!(own.within("o").text("b").as_deref(), Some("y"));
        assert_eq!((own.within("a").len(), own.list("l"), own.list("o").len()), (0, vec!["1", "\"z\""], 0));
        assert_eq!(own.raw("no"), None);
        assert_eq!(own.fields().last().map(|(key, _)| key.into_owned()).as_deref(), Some("q"));
        assert!(Document::of(r#"{"a":}"#).is_err());
    }
}
