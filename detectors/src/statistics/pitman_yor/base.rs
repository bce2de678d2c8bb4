//! The base measure: how many distinct subjects of the population use each value, bounded in size.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The most values a base measure holds; the rarest is dropped for a new one.
pub const BASE_VALUES: usize = 4_096;

/// Discount and concentration of the base measure itself.
const DISCOUNT: f64 = 0.3;
const CONCENTRATION: f64 = 5.0;

/// How many distinct subjects have used each value.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct BaseMeasure {
    subjects: BTreeMap<u64, u32>,
    total: u64,
}

/// Where a value stands in the population: the mass of new values rarer than it, and of those as rare as it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BaseRank {
    /// Mass of the values that fewer subjects use.
    pub rarer: f64,
    /// Mass of the values that as many subjects use, this one included.
    pub equal: f64,
}

impl BaseRank {
    /// Nothing is known of the population: all values are alike.
    pub const UNKNOWN: Self = Self { rarer: 0.0, equal: 1.0 };
}

impl BaseMeasure {
    /// Notes that one more subject uses `value`. Call it when a subject uses a value for its first time.
    pub fn add(&mut self, value: u64) {
        if self.subjects.len() >= BASE_VALUES && !self.subjects.contains_key(&value) {
            let rarest = self.subjects.iter().min_by_key(|(_, count)| **count).map(|(value, _)| *value);
            if let Some(count) = rarest.and_then(|value| self.subjects.remove(&value)) {
                self.total -= u64::from(count);
            }
        }
        *self.subjects.entry(value).or_insert(0) += 1;
        self.total += 1;
    }

    /// How many distinct subjects use `value`, for the explanation.
    #[must_use]
    pub fn subjects(&self, value: u64) -> u32 {
        self.subjects.get(&value).copied().unwrap_or(0)
    }

    /// Where `value` stands. Walks all values, so it is for new ones, which are rare.
    #[must_use]
    pub fn rank(&self, value: u64) -> BaseRank {
        let (total, distinct) = (self.total as f64, self.subjects.len() as f64);
        // What no subject uses yet has the mass that Good and Turing leave for it.
        let unseen = ((CONCENTRATION + DISCOUNT * distinct) / (total + CONCENTRATION)).min(1.0);
        let Some(own) = self.subjects.get(&value).copied() else {
            return BaseRank { rarer: 0.0, equal: unseen };
        };
        let (mut rarer, mut equal) = (0.0, 0.0);
        for &count in self.subjects.values() {
            let mass = (f64::from(count) - DISCOUNT).max(0.0) / (total + CONCENTRATION);
            if count < own {
                rarer += mass;
            } else if count == own {
                equal += mass;
            }
        }
        BaseRank { rarer: (unseen + rarer).min(1.0), equal: equal.min(1.0) }
    }
}
