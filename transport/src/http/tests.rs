//! The client against real sockets: redirects, slow and endless replies, lying name servers, leaking errors.

use std::error::Error as _;
use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use reqwest::dns::{Addrs, Name, Resolving};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::clock::TestClock;
use crate::guard::{AddressClass, Refusal};
use crate::secret::SecretString;

const CANARY: &str = "canary-51c7e2";

/// What the server does once it has read the request's head.
#[derive(Clone, Copy)]
enum Answer {
    /// Writes this and closes.
    Text(&'static str),
    /// Writes a head and then chunks of 1 MiB until the client hangs up.
    Endless,
    /// Writes this, then one more byte every 20 ms.
    Dribble(&'static str),
    /// Reads and never answers.
    Silence,
    /// Closes at once.
    HangUp,
}

struct Server {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
    heard: Arc<Mutex<String>>,
}

async fn serve(answer: Answer) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = Server {
        address: listener.local_addr().unwrap(),
        connections: Arc::default(),
        heard: Arc::default(),
    };
    let (connections, heard) = (server.connections.clone(), server.heard.clone());
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            connections.fetch_add(1, Ordering::SeqCst);
            let heard = heard.clone();
            // A client that hangs up in the middle is what some of these tests are about.
            tokio::spawn(async move { drop(converse(stream, answer, &heard).await) });
        }
    });
    server
}

async fn converse(mut stream: TcpStream, answer: Answer, heard: &Mutex<String>) -> std::io::Result<()> {
    let mut request = Vec::new();
    while !request.windows(4).any(|window| window == b"\r\n\r\n") {
        if stream.read_buf(&mut request).await? == 0 {
            return Ok(());
        }
    }
    heard.lock().unwrap().push_str(&String::from_utf8_lossy(&request));
    match answer {
        Answer::Text(text) => stream.write_all(text.as_bytes()).await,
        Answer::Endless => {
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n").await?;
            let block = vec![b'x'; 1 << 20];
            for _ in 0..1024 {
                stream.write_all(&block).await?;
            }
            Ok(())
        }
        Answer::Dribble(text) => {
            stream.write_all(text.as_bytes()).await?;
            let mut beat = tokio::time::interval(Duration::from_millis(20));
            loop {
                beat.tick().await;
                stream.write_all(b"x").await?;
            }
        }
        Answer::Silence => loop {
            if stream.read_buf(&mut request).await? == 0 {
                return Ok(());
            }
        },
        Answer::HangUp => Ok(()),
    }
}

fn test_policy() -> HttpPolicy {
    HttpPolicy {
        request_timeout: Duration::from_millis(400),
        allow_insecure_http: true,
        allow_targets: ["127.0.0.0/8".parse().unwrap()].into_iter().collect(),
        ..HttpPolicy::default()
    }
}

fn secret_url(text: &str) -> SecretUrl {
    SecretUrl::parse(&SecretString::new(text.to_owned())).unwrap()
}

fn request(url: &SecretUrl) -> Request<'_> {
    Request { url, headers: &[("X-Key", CANARY)], body: b"{}".to_vec(), content_type: "application/json" }
}

/// Posts to a server that gives this answer, and bounds the whole test in time.
async fn exchange(answer: Answer) -> (Result<Reply, HttpError>, Server) {
    let server = serve(answer).await;
    let url = secret_url(&format!("http://{}/{CANARY}?key={CANARY}", server.address));
    let client = HttpClient::new(test_policy()).unwrap();
    let result = tokio::time::timeout(Duration::from_secs(5), client.post(request(&url))).await;
    (result.expect("the client must give up by itself"), server)
}

#[tokio::test]
async fn a_reply_is_read_with_its_wish_for_peace() {
    const LATE: &str =
        "HTTP/1.1 429 No\r\nRetry-After: Sun, 06 Nov 1994 08:50:37 GMT\r\nContent-Length: 4\r\n\r\nslow";
    let server = serve(Answer::Text(LATE)).await;
    let url = secret_url(&format!("http://user:{CANARY}@{}/hook", server.address));
    let now = chrono::DateTime::from_timestamp(784_111_777, 0).unwrap();
    let client = HttpClient::new(test_policy()).unwrap().with_clock(Arc::new(TestClock::at(now)));
    let reply = client.post(request(&url)).await.unwrap();
    let expected = Reply {
        status: 429,
        retry_after: Some(Duration::from_secs(60)),
        body: "slow".into(),
        body_end: BodyEnd::Whole,
    };
    assert_eq!(reply, expected);
    let heard = server.heard.lock().unwrap().to_ascii_lowercase();
    for part in [
        "post /hook http/1.1",
        "content-type: application/json",
        "authorization: basic",
        "user-agent: sealwatch/",
    ] {
        assert!(heard.contains(part), "{heard}");
    }
    assert!(!heard.contains("accept-encoding"), "a compressed reply could be a bomb: {heard}");
}

