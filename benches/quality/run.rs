//! One replay of recorded logs with the settings that the program ships, and all that came out of it.

use std::collections::BTreeMap;
use std::path::Path;

use detectors::finding::{Decision, Fact, Finding};
use detectors::settings::EngineSettings;
use ingest::dead_letter::DeadLetter;
use ingest::decode::{DecoderSettings, Ecosystem, Format};
use ingest::files::FileSource;
use pipeline::flow::{FlowSettings, SourceRules, SourceTimes};
use pipeline::replay::{ReplaySink, replay};

use crate::Failure;

/// What a replay found.
#[derive(Default)]
pub(crate) struct Run {
    /// Records read.
    pub(crate) records: u64,
    /// Findings, in order of time.
    pub(crate) findings: Vec<Finding>,
    /// Records that could not be read, by reason.
    pub(crate) refused: BTreeMap<&'static str, u64>,
}

impl Run {
    /// Replays one file.
    pub(crate) fn of(path: &Path, format: Format, ecosystem: Option<Ecosystem>) -> Result<Self, Failure> {
        let mut source = FileSource::open("quality", &[path.to_owned()])?;
        let decoder = DecoderSettings { ecosystem, ..DecoderSettings::new("quality", format) };
        let times = SourceTimes { history: true, ..SourceTimes::default() };
        let settings = FlowSettings::new(EngineSettings::default());
        let mut run = Self::default();
        run.records =
            replay(&mut source, &[SourceRules { decoder, times }], &settings, true, &mut run)?.records;
        Ok(run)
    }

    /// Replays one file of native events. One record in a thousand may be broken in the recording itself, such as the five names
    /// that are empty in `cran-downloads`.
    pub(crate) fn native(path: &Path) -> Result<Self, Failure> {
        let run = Self::of(path, Format::Native, None)?;
        if run.refused() > run.records / 1_000 {
            return Err(format!("`{}` holds unreadable records: {:?}", path.display(), run.refused).into());
        }
        Ok(run)
    }

    /// Records that could not be read.
    pub(crate) fn refused(&self) -> u64 {
        self.refused.values().sum()
    }
}

impl ReplaySink for Run {
    fn finding(&mut self, finding: &Finding) -> std::io::Result<()> {
        self.findings.push(finding.clone());
        Ok(())
    }

    fn dead_letter(&mut self, letter: &DeadLetter) -> std::io::Result<()> {
        *self.refused.entry(letter.reason.word()).or_default() += 1;
        Ok(())
    }

    fn progress(&mut self, _records: u64) {}
}

/// Whether somebody would have been told: within the budget, or a hard fact.
pub(crate) fn is_told(finding: &Finding) -> bool {
    finding.decision != Decision::BelowBudget
}

/// The record that a finding is about: the signature it judges, else the latest of its evidence.
pub(crate) fn record_of(finding: &Finding) -> Option<i64> {
    let judged = finding.evidence.iter().find(|evidence| match &evidence.fact {
        Fact::Signature { role, .. } => role == "this",
        _ => false,
    });
    let latest =
        || finding.evidence.iter().filter(|evidence| evidence.position.is_some()).max_by_key(|e| e.time);
    judged.or_else(latest)?.position.as_ref().map(|position| position.offset)
}
