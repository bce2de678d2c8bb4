//! axios, 31 March 2026: a taken-over account publishes on both lines by token, past the trusted publisher, with a new
//! dependency that had been put in place the day before.
//!
//! Sources: the maintainer's post-mortem (axios/axios#10636), an analysis by Step Security, and npm's `time` field as quoted
//! there. What is surmised is listed in the scenario's README.

use std::collections::BTreeMap;

use super::expecting::{manifest as described, on_artifacts, others_silent};
use super::npm_history::Release;
use super::stage::Stage;
use crate::clock::{HOUR, MINUTE, Moment, SECOND};
use crate::company::npm_catalogue::Entry;
use crate::company::npm_proxy::Surge;
use crate::jitter::Jitter;
use crate::journal::{Feed, Origin};
use crate::manifest::{Manifest, Nature, Severity};
use crate::names::{Quarter, project};
use crate::native::npm_purl;
use crate::publishing::npm::{Act, NpmPackage, NpmProject, Trust, tell_account, tell_withdrawal};
use crate::publishing::version::{Bump, Version};
use crate::random::Random;
use crate::{Recording, Variant};

const STAGE: Stage = Stage {
    name: "axios",
    title: "axios: both lines published from a taken-over account, past the trusted publisher",
    source: "https://github.com/axios/axios/issues/10636",
    seed: 39,
    nature: Nature::Attack,
    quarter: Quarter(2),
    registry: "npm",
    proxy: "npm-proxy",
    feed_from: Moment::utc((2025, 11, 3), (0, 0, 0)),
    proxy_from: Moment::utc((2026, 3, 2), (0, 0, 0)),
    day_start: Moment::utc((2026, 3, 30), (0, 0, 0)),
    day_end: Moment::utc((2026, 3, 31), (12, 0, 0)),
};

/// The decoy, known to the minute.
const DECOY: Moment = Moment::utc((2026, 3, 30), (5, 57, 0));
/// The dependency gets its install script.
const ARMED: Moment = Moment::utc((2026, 3, 30), (23, 59, 12));
/// axios 1.14.1, by npm's `time`.
const FIRST: Moment = Moment::utc((2026, 3, 31), (0, 21, 58)).plus(168);
/// axios 0.30.4, by npm's `time`.
const SECOND_LINE: Moment = Moment::utc((2026, 3, 31), (1, 0, 57)).plus(285);
/// Both are removed; npm's `modified` is 03:15:30.
const REMOVED: Moment = Moment::utc((2026, 3, 31), (3, 15, 30));
/// The dependency is removed.
const HELD: Moment = Moment::utc((2026, 3, 31), (3, 29, 0));
/// Surmised: the account's e-mail address is changed, some time before.
const EMAIL_CHANGED: Moment = Moment::utc((2026, 3, 30), (23, 41, 20));

/// Releases of the months before. 1.13.4, 0.30.3 and 1.14.0 are npm's times; of the others the day is known or near.
const RELEASES: [(Moment, Version); 7] = [
    (Moment::utc((2025, 11, 4), (14, 30, 0)), Version(1, 13, 2)),
    (Moment::utc((2026, 1, 20), (16, 12, 0)), Version(1, 13, 3)),
    (Moment::utc((2026, 1, 27), (18, 18, 38)), Version(1, 13, 4)),
    (Moment::utc((2026, 2, 8), (15, 40, 0)), Version(1, 13, 5)),
    (Moment::utc((2026, 2, 18), (17, 19, 20)), Version(0, 30, 3)),
    (Moment::utc((2026, 2, 27), (16, 5, 0)), Version(1, 13, 6)),
    (Moment::utc((2026, 3, 27), (19, 1, 40)), Version(1, 14, 0)),
];

struct Plan {
    name: String,
    repository: String,
    account: String,
    dependency: String,
    attacker: String,
    /// The newest clean version of each line.
    lines: [Version; 2],
    decoy: Moment,
    email_changed: Moment,
    armed: Moment,
    first: Moment,
    second: Moment,
    removed: Moment,
    held: Moment,
    installs: [usize; 3],
}

impl Plan {
    fn of(variant: Variant) -> Self {
        let mut jitter = Jitter::of(variant.jitter_seed, STAGE.name);
        let name = jitter.named("axios", |random| project(random, STAGE.quarter));
        let first = jitter.moved(FIRST, 3 * HOUR);
        let mut before = |fact: Moment| first.plus(-jitter.stretched(FIRST.since(fact)));
        let (armed, email_changed) = (before(ARMED), before(EMAIL_CHANGED));
        // The decoy is days or hours old, but of the recorded day.
        let decoy = before(DECOY).max(STAGE.day_start.plus(11 * MINUTE));
        let mut after = |fact: Moment| first.plus(jitter.stretched(fact.since(FIRST)));
        let (second, removed) = (after(SECOND_LINE), after(REMOVED));
        Self {
            repository: if jitter.is_on() { format!("{name}/{name}") } else { "axios/axios".to_owned() },
            account: jitter.named("jasonsaayman", |random| format!("owner-{}", random.below(90))),
            dependency: jitter
                .named("plain-crypto-js", |random| format!("{}-js", project(random, STAGE.quarter))),
            attacker: jitter.named("nrwise", |random| format!("nr{}", random.hex(5))),
            lines: [Version(1, 14, 0), Version(0, 30, 3)],
            installs: [jitter.counted(26, 16, 40), jitter.counted(44, 25, 70), jitter.counted(9, 4, 15)],
            held: removed.plus(HELD.since(REMOVED)),
            name,
            decoy,
            email_changed,
            armed,
            first,
            second,
            removed,
        }
    }

