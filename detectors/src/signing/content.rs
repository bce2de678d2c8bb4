//! What was signed or published, so that the two can be matched: by digest, or by version where a log names no digest.

use serde::{Deserialize, Serialize};

use crate::change_lane::Mark;
use crate::event::Event;

/// The content of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Content {
    digest: Option<Mark>,
    version: Option<Mark>,
}

impl Content {
    /// The content that an event names; `None` where it names neither digest nor version.
    pub(super) fn of(seed: u64, event: &Event) -> Option<Self> {
        let artifact = event.artifact.as_ref()?;
        let digest = artifact.digest.as_ref().map(|digest| Mark::of(seed, &["content", digest.as_str()]));
        let name = artifact.version.as_ref().or(artifact.tag.as_ref());
        let version = name.map(|name| Mark::of(seed, &["version", name]));
        (digest.is_some() || version.is_some()).then_some(Self { digest, version })
    }

    /// Four bytes that stand for its digest, and four for its version: for a long memory in which one chance hit in
    /// millions does no harm.
    pub(super) fn fingerprints(self) -> impl Iterator<Item = u32> {
        [self.digest, self.version].into_iter().flatten().map(|mark| mark.value() as u32)
    }

    /// Whether both are the same: their digests where both have one, else their versions.
    pub(super) fn is(self, other: Self) -> bool {
        match (self.digest.zip(other.digest), self.version.zip(other.version)) {
            (Some((one, two)), _) | (None, Some((one, two))) => one == two,
            (None, None) => false,
        }
    }
}
