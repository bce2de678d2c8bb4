//! The command line: one file a command.

mod asking;
mod check;
mod decode;
mod demo;
mod detectors;
mod findings;
mod incident;
mod incidents;
mod learn;
mod maintenance;
mod outbox;
mod receivers;
pub(crate) mod replay;
mod routes;
mod run;
mod schema;
mod score_series;
mod silences;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::exit::{Exit, Failure, chain};
use crate::{output, telemetry};

/// Watches package and artifact registries.
///
/// Reads access logs, publish metadata and signing events, learns what is normal for every artifact, principal and
/// signer, and tells the right people when something is not.
#[derive(Debug, Parser)]
#[command(name = "sealwatch", version, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show Sealwatch at work on recorded attacks, with nothing else installed
    Demo(demo::Arguments),
    /// Watch the configured sources until stopped
    Run(run::Arguments),
    /// Learn from history, telling nobody; `run` goes on from there
    Learn(learn::Arguments),
    /// Run recorded logs through the same way as live ones
    Replay(replay::Arguments),
    /// Check a configuration; all mistakes at once
    Check(check::Arguments),
    /// List detectors, or explain one
    Detectors(detectors::Arguments),
    /// Print logs as native events
    Decode(decode::Arguments),
    /// Print the JSON Schema of a contract
    Schema(schema::Arguments),
    /// Score series of counts or readings: one anomaly score a row
    ScoreSeries(score_series::Arguments),
    /// List findings
    Findings(findings::Arguments),
    /// List incidents
    Incidents(incidents::Arguments),
    /// List messages, try them again, drop them, or send what is due
    Outbox(outbox::Arguments),
    /// List receivers, or try one
    Receivers(receivers::Arguments),
    /// Decide about one incident
    Incident(incident::Arguments),
    /// Ask whom the routes tell
    Routes(routes::Arguments),
    /// Hide what people know, for a while
    Silences(silences::Arguments),
    /// Announce work on keys and signatures
    Maintenance(maintenance::Arguments),
}

/// Runs the program; the exit code is EVENTS.md's.
pub(crate) fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and version are answers, not mistakes.
            let exit = if error.use_stderr() { Exit::Usage } else { Exit::Done };
            let _ = error.print();
            return exit.into();
        }
    };
    telemetry::start();
    let result = match arguments.command {
        Command::Demo(arguments) => demo::run(&arguments),
        Command::Run(arguments) => run::run(&arguments),
        Command::Learn(arguments) => learn::run(&arguments),
        Command::Replay(arguments) => replay::run(&arguments),
        Command::Check(arguments) => check::run(&arguments),
        Command::Detectors(arguments) => detectors::run(&arguments),
        Command::Decode(arguments) => decode::run(&arguments),
        Command::Schema(arguments) => schema::run(&arguments),
        Command::ScoreSeries(arguments) => score_series::run(&arguments),
        Command::Findings(arguments) => findings::run(&arguments),
        Command::Incidents(arguments) => incidents::run(&arguments),
        Command::Outbox(arguments) => outbox::run(&arguments),
        Command::Receivers(arguments) => receivers::run(&arguments),
        Command::Incident(arguments) => incident::run(&arguments),
        Command::Routes(arguments) => routes::run(&arguments),
        Command::Silences(arguments) => silences::run(&arguments),
        Command::Maintenance(arguments) => maintenance::run(&arguments),
    };
    match result {
        Ok(exit) => exit.into(),
        Err(failure) => report(&failure),
    }
}

fn report(failure: &Failure) -> ExitCode {
    if failure.exit != Exit::Done {
        output::message(&format!("error: {}", output::visible(&chain(&*failure.error))));
        if let Some(hint) = &failure.hint {
            output::message(&format!("help: {hint}"));
        }
    }
    failure.exit.into()
}
