//! `sealwatch silences`: hiding what people know, for a while, with a reason, and never more than that.

mod preview;

use std::path::PathBuf;

use alerting::shown_time;
use alerting::silence::{Preview, SilenceDraft, SilenceForm, check_extension};
use clap::{Args, Subcommand};
use detectors::finding::Severity;
use serde_json::json;
use store::{Desk, Silence, SilenceId, SilenceState, Store};

use self::preview::Known;
use crate::cli::asking::{self, Decider};
use crate::cli::findings::severity;
use crate::exit::{Exit, Failure};
use crate::output;

/// From when on a silence is listed as expiring, before its end.
const EXPIRING_NANOS: i64 = 86_400_000_000_000;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Hide findings for a while
    Add(Draft),
    /// Show what a silence would hide, and make none
    Preview(Draft),
    /// List silences: what they match, when they end, which match nothing
    List(List),
    /// Make a silence last until another time
    Extend(Extend),
    /// End a silence before its time
    Expire(Expire),
}

#[derive(Debug, Args)]
struct Draft {
    /// The database
    #[arg(long, default_value = "sealwatch.db", value_name = "FILE")]
    db: PathBuf,
    /// The configuration, for `team=` and its owners
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(flatten)]
    decider: Decider,
    /// For how long from now: `4h`, `7d`; at most 30 days
    #[arg(long = "for", value_parser = asking::length, value_name = "LENGTH", required_unless_present = "until")]
    length: Option<i64>,
    /// Until when (RFC 3339); at most 30 days from now
    #[arg(long, value_parser = asking::moment, value_name = "TIME", conflicts_with = "length")]
    until: Option<i64>,
    /// From when (RFC 3339); now if not given
    #[arg(long, value_parser = asking::moment, value_name = "TIME")]
    from: Option<i64>,
    /// The most severe findings it may hide; as severe as what it matches now if not given
    #[arg(long, value_parser = severity, value_name = "SEVERITY")]
    up_to: Option<Severity>,
    /// Show what it would have hidden of the recorded attacks in this folder as well
    #[arg(long, value_name = "DIR")]
    scenarios: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Which findings: severity, max-severity, detector, registry, kind, subject, subject-regex, type, namespace, team
    #[arg(value_name = "KEY=VALUE", required = true)]
    matchers: Vec<String>,
}

