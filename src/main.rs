//! The program `sealwatch`: parse the command line, run the command, leave with its exit code.

mod cli;
mod config;
mod exit;
mod kafka;
mod output;
mod session;
mod several;
mod signals;
mod sources;
mod telemetry;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
