//! How an honest npm package changes from one version to the next: sizes wander, dependencies come and go, and once in
//! a while a maintainer joins or a script appears.

use super::npm::{NpmPackage, NpmProject};
use super::version::Bump;
use crate::random::Random;

/// Packages that everybody depends on. None of them publishes in a recording, so that they count as old.
pub(crate) const WELL_KNOWN: [&str; 48] = [
    "lodash",
    "debug",
    "ms",
    "semver",
    "chalk",
    "commander",
    "zod",
    "tslib",
    "uuid",
    "dotenv",
    "express",
    "react",
    "react-dom",
    "vue",
    "rxjs",
    "immer",
    "glob",
    "minimist",
    "yargs",
    "date-fns",
    "qs",
    "ws",
    "cookie",
    "nanoid",
    "mime",
    "picocolors",
    "magic-string",
    "esbuild",
    "rollup",
    "vite",
    "postcss",
    "acorn",
    "picomatch",
    "fast-glob",
    "p-limit",
    "ora",
    "execa",
    "cross-spawn",
    "source-map",
    "js-yaml",
    "ajv",
    "undici",
    "pino",
    "bn.js",
    "iconv-lite",
    "readable-stream",
    "safe-buffer",
    "inherits",
];

impl NpmPackage {
    /// A package that has been there for a while.
    pub(crate) fn grown(name: &str, version: super::version::Version, random: &mut Random) -> Self {
        let size = 6_000 * (1 + random.below(12) * random.below(12)) + random.below(6_000);
        let mut package = Self {
            name: name.to_owned(),
            version,
            suffix: String::new(),
            description: format!("The {} of the family", name.rsplit('/').next().unwrap_or(name)),
            keywords: vec!["typescript".to_owned()],
            size,
            files: 6 + size / 9_000,
            scripts: if random.chance(0.06) { vec!["postinstall".to_owned()] } else { Vec::new() },
            binaries: 0,
            dependencies: std::collections::BTreeMap::new(),
            tags: std::collections::BTreeMap::new(),
            digest: String::new(),
        };
        for _ in 0..random.below(7) {
            package.depend_on_something(random);
        }
        package
    }

    fn depend_on_something(&mut self, random: &mut Random) {
        let range = format!("^{}.{}.{}", 1 + random.below(7), random.below(20), random.below(10));
        self.dependencies.insert((*random.pick(&WELL_KNOWN)).to_owned(), range);
    }

    /// The honest changes of one release of this step.
    pub(crate) fn drift(&mut self, bump: Bump, random: &mut Random) {
        // Share of releases that add a dependency, that drop one, and how much the size wanders.
        let (adds, drops, wander) = match bump {
            Bump::Patch => (0.02, 0.01, 0.012),
            Bump::Minor => (0.10, 0.04, 0.05),
            Bump::Major => (0.35, 0.25, 0.16),
        };
        let factor = (1.0 + wander * random.normal() + wander / 4.0).clamp(0.4, 1.9);
        self.size = scaled(self.size, factor).max(1_500);
        if random.chance(0.2) {
            self.files = self.files.saturating_add_signed(random.between(-1, 2)).max(3);
        }
        if random.chance(adds) {
            self.depend_on_something(random);
        }
        if random.chance(drops) {
            self.dependencies.pop_last();
        }
        if random.chance(0.25) {
            // The range of one dependency is raised.
            let names: Vec<String> = self.dependencies.keys().cloned().collect();
            if !names.is_empty() {
                let range = format!("^{}.{}.{}", 1 + random.below(7), random.below(20), random.below(10));
                self.dependencies.insert(random.pick(&names).clone(), range);
            }
        }
        if bump != Bump::Patch && random.chance(0.006) {
            self.scripts = vec!["postinstall".to_owned()];
        }
        self.digest = format!("sha256:{}", random.hex(64));
    }
}

impl NpmProject {
    /// What changes in the project once in a while, whatever is released.
    pub(crate) fn drift(&mut self, newcomer: &str, random: &mut Random) -> Option<String> {
        if random.chance(0.05) {
            self.tool = tool(random);
        }
        // A maintainer joins perhaps twice in a hundred releases.
        random.chance(0.02).then(|| {
            self.maintainers.push(newcomer.to_owned());
            newcomer.to_owned()
        })
    }
}

/// A client that publishes.
pub(crate) fn tool(random: &mut Random) -> String {
    let npm = ["npm/10.9.2 node/v22.14.0", "npm/11.6.2 node/v22.20.0", "npm/11.6.2 node/v24.11.0"];
    let pnpm = ["pnpm/10.24.0 node/v22.20.0", "pnpm/10.26.1 node/v24.11.0"];
    if random.chance(0.6) { (*random.pick(&npm)).to_owned() } else { (*random.pick(&pnpm)).to_owned() }
}

fn scaled(number: u64, factor: f64) -> u64 {
    // Sizes are far below 2^53, and the factor is positive.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "bounded by the clamp above")]
    let scaled = (number as f64 * factor) as u64;
    scaled
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::publishing::version::Version;

    #[test]
    fn honest_drift_is_small_in_a_patch_and_larger_in_a_major() {
        let mut random = Random::new(1);
        let mut changes = |bump| {
            let (mut added, mut moved) = (0_u32, 0.0);
            for _ in 0..800 {
                let mut package = NpmPackage::grown("x", Version(1, 0, 0), &mut random);
                let (before, size) = (package.dependencies.len(), package.size as f64);
                package.drift(bump, &mut random);
                added += u32::from(package.dependencies.len() > before);
                moved += (package.size as f64 / size - 1.0).abs() / 800.0;
            }
            (added, moved)
        };
        let (patch, major) = (changes(Bump::Patch), changes(Bump::Major));
        assert!(patch.0 < 40 && patch.1 < 0.02, "{patch:?}");
        assert!(major.0 > 100 && major.1 > 0.08, "{major:?}");
    }
}
