//! The heartbeat: a small made-up attack that goes the whole way, so that silence is never taken for peace.
//!
//! **Decision: a heartbeat is a world of its own.** It is made when the clock says so, and what the clock says must
//! not reach the log that is judged: a replay would not find it, and promise 1 would be broken. So its records go
//! through a flow of their own, with decoder, order and engine, begun anew for every beat, and what comes out is
//! stored under the run `heartbeat`. From there on it goes the way of every incident: routing, outbox, receiver.
//! The thread that reads the log makes it, and only when its sources have partitions and the last look at them ended:
//! a watch that stands still makes none. That brokers deliver is not shown by it; lag and silence of sources are.

use std::sync::Arc;
use std::time::Duration;

use detectors::engine::Lane;
use detectors::event::{EventTime, PartitionId};
use detectors::finding::{Finding, Severity};
use detectors::incident::{Incident, Incidents, TransitionReason};
use detectors::settings::EngineSettings;
use ingest::decode::{DecoderSettings, Format};
use ingest::source::RawRecord;
use store::{Commit, IncidentChange, LaneId, LanedFinding, RunId, Store, StoreError};
use thiserror::Error;

use crate::flow::{Flow, FlowError, FlowSettings, Output, SourceRules, SourceTimes};

/// What the made-up artifact, registry and source are called.
const NAME: &str = "sealwatch-heartbeat";

/// What one heartbeat found.
#[derive(Debug, Clone, PartialEq)]
pub struct Beat {
    finding: Finding,
    incident: Incident,
}

/// Why a heartbeat found nothing: the way is broken before anybody could be told.
#[derive(Debug, Error)]
pub enum BeatError {
    /// Its records could not be processed.
    #[error("cannot process the records of a heartbeat")]
    Flow(#[from] FlowError),
    /// Its records could not be read.
    #[error("cannot read {refused} of the records of a heartbeat")]
    Refused {
        /// How many.
        refused: usize,
    },
    /// Nothing was found in them.
    #[error("cannot find anything in the records of a heartbeat")]
    NothingFound,
}

/// When heartbeats come.
#[derive(Debug)]
pub(crate) struct Rhythm {
    /// In nanoseconds; `None` for never.
    every: Option<i64>,
    last: Option<i64>,
}

impl Rhythm {
    /// The first comes at once.
    pub(crate) fn new(every: Option<Duration>) -> Self {
        let every = every.map(|every| i64::try_from(every.as_nanos()).unwrap_or(i64::MAX));
        Self { every, last: None }
    }

    /// Whether one comes now.
    pub(crate) fn comes(&mut self, now: i64) -> bool {
        let Some(every) = self.every else { return false };
        if self.last.is_some_and(|last| now - last < every) {
            return false;
        }
        self.last = Some(now);
        true
    }
}

impl Beat {
    /// One heartbeat at this clock time, in nanoseconds since 1970: one version, published twice with different content.
    ///
    /// # Errors
    /// [`BeatError`] when the records do not become a finding.
    pub fn at(now: i64) -> Result<Self, BeatError> {
        let times = SourceTimes { history: true, ..SourceTimes::default() };
        let rules = [SourceRules { decoder: DecoderSettings::new(NAME, Format::Native), times }];
        let mut flow = Flow::new(&FlowSettings::new(EngineSettings::default()), &rules);
        let partition = Arc::new(PartitionId { source: NAME.into(), stream: NAME.into(), partition: 0 });
        let mut out = Output::default();
        flow.assign(&partition)?;
        for (offset, digest) in ["a", "b"].into_iter().enumerate() {
            let record = record(now.saturating_add(offset as i64), digest);
            flow.record(&RawRecord::line(&partition, offset as i64, record.as_bytes()), &mut out)?;
        }
        flow.ended(&partition)?;
        flow.advance(&mut out)?;
        flow.flush(&mut out);
        if !out.dead_letters.is_empty() {
            return Err(BeatError::Refused { refused: out.dead_letters.len() });
        }
        let mut incidents = Incidents::default();
        let found = out.findings.into_iter().find_map(|emitted| {
            let folded = incidents.add(&emitted.finding)?;
            folded.incident.told.then_some((emitted.finding, folded.incident))
        });
        let (finding, incident) = found.ok_or(BeatError::NothingFound)?;
        // Nothing happened: it wakes nobody, and is never told again.
        let summary =
            "Nothing happened: this incident is made up, and shows that the way to you is open".to_owned();
        Ok(Self { finding, incident: Incident { severity: Severity::Info, summary, ..incident } })
    }

