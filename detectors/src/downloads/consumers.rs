//! Who consumes an artifact: `new-consumer` where a quiet one gets a consumer unlike its others, and `bad-version-pull` where
//! what was taken back, or is known to be bad, is pulled all the same.
//!
//! `new-consumer` is method c of the catalogue: a Pitman–Yor process of the artifact's principals, and one of the networks they
//! come from ([`crate::statistics::pitman_yor`]), combined by Cauchy; each principal counts once a day. An artifact with many consumers is public
//! in effect: it is left alone. `bad-version-pull` is a rule: the log itself says that the version was withdrawn, or the owner says
//! that the digest is bad. ATT&CK T1213.003, T1195.002. Runbook: docs/runbook.md#new-consumer, docs/runbook.md#bad-version-pull.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::download_volume::is_pull;
use super::statement::Statement;
use crate::detector::{Cell, Detector, Scores, Seen, Verdict};
use crate::event::{Event, EventKind, EventTime, Span, WithdrawAction, shown_artifact};
use crate::finding::{Anchor, DetectorId, Evidence, Fact, Measure, Severity, Subject, SubjectKind};
use crate::key_table::hash_key;
use crate::statistics::cauchy::cauchy_equal;
use crate::statistics::pitman_yor::{Familiarity, PitmanYor};
use crate::statistics::{Tail, tie_break};

/// Distinct consumers from which an artifact is no longer quiet.
pub const QUIET_CONSUMERS: f64 = 12.0;
/// Days with pulls before consumers are judged.
const DAYS_NEEDED: u32 = 14;
/// Principals of one day that are remembered, so that each counts once.
const PRINCIPALS_A_DAY: usize = 16;
/// Withdrawn versions and digests that are remembered; the oldest is forgotten.
pub const WITHDRAWN_REMEMBERED: usize = 16;

/// The detector, with the digests that the owner knows to be bad, sorted.
#[derive(Debug, Clone, Default)]
pub struct Consumers {
    bad_digests: Arc<[String]>,
}

impl Consumers {
    /// With the digests that are known to be bad, in whatever order.
    #[must_use]
    pub fn knowing(bad_digests: &[String]) -> Self {
        let mut sorted: Vec<String> = bad_digests.iter().map(|digest| digest.to_ascii_lowercase()).collect();
        sorted.sort_unstable();
        Self { bad_digests: sorted.into() }
    }

    /// Whether an event concerns it.
    #[must_use]
    pub fn concerns(event: &Event) -> bool {
        is_pull(event) || matches!(event.kind, EventKind::Withdraw(_))
    }
}

/// What is kept of an artifact's consumers: 40 bytes once it is busy, at most 800 while it is quiet.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ConsumersState {
    company: Company,
    withdrawn: Vec<Withdrawn>,
    /// The last day on which a pull of a digest that is known to be bad was told.
    bad_told: Option<EventTime>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Company {
    Quiet(Box<Quiet>),
    /// More consumers than [`QUIET_CONSUMERS`]: one more is no news.
    Busy,
}

impl Default for Company {
    fn default() -> Self {
        Self::Quiet(Box::default())
    }
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
struct Quiet {
    day: Option<EventTime>,
    days: u32,
    today: Vec<u64>,
    principals: PitmanYor,
    networks: PitmanYor,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Withdrawn {
    version: Option<Arc<str>>,
    digest: Option<Arc<str>>,
    how: WithdrawAction,
    since: EventTime,
    /// The last day on which a pull of it was told.
    told: Option<EventTime>,
}

impl Detector for Consumers {
    type State = ConsumersState;
    const ID: DetectorId = DetectorId::NewConsumer;
    const MAJOR: u32 = 1;

