//! Every real record of DATA through `auto`: what share of each file is read, and whether each that is not stands in
//! `refused.txt` with its reason.
//!
//! A record that says that nothing happened (a program's start, a scan) counts as read: it was understood. Files that
//! hold one document are one record, with the time that a broker would have given it; so are the examples in
//! documentation, and the events in the collection of rule tests, each taken out of what was put around it.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use detectors::event::PartitionId;
use ingest::decode::{Decoder, DecoderSettings, Format};
use ingest::source::RawRecord;

use crate::Failure;
use crate::table::{Answers, Met, grouped};

/// What may be refused, one a line: `file:record why`, or `file:* why` for a file that no registry wrote.
const REFUSED: &str = include_str!("refused.txt");
/// The share of records that must be read of all that are not listed.
const TARGET: f64 = 0.99;
/// The time that a broker would have given a document: noon of 23 November 2026.
const BROKER_MS: i64 = 1_795_435_200_000;

/// Folders whose files were written by registries and their clients.
const FOLDERS: [&str; 10] = [
    "access-logs",
    "registry-events",
    "sigstore-samples",
    "real-registries",
    "npm-manifests",
    "crates-publishes",
    "cran-downloads",
    "git-tags",
    "guix-signing",
    "tuf-rotation",
];

/// Reads everything below the folder of one data set's parent.
pub(crate) fn all(data: &Path, answers: &mut Answers) -> Result<(), Failure> {
    let listed: BTreeMap<&str, &str> = REFUSED.lines().filter_map(|line| line.split_once(' ')).collect();
    let mut used = BTreeSet::new();
    let (mut records, mut wrong) = (0, 0);
    for folder in FOLDERS {
        let mut paths = Vec::new();
        below(&data.join(folder), &mut paths)?;
        paths.sort();
        for path in paths {
            let name = path.strip_prefix(data)?.to_string_lossy().into_owned();
            if listed.contains_key(format!("{name}:*").as_str()) {
                used.insert(format!("{name}:*"));
                continue;
            }
            let report = one(&path, &name, &listed, &mut used)?;
            records += report.records;
            wrong += report.wrong.len() as u64;
            let met = Met::when(report.share() >= TARGET);
            answers.line(report.records, &shortened(&name), report.to_string(), ">= 99 %", met);
            report.wrong.into_iter().for_each(|line| answers.note(line));
        }
    }
    let stale: Vec<_> = listed.keys().filter(|key| !used.contains(**key)).collect();
    answers.line(
        listed.len() as u64,
        "refused.txt: listed and read after all",
        stale.len().to_string(),
        "0",
        Met::when(stale.is_empty()),
    );
    stale.into_iter().for_each(|key| answers.note(format!("refused.txt lists {key}, which is read")));
    let share = 100.0 * (records - wrong) as f64 / records.max(1) as f64;
    answers.line(
        records,
        "all records that are not listed",
        format!("{share:.3} % read"),
        ">= 99 %",
        Met::when(share >= 99.0),
    );
    Ok(())
}

/// What came of one file.
#[derive(Default)]
struct Report {
    records: u64,
    events: u64,
    passed: u64,
    listed: u64,
    wrong: Vec<String>,
}

impl Report {
    fn share(&self) -> f64 {
        let asked = self.records - self.listed;
        if asked == 0 { 1.0 } else { (asked - self.wrong.len() as u64) as f64 / asked as f64 }
    }
}

impl std::fmt::Display for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:.2} %, {} events", 100.0 * self.share(), grouped(self.events))?;
        if self.passed > 0 {
            write!(f, ", {} tell nothing", grouped(self.passed))?;
        }
        if self.listed > 0 {
            write!(f, ", {} listed", self.listed)?;
        }
        Ok(())
    }
}

