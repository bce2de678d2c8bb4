//! The budget: its share of false findings under dependence, its quiet-time allowance, its edges.

use super::*;
use crate::statistics::trial::{Draws, assert_close};

/// One hour's batch, α = 0.1, η = 10 (which is a seventh of a false finding on a quiet day).
fn hourly() -> LordSettings {
    LordSettings { alpha: 0.1, quiet_per_day: 24.0 * 0.1 * 10.0 / 168.0, batch_minutes: 60 }
}

fn candidate(p: f64) -> Candidate {
    Candidate { p: PValue::clamped(p), weight: 1.0 }
}

#[derive(Clone, Copy, Debug)]
enum Dependence {
    /// Each score by itself.
    None,
    /// A fifth of the variance is the hour's.
    CommonShock,
    /// Neighbours are correlated by 0.8.
    Stream,
    /// Every score appears five times.
    Copies,
}

/// Share of false findings and power over two days of 1,000 scores an hour, 1 % of them anomalies of four deviations.
fn simulate(dependence: Dependence, runs: u64) -> (f64, f64) {
    let mut draws = Draws::seeded(110);
    let (mut false_share, mut power) = (0.0, 0.0);
    for _ in 0..runs {
        let mut lord = BatchedLord::new(hourly());
        let (mut told_false, mut told_true, mut anomalies) = (0.0, 0.0, 0.0);
        let mut before = draws.normal();
        for batch in 0..48 {
            let shock = draws.normal();
            let mut last = 0.0;
            let mut scores = Vec::with_capacity(1_000);
            let mut truth = Vec::with_capacity(1_000);
            for index in 0..1_000 {
                let noise = match dependence {
                    Dependence::None => draws.normal(),
                    Dependence::CommonShock => 0.2_f64.sqrt() * shock + 0.8_f64.sqrt() * draws.normal(),
                    Dependence::Stream => {
                        before = 0.8 * before + 0.6 * draws.normal();
                        before
                    }
                    Dependence::Copies if index % 5 == 0 => {
                        last = draws.normal();
                        last
                    }
                    Dependence::Copies => last,
                };
                let anomaly = draws.uniform() < 0.01;
                let z = noise + if anomaly { 4.0 } else { 0.0 };
                scores.push(candidate(0.5 * libm::erfc(z / std::f64::consts::SQRT_2)));
                truth.push(anomaly);
            }
            for (told, anomaly) in lord.decide(batch, &scores).into_iter().zip(truth) {
                anomalies += f64::from(u8::from(anomaly));
                told_true += f64::from(u8::from(told && anomaly));
                told_false += f64::from(u8::from(told && !anomaly));
            }
        }
        false_share += told_false / f64::max(told_true + told_false, 1.0) / runs as f64;
        power += told_true / anomalies / runs as f64;
    }
    (false_share, power)
}

#[test]
fn the_share_of_false_findings_holds_under_any_dependence() {
    for dependence in [Dependence::None, Dependence::CommonShock, Dependence::Stream, Dependence::Copies] {
        let (false_share, power) = simulate(dependence, 15);
        assert!(false_share <= 0.12, "{dependence:?}: false {false_share}");
        assert!(power >= 0.7, "{dependence:?}: power {power}");
    }
}

#[test]
fn on_quiet_days_the_allowance_is_what_the_owner_set() {
    let settings = LordSettings { alpha: 0.1, quiet_per_day: 1.0, batch_minutes: 60 };
    let mut lord = BatchedLord::new(settings);
    let mut draws = Draws::seeded(111);
    let days = 400;
    let mut told = 0;
    for batch in 0..days * 24 {
        let scores: Vec<Candidate> = (0..50).map(|_| candidate(1.0 - draws.uniform())).collect();
        told += lord.decide(batch, &scores).into_iter().filter(|t| *t).count();
    }
    let per_day = told as f64 / days as f64;
    // A false one earns at most a tenth of another.
    assert!((0.8..1.3).contains(&per_day), "{per_day}");
}

#[test]
fn the_first_budget_is_the_quiet_allowance_and_rejections_earn_more() {
    let mut lord = BatchedLord::new(LordSettings { alpha: 0.1, quiet_per_day: 2.4, batch_minutes: 60 });
    assert_close(lord.budget(0), 0.1, 1e-12, "floor");
    assert_eq!(lord.decide(0, &[candidate(1e-9), candidate(0.9), candidate(1e-8)]), [true, false, true]);
    let earned = 0.1 * 2.0 * (1.0 - 1.0 / 168.0) * gamma(1);
    assert_close(lord.budget(1), 0.1 + earned, 1e-9, "one batch later");
    assert_close(lord.budget(500), 0.1, 1e-12, "after the memory");
}

#[test]
fn shares_of_the_memory_add_up_to_one() {
    assert_close((1..=MEMORY_BATCHES).map(gamma).sum(), 1.0, 1e-12, "sum");
}

#[test]
fn batches_never_closed_are_empty_ones() {
    let settings = hourly();
    let (mut closed, mut skipped) = (BatchedLord::new(settings), BatchedLord::new(settings));
    for lord in [&mut closed, &mut skipped] {
        lord.decide(3, &[candidate(1e-9)]);
    }
    for batch in 4..90 {
        closed.decide(batch, &[]);
    }
    assert_close(closed.budget(90), skipped.budget(90), 1e-15, "budget");
    assert_eq!(closed.rejections, skipped.rejections);
}

