//! `sealwatch learn`: weeks of history in a minute instead of a month of silence.
//!
//! The engines see the history as `run` would have, but nobody is told and no finding is stored; their state and the
//! positions are, and `run` goes on from there without gap or repeat.

use std::path::PathBuf;

use clap::Args;
use pipeline::live::{Live, Telling, Until};

use crate::config::Config;
use crate::exit::{Exit, Failure};
use crate::kafka::Waiting;
use crate::session::{Printing, Session};
use crate::{kafka, output, sources};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Logs of the past: plain, .gz, .zst or .swrec; `-` is standard input
    #[arg(required_unless_present = "from_offset", conflicts_with = "from_offset")]
    files: Vec<PathBuf>,
    /// Learn from what the configured topics still hold, from their beginning to their present end
    #[arg(long, value_name = "beginning", value_parser = ["beginning"])]
    from_offset: Option<String>,
    /// The configuration
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Go on from what was learned before; without it a database that knows something is left alone
    #[arg(long)]
    r#continue: bool,
    /// Print the summary as JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let config = Config::load_or_default(arguments.config.as_deref())?;
    let session = Session::open(config, Printing::Nothing)?;
    let bar = output::progress("learning");
    let report = if arguments.files.is_empty() {
        let check = |live: &Live| refuse_known(live.has_state(), arguments.r#continue);
        kafka::watch(&session, Telling::Off, Until::CaughtUp, Waiting::No, &check)?
    } else {
        let (mut source, rules) = sources::files(&session.config, &arguments.files)?;
        let live = session.live(&rules, Telling::Off, Until::CaughtUp, Vec::new())?;
        refuse_known(live.has_state(), arguments.r#continue)?;
        session.drive(live, &mut source)?
    };
    bar.finish_and_clear();
    if arguments.json {
        let summary = serde_json::json!({
            "records": report.records, "dead_letters": report.dead_letters, "findings_untold": report.findings,
        });
        output::print(&format!("{summary}\n"))?;
    } else {
        output::message(&format!(
            "learned from {} records, {} of them unreadable; {} findings were not told, as they are history",
            report.records, report.dead_letters, report.findings,
        ));
    }
    Ok(session.stopping.exit())
}

fn refuse_known(known: bool, go_on: bool) -> Result<(), Failure> {
    if known && !go_on {
        return Err(Failure::new(Exit::Conflict, "the database has learned something already")
            .hint("add --continue to learn more, or give another [store] path"));
    }
    Ok(())
}
