//! Dependencies: names that an artifact never had, and those that are fetched from an address.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::field::{DriftField, Reading, Readings};
use super::memory::KnownNames;
use crate::change_lane::Mark;

/// Names of dependencies kept of one artifact. Of an artifact with more, the ones with the least marks stand for all:
/// a sample that nobody outside can aim at or avoid.
pub const MAX_DEPENDENCIES: usize = 64;
/// Addresses of dependencies kept of one artifact.
pub const MAX_ADDRESSES: usize = 8;

/// The dependencies that an artifact has had.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct KnownDependencies {
    /// Sorted; `None` until a publish told its dependencies.
    names: Option<Vec<Mark>>,
    addresses: KnownNames,
}

/// The dependencies of a publish that were never there before.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct AddedDependencies {
    /// Their names.
    pub(super) names: Vec<Arc<str>>,
    /// Those that come from an address the artifact never used, with it.
    pub(super) by_address: Vec<(Arc<str>, Arc<str>)>,
}

type Dependencies = BTreeMap<Arc<str>, Arc<str>>;

impl KnownDependencies {
    pub(super) fn added(&self, seed: u64, dependencies: Option<&Dependencies>) -> AddedDependencies {
        let (Some(dependencies), Some(known)) = (dependencies, &self.names) else {
            return AddedDependencies::default();
        };
        // Beyond a full sample nothing can be told.
        let limit = if known.len() < MAX_DEPENDENCIES { None } else { known.last().copied() };
        let is_new = |name: &str| {
            let mark = name_mark(seed, name);
            limit.is_none_or(|limit| mark <= limit) && known.binary_search(&mark).is_err()
        };
        let by_address = dependencies.iter().filter(|(name, range)| {
            is_address(range) && !self.addresses.contains(address_mark(seed, name, range))
        });
        AddedDependencies {
            names: dependencies.keys().filter(|name| is_new(name)).cloned().collect(),
            by_address: by_address.map(|(name, range)| (Arc::clone(name), Arc::clone(range))).collect(),
        }
    }

    pub(super) fn read(
        &self,
        dependencies: Option<&Dependencies>,
        added: &AddedDependencies,
        readings: &mut Readings,
    ) {
        if dependencies.is_none() || self.names.is_none() {
            return;
        }
        let none = || "none of these".to_owned();
        let listed = |names: Vec<String>| names.join(", ");
        let names = Reading::of(!added.names.is_empty(), none, || {
            listed(added.names.iter().map(ToString::to_string).collect())
        });
        let addresses = Reading::of(!added.by_address.is_empty(), none, || {
            listed(added.by_address.iter().map(|(name, range)| format!("{name} {range}")).collect())
        });
        readings.set(DriftField::Dependency, names);
        readings.set(DriftField::AddressDependency, addresses);
    }

    pub(super) fn learn(&mut self, seed: u64, dependencies: Option<&Dependencies>) {
        let Some(dependencies) = dependencies else { return };
        let names = self.names.get_or_insert_default();
        for (name, range) in dependencies {
            let mark = name_mark(seed, name);
            if let Err(at) = names.binary_search(&mark)
                && at < MAX_DEPENDENCIES
            {
                names.insert(at, mark);
                names.truncate(MAX_DEPENDENCIES);
            }
            if is_address(range) {
                self.addresses.keep(address_mark(seed, name, range), MAX_ADDRESSES);
            }
        }
    }
}

fn name_mark(seed: u64, name: &str) -> Mark {
    Mark::of(seed, &["dependency", name])
}

/// The commit behind `#` changes with each release; where it lies does not.
fn address_mark(seed: u64, name: &str, range: &str) -> Mark {
    Mark::of(seed, &["address", name, range.split('#').next().unwrap_or(range)])
}

/// Whether a range is an address instead of versions: `git+https://…`, `github:o/r#…`, `https://…/x.tgz`, `o/r`.
fn is_address(range: &str) -> bool {
    let range = range.trim();
    let schemes =
        ["git:", "git+", "git@", "github:", "gitlab:", "bitbucket:", "gist:", "http:", "https:", "ssh:"];
    // PEP 508: `name @ https://…`.
    let range = range.strip_prefix('@').map_or(range, str::trim_start);
    schemes.iter().any(|scheme| range.starts_with(scheme)) || is_short_address(range)
}

/// npm's `owner/repository`, perhaps with `#ref`.
fn is_short_address(range: &str) -> bool {
    let path = range.split('#').next().unwrap_or(range);
    let plain = |part: &str| {
        !part.is_empty()
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
    };
    path.split_once('/').is_some_and(|(owner, name)| {
        plain(owner) && plain(name) && owner.starts_with(|c: char| c.is_ascii_alphabetic())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(text: &str) -> Dependencies {
        let items = text.split_whitespace().map(|item| item.split_once('=').unwrap_or((item, "^1")));
        items.map(|(name, range)| (name.into(), range.into())).collect()
    }

    #[track_caller]
    fn check(history: &[&str], now: &str, names: &[&str], by_address: &[&str]) {
        let mut known = KnownDependencies::default();
        for past in history {
            known.learn(7, Some(&list(past)));
        }
        let added = known.added(7, Some(&list(now)));
        assert_eq!(added.names.iter().map(|name| &**name).collect::<Vec<_>>(), names, "{now}");
        assert_eq!(added.by_address.iter().map(|(name, _)| &**name).collect::<Vec<_>>(), by_address, "{now}");
    }

    #[test]
    fn new_names_and_new_addresses_are_found() {
        check(&[], "a b", &[], &[]);
        check(&["a b"], "a b", &[], &[]);
        check(&["a b", "a"], "a b c", &["c"], &[]);
        check(&["a"], "a=github:o/r#123", &[], &["a"]);
        check(&["a=github:o/r#123"], "a=github:o/r#456", &[], &[]);
        check(&["a"], "a b=git+https://x.org/y.git", &["b"], &["b"]);
    }

    #[test]
    fn addresses_are_told_from_ranges() {
        for (range, address) in [
            ("^1.2.3", false),
            (">=1, <2", false),
            ("*", false),
            ("npm:other@1", false),
            ("workspace:*", false),
            ("file:../x", false),
            ("tanstack/router#79ac49e", true),
            ("github:o/r", true),
            ("git+ssh://git@x/y.git", true),
            ("https://x.org/y.tgz", true),
            ("@ https://x.org/y.whl", true),
            ("1.x/2", false),
        ] {
            assert_eq!(is_address(range), address, "{range}");
        }
    }

    #[test]
    fn of_a_long_list_a_sample_is_kept() {
        let mut known = KnownDependencies::default();
        let many: String = (0..400).map(|at| format!("d{at} ")).collect();
        known.learn(7, Some(&list(&many)));
        assert_eq!(known.names.as_ref().map(Vec::len), Some(MAX_DEPENDENCIES));
        assert_eq!(known.added(7, Some(&list(&many))).names.len(), 0);
        // A sixth of new names is seen.
        let more: String = (0..400).map(|at| format!("e{at} ")).collect();
        let seen = known.added(7, Some(&list(&more))).names.len();
        assert!((30..110).contains(&seen), "{seen}");
    }
}
