//! A connection is judged like a request, and encrypted by whom it says it is.

use std::net::Ipv4Addr;

use tokio::io::AsyncReadExt as _;
use tokio::net::TcpListener;

use super::*;
use crate::http::HttpClient;

fn policy(allowed: &[&str]) -> HttpPolicy {
    let allow_targets = allowed.iter().map(|entry| entry.parse().unwrap()).collect();
    HttpPolicy { allow_targets, connect_timeout: Duration::from_secs(5), ..HttpPolicy::default() }
}

async fn listener() -> (TcpListener, u16) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

#[test]
fn a_host_has_one_spelling_and_nothing_else_is_one() {
    for (host, expected) in [
        ("Mail.Example", "mail.example:25"),
        ("127.0.0.1", "127.0.0.1:25"),
        ("0x7f.1", "127.0.0.1:25"),
        ("[::1]", "[::1]:25"),
    ] {
        assert_eq!(Destination::parse(host, 25).unwrap().to_string(), expected);
    }
    assert_eq!(Destination::parse("[::1]", 25).unwrap().host(), "::1");
    for host in ["", "a/b", "u@h", "h:26", "h?x", "a b", "::1", "h\\x"] {
        assert!(Destination::parse(host, 25).is_err(), "{host:?}");
    }
    assert!(Destination::parse("h", 0).is_err());
}

#[tokio::test]
async fn an_address_that_was_not_allowed_is_not_connected() {
    let (_listener, port) = listener().await;
    for host in ["127.0.0.1", "localhost", "[::1]", "2130706433"] {
        let dialer = HttpClient::new(policy(&[])).unwrap().dialer();
        let error = dialer.connect(&Destination::parse(host, port).unwrap()).await.unwrap_err();
        assert!(matches!(error, ConnectError::Refused { .. }), "{host}: {error}");
    }
    for allowed in ["127.0.0.0/8", &format!("127.0.0.1:{port}")] {
        let dialer = HttpClient::new(policy(&[allowed])).unwrap().dialer();
        assert!(dialer.connect(&Destination::parse("127.0.0.1", port).unwrap()).await.is_ok(), "{allowed}");
    }
}

#[tokio::test]
async fn a_name_is_judged_by_every_address_it_has() {
    let (_listener, port) = listener().await;
    let dialer = |answers: &'static [&'static str], allowed: &[&str]| {
        let answers = move |_: &str| answers.iter().map(|answer| answer.parse().unwrap()).collect();
        HttpClient::with_names(policy(allowed), Arc::new(answers)).unwrap().dialer()
    };
    let mail = Destination::parse("mail.example", port).unwrap();
    let mixed = dialer(&["127.0.0.1", "10.0.0.7"], &["127.0.0.1/32"]).connect(&mail).await.unwrap_err();
    assert!(matches!(mixed, ConnectError::Refused { .. }), "{mixed}");
    assert!(dialer(&["127.0.0.1"], &["127.0.0.1/32"]).connect(&mail).await.is_ok());
    let named = format!("mail.example:{port}");
    assert!(dialer(&["127.0.0.1"], &[&named]).connect(&mail).await.is_ok());
    let none = dialer(&[], &[]).connect(&mail).await.unwrap_err();
    assert!(matches!(none, ConnectError::Connect { .. }), "{none}");
}

#[tokio::test]
async fn a_server_that_says_nothing_is_given_up_and_one_without_tls_is_told() {
    let (listener, port) = listener().await;
    let here = Destination::parse("127.0.0.1", port).unwrap();
    let short = HttpPolicy { connect_timeout: Duration::from_millis(200), ..policy(&["127.0.0.0/8"]) };
    let dialer = HttpClient::new(short).unwrap().dialer();
    let stream = dialer.connect(&here).await.unwrap();
    let silent = dialer.secure(&here, stream, None).await.unwrap_err();
    assert!(matches!(silent, ConnectError::Timeout { .. }), "{silent}");

    let stream = dialer.connect(&here).await.unwrap();
    tokio::spawn(async move {
        while let Ok((mut server, _)) = listener.accept().await {
            let mut first = [0; 8];
            let _ = server.read(&mut first).await;
        }
    });
    let broken = dialer.secure(&here, stream, None).await.unwrap_err();
    assert!(matches!(broken, ConnectError::Tls { .. }), "{broken}");
}

#[test]
fn a_key_that_is_none_is_refused_without_being_repeated() {
    let error = Identity::from_pem(b"c", b"k3y-c4n4ry").unwrap_err();
    assert!(!format!("{error} {error:?}").contains("c4n4ry"));
}
