//! The vocabulary and the mathematics of Sealwatch: events, findings, detectors, statistics.
//!
//! Pure by rule: no I/O, no clock, no async, no randomness, no hash order. Time arrives with the event, so the
//! same ordered log gives the same findings on every machine, at every speed. `clippy.toml` beside this crate
//! turns the rule into lints.

pub mod accounts;
pub mod catalogue;
mod change_lane;
pub mod creation;
pub mod detector;
pub mod downloads;
pub mod engine;
pub mod event;
pub mod finding;
pub mod incident;
pub mod key_table;
pub mod metadata;
pub mod settings;
pub mod severity;
pub mod signing;
pub mod signing_policy;
pub mod statistics;
pub mod tags;
