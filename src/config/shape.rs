//! What may stand where in a configuration: the JSON Schema of its types, made easy to walk.

use schemars::Schema;
use serde_json::{Map, Value};

use super::place::Place;

/// What a value may be.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Shape {
    /// A table with these keys.
    Table(Vec<Key>),
    /// A table whose keys are names.
    Names {
        /// The only names there are, if they are known.
        known: Vec<Word>,
        /// What each stands for.
        value: Box<Self>,
    },
    /// A table whose other keys depend on the word at `tag`.
    Tagged { tag: String, variants: Vec<Variant> },
    /// A list.
    List { item: Box<Self>, at_least: u64 },
    /// One of these words.
    Words(Vec<Word>),
    /// A text of at least so many characters.
    Text { at_least: u64 },
    /// A reference to a secret.
    Secret,
    /// `true` or `false`.
    Flag,
    /// A whole number.
    Whole(Bounds),
    /// Any number.
    Number(Bounds),
    /// One of several.
    OneOf(Vec<Self>),
    /// The schema says something that is not understood here. A test proves that it never does.
    Unknown,
}

/// One key of a table.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Key {
    pub(super) name: String,
    pub(super) shape: Shape,
    pub(super) need: Need,
    /// What it is for.
    pub(super) about: String,
}

/// Whether a key must be given.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Need {
    Required,
    /// This stands for it where it is missing.
    Default(Value),
    Optional,
}

/// One word and what it means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Word {
    pub(super) word: String,
    pub(super) about: String,
}

/// The keys of a tagged table for one of its words.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Variant {
    pub(super) word: Word,
    /// Without the tag itself.
    pub(super) keys: Vec<Key>,
}

/// Bounds of a number, both inclusive.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Bounds {
    pub(super) low: Option<f64>,
    pub(super) high: Option<f64>,
}

impl Bounds {
    pub(super) fn contain(self, number: f64) -> bool {
        self.low.is_none_or(|low| number >= low) && self.high.is_none_or(|high| number <= high)
    }
}

impl Shape {
    /// Reads a schema.
    pub(super) fn of(schema: &Schema) -> Self {
        let schema = schema.as_value();
        let definitions = schema.get("$defs").and_then(Value::as_object).cloned().unwrap_or_default();
        Reader { definitions }.shape(schema)
    }

    /// The same with every text known as a reference to a secret that `is_secret` says is one. A schema does not.
    pub(super) fn with_secrets(self, place: &Place<'_>, is_secret: &dyn Fn(&Place<'_>) -> bool) -> Self {
        let keys = |keys: Vec<Key>, place: &Place<'_>| {
            let key = |key: Key| {
                let shape = key.shape.with_secrets(&place.key(&key.name, ""), is_secret);
                Key { shape, ..key }
            };
            keys.into_iter().map(key).collect()
        };
        match self {
            Self::Text { .. } if is_secret(place) => Self::Secret,
            Self::Table(own) => Self::Table(keys(own, place)),
            Self::Names { known, value } => {
                let name = known.first().map_or("name", |word| &word.word).to_owned();
                let value = Box::new(value.with_secrets(&place.key(&name, ""), is_secret));
                Self::Names { known, value }
            }
            Self::Tagged { tag, variants } => {
                let variant = |variant: Variant| {
                    let own = keys(variant.keys, &place.tagged(&tag, &variant.word.word));
                    Variant { keys: own, word: variant.word }
                };
                let variants = variants.into_iter().map(variant).collect();
                Self::Tagged { tag, variants }
            }
            Self::List { item, at_least } => {
                Self::List { item: Box::new(item.with_secrets(&place.item(0), is_secret)), at_least }
            }
            other => other,
        }
    }

    /// Calls `found` for every key in it, those inside of tables and lists included.
    pub(super) fn each_key<'a>(&'a self, found: &mut dyn FnMut(&'a Key)) {
        let mut inside = |keys: &'a [Key]| {
            for key in keys {
                found(key);
                key.shape.each_key(found);
            }
        };
        match self {
            Self::Table(keys) => inside(keys),
            Self::Tagged { variants, .. } => variants.iter().for_each(|variant| inside(&variant.keys)),
            Self::Names { value, .. } => value.each_key(found),
            Self::List { item, .. } => item.each_key(found),
            _ => {}
        }
    }

    /// Whether it is some kind of table.
    pub(super) fn is_table(&self) -> bool {
        matches!(self, Self::Table(_) | Self::Names { .. } | Self::Tagged { .. })
    }

    #[cfg(test)]
    /// The keys of a table; none of anything else.
    pub(super) fn keys(&self) -> &[Key] {
        match self {
            Self::Table(keys) => keys,
            _ => &[],
        }
    }

    /// What a person calls it.
    pub(super) fn kind(&self) -> String {
        match self {
            table if table.is_table() => "a table".to_owned(),
            Self::List { item, .. } => match item.as_ref() {
                table if table.is_table() => "a list of tables".to_owned(),
                Self::Words(_) => "a list of words".to_owned(),
                Self::Text { .. } => "a list of texts".to_owned(),
                _ => "a list".to_owned(),
            },
            Self::Words(_) => "a word".to_owned(),
            Self::Secret => "a reference to a secret".to_owned(),
            Self::Text { .. } => "a text".to_owned(),
            Self::Flag => "true or false".to_owned(),
            Self::Whole(_) => "a whole number".to_owned(),
            Self::Number(_) => "a number".to_owned(),
            Self::OneOf(shapes) => shapes.iter().map(Self::kind).collect::<Vec<_>>().join(" or "),
            _ => "a value".to_owned(),
        }
    }
}

