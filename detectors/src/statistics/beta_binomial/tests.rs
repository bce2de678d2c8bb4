//! The beta-binomial against scipy, its golden values, and the learned share under its null, under bursts and from cold.

use super::*;
use crate::statistics::trial::{Draws, Vectors, assert_close, exceedance, kolmogorov_p};

#[test]
fn golden_upper_tails() {
    for (k, n, alpha, beta, expected) in
        [(3, 10, 0.6, 20.0, 1.398448e-2), (15, 50, 0.6, 20.0, 1.113209e-3), (30, 200, 2.0, 80.0, 1.998442e-4)]
    {
        let got = BetaBinomial::new(n, alpha, beta).at_least(k);
        assert_close(got, expected, 1e-6, &format!("P(K>={k}) n={n} a={alpha} b={beta}"));
    }
}

#[test]
fn tails_match_scipy() {
    let mut rows = 0;
    for row in Vectors::of(include_str!("../../../tests-data/beta_binomial.csv")) {
        let [n, alpha, beta, k, pmf, at_most, at_least] = row.numbers();
        let what = format!("n={n} a={alpha} b={beta} k={k}");
        let distribution = BetaBinomial::new(n as u64, alpha, beta);
        let parts = distribution.parts(k as u64);
        rows += 1;
        if n as u64 > EXACT_TRIALS {
            // The matched beta stands in: to a tenth where the tail is not tiny, and never bold by more than a half elsewhere.
            for (got, expected) in [(parts.at_most(), at_most), (parts.at_least(), at_least)] {
                assert!(got > 0.5 * expected || expected < 1e-9, "{what}: {got} {expected}");
                if expected > 1e-5 {
                    assert_close(got, expected, 0.1, &what);
                }
            }
            continue;
        }
        let tolerance = 1e-8;
        assert_close(distribution.pmf(k as u64), pmf, tolerance, &format!("pmf {what}"));
        assert_close(parts.at_most(), at_most, tolerance, &format!("at most {what}"));
        assert_close(parts.at_least(), at_least, tolerance, &format!("at least {what}"));
    }
    assert!(rows >= 200);
}

#[test]
fn more_successes_than_trials_are_impossible_not_a_crash() {
    let parts = BetaBinomial::new(5, 1.0, 1.0).parts(6);
    assert_close(parts.at_most(), 1.0, 1e-15, "below");
    assert!(parts.at_least() < 1e-15);
    let score = Ratio::from_prior(&RatioModel::new(0.1, 10.0)).predict(5).score(9, 0.5);
    assert_eq!(score.observed, 5);
}

#[test]
fn every_argument_gives_probabilities() {
    for share in [f64::NAN, -1.0, 0.0, 0.5, 1.0, 2.0] {
        for strength in [f64::NAN, 0.0, 1.0, 1e9, f64::INFINITY] {
            let model = RatioModel::new(share, strength);
            let mut ratio = Ratio::from_prior(&model);
            for (trials, successes) in
                [(0, 0), (1, 0), (1, 1), (500, 500), (2_000_000, 3), (2_000_000, 2_000_000)]
            {
                let score = ratio.observe(&model, trials, successes, 0.5);
                for p in [score.upper.exact.get(), score.lower.exact.get(), ratio.share()] {
                    assert!(
                        p > 0.0 && p <= 1.0,
                        "share={share} strength={strength} {successes}/{trials}: {p}"
                    );
                }
            }
        }
    }
}

#[test]
fn a_bin_without_trials_says_and_teaches_nothing() {
    let model = RatioModel::new(0.1, 10.0);
    let mut ratio = Ratio::from_prior(&model);
    let before = ratio.clone();
    let score = ratio.observe(&model, 0, 0, 0.5);
    assert_eq!(ratio, before);
    assert_close(score.upper.exact.get(), 1.0, 1e-12, "upper");
}

