//! What each detector can see now: whether the events it needs arrive, and whether it has seen enough to judge.

use detectors::catalogue::{self, CatalogueEntry};
use detectors::engine::Lane;
use detectors::finding::DetectorId;

use crate::condition::Condition;
use crate::html::Html;
use crate::show::number::{count, counted};

/// What a detector can see.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Sight {
    /// The events it needs do not arrive.
    Blind(String),
    /// They arrive, and some of what it watches is known long enough.
    Warming {
        /// Share of what it watches that can be judged, from 0 to 1.
        share: f64,
        /// The numbers behind it.
        words: String,
    },
    /// They arrive, and most of what it watches is known long enough.
    Seeing(String),
    /// Events arrive; of which kinds is not counted.
    Unsure(String),
}

/// A detector's entry on the page.
pub(super) struct Entry {
    pub(super) id: &'static str,
    pub(super) fires_when: &'static str,
    pub(super) lane: &'static str,
    pub(super) needs_events: String,
    pub(super) needs_fields: String,
    pub(super) warm_up: &'static str,
    pub(super) techniques: String,
    pub(super) findings: String,
    pub(super) class: &'static str,
    pub(super) word: &'static str,
    pub(super) detail: String,
    pub(super) meter: Option<Html>,
}

/// Share from which a detector is said to see.
const SEES_FROM: f64 = 0.9;

impl Entry {
    /// The entry of a detector that has made so many findings.
    pub(super) fn of(detector: DetectorId, condition: &Condition, findings: u64) -> Self {
        let CatalogueEntry { fires_when, needs_events, needs_fields, warm_up, techniques, .. } =
            catalogue::entry(detector);
        let sight = Sight::of(detector, condition, findings);
        let (class, word, detail, meter) = match sight {
            Sight::Blind(why) => ("bad", "blind", why, None),
            Sight::Warming { share, words } => ("waits", "warming up", words, Some(meter(share))),
            Sight::Seeing(words) => ("good", "sees", words, None),
            Sight::Unsure(words) => ("unknown", "not known", words, None),
        };
        Self {
            id: detector.as_str(),
            fires_when,
            lane: Lane::of(detector).as_str(),
            needs_events: needs_events.join(", "),
            needs_fields: needs_fields.join(", "),
            warm_up,
            techniques: techniques.join(" "),
            findings: count(findings),
            class,
            word,
            detail,
            meter,
        }
    }
}

impl Sight {
    /// What a detector can see, as far as it is counted.
    fn of(detector: DetectorId, condition: &Condition, findings: u64) -> Self {
        let needs = catalogue::entry(detector).needs_events.join("` or `");
        let (all, changes, accesses) =
            (condition.events(), condition.change_events(), condition.access_events());
        if all == 0 {
            return Self::Blind("no source has delivered an event yet".to_owned());
        }
        if Lane::of(detector) == Lane::Access {
            if accesses == 0 {
                return Self::Blind(format!(
                    "no source delivers `{needs}` events: none among {}",
                    count(all)
                ));
            }
            return Self::by_knowledge(detector, condition);
        }
        let intake = condition.lanes.get(Lane::Change.as_str()).map(|lane| lane.intake).unwrap_or_default();
        let signatures = intake.joined + intake.unjoined;
        if changes == 0 {
            return Self::Blind(format!(
                "no source delivers `{needs}` events: all {} are accesses",
                count(all)
            ));
        }
        if findings > 0 {
            return Self::Seeing(format!("has made {}", counted(findings, "finding", "findings")));
        }
        if needs == "sign" && signatures > 0 {
            return Self::Seeing(format!(
                "{} arrived by digest",
                counted(signatures, "signature", "signatures")
            ));
        }
        Self::Unsure(format!(
            "{} other than accesses arrived; how many of them are `{needs}` is not counted",
            counted(changes, "event", "events")
        ))
    }

    fn by_knowledge(detector: DetectorId, condition: &Condition) -> Self {
        let known = condition.knowledge.get(Lane::Access.as_str()).copied().unwrap_or_default();
        let (warm, held, what) = match detector {
            DetectorId::DownloadBreadth => (known.principals_warm, known.principals, "principals"),
            _ => (known.artifacts_warm, known.artifacts, "artifacts"),
        };
        let share = if held == 0 { 0.0 } else { warm as f64 / held as f64 };
        let words = format!("{} of {} {what} can be judged", count(warm), count(held));
        if share >= SEES_FROM { Self::Seeing(words) } else { Self::Warming { share, words } }
    }
}

fn meter(share: f64) -> Html {
    Html::new()
        .markup("<svg class=\"meter\" width=\"100%\" height=\"6\" aria-hidden=\"true\"><rect class=\"of\" width=\"100%\" height=\"6\" rx=\"3\"/><rect class=\"is\" height=\"6\" rx=\"3\" width=\"")
        .percent(share)
        .markup("\"/></svg>")
}

#[cfg(test)]
mod tests {
    use detectors::engine::{IntakeCounters, Knowledge};
    use pipeline::status::LaneStatus;

    use super::*;

    fn condition(changes: u64, all: u64, joined: u64, warm: u64) -> Condition {
        let lane = |events, joined| LaneStatus {
            watermark: None,
            waiting: 0,
            waiting_for: None,
            findings: 0,
            intake: IntakeCounters { events, joined, ..IntakeCounters::default() },
        };
        let known =
            Knowledge { artifacts: 100, artifacts_warm: warm, principals: 10, ..Knowledge::default() };
        Condition {
            lanes: [("change".to_owned(), lane(changes, joined)), ("access".to_owned(), lane(all, 0))].into(),
            knowledge: [("access".to_owned(), known)].into(),
            ..Condition::default()
        }
    }

    #[test]
    fn a_detector_without_its_events_is_blind() {
        let nothing = condition(0, 0, 0, 0);
        for detector in DetectorId::ALL {
            assert!(matches!(Sight::of(detector, &nothing, 0), Sight::Blind(_)), "{detector}");
        }
        let accesses = condition(0, 1_000, 0, 0);
        let blind = Sight::of(DetectorId::KeyChange, &accesses, 0);
        assert_eq!(
            blind,
            Sight::Blind("no source delivers `sign` events: all 1,000 are accesses".to_owned())
        );
        let changes = condition(50, 50, 0, 0);
        let blind = Sight::of(DetectorId::DownloadVolume, &changes, 0);
        assert_eq!(blind, Sight::Blind("no source delivers `access` events: none among 50".to_owned()));
    }

    #[test]
    fn warm_up_is_a_share_of_what_is_watched() {
        let young = condition(1, 1_000, 0, 37);
        let words = "37 of 100 artifacts can be judged".to_owned();
        assert_eq!(Sight::of(DetectorId::DownloadVolume, &young, 0), Sight::Warming { share: 0.37, words });
        let old = condition(1, 1_000, 0, 95);
        assert!(matches!(Sight::of(DetectorId::DownloadVolume, &old, 0), Sight::Seeing(_)));
        assert!(matches!(Sight::of(DetectorId::DownloadBreadth, &old, 0), Sight::Warming { .. }));
    }

    #[test]
    fn what_is_not_counted_is_not_claimed() {
        assert!(matches!(Sight::of(DetectorId::TagMove, &condition(9, 10, 0, 0), 0), Sight::Unsure(_)));
        assert!(matches!(Sight::of(DetectorId::TagMove, &condition(9, 10, 0, 0), 1), Sight::Seeing(_)));
        assert!(matches!(Sight::of(DetectorId::KeyChange, &condition(9, 10, 4, 0), 0), Sight::Seeing(_)));
    }
}
