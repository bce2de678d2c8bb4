//! Mail through a real server: aiosmtpd with STARTTLS and a login, and Python's own parser for what arrived.

use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::Duration;

use alerting::receivers::{Effect, Outcome};
use serde_json::Value;
use transport::HttpClient;

use super::telling::{Incidents, client, deliver, receiver};
use crate::parts::certificates::Authority;
use crate::parts::process::{Leftovers, Part};
use crate::parts::{free_port, python, until};

const PATIENCE: Duration = Duration::from_secs(30);
const PASSWORD: &str = "s3cret-of-the-watch";

/// The server that all tests here share.
struct Mail {
    part: Part,
    port: u16,
    folder: PathBuf,
    authority: Authority,
}

impl Mail {
    fn shared() -> &'static Self {
        static SHARED: OnceLock<Mail> = OnceLock::new();
        SHARED.get_or_init(Self::start)
    }

    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap().keep();
        let authority = Authority::create(&folder);
        let issued = authority.vouch_for("localhost");
        std::fs::write(folder.join("password"), PASSWORD).unwrap();
        let port = free_port();
        let mut command = python::command("smtp_server.py");
        command.arg(port.to_string()).args([issued.certificate, issued.key]).args(["watch", PASSWORD]);
        let mut part = Part::start("smtp", &command, &folder, Leftovers::Remove);
        until("the mail server", PATIENCE, || {
            assert_eq!(part.ended(), None, "{}", part.errors());
            part.output().starts_with("ready").then_some(())
        });
        Self { part, port, folder, authority }
    }

    fn config(&self, to: &str, password: &str) -> String {
        format!(
            "type = 'email'\nserver = 'localhost'\nport = {}\nfrom = 'Sealwatch <watch@example.com>'\nto = {to}\n\
             user = 'watch'\npassword = 'file:{}'",
            self.port,
            self.folder.join(password).display(),
        )
    }

    fn client(&self, patience_s: u64) -> HttpClient {
        let target = format!("localhost:{}", self.port);
        client(&target, Some(&self.authority.certificate()), Duration::from_secs(patience_s))
    }

    /// Tells these readers of an incident; what became of it, and what the server got in all messages to them.
    fn tell(&self, to: &str, incidents: Incidents) -> (Outcome, Vec<Value>) {
        let http = self.client(2);
        let receiver = receiver(&self.config(&format!("['{to}@example.com']"), "password"));
        let outcome = deliver(&receiver, &http, &incidents.card(), "abc", None);
        (outcome, self.arrived(to))
    }

    fn arrived(&self, to: &str) -> Vec<Value> {
        let output = self.part.output();
        let messages = output.lines().skip(1).filter_map(|line| serde_json::from_str::<Value>(line).ok());
        messages.filter(|message| message["to"][0] == format!("{to}@example.com")).collect()
    }
}

#[test]
fn a_message_arrives_encrypted_after_a_login_and_is_whole() {
    for (to, incidents) in [("honest", Incidents::Honest), ("hostile", Incidents::Hostile)] {
        let (outcome, arrived) = Mail::shared().tell(to, incidents);
        assert!(matches!(outcome, Outcome::Accepted(Some(_))), "{outcome:?}");
        let [message] = &arrived[..] else { panic!("{arrived:?}") };
        assert_eq!((&message["encrypted"], &message["user"]), (&true.into(), &"watch".into()), "{message}");
        assert_eq!(message["defects"], serde_json::json!([]), "{message}");
        assert_eq!(message["types"], serde_json::json!(["multipart/alternative", "text/plain", "text/html"]));
        assert_eq!(message["from"], "watch@example.com");
        let plain = message["plain"].as_str().unwrap();
        assert!(plain.starts_with("CRITICAL · New incident\nkey-change: "), "{plain}");
        assert!(message["html"].as_str().unwrap().contains("Observed and expected"), "{message}");
        let links = message["links"].as_array().unwrap();
        assert!(matches!(&links[..], [Value::String(link)] if link.starts_with("https://watch.example/i/")));
    }
}

