//! Files of every kind, and what is said about those that cannot be read.

use std::io::Write;

use super::*;

/// Reads all of a source; one line for each thing that it hands over.
fn read_all(source: &mut FileSource, max_records: usize) -> Vec<String> {
    let mut seen = Vec::new();
    let mut polls = 0;
    while source.poll(max_records, Duration::ZERO, &mut |item| seen.push(line_of(&item))).unwrap()
        != Polled::Ended
    {
        polls += 1;
        assert!(polls < 1_000, "the source never ends: {seen:?}");
    }
    seen
}

fn line_of(item: &Item<'_>) -> String {
    match item {
        Item::Record(record) => {
            let text = String::from_utf8_lossy(record.bytes());
            format!("{}@{} {text}", record.partition.stream, record.offset)
        }
        Item::Oversize(record) => {
            format!("{}@{} oversize {}", record.partition.stream, record.offset, record.size)
        }
        Item::Assigned(partition, from) => format!("{} from {}", partition.stream, from.0),
        Item::Ended(partition, next) => format!("{} ended at {}", partition.stream, next.0),
        other => format!("{other:?}"),
    }
}

fn write(folder: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn compression_is_told_by_content_and_not_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let two_members = [gzip(b"a\n"), gzip(b"b\n")].concat();
    let paths = [
        write(folder.path(), "plain.gz", b"a\nb\n"),
        write(folder.path(), "zipped.log", &two_members),
        write(folder.path(), "zstd", &zstd::encode_all(&b"a\nb\n"[..], 3).unwrap()),
    ];
    for path in paths {
        let stream = stream_name(&path);
        let mut source = FileSource::open("s", &[path]).unwrap();
        let expected = [
            format!("{stream} from 0"),
            format!("{stream}@0 a"),
            format!("{stream}@1 b"),
            format!("{stream} ended at 2"),
        ];
        assert_eq!(read_all(&mut source, 100), expected);
    }
}

#[test]
fn an_empty_file_has_ended_at_once_and_no_file_is_an_ended_source() {
    let folder = tempfile::tempdir().unwrap();
    let mut source = FileSource::open("s", &[write(folder.path(), "empty", b"")]).unwrap();
    assert_eq!(read_all(&mut source, 1), ["empty from 0", "empty ended at 0"]);
    assert_eq!(source.poll(1, Duration::ZERO, &mut |_| ()).unwrap(), Polled::Ended);
    assert_eq!(read_all(&mut FileSource::open("s", &[]).unwrap(), 1), Vec::<String>::new());
}

#[test]
fn files_are_read_in_turn_by_batch_and_the_preferred_one_first() {
    let folder = tempfile::tempdir().unwrap();
    let paths = [write(folder.path(), "a", b"1\n2\n3\n"), write(folder.path(), "b", b"1\n2\n3\n")];
    let mut source = FileSource::open("s", &paths).unwrap();
    let b = Arc::clone(&source.partitions()[1]);
    let mut seen = Vec::new();
    let mut poll = |source: &mut FileSource| {
        source.poll(2, Duration::ZERO, &mut |item| seen.push(line_of(&item))).unwrap();
    };
    source.prefer(&b);
    poll(&mut source);
    source.prefer(&b);
    poll(&mut source);
    poll(&mut source);
    let expected = ["b from 0", "b@0 1", "b@1 2", "b@2 3", "b ended at 3", "a from 0", "a@0 1", "a@1 2"];
    assert_eq!(seen, expected);
}

#[test]
fn a_restart_passes_over_what_was_read_before() {
    let folder = tempfile::tempdir().unwrap();
    let mut source = FileSource::open("s", &[write(folder.path(), "a", b"1\n2\n3\n")]).unwrap();
    let partition = Arc::clone(&source.partitions()[0]);
    source.start_at(&partition, NextOffset(2));
    assert_eq!(read_all(&mut source, 1), ["a from 2", "a@2 3", "a ended at 3"]);
}

