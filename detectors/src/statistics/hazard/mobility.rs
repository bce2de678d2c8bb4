//! How likely a tag of one class is to move at its next opportunity: Beta–Bernoulli, shrunk to the class.
//!
//! `latest` moves at every release, `1.2` at most patches, `1.2.3` never; which is which is learned per artifact and class from
//! moves out of opportunities, and a class seen for the first time behaves as it does elsewhere.

use crate::statistics::p_value::PValue;
use serde::{Deserialize, Serialize};

/// What is kept of the past at each opportunity: a half-life of some 70.
const KEEP: f64 = 0.99;

/// Bounds of a probability: never certain either way.
const PROBABILITY_BOUNDS: (f64, f64) = (1e-5, 0.999);

/// Bounds of the worth of a prior, in opportunities.
const STRENGTH_BOUNDS: (f64, f64) = (0.5, 200.0);

/// What is believed of a class of tags before an artifact's own is seen.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct MobilityPrior {
    moves: f64,
    stays: f64,
}

impl MobilityPrior {
    /// A prior that expects a move in a `share` of opportunities, worth `strength` opportunities.
    #[must_use]
    pub fn new(share: f64, strength: f64) -> Self {
        let share =
            if share.is_nan() { 0.5 } else { share.clamp(PROBABILITY_BOUNDS.0, PROBABILITY_BOUNDS.1) };
        let strength = if strength.is_nan() { STRENGTH_BOUNDS.0 } else { strength };
        let strength = strength.clamp(STRENGTH_BOUNDS.0, STRENGTH_BOUNDS.1);
        Self { moves: share * strength, stays: (1.0 - share) * strength }
    }
}

/// What is known about one artifact's tags of one class. Also serves any other yes-or-no hazard with a prior.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct MobilityHazard {
    moves: f64,
    stays: f64,
}

impl MobilityHazard {
    /// A hazard of which only its class's is known.
    #[must_use]
    pub fn from_prior(prior: &MobilityPrior) -> Self {
        Self { moves: prior.moves, stays: prior.stays }
    }

    /// P(move) at the next opportunity.
    #[must_use]
    pub fn probability(&self) -> f64 {
        (self.moves / (self.moves + self.stays)).clamp(PROBABILITY_BOUNDS.0, PROBABILITY_BOUNDS.1)
    }

    /// How surprising the outcome of an opportunity is: the probability of a move if there was one, else 1.
    #[must_use]
    pub fn surprise(&self, moved: bool) -> PValue {
        if moved { PValue::clamped(self.probability()) } else { PValue::ONE }
    }

    /// Learns from one opportunity (say, a publish after which the tag might have moved).
    pub fn update(&mut self, prior: &MobilityPrior, moved: bool) {
        let moved = f64::from(u8::from(moved));
        self.moves = KEEP * self.moves + (1.0 - KEEP) * prior.moves + moved;
        self.stays = KEEP * self.stays + (1.0 - KEEP) * prior.stays + 1.0 - moved;
    }

    /// The prior this posterior gives to the next level down, worth at most `strength` opportunities.
    #[must_use]
    pub fn as_prior(&self, strength: f64) -> MobilityPrior {
        MobilityPrior::new(self.probability(), (self.moves + self.stays).min(strength))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(prior: MobilityPrior, outcomes: impl IntoIterator<Item = bool>) -> f64 {
        let mut hazard = MobilityHazard::from_prior(&prior);
        for moved in outcomes {
            hazard.update(&prior, moved);
        }
        hazard.probability()
    }

    #[test]
    fn classes_are_learned_from_moves_out_of_opportunities() {
        let unknown = MobilityPrior::new(0.3, 2.0);
        for (outcomes, low, high) in [
            (vec![], 0.29, 0.31),
            (vec![true; 60], 0.9, 0.999),
            (vec![false; 60], 1e-5, 0.02),
            ([true, false].repeat(40), 0.45, 0.55),
        ] {
            let n = outcomes.len();
            let p = after(unknown, outcomes);
            assert!((low..=high).contains(&p), "{n} outcomes: {p}");
        }
    }

    #[test]
    fn a_pinned_tag_that_moves_is_surprising_from_the_first_day() {
        let pinned = MobilityHazard::from_prior(&MobilityPrior::new(0.002, 20.0));
        assert!(pinned.surprise(true).bits() > 8.0);
        assert_eq!(pinned.surprise(false), PValue::ONE);
    }

    #[test]
    fn the_past_fades() {
        let prior = MobilityPrior::new(0.5, 1.0);
        let moved_once = std::iter::repeat_n(true, 50).chain(std::iter::repeat_n(false, 600));
        assert!(after(prior, moved_once) < 0.02);
    }

    #[test]
    fn broken_numbers_never_make_a_broken_hazard() {
        for (share, strength) in [(f64::NAN, f64::NAN), (-1.0, 0.0), (2.0, f64::INFINITY)] {
            let p = after(MobilityPrior::new(share, strength), [true, false]);
            assert!(p > 0.0 && p < 1.0);
        }
    }

    #[test]
    fn a_child_starts_where_its_parent_is() {
        let prior = MobilityPrior::new(0.5, 1.0);
        let mut parent = MobilityHazard::from_prior(&prior);
        for _ in 0..200 {
            parent.update(&prior, false);
        }
        let child = MobilityHazard::from_prior(&parent.as_prior(10.0));
        assert!((child.probability() - parent.probability()).abs() < 1e-12);
    }
}
