//! What the tests of the download detectors share: accesses in a few words, shown to one detector.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::detector::{Detector, Look, PriorKey, Priors, Scored, Scores, Seen, Tally, Verdict};
use crate::event::{
    Access, AccessAction, Actor, ActorKind, Artifact, AuthMethod, Country, Digest, Event, EventId, EventKind,
    EventTime, Ordered, Outcome, PackageUrl, PartitionId, Position, Span, Timeliness, Withdraw,
    WithdrawAction,
};
use crate::finding::{DetectorId, Severity};

/// One access; what is not said is as usual.
#[derive(Debug, Clone)]
pub(crate) struct Ask {
    pub(crate) who: String,
    pub(crate) name: String,
    pub(crate) version: &'static str,
    pub(crate) outcome: Outcome,
    pub(crate) country: &'static str,
    pub(crate) asn: u32,
    pub(crate) agent: &'static str,
    pub(crate) kind: ActorKind,
    pub(crate) digest: Option<String>,
    pub(crate) withdraw: Option<WithdrawAction>,
}

impl Ask {
    pub(crate) fn of(who: &str, name: &str) -> Self {
        Self {
            who: who.to_owned(),
            name: name.to_owned(),
            version: "1.0.0",
            outcome: Outcome::Success,
            country: "DE",
            asn: 3_320,
            agent: "npm/10.2.1 node/v20",
            kind: ActorKind::Human,
            digest: None,
            withdraw: None,
        }
    }

    fn event(&self, time: EventTime, offset: i64) -> Event {
        let purl = PackageUrl::new("npm", &self.name, Some(self.version)).unwrap();
        let mut artifact = Artifact::of(&purl);
        artifact.digest = self.digest.as_deref().map(|digest| Digest::parse(digest).unwrap());
        Event {
            id: EventId::Producer(format!("event-{offset}").into()),
            time,
            position: Position {
                partition: Arc::new(PartitionId {
                    source: "stage".into(),
                    stream: "asks".into(),
                    partition: 0,
                }),
                offset,
                index: 0,
            },
            registry: "npm".into(),
            artifact: Some(artifact),
            actor: Actor {
                principal: Some(self.who.as_str().into()),
                kind: Some(self.kind),
                user_agent: Some(self.agent.into()),
                country: Country::parse(self.country),
                asn: Some(self.asn),
                auth: Some(AuthMethod::Token),
                ..Actor::default()
            },
            outcome: self.outcome,
            status: None,
            request_id: None,
            kind: match self.withdraw {
                Some(action) => EventKind::Withdraw(Withdraw { action, reason: None }),
                None => {
                    EventKind::Access(Access { action: AccessAction::Pull, bytes: None, duration_ms: None })
                }
            },
        }
    }
}

/// One detector and one subject's state, which goes through its saved form after every event.
pub(crate) struct Stage<'a, D: Detector> {
    detector: &'a D,
    pub(crate) state: D::State,
    priors: Priors,
    coming: BTreeMap<PriorKey, Tally>,
    pub(crate) clock: EventTime,
    offset: i64,
    pub(crate) said: Vec<Scored>,
    pub(crate) looks: Vec<Look>,
    pub(crate) timeliness: Timeliness,
}

impl<'a, D: Detector> Stage<'a, D> {
    pub(crate) fn new(detector: &'a D) -> Self {
        Self {
            detector,
            state: D::State::default(),
            priors: Priors::default(),
            coming: BTreeMap::new(),
            clock: EventTime::parse("2026-01-05T09:00:00Z").unwrap(),
            offset: 0,
            said: Vec::new(),
            looks: Vec::new(),
            timeliness: Timeliness::OnTime,
        }
    }

    /// Lets time pass; `close` closes what ended at each hour.
    pub(crate) fn pass(
        &mut self,
        span: Span,
        mut close: impl FnMut(&D, &mut D::State, EventTime, &Priors, &mut Scores),
    ) {
        let until = self.clock.plus(span);
        let mut boundary = self.clock.floor_to(Span::hours(1)).plus(Span::hours(1));
        while boundary <= until {
            let mut out = Scores { now: boundary, ..Scores::default() };
            close(self.detector, &mut self.state, boundary, &self.priors, &mut out);
            self.keep(out);
            for (key, more) in std::mem::take(&mut self.coming) {
                let tally = self.priors.0.entry(key).or_default();
                tally.hits += more.hits;
                tally.chances += more.chances;
            }
            boundary = boundary.plus(Span::hours(1));
        }
        self.clock = until;
    }

    pub(crate) fn show(&mut self, ask: &Ask) {
        self.offset += 1;
        let event = ask.event(self.clock, self.offset);
        let ordered = Ordered { order: self.clock, event: Arc::new(event), timeliness: self.timeliness };
        let seen = Seen { ordered: &ordered, priors: &self.priors, seed: 7 };
        let mut out = Scores { now: self.clock, ..Scores::default() };
        self.detector.observe(&mut self.state, &seen, &mut out);
        let saved = postcard::to_stdvec(&self.state).unwrap();
        self.state = postcard::from_bytes(&saved).unwrap();
        self.keep(out);
    }

    fn keep(&mut self, out: Scores) {
        for (key, more) in out.tallies {
            let tally = self.coming.entry(key).or_default();
            tally.hits += more.hits;
            tally.chances += more.chances;
        }
        self.said.extend(out.looks.iter().filter_map(|look| look.scored.as_deref().cloned()));
        self.looks.extend(out.looks);
    }

    /// The loudest exact bits of what a detector said since the last call; a violation counts as 100.
    pub(crate) fn loudest(&mut self, id: DetectorId) -> f64 {
        let said = std::mem::take(&mut self.said);
        said.iter().filter(|scored| scored.detector == id).map(bits).fold(0.0, f64::max)
    }

    /// The severities of the violations since the last call.
    pub(crate) fn violations(&mut self, id: DetectorId) -> Vec<Severity> {
        let said = std::mem::take(&mut self.said);
        let of = said.iter().filter(|scored| scored.detector == id);
        of.filter_map(|scored| match scored.verdict {
            Verdict::Violation(severity) => Some(severity),
            Verdict::Surprise { .. } => None,
        })
        .collect()
    }
}

fn bits(scored: &Scored) -> f64 {
    match &scored.verdict {
        Verdict::Surprise { tail, .. } => tail.exact.bits(),
        Verdict::Violation(_) => 100.0,
    }
}
