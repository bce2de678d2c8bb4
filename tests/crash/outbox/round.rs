//! One round: an incident opens, the process that tells it is killed at a step, the incident gets worse, and another
//! process tells the rest.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, RwLock};
use std::time::{Duration, Instant};

use detectors::event::{EventId, EventTime};
use detectors::finding::{
    Anchor, DetectorId, Finding, IncidentId, Severity, Subject, SubjectKind, finding_id,
};
use detectors::incident::{INCIDENT_SCHEMA, Incident, Status, Transition, TransitionReason};
use serde_json::json;
use store::{
    Commit, Delivery, DeliveryFilter, DeliveryStateKind as State, IncidentChange, LaneId, LanedFinding, Page,
    Reader, RunId, Store,
};
use tempfile::TempDir;
use transport::{Clock as _, SystemClock};

use super::judge::{Count, judge};
use super::receiver::{Conduct, FakeReceiver, Life, Trap};
use crate::parts::until;

/// How long anything may take, beside a compiler and other tests.
const PATIENCE: Duration = Duration::from_secs(120);
/// How often a database is asked of which nobody saw that it was written to.
const ASKED_AGAIN: Duration = Duration::from_secs(1);
/// A signing secret.
const KEY: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// A process that another round starts would hold the lock of a database that is open here, until it becomes a
/// program of its own.
static FORKING: RwLock<()> = RwLock::new(());

/// When the process is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// While it starts, wherever that is.
    Starting,
    /// When its decision is stored, before the message is due.
    Routed,
    /// When it has its lease and connects.
    Leased,
    /// When its request was taken and not answered.
    Sent,
    /// When its request was answered; seldom it has written that down already.
    Answered,
    /// When what came of it is stored.
    Recorded,
}

/// What the database said after the kill.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// Nobody had decided whom to tell.
    Undecided,
    /// It waited for its time.
    Queued,
    /// It was on its way.
    Sending,
    /// It waited for its next attempt.
    Waiting,
    /// It had arrived.
    Ended,
}

impl Step {
    pub(super) const ALL: [Self; 6] =
        [Self::Starting, Self::Routed, Self::Leased, Self::Sent, Self::Answered, Self::Recorded];

    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::Starting => "1 while it starts",
            Self::Routed => "2 decided, not due",
            Self::Leased => "3 leased, connecting",
            Self::Sent => "4 sent, not answered",
            Self::Answered => "5 answered, not recorded",
            Self::Recorded => "6 recorded",
        }
    }
}

impl Found {
    pub(super) const ALL: [Self; 5] =
        [Self::Undecided, Self::Queued, Self::Sending, Self::Waiting, Self::Ended];

    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::Undecided => "not decided yet",
            Self::Queued => "queued",
            Self::Sending => "sending",
            Self::Waiting => "waits for another attempt",
            Self::Ended => "delivered or accepted",
        }
    }

    fn of(reader: &Reader) -> Self {
        match deliveries(reader).first().map(|delivery| delivery.state.kind()) {
            None => Self::Undecided,
            Some(State::Queued) => Self::Queued,
            Some(State::Sending) => Self::Sending,
            Some(State::Retry) => Self::Waiting,
            Some(_) => Self::Ended,
        }
    }
}

/// Plays one cell of the table once.
pub(super) fn round(conduct: Conduct, step: Step) -> (Found, Count) {
    let receiver = FakeReceiver::start(conduct);
    let house = House::new(&receiver);
    let loud = if step == Step::Routed { Severity::High } else { Severity::Critical };
    house.commit(loud, TransitionReason::Opened);
    house.live_until(step, &receiver);
    let found = Found::of(&house.reader());
    house.commit(Severity::Critical, TransitionReason::Escalated);
    receiver.begin_life(Life::Second);

    let life = house.start();
    let reader = house.reader();
    house.wait(&format!("the end of {conduct:?} after {step:?}"), || {
        // In this order: what is decided between the two looks is a message by the second.
        let decided = reader.to_route(1).unwrap().is_empty();
        let all = deliveries(&reader);
        let ended = |delivery: &Delivery| {
            matches!(delivery.state.kind(), State::Accepted | State::Delivered | State::Dead | State::Folded)
        };
        decided && !all.is_empty() && all.iter().all(ended)
    });
    life.kill();
    let told = receiver.requests();
    (found, judge(&deliveries(&reader), &told, found, &house.found.lock().unwrap()))
}

