//! What each answer of a mail server means, and that nothing leaves that should not.

use std::io::Write as _;
use std::sync::LazyLock;

use tempfile::NamedTempFile;

use super::fake_smtp::{Act, FakeSmtp};
use super::*;
use crate::outbox::DeliveryId;
use crate::receivers::Place;
use crate::receivers::channel_tests::hostile;
use crate::receivers::fake_server::lenient_client;

const CANARY: &str = "c4n4ry-p4ssw0rd";

fn config(port: u16, more: &str) -> EmailConfig {
    let text = format!(
        "server = '127.0.0.1'\nport = {port}\nfrom = 'Watch <watch@example.com>'\n\
         to = ['soc@example.com', 'Second <second@example.com>']\n{more}"
    );
    toml::from_str(&text).unwrap()
}

fn open(port: u16, more: &str) -> Result<Email, String> {
    Email::open(&config(port, more)).map(|opened| opened.receiver).map_err(|problem| with_causes(&problem))
}

async fn delivered(email: &Email) -> Outcome {
    let id = DeliveryId::parse("abc").unwrap();
    let attempt = Attempt { id: &id, unix_seconds: 1_778_526_000, place: Place::New };
    // Made once: it reads the system's authorities.
    static HTTP: LazyLock<HttpClient> = LazyLock::new(|| lenient_client(Duration::from_secs(1)));
    email.deliver(&HTTP, &hostile(), attempt).await
}

/// What an outcome comes down to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    Accepted,
    Retry(Effect),
    Park,
    Dead,
}

fn class(outcome: &Outcome) -> Class {
    match outcome {
        Outcome::Accepted(Some(_)) => Class::Accepted,
        Outcome::Retry { failure, .. } => Class::Retry(failure.effect),
        Outcome::Park(_) => Class::Park,
        Outcome::Dead(_) => Class::Dead,
        other => panic!("{other:?}"),
    }
}

