//! True publishes of crates.io's crates over years: all honest as far as anybody knows, so every finding is a false alarm.

use std::collections::BTreeMap;
use std::path::Path;

use detectors::event::EventTime;
use detectors::finding::{DetectorId, Finding, Severity};

use crate::Failure;
use crate::labels::{Record, json_lines};
use crate::run::{Run, is_told};
use crate::table::{Answers, Met, spread};

const DAYS_A_YEAR: f64 = 365.25;
/// At most so many findings of medium and above a crate-year.
const MEDIUM_A_YEAR: f64 = 1.0;
/// At most so many findings of high and above a crate-year: one in twenty.
const HIGH_A_YEAR: f64 = 1.0 / 20.0;

/// `crates-publishes`: false alarms of drift.
pub(crate) fn crates(folder: &Path, answers: &mut Answers) -> Result<(), Failure> {
    let events = folder.join("events.jsonl.gz");
    let run = Run::native(&events)?;
    let mut lives: BTreeMap<String, (EventTime, EventTime)> = BTreeMap::new();
    for record in json_lines::<Record>(&events)? {
        let purl = record.artifact.purl.as_str();
        let name = purl.rsplit_once('@').map_or(purl, |(name, _)| name);
        let time = record.time()?;
        let life = lives.entry(name.to_owned()).or_insert((time, time));
        life.1 = life.1.max(time);
    }
    // A crate's life ends with its last publish: the years after it would only flatter.
    let years: f64 = lives.values().map(|(first, last)| last.since(*first).as_days_f64() / DAYS_A_YEAR).sum();
    let a_year = |least: Severity| {
        let count = run.findings.iter().filter(|finding| finding.severity >= least).count();
        (count, count as f64 / years)
    };
    for (least, budget, target) in [
        (Severity::Medium, MEDIUM_A_YEAR, "1 a crate-year"),
        (Severity::High, HIGH_A_YEAR, "1 in 20 crate-years"),
    ] {
        let (count, rate) = a_year(least);
        let result = format!("{count}, {rate:.3} a crate-year");
        let what = format!("findings from {least} on");
        answers.line(run.records, &what, result, &format!("at most {target}"), Met::when(rate <= budget));
    }
    let told = run.findings.iter().filter(|finding| is_told(finding)).count();
    let result = format!("{told}, {:.3} a crate-year", told as f64 / years);
    answers.line(run.records, "findings told", result, "-", Met::Shown);
    answers.note(format!("{} crates, {years:.1} crate-years from first to last publish", lives.len()));
    for detector in DetectorId::ALL {
        let own: Vec<&Finding> = run.findings.iter().filter(|finding| finding.detector == detector).collect();
        if !own.is_empty() {
            answers.note(format!("{detector}: {}", spread(own)));
        }
    }
    Ok(())
}
