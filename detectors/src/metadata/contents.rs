//! What a version holds and says of itself: size, files, binaries, scripts, licence, repository, tool.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::field::{DriftField, Reading, Readings};
use super::memory::KnownNames;
use crate::change_lane::{Mark, short_name};
use crate::event::Metadata;
use crate::statistics::robust_scale::RobustScale;

/// Tools kept of one artifact.
pub const MAX_TOOLS: usize = 4;
/// A size is foreign when a ratio as far off comes once in twenty releases.
const FOREIGN_SIZE: f64 = 0.05;
/// Files that are many more: a quarter, and at least three.
const MANY_MORE_FILES: (f64, u64) = (1.25, 3);

/// What the last version held, and how sizes vary.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct KnownContents {
    size: Option<u64>,
    ratios: RobustScale,
    files: Option<u64>,
    binaries: Option<u64>,
    scripts: Option<Scripts>,
    license: Option<Arc<str>>,
    repository: Option<Arc<str>>,
    tools: KnownNames,
    tool: Option<Arc<str>>,
}

/// The install scripts of the last version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Scripts {
    Absent,
    Present(Mark),
}

impl Scripts {
    fn of(seed: u64, scripts: &[Arc<str>]) -> Self {
        if scripts.is_empty() {
            return Self::Absent;
        }
        let parts: Vec<&str> = scripts.iter().map(|script| &**script).collect();
        Self::Present(Mark::of(seed, &parts))
    }
}

impl KnownContents {
    pub(super) fn read(&self, seed: u64, metadata: &Metadata, readings: &mut Readings) {
        if let (Some(before), Some(after)) = (self.size, metadata.size_bytes) {
            let foreign = before > 0 && self.ratios.surprise(ratio(before, after)).get() <= FOREIGN_SIZE;
            readings
                .set(DriftField::Size, Reading::of(foreign, || shown_bytes(before), || shown_bytes(after)));
        }
        self.read_files(metadata, readings);
        if let (Some(before), Some(scripts)) = (self.scripts, &metadata.install_scripts) {
            let after = Scripts::of(seed, scripts);
            let word = match before {
                Scripts::Absent => "none",
                Scripts::Present(_) => "another script",
            };
            let changed = after != before && after != Scripts::Absent;
            readings.set(DriftField::Script, Reading::of(changed, || word.to_owned(), || scripts.join("; ")));
        }
        let mut compare = |field: DriftField, before: &Option<Arc<str>>, after: &Option<Arc<str>>| {
            if let (Some(before), Some(after)) = (before, after) {
                let changed = normal(field, before) != normal(field, after);
                readings.set(field, Reading::of(changed, || before.to_string(), || after.to_string()));
            }
        };
        compare(DriftField::License, &self.license, &metadata.license);
        compare(DriftField::Repository, &self.repository, &metadata.repository);
        if let (Some(tool), false) = (&metadata.tool, self.tools.is_empty()) {
            let new = !self.tools.contains(tool_mark(seed, tool));
            let before = || self.tool.as_deref().unwrap_or_default().to_owned();
            readings.set(DriftField::Tool, Reading::of(new, before, || tool.to_string()));
        }
    }

    fn read_files(&self, metadata: &Metadata, readings: &mut Readings) {
        let files = self.files.zip(metadata.file_count);
        let binaries = self.binaries.zip(metadata.binaries);
        if files.is_none() && binaries.is_none() {
            return;
        }
        let more_files = files.is_some_and(|(before, after)| {
            after as f64 > before as f64 * MANY_MORE_FILES.0 && after - before >= MANY_MORE_FILES.1
        });
        let more_binaries = binaries.is_some_and(|(before, after)| after > before);
        let shown = |files: Option<u64>, binaries: Option<u64>| match (files, binaries) {
            (Some(files), Some(binaries)) => format!("{files} files, {binaries} binaries"),
            (Some(files), None) => format!("{files} files"),
            (None, binaries) => format!("{} binaries", binaries.unwrap_or(0)),
        };
        let reading = Reading::of(
            more_files || more_binaries,
            || shown(self.files, self.binaries),
            || shown(metadata.file_count, metadata.binaries),
        );
        readings.set(DriftField::Contents, reading);
    }