#[tokio::test]
async fn a_redirect_is_a_reply_and_is_not_followed() {
    let target = serve(Answer::Text("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")).await;
    let location =
        format!("HTTP/1.1 307 Go\r\nLocation: http://{}/\r\nContent-Length: 0\r\n\r\n", target.address);
    let (result, _server) = exchange(Answer::Text(location.leak())).await;
    assert_eq!(result.unwrap().status, 307);
    assert_eq!(target.connections.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn an_endless_body_is_cut_at_the_limit() {
    let (result, _server) = exchange(Answer::Endless).await;
    let reply = result.unwrap();
    assert_eq!((reply.status, reply.body.len(), reply.body_end), (200, REPLY_MAX_BYTES, BodyEnd::TooLong));
}

#[tokio::test]
async fn a_body_of_exactly_the_limit_is_whole() {
    let text = format!(
        "HTTP/1.1 200 OK\r\nContent-Length: {REPLY_MAX_BYTES}\r\n\r\n{}",
        "x".repeat(REPLY_MAX_BYTES)
    );
    let (result, _server) = exchange(Answer::Text(text.leak())).await;
    let reply = result.unwrap();
    assert_eq!((reply.body.len(), reply.body_end), (REPLY_MAX_BYTES, BodyEnd::Whole));
}

#[tokio::test]
async fn a_dribbled_body_ends_with_the_time_but_keeps_the_status() {
    let (result, _server) =
        exchange(Answer::Dribble("HTTP/1.1 202 OK\r\nContent-Length: 9999\r\n\r\n")).await;
    let reply = result.unwrap();
    assert_eq!((reply.status, reply.body_end), (202, BodyEnd::OutOfTime));
    assert!(reply.body.starts_with('x'));
}

#[tokio::test]
async fn a_body_that_breaks_off_keeps_the_status() {
    let (result, _server) = exchange(Answer::Text("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nhalf")).await;
    let reply = result.unwrap();
    assert_eq!((reply.status, reply.body.as_str(), reply.body_end), (200, "half", BodyEnd::Broken));
}

#[tokio::test]
async fn without_a_reply_the_request_may_have_been_heard() {
    for answer in
        [Answer::Silence, Answer::Dribble("HTTP/1.1 2"), Answer::HangUp, Answer::Text("220 smtp\r\n\r\n")]
    {
        let (result, server) = exchange(answer).await;
        let error = result.unwrap_err();
        assert_eq!(error.reach(), Reach::Ambiguous, "{error}");
        assert_eq!(server.connections.load(Ordering::SeqCst), 1, "nothing is repeated behind our back");
        assert_no_canary(&error);
    }
}

#[tokio::test]
async fn a_refused_connection_was_not_heard() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = secret_url(&format!("http://{}/{CANARY}", listener.local_addr().unwrap()));
    drop(listener);
    let error = HttpClient::new(test_policy()).unwrap().post(request(&url)).await.unwrap_err();
    assert!(matches!(error, HttpError::Connect { .. }), "{error:?}");
    assert_eq!(error.reach(), Reach::NotSent);
    assert_no_canary(&error);
}

#[tokio::test]
async fn a_header_that_would_split_the_request_is_refused_unsent() {
    let url = secret_url("http://127.0.0.1:9/");
    let client = HttpClient::new(test_policy()).unwrap();
    for header in [("X-Ok", "a\r\nX-Injected: b"), ("X Bad", "a"), ("", "a")] {
        let error = client.post(Request { headers: &[header], ..request(&url) }).await.unwrap_err();
        assert!(matches!(error, HttpError::InvalidHeader { .. }), "{error:?}");
        assert_eq!(error.reach(), Reach::NotSent);
    }
}

/// Answers each question with the next address, like a name server that changes its mind.
struct Flipping {
    answers: Vec<SocketAddr>,
    asked: AtomicUsize,
}

impl Resolve for Flipping {
    fn resolve(&self, _: Name) -> Resolving {
        let index = self.asked.fetch_add(1, Ordering::SeqCst).min(self.answers.len() - 1);
        let answer = self.answers[index];
        Box::pin(async move { Ok(Box::new(std::iter::once(answer)) as Addrs) })
    }
}

#[tokio::test]
async fn a_name_that_flips_to_this_machine_after_a_check_is_never_connected() {
    let server = serve(Answer::Text("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")).await;
    let public = "93.184.215.14:0".parse().unwrap();
    let local = SocketAddr::new(server.address.ip(), 0);
    let resolver = Arc::new(Flipping { answers: vec![public, local], asked: AtomicUsize::new(0) });
    let policy = HttpPolicy { allow_targets: AllowList::default(), ..test_policy() };
    let client = HttpClient::with_resolver(policy, resolver.clone()).unwrap();

    let checked = resolver.resolve("rebind.example".parse().unwrap()).await.ok().unwrap().next();
    assert_eq!(checked, Some(public));
    let url = secret_url(&format!("http://rebind.example:{}/{CANARY}", server.address.port()));
    let error = client.post(request(&url)).await.unwrap_err();
    let HttpError::Refused { refusal, .. } = &error else { panic!("{error:?}") };
    assert_eq!(refusal, &Refusal::Resolved { address: local.ip(), class: AddressClass::Loopback });
    assert_eq!(error.reach(), Reach::NotSent);
    assert_eq!(server.connections.load(Ordering::SeqCst), 0);
    assert_no_canary(&error);
}

#[tokio::test]
async fn a_named_target_is_reached_wherever_it_resolves_to_but_only_on_its_port() {
    let server = serve(Answer::Text("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")).await;
    let answers = vec![SocketAddr::new(server.address.ip(), 0)];
    let resolver = Arc::new(Flipping { answers, asked: AtomicUsize::new(0) });
    let port = server.address.port();
    let allowed = format!("chat.corp:{port}").parse().unwrap();
    let policy = HttpPolicy { allow_targets: [allowed].into_iter().collect(), ..test_policy() };
    let client = HttpClient::with_resolver(policy, resolver).unwrap();

    let url = secret_url(&format!("http://chat.corp:{port}/"));
    assert_eq!(client.post(request(&url)).await.unwrap().status, 200);
    for other in [format!("http://chat.corp:{}/", port ^ 1), format!("http://other.corp:{port}/")] {
        let error = client.post(request(&secret_url(&other))).await.unwrap_err();
        assert!(matches!(error, HttpError::Refused { .. }), "{error:?}");
    }
    assert_eq!(server.connections.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn every_forbidden_spelling_is_refused_before_a_connection() {
    let server = serve(Answer::Text("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")).await;
    let policy = HttpPolicy { allow_targets: AllowList::default(), ..test_policy() };
    let client = HttpClient::new(policy).unwrap();
    let port = server.address.port();
    for host in [
        "127.0.0.1",
        "0x7f.1",
        "2130706433",
        "0177.1",
        "localhost",
        "[::ffff:127.0.0.1]",
        "[::1]",
        "0",
        "0.0.0.0",
    ] {
        let error =
            client.post(request(&secret_url(&format!("http://{host}:{port}/{CANARY}")))).await.unwrap_err();
        assert!(matches!(error, HttpError::Refused { .. }), "{host}: {error:?}");
        assert_no_canary(&error);
    }
    assert_eq!(server.connections.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_configured_proxy_is_used_and_written_addresses_are_still_judged() {
    let proxy = serve(Answer::Text("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")).await;
    let policy = HttpPolicy {
        proxy: Some(secret_url(&format!("http://{}/", proxy.address))),
        allow_targets: AllowList::default(),
        ..test_policy()
    };
    let client = HttpClient::new(policy).unwrap();
    assert_eq!(client.post(request(&secret_url("http://hooks.example/x"))).await.unwrap().status, 200);
    assert!(proxy.heard.lock().unwrap().starts_with("POST http://hooks.example/x "));
    let error = client.post(request(&secret_url("http://169.254.169.254/x"))).await.unwrap_err();
    assert!(matches!(error, HttpError::Refused { .. }), "{error:?}");
    assert_eq!(proxy.connections.load(Ordering::SeqCst), 1);
}

#[test]
fn the_default_policy_is_the_strict_one() {
    let policy = HttpPolicy::default();
    assert_eq!(
        (policy.connect_timeout, policy.request_timeout),
        (Duration::from_secs(3), Duration::from_secs(10))
    );
    assert!(
        !policy.allow_insecure_http && policy.proxy.is_none() && policy.allow_targets == AllowList::default()
    );
    assert_eq!(REPLY_MAX_BYTES, 65_536);
}

#[test]
fn a_request_and_a_client_show_no_secret() {
    let url = secret_url(&format!("https://h/{CANARY}"));
    let policy =
        HttpPolicy { proxy: Some(secret_url(&format!("http://u:{CANARY}@p:1/"))), ..HttpPolicy::default() };
    let client = HttpClient::new(policy).unwrap();
    let request = Request { body: CANARY.into(), ..request(&url) };
    let shown = format!("{request:?} {client:?}");
    assert!(shown.contains("X-Key") && !shown.contains(CANARY), "{shown}");
}

fn assert_no_canary(error: &HttpError) {
    let mut shown = format!("{error} {error:?} {error:#?}");
    let mut cause = error.source();
    while let Some(inner) = cause {
        shown.push_str(&format!(" {inner} {inner:?}"));
        cause = inner.source();
    }
    assert!(!shown.contains(CANARY), "{shown}");
}
