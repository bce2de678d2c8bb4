//! What is kept of one artifact's signatures: who signed, which digests, and which files of a version.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::signer::{Part, Who};
use crate::change_lane::{Acquaintance, Burst, Habits, Mark, Place, Places, keep_latest};
use crate::event::{EventTime, Span};
use crate::statistics::log_normal::LogNormal;
use crate::statistics::pitman_yor::PitmanYor;

/// Signers kept of one artifact: the sets of a digest's signers are 64 bits. Of an artifact that independent builders
/// sign there are dozens (Bitcoin Core's Guix builds: 42 keys), of most there is one.
pub const MAX_SIGNERS: usize = 64;
/// Signed digests kept of one artifact.
pub const MAX_DIGESTS: usize = 32;
/// Kinds of signature (plain, and each kind of attestation) told apart on one artifact.
pub const MAX_KINDS: usize = 4;
/// Signed files of versions kept of one artifact; only where the log names files.
pub const MAX_FILES: usize = 64;

/// What is kept of one artifact's signatures: 180 bytes, 60 a signer, 30 a digest and 30 a file.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct SigningState {
    pub(super) places: Places,
    /// By slot: the place of a signer's bit in a set.
    signers: Vec<KnownSigner>,
    /// The one first signed longest ago stands first.
    digests: Vec<SignedDigest>,
    /// Of each kind of signature, the digest that was first signed latest.
    newest: Vec<(Mark, Mark)>,
    files: Vec<SignedFile>,
    pub(super) habits: Habits,
    pub(super) burst: Burst,
    parts: Vec<(Part, PitmanYor)>,
    /// Hours from a digest's first signature to a further one, plus one.
    pub(super) ages: LogNormal,
    /// Days that a key was in use.
    pub(super) lives: LogNormal,
    /// Since when the key in use is in use.
    pub(super) tenure: Option<EventTime>,
    /// When anything was signed last.
    pub(super) last: Option<EventTime>,
    pub(super) acquaintance: Acquaintance,
}

/// A signer and when it signed last.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct KnownSigner {
    pub(super) credential: Mark,
    pub(super) holder: Option<Mark>,
    pub(super) name: Arc<str>,
    pub(super) signatures: u32,
    pub(super) last: EventTime,
    pub(super) place: Place,
}

/// Where a signer stands among the artifact's signers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Slot(u8);

/// Some of an artifact's signers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct SignerSet(u64);

impl SignerSet {
    pub(super) const fn contains(self, slot: Slot) -> bool {
        self.0 >> slot.0 & 1 == 1
    }
    const fn with(self, slot: Slot) -> Self {
        Self(self.0 | 1 << slot.0)
    }
    const fn without(self, slot: Slot) -> Self {
        Self(self.0 & !(1 << slot.0))
    }
}

/// A digest that was signed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct SignedDigest {
    /// Stands for the content and the kind of signature: a plain one, or one kind of attestation.
    pub(super) mark: Mark,
    pub(super) signers: SignerSet,
    /// Its first signature that is known.
    pub(super) first: EventTime,
    pub(super) place: Place,
}

/// A file of one version, and what was signed under its name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct SignedFile {
    pub(super) mark: Mark,
    pub(super) digest: Mark,
    pub(super) since: EventTime,
    pub(super) place: Place,
}

/// A signature, as it is remembered.
pub(super) struct Signature<'a> {
    pub(super) who: &'a Who,
    pub(super) digest: Mark,
    pub(super) kind: Mark,
    pub(super) file: Option<Mark>,
    pub(super) now: EventTime,
    pub(super) place: Place,
}

impl SigningState {
    pub(super) fn slot(&self, credential: Mark) -> Option<Slot> {
        let at = self.signers.iter().position(|signer| signer.credential == credential)?;
        u8::try_from(at).ok().map(Slot)
    }

    pub(super) fn signer(&self, slot: Slot) -> Option<&KnownSigner> {
        self.signers.get(usize::from(slot.0))
    }

    pub(super) fn signers(&self) -> &[KnownSigner] {
        &self.signers
    }

