//! What the company installs from npm: public packages, its own private ones, and which versions of them when.

use crate::clock::{DAY, Moment};
use crate::names::parts;
use crate::publishing::npm_drift::WELL_KNOWN;
use crate::random::{Random, hash};

/// The company's own scope.
pub(crate) const PRIVATE_SCOPE: &str = "@meridian";
/// How many private packages the company has.
pub(crate) const PRIVATE_PACKAGES: usize = 260;

/// More public packages, beside the well-known ones.
const PUBLIC: [&str; 76] = [
    "typescript",
    "eslint",
    "prettier",
    "vitest",
    "jest",
    "webpack",
    "@babel/core",
    "@babel/parser",
    "@types/node",
    "@types/react",
    "tailwindcss",
    "autoprefixer",
    "cssnano",
    "sass",
    "storybook",
    "msw",
    "playwright-core",
    "husky",
    "lint-staged",
    "turbo",
    "tsx",
    "ts-node",
    "nodemon",
    "concurrently",
    "rimraf",
    "cross-env",
    "zustand",
    "jotai",
    "swr",
    "i18next",
    "react-i18next",
    "react-hook-form",
    "yup",
    "clsx",
    "classnames",
    "framer-motion",
    "d3-scale",
    "d3-shape",
    "recharts",
    "three",
    "luxon",
    "dayjs",
    "fastify",
    "koa",
    "helmet",
    "cors",
    "compression",
    "morgan",
    "winston",
    "ioredis",
    "pg",
    "mysql2",
    "knex",
    "prisma",
    "@prisma/client",
    "mongodb",
    "graphql",
    "graphql-tag",
    "@apollo/client",
    "socket.io-client",
    "protobufjs",
    "long",
    "sharp",
    "jimp",
    "archiver",
    "tar",
    "yauzl",
    "form-data",
    "follow-redirects",
    "proxy-from-env",
    "node-fetch",
    "got",
    "ky",
    "cheerio",
    "jsdom",
    "puppeteer-core",
];

/// A package that the company installs.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) private: bool,
    /// Its versions and since when each is there, in order; never empty.
    pub(crate) releases: Vec<(Moment, String)>,
}

impl Entry {
    /// The newest version that an application with this lag has taken up.
    pub(crate) fn version_at(&self, at: Moment, lag: i64) -> &str {
        let known = self.releases.iter().rev().find(|(since, _)| since.plus(lag) <= at);
        known.or_else(|| self.releases.first()).map_or("0.0.0", |(_, version)| version)
    }
}

/// The packages of the company: the scenario's own first, then the public, then the private ones.
pub(crate) fn catalogue(focus: &[Entry], random: &Random, from: Moment, until: Moment) -> Vec<Entry> {
    let focused = |name: &str| focus.iter().any(|entry| entry.name == name);
    let public = WELL_KNOWN.iter().chain(&PUBLIC).map(|name| ((*name).to_owned(), false));
    let private = parts(&mut Random::new(hash(PRIVATE_SCOPE.as_bytes())), PRIVATE_PACKAGES)
        .into_iter()
        .map(|part| (format!("{PRIVATE_SCOPE}/{part}"), true));
    let others = public.chain(private).filter(|(name, _)| !focused(name)).map(|(name, private)| {
        let mut own = random.fork(&name);
        let (major, minor, mut patch) = (own.below(9), own.below(25), own.below(15));
        let mut releases = vec![(from.plus(-60 * DAY), format!("{major}.{minor}.{patch}"))];
        let mut day = from.plus(-30 * DAY);
        while day < until {
            day = day.plus(DAY);
            if own.chance(0.03) {
                patch += 1;
                releases.push((day, format!("{major}.{minor}.{patch}")));
            }
        }
        Entry { name, private, releases }
    });
    focus.iter().cloned().chain(others).collect()
}

/// The path of a package's document, as npm clients ask for it.
pub(crate) fn packument_path(name: &str) -> String {
    format!("/{}", name.replacen('/', "%2f", 1))
}

/// The path of a version's tarball.
pub(crate) fn tarball_path(name: &str, version: &str) -> String {
    let base = name.rsplit('/').next().unwrap_or(name);
    format!("/{name}/-/{base}-{version}.tgz")
}

/// How large the document is, the same at every asking.
pub(crate) fn packument_size(name: &str) -> u64 {
    4_000 + hash(name.as_bytes()) % 180_000
}

/// How large the tarball is, the same at every asking.
pub(crate) fn tarball_size(name: &str, version: &str) -> u64 {
    2_000 + hash(format!("{name}@{version}").as_bytes()) % 400_000
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn names_are_unique_and_versions_follow_their_releases() {
        let from = Moment::utc((2026, 4, 13), (0, 0, 0));
        let focus = Entry {
            name: "zod".to_owned(),
            private: false,
            releases: vec![(from, "1.0.0".to_owned()), (from.plus(10 * DAY), "1.0.1".to_owned())],
        };
        let all = catalogue(std::slice::from_ref(&focus), &Random::new(1), from, from.plus(28 * DAY));
        let names: BTreeSet<&str> = all.iter().map(|entry| entry.name.as_str()).collect();
        assert_eq!(names.len(), all.len());
        assert_eq!(all.iter().filter(|entry| entry.private).count(), PRIVATE_PACKAGES);
        assert_eq!(focus.version_at(from.plus(-DAY), 0), "1.0.0");
        assert_eq!(focus.version_at(from.plus(12 * DAY), 0), "1.0.1");
        assert_eq!(focus.version_at(from.plus(12 * DAY), 5 * DAY), "1.0.0");
    }

    #[test]
    fn paths_are_those_of_npm_clients() {
        assert_eq!(packument_path("@tanstack/react-router"), "/@tanstack%2freact-router");
        assert_eq!(tarball_path("@tanstack/history", "1.161.9"), "/@tanstack/history/-/history-1.161.9.tgz");
        assert_eq!(tarball_path("axios", "1.14.1"), "/axios/-/axios-1.14.1.tgz");
    }
}
