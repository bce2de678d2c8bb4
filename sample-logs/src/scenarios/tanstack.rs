//! TanStack, 11 May 2026: two versions of each of 42 packages within six minutes, by the project's own workflow, with
//! valid provenance. Nothing but the content of the packages and the oddness of the runs tells.

use super::expecting::{all_silent, detectors_silent, manifest as described, on_artifacts, others_silent};
use super::npm_history::{self, Release};
use super::stage::Stage;
use super::tanstack_facts::{
    DEPRECATED, FIRST_WAVE, PACKAGES, REACT_PACKAGES, REMOVED, RUNS, SECOND_WAVE, SETUP_COMMIT,
    SMUGGLED_BYTES,
};
use super::tanstack_response::respond;
use crate::clock::{DAY, HOUR, MINUTE, Moment, SECOND};
use crate::combined::Client;
use crate::company::npm_catalogue::Entry;
use crate::company::npm_proxy::{PIPELINE_USERS, Surge, Walk};
use crate::jitter::Jitter;
use crate::journal::{Feed, Origin};
use crate::manifest::{Expectation, Manifest, Nature, Severity, Silence, SubjectKind, Wanted};
use crate::names::{Quarter, parts, project};
use crate::native::{Run, npm_purl};
use crate::publishing::npm::{Act, NpmPackage, NpmProject, Trust};
use crate::publishing::version::Version;
use crate::random::Random;
use crate::{Recording, Variant};

const STAGE: Stage = Stage {
    name: "tanstack",
    title: "TanStack: 84 versions of 42 packages with valid provenance",
    source: "https://tanstack.com/blog/npm-supply-chain-compromise-postmortem",
    seed: 44,
    nature: Nature::Attack,
    quarter: Quarter(0),
    registry: "npm",
    proxy: "npm-proxy",
    feed_from: Moment::utc((2026, 2, 16), (0, 0, 0)),
    proxy_from: Moment::utc((2026, 4, 13), (0, 0, 0)),
    day_start: Moment::utc((2026, 5, 11), (0, 0, 0)),
    day_end: Moment::utc((2026, 5, 12), (0, 0, 0)),
};

/// The attack of one variant.
pub(super) struct Plan {
    /// `owner/name` on GitHub.
    repository: String,
    scope: String,
    /// Package names and the first bad version of each.
    packages: Vec<(String, Version)>,
    /// How many of them an application takes in.
    core: usize,
    pub(super) waves: [Moment; 2],
    runs: [(String, u32); 2],
    smuggled: u64,
    pub(super) deprecated: (Moment, Moment),
    pub(super) removed: (Moment, Moment),
    /// Installs of the first, of the second bad versions, and of the latter after the first alarm.
    installs: [usize; 3],
    walk_from: Moment,
    walked: usize,
}

/// How many patches lie between the last clean version, the first bad one and the second.
const STEP: u32 = 3;

impl Plan {
    fn of(variant: Variant) -> Self {
        let mut jitter = Jitter::of(variant.jitter_seed, STAGE.name);
        let repository = jitter.named("TanStack/router", |random| {
            format!("{}/{}", project(random, STAGE.quarter).replace('-', ""), project(random, STAGE.quarter))
        });
        let owner = repository.split('/').next().unwrap_or(&repository).to_lowercase();
        let scope = format!("@{owner}");
        let core = jitter.counted(REACT_PACKAGES, 9, 20);
        let count = jitter.counted(PACKAGES.len(), 28, 56);
        let packages = if jitter.is_on() {
            let mut random = Random::new(variant.jitter_seed.unwrap_or(0)).fork("packages");
            parts(&mut random, count)
                .into_iter()
                .map(|part| {
                    let number = |random: &mut Random, low, high| {
                        u32::try_from(random.between(low, high)).unwrap_or(9)
                    };
                    let version = Version(1, number(&mut random, 20, 180), number(&mut random, 5, 60));
                    (format!("{scope}/{part}"), version)
                })
                .collect()
        } else {
            PACKAGES.iter().map(|(name, version)| (format!("{scope}/{name}"), *version)).collect()
        };
        let first = jitter.moved(FIRST_WAVE, 150 * MINUTE);
        let mut after = |fact: Moment| first.plus(jitter.stretched(fact.since(FIRST_WAVE)));
        let second = after(SECOND_WAVE);
        let deprecated = (after(DEPRECATED.0), after(DEPRECATED.1));
        let removed = (after(REMOVED.0), after(REMOVED.1));
        let mut jitter = Jitter::of(variant.jitter_seed, "tanstack traffic");
        Self {
            runs: RUNS.map(|(run, attempt)| {
                let run =
                    jitter.named(run, |random| (25_500_000_000 + random.below(190_000_000)).to_string());
                (run, jitter.one_of(attempt, &[1, 2, 4]))
            }),
            smuggled: jitter.counted(SMUGGLED_BYTES, 1_200_000, 4_000_000) as u64,
            installs: [jitter.counted(9, 5, 16), jitter.counted(46, 30, 70), jitter.counted(30, 15, 50)],
            walk_from: first.plus(jitter.stretched(50 * MINUTE)),
            walked: jitter.counted(330, 230, 380),
            waves: [first, second],
            repository,
            scope,
            packages,
            core,
            deprecated,
            removed,
        }
    }

