//! Why a list of incidents is empty: five reasons, each with its next step. An empty page that is broken must not
//! look like a quiet one.

use pipeline::status::PartitionState;

use crate::condition::{Condition, Life};
use crate::foreign;
use crate::show::number::{count, counted};

/// Share of warm keys below which quiet may only mean that nothing can be judged yet.
const WARM_ENOUGH: f64 = 0.5;

/// Why there is nothing to show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Emptiness {
    /// The filter leaves out all there are.
    Filtered {
        /// How many there are.
        hidden: u64,
    },
    /// Nothing is read.
    NoSource,
    /// Sources are there, events are not.
    NoEvents {
        /// How many sources.
        sources: usize,
        /// How far they are read.
        positions: Vec<String>,
    },
    /// Too little is known to judge.
    WarmingUp {
        /// Percent of keys that have passed their warm-up.
        percent: u64,
        /// Events seen.
        events: u64,
    },
    /// Nothing happened that is worth an incident.
    Quiet {
        /// Events seen.
        events: u64,
    },
}

impl Emptiness {
    /// The reason, the most helpful one first. `others` is how many incidents there are without the filter.
    pub(crate) fn of(condition: &Condition, others: u64) -> Self {
        if others > 0 {
            return Self::Filtered { hidden: others };
        }
        if condition.sources.is_empty() {
            return Self::NoSource;
        }
        let events = condition.events();
        if events == 0 {
            let named =
                condition.partitions.iter().filter(|(_, status)| status.state != PartitionState::Ended);
            let positions = named
                .take(5)
                .map(|(name, status)| format!("{}, next record {}", foreign::plain(name), status.next));
            return Self::NoEvents { sources: condition.sources.len(), positions: positions.collect() };
        }
        match condition.warm_share() {
            Some(share) if share >= WARM_ENOUGH => Self::Quiet { events },
            share => Self::WarmingUp { percent: (share.unwrap_or(0.0) * 100.0) as u64, events },
        }
    }

    /// What it is.
    pub(crate) fn title(&self) -> String {
        match self {
            Self::Filtered { hidden } => {
                format!("The filter hides {}", counted(*hidden, "incident", "incidents"))
            }
            Self::NoSource => "No source is configured".to_owned(),
            Self::NoEvents { .. } => "Connected, and no events yet".to_owned(),
            Self::WarmingUp { percent, .. } => {
                format!("Warming up: {percent} % of what is known can be judged")
            }
            Self::Quiet { .. } => "All quiet".to_owned(),
        }
    }

    /// What it means, and what to do next.
    pub(crate) fn advice(&self, life: Life) -> String {
        let advice = match self {
            Self::Filtered { .. } => "Nothing matches what you ask for; other incidents are there.".to_owned(),
            Self::NoSource => "Nothing is being read. Name a source in sealwatch.toml, then run `sealwatch check` and `sealwatch run`.".to_owned(),
            Self::NoEvents { sources, .. } => format!(
                "{} connected. Events show up here as soon as records arrive; the pipeline page says what was read.",
                counted(*sources as u64, "source is", "sources are")
            ),
            Self::WarmingUp { events, .. } => format!(
                "{} events so far. Detectors stay silent about what they have not seen long enough; `sealwatch learn` reads history.",
                count(*events)
            ),
            Self::Quiet { events } => format!("{} events, and nothing that is worth an incident.", count(*events)),
        };
        match life {
            Life::SilentSince(_) => format!("{advice} Mind that the pipeline is not running now."),
            Life::Unheard | Life::Working => advice,
        }
    }
}

#[cfg(test)]
mod tests {
    use detectors::engine::{IntakeCounters, Knowledge};
    use pipeline::status::{LaneStatus, SourceStatus};

    use super::*;

    fn condition(sources: usize, events: u64, warm: u64, held: u64) -> Condition {
        let lane = LaneStatus {
            watermark: None,
            waiting: 0,
            waiting_for: None,
            findings: 0,
            intake: IntakeCounters { events, ..IntakeCounters::default() },
        };
        Condition {
            sources: (0..sources).map(|at| (at.to_string(), SourceStatus::default())).collect(),
            lanes: [("access".to_owned(), lane)].into(),
            knowledge: [(
                "access".to_owned(),
                Knowledge { artifacts: held, artifacts_warm: warm, ..Knowledge::default() },
            )]
            .into(),
            ..Condition::default()
        }
    }

    #[test]
    fn each_of_the_five_reasons_is_told_apart() {
        let check = |condition: &Condition, others, expected: &str| {
            let emptiness = Emptiness::of(condition, others);
            assert!(emptiness.title().contains(expected), "{emptiness:?}");
            assert!(!emptiness.advice(Life::Working).is_empty());
            assert!(emptiness.advice(Life::SilentSince(1)).contains("not running"));
        };
        check(&condition(1, 9, 9, 9), 3, "The filter hides 3 incidents");
        check(&condition(0, 0, 0, 0), 0, "No source");
        check(&condition(2, 0, 0, 0), 0, "no events yet");
        check(&condition(1, 50, 37, 100), 0, "Warming up: 37 %");
        check(&condition(1, 50, 0, 0), 0, "Warming up: 0 %");
        check(&condition(1, 50, 99, 100), 0, "All quiet");
    }
}
