//! What every receiver over HTTP must do, whatever its wire format: one table, run for each of them.

use std::time::{Duration, Instant};

use transport::{HttpClient, HttpPolicy, SecretString};

use super::fake_server::{Act, FakeServer, lenient_client, reply};
use super::{Attempt, Effect, Outcome, Place, Receiver, slack::Slack, webhook::Webhook};
use crate::card::{Card, build};
use crate::fixture;
use crate::outbox::DeliveryId;

/// Part of every URL below; it must never come out again.
const CANARY: &str = "c4n4ry-0f-th3-url";
const TIMEOUT: Duration = Duration::from_secs(1);

type Make = fn(&SecretString) -> Receiver;

/// How to make a receiver of each kind for a URL, and what its service says when all is well.
const KINDS: [(&str, Make, &str); 2] = [
    ("webhook", |url| Receiver::Webhook(Webhook::to(url)), ""),
    ("slack", |url| Receiver::Slack(Slack::to(url)), "ok"),
];

/// What an outcome comes down to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Delivered,
    Retry(Effect),
    Park,
    Dead,
}

fn kind(outcome: &Outcome) -> Kind {
    match outcome {
        Outcome::Delivered(_) | Outcome::Accepted(_) => Kind::Delivered,
        Outcome::Retry { failure, .. } => Kind::Retry(failure.effect),
        Outcome::Park(_) => Kind::Park,
        Outcome::Dead(_) => Kind::Dead,
    }
}

fn card() -> Card {
    let (incident, findings) = fixture::hostile_takeover();
    build(fixture::opened(), incident, findings, None)
}

async fn deliver(http: &HttpClient, receiver: &Receiver) -> Outcome {
    let id = DeliveryId::parse("abc").unwrap();
    receiver.deliver(http, &card(), Attempt { id: &id, unix_seconds: 1_778_526_000, place: Place::New }).await
}

/// Delivers to a server that acts like this; no failure may repeat any of the URL, even where the server does.
async fn outcome_of(acts: &[Act], kind: usize) -> (Outcome, usize) {
    let server = FakeServer::start(acts).await;
    let receiver = KINDS[kind].1(&server.url(&format!("/services/{CANARY}?sig={CANARY}")));
    let outcome = deliver(&lenient_client(TIMEOUT), &receiver).await;
    let shown =
        format!("{outcome:?} {receiver:?} {}", outcome.failure().map_or("", |failure| failure.text()));
    assert!(!shown.contains(CANARY), "{shown}");
    (outcome, server.arrived().len())
}

#[tokio::test]
async fn every_status_class_has_one_meaning() {
    use Kind::{Dead, Delivered, Park, Retry};
    let unsure = Retry(Effect::Possible);
    let cases = [
        (200, Delivered, 1),
        (201, Delivered, 1),
        (204, Delivered, 1),
        (301, Park, 1),
        (302, Park, 1),
        (307, Park, 1),
        (308, Park, 1),
        (400, Dead, 2),
        (401, Park, 1),
        (403, Park, 1),
        (404, Park, 1),
        (408, Retry(Effect::None), 1),
        (409, Dead, 1),
        (410, Park, 1),
        (413, Dead, 2),
        (418, Dead, 1),
        (422, Dead, 2),
        (425, Retry(Effect::None), 1),
        (429, Retry(Effect::None), 1),
        (500, unsure, 1),
        (502, unsure, 1),
        (503, Retry(Effect::None), 1),
        (504, unsure, 1),
        (599, unsure, 1),
    ];
    for (number, (name, _, fine)) in KINDS.iter().enumerate() {
        for (status, expected, requests) in cases {
            // 204 has no body to say "ok" with; Slack never answers so.
            if status == 204 && !fine.is_empty() {
                continue;
            }
            let echo = format!("No: cannot POST /services/{CANARY}?sig={CANARY}");
            let body = if status < 300 { *fine } else { &echo };
            let headers = "Location: http://127.0.0.1:9/\r\n";
            let (outcome, arrived) = outcome_of(&[Act::Say(reply(status, headers, body))], number).await;
            assert_eq!((kind(&outcome), arrived), (expected, requests), "{name} {status} {outcome:?}");
        }
    }
}