/// Scores of 200 principals with true correlation between requests, after each has been learned for 200 bins.
fn learned(draws: &mut Draws, correlated: bool) -> Vec<f64> {
    let model = RatioModel::new(0.05, 2.0);
    let mut values = Vec::new();
    for _ in 0..200 {
        let mean = draws.beta(0.8, 12.0);
        let strength = if correlated { 1.0 / 0.03 - 1.0 } else { 1e6 };
        let mut ratio = Ratio::from_prior(&model);
        for bin in 0..500 {
            let trials = 1 + draws.poisson(40.0);
            let share = draws.beta(mean * strength, (1.0 - mean) * strength);
            let failures = draws.binomial(trials, share);
            let score = ratio.observe(&model, trials, failures, draws.uniform());
            if bin >= 200 {
                values.push(score.upper.randomised.get());
            }
        }
    }
    values
}

#[test]
fn learned_shares_are_calibrated() {
    for correlated in [true, false] {
        let values = learned(&mut Draws::seeded(30), correlated);
        for (level, low, high) in [(0.1, 0.9, 1.1), (1e-2, 0.7, 1.3), (1e-3, 0.5, 2.0)] {
            let ratio = exceedance(&values, level);
            assert!((low..=high).contains(&ratio), "correlated {correlated} at {level}: {ratio}");
        }
    }
}

#[test]
fn oracle_p_values_are_uniform() {
    let mut draws = Draws::seeded(31);
    let mut values: Vec<f64> = (0..100_000)
        .map(|index| {
            let trials = [1, 7, 60, 400][index % 4];
            let (alpha, beta) = [(0.6, 20.0), (2.0, 80.0), (5.0, 5.0)][index % 3];
            let share = draws.beta(alpha, beta);
            let successes = draws.binomial(trials, share);
            BetaBinomial::new(trials, alpha, beta).parts(successes).upper(draws.uniform()).randomised.get()
        })
        .collect();
    for (level, slack) in [(0.1, 0.04), (1e-2, 0.12), (1e-3, 0.35)] {
        let ratio = exceedance(&values, level);
        assert!((ratio - 1.0).abs() < slack, "{level}: {ratio}");
    }
    assert!(kolmogorov_p(&mut values) > 0.01);
}

#[test]
fn a_burst_is_found_and_teaches_little() {
    let model = RatioModel::new(0.05, 2.0);
    let mut draws = Draws::seeded(32);
    let mut ratio = Ratio::from_prior(&model);
    for _ in 0..300 {
        ratio.observe(&model, 50, draws.binomial(50, 0.02), 0.5);
    }
    let before = ratio.share();
    let burst = ratio.observe(&model, 50, 25, 0.5);
    assert!(burst.upper.exact.bits() > 16.0, "{}", burst.upper.exact.bits());
    assert_eq!(burst.direction, Direction::Above);
    for _ in 0..5 {
        ratio.observe(&model, 50, 25, 0.5);
    }
    let again = ratio.predict(50).score(25, 0.5);
    assert!(ratio.share() < 2.5 * before, "{before} {}", ratio.share());
    assert!(again.upper.exact.bits() > 6.0, "{}", again.upper.exact.bits());
}

#[test]
fn shares_that_never_vary_still_score() {
    let model = RatioModel::new(0.05, 2.0);
    let mut never = Ratio::from_prior(&model);
    let mut always = Ratio::from_prior(&model);
    for _ in 0..400 {
        never.observe(&model, 30, 0, 0.5);
        always.observe(&model, 30, 30, 0.5);
    }
    let first = never.predict(30).score(5, 0.5);
    assert!(first.upper.exact.bits() > 10.0, "{}", first.upper.exact.bits());
    let gone = always.predict(30).score(20, 0.5);
    assert!(gone.two_sided().exact.bits() > 5.0, "{}", gone.two_sided().exact.bits());
}

#[test]
fn a_new_subject_is_judged_by_its_cohort() {
    let cohort = Ratio::from_prior(&RatioModel::new(0.02, 50.0));
    let unknown = Ratio::from_prior(&RatioModel::new(0.3, 1.0));
    let bits = |ratio: &Ratio| ratio.predict(20).score(10, 0.5).upper.exact.bits();
    assert!(bits(&cohort) > bits(&unknown) + 4.0);
}

#[test]
fn the_state_is_small() {
    let model = RatioModel::new(0.05, 2.0);
    let mut ratio = Ratio::from_prior(&model);
    for _ in 0..100_000 {
        ratio.bins = ratio.bins.saturating_add(50_000);
    }
    assert!(postcard::to_allocvec(&ratio).unwrap().len() <= 48);
}
