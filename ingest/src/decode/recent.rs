//! Names that were read a moment ago, normalised and shared: the popular packages of a registry, its principals and their
//! programs come again and again.
//!
//! A cache that changes nothing but time and memory: what it hands out is what reading anew would give.

use std::hash::{BuildHasher, Hasher};
use std::sync::Arc;

use detectors::event::{PackageUrl, PurlError};
use foldhash::fast::RandomState;

/// How many package URLs, and how many other names, are kept; a new one takes the place of the old one in its slot.
const SLOTS: usize = 4_096;
/// Longest text that is kept, in bytes, so that the cache stays below 4 MiB.
const MAX_KEPT_BYTES: usize = 256;

/// The names that one decoder has read lately.
#[derive(Debug)]
pub(crate) struct RecentNames {
    registry: Arc<str>,
    purls: Vec<Option<(Box<str>, PackageUrl)>>,
    texts: Vec<Option<Arc<str>>>,
    hashing: RandomState,
}

impl RecentNames {
    /// Begins with the source's own registry.
    pub(super) fn new(registry: &Arc<str>) -> Self {
        Self {
            registry: Arc::clone(registry),
            purls: vec![None; SLOTS],
            texts: vec![None; SLOTS],
            hashing: RandomState::default(),
        }
    }

    /// The registry of this name, shared with the record before if it named the same.
    pub(super) fn registry(&mut self, name: &str) -> Arc<str> {
        if *self.registry != *name {
            self.registry = Arc::from(name);
        }
        Arc::clone(&self.registry)
    }

    /// A text that is likely to come again, shared with the last record that said it.
    pub(super) fn text(&mut self, text: &str) -> Arc<str> {
        if text.len() > MAX_KEPT_BYTES {
            return Arc::from(text);
        }
        let slot = self.slot_of(text);
        match &mut self.texts[slot] {
            Some(known) if **known == *text => Arc::clone(known),
            slot => Arc::clone(slot.insert(Arc::from(text))),
        }
    }

    /// Reads a package URL.
    pub(super) fn purl(&mut self, text: &str) -> Result<PackageUrl, PurlError> {
        if text.len() > MAX_KEPT_BYTES {
            return PackageUrl::parse(text);
        }
        let slot = self.slot_of(text);
        match &mut self.purls[slot] {
            Some((known, purl)) if **known == *text => Ok(purl.clone()),
            slot => {
                let purl = PackageUrl::parse(text)?;
                *slot = Some((Box::from(text), purl.clone()));
                Ok(purl)
            }
        }
    }

    fn slot_of(&self, text: &str) -> usize {
        let mut hasher = self.hashing.build_hasher();
        hasher.write(text.as_bytes());
        // The remainder is below the number of slots.
        usize::try_from(hasher.finish() % SLOTS as u64).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_read_again_is_the_same_even_after_its_slot_was_taken() {
        let mut recent = RecentNames::new(&Arc::from("r"));
        let names: Vec<_> = (0..20_000).map(|number| format!("pkg:npm/P{number}@1")).collect();
        for text in names.iter().chain(&names) {
            for _ in 0..2 {
                assert_eq!(recent.purl(text), PackageUrl::parse(text));
                assert_eq!(*recent.text(text), **text);
            }
        }
        assert!(recent.purl("npm/x").is_err());
        let long = format!("pkg:npm/{}", "x".repeat(MAX_KEPT_BYTES));
        assert_eq!(recent.purl(&long), PackageUrl::parse(&long));
        assert_eq!(*recent.text(&long), *long);
    }

    #[test]
    fn a_name_read_again_is_shared() {
        let mut recent = RecentNames::new(&Arc::from("r"));
        let first = recent.text("ci-runner");
        assert!(Arc::ptr_eq(&first, &recent.text("ci-runner")));
    }
}