    /// The project as it stands before the attack: three patches before the first bad versions.
    fn project(&self, background: &Random) -> NpmProject {
        let mut random = background.fork("project");
        let mut packages = Vec::new();
        for (name, bad) in &self.packages {
            let clean = Version(bad.0, bad.1, bad.2 - STEP);
            let mut package = NpmPackage::grown(name, clean, &mut random);
            package.scripts.clear();
            package.size = 110_000 + 45_000 * random.below(36) + random.below(45_000);
            package.files = 20 + package.size / 6_500;
            package.description =
                format!("{} of {}", name.rsplit('/').next().unwrap_or(name), self.repository);
            packages.push(package);
        }
        for (nth, package) in packages.iter_mut().enumerate().skip(1) {
            for _ in 0..random.below(4) {
                let sibling = &random.pick(&self.packages[..nth]).0;
                package.dependencies.insert(sibling.clone(), String::new());
            }
        }
        NpmProject {
            repository: self.repository.clone(),
            repository_id: 123_770_210,
            workflow: ".github/workflows/release.yml".to_owned(),
            maintainers: (1..=7).map(|nth| format!("maintainer-{nth}")).collect(),
            license: "MIT".to_owned(),
            trust: Trust::Trusted,
            tool: "pnpm/10.24.0 node/v24.11.0".to_owned(),
            keys: Vec::new(),
            packages,
        }
    }

    /// The package URLs, without versions, of the first `count` packages.
    fn purls(&self, count: usize) -> Vec<String> {
        self.packages.iter().take(count).map(|(name, _)| npm_purl(name)).collect()
    }

    /// The bad version of a wave.
    pub(super) const fn bad(first: Version, wave: usize) -> Version {
        Version(first.0, first.1, first.2 + if wave == 0 { 0 } else { STEP })
    }

    /// The packages with their first bad versions.
    pub(super) fn packages(&self) -> &[(String, Version)] {
        &self.packages
    }

    /// The clean version before.
    pub(super) const fn clean(first: Version) -> Version {
        Version(first.0, first.1, first.2 - STEP)
    }
}

/// The logs.
pub(crate) fn record(variant: Variant) -> Recording {
    let plan = Plan::of(variant);
    let background = STAGE.background(variant);
    let mut feed = STAGE.npm_feed(&background);
    let mut project = plan.project(&background);
    let chances: Vec<f64> =
        (0..plan.packages.len()).map(|nth| if nth < plan.core { 0.7 } else { 0.4 }).collect();
    let span = (STAGE.feed_from, STAGE.day_start.plus(-DAY));
    let trains = npm_history::trains(span, 0.55, &chances, &mut background.fork("trains"));
    let pasts = npm_history::play(&mut project, &trains, &mut feed, &background);
    let (company, mut proxy) = STAGE.npm_company(&focus(&plan, &pasts), plan.core, &background);
    if variant.attack {
        let mut random = STAGE.case(variant);
        publish_waves(&plan, &mut project, &mut feed, &mut random);
        respond(&plan, &mut project, &mut feed, &mut random);
        let taken = |wave: usize| -> Vec<(String, String)> {
            let core = plan.packages.iter().take(plan.core);
            core.map(|(name, first)| (name.clone(), Plan::bad(*first, wave).to_string())).collect()
        };
        let [first, second] = plan.waves;
        let alarm = first.plus(45 * MINUTE);
        let surges = [
            (first.plus(40 * SECOND), second.plus(30 * SECOND), plan.installs[0], taken(0)),
            (second.plus(30 * SECOND), alarm, plan.installs[1], taken(1)),
            (alarm, plan.removed.0, plan.installs[2], taken(1)),
        ];
        for (from, until, installs, packages) in &surges {
            let surge = Surge { from: *from, until: *until, installs: *installs, people: 0.3, packages };
            company.surge(&mut proxy, &surge, &mut random);
        }
        let client = Client {
            address: "10.20.7.31".to_owned(),
            user: PIPELINE_USERS[0].to_owned(),
            agent: "Bun/1.3.2".to_owned(),
        };
        let walk = Walk { client, from: plan.walk_from, artifacts: plan.walked };
        company.walk(&mut proxy, &walk, &mut random);
    }
    STAGE.recording(feed, proxy)
}

