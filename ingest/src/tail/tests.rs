//! Following files as operators treat them: grown, rotated, copied, truncated, compressed, and killed in between.

use std::fs::OpenOptions;
use std::io::Write as _;

use detectors::event::NextOffset;
use proptest::prelude::*;

use super::*;

/// A folder with a log, and what a reader of it has seen and saved.
struct Desk {
    folder: tempfile::TempDir,
    start: StartPolicy,
    source: Option<TailSource>,
    /// What comes after the last record that was handed over: what a save would hold.
    next: Option<NextOffset>,
    seen: Vec<String>,
    troubles: Vec<String>,
}

impl Desk {
    fn new(start: StartPolicy) -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { folder, start, source: None, next: None, seen: Vec::new(), troubles: Vec::new() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        let mut file = OpenOptions::new().append(true).create(true).open(self.path(name)).unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }

    fn rename(&self, from: &str, to: &str) {
        std::fs::rename(self.path(from), self.path(to)).unwrap();
    }

    fn compress(&self, name: &str) {
        let text = std::fs::read(self.path(name)).unwrap();
        let packed = std::fs::File::create(self.path(&format!("{name}.gz"))).unwrap();
        let mut encoder = flate2::write::GzEncoder::new(packed, flate2::Compression::fast());
        encoder.write_all(&text).unwrap();
        encoder.finish().unwrap();
        std::fs::remove_file(self.path(name)).unwrap();
    }

    /// The reader dies with all that it did not note.
    fn kill(&mut self) {
        self.source = None;
    }

    /// Reads at most so many records.
    fn read(&mut self, most: usize) {
        let next = self.next;
        let settings = TailSettings {
            source: "s".into(),
            paths: vec![self.folder.path().join("log")],
            start: self.start,
            state: self.folder.path().join("state"),
        };
        let source = self
            .source
            .get_or_insert_with(|| TailSource::open(&settings, &mut |_: &PartitionId| next).unwrap());
        let (seen, troubles, next) = (&mut self.seen, &mut self.troubles, &mut self.next);
        let before = seen.len();
        while seen.len() - before < most {
            let polled = source.poll(1, Duration::ZERO, &mut |item| match item {
                Item::Record(record) => {
                    assert!(next.is_none_or(|next| record.offset >= next.0), "offsets only grow");
                    *next = Some(NextOffset::after(record.offset));
                    seen.push(String::from_utf8_lossy(record.bytes()).into_owned());
                }
                Item::Trouble(trouble) => troubles.push(trouble.text),
                _ => {}
            });
            if polled.unwrap() == Polled::Nothing {
                break;
            }
        }
    }

    fn read_all(&mut self) {
        self.read(usize::MAX);
    }

    #[track_caller]
    fn check(&mut self, expected: &str) {
        self.read_all();
        assert_eq!(self.seen.join(" "), expected);
        assert_eq!(self.troubles, Vec::<String>::new());
    }
}

#[test]
fn a_growing_file_is_read_line_by_line_and_half_a_line_waits() {
    let mut desk = Desk::new(StartPolicy::Beginning);
    desk.check("");
    desk.write("log", "a\nb");
    desk.check("a");
    desk.write("log", "c\n\nd\n");
    desk.check("a bc d");
}

#[test]
fn reading_begins_where_it_should_even_if_the_file_came_later() {
    let mut desk = Desk::new(StartPolicy::End);
    desk.write("log", "old\nha");
    desk.check("");
    desk.kill();
    desk.write("log", "lf\nnew\n");
    desk.check("half new");
    let mut desk = Desk::new(StartPolicy::End);
    desk.check("");
    desk.kill();
    desk.write("log", "a\n");
    desk.check("a");
}

#[test]
fn a_rotated_file_is_read_to_its_end_then_the_new_one_and_late_lines_too() {
    let mut desk = Desk::new(StartPolicy::Beginning);
    desk.write("log", "a\n");
    desk.check("a");
    desk.write("log", "b\n");
    desk.rename("log", "log.1");
    desk.write("log", "");
    desk.check("a b");
    desk.write("log.1", "c\n");
    desk.check("a b c");
    desk.write("log", "d\n");
    desk.check("a b c d");
    desk.write("log.1", "late\n");
    desk.check("a b c d late");
    desk.write("log", "e\n");
    desk.check("a b c d late e");
    desk.kill();
    desk.write("log", "f\n");
    desk.check("a b c d late e f");
}

#[test]
fn files_that_came_and_went_between_two_looks_are_read_in_order() {
    let mut desk = Desk::new(StartPolicy::Beginning);
    desk.write("log", "first file\n");
    desk.check("first file");
    for (text, from, to) in [("1\n", "log.1", "log.2"), ("2\n", "log.2", "log.3")] {
        if desk.path(from).exists() {
            desk.rename(from, to);
        }
        if desk.path("log.1").exists() {
            desk.rename("log.1", "log.2");
        }
        desk.rename("log", "log.1");
        desk.write("log", text);
    }
    desk.check("first file 1 2");
}

