//! The listener: which request is taken, which is refused and why, and the thread that writes what was taken.
//!
//! Connections, the head of a request, its body, its rate and the work that waits are all bounded. An answer goes out
//! when its request is on disk, and not before.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, TcpListener};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::{Body as _, Bytes, Incoming};
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::sync::{Semaphore, oneshot, watch};
use transport::Clock;

use super::auth::Check;
use super::pace::Pace;
use super::refused::Refused;
use super::settings::HttpSourceSettings;
use super::spool::{Frame, Kind, Shared, Spool, SpoolError};
use crate::source::{HEAD_BYTES, MAX_RECORD_BYTES};

/// Connections at once; others wait until one is over.
pub const MAX_CONNECTIONS: usize = 256;
/// How long the head of a request may take, and a connection may stand idle.
pub const HEAD_WITHIN: Duration = Duration::from_secs(10);
/// How long a body may take.
pub const BODY_WITHIN: Duration = Duration::from_secs(10);
/// How long requests that are under way at the end may take.
const DRAIN_WITHIN: Duration = Duration::from_secs(5);
/// How long nothing is accepted after the system refused to.
const ACCEPT_AGAIN: Duration = Duration::from_millis(20);
/// Requests that wait for the disk, for each source.
const MAX_WAITING: usize = 512;
/// Requests that are flushed at once.
const BATCH: usize = 128;
/// Refusals of a source that are noted in a minute; what is more is answered and not noted.
const NOTED_PER_MINUTE: u32 = 60;
/// Seconds after which a sender should try again when the disk is full or slow.
const TRY_AGAIN_SECONDS: &str = "30";

/// One source's side of the listener.
pub(super) struct Door {
    path: String,
    check: Check,
    pace: Mutex<Pace>,
    /// A minute's worth of refusals that are noted.
    noting: Mutex<(Duration, u32)>,
    spool: Spool,
}

impl Door {
    pub(super) fn new(settings: &HttpSourceSettings, check: Check, spool: Spool, now: Duration) -> Self {
        Self {
            path: settings.path.clone(),
            check,
            pace: Mutex::new(Pace::new(settings.requests_per_second, now)),
            noting: Mutex::new((now, 0)),
            spool,
        }
    }
}

/// A door whose spool is written by a thread of its own.
struct Open {
    check: Check,
    pace: Mutex<Pace>,
    noting: Mutex<(Duration, u32)>,
    shared: Arc<Shared>,
    queue: SyncSender<Waiting>,
}

struct Waiting {
    frame: Frame,
    done: Option<oneshot::Sender<Result<(), Unwritten>>>,
}

/// Why a request is not on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unwritten {
    Full,
    Failed,
}

/// The threads that listen and write.
#[derive(Debug)]
pub(super) struct Serving {
    stop: watch::Sender<()>,
    threads: Vec<JoinHandle<()>>,
}

impl Serving {
    pub(super) fn start(listener: TcpListener, doors: Vec<Door>, clock: Arc<dyn Clock>) -> io::Result<Self> {
        let mut threads = Vec::new();
        let mut open = BTreeMap::new();
        for door in doors {
            let (queue, waiting) = sync_channel(MAX_WAITING);
            let Door { path, check, pace, noting, spool } = door;
            let shared = spool.shared();
            threads.push(named("http-spool", move || write(spool, &waiting))?);
            open.insert(path, Open { check, pace, noting, shared, queue });
        }
        listener.set_nonblocking(true)?;
        let (stop, stopped) = watch::channel(());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let listening = named("http-door", move || runtime.block_on(listen(listener, open, clock, stopped)))?;
        // It ends first: the writers end when nobody can hand them anything any more.
        threads.insert(0, listening);
        Ok(Self { stop, threads })
    }

    pub(super) fn close(self) {
        drop(self.stop);
        for thread in self.threads {
            // A thread that panicked has nothing left to wait for.
            drop(thread.join());
        }
    }
}

