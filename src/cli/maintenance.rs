//! `sealwatch maintenance`: work on keys and signatures, announced ahead.

use std::path::PathBuf;

use alerting::maintenance::{Plan, PlanError, Work};
use alerting::routing::Glob;
use alerting::shown_time;
use clap::{Args, Subcommand};
use serde_json::json;
use store::{Desk, MaintenanceId, Store};

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
    /// Announce a key rotation or a mass re-signing
    Add(Add),
    /// List what was announced
    List(List),
    /// End announced work, or call it off
    End(End),
}

#[derive(Debug, Args)]
struct Add {
    /// The database
    #[arg(long, default_value = "sealwatch.db", value_name = "FILE")]
    db: PathBuf,
    /// What kind of work: `key-rotation`, `mass-re-sign`
    #[arg(long, required = true, value_parser = work)]
    work: Vec<Work>,
    /// On which subjects: names or patterns such as `pkg:npm/@acme/*`
    #[arg(long, required = true, value_parser = |text: &str| Glob::parse(text))]
    subject: Vec<Glob>,
    /// Only in these registries; in any if not given
    #[arg(long, value_parser = |text: &str| Glob::parse(text))]
    registry: Vec<Glob>,
    /// With which keys or identities, as findings name them
    #[arg(long, required = true)]
    key: Vec<String>,
    /// Where its window begins (RFC 3339)
    #[arg(long, value_parser = asking::moment, value_name = "TIME")]
    from: i64,
    /// Where its window ends (RFC 3339); at most 30 days after `--from`
    #[arg(long, value_parser = asking::moment, value_name = "TIME")]
    until: i64,
    #[command(flatten)]
    decider: Decider,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct List {
    /// The database
    #[arg(long, default_value = "sealwatch.db", value_name = "FILE")]
    db: PathBuf,
    /// Print JSON Lines
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct End {
    /// The announcement's number
    id: u64,
    /// The database
    #[arg(long, default_value = "sealwatch.db", value_name = "FILE")]
    db: PathBuf,
    #[command(flatten)]
    decider: Decider,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

fn work(text: &str) -> Result<Work, String> {
    let words = Work::ALL.map(Work::as_str).join(", ");
    Work::ALL.into_iter().find(|work| work.as_str() == text).ok_or_else(|| format!("not one of {words}"))
}

pub(crate) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    match &arguments.command {
        Command::Add(arguments) => add(arguments),
        Command::List(arguments) => list(arguments),
        Command::End(arguments) => {
            let Decider { owner, reason } = &arguments.decider;
            let desk = Desk::open(&arguments.db)?;
            let ended = desk.end_maintenance(MaintenanceId(arguments.id), owner, reason, asking::now())?;
            answer(arguments.json, &json!({ "id": ended.id }), &format!("maintenance {} is over", ended.id))
        }
    }
}

fn add(add: &Add) -> Result<Exit, Failure> {
    let refused = |error: PlanError| Failure::new(Exit::Usage, error);
    let plan = Plan::new(add.work.clone(), add.subject.clone(), add.registry.clone(), add.key.clone());
    let Decider { owner, reason } = &add.decider;
    let new = plan.and_then(|plan| plan.announced(owner, reason, add.from, add.until)).map_err(refused)?;
    let id = Desk::open(&add.db)?.announce_maintenance(&new, asking::now())?;
    let words = format!(
        "maintenance {id} is announced from {} until {}",
        shown_time(add.from),
        shown_time(add.until)
    );
    answer(add.json, &json!({ "id": id }), &words)
}

fn list(list: &List) -> Result<Exit, Failure> {
    let now = asking::now();
    let mut text = String::new();
    for work in Store::open_read_only(&list.db)?.maintenance()? {
        let state = work.state(now);
        if list.json {
            let plan: serde_json::Value = serde_json::from_str(&work.plan).unwrap_or_default();
            let row = json!({
                "id": work.id,
                "state": state,
                "owner": work.author,
                "reason": work.reason,
                "from": shown_time(work.starts),
                "until": shown_time(work.ends),
                "plan": plan,
            });
            text.push_str(&format!("{row}\n"));
        } else {
            text.push_str(&format!(
                "{:>4}  {:<8}  {} to {}  {}: {}  {}\n",
                work.id,
                format!("{state:?}").to_lowercase(),
                shown_time(work.starts),
                shown_time(work.ends),
                output::visible(&work.author),
                output::visible(&work.reason),
                output::visible(&work.plan),
            ));
        }
    }
    output::print(&text)?;
    Ok(Exit::Done)
}

fn answer(json: bool, object: &serde_json::Value, words: &str) -> Result<Exit, Failure> {
    output::print(&if json { format!("{object}\n") } else { format!("{words}\n") })?;
    Ok(Exit::Done)
}
