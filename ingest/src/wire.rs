//! The wire formats, one file each: a private shape that serde or a scanner reads, and how it becomes events.

pub(crate) mod combined;
pub(crate) mod distribution;
pub mod native;
pub(crate) mod object;
pub(crate) mod rekor;

#[cfg(test)]
mod expectations;
