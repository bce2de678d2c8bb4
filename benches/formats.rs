//! `make bench`: what decoding costs in each format: nanoseconds a record and megabytes a second, over the records that the
//! formats are tested with, and what `auto` costs beside.
//!
//! One thread, wall time, the least of several rounds. Records differ in size between formats: compare a format with
//! itself, or megabytes with megabytes.

use std::fs;
use std::hint::black_box;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use detectors::event::PartitionId;
use ingest::decode::{Decoder, DecoderSettings, Ecosystem, Format};
use ingest::source::RawRecord;

/// The program's allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Rounds of each measurement.
const ROUNDS: usize = 25;
/// Records that are decoded in a round, those of a format in turn.
const RECORDS: usize = 2_000;
/// The time that a broker would have given records: noon of 23 November 2026.
const BROKER_MS: i64 = 1_795_435_200_000;

fn main() -> std::io::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("ingest/test-data");
    let mut out = std::io::stdout().lock();
    writeln!(out, "the least of {ROUNDS} rounds of {RECORDS} records, one thread")?;
    writeln!(
        out,
        "{:<18} {:>7} {:>9} {:>9} {:>9} {:>9}",
        "format", "bytes", "ns", "MB/s", "auto, ns", "events"
    )?;
    for format in Format::ALL.iter().copied().filter(|format| *format != Format::Auto) {
        let samples = samples(&folder.join(format.word()), format)?;
        if samples.is_empty() {
            writeln!(out, "{:<18} no record of it becomes an event", format.word())?;
            continue;
        }
        let named = measure(format, &samples);
        let auto = measure(Format::Auto, &samples);
        let bytes =
            samples.iter().map(|sample| sample.bytes.len()).sum::<usize>() as f64 / samples.len() as f64;
        writeln!(
            out,
            "{:<18} {bytes:>7.0} {:>9.0} {:>9.0} {:>9.0} {:>9.2}",
            format.word(),
            named.nanoseconds,
            bytes * 1e3 / named.nanoseconds,
            auto.nanoseconds,
            named.events,
        )?;
    }
    Ok(())
}

/// A record, and what must be known to read it.
struct Sample {
    bytes: Vec<u8>,
    ecosystem: Option<Ecosystem>,
}

/// What reading a record costs, and into how many events.
struct Cost {
    nanoseconds: f64,
    events: f64,
}

/// The records of a folder that become events, by this format and by `auto`.
fn samples(folder: &Path, format: Format) -> std::io::Result<Vec<Sample>> {
    let mut paths: Vec<PathBuf> =
        fs::read_dir(folder)?.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "log"));
    paths.sort();
    let mut samples = Vec::new();
    for path in paths {
        let name = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        let ecosystem = match name.strip_prefix("known-").and_then(|rest| rest.split('-').next()) {
            Some("npm") => Some(Ecosystem::Npm),
            Some("pypi") => Some(Ecosystem::Pypi),
            Some("oci") => Some(Ecosystem::Oci),
            Some("cargo") => Some(Ecosystem::Cargo),
            _ => None,
        };
        for line in fs::read(&path)?.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            let sample = Sample { bytes: line.to_vec(), ecosystem };
            let becomes_events = |format| {
                decode_all(format, std::slice::from_ref(&sample), 1).is_some_and(|events| events > 0)
            };
            if becomes_events(format) && becomes_events(Format::Auto) {
                samples.push(sample);
            }
        }
    }
    Ok(samples)
}

fn measure(format: Format, samples: &[Sample]) -> Cost {
    let mut fastest = Duration::MAX;
    let mut events = 0;
    for _ in 0..ROUNDS {
        let start = Instant::now();
        events = decode_all(format, samples, RECORDS).unwrap_or_default();
        fastest = fastest.min(start.elapsed());
    }
    let each = |whole: f64| whole / RECORDS as f64;
    Cost { nanoseconds: each(fastest.as_secs_f64() * 1e9), events: each(events as f64) }
}

/// Decodes so many records, the samples in turn; how many events that makes, or nothing if one is refused.
fn decode_all(format: Format, samples: &[Sample], records: usize) -> Option<usize> {
    let partition = Arc::new(PartitionId { source: "bench".into(), stream: "log".into(), partition: 0 });
    let ecosystem = samples.first().and_then(|sample| sample.ecosystem);
    let mut decoder = Decoder::new(DecoderSettings { ecosystem, ..DecoderSettings::new("bench", format) });
    let mut decoded = Vec::new();
    let mut events = 0;
    for (offset, sample) in (0_i64..).zip(samples.iter().cycle()).take(records) {
        decoded.clear();
        let record =
            RawRecord { timestamp_ms: Some(BROKER_MS), ..RawRecord::line(&partition, offset, &sample.bytes) };
        decoder.decode(&record, &mut decoded).ok()?;
        events += black_box(&decoded).len();
    }
    Some(events)
}
