//! `signing-policy`: hard facts about who may sign and publish what, with what, and for how long.
//!
//! No probability: a rule is broken or it is not, and its severity is declared here. Always on: a revoked key signs, a
//! certificate is used outside its validity, an algorithm on the list of refused ones. Where the owner says so: keys grow
//! too old, signatures must be in a log, a namespace has its signers and publishers. Each rule is told once for a signer
//! and an artifact, not at each signature. NIST SP 800-57 part 1 (key life), SP 800-131A (algorithms).
//! ATT&CK T1553.002. Runbook: docs/runbook.md#signing-policy.

mod config;
mod explain;
#[cfg(test)]
mod tests;

pub use config::{MAX_NAMES, MAX_NAMESPACES, NamespaceRule, SigningPolicyConfig};

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::catalogue::CatalogueEntry;
use crate::change_lane::{Mark, Place, Places, artifact_subject, counts, keep_latest, scored, subject};
use crate::creation::publisher;
use crate::detector::{Detector, Scores, Seen, Verdict};
use crate::event::{AccountChange, Event, EventKind, EventTime, Sign, Span};
use crate::finding::{DetectorId, Severity, SubjectKind};
use crate::signing::signer_row;

/// Its place in the catalogue.
pub const ENTRY: CatalogueEntry = CatalogueEntry {
    id: DetectorId::SigningPolicy,
    fires_when: "a rule is broken: revoked key, expired certificate, refused algorithm, key life, log, who may sign or publish",
    techniques: &["T1553.002"],
    needs_events: &["sign"],
    needs_fields: &["signer.key_id or signer.identity"],
    warm_up: "none: hard facts",
};

/// Facts remembered as told, per signer or publisher; a flood tells the oldest again.
pub const MAX_TOLD: usize = 64;
/// Clocks of signers and logs may differ by so much.
const SKEW: Span = Span::minutes(10);

/// The detector.
#[derive(Debug, Clone, Default)]
pub struct SigningPolicy {
    config: Arc<SigningPolicyConfig>,
}

/// What is remembered of one signer or publisher: 30 bytes, and 10 for each fact that was told.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct PolicyState {
    places: Places,
    /// When the key was first seen to sign.
    first: Option<(EventTime, Place)>,
    revoked: Option<(EventTime, Place)>,
    told: Vec<Mark>,
}

/// A rule that was broken.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Broken {
    /// The key was revoked before.
    Revoked,
    /// The certificate was not valid when the signature was made or logged.
    OutsideValidity { valid: String, used: EventTime },
    /// The algorithm is refused.
    Algorithm(Arc<str>),
    /// The key has been in use for longer than it may.
    TooOld { days: u32, most: u32 },
    /// The signature is in no log.
    NotInLog,
    /// The signer is not one of the namespace's.
    Signer(String),
    /// The publisher is not one of the namespace's.
    Publisher(String),
}

impl Broken {
    /// What makes it told once.
    fn key(&self) -> &str {
        match self {
            Self::Revoked => "revoked",
            Self::OutsideValidity { .. } => "validity",
            Self::Algorithm(name) => name,
            Self::TooOld { .. } => "age",
            Self::NotInLog => "log",
            Self::Signer(namespace) | Self::Publisher(namespace) => namespace,
        }
    }

    /// The severity that the rule declares: somebody who may not, or a key that must not, is worth a look now.
    const fn severity(&self) -> Severity {
        match self {
            Self::Revoked | Self::Signer(_) | Self::Publisher(_) => Severity::High,
            Self::OutsideValidity { .. } | Self::Algorithm(_) | Self::NotInLog => Severity::Medium,
            Self::TooOld { .. } => Severity::Low,
        }
    }
}

impl SigningPolicy {
    /// A detector with an owner's rules.
    #[must_use]
    pub fn new(config: SigningPolicyConfig) -> Self {
        Self { config: Arc::new(config) }
    }
}

impl Detector for SigningPolicy {
    type State = PolicyState;
    const ID: DetectorId = DetectorId::SigningPolicy;
    const MAJOR: u32 = 1;

