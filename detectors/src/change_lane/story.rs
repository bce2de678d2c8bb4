//! A small language for the tests of the change lane: a line is an event, and what must come of it.
//!
//! ```text
//! 40x +7d   publish kics@2.1.# digest=r#            => silence
//!     +2h   tag docker/kics:2.1.3 digest=evil       => tag-move 14
//!     +1s   publish kics@2.1.3 digest=evil          => violation tag-move
//! ```
//! `40x` repeats the line and `#` counts. `silence` means that nothing of eight bits or more was said, a number is the
//! least surprise; both in bits of the exact p-value, which no tie break moves. State goes through its saved form after every event.

use std::collections::BTreeMap;
use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use super::story_event;
use crate::detector::{Detector, Look, PriorKey, Priors, Scored, Scores, Seen, Tally, Verdict};
use crate::event::{Digest, Event, EventTime, Ordered, Span, Timeliness};
use crate::finding::DetectorId;

/// Surprise from which a finding is kept; below it is silence.
pub(crate) const SILENCE_BITS: f64 = 8.0;

/// One detector on a stage of its own: rows of state, and population rates that turn over with the hour.
pub(crate) struct Stage<'a, D: Detector> {
    detector: &'a D,
    rows: BTreeMap<String, D::State>,
    priors: Priors,
    coming: BTreeMap<PriorKey, Tally>,
    hour: EventTime,
    clock: EventTime,
    offset: i64,
    seed: u64,
    saves: bool,
    row_of: fn(&Event) -> Option<String>,
}

/// The row of an event's artifact.
fn artifact_row(event: &Event) -> Option<String> {
    Some(format!("{} {}", event.registry, event.artifact.as_ref()?.key.as_ref()?))
}

/// The row of whom the engine shows an event as its principal, else of its registry.
fn principal_row(event: &Event) -> Option<String> {
    let name = crate::accounts::principal_of(event).unwrap_or(&event.registry);
    Some(format!("{} {name}", event.registry))
}

/// The row of an event's signer, or of the key that it is about.
fn signer_row(event: &Event) -> Option<String> {
    crate::signing::signer_row(event).map(|name| format!("{} {name}", event.registry))
}

impl<'a, D: Detector> Stage<'a, D> {
    pub(crate) fn new(detector: &'a D) -> Self {
        let clock = EventTime::parse("2026-01-05T00:00:00Z").unwrap();
        Self {
            detector,
            rows: BTreeMap::new(),
            priors: Priors::default(),
            coming: BTreeMap::new(),
            hour: clock,
            clock,
            offset: 0,
            seed: 7,
            saves: true,
            row_of: artifact_row,
        }
    }

    /// Without saving and loading after each event: for simulations.
    pub(crate) fn fast(detector: &'a D, seed: u64) -> Self {
        Self { seed, saves: false, ..Self::new(detector) }
    }

    /// With rows of principals instead of artifacts.
    pub(crate) fn by_principal(self) -> Self {
        Self { row_of: principal_row, ..self }
    }

    /// With one row for a registry.
    pub(crate) fn by_registry(self) -> Self {
        Self { row_of: |event| Some(event.registry.to_string()), ..self }
    }

    /// With rows of signers instead of artifacts.
    pub(crate) fn by_signer(self) -> Self {
        Self { row_of: signer_row, ..self }
    }

    /// The state of an artifact, by its key.
    pub(crate) fn row(&self, key: &str) -> &D::State {
        &self.rows[key]
    }

    /// Plays one line without expectations.
    pub(crate) fn play(&mut self, line: &str) -> Vec<Look> {
        let mut words: Vec<&str> = line.split_whitespace().collect();
        let late = words.pop_if(|word| *word == "late").is_some();
        self.clock = self.clock.plus(span(words.remove(0)));
        self.offset += 1;
        let event = story_event::read(&words, self.clock, self.offset);
        self.show(event, if late { Timeliness::Late } else { Timeliness::OnTime })
    }

    /// Shows one event.
    pub(crate) fn show(&mut self, event: Event, timeliness: Timeliness) -> Vec<Look> {
        let hour = event.time.floor_to(Span::hours(1));
        if hour > self.hour {
            self.hour = hour;
            for (key, more) in std::mem::take(&mut self.coming) {
                let tally = self.priors.0.entry(key).or_default();
                tally.hits += more.hits;
                tally.chances += more.chances;
            }
        }
        let Some(name) = (self.row_of)(&event) else { return vec![] };
        let ordered = Ordered { order: event.time, event: Arc::new(event), timeliness };
        let seen = Seen { ordered: &ordered, priors: &self.priors, seed: self.seed };
        let mut out = Scores { now: ordered.order, ..Scores::default() };
        let row = self.rows.entry(name).or_default();
        self.detector.observe(row, &seen, &mut out);
        if self.saves {
            let saved = postcard::to_stdvec(row).unwrap();
            *row = postcard::from_bytes(&saved).unwrap();
        }
        for (key, more) in out.tallies {
            let tally = self.coming.entry(key).or_default();
            tally.hits += more.hits;
            tally.chances += more.chances;
        }
        out.looks
    }
}

