//! A probability that has passed its checks, the three readings of a discrete tail, and the keyed tie break between them.
//!
//! A count has no single p-value. The *exact* one, P(Y ≥ y), is what people are shown; the *randomised* one is uniform under
//! the null and is what is calibrated and decided on; the *mid* one is what is combined (Rubin-Delanchy, Heard & Lawson,
//! "Meta-analysis of mid-p-values", JASA 2019). The random number is a keyed hash of what was scored, so a replay draws it again.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use siphasher::sip::SipHasher13;
use std::cmp::Ordering;
use std::hash::Hasher;

/// The smallest p-value that [`PValue::clamped`] makes: below it a double holds no honest digits.
pub const P_VALUE_FLOOR: f64 = 1e-300;

/// The most bits of surprise that one p-value may claim, so that no single score drowns all others.
pub const BITS_CAP: f64 = 100.0;

/// A p-value: a probability in (0, 1], never NaN, therefore totally ordered.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "f64", into = "f64")]
pub struct PValue(f64);

/// Says that a number read from outside is not a p-value.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[error("cannot read {0} as a p-value: it is not above 0 and at most 1")]
pub struct NotAPValue(f64);

impl PValue {
    /// The p-value that says nothing.
    pub const ONE: Self = Self(1.0);

    /// Takes `value` if it lies in (0, 1]; NaN does not.
    #[must_use]
    pub fn new(value: f64) -> Option<Self> {
        (value > 0.0 && value <= 1.0).then_some(Self(value))
    }

    /// Brings any number into [[`P_VALUE_FLOOR`], 1]; NaN becomes 1, because a failed computation is no evidence.
    #[must_use]
    pub fn clamped(value: f64) -> Self {
        if value.is_nan() { Self::ONE } else { Self(value.clamp(P_VALUE_FLOOR, 1.0)) }
    }

    /// The probability itself.
    #[must_use]
    pub fn get(self) -> f64 {
        self.0
    }

    /// Surprise in bits, −log₂ p, from 0 to [`BITS_CAP`].
    #[must_use]
    pub fn bits(self) -> f64 {
        // `0.0 -` instead of unary minus: the bits of 1 are 0, not −0.
        (0.0 - libm::log2(self.0)).min(BITS_CAP)
    }

    /// −ln p, the scale on which scores are calibrated.
    #[must_use]
    pub fn nats(self) -> f64 {
        0.0 - libm::log(self.0)
    }

    /// The p-value of the smaller of `count` p-values, by Bonferroni: multiplied by `count`, at most 1.
    #[must_use]
    pub fn times(self, count: usize) -> Self {
        Self::clamped(self.0 * count as f64)
    }
}

impl Eq for PValue {}

impl PartialOrd for PValue {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for PValue {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.total_cmp(&other.0)
    }
}

impl TryFrom<f64> for PValue {
    type Error = NotAPValue;

    fn try_from(value: f64) -> Result<Self, NotAPValue> {
        Self::new(value).ok_or(NotAPValue(value))
    }
}

impl From<PValue> for f64 {
    fn from(value: PValue) -> Self {
        value.0
    }
}

/// One tail of a distribution at the observed value, read in the three ways that are needed.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Tail {
    /// The observed value or a more extreme one: conservative; shown to people and used by rules.
    pub exact: PValue,
    /// More extreme, plus a keyed share of the observed value itself: uniform under the null; calibrated and decided on.
    pub randomised: PValue,
    /// More extreme, plus half of the observed value itself: combined with other p-values.
    pub mid: PValue,
}

impl Tail {
    /// A tail that says nothing.
    pub const NONE: Self = Self { exact: PValue::ONE, randomised: PValue::ONE, mid: PValue::ONE };

    /// From the probability strictly beyond the observed value, that of the value itself, and the tie break `u` in [0, 1).
    #[must_use]
    pub fn new(beyond: f64, exactly: f64, u: f64) -> Self {
        Self {
            exact: PValue::clamped(beyond + exactly),
            randomised: PValue::clamped(beyond + u * exactly),
            mid: PValue::clamped(beyond + 0.5 * exactly),
        }
    }

    /// The tail of a continuous quantity, where all three readings are one.
    #[must_use]
    pub fn continuous(probability: f64) -> Self {
        let p = PValue::clamped(probability);
        Self { exact: p, randomised: p, mid: p }
    }

    /// The two-sided tail from the two one-sided ones: twice the smaller, reading by reading.
    #[must_use]
    pub fn two_sided(upper: Self, lower: Self) -> Self {
        let twice = |a: PValue, b: PValue| a.min(b).times(2);
        Self {
            exact: twice(upper.exact, lower.exact),
            randomised: twice(upper.randomised, lower.randomised),
            mid: twice(upper.mid, lower.mid),
        }
    }
}

