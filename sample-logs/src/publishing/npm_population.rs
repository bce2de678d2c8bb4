//! The neighbours in an npm feed: some dozens of packages of invented projects, released day by day.

use super::ci;
use super::npm::{NpmPackage, NpmProject, ReleaseKey, Trust, tell_account, tell_withdrawal};
use super::npm_drift::tool;
use super::version::{Bump, Version};
use crate::clock::{DAY, HOUR, MINUTE, Moment, SECOND};
use crate::journal::{Feed, Origin};
use crate::names::{Namer, PEOPLE, Quarter, parts};
use crate::random::Random;

/// How many packages each project has.
const SIZES: [usize; 15] = [1, 1, 1, 1, 1, 1, 1, 2, 2, 3, 4, 5, 6, 7, 9];

/// A neighbour and its habits.
struct Neighbour {
    project: NpmProject,
    /// Chance of a release on a weekday.
    eager: f64,
    /// The hour around which it releases.
    hour: i64,
    /// Whether its first package has a nightly version.
    nightly: bool,
    random: Random,
}

/// Plays the neighbours from `from` until `until` into the feed.
pub(crate) fn play(feed: &mut Feed, random: &Random, quarter: Quarter, from: Moment, until: Moment) {
    let mut namer = Namer::new(random.fork("names"), quarter);
    for (nth, packages) in SIZES.iter().enumerate() {
        let mut neighbour = neighbour(&mut namer, random.fork_nth("neighbour", nth), *packages, nth, from);
        let mut day = from.midnight();
        while day < until {
            neighbour.live(day, feed);
            day = day.plus(DAY);
        }
    }
}

fn neighbour(namer: &mut Namer, mut random: Random, packages: usize, nth: usize, from: Moment) -> Neighbour {
    let owner = namer.organisation();
    let repository = namer.project();
    let maintainers = 1 + usize::try_from(random.below(5)).unwrap_or(0);
    let maintainers = namer.maintainers(maintainers);
    let trust = match nth % 5 {
        0 | 3 => Trust::Token(maintainers[0].clone()),
        1 => Trust::Attested(format!("{owner}-bot")),
        _ => Trust::Trusted,
    };
    let mut version = || {
        let number = |random: &mut Random, most| u32::try_from(random.below(most)).unwrap_or(0);
        Version(number(&mut random, 6), number(&mut random, 30), number(&mut random, 12))
    };
    let made: Vec<(String, Version)> = if packages == 1 {
        vec![(repository.clone(), version())]
    } else {
        let first = version();
        let mut part = Random::new(crate::random::hash(owner.as_bytes()));
        parts(&mut part, packages).iter().map(|part| (format!("@{owner}/{part}"), first)).collect()
    };
    let packages =
        made.iter().map(|(name, version)| NpmPackage::grown(name, *version, &mut random)).collect();
    // Every fifth project signs with a key of its own; one of them changed it long before the attack day.
    let far = (from.plus(-400 * DAY), from.plus(4_000 * DAY));
    let keys = match nth % 5 {
        4 => vec![
            ReleaseKey { key_id: ci::key_id(&mut random), from: far.0, until: from.plus(30 * DAY) },
            ReleaseKey { key_id: ci::key_id(&mut random), from: from.plus(23 * DAY), until: far.1 },
        ],
        2 => vec![ReleaseKey { key_id: ci::key_id(&mut random), from: far.0, until: far.1 }],
        _ => Vec::new(),
    };
    let project = NpmProject {
        repository: format!("{owner}/{repository}"),
        repository_id: 100_000_000 + random.below(900_000_000),
        workflow: ".github/workflows/release.yml".to_owned(),
        maintainers,
        license: (*random.pick(&["MIT", "MIT", "MIT", "Apache-2.0", "ISC"])).to_owned(),
        trust,
        tool: tool(&mut random),
        keys,
        packages,
    };
    Neighbour {
        project,
        eager: 0.18 + 0.3 * random.unit(),
        hour: random.between(8, 21),
        nightly: matches!(nth, 2 | 11),
        random,
    }
}

impl Neighbour {
    fn live(&mut self, day: Moment, feed: &mut Feed) {
        self.announce_keys(day, feed);
        if self.nightly {
            self.release_nightly(day, feed);
        }
        let chance = if day.is_weekend() { self.eager / 6.0 } else { self.eager };
        if self.random.chance(chance) {
            let minutes = self.hour * 60 + self.random.between(-150, 150);
            let at = day.plus(minutes.clamp(0, 1_430) * MINUTE + self.random.between(0, 59_999));
            self.release(at, feed);
        }
        if self.random.chance(0.01) {
            let at = day.plus(self.hour * HOUR + self.random.between(0, 3_599_999));
            let (change, target) = *self.random.pick(&[
                ("token-created", "ci-token"),
                ("login-new-device", "laptop"),
                ("mfa-enabled", "webauthn"),
                ("token-revoked", "old-token"),
            ]);
            let principal = self.project.maintainers[0].clone();
            tell_account(feed, Origin::Background, at, None, &principal, (change, target), &mut self.random);
        }
    }