#[test]
fn a_copy_before_a_truncation_holds_what_was_not_read() {
    let mut desk = Desk::new(StartPolicy::Beginning);
    desk.write("log", "a\nb\n");
    desk.check("a b");
    desk.write("log", "c\n");
    std::fs::copy(desk.path("log"), desk.path("log.1")).unwrap();
    std::fs::write(desk.path("log"), "").unwrap();
    desk.check("a b c");
    desk.write("log", "d\n");
    desk.check("a b c d");
}

#[test]
fn a_truncation_without_a_copy_is_said() {
    let mut desk = Desk::new(StartPolicy::Beginning);
    desk.write("log", "first\nsecond\n");
    desk.check("first second");
    std::fs::write(desk.path("log"), "x, and longer than what was there before\n").unwrap();
    desk.read_all();
    assert_eq!(desk.seen.join(" "), "first second x, and longer than what was there before");
    assert!(
        desk.troubles[0].ends_with("log` was truncated; what was written since it was last read is gone")
    );
}

#[test]
fn after_a_kill_a_file_is_found_where_it_was_rotated_and_compressed_to() {
    let mut desk = Desk::new(StartPolicy::Beginning);
    desk.write("log", "a\nb\nc\n");
    desk.read(1);
    desk.kill();
    desk.rename("log", "log.1");
    desk.write("log", "d\n");
    desk.compress("log.1");
    desk.check("a b c d");
}

#[test]
fn a_file_that_is_gone_is_said_and_reading_goes_on() {
    let mut desk = Desk::new(StartPolicy::Beginning);
    desk.write("log", "a\nb\n");
    desk.read(1);
    desk.kill();
    std::fs::remove_file(desk.path("log")).unwrap();
    desk.write("log", "other\n");
    desk.read_all();
    assert_eq!(desk.seen.join(" "), "a other");
    assert!(desk.troubles[0].contains("is gone"), "{:?}", desk.troubles);
}

#[test]
fn files_of_one_name_or_too_many_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let open = |paths: Vec<PathBuf>| {
        let state = folder.path().join("state");
        let settings = TailSettings { source: "s".into(), paths, start: StartPolicy::Beginning, state };
        TailSource::open(&settings, &mut |_: &PartitionId| None).err()
    };
    assert!(matches!(open(vec!["a/log".into(), "b/log".into()]), Some(TailError::SameName { .. })));
    assert!(matches!(open(vec!["..".into()]), Some(TailError::NoName(_))));
    let many = |count: usize| (0..count).map(|number| format!("log{number}").into()).collect();
    assert!(open(many(MAX_FOLLOWED)).is_none());
    assert!(matches!(open(many(MAX_FOLLOWED + 1)), Some(TailError::TooMany(65))));
}

/// What happens to a log.
#[derive(Debug, Clone, Copy)]
enum Act {
    Write,
    HalfLine,
    Rotate,
    Compress,
    Read(usize),
    Kill,
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![
        4 => Just(Act::Write),
        1 => Just(Act::HalfLine),
        1 => Just(Act::Rotate),
        1 => Just(Act::Compress),
        3 => (0..4_usize).prop_map(Act::Read),
        2 => Just(Act::Kill),
    ];
    proptest::collection::vec(act, 1..40)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn every_line_is_handed_over_once_and_in_order_whatever_happens(acts in acts()) {
        let mut desk = Desk::new(StartPolicy::Beginning);
        let (mut line, mut rotations) = (0, 0);
        let mut expected = Vec::new();
        let mut half = String::new();
        // A file that comes and goes before the first look is nobody's.
        desk.write("log", "the first line\n");
        expected.push("the first line".to_owned());
        desk.read(1);
        for act in acts {
            match act {
                Act::Write => {
                    let text = format!("line {line} of the log");
                    desk.write("log", &format!("{text}\n"));
                    expected.push(std::mem::take(&mut half) + &text);
                    line += 1;
                }
                Act::HalfLine if half.is_empty() => {
                    half = format!("{line} half ");
                    desk.write("log", &half);
                }
                Act::HalfLine => {}
                // A writer finishes its line before it turns to the next file, and the next file is never empty.
                Act::Rotate if half.is_empty() => {
                    rotations += 1;
                    desk.rename("log", &format!("log-2026{rotations:04}"));
                    let text = format!("first line after rotation {rotations}");
                    desk.write("log", &format!("{text}\n"));
                    expected.push(text);
                }
                Act::Rotate => {}
                Act::Compress => {
                    let name = format!("log-2026{rotations:04}");
                    if desk.path(&name).exists() && std::fs::metadata(desk.path(&name)).unwrap().len() > 0 {
                        let modified = std::fs::metadata(desk.path(&name)).unwrap().modified().unwrap();
                        desk.compress(&name);
                        let packed = std::fs::File::open(desk.path(&format!("{name}.gz"))).unwrap();
                        packed.set_modified(modified).unwrap();
                    }
                }
                Act::Read(most) => desk.read(most),
                Act::Kill => desk.kill(),
            }
        }
        desk.read_all();
        prop_assert_eq!(&desk.seen, &expected);
        prop_assert_eq!(&desk.troubles, &Vec::<String>::new());
    }
}
