//! Stores what the flow found: folds findings into incidents and commits both with everything that belongs to them.
//!
//! A thread of its own, fed by the flow. What is new is decided here, by id: after a crash the engines find again what
//! was stored already, and it is passed over.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};
use detectors::engine::{STATE_FORMAT, SavedKind};
use detectors::event::{NextOffset, PartitionId};
use detectors::finding::{Finding, FindingId, IncidentId, Severity};
use detectors::incident::{HORIZON, Incident, Incidents, TransitionReason};
use ingest::dead_letter::DeadLetter;
use store::{
    Commit, ControlRecord, FindingFilter, IncidentChange, LaneId, LaneSave, LanedFinding, Order, Page, RunId,
    SegmentKind, SegmentSave, StatusRow, Store, StoreError,
};

use crate::WallClock;
use crate::flow::Emitted;
use crate::heartbeat::Beat;
use crate::resume::{OwnedSave, detectors_hash};

/// How long a full disk is waited for before the commit is tried again.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// What is to be committed in one transaction.
#[derive(Default)]
pub(crate) struct Job {
    pub(crate) findings: Vec<Emitted>,
    pub(crate) dead_letters: Vec<DeadLetter>,
    pub(crate) controls: Vec<ControlRecord>,
    pub(crate) saves: Vec<OwnedSave>,
    pub(crate) status: Vec<StatusRow>,
    /// A heartbeat, which is stored apart and after all that is real.
    pub(crate) beat: Option<Beat>,
}

/// What a commit stored, for whoever waits for it.
#[derive(Debug)]
pub struct Stored<'a> {
    /// Findings that are new, each with its incident.
    pub findings: &'a [Finding],
    /// Incidents as they are now.
    pub incidents: &'a [Incident],
    /// Whether somebody may have to be told.
    pub to_route: bool,
    /// Dead letters that are new.
    pub dead_letters: usize,
}

/// What is remembered of an incident that was stored.
#[derive(Debug, Clone, Copy)]
struct Known {
    severity: Severity,
    told: bool,
    steps: usize,
}

pub(crate) struct Committer<'a> {
    store: &'a Store,
    run: &'a RunId,
    clock: &'a dyn WallClock,
    incidents: Incidents,
    known: BTreeMap<IncidentId, Known>,
    on_stored: &'a (dyn Fn(&Stored<'_>) + Sync),
    on_trouble: &'a (dyn Fn(&StoreError) + Sync),
}

