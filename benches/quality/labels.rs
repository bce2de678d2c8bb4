//! What is known of the data from elsewhere: the labels beside it, and the plain fields of native events.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use detectors::event::EventTime;
use ingest::files::FileSource;
use ingest::source::{Item, Polled, Source as _};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::Failure;

/// Records that are asked for at once.
const AT_ONCE: usize = 1_000;

/// One row of a `labels.csv`: names of columns, and fields.
#[derive(Debug, Clone)]
pub(crate) struct Label(Vec<(String, String)>);

impl Label {
    /// A field; empty if the column does not exist.
    pub(crate) fn get(&self, column: &str) -> &str {
        self.0.iter().find(|(name, _)| name == column).map_or("", |(_, field)| field)
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fields: Vec<&str> =
            self.0.iter().map(|(_, field)| field.as_str()).filter(|field| !field.is_empty()).collect();
        f.write_str(&fields.join(" "))
    }
}

/// Reads a CSV file without quotation marks, which the labels do not have.
pub(crate) fn labels(path: &Path) -> Result<Vec<Label>, Failure> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| format!("cannot read `{}`: {error}", path.display()))?;
    if text.contains('"') {
        return Err(format!("`{}` has quotation marks", path.display()).into());
    }
    let mut lines = text.lines();
    let columns: Vec<&str> = lines.next().unwrap_or_default().split(',').collect();
    let row = |line: &str| {
        Label(
            columns
                .iter()
                .zip(line.split(','))
                .map(|(column, field)| ((*column).to_owned(), field.to_owned()))
                .collect(),
        )
    };
    Ok(lines.filter(|line| !line.is_empty()).map(row).collect())
}

/// The fields of a native event that labels name.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Record {
    pub(crate) time: String,
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) artifact: RecordArtifact,
    pub(crate) actor: RecordActor,
    pub(crate) signer: RecordSigner,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct RecordArtifact {
    pub(crate) purl: String,
    pub(crate) file: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct RecordActor {
    pub(crate) principal: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct RecordSigner {
    pub(crate) identity: String,
}

impl Record {
    /// When it happened.
    pub(crate) fn time(&self) -> Result<EventTime, Failure> {
        Ok(EventTime::parse(&self.time)?)
    }
}

/// Reads a JSON Lines file (plain or compressed) whole; the place of a value is its record's offset.
pub(crate) fn json_lines<T: DeserializeOwned>(path: &Path) -> Result<Vec<T>, Failure> {
    let mut source = FileSource::open("labels", &[path.to_owned()])?;
    let mut values = Vec::new();
    let mut failed = None;
    loop {
        let polled = source.poll(AT_ONCE, Duration::ZERO, &mut |item| {
            if let Item::Record(record) = item {
                match serde_json::from_slice(record.bytes()) {
                    Ok(value)
                        if usize::try_from(record.offset).is_ok_and(|offset| offset == values.len()) =>
                    {
                        values.push(value);
                    }
                    Ok(_) => failed = Some(format!("`{}` has blank lines", path.display())),
                    Err(error) => {
                        failed = Some(format!("`{}`, record {}: {error}", path.display(), record.offset));
                    }
                }
            }
        })?;
        if let Some(failed) = failed {
            return Err(failed.into());
        }
        if polled == Polled::Ended {
            return Ok(values);
        }
    }
}
