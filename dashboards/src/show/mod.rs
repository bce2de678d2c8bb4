//! How times, numbers and levels are written on pages.

pub(crate) mod level;
pub(crate) mod moment;
pub(crate) mod number;