struct Reader {
    definitions: Map<String, Value>,
}

impl Reader {
    fn shape(&self, schema: &Value) -> Shape {
        if let Some(target) = self.target(schema) {
            return self.shape(target);
        }
        if let Some(words) = words_of(schema) {
            return Shape::Words(words);
        }
        for alternatives in ["oneOf", "anyOf"] {
            if let Some(schemas) = schema.get(alternatives).and_then(Value::as_array) {
                return self.one_of(schemas);
            }
        }
        match type_of(schema) {
            Some("object") => self.table(schema),
            Some("array") => Shape::List {
                item: Box::new(schema.get("items").map_or(Shape::Unknown, |item| self.shape(item))),
                at_least: schema.get("minItems").and_then(Value::as_u64).unwrap_or(0),
            },
            Some("string") => {
                Shape::Text { at_least: schema.get("minLength").and_then(Value::as_u64).unwrap_or(0) }
            }
            Some("boolean") => Shape::Flag,
            Some("integer") => Shape::Whole(bounds_of(schema)),
            Some("number") => Shape::Number(bounds_of(schema)),
            _ => Shape::Unknown,
        }
    }

    fn target(&self, schema: &Value) -> Option<&Value> {
        self.definitions.get(schema.get("$ref")?.as_str()?.strip_prefix("#/$defs/")?)
    }

    fn one_of(&self, schemas: &[Value]) -> Shape {
        // TOML has no null: an optional value is simply not there.
        let schemas: Vec<_> = schemas.iter().filter(|schema| type_of(schema) != Some("null")).collect();
        if let [only] = schemas[..] {
            return self.shape(only);
        }
        if let Some(words) = schemas.iter().map(|schema| words_of(schema)).collect::<Option<Vec<_>>>() {
            return Shape::Words(words.concat());
        }
        self.tagged(&schemas)
            .unwrap_or_else(|| Shape::OneOf(schemas.iter().map(|schema| self.shape(schema)).collect()))
    }

    /// Tables that are told apart by a key with one fixed word in each.
    fn tagged(&self, schemas: &[&Value]) -> Option<Shape> {
        let properties = |schema: &Value| schema.get("properties").and_then(Value::as_object).cloned();
        let fixed = |property: &Value| property.get("const").and_then(Value::as_str).map(str::to_owned);
        let first = properties(schemas.first()?)?;
        let tag = first.iter().find(|(_, property)| fixed(property).is_some())?.0.clone();
        let variant = |schema: &&Value| {
            let word = properties(schema)?.get(&tag).and_then(fixed)?;
            let mut keys = self.keys(schema);
            keys.retain(|key| key.name != tag);
            Some(Variant { word: Word { word, about: about(schema) }, keys })
        };
        let variants = schemas.iter().map(variant).collect::<Option<Vec<_>>>()?;
        Some(Shape::Tagged { tag, variants })
    }

    fn table(&self, schema: &Value) -> Shape {
        match schema.get("additionalProperties") {
            Some(value) if value.is_object() => {
                let names = schema.get("propertyNames").map(|names| self.shape(names));
                let known = if let Some(Shape::Words(words)) = names { words } else { Vec::new() };
                Shape::Names { known, value: Box::new(self.shape(value)) }
            }
            _ => Shape::Table(self.keys(schema)),
        }
    }

