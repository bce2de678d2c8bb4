//! The recalibrated body: identity where the model is right, repaired where it is wrong, monotone always, robust to attacks.

use super::*;
use crate::statistics::trial::{Draws, assert_close, exceedance};
use proptest::prelude::*;

/// Scores whose −ln p is `stretch` times too long, with a share of `attacks` at p = 1e-12.
fn draw(draws: &mut Draws, stretch: f64, attacks: f64) -> PValue {
    if draws.uniform() < attacks {
        return PValue::clamped(1e-12);
    }
    PValue::clamped(libm::pow(1.0 - draws.uniform(), stretch))
}

fn taught(draws: &mut Draws, stretch: f64, attacks: f64) -> Calibrator {
    let mut calibrator = Calibrator::default();
    for second in 0..40_000 {
        calibrator.record(draw(draws, stretch, attacks), 1_700_000_000 + second);
    }
    calibrator
}

#[test]
fn a_wrong_model_is_repaired_and_a_right_one_left_alone() {
    let mut draws = Draws::seeded(100);
    for stretch in [1.0, 1.3, 1.8, 0.8] {
        let curve = taught(&mut draws, stretch, 0.0).curve().unwrap();
        let values: Vec<f64> =
            (0..200_000).map(|_| curve.apply(draw(&mut draws, stretch, 0.0)).get()).collect();
        let raw_at = |level: f64| libm::pow(level, 1.0 / stretch) / level;
        for (level, slack) in [(0.1, 0.06), (1e-2, 0.2), (1e-3, 0.45)] {
            let ratio = exceedance(&values, level);
            // A model that is too quiet in its tail is not made bolder there than its body shows.
            let low = if stretch < 1.0 { 0.15 } else { 1.0 - slack };
            assert!(
                (low..=1.0 + slack).contains(&ratio),
                "{stretch} at {level}: {ratio}, raw {}",
                raw_at(level)
            );
        }
    }
}

#[test]
fn attacks_do_not_teach_it_to_be_deaf() {
    let mut draws = Draws::seeded(101);
    let clean = taught(&mut draws, 1.3, 0.0).curve().unwrap();
    let attacked = taught(&mut draws, 1.3, 0.005).curve().unwrap();
    let attack = PValue::clamped(1e-12);
    assert!(attacked.apply(attack).bits() > 0.7 * clean.apply(attack).bits());
    assert!(attacked.apply(attack).bits() > 20.0, "{}", attacked.apply(attack).bits());
}

#[test]
fn too_few_scores_leave_it_to_the_parent_or_to_nobody() {
    let mut draws = Draws::seeded(102);
    let parent = taught(&mut draws, 1.8, 0.0);
    let mut child = Calibrator::default();
    for second in 0..1_500 {
        child.record(draw(&mut draws, 1.0, 0.0), second);
    }
    let p = PValue::clamped(1e-4);
    assert!(!child.is_ready() && child.curve().is_none());
    assert_eq!(child.calibrate(p, Some(&parent)), parent.curve().unwrap().apply(p));
    assert_eq!(child.calibrate(p, Some(&Calibrator::default())), p);
    assert_eq!(child.calibrate(p, None), p);
    for second in 0..1_000 {
        child.record(draw(&mut draws, 1.0, 0.0), 1_500 + second);
    }
    assert!(child.is_ready());
    assert_eq!(child.calibrate(p, Some(&parent)), child.curve().unwrap().apply(p));
}

#[test]
fn the_past_fades_by_event_time() {
    let mut draws = Draws::seeded(103);
    let mut calibrator = taught(&mut draws, 1.8, 0.0);
    let later = 1_700_000_000 + 10 * HALF_LIFE_SECONDS;
    for second in 0..40_000 {
        calibrator.record(draw(&mut draws, 1.0, 0.0), later + second);
    }
    assert_close(calibrator.scores(), 40_000.0, 0.01, "scores");
    assert_close(calibrator.curve().unwrap().stretch(), 1.0, 0.1, "stretch");
}

#[test]
fn merging_is_recording_all() {
    let mut draws = Draws::seeded(104);
    let (mut whole, mut left, mut right) =
        (Calibrator::default(), Calibrator::default(), Calibrator::default());
    for index in 0..6_000_i64 {
        // Over three half-lives, in an order that is not that of time.
        let time = index * 7_919 % 6_000 * HALF_LIFE_SECONDS / 2_000;
        let p = draw(&mut draws, 1.2, 0.0);
        whole.record(p, time);
        if index % 3 == 0 { left.record(p, time) } else { right.record(p, time) }
    }
    let mut other_way = right.clone();
    other_way.merge(&left);
    left.merge(&right);
    for merged in [&left, &other_way] {
        assert_close(merged.scores(), whole.scores(), 1e-9, "scores");
        for p in [0.5, 0.05, 1e-3, 1e-9] {
            let p = PValue::clamped(p);
            let (a, b) = (merged.curve().unwrap().apply(p).get(), whole.curve().unwrap().apply(p).get());
            assert_close(a, b, 1e-9, "merged");
        }
    }
    let before = whole.clone();
    whole.merge(&Calibrator::default());
    assert_eq!(whole, before);
}

#[test]
fn scores_of_one_value_or_of_no_surprise_do_not_break_it() {
    for value in [1.0, 0.5, 1e-300] {
        let mut calibrator = Calibrator::default();
        for second in 0..5_000 {
            calibrator.record(PValue::clamped(value), second);
        }
        for p in [1.0, 0.5, 1e-5, 1e-300] {
            let calibrated = calibrator.calibrate(PValue::clamped(p), None).get();
            assert!(calibrated > 0.0 && calibrated <= 1.0);
        }
    }
}

#[test]
fn extreme_times_do_not_break_it() {
    let mut calibrator = Calibrator::default();
    for time in [i64::MIN, -1, 0, i64::MAX, 5, i64::MIN] {
        calibrator.record(PValue::clamped(0.3), time);
    }
    assert!(calibrator.scores().is_finite());
}

proptest! {
    #[test]
    fn the_curve_is_monotone_and_continuous(
        scores in prop::collection::vec((0.0_f64..12.0, 1_usize..400), 1..12),
        x in 0.0_f64..40.0,
    ) {
        let mut calibrator = Calibrator::default();
        for (nats, times) in scores {
            for _ in 0..times.max(200) * 10 {
                calibrator.record(PValue::clamped(libm::exp(-nats)), 0);
            }
        }
        let curve = calibrator.curve().unwrap();
        let at = |x: f64| curve.apply(PValue::clamped(libm::exp(-x))).get();
        prop_assert!(at(x + 1e-6) <= at(x) * (1.0 + 1e-12));
        prop_assert!((at(x + 1e-6) / at(x) - 1.0).abs() < 1e-5);
        // Across the joint as well.
        let joint = curve.body;
        prop_assert!((at(joint + 1e-9) / at((joint - 1e-9).max(0.0)) - 1.0).abs() < 1e-6);
    }
}
