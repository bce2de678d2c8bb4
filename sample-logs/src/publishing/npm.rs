//! An npm project with its packages, and the events that one of its publishes leaves in the registry's feed.

use std::collections::BTreeMap;

use super::ci;
use super::version::Version;
use crate::clock::{Moment, SECOND};
use crate::journal::{Feed, Origin};
use crate::native::{Actor, Artifact, Body, Event, Metadata, Provenance, Run, Signer, npm_purl};
use crate::random::Random;

/// How a project proves that a version is its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Trust {
    /// A person's long-lived token.
    Token(String),
    /// A robot's token, with a provenance attestation by the workflow.
    Attested(String),
    /// A trusted publisher: the workflow's own short-lived token, with an attestation.
    Trusted,
}

/// A key that a project signs its tarballs with, beside the attestation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ReleaseKey {
    pub(crate) key_id: String,
    /// From when to when it signs.
    pub(crate) from: Moment,
    pub(crate) until: Moment,
}

/// A repository and the packages that are released from it.
#[derive(Debug, Clone)]
pub(crate) struct NpmProject {
    /// `owner/name` on GitHub.
    pub(crate) repository: String,
    pub(crate) repository_id: u64,
    pub(crate) workflow: String,
    pub(crate) maintainers: Vec<String>,
    pub(crate) license: String,
    pub(crate) trust: Trust,
    pub(crate) tool: String,
    pub(crate) keys: Vec<ReleaseKey>,
    pub(crate) packages: Vec<NpmPackage>,
}

/// A package as its newest version stands.
#[derive(Debug, Clone)]
pub(crate) struct NpmPackage {
    /// `@scope/name` or `name`.
    pub(crate) name: String,
    pub(crate) version: Version,
    /// What stands behind the version, `-nightly.20260501`.
    pub(crate) suffix: String,
    pub(crate) description: String,
    pub(crate) keywords: Vec<String>,
    pub(crate) size: u64,
    pub(crate) files: u64,
    pub(crate) scripts: Vec<String>,
    pub(crate) binaries: u64,
    pub(crate) dependencies: BTreeMap<String, String>,
    /// What each dist-tag points to.
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) digest: String,
}

impl NpmPackage {
    /// The version with what stands behind it.
    pub(crate) fn full_version(&self) -> String {
        format!("{}{}", self.version, self.suffix)
    }

    /// What an event calls this version.
    pub(crate) fn artifact(&self) -> Artifact {
        Artifact {
            purl: format!("{}@{}", npm_purl(&self.name), self.full_version()),
            tag: None,
            digest: Some(self.digest.clone()),
        }
    }
}

/// What a publish is done with: the run and commit of a workflow, or a person's machine.
#[derive(Debug, Clone)]
pub(crate) struct Act {
    pub(crate) run: Option<Run>,
    pub(crate) vcs_ref: Option<String>,
    /// The dist-tag it sets.
    pub(crate) dist_tag: &'static str,
    /// The client, if it names itself.
    pub(crate) tool: Option<String>,
}

impl NpmProject {
    /// A publish by the project's own workflow or maintainer.
    pub(crate) fn act(&self, at: Moment, random: &mut Random) -> Act {
        let run = match self.trust {
            Trust::Token(_) => None,
            Trust::Attested(_) | Trust::Trusted => {
                Some(ci::run(at, &self.repository, &self.workflow, random))
            }
        };
        Act { run, vcs_ref: Some(random.hex(40)), dist_tag: "latest", tool: Some(self.tool.clone()) }
    }

    /// Who publishes, as the registry names them.
    pub(crate) fn publisher(&self) -> String {
        match &self.trust {
            Trust::Token(account) | Trust::Attested(account) => account.clone(),
            Trust::Trusted => "GitHub Actions".to_owned(),
        }
    }

    /// Who publishes, as an actor.
    pub(crate) fn actor(&self) -> Actor {
        match &self.trust {
            Trust::Token(account) => Actor { principal: account.clone(), kind: "human", auth: "token" },
            Trust::Attested(account) => Actor { principal: account.clone(), kind: "robot", auth: "token" },
            Trust::Trusted => {
                let principal = format!("github:{}/{}", self.repository, self.workflow);
                Actor { principal, kind: "service", auth: "oidc" }
            }
        }
    }

    /// What the registry says about the package's newest version.
    pub(crate) fn metadata(&self, package: &NpmPackage, act: &Act) -> Metadata {
        let level = match self.trust {
            Trust::Token(_) => "token",
            Trust::Attested(_) => "attested",
            Trust::Trusted => "trusted-publisher",
        };
        let attested = act.run.is_some();
        Metadata {
            publisher: self.publisher(),
            maintainers: self.maintainers.clone(),
            license: self.license.clone(),
            repository: format!("https://github.com/{}", self.repository),
            description: package.description.clone(),
            keywords: package.keywords.clone(),
            size_bytes: package.size,
            file_count: package.files,
            install_scripts: package.scripts.clone(),
            binaries: package.binaries,
            dependencies: package.dependencies.clone(),
            vcs_ref: act.vcs_ref.clone(),
            tool: act.tool.clone(),
            provenance: Provenance {
                level,
                builder: attested.then(|| "https://github.com/actions/runner/github-hosted".to_owned()),
                run: act.run.clone(),
                source_ref: attested.then(|| MAIN.to_owned()),
            },
        }
    }

