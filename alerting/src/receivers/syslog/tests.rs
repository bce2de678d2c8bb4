//! What a collector is sent is RFC 5424 whatever is in names, and what each end of a connection means.

use std::net::Ipv4Addr;

use proptest::prelude::*;
use tokio::net::{TcpListener, TcpStream};
use transport::HttpPolicy;

use super::*;
use crate::outbox::DeliveryId;
use crate::receivers::Place;
use crate::receivers::channel_tests::{honest, hostile, of, worst};
use crate::receivers::fake_server::lenient_client;
use crate::sanitise::{is_invisible, takes_presentation};

fn config(port: u16, more: &str) -> SyslogConfig {
    toml::from_str(&format!("server = '127.0.0.1'\nport = {port}\n{more}")).unwrap()
}

fn open(port: u16, more: &str) -> Syslog {
    Syslog::open(&config(port, more)).unwrap().receiver
}

fn written(card: &Card, more: &str, fullness: Fullness) -> String {
    let id = DeliveryId::parse("abc").unwrap();
    let attempt = Attempt { id: &id, unix_seconds: 1_778_526_000, place: Place::New };
    String::from_utf8(open(1, more).encode(card, attempt, fullness).unwrap().body).unwrap()
}

/// A message taken apart by RFC 5424's grammar.
struct Taken<'a> {
    header: Vec<&'a str>,
    values: Vec<(String, String)>,
    text: &'a str,
}

fn taken(message: &str) -> Result<Taken<'_>, TestCaseError> {
    let mut header: Vec<_> = message.splitn(7, ' ').collect();
    let rest = header.pop().unwrap();
    prop_assert_eq!(header.len(), 6);
    for part in &header {
        prop_assert!(!part.is_empty() && part.bytes().all(|byte| byte.is_ascii_graphic()), "{}", part);
    }
    let data = rest.strip_prefix("[sealwatch@32473").expect("one element");
    let (mut values, mut at) = (Vec::new(), data);
    while let Some(pair) = at.strip_prefix(' ') {
        let (name, mut value) = pair.split_once("=\"").unwrap();
        prop_assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{}", name);
        let mut meant = String::new();
        loop {
            let character = value.chars().next().expect("a value has an end");
            value = &value[character.len_utf8()..];
            match character {
                '"' => break,
                ']' => prop_assert!(false, "a bracket that is not escaped: {}", message),
                '\\' => {
                    let next = value.chars().next().unwrap();
                    prop_assert!(matches!(next, '"' | '\\' | ']'), "{}", message);
                    meant.push(next);
                    value = &value[1..];
                }
                other => meant.push(other),
            }
        }
        values.push((name.to_owned(), meant));
        at = value;
    }
    Ok(Taken { header, values, text: at.strip_prefix("] ").expect("the element ends") })
}

