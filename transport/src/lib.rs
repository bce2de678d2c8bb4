//! Every way out of the process but the database: HTTP, Kafka client settings, the wall clock.
//!
//! This crate is the only owner of `reqwest` and `rdkafka`; it hands out typed clients and no type of theirs.
//!
//! - [`secret`]: what must never be printed, and the references (`env:NAME`, `file:/path`) it is loaded from.
//! - [`http`] and [`guard`]: notifications out, never into the private network by accident.
//! - [`tcp`]: connections for what speaks no HTTP, under the same guard.
//! - [`bucket`]: objects of a bucket, listed and fetched.
//! - [`kafka`]: one consumer, one producer, one broker for demonstrations, with the settings that hold.
//! - [`clock`]: the only place that asks what time it is.

pub mod bucket;
pub mod clock;
pub mod guard;
pub mod http;
pub mod kafka;
mod plain_text;
pub mod secret;
pub mod tcp;

pub use clock::{Clock, Jitter, SystemClock, TestClock};
pub use guard::AllowList;
pub use http::{HttpClient, HttpError, HttpPolicy, Reply, Request};
pub use secret::{SecretRef, SecretString, SecretUrl};