    /// Required keys first: they are what a reader must know.
    fn keys(&self, schema: &Value) -> Vec<Key> {
        let required = schema.get("required").and_then(Value::as_array).cloned().unwrap_or_default();
        let key = |(name, property): (&String, &Value)| {
            let need = match property.get("default") {
                _ if required.iter().any(|required| required == name) => Need::Required,
                Some(default) if !default.is_null() => Need::Default(default.clone()),
                _ => Need::Optional,
            };
            let own = about(property);
            let about =
                if own.is_empty() { self.target(property).map(about).unwrap_or_default() } else { own };
            Key { name: name.clone(), shape: self.shape(property), need, about }
        };
        let properties = schema.get("properties").and_then(Value::as_object);
        let mut keys: Vec<_> = properties.into_iter().flatten().map(key).collect();
        keys.sort_by_key(|key| key.need != Need::Required);
        keys
    }
}

/// The type beside null.
fn type_of(schema: &Value) -> Option<&str> {
    match schema.get("type")? {
        Value::String(name) => Some(name),
        Value::Array(names) => names.iter().filter_map(Value::as_str).find(|name| *name != "null"),
        _ => None,
    }
}

fn format_of(schema: &Value) -> Option<&str> {
    schema.get("format").and_then(Value::as_str)
}

/// Descriptions are broken into lines where the source is.
fn about(schema: &Value) -> String {
    let text = schema.get("description").and_then(Value::as_str).unwrap_or_default();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn words_of(schema: &Value) -> Option<Vec<Word>> {
    let word = |word: &str| Word { word: word.to_owned(), about: about(schema) };
    if let Some(only) = schema.get("const").and_then(Value::as_str) {
        return Some(vec![word(only)]);
    }
    let words = schema.get("enum")?.as_array()?;
    Some(
        words
            .iter()
            .filter_map(Value::as_str)
            .map(|text| Word { word: text.to_owned(), about: String::new() })
            .collect(),
    )
}

/// The bounds that are written, within those of the type.
fn bounds_of(schema: &Value) -> Bounds {
    let written = |name| schema.get(name).and_then(Value::as_f64);
    let of_type = match format_of(schema) {
        Some("uint8") => Some(f64::from(u8::MAX)),
        Some("uint16") => Some(f64::from(u16::MAX)),
        Some("uint32") => Some(f64::from(u32::MAX)),
        _ => None,
    };
    Bounds { low: written("minimum"), high: written("maximum").or(of_type) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(schema: Value, expected: &Shape) {
        assert_eq!(&Shape::of(&schema.try_into().unwrap()), expected);
    }

    #[test]
    fn an_optional_value_is_the_value() {
        check(json!({"type": ["boolean", "null"]}), &Shape::Flag);
        check(json!({"anyOf": [{"type": "number"}, {"type": "null"}]}), &Shape::Number(Bounds::default()));
    }

    #[test]
    fn a_number_is_bound_by_its_type_and_by_what_is_written() {
        let whole = |low, high| Shape::Whole(Bounds { low, high });
        check(json!({"type": "integer", "format": "uint8", "minimum": 0}), &whole(Some(0.0), Some(255.0)));
        check(
            json!({"type": "integer", "format": "uint8", "minimum": 1, "maximum": 5}),
            &whole(Some(1.0), Some(5.0)),
        );
    }

    #[test]
    fn words_are_collected_from_every_way_to_write_them() {
        let word = |word: &str, about: &str| Word { word: word.to_owned(), about: about.to_owned() };
        let words = Shape::Words(vec![word("a", "First."), word("b", "")]);
        check(json!({"oneOf": [{"const": "a", "description": "First."}, {"enum": ["b"]}]}), &words);
        check(
            json!({"$ref": "#/$defs/W", "$defs": {"W": {"anyOf": [{"const": "a", "description": "First."}, {"enum": ["b"]}]}}}),
            &words,
        );
    }

    #[test]
    fn tables_with_a_fixed_word_in_each_are_told_apart_by_it() {
        let table = |word: &str| json!({"type": "object", "properties": {"t": {"const": word}, "k": {"type": "boolean"}}});
        let variant = |word: &str| Variant {
            word: Word { word: word.to_owned(), about: String::new() },
            keys: vec![Key {
                name: "k".into(),
                shape: Shape::Flag,
                need: Need::Optional,
                about: String::new(),
            }],
        };
        let expected = Shape::Tagged { tag: "t".into(), variants: vec![variant("a"), variant("b")] };
        check(json!({"oneOf": [table("a"), table("b")]}), &expected);
    }

    #[test]
    fn what_is_not_understood_is_said() {
        check(json!({"type": "array"}), &Shape::List { item: Box::new(Shape::Unknown), at_least: 0 });
        check(json!({"not": {}}), &Shape::Unknown);
    }
}
