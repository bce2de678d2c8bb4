//! Clicks over a real store.

use std::time::Duration;

use data_encoding::HEXLOWER;
use detectors::finding::Severity;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use store::{Commit, IncidentChange, LaneId, LanedFinding, Store};
use transport::TestClock;

use super::*;
use crate::fixture;
use crate::routing::IncidentView;
use crate::silence::judge;

const SECRET: &str = "8f742231b10e8888abcd99yyyzzz85a5";

/// A store with the takeover of an artifact of this name in it, and somebody who takes clicks.
struct House {
    _folder: tempfile::TempDir,
    store: Store,
    clock: Arc<TestClock>,
    clicks: Clicks,
    incident: IncidentId,
}

impl House {
    fn with(artifact: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s.db");
        let store = Store::open(&path).unwrap();
        let (incident, findings) = fixture::takeover_of(artifact, artifact);
        let lane = LaneId::parse("change").unwrap();
        let laned: Vec<_> = (0..)
            .zip(&findings)
            .map(|(sequence, finding)| LanedFinding { lane: &lane, sequence, finding })
            .collect();
        let members: Vec<_> = findings.iter().map(|finding| finding.id.clone()).collect();
        let change = IncidentChange { incident: &incident, members: &members, superseded: &[], route: None };
        store
            .commit(&Commit { findings: &laned, incidents: &[change], ..Commit::empty(&RunId::Live, 1) })
            .unwrap();
        let clock = Arc::new(TestClock::at(fixture::opened().time.to_chrono()));
        let secrets = ["another", SECRET].map(|text| SecretString::new(text.to_owned())).to_vec();
        let desk = Desk::open(&path).unwrap();
        let shared = Arc::clone(&clock) as Arc<dyn Clock>;
        let clicks = Clicks::new(desk, secrets, Owners::default(), shared, Waker::default());
        Self { _folder: folder, store, clock, clicks, incident: incident.id }
    }

    fn click(&self, action: &str, user: &str) -> Result<Done, ClickRefused> {
        self.clock.advance(Duration::from_secs(1));
        let json = format!(
            r#"{{"type":"block_actions","user":{{"id":"{user}","username":"alice"}},"actions":[{{"action_id":"{action}","value":"{}"}}]}}"#,
            self.incident
        );
        let escaped: String = json.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let (body, time) =
            (format!("payload={escaped}"), (self.clock.unix_nanos() / 1_000_000_000).to_string());
        let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
        mac.update(format!("v0:{time}:{body}").as_bytes());
        let signature = format!("v0={}", HEXLOWER.encode(&mac.finalize().into_bytes()));
        let request = Request { timestamp: &time, signature: &signature, body: body.as_bytes() };
        let done = self.clicks.take(request);
        assert!(
            matches!(self.clicks.take(request), Err(ClickRefused::Click(ClickError::Replayed))),
            "the same request is taken once"
        );
        done
    }
}

#[test]
fn whoever_acknowledges_first_works_on_it_and_stands_in_the_ledger() {
    let house = House::with("pkg:npm/left-pad");
    assert_eq!(house.click("sealwatch_open", "U1").unwrap(), Done::Opened);
    assert_eq!(house.click("sealwatch_acknowledge", "U1").unwrap(), Done::Acknowledged);
    assert_eq!(house.click("sealwatch_acknowledge", "U2").unwrap(), Done::TakenBefore);
    let stored = house.store.reader().incident(&RunId::Live, &house.incident).unwrap().unwrap();
    assert_eq!(stored.incident.status, Status::InProgress);
    assert_eq!(stored.incident.owner.as_deref(), Some("slack:U1 (alice)"));
    let decided = house.store.reader().verdicts(&RunId::Live, &house.incident).unwrap();
    assert_eq!((decided.len(), decided[0].author.as_str()), (1, "slack:U1 (alice)"));
}

#[test]
fn a_click_silences_this_incident_for_four_hours_and_nothing_that_is_named_by_a_star() {
    let house = House::with("pkg:npm/*");
    let now = house.clock.unix_nanos() + 1_000_000_000;
    assert_eq!(
        house.click("sealwatch_silence_4h", "U1").unwrap(),
        Done::Silenced { until: now + SILENCE_FOR }
    );
    let silences = house.store.reader().active_silences(now).unwrap();
    assert_eq!((silences.len(), silences[0].author.as_str()), (1, "slack:U1 (alice)"));
    assert!(house.store.reader().active_silences(now + SILENCE_FOR).unwrap().is_empty());
    let holding = crate::rules::silences(house.store.reader(), now).unwrap();
    let hidden = |name: &str| {
        let (incident, findings) = fixture::takeover_of(name, name);
        let transition = fixture::opened();
        let view = IncidentView {
            run: &RunId::Live,
            incident: &incident,
            findings: &findings,
            transition: &transition,
        };
        judge(&holding, &view, Severity::Critical, &Owners::default()).0.is_some()
    };
    assert!(hidden("pkg:npm/*"));
    assert!(!hidden("pkg:npm/left-pad"), "a name of a star is a name");
}

#[test]
fn what_is_gone_and_what_is_forged_changes_nothing() {
    let house = House::with("pkg:npm/left-pad");
    let elsewhere = House::with("pkg:npm/other");
    let lost = House { incident: elsewhere.incident.clone(), ..House::with("pkg:npm/left-pad") };
    assert!(matches!(lost.click("sealwatch_acknowledge", "U1"), Err(ClickRefused::NoIncident)));
    let forged = Request { timestamp: "1778526000", signature: "v0=00", body: b"payload=x" };
    assert!(matches!(house.clicks.take(forged), Err(ClickRefused::Click(ClickError::Forged))));
}
