//! The pages over made-up data, to look at while they are changed: `cargo run -p dashboards --example preview`.
//!
//! Arguments: how many small incidents (300), and the port (8787; 0 is any). Every ten seconds one more comes in.

#[path = "../src/fixture/mod.rs"]
mod fixture;

use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use dashboards::{Dashboard, RawRecord, RawRecords};
use detectors::finding::RecordPosition;
use store::{RunId, Store};

/// Stands still, so that ages on screenshots do not change.
struct Stopped(i64);

impl pipeline::WallClock for Stopped {
    fn now_nanos(&self) -> i64 {
        self.0
    }

    fn monotonic_nanos(&self) -> i64 {
        self.0
    }
}

struct OneRecord;

impl RawRecords for OneRecord {
    fn fetch(&self, position: &RecordPosition) -> RawRecord {
        if position.offset == 12 {
            return RawRecord::Gone("retention has removed it".to_owned());
        }
        let record = "{\"time\":\"2026-05-11T19:20:44Z\",\"type\":\"publish\",\"artifact\":{\"purl\":\"pkg:npm/%40tanstack/react-router@1.169.5\"},\
            \"metadata\":{\"license\":\"MIT\",\"keywords\":[\"react\",\"gnp.exe\u{202e}\",\"<script>alert(1)</script>\"],\"file_count\":319,\"dependencies\":{}}}";
        RawRecord::Found(record.as_bytes().to_vec())
    }
}

/// Commits a small incident every ten seconds, so that the pages have something to be live about.
async fn come_in(store: Store, now: i64) {
    let mut ticks = tokio::time::interval(std::time::Duration::from_secs(10));
    ticks.tick().await;
    for n in 1.. {
        ticks.tick().await;
        let finding = fixture::findings::small(100_000 + n * 3 + 1, &str::to_owned);
        let incident = fixture::incident(std::slice::from_ref(&finding));
        fixture::commit(&store, &RunId::Live, now + i64::from(n), &incident, &[finding], &[]);
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let filler = arguments.next().map_or(Ok(300), |text| text.parse())?;
    let port = arguments.next().map_or(Ok(8787), |text| text.parse())?;
    let folder = tempfile::tempdir()?;
    let store = Store::open(&folder.path().join("preview.db"))?;
    let filled = fixture::fill(&store, filler, &str::to_owned);
    let clock = Arc::new(Stopped(filled.now));
    let dashboard = Dashboard::new(store.reader().clone(), RunId::Live, Arc::new(OneRecord), clock)
        .with_notice("Preview: nothing here is real");
    let listener = dashboards::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await?;
    let address = listener.local_addr()?;
    writeln!(
        std::io::stdout(),
        "http://{address}/incidents/{} (merged: {})",
        filled.loudest,
        filled.swallowed
    )?;
    tokio::spawn(come_in(store, filled.now));
    dashboards::serve(listener, dashboard, async {
        // Without a signal handler it just runs on.
        let _ = tokio::signal::ctrl_c().await;
    })
    .await?;
    Ok(())
}
