//! Recordings: what is written is read again byte for byte, and damage is noticed.

use std::io::{BufReader, Cursor};

use proptest::option::of as maybe;
use proptest::prelude::*;

use super::*;
use crate::source::{Effect, Item, MAX_RECORD_BYTES, OversizeRecord, RawRecord};

/// A record that owns what it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Owned {
    partition: PartitionId,
    offset: i64,
    timestamp_ms: Option<i64>,
    key: Option<Vec<u8>>,
    headers: Vec<(String, Option<Vec<u8>>)>,
    payload: Option<Vec<u8>>,
}

/// What was recorded, or read.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Entry {
    Record(Owned),
    Oversize(PartitionId, i64, u64, [u8; 32]),
    Control(ControlRecord),
}

fn write(manifest: &Manifest, entries: &[Entry]) -> (Vec<u8>, RecordingSummary) {
    let mut writer = RecordingWriter::new(Vec::new(), manifest).unwrap();
    for entry in entries {
        match entry {
            Entry::Record(own) => write_record(&mut writer, own),
            Entry::Oversize(partition, offset, size, sha256) => {
                let partition = Arc::new(partition.clone());
                let record = OversizeRecord {
                    partition: &partition,
                    offset: *offset,
                    timestamp_ms: None,
                    size: *size,
                    head: b"head",
                    sha256: *sha256,
                };
                writer.oversize(&record).unwrap();
            }
            Entry::Control(control) => writer.control(control).unwrap(),
        }
    }
    writer.finish().unwrap()
}

fn write_record(writer: &mut RecordingWriter<Vec<u8>>, own: &Owned) {
    let headers: Vec<_> = own.headers.iter().map(|(name, value)| (name.as_str(), value.as_deref())).collect();
    let record = RawRecord {
        partition: &Arc::new(own.partition.clone()),
        offset: own.offset,
        timestamp_ms: own.timestamp_ms,
        key: own.key.as_deref(),
        headers: &headers,
        payload: own.payload.as_deref(),
    };
    writer.record(&record).unwrap();
}

/// Reads a recording to its end; what is no entry comes as text.
fn read(bytes: Vec<u8>) -> Result<(Vec<Entry>, Vec<String>), RecordingError> {
    let mut reader = RecordingReader::new(Cursor::new(bytes))?;
    let (mut entries, mut marks) = (Vec::new(), Vec::new());
    let mut visit = |item: Item<'_>| match item {
        Item::Record(record) => entries.push(Entry::Record(Owned {
            partition: (**record.partition).clone(),
            offset: record.offset,
            timestamp_ms: record.timestamp_ms,
            key: record.key.map(<[u8]>::to_vec),
            headers: record
                .headers
                .iter()
                .map(|(name, value)| ((*name).into(), value.map(<[u8]>::to_vec)))
                .collect(),
            payload: record.payload.map(<[u8]>::to_vec),
        })),
        Item::Oversize(record) => {
            entries.push(Entry::Oversize(
                (**record.partition).clone(),
                record.offset,
                record.size,
                record.sha256,
            ));
        }
        Item::Control(control) => entries.push(Entry::Control(control)),
        Item::Assigned(partition, from) => marks.push(format!("{partition} from {}", from.0)),
        Item::Ended(partition, next) => marks.push(format!("{partition} to {}", next.0)),
        Item::Trouble(trouble) => {
            assert_eq!(trouble.effect, Effect::Passing);
            marks.push(trouble.text);
        }
        other => panic!("unexpected {other:?}"),
    };
    while reader.read_one(&mut visit)? {}
    Ok((entries, marks))
}

fn partition(source: &str, stream: &str, number: i32) -> PartitionId {
    PartitionId { source: source.into(), stream: stream.into(), partition: number }
}

fn record(stream: &str, offset: i64, payload: &[u8]) -> Entry {
    Entry::Record(Owned {
        partition: partition("live", stream, 0),
        offset,
        timestamp_ms: Some(1_778_527_239_000),
        key: None,
        headers: Vec::new(),
        payload: Some(payload.to_vec()),
    })
}

fn manifest() -> Manifest {
    let assigned = RecordedPartition { partition: partition("live", "idle", 3), from: NextOffset(7) };
    Manifest::new("live", "test", vec![assigned])
}

