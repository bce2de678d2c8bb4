//! How surprising a value is among those a subject has used before: countries, networks, tools, issuers, workflows.
//!
//! A Pitman–Yor process per subject and attribute, over a grid of concentrations, backed off to a base measure one level up
//! (Sanna Passino & Heard, Foundations of Data Science 2019, who found a red team's log-ins with it; Pitman & Yor 1997). The
//! base counts distinct *subjects* per value, so one busy subject does not make its own odd network ordinary. A value that was
//! used often gives no surprise; a rare one some; a new one P(new) × how unusual it is in the population.

mod base;
#[cfg(test)]
mod tests;

pub use base::{BASE_VALUES, BaseMeasure, BaseRank};

use super::grid_weights;
use super::p_value::Tail;
use serde::{Deserialize, Serialize};

/// The concentrations θ between which the weights are learned.
pub const CONCENTRATION_GRID: [f64; 5] = [0.1, 0.3, 1.0, 3.0, 10.0];

const COMPONENTS: usize = CONCENTRATION_GRID.len();

/// The discount d: how much likelier each further distinct value makes another one.
const DISCOUNT: f64 = 0.2;

/// How many values of one attribute are kept; the rest is one sum.
pub const KEPT_VALUES: usize = 16;

/// Half-life of an observation, in days.
const HALF_LIFE_DAYS: f64 = 90.0;

/// What the weights over the concentrations keep at each observation.
const KEEP_WEIGHTS: f64 = 0.995;

/// A value whose decayed count falls below this is forgotten.
const FORGOTTEN: f32 = 0.02;

/// The values one subject has used for one attribute. At most 260 bytes serialised.
///
/// Values are 64-bit keyed hashes; they are compared, never turned back.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PitmanYor {
    /// Kept values with their decayed counts, in order of the hash.
    values: Vec<(u64, f32)>,
    /// Decayed count of what is not kept.
    rest: f32,
    /// Decayed number of distinct values that are not kept.
    rest_distinct: f32,
    log_weights: [f32; COMPONENTS],
}

/// What a value was to the subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Familiarity {
    /// The subject has no history of this attribute: nothing can be new.
    FirstOfAll,
    /// Not among the kept values.
    New,
    /// Used before.
    Seen,
}

/// How surprising a value is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ValueScore {
    /// What the value was to the subject.
    pub familiarity: Familiarity,
    /// P(as surprising a value or more).
    pub tail: Tail,
    /// P(any new value), for the explanation.
    pub probability_of_new: f64,
    /// Decayed observations behind it, for the explanation.
    pub observations: f64,
}

impl PitmanYor {
    /// Decayed observations.
    #[must_use]
    pub fn observations(&self) -> f64 {
        self.values.iter().map(|(_, count)| f64::from(*count)).sum::<f64>() + f64::from(self.rest)
    }

    /// Distinct values, those not kept included.
    #[must_use]
    pub fn distinct(&self) -> f64 {
        self.values.len() as f64 + f64::from(self.rest_distinct)
    }

    /// Whether the subject has used this value before (as far as it is kept).
    #[must_use]
    pub fn has_seen(&self, value: u64) -> bool {
        self.place(value).is_ok()
    }

    /// P(the next value is new).
    #[must_use]
    pub fn probability_of_new(&self) -> f64 {
        let weights = grid_weights::weights(&self.log_weights);
        weights.iter().zip(self.new_likelihoods()).map(|(weight, p)| weight * p).sum::<f64>().min(1.0)
    }

    /// How surprising `value` is, with the tie break `u` in [0, 1). `base` ranks it in the population, where one is known.
    ///
    /// The order of surprise is: new values from the population's rarest to its commonest, then used ones from the rarest.
    #[must_use]
    pub fn score(&self, value: u64, base: Option<BaseRank>, u: f64) -> ValueScore {
        let observations = self.observations();
        let probability_of_new = self.probability_of_new();
        let place = self.place(value).ok();
        let familiarity = match place {
            Some(_) => Familiarity::Seen,
            None if observations <= 0.0 => Familiarity::FirstOfAll,
            None => Familiarity::New,
        };
        let tail = match place {
            Some(index) => {
                let own = self.values[index].1;
                let rarer = self.values.iter().filter(|(_, count)| *count < own);
                let equal = self.values.iter().filter(|(_, count)| (*count - own).abs() <= 0.0);
                let mass =
                    |count: f64| (1.0 - probability_of_new) * count / observations.max(f64::MIN_POSITIVE);
                // What is not kept is rarer than what is.
                let below: f64 =
                    f64::from(self.rest) + rarer.map(|(_, count)| f64::from(*count)).sum::<f64>();
                let level: f64 = equal.map(|(_, count)| f64::from(*count)).sum();
                Tail::new(probability_of_new + mass(below), mass(level), u)
            }
            None => {
                let rank = base.unwrap_or(BaseRank::UNKNOWN);
                Tail::new(probability_of_new * rank.rarer, probability_of_new * rank.equal, u)
            }
        };
        ValueScore { familiarity, tail, probability_of_new, observations }
    }

    /// Learns one use of `value`, `days` after the last one of any value.
    ///
    /// Call it once per value and day at most: a thousand requests from one network are one fact about where a subject is.
    pub fn update(&mut self, value: u64, days: f64) {
        let likelihoods = self.new_likelihoods();
        let place = self.place(value);
        if self.observations() > 0.0 {
            let outcome = if place.is_ok() { likelihoods.map(|p| 1.0 - p) } else { likelihoods };
            grid_weights::learn(&mut self.log_weights, &[0.0; COMPONENTS], &outcome, KEEP_WEIGHTS, 1.0);
        }
        self.decay(if days.is_finite() { days.max(0.0) } else { 0.0 });
        match self.place(value) {
            Ok(index) => self.values[index].1 += 1.0,
            Err(index) => {
                self.values.insert(index, (value, 1.0));
                self.make_room(value);
            }
        }
    }

    fn place(&self, value: u64) -> Result<usize, usize> {
        self.values.binary_search_by_key(&value, |(known, _)| *known)
    }

    /// P(new) under each concentration: (θ + dK) / (n + θ).
    fn new_likelihoods(&self) -> [f64; COMPONENTS] {
        let (n, distinct) = (self.observations(), self.distinct());
        CONCENTRATION_GRID.map(|theta| ((theta + DISCOUNT * distinct) / (n + theta)).min(1.0))
    }

    fn decay(&mut self, days: f64) {
        let keep = libm::exp2(-days / HALF_LIFE_DAYS) as f32;
        for (_, count) in &mut self.values {
            *count *= keep;
        }
        self.values.retain(|(_, count)| *count >= FORGOTTEN);
        self.rest *= keep;
        self.rest_distinct *= keep;
    }

    /// Moves the rarest kept value (not the newest) to the rest while there are too many.
    fn make_room(&mut self, newest: u64) {
        while self.values.len() > KEPT_VALUES {
            let rarest = self
                .values
                .iter()
                .enumerate()
                .filter(|(_, (value, _))| *value != newest)
                .min_by(|(_, (_, a)), (_, (_, b))| a.total_cmp(b))
                .map(|(index, _)| index);
            let Some(index) = rarest else { return };
            let (_, count) = self.values.remove(index);
            self.rest += count;
            self.rest_distinct += 1.0;
        }
    }
}
