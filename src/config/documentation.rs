//! The tables of docs/configuration.md, made of the schema; `SEALWATCH_BLESS=1` writes them anew.

use std::path::Path;

use super::schema::config_shape;
use super::shape::{Bounds, Key, Need, Shape, Variant, Word};

const BEGIN: &str = "<!-- keys of ";
const END: &str = "<!-- end of keys -->";

/// The document with its tables as they should be.
fn documented(document: &str, shape: &Shape) -> String {
    let mut out = String::new();
    let mut is_table = false;
    for line in document.lines() {
        is_table &= line != END;
        if is_table {
            continue;
        }
        out.push_str(line);
        out.push('\n');
        if let Some(name) = line.strip_prefix(BEGIN).and_then(|rest| rest.strip_suffix(" -->")) {
            let key =
                shape.keys().iter().find(|key| key.name == name).unwrap_or_else(|| panic!("no key `{name}`"));
            out.push_str(&tables_of(key));
            is_table = true;
        }
    }
    out
}

/// The table of one part, and those of what depends on a word in it.
fn tables_of(part: &Key) -> String {
    let shape = match &part.shape {
        Shape::List { item: inner, .. } | Shape::Names { value: inner, .. } => inner,
        other => other,
    };
    let mut tables = Tables::default();
    tables.shape(shape, "");
    tables.rest.iter().fold(written("", &tables.rows), |all, (title, rows)| all + &written(title, rows))
        + "\n"
}

fn written(title: &str, rows: &[String]) -> String {
    let title = if title.is_empty() { String::new() } else { format!("\n{title}\n") };
    format!("{title}\n| key | value | default | meaning |\n|---|---|---|---|\n{}", rows.concat())
}

/// Tables inside of a table become rows with dotted names; what depends on a word becomes a table of its own.
#[derive(Default)]
struct Tables {
    rows: Vec<String>,
    rest: Vec<(String, Vec<String>)>,
}

impl Tables {
    fn shape(&mut self, shape: &Shape, before: &str) {
        match shape {
            Shape::Table(keys) => keys.iter().for_each(|key| self.key(key, before)),
            Shape::Names { value, .. } => self.shape(value, &format!("{before}<name>.")),
            Shape::Tagged { tag, variants } => self.tagged(tag, variants, before),
            _ => {}
        }
    }

    fn key(&mut self, key: &Key, before: &str) {
        let name = format!("{before}{}", key.name);
        match &key.shape {
            Shape::Names { known, value } => {
                self.row(
                    &format!("{name}.<name>"),
                    &value_of(value),
                    "",
                    &format!("{} {}", key.about, meanings(known)),
                );
                self.shape(&key.shape, &format!("{name}."));
            }
            table if table.is_table() => self.shape(table, &format!("{name}.")),
            Shape::Words(words) => {
                self.row(
                    &name,
                    &value_of(&key.shape),
                    &default_of(&key.need),
                    &format!("{} {}", key.about, meanings(words)),
                );
            }
            other => self.row(&name, &value_of(other), &default_of(&key.need), &key.about),
        }
    }

    fn tagged(&mut self, tag: &str, variants: &[Variant], before: &str) {
        let words: Vec<_> = variants.iter().map(|variant| variant.word.clone()).collect();
        self.row(
            &format!("{before}{tag}"),
            &value_of(&Shape::Words(words.clone())),
            "required",
            &meanings(&words),
        );
        for of_equal_keys in variants.chunk_by(|one, next| one.keys == next.keys) {
            let words: Vec<_> =
                of_equal_keys.iter().map(|variant| format!("`\"{}\"`", variant.word.word)).collect();
            let mut own = Self::default();
            own.shape(&Shape::Table(of_equal_keys[0].keys.clone()), before);
            if !own.rows.is_empty() {
                self.rest.push((format!("With `{before}{tag}` = {}:", words.join(" or ")), own.rows));
                self.rest.append(&mut own.rest);
            }
        }
    }

    fn row(&mut self, name: &str, value: &str, default: &str, about: &str) {
        let cell = |text: &str| text.trim().replace('|', "\\|");
        self.rows.push(format!("| `{name}` | {} | {} | {} |\n", cell(value), cell(default), cell(about)));
    }
}

fn meanings(words: &[Word]) -> String {
    let meaning = |word: &Word| format!("`{}`: {}", word.word, word.about);
    words.iter().filter(|word| !word.about.is_empty()).map(meaning).collect::<Vec<_>>().join(" ")
}

fn value_of(shape: &Shape) -> String {
    let bounded = |kind: String, bounds: &Bounds| match (bounds.low, bounds.high) {
        (Some(low), Some(high)) => format!("{kind} from {low} to {high}"),
        (Some(low), None) => format!("{kind}, at least {low}"),
        (None, Some(high)) => format!("{kind}, at most {high}"),
        (None, None) => kind,
    };
    match shape {
        Shape::Words(words) => {
            words.iter().map(|word| format!("`\"{}\"`", word.word)).collect::<Vec<_>>().join(", ")
        }
        Shape::Whole(bounds) | Shape::Number(bounds) => bounded(shape.kind(), bounds),
        Shape::List { item, .. } => match item.as_ref() {
            Shape::Words(_) => format!("a list of {}", value_of(item)),
            _ => shape.kind(),
        },
        other => other.kind(),
    }
}

fn default_of(need: &Need) -> String {
    match need {
        Need::Required => "required".to_owned(),
        Need::Default(value) => format!("`{value}`"),
        Need::Optional => String::new(),
    }
}

#[test]
fn the_documentation_holds_every_key_as_the_schema_has_it() {
    let shape = config_shape();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/configuration.md");
    let document = std::fs::read_to_string(&path).unwrap();
    for key in shape.keys() {
        let block = format!("{BEGIN}{} -->", key.name);
        assert_eq!(
            document.matches(&block).count(),
            1,
            "`{}` must have its place in {}",
            key.name,
            path.display()
        );
    }
    let wanted = documented(&document, &shape);
    if std::env::var_os("SEALWATCH_BLESS").is_some() {
        std::fs::write(&path, &wanted).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap();
    assert!(found == wanted, "{} is not as the schema has it; it should be:\n{wanted}", path.display());
}

#[test]
fn every_key_says_what_it_is_for() {
    config_shape().each_key(&mut |key| {
        assert!(!key.about.is_empty(), "`{}` has no description", key.name);
    });
}