    fn project(&self) -> NpmProject {
        let package = NpmPackage {
            name: self.name.clone(),
            version: Version(0, 0, 0),
            suffix: String::new(),
            description: "Promise based HTTP client for the browser and node.js".to_owned(),
            keywords: ["xhr", "http", "ajax", "promise", "node"].map(str::to_owned).to_vec(),
            size: 2_280_000,
            files: 86,
            scripts: Vec::new(),
            binaries: 0,
            dependencies: BTreeMap::new(),
            tags: BTreeMap::new(),
            digest: String::new(),
        };
        NpmProject {
            repository: self.repository.clone(),
            repository_id: 23_088_740,
            workflow: ".github/workflows/publish.yml".to_owned(),
            maintainers: vec!["maintainer-2".to_owned(), "maintainer-3".to_owned(), self.account.clone()],
            license: "MIT".to_owned(),
            trust: Trust::Trusted,
            tool: "npm/11.6.2 node/v24.11.0".to_owned(),
            keys: Vec::new(),
            packages: vec![package],
        }
    }
}

/// Size, files and dependencies of a version, as its line has them.
fn set_line(package: &mut NpmPackage, more: u64) {
    let (size, files, ranges) = match package.version.0 {
        0 => (1_380_000, 71, ["^1.15.4", "^4.0.4"]),
        _ => (2_280_000, 86, ["^1.15.11", "^4.0.5"]),
    };
    (package.size, package.files) = (size + more, files);
    let dependencies =
        [("follow-redirects", ranges[0]), ("form-data", ranges[1]), ("proxy-from-env", "^1.1.0")];
    package.dependencies = dependencies.map(|(name, range)| (name.to_owned(), range.to_owned())).into();
}

/// The legacy line has a dist-tag of its own.
const fn dist_tag(version: Version) -> &'static str {
    if version.0 == 0 { "legacy" } else { "latest" }
}

/// The logs.
pub(crate) fn record(variant: Variant) -> Recording {
    let plan = Plan::of(variant);
    let background = STAGE.background(variant);
    let mut feed = STAGE.npm_feed(&background);
    let mut project = plan.project();
    let mut random = background.fork("project");
    let mut past = Vec::new();
    for (at, version) in RELEASES {
        let mut act = project.act(at, &mut random);
        act.dist_tag = dist_tag(version);
        let package = &mut project.packages[0];
        package.version = version;
        set_line(package, random.below(60_000));
        package.digest = format!("sha256:{}", random.hex(64));
        past.push(Release { at, version, digest: package.digest.clone() });
        project.publish(0, at, &act, &mut feed, Origin::Background, &mut random);
    }
    let focus = Entry {
        name: plan.name.clone(),
        private: false,
        releases: past
            .iter()
            .filter(|release| release.version.0 > 0)
            .map(|release| (release.at, release.version.to_string()))
            .collect(),
    };
    let (company, mut proxy) = STAGE.npm_company(&[focus], 1, &background);
    if variant.attack {
        let mut random = STAGE.case(variant);
        attack(&plan, &mut project, &mut feed, &mut random);
        let bad = |line: Version| {
            let version = line.next(Bump::Patch).to_string();
            vec![(plan.name.clone(), version), (plan.dependency.clone(), "4.2.1".to_owned())]
        };
        let surges = [
            (plan.first.plus(9 * MINUTE), plan.second, plan.installs[0], bad(plan.lines[0])),
            (plan.second, plan.removed, plan.installs[1], bad(plan.lines[0])),
            (plan.second.plus(6 * MINUTE), plan.removed, plan.installs[2], bad(plan.lines[1])),
        ];
        for (from, until, installs, packages) in &surges {
            let surge = Surge { from: *from, until: *until, installs: *installs, people: 0.15, packages };
            company.surge(&mut proxy, &surge, &mut random);
        }
    }
    STAGE.recording(feed, proxy)
}

