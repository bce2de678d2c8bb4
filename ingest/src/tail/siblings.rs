//! The files beside a followed one that it may have been rotated to: `log.1`, `log-20261124`, `log.2.gz`.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::file::{FileId, Head, Lines};

/// Most files beside a followed one that are looked at, the newest first.
pub(super) const MAX_SIBLINGS: usize = 256;

/// So many digits are a date and no count.
const DATE_DIGITS: usize = 6;
/// So many digits of a name are compared.
const DIGITS_MAX: usize = 18;

/// A file that may be a rotated one.
#[derive(Debug, Clone)]
pub(super) struct Sibling {
    pub(super) path: PathBuf,
    pub(super) id: FileId,
    pub(super) modified: SystemTime,
    pub(super) packing: Packing,
}

/// Whether rotation has compressed it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Packing {
    Plain,
    Packed,
}

/// The rotated files of a path, the oldest first.
pub(super) fn of(path: &Path) -> Vec<Sibling> {
    let Some(base) = path.file_name().and_then(|name| name.to_str()) else { return Vec::new() };
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut found: Vec<_> = entries
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let packing = packing(base, entry.file_name().to_str()?)?;
            let metadata = entry.metadata().ok().filter(std::fs::Metadata::is_file)?;
            let modified = metadata.modified().ok()?;
            Some(Sibling { path: entry.path(), id: FileId::of(&metadata), modified, packing })
        })
        .collect();
    found.sort_by_key(|sibling| (sibling.modified, age(base, &sibling.path)));
    if found.len() > MAX_SIBLINGS {
        found.drain(..found.len() - MAX_SIBLINGS);
    }
    found
}

/// Orders files that were written last at the same moment: dates grow, while the file numbered 1 is the newest.
fn age(base: &str, path: &Path) -> i64 {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let rest = name.strip_prefix(base).unwrap_or_default();
    let digits: String = rest.chars().filter(char::is_ascii_digit).take(DIGITS_MAX).collect();
    let number = digits.parse().unwrap_or(0);
    if digits.len() >= DATE_DIGITS { number } else { -number }
}

/// Whether a name is that of a rotated file, and how it is packed.
fn packing(base: &str, name: &str) -> Option<Packing> {
    let rest = name.strip_prefix(base)?;
    let (rest, packing) = match rest.strip_suffix(".gz").or_else(|| rest.strip_suffix(".zst")) {
        Some(rest) => (rest, Packing::Packed),
        None => (rest, Packing::Plain),
    };
    let counted = rest.strip_prefix(['.', '-'])?;
    let is_part = |byte: u8| byte.is_ascii_digit() || b"-_.T:".contains(&byte);
    (counted.starts_with(|first: char| first.is_ascii_digit()) && counted.bytes().all(is_part))
        .then_some(packing)
}

impl Sibling {
    /// The file from this byte on, if it begins as it should.
    pub(super) fn open(&self, head: &Head, from: u64) -> io::Result<Option<Lines>> {
        match self.packing {
            Packing::Packed if head.fits_packed(&self.path)? => Lines::packed(&self.path, from).map(Some),
            Packing::Packed => Ok(None),
            Packing::Plain => {
                let file = File::open(&self.path)?;
                if head.fits(&file)? { Lines::plain(file, from).map(Some) } else { Ok(None) }
            }
        }
    }
}

/// A rotated file that was not read before.
pub(super) struct Unseen {
    pub(super) id: FileId,
    pub(super) head: Head,
    pub(super) modified: SystemTime,
    pub(super) lines: Lines,
}

/// The oldest rotated file that came and went between two looks. A file that begins as one that was read is that one,
/// or its copy.
pub(super) fn unseen(
    path: &Path,
    since: SystemTime,
    at_path: FileId,
    read: &[&Head],
) -> io::Result<Option<Unseen>> {
    let is_later = |sibling: &&Sibling| sibling.modified >= since && sibling.id != at_path;
    for sibling in of(path).iter().filter(is_later) {
        let mut is_read = false;
        for head in read.iter().filter(|head| head.bytes > 0) {
            is_read = is_read || sibling.open(head, 0)?.is_some();
        }
        if is_read {
            continue;
        }
        let (lines, head) = match sibling.packing {
            Packing::Packed => (Lines::packed(&sibling.path, 0)?, Head::read_packed(&sibling.path)?),
            Packing::Plain => {
                let file = File::open(&sibling.path)?;
                let head = Head::read(&file)?;
                (Lines::plain(file, 0)?, head)
            }
        };
        // An empty file has nothing to be known by, and nothing to be read.
        if head.bytes > 0 {
            return Ok(Some(Unseen { id: sibling.id, head, modified: sibling.modified, lines }));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rotated_files_are_known_by_their_names() {
        for (name, expected) in [
            ("access.log.1", Some(Packing::Plain)),
            ("access.log-20261124", Some(Packing::Plain)),
            ("access.log.2026-11-24T10:00:00", Some(Packing::Plain)),
            ("access.log.2.gz", Some(Packing::Packed)),
            ("access.log-20261124.zst", Some(Packing::Packed)),
            ("access.log", None),
            ("access.log.gz", None),
            ("access.log.bak", None),
            ("access.log.1.swp", None),
            ("other.log.1", None),
        ] {
            assert_eq!(packing("access.log", name), expected, "{name}");
        }
    }

    #[test]
    fn dates_grow_and_counts_do_not() {
        let age = |name: &str| age("log", Path::new(name));
        assert!(age("log.2") < age("log.1"));
        assert!(age("log-20261123.gz") < age("log-20261124"));
    }

    #[test]
    fn too_many_rotated_files_are_cut_to_the_newest() {
        let folder = tempfile::tempdir().unwrap();
        for number in 0..MAX_SIBLINGS + 10 {
            std::fs::write(folder.path().join(format!("log.{number}")), "x").unwrap();
        }
        assert_eq!(of(&folder.path().join("log")).len(), MAX_SIBLINGS);
    }
}
