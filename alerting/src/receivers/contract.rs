//! What every receiver over HTTP must do, whatever its wire format: one suite, run for each of them.

pub(crate) mod kinds;

use std::future::Future;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use transport::{HttpClient, HttpPolicy, SecretString};

use self::kinds::{CANARY, KINDS, Kind, YesBy};
use super::fake_server::{Act, FakeServer, lenient_client, reply};
use super::{Attempt, Effect, Outcome, Place, Receiver};
use crate::card::Card;
use crate::outbox::DeliveryId;
use crate::receivers::channel_tests::hostile;

/// For services that answer.
const PATIENT: Duration = Duration::from_secs(20);
/// For services that do not.
const IMPATIENT: Duration = Duration::from_secs(2);

/// What an outcome comes down to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    Delivered,
    Retry(Effect),
    Park,
    Dead,
}

fn class(outcome: &Outcome) -> Class {
    match outcome {
        Outcome::Delivered(_) | Outcome::Accepted(_) => Class::Delivered,
        Outcome::Retry { failure, .. } => Class::Retry(failure.effect),
        Outcome::Park(_) => Class::Park,
        Outcome::Dead(_) => Class::Dead,
    }
}

/// Runs a check for every kind, all at once, with one client.
async fn each<F: Future<Output = ()> + Send + 'static>(patience: Duration, check: fn(Kind, HttpClient) -> F) {
    let http = lenient_client(patience);
    let mut all = JoinSet::new();
    for kind in KINDS {
        all.spawn(check(kind, http.clone()));
    }
    all.join_all().await;
}

async fn deliver(http: &HttpClient, receiver: &Receiver, card: &Card) -> Outcome {
    let id = DeliveryId::parse("abc").unwrap();
    let attempt = Attempt { id: &id, unix_seconds: 1_778_526_000, place: Place::New };
    receiver.deliver(http, card, attempt).await
}

