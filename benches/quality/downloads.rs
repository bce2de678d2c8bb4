//! Real downloads from an R mirror, three of whose visitors crawl it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use detectors::event::EventTime;
use detectors::finding::{DetectorId, Finding};

use crate::Failure;
use crate::labels::{Record, json_lines, labels};
use crate::run::{Run, is_told};
use crate::table::{Answers, Met, spread};

/// A crawler is to be told before it has touched so many packages; no honest visitor of the data passes 527 a day.
const BEFORE: usize = 600;

/// `cran-downloads`: breadth.
pub(crate) fn cran(folder: &Path, answers: &mut Answers) -> Result<(), Failure> {
    let events = folder.join("events.jsonl.gz");
    let run = Run::native(&events)?;
    let records: Vec<Record> = json_lines(&events)?;
    let labels = labels(&folder.join("labels.csv"))?;
    let mut visits: BTreeMap<&str, Vec<(EventTime, &str)>> = BTreeMap::new();
    for record in &records {
        let purl = record.artifact.purl.as_str();
        let name = purl.rsplit_once('@').map_or(purl, |(name, _)| name);
        visits.entry(&record.actor.principal).or_default().push((record.time()?, name));
    }
    let breadth: Vec<&Finding> = of(&run, DetectorId::DownloadBreadth).collect();
    let mut in_time = 0;
    for label in &labels {
        let principal = label.get("principal");
        let own: Vec<&Finding> =
            breadth.iter().copied().filter(|finding| &*finding.subject.name == principal).collect();
        let touched =
            |finding: Option<&&Finding>| finding.map(|finding| distinct(visits.get(principal), finding.time));
        let stored = touched(own.first());
        let told = touched(own.iter().find(|finding| is_told(finding)));
        in_time += usize::from(told.is_some_and(|touched| touched < BEFORE));
        let shown = |touched: Option<usize>| {
            touched.map_or("never".to_owned(), |count| format!("at {count} packages"))
        };
        answers.note(format!(
            "{principal} ({} packages that day): stored {}, told {}; {}",
            label.get("distinct_packages"),
            shown(stored),
            shown(told),
            spread(own.iter().copied()),
        ));
    }
    let all = labels.len();
    let what = format!("download-breadth: crawlers told before their {BEFORE}th package");
    answers.line(
        run.records,
        &what,
        format!("{in_time} of {all}"),
        &format!("{all} of {all}"),
        Met::when(in_time == all),
    );
    let crawlers: BTreeSet<&str> = labels.iter().map(|label| label.get("principal")).collect();
    let others: Vec<&Finding> =
        breadth.iter().copied().filter(|finding| !crawlers.contains(&*finding.subject.name)).collect();
    let told: BTreeSet<&str> =
        others.iter().filter(|finding| is_told(finding)).map(|finding| &*finding.subject.name).collect();
    let below = others.iter().filter(|finding| !is_told(finding)).count();
    let result = format!("{} told, {below} stored below the budget", told.len());
    answers.line(
        run.records,
        "download-breadth: other visitors",
        result,
        "0 told",
        Met::when(told.is_empty()),
    );
    let volume: Vec<&Finding> = of(&run, DetectorId::DownloadVolume).collect();
    let told = volume.iter().filter(|finding| is_told(finding)).count();
    let result = format!("{told} told, {} stored below the budget", volume.len() - told);
    answers.line(run.records, "download-volume: packages", result, "-", Met::Shown);
    answers.note(format!("download-volume: {}", spread(volume)));
    Ok(())
}

fn of(run: &Run, detector: DetectorId) -> impl Iterator<Item = &Finding> {
    run.findings.iter().filter(move |finding| finding.detector == detector)
}

/// Distinct packages touched up to and at a moment.
fn distinct(visits: Option<&Vec<(EventTime, &str)>>, until: EventTime) -> usize {
    let until_then = visits.into_iter().flatten().filter(|(time, _)| *time <= until);
    until_then.map(|(_, name)| name).collect::<BTreeSet<_>>().len()
}
