//! What is worth telling, whom, how, and what people decided.
//!
//! The path of one message: a commit leaves a `to_route` row → [`routing`] decides who is told, and [`grouping`]
//! when → one transaction turns the row into `outbox` rows, or into a named reason for silence → the
//! [`dispatcher`] leases a row, builds a [`card`], and hands it to its [`receivers`] → the receiver sanitises,
//! escapes and shortens for its channel, and sends once → [`outbox`] says what follows from the outcome, and the
//! store keeps it. Nothing lives only in memory, so a restart at any point loses nothing; a message may be sent
//! twice only after a failure that left open whether it arrived, and then says so.
//!
//! Everything that decides is pure. Text from outside passes [`sanitise`] on its way to anybody.

pub mod card;
pub mod config;
pub mod dispatcher;
pub mod grouping;
pub mod inert_json;
pub mod outbox;
pub mod preview;
pub mod receivers;
pub mod routing;
pub mod sanitise;
pub mod trial;

#[cfg(test)]
mod fixture;