#[test]
fn hostile_names_change_neither_headers_nor_tags() {
    let mail = Mail::shared();
    let [honest, hostile] = [("usual", Incidents::Honest), ("attacked", Incidents::Hostile)].map(|case| {
        let (outcome, arrived) = mail.tell(case.0, case.1);
        assert!(matches!(outcome, Outcome::Accepted(_)), "{outcome:?}");
        arrived.into_iter().next().unwrap()
    });
    for part in ["headers", "types", "tags"] {
        assert_eq!(honest[part], hostile[part], "{part}");
    }
    let subject = hostile["subject"].as_str().unwrap();
    assert!(subject.contains("<!channel> <hxxps://evil|x>\\u{202e} [! hidden characters]"), "{subject}");
}

#[test]
fn messages_about_one_incident_are_one_thread() {
    let mail = Mail::shared();
    let http = mail.client(5);
    let receiver = receiver(&mail.config("['thread@example.com']", "password"));
    let card = Incidents::Honest.card();
    let Outcome::Accepted(Some(first)) = deliver(&receiver, &http, &card, "one", None) else {
        panic!("the first message is not accepted")
    };
    let second = deliver(&receiver, &http, &card, "two", Some(&first));
    assert_eq!(second, Outcome::Accepted(Some(first)), "the receipt stays that of the first message");
    let arrived = mail.arrived("thread");
    let [one, two] = &arrived[..] else { panic!("{arrived:?}") };
    assert_eq!(two["in_reply_to"], one["id"]);
    assert_eq!(two["references"], one["id"]);
    assert_eq!(two["subject"], format!("Re: {}", one["subject"].as_str().unwrap()));
}

/// What a server that acts like this makes of a message, and how many messages it saw.
fn check(to: &str, expected: fn(&Outcome) -> bool, messages: usize) {
    let (outcome, arrived) = Mail::shared().tell(to, Incidents::Hostile);
    assert!(expected(&outcome), "{to}: {outcome:?}");
    assert_eq!(arrived.len(), messages, "{to}");
    let shown = format!("{outcome:?}");
    assert!(!shown.contains(PASSWORD), "{to}: {shown}");
}

fn retried(outcome: &Outcome, effect: Effect) -> bool {
    matches!(outcome, Outcome::Retry { failure, .. } if failure.effect == effect)
}

#[test]
fn a_server_that_refuses_hangs_or_cuts_is_understood() {
    check("refused", |outcome| matches!(outcome, Outcome::Park(_)), 0);
    check("later", |outcome| retried(outcome, Effect::None), 0);
    check("spam", |outcome| matches!(outcome, Outcome::Dead(_)), 2);
    check("large", |outcome| matches!(outcome, Outcome::Accepted(_)), 2);
    check("cut", |outcome| retried(outcome, Effect::Possible), 1);
    check("hang", |outcome| retried(outcome, Effect::Possible), 1);
}

#[test]
fn a_reader_who_is_refused_is_named_to_the_others() {
    let mail = Mail::shared();
    let http = mail.client(5);
    let receiver = receiver(&mail.config("['colleague@example.com', 'refused@example.com']", "password"));
    let outcome = deliver(&receiver, &http, &Incidents::Honest.card(), "abc", None);
    assert!(matches!(outcome, Outcome::Accepted(_)), "{outcome:?}");
    let arrived = mail.arrived("colleague");
    let plain = arrived[0]["plain"].as_str().unwrap();
    assert!(plain.contains("refused the address refused@example.com"), "{plain}");
}

#[test]
fn a_wrong_password_or_an_authority_that_is_not_trusted_sends_nothing() {
    let mail = Mail::shared();
    std::fs::write(mail.folder.join("wrong"), "another-s3cret").unwrap();
    let http = mail.client(5);
    let to = "['nobody@example.com']";
    let wrong = receiver(&mail.config(to, "wrong"));
    let outcome = deliver(&wrong, &http, &Incidents::Honest.card(), "abc", None);
    assert!(matches!(&outcome, Outcome::Park(failure) if failure.status == Some(535)), "{outcome:?}");
    assert!(!format!("{outcome:?} {wrong:?}").contains("another-s3cret"));

    let distrustful = client(&format!("localhost:{}", mail.port), None, Duration::from_secs(5));
    let right = receiver(&mail.config(to, "password"));
    let outcome = deliver(&right, &distrustful, &Incidents::Honest.card(), "abc", None);
    assert!(retried(&outcome, Effect::None), "{outcome:?}");
    assert!(outcome.failure().unwrap().text().contains("cannot establish TLS"), "{outcome:?}");
    assert!(mail.arrived("nobody").is_empty());
}
