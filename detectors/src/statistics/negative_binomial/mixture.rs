//! A count whose dispersion is not known: a weighted mixture of negative binomials over a fixed grid.
//!
//! One fixed dispersion gives 19 times too many alarms at p = 1e-4, a Poisson 558 times; the learned mixture about four
//! (simulated on correlated traffic), and two after recalibration. All components share the mean.

use super::{MAX_MEAN, MIN_MEAN, NEGLIGIBLE, Parts, SAFE_COMPLEMENT, SMALL_COUNT, bounded, pmf, tail_of};
use crate::statistics::grid_weights::Vertex;
use crate::statistics::special::ln_gamma;
use serde::{Deserialize, Serialize};

/// The dispersions φ between which the weights are learned.
pub const DISPERSION_GRID: [f64; 8] = [0.003, 0.01, 0.03, 0.08, 0.2, 0.5, 1.2, 3.0];

/// Number of grid points.
const GRID: usize = DISPERSION_GRID.len();

/// The grid points and one component between two of them.
const COMPONENTS: usize = GRID + 1;

/// Below this weight a component's tail is left out: it cannot change the twelfth digit of any p-value that matters.
const NO_WEIGHT: f64 = 1e-25;

/// The most that uncertainty of the mean adds to each dispersion.
const MAX_PARAMETER_VARIANCE: f64 = 10.0;

/// The predictive distribution of a count: mean, and weights over [`DISPERSION_GRID`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct DispersionMixture {
    mean: f64,
    widening: f64,
    sizes: [f64; COMPONENTS],
    weights: [f64; COMPONENTS],
}

/// What a count means under a mixture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MixtureScore {
    /// The mixture's three parts.
    pub parts: Parts,
    /// P(Y = y) at each point of the grid, from which the weights learn.
    pub likelihoods: [f64; GRID],
}

impl DispersionMixture {
    /// A mixture with the given mean. `parameter_variance` is the squared relative uncertainty of the mean, which widens every
    /// component; `weights` should add up to one.
    #[must_use]
    pub fn new(mean: f64, parameter_variance: f64, weights: [f64; GRID]) -> Self {
        let widening = bounded(parameter_variance, 0.0, MAX_PARAMETER_VARIANCE);
        let mut dispersions = [1.0; COMPONENTS];
        dispersions[..GRID].copy_from_slice(&DISPERSION_GRID);
        let mut all = [0.0; COMPONENTS];
        all[..GRID].copy_from_slice(&weights);
        Self {
            mean: bounded(mean, MIN_MEAN, MAX_MEAN),
            widening,
            sizes: dispersions.map(|dispersion| 1.0 / (dispersion + widening)),
            weights: all,
        }
    }

    /// The same with the share of the peak's weight that is better placed between two grid points put there.
    pub(in crate::statistics) fn sharpened(mut self, vertex: Vertex) -> Self {
        let moved = self.weights[vertex.peak] * vertex.share;
        self.weights[vertex.peak] -= moved;
        self.weights[GRID] = moved;
        self.sizes[GRID] = 1.0 / (vertex.value + self.widening);
        self
    }

    /// The mean of the count.
    #[must_use]
    pub fn mean(&self) -> f64 {
        self.mean
    }

    /// The mean dispersion φ, without what the uncertainty of the mean adds.
    #[must_use]
    pub fn dispersion(&self) -> f64 {
        let widened: f64 = self.weights.iter().zip(&self.sizes).map(|(weight, size)| weight / size).sum();
        (widened - self.widening).max(0.0)
    }

    /// The variance of the count.
    #[must_use]
    pub fn variance(&self) -> f64 {
        self.mean + (self.dispersion() + self.widening) * self.mean * self.mean
    }

    /// The three parts at `count`, and each component's likelihood.
    #[must_use]
    pub fn score(&self, count: u64) -> MixtureScore {
        if count <= SMALL_COUNT { self.score_small(count) } else { self.score_large(count as f64) }
    }

    /// The three parts at `count`.
    #[must_use]
    pub fn parts(&self, count: u64) -> Parts {
        self.score(count).parts
    }

    /// P(Y = y) at each point of the grid, without the tails.
    #[must_use]
    pub fn likelihoods(&self, count: u64) -> [f64; GRID] {
        if count <= SMALL_COUNT {
            on_grid(&self.recurse(count).1)
        } else {
            on_grid(&self.sizes.map(|size| pmf(size, self.mean, count as f64)))
        }
    }

