//! One installation to test in: a database in a directory of its own, a clock that stands still, webhooks to fake
//! servers, and a pipeline that commits takeovers.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use detectors::event::{EventId, EventTime};
use detectors::finding::{Anchor, Severity, finding_id};
use detectors::incident::{Incident, TransitionReason};
use store::{
    Breaker, Commit, Delivery, DeliveryFilter, DeliveryState, DeliveryStateKind, FindingFilter,
    IncidentChange, LaneId, LanedFinding, Page, ReceiverId, RunId, Store,
};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use transport::{Clock, TestClock};

use crate::config::AlertingConfig;
use crate::dispatcher::{DispatchError, Dispatcher, Waker};
use crate::fixture;
use crate::receivers::fake_server::{Act, FakeServer, lenient_client, reply};
use crate::receivers::{DataOutput, ReceiverConfig, Receivers};
use crate::routing::{DefaultRoute, Routes};
use crate::rules::{Rules, RulesConfig};

/// Longest wait for anything in these tests.
const PATIENCE: Duration = Duration::from_secs(30);
/// How patient the HTTP client is.
const IMPATIENT: Duration = Duration::from_secs(2);

/// One installation: a database, a clock, and a webhook receiver for each server.
pub(super) struct House {
    directory: tempfile::TempDir,
    clock: Arc<TestClock>,
    receivers: BTreeMap<String, ReceiverConfig>,
    config: AlertingConfig,
    told: Option<Vec<String>>,
    rules: Option<RulesConfig>,
    patience: Duration,
}

/// A dispatcher at work.
pub(super) struct AtWork {
    pub(super) store: Store,
    pub(super) waker: Waker,
    stop: oneshot::Sender<()>,
    running: JoinHandle<Result<(), DispatchError>>,
}