/// Every message, oldest first.
fn deliveries(reader: &Reader) -> Vec<Delivery> {
    let mut all = reader.deliveries(&DeliveryFilter::default(), Page::first(100)).unwrap();
    all.reverse();
    all
}

/// A configuration, its database, and what was committed to it.
struct House {
    folder: TempDir,
    found: Mutex<BTreeSet<String>>,
}

/// A process that watches, and that never outlives the test.
#[derive(Clone)]
struct Watch(Arc<Mutex<Child>>);

impl Watch {
    /// SIGKILL, and the end of it.
    fn kill(&self) {
        let mut child = self.0.lock().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if Arc::strong_count(&self.0) == 1 {
            self.kill();
        }
    }
}

impl House {
    fn new(receiver: &FakeReceiver) -> Self {
        let house = Self { folder: tempfile::tempdir().unwrap(), found: Mutex::default() };
        // No broker is there, and none is needed: what was committed before is told all the same.
        let config = format!(
            "[store]\npath = {:?}\n[kafka]\nbrokers = \"127.0.0.1:1\"\n\
             [[source]]\nname = \"npm\"\ntopics = [\"access\"]\nstart = \"end\"\n\
             [receivers.soc]\ntype = \"webhook\"\nurl = \"file:{}\"\nsecret = \"file:{}\"\n\
             [alerting]\nallow_insecure_http = true\nallow_targets = [\"127.0.0.0/8\"]\ngroup_wait_seconds = 1\n\
             [default_route]\nreceivers = [\"soc\"]\n",
            house.path("sealwatch.db"),
            house.path("url").display(),
            house.path("key").display(),
        );
        for (name, text) in [("url", receiver.url()), ("key", KEY.to_owned()), ("sealwatch.toml", config)] {
            std::fs::write(house.path(name), text).unwrap();
        }
        house
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn reader(&self) -> Reader {
        Store::open_read_only(&self.path("sealwatch.db")).unwrap()
    }

    /// Waits for something that the database says. It is asked only when somebody wrote to it: many rounds wait at
    /// the same time.
    fn wait(&self, what: &str, mut has_come: impl FnMut() -> bool) {
        let (mut before, mut asked) = (None, Instant::now());
        until(what, PATIENCE, || {
            let written = std::fs::metadata(self.path("sealwatch.db-wal"));
            let now = written.ok().and_then(|log| Some((log.modified().ok()?, log.len())));
            if before.is_some() && before == now && asked.elapsed() < ASKED_AGAIN {
                return None;
            }
            (before, asked) = (now, Instant::now());
            has_come().then_some(())
        });
    }

    fn start(&self) -> Watch {
        let _alone = FORKING.write().unwrap();
        let log = || File::options().create(true).append(true).open(self.path("log")).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_sealwatch"))
            .args(["run", "--headless", "--config"])
            .arg(self.path("sealwatch.toml"))
            // To read the system's certificates takes most of the time of a start, and nothing here is encrypted.
            .env("SSL_CERT_FILE", "/dev/null")
            .env("SSL_CERT_DIR", self.folder.path())
            .stdin(Stdio::null())
            .stdout(log())
            .stderr(log())
            .spawn()
            .unwrap();
        Watch(Arc::new(Mutex::new(child)))
    }

    /// A life that ends at this step.
    fn live_until(&self, step: Step, receiver: &FakeReceiver) {
        let life = self.start();
        let victim = life.clone();
        let trap = |trap| receiver.set(trap, move || victim.kill());
        let reader = self.reader();
        let state = || deliveries(&reader).first().map(|delivery| delivery.state.kind());
        match step {
            Step::Starting => {
                // Drawn by nothing but the time of day: no seed decides when a kernel gets to it.
                let drawn = u64::from(SystemClock::new().unix_nanos().unsigned_abs() as u32 % 400);
                let started = Instant::now();
                until("a moment", PATIENCE, || {
                    (started.elapsed() >= Duration::from_millis(drawn)).then_some(())
                });
                life.kill();
            }
            Step::Routed => {
                self.wait("the decision", || state() == Some(State::Queued));
                life.kill();
            }
            Step::Leased => trap(Trap::Connected),
            Step::Sent => trap(Trap::Taken),
            Step::Answered => trap(Trap::Answered),
            Step::Recorded => {
                self.wait("what came of it", || {
                    !matches!(state(), None | Some(State::Queued | State::Sending))
                });
                life.kill();
            }
        }
        until("the kill", PATIENCE, || receiver.has_closed().then_some(()));
    }

    /// Commits the incident, or its next step, as the pipeline does: each step brings two findings.
    fn commit(&self, severity: Severity, reason: TransitionReason) {
        let _nobody_forks = FORKING.read().unwrap();
        let store = Store::open(&self.path("sealwatch.db")).unwrap();
        let mut known = self.found.lock().unwrap();
        let first = known.len() as u64;
        let findings = [finding(first), finding(first + 1)];
        known.extend(findings.iter().map(|finding| finding.id.to_string()));
        let incident = incident(severity, reason, &(0..first + 2).map(finding).collect::<Vec<_>>());
        let lane = LaneId::parse("change").unwrap();
        let laned: Vec<_> = (first..)
            .zip(&findings)
            .map(|(sequence, finding)| LanedFinding { lane: &lane, sequence, finding })
            .collect();
        let members = findings.each_ref().map(|finding| finding.id.clone());
        let change =
            IncidentChange { incident: &incident, members: &members, superseded: &[], route: Some(reason) };
        let now = SystemClock::new().unix_nanos();
        let commit = Commit { findings: &laned, incidents: &[change], ..Commit::empty(&RunId::Live, now) };
        assert_eq!(store.commit(&commit).unwrap().to_route, 1);
    }
}

fn finding(number: u64) -> Finding {
    let subject = Subject::new(SubjectKind::Artifact, "npm", "pkg:npm/left-pad");
    let anchor = Anchor::Event(EventId::Producer(number.to_string().into()));
    let id = finding_id(DetectorId::KeyChange, 1, &subject, &anchor);
    let time = EventTime::from_secs(1_778_526_000);
    // Long enough that a receiver with narrow doors refuses a message with all of them.
    let words =
        format!("release {number} was signed with another key. {}", "It used one key before. ".repeat(20));
    serde_json::from_value(json!({
        "schema": "sealwatch.finding/v1", "id": id, "detector": "key-change", "subject": subject,
        "severity": "high", "time": time, "first_event": time, "last_event": time,
        "p_value": 1e-10, "p_exact": 1e-10, "surprise_bits": 33.0,
        "observed": {"value": "K2", "unit": "key"}, "expected": null, "summary": words,
        "counterfactual": "a signature by K1", "evidence": [], "technique": ["T1553.002"],
        "runbook": "docs/runbook.md#key-change", "decision": "told", "links": [], "mode": "live",
        "config_hash": "c0ffee", "detector_version": 1
    }))
    .unwrap()
}

fn incident(severity: Severity, reason: TransitionReason, findings: &[Finding]) -> Incident {
    let time = findings[0].time;
    Incident {
        schema: INCIDENT_SCHEMA.to_owned(),
        id: IncidentId::of_earliest(&findings[0].id),
        severity,
        surprise_bits: Some(48.25),
        method: "cauchy".to_owned(),
        history: vec![Transition { time, severity, reason }],
        findings: findings.iter().map(|finding| finding.id.clone()).collect(),
        further_findings: 0,
        subjects: vec![findings[0].subject.clone()],
        techniques: Vec::new(),
        first_event: time,
        last_event: time,
        summary: format!("{} releases were signed with another key", findings.len()),
        told: true,
        status: Status::New,
        owner: None,
    }
}