#[test]
fn a_batch_is_decided_once() {
    let mut lord = BatchedLord::new(hourly());
    assert_eq!(lord.decide(7, &[candidate(1e-20)]), [true]);
    assert_eq!(lord.decide(7, &[candidate(1e-20)]), [false]);
    assert_eq!(lord.decide(2, &[candidate(1e-20)]), [false]);
    assert_eq!(lord.decide(8, &[candidate(1e-20)]), [true]);
}

#[test]
fn an_open_batch_spends_no_more_than_a_closed_one() {
    assert!((1..2_000_000).map(spending).sum::<f64>() < 1.0);
    assert!((1..2_000_000).map(spending).sum::<f64>() > 0.99);
    let mut lord = BatchedLord::new(LordSettings { alpha: 0.1, quiet_per_day: 0.24, batch_minutes: 60 });
    for (batch, p, told) in [
        // 0.01 × 0.437 for the first look of a batch, a third of that for the second.
        (0, 0.004, true),
        (0, 0.004, false),
        (0, 1e-9, true),
        (1, 0.03, true),
        (0, 1e-12, false),
        (900, 0.004, true),
        (1_900, 0.005, false),
    ] {
        assert_eq!(lord.decide_next(batch, candidate(p)), told, "batch {batch}, p {p}");
    }
}

/// 60 looks an hour for 400 quiet days, one look at a time.
#[test]
fn open_batches_keep_the_quiet_allowance() {
    let mut lord = BatchedLord::new(LordSettings { alpha: 0.1, quiet_per_day: 1.0, batch_minutes: 60 });
    let mut draws = Draws::seeded(112);
    let days = 400;
    let mut told = 0;
    for batch in 0..days * 24 {
        for _ in 0..60 {
            told += u32::from(lord.decide_next(batch, candidate(1.0 - draws.uniform())));
        }
    }
    let per_day = f64::from(told) / days as f64;
    assert!((0.6..1.3).contains(&per_day), "{per_day}");
}

#[test]
fn weights_share_out_the_budget() {
    let mut lord = BatchedLord::new(LordSettings { alpha: 0.1, quiet_per_day: 0.24, batch_minutes: 60 });
    let weigh = |p: f64, weight: f64| Candidate { p: PValue::clamped(p), weight };
    let told =
        lord.decide(0, &[weigh(0.004, 3.0), weigh(0.004, 1.0), weigh(1e-9, 0.0), weigh(1e-9, f64::NAN)]);
    assert_eq!(told, [true, false, false, false], "0.01 is shared out as 0.0075 and 0.0025");
}

#[test]
fn riches_do_not_make_noise_worth_telling() {
    let mut lord = BatchedLord::new(LordSettings { alpha: 0.5, quiet_per_day: 100.0, batch_minutes: 60 });
    lord.decide(0, &vec![candidate(1e-9); 5_000]);
    assert!(lord.budget(1) > 100.0);
    assert_eq!(lord.decide(1, &[candidate(0.06), candidate(0.04)]), [false, true]);
}

#[test]
fn the_state_is_bounded() {
    let mut lord = BatchedLord::new(hourly());
    for batch in 0..5_000 {
        lord.decide(batch, &[candidate(1e-12)]);
    }
    assert!(lord.rejections.len() <= MEMORY_BATCHES);
    let bytes = postcard::to_allocvec(&lord).unwrap();
    assert!(bytes.len() < 4 * MEMORY_BATCHES);
    assert_eq!(postcard::from_bytes::<BatchedLord>(&bytes).unwrap(), lord);
}

#[test]
fn no_setting_breaks_it() {
    for settings in [
        LordSettings { alpha: 0.1, quiet_per_day: -5.0, batch_minutes: 0 },
        LordSettings { alpha: f64::NAN, quiet_per_day: f64::NAN, batch_minutes: u32::MAX },
    ] {
        let mut lord = BatchedLord::new(settings);
        for batch in [i64::MIN, -1, 0, i64::MAX] {
            assert_eq!(lord.decide(batch, &[candidate(0.5)]), [false]);
        }
    }
}

#[test]
fn the_cap_pages_the_best_and_only_takes_away() {
    let p = PValue::clamped;
    let passed = [(1.0, p(1e-4)), (3.0, p(1e-3)), (1.0, p(1e-10)), (1.0, p(1e-4))];
    for (per_day, paged, expected) in [
        (9, 0, [Told::Page; 4]),
        (2, 0, [Told::Digest, Told::Page, Told::Page, Told::Digest]),
        (3, 0, [Told::Page, Told::Page, Told::Page, Told::Digest]),
        (3, 2, [Told::Digest, Told::Digest, Told::Page, Told::Digest]),
        (3, 5, [Told::Digest; 4]),
        (0, 0, [Told::Digest; 4]),
    ] {
        assert_eq!(cap_pages(per_day, paged, &passed), expected, "{per_day} a day, {paged} paged");
    }
    assert_eq!(cap_pages(5, 0, &[]), []);
}
