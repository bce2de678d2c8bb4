//! `sealwatch incident`: what people decide about one incident, or about the one a finding is in.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use detectors::finding::{FindingId, IncidentId};
use detectors::incident::Status;
use serde::de::DeserializeOwned;
use serde_json::json;
use store::{Decided, Desk, RunId, StoredIncident, Triage, Verdict};

use crate::cli::asking::{self, Decider};
use crate::exit::{Exit, Failure};
use crate::output;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Say that somebody works on it
    Acknowledge(Decision),
    /// Put it off: it waits for something
    Hold(Decision),
    /// Close it, with what it turned out to be
    Resolve(Decision),
    /// Open it again
    Reopen(Decision),
    /// Say what it turned out to be, and leave its state as it is
    Verdict(Decision),
}

#[derive(Debug, Args)]
struct Decision {
    /// The incident's id, or that of a finding in it
    id: String,
    /// What it turned out to be: `true-positive`, `false-positive`, `benign` and others
    #[arg(value_parser = verdict)]
    verdict: Option<Verdict>,
    /// The database; a watch may run over it
    #[arg(long, default_value = "sealwatch.db", value_name = "FILE")]
    db: PathBuf,
    #[command(flatten)]
    decider: Decider,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

fn verdict(text: &str) -> Result<Verdict, String> {
    let words: Vec<_> = Verdict::ALL.iter().map(|verdict| verdict.as_str()).collect();
    Verdict::parse(text).ok_or_else(|| format!("not one of {}", words.join(", ")))
}

pub(crate) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let (status, decision) = match &arguments.command {
        Command::Acknowledge(decision) => (Some(Status::InProgress), decision),
        Command::Hold(decision) => (Some(Status::OnHold), decision),
        Command::Resolve(decision) => (Some(Status::Resolved), decision),
        Command::Reopen(decision) => (Some(Status::New), decision),
        Command::Verdict(decision) => (None, decision),
    };
    if status.is_none() && decision.verdict.is_none() {
        return Err(Failure::new(Exit::Usage, "cannot give no verdict").hint("name one behind the id"));
    }
    let Decider { owner, reason } = &decision.decider;
    if owner.trim().is_empty() || reason.trim().is_empty() {
        return Err(Failure::new(Exit::Usage, "cannot decide without an owner and a reason"));
    }
    let desk = Desk::open(&decision.db)?;
    let stored = found(&desk, &decision.id)?;
    let status = status.unwrap_or(stored.incident.status);
    let triage = Triage {
        run: &RunId::Live,
        incident: &stored.incident.id,
        seen_revision: stored.revision,
        now: asking::now(),
        author: owner,
        status,
        owner: Some(owner),
        verdict: decision.verdict,
        reason,
        config_hash: None,
    };
    match desk.triage(&triage)? {
        Decided::Done { revision, .. } => {
            let id = stored.incident.id.as_str();
            let text = if decision.json {
                json!({ "incident": id, "status": status, "verdict": decision.verdict, "owner": owner, "revision": revision }).to_string()
            } else {
                let verdict = decision.verdict.map_or_else(String::new, |verdict| format!(", {verdict}"));
                format!("incident {id}: {}{verdict}", word(status))
            };
            output::print(&format!("{text}\n"))?;
            Ok(Exit::Done)
        }
        Decided::Stale { .. } => {
            Err(Failure::new(Exit::Conflict, "somebody else decided at the same moment")
                .hint("look at the incident again"))
        }
    }
}

/// The incident of an id, which may be that of a finding in it.
fn found(desk: &Desk, id: &str) -> Result<StoredIncident, Failure> {
    let missing = || {
        Failure::new(Exit::No, format!("there is no incident or finding `{}`", output::visible(id)))
            .hint("`sealwatch incidents` lists them")
    };
    let reader = desk.reader();
    if let Some(id) = parsed::<IncidentId>(id)
        && let Some(stored) = reader.incident(&RunId::Live, &id)?
    {
        return Ok(stored);
    }
    let finding = parsed::<FindingId>(id).ok_or_else(missing)?;
    let finding = reader.finding(&RunId::Live, &finding)?.ok_or_else(missing)?;
    let incident = finding.incident.ok_or_else(missing)?;
    reader.incident(&RunId::Live, &incident)?.ok_or_else(missing)
}

fn parsed<T: DeserializeOwned>(text: &str) -> Option<T> {
    serde_json::from_value(text.into()).ok()
}

const fn word(status: Status) -> &'static str {
    match status {
        Status::New => "new",
        Status::InProgress => "in progress",
        Status::OnHold => "on hold",
        Status::Resolved => "resolved",
    }
}
