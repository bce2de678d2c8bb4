//! First-seen surprise: its order, its calibration, its bounds, its cold start.

use super::*;
use crate::statistics::trial::{Draws, assert_close, exceedance};

fn after(values: impl IntoIterator<Item = u64>) -> PitmanYor {
    let mut state = PitmanYor::default();
    for value in values {
        state.update(value, 0.0);
    }
    state
}

#[test]
fn without_history_nothing_is_surprising_unless_the_population_says_so() {
    let fresh = PitmanYor::default();
    let score = fresh.score(7, None, 0.5);
    assert_eq!(score.familiarity, Familiarity::FirstOfAll);
    assert_close(score.tail.exact.get(), 1.0, 1e-12, "p");
    let rare = fresh.score(7, Some(BaseRank { rarer: 0.0, equal: 0.01 }), 0.5);
    assert_close(rare.tail.exact.get(), 0.01, 1e-12, "p");
}

#[test]
fn a_new_value_after_a_long_monotonous_history_is_surprising() {
    let state = after([1; 300]);
    let score = state.score(2, None, 0.5);
    assert_eq!(score.familiarity, Familiarity::New);
    assert!(score.tail.exact.bits() > 7.0, "{score:?}");
    assert!(state.score(1, None, 0.5).tail.exact.get() > 0.9);
    let never_seen_anywhere = state.score(2, Some(BaseRank { rarer: 0.0, equal: 0.001 }), 0.5);
    assert!(never_seen_anywhere.tail.exact.bits() > 16.0);
}

#[test]
fn a_new_value_of_one_who_always_has_new_ones_is_not() {
    let wanderer = after(0..200);
    assert!(wanderer.score(999, None, 0.5).tail.exact.get() > 0.1);
}

#[test]
fn surprise_orders_new_before_rare_before_usual() {
    let state = after([1; 80].into_iter().chain([2; 15]).chain([3; 2]));
    let p = |value| state.score(value, None, 0.5).tail.exact.get();
    assert!(p(9) < p(3) && p(3) < p(2) && p(2) < p(1));
}

#[test]
fn the_population_orders_new_values() {
    let mut base = BaseMeasure::default();
    for (value, subjects) in [(1, 500), (2, 30), (3, 2)] {
        for _ in 0..subjects {
            base.add(value);
        }
    }
    let state = after([77; 100]);
    let p = |value| state.score(value, Some(base.rank(value)), 0.5).tail.exact.get();
    assert!(p(99) < p(3) && p(3) < p(2) && p(2) < p(1), "{} {} {} {}", p(99), p(3), p(2), p(1));
    assert_eq!(base.subjects(2), 30);
    assert_eq!(base.subjects(99), 0);
}

/// Subjects whose values truly follow a Pitman–Yor process.
#[test]
fn p_values_are_calibrated_on_the_process_itself() {
    let mut draws = Draws::seeded(90);
    let mut values = Vec::new();
    for subject in 0..400_u64 {
        let theta = [0.3, 1.0, 3.0][subject as usize % 3];
        let mut counts: Vec<f64> = Vec::new();
        let mut state = PitmanYor::default();
        for n in 0..250 {
            let mut point = draws.uniform() * (f64::from(n) + theta);
            let mut chosen = counts.len();
            for (index, count) in counts.iter().enumerate() {
                point -= count - DISCOUNT;
                if point < 0.0 {
                    chosen = index;
                    break;
                }
            }
            if chosen == counts.len() {
                counts.push(0.0);
            }
            counts[chosen] += 1.0;
            let value = subject << 32 | chosen as u64;
            if n >= 40 {
                values.push(state.score(value, None, draws.uniform()).tail.randomised.get());
            }
            state.update(value, 0.0);
        }
    }
    for (level, low, high) in [(0.1, 0.8, 1.2), (1e-2, 0.7, 1.5), (1e-3, 0.3, 2.5)] {
        let ratio = exceedance(&values, level);
        assert!((low..=high).contains(&ratio), "{level}: {ratio}");
    }
}

#[test]
fn what_was_long_ago_is_forgotten() {
    let mut state = after([1; 20]);
    for _ in 0..30 {
        state.update(2, 60.0);
    }
    assert!(!state.has_seen(1) && state.has_seen(2));
    assert!(state.observations() < 4.0);
}

#[test]
fn values_beyond_the_bound_stay_as_a_sum() {
    let state = after((0..100).chain(0..3));
    assert_eq!(state.values.len(), KEPT_VALUES);
    assert_close(state.observations(), 103.0, 1e-6, "observations");
    assert!(state.distinct() >= 100.0);
    assert!(postcard::to_allocvec(&state).unwrap().len() <= 260);
}

#[test]
fn the_base_measure_is_bounded_and_keeps_what_is_common() {
    let mut base = BaseMeasure::default();
    for _ in 0..50 {
        base.add(u64::MAX);
    }
    for value in 0..10_000 {
        base.add(value);
    }
    assert_eq!(base.subjects(u64::MAX), 50);
    let rank = base.rank(u64::MAX);
    assert!(rank.rarer > 0.5 && rank.rarer + rank.equal <= 1.0 + 1e-9, "{rank:?}");
}

#[test]
fn no_input_breaks_it() {
    let mut state = PitmanYor::default();
    for days in [f64::NAN, f64::INFINITY, -5.0, 1e300, 0.0] {
        state.update(1, days);
        let p = state.score(1, Some(BaseMeasure::default().rank(1)), 0.5).tail.exact.get();
        assert!(p > 0.0 && p <= 1.0);
    }
}
