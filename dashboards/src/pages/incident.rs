//! One incident: what happened, why it was found, whom it reached.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, RawQuery, State};
use axum::response::{IntoResponse, Redirect, Response};
use detectors::finding::{Finding, IncidentId};
use detectors::incident::{MAX_MEMBERS, Transition};
use store::{
    Delivery, DeliveryFilter, FindingFilter, Order, Page as StorePage, Reader, RunId, StoreError,
    StoredIncident, TransitionNumber, VerdictRow,
};

use super::finding::{FindingView, loudness, technique_name};
use super::shell::{Section, Shell, answer};
use super::told::{Routed, Sent};
use crate::charts::timeline::{self, Timeline};
use crate::condition::Condition;
use crate::foreign;
use crate::html::Html;
use crate::listing::status_word;
use crate::problem::Problem;
use crate::query::Parameters;
use crate::server::App;
use crate::show::level;
use crate::show::moment::Now;
use crate::show::number::{counted, odds};
use crate::stream::Watched;

/// Findings shown in full at one time, loudest first.
const FINDINGS_A_PART: usize = 20;
/// Subjects named at once.
const FIRST_SUBJECTS: usize = 8;
/// Subjects named in all; the rest is counted.
const MAX_SUBJECTS: usize = 100;
/// A sentence of more characters is set smaller.
const LONG_SENTENCE: usize = 140;
/// Steps of its life shown.
const MAX_STEPS: usize = 30;
/// Messages shown; older ones are counted out.
const MAX_MESSAGES: u32 = 50;

/// What the page is made of, read in one go.
struct Read {
    stored: StoredIncident,
    findings: Vec<Finding>,
    swallowed: Vec<IncidentId>,
    deliveries: Vec<Delivery>,
    routed: Vec<(TransitionNumber, Option<String>)>,
    verdicts: Vec<VerdictRow>,
    condition: Condition,
}

struct Step {
    reason: &'static str,
    /// How often it happened in a row; `time` is the first.
    times: usize,
    severity: Html,
    time: Html,
}

struct Decided {
    author: Html,
    words: String,
    reason: Html,
    time: Html,
}

