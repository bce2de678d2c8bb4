//! Real signatures with real changes of keys: of Bitcoin's builders, of git tags, of sigstore's own root of trust.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use detectors::finding::{DetectorId, Finding, Severity};

use crate::Failure;
use crate::labels::{Label, Record, json_lines, labels};
use crate::run::{Run, is_told, record_of};
use crate::table::{Answers, Met, spread};

/// A run whose findings can be asked for by record, with its labels.
struct Labelled {
    run: Run,
    records: Vec<Record>,
    labels: Vec<Label>,
    /// Whether a label is about a record.
    is_about: fn(&Label, &Record) -> bool,
    /// Places in the run's findings, by the record they are about.
    findings: BTreeMap<i64, Vec<usize>>,
}

impl Labelled {
    fn of(folder: &Path, is_about: fn(&Label, &Record) -> bool) -> Result<Self, Failure> {
        let events = folder.join("events.jsonl.gz");
        let run = Run::native(&events)?;
        let mut findings: BTreeMap<i64, Vec<usize>> = BTreeMap::new();
        for (at, finding) in run.findings.iter().enumerate() {
            let record =
                record_of(finding).ok_or_else(|| format!("finding {} names no record", finding.id))?;
            findings.entry(record).or_default().push(at);
        }
        let records: Vec<Record> = json_lines(&events)?;
        let labels = labels(&folder.join("labels.csv"))?;
        for label in &labels {
            if !records.iter().any(|record| is_about(label, record)) {
                return Err(format!("no record of `{}` is what {label:?} is about", events.display()).into());
            }
        }
        Ok(Self { run, records, labels, is_about, findings })
    }

    /// The offsets of the records that a label is about.
    fn offsets(&self, label: &Label) -> Vec<i64> {
        let numbered = self.records.iter().zip(0_i64..);
        numbered.filter(|(record, _)| (self.is_about)(label, record)).map(|(_, offset)| offset).collect()
    }

    /// The findings about any of these records.
    fn about(&self, offsets: &[i64]) -> Vec<&Finding> {
        let places = offsets.iter().filter_map(|offset| self.findings.get(offset)).flatten();
        places.map(|at| &self.run.findings[*at]).collect()
    }

    /// The findings about records that no label is about.
    fn elsewhere(&self) -> Vec<(i64, &Finding)> {
        let labelled: BTreeSet<i64> = self.labels.iter().flat_map(|label| self.offsets(label)).collect();
        let others = self.findings.iter().filter(|(offset, _)| !labelled.contains(offset));
        others
            .flat_map(|(offset, places)| places.iter().map(|at| (*offset, &self.run.findings[*at])))
            .collect()
    }

    /// One line for the labels with this word: how many of them were found, how loud. What was missed is noted.
    fn recall(&self, answers: &mut Answers, event: &str) {
        let labels: Vec<&Label> = self.labels.iter().filter(|label| label.get("event") == event).collect();
        let (mut found, mut told, mut all) = (0, 0, Vec::new());
        for label in &labels {
            let own = self.about(&self.offsets(label));
            found += usize::from(!own.is_empty());
            told += usize::from(own.iter().any(|finding| is_told(finding)));
            if own.is_empty() {
                answers.note(format!("missed {event}: {label}"));
            }
            all.extend(own);
        }
        let result = format!("{found} found, {told} told ({})", spread(all));
        let target = format!("{} found", labels.len());
        answers.line(self.run.records, event, result, &target, Met::when(found == labels.len()));
    }
}

/// `guix-signing`: independent builders sign one release; some sign again, some with another key.
pub(crate) fn guix(folder: &Path, answers: &mut Answers) -> Result<(), Failure> {
    let labelled = Labelled::of(folder, |label, record| {
        record.time == label.get("time")
            && record.artifact.purl == label.get("purl")
            && record.artifact.file == label.get("file")
    })?;
    for event in words(&labelled) {
        labelled.recall(answers, &event);
    }
    let mut known: BTreeSet<&str> = BTreeSet::new();
    let firsts: BTreeSet<i64> = (labelled.records.iter().zip(0_i64..))
        .filter(|(record, _)| known.insert(&record.signer.identity))
        .map(|(_, offset)| offset)
        .collect();
    let (first, rest): (Vec<_>, Vec<_>) =
        labelled.elsewhere().into_iter().partition(|(offset, _)| firsts.contains(offset));
    let loudest = first.iter().map(|(_, finding)| finding.severity).max();
    let met = Met::when(loudest.is_none_or(|severity| severity <= Severity::Low));
    let records = labelled.run.records;
    answers.line(records, "a builder's first signature", of(&first), "at most low", met);
    quiet(answers, records, "everything else", &rest, Severity::Low);
    Ok(())
}

