//! KICS, 22 April 2026: with the publisher's own credentials, five tags of `checkmarx/kics` are overwritten and two made.
//!
//! Source: Docker, "Trivy, KICS, and the shape of supply chain attacks so far in 2026", 23 April 2026, which has the
//! time to the minute, the tags and the digests. What is surmised is listed in the scenario's README.

use std::collections::BTreeMap;

use super::expecting::{manifest as described, on_artifacts, others_silent};
use super::stage::Stage;
use crate::clock::{HOUR, MINUTE, Moment, SECOND};
use crate::company::docker_proxy::{DockerCompany, ImageSurge};
use crate::jitter::Jitter;
use crate::journal::{Feed, Journal, Origin};
use crate::manifest::{Manifest, Nature, Severity};
use crate::names::{Quarter, project};
use crate::native::{Actor, Artifact, Body, Event, docker_purl};
use crate::publishing::ci;
use crate::publishing::docker::{self, Push, Repository, Signing};
use crate::publishing::version::{Bump, Version};
use crate::random::Random;
use crate::{Recording, Variant};

const STAGE: Stage = Stage {
    name: "kics",
    title: "KICS: a fixed tag and four floating ones overwritten on Docker Hub",
    source: "https://www.docker.com/blog/trivy-kics-and-the-shape-of-supply-chain-attacks-so-far-in-2026/",
    seed: 41,
    nature: Nature::Attack,
    quarter: Quarter(1),
    registry: "docker-hub",
    proxy: "docker-proxy",
    feed_from: Moment::utc((2025, 12, 31), (0, 0, 0)),
    proxy_from: Moment::utc((2026, 3, 25), (0, 0, 0)),
    day_start: Moment::utc((2026, 4, 22), (0, 0, 0)),
    day_end: Moment::utc((2026, 4, 23), (0, 0, 0)),
};

/// The attacker's push.
const PUSHED: Moment = Moment::utc((2026, 4, 22), (12, 35, 0));
/// "Within about half an hour of the push" the repository was quarantined.
const QUARANTINED: Moment = Moment::utc((2026, 4, 22), (13, 5, 0));
/// Surmised: when the tags pointed to the image of 3 March again.
const RESTORED: Moment = Moment::utc((2026, 4, 22), (15, 41, 0));
/// Surmised: when the restored images were signed anew.
const RESIGNED: Moment = Moment::utc((2026, 4, 22), (18, 5, 0));

/// The bad images: the index digest, and the tags that it was pushed under, the overwritten ones first.
const BAD: [(&str, &[&str]); 3] = [
    ("sha256:a0d9366f6f0166dcbf92fcdc98e1a03d2e6210e8d7e8573f74d50849130651a0", &["latest"]),
    ("sha256:2588a44890263a8185bd5d9fadb6bc9220b60245dbcbc4da35e1b62a6f8c230d", &["{v}", "alpine", "{next}"]),
    (
        "sha256:222e6bfed0f3bb1937bf5e719a2342871ccd683ff1c0cb967c8e31ea58beaf7b",
        &["{v}-debian", "debian", "{next}-debian"],
    ),
];

/// The repository's releases of the months before. The date of the last one is Docker's; the others are surmised.
const RELEASES: [Moment; 4] = [
    Moment::utc((2026, 1, 6), (10, 22, 0)),
    Moment::utc((2026, 1, 20), (11, 5, 0)),
    Moment::utc((2026, 2, 10), (9, 48, 0)),
    Moment::utc((2026, 3, 3), (10, 31, 0)),
];

/// The tags by which the company's pipelines pull the scanner.
const PULLED: [&str; 3] = ["latest", "alpine", "debian"];

struct Plan {
    path: String,
    version: Version,
    pushed: Moment,
    quarantined: Moment,
    restored: Moment,
    resigned: Moment,
    /// How many of the images are overwritten.
    images: usize,
    /// Pulls before and after the quarantine; the cache keeps what it has.
    pulls: [usize; 2],
    attacker: String,
    jittered: bool,
}

impl Plan {
    fn of(variant: Variant) -> Self {
        let mut jitter = Jitter::of(variant.jitter_seed, STAGE.name);
        let path = jitter.named("checkmarx/kics", |random| {
            format!("{}/{}", project(random, STAGE.quarter).replace('-', ""), project(random, STAGE.quarter))
        });
        let pushed = jitter.moved(PUSHED, 3 * HOUR);
        let mut after = |fact: Moment| pushed.plus(jitter.stretched(fact.since(PUSHED)));
        let (quarantined, restored) = (after(QUARANTINED), after(RESTORED));
        let resigned = restored.plus(jitter.stretched(RESIGNED.since(RESTORED)));
        Self {
            version: if jitter.is_on() {
                Version(1, u32::try_from(jitter.counted(1, 2, 19)).unwrap_or(1), 20)
            } else {
                Version(2, 1, 20)
            },
            images: jitter.counted(BAD.len(), 2, 3),
            pulls: [jitter.counted(70, 45, 100), jitter.counted(120, 80, 180)],
            attacker: jitter
                .named("kics-release/kics", |random| format!("{}/build", project(random, STAGE.quarter))),
            jittered: jitter.is_on(),
            path,
            pushed,
            quarantined,
            restored,
            resigned,
        }
    }