/// The lines of a recording, changed, and compressed again.
fn edited(entries: &[Entry], edit: impl Fn(Vec<String>) -> Vec<String>) -> Vec<u8> {
    let (bytes, _) = write(&manifest(), entries);
    let text = String::from_utf8(zstd::decode_all(Cursor::new(bytes)).unwrap()).unwrap();
    let lines = edit(text.lines().map(str::to_owned).collect());
    zstd::encode_all(Cursor::new(lines.join("\n")), 1).unwrap()
}

fn check_damage(edit: impl Fn(Vec<String>) -> Vec<String>, expected: &str) {
    let error = read(edited(&[record("t", 5, b"a"), record("t", 6, b"b")], edit)).unwrap_err();
    assert!(error.to_string().starts_with(expected), "`{error}` does not begin with `{expected}`");
}

#[test]
fn partitions_are_reported_with_their_beginning_and_end() {
    let (_, marks) = read(write(&manifest(), &[record("t", 5, b"a"), record("u", 0, b"b")]).0).unwrap();
    let expected = [
        "live/idle[3] from 7",
        "live/t[0] from 5",
        "live/u[0] from 0",
        "live/idle[3] to 7",
        "live/t[0] to 6",
        "live/u[0] to 1",
    ];
    assert_eq!(marks, expected);
}

#[test]
fn a_recording_that_was_broken_off_says_so_and_gives_what_it_has() {
    let without_end = |mut lines: Vec<String>| {
        lines.pop();
        lines
    };
    let (entries, marks) = read(edited(&[record("t", 5, b"a")], without_end)).unwrap();
    assert_eq!(entries, [record("t", 5, b"a")]);
    assert!(marks.iter().any(|mark| mark.starts_with("the recording has no last line")), "{marks:?}");
}

#[test]
fn damage_is_noticed_and_named() {
    let replaced = |from: &'static str, to: &'static str| {
        move |lines: Vec<String>| lines.into_iter().map(|line| line.replace(from, to)).collect::<Vec<_>>()
    };
    check_damage(replaced("\"a\"", "\"x\""), "content has digest sha256:");
    check_damage(replaced("\"swrec\":1", "\"swrec\":2"), "format version 2 is newer than 1");
    check_damage(replaced("\"swrec\":1", "\"swrec\":true"), "first line is no manifest");
    check_damage(replaced("\"offset\":6", "\"offset\":5"), "line 3 goes back in its partition");
    check_damage(replaced("\"offset\":6", "\"unheard\":6"), "line 3 is no line of a recording");
    check_damage(replaced("\"stream\":\"t\",", ""), "line 2 lacks stream, partition or offset");
    check_damage(replaced("\"b\"", "{\"base64\":\"?\"}"), "line 3 holds text that is no base64");
    check_damage(
        replaced("{\"end\"", "{\"stream\":\"t\"}\n{\"end\""),
        "line 4 lacks stream, partition or offset",
    );
    check_damage(replaced("sha256:", "sha256;"), "content has digest sha256:");
    let doubled = |mut lines: Vec<String>| {
        lines.push(lines[1].clone());
        lines
    };
    check_damage(doubled, "line 5 stands behind the end");
    let too_long = |mut lines: Vec<String>| {
        lines[1] = " ".repeat(MAX_LINE_BYTES + 1);
        lines
    };
    check_damage(too_long, "line 2 is longer than 8388608 bytes");
}

#[test]
fn a_cut_archive_is_an_error_and_not_a_short_recording() {
    let (mut bytes, _) = write(&manifest(), &[record("t", 5, &[b'x'; 5_000])]);
    bytes.truncate(bytes.len() - 10);
    assert!(matches!(read(bytes), Err(RecordingError::Read { .. })));
    assert!(matches!(read(Vec::new()), Err(RecordingError::NoManifest(_) | RecordingError::Read { .. })));
}

#[test]
fn a_record_over_its_limit_is_kept_by_head_and_hash() {
    let payload = vec![b'x'; MAX_RECORD_BYTES + 1];
    let (entries, _) = read(write(&manifest(), &[record("t", 0, &payload)]).0).unwrap();
    let [Entry::Oversize(_, 0, size, sha256)] = &entries[..] else { panic!("{entries:?}") };
    use sha2::Digest as _;
    assert_eq!((*size, *sha256), (payload.len() as u64, sha2::Sha256::digest(&payload).into()));
}

#[test]
fn the_largest_record_fits_on_a_line_whatever_its_bytes() {
    for byte in [b'"', 0, 0xff, b'x'] {
        let entry = record("t", 0, &vec![byte; MAX_RECORD_BYTES]);
        assert_eq!(read(write(&manifest(), std::slice::from_ref(&entry)).0).unwrap().0, [entry]);
    }
}

