//! No attack: a project takes a faulty release back, publishes a clean one, and ends an announced rotation of its key.
//!
//! Modelled on what projects do after an incident (rspack 1.1.8, eslint-scope 3.7.3); project and day are invented.

use super::expecting::{all_silent, manifest as described};
use super::npm_history::{self, Release};
use super::stage::Stage;
use crate::clock::{DAY, HOUR, MINUTE, Moment, SECOND};
use crate::company::npm_catalogue::Entry;
use crate::company::npm_proxy::Surge;
use crate::jitter::Jitter;
use crate::journal::{Feed, Origin};
use crate::manifest::{Manifest, Nature};
use crate::names::{Quarter, parts, project};
use crate::publishing::ci;
use crate::publishing::npm::{
    NpmPackage, NpmProject, ReleaseKey, Trust, tell_account, tell_signature, tell_withdrawal,
};
use crate::publishing::version::{Bump, Version};
use crate::random::Random;
use crate::{Recording, Variant};

const STAGE: Stage = Stage {
    name: "clean-release",
    title: "No attack: a clean re-release with an announced key rotation",
    source: "invented, after https://github.com/web-infra-dev/rspack/issues/8767 and eslint-scope 3.7.3",
    seed: 23,
    nature: Nature::LookAlike,
    quarter: Quarter(3),
    registry: "npm",
    proxy: "npm-proxy",
    feed_from: Moment::utc((2026, 3, 5), (0, 0, 0)),
    proxy_from: Moment::utc((2026, 5, 7), (0, 0, 0)),
    day_start: Moment::utc((2026, 5, 28), (0, 0, 0)),
    day_end: Moment::utc((2026, 5, 29), (0, 0, 0)),
};

/// `latest` goes back to the version before, the faulty one is deprecated.
const TAKEN_BACK: Moment = Moment::utc((2026, 5, 28), (9, 12, 0));
/// The clean release.
const RELEASED: Moment = Moment::utc((2026, 5, 28), (11, 40, 0));
/// The last supported releases from before the overlap are signed with the new key as well.
const COUNTERSIGNED: Moment = Moment::utc((2026, 5, 28), (12, 10, 0));
/// The old key is revoked.
const REVOKED: Moment = Moment::utc((2026, 5, 28), (16, 0, 0));
/// The first release with the new key alone.
const RELEASED_AGAIN: Moment = Moment::utc((2026, 5, 28), (17, 35, 0));
/// How long both keys sign, and since when the new one is announced.
const OVERLAP: i64 = 15 * DAY;

struct Plan {
    scope: String,
    repository: String,
    packages: Vec<String>,
    taken_back: Moment,
    released: Moment,
    countersigned: Moment,
    revoked: Moment,
    released_again: Moment,
    installs: usize,
}

impl Plan {
    fn of(variant: Variant) -> Self {
        let mut jitter = Jitter::of(variant.jitter_seed, STAGE.name);
        let scope = jitter
            .named("@harborline", |random| format!("@{}", project(random, STAGE.quarter).replace('-', "")));
        let count = jitter.counted(9, 5, 14);
        let mut random = Random::new(variant.jitter_seed.unwrap_or(STAGE.seed)).fork("packages");
        let packages = parts(&mut random, count).iter().map(|part| format!("{scope}/{part}")).collect();
        let taken_back = jitter.moved(TAKEN_BACK, 2 * HOUR);
        let mut after = |last: Moment, fact: i64| last.plus(jitter.stretched(fact));
        let released = after(taken_back, RELEASED.since(TAKEN_BACK));
        let countersigned = after(released, COUNTERSIGNED.since(RELEASED));
        let revoked = after(countersigned, REVOKED.since(COUNTERSIGNED)).min(STAGE.day_end.plus(-4 * HOUR));
        Self {
            repository: format!("{}/family", &scope[1..]),
            released_again: revoked.plus(RELEASED_AGAIN.since(REVOKED)),
            installs: jitter.counted(8, 4, 10),
            scope,
            packages,
            taken_back,
            released,
            countersigned,
            revoked,
        }
    }

    fn announced(&self) -> Moment {
        self.revoked.midnight().plus(9 * HOUR - OVERLAP)
    }

    fn project(&self, random: &mut Random) -> NpmProject {
        let packages = self
            .packages
            .iter()
            .map(|name| {
                let mut package = NpmPackage::grown(name, Version(2, 7, 4), random);
                package.scripts.clear();
                package
            })
            .collect();
        let (long_ago, far_off) = (self.revoked.plus(-700 * DAY), self.revoked.plus(700 * DAY));
        NpmProject {
            repository: self.repository.clone(),
            repository_id: 700_000_000 + random.below(90_000_000),
            workflow: ".github/workflows/release.yml".to_owned(),
            maintainers: ["lena", "oscar", "priya"]
                .map(|name| format!("{name}-{}", &self.scope[1..]))
                .to_vec(),
            license: "MIT".to_owned(),
            trust: Trust::Trusted,
            tool: "npm/11.6.2 node/v24.11.0".to_owned(),
            keys: vec![
                ReleaseKey { key_id: ci::key_id(random), from: long_ago, until: self.revoked },
                ReleaseKey { key_id: ci::key_id(random), from: self.announced(), until: far_off },
            ],
            packages,
        }
    }
}