async fn check(script: &[(&'static str, Act)], expected: Class) -> FakeSmtp {
    let server = FakeSmtp::start(script).await;
    let outcome = delivered(&open(server.port, "encryption = 'none'").unwrap()).await;
    assert_eq!(class(&outcome), expected, "{script:?} {outcome:?} {:?}", server.heard());
    server
}

#[tokio::test]
async fn every_answer_has_one_meaning() {
    use Class::{Accepted, Dead, Park, Retry};
    let (none, possible) = (Retry(Effect::None), Retry(Effect::Possible));
    let cases: [(&'static str, Act, Class); 23] = [
        ("QUIT", Act::Drop, Accepted),
        ("QUIT", Act::Say("500 never\r\n"), Accepted),
        ("", Act::Say("421 busy\r\n"), none),
        ("", Act::Say("554 go away\r\n"), Park),
        ("", Act::Say("HTTP/1.1 400 Bad Request\r\n"), none),
        ("", Act::Drop, none),
        ("", Act::Flood, none),
        ("EHLO", Act::Say("502 what\r\n"), Park),
        ("EHLO", Act::Hang, none),
        ("MAIL", Act::Say("451 later\r\n"), none),
        ("MAIL", Act::Say("550 not you\r\n"), Park),
        ("MAIL", Act::Say("530 sign in first\r\n"), Park),
        ("RCPT TO:<soc", Act::Say("550 nobody\r\n"), Accepted),
        ("RCPT TO:<soc", Act::Say("452 full\r\n"), Accepted),
        ("DATA", Act::Say("451 later\r\n"), none),
        ("DATA", Act::Drop, none),
        ("DATA", Act::Say("250 what\r\n"), none),
        (".", Act::Say("451 greylisted\r\n"), none),
        (".", Act::Say("552 too big\r\n"), Accepted),
        (".", Act::Drop, possible),
        (".", Act::Hang, possible),
        (".", Act::Flood, possible),
        (".", Act::Say("what\r\n"), possible),
    ];
    let mut all = tokio::task::JoinSet::new();
    for (heard, act, expected) in cases {
        all.spawn(async move { check(&[(heard, act)], expected).await });
    }
    all.spawn(check_twice("550 nobody\r\n", "550 nobody\r\n", Park));
    all.spawn(check_twice("550 nobody\r\n", "451 later\r\n", none));
    all.spawn(check_twice("451 later\r\n", "550 nobody\r\n", none));
    all.spawn(async move {
        let spam = ".";
        check(&[(spam, Act::Say("554 spam\r\n")), (spam, Act::Say("554 spam\r\n"))], Dead).await
    });
    all.join_all().await;
}

async fn check_twice(first: &'static str, second: &'static str, expected: Class) -> FakeSmtp {
    check(&[("RCPT", Act::Say(first)), ("RCPT", Act::Say(second))], expected).await
}

#[tokio::test]
async fn a_server_that_is_not_there_has_nothing() {
    let outcome = delivered(&open(1, "").unwrap()).await;
    assert_eq!(class(&outcome), Class::Retry(Effect::None), "{outcome:?}");
}

#[tokio::test]
async fn a_message_that_is_refused_goes_once_more_and_smaller() {
    let server = check(&[(".", Act::Say("552 too big\r\n"))], Class::Accepted).await;
    assert_eq!((server.count("DATA"), server.count("MAIL"), server.count("Evidence")), (2, 2, 1));
}

#[tokio::test]
async fn readers_who_are_refused_are_named_to_the_others() {
    let server = check(&[("RCPT TO:<second", Act::Say("550 5.1.1 no such user\r\n"))], Class::Accepted).await;
    let heard = server.heard().join("\n").replace("=\n", "");
    assert!(heard.contains("refused the address second@example.com"), "{heard}");
}

#[tokio::test]
async fn without_starttls_nothing_leaves_and_words_in_the_clear_are_not_taken_for_the_servers() {
    let server = FakeSmtp::start(&[]).await;
    let outcome = delivered(&open(server.port, "").unwrap()).await;
    assert_eq!(class(&outcome), Class::Park, "{outcome:?}");
    assert_eq!(server.count("MAIL"), 0);

    let offers = Act::Say("250-fake\r\n250 StartTLS\r\n");
    // Somebody on the way accepts the message in the server's name.
    let forged = Act::Say("220 go\r\n250 hi\r\n250 ok\r\n250 ok\r\n250 ok\r\n354 go\r\n250 queued\r\n");
    let server = FakeSmtp::start(&[("EHLO", offers), ("STARTTLS", forged)]).await;
    let outcome = delivered(&open(server.port, "").unwrap()).await;
    assert_eq!(class(&outcome), Class::Retry(Effect::None), "{outcome:?}");
    assert!(outcome.failure().unwrap().text().contains("in the clear"), "{outcome:?}");
    assert_eq!(server.count("MAIL"), 0);
}

#[tokio::test]
async fn no_address_that_was_not_allowed_is_connected() {
    let server = FakeSmtp::start(&[]).await;
    let email = open(server.port, "encryption = 'none'").unwrap();
    let id = DeliveryId::parse("abc").unwrap();
    let attempt = Attempt { id: &id, unix_seconds: 0, place: Place::New };
    let http = HttpClient::new(transport::HttpPolicy::default()).unwrap();
    let outcome = email.deliver(&http, &hostile(), attempt).await;
    assert_eq!(class(&outcome), Class::Park, "{outcome:?}");
    assert!(server.heard().is_empty());
}

#[test]
fn settings_that_cannot_work_or_would_leak_are_refused() {
    let mut secret = NamedTempFile::new().unwrap();
    secret.write_all(CANARY.as_bytes()).unwrap();
    let password = format!("password = 'file:{}'", secret.path().display());
    for (more, expected) in [
        (format!("user = 'u'\n{password}\nencryption = 'none'"), "without encryption"),
        ("user = 'u'".to_owned(), "half of a user and password"),
        (password.clone(), "half of a user and password"),
    ] {
        let problem = open(1, &more).unwrap_err();
        assert!(problem.contains(expected), "{problem}");
    }
    assert!(!format!("{:?}", open(1, &format!("user = 'u'\n{password}")).unwrap()).contains(CANARY));
    let fine = config(1, "");
    for (config, expected) in [
        (EmailConfig { from: "nobody".to_owned(), ..fine.clone() }, "`nobody` as a mail address"),
        (EmailConfig { to: vec!["a@b.example\r\nRCPT TO:<x@y>".to_owned()], ..fine.clone() }, "mail address"),
        (EmailConfig { to: vec!["jürgen@example.com".to_owned()], ..fine.clone() }, "other characters"),
        (EmailConfig { to: Vec::new(), ..fine.clone() }, "0 readers"),
        (EmailConfig { to: vec!["a@b.example".to_owned(); 101], ..fine.clone() }, "101 readers"),
        (EmailConfig { server: "a/b".to_owned(), ..fine.clone() }, "server"),
    ] {
        let problem = with_causes(&Email::open(&config).map(|_| ()).unwrap_err());
        assert!(problem.contains(expected), "{problem}");
    }
}

#[test]
fn a_failure_does_not_repeat_the_password_in_any_form() {
    let account = Some(("watch".to_owned(), SecretString::new(CANARY.to_owned())));
    let email = Email { account, ..open(1, "encryption = 'none'").unwrap() };
    let plain = data_encoding::BASE64.encode(format!("\0watch\0{CANARY}").as_bytes());
    let login = data_encoding::BASE64.encode(CANARY.as_bytes());
    let words = format!("cannot read AUTH PLAIN {plain} {login} {CANARY}");
    let trouble = Trouble::Refused { step: Step::SignIn, code: 535, words };
    let outcome = email.outcome(&trouble, Effect::None);
    let shown = outcome.failure().unwrap().text();
    assert!(shown.ends_with("535 cannot read AUTH PLAIN *** *** ***"), "{shown}");
    assert_eq!(class(&outcome), Class::Park);
}
