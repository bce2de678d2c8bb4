//! `sealwatch outbox`: what was sent, what waits and what was given up; to try again, to drop, to send what waits.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use store::{
    Delivery, DeliveryFilter, DeliveryState, DeliveryStateKind, Desk, LedgerAction, LedgerEntry, OutboxId,
    Page, ReceiverId, Store,
};
use transport::{Clock as _, SystemClock};

use crate::config::Config;
use crate::exit::{Exit, Failure};
use crate::output;
use crate::session::{Printing, Session};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List messages, newest first
    List(List),
    /// Show one message with its attempts
    Show(Show),
    /// Let messages that were given up, or that wait for their next attempt, go now
    Retry(Change),
    /// Withdraw messages that have not arrived: nobody is told
    Drop(Change),
    /// Send what is due, without a watch, and end
    Send(Send),
}

#[derive(Debug, Args)]
struct List {
    /// The database
    #[arg(long, default_value = "sealwatch.db", value_name = "FILE")]
    db: PathBuf,
    /// Only in these states: queued, sending, accepted, delivered, retry, dead, folded, withdrawn
    #[arg(long, value_parser = state)]
    state: Vec<DeliveryStateKind>,
    /// Only to this receiver
    #[arg(long, value_parser = receiver)]
    receiver: Option<ReceiverId>,
    /// At most so many
    #[arg(long, default_value_t = 100)]
    limit: u32,
    /// Print JSON Lines
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct Show {
    /// Its number, as `list` prints it
    id: u64,
    /// The database
    #[arg(long, default_value = "sealwatch.db", value_name = "FILE")]
    db: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct Change {
    /// Their numbers, as `list` prints them
    #[arg(required_unless_present = "all")]
    id: Vec<u64>,
    /// All that were given up or wait for their next attempt
    #[arg(long, conflicts_with = "id")]
    all: bool,
    /// With `--all`, only to this receiver
    #[arg(long, value_parser = receiver)]
    receiver: Option<ReceiverId>,
    /// Why; it stands in the ledger
    #[arg(long)]
    reason: String,
    /// Who decides; it stands in the ledger
    #[arg(long)]
    author: String,
    /// The database
    #[arg(long, default_value = "sealwatch.db", value_name = "FILE")]
    db: PathBuf,
    /// Print the numbers as a JSON list
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct Send {
    /// The configuration
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Print what is left as JSON
    #[arg(long)]
    json: bool,
}

/// What is done to a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Deed {
    Retry,
    Drop,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    match &arguments.command {
        Command::List(list) => print_list(list),
        Command::Show(show) => print_one(show),
        Command::Retry(change) => apply(change, Deed::Retry),
        Command::Drop(change) => apply(change, Deed::Drop),
        Command::Send(send) => deliver(send),
    }
}

fn state(text: &str) -> Result<DeliveryStateKind, String> {
    let words: Vec<_> = DeliveryStateKind::ALL.iter().map(|kind| kind.as_str()).collect();
    DeliveryStateKind::parse(text).ok_or_else(|| format!("not one of {}", words.join(", ")))
}

fn receiver(text: &str) -> Result<ReceiverId, String> {
    ReceiverId::parse(text).map_err(|error| error.to_string())
}

fn print_list(arguments: &List) -> Result<Exit, Failure> {
    let reader = Store::open_read_only(&arguments.db)?;
    let filter = DeliveryFilter {
        states: arguments.state.clone(),
        receiver: arguments.receiver.clone(),
        ..DeliveryFilter::default()
    };
    let mut text = String::new();
    for delivery in reader.deliveries(&filter, Page::first(arguments.limit))? {
        text.push_str(&if arguments.json { json(&delivery)? } else { line(&delivery) });
        text.push('\n');
    }
    output::print(&text)?;
    Ok(Exit::Done)
}

fn print_one(arguments: &Show) -> Result<Exit, Failure> {
    let reader = Store::open_read_only(&arguments.db)?;
    let Some(delivery) = reader.delivery(OutboxId(arguments.id))? else {
        return Err(Failure::new(Exit::No, format!("there is no message {}", arguments.id))
            .hint("`sealwatch outbox list` prints the numbers"));
    };
    if arguments.json {
        output::print(&format!("{}\n", json(&delivery)?))?;
        return Ok(Exit::Done);
    }
    let mut text = format!("{}\n  id the receiver sees: {}\n", line(&delivery), delivery.delivery_id);
    if let Some(incident) = &delivery.incident {
        text.push_str(&format!("  incident: {incident}, step {}\n", delivery.transition));
    }
    if delivery.possible_repeat {
        text.push_str("  may have arrived more than once\n");
    }
    for (number, attempt) in (1..).zip(&delivery.attempts) {
        let status = attempt.status_code.map(|code| format!(" ({code})")).unwrap_or_default();
        text.push_str(&format!(
            "  attempt {number} at {}: {}{status} {}\n",
            moment(attempt.started_at),
            attempt.outcome,
            output::visible(&attempt.snippet),
        ));
    }
    output::print(&text)?;
    Ok(Exit::Done)
}

fn json(delivery: &Delivery) -> Result<String, Failure> {
    serde_json::to_string(delivery).map_err(|error| Failure::new(Exit::Internal, error))
}

fn line(delivery: &Delivery) -> String {
    let (at, why) = match &delivery.state {
        DeliveryState::Queued { due_at } => (*due_at, String::new()),
        DeliveryState::Sending { lease_until } => (*lease_until, String::new()),
        DeliveryState::Accepted { at } | DeliveryState::Delivered { at } => (*at, String::new()),
        DeliveryState::Retry { next_at, reason } => (*next_at, output::visible(reason)),
        DeliveryState::Dead { at, reason } | DeliveryState::Withdrawn { at, reason } => {
            (*at, output::visible(reason))
        }
        DeliveryState::Folded { at, digest } => {
            (*at, digest.map(|digest| format!("in message {digest}")).unwrap_or_default())
        }
    };
    let text = format!(
        "{:>6}  {:<9}  {:<8}  {}  {:<10}  {} begun  {why}",
        delivery.id.to_string(),
        delivery.state.kind().as_str(),
        delivery.severity.as_str(),
        moment(at),
        delivery.receiver.to_string(),
        delivery.begun,
    );
    text.trim_end().to_owned()
}

fn moment(nanos: i64) -> String {
    detectors::event::EventTime::from_nanos(nanos).to_string()
}

fn apply(arguments: &Change, deed: Deed) -> Result<Exit, Failure> {
    let desk = Desk::open(&arguments.db)?;
    let now = SystemClock::new().unix_nanos();
    let ids: Vec<OutboxId> = if arguments.all {
        unfinished(&desk, arguments)?
    } else {
        arguments.id.iter().copied().map(OutboxId).collect()
    };
    for id in &ids {
        let entry = entry(*id, arguments, deed, now);
        match deed {
            Deed::Retry => desk.requeue(*id, now, &entry)?,
            Deed::Drop => desk.withdraw(*id, &arguments.reason, now, &entry)?,
        }
    }
    if arguments.json {
        let numbers: Vec<u64> = ids.iter().map(|id| id.0).collect();
        output::print(&format!("{}\n", serde_json::json!(numbers)))?;
    } else {
        let what = match deed {
            Deed::Retry => "messages are due now",
            Deed::Drop => "messages withdrawn",
        };
        output::print(&format!("{} {what}\n", ids.len()))?;
    }
    Ok(Exit::Done)
}

fn unfinished(desk: &Desk, arguments: &Change) -> Result<Vec<OutboxId>, Failure> {
    let filter = DeliveryFilter {
        states: vec![DeliveryStateKind::Dead, DeliveryStateKind::Retry],
        receiver: arguments.receiver.clone(),
        ..DeliveryFilter::default()
    };
    let mut ids: Vec<_> =
        desk.reader().deliveries(&filter, Page::first(u32::MAX))?.into_iter().map(|found| found.id).collect();
    ids.sort_unstable();
    Ok(ids)
}

fn entry(id: OutboxId, arguments: &Change, deed: Deed, now: i64) -> LedgerEntry {
    let (word, action) = match deed {
        Deed::Retry => ("retry", LedgerAction::DeliveryRequeued),
        Deed::Drop => ("drop", LedgerAction::DeliveryWithdrawn),
    };
    LedgerEntry {
        key: format!("outbox:{id}:{word}:{now}"),
        at: now,
        actor: arguments.author.clone(),
        action,
        subject: Some(format!("message {id}")),
        before: None,
        after: None,
        reason: Some(arguments.reason.clone()),
        config_hash: None,
    }
}

/// Ends with 0 if nothing is left, and with 1 if something still waits or was given up.
fn deliver(arguments: &Send) -> Result<Exit, Failure> {
    let session = Session::open(Config::load_to_tell(&arguments.config)?, Printing::Nothing)?;
    session.send_what_is_due()?;
    let mut left = std::collections::BTreeMap::new();
    for summary in session.store.reader().outbox_summary()? {
        for (kind, count) in summary.counts {
            *left.entry(kind.as_str()).or_insert(0) += count;
        }
    }
    let waits = [
        DeliveryStateKind::Queued,
        DeliveryStateKind::Sending,
        DeliveryStateKind::Retry,
        DeliveryStateKind::Dead,
    ];
    let waiting: u64 = waits.iter().filter_map(|kind| left.get(kind.as_str())).sum();
    if arguments.json {
        output::print(&format!("{}\n", serde_json::json!(left)))?;
    } else {
        let counts: Vec<_> = left
            .iter()
            .filter(|(_, count)| **count > 0)
            .map(|(kind, count)| format!("{count} {kind}"))
            .collect();
        output::print(&format!(
            "{}\n",
            if counts.is_empty() { "nothing to send".to_owned() } else { counts.join(", ") }
        ))?;
    }
    let stopped = session.stopping.exit();
    Ok(if stopped == Exit::Done && waiting > 0 { Exit::No } else { stopped })
}
