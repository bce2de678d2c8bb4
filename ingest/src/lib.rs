//! From bytes to ordered events: sources, wire formats, dead letters, order.
//!
//! A [`source::Source`] hands over raw records, a [`decode::Decoder`] turns each into events or into one
//! [`dead_letter::DeadLetter`], and [`ordering`] merges partitions by event time. Nothing here knows a detector.

pub mod bucket;
pub mod dead_letter;
pub mod decode;
pub mod files;
pub mod http;
pub mod identity;
pub mod kafka;
pub mod mapping;
pub mod ordering;
pub mod recording;
pub mod source;
pub mod tail;
pub mod wire;