    /// Stores it as the pipeline stores what it finds. A beat that is stored twice is one.
    ///
    /// # Errors
    /// As [`Store::commit`].
    pub(crate) fn store(&self, store: &Store, now: i64) -> Result<(), StoreError> {
        let lane = LaneId::parse(Lane::Change.as_str()).expect("the name of a lane is one");
        let sequence = now.unsigned_abs();
        let laned = [LanedFinding { lane: &lane, sequence, finding: &self.finding }];
        let incident = IncidentChange {
            incident: &self.incident,
            members: std::slice::from_ref(&self.finding.id),
            superseded: &[],
            route: Some(TransitionReason::Opened),
        };
        let run = RunId::Heartbeat;
        let commit = Commit { findings: &laned, incidents: &[incident], ..Commit::empty(&run, now) };
        store.commit(&commit).map(|_| ())
    }
}

fn record(nanos: i64, digest: &str) -> String {
    let time = EventTime::from_nanos(nanos);
    let digest = digest.repeat(64);
    format!(
        r#"{{"time":"{time}","registry":"{NAME}","type":"publish","artifact":{{"purl":"pkg:npm/{NAME}@1.0.0","digest":"sha256:{digest}"}},"metadata":{{"publisher":"{NAME}"}}}}"#
    )
}

#[cfg(test)]
mod tests {
    use store::{DeliveryFilter, FindingFilter, Page};

    use super::*;

    const NOW: i64 = 1_795_553_061_768_172_993;

    #[test]
    fn a_beat_becomes_a_finding_and_an_incident_that_wakes_nobody() {
        let beat = Beat::at(NOW).unwrap();
        assert_eq!(beat.finding.subject.name.as_ref(), "pkg:npm/sealwatch-heartbeat");
        assert_eq!(beat.finding.detector.as_str(), "tag-move");
        assert_eq!((beat.incident.severity, beat.incident.told), (Severity::Info, true));
        assert_eq!(Beat::at(NOW).unwrap(), beat);
        assert_ne!(Beat::at(NOW + 60_000_000_000).unwrap().incident.id, beat.incident.id);
    }

    #[test]
    fn the_first_comes_at_once_and_the_others_in_their_rhythm() {
        let mut rhythm = Rhythm::new(Some(Duration::from_secs(60)));
        let second = 1_000_000_000;
        let came: Vec<_> = (0..200).filter(|at| rhythm.comes(at * second)).collect();
        assert_eq!(came, [0, 60, 120, 180]);
        assert!(!Rhythm::new(None).comes(0));
    }

    #[test]
    fn a_beat_is_stored_once_and_apart_from_what_is_live() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("s.db")).unwrap();
        let beat = Beat::at(NOW).unwrap();
        beat.store(&store, NOW).unwrap();
        beat.store(&store, NOW).unwrap();
        let waiting = store.reader().to_route(10).unwrap();
        assert_eq!((waiting.len(), &waiting[0].run), (1, &RunId::Heartbeat));
        assert_eq!(store.reader().count_findings(&FindingFilter::of(RunId::Live)).unwrap(), 0);
        assert!(store.reader().deliveries(&DeliveryFilter::default(), Page::first(1)).unwrap().is_empty());
    }
}
