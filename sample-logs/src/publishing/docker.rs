//! Container repositories: what a release pushes, which tags it moves, and who signs it.

use std::collections::BTreeMap;

use super::ci;
use super::version::{Bump, Version};
use crate::clock::{DAY, HOUR, MINUTE, Moment, SECOND};
use crate::journal::{Feed, Origin};
use crate::names::{Namer, Quarter};
use crate::native::{Actor, Artifact, Body, Event, Metadata, Provenance, Run, Signer, docker_purl};
use crate::random::Random;

/// Who vouches for the images of a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Signing {
    /// Nobody.
    Unsigned,
    /// A long-lived key.
    Key(String),
    /// The workflow's identity.
    Keyless,
}

/// A container repository as it stands.
#[derive(Debug, Clone)]
pub(crate) struct Repository {
    /// `owner/name` on Docker Hub.
    pub(crate) path: String,
    /// `owner/name` on GitHub.
    pub(crate) source: String,
    pub(crate) source_id: u64,
    pub(crate) workflow: String,
    /// The account that pushes.
    pub(crate) account: String,
    pub(crate) license: String,
    pub(crate) signing: Signing,
    pub(crate) version: Version,
    /// For each image of a release, the tags it gets: `{v}`, `{minor}`, `{major}` stand for the version's parts.
    pub(crate) images: Vec<Vec<&'static str>>,
    pub(crate) size: u64,
    /// What each tag points to.
    pub(crate) tags: BTreeMap<String, String>,
}

/// One pushed image.
#[derive(Debug, Clone)]
pub(crate) struct Push {
    pub(crate) digest: String,
    /// The tags it gets, in the order in which they are set.
    pub(crate) tags: Vec<String>,
    pub(crate) size: u64,
}

impl Repository {
    /// A run of the repository's own workflow.
    pub(crate) fn run(&self, at: Moment, random: &mut Random) -> Run {
        let mut run = ci::run(at, &self.source, &self.workflow, random);
        run.trigger = "release";
        run
    }