fn attack(plan: &Plan, project: &mut NpmProject, feed: &mut Feed, random: &mut Random) {
    plant_dependency(plan, feed, random);
    let what = ("email-changed", plan.account.as_str());
    tell_account(feed, Origin::Case, plan.email_changed, Some(&plan.name), &plan.account, what, random);
    // A long-lived token of the maintainer: no run, no commit, no attestation.
    project.trust = Trust::Token(plan.account.clone());
    for (line, at) in plan.lines.into_iter().zip([plan.first, plan.second]) {
        let package = &mut project.packages[0];
        package.version = line.next(Bump::Patch);
        set_line(package, 31_400);
        package.digest = format!("sha256:{}", random.hex(64));
        package.dependencies.insert(plan.dependency.clone(), "^4.2.1".to_owned());
        let tool = Some("npm/10.9.2 node/v22.14.0".to_owned());
        let act = Act { run: None, vcs_ref: None, dist_tag: dist_tag(line), tool };
        project.publish(0, at, &act, feed, Origin::Case, random);
    }
    project.trust = Trust::Attested("npm-security".to_owned());
    for (nth, line) in plan.lines.into_iter().enumerate() {
        let (bad, at) =
            (line.next(Bump::Patch).to_string(), plan.removed.plus(i64::try_from(nth).unwrap_or(0) * SECOND));
        let why = ("unpublish", "malware");
        tell_withdrawal(feed, Origin::Case, at, (&plan.name, &bad), why, "npm-security", random);
        project.tag(0, dist_tag(line), &line.to_string(), at.plus(300), feed, Origin::Case, random);
    }
    for version in ["4.2.0", "4.2.1"] {
        let why = ("unpublish", "malware");
        tell_withdrawal(
            feed,
            Origin::Case,
            plan.held,
            (&plan.dependency, version),
            why,
            "npm-security",
            random,
        );
    }
}

/// A copy of a well-known library under another name; the second version of it runs a script at installation.
fn plant_dependency(plan: &Plan, feed: &mut Feed, random: &mut Random) {
    let package = NpmPackage {
        name: plan.dependency.clone(),
        version: Version(4, 2, 0),
        suffix: String::new(),
        description: "JavaScript library of crypto standards.".to_owned(),
        keywords: ["security", "crypto", "hash", "cipher"].map(str::to_owned).to_vec(),
        size: 487_000,
        files: 60,
        scripts: Vec::new(),
        binaries: 0,
        dependencies: BTreeMap::new(),
        tags: BTreeMap::new(),
        digest: format!("sha256:{}", random.hex(64)),
    };
    let mut planted = NpmProject {
        // It claims the repository of the library that it copies.
        repository: "brix/crypto-js".to_owned(),
        repository_id: 0,
        workflow: String::new(),
        maintainers: vec![plan.attacker.clone()],
        license: "MIT".to_owned(),
        trust: Trust::Token(plan.attacker.clone()),
        tool: "npm/10.9.2 node/v22.14.0".to_owned(),
        keys: Vec::new(),
        packages: vec![package],
    };
    let tool = Some(planted.tool.clone());
    let act = Act { run: None, vcs_ref: None, dist_tag: "latest", tool };
    planted.publish(0, plan.decoy, &act, feed, Origin::Case, random);
    let package = &mut planted.packages[0];
    package.version = Version(4, 2, 1);
    package.size += 4_900;
    package.files += 2;
    package.scripts = vec!["postinstall".to_owned()];
    package.digest = format!("sha256:{}", random.hex(64));
    planted.publish(0, plan.armed, &act, feed, Origin::Case, random);
}

/// What must be found.
pub(crate) fn manifest(variant: Variant) -> Manifest {
    let plan = Plan::of(variant);
    let names = || vec![npm_purl(&plan.name)];
    let soon = |at: Moment| (at, at.plus(2 * MINUTE));
    let full_hour = |at: Moment| at.plus(HOUR - at.unix_ms().rem_euclid(HOUR));
    // One downgrade among a few attested versions is rare, not proof: the drift beside it is what is loud.
    let feed = |detector: &'static str, at, why| {
        let severity = if detector == "trust-downgrade" { Severity::Low } else { Severity::Medium };
        on_artifacts(detector, STAGE.registry, names(), severity, soon(at), why)
    };
    let expectations = vec![
        feed(
            "trust-downgrade",
            plan.first,
            "a person's token on a project that publishes by trusted publisher",
        ),
        feed("metadata-drift", plan.first, "a patch by another publisher adds a dependency one day old"),
        // Not trust-downgrade once more: half an hour after the first, a second downgrade here is no surprise.
        feed("metadata-drift", plan.second, "the same on the legacy line"),
        on_artifacts(
            "download-volume",
            STAGE.proxy,
            names(),
            Severity::Low,
            (plan.first, full_hour(plan.second).plus(HOUR + 5 * MINUTE)),
            "update robots take up the new version in the middle of the night",
        ),
    ];
    let involved = vec![npm_purl(&plan.name), npm_purl(&plan.dependency)];
    let silences = vec![
        others_silent(STAGE.registry, involved.clone(), "the neighbours release as ever"),
        others_silent(STAGE.proxy, involved, "the company installs everything else as ever"),
    ];
    described(&STAGE, variant, plan.decoy, expectations, silences)
}
