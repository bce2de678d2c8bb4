//! `make bench`: nanoseconds of single steps on the hot path, each the least of several rounds.
//!
//! One thread, wall time: a round is short enough to be left alone by a neighbour now and then.

#[path = "pipeline/events.rs"]
#[expect(dead_code, reason = "steps are measured on the records' values alone")]
mod events;
#[path = "pipeline/parse.rs"]
mod parse;

use std::hint::black_box;
use std::io::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use detectors::event::PartitionId;
use detectors::statistics::distinct::Distinct;
use detectors::statistics::rate::{Rate, RateModel, RatePace, RatePrior};
use events::{Events, Special};
use ingest::decode::{Decoder, DecoderSettings, Format};
use ingest::source::RawRecord;

/// Rounds of each measurement.
const ROUNDS: usize = 25;
/// Events that are decoded in turn: more than a core's second cache holds would measure memory, not the decoder.
const EVENTS: usize = 1_000;
/// Windows that are scored in a round.
const WINDOWS: usize = 2_000;

fn main() -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    let events: Vec<Vec<u8>> = Events::new(1, u64::MAX)
        .filter(|event| event.special == Special::Nothing)
        .take(EVENTS)
        .map(|event| event.value)
        .collect();
    let bytes: usize = events.iter().map(Vec::len).sum();
    writeln!(out, "events of {} bytes; the least of {ROUNDS} rounds", bytes / events.len())?;
    let parse = least(events.len(), || events.iter().for_each(|event| assert!(parse::parse(event))));
    line(&mut out, "typed parse of a native access event", parse)?;
    let decode = least(events.len(), || decode_all(&events));
    line(&mut out, "decode of the same into an event", decode)?;
    writeln!(out, "{:<44} {:>9.2}", "decode / typed parse", decode / parse)?;
    for mean in [0.5, 20.0, 5_000.0] {
        let name = format!("window scored and learned, {mean} expected");
        line(&mut out, &name, least(WINDOWS, || score_windows(mean)))?;
    }
    for (name, names) in [("few", 20), ("many", 20_000)] {
        let keys: Vec<String> = (0..names).map(|number| format!("pkg:npm/component-{number}")).collect();
        let insert = least(keys.len(), || {
            let mut distinct = Distinct::new(1);
            for key in &keys {
                black_box(distinct.insert(key.as_bytes()));
            }
            black_box(distinct.count());
        });
        line(&mut out, &format!("distinct name counted, {name}"), insert)?;
    }
    Ok(())
}

/// Nanoseconds of one of `steps`, in the fastest round.
fn least(steps: usize, work: impl Fn()) -> f64 {
    let round = || {
        let start = Instant::now();
        work();
        start.elapsed()
    };
    let fastest = (0..ROUNDS).map(|_| round()).min().unwrap_or(Duration::ZERO);
    fastest.as_secs_f64() * 1e9 / steps as f64
}

fn line(out: &mut impl std::io::Write, what: &str, nanoseconds: f64) -> std::io::Result<()> {
    writeln!(out, "{what:<44} {nanoseconds:>9.0} ns")
}

fn decode_all(events: &[Vec<u8>]) {
    let partition = Arc::new(PartitionId { source: "bench".into(), stream: "access".into(), partition: 0 });
    let mut decoder = Decoder::new(DecoderSettings::new("bench", Format::Native));
    let mut decoded = Vec::with_capacity(1);
    for (offset, event) in (0_i64..).zip(events) {
        decoded.clear();
        let read = decoder.decode(&RawRecord::line(&partition, offset, event), &mut decoded);
        assert!(read.is_ok() && decoded.len() == 1, "the generated events can be read");
        black_box(&decoded);
    }
}

/// Windows whose counts go up and down around the mean.
fn score_windows(mean: f64) {
    let prior = RatePrior::new(mean);
    let model = RateModel::new(RatePace::hourly(), prior.clone());
    let mut rate = Rate::from_prior(&prior);
    for window in 0..WINDOWS {
        let count = (mean * (0.5 + (window % 5) as f64 / 4.0)).round() as u64;
        black_box(rate.observe(&model, 1.0, black_box(count), 0.5));
    }
}
