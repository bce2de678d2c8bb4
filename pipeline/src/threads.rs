//! Runs the shards of a lane on several threads.

use detectors::engine::{Serial, Shard, ShardRunner};

/// Work below this many shards' worth of events is not worth a thread; a step tells by how long its lists are.
const THREADS_MAX: usize = 64;

/// Runs shards on up to so many threads; one means the caller's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Threads(usize);

impl Threads {
    /// So many threads, at least one and at most 64.
    #[must_use]
    pub fn new(count: usize) -> Self {
        Self(count.clamp(1, THREADS_MAX))
    }
}

impl ShardRunner for Threads {
    fn run(&self, shards: &mut [Shard], work: &(dyn Fn(&mut Shard) + Sync)) {
        if self.0 == 1 {
            return Serial.run(shards, work);
        }
        let part = shards.len().div_ceil(self.0).max(1);
        std::thread::scope(|scope| {
            for part in shards.chunks_mut(part) {
                scope.spawn(move || Serial.run(part, work));
            }
        });
    }
}
