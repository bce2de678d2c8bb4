//! Detectors that count what one subject does within an hour and within a day, and say so when it is too much.

use serde::{Deserialize, Serialize};

use super::statement::{person_link, scored};
use super::{Acquaintance, CountLook, CountModel, Places, Telling, Thing, WindowedCount, speak};
use crate::detector::{Explanation, Scores, Seen};
use crate::event::Span;
use crate::finding::{DetectorId, Evidence, Fact, Link, Measure, RecordPosition, Subject};

/// Surprise from which a count is worth a finding, in bits; below it a look only teaches.
const WORTH_KEEPING_BITS: f64 = 8.0;

/// What is counted of one kind of subject.
#[derive(Debug, Clone)]
pub(crate) struct Counting {
    detector: DetectorId,
    major: u32,
    /// By the hour, and by the day.
    models: [CountModel; 2],
    /// The thing that is counted, in the plural.
    unit: &'static str,
}

/// Which of the two windows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Within {
    Hour,
    Day,
}

/// The windows of one subject; at most 300 bytes while none is open.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct CountState {
    places: Places,
    met: Acquaintance,
    windows: [WindowedCount; 2],
}

/// What a finding says beside the count.
#[derive(Debug, Clone, Default)]
pub(crate) struct CountWords {
    pub(crate) summary: String,
    /// What follows "It would have been silent had".
    pub(crate) silent_had: String,
    pub(crate) links: Vec<Link>,
    pub(crate) slsa_threat: Option<char>,
}

impl Counting {
    pub(crate) fn new(
        detector: DetectorId,
        major: u32,
        [hour, day]: [&'static str; 2],
        unit: &'static str,
    ) -> Self {
        let models = [CountModel::new(hour, Span::hours(1)), CountModel::new(day, Span::days(1))];
        Self { detector, major, models, unit }
    }

    /// Counts one thing in one window; `words` are asked for where the count is worth a finding.
    pub(crate) fn count(
        &self,
        state: &mut CountState,
        seen: &Seen<'_>,
        subject: &Subject,
        (within, thing): (Within, Thing<'_>),
        out: &mut Scores,
        words: impl FnOnce(&CountLook) -> CountWords,
    ) {
        let at = usize::from(within == Within::Day);
        let model = &self.models[at];
        state.met.meet(seen.now());
        let Some(look) = state.windows[at].add(model, seen, &mut state.places, thing, out) else { return };
        let cell = state.met.cell(self.detector, &subject.registry, seen.now());
        if look.worth_telling == Telling::Known || look.tail.exact.bits() < WORTH_KEEPING_BITS {
            out.teach(look.tail, cell);
            return;
        }
        state.windows[at].mark_told(look.count);
        let first = state.places.find(look.first.1);
        speak(out, WORTH_KEEPING_BITS, look.tail, cell, |verdict| {
            let explanation = self.explain(seen, &look, within, first, words(&look));
            scored(seen, (self.detector, self.major), subject.clone(), verdict, explanation)
        });
    }

    fn explain(
        &self,
        seen: &Seen<'_>,
        look: &CountLook,
        within: Within,
        first: Option<RecordPosition>,
        words: CountWords,
    ) -> Explanation {
        let event = seen.event();
        let unit = match within {
            Within::Hour => format!("{} within an hour", self.unit),
            Within::Day => format!("{} within a day", self.unit),
        };
        let fact = |count: f64| Fact::Count {
            what: self.unit.to_owned(),
            count,
            expected: look.usual.1,
            hours: if within == Within::Hour { 1.0 } else { 24.0 },
            bits: look.tail.exact.bits(),
        };
        let mut links = words.links;
        links.extend(person_link(event).filter(|link| !links.contains(link)));
        let key = event.artifact.as_ref().and_then(|artifact| artifact.key.as_ref());
        links.extend(key.map(|key| Link::Artifact(key.shared())));
        Explanation {
            observed: Measure::number(look.count as f64, &unit),
            expected: Some(look.band(&unit)),
            summary: words.summary,
            counterfactual: format!("It would have been silent had {}.", words.silent_had),
            evidence: vec![
                Evidence {
                    fact: fact(look.count as f64),
                    time: event.time,
                    position: Some(RecordPosition::from(&event.position)),
                },
                Evidence { fact: fact(1.0), time: look.first.0, position: first },
            ],
            links,
            slsa_threat: words.slsa_threat,
        }
    }
}

/// `in 7 days of its past it was 2 at most` in words, or what takes its place for who has no past.
pub(crate) fn shown_usual(look: &CountLook) -> String {
    if look.windows < super::WINDOWS_NEEDED {
        "it has no past here to compare with".to_owned()
    } else {
        format!("{} to {} are usual, by {} earlier ones", look.usual.0, look.usual.2, look.windows)
    }
}