    /// The key that a holder used last.
    pub(super) fn latest_of(&self, holder: Mark) -> Option<&KnownSigner> {
        self.signers.iter().filter(|signer| signer.holder == Some(holder)).max_by_key(|signer| signer.last)
    }

    pub(super) fn digest(&self, mark: Mark) -> Option<&SignedDigest> {
        self.digests.iter().find(|digest| digest.mark == mark)
    }

    /// The digest that was first signed latest, with signatures of this kind.
    pub(super) fn newest(&self, kind: Mark) -> Option<&SignedDigest> {
        let (_, newest) = self.newest.iter().find(|(known, _)| *known == kind)?;
        self.digest(*newest)
    }

    /// Whether several sign one digest here by habit: two or more on the average of the digests that are kept.
    pub(super) fn is_signed_by_several(&self) -> bool {
        let signatures: u32 = self.digests.iter().map(|digest| digest.signers.0.count_ones()).sum();
        signatures as usize >= 2 * self.digests.len() && !self.digests.is_empty()
    }

    /// The signer of a set that signed most.
    pub(super) fn usual(&self, set: SignerSet) -> Option<&KnownSigner> {
        let members = self.signers.iter().zip(0..).filter(|(_, slot)| set.contains(Slot(*slot)));
        members.map(|(signer, _)| signer).max_by_key(|signer| signer.signatures)
    }

    /// Whether a signer is known that did not sign this digest.
    pub(super) fn somebody_is_gone(&self, newest: Option<&SignedDigest>) -> bool {
        let set = newest.map(|newest| newest.signers).unwrap_or_default();
        (0..).zip(&self.signers).any(|(slot, _)| !set.contains(Slot(slot)))
    }

    /// Whether one holder has signed with two keys.
    pub(super) fn some_holder_has_two_keys(&self) -> bool {
        let holders = self.signers.iter().enumerate().filter_map(|(at, signer)| Some((at, signer.holder?)));
        holders
            .into_iter()
            .any(|(at, holder)| self.signers[..at].iter().any(|other| other.holder == Some(holder)))
    }

    /// Whether anything but the issuer is known of any signer.
    pub(super) fn knows_more_than_issuers(&self) -> bool {
        self.parts.iter().any(|(part, _)| *part != Part::Issuer)
    }

    pub(super) fn file(&self, mark: Mark) -> Option<&SignedFile> {
        self.files.iter().find(|file| file.mark == mark)
    }

    pub(super) fn part(&self, part: Part) -> Option<&PitmanYor> {
        self.parts.iter().find(|(known, _)| *known == part).map(|(_, values)| values)
    }

    /// Takes in a signature.
    pub(super) fn remember(&mut self, signature: &Signature<'_>) {
        let slot = self.keep_signer(signature);
        self.keep_digest(signature, slot);
        if let Some(mark) = signature.file {
            self.files.retain(|file| file.mark != mark);
            let (digest, since, place) = (signature.digest, signature.now, signature.place);
            keep_latest(&mut self.files, MAX_FILES, SignedFile { mark, digest, since, place });
        }
        let days = self.last.map_or(0.0, |last| signature.now.since(last).as_days_f64());
        for (part, value) in &signature.who.parts {
            let known = self.parts.iter().position(|(known, _)| known == part);
            let at = known.unwrap_or_else(|| {
                self.parts.push((*part, PitmanYor::default()));
                self.parts.len() - 1
            });
            self.parts[at].1.update(value.value(), days);
        }
        self.last = Some(signature.now);
    }

    fn keep_signer(&mut self, signature: &Signature<'_>) -> Slot {
        let who = signature.who;
        let slot = self.slot(who.credential).unwrap_or_else(|| self.free_slot());
        let signatures = match self.signer(slot) {
            Some(signer) if signer.credential == who.credential => signer.signatures.saturating_add(1),
            _ => 1,
        };
        let signer = KnownSigner {
            credential: who.credential,
            holder: who.holder,
            name: Arc::clone(&who.name),
            signatures,
            last: signature.now,
            place: signature.place,
        };
        match self.signers.get_mut(usize::from(slot.0)) {
            Some(known) => *known = signer,
            None => self.signers.push(signer),
        }
        slot
    }

