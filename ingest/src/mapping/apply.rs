//! A mapping applied to a record: the parts are found, written as a native event, and read as one.

use detectors::event::{Event, PackageUrl};
use serde_json::{Map, Value};

use super::field::{Field, Takes, text_of};
use super::source::Parts;
use super::{Kind, Mapping};
use crate::decode::{MAX_EVENTS_PER_RECORD, Reading, Refusal, RefusalReason, check_nesting};
use crate::wire::{combined, native};

pub(super) fn read(
    mapping: &Mapping,
    text: &str,
    reading: &mut Reading<'_>,
    out: &mut Vec<Event>,
) -> Result<(), Refusal> {
    let is_json = mapping.pattern.as_ref().is_none_or(|pattern| pattern.on.is_some());
    let record: Option<Value> = if is_json {
        check_nesting(text)?;
        Some(serde_json::from_str(text).map_err(|error| Refusal::of_json(text, &error))?)
    } else {
        None
    };
    let Some(each) = &mapping.each else {
        return one(
            mapping,
            text,
            &Parts { record: record.as_ref(), item: None, groups: None },
            reading,
            out,
        );
    };
    let list = each.find(&Parts { record: record.as_ref(), item: None, groups: None });
    let Some(Value::Array(items)) = list else {
        return Err(Refusal::new(RefusalReason::MissingField, "the list that `each` names is missing"));
    };
    if items.len() > MAX_EVENTS_PER_RECORD {
        let detail = format!("{} events, of {MAX_EVENTS_PER_RECORD} allowed", items.len());
        return Err(Refusal::new(RefusalReason::TooManyEvents, detail));
    }
    let first = reading.base;
    for (index, item) in (0_u32..).zip(&items) {
        reading.base = first.saturating_add(index);
        let parts = Parts { record: record.as_ref(), item: Some(item), groups: None };
        one(mapping, text, &parts, reading, out)?;
    }
    Ok(())
}

fn one(
    mapping: &Mapping,
    text: &str,
    parts: &Parts<'_>,
    reading: &mut Reading<'_>,
    out: &mut Vec<Event>,
) -> Result<(), Refusal> {
    let line;
    let mut parts = Parts { groups: None, ..*parts };
    if let Some(pattern) = &mapping.pattern {
        line = match &pattern.on {
            Some(on) => {
                let found = on.find(&parts).as_ref().and_then(text_of);
                found.ok_or_else(|| Refusal::missing("pattern_on"))?
            }
            None => text.trim_end().to_owned(),
        };
        let groups = pattern.regex.captures(&line);
        parts.groups = Some(groups.ok_or_else(|| {
            let detail = format!("the line does not fit the pattern of `{}`", mapping.name);
            Refusal::new(RefusalReason::BadLine, detail)
        })?);
    }
    let kind = mapping.kinds.iter().find(|kind| kind.fits(&parts)).ok_or_else(|| {
        let detail = format!("it is none of the kinds that `{}` declares", mapping.name);
        Refusal::new(RefusalReason::UnsupportedKind, detail)
    })?;
    event(mapping, kind, &parts, reading, out)
}

