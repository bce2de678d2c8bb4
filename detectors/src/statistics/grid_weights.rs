//! Weights over a fixed grid of one unknown parameter, learned from the likelihood each grid point gave to what came.
//!
//! Kept as logarithms in `f32`, largest at zero. The influence of one observation is clipped: without that, one bad first day
//! fixed the dispersion of a series for weeks in simulation.

/// The most nats by which one observation may set a grid point back against the best one.
const CLIP_NATS: f64 = 4.0;

/// Curvature of the log weights, in nats per squared grid step, at which half of the peak's weight goes to the vertex.
const NARROW: f64 = 8.0;

/// Below this share the vertex is not worth its price.
const LEAST_SHARE: f64 = 0.01;

/// Keeps the steps between the variances apart where the parameter hardly matters.
const LEAST_INFLATION: f64 = 0.01;

/// The weights themselves, adding up to one.
pub(super) fn weights<const N: usize>(log_weights: &[f32; N]) -> [f64; N] {
    // The largest is zero by construction, so no exponential overflows.
    let mut weights = log_weights.map(|w| libm::exp(f64::from(w)));
    let sum: f64 = weights.iter().sum();
    for weight in &mut weights {
        *weight /= sum;
    }
    weights
}

/// Where between two grid points the parameter lies, once much is known.
///
/// With much evidence all weight gathers on the grid point nearest to the truth, and a truth between two points is then missed
/// by up to half a step: in simulation that gave half or three times the nominal alarms, with the vertex 0.7 to 1.5 times.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Vertex {
    /// The value of the parameter.
    pub(super) value: f64,
    /// The share of the peak's weight that is better placed here, 0 to 1.
    pub(super) share: f64,
    /// Which grid point is the peak.
    pub(super) peak: usize,
}

/// The vertex over `grid`, whose values must rise and be positive, where the variance of an observation is proportional to
/// 1 + `inflation` × parameter.
///
/// The log-likelihood of a variance σ² is −k (x + exp(x₀ − x)) in x = ln σ², whose top x₀ follows from three points.
pub(super) fn vertex<const N: usize>(log_weights: &[f32; N], grid: &[f64; N], inflation: f64) -> Vertex {
    let peak = (0..N).fold(0, |best, j| if log_weights[j] > log_weights[best] { j } else { best });
    let middle = peak.clamp(1, N - 2);
    let fall = |j: usize| f64::from(log_weights[middle]) - f64::from(log_weights[j]);
    let (before, after) = (fall(middle - 1), fall(middle + 1));
    let curvature = before + after;
    let squared = curvature * curvature;
    // A broad posterior is spread over the neighbours as it is.
    let share = squared / (squared + NARROW * NARROW);
    if curvature <= 0.0 || share < LEAST_SHARE {
        return Vertex { value: grid[peak], share: 0.0, peak };
    }
    let inflation = inflation.max(LEAST_INFLATION);
    let variance = |j: usize| 1.0 + inflation * grid[j];
    let down = variance(middle - 1) / variance(middle);
    let up = variance(middle + 1) / variance(middle);
    let (step_down, step_up) = (-libm::log(down), libm::log(up));
    let above = after * step_down + before * step_up;
    let below = after * (1.0 / down - 1.0) + before * (1.0 - 1.0 / up);
    let ratio = if below > 0.0 { (above / below).clamp(down, up) } else { 1.0 };
    Vertex { value: (variance(middle) * ratio - 1.0) / inflation, share, peak }
}

/// The logarithms of `weights`, largest at zero.
pub(super) fn log_weights<const N: usize>(weights: &[f64; N]) -> [f32; N] {
    /// Keeps a grid point with no weight at all recoverable.
    const LEAST: f64 = 1e-12;
    let mut logs = weights.map(|w| libm::log(if w > LEAST { w } else { LEAST }));
    centre(&mut logs);
    logs.map(|w| w as f32)
}

/// Forgets a share `1 - keep` toward the prior, then learns from `times` equal observations with these likelihoods
/// (`times` may be a decayed count).
pub(super) fn learn<const N: usize>(
    log_weights: &mut [f32; N],
    prior: &[f32; N],
    likelihoods: &[f64; N],
    keep: f64,
    times: f64,
) {
    learn_within(CLIP_NATS, log_weights, prior, likelihoods, keep, times);
}

