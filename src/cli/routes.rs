//! `sealwatch routes`: whom the routes tell, before anybody is told.

mod past;
mod replay;
mod test;

use alerting::routing::Decision;
use clap::{Args, Subcommand};

use crate::exit::{Exit, Failure};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Ask whom the routes tell of a finding, and why
    Test(test::Arguments),
    /// Ask whom they would have told of everything of late, and what differs
    Replay(replay::Arguments),
}

pub(crate) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    match &arguments.command {
        Command::Test(arguments) => test::run(arguments),
        Command::Replay(arguments) => replay::run(arguments),
    }
}

/// Whoever hears of it, now or when a mute time ends, in the order of names.
fn told(decisions: &[Decision]) -> Vec<String> {
    let hears = |decision: &Decision| match decision {
        Decision::Tell { receiver, .. } | Decision::Muted { receiver, .. } => Some(receiver.to_string()),
        _ => None,
    };
    let mut names: Vec<_> = decisions.iter().filter_map(hears).collect();
    names.sort();
    names.dedup();
    names
}