fn focus(plan: &Plan, pasts: &[Vec<Release>]) -> Vec<Entry> {
    let entry = |((name, first), past): (&(String, Version), &Vec<Release>)| {
        let mut releases: Vec<_> =
            past.iter().map(|release| (release.at, release.version.to_string())).collect();
        if releases.is_empty() {
            releases.push((STAGE.feed_from, Plan::clean(*first).to_string()));
        }
        Entry { name: name.clone(), private: false, releases }
    };
    plan.packages.iter().zip(pasts).map(entry).collect()
}

/// Each wave is out within a second: 42 raw posts to the registry from one stolen token.
fn publish_waves(plan: &Plan, project: &mut NpmProject, feed: &mut Feed, random: &mut Random) {
    let setup = format!("github:{}#{SETUP_COMMIT}", plan.repository.to_lowercase());
    for (wave, at) in plan.waves.iter().enumerate() {
        let (run, run_attempt) = plan.runs[wave].clone();
        let run = Run {
            workflow: project.workflow.clone(),
            source_repository: format!("https://github.com/{}", plan.repository),
            trigger: "push",
            run,
            run_attempt,
            runner: "github-hosted",
        };
        let act = Act { run: Some(run), vcs_ref: Some(random.hex(40)), dist_tag: "latest", tool: None };
        let gap = 950 / i64::try_from(plan.packages.len()).unwrap_or(950);
        for (nth, (_, first)) in plan.packages.iter().enumerate() {
            let package = &mut project.packages[nth];
            package.version = Plan::bad(*first, wave);
            package.digest = format!("sha256:{}", random.hex(64));
            package.dependencies.insert(format!("{}/setup", plan.scope), setup.clone());
            if wave == 0 {
                package.size += plan.smuggled;
                package.files += 1;
            }
            let when = at.plus(gap * i64::try_from(nth).unwrap_or(0));
            project.publish(nth, when, &act, feed, Origin::Case, random);
        }
    }
}

/// What must be found.
pub(crate) fn manifest(variant: Variant) -> Manifest {
    let plan = Plan::of(variant);
    let [first, second] = plan.waves;
    let all = plan.purls(plan.packages.len());
    let drift = Expectation {
        at_least: plan.packages.len() * 6 / 7,
        one_incident: true,
        ..on_artifacts(
            "metadata-drift",
            STAGE.registry,
            all.clone(),
            Severity::Medium,
            (first, second.plus(2 * MINUTE)),
            "a patch brings a dependency on a git commit and 2.3 MB more, from a fourth attempt of an old run",
        )
    };
    let next_hour = |at: Moment| at.plus(HOUR - at.unix_ms().rem_euclid(HOUR));
    let volume = Expectation {
        at_least: plan.core / 3,
        ..on_artifacts(
            "download-volume",
            STAGE.proxy,
            plan.purls(plan.core),
            Severity::Low,
            (first, next_hour(second).plus(HOUR + 5 * MINUTE)),
            "fresh installs take up the new latest in the evening, when the proxy is quiet",
        )
    };
    let breadth = Expectation {
        detector: "download-breadth".to_owned(),
        subject: Wanted {
            kind: SubjectKind::Principal,
            registry: STAGE.proxy.to_owned(),
            names: vec![PIPELINE_USERS[0].to_owned()],
        },
        at_least: 1,
        severity_at_least: Severity::Low,
        after: plan.walk_from,
        by: next_hour(plan.walk_from.plus(25 * MINUTE)).plus(5 * MINUTE),
        one_incident: false,
        why: "the token that the payload stole from CI walks the company's own packages".to_owned(),
    };
    let family = vec![format!("{}/*", npm_purl(&plan.scope))];
    let silences = vec![
        detectors_silent(
            &["trust-downgrade", "key-change", "re-signing"],
            STAGE.registry,
            family.clone(),
            "the provenance is valid and the identity the usual one: whoever speaks here guesses",
        ),
        others_silent(STAGE.registry, family.clone(), "the neighbours release as ever"),
        others_silent(STAGE.proxy, family, "the company installs everything else as ever"),
        Silence {
            detectors: vec!["download-breadth".to_owned()],
            kind: Some(SubjectKind::Principal),
            registry: Some(STAGE.proxy.to_owned()),
            except: vec![PIPELINE_USERS[0].to_owned()],
            ..all_silent("nobody else walks, not even the inventory, which does so every night")
        },
    ];
    described(&STAGE, variant, first, vec![drift, volume, breadth], silences)
}
