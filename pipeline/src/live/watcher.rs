//! What a live run tells whoever started it, and what it came to.

use crate::commit::Stored;

/// What a live run came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LiveReport {
    /// Records read.
    pub records: u64,
    /// Records that could not be read.
    pub dead_letters: u64,
    /// Findings that the engines emitted, stored or not.
    pub findings: u64,
}

/// What a live run tells whoever started it.
pub trait LiveWatcher: Sync {
    /// A commit is on disk.
    fn stored(&self, stored: &Stored<'_>);
    /// Something is wrong that may pass.
    fn trouble(&self, text: &str);
    /// How many records were read so far.
    fn progress(&self, records: u64);
}
