//! The door as senders and the watch see it: over a real socket, with a client that knows no library of ours.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, Instant};

use detectors::event::NextOffset;
use transport::SystemClock;
use transport::secret::SecretRef;

use super::*;
use crate::source::{Item, Source as _};

const TOKEN: &str = "a-token-of-many-bytes";
/// How long anything here may take.
const PATIENCE: Duration = Duration::from_secs(30);

fn sources(folder: &Path) -> Vec<HttpSourceDoor> {
    std::fs::write(folder.join("secret"), TOKEN).unwrap();
    let secret = SecretRef::File(folder.join("secret"));
    let token = CheckSettings::Token { secret: secret.clone(), header: "Authorization".to_owned() };
    let signed = CheckSettings::Hmac { secret: secret.clone(), header: "X-Hub-Signature-256".to_owned() };
    let in_path = CheckSettings::Path { secret };
    [
        ("harbor", token, 100_000),
        ("hub", signed, 100_000),
        ("docker", in_path, 100_000),
        ("slow", CheckSettings::Path { secret: SecretRef::File(folder.join("secret")) }, 1),
    ]
    .into_iter()
    .map(|(name, check, requests_per_second)| HttpSourceDoor {
        source: name.to_owned(),
        settings: HttpSourceSettings { path: format!("/{name}"), check, requests_per_second, spool_mib: 2 },
        folder: folder.join(name),
    })
    .collect()
}

struct Open {
    door: HttpDoor,
    readers: BTreeMap<String, HttpSource>,
}

fn open(folder: &Path, from: Option<i64>) -> Open {
    let mut starts = |_: &PartitionId| from.map(NextOffset);
    let (door, readers) = HttpDoor::open(
        ([127, 0, 0, 1], 0).into(),
        &sources(folder),
        &mut starts,
        Arc::new(SystemClock::new()),
    )
    .unwrap();
    let readers = ["harbor", "hub", "docker", "slow"].map(str::to_owned).into_iter().zip(readers).collect();
    Open { door, readers }
}

impl Open {
    /// Sends bytes as they are and returns what is answered: the status, and the whole text.
    fn send(&self, bytes: &[u8]) -> (u16, String) {
        let mut stream = TcpStream::connect(self.door.address()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        // The door may answer and close before it has read everything.
        let _ = stream.write_all(bytes);
        let mut text = String::new();
        let _ = stream.read_to_string(&mut text);
        let status = text.split(' ').nth(1).and_then(|word| word.parse().ok()).unwrap_or(0);
        (status, text)
    }

    fn post(&self, path: &str, header: &str, body: &str) -> u16 {
        let length = body.len();
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {length}\r\n{header}\r\n"
        );
        self.send(&[head.as_bytes(), body.as_bytes()].concat()).0
    }

    /// What the watch reads of a source, each in words, up to its end at `until`: refusals are noted a moment later than
    /// they are answered.
    fn read(&mut self, name: &str, until: u64) -> Vec<String> {
        let reader = self.readers.get_mut(name).unwrap();
        let mut seen: Vec<String> = Vec::new();
        let started = Instant::now();
        let end = format!("end {until}");
        while seen.last() != Some(&end) {
            reader.poll(100, Duration::from_millis(5), &mut |item| seen.push(in_words(&item))).unwrap();
            assert!(started.elapsed() < PATIENCE, "{seen:?}");
        }
        // Ends before that one depend on when it was read.
        seen.retain(|words| *words == end || !words.starts_with("end "));
        seen
    }
}

fn in_words(item: &Item<'_>) -> String {
    let text = |bytes: &[u8]| match bytes.len() {
        0..1_000 => String::from_utf8_lossy(bytes).into_owned(),
        long => format!("{long} bytes"),
    };
    match item {
        Item::Record(record) => format!("{} {}", record.offset, text(record.bytes())),
        Item::Refused(record, refusal) => {
            format!(
                "{} {}: {} [{}]",
                record.offset,
                refusal.reason.word(),
                refusal.detail,
                text(record.bytes())
            )
        }
        Item::Assigned(_, next) => format!("from {}", next.0),
        Item::EndOfPartition(_, next) => format!("end {}", next.0),
        Item::Trouble(trouble) => format!("trouble {}", trouble.text),
        other => format!("{other:?}"),
    }
}