fn one(
    path: &Path,
    name: &str,
    listed: &BTreeMap<&str, &str>,
    used: &mut BTreeSet<String>,
) -> Result<Report, Failure> {
    let partition =
        Arc::new(PartitionId { source: "quality".into(), stream: "formats".into(), partition: 0 });
    let mut decoder = Decoder::new(DecoderSettings::new("quality", Format::Auto));
    let mut report = Report::default();
    let is_document = !is_log(name);
    for (number, bytes) in records(path, name)?.into_iter().enumerate() {
        let place = format!("{name}:{}", number + 1);
        let is_timeless =
            is_document || name.starts_with("npm-manifests") || name.ends_with("-notify.ndjson");
        let timestamp_ms = is_timeless.then_some(BROKER_MS);
        let record = RawRecord { timestamp_ms, ..RawRecord::line(&partition, number as i64, &bytes) };
        let mut events = Vec::new();
        report.records += 1;
        match decoder.decode(&record, &mut events) {
            Ok(()) if name.contains("_fail/") && is_bundle(name) && !listed.contains_key(place.as_str()) => {
                report.wrong.push(format!("{place}: read, though it must be refused"));
            }
            Ok(()) => report.events += events.len() as u64,
            Err(_) if name.contains("_fail/") && is_bundle(name) => report.listed += 1,
            Err(refusal) => {
                if listed.contains_key(place.as_str()) {
                    report.listed += 1;
                    used.insert(place);
                } else {
                    report.wrong.push(format!("{place}: {refusal}"));
                }
                continue;
            }
        }
        if listed.contains_key(place.as_str()) && name.contains("_fail/") {
            used.insert(place);
        }
    }
    report.passed = decoder.counters().passed_over();
    Ok(report)
}

fn is_bundle(name: &str) -> bool {
    name.ends_with(".sigstore.json")
}

/// Whether each line is a record; else the whole file is one.
fn is_log(name: &str) -> bool {
    let plain = name.trim_end_matches(".gz").trim_end_matches(".zst").trim_end_matches(".xz");
    [".log", ".jsonl", ".ndjson", "_logs"].iter().any(|ending| plain.ends_with(ending))
}

fn records(path: &Path, name: &str) -> Result<Vec<Vec<u8>>, Failure> {
    let bytes = unpacked(path)?;
    if name.ends_with(".md") {
        let text = String::from_utf8_lossy(&bytes);
        let blocks = text.split("```").skip(1).step_by(2);
        let json = blocks.filter_map(|block| block.strip_prefix("json").or(Some(block)));
        return Ok(json
            .map(str::trim)
            .filter(|block| block.starts_with('{'))
            .map(|block| block.as_bytes().to_vec())
            .collect());
    }
    if !is_log(name) {
        return Ok(vec![bytes]);
    }
    let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty());
    if name.ends_with("panther_rule_tests.jsonl.xz") {
        let event = |line: &[u8]| -> Result<Vec<u8>, Failure> {
            let test: serde_json::Value = serde_json::from_slice(line)?;
            Ok(serde_json::to_vec(&test["event"])?)
        };
        return lines.map(event).collect();
    }
    Ok(lines.map(<[u8]>::to_vec).collect())
}

fn unpacked(path: &Path) -> Result<Vec<u8>, Failure> {
    let bytes = std::fs::read(path)?;
    let mut out = Vec::new();
    match path.extension().and_then(|ending| ending.to_str()) {
        Some("gz") => drop(flate2::read::MultiGzDecoder::new(&*bytes).read_to_end(&mut out)?),
        Some("zst") => out = zstd::decode_all(&*bytes)?,
        Some("xz") => {
            let done = Command::new("xz").arg("-dc").arg(path).output()?;
            if !done.status.success() {
                return Err(format!("xz cannot unpack {}", path.display()).into());
            }
            out = done.stdout;
        }
        _ => return Ok(bytes),
    }
    Ok(out)
}

fn below(folder: &Path, found: &mut Vec<PathBuf>) -> Result<(), Failure> {
    if !folder.is_dir() {
        return Ok(());
    }
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() { below(&path, found)? } else { found.push(path) }
    }
    Ok(())
}

/// The end of a path says enough of it.
fn shortened(name: &str) -> String {
    let count = name.chars().count();
    if count <= 58 {
        name.to_owned()
    } else {
        ['…'].into_iter().chain(name.chars().skip(count - 57)).collect()
    }
}