#[tokio::test]
async fn retry_after_is_handed_on() {
    for (number, (name, ..)) in KINDS.iter().enumerate() {
        for status in [429, 503] {
            let (outcome, _) =
                outcome_of(&[Act::Say(reply(status, "Retry-After: 17\r\n", ""))], number).await;
            let Outcome::Retry { wish, .. } = outcome else { panic!("{name} {outcome:?}") };
            assert_eq!(wish, Some(Duration::from_secs(17)), "{name} {status}");
        }
    }
}

#[tokio::test]
async fn a_refused_body_is_sent_once_more_and_smaller() {
    for (number, (name, _, fine)) in KINDS.iter().enumerate() {
        let server = FakeServer::start([Act::Say(reply(413, "", "")), Act::Say(reply(200, "", fine))]).await;
        let outcome = deliver(&lenient_client(TIMEOUT), &KINDS[number].1(&server.url("/"))).await;
        let arrived = server.arrived();
        assert_eq!((outcome, arrived.len()), (Outcome::Delivered(None), 2), "{name}");
        assert!(arrived[1].body.len() < arrived[0].body.len(), "{name}");
        assert!(
            String::from_utf8_lossy(&arrived[1].body).contains("channel"),
            "{name}: still names the subject"
        );
    }
}

#[tokio::test]
async fn a_line_that_breaks_is_ambiguous_and_one_that_never_was_is_not() {
    let half_status = "HTTP/1.1 20".to_owned();
    let cases = [(Act::Drop, "drop"), (Act::Hang, "hang"), (Act::Say(half_status), "half a status line")];
    for (number, (name, ..)) in KINDS.iter().enumerate() {
        for (act, what) in &cases {
            let (outcome, _) = outcome_of(std::slice::from_ref(act), number).await;
            assert_eq!(kind(&outcome), Kind::Retry(Effect::Possible), "{name} {what} {outcome:?}");
        }
        // Port 1 of the loopback: nobody listens.
        let receiver = KINDS[number].1(&SecretString::new(format!("http://127.0.0.1:1/{CANARY}")));
        let outcome = deliver(&lenient_client(TIMEOUT), &receiver).await;
        assert_eq!(kind(&outcome), Kind::Retry(Effect::None), "{name} {outcome:?}");
    }
}

#[tokio::test]
async fn half_a_body_after_a_good_status_loses_nothing() {
    let half = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nok".to_owned();
    for act in [Act::Say(half.clone()), Act::SayAndHang(half)] {
        // An endpoint said yes by its status; Slack says it by its body, so there a repeat is the safe side.
        let (outcome, _) = outcome_of(std::slice::from_ref(&act), 0).await;
        assert_eq!(outcome, Outcome::Delivered(None));
        let (outcome, _) = outcome_of(&[act], 1).await;
        assert_eq!(kind(&outcome), Kind::Retry(Effect::Possible));
    }
}

#[tokio::test]
async fn a_reply_without_end_costs_neither_memory_nor_time() {
    const GIB: u64 = 1 << 30;
    for (number, (name, ..)) in KINDS.iter().enumerate() {
        for status in [200, 500] {
            let head = format!("HTTP/1.1 {status} X\r\nContent-Length: {GIB}\r\n\r\n");
            let started = Instant::now();
            let (outcome, _) = outcome_of(&[Act::Flood(head)], number).await;
            assert!(started.elapsed() < TIMEOUT * 4, "{name} {status}");
            let shown = outcome.failure().map_or(0, |failure| failure.text().len());
            assert!(shown < 1_000, "{name} {status}: {shown} bytes kept");
        }
    }
}

#[tokio::test]
async fn the_guard_stops_what_it_should_and_no_byte_leaves() {
    for (number, (name, ..)) in KINDS.iter().enumerate() {
        let server = FakeServer::answering(200, "ok").await;
        let insecure = HttpPolicy { allow_insecure_http: true, ..HttpPolicy::default() };
        for policy in [HttpPolicy::default(), insecure] {
            let receiver = KINDS[number].1(&server.url(&format!("/{CANARY}")));
            let outcome = deliver(&HttpClient::new(policy).unwrap(), &receiver).await;
            assert_eq!(kind(&outcome), Kind::Park, "{name} {outcome:?}");
            assert_eq!(outcome.failure().unwrap().effect, Effect::None);
            assert!(!format!("{outcome:?}").contains(CANARY));
        }
        assert_eq!(server.arrived().len(), 0, "{name}");
    }
}
