//! `sealwatch incidents`: what people triage, from the database, beside a running watch too.

use std::path::PathBuf;

use clap::Args;
use detectors::finding::Severity;
use store::{IncidentFilter, IncidentOrder, Page, RunId, Store};

use crate::cli::findings::severity;
use crate::exit::{Exit, Failure};
use crate::output;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The database
    #[arg(long, default_value = "sealwatch.db", value_name = "FILE")]
    db: PathBuf,
    /// Only at least this severe
    #[arg(long, value_parser = severity)]
    min_severity: Option<Severity>,
    /// At most so many, newest first
    #[arg(long, default_value_t = 1_000)]
    limit: u32,
    /// Print JSON Lines
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let reader = Store::open_read_only(&arguments.db)?;
    let filter = IncidentFilter { at_least: arguments.min_severity, ..IncidentFilter::of(RunId::Live) };
    let mut text = String::new();
    for stored in reader.incidents(&filter, IncidentOrder::Newest, Page::first(arguments.limit))? {
        let incident = &stored.incident;
        if arguments.json {
            let line =
                serde_json::to_string(incident).map_err(|error| Failure::new(Exit::Internal, error))?;
            text.push_str(&line);
            text.push('\n');
        } else {
            let told = if incident.told { "told" } else { "below budget" };
            text.push_str(&format!(
                "{}  {:<8}  {:<12}  {}  {}\n",
                incident.first_event,
                incident.severity,
                told,
                incident.id,
                output::visible(&incident.summary),
            ));
        }
    }
    output::print(&text)?;
    Ok(Exit::Done)
}
