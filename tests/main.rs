//! Sealwatch through its outer door: one program for all tests that need more than one crate.

// Tells Clippy that all of this is test code, where `panic!` and `unwrap` are how a test fails.
#![cfg(test)]

mod architecture;
mod browser;
mod bucket;
mod crash;
mod kafka;
mod parts;
mod receivers;
mod scenarios;
mod telling;
mod webhooks;