#[derive(Template)]
#[template(path = "incident.html")]
struct Page {
    shell: Shell,
    id: String,
    severity: Html,
    sentence: Html,
    surprise: Html,
    odds: Option<String>,
    method: String,
    first: Html,
    last: Html,
    stored_at: Html,
    status: &'static str,
    owner: Option<Html>,
    is_told: bool,
    is_long: bool,
    subjects: Vec<Html>,
    other_subjects: Vec<Html>,
    further_subjects: usize,
    techniques: Vec<(String, &'static str)>,
    steps: Vec<Step>,
    timeline: Option<Timeline>,
    findings: Vec<FindingView>,
    members: String,
    uncounted: usize,
    part: usize,
    parts: usize,
    sent: Vec<Sent>,
    routed: Vec<Routed>,
    decided: Vec<Decided>,
    swallowed: Vec<String>,
}

/// `/incidents/<id>`
pub(crate) async fn page(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let id = IncidentId::parse(&id).ok_or(Problem::NotFound("incident"))?;
    let part = Parameters::parse(query.as_deref())?.number("part", MAX_MEMBERS as u64)?.unwrap_or(1);
    let asked = id.clone();
    let read =
        app.read(move |reader, run| read(reader, run, &asked)).await?.ok_or(Problem::NotFound("incident"))?;
    if read.stored.incident.id != id {
        // It was found to be a part of another one.
        return Ok(Redirect::temporary(&format!("/incidents/{}", read.stored.incident.id)).into_response());
    }
    answer(&view(&app, read, usize::try_from(part).unwrap_or(1)))
}

/// `/i/<id>`, the address that messages carry.
pub(crate) async fn short(Path(id): Path<String>) -> Result<Redirect, Problem> {
    let id = IncidentId::parse(&id).ok_or(Problem::NotFound("incident"))?;
    Ok(Redirect::temporary(&format!("/incidents/{id}")))
}

fn read(reader: &Reader, run: &RunId, id: &IncidentId) -> Result<Option<Read>, StoreError> {
    let Some(stored) = reader.incident(run, id)? else { return Ok(None) };
    let id = &stored.incident.id;
    let messages = DeliveryFilter { incident: Some((run.clone(), id.clone())), ..DeliveryFilter::default() };
    Ok(Some(Read {
        findings: members(reader, run, id)?,
        swallowed: reader.swallowed(run, id)?,
        deliveries: reader.deliveries(&messages, StorePage::first(MAX_MESSAGES))?,
        routed: reader.routing_decisions(run, id)?,
        verdicts: reader.verdicts(run, id)?,
        condition: Condition::of(&reader.status(run)?),
        stored,
    }))
}

/// The findings of an incident, at most [`MAX_MEMBERS`], in the order of their storing.
pub(super) fn members(reader: &Reader, run: &RunId, id: &IncidentId) -> Result<Vec<Finding>, StoreError> {
    let filter = FindingFilter { incident: Some(id.clone()), ..FindingFilter::of(run.clone()) };
    let stored = reader.findings(&filter, Order::OldestFirst, StorePage::first(MAX_MEMBERS as u32))?;
    let readable = stored.iter().filter_map(|stored| match stored.finding() {
        Ok(finding) => Some(finding),
        Err(error) => {
            tracing::error!(%error, id = stored.id.as_str(), "a stored finding cannot be read");
            None
        }
    });
    Ok(readable.collect())
}

fn view(app: &App, read: Read, part: usize) -> Page {
    let now = app.now();
    let Read { stored, mut findings, .. } = read;
    let incident = &stored.incident;
    findings.sort_by_cached_key(loudness);
    let parts = findings.len().div_ceil(FINDINGS_A_PART).max(1);
    let part = part.clamp(1, parts);
    let shown = findings.iter().skip((part - 1) * FINDINGS_A_PART).take(FINDINGS_A_PART);
    let watched = Watched::Incident { id: incident.id.clone(), changed_at: stored.changed_at };
    let title = format!("{}: {}", incident.severity, incident.summary);
    let members = incident.findings.len() + incident.further_findings;
    let named = incident.subjects.iter().take(MAX_SUBJECTS);
    Page {
        shell: Shell::new(app, &title, Section::Incidents, &read.condition, now, &watched),
        id: incident.id.to_string(),
        severity: level::severity(incident.severity),
        sentence: foreign::sentence(&incident.summary),
        surprise: level::surprise(incident.surprise_bits),
        odds: incident.surprise_bits.map(odds),
        method: foreign::plain(&incident.method),
        first: now.moment(incident.first_event),
        last: now.moment(incident.last_event),
        stored_at: now.clock(stored.opened_at),
        status: status_word(incident.status),
        owner: incident.owner.as_deref().map(foreign::name),
        is_told: incident.told,
        is_long: incident.summary.chars().count() > LONG_SENTENCE,
        subjects: incident.subjects.iter().take(FIRST_SUBJECTS).map(subject).collect(),
        other_subjects: named.skip(FIRST_SUBJECTS).map(subject).collect(),
        further_subjects: incident.subjects.len().saturating_sub(MAX_SUBJECTS),
        techniques: incident
            .techniques
            .iter()
            .map(|id| (foreign::plain(&id.0), technique_name(&id.0)))
            .collect(),
        steps: steps(&stored, now),
        timeline: timeline::of(incident, &findings),
        findings: shown.map(|finding| FindingView::of(&incident.id, finding, now)).collect(),
        members: counted(members as u64, "finding", "findings"),
        uncounted: members.saturating_sub(findings.len()),
        part,
        parts,
        sent: read.deliveries.iter().map(|delivery| Sent::of(delivery, now)).collect(),
        routed: read.routed.iter().map(Routed::of).collect(),
        decided: read.verdicts.iter().map(|row| decided(row, now)).collect(),
        swallowed: read.swallowed.iter().map(ToString::to_string).collect(),
    }
}

fn subject(subject: &detectors::finding::Subject) -> Html {
    Html::new()
        .markup("<span class=\"kind\">")
        .text(subject.kind.as_str())
        .markup("</span> ")
        .html(&foreign::name(&subject.name))
        .markup(" <span class=\"in\">in</span> ")
        .html(&foreign::name(&subject.registry))
}

/// The incident's life; what happens again at the same severity is one step.
fn steps(stored: &StoredIncident, now: Now) -> Vec<Step> {
    let is_again =
        |one: &Transition, other: &Transition| one.reason == other.reason && one.severity == other.severity;
    let runs = stored.incident.history.chunk_by(is_again).take(MAX_STEPS);
    let step = |run: &[Transition]| Step {
        reason: run[0].reason.as_str(),
        times: run.len(),
        severity: level::severity(run[0].severity),
        time: now.date(run[0].time),
    };
    runs.map(step).collect()
}

fn decided(row: &VerdictRow, now: Now) -> Decided {
    let verdict = row.verdict.map(|verdict| format!(", {verdict}")).unwrap_or_default();
    Decided {
        author: foreign::name(&row.author),
        words: format!("{}{verdict}", status_word(row.status)),
        reason: foreign::sentence(&row.reason),
        time: now.clock(row.at),
    }
}
