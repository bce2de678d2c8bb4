//! Replay: recorded logs through the same way as live ones.

use std::collections::BTreeSet;
use std::time::Duration;

use detectors::finding::{Finding, FindingId};
use detectors::incident::{Incident, Incidents};
use ingest::dead_letter::DeadLetter;
use ingest::source::{Item, Polled, Source, SourceError};
use thiserror::Error;

use crate::flow::{Flow, FlowError, FlowSettings, Output, SourceRules};

/// Records that are asked for at once.
const RECORDS_AT_ONCE: usize = 1_000;

/// Why a replay stopped.
#[derive(Debug, Error)]
pub enum ReplayError {
    /// The logs cannot be read on.
    #[error("cannot read the logs")]
    Source(#[from] SourceError),
    /// The flow cannot go on.
    #[error("cannot process the logs")]
    Flow(#[from] FlowError),
    /// What is found cannot be handed on.
    #[error("cannot write what was found")]
    Write(#[source] std::io::Error),
}

/// What a replay hands on as it goes.
pub trait ReplaySink {
    /// A finding, with the incident it was folded into. In the order of (time, id), so that neither lanes nor
    /// batches show.
    ///
    /// # Errors
    /// Whatever stops the replay.
    fn finding(&mut self, finding: &Finding) -> std::io::Result<()>;
    /// A record that could not be read.
    ///
    /// # Errors
    /// Whatever stops the replay.
    fn dead_letter(&mut self, letter: &DeadLetter) -> std::io::Result<()>;
    /// How many records were read so far.
    fn progress(&mut self, records: u64);
}

/// What a replay came to.
#[derive(Debug, Clone)]
pub struct Replayed {
    /// Incidents, earliest first.
    pub incidents: Vec<Incident>,
    /// Findings emitted.
    pub findings: u64,
    /// Records read.
    pub records: u64,
    /// Records that could not be read.
    pub dead_letters: u64,
}

/// Runs every record of `source` through the flow.
///
/// # Errors
/// [`ReplayError`] naming what could not go on.
pub fn replay(
    source: &mut dyn Source,
    rules: &[SourceRules],
    settings: &FlowSettings,
    flush: bool,
    sink: &mut dyn ReplaySink,
) -> Result<Replayed, ReplayError> {
    let mut flow = Flow::new(settings, rules);
    let mut told = Telling::default();
    let mut out = Output::default();
    let mut records = 0_u64;
    loop {
        let mut failed = None;
        let polled = source.poll(RECORDS_AT_ONCE, Duration::from_secs(1), &mut |item| {
            if failed.is_some() {
                return;
            }
            failed = take(&mut flow, item, &mut out, &mut records).err();
        })?;
        if let Some(error) = failed {
            return Err(error.into());
        }
        flow.advance(&mut out)?;
        if let Some(waiting) = flow.waiting_for() {
            source.prefer(&waiting);
        }
        told.hand_on(&mut out, Some(flow.watermark()), sink)?;
        sink.progress(records);
        if polled == Polled::Ended {
            break;
        }
    }
    flow.advance(&mut out)?;
    if flush {
        flow.flush(&mut out);
    }
    told.hand_on(&mut out, None, sink)?;
    Ok(Replayed {
        incidents: told.incidents.all(),
        findings: told.count,
        records,
        dead_letters: told.dead_letters,
    })
}

fn take(flow: &mut Flow, item: Item<'_>, out: &mut Output, records: &mut u64) -> Result<(), FlowError> {
    match item {
        Item::Record(record) => {
            *records += 1;
            flow.record(&record, out)
        }
        Item::Oversize(record) => {
            *records += 1;
            flow.oversize(&record, out)
        }
        Item::Refused(record, refusal) => {
            *records += 1;
            flow.refused(&record, &refusal, out)
        }
        Item::Assigned(id, _) => flow.assign(&id),
        Item::Ended(id, _) => flow.ended(&id),
        Item::Control(control) => flow.replay_control(&control),
        Item::Revoked(_)
        | Item::Lost(_)
        | Item::EndOfPartition(..)
        | Item::DataLost(_)
        | Item::Trouble(_) => Ok(()),
    }
}

/// Puts the findings of both lanes into one order and folds them.
#[derive(Default)]
struct Telling {
    waiting: BTreeSet<Waiting>,
    known: BTreeSet<FindingId>,
    incidents: Incidents,
    count: u64,
    dead_letters: u64,
}

/// A finding that waits until no earlier one can come, sorted by (time, id).
struct Waiting(Finding);

impl Waiting {
    fn key(&self) -> (detectors::event::EventTime, &FindingId) {
        (self.0.time, &self.0.id)
    }
}

impl PartialEq for Waiting {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}
impl Eq for Waiting {}
impl PartialOrd for Waiting {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Waiting {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.key().cmp(&other.key())
    }
}

impl Telling {
    /// Hands on what lies below the watermark, or everything.
    fn hand_on(
        &mut self,
        out: &mut Output,
        watermark: Option<detectors::event::EventTime>,
        sink: &mut dyn ReplaySink,
    ) -> Result<(), ReplayError> {
        for letter in out.dead_letters.drain(..) {
            self.dead_letters += 1;
            sink.dead_letter(&letter).map_err(ReplayError::Write)?;
        }
        out.controls.clear();
        for emitted in out.findings.drain(..) {
            if self.known.insert(emitted.finding.id.clone()) {
                self.waiting.insert(Waiting(emitted.finding));
            }
        }
        while let Some(first) = self.waiting.first() {
            if watermark.is_some_and(|watermark| first.0.time >= watermark) {
                break;
            }
            let Some(Waiting(mut finding)) = self.waiting.pop_first() else { break };
            finding.incident = self.incidents.add(&finding).map(|folded| folded.incident.id);
            sink.finding(&finding).map_err(ReplayError::Write)?;
            self.count += 1;
        }
        Ok(())
    }
}
