//! The list of incidents: filters in the address, with how many each would leave; a hundred a page.

use std::collections::BTreeSet;
use std::sync::Arc;

use askama::Template;
use axum::extract::{RawQuery, State as Shared};
use axum::response::Response;
use detectors::finding::Severity;
use store::{IncidentCount, IncidentOrder, Reader, RunId, StoreError, StoredIncident};

use super::emptiness::Emptiness;
use super::shell::{Section, Shell, answer};
use crate::condition::Condition;
use crate::foreign;
use crate::html::Html;
use crate::listing::{IncidentQuery, Loudness, State, status_word};
use crate::problem::Problem;
use crate::pulse;
use crate::query::Parameters;
use crate::server::App;
use crate::show::level;
use crate::show::moment::Now;
use crate::show::number::count;
use crate::stream::Watched;

/// What the page is made of, read in one go.
struct Read {
    newest: Option<store::FindingSeq>,
    condition: Condition,
    rows: Vec<StoredIncident>,
    total: u64,
    everything: u64,
    facets: Facets,
}

/// Filters as links, each with how many incidents it would leave.
struct Facets {
    severities: Vec<Facet>,
    states: Vec<Facet>,
    loudness: Vec<Facet>,
}

struct Facet {
    label: &'static str,
    address: String,
    count: String,
    is_chosen: bool,
}

struct Row {
    id: String,
    severity: Html,
    sentence: Html,
    subject: Html,
    further: String,
    surprise: Html,
    first: Html,
    last: Html,
    status: &'static str,
    owner: Option<Html>,
    is_told: bool,
}

#[derive(Template)]
#[template(path = "incidents.html")]
struct Page<'a> {
    shell: Shell,
    query: &'a IncidentQuery,
    address: String,
    facets: Facets,
    rows: Vec<Row>,
    registries: Vec<String>,
    registry: String,
    text: String,
    shown: String,
    total: String,
    orders: [(&'static str, String, bool); 2],
    previous: Option<String>,
    next: Option<String>,
    empty: Option<(Emptiness, String)>,
}

/// `/incidents`
pub(crate) async fn page(
    Shared(app): Shared<Arc<App>>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let query = IncidentQuery::read(&Parameters::parse(query.as_deref())?)?;
    let now = app.now();
    let asked = query.clone();
    let read = app.read(move |reader, run| read(reader, run, &asked)).await?;
    let watched = Watched::List {
        query: Box::new(IncidentQuery { page: 1, ..query.clone() }),
        since: read.newest.unwrap_or(store::FindingSeq(0)),
        made_at: now.0,
    };
    let empty = read.rows.is_empty().then(|| {
        let emptiness = Emptiness::of(&read.condition, read.everything);
        let advice = emptiness.advice(read.condition.life(now.0));
        (emptiness, advice)
    });
    let before = u64::from(query.page().offset);
    let shown = read.rows.len() as u64;
    let registries: BTreeSet<String> = read
        .rows
        .iter()
        .flat_map(|row| &row.incident.subjects)
        .map(|subject| foreign::plain(&subject.registry))
        .collect();
    let turned = |page: u32| IncidentQuery { page, ..query.clone() }.address();
    let ordered = |order| IncidentQuery { order, page: 1, ..query.clone() }.address();
    answer(&Page {
        shell: Shell::new(&app, "Incidents", Section::Incidents, &read.condition, now, &watched),
        address: query.address(),
        facets: read.facets,
        registries: registries.into_iter().collect(),
        registry: query.registry.as_deref().map(foreign::plain).unwrap_or_default(),
        text: query.text.as_deref().map(foreign::plain).unwrap_or_default(),
        shown: if shown == 0 {
            "0".to_owned()
        } else {
            format!("{}–{}", count(before + 1), count(before + shown))
        },
        total: count(read.total),
        orders: [IncidentOrder::Newest, IncidentOrder::MostSevere].map(|order| {
            let word = if order == IncidentOrder::Newest { "Newest" } else { "Most severe" };
            (word, ordered(order), query.order == order)
        }),
        previous: (query.page > 1).then(|| turned(query.page - 1)),
        next: (before + shown < read.total && shown > 0).then(|| turned(query.page + 1)),
        rows: read.rows.iter().map(|stored| row(stored, now)).collect(),
        query: &query,
        empty,
    })
}

fn read(reader: &Reader, run: &RunId, query: &IncidentQuery) -> Result<Read, StoreError> {
    // First, so that what comes in between is shown rather than missed.
    let newest = pulse::newest(reader, run)?;
    let counts = reader.incident_counts(run)?;
    Ok(Read {
        newest,
        condition: Condition::of(&reader.status(run)?),
        rows: reader.incidents(&query.filter(run), query.order, query.page())?,
        total: query.count(reader, run, &counts)?,
        everything: IncidentQuery::everything().count(reader, run, &counts)?,
        facets: facets(reader, run, query, &counts)?,
    })
}

fn facets(
    reader: &Reader,
    run: &RunId,
    query: &IncidentQuery,
    counts: &[IncidentCount],
) -> Result<Facets, StoreError> {
    let base = IncidentQuery { page: 1, ..query.clone() };
    let facet = |label, with: IncidentQuery| -> Result<Facet, StoreError> {
        Ok(Facet {
            label,
            address: with.address(),
            count: count(with.count(reader, run, counts)?),
            is_chosen: with == base,
        })
    };
    let severities = [
        ("any", None),
        ("low", Some(Severity::Low)),
        ("medium", Some(Severity::Medium)),
        ("high", Some(Severity::High)),
        ("critical", Some(Severity::Critical)),
    ];
    let severities = severities
        .into_iter()
        .map(|(label, at_least)| facet(label, IncidentQuery { at_least, ..base.clone() }));
    let states =
        State::ALL.into_iter().map(|state| facet(state.as_str(), IncidentQuery { state, ..base.clone() }));
    let loudness = Loudness::ALL.into_iter().map(|loudness| {
        let label = match loudness {
            Loudness::Told => "told",
            Loudness::BelowBudget => "below budget",
            Loudness::Any => "any",
        };
        facet(label, IncidentQuery { loudness, ..base.clone() })
    });
    Ok(Facets {
        severities: severities.collect::<Result<_, _>>()?,
        states: states.collect::<Result<_, _>>()?,
        loudness: loudness.collect::<Result<_, _>>()?,
    })
}

fn row(stored: &StoredIncident, now: Now) -> Row {
    let incident = &stored.incident;
    let subjects = incident.subjects.len();
    Row {
        id: incident.id.to_string(),
        severity: level::severity(incident.severity),
        sentence: foreign::sentence(&incident.summary),
        subject: incident
            .subjects
            .first()
            .map(|subject| {
                Html::new()
                    .text(subject.kind.as_str())
                    .markup(" ")
                    .html(&foreign::name(&subject.name))
                    .markup(" in ")
                    .html(&foreign::name(&subject.registry))
            })
            .unwrap_or_default(),
        further: if subjects > 1 {
            format!("and {} more", count(subjects as u64 - 1))
        } else {
            String::new()
        },
        surprise: level::surprise(incident.surprise_bits),
        first: now.date(incident.first_event),
        last: now.moment(incident.last_event),
        status: status_word(incident.status),
        owner: incident.owner.as_deref().map(foreign::name),
        is_told: incident.told,
    }
}
