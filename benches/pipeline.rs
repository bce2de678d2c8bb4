//! `make bench`: what the whole pipeline costs an event, beside what taking and reading it costs anyway.
//!
//! A topic of a real Kafka is filled first; then the sides take turns, each a process of its own, for several rounds.
//! `SEALWATCH_BENCH_EVENTS` and `SEALWATCH_BENCH_ROUNDS` make it small. docs/performance.md says how to read it.

#[path = "pipeline/events.rs"]
mod events;
#[path = "pipeline/meter.rs"]
mod meter;
#[path = "pipeline/parse.rs"]
mod parse;
// Cargo sets `test` for every bench; it lets Clippy see that the parts may panic, as tests do.
#[cfg(test)]
#[path = "../tests/parts/mod.rs"]
#[expect(dead_code, unused_imports, reason = "the measurement needs the broker, its tests need the rest")]
mod parts;
#[path = "pipeline/report.rs"]
mod report;
#[path = "pipeline/sides.rs"]
mod sides;
#[path = "pipeline/topic.rs"]
mod topic;

use std::error::Error;
use std::io::Write as _;
use std::process::ExitCode;

use report::Report;
use sides::Side;
use topic::Topic;

/// Whatever stops the measurement: it is printed with its causes.
pub(crate) type Failure = Box<dyn Error + Send + Sync>;

/// The program's allocator, for all sides.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const EVENTS: u64 = 2_000_000;
const ROUNDS: u64 = 7;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        [sides::COMMAND, side, bootstrap, topic] => be_side(side, bootstrap, topic),
        _ => measure(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let causes = std::iter::successors(error.source(), |cause| (*cause).source());
            let text = causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"));
            // Nothing better can be done where even this cannot be written.
            let _ = writeln!(std::io::stderr().lock(), "pipeline: {text}");
            ExitCode::FAILURE
        }
    }
}

fn be_side(side: &str, bootstrap: &str, topic: &str) -> Result<(), Failure> {
    let outcome = sides::run(side, bootstrap, topic)?;
    Ok(serde_json::to_writer(std::io::stdout().lock(), &outcome)?)
}

fn measure() -> Result<(), Failure> {
    let (events, rounds) =
        (wanted("SEALWATCH_BENCH_EVENTS", EVENTS)?, wanted("SEALWATCH_BENCH_ROUNDS", ROUNDS)?);
    let mut out = std::io::stderr().lock();
    writeln!(out, "filling a topic of a real Kafka with {events} records")?;
    let topic = Topic::fill(events)?;
    let mut report = Report::of(&topic);
    for round in 0..rounds {
        writeln!(out, "round {} of {rounds}", round + 1)?;
        for turn in 0..Side::ALL.len() {
            // No side always comes first after the pause.
            let side = Side::ALL[(turn + round as usize) % Side::ALL.len()];
            let before = topic.broker_cpu();
            let outcome = side.measure(&topic.bootstrap(), topic.name())?;
            let broker = topic.broker_cpu() - before;
            // A parser does not mind an unknown word or a name that is no package URL; the decoder does.
            let did_its_work = outcome.records == topic.records
                && match side {
                    Side::Consume => outcome.unreadable == 0,
                    Side::Parse => outcome.unreadable <= topic.unreadable,
                    Side::Pipeline => outcome.unreadable == topic.unreadable,
                };
            if !did_its_work {
                let text = format!("the side `{}` did not do its work: {outcome:?}", side.word());
                return Err(text.into());
            }
            report.add(side, outcome, broker);
        }
    }
    write!(std::io::stdout().lock(), "{report}")?;
    Ok(())
}

/// A number of the environment, at least 1.
fn wanted(name: &str, usual: u64) -> Result<u64, Failure> {
    let Some(text) = std::env::var_os(name) else { return Ok(usual) };
    let number = text.to_str().and_then(|text| text.parse::<u64>().ok()).filter(|number| *number > 0);
    number.ok_or_else(|| format!("{name} must be a whole number from 1 on").into())
}
