//! The frame of a recording: its span, its streams, its background, and the files that come out.

use crate::clock::Moment;
use crate::company::npm_catalogue::Entry;
use crate::company::npm_proxy::NpmCompany;
use crate::journal::{Feed, Journal};
use crate::manifest::{About, FileEntry, Nature};
use crate::names::Quarter;
use crate::publishing::npm_population;
use crate::random::Random;
use crate::{Ecosystem, Format, LogFile, Recording, Role, Variant};

/// What frames a scenario.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stage {
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    pub(crate) source: &'static str,
    /// The seed; also the number of the incident in the list that the cases are taken from.
    pub(crate) seed: u64,
    pub(crate) nature: Nature,
    /// The names of its neighbours.
    pub(crate) quarter: Quarter,
    /// The registry of the feed, and the name of the proxy.
    pub(crate) registry: &'static str,
    pub(crate) proxy: &'static str,
    /// Since when the feed and the proxy are recorded.
    pub(crate) feed_from: Moment,
    pub(crate) proxy_from: Moment,
    /// The judged day.
    pub(crate) day_start: Moment,
    pub(crate) day_end: Moment,
}

impl Stage {
    /// The chance behind the background of this variant.
    pub(crate) fn background(&self, variant: Variant) -> Random {
        let bent = variant.jitter_seed.map_or(0, |seed| seed.wrapping_add(1).wrapping_mul(0x1_0000_0001));
        Random::new(self.seed).fork("background").fork(&format!("{bent}"))
    }

    /// The chance behind the case itself.
    pub(crate) fn case(&self, variant: Variant) -> Random {
        self.background(variant).fork("case")
    }

    /// An npm feed with the neighbours' life in it.
    pub(crate) fn npm_feed(&self, background: &Random) -> Feed {
        let mut feed = Feed::of(self.registry);
        npm_population::play(&mut feed, &background.fork("feed"), self.quarter, self.feed_from, self.day_end);
        feed
    }

    /// The company behind its npm proxy, and the proxy's log with its everyday traffic.
    pub(crate) fn npm_company(
        &self,
        focus: &[Entry],
        core: usize,
        background: &Random,
    ) -> (NpmCompany, Journal) {
        let random = background.fork("proxy");
        let company = NpmCompany::new(focus, core, &random, self.proxy_from, self.day_end);
        let mut journal = Journal::default();
        company.play(&mut journal, &random, self.proxy_from, self.day_end);
        (company, journal)
    }

    /// Cuts the streams into files.
    pub(crate) fn recording(&self, feed: Feed, proxy: Journal) -> Recording {
        let cut = |journal: Journal, from| journal.cut(from, self.day_start, self.day_end);
        let streams = [
            cut(feed.publishes, self.feed_from),
            cut(feed.signatures, self.feed_from),
            cut(proxy, self.proxy_from),
        ];
        let mut files = Vec::new();
        for (stream, (history, day)) in self.streams().into_iter().zip(streams) {
            files.push(self.file(stream, Role::History, history));
            files.push(self.file(stream, Role::AttackDay, day));
        }
        Recording { files }
    }

    /// The files as `scenario.toml` lists them.
    pub(crate) fn entries(&self) -> Vec<FileEntry> {
        let roles = [Role::History, Role::AttackDay];
        let files = self
            .streams()
            .into_iter()
            .flat_map(|stream| roles.map(|role| self.file(stream, role, Vec::new())));
        files
            .map(|file| FileEntry {
                path: file.path(),
                role: file.role,
                format: file.format,
                ecosystem: file.ecosystem,
                topic: file.topic,
                registry: file.registry,
            })
            .collect()
    }

    /// What the recording of this variant is, its case beginning at `epoch`.
    pub(crate) fn about(&self, variant: Variant, epoch: Moment) -> About {
        About {
            name: self.name.to_owned(),
            title: self.title.to_owned(),
            source: self.source.to_owned(),
            seed: self.seed,
            nature: if variant.attack { self.nature } else { Nature::Background },
            epoch,
            day_start: self.day_start,
            day_end: self.day_end,
        }
    }

    const fn streams(&self) -> [Stream; 3] {
        [
            Stream { of: "publishes", format: Format::Native, registry: self.registry },
            Stream { of: "signatures", format: Format::Native, registry: self.registry },
            Stream { of: "proxy", format: Format::Combined, registry: self.proxy },
        ]
    }

    fn file(&self, stream: Stream, role: Role, lines: Vec<String>) -> LogFile {
        let topic = format!("{}-{}", self.name, stream.of);
        let day = if role == Role::AttackDay { "-day" } else { "" };
        let ending = if stream.format == Format::Native { "jsonl" } else { "log" };
        LogFile {
            name: format!("{topic}{day}.{ending}"),
            role,
            format: stream.format,
            ecosystem: match stream.format {
                Format::Native => None,
                Format::Combined if self.registry == "npm" => Some(Ecosystem::Npm),
                Format::Combined => Some(Ecosystem::Oci),
            },
            topic,
            registry: stream.registry.to_owned(),
            lines,
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct Stream {
    of: &'static str,
    format: Format,
    registry: &'static str,
}
