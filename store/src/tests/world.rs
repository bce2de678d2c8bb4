//! Stores in temporary folders, and small findings, incidents and records to fill them with.

use std::path::PathBuf;
use std::sync::Arc;

use detectors::event::{EventId, EventTime, NextOffset, PartitionId, Position};
use detectors::finding::{
    Anchor, Decision, DetectorId, FINDING_SCHEMA, Finding, FindingId, IncidentId, Measure, Mode, Severity,
    Subject, SubjectKind, finding_id,
};
use detectors::incident::{INCIDENT_SCHEMA, Incident, Status, Transition, TransitionReason};

use crate::{
    Commit, DeadLetter, GroupId, IncidentChange, LaneId, LanedFinding, LedgerAction, LedgerEntry, NewMessage,
    PartitionPosition, ReceiverId, RunId, RunName, Store, TransitionNumber,
};

/// A store in a folder of its own.
pub(super) struct World {
    pub(super) store: Option<Store>,
    pub(super) path: PathBuf,
    _folder: tempfile::TempDir,
}

impl World {
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sealwatch.db");
        Self { store: Some(Store::open(&path).unwrap()), path, _folder: folder }
    }

    pub(super) fn store(&self) -> &Store {
        self.store.as_ref().unwrap()
    }

    /// Ends the process, as far as the file can tell, and starts a new one.
    pub(super) fn reopen(&mut self) {
        self.store = None;
        self.store = Some(Store::open(&self.path).unwrap());
    }

    /// Every row of every table as text, but for the counters of openings and commits.
    pub(super) fn dump(&self) -> Vec<String> {
        dump(self.store())
    }
}

/// Every row of every table as text, but for the counters of openings and commits.
pub(super) fn dump(store: &Store) -> Vec<String> {
    let rows = store.reader().read("dump", |transaction| {
        let mut names = transaction.prepare(
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT IN ('meta', 'sqlite_sequence')
             ORDER BY name",
        )?;
        let names: Vec<String> = names.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
        let mut lines = Vec::new();
        for name in names {
            let mut statement = transaction.prepare(&format!("SELECT * FROM {name}"))?;
            let columns = statement.column_count();
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                let values: Vec<_> = (0..columns).map(|at| row.get_ref(at)).collect::<Result<_, _>>()?;
                lines.push(format!("{name} {values:?}"));
            }
        }
        Ok(lines)
    });
    rows.unwrap()
}

pub(super) fn live() -> RunId {
    RunId::Live
}

pub(super) fn backtest() -> RunId {
    RunId::Backtest(RunName::parse("b").unwrap())
}

pub(super) fn lane() -> LaneId {
    LaneId::parse("change").unwrap()
}

pub(super) fn at(seconds: i64) -> EventTime {
    EventTime::from_secs(1_778_500_000 + seconds)
}

/// The n-th finding: distinct in id, time and subject.
pub(super) fn finding(n: u32) -> Finding {
    let subject = Subject::new(SubjectKind::Artifact, "npm", format!("pkg:npm/package-{n}"));
    let time = at(i64::from(n));
    Finding {
        schema: FINDING_SCHEMA.to_owned(),
        id: finding_id(
            DetectorId::KeyChange,
            1,
            &subject,
            &Anchor::Event(EventId::derive("npm-feed", &n.to_be_bytes(), 0)),
        ),
        detector: DetectorId::KeyChange,
        subject,
        severity: Severity::High,
        time,
        first_event: time,
        last_event: time,
        p_value: Some(1e-9),
        p_exact: Some(1e-9),
        surprise_bits: Some(29.9),
        observed: Measure::name("new", "key"),
        expected: None,
        summary: format!("finding {n}"),
        counterfactual: "the usual key".to_owned(),
        evidence: Vec::new(),
        technique: Vec::new(),
        slsa_threat: None,
        runbook: "docs/runbooks.md#key-change".to_owned(),
        decision: Decision::Told,
        links: Vec::new(),
        mode: Mode::Live,
        incident: None,
        config_hash: Arc::from("c0"),
        detector_version: 1,
    }
}