#[test]
fn a_recording_is_told_by_its_content_and_keeps_its_own_positions() {
    use crate::recording::{Manifest, RecordingWriter};
    let folder = tempfile::tempdir().unwrap();
    let partition = Arc::new(PartitionId { source: "live".into(), stream: "topic".into(), partition: 7 });
    let mut writer = RecordingWriter::new(Vec::new(), &Manifest::new("live", "test", Vec::new())).unwrap();
    writer.record(&RawRecord::line(&partition, 41, b"x")).unwrap();
    let (bytes, _) = writer.finish().unwrap();
    let paths = [write(folder.path(), "r.swrec", &bytes), write(folder.path(), "plain", b"y\n")];
    let mut source = FileSource::open("s", &paths).unwrap();
    let expected =
        ["topic from 41", "topic@41 x", "plain from 0", "plain@0 y", "topic ended at 42", "plain ended at 1"];
    assert_eq!(read_all(&mut source, 1), expected);
}

#[test]
fn a_damaged_archive_is_an_error_that_says_how_far_it_went() {
    let folder = tempfile::tempdir().unwrap();
    let mut bytes = gzip("a line\n".repeat(10).as_bytes());
    bytes.truncate(bytes.len() - 4);
    let mut source = FileSource::open("s", &[write(folder.path(), "cut.gz", &bytes)]).unwrap();
    let error = source.poll(100, Duration::ZERO, &mut |_| ()).unwrap_err();
    assert!(error.to_string().ends_with("cut.gz` after record 10"), "{error}");
}

fn check_refused(paths: &[PathBuf], expected: &str, hint: &str) {
    let error = FileSource::open("s", paths).err().unwrap();
    let message = paths
        .iter()
        .fold(error.to_string(), |text, path| text.replace(&*path.to_string_lossy(), &stream_name(path)));
    assert_eq!((message.as_str(), error.hint()), (expected, hint));
}

#[test]
fn what_cannot_be_read_is_named_with_its_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing");
    check_refused(&[missing], "could not open `missing`", "check the path; `-` reads standard input");
    let directory = folder.path().join("dir");
    std::fs::create_dir(&directory).unwrap();
    check_refused(
        std::slice::from_ref(&directory),
        "could not read `dir`, which is a directory",
        "name the files in it, for example with a pattern such as `logs/*.jsonl.gz`",
    );
    let twins = [write(folder.path(), "x.log", b""), write(&directory, "x.log", b"")];
    let error = FileSource::open("s", &twins).err().unwrap();
    assert!(matches!(&error, FilesError::SameName { stream, .. } if stream == "x.log"), "{error}");
    let broken = zstd::encode_all(&br#"{"swrec":99}"#[..], 3).unwrap();
    check_refused(
        &[write(folder.path(), "new.swrec", &broken)],
        "could not read recording `new.swrec`",
        "record again, or use the version of Sealwatch that wrote it",
    );
}

#[test]
fn a_permission_that_is_missing_has_its_own_remedy() {
    let cause = std::io::Error::from(std::io::ErrorKind::PermissionDenied);
    let error = FilesError::open(Path::new("secret.log"), cause);
    assert_eq!(error.hint(), "give the user that runs Sealwatch the right to read the file");
}

#[test]
fn a_zstd_file_that_wants_too_much_memory_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let compressed = |window_log: u32| {
        let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
        encoder.window_log(window_log).unwrap();
        encoder.write_all(b"a\n").unwrap();
        encoder.finish().unwrap()
    };
    let fits = write(folder.path(), "fits.zst", &compressed(open::ZSTD_WINDOW_LOG_MAX));
    assert!(FileSource::open("s", &[fits]).is_ok());
    let bomb = write(folder.path(), "bomb.zst", &compressed(open::ZSTD_WINDOW_LOG_MAX + 1));
    assert!(matches!(FileSource::open("s", &[bomb]), Err(FilesError::Open { .. })));
}
