//! JSON objects as formats read them: borrowed where the text allows, duplicate keys refused, unknown ones named.
//!
//! serde's derive would drop unknown fields in silence, and its `flatten` buffers; hence one macro.

use std::borrow::Cow;
use std::fmt;
use std::ops::Deref;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, Serializer};

/// Most unknown names of one object that are kept; the others are one number.
const MAX_UNKNOWN_IN_OBJECT: usize = 16;

/// Text that is borrowed from the record unless it holds escapes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Text<'a>(pub(crate) Cow<'a, str>);

/// A string, a number, a truth value: what logs write with and without quotation marks, as text. Null is none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Scalar<'a>(pub(crate) Cow<'a, str>);

/// The keys of an object that no field has. Boxed, since most objects have none and every object is moved.
#[derive(Debug, Default)]
pub(crate) struct Unknown<'a>(Option<Box<UnknownKeys<'a>>>);

#[derive(Debug, Default)]
struct UnknownKeys<'a> {
    names: Vec<Cow<'a, str>>,
    more: u64,
}

/// Pairs of an object whose keys are data, in their order; a key that comes twice is refused.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Pairs<'a>(pub(crate) Vec<(Cow<'a, str>, Cow<'a, str>)>);

/// Defines how a struct whose fields are all `Option`s, and which has a field `unknown`, is read; with `: written`
/// how it is written too. Keys after `ignored` are known and not needed.
macro_rules! object {
    ($name:ident: written { $($key:literal => $field:ident),+ $(,)? }) => {
        $crate::wire::object::object!($name { $($key => $field),+ });

        impl ::serde::Serialize for $name<'_> {
            fn serialize<S: ::serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                use ::serde::ser::SerializeMap;
                let mut map = serializer.serialize_map(None)?;
                $(if let Some(value) = &self.$field {
                    map.serialize_entry($key, value)?;
                })+
                map.end()
            }
        }
    };
    ($name:ident { $($key:literal => $field:ident),+ $(,)? } $(ignored $($ignored:literal),+)?) => {
        impl<'de: 'a, 'a> ::serde::Deserialize<'de> for $name<'a> {
            fn deserialize<D: ::serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Fields<'a>(::std::marker::PhantomData<$name<'a>>);

                impl<'de: 'a, 'a> ::serde::de::Visitor<'de> for Fields<'a> {
                    type Value = $name<'a>;

                    fn expecting(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                        f.write_str("an object")
                    }

                    fn visit_map<A: ::serde::de::MapAccess<'de>>(self, mut map: A) -> Result<$name<'a>, A::Error> {
                        let mut object = $name::default();
                        $(let mut $field = false;)+
                        while let Some($crate::wire::object::Text(key)) = map.next_key()? {
                            match &*key {
                                $($key => {
                                    if ::std::mem::replace(&mut $field, true) {
                                        return Err(::serde::de::Error::duplicate_field($key));
                                    }
                                    object.$field = map.next_value()?;
                                })+
                                $($($ignored)|+ => {
                                    map.next_value::<::serde::de::IgnoredAny>()?;
                                })?
                                _ => {
                                    map.next_value::<::serde::de::IgnoredAny>()?;
                                    object.unknown.note(key);
                                }
                            }
                        }
                        Ok(object)
                    }
                }

                deserializer.deserialize_map(Fields(::std::marker::PhantomData))
            }
        }
    };
}
pub(crate) use object;

impl<'a> Unknown<'a> {
    /// Notes a key.
    pub(crate) fn note(&mut self, name: Cow<'a, str>) {
        let keys = self.0.get_or_insert_default();
        if keys.names.len() < MAX_UNKNOWN_IN_OBJECT { keys.names.push(name) } else { keys.more += 1 }
    }

    /// The names that were kept.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().flat_map(|keys| &keys.names).map(|name| &**name)
    }

    /// How many were not.
    pub(crate) fn more(&self) -> u64 {
        self.0.as_ref().map_or(0, |keys| keys.more)
    }
}

impl<'a> From<&'a str> for Text<'a> {
    fn from(text: &'a str) -> Self {
        Self(Cow::Borrowed(text))
    }
}

impl From<String> for Text<'_> {
    fn from(text: String) -> Self {
        Self(Cow::Owned(text))
    }
}

