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

/// P(D ≥ distinct) among the registry's windows; `None` before [`COHORT_NEEDED`] have closed.
pub(super) fn survivor(
    registry: &Arc<str>,
    what: &'static str,
    distinct: u64,
    priors: &Priors,
) -> Option<f64> {
    let windows = priors.tally(registry, what, 0).chances;
    if windows < COHORT_NEEDED || distinct == 0 {
        return None;
    }
    let at = |octave: u16| priors.tally(registry, what, octave).hits as f64 / windows as f64;
    let octave = (63 - distinct.leading_zeros()).min(u32::from(OCTAVES) - 1) as u16;
    // The last octave that was ever reached, half an event beyond which the tail is drawn on.
    let last = (0..OCTAVES).take_while(|octave| at(*octave) > 0.0).last().unwrap_or(0);
    let log_survivor = |octave: u16| {
        if octave <= last {
            libm::log2(at(octave))
        } else {
            let from = last.saturating_sub(2);
            let slope = if last > from {
                (libm::log2(at(from)) - libm::log2(at(last))) / f64::from(last - from)
            } else {
                LEAST_SLOPE
            };
            libm::log2(at(last)) - f64::from(octave - last) * slope.max(LEAST_SLOPE)
        }
    };
    let within = libm::log2(distinct as f64) - f64::from(octave);
    let (low, high) = (log_survivor(octave), log_survivor(octave + 1));
    Some(libm::exp2(low + within * (high - low)))
}
