//! The rhythm of the week, as artifacts with day, night and weekend see it. Levels and tails are tested with the rate itself.

use std::sync::Arc;

use super::*;
use crate::downloads::stage::{Ask, Stage};
use crate::event::Span;
use crate::statistics::trial::Draws;

/// Pulls that a working hour is expected to hold; the night holds a tenth, the weekend a third.
const BUSY: f64 = 30.0;

fn expected(hour: i64) -> f64 {
    let (of_day, day) = (hour.rem_euclid(24), (hour.div_euclid(24) + 3).rem_euclid(7));
    let by_hour = if (8..20).contains(&of_day) { 1.0 } else { 0.1 };
    BUSY * by_hour * if day >= 5 { 0.33 } else { 1.0 }
}

/// One artifact and the hours that it goes through.
struct Life<'a> {
    stage: Stage<'a, DownloadVolume>,
    draws: Draws,
}

impl<'a> Life<'a> {
    fn new(detector: &'a DownloadVolume, seed: u64) -> Self {
        Self { stage: Stage::new(detector), draws: Draws::seeded(seed) }
    }

    fn hour(&mut self, count: impl FnOnce(&mut Draws, f64) -> u64) {
        let mean = expected(hour(self.stage.clock).0);
        for _ in 0..count(&mut self.draws, mean) {
            self.stage.show(&Ask::of("build", "web"));
        }
        let (registry, name): (Arc<str>, Arc<str>) = ("npm".into(), "pkg:npm/web".into());
        let subject = Subject::new(crate::finding::SubjectKind::Artifact, registry, name);
        self.stage.pass(Span::hours(1), |detector, state, boundary, _, out| {
            for width in Width::ALL.into_iter().filter(|width| width.ends_at(boundary)) {
                detector.close(state, &subject, width, boundary, 7, out);
            }
        });
    }

    fn weeks(&mut self, weeks: i64) {
        for _ in 0..weeks * 168 {
            self.hour(Draws::poisson);
        }
    }

    /// Lives until an hour of the day, on a working day.
    fn until(&mut self, of_day: i64) {
        let is_it =
            |now: EventTime| hour(now).0.rem_euclid(24) == of_day && expected(hour(now).0) < BUSY + 1.0;
        while !is_it(self.stage.clock) {
            self.hour(Draws::poisson);
        }
    }

    /// The bits of the loudest window of this width and direction since the last call.
    fn loudest(&mut self, what: &str) -> f64 {
        let said = std::mem::take(&mut self.stage.said);
        let of = said.iter().filter(|scored| scored.explanation.summary.contains(what));
        of.map(|scored| match &scored.verdict {
            Verdict::Surprise { tail, .. } => tail.exact.bits(),
            Verdict::Violation(_) => f64::INFINITY,
        })
        .fold(0.0, f64::max)
    }
}

#[test]
fn with_day_night_and_weekend_the_p_values_are_as_rare_as_they_say() {
    let detector = DownloadVolume::default();
    let (mut looks, mut rare) = (0_u32, 0_u32);
    for seed in 0..6 {
        let mut life = Life::new(&detector, seed);
        life.weeks(8);
        life.stage.looks.clear();
        life.weeks(4);
        for (_, p) in life.stage.looks.iter().filter_map(|look| look.calibration.as_ref()) {
            looks += 1;
            rare += u32::from(p.get() < 0.01);
        }
    }
    let share = f64::from(rare) / f64::from(looks);
    // The upper end is that of methods a for a learned null; the lower one says that the rhythm is not paid for with scatter.
    assert!(looks > 4_500 && (0.003..0.013).contains(&share), "{rare} of {looks}: {share}");
}

#[test]
fn the_usual_peak_is_silent_and_the_same_at_night_is_told() {
    let detector = DownloadVolume::default();
    let mut life = Life::new(&detector, 1);
    life.weeks(6);
    life.until(12);
    life.loudest("");
    life.hour(|_, _| 36);
    assert!(life.loudest("") <= 0.0);
    life.until(3);
    life.loudest("");
    life.hour(|_, _| 36);
    assert!(life.loudest("in one hour") > 20.0);
}

#[test]
fn a_usual_peak_that_does_not_come_is_told_and_a_quiet_night_is_not() {
    let detector = DownloadVolume::default();
    let mut life = Life::new(&detector, 2);
    life.weeks(6);
    life.until(3);
    life.loudest("");
    life.hour(|_, _| 0);
    assert!(life.loudest("") <= 0.0);
    life.until(12);
    life.loudest("");
    life.hour(|_, _| 0);
    assert!(life.loudest("only 0 times in one hour") > 20.0);
}

#[test]
fn what_is_pulled_once_a_day_has_no_rhythm_and_a_full_state_stays_under_a_kilobyte() {
    let detector = DownloadVolume::default();
    let mut rare = Life::new(&detector, 3);
    for at in 0..21 * 24 {
        rare.hour(|_, _| u64::from(at % 24 == 9));
    }
    assert!(rare.stage.state.season.is_none());
    let mut busy = Life::new(&detector, 4);
    busy.weeks(3);
    assert!(busy.stage.state.season.is_some());
    let size = postcard::to_stdvec(&busy.stage.state).unwrap().len();
    assert!(size <= 1_000, "{size} bytes");
}
