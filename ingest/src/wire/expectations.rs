//! The table test of all formats: each line of `test-data/<format>/<scenario>.log` against `<scenario>.expected`.
//!
//! An expectation is what a person can judge: the native events that came out, or the word and detail of the
//! refusal. `UPDATE_EXPECTED=1 cargo test -p ingest` writes the files anew; read the difference before committing.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use detectors::event::PartitionId;

use crate::decode::{Decoder, DecoderSettings, Ecosystem, Format};
use crate::source::RawRecord;
use crate::wire::native::write_native;

fn folder(format: Format) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("test-data").join(format.word())
}

/// The scenarios of a format, by name.
fn scenarios(format: Format) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder(format)).unwrap();
    let mut logs: Vec<_> = entries.map(|entry| entry.unwrap().path()).filter(|path| is_log(path)).collect();
    logs.sort();
    assert!(!logs.is_empty(), "no scenario of {}", format.word());
    logs
}

fn is_log(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "log")
}

/// A scenario whose name begins with an ecosystem's word is read as that ecosystem's log.
fn settings(path: &Path, format: Format) -> DecoderSettings {
    let name = path.file_stem().unwrap().to_string_lossy();
    let ecosystem = [
        ("known-npm", Ecosystem::Npm),
        ("known-pypi", Ecosystem::Pypi),
        ("known-cargo", Ecosystem::Cargo),
        ("known-oci", Ecosystem::Oci),
    ];
    let ecosystem =
        ecosystem.into_iter().find(|(word, _)| name.starts_with(word)).map(|(_, ecosystem)| ecosystem);
    DecoderSettings { ecosystem, ..DecoderSettings::new("example", format) }
}

fn report(path: &Path, format: Format) -> String {
    let text = std::fs::read(path).unwrap();
    let partition = Arc::new(PartitionId { source: "example".into(), stream: "log".into(), partition: 0 });
    let mut decoder = Decoder::new(settings(path, format));
    let mut report = String::new();
    for (number, line) in text.split(|byte| *byte == b'\n').enumerate().filter(|(_, line)| !line.is_empty()) {
        let mut events = Vec::new();
        writeln!(report, "line {}", number + 1).unwrap();
        match decoder.decode(&RawRecord::line(&partition, number as i64, line), &mut events) {
            Ok(()) => events.iter().for_each(|event| writeln!(report, "  {}", write_native(event)).unwrap()),
            Err(refusal) => writeln!(report, "  refused {refusal}").unwrap(),
        }
    }
    let counters = decoder.counters();
    for (name, count) in counters.unknown_fields.iter() {
        writeln!(report, "unknown field {name}: {count}").unwrap();
    }
    report
}

fn check(format: Format) {
    for path in scenarios(format) {
        let found = report(&path, format);
        let expected_path = path.with_extension("expected");
        if std::env::var_os("UPDATE_EXPECTED").is_some() {
            std::fs::write(&expected_path, &found).unwrap();
        }
        let expected = std::fs::read_to_string(&expected_path).unwrap_or_default();
        assert!(found == expected, "{} differs from what was found:\n{found}", expected_path.display());
        assert_eq!(report(&path, Format::Auto), found, "`auto` reads {} differently", path.display());
    }
}

#[test]
fn each_line_of_each_format_becomes_what_was_judged_right() {
    for format in Format::ALL.iter().copied().filter(|format| *format != Format::Auto) {
        check(format);
    }
}

/// Whether a native event has a value at a path such as `actor.ip`.
fn has(event: &serde_json::Value, path: &str) -> bool {
    let found = path.split('.').try_fold(event, |value, key| value.get(key));
    found.is_some_and(|value| !value.is_null() && value.as_object().is_none_or(|own| !own.is_empty()))
}

#[test]
fn a_field_that_a_format_can_never_have_is_never_there() {
    for format in Format::ALL.iter().copied().filter(|format| *format != Format::Auto) {
        for path in scenarios(format) {
            for line in report(&path, format).lines().filter_map(|line| line.strip_prefix("  {")) {
                let event: serde_json::Value = serde_json::from_str(&format!("{{{line}")).unwrap();
                for field in format.abilities().never {
                    assert!(!has(&event, field), "{} has `{field}`: {event}", format.word());
                }
            }
        }
    }
}