#[test]
fn what_is_answered_with_200_is_read_and_read_again_until_it_is_saved() {
    let folder = tempfile::tempdir().unwrap();
    let header = format!("Authorization: {TOKEN}\r\n");
    let mut first = open(folder.path(), None);
    assert_eq!(first.post("/harbor", &header, "one"), 200);
    assert_eq!(first.post("/harbor", &header, "two"), 200);
    assert_eq!(first.post(&format!("/docker/{TOKEN}"), "", "image"), 200);
    assert_eq!(first.read("harbor", 2), ["from 0", "0 one", "1 two", "end 2"]);
    assert_eq!(first.read("docker", 1), ["from 0", "0 image", "end 1"]);
    first.door.close();
    // Nothing was saved: all of it comes again, and what comes now goes on behind it.
    let mut second = open(folder.path(), None);
    assert_eq!(second.post("/harbor", &header, "three"), 200);
    assert_eq!(second.read("harbor", 3), ["from 0", "0 one", "1 two", "2 three", "end 3"]);
    second.door.close();
    let mut third = open(folder.path(), Some(1));
    assert_eq!(third.read("harbor", 3), ["from 1", "1 two", "2 three", "end 3"]);
}

#[test]
fn what_is_refused_is_answered_with_its_reason_and_noted_in_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let mut own = open(folder.path(), None);
    let good = format!("Authorization: Bearer {TOKEN}\r\n");
    assert_eq!(own.post("/harbor", "", "x"), 401);
    assert_eq!(own.post("/harbor", "Authorization: no\r\n", "x"), 401);
    assert_eq!(own.post("/harbor", &good, ""), 400);
    assert_eq!(own.post("/harbor", &good, "x"), 200);
    assert_eq!(own.post("/harbour", &good, "x"), 404);
    assert_eq!(own.post("/harbor/x", &good, "x"), 404);
    assert_eq!(own.post("/", &good, "x"), 404);
    assert_eq!(own.post("/hub", "X-Hub-Signature-256: sha256=00\r\n", "forged"), 401);
    assert_eq!(own.post("/docker", "", "x"), 401);
    assert_eq!(own.post("/docker/wrong", "", "x"), 401);
    let (status, text) = own.send(b"GET /harbor HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    assert!(status == 405 && text.to_lowercase().contains("allow: post"), "{text}");
    let noted = |number: u32, why: &str| format!("{number} refused-request: {why}, from 127.0.0.1 []");
    assert_eq!(
        own.read("harbor", 4),
        [
            "from 0".to_owned(),
            noted(0, "the request brings no token"),
            noted(1, "the token is not the right one"),
            noted(2, "the body is empty"),
            "3 x".to_owned(),
            "end 4".to_owned(),
        ]
    );
    let forged = "0 refused-request: the signature does not fit the body, from 127.0.0.1 [forged]";
    assert_eq!(own.read("hub", 1), ["from 0", forged, "end 1"]);
}

#[test]
fn a_body_of_one_mebibyte_is_taken_and_one_of_two_is_refused_before_it_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let mut own = open(folder.path(), None);
    let header = format!("Authorization: {TOKEN}\r\n");
    let whole = "x".repeat(crate::source::MAX_RECORD_BYTES);
    assert_eq!(own.post("/harbor", &header, &whole), 200);
    assert_eq!(own.post("/harbor", &header, &format!("{whole}x")), 413);
    // One that does not say how large it is, is read up to the bound.
    let head = format!(
        "POST /harbor HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n{header}\r\n"
    );
    let chunk = format!("{:x}\r\n{}\r\n", 2 * whole.len(), whole.repeat(2));
    assert_eq!(own.send(&[head.as_bytes(), chunk.as_bytes(), b"0\r\n\r\n"].concat()).0, 413);
    let read = own.read("harbor", 3);
    assert_eq!(read[1], format!("0 {} bytes", whole.len()));
    assert!(read[2].starts_with("1 refused-request: the body is larger than 1 MiB"), "{}", read[2]);
}