    /// An announced rotation: the new key is made known on the day from which both keys sign.
    fn announce_keys(&mut self, day: Moment, feed: &mut Feed) {
        for key in self.project.keys.clone() {
            let principal = self.project.maintainers[0].clone();
            let package = self.project.packages[0].name.clone();
            for (when, change) in [(key.from, "key-added"), (key.until, "key-revoked")] {
                if day == when.midnight() {
                    let at = day.plus(7 * HOUR + 11 * MINUTE);
                    let what = (change, key.key_id.as_str());
                    tell_account(
                        feed,
                        Origin::Background,
                        at,
                        Some(&package),
                        &principal,
                        what,
                        &mut self.random,
                    );
                }
            }
        }
    }

    fn release_nightly(&mut self, day: Moment, feed: &mut Feed) {
        let mut act = self.project.act(day, &mut self.random);
        act.dist_tag = "nightly";
        let stable = self.project.packages[0].clone();
        let package = &mut self.project.packages[0];
        package.version = package.version.next(Bump::Minor);
        let date: String = day.precise().chars().take(10).filter(|c| *c != '-').collect();
        package.suffix = format!("-nightly.{date}");
        package.digest = format!("sha256:{}", self.random.hex(64));
        let at = day.plus(2 * HOUR + self.random.between(0, 9 * MINUTE));
        self.project.publish(0, at, &act, feed, Origin::Background, &mut self.random);
        let tags = std::mem::take(&mut self.project.packages[0].tags);
        self.project.packages[0] = NpmPackage { tags, ..stable };
    }

    fn release(&mut self, at: Moment, feed: &mut Feed) {
        let newcomer = format!("{}-{}", self.random.pick(&PEOPLE), self.project.maintainers.len());
        if let Some(name) = self.project.drift(&newcomer, &mut self.random) {
            let first = self.project.maintainers[0].clone();
            let (package, before) = (self.project.packages[0].name.clone(), at.plus(-26 * HOUR));
            let what = ("owner-added", name.as_str());
            tell_account(feed, Origin::Background, before, Some(&package), &first, what, &mut self.random);
        }
        if matches!(self.project.trust, Trust::Token(_)) && self.random.chance(0.03) {
            // Adopting trusted publishing is an upgrade of trust.
            self.project.trust = Trust::Trusted;
        }
        let bump = Bump::drawn(&mut self.random);
        let act = self.project.act(at, &mut self.random);
        let mut now = at;
        for nth in 0..self.project.packages.len() {
            // A train takes most packages along, and takes a second or two for each.
            if self.project.packages.len() > 1 && self.random.chance(0.35) {
                continue;
            }
            let package = &mut self.project.packages[nth];
            package.version = package.version.next(bump);
            package.drift(bump, &mut self.random);
            self.project.publish(nth, now, &act, feed, Origin::Background, &mut self.random);
            now = now.plus(self.random.between(700, 2_600));
        }
        self.think_better(at, feed);
    }

    /// Once in a while a release is taken back: `latest` goes to the version before, and forward again.
    fn think_better(&mut self, at: Moment, feed: &mut Feed) {
        if !self.random.chance(0.02) {
            return;
        }
        let package = &self.project.packages[0];
        let (name, bad) = (package.name.clone(), package.full_version());
        let Version(major, minor, patch) = package.version;
        if patch == 0 || package.tags.get("latest") != Some(&bad) {
            return;
        }
        let good = Version(major, minor, patch - 1).to_string();
        let back = at.plus(self.random.between(20 * MINUTE, 3 * HOUR));
        self.project.tag(0, "latest", &good, back, feed, Origin::Background, &mut self.random);
        let principal = self.project.maintainers[0].clone();
        let why = ("deprecate", "broken build, use the next version");
        let (subject, when) = ((name.as_str(), bad.as_str()), back.plus(90 * SECOND));
        tell_withdrawal(feed, Origin::Background, when, subject, why, &principal, &mut self.random);
        let package = &mut self.project.packages[0];
        package.version = package.version.next(Bump::Patch);
        package.drift(Bump::Patch, &mut self.random);
        let again = back.plus(self.random.between(HOUR, 5 * HOUR));
        let act = self.project.act(again, &mut self.random);
        self.project.publish(0, again, &act, feed, Origin::Background, &mut self.random);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quarter_year_of_neighbours_is_lively_and_the_same_each_time() {
        let play_once = || {
            let mut feed = Feed::of("npm");
            let from = Moment::utc((2026, 2, 16), (0, 0, 0));
            let until = from.plus(84 * DAY);
            play(&mut feed, &Random::new(7), Quarter(0), from, until);
            (feed.publishes.cut(from, until, until).0, feed.signatures.cut(from, until, until).0)
        };
        let (publishes, signatures) = play_once();
        let of = |kind: &str| publishes.iter().filter(|line| line.contains(kind)).count();
        assert!(of(r#""type":"publish""#) > 400, "{}", of(r#""type":"publish""#));
        for wanted in ["owner-added", "key-added", "deprecate", r#""tag":"nightly""#, r#""run_attempt":2"#] {
            assert!(of(wanted) > 0, "{wanted}");
        }
        assert!(signatures.len() > 300, "{}", signatures.len());
        assert_eq!(play_once(), (publishes, signatures));
    }
}
