//! How surprising a count is: the negative binomial distribution, with the Poisson as its limit.
//!
//! Mean μ and dispersion φ with variance μ + φμ², the model of Farrington-type outbreak detection (Noufaily et al.,
//! Statistics in Medicine 2013). Both tails come with the pmf, and the one on the side of the observed count keeps its
//! relative precision down to about 1e-300, where the other would be one minus almost one.

mod mixture;
#[cfg(test)]
mod tests;

pub use mixture::{DISPERSION_GRID, DispersionMixture, MixtureScore};

use super::p_value::Tail;
use super::special::{beta_fraction, ln_gamma};
use serde::{Deserialize, Serialize};

/// The smallest mean that is reckoned with: a mean of zero would make any event infinitely surprising.
pub const MIN_MEAN: f64 = 1e-9;

/// The largest mean that is reckoned with.
pub const MAX_MEAN: f64 = 1e12;

/// Below this dispersion the count is Poisson.
pub const POISSON_DISPERSION: f64 = 1e-6;

/// Above this mean the dispersion is at least [`POISSON_DISPERSION`]: no real traffic is steadier than one in a thousand.
const POISSON_MAX_MEAN: f64 = 1e6;

/// Largest dispersion that is reckoned with.
const MAX_DISPERSION: f64 = 1e4;

/// Up to this count the probabilities are summed by recursion from zero, which needs one logarithm and one exponential.
const SMALL_COUNT: u64 = 12;

/// Above this share the upper tail may be taken as one minus the rest without loss of digits.
const SAFE_COMPLEMENT: f64 = 1e-5;

/// Relative size of a term at which the sum of an upper tail stops.
const NEGLIGIBLE: f64 = 1e-12;

/// The three parts of a discrete distribution at an observed value; they add up to one.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Parts {
    /// P(Y < y).
    pub below: f64,
    /// P(Y = y).
    pub exactly: f64,
    /// P(Y > y).
    pub above: f64,
}

impl Parts {
    /// P(Y ≥ y).
    #[must_use]
    pub fn at_least(&self) -> f64 {
        (self.above + self.exactly).min(1.0)
    }

    /// P(Y ≤ y).
    #[must_use]
    pub fn at_most(&self) -> f64 {
        (self.below + self.exactly).min(1.0)
    }

    /// The upper tail with the tie break `u` in [0, 1).
    #[must_use]
    pub fn upper(&self, u: f64) -> Tail {
        Tail::new(self.above, self.exactly, u)
    }

    /// The lower tail with the same tie break; its randomised reading is one minus the upper one's.
    #[must_use]
    pub fn lower(&self, u: f64) -> Tail {
        Tail::new(self.below, self.exactly, 1.0 - u)
    }

    /// From the lower part; the upper one is what is left.
    pub(super) fn from_below(below: f64, exactly: f64) -> Self {
        Self { below, exactly, above: (1.0 - below - exactly).max(0.0) }
    }

    /// From the upper part; the lower one is what is left.
    pub(super) fn from_above(exactly: f64, above: f64) -> Self {
        Self { below: (1.0 - above - exactly).max(0.0), exactly, above }
    }
}

/// A negative binomial distribution; every pair of numbers makes a valid one.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct NegativeBinomial {
    mean: f64,
    dispersion: f64,
}

impl NegativeBinomial {
    /// With `mean` brought into [[`MIN_MEAN`], [`MAX_MEAN`]] and `dispersion` into [0, 10⁴]; NaN becomes the lower end.
    #[must_use]
    pub fn new(mean: f64, dispersion: f64) -> Self {
        let mean = bounded(mean, MIN_MEAN, MAX_MEAN);
        let least = if mean > POISSON_MAX_MEAN { POISSON_DISPERSION } else { 0.0 };
        Self { mean, dispersion: bounded(dispersion, least, MAX_DISPERSION) }
    }

    /// The mean μ.
    #[must_use]
    pub fn mean(&self) -> f64 {
        self.mean
    }

    /// The variance μ + φμ².
    #[must_use]
    pub fn variance(&self) -> f64 {
        self.mean + self.dispersion * self.mean * self.mean
    }

    /// P(Y = y).
    #[must_use]
    pub fn pmf(&self, count: u64) -> f64 {
        if self.is_poisson() {
            poisson_pmf(self.mean, count as f64)
        } else {
            pmf(self.size(), self.mean, count as f64)
        }
    }

