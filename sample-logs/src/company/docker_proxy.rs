//! The company's pull-through cache of Docker Hub: pipelines that pull tools, nodes that pull services, a few people.

use super::clients::{Kind, Regular, people, pipelines};
use crate::clock::{DAY, HOUR, MINUTE, Moment};
use crate::combined::{Client, Request};
use crate::journal::{Journal, Origin};
use crate::publishing::docker::is_fixed;
use crate::random::{Random, hash};

const PIPELINE_USERS: [&str; 6] =
    ["svc-web-ci", "svc-api-ci", "svc-infra-ci", "svc-data-ci", "svc-release", "svc-e2e"];
const PIPELINE_AGENTS: [&str; 2] =
    ["containers/5.34.2 (github.com/containers/image)", "containers/5.32.0 (github.com/containers/image)"];
const NODE_AGENT: &str = "containerd/2.0.5";
const DESK_AGENTS: [&str; 2] =
    ["docker/28.0.4 go/go1.23.7 os/linux arch/amd64", "docker/27.5.1 go/go1.22.11 os/darwin arch/arm64"];

/// Tools that pipelines pull, with their tags.
const TOOLS: [(&str, &str); 18] = [
    ("library/node", "22"),
    ("library/node", "22-alpine"),
    ("library/python", "3.13-slim"),
    ("library/golang", "1.24"),
    ("library/maven", "3.9"),
    ("library/alpine", "3.21"),
    ("hadolint/hadolint", "latest"),
    ("koalaman/shellcheck", "stable"),
    ("sonarsource/sonar-scanner-cli", "latest"),
    ("hashicorp/terraform", "1.11"),
    ("alpine/helm", "3.17.2"),
    ("bitnami/kubectl", "latest"),
    ("postman/newman", "6-alpine"),
    ("cypress/included", "14.3.0"),
    ("library/docker", "28-dind"),
    ("gitleaks/gitleaks", "v8.24.2"),
    ("openpolicyagent/conftest", "latest"),
    ("library/eclipse-temurin", "21-jdk"),
];

/// Services that nodes run.
const SERVICES: [(&str, &str); 20] = [
    ("library/nginx", "1.27"),
    ("library/redis", "7.4"),
    ("library/postgres", "17"),
    ("library/rabbitmq", "4.0-management"),
    ("library/memcached", "1.6"),
    ("library/traefik", "v3.3"),
    ("grafana/grafana", "11.6.0"),
    ("grafana/loki", "3.4.2"),
    ("prom/prometheus", "v3.2.1"),
    ("prom/node-exporter", "v1.9.1"),
    ("fluent/fluent-bit", "3.2.10"),
    ("envoyproxy/envoy", "v1.33.2"),
    ("library/haproxy", "3.1"),
    ("minio/minio", "latest"),
    ("library/mongo", "8.0"),
    ("library/busybox", "1.37"),
    ("openzipkin/zipkin", "3"),
    ("jaegertracing/all-in-one", "1.67.0"),
    ("library/vault", "1.13.3"),
    ("rancher/mirrored-pause", "3.6"),
];

