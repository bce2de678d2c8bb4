//! A server over a store in a folder of its own.

use std::net::SocketAddr;
use std::sync::Arc;

use detectors::finding::RecordPosition;
use store::{RunId, Store};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::fixture::{self, Filled, Naming};
use crate::{Dashboard, RawRecord, RawRecords, bind, serve};

/// A clock that stands still.
struct Stopped(i64);

impl pipeline::WallClock for Stopped {
    fn now_nanos(&self) -> i64 {
        self.0
    }

    fn monotonic_nanos(&self) -> i64 {
        self.0
    }
}

/// Has every record with an even offset, and says in it where it lies.
struct EvenRecords(Vec<u8>);

impl RawRecords for EvenRecords {
    fn fetch(&self, position: &RecordPosition) -> RawRecord {
        if position.offset % 2 == 0 {
            RawRecord::Found(self.0.clone())
        } else {
            RawRecord::Gone("retention has removed it".to_owned())
        }
    }
}

/// What raw records hold, unless a test says otherwise.
pub(super) const RECORD: &[u8] = b"{\"time\":\"2026-05-11T19:20:44Z\",\"type\":\"sign\"}";

pub(super) struct World {
    pub(super) store: Store,
    pub(super) server: SocketAddr,
    pub(super) now: i64,
    stop: Option<oneshot::Sender<()>>,
    serving: JoinHandle<std::io::Result<()>>,
    _folder: tempfile::TempDir,
}

impl World {
    /// A server of an empty store.
    pub(super) async fn empty() -> Self {
        Self::new(fixture::START * 1_000_000_000, RECORD).await
    }

    /// A server of a filled store.
    pub(super) async fn filled(filler: u32, naming: Naming<'_>) -> (Self, Filled) {
        Self::filled_with(filler, naming, RECORD).await
    }

    /// The same with these raw records.
    pub(super) async fn filled_with(filler: u32, naming: Naming<'_>, record: &[u8]) -> (Self, Filled) {
        let now = (fixture::START + 900) * 1_000_000_000;
        let world = Self::new(now, record).await;
        let filled = fixture::fill(&world.store, filler, naming);
        assert_eq!(filled.now, now, "the clock stands at the last commit");
        (world, filled)
    }

    async fn new(now: i64, record: &[u8]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("sealwatch.db")).unwrap();
        let raw = Arc::new(EvenRecords(record.to_vec()));
        let dashboard = Dashboard::new(store.reader().clone(), RunId::Live, raw, Arc::new(Stopped(now)));
        let listener = bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let server = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let stopped = async move {
            let _ = stopped.await;
        };
        let serving = tokio::spawn(serve(listener, dashboard.with_notice("Test data"), stopped));
        Self { store, server, now, stop: Some(stop), serving, _folder: folder }
    }

    /// Asks the server to end and waits for it.
    pub(super) async fn stop(mut self) {
        drop(self.stop.take());
        self.serving.await.unwrap().unwrap();
    }
}
