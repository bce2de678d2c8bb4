//! Drives the way from record to outbox: lanes, shards, commit; replay, learn, run.
//!
//! [`flow::Flow`] is the way itself, without a thread or a clock of its own: records in, findings out. [`replay`]
//! runs it over files, [`live`] over a source with commits to the database. Neither changes a finding.

pub mod commit;
pub mod flow;
pub mod heartbeat;
mod lane;
pub mod live;
pub mod replay;
mod resume;
pub mod status;
#[cfg(test)]
mod tests;
mod threads;

pub use threads::Threads;

/// The clock, as the program hands it in. It paces commits, idle marks and heartbeats, and never reaches a finding of
/// the log that is judged.
pub trait WallClock: Send + Sync {
    /// Nanoseconds since 1970; may jump.
    fn now_nanos(&self) -> i64;
    /// Nanoseconds since some fixed moment; never goes back.
    fn monotonic_nanos(&self) -> i64;
}