fn named(name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<JoinHandle<()>> {
    std::thread::Builder::new().name(name.to_owned()).spawn(work)
}

/// Writes what waits, as much as there is in one flush.
fn write(mut spool: Spool, waiting: &Receiver<Waiting>) {
    while let Ok(first) = waiting.recv() {
        let mut batch = vec![first];
        batch.extend(waiting.try_iter().take(BATCH - 1));
        let (frames, done): (Vec<_>, Vec<_>) = batch.into_iter().map(|own| (own.frame, own.done)).unzip();
        let written = spool.append(&frames).map_err(|error| {
            spool.shared().trouble(format!("webhooks are refused: {}", chain(&error)));
            match error {
                SpoolError::Full(_) => Unwritten::Full,
                SpoolError::Unusable { .. } => Unwritten::Failed,
            }
        });
        for sender in done.into_iter().flatten() {
            // Who no longer waits will send it again.
            let _ = sender.send(written);
        }
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}

async fn listen(
    listener: TcpListener,
    doors: BTreeMap<String, Open>,
    clock: Arc<dyn Clock>,
    mut stopped: watch::Receiver<()>,
) {
    let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
    let house = Arc::new(House { doors, clock });
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let (under_way, mut none_left) = tokio::sync::mpsc::channel::<()>(1);
    loop {
        let accepted = async {
            let place = Arc::clone(&places).acquire_owned().await.ok()?;
            // One that broke before it was accepted is no reason to stop.
            Some((listener.accept().await.ok(), place))
        };
        let (connection, place) = tokio::select! {
            _ = stopped.changed() => break,
            accepted = accepted => match accepted {
                Some((Some(connection), place)) => (connection, place),
                Some((None, _)) => {
                    // No file handles are left, most likely: others must end first.
                    drop(tokio::time::timeout(ACCEPT_AGAIN, stopped.changed()).await);
                    continue;
                }
                None => break,
            },
        };
        let (stream, peer) = connection;
        let (house, under_way, mut stopped) = (Arc::clone(&house), under_way.clone(), stopped.clone());
        tokio::spawn(async move {
            let _kept = (place, under_way);
            let service = service_fn(move |request| {
                let house = Arc::clone(&house);
                async move { Ok::<_, Infallible>(house.answer(request, peer.ip()).await) }
            });
            let mut http = hyper::server::conn::http1::Builder::new();
            http.timer(TokioTimer::new()).header_read_timeout(HEAD_WITHIN).max_buf_size(64 * 1024);
            let connection = http.serve_connection(TokioIo::new(stream), service);
            let mut connection = std::pin::pin!(connection);
            tokio::select! {
                // What breaks off was answered or will be sent again.
                _ = connection.as_mut() => {}
                _ = stopped.changed() => {
                    connection.as_mut().graceful_shutdown();
                    drop(connection.await);
                }
            }
        });
    }
    drop(under_way);
    // `recv` gives nothing once the last connection is over.
    drop(tokio::time::timeout(DRAIN_WITHIN, none_left.recv()).await);
}

struct House {
    doors: BTreeMap<String, Open>,
    clock: Arc<dyn Clock>,
}

impl House {
    async fn answer(&self, request: Request<Incoming>, peer: IpAddr) -> Response<Full<Bytes>> {
        match self.take(request, peer).await {
            Ok(()) => answer(StatusCode::OK, "{\"taken\":true}\n"),
            Err(why) => {
                let mut response =
                    answer(why.status(), &format!("{{\"taken\":false,\"reason\":\"{}\"}}\n", why.words()));
                let more = match why {
                    Refused::NotPosted => Some((ALLOW, "POST")),
                    Refused::TooMany => Some((RETRY_AFTER, "1")),
                    Refused::NoSpace | Refused::Busy => Some((RETRY_AFTER, TRY_AGAIN_SECONDS)),
                    _ => None,
                };
                if let Some((name, value)) = more {
                    response.headers_mut().insert(name, HeaderValue::from_static(value));
                }
                response
            }
        }
    }

    async fn take(&self, request: Request<Incoming>, peer: IpAddr) -> Result<(), Refused> {
        let (head, body) = request.into_parts();
        let (door, rest) = self.door(head.uri.path()).ok_or(Refused::NoSuchPath)?;
        if head.method != Method::POST {
            return Err(Refused::NotPosted);
        }
        if !lock(&door.pace).takes(self.clock.monotonic()) {
            return Err(Refused::TooMany);
        }
        let refuse = |why: Refused, body: &[u8]| {
            self.note(door, why, peer, body);
            why
        };
        door.check.of_head(&head.headers, rest).map_err(|why| refuse(Refused::NotBelieved(why), b""))?;
        let body = read(body).await.map_err(|why| refuse(why, b""))?;
        door.check.of_body(&head.headers, &body).map_err(|why| refuse(Refused::NotBelieved(why), &body))?;
        if body.is_empty() {
            return Err(refuse(Refused::Empty, b""));
        }
        let (done, written) = oneshot::channel();
        let frame = self.frame(Kind::Taken, body.to_vec());
        match door.queue.try_send(Waiting { frame, done: Some(done) }) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => return Err(Refused::Busy),
            Err(TrySendError::Disconnected(_)) => return Err(Refused::NoSpace),
        }
        match written.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(Unwritten::Full | Unwritten::Failed)) | Err(_) => Err(Refused::NoSpace),
        }
    }

    /// The door of a path, and what of the path is behind the door's own.
    fn door<'a>(&self, path: &'a str) -> Option<(&Open, &'a str)> {
        if let Some(door) = self.doors.get(path) {
            return Some((door, ""));
        }
        let (own, _) = path.rsplit_once('/')?;
        self.doors.get(own).filter(|door| door.check.is_in_path()).map(|door| (door, &path[own.len()..]))
    }

    fn frame(&self, kind: Kind, bytes: Vec<u8>) -> Frame {
        Frame { received_ms: self.clock.unix_nanos() / 1_000_000, kind, bytes }
    }

    /// Notes a refusal where its dead letter will be looked for, as long as not too many come.
    fn note(&self, door: &Open, why: Refused, peer: IpAddr, body: &[u8]) {
        if !why.is_noted() || !may_note(&mut lock(&door.noting), self.clock.monotonic()) {
            return;
        }
        let mut bytes = format!("{}, from {peer}\n", why.words()).into_bytes();
        bytes.extend(&body[..body.len().min(HEAD_BYTES)]);
        let waiting = Waiting { frame: self.frame(Kind::Refused, bytes), done: None };
        if door.queue.try_send(waiting).is_err() {
            door.shared
                .trouble("a refused request could not be noted: too many wait for the disk".to_owned());
        }
    }
}