    /// The smallest count whose upper tail P(Y ≥ y) is at most `p`: what would have been told. Costs some 60 tails.
    #[must_use]
    pub fn smallest_surprising(&self, p: f64) -> u64 {
        smallest(|count| self.parts(count).at_least() <= p)
    }

    /// The smallest count y with P(Y ≤ y) ≥ `share`. Costs some 60 tails.
    #[must_use]
    pub fn quantile(&self, share: f64) -> u64 {
        smallest(|count| self.parts(count).at_most() >= share)
    }

    /// Weighted P(Y < y), and each component's P(Y = y), by the recursion from zero.
    fn recurse(&self, count: u64) -> (f64, [f64; COMPONENTS]) {
        let ratios = self.sizes.map(|size| self.mean / (size + self.mean));
        let mut exactly = self.sizes.map(|size| libm::exp(-size * libm::log1p(self.mean / size)));
        let mut below = [0.0; COMPONENTS];
        for k in 0..count {
            let k = k as f64;
            let share = 1.0 / (k + 1.0);
            for j in 0..COMPONENTS {
                below[j] += exactly[j];
                exactly[j] *= (k + self.sizes[j]) * share * ratios[j];
            }
        }
        (self.weighted(&below), exactly)
    }

    fn score_small(&self, count: u64) -> MixtureScore {
        let (below, likelihoods) = self.recurse(count);
        let exactly = self.weighted(&likelihoods);
        let parts = if 1.0 - below - exactly > SAFE_COMPLEMENT {
            Parts::from_below(below, exactly)
        } else {
            Parts::from_above(exactly, self.sum_above(count as f64, &likelihoods))
        };
        MixtureScore { parts, likelihoods: on_grid(&likelihoods) }
    }

    /// Weighted P(Y > y), summed upward from each component's P(Y = y); only called where the tail is light.
    fn sum_above(&self, count: f64, likelihoods: &[f64; COMPONENTS]) -> f64 {
        let ratios = self.sizes.map(|size| self.mean / (size + self.mean));
        let mut terms = *likelihoods;
        for (term, weight) in terms.iter_mut().zip(&self.weights) {
            *term *= weight;
        }
        let mut sum = 0.0;
        let mut k = count;
        loop {
            let share = 1.0 / (k + 1.0);
            let mut step = 0.0;
            for j in 0..COMPONENTS {
                terms[j] *= (k + self.sizes[j]) * share * ratios[j];
                step += terms[j];
            }
            if step <= NEGLIGIBLE * sum || step <= 0.0 {
                return sum;
            }
            sum += step;
            k += 1.0;
        }
    }

    fn score_large(&self, count: f64) -> MixtureScore {
        let ln_factorial = ln_gamma(count + 1.0);
        let mut parts = Parts { below: 0.0, exactly: 0.0, above: 0.0 };
        let mut likelihoods = [0.0; COMPONENTS];
        for ((likelihood, &size), &weight) in likelihoods.iter_mut().zip(&self.sizes).zip(&self.weights) {
            *likelihood = libm::exp(
                ln_gamma(count + size)
                    - ln_gamma(size)
                    - ln_factorial
                    - size * libm::log1p(self.mean / size)
                    - count * libm::log1p(size / self.mean),
            );
            if weight < NO_WEIGHT {
                continue;
            }
            let part = tail_of(size, self.mean, count, *likelihood);
            parts.below += weight * part.below;
            parts.exactly += weight * part.exactly;
            parts.above += weight * part.above;
        }
        MixtureScore { parts, likelihoods: on_grid(&likelihoods) }
    }

    fn weighted(&self, values: &[f64; COMPONENTS]) -> f64 {
        self.weights.iter().zip(values).map(|(weight, value)| weight * value).sum()
    }
}

/// The values at the points of the grid alone.
fn on_grid(values: &[f64; COMPONENTS]) -> [f64; GRID] {
    let mut grid = [0.0; GRID];
    grid.copy_from_slice(&values[..GRID]);
    grid
}

/// The smallest count for which `holds`, which must stay true once it is; found by doubling, then halving.
fn smallest(holds: impl Fn(u64) -> bool) -> u64 {
    /// No count lies above: the largest mean times the widest spread.
    const LARGEST: u64 = 1 << 50;
    let mut most = 1;
    while most < LARGEST && !holds(most) {
        most *= 2;
    }
    let mut least = 0;
    while least < most {
        let middle = least + (most - least) / 2;
        if holds(middle) {
            most = middle;
        } else {
            least = middle + 1;
        }
    }
    least
}
