//! Syslog to a collector that shares no code with ours: frames, grammar, TLS and its certificates.

use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::Duration;

use alerting::receivers::{Effect, Outcome};
use serde_json::Value;

use super::telling::{Incidents, client, deliver, receiver};
use crate::parts::certificates::{Authority, Certificate};
use crate::parts::process::{Leftovers, Part};
use crate::parts::{free_port, python, until};

const PATIENCE: Duration = Duration::from_secs(30);

/// The collector that all tests here share.
struct Collector {
    part: Part,
    tls: u16,
    mutual: u16,
    clear: u16,
    authority: Authority,
    ours: Certificate,
}

impl Collector {
    fn shared() -> &'static Self {
        static SHARED: OnceLock<Collector> = OnceLock::new();
        SHARED.get_or_init(Self::start)
    }

    fn start() -> Self {
        let folder: PathBuf = tempfile::tempdir().unwrap().keep();
        let authority = Authority::create(&folder);
        let issued = authority.vouch_for("localhost");
        let ours = authority.vouch_for("watch.example");
        let [tls, mutual, clear] = [free_port(), free_port(), free_port()];
        let mut command = python::command("syslog_server.py");
        command.args([issued.certificate, issued.key, authority.certificate()]);
        command.args([tls, mutual, clear].map(|port| port.to_string()));
        let mut part = Part::start("syslog", &command, &folder, Leftovers::Remove);
        until("the collector", PATIENCE, || {
            assert_eq!(part.ended(), None, "{}", part.errors());
            part.output().starts_with("ready").then_some(())
        });
        Self { part, tls, mutual, clear, authority, ours }
    }

    /// Tells the collector at this port; what became of it, and what it got.
    fn tell(&self, port: u16, more: &str, incidents: Incidents, id: &str) -> (Outcome, Value) {
        let http = client(
            &format!("localhost:{port}"),
            Some(&self.authority.certificate()),
            Duration::from_secs(20),
        );
        let receiver = receiver(&format!("type = 'syslog'\nserver = 'localhost'\nport = {port}\n{more}"));
        let outcome = deliver(&receiver, &http, &incidents.card(), id, None);
        let arrived = until("what the collector got", PATIENCE, || self.arrived(port, id));
        (outcome, arrived)
    }

    fn arrived(&self, port: u16, id: &str) -> Option<Value> {
        let output = self.part.output();
        let all = output.lines().skip(1).filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let own = |told: &Value| told["messages"][0]["data"]["sealwatch@32473"]["delivery"] == id;
        all.filter(|told| told["port"] == port).find(|told| own(told) || told.get("error").is_some())
    }

    fn our_certificate(&self) -> String {
        let (certificate, key) = (self.ours.certificate.display(), self.ours.key.display());
        format!("certificate = '{certificate}'\nkey = '{key}'")
    }
}

/// One message to the port, accepted and read by the collector without any complaint.
fn check(port: u16, more: &str, incidents: Incidents, id: &str) -> Value {
    let (outcome, told) = Collector::shared().tell(port, more, incidents, id);
    assert_eq!(outcome, Outcome::Accepted(None));
    assert_eq!(told.get("error"), None, "{told}");
    assert_eq!(told["messages"].as_array().unwrap().len(), 1, "{told}");
    told
}

#[test]
fn a_message_over_tls_is_one_frame_of_rfc_5424() {
    for (id, incidents) in [("honest", Incidents::Honest), ("hostile", Incidents::Hostile)] {
        let told = check(Collector::shared().tls, "hostname = 'watch.example'", incidents, id);
        assert_eq!(told["tls"], true);
        let message = &told["messages"][0];
        assert_eq!(message["severity"], "crit");
        assert_eq!(message["host"], "watch.example");
        assert_eq!(message["kind"], "incident.opened");
        assert!(message["text"].as_str().unwrap().starts_with("\u{feff}CRITICAL · New incident | "));
        let subject = message["data"]["sealwatch@32473"]["subject"].as_str().unwrap();
        let expected = match incidents {
            Incidents::Honest => "pkg:npm/left-pad",
            Incidents::Hostile => "<!channel> <hxxps://evil|x>\\u{202e} [! hidden characters]",
        };
        assert_eq!(subject, expected);
    }
}

#[test]
fn the_native_body_is_json_in_the_message() {
    let told = check(Collector::shared().tls, "body = 'native'", Incidents::Hostile, "native");
    let text = told["messages"][0]["text"].as_str().unwrap();
    let body: Value = serde_json::from_str(text).unwrap();
    assert_eq!(body["type"], "incident.opened");
    assert_eq!(body["data"]["findings"].as_array().unwrap().len(), 2);
}

#[test]
fn in_the_clear_only_where_it_is_written_down() {
    let collector = Collector::shared();
    let told = check(collector.clear, "encryption = 'none'", Incidents::Honest, "clear");
    assert_eq!(told["tls"], false);
    // A collector without TLS gets nothing from a receiver that wants it.
    let (outcome, told) = collector.tell(collector.clear, "", Incidents::Honest, "wantstls");
    assert!(
        matches!(&outcome, Outcome::Retry { failure, .. } if failure.effect == Effect::None),
        "{outcome:?} {told}"
    );
}

#[test]
fn a_collector_that_asks_for_a_certificate_gets_ours() {
    let collector = Collector::shared();
    let told = check(collector.mutual, &collector.our_certificate(), Incidents::Honest, "mutual");
    assert_eq!(told["peer"], "watch.example");
    let http = client(
        &format!("localhost:{}", collector.mutual),
        Some(&collector.authority.certificate()),
        Duration::from_secs(20),
    );
    let without = receiver(&format!("type = 'syslog'\nserver = 'localhost'\nport = {}", collector.mutual));
    let outcome = deliver(&without, &http, &Incidents::Honest.card(), "refused", None);
    assert!(matches!(outcome, Outcome::Retry { .. }), "{outcome:?}");
}

#[test]
fn an_authority_that_is_not_trusted_gets_nothing() {
    let collector = Collector::shared();
    let http = client(&format!("localhost:{}", collector.tls), None, Duration::from_secs(20));
    let receiver = receiver(&format!("type = 'syslog'\nserver = 'localhost'\nport = {}", collector.tls));
    let outcome = deliver(&receiver, &http, &Incidents::Honest.card(), "untrusted", None);
    assert!(outcome.failure().unwrap().text().contains("cannot establish TLS"), "{outcome:?}");
    assert_eq!(outcome.failure().unwrap().effect, Effect::None);
}
