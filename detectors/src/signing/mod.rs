//! Who signs what: re-signing and change of key, over one state and in one pass.
//!
//! Both look at the same signature and ask two questions. [`re_signing`]: is this content signed already, and by whom?
//! [`key_change`]: is new content signed by the one who signed the last? One [`Signing`] answers both, so it
//! implements [`Detector`] once, with the id of the first, and emits both ids.
//!
//! What counts as the same signer: a key by its id, a keyless identity by issuer and subject without the ref it ran on
//! (its key lives for minutes). The same signer on the same digest within an hour is a retry, and under another file
//! name a copy: neither is judged. Plain signatures and each kind of attestation are told apart, as different parties
//! make them. Late events neither score nor teach: a signature's order is what tells the old key from the new one.

mod content;
pub mod failed_verification;
pub mod key_change;
pub mod key_fan_out;
mod memory;
pub mod re_signing;
mod relation;
mod signer;
pub mod signer_profile;
pub mod signing_hour;
mod statement;
#[cfg(test)]
mod tests;
pub mod unmatched_signature;
pub mod unsigned_after_signed;

pub use memory::{MAX_DIGESTS, MAX_FILES, MAX_KINDS, MAX_SIGNERS, SigningState};

use std::sync::Arc;

use crate::change_lane::{Mark, WarmUp, artifact_subject, short_name};
use crate::detector::{Detector, Scores, Seen};
use crate::event::{AccountChange, Event, EventKind, Outcome};
use crate::finding::{DetectorId, Subject};
use memory::{Signature, SignedDigest, SignedFile};
use relation::Act;
use signer::Who;

/// The signer whose row an event is shown to: who signed, or the key that was revoked. A key by the shortest id that is
/// its own, an identity without the ref it ran on.
#[must_use]
pub fn signer_row(event: &Event) -> Option<Arc<str>> {
    match &event.kind {
        EventKind::Sign(sign) => match (&sign.signer.key_id, &sign.signer.identity, &sign.signer.issuer) {
            (Some(key), _, None) => Some(short_name(&signer::same_key(key).into())),
            (_, Some(identity), _) => Some(short_name(&signer::without_ref(identity).0.into())),
            _ => None,
        },
        EventKind::Account(account) if account.change == AccountChange::KeyRevoked => {
            Some(short_name(&signer::same_key(account.target.as_ref()?).into()))
        }
        _ => None,
    }
}

/// The signer of an event as the log writes it: what people read, and what findings are linked by.
#[must_use]
pub fn signer_name(event: &Event) -> Option<Arc<str>> {
    let EventKind::Sign(sign) = &event.kind else { return None };
    match (&sign.signer.key_id, &sign.signer.identity, &sign.signer.issuer) {
        (Some(key), _, None) => Some(short_name(key)),
        (_, Some(identity), _) => Some(short_name(&signer::without_ref(identity).0.into())),
        _ => None,
    }
}

/// Surprise from which a signature by somebody else is worth keeping, in bits: one in sixteen. A new key is rarely bad and
/// rarely without interest, so the floor of what is stored may be set lower here than elsewhere.
pub const WORTH_KEEPING_BITS: f64 = 4.0;
/// Signatures after which an artifact's own past outweighs the population's.
const WARM_UP_SIGNATURES: u32 = 10;

/// The detector of `re-signing` and `key-change`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Signing;

/// A signature that is to be judged, with what is known of it beforehand.
struct Judged<'a> {
    seen: &'a Seen<'a>,
    subject: Subject,
    who: Who,
    act: Act,
    /// The same digest as it was signed before.
    digest: Option<SignedDigest>,
    /// The digest that was signed before this one.
    newest: Option<SignedDigest>,
    /// The same file of the same version, signed before with other content.
    replaced: Option<SignedFile>,
}

impl Detector for Signing {
    type State = SigningState;
    const ID: DetectorId = DetectorId::ReSigning;
    const MAJOR: u32 = 1;

    fn observe(&self, state: &mut SigningState, seen: &Seen<'_>, out: &mut Scores) {
        let event = seen.event();
        let EventKind::Sign(sign) = &event.kind else { return };
        if !seen.is_on_time() || event.outcome != Outcome::Success {
            return;
        }
        let (Some(artifact), Some(subject)) = (&event.artifact, artifact_subject(event)) else { return };
        let Some(who) = Who::of(seen.seed, &sign.signer) else { return };
        let version = artifact.version.as_deref().unwrap_or_default();
        // A feed that names no digest still tells one version's signature from the next.
        let content = artifact.digest.as_ref().map_or(version, |digest| digest.as_str());
        if content.is_empty() {
            return;
        }
        let now = seen.now();
        let predicate = sign.predicate.as_deref().unwrap_or("signature");
        let digest = Mark::of(seen.seed, &["content", predicate, content]);
        let kind = Mark::of(seen.seed, &["predicate", predicate]);
        let file = artifact.file.as_deref().map(|file| who.file(seen.seed, version, file));
        let act = relation::act(state, &who, digest, kind, file, now);
        if !matches!(act, Act::Retry | Act::Copy) {
            let judged = Judged {
                seen,
                subject,
                act,
                digest: state.digest(digest).cloned(),
                newest: state.newest(kind).cloned(),
                replaced: file
                    .and_then(|file| state.file(file))
                    .filter(|file| file.digest != digest)
                    .cloned(),
                who: who.clone(),
            };
            state.acquaintance.meet(now);
            re_signing::judge(state, &judged, out);
            key_change::judge(state, &judged, out);
        }
        let place = state.places.keep(&event.position);
        state.remember(&Signature { who: &who, digest, kind, file, now, place });
    }
}

/// How far both detectors have come with an artifact.
#[must_use]
pub fn warm_up(state: &SigningState) -> WarmUp {
    WarmUp { seen: state.acquaintance.looks(), needed: WARM_UP_SIGNATURES }
}