pub(super) fn id_of(n: u32) -> FindingId {
    finding(n).id
}

/// The incident whose earliest member is the n-th finding.
pub(super) fn incident_id(n: u32) -> IncidentId {
    IncidentId::of_earliest(&id_of(n))
}

/// An incident of these findings; the first is the earliest.
pub(super) fn incident(members: &[u32]) -> Incident {
    let findings: Vec<Finding> = members.iter().map(|n| finding(*n)).collect();
    let first = &findings[0];
    Incident {
        schema: INCIDENT_SCHEMA.to_owned(),
        id: IncidentId::of_earliest(&first.id),
        severity: Severity::High,
        surprise_bits: Some(30.0),
        method: "max".to_owned(),
        history: vec![Transition {
            time: first.time,
            severity: Severity::High,
            reason: TransitionReason::Opened,
        }],
        findings: findings.iter().map(|finding| finding.id.clone()).collect(),
        further_findings: 0,
        subjects: findings.iter().map(|finding| finding.subject.clone()).collect(),
        techniques: Vec::new(),
        first_event: first.first_event,
        last_event: findings.iter().map(|finding| finding.last_event).max().unwrap(),
        summary: format!("incident of {members:?}"),
        told: true,
        status: Status::New,
        owner: None,
    }
}

/// Commits the findings as one incident, opened by the first.
pub(super) fn commit_incident(store: &Store, run: &RunId, members: &[u32]) -> crate::Committed {
    let (found, folded, lane) =
        (members.iter().map(|n| finding(*n)).collect::<Vec<_>>(), incident(members), lane());
    let ids: Vec<FindingId> = found.iter().map(|finding| finding.id.clone()).collect();
    let laned = laned(&lane, &found);
    let change = IncidentChange {
        incident: &folded,
        members: &ids,
        superseded: &[],
        route: Some(TransitionReason::Opened),
    };
    store.commit(&Commit { findings: &laned, incidents: &[change], ..Commit::empty(run, 1_000) }).unwrap()
}

pub(super) fn laned<'a>(lane: &'a LaneId, findings: &'a [Finding]) -> Vec<LanedFinding<'a>> {
    (0..).zip(findings).map(|(sequence, finding)| LanedFinding { lane, sequence, finding }).collect()
}

pub(super) fn partition(number: i32) -> PartitionId {
    PartitionId { source: Arc::from("npm-feed"), stream: Arc::from("changes"), partition: number }
}

pub(super) fn position(next: i64) -> PartitionPosition {
    PartitionPosition { partition: partition(0), next: NextOffset(next), ordering: "{}".to_owned() }
}

pub(super) fn dead_letter(offset: i64, reason: &str) -> DeadLetter {
    DeadLetter {
        position: Position { partition: Arc::new(partition(0)), offset, index: 0 },
        reason: Arc::from(reason),
        detail: "line 1, column 2".to_owned(),
        head: b"{\"x\"".to_vec(),
        sha256: [7; 32],
        size: 4,
        seen_at: 1_000 + offset,
    }
}

pub(super) fn ledger_entry(key: &str) -> LedgerEntry {
    LedgerEntry {
        key: key.to_owned(),
        at: 5,
        actor: "alice".to_owned(),
        action: LedgerAction::TuningChanged,
        subject: None,
        before: Some("8 bits".to_owned()),
        after: Some("9 bits".to_owned()),
        reason: Some("noise".to_owned()),
        config_hash: None,
    }
}

pub(super) fn receiver(name: &str) -> ReceiverId {
    ReceiverId::parse(name).unwrap()
}

/// A message of the n-th group's step for a receiver, due at once.
pub(super) fn message(group: u32, to: &str, transition: u64) -> NewMessage {
    NewMessage {
        purpose: crate::Purpose::News,
        run: live(),
        group: GroupId::of(&incident_id(group)),
        receiver: receiver(to),
        transition: TransitionNumber(transition),
        incident: Some(incident_id(group)),
        delivery_id: format!("d-{group}-{to}-{transition}"),
        severity: Severity::High,
        payload: "{}".to_owned(),
        due_at: 0,
    }
}
