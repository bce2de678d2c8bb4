//! The beta-binomial distribution itself: pmf and both tails.
//!
//! Exact by recursion over the shorter side up to [`EXACT_TRIALS`]; above, the beta distribution of the same mean and variance
//! with a continuity correction, which in the far tail (p near 1e-5) errs by less than a fifth, and to the cautious side.

use crate::statistics::negative_binomial::Parts;
use crate::statistics::special::{beta_tail, ln_beta, ln_gamma};
use serde::{Deserialize, Serialize};

/// Up to this many trials the tails are summed exactly.
pub const EXACT_TRIALS: u64 = 10_000;

/// Bounds of the two shape parameters.
const SHAPE_BOUNDS: (f64, f64) = (1e-9, 1e12);

/// Relative size of a term at which a sum stops.
const NEGLIGIBLE: f64 = 1e-12;

/// Successes in `trials` whose probability is itself Beta(α, β) distributed.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct BetaBinomial {
    trials: u64,
    alpha: f64,
    beta: f64,
}

impl BetaBinomial {
    /// With both shape parameters brought into [1e-9, 1e12]; NaN becomes 1.
    #[must_use]
    pub fn new(trials: u64, alpha: f64, beta: f64) -> Self {
        let shape = |v: f64| if v.is_nan() { 1.0 } else { v.clamp(SHAPE_BOUNDS.0, SHAPE_BOUNDS.1) };
        Self { trials, alpha: shape(alpha), beta: shape(beta) }
    }

    /// The expected successes.
    #[must_use]
    pub fn mean(&self) -> f64 {
        self.trials as f64 * self.alpha / (self.alpha + self.beta)
    }

    /// P(K = k); zero for more successes than trials.
    #[must_use]
    pub fn pmf(&self, successes: u64) -> f64 {
        if successes > self.trials {
            return 0.0;
        }
        if self.trials > EXACT_TRIALS {
            return self.matched_parts(successes).exactly;
        }
        self.exact_pmf(successes)
    }

    /// All three parts at `successes`; the part on the side of `successes` is relatively exact.
    #[must_use]
    pub fn parts(&self, successes: u64) -> Parts {
        if successes > self.trials {
            return Parts { below: 1.0, exactly: 0.0, above: 0.0 };
        }
        if self.trials > EXACT_TRIALS { self.matched_parts(successes) } else { self.exact_parts(successes) }
    }

    /// P(K ≥ k).
    #[must_use]
    pub fn at_least(&self, successes: u64) -> f64 {
        self.parts(successes).at_least()
    }

    /// P(K ≤ k).
    #[must_use]
    pub fn at_most(&self, successes: u64) -> f64 {
        self.parts(successes).at_most()
    }

    fn exact_pmf(&self, successes: u64) -> f64 {
        let (n, k) = (self.trials as f64, successes as f64);
        let ln_ways = ln_gamma(n + 1.0) - ln_gamma(k + 1.0) - ln_gamma(n - k + 1.0);
        libm::exp(ln_ways + ln_beta(k + self.alpha, n - k + self.beta) - ln_beta(self.alpha, self.beta))
    }

    fn exact_parts(&self, successes: u64) -> Parts {
        let exactly = self.exact_pmf(successes);
        let (n, k) = (self.trials as f64, successes as f64);
        if k >= self.mean() {
            Parts::from_above(exactly, sum_beyond(exactly, n - k, k, self.alpha, self.beta).min(1.0))
        } else {
            // Failures take the part of successes: the lower tail is their upper one.
            Parts::from_below(sum_beyond(exactly, k, n - k, self.beta, self.alpha).min(1.0), exactly)
        }
    }

    /// The beta distribution with the mean and variance of the share K/n.
    fn matched_parts(&self, successes: u64) -> Parts {
        let (n, k) = (self.trials as f64, successes as f64);
        let strength = self.alpha + self.beta;
        let share = self.alpha / strength;
        let correlation = 1.0 / (strength + 1.0);
        let matched = 1.0 / (1.0 / n + (1.0 - 1.0 / n) * correlation) - 1.0;
        let (a, b) = (share * matched, (1.0 - share) * matched);
        let below_half = ((k - 0.5) / n).max(0.0);
        let above_half = ((k + 0.5) / n).min(1.0);
        if k >= self.mean() {
            let above = beta_tail(b, a, 1.0 - above_half);
            Parts::from_above((beta_tail(b, a, 1.0 - below_half) - above).max(0.0), above)
        } else {
            let below = beta_tail(a, b, below_half);
            Parts::from_below(below, (beta_tail(a, b, above_half) - below).max(0.0))
        }
    }
}

/// Sum of the terms beyond the one that is known, walking `left` steps up from `count` successes.
fn sum_beyond(exactly: f64, left: f64, count: f64, alpha: f64, beta: f64) -> f64 {
    let mut term = exactly;
    let mut sum = 0.0;
    let (mut left, mut k) = (left, count);
    while left > 0.5 {
        term *= left / (k + 1.0) * (alpha + k) / (beta + left - 1.0);
        sum += term;
        // Terms fall off at least as a power, so a term this small has nothing large behind it.
        if term <= NEGLIGIBLE * sum {
            break;
        }
        left -= 1.0;
        k += 1.0;
    }
    sum
}
