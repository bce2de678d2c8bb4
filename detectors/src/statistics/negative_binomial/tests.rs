//! The negative binomial against scipy, its golden values, its edges, and uniformity under its own null.

use super::*;
use crate::statistics::trial::{Draws, Vectors, assert_close, exceedance, kolmogorov_p};

#[test]
fn golden_upper_tails() {
    for (y, mean, dispersion, expected) in [
        (3, 0.5, 0.1, 1.718196e-2),
        (12, 4.0, 0.08, 4.446481e-3),
        (40, 10.0, 0.2, 1.857781e-4),
        (400, 100.0, 0.05, 1.640270e-14),
        (2_500, 1_000.0, 0.03, 2.638104e-10),
    ] {
        let got = NegativeBinomial::new(mean, dispersion).at_least(y);
        assert_close(got, expected, 1e-6, &format!("P(Y>={y}) mu={mean} phi={dispersion}"));
    }
}

#[test]
fn golden_lower_tails() {
    for (y, mean, dispersion, expected) in [(10, 100.0, 0.05, 1.464701e-9), (60, 100.0, 0.05, 3.709304e-2)] {
        let got = NegativeBinomial::new(mean, dispersion).at_most(y);
        assert_close(got, expected, 1e-6, &format!("P(Y<={y}) mu={mean} phi={dispersion}"));
    }
}

#[test]
fn tails_match_scipy_over_ten_decades_of_means() {
    let mut rows = 0;
    for row in Vectors::of(include_str!("../../../tests-data/negative_binomial.csv")) {
        let [mean, dispersion, y, pmf, at_most, at_least] = row.numbers();
        let what = format!("mu={mean} phi={dispersion} y={y}");
        let distribution = NegativeBinomial::new(mean, dispersion);
        let parts = distribution.parts(y as u64);
        // ln Γ of a million carries nine digits into the pmf, no more.
        assert_close(distribution.pmf(y as u64), pmf, 1e-7, &format!("pmf {what}"));
        assert_close(parts.exactly, pmf, 1e-7, &format!("exactly {what}"));
        assert_close(parts.at_most(), at_most, 1e-7, &format!("at most {what}"));
        assert_close(parts.at_least(), at_least, 1e-7, &format!("at least {what}"));
        rows += 1;
    }
    assert!(rows >= 200);
}

#[test]
fn mixture_tails_match_scipy() {
    let mut rows = 0;
    for row in Vectors::of(include_str!("../../../tests-data/mixture.csv")) {
        let [mean, v, y, w0, w1, w2, w3, w4, w5, w6, w7, at_most, at_least] = row.numbers();
        let parts = DispersionMixture::new(mean, v, [w0, w1, w2, w3, w4, w5, w6, w7]).parts(y as u64);
        let what = format!("mu={mean} v={v} y={y}");
        assert_close(parts.at_most(), at_most, 1e-7, &format!("at most {what}"));
        assert_close(parts.at_least(), at_least, 1e-7, &format!("at least {what}"));
        rows += 1;
    }
    assert!(rows >= 100);
}

#[test]
fn the_two_ways_of_reckoning_agree_where_they_meet() {
    for mean in [0.01, 0.8, 5.0, 30.0, 2_000.0] {
        for dispersion in DISPERSION_GRID {
            let size = 1.0 / dispersion;
            for y in [1_u64, 7, 12] {
                let (small, large) = (small_parts(size, mean, y), large_parts(size, mean, y as f64));
                let what = format!("mu={mean} phi={dispersion} y={y}");
                assert_close(small.at_least(), large.at_least(), 1e-9, &what);
                assert_close(small.at_most(), large.at_most(), 1e-9, &what);
            }
        }
    }
}

#[test]
fn every_argument_gives_probabilities() {
    let extremes = [f64::NAN, f64::NEG_INFINITY, -1.0, 0.0, 1e-300, 1.0, 1e9, f64::INFINITY];
    for mean in extremes {
        for dispersion in extremes {
            for count in [0, 1, 12, 13, 1_000_000, 1 << 60] {
                let parts = NegativeBinomial::new(mean, dispersion).parts(count);
                for part in [parts.below, parts.exactly, parts.above] {
                    assert!((0.0..=1.0).contains(&part), "mu={mean} phi={dispersion} y={count}: {part}");
                }
                let mixture = DispersionMixture::new(mean, dispersion, [0.125; 8]).parts(count);
                for part in [mixture.below, mixture.exactly, mixture.above] {
                    assert!((0.0..=1.000_001).contains(&part), "mu={mean} v={dispersion} y={count}: {part}");
                }
            }
        }
    }
}

#[test]
fn quantiles_invert_the_tails() {
    let mixture = DispersionMixture::new(40.0, 0.01, [0.125; 8]);
    let low = mixture.quantile(0.01);
    assert!(mixture.parts(low).at_most() >= 0.01 && (low == 0 || mixture.parts(low - 1).at_most() < 0.01));
    let high = mixture.smallest_surprising(1e-6);
    assert!(mixture.parts(high).at_least() <= 1e-6 && mixture.parts(high - 1).at_least() > 1e-6);
    assert_eq!(DispersionMixture::new(0.0, 0.0, [0.125; 8]).quantile(0.99), 0);
}

/// With the true parameters the randomised p-value is uniform and the exact one is conservative.
#[test]
fn oracle_p_values_are_uniform() {
    let mut draws = Draws::seeded(20);
    let mut randomised = Vec::new();
    let mut exact = Vec::new();
    for index in 0..100_000 {
        let mean = [0.01, 0.2, 1.0, 8.0, 60.0, 900.0][index % 6];
        let dispersion = DISPERSION_GRID[index % 8];
        let count = draws.negative_binomial(mean, dispersion);
        let tail = NegativeBinomial::new(mean, dispersion).parts(count).upper(draws.uniform());
        randomised.push(tail.randomised.get());
        exact.push(tail.exact.get());
    }
    for (level, slack) in [(0.1, 0.04), (1e-2, 0.12), (1e-3, 0.35)] {
        let ratio = exceedance(&randomised, level);
        assert!((ratio - 1.0).abs() < slack, "randomised at {level}: {ratio}");
        assert!(exceedance(&exact, level) < 1.0 + slack, "exact at {level}");
    }
    assert!(kolmogorov_p(&mut randomised) > 0.01);
}

/// A Poisson in place of the negative binomial must fail the same test, or the test says nothing.
#[test]
fn a_model_without_dispersion_is_found_out() {
    let mut draws = Draws::seeded(21);
    let mut values: Vec<f64> = (0..20_000)
        .map(|_| {
            let count = draws.negative_binomial(60.0, 0.2);
            NegativeBinomial::new(60.0, 0.0).parts(count).upper(draws.uniform()).randomised.get()
        })
        .collect();
    assert!(exceedance(&values, 1e-3) > 50.0);
    assert!(kolmogorov_p(&mut values) < 1e-6);
}