impl Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Borrow;

        impl<'de> Visitor<'de> for Borrow {
            type Value = Cow<'de, str>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Cow::Borrowed(text))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Cow::Owned(text.to_owned()))
            }

            fn visit_string<E: Error>(self, text: String) -> Result<Self::Value, E> {
                Ok(Cow::Owned(text))
            }
        }

        deserializer.deserialize_str(Borrow).map(Self)
    }
}

impl Deref for Scalar<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Scalar<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;

        impl<'de> Visitor<'de> for Any {
            type Value = Cow<'de, str>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string or a number")
            }

            fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Cow::Borrowed(text))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Cow::Owned(text.to_owned()))
            }

            fn visit_u64<E: Error>(self, number: u64) -> Result<Self::Value, E> {
                Ok(Cow::Owned(number.to_string()))
            }

            fn visit_i64<E: Error>(self, number: i64) -> Result<Self::Value, E> {
                Ok(Cow::Owned(number.to_string()))
            }

            fn visit_f64<E: Error>(self, number: f64) -> Result<Self::Value, E> {
                Ok(Cow::Owned(number.to_string()))
            }

            fn visit_bool<E: Error>(self, value: bool) -> Result<Self::Value, E> {
                Ok(Cow::Borrowed(if value { "true" } else { "false" }))
            }
        }

        deserializer.deserialize_any(Any).map(Self)
    }
}

/// The text of a field that is there and says something; `-` stands for nothing in logs.
pub(crate) fn said<T: Deref<Target = str>>(field: Option<&T>) -> Option<&str> {
    field.map(|text| &**text).filter(|text| !text.is_empty() && *text != "-")
}

impl Serialize for Text<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl JsonSchema for Text<'_> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Text".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string"})
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Pairs<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;

        impl<'de> Visitor<'de> for Any {
            type Value = Vec<(Cow<'de, str>, Cow<'de, str>)>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of strings")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut pairs = Vec::new();
                let mut seen = std::collections::BTreeSet::new();
                while let Some((Text(key), Text(value))) = map.next_entry()? {
                    if !seen.insert(key.clone()) {
                        return Err(Error::custom(format_args!("duplicate field `{key}`")));
                    }
                    pairs.push((key, value));
                }
                Ok(pairs)
            }
        }

        deserializer.deserialize_map(Any).map(Self)
    }
}

impl Serialize for Pairs<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (key, value) in &self.0 {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}

impl JsonSchema for Pairs<'_> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Pairs".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "object", "additionalProperties": {"type": "string"}})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Default)]
    struct Sample<'a> {
        name: Option<Text<'a>>,
        count: Option<u64>,
        unknown: Unknown<'a>,
    }
    object!(Sample { "name" => name, "count" => count } ignored "noise");

    fn read(text: &str) -> Result<Sample<'_>, String> {
        serde_json::from_str(text).map_err(|error| error.to_string())
    }

    #[test]
    fn text_is_borrowed_unless_escaped() {
        let text = r#"{"name":"plain"}"#;
        assert!(matches!(read(text).unwrap().name, Some(Text(Cow::Borrowed("plain")))));
        assert!(matches!(read(r#"{"name":"a\nb"}"#).unwrap().name, Some(Text(Cow::Owned(_)))));
    }

    #[test]
    fn unknown_keys_are_named_up_to_a_bound_and_ignored_ones_are_not() {
        let sample = read(r#"{"x":{"y":[1]},"noise":1,"count":2}"#).unwrap();
        assert_eq!(sample.unknown.names().collect::<Vec<_>>(), ["x"]);
        assert_eq!(sample.count, Some(2));
        let keys: Vec<_> = (0..100).map(|number| format!("\"k{number}\":0")).collect();
        let text = format!("{{{}}}", keys.join(","));
        let sample = read(&text).unwrap();
        assert_eq!((sample.unknown.names().count(), sample.unknown.more()), (16, 84));
    }

    #[test]
    fn a_key_that_comes_twice_is_refused_even_after_null() {
        assert!(read(r#"{"name":null,"name":"x"}"#).unwrap_err().starts_with("duplicate field `name`"));
        let pairs = serde_json::from_str::<Pairs<'_>>(r#"{"a":"1","a":"2"}"#).unwrap_err();
        assert!(pairs.to_string().starts_with("duplicate field `a`"));
    }
}