/// `git-tags`: tags of six repositories, signed and unsigned.
pub(crate) fn git_tags(folder: &Path, answers: &mut Answers) -> Result<(), Failure> {
    // A tag is a publish and a signature (or its absence) at one moment: the labels are about the latter.
    let labelled = Labelled::of(folder, |label, record| {
        record.time == label.get("time")
            && record.artifact.purl == label.get("purl")
            && record.kind != "publish"
    })?;
    for event in words(&labelled) {
        labelled.recall(answers, &event);
    }
    let rest = labelled.elsewhere();
    let signing =
        |finding: &Finding| matches!(finding.detector, DetectorId::ReSigning | DetectorId::KeyChange);
    let (signing, others): (Vec<_>, Vec<_>) = rest.into_iter().partition(|(_, finding)| signing(finding));
    let records = labelled.run.records;
    quiet(answers, records, "signatures without a label", &signing, Severity::Low);
    quiet(answers, records, "the same tags, by the other detectors", &others, Severity::Medium);
    Ok(())
}

/// `tuf-rotation`: hundreds of routine signatures of metadata, and key ceremonies.
pub(crate) fn tuf(folder: &Path, answers: &mut Answers) -> Result<(), Failure> {
    // Each file lies twice in the repository: as it is, and under a name with its version before it.
    let labelled = Labelled::of(folder, |label, record| {
        let (folder, name) = label.get("file").rsplit_once('/').unwrap_or_default();
        let versioned = format!("{folder}/{}.{name}", label.get("version"));
        record.time == label.get("time")
            && (record.artifact.file == label.get("file") || record.artifact.file == versioned)
    })?;
    for event in words(&labelled) {
        match event.as_str() {
            "signed_by_never_seen_key" | "key_set_changed" => labelled.recall(answers, &event),
            _ => {
                let labels = labelled.labels.iter().filter(|label| label.get("event") == event);
                let offsets: Vec<i64> = labels.flat_map(|label| labelled.offsets(label)).collect();
                let found: Vec<_> =
                    labelled.about(&offsets).into_iter().map(|finding| (0, finding)).collect();
                if event == "routine_resign" {
                    quiet(answers, labelled.run.records, &event, &found, Severity::Low);
                } else {
                    answers.line(labelled.run.records, &event, of(&found), "-", Met::Shown);
                }
            }
        }
    }
    Ok(())
}

/// The words that labels use, in order.
fn words(labelled: &Labelled) -> BTreeSet<String> {
    labelled.labels.iter().map(|label| label.get("event").to_owned()).collect()
}

fn of(findings: &[(i64, &Finding)]) -> String {
    let told = findings.iter().filter(|(_, finding)| is_told(finding)).count();
    format!("{} ({told} told)", spread(findings.iter().map(|(_, finding)| *finding)))
}

/// One line for what should be quiet: findings below `least` are kept for whoever looks, and disturb nobody.
fn quiet(answers: &mut Answers, records: u64, what: &str, findings: &[(i64, &Finding)], least: Severity) {
    let loud: Vec<_> = findings.iter().filter(|(_, finding)| finding.severity >= least).collect();
    let target = format!("none from {least} on");
    answers.line(records, what, of(findings), &target, Met::when(loud.is_empty()));
    for (_, finding) in loud {
        let told = if is_told(finding) { "told" } else { "stored" };
        let (severity, detector, summary) = (finding.severity, finding.detector, &finding.summary);
        answers.note(format!("{what}, {told} {severity} {detector}: {summary}"));
    }
}
