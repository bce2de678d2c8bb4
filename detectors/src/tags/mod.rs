//! Where tags point: the detector of moved tags.

mod class;
mod memory;
pub mod tag_move;
mod target;

pub use class::TagClass;
pub use memory::{MAX_TAGS, MAX_VERSIONS, RULE_GIVES_WAY_AFTER, TagState};