    fn repository(&self, random: &mut Random) -> Repository {
        let account = self.path.split('/').next().unwrap_or(&self.path).to_owned();
        let steps = u32::try_from(RELEASES.len()).unwrap_or(0);
        Repository {
            source: if self.jittered { self.path.clone() } else { "Checkmarx/kics".to_owned() },
            source_id: 100_000_000 + random.below(900_000_000),
            workflow: ".github/workflows/release-dockerhub.yml".to_owned(),
            path: self.path.clone(),
            account,
            license: "Apache-2.0".to_owned(),
            signing: Signing::Keyless,
            version: Version(self.version.0, self.version.1, self.version.2 - steps),
            images: vec![vec!["latest"], vec!["v{v}", "alpine"], vec!["v{v}-debian", "debian"]],
            size: 96_000_000,
            tags: BTreeMap::new(),
        }
    }

    /// The bad images with their tags filled in; a jittered telling has digests of its own.
    fn bad(&self) -> Vec<Push> {
        let (now, next) = (format!("v{}", self.version), format!("v{}", self.version.next(Bump::Patch)));
        let push = |(digest, tags): &(&str, &[&str])| Push {
            digest: if self.jittered {
                format!(
                    "sha256:{}",
                    Random::new(crate::random::hash(digest.as_bytes())).fork(&self.path).hex(64)
                )
            } else {
                (*digest).to_owned()
            },
            tags: tags.iter().map(|tag| tag.replace("{v}", &now).replace("{next}", &next)).collect(),
            size: 98_400_000,
        };
        BAD.iter().take(self.images).map(push).collect()
    }
}

/// The logs.
pub(crate) fn record(variant: Variant) -> Recording {
    let plan = Plan::of(variant);
    let background = STAGE.background(variant);
    let mut feed = Feed::of(STAGE.registry);
    docker::play(&mut feed, &background.fork("feed"), STAGE.quarter, STAGE.feed_from, STAGE.day_end);
    let mut random = background.fork("repository");
    let mut repository = plan.repository(&mut random);
    for at in RELEASES {
        repository.version = repository.version.next(Bump::Patch);
        repository.size += random.below(400_000);
        let (pushes, run) = (repository.pushes(&mut random), repository.run(at, &mut random));
        repository.publish(at, (&pushes, &run), &mut feed, Origin::Background, &mut random);
    }
    let company_random = background.fork("proxy");
    let company = DockerCompany::new(&plan.path, &PULLED, &company_random);
    let mut proxy = Journal::default();
    company.play(&mut proxy, &company_random, STAGE.proxy_from, STAGE.day_end);
    if variant.attack {
        attack(&plan, &mut repository, &mut feed, &company, &mut proxy, STAGE.case(variant));
    }
    STAGE.recording(feed, proxy)
}

fn attack(
    plan: &Plan,
    repository: &mut Repository,
    feed: &mut Feed,
    company: &DockerCompany,
    proxy: &mut Journal,
    mut random: Random,
) {
    let good = repository.tags.clone();
    // Built from a repository that was one day old, pushed with the real account's credentials.
    let honest = (repository.source.clone(), repository.source_id, repository.version);
    repository.source = plan.attacker.clone();
    repository.source_id = 1_300_000_000 + random.below(1_000_000);
    repository.version = plan.version.next(Bump::Patch);
    let mut run = ci::run(plan.pushed, &plan.attacker, ".github/workflows/build.yml", &mut random);
    run.trigger = "workflow_dispatch";
    let bad = plan.bad();
    for (nth, push) in bad.iter().enumerate() {
        let at = plan.pushed.plus(i64::try_from(nth).unwrap_or(0) * 17 * SECOND + SECOND);
        repository.tell_push(at, push, &run, feed, Origin::Case, &mut random);
        for (more, tag) in push.tags.iter().enumerate() {
            let at = at.plus(i64::try_from(more + 1).unwrap_or(1) * 2_400);
            repository.tag(tag, &push.digest, at, feed, Origin::Case, &mut random);
        }
        if let Some(signer) = repository.signer(&run) {
            let what = (signer, ci::SLSA);
            repository.tell_signature(
                at.plus(9 * SECOND),
                &push.digest,
                what,
                feed,
                Origin::Case,
                &mut random,
            );
        }
    }
    (repository.source, repository.source_id, repository.version) = honest;
    restore(plan, repository, &good, feed, &mut random);
    let images: Vec<(String, String)> =
        bad.iter().flat_map(|push| push.tags.iter().map(|tag| (tag.clone(), push.digest.clone()))).collect();
    let spans = [
        (plan.pushed.plus(4 * MINUTE), plan.quarantined, plan.pulls[0]),
        (plan.quarantined, plan.restored, plan.pulls[1]),
    ];
    for (from, until, pulls) in spans {
        company.surge(proxy, &ImageSurge { from, until, pulls, images: &images }, &mut random);
    }
}

