//! The detectors of the change lane that look at one artifact, beside those that share its first row: one set of states,
//! and the versions whose signature is waited for.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::accounts::ownership_change::{OwnershipChange, OwnershipState};
use crate::creation::dormant_revival::{DormantRevival, GapState};
use crate::creation::new_account_publish::{AccountAgeState, NewAccountPublish};
use crate::detector::{Detector as _, Priors, Scores, Seen};
use crate::event::{EventKind, EventTime, Span};
use crate::finding::Subject;
use crate::metadata::version_oddity::{LinesState, VersionOddity};
use crate::signing::failed_verification::{FailedVerification, VerificationState};
use crate::signing::unmatched_signature::{MatchState, UnmatchedSignature};
use crate::signing::unsigned_after_signed::{SignedState, UnsignedAfterSigned};

/// What these detectors keep of one artifact; a state is made where there is something to keep.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct ArtifactChanges {
    gaps: Option<Box<GapState>>,
    account_ages: Option<Box<AccountAgeState>>,
    lines: Option<Box<LinesState>>,
    ownership: Option<Box<OwnershipState>>,
    signed: Option<Box<SignedState>>,
    matched: Option<Box<MatchState>>,
    verifications: Option<Box<VerificationState>>,
}

impl ArtifactChanges {
    /// Shows an event of the artifact to each detector whose business it is.
    pub(super) fn observe(&mut self, seen: &Seen<'_>, out: &mut Scores) {
        match &seen.event().kind {
            EventKind::Publish(_) => {
                DormantRevival::default().observe(self.gaps.get_or_insert_default(), seen, out);
                if seen.event().actor.account_created.is_some() {
                    NewAccountPublish.observe(self.account_ages.get_or_insert_default(), seen, out);
                }
                VersionOddity.observe(self.lines.get_or_insert_default(), seen, out);
                if let Some(state) = &mut self.ownership {
                    OwnershipChange::of_artifacts().observe(state, seen, out);
                }
                self.named(seen, out);
            }
            EventKind::Tag(_) => self.named(seen, out),
            EventKind::Sign(_) => {
                UnsignedAfterSigned.observe(self.signed.get_or_insert_default(), seen, out);
                // Without a publish there is nothing that a signature could be matched with.
                if let Some(state) = &mut self.matched {
                    UnmatchedSignature.observe(state, seen, out);
                }
            }
            EventKind::Verify(_) => {
                FailedVerification.observe(self.verifications.get_or_insert_default(), seen, out);
                if let Some(state) = &mut self.signed {
                    UnsignedAfterSigned.observe(state, seen, out);
                }
            }
            EventKind::Account(_) => {
                OwnershipChange::of_artifacts().observe(self.ownership.get_or_insert_default(), seen, out);
            }
            EventKind::Withdraw(_) => {
                VersionOddity.observe(self.lines.get_or_insert_default(), seen, out);
            }
            EventKind::Access(_) => {}
        }
    }

    fn named(&mut self, seen: &Seen<'_>, out: &mut Scores) {
        if let Some(state) = &mut self.signed {
            UnsignedAfterSigned.observe(state, seen, out);
        }
        UnmatchedSignature.observe(self.matched.get_or_insert_default(), seen, out);
    }

    /// When the first version that waits for its signature has waited long enough.
    pub(super) fn due(&self) -> Option<EventTime> {
        self.signed.as_ref().and_then(|state| state.due())
    }

    /// Judges what has waited until `boundary` in vain.
    pub(super) fn expire(
        &mut self,
        subject: &Subject,
        boundary: EventTime,
        seed: u64,
        priors: &Priors,
        out: &mut Scores,
    ) {
        if let Some(state) = &mut self.signed {
            UnsignedAfterSigned::expire(state, subject, boundary, seed, priors, out);
        }
    }
}

/// Artifacts with a version that waits for its signature, by slot, and when the first of each has waited long enough.
#[derive(Debug, Default)]
pub(super) struct WaitingArtifacts(BTreeMap<u32, EventTime>);

impl WaitingArtifacts {
    /// Notes when the artifact in a slot is to be looked at.
    pub(super) fn note(&mut self, slot: u32, due: Option<EventTime>) {
        match due {
            Some(due) => {
                self.0.insert(slot, due);
            }
            None => {
                self.0.remove(&slot);
            }
        }
    }

    /// The artifacts that are due, which wait no longer.
    pub(super) fn take_due(&mut self, boundary: EventTime) -> Vec<u32> {
        let due: Vec<u32> =
            self.0.iter().filter(|(_, due)| **due <= boundary).map(|(slot, _)| *slot).collect();
        for slot in &due {
            self.0.remove(slot);
        }
        due
    }

    /// When the first of them is looked at: when an hour is over, as the windows are.
    pub(super) fn first_hour(&self) -> Option<EventTime> {
        let hour = Span::hours(1);
        self.0.values().min().map(|due| match due.floor_to(hour) {
            whole if whole == *due => whole,
            whole => whole.plus(hour),
        })
    }
}
