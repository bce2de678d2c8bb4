//! Where a value stands: a JSON pointer, a group of the pattern, or a constant; several are tried in turn.

use regex::Captures;
use serde_json::Value;

/// The places of a value, in the order in which they are tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sources(Vec<Place>);

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// From the item, or from the record if there are no items.
    Pointer(String),
    /// From the record.
    OfRecord(String),
    Group(String),
    Constant(String),
}

/// What is wrong with a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Misplaced {
    NoPlace,
    TooMany,
    EscapeInPointer,
}

/// What a record was taken apart into.
pub(super) struct Parts<'a> {
    pub(super) record: Option<&'a Value>,
    pub(super) item: Option<&'a Value>,
    pub(super) groups: Option<Captures<'a>>,
}

impl Sources {
    pub(super) fn parse(text: &str, most: usize) -> Result<Self, Misplaced> {
        let places: Vec<_> = text.split(" | ").map(place).collect::<Result<_, _>>()?;
        if places.len() > most { Err(Misplaced::TooMany) } else { Ok(Self(places)) }
    }

    pub(super) fn places(&self) -> &[Place] {
        &self.0
    }

    /// The first value that says something.
    pub(super) fn find(&self, parts: &Parts<'_>) -> Option<Value> {
        self.0.iter().find_map(|place| place.find(parts)).filter(|value| !value.is_null())
    }
}

impl Place {
    fn find(&self, parts: &Parts<'_>) -> Option<Value> {
        let found = match self {
            Self::Pointer(pointer) => parts.item.or(parts.record)?.pointer(pointer)?.clone(),
            Self::OfRecord(pointer) => parts.record?.pointer(pointer)?.clone(),
            Self::Group(name) => Value::String(parts.groups.as_ref()?.name(name)?.as_str().to_owned()),
            Self::Constant(text) => Value::String(text.clone()),
        };
        let says_nothing = match &found {
            Value::Null => true,
            Value::String(text) => matches!(text.as_str(), "" | "-"),
            _ => false,
        };
        (!says_nothing).then_some(found)
    }
}

fn place(text: &str) -> Result<Place, Misplaced> {
    let text = text.trim();
    let pointer = |text: &str| {
        let is_escape = |rest: &str| rest.starts_with(['0', '1']);
        let is_valid = text.split('~').skip(1).all(is_escape);
        if is_valid { Ok(text.to_owned()) } else { Err(Misplaced::EscapeInPointer) }
    };
    if text.starts_with('/') {
        pointer(text).map(Place::Pointer)
    } else if let Some(rest) = text.strip_prefix('^').filter(|rest| rest.starts_with('/')) {
        pointer(rest).map(Place::OfRecord)
    } else if let Some(name) = text.strip_prefix('$').filter(|name| !name.is_empty()) {
        Ok(Place::Group(name.to_owned()))
    } else if let Some(constant) = text.strip_prefix('=') {
        Ok(Place::Constant(constant.to_owned()))
    } else {
        Err(Misplaced::NoPlace)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn places_are_tried_in_turn() {
        let (record, item) = (json!({"a": "", "b": {"c": [5]}}), json!({"a": "item", "n": null}));
        let parts = Parts { record: Some(&record), item: Some(&item), groups: None };
        for (text, expected) in [
            ("/a", Some(json!("item"))),
            ("^/b/c/0", Some(json!(5))),
            ("/n | ^/a | =x", Some(json!("x"))),
            ("/missing", None),
            ("$group", None),
        ] {
            assert_eq!(Sources::parse(text, 8).unwrap().find(&parts), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_place_is_refused() {
        assert_eq!(Sources::parse("a.b", 8), Err(Misplaced::NoPlace));
        assert_eq!(Sources::parse("$", 8), Err(Misplaced::NoPlace));
        assert_eq!(Sources::parse("/a~2", 8), Err(Misplaced::EscapeInPointer));
        assert_eq!(Sources::parse("/a | /b | /c", 2), Err(Misplaced::TooMany));
    }
}
