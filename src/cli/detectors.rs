//! `sealwatch detectors`: what each detector sees, how it is set, and its pages of the handbook.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use detectors::catalogue::{self, CatalogueEntry};
use detectors::engine::Lane;
use detectors::finding::DetectorId;
use detectors::settings::{DetectorMode, EngineSettings};
use serde_json::json;

use crate::config::Config;
use crate::exit::{Exit, Failure};
use crate::output;

/// The handbook, which belongs to this build: an old program explains itself, not its successor.
const HANDBOOK: &str = include_str!("../../docs/detectors.md");
const RUNBOOK: &str = include_str!("../../docs/runbook.md");

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List all detectors with their settings
    List(Asked),
    /// Say how one detector works, where it fails, and what to do when it speaks
    Explain {
        /// Its id, such as `tag-move`
        #[arg(value_parser = known)]
        detector: DetectorId,
        #[command(flatten)]
        asked: Asked,
    },
}

#[derive(Debug, Args)]
struct Asked {
    /// Take settings from this configuration; without it, as a new configuration has them
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print JSON: one line a detector
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let text = match &arguments.action {
        Action::List(asked) => list(&settings(asked)?, asked.json),
        Action::Explain { detector, asked } => explain(*detector, &settings(asked)?, asked.json),
    };
    output::print(&text)?;
    Ok(Exit::Done)
}

fn known(text: &str) -> Result<DetectorId, String> {
    text.parse().map_err(|error| format!("{error}; `sealwatch detectors list` names them all"))
}

fn settings(asked: &Asked) -> Result<EngineSettings, Failure> {
    Ok(Config::load_or_default(asked.config.as_deref())?.engine)
}

fn list(settings: &EngineSettings, json: bool) -> String {
    let line = |id: DetectorId| {
        let entry = catalogue::entry(id);
        if json {
            return format!("{}\n", as_json(&entry, settings));
        }
        let set = settings.detector(id);
        let (name, floor) = (id.as_str(), settings.floor_bits(id));
        format!("{name:<22} {:<3}  floor {floor:>2} bits  {}\n", mode(set.mode), entry.fires_when)
    };
    DetectorId::ALL.into_iter().map(line).collect()
}

fn explain(id: DetectorId, settings: &EngineSettings, json: bool) -> String {
    let entry = catalogue::entry(id);
    let (works, runbook) = (section(HANDBOOK, id), section(RUNBOOK, id));
    if json {
        let mut value = as_json(&entry, settings);
        value["method"] = json!(works);
        value["runbook"] = json!(runbook);
        return format!("{value}\n");
    }
    let set = settings.detector(id);
    format!(
        "{id}: speaks when {}\n\nneeds events: {}\nneeds fields: {}\nwarm-up: {}\nATT&CK: {}\nset to: {}, weight {}, floor {} bits\n\n\
         How it works\n\n{works}\n\nWhat to do\n\n{runbook}\n",
        entry.fires_when,
        entry.needs_events.join(", "),
        entry.needs_fields.join(", "),
        entry.warm_up,
        entry.techniques.join(", "),
        mode(set.mode),
        set.weight,
        settings.floor_bits(id),
    )
}

fn as_json(entry: &CatalogueEntry, settings: &EngineSettings) -> serde_json::Value {
    let set = settings.detector(entry.id);
    json!({
        "id": entry.id,
        "version": catalogue::major(entry.id),
        "lane": Lane::of(entry.id).as_str(),
        "fires_when": entry.fires_when,
        "needs_events": entry.needs_events,
        "needs_fields": entry.needs_fields,
        "warm_up": entry.warm_up,
        "techniques": entry.techniques,
        "mode": mode(set.mode),
        "weight": set.weight,
        "floor_bits": settings.floor_bits(entry.id),
    })
}

const fn mode(mode: DetectorMode) -> &'static str {
    match mode {
        DetectorMode::On => "on",
        DetectorMode::Off => "off",
    }
}

/// The text below a document's heading for this detector, up to the next one.
fn section(document: &'static str, id: DetectorId) -> &'static str {
    let heading = format!("\n## {id}\n");
    let Some((_, rest)) = document.split_once(&heading) else { return "" };
    rest.split_once("\n## ").map_or(rest, |(section, _)| section).trim()
}

#[cfg(test)]
mod tests {
    use super::*;
    use detectors::settings::DetectorSettings;

    #[test]
    fn every_detector_has_a_section_on_how_it_works_and_one_on_what_to_do() {
        for id in DetectorId::ALL {
            for (what, document) in [("docs/detectors.md", HANDBOOK), ("docs/runbook.md", RUNBOOK)] {
                let section = section(document, id);
                assert!(section.len() > 200 && !section.contains("\n## "), "{id} in {what}: {section}");
            }
        }
    }

    #[test]
    fn the_list_shows_each_detector_once_as_it_is_set() {
        let mut settings = EngineSettings::default();
        let off = DetectorSettings { mode: DetectorMode::Off, ..DetectorSettings::default() };
        settings.detectors.insert(DetectorId::TagMove, off);
        let text = list(&settings, false);
        assert_eq!(text.lines().count(), DetectorId::ALL.len());
        let off: Vec<_> = text.lines().filter(|line| line.contains(" off ")).collect();
        assert!(matches!(off[..], [line] if line.starts_with("tag-move ")), "{text}");
        for (line, id) in list(&settings, true).lines().zip(DetectorId::ALL) {
            let value: serde_json::Value = serde_json::from_str(line).unwrap();
            assert_eq!(value["id"], id.as_str());
            assert_eq!(value["mode"], if id == DetectorId::TagMove { "off" } else { "on" });
        }
    }

    #[test]
    fn an_explanation_holds_what_people_ask_for() {
        let text = explain(DetectorId::ReSigning, &EngineSettings::default(), false);
        for part in [
            "needs events: sign",
            "warm-up: ",
            "ATT&CK: T1553.002",
            "**Fails**",
            "How it works",
            "What to do",
        ] {
            assert!(text.contains(part), "{part} is missing:\n{text}");
        }
        let json = explain(DetectorId::ReSigning, &EngineSettings::default(), true);
        let value: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(value["lane"], "change");
    }
}
