//! A server of raw bytes on the loopback: it says exactly what a test wants, well-formed or not.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use transport::{AllowList, HttpClient, HttpPolicy, SecretString};

/// What the server does with one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Act {
    /// Sends these bytes and closes.
    Say(String),
    /// Sends these bytes and keeps the connection open for ever.
    SayAndHang(String),
    /// Says nothing for ever.
    Hang,
    /// Closes without a word, after the request arrived.
    Drop,
    /// Sends these bytes, and then one more every now and then for ever.
    Dribble(String),
    /// Sends these headers, and then a body without end until the client has had enough.
    Flood(String),
}

/// A request as it arrived.
#[derive(Debug, Clone)]
pub(crate) struct Arrived {
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
    /// What the server did with it.
    pub(crate) act: Act,
}

impl Arrived {
    /// A header's value.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}

/// A running server.
#[derive(Debug)]
pub(crate) struct FakeServer {
    address: SocketAddr,
    state: Arc<State>,
}

#[derive(Debug)]
struct State {
    /// What to do with each request in turn; the last is kept for all that follow.
    acts: Mutex<Vec<Act>>,
    arrived: Mutex<Vec<Arrived>>,
    news: Notify,
}

impl FakeServer {
    /// A server that acts like this, request by request.
    pub(crate) async fn start(acts: impl Into<Vec<Act>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state =
            Arc::new(State { acts: Mutex::new(acts.into()), arrived: Mutex::default(), news: Notify::new() });
        let shared = Arc::clone(&state);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&shared)));
            }
        });
        Self { address, state }
    }

    /// A server that answers every request with this status and body.
    pub(crate) async fn answering(status: u16, body: &str) -> Self {
        Self::start([Act::Say(reply(status, "", body))]).await
    }

    /// Changes what it does from now on.
    pub(crate) fn act(&self, acts: impl Into<Vec<Act>>) {
        *self.state.acts.lock().unwrap() = acts.into();
    }

    /// A URL of it with this path.
    pub(crate) fn url(&self, path: &str) -> SecretString {
        SecretString::new(format!("http://{}{path}", self.address))
    }

    /// What has arrived so far.
    pub(crate) fn arrived(&self) -> Vec<Arrived> {
        self.state.arrived.lock().unwrap().clone()
    }

    /// Waits until that many requests have arrived.
    pub(crate) async fn wait_for(&self, count: usize) -> Vec<Arrived> {
        loop {
            let news = self.state.news.notified();
            let arrived = self.arrived();
            if arrived.len() >= count {
                return arrived;
            }
            let waited = tokio::time::timeout(std::time::Duration::from_secs(20), news).await;
            assert!(waited.is_ok(), "{} of {count} requests arrived", arrived.len());
        }
    }
}

/// An answer in HTTP/1.1; `headers` are whole lines with their line breaks.
pub(crate) fn reply(status: u16, headers: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status} X\r\nContent-Length: {}\r\nConnection: close\r\n{headers}\r\n{body}",
        body.len()
    )
}

/// A client that may talk to the loopback in the clear, and is more impatient than the real one.
pub(crate) fn lenient_client(request_timeout: std::time::Duration) -> HttpClient {
    let targets: AllowList = ["127.0.0.0/8".parse().unwrap()].into_iter().collect();
    HttpClient::new(HttpPolicy {
        allow_insecure_http: true,
        allow_targets: targets,
        request_timeout,
        ..HttpPolicy::default()
    })
    .unwrap()
}

async fn serve(mut stream: TcpStream, state: Arc<State>) {
    let Some(arrived) = read(&mut stream).await else { return };
    let act = {
        let mut acts = state.acts.lock().unwrap();
        if acts.len() > 1 { acts.remove(0) } else { acts[0].clone() }
    };
    state.arrived.lock().unwrap().push(Arrived { act: act.clone(), ..arrived });
    state.news.notify_waiters();
    // A client that hangs up early is what some tests want to see, so failures to write are fine.
    match act {
        Act::Say(bytes) => {
            let _ = stream.write_all(bytes.as_bytes()).await;
        }
        Act::SayAndHang(bytes) => {
            let _ = stream.write_all(bytes.as_bytes()).await;
            std::future::pending::<()>().await;
        }
        Act::Hang => std::future::pending().await,
        Act::Drop => {}
        Act::Dribble(beginning) => {
            let _ = stream.write_all(beginning.as_bytes()).await;
            let mut beat = tokio::time::interval(std::time::Duration::from_millis(20));
            loop {
                beat.tick().await;
                if stream.write_all(b"x").await.is_err() {
                    return;
                }
            }
        }
        Act::Flood(head) => {
            let _ = stream.write_all(head.as_bytes()).await;
            while stream.write_all(&[b'x'; 16 * 1024]).await.is_ok() {}
        }
    }
}

async fn read(stream: &mut TcpStream) -> Option<Arrived> {
    let mut bytes = Vec::new();
    loop {
        let head_end = bytes.windows(4).position(|window| window == b"\r\n\r\n");
        if let Some(head_end) = head_end {
            let arrived = Arrived {
                head: String::from_utf8_lossy(&bytes[..head_end]).into_owned(),
                body: bytes[head_end + 4..].to_vec(),
                act: Act::Hang,
            };
            let length: usize = arrived.header("content-length")?.parse().ok()?;
            if arrived.body.len() >= length {
                return Some(arrived);
            }
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
}