    /// All three parts at `count`; the part on the side of `count` is relatively exact.
    #[must_use]
    pub fn parts(&self, count: u64) -> Parts {
        if self.is_poisson() {
            poisson_parts(self.mean, count)
        } else if count <= SMALL_COUNT {
            small_parts(self.size(), self.mean, count)
        } else {
            large_parts(self.size(), self.mean, count as f64)
        }
    }

    /// P(Y ≥ y).
    #[must_use]
    pub fn at_least(&self, count: u64) -> f64 {
        self.parts(count).at_least()
    }

    /// P(Y ≤ y).
    #[must_use]
    pub fn at_most(&self, count: u64) -> f64 {
        self.parts(count).at_most()
    }

    fn is_poisson(&self) -> bool {
        self.dispersion < POISSON_DISPERSION
    }

    fn size(&self) -> f64 {
        1.0 / self.dispersion
    }
}

/// `value` inside [`least`, `most`]; NaN becomes `least`.
fn bounded(value: f64, least: f64, most: f64) -> f64 {
    if value.is_nan() { least } else { value.clamp(least, most) }
}

/// P(Y = y) for size r and mean μ.
fn pmf(size: f64, mean: f64, count: f64) -> f64 {
    libm::exp(
        ln_gamma(count + size)
            - ln_gamma(size)
            - ln_gamma(count + 1.0)
            - size * libm::log1p(mean / size)
            - count * libm::log1p(size / mean),
    )
}

/// Recursion from zero: p₀ = (1 + μ/r)^−r, pₖ₊₁ = pₖ (k + r)/(k + 1) · μ/(r + μ).
fn small_parts(size: f64, mean: f64, count: u64) -> Parts {
    let ratio = mean / (size + mean);
    let mut exactly = libm::exp(-size * libm::log1p(mean / size));
    let mut below = 0.0;
    for k in 0..count {
        below += exactly;
        exactly *= (k as f64 + size) / (k as f64 + 1.0) * ratio;
    }
    if 1.0 - below - exactly > SAFE_COMPLEMENT {
        Parts::from_below(below, exactly)
    } else {
        Parts::from_above(exactly, sum_above(size, ratio, count as f64, exactly))
    }
}

/// P(Y > y) by summing upward from P(Y = y); used where the tail is light, so few terms matter.
fn sum_above(size: f64, ratio: f64, count: f64, exactly: f64) -> f64 {
    let mut k = count;
    let mut term = exactly * (k + size) / (k + 1.0) * ratio;
    let mut sum = 0.0;
    while term > NEGLIGIBLE * sum {
        sum += term;
        k += 1.0;
        term *= (k + size) / (k + 1.0) * ratio;
    }
    sum
}

/// The incomplete beta function on whichever side its continued fraction converges fast.
fn large_parts(size: f64, mean: f64, count: f64) -> Parts {
    tail_of(size, mean, count, pmf(size, mean, count))
}

/// The parts at `count`, whose probability is already known.
fn tail_of(size: f64, mean: f64, count: f64, exactly: f64) -> Parts {
    let ratio = mean / (size + mean);
    // The first test of the continued fraction for I_ratio(y + 1, r) = P(Y > y).
    if ratio < (count + 2.0) / (count + size + 3.0) {
        let next = exactly * ratio * (count + size) / (count + 1.0);
        Parts::from_above(exactly, (next * beta_fraction(count + 1.0, size, ratio)).min(1.0))
    } else {
        let front = exactly * count / size;
        Parts::from_below((front * beta_fraction(size, count, size / (size + mean))).min(1.0), exactly)
    }
}

/// P(Y = y) for a Poisson count.
fn poisson_pmf(mean: f64, count: f64) -> f64 {
    libm::exp(count * libm::log(mean) - mean - ln_gamma(count + 1.0))
}

/// Both sums run away from the mean, so their terms only fall.
fn poisson_parts(mean: f64, count: u64) -> Parts {
    let count = count as f64;
    let exactly = poisson_pmf(mean, count);
    let mut sum = 0.0;
    let mut k = count;
    if count >= mean {
        let mut term = exactly * mean / (k + 1.0);
        while term > NEGLIGIBLE * sum {
            sum += term;
            k += 1.0;
            term *= mean / (k + 1.0);
        }
        Parts::from_above(exactly, sum.min(1.0))
    } else {
        let mut term = exactly * k / mean;
        while term > NEGLIGIBLE * sum {
            sum += term;
            k -= 1.0;
            term *= k / mean;
        }
        Parts::from_below(sum.min(1.0), exactly)
    }
}
