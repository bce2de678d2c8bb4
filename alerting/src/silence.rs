//! Silences: what somebody does not want to hear for a while, and what no silence ever hides.
//!
//! A silence hides findings, one by one; nobody is told of an incident only where silences hide every finding in it
//! that would be told. It never hides a finding more severe than its ceiling, which is set when it is made, nor one
//! about content (a digest) that was not known then: the silence was for what people had looked at.

mod draft;
mod preview;

use std::collections::BTreeSet;
use std::fmt;

use detectors::finding::{Decision, Fact, Finding, Link, Severity};
use serde::{Deserialize, Serialize};
use store::SilenceId;
use thiserror::Error;

pub use draft::{DraftError, SILENCE_DAYS_MAX, SilenceDraft, check_extension};
pub use preview::{EXAMPLES_MAX, Preview, PreviewRow, Seen};

use crate::routing::{IncidentView, Matchers, NotTold, Note, Owners};

/// The stored form's version.
const VERSION: u32 = 1;
/// Most digests a silence knows; a broader one is refused.
pub const DIGESTS_MAX: usize = 1_000;

/// What a silence hides, as the store keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SilenceForm {
    version: u32,
    /// Which findings.
    pub matchers: Matchers,
    /// Never more severe ones than this.
    pub ceiling: Severity,
    /// Content that was known when it was made; a finding about other content is told.
    pub digests: BTreeSet<String>,
}

/// Why a stored silence hides nothing.
#[derive(Debug, Error)]
pub enum SilenceError {
    /// It is not JSON of this form.
    #[error("cannot read what a silence hides")]
    Unreadable {
        /// Why not.
        #[source]
        source: serde_json::Error,
    },
    /// A newer program made it.
    #[error("cannot read a silence of form {found}: this program knows form {VERSION}")]
    Newer {
        /// Its form.
        found: u32,
    },
}

/// A silence that holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holding {
    /// Its number.
    pub id: SilenceId,
    /// What it hides.
    pub form: SilenceForm,
}

/// Why a silence that matches does not hide.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Pierce {
    /// It is more severe than the silence may hide.
    Severity {
        /// The most severe it may.
        ceiling: Severity,
    },
    /// It is about content that was not known when the silence was made.
    ChangedDigest {
        /// The content.
        digest: String,
    },
    /// Other findings of the incident are not hidden.
    Company,
    /// The incident has more findings than can be looked at.
    Unseen,
}

/// What a silence makes of one finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// It is not about it.
    Unmatched,
    /// It hides it.
    Hides,
    /// It matches and does not hide it.
    Pierced(Pierce),
}

impl SilenceForm {
    /// A silence over what the matchers match, up to a ceiling, where only this content is known.
    #[must_use]
    pub const fn new(matchers: Matchers, ceiling: Severity, digests: BTreeSet<String>) -> Self {
        Self { version: VERSION, matchers, ceiling, digests }
    }

    /// As the store keeps it.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("words, names and lists are always JSON")
    }

    /// Reads what the store kept.
    ///
    /// # Errors
    /// When it is unreadable or of a newer form.
    pub fn from_json(text: &str) -> Result<Self, SilenceError> {
        let form: Self = serde_json::from_str(text).map_err(|source| SilenceError::Unreadable { source })?;
        if form.version == VERSION { Ok(form) } else { Err(SilenceError::Newer { found: form.version }) }
    }

    /// What it makes of one finding.
    #[must_use]
    pub fn effect(&self, finding: &Finding, owners: &Owners) -> Effect {
        if !self.matchers.fits_finding(finding, owners) {
            return Effect::Unmatched;
        }
        if finding.severity > self.ceiling {
            return Effect::Pierced(Pierce::Severity { ceiling: self.ceiling });
        }
        match digests_of(finding).into_iter().find(|digest| !self.digests.contains(digest)) {
            Some(digest) => Effect::Pierced(Pierce::ChangedDigest { digest }),
            None => Effect::Hides,
        }
    }
}

/// The content that a finding is about.
#[must_use]
pub fn digests_of(finding: &Finding) -> BTreeSet<String> {
    let linked = finding.links.iter().filter_map(|link| match link {
        Link::Digest(digest) => Some(digest.to_string()),
        _ => None,
    });
    let named = finding.evidence.iter().filter_map(|evidence| match &evidence.fact {
        Fact::Signature { role, digest, .. } if role == "this" => digest.clone(),
        Fact::Tag { after, .. } if after.contains(':') => Some(after.clone()),
        _ => None,
    });
    linked.chain(named).collect()
}

/// What silences make of an incident of this severity: why nobody is told, if so, and which of them do not hide it.
pub(crate) fn judge(
    silences: &[Holding],
    view: &IncidentView<'_>,
    severity: Severity,
    owners: &Owners,
) -> (Option<NotTold>, Vec<Note>) {
    let would_be_told = || view.findings.iter().filter(|finding| finding.decision != Decision::BelowBudget);
    let members = view.incident.findings.len().saturating_add(view.incident.further_findings);
    let mut hiding = None;
    let mut pierced: Vec<(SilenceId, Pierce)> = Vec::new();
    let mut hidden = 0;
    for finding in would_be_told() {
        let mut is_hidden = false;
        for silence in silences {
            match silence.form.effect(finding, owners) {
                Effect::Unmatched => {}
                // Several findings together may be worse than each alone.
                Effect::Hides if severity > silence.form.ceiling => {
                    pierced.push((silence.id, Pierce::Severity { ceiling: silence.form.ceiling }));
                }
                Effect::Hides => {
                    hiding.get_or_insert(silence.id);
                    is_hidden = true;
                }
                Effect::Pierced(why) => pierced.push((silence.id, why)),
            }
        }
        hidden += usize::from(is_hidden);
    }
    let is_whole = view.findings.len() >= members;
    if let Some(silence) = hiding {
        if hidden == would_be_told().count() && is_whole {
            return (Some(NotTold::Silenced { silence }), Vec::new());
        }
        if !pierced.iter().any(|(id, _)| *id == silence) {
            pierced.push((silence, if is_whole { Pierce::Company } else { Pierce::Unseen }));
        }
    }
    pierced.sort_by_key(|(id, _)| *id);
    pierced.dedup_by_key(|(id, _)| *id);
    (None, pierced.into_iter().map(|(silence, why)| Note::SilencePassed { silence, why }).collect())
}

impl Pierce {
    /// The reason's name, for programs.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Severity { .. } => "severity-above-ceiling",
            Self::ChangedDigest { .. } => "changed-digest",
            Self::Company => "other-findings",
            Self::Unseen => "too-many-findings",
        }
    }
}

impl fmt::Display for Pierce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Severity { ceiling } => write!(f, "it is more severe than {ceiling}"),
            Self::ChangedDigest { digest } => write!(f, "{digest} was not known when it was made"),
            Self::Company => f.write_str("the incident has other findings as well"),
            Self::Unseen => f.write_str("the incident has more findings than can be looked at"),
        }
    }
}

#[cfg(test)]
mod tests;