#[test]
fn more_requests_than_are_configured_are_asked_to_come_later() {
    let folder = tempfile::tempdir().unwrap();
    let own = open(folder.path(), None);
    let started = Instant::now();
    let path = format!("/slow/{TOKEN}");
    let statuses: Vec<u16> = (0..12).map(|_| own.post(&path, "", "x")).collect();
    let taken = statuses.iter().filter(|status| **status == 200).count() as u64;
    assert!(statuses.iter().all(|status| [200, 429].contains(status)), "{statuses:?}");
    assert!((2..=3 + started.elapsed().as_secs()).contains(&taken), "{statuses:?}");
}

#[test]
fn a_full_spool_is_said_and_asks_senders_to_come_later() {
    let folder = tempfile::tempdir().unwrap();
    let own = open(folder.path(), None);
    let header = format!("Authorization: {TOKEN}\r\n");
    let large = "x".repeat(crate::source::MAX_RECORD_BYTES - 64);
    assert_eq!(own.post("/harbor", &header, &large), 200);
    let (status, text) = {
        own.post("/harbor", &header, &large);
        let head = format!(
            "POST /harbor HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {}\r\n{header}\r\n",
            large.len()
        );
        own.send(&[head.as_bytes(), large.as_bytes()].concat())
    };
    assert!(status == 503 && text.to_lowercase().contains("retry-after: 30"), "{text}");
    let mut own = own;
    let words = own.read("harbor", 2);
    assert!(words.iter().any(|words| words.contains("webhooks are refused")), "{words:?}");
}

#[test]
fn slow_clients_keep_nobody_else_from_the_door_and_are_let_go() {
    let folder = tempfile::tempdir().unwrap();
    let own = open(folder.path(), None);
    let header = format!("Authorization: {TOKEN}\r\n");
    let slow: Vec<TcpStream> = (0..50)
        .map(|number| {
            let mut stream = TcpStream::connect(own.door.address()).unwrap();
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            let head = format!("POST /harbor HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n{header}\r\nhalf");
            // Some stop in their head, some in their body.
            stream.write_all(&head.as_bytes()[..if number % 2 == 0 { 20 } else { head.len() }]).unwrap();
            stream
        })
        .collect();
    let started = Instant::now();
    assert_eq!(own.post("/harbor", &header, "quick"), 200);
    assert!(started.elapsed() < Duration::from_secs(5));
    for (number, mut stream) in slow.into_iter().enumerate() {
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        assert!(number % 2 == 0 || text.starts_with("HTTP/1.1 408"), "{number}: {text}");
    }
    assert!(started.elapsed() < PATIENCE);
}

#[test]
fn many_senders_at_once_are_each_taken_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut own = open(folder.path(), None);
    let header = format!("Authorization: {TOKEN}\r\n");
    std::thread::scope(|scope| {
        for sender in 0..8 {
            let (own, header) = (&own, &header);
            scope.spawn(move || {
                for number in 0..25 {
                    assert_eq!(own.post("/harbor", header, &format!("{sender}-{number}")), 200);
                }
            });
        }
    });
    let words = own.read("harbor", 200);
    let bodies: Vec<&str> =
        words.iter().filter_map(|words| words.split(' ').nth(1)).filter(|body| body.contains('-')).collect();
    let mut distinct = bodies.clone();
    distinct.sort();
    distinct.dedup();
    assert_eq!((bodies.len(), distinct.len()), (200, 200));
}

#[test]
fn one_path_is_for_one_source_and_an_address_in_use_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let own = open(folder.path(), None);
    let clock = || -> Arc<dyn Clock> { Arc::new(SystemClock::new()) };
    let other = tempfile::tempdir().unwrap();
    let again = HttpDoor::open(own.door.address(), &sources(other.path()), &mut BTreeMap::new(), clock());
    assert!(matches!(again, Err(HttpDoorError::Listen { .. })));
    let mut twice = sources(other.path());
    twice[1].settings.path = twice[0].settings.path.clone();
    let same = HttpDoor::open(([127, 0, 0, 1], 0).into(), &twice, &mut BTreeMap::new(), clock());
    assert!(matches!(same, Err(HttpDoorError::SamePath(_))));
}