/// As [`learn`], with another bound in nats on what one observation may do: where observations are winsorised already.
pub(super) fn learn_within<const N: usize>(
    clip: f64,
    log_weights: &mut [f32; N],
    prior: &[f32; N],
    likelihoods: &[f64; N],
    keep: f64,
    times: f64,
) {
    let best = likelihoods.iter().copied().fold(0.0, f64::max);
    let mut logs = [0.0; N];
    for j in 0..N {
        // Where every likelihood is below what a double can hold, nothing can be told between them.
        let gain = if best > 0.0 { libm::log(likelihoods[j] / best).max(-clip) } else { 0.0 };
        logs[j] = keep * f64::from(log_weights[j]) + (1.0 - keep) * f64::from(prior[j]) + times * gain;
    }
    centre(&mut logs);
    *log_weights = logs.map(|w| w as f32);
}

fn centre<const N: usize>(logs: &mut [f64; N]) {
    let top = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    for log in logs.iter_mut() {
        *log -= top;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_add_up_to_one_and_round_trip() {
        let logs = log_weights(&[0.5, 0.25, 0.25, 0.0]);
        let back = weights(&logs);
        assert!((back.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        assert!((back[0] - 0.5).abs() < 1e-6 && back[3] > 0.0);
    }

    /// Log weights as 400 observations of variance 1 + 50 × `truth` would leave them.
    fn evidence(truth: f64, grid: &[f64; 5]) -> [f32; 5] {
        let nats = grid.map(|g| {
            let ratio = (1.0 + 50.0 * truth) / (1.0 + 50.0 * g);
            200.0 * (libm::log(ratio) - ratio)
        });
        let top = nats.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        nats.map(|n| (n - top) as f32)
    }

    #[test]
    fn a_truth_between_two_grid_points_is_found() {
        let grid = [0.01, 0.03, 0.09, 0.27, 0.81];
        for truth in [0.011, 0.02, 0.03, 0.05, 0.07, 0.15, 0.25, 0.5, 0.8] {
            let found = vertex(&evidence(truth, &grid), &grid, 50.0);
            assert!((found.value / truth - 1.0).abs() < 0.02 && found.share > 0.9, "{truth}: {found:?}");
        }
    }

    #[test]
    fn a_truth_beyond_the_grid_stays_at_its_end() {
        let grid = [0.01, 0.03, 0.09, 0.27, 0.81];
        for (truth, end) in [(0.001, 0.01), (5.0, 0.81)] {
            let found = vertex(&evidence(truth, &grid), &grid, 50.0);
            assert!((found.value / end - 1.0).abs() < 1e-9, "{truth}: {found:?}");
        }
    }

    #[test]
    fn a_broad_posterior_is_left_alone() {
        let found = vertex(&[-0.1, 0.0, -0.1, -0.4], &[0.01, 0.03, 0.09, 0.27], 50.0);
        assert!(found.share < 1e-12 && found.peak == 1, "{found:?}");
    }

    #[test]
    fn one_observation_moves_a_weight_by_at_most_the_clip() {
        let mut logs = [0.0_f32; 3];
        learn(&mut logs, &[0.0; 3], &[1.0, 1e-200, 0.0], 1.0, 1.0);
        assert!(
            logs.iter().zip([0.0, -4.0, -4.0]).all(|(got, expected)| (got - expected).abs() < 1e-6),
            "{logs:?}"
        );
    }

    #[test]
    fn likelihoods_that_vanish_everywhere_teach_nothing() {
        let mut logs = [0.0_f32, -1.0];
        learn(&mut logs, &[0.0, -1.0], &[0.0, 0.0], 0.9, 1.0);
        assert!(logs[0].abs() < 1e-6 && (logs[1] + 1.0).abs() < 1e-6, "{logs:?}");
    }

    #[test]
    fn without_evidence_the_weights_return_to_the_prior() {
        let mut logs = [0.0_f32, -3.0];
        for _ in 0..2_000 {
            learn(&mut logs, &[-1.0, 0.0], &[1.0, 1.0], 0.98, 1.0);
        }
        assert!((logs[0] + 1.0).abs() < 1e-3 && logs[1].abs() < 1e-3);
    }
}
