//! The learned rate: calibration, power, contamination, cold start, empty stretches, lasting shifts, size.

use super::*;
use crate::statistics::trial::{Draws, assert_close, exceedance};

fn hourly() -> RateModel {
    RateModel::new(RatePace::hourly(), RatePrior::new(1.0))
}

/// A rate that has seen `bins` hours of negative binomial counts.
fn taught(model: &RateModel, draws: &mut Draws, mean: f64, dispersion: f64, bins: u32) -> Rate {
    let mut rate = Rate::from_prior(model.prior());
    for _ in 0..bins {
        let (count, u) = (draws.negative_binomial(mean, dispersion), draws.uniform());
        rate.observe(model, 1.0, count, u);
    }
    rate
}

/// 300 subjects with rates of 0.01 to 1,000 an hour and slowly drifting means: randomised p of weeks five to seven.
fn learned_null(model: &RateModel, draws: &mut Draws) -> Vec<f64> {
    let mut values = Vec::new();
    for subject in 0..300_u32 {
        let mut mean = libm::exp10(-2.0 + 5.0 * f64::from(subject) / 300.0);
        let dispersion = [0.02, 0.1, 0.4][subject as usize % 3];
        let mut rate = Rate::from_prior(model.prior());
        for bin in 0..1_150 {
            mean *= libm::exp(0.003 * draws.normal());
            let count = draws.negative_binomial(mean, dispersion);
            let (score, change) = rate.observe(model, 1.0, count, draws.uniform());
            assert_eq!(change, LevelChange::Steady, "a slow drift is no lasting shift");
            if bin >= 672 {
                values.push(score.upper.randomised.get());
            }
        }
    }
    values
}

#[test]
fn learned_rates_are_calibrated() {
    let values = learned_null(&hourly(), &mut Draws::seeded(40));
    for (level, low, high) in [(0.1, 0.9, 1.1), (1e-2, 0.7, 1.3), (1e-3, 0.6, 2.2)] {
        let ratio = exceedance(&values, level);
        assert!((low..=high).contains(&ratio), "at {level}: {ratio}");
    }
}

/// The truth between two grid points, on one of them, and at the end of the grid: all are learned.
#[test]
fn any_dispersion_is_calibrated_where_there_is_volume() {
    let model = hourly();
    let mut draws = Draws::seeded(50);
    for (mean, dispersion) in [(80.0, 0.017), (80.0, 0.08), (80.0, 0.3), (1_000.0, 0.05), (1_000.0, 2.0)] {
        let mut values = Vec::new();
        for _ in 0..40 {
            let mut rate = taught(&model, &mut draws, mean, dispersion, 500);
            for _ in 0..400 {
                let count = draws.negative_binomial(mean, dispersion);
                values.push(rate.observe(&model, 1.0, count, draws.uniform()).0.upper.randomised.get());
            }
        }
        for (level, low, high) in [(0.1, 0.9, 1.15), (1e-2, 0.7, 1.4), (1e-3, 0.3, 2.2)] {
            let ratio = exceedance(&values, level);
            assert!((low..=high).contains(&ratio), "mu={mean} phi={dispersion} at {level}: {ratio}");
        }
    }
}

#[test]
fn both_sides_together_are_calibrated_where_drops_are_scored() {
    let model = hourly();
    let mut draws = Draws::seeded(41);
    let mut values = Vec::new();
    for _ in 0..60 {
        let mut rate = taught(&model, &mut draws, 80.0, 0.05, 600);
        for _ in 0..500 {
            let (score, _) = rate.observe(&model, 1.0, draws.negative_binomial(80.0, 0.05), draws.uniform());
            values.push(score.two_sided().randomised.get());
        }
    }
    for (level, low, high) in [(0.1, 0.9, 1.1), (1e-2, 0.7, 1.4), (1e-3, 0.3, 2.2)] {
        let ratio = exceedance(&values, level);
        assert!((low..=high).contains(&ratio), "at {level}: {ratio}");
    }
}

/// Share of spikes of `factor` at `mean` an hour that fall below p = 1e-4.
fn power(model: &RateModel, draws: &mut Draws, mean: f64, factor: f64) -> f64 {
    let found = (0..150)
        .filter(|_| {
            let rate = taught(model, draws, mean, 0.05, 500);
            let count = draws.negative_binomial(mean * factor, 0.05);
            rate.predict(1.0).score(count, 0.5).upper.randomised.get() < 1e-4
        })
        .count();
    found as f64 / 150.0
}

#[test]
fn spikes_are_found_where_there_is_volume() {
    let model = hourly();
    let mut draws = Draws::seeded(42);
    let (large, medium, rare) = (
        power(&model, &mut draws, 200.0, 3.0),
        power(&model, &mut draws, 10.0, 3.0),
        power(&model, &mut draws, 0.3, 3.0),
    );
    assert!(large > 0.9, "x3 at 200 an hour: {large}");
    assert!(medium > 0.4, "x3 at 10 an hour: {medium}");
    assert!(rare < 0.1, "x3 below one an hour is honestly not detectable: {rare}");
    let rate = taught(&model, &mut draws, 0.3, 0.05, 500);
    assert!(rate.predict(1.0).minimum_detectable(1e-4) > 10.0);
}

