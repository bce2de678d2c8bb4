//! `sealwatch receivers`: who can be told, how they are doing, and whether they can be reached.

use std::path::PathBuf;

use alerting::receivers::{Outcome, Receiver};
use alerting::trial::{TRIAL_WORDS, try_receiver};
use clap::{Args, Subcommand};
use detectors::event::EventTime;
use serde_json::json;
use store::{Breaker, DeliveryStateKind, ReceiverId, Store};
use transport::{Clock as _, SystemClock};

use crate::config::Config;
use crate::exit::{Exit, Failure};
use crate::output;
use crate::session::receivers;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List receivers, and how they are doing
    List(List),
    /// Send one message that says it is a test, and print what the receiver said
    Test(Test),
}

#[derive(Debug, Args)]
struct List {
    /// The configuration
    #[arg(long, value_name = "FILE", default_value = "sealwatch.toml")]
    config: PathBuf,
    /// Print JSON Lines
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct Test {
    /// The receiver's name
    name: String,
    /// The configuration
    #[arg(long, value_name = "FILE", default_value = "sealwatch.toml")]
    config: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    match &arguments.command {
        Command::List(list) => print_list(list),
        Command::Test(test) => try_one(test),
    }
}

fn print_list(arguments: &List) -> Result<Exit, Failure> {
    let config = Config::load_to_tell(&arguments.config)?;
    let receivers = receivers(&config)?;
    // Before the first watch there is no database, and nobody was told anything.
    let (known, failures) = match Store::open_read_only(&config.store.path) {
        Ok(reader) => (reader.outbox_summary()?, reader.template_failures()?),
        Err(store::StoreError::Missing { .. }) => (Vec::new(), Vec::new()),
        Err(error) => return Err(error.into()),
    };
    let mut text = String::new();
    for name in receivers.names() {
        let summary = known.iter().find(|summary| summary.receiver == name);
        let count = |kind| summary.map_or(0, |summary| summary.count(kind));
        let told = count(DeliveryStateKind::Accepted) + count(DeliveryStateKind::Delivered);
        let waiting = count(DeliveryStateKind::Queued)
            + count(DeliveryStateKind::Sending)
            + count(DeliveryStateKind::Retry);
        let dead = count(DeliveryStateKind::Dead);
        let failed = failures.iter().find(|(receiver, _)| *receiver == name).map_or(0, |(_, count)| *count);
        let breaker = summary.map(|summary| summary.breaker).unwrap_or_default();
        let own = receivers.get(&name).and_then(|receiver| Receiver::pace(receiver));
        let pace = config.alerting.pace_of(&name, own);
        if arguments.json {
            let pace = pace.map(|pace| json!({"per_minute": pace.per_minute, "burst": pace.burst}));
            let line = json!({"receiver": name, "told": told, "waiting": waiting, "dead": dead, "template_failed": failed,
                "breaker": breaker, "pace": pace});
            text.push_str(&format!("{line}\n"));
        } else {
            let state = match breaker {
                Breaker::Closed { failures: 0 } if told == 0 => "untried",
                Breaker::Closed { failures: 0 } => "works",
                Breaker::Closed { .. } => "fails",
                Breaker::Open { .. } => "rests",
                Breaker::HalfOpen { .. } => "is tried",
            };
            let pace =
                pace.map_or_else(|| "no limit".to_owned(), |pace| format!("{} a minute", pace.per_minute));
            let failed = match failed {
                0 => String::new(),
                _ => format!("; {failed} with built-in words: a template failed"),
            };
            text.push_str(&format!(
                "{:<20}  {state:<8}  {told} told, {waiting} waiting, {dead} given up; {pace}{failed}\n",
                name.to_string(),
            ));
        }
    }
    output::print(&text)?;
    Ok(Exit::Done)
}

fn try_one(arguments: &Test) -> Result<Exit, Failure> {
    let config = Config::load_to_tell(&arguments.config)?;
    let receivers = receivers(&config)?;
    let known = ReceiverId::parse(&arguments.name).ok().filter(|name| receivers.get(name).is_some());
    let Some(name) = known else {
        let names: Vec<_> = receivers.names().iter().map(ToString::to_string).collect();
        return Err(Failure::new(
            Exit::Usage,
            format!("no receiver is called `{}`", output::visible(&arguments.name)),
        )
        .hint(format!("configured are: {}", names.join(", "))));
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(Exit::Internal, error))?;
    let now = EventTime::from_nanos(SystemClock::new().unix_nanos());
    let outcome = runtime.block_on(try_receiver(&receivers, &name, config.alerting.public_url.as_ref(), now));
    let (word, exit) = match &outcome {
        Outcome::Delivered(_) => ("delivered", Exit::Done),
        Outcome::Accepted(_) => ("accepted", Exit::Done),
        Outcome::Retry { .. } => ("failed, a later attempt may arrive", Exit::No),
        Outcome::Park(_) => ("failed, and will until somebody repairs it", Exit::No),
        Outcome::Dead(_) => ("refused", Exit::No),
    };
    let said = outcome.failure().map(ToString::to_string).unwrap_or_default();
    if arguments.json {
        let status = outcome.failure().and_then(|failure| failure.status);
        output::print(&format!(
            "{}\n",
            json!({"receiver": name, "outcome": word, "status": status, "said": said})
        ))?;
    } else {
        let colon = if said.is_empty() { "" } else { ": " };
        output::print(&format!(
            "{name}: \u{201c}{TRIAL_WORDS}\u{201d} {word}{colon}{}\n",
            output::visible(&said)
        ))?;
    }
    Ok(exit)
}