    /// Publishes the package as it stands: the version, its dist-tag, its attestation and its signatures.
    pub(crate) fn publish(
        &mut self,
        nth: usize,
        at: Moment,
        act: &Act,
        feed: &mut Feed,
        origin: Origin,
        random: &mut Random,
    ) {
        let metadata = self.metadata(&self.packages[nth], act);
        let actor = self.actor();
        tell_publish(feed, origin, at, &self.packages[nth], metadata, actor.clone(), random);
        let version = self.packages[nth].full_version();
        self.tag(nth, act.dist_tag, &version, at.plus(random.between(40, 400)), feed, origin, random);
        let signed = at.plus(random.between(300, 2_000));
        if let Some(run) = &act.run {
            let signer = ci::keyless(run, MAIN, self.repository_id);
            tell_signature(feed, origin, signed, &self.packages[nth], signer, ci::SLSA, &actor, random);
        }
        for key in self.keys.iter().filter(|key| key.from <= at && at < key.until) {
            let signer = ci::keyed(&key.key_id, &self.signing_identity());
            let later = signed.plus(random.between(500, 4_000));
            tell_signature(feed, origin, later, &self.packages[nth], signer, ci::SIGNATURE, &actor, random);
        }
    }

    /// Sets a dist-tag to a version that exists.
    #[expect(
        clippy::too_many_arguments,
        reason = "an event needs its subject, its time, its feed and its chance"
    )]
    pub(crate) fn tag(
        &mut self,
        nth: usize,
        tag: &'static str,
        version: &str,
        at: Moment,
        feed: &mut Feed,
        origin: Origin,
        random: &mut Random,
    ) {
        let actor = self.actor();
        let package = &mut self.packages[nth];
        let previous = package.tags.insert(tag.to_owned(), version.to_owned());
        let event = Event {
            id: format!("{}/tag/{}/{tag}/{version}/{}", feed.registry, package.name, at.unix_ms()),
            time: at,
            registry: feed.registry,
            artifact: Some(Artifact {
                purl: format!("{}@{version}", npm_purl(&package.name)),
                ..Artifact::default()
            }),
            actor: Some(actor),
            body: Body::Tag { tag: tag.to_owned(), previous },
        };
        feed.tell(origin, &event, random);
    }

    /// Whom a release key speaks for.
    pub(crate) fn signing_identity(&self) -> String {
        let owner = self.repository.split('/').next().unwrap_or(&self.repository);
        format!("release@{}.example", owner.to_lowercase())
    }
}

/// The branch that everything is released from.
pub(crate) const MAIN: &str = "refs/heads/main";

/// Writes the publish alone.
pub(crate) fn tell_publish(
    feed: &mut Feed,
    origin: Origin,
    at: Moment,
    package: &NpmPackage,
    metadata: Metadata,
    actor: Actor,
    random: &mut Random,
) {
    let event = Event {
        id: format!("{}/publish/{}/{}", feed.registry, package.name, package.full_version()),
        time: at,
        registry: feed.registry,
        artifact: Some(package.artifact()),
        actor: Some(actor),
        body: Body::Publish { metadata: Box::new(metadata) },
    };
    feed.tell(origin, &event, random);
}

/// Writes a signature or attestation over the package's newest version.
#[expect(
    clippy::too_many_arguments,
    reason = "an event needs its subject, its time, its feed and its chance"
)]
pub(crate) fn tell_signature(
    feed: &mut Feed,
    origin: Origin,
    at: Moment,
    package: &NpmPackage,
    signer: Signer,
    predicate: &'static str,
    actor: &Actor,
    random: &mut Random,
) {
    let entry = ci::log_entry(at, feed, random);
    let event = Event {
        id: format!("{}/sign/{}", feed.registry, entry.index),
        time: at,
        registry: feed.registry,
        artifact: Some(package.artifact()),
        actor: Some(actor.clone()),
        body: Body::Sign {
            signer: Box::new(signer),
            predicate,
            transparency_log: Some(entry),
            signed_at: at.plus(-2 * SECOND).precise(),
        },
    };
    feed.tell(origin, &event, random);
}

/// Writes that a version was taken back.
pub(crate) fn tell_withdrawal(
    feed: &mut Feed,
    origin: Origin,
    at: Moment,
    (name, version): (&str, &str),
    (action, reason): (&'static str, &str),
    principal: &str,
    random: &mut Random,
) {
    let kind = if principal == "npm-security" { "service" } else { "human" };
    let event = Event {
        id: format!("{}/{action}/{name}/{version}/{}", feed.registry, at.unix_ms()),
        time: at,
        registry: feed.registry,
        artifact: Some(Artifact { purl: format!("{}@{version}", npm_purl(name)), ..Artifact::default() }),
        actor: Some(Actor { principal: principal.to_owned(), kind, auth: "session" }),
        body: Body::Withdraw { action, reason: reason.to_owned() },
    };
    feed.tell(origin, &event, random);
}

/// Writes that rights or credentials changed.
pub(crate) fn tell_account(
    feed: &mut Feed,
    origin: Origin,
    at: Moment,
    package: Option<&str>,
    principal: &str,
    (change, target): (&'static str, &str),
    random: &mut Random,
) {
    let event = Event {
        id: format!("{}/account/{principal}/{change}/{}", feed.registry, at.unix_ms()),
        time: at,
        registry: feed.registry,
        artifact: package.map(|name| Artifact { purl: npm_purl(name), ..Artifact::default() }),
        actor: Some(Actor { principal: principal.to_owned(), kind: "human", auth: "session" }),
        body: Body::Account { change, target: target.to_owned() },
    };
    feed.tell(origin, &event, random);
}