impl House {
    pub(super) fn new(servers: &[(&str, &FakeServer)]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let secret = |name: &str, text: &str| {
            let path = directory.path().join(name);
            std::fs::File::create(&path).unwrap().write_all(text.as_bytes()).unwrap();
            path
        };
        let key = secret("key", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        let config = |(name, server): &(&str, &FakeServer)| {
            let url = secret(name, server.url("/hook").expose());
            let text = format!(
                "type = 'webhook'\nurl = 'file:{}'\nsecret = 'file:{}'",
                url.display(),
                key.display()
            );
            ((*name).to_owned(), toml::from_str(&text).unwrap())
        };
        let receivers = servers.iter().map(config).collect();
        let clock = Arc::new(TestClock::at(EventTime::from_secs(1_778_530_000).to_chrono()));
        Self {
            directory,
            clock,
            receivers,
            config: AlertingConfig::default(),
            told: None,
            rules: None,
            patience: IMPATIENT,
        }
    }

    /// The same, with an HTTP client that waits so long for an answer.
    pub(super) fn waiting(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// The same, with this `[alerting]`.
    pub(super) fn alerting(mut self, config: &str) -> Self {
        self.config = toml::from_str(config).unwrap();
        self
    }

    /// The same, with one more receiver: a Slack channel at this server.
    pub(super) fn slack(mut self, name: &str, server: &FakeServer) -> Self {
        let path = self.directory.path().join(name);
        std::fs::write(&path, server.url("/services/T/B/X").expose()).unwrap();
        let text = format!("type = 'slack'\nurl = 'file:{}'", path.display());
        self.receivers.insert(name.to_owned(), toml::from_str(&text).unwrap());
        self
    }

    /// The same, with these rules.
    pub(super) fn ruled_by(mut self, rules: RulesConfig) -> Self {
        self.rules = Some(rules);
        self
    }

    /// Only these receivers are told of incidents.
    pub(super) fn telling(mut self, names: &[&str]) -> Self {
        self.told = Some(names.iter().map(|name| (*name).to_owned()).collect());
        self
    }

    /// The clock's time.
    pub(super) fn now(&self) -> i64 {
        self.clock.unix_nanos()
    }

    /// Opens the database as soon as the last one who had it is gone.
    pub(super) async fn open(&self) -> Store {
        let path = self.directory.path().join("sealwatch.db");
        let mut opened = None;
        until("the database is free", || {
            opened = Store::open(&path).ok();
            opened.is_some()
        })
        .await;
        opened.unwrap()
    }

    /// A dispatcher that is not at work yet.
    pub(super) fn dispatcher(&self, store: Store) -> Dispatcher {
        let output = DataOutput::new(std::io::sink());
        let receivers =
            Receivers::from_config(&self.receivers, lenient_client(self.patience), &output).unwrap();
        let default = match &self.told {
            Some(names) => toml::from_str(&format!("receivers = {names:?}")).unwrap(),
            None => DefaultRoute::default(),
        };
        let rules = match &self.rules {
            Some(rules) => Rules::new(rules.clone(), &receivers.names()).unwrap(),
            None => Routes::new(Vec::new(), default, &receivers.names()).unwrap().into(),
        };
        let clock = Arc::clone(&self.clock) as Arc<dyn Clock>;
        Dispatcher::new(store, receivers, rules, self.config.clone(), clock)
    }

    pub(super) async fn start(&self) -> AtWork {
        let store = self.open().await;
        let dispatcher = self.dispatcher(store.clone());
        let waker = dispatcher.waker();
        let (stop, stopped) = oneshot::channel::<()>();
        let running = tokio::spawn(dispatcher.run(async move {
            // A sender that is dropped stops it too.
            let _ = stopped.await;
        }));
        AtWork { store, waker, stop, running }
    }

    pub(super) fn advance(&self, at_work: &AtWork, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
        at_work.waker.wake();
    }

    /// Lets time pass as it does for a process that is well: not so fast that a lease ends during its attempt.
    pub(super) fn let_time_pass(&self, at_work: &AtWork) {
        let now = self.clock.unix_nanos();
        let is_held = |delivery: &Delivery| matches!(delivery.state, DeliveryState::Sending { lease_until } if lease_until > now);
        if !at_work.deliveries().iter().any(is_held) {
            self.advance(at_work, 30);
        }
    }

    /// Lets time pass to the moment when something is due, and no further: a lease that is slow to be stored must not
    /// find its time over.
    pub(super) fn wait_for_what_is_due(&self, at_work: &AtWork) {
        let now = self.clock.unix_nanos();
        let mut due: Option<i64> = None;
        for delivery in at_work.deliveries() {
            match delivery.state {
                DeliveryState::Sending { .. } => return,
                DeliveryState::Queued { due_at: at } | DeliveryState::Retry { next_at: at, .. } => {
                    // The oldest: those after it wait for it.
                    due.get_or_insert(at);
                }
                _ => {}
            }
        }
        let breakers = at_work.store.reader().breakers().unwrap();
        let rests = breakers.iter().map(|(_, breaker)| match breaker {
            Breaker::Open { until, .. } => *until,
            Breaker::Closed { .. } | Breaker::HalfOpen { .. } => i64::MIN,
        });
        if let Some(due) = due.map(|due| rests.fold(due, i64::max)).filter(|due| *due > now) {
            self.clock.advance(Duration::from_nanos((due - now).unsigned_abs()));
            at_work.waker.wake();
        }
    }

    /// Commits the takeover of `left-pad`, or its next step, as the pipeline would.
    pub(super) fn commit(&self, store: &Store, severity: Severity, reason: TransitionReason) {
        self.commit_of(store, "pkg:npm/left-pad", severity, reason);
    }

    /// The same for another artifact, which is another incident.
    pub(super) fn commit_of(
        &self,
        store: &Store,
        artifact: &str,
        severity: Severity,
        reason: TransitionReason,
    ) {
        self.commit_in(&RunId::Live, store, artifact, (severity, reason));
    }

    /// Commits many incidents of one finding each in one transaction.
    pub(super) fn commit_each(&self, store: &Store, all: impl Iterator<Item = (String, Severity)>) {
        let made: Vec<_> = all
            .map(|(artifact, severity)| {
                let (incident, mut findings) = fixture::takeover_of(&artifact, "eve");
                let finding = findings.remove(1);
                let (id, told) = (incident.id.clone(), vec![finding.id.clone()]);
                let subjects = vec![finding.subject.clone()];
                (Incident { id, severity, findings: told, subjects, ..incident }, finding)
            })
            .collect();
        let lane = LaneId::parse("change").unwrap();
        let known = store.reader().count_findings(&FindingFilter::of(RunId::Live)).unwrap();
        let laned: Vec<_> = (known..)
            .zip(&made)
            .map(|(sequence, (_, finding))| LanedFinding { lane: &lane, sequence, finding })
            .collect();
        let changes: Vec<_> = made
            .iter()
            .map(|(incident, _)| IncidentChange {
                incident,
                members: &incident.findings,
                superseded: &[],
                route: Some(TransitionReason::Opened),
            })
            .collect();
        let now = self.clock.unix_nanos();
        let commit = Commit { findings: &laned, incidents: &changes, ..Commit::empty(&RunId::Live, now) };
        assert_eq!(store.commit(&commit).unwrap().to_route, made.len());
    }

    /// The same in another world.
    pub(super) fn commit_in(
        &self,
        run: &RunId,
        store: &Store,
        artifact: &str,
        (severity, reason): (Severity, TransitionReason),
    ) {
        let (incident, mut findings) = fixture::takeover_of(artifact, "eve");
        // A transition needs news: each further commit brings a finding that was not there.
        let known = store.reader().count_findings(&FindingFilter::of(run.clone())).unwrap();
        for finding in &mut findings {
            finding.summary = format!("{} (news {known})", finding.summary);
            let anchor = Anchor::Event(EventId::Producer(known.to_string().into()));
            finding.id = finding_id(finding.detector, 1, &finding.subject, &anchor);
        }
        let lane = LaneId::parse("change").unwrap();
        let members: Vec<_> = findings.iter().map(|finding| finding.id.clone()).collect();
        let laned: Vec<_> = (known..)
            .zip(&findings)
            .map(|(sequence, finding)| LanedFinding { lane: &lane, sequence, finding })
            .collect();
        let incident = Incident { severity, summary: format!("takeover, {} so far", known + 2), ..incident };
        let change =
            IncidentChange { incident: &incident, members: &members, superseded: &[], route: Some(reason) };
        let now = self.clock.unix_nanos();
        let commit = Commit { findings: &laned, incidents: &[change], ..Commit::empty(run, now) };
        assert_eq!(store.commit(&commit).unwrap().to_route, 1);
    }
}

impl AtWork {
    /// Every message, oldest first.
    pub(super) fn deliveries(&self) -> Vec<Delivery> {
        let mut all = self.store.reader().deliveries(&DeliveryFilter::default(), Page::first(100)).unwrap();
        all.reverse();
        all
    }

    pub(super) fn states(&self) -> Vec<DeliveryStateKind> {
        self.deliveries().iter().map(|delivery| delivery.state.kind()).collect()
    }

    /// Whether nothing waits for its first attempt or is under way.
    pub(super) fn is_idle(&self) -> bool {
        let busy = [DeliveryStateKind::Queued, DeliveryStateKind::Sending];
        self.store.reader().to_route(1).unwrap().is_empty()
            && !self.states().iter().any(|state| busy.contains(state))
    }

    /// Whether nothing is under way to this receiver and nothing waits that is not in a digest.
    pub(super) fn is_calm(&self, receiver: &str, now: i64) -> bool {
        let name = ReceiverId::parse(receiver).unwrap();
        let due = self.store.foldable(&name, Severity::Critical, now).unwrap();
        let filter = DeliveryFilter {
            states: vec![DeliveryStateKind::Sending],
            receiver: Some(name),
            ..DeliveryFilter::default()
        };
        due == 0 && self.store.reader().deliveries(&filter, Page::first(1)).unwrap().is_empty()
    }

    /// Whether nothing waits for this receiver.
    pub(super) fn is_idle_in(&self, receiver: &str) -> bool {
        let filter = DeliveryFilter {
            states: vec![DeliveryStateKind::Queued, DeliveryStateKind::Sending, DeliveryStateKind::Retry],
            receiver: Some(ReceiverId::parse(receiver).unwrap()),
            ..DeliveryFilter::default()
        };
        self.store.reader().deliveries(&filter, Page::first(1)).unwrap().is_empty()
    }

    pub(super) async fn until_states(&self, expected: &[DeliveryStateKind]) -> Vec<Delivery> {
        until(&format!("{expected:?}"), || self.states() == expected).await;
        self.deliveries()
    }

    /// Stops it as a crash would: no farewell, nothing written.
    pub(super) async fn kill(self) {
        self.running.abort();
        assert!(self.running.await.unwrap_err().is_cancelled());
    }

    /// Stops it as an administrator would.
    pub(super) async fn stop(self) {
        drop(self.stop);
        self.running.await.unwrap().unwrap();
    }
}

pub(super) async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "never came to hold: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// A server that takes everything.
pub(super) fn fine() -> Act {
    Act::Say(reply(200, "", ""))
}

/// The type of a native body.
pub(super) fn kind_of(body: &[u8]) -> String {
    serde_json::from_slice::<serde_json::Value>(body).unwrap()["type"].as_str().unwrap().to_owned()
}