/// The company as the cache sees it.
#[derive(Debug)]
pub(crate) struct DockerCompany {
    regulars: Vec<Regular>,
    /// The scanner that the scenario is about, with the tags that pipelines pull it by.
    scanner: (String, Vec<&'static str>),
}

impl DockerCompany {
    /// The company, whose pipelines scan with this image by these tags.
    pub(crate) fn new(scanner: &str, tags: &[&'static str], random: &Random) -> Self {
        let mut regulars = pipelines(&PIPELINE_USERS, &PIPELINE_AGENTS, 55.0, random);
        regulars.extend(people(7, &DESK_AGENTS, 2.0, random));
        regulars.extend((0..10).map(|nth| Regular {
            client: Client {
                address: format!("10.30.{}.{}", nth / 4, 11 + nth),
                user: "svc-k8s".to_owned(),
                agent: NODE_AGENT.to_owned(),
            },
            kind: Kind::Node,
            a_day: 13.0,
        }));
        Self { regulars, scanner: (scanner.to_owned(), tags.to_vec()) }
    }

    /// Everyday traffic from `from` until `until`.
    pub(crate) fn play(&self, journal: &mut Journal, random: &Random, from: Moment, until: Moment) {
        for (nth, regular) in self.regulars.iter().enumerate() {
            let mut own = random.fork_nth("regular", nth);
            let mut hour = from;
            while hour < until {
                for _ in 0..regular.sessions(hour, &mut own) {
                    let at = hour.plus(own.between(0, HOUR - 1));
                    self.session(journal, regular, at, &mut own);
                }
                hour = hour.plus(HOUR);
            }
        }
    }

    fn session(&self, journal: &mut Journal, regular: &Regular, at: Moment, own: &mut Random) {
        let mut pull = Pull { journal, client: &regular.client, now: at, origin: Origin::Background };
        match regular.kind {
            Kind::Pipeline if own.chance(0.2) => {
                // Runners keep the scanner's layers; they ask for the tag each time.
                let tag = *own.pick(&self.scanner.1);
                pull.by_tag(&self.scanner.0, tag, own);
            }
            Kind::Pipeline => {
                let (path, tag) = *own.pick(&TOOLS);
                pull.by_tag(path, tag, own);
                if own.chance(0.12) {
                    pull.layers(path, &digest_at(path, tag, at), own);
                }
            }
            Kind::Node | Kind::Person => {
                let (path, tag) = *own.pick(&SERVICES);
                pull.by_digest(path, tag, &digest_at(path, tag, at), own);
            }
        }
    }

    /// Pulls of the scanner that the case brings: merge requests for a new version start pipelines everywhere, and
    /// each of them fetches an image that no runner has yet.
    pub(crate) fn surge(&self, journal: &mut Journal, surge: &ImageSurge<'_>, random: &mut Random) {
        let length = surge.until.since(surge.from);
        let pipelines: Vec<&Regular> =
            self.regulars.iter().filter(|regular| regular.kind == Kind::Pipeline).collect();
        for _ in 0..surge.pulls {
            let soon = random.unit() * random.unit();
            #[expect(clippy::cast_possible_truncation, reason = "a share of some hours in milliseconds")]
            let at = surge.from.plus((length as f64 * soon) as i64);
            let client = &random.pick(&pipelines).client;
            let (tag, digest) = random.pick(surge.images);
            let mut pull = Pull { journal, client, now: at, origin: Origin::Case };
            pull.by_tag(&self.scanner.0, tag, random);
            pull.layers(&self.scanner.0, digest, random);
        }
    }
}

/// Pulls of an image under new digests.
pub(crate) struct ImageSurge<'a> {
    pub(crate) from: Moment,
    pub(crate) until: Moment,
    pub(crate) pulls: usize,
    /// Tags and the digests that they point to meanwhile.
    pub(crate) images: &'a [(String, String)],
}

/// A client in the middle of a pull.
struct Pull<'a> {
    journal: &'a mut Journal,
    client: &'a Client,
    now: Moment,
    origin: Origin,
}

impl Pull<'_> {
    fn tell(&mut self, method: &'static str, path: String, bytes: u64, own: &mut Random) {
        self.now = self.now.plus(own.between(15, 900));
        let request = Request { time: self.now, method, path, status: 200, bytes };
        self.journal.take(self.origin, self.now, self.now, request.line(self.client));
    }

    /// podman and buildah ask for the manifest by its tag.
    fn by_tag(&mut self, path: &str, tag: &str, own: &mut Random) {
        self.tell("GET", format!("/v2/{path}/manifests/{tag}"), manifest_size(path), own);
    }

    /// containerd and docker ask what the tag is, then for the index by digest if they do not have it.
    fn by_digest(&mut self, path: &str, tag: &str, digest: &str, own: &mut Random) {
        self.tell("HEAD", format!("/v2/{path}/manifests/{tag}"), 0, own);
        if own.chance(0.35) {
            self.tell("GET", format!("/v2/{path}/manifests/{digest}"), manifest_size(path), own);
            self.layers(path, digest, own);
        }
    }

    fn layers(&mut self, path: &str, digest: &str, own: &mut Random) {
        for layer in 0..2_u64 {
            let seed = hash(format!("{digest}/{layer}").as_bytes());
            let blob = format!("/v2/{path}/blobs/sha256:{}", Random::new(seed).hex(64));
            self.tell("GET", blob, if layer == 0 { 5_000 + seed % 4_000 } else { seed % 90_000_000 }, own);
        }
    }
}

/// What a tag of the everyday images points to: a moving one moves about every nine days, each at its own time.
fn digest_at(path: &str, tag: &str, at: Moment) -> String {
    let name = hash(format!("{path}:{tag}").as_bytes());
    let shift = i64::try_from(name % 9).unwrap_or(0) * DAY + 7 * MINUTE;
    let turn = if is_fixed(tag) { 0 } else { at.plus(shift).unix_ms().div_euclid(9 * DAY) };
    format!("sha256:{}", Random::new(name ^ turn.unsigned_abs()).hex(64))
}

fn manifest_size(path: &str) -> u64 {
    1_200 + hash(path.as_bytes()) % 9_000
}