    /// The images of this version, with digests drawn.
    pub(crate) fn pushes(&self, random: &mut Random) -> Vec<Push> {
        let Version(major, minor, _) = self.version;
        let filled = |tag: &&str| {
            tag.replace("{v}", &self.version.to_string())
                .replace("{minor}", &format!("{major}.{minor}"))
                .replace("{major}", &major.to_string())
        };
        let image = |tags: &Vec<&'static str>| Push {
            digest: format!("sha256:{}", random.hex(64)),
            tags: tags.iter().map(filled).collect(),
            size: self.size + random.below(self.size / 50 + 1),
        };
        self.images.iter().map(image).collect()
    }

    /// Publishes images from a run: each is pushed, tagged and signed. Returns when the last of it was done.
    pub(crate) fn publish(
        &mut self,
        at: Moment,
        (pushes, run): (&[Push], &Run),
        feed: &mut Feed,
        origin: Origin,
        random: &mut Random,
    ) -> Moment {
        let mut now = at;
        for push in pushes {
            self.tell_push(now, push, run, feed, origin, random);
            for tag in &push.tags {
                now = now.plus(random.between(600, 2_200));
                self.tag(tag, &push.digest, now, feed, origin, random);
            }
            now = now.plus(random.between(3 * SECOND, 20 * SECOND));
            if let Some(signer) = self.signer(run) {
                let predicate = if signer.key_id.is_some() { ci::SIGNATURE } else { ci::SLSA };
                self.tell_signature(now, &push.digest, (signer, predicate), feed, origin, random);
            }
            now = now.plus(random.between(SECOND, 9 * SECOND));
        }
        now
    }

    /// Whoever signs for this repository now.
    pub(crate) fn signer(&self, run: &Run) -> Option<Signer> {
        match &self.signing {
            Signing::Unsigned => None,
            Signing::Key(key) => Some(ci::keyed(key, &format!("release@{}.example", self.account))),
            Signing::Keyless => Some(ci::keyless(run, &self.git_ref(), self.source_id)),
        }
    }

    /// The account as an actor.
    pub(crate) fn actor(&self) -> Actor {
        Actor { principal: self.account.clone(), kind: "service", auth: "token" }
    }

    /// The event of a push.
    pub(crate) fn tell_push(
        &self,
        at: Moment,
        push: &Push,
        run: &Run,
        feed: &mut Feed,
        origin: Origin,
        random: &mut Random,
    ) {
        // Only a fixed version is a version; an image that floating tags alone point to is known by its digest.
        let version = push.tags.iter().find(|tag| is_fixed(tag));
        let metadata = Metadata {
            publisher: self.account.clone(),
            maintainers: vec![self.account.clone()],
            license: self.license.clone(),
            repository: run.source_repository.clone(),
            description: format!("Image of {}", self.path),
            size_bytes: push.size,
            file_count: 4 + push.size % 9,
            tool: Some("docker/28.0.4 buildx/0.22.0".to_owned()),
            provenance: Provenance {
                level: if self.signing == Signing::Unsigned { "token" } else { "attested" },
                builder: Some("https://mobyproject.org/buildkit@v1".to_owned()),
                run: Some(run.clone()),
                source_ref: Some(self.git_ref()),
            },
            ..Metadata::default()
        };
        let purl = docker_purl(&self.path);
        let purl = version.map_or_else(|| purl.clone(), |version| format!("{purl}@{version}"));
        let artifact = Artifact { purl, tag: None, digest: Some(push.digest.clone()) };
        let id = format!("{}/push/{}/{}", feed.registry, self.path, &push.digest[7..19]);
        self.tell(id, at, artifact, Body::Publish { metadata: Box::new(metadata) }, feed, origin, random);
    }

    /// Points a tag to a digest.
    pub(crate) fn tag(
        &mut self,
        tag: &str,
        digest: &str,
        at: Moment,
        feed: &mut Feed,
        origin: Origin,
        random: &mut Random,
    ) {
        let previous = self.tags.insert(tag.to_owned(), digest.to_owned());
        let artifact = Artifact { purl: docker_purl(&self.path), tag: None, digest: Some(digest.to_owned()) };
        let id = format!("{}/tag/{}/{tag}/{}", feed.registry, self.path, at.unix_ms());
        self.tell(id, at, artifact, Body::Tag { tag: tag.to_owned(), previous }, feed, origin, random);
    }

    /// The event of a signature or attestation over a digest.
    pub(crate) fn tell_signature(
        &self,
        at: Moment,
        digest: &str,
        (signer, predicate): (Signer, &'static str),
        feed: &mut Feed,
        origin: Origin,
        random: &mut Random,
    ) {
        let entry = ci::log_entry(at, feed, random);
        let artifact = Artifact { purl: docker_purl(&self.path), tag: None, digest: Some(digest.to_owned()) };
        let id = format!("{}/sign/{}", feed.registry, entry.index);
        let body = Body::Sign {
            signer: Box::new(signer),
            predicate,
            transparency_log: Some(entry),
            signed_at: at.plus(-2 * SECOND).precise(),
        };
        self.tell(id, at, artifact, body, feed, origin, random);
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "an event needs its subject, its time, its feed and its chance"
    )]
    fn tell(
        &self,
        id: String,
        time: Moment,
        artifact: Artifact,
        body: Body,
        feed: &mut Feed,
        origin: Origin,
        random: &mut Random,
    ) {
        let registry = feed.registry;
        let event = Event { id, time, registry, artifact: Some(artifact), actor: Some(self.actor()), body };
        feed.tell(origin, &event, random);
    }

    fn git_ref(&self) -> String {
        format!("refs/tags/v{}", self.version)
    }
}

/// Whether a tag names one version for good: `1.2.3`, `v1.2.3-debian`.
pub(crate) fn is_fixed(tag: &str) -> bool {
    let number = tag.trim_start_matches('v').split('-').next().unwrap_or(tag);
    number.split('.').count() == 3 && number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
}

