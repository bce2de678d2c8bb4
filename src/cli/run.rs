//! `sealwatch run`: watch the configured sources, tell, and show.

use std::path::PathBuf;

use clap::Args;
use pipeline::live::{Telling, Until};

use crate::config::Config;
use crate::exit::{Exit, Failure};
use crate::kafka::Waiting;
use crate::session::{Printing, Session};
use crate::{kafka, output};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The configuration
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// End with exit code 4 if the brokers cannot be reached, instead of waiting for them
    #[arg(long)]
    no_wait: bool,
    /// End when every partition has been read to its present end
    #[arg(long)]
    until_caught_up: bool,
    /// No dashboard
    #[arg(long)]
    headless: bool,
    /// Print findings as JSON Lines as they are stored
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let config = Config::load(&arguments.config)?;
    let printing = if arguments.json { Printing::Json } else { Printing::Text };
    let mut session = Session::open(config, printing)?;
    let listen =
        (!arguments.headless && session.config.dashboard.enabled).then_some(session.config.dashboard.listen);
    let services = session.services(listen)?;
    if let Some(address) = listen {
        output::message(&format!("dashboard: http://{address}/"));
    }
    let until = if arguments.until_caught_up { Until::CaughtUp } else { Until::Stopped };
    let waiting = if arguments.no_wait { Waiting::No } else { Waiting::Forever };
    let result = kafka::watch(&session, Telling::On, until, waiting, &|_| Ok(()));
    let exit = session.stopping.exit();
    session.stopping.set();
    services.join()?;
    let report = result?;
    output::message(&format!(
        "{} records read, {} of them unreadable; {} findings",
        report.records, report.dead_letters, report.findings
    ));
    Ok(exit)
}
