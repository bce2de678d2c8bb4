//! How many things anybody in a registry does in one window: what a subject without a past is held against.
//!
//! The survivor function, counted at powers of two and shrunk to a stated guess: P(Y ≥ y) = y^−1.5, a heavy tail, since
//! what people do in one session spans decades. Between two powers it is interpolated in both logarithms; beyond the
//! last it goes on as the guess does.

use std::sync::Arc;

use crate::detector::{Priors, Scores};

/// Powers of two that are counted: up to 4,096.
const POWERS: u16 = 13;
/// Exponent of the guess.
const GUESS: f64 = 1.5;
/// How many windows of the registry the guess is worth.
const GUESS_WORTH: f64 = 20.0;

/// Tells the registry how many there were in one window that is over.
pub(crate) fn record(registry: &Arc<str>, what: &'static str, count: u64, out: &mut Scores) {
    for power in 0..POWERS {
        out.tally(registry, what, power, count >= 1 << power);
    }
}

/// P(Y ≥ count) for anybody's window.
pub(crate) fn survivor(registry: &Arc<str>, what: &'static str, count: u64, priors: &Priors) -> f64 {
    let at = |power: u16| {
        let guess = libm::exp2(-GUESS * f64::from(power));
        priors.rate(registry, what, power, guess, GUESS_WORTH)
    };
    let exact = libm::log2(count.max(1) as f64);
    let below = (exact.floor() as u16).min(POWERS - 1);
    let share = exact - f64::from(below);
    let low = at(below);
    let high = if below + 1 < POWERS { at(below + 1).min(low) } else { low * libm::exp2(-GUESS) };
    let slope = libm::log2(high / low);
    (low * libm::exp2(slope * share)).clamp(f64::MIN_POSITIVE, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detector::{PriorKey, Tally};

    #[test]
    fn an_unknown_registry_is_guessed_and_a_known_one_is_counted() {
        let registry: Arc<str> = "npm".into();
        let mut priors = Priors::default();
        for (count, expected) in [(1, 1.0), (4, 0.125), (16, 1.0 / 64.0), (1 << 14, libm::exp2(-21.0))] {
            let p = survivor(&registry, "burst", count, &priors);
            assert!((p / expected - 1.0).abs() < 1e-9, "{count}: {p}");
        }
        let mut out = Scores::default();
        for window in 0..1_000 {
            record(&registry, "burst", if window % 10 == 0 { 20 } else { 1 }, &mut out);
        }
        priors.0 = out.tallies.into_iter().collect::<std::collections::BTreeMap<PriorKey, Tally>>();
        let p = |count| survivor(&registry, "burst", count, &priors);
        assert!((p(16) - 0.098).abs() < 0.002 && p(20) < p(16) && p(20) > p(32), "{} {}", p(16), p(20));
        assert!(p(64) < 1e-4 && p(100_000) < p(64));
    }
}