/// Plays the neighbours of a container registry into the feed.
pub(crate) fn play(feed: &mut Feed, random: &Random, quarter: Quarter, from: Moment, until: Moment) {
    let mut namer = Namer::new(random.fork("names"), quarter);
    for nth in 0..30 {
        let mut own = random.fork_nth("neighbour", nth);
        let mut repository = neighbour(&mut namer, nth, &mut own);
        let eager = 0.04 + 0.12 * own.unit();
        let hour = own.between(7, 20);
        let mut day = from.midnight();
        while day < until {
            let at = day.plus(hour * HOUR + own.between(0, 2 * HOUR));
            if own.chance(if day.is_weekend() { eager / 5.0 } else { eager }) {
                repository.version = repository.version.next(Bump::drawn(&mut own));
                repository.size = repository.size.saturating_add_signed(own.between(-90_000, 120_000));
                let (pushes, run) = (repository.pushes(&mut own), repository.run(at, &mut own));
                repository.publish(at, (&pushes, &run), feed, Origin::Background, &mut own);
            } else if nth % 6 == 1 && own.chance(0.14) {
                // A new base image: the moving tags get a new digest, the fixed one stays.
                let run = repository.run(at, &mut own);
                let mut pushes = repository.pushes(&mut own);
                for push in &mut pushes {
                    push.tags.retain(|tag| !is_fixed(tag));
                }
                pushes.retain(|push| !push.tags.is_empty());
                repository.publish(at, (&pushes, &run), feed, Origin::Background, &mut own);
            }
            if nth % 7 == 2 {
                let nightly = day.plus(HOUR + own.between(0, 20 * MINUTE));
                let run = repository.run(nightly, &mut own);
                let digest = format!("sha256:{}", own.hex(64));
                let push = Push { digest, tags: vec!["nightly".to_owned()], size: repository.size };
                repository.publish(nightly, (&[push], &run), feed, Origin::Background, &mut own);
            }
            day = day.plus(DAY);
        }
    }
}

fn neighbour(namer: &mut Namer, nth: usize, random: &mut Random) -> Repository {
    let (owner, name) = (namer.organisation(), namer.project());
    let images = match nth % 4 {
        0 => vec![vec!["{v}", "latest"]],
        1 => vec![vec!["{v}", "{minor}", "{major}", "latest"]],
        2 => vec![vec!["v{v}", "latest"], vec!["v{v}-alpine", "alpine"]],
        _ => vec![vec!["{v}", "{minor}", "latest"], vec!["{v}-debian", "{minor}-debian", "debian"]],
    };
    let signing = match nth % 10 {
        0 => Signing::Unsigned,
        1 | 4 | 8 => Signing::Key(ci::key_id(random)),
        _ => Signing::Keyless,
    };
    let number = |random: &mut Random, most| u32::try_from(random.below(most)).unwrap_or(0);
    Repository {
        path: format!("{owner}/{name}"),
        source: format!("{owner}/{name}"),
        source_id: 100_000_000 + random.below(900_000_000),
        workflow: ".github/workflows/publish.yml".to_owned(),
        account: owner,
        license: "Apache-2.0".to_owned(),
        signing,
        version: Version(number(random, 5), number(random, 20), number(random, 9)),
        images,
        size: 9_000_000 + random.below(160_000_000),
        tags: BTreeMap::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn fixed_tags_of_neighbours_never_move_and_floating_ones_do() {
        let mut feed = Feed::of("docker-hub");
        let from = Moment::utc((2026, 1, 1), (0, 0, 0));
        let until = from.plus(110 * DAY);
        play(&mut feed, &Random::new(4), Quarter(1), from, until);
        let (lines, _) = feed.publishes.cut(from, until, until);
        let mut moved = BTreeSet::new();
        for line in &lines {
            let event: serde_json::Value = serde_json::from_str(line).unwrap();
            if event["type"] == "tag" && event["previous"].is_string() {
                moved.insert(event["tag"].as_str().unwrap().to_owned());
            }
        }
        assert!(
            moved.contains("latest") && moved.contains("nightly") && moved.contains("debian"),
            "{moved:?}"
        );
        assert!(!moved.iter().any(|tag| is_fixed(tag)), "{moved:?}");
        assert!(lines.len() > 900, "{}", lines.len());
    }

    #[test]
    fn fixed_tags_are_known() {
        let fixed = |tag: &str| is_fixed(tag);
        assert!(["1.2.3", "v2.1.20", "v2.1.20-debian"].into_iter().all(fixed));
        assert!(!["latest", "1", "1.2", "v1.2-debian", "alpine", "nightly"].into_iter().any(fixed));
    }
}