/// The hub locks the repository, later gives it back as it was; its owner signs the restored images with a new key.
fn restore(
    plan: &Plan,
    repository: &mut Repository,
    good: &BTreeMap<String, String>,
    feed: &mut Feed,
    random: &mut Random,
) {
    let withdrawal = |at: Moment, tag: Option<&String>, action, reason: &str| Event {
        id: format!(
            "{}/{action}/{}/{}/{}",
            STAGE.registry,
            plan.path,
            tag.map_or("", String::as_str),
            at.unix_ms()
        ),
        time: at,
        registry: STAGE.registry,
        artifact: Some(Artifact { purl: docker_purl(&plan.path), tag: tag.cloned(), digest: None }),
        actor: Some(Actor { principal: "docker-security".to_owned(), kind: "service", auth: "session" }),
        body: Body::Withdraw { action, reason: reason.to_owned() },
    };
    let locked = withdrawal(plan.quarantined, None, "quarantine", "malicious images under review");
    feed.tell(Origin::Case, &locked, random);
    let released = withdrawal(plan.restored, None, "release", "restored to the last known good state");
    feed.tell(Origin::Case, &released, random);
    let mut at = plan.restored.plus(5 * SECOND);
    for tag in plan.bad().iter().flat_map(|push| push.tags.clone()) {
        at = at.plus(1_700);
        if let Some(digest) = good.get(&tag) {
            repository.tag(&tag, digest, at, feed, Origin::Case, random);
        } else {
            feed.tell(Origin::Case, &withdrawal(at, Some(&tag), "delete", "never released"), random);
        }
    }
    let (account, key) = (repository.account.clone(), ci::key_id(random));
    let mut digests: Vec<&String> = good.values().collect();
    digests.sort_unstable();
    digests.dedup();
    // The three images of the last release; older ones are left as they are.
    let newest = |digest: &&String| {
        let version = format!("v{}", plan.version);
        good.iter().any(|(tag, of)| of == *digest && (tag.starts_with(&version) || tag == "latest"))
    };
    for (nth, digest) in digests.into_iter().filter(newest).enumerate() {
        let at = plan.resigned.plus(i64::try_from(nth).unwrap_or(0) * 21 * SECOND);
        let signer = ci::keyed(&key, &format!("release@{account}.example"));
        // Of the kind that these digests carry already: a first plain signature would be no re-signing.
        repository.tell_signature(at, digest, (signer, ci::SLSA), feed, Origin::Case, random);
    }
}

/// What must be found.
pub(crate) fn manifest(variant: Variant) -> Manifest {
    let plan = Plan::of(variant);
    let name = docker_purl(&plan.path);
    let on = |detector, registry, severity, span, why| {
        on_artifacts(detector, registry, vec![name.clone()], severity, span, why)
    };
    let full_hour = |at: Moment| at.plus(HOUR - at.unix_ms().rem_euclid(HOUR));
    let expectations = vec![
        on(
            "tag-move",
            STAGE.registry,
            Severity::High,
            (plan.pushed, plan.pushed.plus(3 * MINUTE)),
            "a tag of a fixed version moves, which none ever did here, and two tags share one new digest",
        ),
        on(
            "key-change",
            STAGE.registry,
            Severity::Low,
            (plan.pushed, plan.pushed.plus(5 * MINUTE)),
            "the new images are attested by a workflow of another repository",
        ),
        on(
            "re-signing",
            STAGE.registry,
            Severity::Low,
            (plan.resigned, plan.resigned.plus(15 * MINUTE)),
            "seven weeks old digests get a signature by a key never seen and never announced",
        ),
        on(
            "download-volume",
            STAGE.proxy,
            Severity::Low,
            (plan.pushed, full_hour(plan.pushed.plus(30 * MINUTE)).plus(HOUR + 5 * MINUTE)),
            "merge requests for the new version start scans everywhere",
        ),
    ];
    let silences = vec![
        others_silent(STAGE.registry, vec![name.clone()], "the neighbours release, rebuild and sign as ever"),
        others_silent(STAGE.proxy, vec![name], "the company pulls everything else as ever"),
    ];
    described(&STAGE, variant, plan.pushed, expectations, silences)
}
