//! `sealwatch decode`: what a log says, as native events; what cannot be read goes to standard error with its reason.

use std::io::{BufWriter, Write as _};
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use ingest::dead_letter::DeadLetter;
use ingest::decode::{Decoder, DecoderSettings, Ecosystem, Format};
use ingest::files::FileSource;
use ingest::source::{Item, Polled, Source as _};
use ingest::wire::native::write_native;

use crate::cli::replay::letter_json;
use crate::config::Config;
use crate::exit::{Exit, Failure};
use crate::{output, sources};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Logs: plain, .gz, .zst or .swrec; `-` is standard input
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// The format of the records
    #[arg(long, default_value = "auto")]
    format: Format,
    /// The declared format of the records, instead of `--format`
    #[arg(long, value_name = "NAME", conflicts_with = "format")]
    mapping: Option<String>,
    /// Take declared formats and `[identity]` from this configuration
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// What kind of registry stands behind an access log
    #[arg(long, value_parser = ecosystem)]
    ecosystem: Option<Ecosystem>,
    /// The registry of events that name none
    #[arg(long)]
    registry: Option<String>,
    /// Print dead letters as JSON
    #[arg(long)]
    json: bool,
}

fn ecosystem(word: &str) -> Result<Ecosystem, String> {
    serde_json::from_value(word.into()).map_err(|_| "not one of oci, npm, pypi, cargo".to_owned())
}

pub(crate) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let mut source = FileSource::open(sources::FILES, &arguments.files).map_err(|error| {
        let exit = if matches!(error, ingest::files::FilesError::SameName { .. }) {
            Exit::Usage
        } else {
            Exit::Unavailable
        };
        let hint = error.hint();
        Failure::new(exit, error).hint(hint)
    })?;
    let mut settings = DecoderSettings::new(sources::FILES, arguments.format);
    settings.ecosystem = arguments.ecosystem;
    let config = Config::load_or_default(arguments.config.as_deref())?;
    settings.identity = config.identity()?;
    if let Some(name) = &arguments.mapping {
        settings.mapping = Some(config.mapping(name).ok_or_else(|| {
            let hint = format!("declare it as [mapping.{name}] and name the file with --config");
            Failure::new(Exit::Usage, format!("there is no mapping `{}`", output::visible(name))).hint(hint)
        })?);
    }
    if let Some(registry) = &arguments.registry {
        settings.registry = registry.as_str().into();
    }
    let mut decoder = Decoder::new(settings);
    let mut out = BufWriter::new(std::io::stdout().lock());
    let mut events = Vec::new();
    let mut refused = 0_u64;
    let mut failed: Option<std::io::Error> = None;
    loop {
        let polled = source
            .poll(1_000, Duration::from_secs(1), &mut |item| {
                let letter = match item {
                    Item::Record(record) => {
                        events.clear();
                        match decoder.decode(&record, &mut events) {
                            Ok(()) => {
                                for event in &events {
                                    if let Err(error) = writeln!(out, "{}", write_native(event)) {
                                        failed.get_or_insert(error);
                                    }
                                }
                                return;
                            }
                            Err(refusal) => DeadLetter::of(&record, &refusal),
                        }
                    }
                    Item::Oversize(record) => DeadLetter::oversize(&record),
                    Item::Refused(record, refusal) => DeadLetter::of(&record, &refusal),
                    _ => return,
                };
                refused += 1;
                report(&letter, arguments.json);
            })
            .map_err(|error| {
                Failure::new(Exit::Incompatible, error).hint("check that the file is complete")
            })?;
        if let Some(error) = failed.take() {
            return Err(output::write_failure(&error));
        }
        if polled == Polled::Ended {
            break;
        }
    }
    out.flush().map_err(|error| output::write_failure(&error))?;
    Ok(if refused == 0 { Exit::Done } else { Exit::No })
}

fn report(letter: &DeadLetter, json: bool) {
    if json {
        output::message(&letter_json(letter).to_string());
    } else {
        let position = output::visible(&letter.position.to_string());
        let detail = output::visible(&letter.detail);
        output::message(&format!("{position}: {}: {detail}", letter.reason.word()));
    }
}