    fn observe(&self, state: &mut ConsumersState, seen: &Seen<'_>, out: &mut Scores) {
        let event = seen.event();
        if let EventKind::Withdraw(withdraw) = &event.kind {
            state.note(event, withdraw.action, seen.now());
        } else if is_pull(event) && seen.is_on_time() {
            if !state.withdrawn.is_empty() || !self.bad_digests.is_empty() {
                self.judge_version(state, seen, out);
            }
            state.judge_consumer(seen, out);
        }
    }
}

impl ConsumersState {
    fn note(&mut self, event: &Event, how: WithdrawAction, now: EventTime) {
        let Some(artifact) = &event.artifact else { return };
        let digest = artifact.digest.as_ref().map(|digest| Arc::from(digest.as_str()));
        let version = artifact.version.clone().or_else(|| artifact.tag.clone());
        let same = |known: &Withdrawn| {
            known.version.is_some() && known.version == version
                || known.digest.is_some() && known.digest == digest
        };
        self.withdrawn.retain(|known| !same(known));
        match how {
            WithdrawAction::Unyank | WithdrawAction::Release | WithdrawAction::Deprecate => return,
            WithdrawAction::Yank
            | WithdrawAction::Unpublish
            | WithdrawAction::Delete
            | WithdrawAction::Quarantine => {}
        }
        if version.is_none() && digest.is_none() {
            return;
        }
        if self.withdrawn.len() >= WITHDRAWN_REMEMBERED {
            self.withdrawn.remove(0);
        }
        self.withdrawn.push(Withdrawn { version, digest, how, since: now, told: None });
    }

