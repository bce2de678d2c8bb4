//! The special functions that the statistics stand on, total (no panic, no NaN out of valid arguments) and equal on every platform.
//!
//! `libm` and `statrs` (without its `std` feature, hence also on `libm`) do the work where they can. The continued fraction of
//! the incomplete beta function is our own: statrs stops after 140 rounds, too early for parameters above about 10⁵, and the
//! count models need the fraction apart from its prefactor. Source: Lentz 1976, in the form of Thompson & Barnett 1986.

use statrs::function::gamma::checked_gamma_ur;

/// The most rounds of a continued fraction or series; it needs about √(largest parameter), so this covers 10⁸.
const MAX_ROUNDS: u32 = 20_000;

/// Relative change at which a fraction or series counts as converged.
const CONVERGED: f64 = 1e-13;

/// Stands in for zero in Lentz's method, so that no division fails.
const TINY: f64 = 1e-290;

/// ln Γ(x) for x > 0.
pub(super) fn ln_gamma(x: f64) -> f64 {
    libm::lgamma(x)
}

/// ln B(a, b) for a, b > 0.
pub(super) fn ln_beta(a: f64, b: f64) -> f64 {
    ln_gamma(a) + ln_gamma(b) - ln_gamma(a + b)
}

/// The continued fraction of the incomplete beta function:
/// `Iₓ(a, b) = xᵃ (1−x)ᵇ / (a B(a, b)) × beta_fraction(a, b, x)`.
///
/// Converges fast for x < (a+1)/(a+b+2); callers use the mirrored tail otherwise.
pub(super) fn beta_fraction(a: f64, b: f64, x: f64) -> f64 {
    let away_from_zero = |v: f64| if v.abs() < TINY { TINY } else { v };
    let sum = a + b;
    let mut c = 1.0;
    let mut d = 1.0 / away_from_zero(1.0 - sum * x / (a + 1.0));
    let mut fraction = d;
    for round in 1..MAX_ROUNDS {
        let m = f64::from(round);
        let place = a + 2.0 * m;
        let even = m * (b - m) * x / ((place - 1.0) * place);
        d = 1.0 / away_from_zero(1.0 + even * d);
        c = away_from_zero(1.0 + even / c);
        fraction *= d * c;
        let odd = -(a + m) * (sum + m) * x / (place * (place + 1.0));
        d = 1.0 / away_from_zero(1.0 + odd * d);
        c = away_from_zero(1.0 + odd / c);
        let change = d * c;
        fraction *= change;
        if (change - 1.0).abs() < CONVERGED {
            break;
        }
    }
    fraction
}

/// The regularised incomplete beta function `Iₓ(a, b)`, relatively exact where it is small; 1 − it is `beta_tail(b, a, 1 − x)`.
pub(super) fn beta_tail(a: f64, b: f64, x: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    if x >= 1.0 {
        return 1.0;
    }
    let front = libm::exp(a * libm::log(x) + b * libm::log1p(-x) - ln_beta(a, b));
    if x < (a + 1.0) / (a + b + 2.0) {
        (front / a * beta_fraction(a, b, x)).min(1.0)
    } else {
        (1.0 - front / b * beta_fraction(b, a, 1.0 - x)).max(0.0)
    }
}

/// P(T ≥ t) for Student's t with `freedom` degrees; relatively exact in the upper tail. NaN gives 1: no evidence.
pub(super) fn student_upper(t: f64, freedom: f64) -> f64 {
    if t.is_nan() {
        return 1.0;
    }
    let square = t * t;
    // Near the middle the complement keeps its digits, in the tail only the tail itself does.
    let half = if square < 1.0 {
        0.5 - 0.5 * beta_tail(0.5, 0.5 * freedom, square / (freedom + square))
    } else {
        0.5 * beta_tail(0.5 * freedom, 0.5, freedom / (freedom + square))
    };
    if t >= 0.0 { half } else { 1.0 - half }
}

/// P(X ≥ x) for chi-square with `freedom` degrees, which need not be whole.
pub(super) fn chi_square_upper(x: f64, freedom: f64) -> f64 {
    if x.is_nan() || x <= 0.0 {
        return 1.0;
    }
    checked_gamma_ur(0.5 * freedom, 0.5 * x).unwrap_or(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::trial::{Vectors, assert_close};

    #[test]
    fn student_tail_matches_scipy() {
        for row in Vectors::of(include_str!("../../tests-data/student.csv")) {
            let [t, freedom, expected] = row.numbers();
            assert_close(student_upper(t, freedom), expected, 1e-9, &format!("t={t} nu={freedom}"));
        }
    }

    #[test]
    fn chi_square_tail_matches_scipy() {
        for row in Vectors::of(include_str!("../../tests-data/chi_square.csv")) {
            let [x, freedom, expected] = row.numbers();
            assert_close(chi_square_upper(x, freedom), expected, 1e-9, &format!("x={x} f={freedom}"));
        }
    }

    #[test]
    fn beta_tail_matches_scipy() {
        for row in Vectors::of(include_str!("../../tests-data/beta.csv")) {
            let [a, b, x, expected] = row.numbers();
            assert_close(beta_tail(a, b, x), expected, 1e-8, &format!("a={a} b={b} x={x}"));
        }
    }

    #[test]
    fn arguments_at_the_edge_stay_probabilities() {
        for t in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 0.0, 1e200, -1e200, 1e-200] {
            let p = student_upper(t, 3.0);
            assert!((0.0..=1.0).contains(&p), "{t}: {p}");
        }
        for x in [f64::NAN, -1.0, 0.0, f64::INFINITY, 1e300] {
            let p = chi_square_upper(x, 2.5);
            assert!((0.0..=1.0).contains(&p), "{x}: {p}");
        }
    }
}
