//! From the outcomes of all rounds to one table: minima, because only they say what the code costs and not the neighbours.

use std::fmt;
use std::time::Duration;

use crate::meter;
use crate::sides::{Outcome, Side};
use crate::topic::Topic;

/// The whole pipeline may use so many times the processor time of consume + typed parse.
const GOAL_RATIO: f64 = 2.5;
/// Events a second, with the broker on the same cores; wanted, not a condition.
const WANTED_RATE: f64 = 100_000.0;

/// What each side used, round by round.
pub(crate) struct Report<'a> {
    topic: &'a Topic,
    rounds: [Vec<(Outcome, Duration)>; 3],
}

impl<'a> Report<'a> {
    pub(crate) fn of(topic: &'a Topic) -> Self {
        Self { topic, rounds: Default::default() }
    }

    /// Takes in one side's outcome, and what the broker used meanwhile.
    pub(crate) fn add(&mut self, side: Side, outcome: Outcome, broker: Duration) {
        self.rounds[side as usize].push((outcome, broker));
    }

    /// Values of all rounds of a side, smallest first.
    fn sorted(&self, side: Side, value: impl Fn(&(Outcome, Duration)) -> f64) -> Vec<f64> {
        let mut values: Vec<f64> = self.rounds[side as usize].iter().map(value).collect();
        values.sort_by(f64::total_cmp);
        values
    }

    /// Processor time an event in µs: the least, and the median.
    fn cpu(&self, side: Side) -> [f64; 2] {
        let records = self.topic.records as f64;
        let values = self.sorted(side, |(outcome, _)| outcome.cpu_seconds * 1e6 / records);
        [values.first(), values.get(values.len() / 2)].map(|value| value.copied().unwrap_or(f64::NAN))
    }

    /// Events a second: the most, and the median.
    fn rate(&self, side: Side) -> [f64; 2] {
        let values = self.sorted(side, |(outcome, _)| outcome.records as f64 / outcome.wall_seconds);
        [values.last(), values.get(values.len() / 2)].map(|value| value.copied().unwrap_or(f64::NAN))
    }
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let topic = self.topic;
        let share = |count: u64| 100.0 * count as f64 / topic.records as f64;
        writeln!(
            f,
            "{} records of {:.0} bytes; duplicates {:.1} %, late {:.1} %, unreadable {:.1} %; {} rounds, {} cores, load {}",
            topic.records,
            topic.bytes as f64 / topic.records as f64,
            share(topic.duplicates),
            share(topic.late),
            share(topic.unreadable),
            self.rounds[0].len(),
            std::thread::available_parallelism().map_or(0, usize::from),
            meter::load(),
        )?;
        writeln!(f)?;
        writeln!(
            f,
            "{:<22} {:>16} {:>8} {:>8} {:>18} {:>8} {:>10} {:>16}",
            "side",
            "CPU us/event min",
            "median",
            "x parse",
            "events/s best",
            "median",
            "peak MiB",
            "broker us/event"
        )?;
        let parse = self.cpu(Side::Parse)[0];
        for side in Side::ALL {
            let ([least, median], [best, usual]) = (self.cpu(side), self.rate(side));
            let peak = self.sorted(side, |(outcome, _)| outcome.peak_kib as f64 / 1024.0);
            let broker = self.sorted(side, |(_, broker)| broker.as_secs_f64() * 1e6 / topic.records as f64);
            writeln!(
                f,
                "{:<22} {least:>16.2} {median:>8.2} {:>8.2} {best:>18.0} {usual:>8.0} {:>10.0} {:>16.2}",
                side.word(),
                least / parse,
                peak.last().copied().unwrap_or(f64::NAN),
                broker.first().copied().unwrap_or(f64::NAN),
            )?;
        }
        let ratio = self.cpu(Side::Pipeline)[0] / parse;
        let rate = self.rate(Side::Pipeline)[0];
        let findings =
            self.rounds[Side::Pipeline as usize].first().map_or(0, |(outcome, _)| outcome.findings);
        writeln!(f)?;
        writeln!(f, "findings stored by the whole pipeline: {findings}")?;
        writeln!(
            f,
            "goal, whole pipeline <= {GOAL_RATIO} x consume + parse: {ratio:.2}, {}",
            yes(ratio <= GOAL_RATIO)
        )?;
        writeln!(
            f,
            "wanted, {WANTED_RATE:.0} events/s beside the broker: {rate:.0}, {}",
            yes(rate >= WANTED_RATE)
        )
    }
}

const fn yes(met: bool) -> &'static str {
    if met { "met" } else { "NOT met" }
}