impl<'a> Committer<'a> {
    /// Rebuilds the open incidents from what is stored: folding does not depend on order.
    pub(crate) fn new(
        store: &'a Store,
        run: &'a RunId,
        clock: &'a dyn WallClock,
        on_stored: &'a (dyn Fn(&Stored<'_>) + Sync),
        on_trouble: &'a (dyn Fn(&StoreError) + Sync),
    ) -> Result<Self, StoreError> {
        let mut committer = Self {
            store,
            run,
            clock,
            incidents: Incidents::default(),
            known: BTreeMap::new(),
            on_stored,
            on_trouble,
        };
        let newest =
            store.reader().findings(&FindingFilter::of(run.clone()), Order::NewestFirst, Page::first(1))?;
        if let Some(newest) = newest.first().and_then(|row| row.finding().ok()) {
            let recent = store.reader().recent_findings(run, newest.time.minus(HORIZON))?;
            let mut incidents: Vec<IncidentId> =
                recent.iter().filter_map(|(row, _)| row.incident.clone()).collect();
            incidents.sort();
            incidents.dedup();
            // An incident may reach back beyond the horizon: it is folded whole, or its id would change.
            for id in incidents {
                let filter = FindingFilter { incident: Some(id), ..FindingFilter::of(run.clone()) };
                for row in store.reader().findings(&filter, Order::OldestFirst, Page::first(u32::MAX))? {
                    if let Ok(finding) = row.finding() {
                        committer.incidents.add(&finding);
                    }
                }
            }
            for incident in committer.incidents.all() {
                committer.known.insert(incident.id.clone(), Known::of(&incident));
            }
        }
        Ok(committer)
    }

    /// Commits jobs until the channel closes, or one cannot be stored.
    ///
    /// Tells from where each partition would be read again, once that is on disk.
    pub(crate) fn run(
        mut self,
        jobs: &Receiver<Job>,
        stopped: &Receiver<()>,
        saved: &Sender<Vec<(PartitionId, NextOffset)>>,
    ) -> Result<(), StoreError> {
        while let Ok(job) = jobs.recv() {
            let positions = read_again_from(&job.saves);
            self.commit(job, stopped)?;
            if !positions.is_empty() {
                // A flow that has ended needs no word of it.
                drop(saved.send(positions));
            }
        }
        Ok(())
    }

    fn commit(&mut self, job: Job, stopped: &Receiver<()>) -> Result<(), StoreError> {
        let ids: Vec<FindingId> = job.findings.iter().map(|emitted| emitted.finding.id.clone()).collect();
        let unknown = self.store.reader().unknown_findings(self.run, &ids)?;
        // A window may be found surprising at several checkpoints: the first emission stands.
        let mut first = BTreeSet::new();
        let fresh: Vec<Emitted> = job
            .findings
            .into_iter()
            .zip(unknown)
            .filter(|(emitted, unknown)| *unknown && first.insert(emitted.finding.id.clone()))
            .map(|(emitted, _)| emitted)
            .collect();
        let changes = self.fold(&fresh);
        let lanes: Vec<LaneId> = fresh.iter().map(|emitted| lane_name(emitted.lane.as_str())).collect();
        let findings: Vec<LanedFinding<'_>> = fresh
            .iter()
            .zip(&lanes)
            .map(|(emitted, lane)| LanedFinding {
                lane,
                sequence: emitted.sequence,
                finding: &emitted.finding,
            })
            .collect();
        let incidents: Vec<IncidentChange<'_>> = changes.iter().map(Change::as_stored).collect();
        let now = self.clock.now_nanos();
        let dead_letters: Vec<_> = job.dead_letters.iter().map(|letter| stored_letter(letter, now)).collect();
        let segments: Vec<Vec<SegmentSave<'_>>> = job.saves.iter().map(segments_of).collect();
        let saves: Vec<LaneSave<'_>> = job
            .saves
            .iter()
            .zip(&segments)
            .map(|(save, segments)| LaneSave {
                lane: &save.lane,
                watermark: save.watermark,
                positions: &save.positions,
                segments,
                counters: &save.counters,
            })
            .collect();
        let commit = Commit {
            findings: &findings,
            incidents: &incidents,
            dead_letters: &dead_letters,
            controls: &job.controls,
            lanes: &saves,
            status: &job.status,
            ..Commit::empty(self.run, now)
        };
        let committed = loop {
            match self.store.commit(&commit) {
                Ok(committed) => break committed,
                Err(error) if matches!(error, StoreError::Full { .. }) => {
                    // Nothing is lost while we wait: the flow stands still behind this thread.
                    (self.on_trouble)(&error);
                    if !matches!(stopped.recv_timeout(RETRY_AFTER), Err(RecvTimeoutError::Timeout)) {
                        return Err(error);
                    }
                }
                Err(error) => return Err(error),
            }
        };
        let told: Vec<Finding> = fresh
            .into_iter()
            .map(|emitted| Finding { incident: self.incidents.of(&emitted.finding.id), ..emitted.finding })
            .collect();
        let incidents: Vec<Incident> = changes.into_iter().map(|change| change.incident).collect();
        let has_beaten = job.beat.is_some_and(|beat| match beat.store(self.store, now) {
            Ok(()) => true,
            Err(error) => {
                (self.on_trouble)(&error);
                false
            }
        });
        (self.on_stored)(&Stored {
            findings: &told,
            incidents: &incidents,
            to_route: committed.to_route > 0 || has_beaten,
            dead_letters: committed.new_dead_letters,
        });
        Ok(())
    }

    /// Folds new findings; one change for each incident that is there at the end.
    fn fold(&mut self, fresh: &[Emitted]) -> Vec<Change> {
        let mut changes: BTreeMap<IncidentId, Change> = BTreeMap::new();
        for emitted in fresh {
            let Some(folded) = self.incidents.add(&emitted.finding) else { continue };
            let mut change = Change {
                incident: folded.incident,
                members: vec![emitted.finding.id.clone()],
                superseded: Vec::new(),
                route: None,
            };
            for id in folded.superseded.iter().chain([&change.incident.id.clone()]) {
                if let Some(part) = changes.remove(id) {
                    change.members.extend(part.members);
                    change.superseded.extend(part.superseded);
                }
                // One that was made and swallowed within this commit was never stored.
                if *id != change.incident.id && self.known.contains_key(id) {
                    change.superseded.push(id.clone());
                }
            }
            changes.insert(change.incident.id.clone(), change);
        }
        for change in changes.values_mut() {
            let parts: Vec<Known> = change
                .superseded
                .iter()
                .chain([&change.incident.id])
                .filter_map(|id| self.known.get(id).copied())
                .collect();
            change.route = reason(&change.incident, &parts);
            for id in &change.superseded {
                self.known.remove(id);
            }
            self.known.insert(change.incident.id.clone(), Known::of(&change.incident));
        }
        changes.into_values().collect()
    }
}