    fn observe(&self, state: &mut PolicyState, seen: &Seen<'_>, out: &mut Scores) {
        let event = seen.event();
        if !counts(seen) {
            return;
        }
        let place = state.places.keep(&event.position);
        let broken = match &event.kind {
            EventKind::Account(account) if account.change == AccountChange::KeyRevoked => {
                state.revoked.get_or_insert((event.time, place));
                return;
            }
            EventKind::Sign(sign) => {
                state.first.get_or_insert((event.time, place));
                self.broken_by_signature(state, event, sign)
            }
            EventKind::Publish(_) => self.broken_by_publish(event),
            _ => return,
        };
        let who = artifact_subject(event)
            .or_else(|| signer_row(event).map(|name| subject(event, SubjectKind::Signer, &name)));
        let Some(who) = who else { return };
        for rule in broken {
            let mark = Mark::of(seen.seed, &[rule.key(), &who.name]);
            if state.told.contains(&mark) {
                continue;
            }
            keep_latest(&mut state.told, MAX_TOLD, mark);
            let explanation = explain::statement(state, seen, &rule).explained(seen);
            let verdict = Verdict::Violation(rule.severity());
            out.violation(scored(seen, (Self::ID, Self::MAJOR), who.clone(), verdict, explanation));
            // One finding an event: its id is that of the event, and the first rule is the gravest.
            break;
        }
    }
}

impl SigningPolicy {
    /// Whether any namespace says who may publish there: else publishers need no state.
    #[must_use]
    pub fn rules_publishers(&self) -> bool {
        self.config.namespaces.iter().any(|rule| !rule.publishers.is_empty())
    }

    /// The rules that a signature breaks, the gravest first.
    fn broken_by_signature(&self, state: &PolicyState, event: &Event, sign: &Sign) -> Vec<Broken> {
        let (config, signer) = (&self.config, &sign.signer);
        let mut broken = Vec::new();
        if state.revoked.is_some_and(|(revoked, _)| event.time > revoked) {
            broken.push(Broken::Revoked);
        }
        let names = [signer.key_id.as_deref(), signer.identity.as_deref()];
        let name = signer_row(event);
        let allowed = |rule: &NamespaceRule| {
            let mut names = names.iter().flatten().copied().chain(name.as_deref());
            names.any(|name| rule.signers.iter().any(|allowed| is_named(allowed, name)))
        };
        let rule = self.namespace(event).filter(|rule| !rule.signers.is_empty() && !allowed(rule));
        broken.extend(rule.map(|rule| Broken::Signer(rule.prefix.clone())));
        // When it was used: as a log saw it, else as it says itself. A feed that reads old signatures today says nothing.
        let logged = sign.transparency_log.as_ref().and_then(|log| log.integrated_time);
        if let Some(used) = logged.or(sign.signed_at) {
            let early = signer.not_before.filter(|from| used.plus(SKEW) < *from);
            let late = signer.not_after.filter(|until| used > until.plus(SKEW));
            let valid =
                early.map(|from| format!("from {from}")).or(late.map(|until| format!("until {until}")));
            broken.extend(valid.map(|valid| Broken::OutsideValidity { valid, used }));
        }
        let refused = signer.algorithm.as_ref().filter(|name| config.refuses(name));
        broken.extend(refused.map(|name| Broken::Algorithm(Arc::clone(name))));
        if config.require_log && sign.transparency_log.is_none() {
            broken.push(Broken::NotInLog);
        }
        if let (Some(most), Some((first, _)), None) = (config.max_key_days, state.first, &signer.issuer) {
            let days = event.time.since(first).as_days_f64() as u32;
            if days > most {
                broken.push(Broken::TooOld { days, most });
            }
        }
        broken
    }

    fn broken_by_publish(&self, event: &Event) -> Vec<Broken> {
        let Some(rule) = self.namespace(event).filter(|rule| !rule.publishers.is_empty()) else {
            return vec![];
        };
        let Some(publisher) = publisher(event) else { return vec![] };
        let allowed = rule.publishers.iter().any(|allowed| is_named(allowed, publisher));
        if allowed { vec![] } else { vec![Broken::Publisher(rule.prefix.clone())] }
    }

    /// The rule of an artifact's namespace: the longest prefix wins.
    fn namespace(&self, event: &Event) -> Option<&NamespaceRule> {
        let key = event.artifact.as_ref()?.key.as_ref()?.as_str();
        let mine = self.config.namespaces.iter().filter(|rule| key.starts_with(&rule.prefix));
        mine.max_by_key(|rule| rule.prefix.len())
    }
}

/// Whether an allowed name is this one; one that ends in `*` stands for all that begin so.
fn is_named(allowed: &str, name: &str) -> bool {
    match allowed.strip_suffix('*') {
        Some(start) => name.starts_with(start),
        None => allowed.eq_ignore_ascii_case(name),
    }
}