    /// The next slot, or that of the signer that has not signed for longest: its bit is taken out of all sets.
    fn free_slot(&mut self) -> Slot {
        if self.signers.len() < MAX_SIGNERS {
            return Slot(u8::try_from(self.signers.len()).unwrap_or(u8::MAX));
        }
        let oldest =
            self.signers.iter().zip(0..).min_by_key(|(signer, _)| signer.last).map_or(0, |(_, slot)| slot);
        for digest in &mut self.digests {
            digest.signers = digest.signers.without(Slot(oldest));
        }
        Slot(oldest)
    }

    fn keep_digest(&mut self, signature: &Signature<'_>, slot: Slot) {
        if let Some(digest) = self.digests.iter_mut().find(|digest| digest.mark == signature.digest) {
            digest.signers = digest.signers.with(slot);
            return;
        }
        let digest = SignedDigest {
            mark: signature.digest,
            signers: SignerSet::default().with(slot),
            first: signature.now,
            place: signature.place,
        };
        keep_latest(&mut self.digests, MAX_DIGESTS, digest);
        self.newest.retain(|(kind, _)| *kind != signature.kind);
        keep_latest(&mut self.newest, MAX_KINDS, (signature.kind, signature.digest));
    }

    /// How long ago a signer signed anything here.
    pub(super) fn quiet_for(&self, slot: Slot, now: EventTime) -> Span {
        self.signer(slot).map_or(Span::default(), |signer| now.since(signer.last))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sign(state: &mut SigningState, signer: usize, digest: usize, at: i64) {
        let name = format!("key-{signer}");
        let who = Who {
            credential: Mark::of(1, &[&name]),
            holder: None,
            name: name.as_str().into(),
            holder_name: None,
            parts: vec![(Part::Issuer, Mark::of(1, &["a key"]))],
        };
        state.remember(&Signature {
            who: &who,
            digest: Mark::of(1, &[&digest.to_string()]),
            kind: Mark::default(),
            file: Some(Mark::of(1, &["file", &digest.to_string()])),
            now: EventTime::from_secs(at),
            place: Place::At(0, at),
        });
    }

    fn set_of(state: &SigningState, digest: usize) -> Option<SignerSet> {
        state.digest(Mark::of(1, &[&digest.to_string()])).map(|digest| digest.signers)
    }

    #[test]
    fn the_signer_that_is_quiet_for_longest_makes_room_and_leaves_all_sets() {
        let mut state = SigningState::default();
        for signer in 0..MAX_SIGNERS {
            sign(&mut state, signer, 0, signer as i64);
        }
        let first = state.slot(Mark::of(1, &["key-0"])).unwrap();
        assert!(set_of(&state, 0).unwrap().contains(first));
        sign(&mut state, MAX_SIGNERS, 1, 1_000);
        assert_eq!(state.signers().len(), MAX_SIGNERS);
        assert_eq!(state.slot(Mark::of(1, &["key-0"])), None);
        assert!(!set_of(&state, 0).unwrap().contains(first) && set_of(&state, 1).unwrap().contains(first));
    }

    #[test]
    fn at_most_so_many_digests_and_files_are_kept() {
        let mut state = SigningState::default();
        for digest in 0..=MAX_FILES {
            sign(&mut state, 0, digest, digest as i64);
        }
        assert_eq!((state.digests.len(), state.files.len()), (MAX_DIGESTS, MAX_FILES));
        assert!(set_of(&state, MAX_FILES - MAX_DIGESTS).is_none() && set_of(&state, MAX_FILES).is_some());
        assert!(state.file(Mark::of(1, &["file", "0"])).is_none());
    }

    #[test]
    fn the_state_is_as_small_as_stated() {
        let mut state = SigningState::default();
        let size = |state: &SigningState| postcard::to_stdvec(state).unwrap().len();
        assert!(size(&state) <= 180, "{}", size(&state));
        sign(&mut state, 0, 0, 0);
        let one = size(&state);
        for digest in 1..=10 {
            sign(&mut state, 0, digest, digest as i64 * 1_000_000);
        }
        assert!(size(&state) <= one + 10 * (30 + 30), "{} {}", one, size(&state));
    }
}