#[derive(Debug, Args)]
struct List {
    /// The database
    #[arg(long, default_value = "sealwatch.db", value_name = "FILE")]
    db: PathBuf,
    /// The configuration, for owners
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Also those that are over
    #[arg(long)]
    all: bool,
    /// Print JSON Lines
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct Extend {
    /// The silence's number
    id: u64,
    /// The database
    #[arg(long, default_value = "sealwatch.db", value_name = "FILE")]
    db: PathBuf,
    /// For how long from now: `4h`, `7d`; at most 30 days
    #[arg(long = "for", value_parser = asking::length, value_name = "LENGTH")]
    length: i64,
    #[command(flatten)]
    decider: Decider,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct Expire {
    /// The silence's number
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

pub(crate) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    match &arguments.command {
        Command::Add(draft) => add(draft),
        Command::Preview(draft) => show(draft),
        Command::List(list) => listed(list),
        Command::Extend(extend) => {
            let now = asking::now();
            let ends_at = now.saturating_add(extend.length);
            check_extension(ends_at, now).map_err(refused)?;
            let Decider { owner, reason } = given(&extend.decider)?;
            let desk = Desk::open(&extend.db)?;
            let silence = desk.extend_silence(SilenceId(extend.id), ends_at, owner, reason, now)?;
            changed(&silence, now, extend.json)
        }
        Command::Expire(expire) => {
            let now = asking::now();
            let Decider { owner, reason } = given(&expire.decider)?;
            let desk = Desk::open(&expire.db)?;
            changed(&desk.end_silence(SilenceId(expire.id), owner, reason, now)?, now, expire.json)
        }
    }
}

/// Who decides, if that says something.
fn given(decider: &Decider) -> Result<&Decider, Failure> {
    if decider.owner.trim().is_empty() || decider.reason.trim().is_empty() {
        return Err(Failure::new(Exit::Usage, "cannot decide without an owner and a reason"));
    }
    Ok(decider)
}

fn refused(error: impl std::error::Error + Send + Sync + 'static) -> Failure {
    Failure::new(Exit::Usage, error)
}

/// What a draft comes to over what is known.
fn previewed(draft: &Draft) -> Result<(SilenceDraft, SilenceForm, Preview), Failure> {
    let now = asking::now();
    let rules = asking::rules_or_none(draft.config.as_ref())?;
    let starts_at = draft.from.unwrap_or(now);
    let wanted = SilenceDraft {
        matchers: asking::matchers(&draft.matchers)?,
        owner: draft.decider.owner.clone(),
        reason: draft.decider.reason.clone(),
        starts_at,
        ends_at: draft.until.unwrap_or_else(|| now.saturating_add(draft.length.unwrap_or_default())),
        ceiling: draft.up_to,
    };
    // What is wrong with the draft is said before anything is opened that may be missing.
    wanted.check(now).map_err(refused)?;
    let known = Known::of(&Store::open_read_only(&draft.db)?, now)?;
    let form =
        wanted.form(known.findings().map(|(finding, _)| finding), rules.owners(), now).map_err(refused)?;
    let recorded = draft.scenarios.as_deref().map(Known::recorded).transpose()?.unwrap_or_default();
    let preview = Preview::of(&form, known.findings().chain(recorded.findings()), rules.owners());
    Ok((wanted, form, preview))
}

fn show(draft: &Draft) -> Result<Exit, Failure> {
    let (_, form, preview) = previewed(draft)?;
    if draft.json {
        output::print(&format!("{}\n", json!({ "ceiling": form.ceiling, "preview": preview })))?;
    } else {
        output::print(&preview::in_words(&form, &preview))?;
    }
    Ok(Exit::Done)
}

fn add(draft: &Draft) -> Result<Exit, Failure> {
    let (wanted, form, preview) = previewed(draft)?;
    let desk = Desk::open(&draft.db)?;
    let id = desk.add_silence(&wanted.stored(&form), asking::now())?;
    if draft.json {
        output::print(&format!("{}\n", json!({ "id": id, "ceiling": form.ceiling, "preview": preview })))?;
    } else {
        output::print(&preview::in_words(&form, &preview))?;
        output::print(&format!("silence {id} holds until {}\n", shown_time(wanted.ends_at)))?;
    }
    Ok(Exit::Done)
}

fn changed(silence: &Silence, now: i64, json: bool) -> Result<Exit, Failure> {
    let text = if json {
        format!(
            "{}\n",
            json!({ "id": silence.id, "state": silence.state(now), "ends_at": shown_time(silence.ends_at) })
        )
    } else if silence.ended.is_some() {
        format!("silence {} is over\n", silence.id)
    } else {
        format!("silence {} holds until {}\n", silence.id, shown_time(silence.ends_at))
    };
    output::print(&text)?;
    Ok(Exit::Done)
}

fn listed(list: &List) -> Result<Exit, Failure> {
    let now = asking::now();
    let rules = asking::rules_or_none(list.config.as_ref())?;
    let reader = Store::open_read_only(&list.db)?;
    let known = Known::of(&reader, now)?;
    let mut text = String::new();
    for silence in reader.silences()? {
        let state = silence.state(now);
        let is_over = matches!(state, SilenceState::Expired | SilenceState::Ended);
        if is_over && !list.all {
            continue;
        }
        let form = SilenceForm::from_json(&silence.matcher).ok();
        let preview = form.as_ref().map(|form| Preview::of(form, known.findings(), rules.owners()));
        let standing = match (&preview, state) {
            (None, _) => "unreadable",
            (_, SilenceState::Expired) => "expired",
            (_, SilenceState::Ended) => "ended",
            (_, SilenceState::Pending) => "pending",
            (Some(preview), SilenceState::Active) if preview.matches_nothing() => "matches nothing",
            (_, SilenceState::Active) if silence.ends_at - now < EXPIRING_NANOS => "expiring",
            (_, SilenceState::Active) => "active",
        };
        let hidden = preview.as_ref().map_or(0, |preview| preview.open_hidden + preview.closed_hidden);
        if list.json {
            let row = json!({
                "id": silence.id,
                "state": state,
                "standing": standing,
                "owner": silence.author,
                "reason": silence.reason,
                "starts_at": shown_time(silence.starts_at),
                "ends_at": shown_time(silence.ends_at),
                "form": form,
                "hidden": hidden,
                "told_all_the_same": preview.as_ref().map_or(0, |preview| preview.told_all_the_same),
            });
            text.push_str(&format!("{row}\n"));
        } else {
            let matchers = form.map_or_else(String::new, |form| preview::matchers_in_words(&form));
            text.push_str(&format!(
                "{:>4}  {:<15}  until {}  {:>5} hidden  {}: {}  {}\n",
                silence.id,
                standing,
                shown_time(silence.ends_at),
                hidden,
                output::visible(&silence.author),
                output::visible(&silence.reason),
                output::visible(&matchers),
            ));
        }
    }
    output::print(&text)?;
    Ok(Exit::Done)
}