    fn judge_consumer(&mut self, seen: &Seen<'_>, out: &mut Scores) {
        let Company::Quiet(quiet) = &mut self.company else { return };
        let event = seen.event();
        let Some(principal) = &event.actor.principal else { return };
        let day = seen.now().floor_to(Span::days(1));
        let hash = hash_key(seen.seed, "consumer", principal);
        if quiet.day == Some(day) && quiet.today.contains(&hash) {
            return;
        }
        let gap = quiet.day.map_or(0.0, |last| day.since(last).as_days_f64());
        if quiet.day != Some(day) {
            quiet.today.clear();
            quiet.day = Some(day);
            quiet.days = quiet.days.saturating_add(1);
        }
        if quiet.today.len() >= PRINCIPALS_A_DAY {
            self.company = Company::Busy;
            return;
        }
        quiet.today.push(hash);
        let network = event.actor.asn.map(|asn| hash_key(seen.seed, "network", &asn.to_string()));
        if quiet.days > DAYS_NEEDED {
            quiet.judge(hash, network, day, seen, out);
        }
        quiet.principals.update(hash, gap);
        if let Some(network) = network {
            quiet.networks.update(network, gap);
        }
        if quiet.principals.distinct() > QUIET_CONSUMERS {
            self.company = Company::Busy;
        }
    }
}

impl Quiet {
    fn judge(&self, principal: u64, network: Option<u64>, day: EventTime, seen: &Seen<'_>, out: &mut Scores) {
        let event = seen.event();
        let Some(subject) = subject_of(event) else { return };
        let u = |what: &str| tie_break(seen.seed, what, &subject.name, day.nanos() ^ principal.cast_signed());
        let who = self.principals.score(principal, None, u("new-consumer"));
        let from = network.map(|network| self.networks.score(network, None, u("new-consumer network")));
        let tails: Vec<Tail> = std::iter::once(who.tail).chain(from.map(|from| from.tail)).collect();
        let read = |part: fn(&Tail) -> crate::statistics::PValue| {
            cauchy_equal(tails.iter().map(part)).unwrap_or(crate::statistics::PValue::ONE)
        };
        let tail = Tail {
            exact: read(|tail| tail.exact),
            randomised: read(|tail| tail.randomised),
            mid: read(|tail| tail.mid),
        };
        let cell = Cell {
            detector: DetectorId::NewConsumer,
            registry: subject.registry.clone(),
            tier: u8::from(from.is_some()),
            age: u8::from(self.days >= 60),
        };
        out.surprise(tail, cell, |verdict| {
            let name = shown_artifact(&subject.name);
            let (days, distinct) = (self.days, self.principals.distinct());
            let stranger = if from.is_some_and(|from| from.familiarity == Familiarity::New) {
                ", from a network that none of them uses"
            } else {
                ""
            };
            let consumer = event.actor.principal.as_deref().unwrap_or_default();
            let what = if who.familiarity == Familiarity::New { "a new consumer" } else { "a rare consumer" };
            Statement {
                detector: DetectorId::NewConsumer,
                time: seen.now(),
                anchor: Anchor::Event(event.id.clone()),
                observed: Measure::name(consumer, "consumer"),
                expected: None,
                summary: format!(
                    "`{name}` was pulled by {what}, `{consumer}`{stranger}; on {days} days it had {distinct:.0} consumers"
                ),
                counterfactual: "silent if one of its usual consumers had pulled it".to_owned(),
                evidence: vec![access(event)],
                subject,
            }
            .scored(verdict)
        });
    }
}

impl Consumers {
    fn judge_version(&self, state: &mut ConsumersState, seen: &Seen<'_>, out: &mut Scores) {
        let event = seen.event();
        let (Some(artifact), Some(subject)) = (&event.artifact, subject_of(event)) else { return };
        let day = seen.now().floor_to(Span::days(1));
        let digest = artifact.digest.as_ref().map(crate::event::Digest::as_str);
        let version = artifact.version.as_deref().or(artifact.tag.as_deref());
        let known_bad = digest
            .is_some_and(|digest| self.bad_digests.binary_search_by(|bad| bad.as_str().cmp(digest)).is_ok());
        let withdrawn = state.withdrawn.iter_mut().find(|known| {
            known.digest.is_some() && known.digest.as_deref() == digest
                || known.version.is_some() && known.version.as_deref() == version
        });
        let (severity, why, since) = match withdrawn {
            _ if known_bad => {
                if state.bad_told.replace(day) == Some(day) {
                    return;
                }
                (Severity::Critical, "is on the list of bad digests", None)
            }
            Some(known) if known.told != Some(day) && known.since < seen.now() => {
                known.told = Some(day);
                let (severity, why) = match known.how {
                    // Lock files keep yanked versions in use for years: worth keeping, no more.
                    WithdrawAction::Yank => (Severity::Info, "was yanked"),
                    WithdrawAction::Quarantine => (Severity::High, "is in quarantine"),
                    _ => (Severity::Medium, "was taken back"),
                };
                (severity, why, Some(known.since))
            }
            _ => return,
        };
        let what = version.or(digest).unwrap_or_default().to_owned();
        let (name, anchor) = (shown_artifact(&subject.name), Anchor::Event(event.id.clone()));
        let principal = event.actor.principal.as_deref().unwrap_or("somebody");
        let statement = Statement {
            detector: DetectorId::BadVersionPull,
            time: seen.now(),
            anchor,
            observed: Measure::name(what.clone(), "version"),
            expected: None,
            summary: match since {
                Some(since) => {
                    let hours = seen.now().since(since).as_hours_f64();
                    format!("`{name}` {what} {why} {hours:.1} hours before `{principal}` pulled it")
                }
                None => format!("`{principal}` pulled `{name}` {what}, which {why}"),
            },
            counterfactual: format!("silent if nobody pulled {what}"),
            evidence: vec![access(event)],
            subject,
        };
        out.violation(statement.scored(Verdict::Violation(severity)));
    }
}

fn subject_of(event: &Event) -> Option<Subject> {
    let key = event.artifact.as_ref()?.key.as_ref()?;
    Some(Subject::new(SubjectKind::Artifact, event.registry.clone(), key.shared()))
}

fn access(event: &Event) -> Evidence {
    let artifact = event.artifact.as_ref().and_then(|artifact| artifact.key.as_ref());
    Evidence {
        fact: Fact::Access {
            artifact: artifact.map(ToString::to_string).unwrap_or_default(),
            principal: event.actor.principal.as_deref().unwrap_or_default().to_owned(),
        },
        time: event.time,
        position: Some((&event.position).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::downloads::stage::{Ask, Stage};

    fn day(stage: &mut Stage<'_, Consumers>) {
        stage.pass(Span::days(1), |_, _, _, _, _| {});
    }

    /// Three consumers of one network for so many days.
    fn quiet(stage: &mut Stage<'_, Consumers>, days: usize) {
        for _ in 0..days {
            for who in ["build", "deploy", "audit"] {
                stage.show(&Ask::of(who, "vault"));
            }
            day(stage);
        }
    }

    #[test]
    fn a_stranger_at_a_quiet_artifact_is_told_and_a_usual_consumer_is_not() {
        let consumers = Consumers::default();
        let mut stage = Stage::new(&consumers);
        quiet(&mut stage, 60);
        assert!(stage.loudest(DetectorId::NewConsumer) < 8.0);
        stage.show(&Ask { asn: 131_279, ..Ask::of("mallory", "vault") });
        assert!(stage.loudest(DetectorId::NewConsumer) > 7.0);
        stage.show(&Ask { asn: 131_279, ..Ask::of("mallory", "vault") });
        assert!(stage.loudest(DetectorId::NewConsumer) <= 0.0, "once a day");
    }

    #[test]
    fn a_young_or_busy_artifact_is_left_alone() {
        let consumers = Consumers::default();
        let mut stage = Stage::new(&consumers);
        quiet(&mut stage, 10);
        stage.show(&Ask::of("mallory", "vault"));
        assert!(stage.looks.is_empty());
        for at in 0..60 {
            for who in 0..3 {
                stage.show(&Ask::of(&format!("user-{}", at + who), "vault"));
            }
            day(&mut stage);
        }
        assert!(postcard::to_stdvec(&stage.state).unwrap().len() <= 4);
        stage.said.clear();
        stage.show(&Ask::of("stranger", "vault"));
        assert!(stage.loudest(DetectorId::NewConsumer) <= 0.0);
    }

    #[test]
    fn pulls_of_what_was_taken_back_are_told_once_a_day() {
        for (action, expected) in [
            (WithdrawAction::Yank, vec![Severity::Info]),
            (WithdrawAction::Unpublish, vec![Severity::Medium]),
            (WithdrawAction::Quarantine, vec![Severity::High]),
            (WithdrawAction::Deprecate, vec![]),
        ] {
            let consumers = Consumers::default();
            let mut stage = Stage::new(&consumers);
            let withdrawal = |action| Ask { withdraw: Some(action), ..Ask::of("owner", "vault") };
            stage.show(&withdrawal(action));
            stage.pass(Span::hours(1), |_, _, _, _, _| {});
            stage.show(&Ask { version: "0.9.0", ..Ask::of("build", "vault") });
            stage.show(&Ask::of("build", "vault"));
            stage.show(&Ask::of("deploy", "vault"));
            assert_eq!(stage.violations(DetectorId::BadVersionPull), expected, "{action:?}");
            day(&mut stage);
            stage.show(&withdrawal(WithdrawAction::Release));
            stage.show(&Ask::of("build", "vault"));
            assert_eq!(stage.violations(DetectorId::BadVersionPull), []);
        }
    }

    #[test]
    fn a_digest_that_is_known_to_be_bad_is_told_once_a_day() {
        let (bad, good) = (format!("sha256:{}", "a".repeat(64)), format!("sha256:{}", "b".repeat(64)));
        let consumers =
            Consumers::knowing(&[bad.to_ascii_uppercase().replace("SHA", "sha"), "sha256:0".to_owned()]);
        let mut stage = Stage::new(&consumers);
        for digest in [&good, &bad, &bad] {
            stage.show(&Ask { digest: Some(digest.clone()), ..Ask::of("build", "vault") });
        }
        assert_eq!(stage.violations(DetectorId::BadVersionPull), [Severity::Critical]);
    }

    #[test]
    fn withdrawn_versions_are_bounded() {
        let consumers = Consumers::default();
        let mut stage = Stage::new(&consumers);
        for version in ["1.0.1", "1.0.2", "1.0.3", "1.0.4", "1.0.5", "1.0.6", "1.0.7", "1.0.8", "1.0.9"] {
            for name in ["1", "2"] {
                let version: &'static str = Box::leak(format!("{version}{name}").into_boxed_str());
                stage.show(&Ask {
                    version,
                    withdraw: Some(WithdrawAction::Delete),
                    ..Ask::of("owner", "vault")
                });
            }
        }
        assert_eq!(stage.state.withdrawn.len(), WITHDRAWN_REMEMBERED);
        assert!(postcard::to_stdvec(&stage.state).unwrap().len() <= 800);
    }
}
