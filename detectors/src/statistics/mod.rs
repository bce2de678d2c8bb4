//! The mathematics: one file a statistic, pure and deterministic, each with its source and its named thresholds.
//!
//! Every model works in the same three steps, in this order: *predict* from the past alone, *score* what came, *update*.
//! A score is therefore a valid p-value whatever came before, and a replay gives it again bit for bit (`libm` for
//! logarithms and exponentials, keyed hashes instead of random numbers). States are small, serialisable values.

pub mod attack_profiles;
pub mod beta_binomial;
pub mod brown;
pub mod calibration;
pub mod cauchy;
pub mod circular;
pub mod circular_hour;
pub mod distinct;
pub mod false_discovery;
mod grid_weights;
pub mod hazard;
pub mod location_scale;
pub mod log_normal;
pub mod negative_binomial;
pub mod p_value;
pub mod pitman_yor;
pub mod rate;
pub mod robust_scale;
pub mod season;
mod special;
pub mod successor_test;
#[cfg(test)]
pub(crate) mod trial;

pub use p_value::{PValue, Tail, tie_break};
