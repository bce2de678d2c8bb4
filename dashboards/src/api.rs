//! The same as JSON: incidents and findings under their public contracts (`sealwatch.incident/v1`,
//! `sealwatch.finding/v1`). Hiding characters are written as escapes, so the bytes are harmless to look at.

use std::sync::Arc;

use alerting::inert_json::to_inert_json;
use axum::extract::{Path, RawQuery, State};
use axum::http::HeaderName;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use detectors::finding::{Finding, IncidentId};
use detectors::incident::{Incident, MAX_MEMBERS};
use serde::Serialize;
use store::{FindingFilter, FindingSeq, Order, Page, SubjectMatch, Told};

use crate::listing::{IncidentQuery, State as WorkState};
use crate::problem::{ApiProblem, Problem};
use crate::query::{BadQuery, Parameters};
use crate::server::App;

/// The header of a JSON answer.
pub(crate) const JSON: [(HeaderName, &str); 1] = [(CONTENT_TYPE, "application/json; charset=utf-8")];
/// Findings or incidents of one answer, unless asked for fewer.
pub(crate) const MAX_ITEMS: u64 = 500;

#[derive(Serialize)]
struct Incidents {
    /// How many fit, all pages together.
    total: u64,
    incidents: Vec<Incident>,
}

#[derive(Serialize)]
struct OneIncident {
    #[serde(flatten)]
    incident: Incident,
    /// The last verdict, in the words of OCSF.
    #[serde(skip_serializing_if = "Option::is_none")]
    verdict: Option<&'static str>,
}

#[derive(Serialize)]
struct Findings {
    findings: Vec<Finding>,
    /// What to ask for with `after` to get what follows; absent when there is no more.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<FindingSeq>,
}

/// Incidents; the parameters are those of the page, and all of them by default.
pub(crate) async fn incidents(
    State(app): State<Arc<App>>,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiProblem> {
    let parameters = Parameters::parse(query.as_deref())?;
    let mut query = IncidentQuery::read(&parameters)?;
    // A program that names no state or budget wants all, where a page begins with what is open and told.
    if parameters.text("status")?.is_none() {
        query.state = WorkState::Any;
    }
    if parameters.text("budget")?.is_none() {
        query.loudness = IncidentQuery::everything().loudness;
    }
    let answer = app.read(move |reader, run| {
        let total = query.count(reader, run, &reader.incident_counts(run)?)?;
        let stored = reader.incidents(&query.filter(run), query.order, query.page())?;
        Ok(Incidents { total, incidents: stored.into_iter().map(|stored| stored.incident).collect() })
    });
    json(&answer.await?)
}

/// One incident; the id of a swallowed one gives the one that swallowed it.
pub(crate) async fn incident(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
) -> Result<Response, ApiProblem> {
    let id = IncidentId::parse(&id).ok_or(Problem::NotFound("incident"))?;
    let found = app.read(move |reader, run| {
        let Some(stored) = reader.incident(run, &id)? else { return Ok(None) };
        let verdicts = reader.verdicts(run, &stored.incident.id)?;
        let verdict = verdicts.iter().rev().find_map(|row| row.verdict).map(store::Verdict::as_str);
        Ok(Some(OneIncident { incident: stored.incident, verdict }))
    });
    json(&found.await?.ok_or(Problem::NotFound("incident"))?)
}

/// Findings in the order of their storing: `after` follows along.
pub(crate) async fn findings(
    State(app): State<Arc<App>>,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiProblem> {
    let (filter, limit) = finding_filter(&Parameters::parse(query.as_deref())?, &app)?;
    let stored =
        app.read(move |reader, _| reader.findings(&filter, Order::OldestFirst, Page::first(limit))).await?;
    let is_full = stored.len() >= limit as usize;
    let next = stored.last().filter(|_| is_full).map(|last| last.seq);
    let findings: Result<Vec<Finding>, _> = stored.iter().map(store::StoredFinding::finding).collect();
    let findings = findings.map_err(|error| {
        tracing::error!(%error, "a stored finding cannot be read");
        Problem::Internal
    })?;
    json(&Findings { findings, next })
}

fn finding_filter(parameters: &Parameters, app: &App) -> Result<(FindingFilter, u32), BadQuery> {
    let told = parameters.read("budget", "told, below-budget or any", |word| match word {
        "any" => Some(None),
        word => Told::parse(word).map(Some),
    })?;
    let filter = FindingFilter {
        detectors: parameters.detector("detector")?.into_iter().collect(),
        at_least: parameters.severity("severity")?,
        registry: parameters.shared("registry")?,
        subject: parameters.text("q")?.map(|text| SubjectMatch::Contains(text.to_owned())),
        told: told.flatten(),
        incident: parameters.read("incident", "the id of an incident", IncidentId::parse)?,
        after: parameters.number("after", i64::MAX.unsigned_abs())?.map(FindingSeq),
        ..FindingFilter::of(app.run().clone())
    };
    // An incident's members are never cut.
    let most = if filter.incident.is_some() { MAX_MEMBERS as u64 } else { MAX_ITEMS };
    let limit = parameters.number("limit", most)?.unwrap_or(most).max(1);
    Ok((filter, u32::try_from(limit).unwrap_or(u32::MAX)))
}

fn json(answer: &impl Serialize) -> Result<Response, ApiProblem> {
    let body = to_inert_json(answer).map_err(|error| {
        tracing::error!(%error, "could not write an answer as JSON");
        Problem::Internal
    })?;
    Ok((JSON, body).into_response())
}
