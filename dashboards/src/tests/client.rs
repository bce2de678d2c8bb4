//! A small HTTP client: one request a connection, with every header in the test's hand.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// How long an answer may take; far more than it does.
const PATIENCE: Duration = Duration::from_secs(20);

/// An answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    /// By name in lower case.
    pub(super) headers: BTreeMap<String, String>,
    pub(super) body: String,
}

impl Answer {
    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }
}

/// GET with the usual headers.
pub(super) async fn get(server: SocketAddr, path: &str) -> Answer {
    request(server, "GET", path, &[("Host", "localhost")]).await
}

/// Any request.
pub(super) async fn request(
    server: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
) -> Answer {
    let mut connection = open(server, method, path, headers).await;
    let mut bytes = Vec::new();
    tokio::time::timeout(PATIENCE, connection.read_to_end(&mut bytes))
        .await
        .expect("an answer in time")
        .unwrap();
    parse(&bytes)
}

/// A connection on which a request was sent.
pub(super) async fn open(
    server: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
) -> TcpStream {
    let mut connection = TcpStream::connect(server).await.unwrap();
    let mut text = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n");
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str("\r\n");
    connection.write_all(text.as_bytes()).await.unwrap();
    connection
}

fn parse(bytes: &[u8]) -> Answer {
    let split = bytes.windows(4).position(|four| four == b"\r\n\r\n").expect("headers end");
    let head = String::from_utf8(bytes[..split].to_vec()).unwrap();
    let mut lines = head.lines();
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let headers: BTreeMap<String, String> = lines
        .map(|line| line.split_once(": ").expect("a header has a name and a value"))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    assert_ne!(
        headers.get("transfer-encoding").map(String::as_str),
        Some("chunked"),
        "only streams are chunked"
    );
    Answer { status, headers, body: String::from_utf8(bytes[split + 4..].to_vec()).unwrap() }
}

/// The messages of a live stream, as they come.
pub(super) struct Stream {
    connection: TcpStream,
    text: String,
}

impl Stream {
    pub(super) async fn open(server: SocketAddr, path: &str) -> Self {
        Self { connection: open(server, "GET", path, &[("Host", "localhost")]).await, text: String::new() }
    }

    /// The next message; `None` at the end of the stream.
    pub(super) async fn next(&mut self) -> Option<serde_json::Value> {
        tokio::time::timeout(PATIENCE, self.read()).await.expect("a message in time")
    }

    async fn read(&mut self) -> Option<serde_json::Value> {
        loop {
            if let Some(at) = self.text.find("data: ")
                && let Some(end) = self.text[at..].find('\n')
            {
                let data = self.text[at + 6..at + end].to_owned();
                self.text.drain(..at + end);
                return Some(serde_json::from_str(&data).unwrap());
            }
            let mut bytes = [0; 4096];
            let read = self.connection.read(&mut bytes).await.unwrap();
            if read == 0 {
                return None;
            }
            self.text.push_str(&String::from_utf8_lossy(&bytes[..read]));
        }
    }
}
