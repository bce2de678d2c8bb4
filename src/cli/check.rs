//! `sealwatch check`: all mistakes of a configuration in one run, and what it will see if there are none.

use std::path::PathBuf;

use alerting::heartbeat::{Pulse, judge, last_arrived};
use clap::Args;
use serde_json::json;
use store::Store;
use transport::{Clock as _, SystemClock};

use crate::config::{self, Config, Coverage, Purpose, Report};
use crate::exit::{Exit, Failure};
use crate::output;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The configuration
    #[arg(long, value_name = "FILE", default_value = "sealwatch.toml")]
    config: PathBuf,
    /// Do not look whether secrets are where the configuration says, as on another machine than the one that watches
    #[arg(long)]
    without_secrets: bool,
    /// Ask instead whether heartbeats arrive; ends with 1 if they stay away
    #[arg(long)]
    heartbeat: bool,
    /// Print mistakes and warnings as a JSON list
    #[arg(long)]
    json: bool,
}

/// Ends with 0 if the configuration can be used, and with 3 if not.
pub(crate) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    if arguments.heartbeat {
        return heartbeat(arguments);
    }
    let purpose = if arguments.without_secrets { Purpose::Review } else { Purpose::Watch };
    let read = config::read(&arguments.config, purpose);
    if arguments.json {
        let (report, exit) = match &read {
            Ok(loaded) => (&loaded.warnings, Exit::Done),
            Err(errors) => (&errors.report, Exit::Configuration),
        };
        output::print(&format!("{:#}\n", report.to_json()))?;
        return Ok(exit);
    }
    let loaded = match read {
        Ok(loaded) => loaded,
        Err(errors) => {
            show(&errors.report);
            return Err(errors.into());
        }
    };
    show(&loaded.warnings);
    output::print(&format!("{}\n", summary(&loaded.config)))?;
    Ok(Exit::Done)
}

/// For whoever asks from outside, as a health check of a container does: the answer lies in the database.
fn heartbeat(arguments: &Arguments) -> Result<Exit, Failure> {
    let config = Config::load_or_default(Some(&arguments.config))?;
    let Some(awaited) = &config.alerting.heartbeat else {
        return Err(Failure::new(Exit::Usage, "nobody waits for heartbeats")
            .hint("add `[alerting.heartbeat]` with `every_minutes` and `to`"));
    };
    let last = last_arrived(&Store::open_read_only(&config.store.path)?)?;
    let pulse = judge(awaited, last, last.unwrap_or(i64::MIN), SystemClock::new().unix_nanos());
    if arguments.json {
        output::print(&format!(
            "{}\n",
            json!({ "heartbeat": pulse.word(), "last": last.map(alerting::shown_time) })
        ))?;
    } else {
        let last = last.map_or_else(
            || "none has arrived".to_owned(),
            |at| format!("the last one arrived at {}", alerting::shown_time(at)),
        );
        let words =
            if matches!(pulse, Pulse::Absent { .. }) { "heartbeats stay away" } else { "heartbeats arrive" };
        output::print(&format!("{words}: {last}\n"))?;
    }
    Ok(if matches!(pulse, Pulse::Absent { .. }) { Exit::No } else { Exit::Done })
}

fn show(report: &Report) {
    if !report.diagnostics().is_empty() {
        output::message(&report.render());
    }
}

fn summary(config: &Config) -> String {
    let coverage = Coverage::of(config);
    let topics = config.sources.iter().map(|source| source.topics.len()).sum();
    let files = config.sources.iter().map(|source| source.tail.len()).sum();
    let read = match (topics, files) {
        (_, 0) => counted(topics, "topic"),
        (0, _) => counted(files, "followed file"),
        _ => format!("{} and {}", counted(topics, "topic"), counted(files, "followed file")),
    };
    format!(
        "configuration is valid: {} with {read}, {}, {}; {} of {} that are on can see",
        counted(config.sources.len(), "source"),
        counted(config.receivers.len(), "receiver"),
        counted(config.routes.len(), "route"),
        coverage.seeing.len(),
        counted(coverage.seeing.len() + coverage.blind.len(), "detector"),
    )
}

fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use detectors::finding::DetectorId;
    use ingest::kafka::StartPolicy;

    use super::*;
    use crate::config::SourceConfig;

    #[test]
    fn the_summary_says_what_will_be_watched() {
        let mut config = Config::default();
        config.sources.push(SourceConfig::new("a", vec!["t".to_owned(), "u".to_owned()], StartPolicy::End));
        assert_eq!(
            summary(&config),
            format!(
                "configuration is valid: 1 source with 2 topics, 0 receivers, 0 routes; {0} of {0} detectors that are on \
                 can see",
                DetectorId::ALL.len()
            )
        );
    }
}
