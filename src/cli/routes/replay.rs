//! `sealwatch routes replay`: whom a configuration would have told of everything of late, and what differs.

use std::collections::BTreeMap;
use std::path::PathBuf;

use alerting::routing::{IncidentView, decisions_json};
use alerting::rules::{Rules, Standing, findings_of, plans, silences};
use clap::Args;
use detectors::incident::{Transition, TransitionReason};
use serde::Serialize;
use store::{Reader, RoutedRow, Store, ToRouteId};

use super::past::Past;
use super::told;
use crate::cli::asking;
use crate::exit::{Exit, Failure};
use crate::output;

/// How many steps are read at a time.
const BATCH: u32 = 500;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The database whose incidents are asked about
    #[arg(long, default_value = "sealwatch.db", value_name = "FILE")]
    db: PathBuf,
    /// The configuration to try
    #[arg(long, value_name = "FILE", default_value = "sealwatch.toml")]
    config: PathBuf,
    /// The configuration to compare with; without it, with what was decided then
    #[arg(long, value_name = "FILE")]
    against: Option<PathBuf>,
    /// Since how long ago it was stored: `7d`, `12h`
    #[arg(long, value_parser = asking::length, default_value = "7d", value_name = "LENGTH")]
    since: i64,
    /// List what stays the same as well
    #[arg(long)]
    all: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// One step of an incident, and who is told before and after.
#[derive(Serialize)]
struct Step {
    incident: String,
    reason: String,
    severity: String,
    summary: String,
    before: Vec<String>,
    after: Vec<String>,
    /// Why, in the form in which decisions are stored.
    decisions: serde_json::Value,
}

/// Everything of late.
#[derive(Serialize, Default)]
struct Answer {
    steps: usize,
    changed: usize,
    /// For each receiver how often it is told before and after.
    receivers: BTreeMap<String, (usize, usize)>,
    listed: Vec<Step>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let rules = asking::rules(&arguments.config)?;
    let against = arguments.against.as_deref().map(asking::rules).transpose()?;
    let reader = Store::open_read_only(&arguments.db)?;
    let since = asking::now().saturating_sub(arguments.since);
    let mut answer = Answer::default();
    let mut after = ToRouteId(0);
    let asks = rules.ask_for_others() || against.as_ref().is_some_and(Rules::ask_for_others);
    let mut past = Past::new(asks);
    loop {
        // What was open when the first step came began before it.
        let rows = reader.routed_since(since.saturating_sub(past.looks_back()), after, BATCH)?;
        let Some(last) = rows.last() else { break };
        after = last.row.id;
        for routed in &rows {
            if routed.row.created_at >= since
                && let Some(step) = step(&reader, routed, &rules, against.as_ref(), &mut past)?
            {
                answer.take(step, arguments.all);
            }
            past.step(&routed.row);
        }
    }
    if arguments.json {
        let text = serde_json::to_string(&answer).map_err(|error| Failure::new(Exit::Internal, error))?;
        output::print(&format!("{text}\n"))?;
    } else {
        output::print(&answer.in_words())?;
    }
    Ok(Exit::Done)
}

/// Asks both sides about one step; `None` if its incident is gone.
fn step(
    reader: &Reader,
    routed: &RoutedRow,
    rules: &Rules,
    against: Option<&Rules>,
    past: &mut Past,
) -> Result<Option<Step>, Failure> {
    let row = &routed.row;
    let Some(stored) = reader.incident(&row.run, &row.incident)? else { return Ok(None) };
    let mut incident = stored.incident;
    // As severe as it was then; it may have become worse since.
    incident.severity = row.severity;
    let findings = findings_of(reader, &row.run, &incident)?;
    let history = incident.history.iter().rev().find(|step| step.severity == row.severity);
    let time = history.map_or(incident.last_event, |step| step.time);
    let reason = row.reason.transition().unwrap_or(TransitionReason::Opened);
    let transition = Transition { time, severity: row.severity, reason };
    let view =
        IncidentView { run: &row.run, incident: &incident, findings: &findings, transition: &transition };
    let standing = Standing {
        now: row.created_at,
        silences: silences(reader, row.created_at)?,
        plans: plans(reader)?,
        open: Vec::new(),
    };
    let others = past.open(reader, row)?;
    let beside = |rules: &Rules| {
        let open =
            if rules.ask_for_others() { rules.explaining(others.clone(), &standing) } else { Vec::new() };
        Standing { open, ..standing.clone() }
    };
    let decisions = rules.decide(&view, &beside(rules)).decisions;
    let before = match against {
        Some(against) => told(&against.decide(&view, &beside(against)).decisions),
        None => told_then(routed.decision.as_deref()),
    };
    let json = decisions_json(&decisions);
    Ok(Some(Step {
        incident: incident.id.to_string(),
        reason: reason.as_str().to_owned(),
        severity: row.severity.to_string(),
        summary: incident.summary,
        before,
        after: told(&decisions),
        decisions: serde_json::from_str(&json).unwrap_or_default(),
    }))
}

/// Whom a stored decision told.
fn told_then(decision: Option<&str>) -> Vec<String> {
    let rows: Vec<serde_json::Value> =
        decision.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    let hears = |row: &serde_json::Value| {
        let outcome = row.get("outcome")?.as_str()?;
        let receiver = row.get("receiver")?.as_str()?;
        matches!(outcome, "tell" | "fold" | "muted").then(|| receiver.to_owned())
    };
    let mut names: Vec<_> = rows.iter().filter_map(hears).collect();
    names.sort();
    names.dedup();
    names
}

/// Decisions as a person reads them: a line each.
pub(super) fn in_words(decisions: &str) -> String {
    let rows: Vec<serde_json::Value> = serde_json::from_str(decisions).unwrap_or_default();
    let text = |row: &serde_json::Value, key: &str| {
        row.get(key).and_then(serde_json::Value::as_str).map(output::visible).unwrap_or_default()
    };
    let line = |row: &serde_json::Value| {
        format!("{:<9}{:<16} {}\n", text(row, "outcome"), text(row, "receiver"), text(row, "words"))
    };
    rows.iter().map(line).collect()
}

impl Answer {
    fn take(&mut self, step: Step, all: bool) {
        self.steps += 1;
        for name in &step.before {
            self.receivers.entry(name.clone()).or_default().0 += 1;
        }
        for name in &step.after {
            self.receivers.entry(name.clone()).or_default().1 += 1;
        }
        let is_changed = step.before != step.after;
        self.changed += usize::from(is_changed);
        if is_changed || all {
            self.listed.push(step);
        }
    }

    fn in_words(&self) -> String {
        let mut text = String::new();
        for step in &self.listed {
            text.push_str(&format!(
                "{:<9} {:<8} {}  {}\n",
                step.reason,
                step.severity,
                step.incident,
                output::visible(&step.summary)
            ));
            let only = |these: &[String], those: &[String], sign: char| {
                let missing = these.iter().filter(|name| !those.contains(name));
                missing.map(|name| format!("  {sign} {name}\n")).collect::<String>()
            };
            text.push_str(&only(&step.before, &step.after, '-'));
            text.push_str(&only(&step.after, &step.before, '+'));
        }
        text.push_str(&format!("{} steps, {} of them told otherwise\n", self.steps, self.changed));
        for (name, (before, after)) in &self.receivers {
            text.push_str(&format!("  {name}: {before} -> {after}\n"));
        }
        text
    }
}
