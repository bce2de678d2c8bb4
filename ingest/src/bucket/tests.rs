//! A bucket as the watch sees it, against a service of a few lines; tests/bucket has somebody else's.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use transport::bucket::BucketStyle;

use super::*;

const PATIENCE: Duration = Duration::from_secs(30);

/// What the service holds, and how it answers.
#[derive(Default)]
struct Held {
    objects: BTreeMap<String, Vec<u8>>,
    /// Keys that are listed and not there.
    gone: BTreeSet<String>,
    /// Requests that are refused with 503 before any is answered.
    refusals: u32,
}

#[derive(Clone)]
struct Service {
    held: Arc<Mutex<Held>>,
    port: u16,
}

impl Service {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let own = Self { held: Arc::default(), port: listener.local_addr().unwrap().port() };
        let held = Arc::clone(&own.held);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                answer(stream, &mut held.lock().unwrap());
            }
        });
        own
    }

    fn put(&self, key: &str, text: &str) {
        self.held.lock().unwrap().objects.insert(key.to_owned(), text.as_bytes().to_vec());
    }

    fn open(&self, state: &Path, from: Option<i64>) -> BucketSource {
        let settings = BucketSettings {
            endpoint: format!("http://127.0.0.1:{}", self.port),
            name: "logs".to_owned(),
            region: "eu-west-1".to_owned(),
            style: BucketStyle::Path,
            prefix: "a/".to_owned(),
            after: None,
            key_id: None,
            secret: None,
            every_seconds: 1,
        };
        let mut starts = |_: &PartitionId| from.map(NextOffset);
        BucketSource::open("trail", &settings, state, &mut starts).unwrap()
    }
}

/// Answers one request: two keys a page, so that pages are turned.
fn answer(mut stream: TcpStream, held: &mut Held) {
    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
    let request = lines.next().unwrap_or_default();
    lines.take_while(|line| !line.is_empty()).for_each(drop);
    let target = request.split(' ').nth(1).unwrap_or_default();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let decoded = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned();
    let value = |name: &str| {
        let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        pairs.into_iter().find(|(key, _)| *key == name).map(|(_, value)| decoded(value)).unwrap_or_default()
    };
    let (status, body) = if held.refusals > 0 {
        held.refusals -= 1;
        (503, b"<Error><Code>SlowDown</Code></Error>".to_vec())
    } else if query.contains("list-type=2") {
        let (prefix, after) = (value("prefix"), value("start-after"));
        let keys = held.objects.keys().filter(|key| key.starts_with(&prefix) && **key > after).take(2);
        let listed = keys
            .map(|key| format!("<Contents><Key>{key}</Key><Size>1</Size></Contents>"))
            .collect::<String>();
        let text = format!(
            r#"<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">{listed}</ListBucketResult>"#
        );
        (200, text.into_bytes())
    } else {
        let key = decoded(path.strip_prefix("/logs/").unwrap_or_default());
        match held.objects.get(&key).filter(|_| !held.gone.contains(&key)) {
            Some(bytes) => (200, bytes.clone()),
            None => (404, b"<Error><Code>NoSuchKey</Code></Error>".to_vec()),
        }
    };
    let head = format!("HTTP/1.1 {status} x\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
    let _ = stream.write_all(&[head.as_bytes(), &body].concat());
}

/// What the watch reads until it was said `ends` times that there is nothing more.
fn read(source: &mut BucketSource, ends: usize) -> Vec<String> {
    let started = Instant::now();
    let (mut seen, mut ended) = (Vec::new(), 0);
    while ended < ends {
        let visit = &mut |item: Item<'_>| match item {
            Item::Record(record) => {
                seen.push(format!("{} {}", record.offset, String::from_utf8_lossy(record.bytes())));
            }
            Item::Refused(record, refusal) => {
                seen.push(format!("{} refused {}", record.offset, refusal.reason.word()));
            }
            Item::Assigned(_, next) => seen.push(format!("from {}", next.0)),
            Item::EndOfPartition(_, next) => {
                ended += 1;
                seen.push(format!("end {}", next.0));
            }
            Item::Trouble(trouble) => seen.push(trouble.text),
            other => seen.push(format!("{other:?}")),
        };
        source.poll(2, Duration::from_millis(20), visit).unwrap();
        assert!(started.elapsed() < PATIENCE, "{seen:?}");
    }
    seen
}

#[test]
fn objects_are_read_in_the_order_of_their_keys_and_later_ones_behind_them() {
    let service = Service::start();
    let state = tempfile::tempdir().unwrap();
    service.put("a/2", "three\n");
    service.put("a/1", "one\ntwo\n");
    service.put("b/1", "other\n");
    service.put("a/folder/", "");
    service.put("a/3", "four\n");
    let mut source = service.open(state.path(), None);
    assert_eq!(read(&mut source, 1), ["from 0", "0 one", "1 two", "2 three", "3 four", "end 4"]);
    // One of them sorts between those that were read.
    service.put("a/15", "late\n");
    service.put("a/4", r#"{"Records":[{"x":1},{"x":2}]}"#);
    assert_eq!(read(&mut source, 1), ["4 late", r#"5 {"x":1}"#, r#"6 {"x":2}"#, "end 7"]);
}

#[test]
fn a_restart_reads_the_same_records_at_the_same_offsets() {
    let service = Service::start();
    let state = tempfile::tempdir().unwrap();
    service.put("a/2", "one\ntwo\n");
    let mut first = service.open(state.path(), None);
    assert_eq!(read(&mut first, 1), ["from 0", "0 one", "1 two", "end 2"]);
    service.put("a/1", "three\n");
    assert_eq!(read(&mut first, 1), ["2 three", "end 3"]);
    drop(first);
    service.put("a/0", "four\n");
    // Keys alone would now say four, three, one, two.
    for (from, expected) in [
        (None, vec!["from 0", "0 one", "1 two", "2 three", "3 four", "end 4"]),
        (Some(1), vec!["from 1", "1 two", "2 three", "3 four", "end 4"]),
        (Some(3), vec!["from 3", "3 four", "end 4"]),
        (Some(4), vec!["from 4", "end 4"]),
    ] {
        assert_eq!(read(&mut service.open(state.path(), from), 1), expected);
    }
}

#[test]
fn what_cannot_be_had_or_read_is_a_dead_letter_and_what_may_pass_is_tried_again() {
    let service = Service::start();
    let state = tempfile::tempdir().unwrap();
    service.put("a/1", "one\n");
    service.put("a/2", "gone\n");
    service.held.lock().unwrap().gone.insert("a/2".to_owned());
    service.held.lock().unwrap().objects.insert("a/3".to_owned(), vec![0x1f, 0x8b, 8, 0, 0]);
    service.held.lock().unwrap().refusals = 2;
    service.put("a/4", "four\n");
    let mut source = service.open(state.path(), None);
    let seen = read(&mut source, 1);
    let troubles = seen.iter().filter(|words| words.ends_with("the service answered 503 (SlowDown)")).count();
    assert_eq!(troubles, 2, "{seen:?}");
    let rest: Vec<_> = seen.iter().filter(|words| !words.starts_with("could not")).collect();
    let (gone, damaged) = ("1 refused unreadable-object", "2 refused unreadable-object");
    assert_eq!(rest, ["from 0", "0 one", gone, damaged, "3 four", "end 4"]);
}