/// Level, and power for a later fivefold hour, after a day of fiftyfold traffic and a day of rest.
fn after_contamination(model: &RateModel, mean: f64) -> (f64, f64) {
    let mut draws = Draws::seeded(43);
    let (mut inflation, mut found) = (0.0, 0);
    for _ in 0..100 {
        let mut rate = taught(model, &mut draws, mean, 0.05, 600);
        let before = rate.level();
        for hour in 0..48 {
            let now = if hour < 24 { 50.0 * mean } else { mean };
            rate.observe(model, 1.0, draws.negative_binomial(now, 0.05), draws.uniform());
        }
        inflation += rate.level() / before / 100.0;
        let spike = draws.negative_binomial(5.0 * mean, 0.05);
        found += u32::from(rate.predict(1.0).score(spike, 0.5).upper.randomised.get() < 1e-4);
    }
    (inflation, f64::from(found) / 100.0)
}

#[test]
fn a_burst_of_a_day_does_not_blind_the_baseline() {
    let (inflation, power) = after_contamination(&hourly(), 50.0);
    assert!(inflation < 1.5, "level times {inflation}");
    assert!(power >= 0.6, "power {power}");
    // Without winsorising (a warm-up that never ends) the same burst must blind it, or this test says nothing.
    let naive = RateModel::new(RatePace { warm_up: u32::MAX, ..RatePace::hourly() }, RatePrior::new(1.0));
    let (inflation, power) = after_contamination(&naive, 50.0);
    assert!(inflation > 1.5 && power < 0.6, "naive: level times {inflation}, power {power}");
}

#[test]
fn a_constant_count_is_learned_and_a_change_of_it_found() {
    let model = hourly();
    let mut rate = Rate::from_prior(model.prior());
    for _ in 0..500 {
        rate.observe(&model, 1.0, 100, 0.5);
    }
    assert_close(rate.level(), 100.0, 0.02, "level");
    let prediction = rate.predict(1.0);
    assert!(prediction.score(100, 0.5).two_sided().exact.get() > 0.5);
    assert!(prediction.score(170, 0.5).upper.exact.bits() > 13.0);
    let drop = prediction.score(40, 0.5);
    assert_eq!(drop.direction, Direction::Below);
    assert!(drop.tail().exact.bits() > 13.0);
    let band = prediction.band();
    assert!(band.low < 100 && (95..=105).contains(&band.mid) && band.high > 100, "{band:?}");
}

#[test]
fn a_subject_that_never_acts_makes_its_first_act_surprising_but_not_absurd() {
    let model = hourly();
    let mut rate = Rate::from_prior(model.prior());
    for _ in 0..2_000 {
        rate.observe(&model, 1.0, 0, 0.5);
    }
    let bits = rate.predict(1.0).score(1, 0.5).upper.exact.bits();
    assert!((6.0..14.0).contains(&bits), "{bits}");
}

#[test]
fn a_new_subject_is_judged_by_its_cohort_and_with_doubt() {
    let cohort = RatePrior::new(20.0);
    let rate = Rate::from_prior(&cohort);
    assert_close(rate.level(), 20.0, 1e-12, "level");
    let bits = |count| rate.predict(1.0).score(count, 0.5).upper.exact.bits();
    assert!(bits(60) < 6.0, "three times the cohort's median is ordinary in a cohort: {}", bits(60));
    assert!(bits(5_000) > 12.0, "{}", bits(5_000));
}

#[test]
fn a_cohort_hands_down_its_median_and_its_dispersion() {
    let model = hourly();
    let mut draws = Draws::seeded(44);
    let rates: Vec<Rate> =
        [2.0, 5.0, 900.0].map(|mean| taught(&model, &mut draws, mean, 0.5, 800)).into_iter().collect();
    let prior = RatePrior::pooled(&rates).unwrap();
    assert_close(prior.level(), 5.0, 0.25, "median level");
    let weights = Rate::from_prior(&prior).weights();
    assert!(weights[4] + weights[5] + weights[6] > weights[0] + weights[1] + weights[2], "{weights:?}");
    assert_eq!(RatePrior::pooled([]), None);
}

/// Two days after birth, over five decades of rates under one prior, calibration must already hold.
#[test]
fn young_subjects_are_calibrated_once_settled() {
    let model = hourly();
    let mut draws = Draws::seeded(51);
    let mut values = Vec::new();
    for subject in 0..600_u32 {
        let mean = libm::exp10(-2.0 + 5.0 * f64::from(subject) / 600.0);
        let mut rate = taught(&model, &mut draws, mean, 0.1, 48);
        assert!(rate.is_settled());
        for _ in 0..72 {
            let (score, _) = rate.observe(&model, 1.0, draws.negative_binomial(mean, 0.1), draws.uniform());
            values.push(score.upper.randomised.get());
        }
    }
    for (level, low, high) in [(0.1, 0.9, 1.15), (1e-2, 0.7, 1.5), (1e-3, 0.4, 2.5)] {
        let ratio = exceedance(&values, level);
        assert!((low..=high).contains(&ratio), "at {level}: {ratio}");
    }
}

