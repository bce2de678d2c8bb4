//! What is worth telling, whom, how, and what people decided.
//!
//! The path of one message: a commit leaves a `to_route` row → [`rules`] decide who is told, by [`routing`],
//! [`silence`] and [`maintenance`], and [`grouping`] when → one transaction turns the row into `outbox` rows, or into
//! a named reason for silence → the [`dispatcher`] leases a row, builds a [`card`], and hands it to its [`receivers`]
//! → the receiver sanitises, escapes and shortens for its channel, and sends once → [`outbox`] says what follows from
//! the outcome, and the store keeps it. Nothing lives only in memory, so a restart at any point loses nothing; a
//! message may be sent twice only after a failure that left open whether it arrived, and then says so.
//!
//! Everything that decides is pure. Text from outside passes [`sanitise`] on its way to anybody.

pub mod card;
pub mod clicks;
pub mod config;
pub mod dispatcher;
pub mod grouping;
pub mod heartbeat;
pub mod inert_json;
pub mod maintenance;
pub mod outbox;
pub mod preview;
pub mod receivers;
pub mod routing;
pub mod rules;
pub mod sanitise;
pub mod silence;
pub mod templates;
pub mod trial;

/// A clock time as decisions and lists show it: whole seconds of UTC.
#[must_use]
pub fn shown_time(nanos: i64) -> String {
    chrono::DateTime::from_timestamp_nanos(nanos).to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
}

mod fixture;