/// The logs.
pub(crate) fn record(variant: Variant) -> Recording {
    let plan = Plan::of(variant);
    let background = STAGE.background(variant);
    let mut feed = STAGE.npm_feed(&background);
    let mut random = background.fork("project");
    let mut project = plan.project(&mut random);
    let chances = vec![0.75; plan.packages.len()];
    let span = (STAGE.feed_from, STAGE.day_start.plus(-DAY));
    let trains = npm_history::trains(span, 0.35, &chances, &mut background.fork("trains"));
    let pasts = npm_history::play(&mut project, &trains, &mut feed, &background);
    // The rotation is announced where everybody can read it, two weeks before it ends.
    let new_key = project.keys[1].key_id.clone();
    let manager = project.maintainers[0].clone();
    let what = ("key-added", new_key.as_str());
    let first = plan.packages[0].clone();
    tell_account(&mut feed, Origin::Background, plan.announced(), Some(&first), &manager, what, &mut random);
    let focus: Vec<Entry> = plan
        .packages
        .iter()
        .zip(&pasts)
        .map(|(name, past)| Entry {
            name: name.clone(),
            private: false,
            releases: past.iter().map(|release| (release.at, release.version.to_string())).collect(),
        })
        .collect();
    let (company, mut proxy) = STAGE.npm_company(&focus, 4, &background);
    if variant.attack {
        let mut random = STAGE.case(variant);
        let released = release_again(&plan, &mut project, &pasts, &mut feed, &mut random);
        let packages: Vec<_> = plan.packages.iter().cloned().zip(released).take(4).collect();
        let surge = Surge {
            from: plan.released.plus(5 * MINUTE),
            until: plan.released.plus(7 * HOUR),
            installs: plan.installs,
            people: 0.5,
            packages: &packages,
        };
        company.surge(&mut proxy, &surge, &mut random);
    }
    STAGE.recording(feed, proxy)
}

/// The day of the project: back, forward, signed by both keys, then by the new one. Returns the clean versions.
fn release_again(
    plan: &Plan,
    project: &mut NpmProject,
    pasts: &[Vec<Release>],
    feed: &mut Feed,
    random: &mut Random,
) -> Vec<String> {
    let manager = project.maintainers[0].clone();
    let mut released = Vec::new();
    for (nth, past) in pasts.iter().enumerate() {
        let name = project.packages[nth].name.clone();
        let step = i64::try_from(nth).unwrap_or(0);
        if let [.., before, faulty] = past.as_slice() {
            let back = plan.taken_back.plus(step * 4 * SECOND);
            project.tag(nth, "latest", &before.version.to_string(), back, feed, Origin::Case, random);
            let subject = (name.as_str(), &*faulty.version.to_string());
            let why = ("deprecate", "built from a stale cache, use the next version");
            tell_withdrawal(feed, Origin::Case, back.plus(3 * MINUTE), subject, why, &manager, random);
        }
        let package = &mut project.packages[nth];
        package.version = package.version.next(Bump::Patch);
        package.drift(Bump::Patch, random);
        released.push(package.full_version());
        npm_history::raise_siblings(project, nth);
        let act = project.act(plan.released, random);
        let at = plan.released.plus(step * 1_300);
        project.publish(nth, at, &act, feed, Origin::Case, random);
        countersign(plan, project, nth, past, feed, random);
    }
    let old_key = project.keys[0].key_id.clone();
    let what = ("key-revoked", old_key.as_str());
    let first = project.packages[0].name.clone();
    tell_account(feed, Origin::Case, plan.revoked, Some(&first), &manager, what, random);
    for nth in 0..project.packages.len().min(3) {
        let package = &mut project.packages[nth];
        package.version = package.version.next(Bump::Patch);
        package.drift(Bump::Patch, random);
        let at = plan.released_again.plus(i64::try_from(nth).unwrap_or(0) * 1_500);
        let act = project.act(at, random);
        project.publish(nth, at, &act, feed, Origin::Case, random);
    }
    released
}

/// The newest version from before the overlap has the old key's signature alone; it gets the new key's as well.
fn countersign(
    plan: &Plan,
    project: &NpmProject,
    nth: usize,
    past: &[Release],
    feed: &mut Feed,
    random: &mut Random,
) {
    let Some(release) = past.iter().rev().find(|release| release.at < plan.announced()) else { return };
    let package = NpmPackage {
        version: release.version,
        digest: release.digest.clone(),
        ..project.packages[nth].clone()
    };
    let signer = ci::keyed(&project.keys[1].key_id, &project.signing_identity());
    let at = plan.countersigned.plus(i64::try_from(nth).unwrap_or(0) * 7 * SECOND);
    let actor = project.actor();
    tell_signature(feed, Origin::Case, at, &package, signer, ci::SIGNATURE, &actor, random);
}

/// Nothing must be found.
pub(crate) fn manifest(variant: Variant) -> Manifest {
    let plan = Plan::of(variant);
    let why = "an honest day: what changes was announced, and provenance, publisher and content stay what they were";
    described(&STAGE, variant, plan.taken_back, Vec::new(), vec![all_silent(why)])
}