/// The lowest position of each partition among lanes that are saved together: each lane reads again from its own.
fn read_again_from(saves: &[OwnedSave]) -> Vec<(PartitionId, NextOffset)> {
    let mut lowest: BTreeMap<&PartitionId, NextOffset> = BTreeMap::new();
    for position in saves.iter().flat_map(|save| &save.positions) {
        let next = lowest.entry(&position.partition).or_insert(position.next);
        *next = (*next).min(position.next);
    }
    lowest.into_iter().map(|(partition, next)| (partition.clone(), next)).collect()
}

impl Known {
    fn of(incident: &Incident) -> Self {
        Self { severity: incident.severity, told: incident.told, steps: incident.history.len() }
    }
}

/// Why somebody may have to be told of an incident, given what was known of it or of its parts.
fn reason(incident: &Incident, known: &[Known]) -> Option<TransitionReason> {
    if !incident.told {
        return None;
    }
    if !known.iter().any(|known| known.told) {
        return Some(TransitionReason::Opened);
    }
    if known.iter().all(|known| known.severity < incident.severity) {
        return Some(TransitionReason::Escalated);
    }
    known.iter().all(|known| known.steps < incident.history.len()).then_some(TransitionReason::Grew)
}

struct Change {
    incident: Incident,
    members: Vec<FindingId>,
    superseded: Vec<IncidentId>,
    route: Option<TransitionReason>,
}

impl Change {
    fn as_stored(&self) -> IncidentChange<'_> {
        IncidentChange {
            incident: &self.incident,
            members: &self.members,
            superseded: &self.superseded,
            route: self.route,
        }
    }
}

fn lane_name(lane: &str) -> LaneId {
    LaneId::parse(lane).expect("the names of lanes are names")
}

fn segments_of(save: &OwnedSave) -> Vec<SegmentSave<'_>> {
    save.parts
        .iter()
        .map(|part| SegmentSave {
            shard: part.part,
            seq: save.seq,
            kind: match part.kind {
                SavedKind::Base => SegmentKind::Base,
                SavedKind::Delta => SegmentKind::Delta,
            },
            format: STATE_FORMAT,
            detectors: detectors_hash(),
            bytes: &part.bytes,
        })
        .collect()
}

fn stored_letter(letter: &DeadLetter, now: i64) -> store::DeadLetter {
    store::DeadLetter {
        position: letter.position.clone(),
        reason: letter.reason.word().into(),
        detail: letter.detail.clone(),
        head: letter.head.clone().into_bytes(),
        sha256: letter.sha256,
        size: letter.size,
        seen_at: now,
    }
}
