//! The company's npm proxy: installs of people and pipelines, a bot that looks for updates, an inventory at night.

use super::clients::{Kind, Regular, people, pipelines};
use super::npm_catalogue::{Entry, catalogue, packument_path, packument_size, tarball_path, tarball_size};
use crate::clock::{DAY, HOUR, MINUTE, Moment, SECOND};
use crate::combined::{Client, Request};
use crate::journal::{Journal, Origin};
use crate::random::Random;

/// The service accounts of CI; the first one builds the web applications.
pub(crate) const PIPELINE_USERS: [&str; 8] = [
    "svc-web-ci",
    "svc-api-ci",
    "svc-mobile-ci",
    "svc-data-ci",
    "svc-infra-ci",
    "svc-release",
    "svc-e2e",
    "svc-preview",
];
/// The bot that opens merge requests for updates.
pub(crate) const UPDATER: &str = "svc-renovate";
/// The robot that walks the catalogue at night, as it may.
pub(crate) const INVENTORY: &str = "svc-inventory";

const PERSONAL_AGENTS: [&str; 4] = [
    "npm/10.9.2 node/v22.14.0 darwin arm64 workspaces/false",
    "npm/11.6.2 node/v24.11.0 linux x64 workspaces/true",
    "pnpm/10.24.0 npm/? node/v22.20.0 darwin arm64",
    "npm/10.9.2 node/v22.14.0 win32 x64 workspaces/false",
];
const PIPELINE_AGENTS: [&str; 3] = [
    "npm/10.9.2 node/v22.14.0 linux x64 workspaces/false ci/gitlab",
    "pnpm/10.24.0 npm/? node/v22.20.0 linux x64",
    "npm/11.6.2 node/v22.20.0 linux x64 workspaces/true ci/gitlab",
];

/// The company with what it builds.
#[derive(Debug)]
pub(crate) struct NpmCompany {
    catalogue: Vec<Entry>,
    applications: Vec<Application>,
    regulars: Vec<(Regular, Vec<usize>)>,
}

#[derive(Debug)]
struct Application {
    dependencies: Vec<usize>,
    lag: i64,
}

impl NpmCompany {
    /// The company. `focus` are the packages the scenario is about: the first `core` of them are in most
    /// applications, the rest in some.
    pub(crate) fn new(focus: &[Entry], core: usize, random: &Random, from: Moment, until: Moment) -> Self {
        let catalogue = catalogue(focus, &random.fork("catalogue"), from, until);
        let applications = (0..14)
            .map(|nth| {
                let mut own = random.fork_nth("application", nth);
                let uses_focus = nth % 3 != 2;
                let wanted = |own: &mut Random, at: usize, entry: &Entry| match at {
                    at if at < core => uses_focus,
                    at if at < focus.len() => uses_focus && own.chance(0.12),
                    _ if entry.private => own.chance(0.02),
                    _ => own.chance(0.22),
                };
                let dependencies =
                    (0..catalogue.len()).filter(|at| wanted(&mut own, *at, &catalogue[*at])).collect();
                Application { dependencies, lag: own.between(2, 16) * DAY }
            })
            .collect();
        let desks = people(18, &PERSONAL_AGENTS, 2.2, random);
        let regulars = desks.into_iter().chain(pipelines(&PIPELINE_USERS, &PIPELINE_AGENTS, 8.0, random));
        let regulars = regulars
            .enumerate()
            .map(|(nth, regular)| {
                let own = if regular.kind == Kind::Person { 2 } else { 4 };
                (regular, (0..own).map(|more| (nth * 5 + more * 3) % 14).collect())
            })
            .collect();
        Self { catalogue, applications, regulars }
    }

    /// Everyday traffic from `from` until `until`.
    pub(crate) fn play(&self, journal: &mut Journal, random: &Random, from: Moment, until: Moment) {
        for (nth, (regular, applications)) in self.regulars.iter().enumerate() {
            let mut own = random.fork_nth("regular", nth);
            let mut hour = from;
            while hour < until {
                for _ in 0..regular.sessions(hour, &mut own) {
                    let at = hour.plus(own.between(0, HOUR - 1));
                    let application = &self.applications[*own.pick(applications)];
                    self.session(journal, regular, application, at, &mut own);
                }
                hour = hour.plus(HOUR);
            }
        }
        self.look_for_updates(journal, random.fork("updater"), from, until);
        self.take_inventory(journal, random.fork("inventory"), from, until);
    }

    fn session(
        &self,
        journal: &mut Journal,
        regular: &Regular,
        application: &Application,
        at: Moment,
        own: &mut Random,
    ) {
        let mut desk = Desk { journal, client: &regular.client, now: at, origin: Origin::Background };
        // A fresh clone or a runner without its cache fetches everything, else a few documents are looked up.
        let cold = own.chance(if regular.kind == Kind::Pipeline { 0.16 } else { 0.05 });
        if cold {
            for nth in &application.dependencies {
                let entry = &self.catalogue[*nth];
                desk.tarball(&entry.name, entry.version_at(at, application.lag), own);
            }
            return;
        }
        if own.chance(0.006) {
            let path = packument_path(&format!("{}/{}", super::npm_catalogue::PRIVATE_SCOPE, own.hex(4)));
            desk.tell("GET", path, 404, 43, own);
        }
        for _ in 0..own.between(2, 6) {
            let entry = &self.catalogue[*own.pick(&application.dependencies)];
            if own.chance(0.7) {
                desk.tell("GET", packument_path(&entry.name), 304, 0, own);
            } else {
                desk.tell("GET", packument_path(&entry.name), 200, packument_size(&entry.name), own);
                desk.tarball(&entry.name, entry.version_at(at, application.lag), own);
            }
        }
        if regular.kind == Kind::Person {
            desk.tell("POST", "/-/npm/v1/security/advisories/bulk".to_owned(), 200, 2, own);
        }
    }

