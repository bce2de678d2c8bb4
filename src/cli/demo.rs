//! `sealwatch demo`: the whole way on recorded attacks, with nothing else installed.
//!
//! Learns each scenario's history from its files, starts a Kafka cluster inside the process (librdkafka's mock),
//! produces the attack days into its topics and runs the ordinary watch on them. The days happened on different dates;
//! each scenario is moved by a whole number of days so that all of them happen on one, which is said on the terminal.

mod stage;
mod verdict;

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use pipeline::live::{Telling, Until};

use crate::exit::{Exit, Failure};
use crate::kafka::Waiting;
use crate::session::{Printing, Session};
use crate::{kafka, output, sources};
pub(crate) use stage::Stage;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The folder of recorded attacks
    #[arg(long, default_value = "sample-logs", value_name = "DIR")]
    scenarios: PathBuf,
    /// Where the dashboard is to be
    #[arg(long, default_value = "127.0.0.1:8787", value_name = "ADDRESS")]
    listen: SocketAddr,
    /// End when the logs are done; with exit code 1 if an expected finding is missing
    #[arg(long)]
    exit: bool,
    /// No dashboard
    #[arg(long)]
    headless: bool,
    /// Keep the database here instead of in a temporary folder
    #[arg(long, value_name = "FILE")]
    db: Option<PathBuf>,
    /// Print findings as JSON Lines
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let folder = tempfile::tempdir().map_err(|error| Failure::new(Exit::Unavailable, error))?;
    let database = arguments.db.clone().unwrap_or_else(|| folder.path().join("demo.db"));
    let stage = Stage::load(&arguments.scenarios)?;
    let broker = stage.start_broker()?;
    let config = stage.config(&database, broker.bootstrap(), arguments.listen);
    let printing = if arguments.json { Printing::Json } else { Printing::Text };
    let mut session = Session::open(config, printing)?;
    let listen = (!arguments.headless).then_some(arguments.listen);
    let services = session.services(listen)?;
    if let Some(address) = listen {
        output::message(&format!("dashboard: http://{address}/    stop: Ctrl-C"));
    }
    let mut played = play(&stage, &session);
    if played.is_ok() && !arguments.exit && !session.stopping.is_set() {
        output::message(&match listen {
            Some(address) => {
                format!("the recorded days are over; the watch and http://{address}/ go on until Ctrl-C")
            }
            None => "the recorded days are over; the watch goes on until Ctrl-C".to_owned(),
        });
        // A watch that fails must not keep what is under way from being told.
        let stayed = kafka::watch(&session, Telling::On, Until::Stopped, Waiting::Forever, &|_| Ok(()));
        played = played.and_then(|clean| stayed.map(|_| clean));
    }
    let exit = session.stopping.exit();
    session.stopping.set();
    services.join()?;
    let clean = played?;
    Ok(if arguments.exit && !clean { Exit::No } else { exit })
}

/// Learns, produces, watches, judges; whether everything expected was found and nothing else told.
fn play(stage: &Stage, session: &Session) -> Result<bool, Failure> {
    for line in stage.moves() {
        output::message(&line);
    }
    let (mut history, rules) = sources::files(&session.config, &stage.history())?;
    let live = session.live(&rules, Telling::Off, Until::CaughtUp, Vec::new())?;
    if live.has_state() {
        return Err(Failure::new(Exit::Conflict, "the demo's database has been used before")
            .hint("remove it, or give another --db"));
    }
    let learned = session.drive(live, &mut history)?;
    output::message(&format!("learned from {} records of history", learned.records));
    let produced = stage.produce(&session.config)?;
    output::message(&format!("{produced} records of the attack days are in the broker's topics"));
    let report = kafka::watch(session, Telling::On, Until::CaughtUp, Waiting::No, &|_| Ok(()))?;
    output::message(&format!("{} records watched, {} findings", report.records, report.findings));
    verdict::report(stage, session)
}
