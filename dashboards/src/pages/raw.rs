//! The raw record behind a piece of evidence, as text that does nothing.
//!
//! Only records that are evidence of the incident in the address are fetched: the page is no way to read a topic.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, RawQuery, State};
use axum::response::Response;
use detectors::finding::{IncidentId, RecordPosition};
use sha2::{Digest as _, Sha256};

use super::evidence::Place;
use super::incident::members;
use super::record_text::indented;
use super::shell::{Section, Shell, answer};
use crate::condition::Condition;
use crate::foreign;
use crate::html::Html;
use crate::problem::Problem;
use crate::query::{BadQuery, Parameters};
use crate::raw_records::RawRecord;
use crate::server::App;
use crate::show::number::bytes;
use crate::stream::Watched;

/// How much of a record is shown, in bytes.
pub(crate) const MAX_SHOWN: usize = 64 * 1024;

#[derive(Template)]
#[template(path = "raw.html")]
struct Page {
    shell: Shell,
    incident: String,
    place: String,
    record: Option<Record>,
    gone: Html,
}

struct Record {
    text: Html,
    is_indented: bool,
    size: String,
    sha256: String,
    /// How much is not shown.
    cut: Option<String>,
}

/// `/incidents/<id>/raw?source=…&stream=…&partition=…&offset=…`
pub(crate) async fn page(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let id = IncidentId::parse(&id).ok_or(Problem::NotFound("incident"))?;
    let position = position(&Parameters::parse(query.as_deref())?)?;
    let asked = position.clone();
    let found = app
        .read(move |reader, run| {
            let Some(stored) = reader.incident(run, &id)? else { return Ok(None) };
            let id = stored.incident.id;
            let findings = members(reader, run, &id)?;
            let mut places = findings
                .iter()
                .flat_map(|finding| &finding.evidence)
                .filter_map(|item| item.position.as_ref());
            let is_evidence = places.any(|place| *place == asked);
            Ok(is_evidence.then_some((id, Condition::of(&reader.status(run)?))))
        })
        .await?;
    let (id, condition) = found.ok_or(Problem::NotFound("record among the evidence of this incident"))?;
    let place = Place::of(&id, &position).words;
    let raw = app.raw(move |records| records.fetch(&position)).await?;
    let (record, gone) = match raw {
        RawRecord::Found(bytes) => (Some(Record::of(&bytes)), Html::new()),
        RawRecord::Gone(reason) => (None, foreign::sentence(&reason)),
    };
    answer(&Page {
        shell: Shell::new(&app, "Raw record", Section::Incidents, &condition, app.now(), &Watched::Nothing),
        incident: id.to_string(),
        place,
        record,
        gone,
    })
}

fn position(parameters: &Parameters) -> Result<RecordPosition, BadQuery> {
    let text = |key| Ok::<_, BadQuery>(parameters.text(key)?.ok_or(BadQuery::Missing(key))?.to_owned());
    let partition = parameters.read("partition", "a partition's number", |text| text.parse().ok())?;
    let offset = parameters.read("offset", "a record's offset", |text| text.parse().ok())?;
    Ok(RecordPosition {
        source: text("source")?,
        stream: text("stream")?,
        partition: partition.ok_or(BadQuery::Missing("partition"))?,
        offset: offset.ok_or(BadQuery::Missing("offset"))?,
    })
}

impl Record {
    fn of(record: &[u8]) -> Self {
        let shown = &record[..record.len().min(MAX_SHOWN)];
        let laid_out = indented(shown);
        Self {
            text: foreign::lines(laid_out.as_deref().unwrap_or(shown)),
            is_indented: laid_out.is_some(),
            size: bytes(record.len() as u64),
            sha256: data_encoding::HEXLOWER.encode(&Sha256::digest(record)),
            cut: (record.len() > MAX_SHOWN).then(|| bytes((record.len() - MAX_SHOWN) as u64)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_shown_up_to_its_limit_and_the_rest_is_counted() {
        let record = Record::of(&vec![b'x'; MAX_SHOWN + 2_000]);
        assert_eq!(record.text.as_str().len(), MAX_SHOWN);
        assert_eq!(record.cut.as_deref(), Some("2.0 kB"));
        assert_eq!(Record::of(b"x").cut, None);
    }

    #[test]
    fn every_part_of_a_position_must_be_said() {
        let read = |query| position(&Parameters::parse(Some(query)).unwrap());
        assert!(read("source=a&stream=b&partition=0&offset=-1").is_ok());
        assert_eq!(read("source=a&stream=b&partition=0").unwrap_err(), BadQuery::Missing("offset"));
        assert!(read("source=a&stream=b&partition=x&offset=1").is_err());
    }
}
