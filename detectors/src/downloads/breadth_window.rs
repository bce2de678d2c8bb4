//! How many distinct artifacts a registry's principals touch in a window: what a principal without a past is held
//! against.
//!
//! Popularity of breadth is heavy-tailed, so no model is fitted: the survivor function is counted at powers of two
//! and continued beyond the last one by the slope of its last octaves (a Pareto tail; Hill, Annals of Statistics
//! 1975, is the same idea on single values).

use std::sync::Arc;

use crate::detector::{Priors, Scores};

/// Windows that must have closed in a registry before a principal without a past is judged by it.
pub(super) const COHORT_NEEDED: u64 = 200;
/// Powers of two that are counted: up to a million artifacts.
const OCTAVES: u16 = 21;
/// The tail falls at least this fast, in octaves of probability per octave of breadth: without a single large
/// window in the past, the next octave is at most half as likely.
const LEAST_SLOPE: f64 = 1.0;

/// Counts a closed window's breadth for its registry.
pub(super) fn record(registry: &Arc<str>, what: &'static str, distinct: u64, out: &mut Scores) {
    for octave in 0..OCTAVES {
        let reached = distinct >= 1 << octave;
        out.tally(registry, what, octave, reached);
        if !reached {
            break;
        }
    }
}

/// The survivor functions of registries, each worked out once for all windows that close together.
#[derive(Debug)]
pub struct Cohorts<'a> {
    priors: &'a Priors,
    known: Vec<(Arc<str>, &'static str, Option<Cohort>)>,
}

/// log₂ P(D ≥ 2ᵏ) among a registry's windows, at each power of two.
#[derive(Debug, Clone, Copy)]
struct Cohort([f64; OCTAVES as usize + 1]);

impl<'a> Cohorts<'a> {
    /// By population rates.
    #[must_use]
    pub const fn new(priors: &'a Priors) -> Self {
        Self { priors, known: Vec::new() }
    }

    /// P(D ≥ distinct) among the registry's windows; `None` before [`COHORT_NEEDED`] have closed.
    pub(super) fn survivor(&mut self, registry: &Arc<str>, what: &'static str, distinct: u64) -> Option<f64> {
        let found = self.known.iter().find(|(known, window, _)| known == registry && *window == what);
        let cohort = match found {
            Some((.., cohort)) => *cohort,
            None => {
                let cohort = Cohort::of(registry, what, self.priors);
                self.known.push((Arc::clone(registry), what, cohort));
                cohort
            }
        };
        cohort.filter(|_| distinct > 0).map(|cohort| cohort.survivor(distinct))
    }
}

impl Cohort {
    fn of(registry: &Arc<str>, what: &'static str, priors: &Priors) -> Option<Self> {
        let windows = priors.tally(registry, what, 0).chances;
        if windows < COHORT_NEEDED {
            return None;
        }
        let at: [f64; OCTAVES as usize] = std::array::from_fn(|octave| {
            priors.tally(registry, what, octave as u16).hits as f64 / windows as f64
        });
        // The last octave that was ever reached; beyond it the tail is drawn on.
        let last = at.iter().take_while(|share| **share > 0.0).count().saturating_sub(1);
        let from = last.saturating_sub(2);
        let slope = if last > from {
            (libm::log2(at[from]) - libm::log2(at[last])) / (last - from) as f64
        } else {
            LEAST_SLOPE
        };
        Some(Self(std::array::from_fn(|octave| {
            if octave <= last {
                libm::log2(at[octave])
            } else {
                libm::log2(at[last]) - (octave - last) as f64 * slope.max(LEAST_SLOPE)
            }
        })))
    }

    fn survivor(&self, distinct: u64) -> f64 {
        let octave = (63 - distinct.leading_zeros()).min(u32::from(OCTAVES) - 1) as usize;
        let within = libm::log2(distinct as f64) - octave as f64;
        let (low, high) = (self.0[octave], self.0[octave + 1]);
        libm::exp2(low + within * (high - low))
    }
}