/// Whether one more refusal is noted in this minute.
fn may_note(noting: &mut (Duration, u32), now: Duration) -> bool {
    if now.saturating_sub(noting.0) >= Duration::from_secs(60) {
        *noting = (now, 0);
    }
    noting.1 = noting.1.saturating_add(1);
    noting.1 <= NOTED_PER_MINUTE
}

/// A body within its bounds. One that says itself that it is too large is not read at all.
async fn read(body: Incoming) -> Result<Bytes, Refused> {
    if body.size_hint().lower() > MAX_RECORD_BYTES as u64 {
        return Err(Refused::TooLarge);
    }
    let read = Limited::new(body, MAX_RECORD_BYTES).collect();
    match tokio::time::timeout(BODY_WITHIN, read).await {
        Err(_) => Err(Refused::TooSlow),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(Refused::TooLarge),
        Ok(Err(_)) => Err(Refused::Broken),
        Ok(Ok(read)) => Ok(read.to_bytes()),
    }
}

fn answer(status: StatusCode, text: &str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(text.to_owned())));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_refusals_is_noted_up_to_a_bound() {
        let mut noting = (Duration::ZERO, 0);
        let noted = |noting: &mut _, second| {
            (0..1_000).filter(|_| may_note(noting, Duration::from_secs(second))).count()
        };
        assert_eq!(noted(&mut noting, 0), NOTED_PER_MINUTE as usize);
        assert_eq!(noted(&mut noting, 59), 0);
        assert_eq!(noted(&mut noting, 60), NOTED_PER_MINUTE as usize);
    }
}
