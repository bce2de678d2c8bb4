//! The pages in a real browser: hostile names do nothing there, our own scripts run, and nothing breaks the policy.

mod chromium;
// The same made-up data that the crate's own tests and its preview use.
#[path = "../../dashboards/src/fixture/mod.rs"]
mod fixture;

use std::net::SocketAddr;
use std::sync::Arc;

use dashboards::{Dashboard, RawRecord, RawRecords};
use detectors::finding::RecordPosition;
use store::{RunId, Store};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

use chromium::Seen;

/// Each way of running that a browser knows, writing the same mark on the page.
const PAYLOAD: &str = "\"'></title></textarea></script></svg><script>document.documentElement.dataset.hit=1</script>\
    <img src=x onerror=document.documentElement.dataset.hit=1>\
    <svg/onload=document.documentElement.dataset.hit=1>\
    <iframe srcdoc=\"<script>parent.document.documentElement.dataset.hit=1</script>\"></iframe>";

/// Whether a payload ran.
fn was_hit(seen: &Seen) -> bool {
    seen.page.contains("data-hit")
}

struct Clock(i64);

impl pipeline::WallClock for Clock {
    fn now_nanos(&self) -> i64 {
        self.0
    }

    fn monotonic_nanos(&self) -> i64 {
        self.0
    }
}

/// Every record is the payload.
struct Payloads;

impl RawRecords for Payloads {
    fn fetch(&self, _: &RecordPosition) -> RawRecord {
        RawRecord::Found(PAYLOAD.as_bytes().to_vec())
    }
}

/// The pages over a store in which every name is the payload.
struct Pages {
    server: SocketAddr,
    loudest: String,
    _folder: tempfile::TempDir,
    _runtime: Runtime,
}

impl Pages {
    fn serve() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("sealwatch.db")).unwrap();
        let filled = fixture::fill(&store, 5, &|text: &str| format!("{PAYLOAD}{text}"));
        assert_ne!(filled.loudest, filled.swallowed);
        let clock = Arc::new(Clock(filled.now));
        let dashboard = Dashboard::new(store.reader().clone(), RunId::Live, Arc::new(Payloads), clock);
        let runtime = Runtime::new().unwrap();
        let listener = runtime.block_on(dashboards::bind("127.0.0.1:0".parse().unwrap())).unwrap();
        let server = listener.local_addr().unwrap();
        runtime.spawn(dashboards::serve(listener, dashboard, std::future::pending()));
        Self { server, loudest: filled.loudest.to_string(), _folder: folder, _runtime: runtime }
    }
}

#[test]
fn hostile_names_do_nothing_in_a_browser() {
    let pages = Pages::serve();
    let loudest = &pages.loudest;
    let raw = format!("/incidents/{loudest}/raw?source=npm-feed&stream=npm-publishes&partition=3&offset=40");
    let nowhere =
        "/incidents?severity=%3Cscript%3Edocument.documentElement.dataset.hit%3D1%3C%2Fscript%3E".to_owned();
    let live =
        ["/incidents?budget=any".to_owned(), format!("/incidents/{loudest}"), "/pipeline".to_owned(), raw];
    for (path, is_live) in live.into_iter().map(|path| (path, true)).chain([(nowhere, false)]) {
        let seen = chromium::look(&format!("http://{}{path}", pages.server));
        assert!(!was_hit(&seen), "a payload ran on {path}: {}", seen.page);
        assert_eq!(seen.page.matches("<script").count(), 2, "{path}");
        for element in ["<img", "<iframe", "<object", "<embed"] {
            assert!(!seen.page.contains(element), "{element} on {path}");
        }
        assert!(seen.page.contains("dataset.hit=1") || !is_live, "the payload is on {path}, as text");
        assert_eq!(seen.complaints, Vec::<String>::new(), "{path}");
        let live_button = seen.page.split("id=\"live\"").nth(1).unwrap().split('>').next().unwrap();
        assert_eq!(!live_button.contains("hidden"), is_live, "our own scripts ran on {path}: {live_button}");
    }
}

/// Without this the test above might be blind.
#[test]
fn the_payload_runs_where_nothing_stops_it_and_a_broken_policy_is_noticed() {
    let bare = look_at(&format!("<!doctype html><title>x</title>{PAYLOAD}"), "");
    assert!(was_hit(&bare), "{}", bare.page);
    let policy = "Content-Security-Policy: default-src 'none'; script-src 'self'\r\n";
    let guarded = look_at(&format!("<!doctype html><title>x</title>{PAYLOAD}"), policy);
    assert!(!was_hit(&guarded), "{}", guarded.page);
    assert!(
        guarded.complaints.iter().any(|line| line.contains("Content Security Policy")),
        "{:?}",
        guarded.complaints
    );
}

/// What the browser makes of one page with this header.
fn look_at(page: &str, header: &str) -> Seen {
    let answer = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n{header}Content-Length: {}\r\nConnection: close\r\n\r\n{page}",
        page.len()
    );
    let runtime = Runtime::new().unwrap();
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let server = listener.local_addr().unwrap();
    runtime.spawn(async move {
        while let Ok((mut connection, _)) = listener.accept().await {
            let answer = answer.clone();
            tokio::spawn(async move {
                let mut request = [0; 4096];
                if connection.read(&mut request).await.is_ok_and(|read| read > 0) {
                    let _ = connection.write_all(answer.as_bytes()).await;
                }
            });
        }
    });
    chromium::look(&format!("http://{server}/"))
}