#[test]
fn few_events_are_no_drop_below_the_smallest_mean() {
    let model = hourly();
    let mut draws = Draws::seeded(45);
    let rate = taught(&model, &mut draws, 5.0, 0.01, 400);
    let score = rate.predict(0.5).score(0, 0.5);
    assert_eq!(score.lower, None);
    assert_eq!(score.tail(), score.upper);
}

#[test]
fn exposure_scales_the_expectation_not_the_level() {
    let model = hourly();
    let mut rate = Rate::from_prior(model.prior());
    for bin in 0..800 {
        let exposure = if bin % 24 < 12 { 2.0 } else { 0.25 };
        rate.observe(&model, exposure, (40.0 * exposure) as u64, 0.5);
    }
    assert_close(rate.level(), 40.0, 0.02, "level");
    assert_close(rate.predict(2.0).mean(), 80.0, 0.02, "mean");
}

#[test]
fn an_empty_stretch_is_caught_up_as_if_walked() {
    let model = hourly();
    let mut draws = Draws::seeded(46);
    for (mean, age, bins) in
        [(0.02, 700, 2_000), (0.5, 700, 24), (0.5, 10, 300), (3.0, 500, 60), (0.1, 60, 1)]
    {
        let start = taught(&model, &mut draws, mean, 0.2, age);
        let (mut jumped, mut walked) = (start.clone(), start);
        jumped.idle(&model, bins, 1.0);
        for _ in 0..bins {
            walked.observe(&model, 1.0, 0, 0.5);
        }
        let what = format!("mean {mean}, age {age}, {bins} bins");
        assert_close(jumped.level(), walked.level(), 0.1, &what);
        let bits = |rate: &Rate, count| rate.predict(1.0).score(count, 0.5).upper.exact.bits();
        assert!((bits(&jumped, 3) - bits(&walked, 3)).abs() < 0.5, "{what}");
        assert_eq!(jumped.bins(), walked.bins());
    }
}

#[test]
fn a_stretch_of_ages_is_caught_up_in_bounded_time_and_stays_sane() {
    let model = hourly();
    let mut rate = taught(&model, &mut Draws::seeded(47), 900.0, 0.1, 400);
    rate.idle(&model, u64::MAX, 1.0);
    let score = rate.predict(1.0).score(5, 0.5);
    assert!(rate.level() > 0.0 && rate.level() < 0.1, "{}", rate.level());
    assert!(score.upper.exact.get() > 0.0 && score.upper.exact.get() < 0.05);
}

#[test]
fn a_lasting_change_is_said_once_and_then_adopted() {
    let model = hourly();
    let mut draws = Draws::seeded(48);
    for (factor, said) in [(5.0, LevelChange::Rose), (0.1, LevelChange::Fell)] {
        let mut rate = taught(&model, &mut draws, 100.0, 0.02, 500);
        let mut changes = Vec::new();
        for _ in 0..120 {
            let count = draws.negative_binomial(100.0 * factor, 0.02);
            changes.push(rate.observe(&model, 1.0, count, draws.uniform()).1);
        }
        assert_eq!(changes.iter().filter(|c| **c == said).count(), 1, "times {factor}");
        let after = rate.predict(1.0).score((100.0 * factor) as u64, 0.5).two_sided().exact.get();
        assert!(after > 0.05, "times {factor}: adopted level {} gives {after}", rate.level());
    }
}

#[test]
fn no_input_breaks_a_rate() {
    let model =
        RateModel::new(RatePace { half_life: f64::NAN, ..RatePace::hourly() }, RatePrior::new(f64::NAN));
    let mut rate = Rate::from_prior(model.prior());
    for exposure in [f64::NAN, f64::INFINITY, -1.0, 0.0, 1e-300, 1e300, 1.0] {
        for count in [0, 1, u64::MAX] {
            let (score, _) = rate.observe(&model, exposure, count, 0.5);
            let p = score.two_sided().exact.get();
            assert!(p > 0.0 && p <= 1.0, "exposure {exposure} count {count}: {p}");
            assert!(rate.level() > 0.0 && rate.level().is_finite(), "exposure {exposure} count {count}");
        }
        rate.idle(&model, 10, exposure);
        assert!(rate.level() > 0.0 && rate.level().is_finite(), "idle with exposure {exposure}");
    }
}

#[test]
fn the_state_is_small_and_survives_storage() {
    let model = hourly();
    let mut rate = taught(&model, &mut Draws::seeded(49), 1_000.0, 0.1, 300);
    for _ in 0..30 {
        rate.observe(&model, 1.0, 100_000, 0.5);
    }
    rate.bins = u32::MAX;
    let bytes = postcard::to_allocvec(&rate).unwrap();
    assert!(bytes.len() <= 90, "{}", bytes.len());
    assert_eq!(postcard::from_bytes::<Rate>(&bytes).unwrap(), rate);
}