fn event(
    mapping: &Mapping,
    kind: &Kind,
    parts: &Parts<'_>,
    reading: &mut Reading<'_>,
    out: &mut Vec<Event>,
) -> Result<(), Refusal> {
    let mut event = Map::new();
    let mut pieces = Pieces::default();
    let time = mapping.time.find(parts).as_ref().and_then(text_of).ok_or_else(|| Refusal::missing("time"))?;
    let time = mapping.time_format.read("time", &time)?;
    event.insert("time".to_owned(), Value::String(time.to_string()));
    event.insert("type".to_owned(), Value::String(kind.word.clone()));
    for (field, sources, words) in &kind.fields {
        let Some(mut found) = sources.find(parts) else { continue };
        if let (Some(words), Some(word)) = (words, text_of(&found)) {
            let meant = words.get(&word).or_else(|| words.get("*")).ok_or_else(|| {
                let detail = format!("`{}`: `{word}` is none of the declared words", field.name());
                Refusal::new(RefusalReason::UnsupportedKind, detail)
            })?;
            found = Value::String(meant.clone());
        }
        match field.takes() {
            Takes::Part => pieces.take(*field, text_of(&found)),
            Takes::Time => {
                if let Some(text) = text_of(&found) {
                    let time = mapping.time_format.read(field.name(), &text)?;
                    put(&mut event, field.name(), Value::String(time.to_string()));
                }
            }
            Takes::Repository => reference(&mut event, text_of(&found)),
            _ => {
                if let Some(value) = field.value(&found)? {
                    put(&mut event, field.name(), value);
                }
            }
        }
    }
    if let Some(purl) = pieces.purl() {
        put(&mut event, "artifact.purl", Value::String(purl?.to_string()));
    }
    let asked = pieces.path.as_deref().map(|path| {
        let user_agent = event.get("actor").and_then(|actor| actor.get("user_agent")).and_then(Value::as_str);
        let method = pieces.method.as_deref().unwrap_or("GET");
        combined::asked(
            &format!("{method} {path} HTTP/1.1"),
            user_agent.unwrap_or(""),
            reading.settings.ecosystem,
        )
    });
    if let Some((action, _)) = &asked
        && kind.word == "access"
        && !event.contains_key("action")
    {
        event.insert("action".to_owned(), serde_json::to_value(action).unwrap_or_default());
    }
    let text = Value::Object(event).to_string();
    let before = out.len();
    native::read(&text, reading, out)?;
    if let (Some(made @ Event { artifact: None, .. }), Some((_, artifact))) = (out.get_mut(before), asked) {
        made.artifact = artifact;
    }
    Ok(())
}

impl Kind {
    fn fits(&self, parts: &Parts<'_>) -> bool {
        self.when.iter().all(|(sources, wanted)| {
            let found = sources.find(parts).as_ref().and_then(text_of);
            found.is_some_and(|text| wanted.iter().any(|wanted| wanted.fits(&text)))
        })
    }
}

/// Parts from which something is put together.
#[derive(Debug, Default)]
struct Pieces {
    package_type: Option<String>,
    name: Option<String>,
    version: Option<String>,
    method: Option<String>,
    path: Option<String>,
}

impl Pieces {
    fn take(&mut self, field: Field, text: Option<String>) {
        match field.name() {
            "artifact.type" => self.package_type = text,
            "artifact.name" => self.name = text,
            "artifact.version" => self.version = text,
            "request.method" => self.method = text,
            _ => self.path = text.map(|path| if path.starts_with('/') { path } else { format!("/{path}") }),
        }
    }

    /// The package that type and name say, if both are there.
    fn purl(&self) -> Option<Result<PackageUrl, Refusal>> {
        let (kind, name) = (self.package_type.as_deref()?, self.name.as_deref()?);
        let purl = PackageUrl::new(&kind.to_ascii_lowercase(), name, self.version.as_deref());
        Some(purl.ok_or_else(|| {
            Refusal::new(RefusalReason::BadPurl, format!("`artifact.name`: `{name}` is no name of a package"))
        }))
    }
}

/// Takes a container's reference apart: `team/app:1.0`, `team/app@sha256:…`. What is said of tag and digest elsewhere
/// counts more.
fn reference(event: &mut Map<String, Value>, text: Option<String>) {
    let Some(text) = text else { return };
    let (rest, digest) =
        text.split_once('@').map_or((text.as_str(), None), |(rest, digest)| (rest, Some(digest)));
    let (path, tag) = match rest.rsplit_once(':') {
        // A colon before the last slash stands before a port.
        Some((path, tag)) if !tag.contains('/') => (path, Some(tag)),
        _ => (rest, None),
    };
    put(event, "artifact.repository", Value::String(path.to_owned()));
    for (name, found) in [("digest", digest), ("tag", tag)] {
        let is_said = event.get("artifact").is_some_and(|artifact| artifact.get(name).is_some());
        if let (Some(found), false) = (found, is_said) {
            put(event, &format!("artifact.{name}"), Value::String(found.to_owned()));
        }
    }
}

/// Puts a value at a dotted name.
fn put(event: &mut Map<String, Value>, name: &str, value: Value) {
    match name.split_once('.') {
        Some((outer, inner)) => {
            let table = event.entry(outer).or_insert_with(|| Value::Object(Map::new()));
            if let Value::Object(table) = table {
                table.insert(inner.to_owned(), value);
            }
        }
        None => drop(event.insert(name.to_owned(), value)),
    }
}
