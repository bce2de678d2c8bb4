//! `sealwatch findings`: what was found, from the database, beside a running watch too.

use std::io::{BufWriter, Write as _};
use std::ops::ControlFlow;
use std::path::PathBuf;

use clap::Args;
use detectors::event::EventTime;
use detectors::finding::{DetectorId, Severity};
use store::{FindingFilter, RunId, Store};

use crate::cli::replay::line;
use crate::exit::{Exit, Failure};
use crate::output;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The database
    #[arg(long, default_value = "sealwatch.db", value_name = "FILE")]
    db: PathBuf,
    /// Only of these detectors
    #[arg(long)]
    detector: Vec<DetectorId>,
    /// Only at least this severe
    #[arg(long, value_parser = severity)]
    min_severity: Option<Severity>,
    /// Only from this event time on (RFC 3339)
    #[arg(long, value_parser = EventTime::parse)]
    since: Option<EventTime>,
    /// Print JSON Lines: the finding as first emitted, with `seq`, `lane` and `incident`
    #[arg(long)]
    json: bool,
}

/// Reads a severity word.
pub(crate) fn severity(text: &str) -> Result<Severity, String> {
    Severity::ALL
        .into_iter()
        .find(|severity| severity.as_str() == text)
        .ok_or_else(|| format!("not one of {}", Severity::ALL.map(Severity::as_str).join(", ")))
}

pub(crate) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let reader = Store::open_read_only(&arguments.db)?;
    let filter = FindingFilter {
        detectors: arguments.detector.clone(),
        at_least: arguments.min_severity,
        from: arguments.since,
        ..FindingFilter::of(RunId::Live)
    };
    let mut out = BufWriter::new(std::io::stdout().lock());
    let mut failed = None;
    reader.each_finding(&filter, |stored| {
        let written = if arguments.json {
            match serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(&stored.body) {
                Ok(mut body) => {
                    body.insert("seq".into(), stored.seq.0.into());
                    body.insert("lane".into(), stored.lane.as_str().into());
                    if let Some(incident) = &stored.incident {
                        body.insert("incident".into(), incident.as_str().into());
                    }
                    writeln!(out, "{}", serde_json::Value::Object(body))
                }
                Err(error) => Err(error.into()),
            }
        } else {
            stored.finding().map_err(Into::into).and_then(|finding| write!(out, "{}", line(&finding)))
        };
        match written {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                failed = Some(error);
                ControlFlow::Break(())
            }
        }
    })?;
    if let Some(error) = failed {
        return Err(output::write_failure(&error));
    }
    out.flush().map_err(|error| output::write_failure(&error))?;
    Ok(Exit::Done)
}
