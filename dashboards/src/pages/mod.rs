//! The pages, one file each, and the shell around them.

mod coverage;
mod emptiness;
mod evidence;
mod finding;
pub(crate) mod incident;
pub(crate) mod incidents;
pub(crate) mod pipeline;
pub(crate) mod raw;
mod record_text;
pub(crate) mod shell;
mod told;
