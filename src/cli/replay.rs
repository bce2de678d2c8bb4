//! `sealwatch replay`: recorded logs through the same way as live ones, byte for byte the same findings.

use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use detectors::finding::Finding;
use indicatif::ProgressBar;
use ingest::dead_letter::DeadLetter;
use pipeline::Threads;
use pipeline::flow::{DEFAULT_BATCH, FlowSettings};
use pipeline::replay::{ReplayError, ReplaySink, Replayed};

use crate::config::Config;
use crate::exit::{Exit, Failure};
use crate::{output, sources};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Logs: plain, .gz, .zst or .swrec; `-` is standard input. Each is one partition
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Write findings as JSON Lines to this file, or `-`
    #[arg(long, value_name = "PATH")]
    findings: Option<PathBuf>,
    /// Write incidents, as they stand at the end, as JSON Lines to this file, or `-`
    #[arg(long, value_name = "PATH")]
    incidents: Option<PathBuf>,
    /// Write records that could not be read as JSON Lines to this file, or `-`
    #[arg(long, value_name = "PATH")]
    dead_letters: Option<PathBuf>,
    /// Take sources and engine settings from this configuration
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Threads for the detectors; changes no finding
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=64))]
    threads: u8,
    /// Events shown to the engines at once; changes no finding
    #[arg(long, default_value_t = DEFAULT_BATCH as u32, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    batch: u32,
    /// Leave windows open at the end, for a comparison with a live run
    #[arg(long)]
    no_flush: bool,
    /// Print the summary as JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let config = Config::load_or_default(arguments.config.as_deref())?;
    let (mut source, rules) = sources::files(&config, &arguments.files)?;
    let settings = FlowSettings {
        threads: Threads::new(arguments.threads.into()),
        batch: arguments.batch as usize,
        bounds: config.merge_bounds(),
        ..FlowSettings::new(config.engine.clone())
    };
    let writer = |path: &Option<PathBuf>| path.as_deref().map(output::data_writer).transpose();
    let mut sink = Sink {
        findings: writer(&arguments.findings)?,
        dead_letters: writer(&arguments.dead_letters)?,
        told: Vec::new(),
        list: arguments.findings.is_none() && arguments.incidents.is_none() && !arguments.json,
        bar: output::progress("replaying"),
    };
    let replayed = pipeline::replay::replay(&mut source, &rules, &settings, !arguments.no_flush, &mut sink)
        .map_err(failure)?;
    sink.bar.finish_and_clear();
    if let Some(findings) = &mut sink.findings {
        findings.flush().map_err(|error| output::write_failure(&error))?;
    }
    if let Some(letters) = &mut sink.dead_letters {
        letters.flush().map_err(|error| output::write_failure(&error))?;
    }
    if let Some(mut incidents) = writer(&arguments.incidents)? {
        for incident in &replayed.incidents {
            write_line(&mut incidents, incident).map_err(|error| output::write_failure(&error))?;
        }
        incidents.flush().map_err(|error| output::write_failure(&error))?;
    }
    summary(arguments, &sink.told, &replayed)?;
    Ok(Exit::Done)
}

fn summary(arguments: &Arguments, told: &[String], replayed: &Replayed) -> Result<(), Failure> {
    if arguments.json {
        let summary = serde_json::json!({
            "records": replayed.records,
            "dead_letters": replayed.dead_letters,
            "findings": replayed.findings,
            "incidents": replayed.incidents.len(),
        });
        return output::print(&format!("{summary}\n"));
    }
    for line in told {
        output::print(line)?;
    }
    output::message(&format!(
        "{} records, {} of them unreadable; {} findings in {} incidents",
        replayed.records,
        replayed.dead_letters,
        replayed.findings,
        replayed.incidents.len(),
    ));
    Ok(())
}

/// One finding for people.
pub(crate) fn line(finding: &Finding) -> String {
    let bits = finding.surprise_bits.map_or_else(|| "fact".to_owned(), |bits| format!("{bits:.1} bits"));
    format!(
        "{}  {:<8}  {:<16}  {:>9}  {}\n",
        finding.time,
        finding.severity,
        finding.detector,
        bits,
        output::visible(&finding.summary),
    )
}

pub(crate) fn write_line<T: serde::Serialize>(out: &mut dyn Write, value: &T) -> std::io::Result<()> {
    let mut line = serde_json::to_string(value)?;
    line.push('\n');
    out.write_all(line.as_bytes())
}

/// What a dead letter says, as JSON.
pub(crate) fn letter_json(letter: &DeadLetter) -> serde_json::Value {
    serde_json::json!({
        "source": &*letter.position.partition.source,
        "stream": &*letter.position.partition.stream,
        "partition": letter.position.partition.partition,
        "offset": letter.position.offset,
        "reason": letter.reason.word(),
        "detail": letter.detail,
        "size": letter.size,
        "head": letter.head,
    })
}

fn failure(error: ReplayError) -> Failure {
    match error {
        ReplayError::Write(error) => output::write_failure(&error),
        ReplayError::Source(_) => Failure::new(Exit::Incompatible, error)
            .hint("check that the file is complete; what was found before it stands"),
        ReplayError::Flow(_) => Failure::new(Exit::Unavailable, error)
            .hint("check the space for temporary files, or sort the logs by time"),
    }
}

struct Sink {
    findings: Option<Box<dyn Write + Send>>,
    dead_letters: Option<Box<dyn Write + Send>>,
    told: Vec<String>,
    list: bool,
    bar: ProgressBar,
}

impl ReplaySink for Sink {
    fn finding(&mut self, finding: &Finding) -> std::io::Result<()> {
        if let Some(out) = &mut self.findings {
            write_line(out, finding)?;
        }
        if self.list {
            self.told.push(line(finding));
        }
        Ok(())
    }

    fn dead_letter(&mut self, letter: &DeadLetter) -> std::io::Result<()> {
        match &mut self.dead_letters {
            Some(out) => write_line(out, &letter_json(letter)),
            None => Ok(()),
        }
    }

    fn progress(&mut self, records: u64) {
        self.bar.set_position(records);
    }
}
