//! Eight bytes that stand for a name: equal names have equal marks, and nobody outside can make two collide.

use std::hash::Hasher;

use serde::{Deserialize, Serialize};
use siphasher::sip::SipHasher13;

/// A keyed hash of a name. It is compared, never shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub(crate) struct Mark(u64);

impl Mark {
    /// The mark of a name made of parts; `("ab", "c")` and `("a", "bc")` are different names.
    pub(crate) fn of(seed: u64, parts: &[&str]) -> Self {
        /// Second half of the hash key, so that this use of the seed shares no values with others.
        const PURPOSE: u64 = u64::from_le_bytes(*b"markname");
        let mut hasher = SipHasher13::new_with_keys(seed, PURPOSE);
        for part in parts {
            hasher.write(&(part.len() as u64).to_le_bytes());
            hasher.write(part.as_bytes());
        }
        Self(hasher.finish())
    }

    /// As a number, to break ties by.
    pub(crate) const fn number(self) -> i64 {
        self.0.cast_signed()
    }

    /// As the statistics count it.
    pub(crate) const fn value(self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_depends_on_seed_and_on_where_parts_end() {
        let base = Mark::of(1, &["ab", "c"]);
        assert_eq!(base, Mark::of(1, &["ab", "c"]));
        for other in [Mark::of(2, &["ab", "c"]), Mark::of(1, &["a", "bc"]), Mark::of(1, &["ab", "c", ""])] {
            assert_ne!(base, other);
        }
    }
}