/// Plays a story and checks what each line expects; returns all that was said, in order.
#[track_caller]
pub(crate) fn check<D: Detector>(detector: &D, story: &str) -> Vec<Scored> {
    tell(Stage::new(detector), story)
}

/// As [`check`], with rows of principals.
#[track_caller]
pub(crate) fn check_principals<D: Detector>(detector: &D, story: &str) -> Vec<Scored> {
    tell(Stage::new(detector).by_principal(), story)
}

/// As [`check`], with rows of signers.
#[track_caller]
pub(crate) fn check_signers<D: Detector>(detector: &D, story: &str) -> Vec<Scored> {
    tell(Stage::new(detector).by_signer(), story)
}

/// The largest state of a row of artifacts, in saved bytes, after a story.
pub(crate) fn state_size<D: Detector>(detector: &D, story: &str) -> usize {
    size_after(Stage::new(detector), story)
}

/// The largest state of a row after a story, in saved bytes.
pub(crate) fn size_after<D: Detector>(mut stage: Stage<'_, D>, story: &str) -> usize {
    for line in lines(story) {
        let (times, action) = repeated(line.split_once("=>").map_or(line, |(action, _)| action));
        for round in 1..=times {
            stage.play(&action.replace('#', &round.to_string()));
        }
    }
    stage.rows.values().map(|row| postcard::to_stdvec(row).unwrap().len()).max().unwrap_or(0)
}

/// The events of a story, for whoever shows them to something else than a stage.
pub(crate) fn events(story: &str) -> Vec<Event> {
    let mut clock = EventTime::parse("2026-01-05T00:00:00Z").unwrap();
    let mut events = Vec::new();
    for line in lines(story) {
        let (times, action) = repeated(line);
        for round in 1..=times {
            let action = action.replace('#', &round.to_string());
            let mut words: Vec<&str> = action.split_whitespace().collect();
            clock = clock.plus(span(words.remove(0)));
            events.push(story_event::read(&words, clock, i64::try_from(events.len()).unwrap()));
        }
    }
    events
}

fn lines(story: &str) -> impl Iterator<Item = &str> {
    story.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("//"))
}

#[track_caller]
fn tell<D: Detector>(mut stage: Stage<'_, D>, story: &str) -> Vec<Scored> {
    let mut said = Vec::new();
    for line in lines(story) {
        let (action, expectation) = line.split_once("=>").unwrap_or((line, ""));
        let (times, action) = repeated(action);
        for round in 1..=times {
            let looks = stage.play(&action.replace('#', &round.to_string()));
            for wish in expectation.split(',').map(str::trim).filter(|wish| !wish.is_empty()) {
                let met = meets(wish, &looks);
                assert!(met, "round {round} of `{line}`: expected {wish}, got\n{}", shown(&looks));
            }
            said.extend(looks.into_iter().filter_map(|look| look.scored).map(|scored| *scored));
        }
    }
    said
}

fn meets(wish: &str, looks: &[Look]) -> bool {
    let is_violation = |look: &Look| look.calibration.is_none();
    if wish == "silence" {
        return looks.iter().all(|look| !is_violation(look) && exact_bits(look) < SILENCE_BITS);
    }
    if let Some(id) = wish.strip_prefix("violation ") {
        return looks.iter().any(|look| is_violation(look) && look_is_of(look, id));
    }
    let (id, bits) = wish.split_once(' ').unwrap();
    let bits: f64 = bits.parse().unwrap();
    looks.iter().any(|look| !is_violation(look) && look_is_of(look, id) && exact_bits(look) >= bits)
}

fn look_is_of(look: &Look, id: &str) -> bool {
    let id: DetectorId = id.parse().unwrap();
    look.scored.as_ref().is_some_and(|scored| scored.detector == id)
}

/// Bits of the exact p-value of what was said; 0 for silence.
pub(crate) fn exact_bits(look: &Look) -> f64 {
    match look.scored.as_ref().map(|scored| &scored.verdict) {
        Some(Verdict::Surprise { tail, .. }) => tail.exact.bits(),
        _ => 0.0,
    }
}

fn shown(looks: &[Look]) -> String {
    let line = |look: &Look| match &look.scored {
        Some(scored) => format!("{} {:?}: {}", scored.detector, scored.verdict, scored.explanation.summary),
        None => format!("silence {:?}", look.calibration),
    };
    looks.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn repeated(action: &str) -> (usize, &str) {
    let action = action.trim();
    let (first, rest) = action.split_once(' ').unwrap();
    match first.strip_suffix('x').and_then(|times| times.parse().ok()) {
        Some(times) => (times, rest.trim()),
        None => (1, action),
    }
}

fn span(word: &str) -> Span {
    let (count, unit) = word.strip_prefix('+').unwrap().split_at(word.len() - 2);
    let count: i64 = count.parse().unwrap();
    match unit {
        "s" => Span::secs(count),
        "m" => Span::minutes(count),
        "h" => Span::hours(count),
        "d" => Span::days(count),
        _ => unreachable!("the unit of `{word}`"),
    }
}

/// A digest that a short word stands for.
pub(crate) fn digest(word: &str) -> Digest {
    let hex = data_encoding::HEXLOWER.encode(&Sha256::digest(word.as_bytes()));
    Digest::parse(&format!("sha256:{hex}")).unwrap()
}