#[test]
fn the_digest_knows_order_and_content_but_no_offsets_or_interleaving() {
    let digest = |entries: &[Entry]| write(&manifest(), entries).1.digest;
    let (a, b, other) = (record("t", 0, b"a"), record("t", 1, b"b"), record("u", 0, b"c"));
    let base = digest(&[a.clone(), b.clone(), other.clone()]);
    assert_eq!(digest(&[other.clone(), a, b]), base);
    assert_eq!(digest(&[record("t", 40, b"a"), record("t", 50, b"b"), other.clone()]), base);
    assert_ne!(digest(&[record("t", 0, b"b"), record("t", 1, b"a"), other.clone()]), base);
    assert_ne!(digest(&[record("t", 0, b"ab"), other]), base);
    assert!(base.to_string().starts_with("sha256:"));
}

#[test]
fn what_is_flushed_can_be_read_before_the_recording_ends() {
    let path = tempfile::NamedTempFile::new().unwrap();
    let mut writer = RecordingWriter::new(path.reopen().unwrap(), &manifest()).unwrap();
    writer.record(&RawRecord::line(&Arc::new(partition("live", "t", 0)), 0, b"x")).unwrap();
    writer.flush().unwrap();
    let decoder = zstd::Decoder::new(path.reopen().unwrap()).unwrap();
    let mut reader = RecordingReader::of_lines(Box::new(BufReader::new(decoder))).unwrap();
    let mut records = 0;
    reader.read_one(&mut |item| records += usize::from(matches!(item, Item::Record(_)))).unwrap();
    assert_eq!(records, 1);
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..40),
        "\\PC{0,20}".prop_map(String::into_bytes),
        "[\t\n\r\"\\\\{}\u{0}\u{1b}\u{2028}]{0,20}".prop_map(String::into_bytes),
    ]
}

fn entries() -> impl Strategy<Value = Vec<Entry>> {
    let header = ("\\PC{0,8}", maybe(bytes()));
    let record = (
        (prop::sample::select(vec!["live", "other"]), "[a-c]", 0..3_i32),
        maybe(any::<i64>()),
        maybe(bytes()),
        proptest::collection::vec(header, 0..3),
        maybe(bytes()),
    )
        .prop_map(|((source, stream, number), timestamp_ms, key, headers, payload)| {
            Entry::Record(Owned {
                partition: partition(source, &stream, number),
                offset: 0,
                timestamp_ms,
                key,
                headers,
                payload,
            })
        });
    let oversize = ("[a-c]", any::<u64>(), any::<[u8; 32]>())
        .prop_map(|(stream, size, sha256)| Entry::Oversize(partition("live", &stream, 0), 0, size, sha256));
    let control = ("[a-z]{1,5}", any::<i64>(), "\\PC{0,10}").prop_map(|(lane, offset, text)| {
        Entry::Control(ControlRecord {
            lane: lane.into(),
            partition: Arc::new(partition("live", "a", 0)),
            offset: NextOffset(offset),
            body: serde_json::json!({"idle": text, "n": [1, 2.5, null]}),
        })
    });
    let entry = prop_oneof![8 => record, 1 => oversize, 1 => control];
    proptest::collection::vec(entry, 0..12).prop_map(|mut entries| {
        // Offsets go up in each partition, with holes.
        for (number, entry) in (0_i64..).zip(&mut entries) {
            match entry {
                Entry::Record(own) => own.offset = number * 3,
                Entry::Oversize(_, offset, ..) => *offset = number * 3,
                Entry::Control(_) => {}
            }
        }
        entries
    })
}

proptest! {
    #[test]
    fn what_is_written_is_read_again_byte_for_byte(entries in entries()) {
        let (bytes, summary) = write(&manifest(), &entries);
        let (read, _) = read(bytes).unwrap();
        prop_assert_eq!(&read, &entries);
        let controls = entries.iter().filter(|entry| matches!(entry, Entry::Control(_))).count();
        prop_assert_eq!((summary.records, summary.controls), ((entries.len() - controls) as u64, controls as u64));
    }

    #[test]
    fn no_bytes_make_a_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = read(bytes.clone());
        let _ = read(zstd::encode_all(Cursor::new([RECORDING_MARK.as_bytes(), &bytes].concat()), 1).unwrap());
    }
}