/// The number in [0, 1) that splits ties: a keyed hash of what is scored, equal in every replay.
///
/// `seed` is the run's secret, `anchor` the start of the bin (or whatever else tells two scores of one subject apart).
#[must_use]
pub fn tie_break(seed: u64, detector: &str, subject: &str, anchor: i64) -> f64 {
    /// Second half of the hash key, so that this use of the seed shares no values with others.
    const PURPOSE: u64 = u64::from_le_bytes(*b"tiebreak");
    let mut hasher = SipHasher13::new_with_keys(seed, PURPOSE);
    for text in [detector, subject] {
        // The length first: ("ab", "c") and ("a", "bc") are different scores.
        hasher.write(&(text.len() as u64).to_le_bytes());
        hasher.write(text.as_bytes());
    }
    hasher.write(&anchor.to_le_bytes());
    unit_interval(hasher.finish())
}

/// The top 53 bits of a hash as a number in [0, 1).
fn unit_interval(hash: u64) -> f64 {
    (hash >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::trial::kolmogorov_p;

    #[test]
    fn only_probabilities_become_p_values() {
        for (value, accepted) in [
            (1.0, true),
            (0.5, true),
            (5e-324, true),
            (0.0, false),
            (-0.1, false),
            (1.0 + 1e-15, false),
            (f64::NAN, false),
            (f64::INFINITY, false),
        ] {
            assert_eq!(PValue::new(value).is_some(), accepted, "{value}");
        }
    }

    #[test]
    fn clamping_never_invents_evidence_from_nan() {
        for (value, expected) in [
            (f64::NAN, 1.0),
            (f64::INFINITY, 1.0),
            (7.0, 1.0),
            (0.25, 0.25),
            (0.0, P_VALUE_FLOOR),
            (-1.0, P_VALUE_FLOOR),
            (f64::NEG_INFINITY, P_VALUE_FLOOR),
        ] {
            assert_eq!(PValue::clamped(value), PValue::new(expected).unwrap(), "{value}");
        }
    }

    #[test]
    fn bits_stop_at_the_cap() {
        for (p, bits) in [(1.0, 0.0), (0.5, 1.0), (1.0 / 1024.0, 10.0), (P_VALUE_FLOOR, BITS_CAP)] {
            assert!((PValue::clamped(p).bits() - bits).abs() < 1e-12, "{p}");
        }
    }

    #[test]
    fn reading_a_number_that_is_no_p_value_is_an_error() {
        assert!(serde_json::from_str::<PValue>("0").is_err());
        assert!(serde_json::from_str::<PValue>("1.5").is_err());
        let p: PValue = serde_json::from_str("0.1").unwrap();
        assert_eq!(serde_json::to_string(&p).unwrap(), "0.1");
    }

    #[test]
    fn randomised_and_mid_lie_between_beyond_and_exact() {
        let tail = Tail::new(0.01, 0.04, 0.25);
        let read = [tail.exact, tail.randomised, tail.mid].map(PValue::get);
        for (got, expected) in read.into_iter().zip([0.05, 0.02, 0.03]) {
            assert!((got - expected).abs() < 1e-15);
        }
    }

    #[test]
    fn two_sided_is_twice_the_smaller_and_at_most_one() {
        let tail = Tail::two_sided(Tail::new(0.01, 0.02, 0.5), Tail::new(0.97, 0.02, 0.5));
        assert!((tail.exact.get() - 0.06).abs() < 1e-15);
        let middle = Tail::two_sided(Tail::continuous(0.7), Tail::continuous(0.6));
        assert_eq!(middle.exact, PValue::ONE);
    }

    #[test]
    fn tie_breaks_are_stable_and_tell_scores_apart() {
        // Pinned: a change would silently alter every replay.
        let pinned = tie_break(7, "download-volume", "pkg:npm/axios", 1_700_000_000);
        assert_eq!(pinned.to_bits(), 0.709_071_902_932_796_3_f64.to_bits());
        let base = tie_break(7, "ab", "c", 1);
        for other in [
            tie_break(8, "ab", "c", 1),
            tie_break(7, "a", "bc", 1),
            tie_break(7, "ab", "d", 1),
            tie_break(7, "ab", "c", 2),
        ] {
            assert!((base - other).abs() > 0.0);
        }
    }

    #[test]
    fn tie_breaks_are_uniform() {
        let mut draws: Vec<f64> = (0..20_000).map(|bin| tie_break(1, "d", "s", bin * 3600)).collect();
        assert!(draws.iter().all(|u| (0.0..1.0).contains(u)));
        assert!(kolmogorov_p(&mut draws) > 0.01);
    }
}
