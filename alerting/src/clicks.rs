//! What clicks on a message's buttons do: verified, taken once, and written down with who clicked.
//!
//! Nothing is read of a request before its signature is right, and nothing is done that the command line could not do:
//! *Acknowledge* is `sealwatch incident acknowledge`, *Silence 4 h* is `sealwatch silences add` over the incident's own
//! findings, with the same rules for what a silence never hides. Both stand in the ledger under `slack:<id> (<name>)`.

use std::collections::BTreeSet;
use std::sync::Arc;

use detectors::finding::{Decision, Finding, IncidentId};
use detectors::incident::Status;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::{Decided, Desk, RunId, StoreError, StoredIncident, Triage};
use thiserror::Error;
use transport::{Clock, SecretString};

use crate::dispatcher::Waker;
use crate::receivers::slack_bot::interaction::{Click, ClickError, Request, Seen, Wish};
use crate::routing::{Matchers, Owners, Pattern, PatternError};
use crate::rules::findings_of;
use crate::silence::{DraftError, SilenceDraft};

/// How long the button's silence holds, in nanoseconds.
pub const SILENCE_FOR: i64 = 4 * 3_600 * 1_000_000_000;
/// How often a decision is tried when somebody else decides at the same moment.
const TRIES: usize = 3;
/// Most subjects that one click silences.
const SUBJECTS_MAX: usize = 50;

/// `[alerting.clicks]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClicksConfig {
    /// Where clicks are taken: an address and a port of this machine. Slack reaches it through a proxy that speaks HTTPS,
    /// at the path `/slack/interactions`; every request must be signed.
    #[schemars(with = "String")]
    pub listen: std::net::SocketAddr,
}

/// Takes clicks.
pub struct Clicks {
    desk: Desk,
    secrets: Vec<SecretString>,
    seen: Seen,
    owners: Owners,
    clock: Arc<dyn Clock>,
    waker: Waker,
}

/// What a click came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Done {
    /// Whoever clicked works on it now.
    Acknowledged,
    /// Somebody works on it already, or closed it: nothing was changed.
    TakenBefore,
    /// Its findings are hidden until this clock time.
    Silenced {
        /// Until when.
        until: i64,
    },
    /// The page was opened; nothing was to be done.
    Opened,
}

/// Why a click did nothing.
#[derive(Debug, Error)]
pub enum ClickRefused {
    /// It is not one of ours, or not for the first time.
    #[error(transparent)]
    Click(#[from] ClickError),
    /// There is no such incident any more.
    #[error("cannot act on an incident that is not there")]
    NoIncident,
    /// Its subjects cannot be silenced by a click.
    #[error("cannot silence more than {SUBJECTS_MAX} subjects, or a name as long, by a click")]
    Subjects,
    /// The silence breaks a rule.
    #[error("cannot silence the incident")]
    Draft(#[from] DraftError),
    /// Others decide about it all the time.
    #[error("cannot decide: others decided at the same moment, {TRIES} times")]
    Busy,
    /// The store cannot be used.
    #[error("cannot write down what was clicked")]
    Store(#[from] StoreError),
}

impl Clicks {
    /// Takes clicks that are signed with one of these secrets.
    #[must_use]
    pub fn new(
        desk: Desk,
        secrets: Vec<SecretString>,
        owners: Owners,
        clock: Arc<dyn Clock>,
        waker: Waker,
    ) -> Self {
        Self { desk, secrets, seen: Seen::default(), owners, clock, waker }
    }

    /// Verifies a request and does what was clicked. It reads and writes the database: call it where that may block.
    ///
    /// # Errors
    /// [`ClickRefused`]; nothing was changed then.
    pub fn take(&self, request: Request<'_>) -> Result<Done, ClickRefused> {
        let now = self.clock.unix_nanos();
        let click = self.verified(request, now.div_euclid(1_000_000_000))?;
        let done = match click.wish {
            Wish::Open => Done::Opened,
            Wish::Acknowledge => self.acknowledge(&click, now)?,
            Wish::SilenceFourHours => self.silence(&click, now)?,
        };
        tracing::info!(who = %click.who, incident = %click.incident, ?done, "a button was clicked");
        self.waker.wake();
        Ok(done)
    }

    /// Several bots have a secret each; a request is one bot's.
    fn verified(&self, request: Request<'_>, now: i64) -> Result<Click, ClickError> {
        let mut refused = ClickError::Forged;
        for secret in &self.secrets {
            match self.seen.take(secret, request, now) {
                Err(ClickError::Forged) => {}
                Err(error) => refused = error,
                taken => return taken,
            }
        }
        Err(refused)
    }

    fn acknowledge(&self, click: &Click, now: i64) -> Result<Done, ClickRefused> {
        for _ in 0..TRIES {
            let stored = self.incident(&click.incident)?;
            if !matches!(stored.incident.status, Status::New | Status::OnHold) {
                return Ok(Done::TakenBefore);
            }
            let triage = Triage {
                run: &RunId::Live,
                incident: &stored.incident.id,
                seen_revision: stored.revision,
                now,
                author: &click.who,
                status: Status::InProgress,
                owner: Some(&click.who),
                verdict: None,
                reason: "clicked Acknowledge in Slack",
                config_hash: None,
            };
            if let Decided::Done { .. } = self.desk.triage(&triage)? {
                return Ok(Done::Acknowledged);
            }
        }
        Err(ClickRefused::Busy)
    }

    fn silence(&self, click: &Click, now: i64) -> Result<Done, ClickRefused> {
        let stored = self.incident(&click.incident)?;
        let findings = findings_of(self.desk.reader(), &RunId::Live, &stored.incident)?;
        let told: Vec<_> =
            findings.into_iter().filter(|finding| finding.decision != Decision::BelowBudget).collect();
        let draft = SilenceDraft {
            matchers: matchers(&told).ok_or(ClickRefused::Subjects)?,
            owner: click.who.clone(),
            reason: format!("clicked Silence 4 h in Slack on incident {}", stored.incident.id),
            starts_at: now,
            ends_at: now.saturating_add(SILENCE_FOR),
            ceiling: None,
        };
        let form = draft.form(&told, &self.owners, now)?;
        self.desk.add_silence(&draft.stored(&form), now)?;
        Ok(Done::Silenced { until: draft.ends_at })
    }

    fn incident(&self, id: &IncidentId) -> Result<StoredIncident, ClickRefused> {
        self.desk.reader().incident(&RunId::Live, id)?.ok_or(ClickRefused::NoIncident)
    }
}

/// Exactly these subjects and detectors. A name is taken letter by letter: whoever chose it may have chosen a star.
fn matchers(findings: &[Finding]) -> Option<Matchers> {
    let names: BTreeSet<&str> = findings.iter().map(|finding| &*finding.subject.name).collect();
    if names.is_empty() || names.len() > SUBJECTS_MAX {
        return None;
    }
    let mut kinds: Vec<_> = findings.iter().map(|finding| finding.subject.kind).collect();
    kinds.sort_unstable();
    kinds.dedup();
    let mut detectors: Vec<_> = findings.iter().map(|finding| finding.detector).collect();
    detectors.sort_unstable();
    detectors.dedup();
    let literal = names.into_iter().map(Pattern::literal).collect::<Result<_, PatternError>>();
    Some(Matchers { detectors, subject_kinds: kinds, subject_regexes: literal.ok()?, ..Matchers::default() })
}

#[cfg(test)]
mod tests;