fn check(artifact: &str, principal: &str) -> Result<(), TestCaseError> {
    for body in ["text", "native"] {
        for fullness in [Fullness::Full, Fullness::Minimal] {
            let more = format!("body = '{body}'");
            let plain = written(&of("honest", "honest"), &more, fullness);
            let Taken { header, values, .. } = taken(&plain)?;
            let message = written(&of(artifact, principal), &more, fullness);
            let own = taken(&message)?;
            prop_assert_eq!(own.header, header);
            let names =
                |values: &[(String, String)]| values.iter().map(|value| value.0.clone()).collect::<Vec<_>>();
            prop_assert_eq!(names(&own.values), names(&values));
            let text = if body == "text" { own.text.strip_prefix('\u{feff}').unwrap() } else { own.text };
            let mut previous = None;
            for character in text.chars().chain(own.values.iter().flat_map(|value| value.1.chars())) {
                prop_assert!(
                    !is_invisible(character) || takes_presentation(previous, character),
                    "{:?}",
                    text
                );
                previous = Some(character);
            }
            if body == "native" {
                prop_assert!(serde_json::from_str::<serde_json::Value>(text).is_ok(), "{}", text);
            }
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn nothing_of_a_name_acts_in_syslog(
        artifact in prop::collection::vec(any::<u8>(), 0..200),
        principal in "(\\]|\"|\\\\|\\[x@1 y=\"z\"\\]|<0>1 |\r\n|\n12 |\0|\u{feff}|\u{202e}|\u{1b}\\[2J|é| |=|[a-z]){0,24}",
    ) {
        check(&String::from_utf8_lossy(&artifact), &principal)?;
    }
}

#[test]
fn a_message_says_what_programs_look_for() {
    let message = written(&honest(), "hostname = 'watch.example'\nfacility = 13", Fullness::Full);
    let head =
        "<106>1 2026-05-11T19:00:00.000Z watch.example sealwatch - incident.opened [sealwatch@32473 id=";
    assert!(message.starts_with(head), "{message}");
    let Taken { values, text, .. } = taken(&message).unwrap();
    let value = |name: &str| values.iter().find(|value| value.0 == name).map(|value| value.1.as_str());
    assert_eq!(value("delivery"), Some("abc"));
    assert_eq!(value("severity"), Some("critical"));
    assert_eq!(value("subject"), Some("pkg:npm/left-pad"));
    assert_eq!(value("surprise_bits"), Some("48.25"));
    assert!(value("url").unwrap().starts_with("https://watch.example/i/"));
    assert!(text.starts_with("\u{feff}CRITICAL · New incident | key-change: pkg:npm/left-pad"), "{text}");
    assert_eq!(value("repeat"), None);
    let repeated = written(&hostile(), "", Fullness::Full);
    assert!(
        taken(&repeated)
            .unwrap()
            .values
            .iter()
            .any(|value| *value == ("repeat".to_owned(), "possible".to_owned()))
    );
}

#[test]
fn the_worst_card_stays_within_the_limits() {
    let text = written(&worst(), "", Fullness::Full);
    assert!(text.len() <= frame::TEXT_MAX, "{}", text.len());
    let native = written(&worst(), "body = 'native'", Fullness::Full);
    assert!(native.len() <= frame::NATIVE_MAX, "{}", native.len());
    assert_eq!(frame::counted("é".as_bytes()), "2 é".as_bytes());
}

/// What the other side does after it has read something.
#[derive(Debug, Clone, Copy)]
enum End {
    /// Reads all, and closes.
    Close,
    /// Reads all, and keeps the connection.
    Keep,
    /// Goes away in the middle: what it has not read makes the system reset the connection.
    Reset,
    /// Does not read.
    Stall,
}

async fn serve(mut stream: TcpStream, end: End) -> Vec<u8> {
    let mut all = Vec::new();
    match end {
        End::Close => {
            stream.read_to_end(&mut all).await.unwrap();
        }
        End::Keep => {
            stream.read_to_end(&mut all).await.unwrap();
            std::future::pending::<()>().await;
        }
        End::Reset => {
            stream.read_exact(&mut [0; 10]).await.unwrap();
        }
        End::Stall => std::future::pending().await,
    }
    all
}

async fn delivered(end: End) -> Outcome {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let served = tokio::spawn(async move { serve(listener.accept().await.unwrap().0, end).await });
    let syslog = open(port, "encryption = 'none'");
    let id = DeliveryId::parse("abc").unwrap();
    let attempt = Attempt { id: &id, unix_seconds: 0, place: Place::New };
    let outcome = syslog.deliver(&lenient_client(Duration::from_secs(8)), &hostile(), attempt).await;
    if let End::Close = end {
        let frame = String::from_utf8(served.await.unwrap()).unwrap();
        let (length, message) = frame.split_once(' ').unwrap();
        assert_eq!(length.parse::<usize>().unwrap(), message.len());
    }
    outcome
}

#[tokio::test]
async fn each_end_of_a_connection_has_one_meaning() {
    for end in [End::Close, End::Keep, End::Stall] {
        // What lies in the system's buffers was written; more than that nobody can say.
        assert_eq!(delivered(end).await, Outcome::Accepted(None), "{end:?}");
    }
    let reset = delivered(End::Reset).await;
    assert!(
        matches!(&reset, Outcome::Retry { failure, .. } if failure.effect == Effect::Possible),
        "{reset:?}"
    );
}

#[tokio::test]
async fn without_a_connection_nothing_was_sent() {
    let id = DeliveryId::parse("abc").unwrap();
    let attempt = Attempt { id: &id, unix_seconds: 0, place: Place::New };
    let outcome = open(1, "").deliver(&lenient_client(Duration::from_secs(8)), &hostile(), attempt).await;
    assert!(
        matches!(&outcome, Outcome::Retry { failure, .. } if failure.effect == Effect::None),
        "{outcome:?}"
    );
    let guarded = HttpClient::new(HttpPolicy::default()).unwrap();
    let outcome = open(1, "encryption = 'none'").deliver(&guarded, &hostile(), attempt).await;
    assert!(matches!(&outcome, Outcome::Park(failure) if failure.effect == Effect::None), "{outcome:?}");
}

#[test]
fn settings_that_cannot_work_are_refused() {
    let fine = config(6514, "");
    let path = |name: &str| Some(PathBuf::from(name));
    for (config, expected) in [
        (SyslogConfig { hostname: Some("a b".to_owned()), ..fine.clone() }, "`a b`"),
        (SyslogConfig { hostname: Some("h".repeat(256)), ..fine.clone() }, "1 to 255"),
        (SyslogConfig { facility: 24, ..fine.clone() }, "facility 24"),
        (SyslogConfig { key: path("/k"), ..fine.clone() }, "half"),
        (
            SyslogConfig { key: path("/nonexistent"), certificate: path("/nonexistent"), ..fine.clone() },
            "`/nonexistent`",
        ),
        (SyslogConfig { key: path("/dev/null"), certificate: path("/dev/null"), ..fine.clone() }, "the key"),
        (
            SyslogConfig {
                key: path("/k"),
                certificate: path("/c"),
                encryption: SyslogEncryption::None,
                ..fine.clone()
            },
            "without encryption",
        ),
        (SyslogConfig { server: "a:1".to_owned(), ..fine.clone() }, "server"),
    ] {
        let problem = with_causes(&Syslog::open(&config).map(|_| ()).unwrap_err());
        assert!(problem.contains(expected), "{problem}");
    }
}