    /// The updater looks at a part of the catalogue each hour; most documents have not changed.
    fn look_for_updates(&self, journal: &mut Journal, mut own: Random, from: Moment, until: Moment) {
        let client = Client {
            address: "10.20.2.5".to_owned(),
            user: UPDATER.to_owned(),
            agent: "RenovateBot/41.20.0 (https://github.com/renovatebot/renovate)".to_owned(),
        };
        let mut hour = from;
        let mut next = 0;
        while hour < until {
            let now = hour.plus(own.between(2 * MINUTE, 6 * MINUTE));
            let mut desk = Desk { journal, client: &client, now, origin: Origin::Background };
            for _ in 0..12 {
                let name = &self.catalogue[next % self.catalogue.len()].name;
                next += 1;
                let (status, bytes) = if own.chance(0.85) { (304, 0) } else { (200, packument_size(name)) };
                desk.tell("GET", packument_path(name), status, bytes, &mut own);
            }
            hour = hour.plus(HOUR);
        }
    }

    /// Every night a robot walks a hundred names in order: a crawler that is normal.
    fn take_inventory(&self, journal: &mut Journal, mut own: Random, from: Moment, until: Moment) {
        let client = Client {
            address: "10.20.9.40".to_owned(),
            user: INVENTORY.to_owned(),
            agent: "python-requests/2.32.3".to_owned(),
        };
        let mut day = from.midnight();
        while day < until {
            let now = day.plus(2 * HOUR + 30 * MINUTE + own.between(0, MINUTE));
            let mut desk = Desk { journal, client: &client, now, origin: Origin::Background };
            for entry in self.catalogue.iter().filter(|entry| entry.private).take(90) {
                desk.tell("GET", packument_path(&entry.name), 200, packument_size(&entry.name), &mut own);
            }
            day = day.plus(DAY);
        }
    }

    /// Installs of new versions as the case has them: documents are fetched anew, then the tarballs.
    pub(crate) fn surge(&self, journal: &mut Journal, surge: &Surge<'_>, random: &mut Random) {
        let length = surge.until.since(surge.from);
        for _ in 0..surge.installs {
            // Most of it comes soon after the publish.
            let (one, other) = (random.unit(), random.unit());
            let soon = one * other;
            #[expect(clippy::cast_possible_truncation, reason = "a share of some hours in milliseconds")]
            let at = surge.from.plus((length as f64 * soon) as i64);
            let pipelines = self.regulars.iter().filter(|(regular, _)| regular.kind == Kind::Pipeline);
            let people = self.regulars.iter().filter(|(regular, _)| regular.kind == Kind::Person);
            let who: Vec<_> =
                if random.chance(surge.people) { people.collect() } else { pipelines.collect() };
            let client = &random.pick(&who).0.client;
            let mut desk = Desk { journal, client, now: at, origin: Origin::Case };
            for (name, version) in surge.packages {
                desk.tell("GET", packument_path(name), 200, packument_size(name), random);
                desk.tarball(name, version, random);
            }
        }
    }

    /// Somebody with a stolen token of this user walks the company's own packages and whatever else there is.
    pub(crate) fn walk(&self, journal: &mut Journal, walk: &Walk, random: &mut Random) {
        let mut names: Vec<&Entry> = self.catalogue.iter().filter(|entry| entry.private).collect();
        let mut public: Vec<&Entry> = self.catalogue.iter().filter(|entry| !entry.private).collect();
        random.shuffle(&mut names);
        random.shuffle(&mut public);
        names.extend(public);
        let mut desk = Desk { journal, client: &walk.client, now: walk.from, origin: Origin::Case };
        for entry in names.into_iter().take(walk.artifacts) {
            desk.tell("GET", packument_path(&entry.name), 200, packument_size(&entry.name), random);
            desk.tarball(&entry.name, entry.version_at(walk.from, 0), random);
            desk.now = desk.now.plus(random.between(SECOND, 6 * SECOND));
        }
    }
}

/// Installs that take up new versions.
pub(crate) struct Surge<'a> {
    pub(crate) from: Moment,
    pub(crate) until: Moment,
    pub(crate) installs: usize,
    /// The share of people among the clients; the rest are pipelines.
    pub(crate) people: f64,
    pub(crate) packages: &'a [(String, String)],
}

/// A walk over the catalogue with one token.
pub(crate) struct Walk {
    pub(crate) client: Client,
    pub(crate) from: Moment,
    pub(crate) artifacts: usize,
}

/// A client in the middle of a session.
struct Desk<'a> {
    journal: &'a mut Journal,
    client: &'a Client,
    now: Moment,
    origin: Origin,
}

impl Desk<'_> {
    fn tell(&mut self, method: &'static str, path: String, status: u16, bytes: u64, own: &mut Random) {
        self.now = self.now.plus(own.between(8, 140));
        let request = Request { time: self.now, method, path, status, bytes };
        self.journal.take(self.origin, self.now, self.now, request.line(self.client));
    }

    fn tarball(&mut self, name: &str, version: &str, own: &mut Random) {
        self.tell("GET", tarball_path(name, version), 200, tarball_size(name, version), own);
    }
}
