//! A silence that somebody wants to make: who, why, until when, and what it may hide at most.

use std::collections::BTreeSet;

use detectors::finding::{Finding, Severity};
use store::NewSilence;
use thiserror::Error;

use super::{DIGESTS_MAX, SilenceForm, digests_of};
use crate::routing::{Matchers, Owners};

/// The latest end of a silence, in days from now.
pub const SILENCE_DAYS_MAX: i64 = 30;
const DAY_NANOS: i64 = 86_400_000_000_000;
/// What a silence may hide that matched nothing when it was made.
const CEILING_OF_NOTHING: Severity = Severity::Medium;
/// The longest name of an owner and the longest reason, in bytes.
const OWNER_MAX: usize = 128;
const REASON_MAX: usize = 2_000;

/// A silence that somebody wants to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SilenceDraft {
    /// Which findings it hides.
    pub matchers: Matchers,
    /// Who answers for it.
    pub owner: String,
    /// Why.
    pub reason: String,
    /// From when, by the clock, in nanoseconds since 1970.
    pub starts_at: i64,
    /// Until when, by the clock.
    pub ends_at: i64,
    /// The most severe findings it may hide; not given, as severe as what it matches now.
    pub ceiling: Option<Severity>,
}

/// Why a silence cannot be made or extended.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum DraftError {
    /// It asks for nothing, so it would hide everything.
    #[error("cannot silence everything: it has no matcher")]
    NoMatcher,
    /// A finding has no size.
    #[error("cannot silence by the size of an incident: a silence hides findings")]
    Size,
    /// Nobody answers for it.
    #[error("cannot silence without an owner of at most {OWNER_MAX} bytes")]
    Owner,
    /// Nobody says why.
    #[error("cannot silence without a reason of at most {REASON_MAX} bytes")]
    Reason,
    /// It would never hold.
    #[error("cannot silence until a time that is not ahead")]
    Over,
    /// It ends before it begins.
    #[error("cannot silence from a time after its end")]
    NoTime,
    /// It would hold for too long.
    #[error("cannot silence for longer than {SILENCE_DAYS_MAX} days from now")]
    TooLong,
    /// It matches findings about too much content.
    #[error("cannot silence findings about more than {DIGESTS_MAX} digests at once")]
    TooBroad,
}

impl SilenceDraft {
    /// What it would be, given the findings of late; pure.
    ///
    /// # Errors
    /// [`DraftError`] for the first rule it breaks.
    pub fn form<'a>(
        &self,
        findings: impl IntoIterator<Item = &'a Finding>,
        owners: &Owners,
        now: i64,
    ) -> Result<SilenceForm, DraftError> {
        self.check(now)?;
        let mut digests = BTreeSet::new();
        let mut loudest = None;
        let matched = findings.into_iter().filter(|finding| self.matchers.fits_finding(finding, owners));
        for finding in matched.filter(|finding| self.ceiling.is_none_or(|most| finding.severity <= most)) {
            loudest = loudest.max(Some(finding.severity));
            digests.extend(digests_of(finding));
            if digests.len() > DIGESTS_MAX {
                return Err(DraftError::TooBroad);
            }
        }
        let ceiling = self.ceiling.or(loudest).unwrap_or(CEILING_OF_NOTHING);
        Ok(SilenceForm::new(self.matchers.clone(), ceiling, digests))
    }

    /// As the store takes it.
    #[must_use]
    pub fn stored(&self, form: &SilenceForm) -> NewSilence {
        NewSilence {
            matcher: form.to_json(),
            author: self.owner.trim().to_owned(),
            reason: self.reason.trim().to_owned(),
            starts_at: self.starts_at,
            ends_at: self.ends_at,
            config_hash: None,
        }
    }

    /// Whether it keeps the rules, whatever the findings: asked before anything is read.
    ///
    /// # Errors
    /// [`DraftError`] for the first rule it breaks.
    pub fn check(&self, now: i64) -> Result<(), DraftError> {
        let is_given = |text: &str, most: usize| (1..=most).contains(&text.trim().len());
        if !self.matchers.asks_for_anything() {
            return Err(DraftError::NoMatcher);
        }
        if self.matchers.min_findings.is_some() || self.matchers.min_subjects.is_some() {
            return Err(DraftError::Size);
        }
        if !is_given(&self.owner, OWNER_MAX) {
            return Err(DraftError::Owner);
        }
        if !is_given(&self.reason, REASON_MAX) {
            return Err(DraftError::Reason);
        }
        if self.starts_at >= self.ends_at {
            return Err(DraftError::NoTime);
        }
        check_extension(self.ends_at, now)
    }
}

/// Whether a silence may hold until then.
///
/// # Errors
/// When that is not ahead, or too far.
pub fn check_extension(ends_at: i64, now: i64) -> Result<(), DraftError> {
    if ends_at <= now {
        return Err(DraftError::Over);
    }
    if ends_at > now.saturating_add(SILENCE_DAYS_MAX * DAY_NANOS) {
        return Err(DraftError::TooLong);
    }
    Ok(())
}