/// Delivers to a server that acts like this; no failure may repeat any of the secrets, even where the server does.
async fn outcome_of(kind: Kind, http: &HttpClient, acts: &[Act]) -> (Outcome, FakeServer) {
    let server = FakeServer::start(acts).await;
    let receiver = kind.at(&server.url(""));
    let outcome = deliver(http, &receiver, &hostile()).await;
    let shown =
        format!("{outcome:?} {receiver:?} {}", outcome.failure().map_or("", |failure| failure.text()));
    assert!(!shown.contains(CANARY), "{}: {shown}", kind.name);
    (outcome, server)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_status_class_has_one_meaning() {
    each(PATIENT, |kind, http| async move {
        use Class::{Dead, Delivered, Park, Retry};
        let unsure = Retry(kind.effect);
        let cases = [
            (200, Delivered, kind.requests),
            (201, Delivered, kind.requests),
            (204, Delivered, kind.requests),
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
        for (status, expected, requests) in cases {
            // 204 has no body to say yes with.
            if status == 204 && kind.says_yes_by == YesBy::Body {
                continue;
            }
            let echo = format!("No: cannot POST /services/{CANARY}?sig={CANARY}");
            let body = if status < 300 { kind.fine } else { &echo };
            let headers = "Location: http://127.0.0.1:9/\r\n";
            let (outcome, server) = outcome_of(kind, &http, &[Act::Say(reply(status, headers, body))]).await;
            let found = (class(&outcome), server.arrived().len());
            assert_eq!(found, (expected, requests), "{} {status} {outcome:?}", kind.name);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn retry_after_is_handed_on() {
    each(PATIENT, |kind, http| async move {
        for status in [429, 503] {
            let act = Act::Say(reply(status, "Retry-After: 17\r\n", ""));
            let (outcome, _) = outcome_of(kind, &http, &[act]).await;
            let Outcome::Retry { wish, .. } = outcome else { panic!("{} {outcome:?}", kind.name) };
            assert_eq!(wish, Some(Duration::from_secs(17)), "{} {status}", kind.name);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_body_is_sent_once_more_and_smaller() {
    each(PATIENT, |kind, http| async move {
        let fine = Act::Say(reply(200, "", kind.fine));
        let mut acts = vec![fine.clone(); kind.requests - 1];
        acts.extend([Act::Say(reply(413, "", "")), fine]);
        let (outcome, server) = outcome_of(kind, &http, &acts).await;
        let arrived = server.arrived();
        assert_eq!((class(&outcome), arrived.len()), (Class::Delivered, acts.len()), "{}", kind.name);
        let [.., full, least] = &arrived[..] else { panic!("{}", kind.name) };
        assert!(least.body.len() < full.body.len(), "{}", kind.name);
        assert!(String::from_utf8_lossy(&least.body).contains("channel"), "{}: names the subject", kind.name);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_line_that_breaks_is_ambiguous_and_one_that_never_was_is_not() {
    each(IMPATIENT, |kind, http| async move {
        let half_status = "HTTP/1.1 20".to_owned();
        for act in [Act::Drop, Act::Hang, Act::Say(half_status.clone()), Act::Dribble(half_status)] {
            let (outcome, _) = outcome_of(kind, &http, std::slice::from_ref(&act)).await;
            assert_eq!(class(&outcome), Class::Retry(kind.effect), "{} {act:?} {outcome:?}", kind.name);
        }
        // Port 1 of the loopback: nobody listens.
        let receiver = kind.at(&SecretString::new("http://127.0.0.1:1".to_owned()));
        let outcome = deliver(&http, &receiver, &hostile()).await;
        assert_eq!(class(&outcome), Class::Retry(Effect::None), "{} {outcome:?}", kind.name);
        assert!(!format!("{outcome:?}").contains(CANARY));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn half_a_body_after_a_good_status_loses_nothing() {
    each(IMPATIENT, |kind, http| async move {
        let half = "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\no".to_owned();
        for act in [Act::Say(half.clone()), Act::SayAndHang(half.clone()), Act::Dribble(half)] {
            let (outcome, _) = outcome_of(kind, &http, &[act]).await;
            // Who says yes by the status has said it; who says it by the body may have done it or not.
            let expected = match kind.says_yes_by {
                YesBy::Status => Class::Delivered,
                YesBy::Body => Class::Retry(kind.effect),
            };
            assert_eq!(class(&outcome), expected, "{} {outcome:?}", kind.name);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reply_without_end_costs_neither_memory_nor_time() {
    each(PATIENT, |kind, http| async move {
        const GIB: u64 = 1 << 30;
        for status in [200, 500] {
            let head = format!("HTTP/1.1 {status} X\r\nContent-Length: {GIB}\r\n\r\n");
            let started = Instant::now();
            let (outcome, _) = outcome_of(kind, &http, &[Act::Flood(head)]).await;
            assert!(started.elapsed() < PATIENT, "{} {status}", kind.name);
            let shown = outcome.failure().map_or(0, |failure| failure.text().len());
            assert!(shown < 1_000, "{} {status}: {shown} bytes kept", kind.name);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_guard_stops_what_it_should_and_no_byte_leaves() {
    each(PATIENT, |kind, _| async move {
        let server = FakeServer::answering(200, kind.fine).await;
        let insecure = HttpPolicy { allow_insecure_http: true, ..HttpPolicy::default() };
        for policy in [HttpPolicy::default(), insecure] {
            let http = HttpClient::new(policy).unwrap();
            let outcome = deliver(&http, &kind.at(&server.url("")), &hostile()).await;
            assert_eq!(class(&outcome), Class::Park, "{} {outcome:?}", kind.name);
            assert_eq!(outcome.failure().unwrap().effect, Effect::None);
            assert!(!format!("{outcome:?}").contains(CANARY));
        }
        assert_eq!(server.arrived().len(), 0, "{}", kind.name);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_that_moves_to_a_private_address_is_not_followed() {
    each(PATIENT, |kind, _| async move {
        let server = FakeServer::answering(200, kind.fine).await;
        // The name server's first answers are allowed, those after them are private.
        let asked = Arc::new(AtomicUsize::new(0));
        let (counted, honest) = (Arc::clone(&asked), kind.requests);
        let answers = move |_: &str| -> Vec<IpAddr> {
            let moved = counted.fetch_add(1, Ordering::SeqCst) >= honest;
            vec![if moved { "10.0.0.7" } else { "127.0.0.1" }.parse().unwrap()]
        };
        let allowed = ["127.0.0.1/32".parse().unwrap()].into_iter().collect();
        let policy =
            HttpPolicy { allow_insecure_http: true, allow_targets: allowed, ..HttpPolicy::default() };
        let http = HttpClient::with_names(policy, Arc::new(answers)).unwrap();
        let port = server.url("").expose().rsplit_once(':').unwrap().1.to_owned();
        let receiver = kind.at(&SecretString::new(format!("http://rebound.example:{port}")));
        let first = deliver(&http, &receiver, &hostile()).await;
        assert_eq!(class(&first), Class::Delivered, "{} {first:?}", kind.name);
        let second = deliver(&http, &receiver, &hostile()).await;
        assert_eq!(class(&second), Class::Park, "{} {second:?}", kind.name);
        assert_eq!(server.arrived().len(), kind.requests, "{}", kind.name);
        assert!(!format!("{second:?}").contains(CANARY));
    })
    .await;
}
