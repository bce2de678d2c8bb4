//! Names that were read a moment ago, normalised and shared: the popular packages of a registry come again and again.
//!
//! A cache that changes nothing but time and memory: what it hands out is what reading anew would give.

use std::hash::{DefaultHasher, Hasher};
use std::sync::Arc;

use detectors::event::{PackageUrl, PurlError};

/// How many package URLs are kept; a new one takes the place of the old one in its slot.
const PURL_SLOTS: usize = 1_024;
/// Longest package URL that is kept, in bytes, so that the cache stays below 1 MiB.
const MAX_KEPT_BYTES: usize = 256;

/// The names that one decoder has read lately.
#[derive(Debug)]
pub(crate) struct RecentNames {
    registry: Arc<str>,
    purls: Vec<Option<(Box<str>, PackageUrl)>>,
}

impl RecentNames {
    /// Begins with the source's own registry.
    pub(super) fn new(registry: &Arc<str>) -> Self {
        Self { registry: Arc::clone(registry), purls: vec![None; PURL_SLOTS] }
    }

    /// The registry of this name, shared with the record before if it named the same.
    pub(super) fn registry(&mut self, name: &str) -> Arc<str> {
        if *self.registry != *name {
            self.registry = Arc::from(name);
        }
        Arc::clone(&self.registry)
    }

    /// Reads a package URL.
    pub(super) fn purl(&mut self, text: &str) -> Result<PackageUrl, PurlError> {
        if text.len() > MAX_KEPT_BYTES {
            return PackageUrl::parse(text);
        }
        let slot = &mut self.purls[slot_of(text)];
        match slot {
            Some((known, purl)) if **known == *text => Ok(purl.clone()),
            _ => {
                let purl = PackageUrl::parse(text)?;
                *slot = Some((Box::from(text), purl.clone()));
                Ok(purl)
            }
        }
    }
}

fn slot_of(text: &str) -> usize {
    let mut hasher = DefaultHasher::new();
    hasher.write(text.as_bytes());
    // The remainder is below the number of slots.
    usize::try_from(hasher.finish() % PURL_SLOTS as u64).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_read_again_is_the_same_even_after_its_slot_was_taken() {
        let mut recent = RecentNames::new(&Arc::from("r"));
        let names: Vec<_> = (0..5_000).map(|number| format!("pkg:npm/P{number}@1")).collect();
        for text in names.iter().chain(&names) {
            assert_eq!(recent.purl(text), PackageUrl::parse(text));
            assert_eq!(recent.purl(text), PackageUrl::parse(text));
        }
        assert!(recent.purl("npm/x").is_err());
        let long = format!("pkg:npm/{}", "x".repeat(MAX_KEPT_BYTES));
        assert_eq!(recent.purl(&long), PackageUrl::parse(&long));
    }
}