    /// Learns what to expect.
    pub(super) fn learn(&mut self, seed: u64, metadata: &Metadata) {
        if let (Some(before), Some(after)) = (self.size, metadata.size_bytes) {
            self.ratios.update(ratio(before, after));
        }
        self.size = metadata.size_bytes.or(self.size);
        self.files = metadata.file_count.or(self.files);
        self.binaries = metadata.binaries.or(self.binaries);
        self.scripts =
            metadata.install_scripts.as_ref().map(|scripts| Scripts::of(seed, scripts)).or(self.scripts);
        self.license = metadata.license.as_ref().map(short_name).or(self.license.take());
        self.repository = metadata.repository.as_ref().map(short_name).or(self.repository.take());
        if let Some(tool) = &metadata.tool {
            self.tools.keep(tool_mark(seed, tool), MAX_TOOLS);
            self.tool = Some(short_name(tool));
        }
    }
}

fn ratio(before: u64, after: u64) -> f64 {
    if before == 0 { f64::NAN } else { after.max(1) as f64 / before as f64 }
}

/// What is compared: a licence in lower case, a repository without scheme and `.git`, both as short as they are kept.
fn normal(field: DriftField, text: &Arc<str>) -> String {
    let lower = short_name(text).to_ascii_lowercase();
    if field != DriftField::Repository {
        return lower;
    }
    let path = lower.split_once("://").map_or(lower.as_str(), |(_, rest)| rest);
    let path = path.strip_prefix("git@").map_or_else(|| path.to_owned(), |rest| rest.replacen(':', "/", 1));
    let path = path.split('#').next().unwrap_or_default().trim_end_matches('/');
    path.strip_suffix(".git").unwrap_or(path).trim_start_matches("www.").to_owned()
}

/// A tool is its name and first number: `npm/10.2.0 node/v20` and `npm/10.8.1 node/v22` are one.
fn tool_mark(seed: u64, tool: &str) -> Mark {
    let mut parts = tool.split([' ', '/', '@']);
    let name = parts.next().unwrap_or_default().to_ascii_lowercase();
    let first_number = parts.next().and_then(|version| version.trim_start_matches('v').split('.').next());
    Mark::of(seed, &["tool", &name, first_number.unwrap_or_default()])
}

/// Bytes as people say them.
pub(super) fn shown_bytes(bytes: u64) -> String {
    let (mut value, mut unit) = (bytes as f64, "B");
    for next in ["kB", "MB", "GB", "TB"] {
        if value < 1_000.0 {
            break;
        }
        (value, unit) = (value / 1_000.0, next);
    }
    if unit == "B" || value >= 100.0 { format!("{value:.0} {unit}") } else { format!("{value:.1} {unit}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(before: &Metadata, after: &Metadata) -> Vec<DriftField> {
        let mut known = KnownContents::default();
        known.learn(7, before);
        let mut readings = Readings::default();
        known.read(7, after, &mut readings);
        readings.chances().filter(|(_, changed)| *changed).map(|(field, _)| field).collect()
    }

    #[test]
    fn what_changes_is_found_and_what_only_looks_different_is_not() {
        let version = |license: &str, repository: &str, tool: &str, files: u64, scripts: &[&str]| Metadata {
            license: Some(license.into()),
            repository: Some(repository.into()),
            tool: Some(tool.into()),
            file_count: Some(files),
            binaries: Some(0),
            install_scripts: Some(scripts.iter().map(|script| Arc::from(*script)).collect()),
            ..Metadata::default()
        };
        let usual = || version("MIT", "git+https://github.com/O/r.git", "npm/10.2.0 node/v20", 20, &[]);
        assert_eq!(changed(&usual(), &version("mit", "https://github.com/o/r", "npm/10.9.1", 22, &[])), []);
        assert_eq!(
            changed(
                &usual(),
                &version("GPL-3.0", "git@github.com:other/r.git", "yarn/4.1", 40, &["node x.js"])
            ),
            [
                DriftField::Script,
                DriftField::License,
                DriftField::Repository,
                DriftField::Tool,
                DriftField::Contents
            ]
        );
        assert_eq!(changed(&version("MIT", "o/r", "npm/10", 20, &["x"]), &usual()), [DriftField::Repository]);
        assert_eq!(changed(&Metadata::default(), &usual()), []);
    }

    #[test]
    fn sizes_are_said_in_fitting_units() {
        for (bytes, text) in
            [(0, "0 B"), (999, "999 B"), (1_500, "1.5 kB"), (2_300_000, "2.3 MB"), (u64::MAX, "18446744 TB")]
        {
            assert_eq!(shown_bytes(bytes), text);
        }
    }
}
