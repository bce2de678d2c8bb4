//! What a signature is to its artifact: the state machine of signing, one pure function.

use super::memory::SigningState;
use super::signer::Who;
use crate::change_lane::Mark;
use crate::event::{EventTime, Span};

/// The same signer on the same digest within this time tries again.
pub(super) const RETRY: Span = Span::hours(1);

/// What a signature does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Act {
    /// The first signature of its kind here: it establishes who signs (trust on first use).
    First,
    /// The same again, at once.
    Retry,
    /// The same again, under another file name.
    Copy,
    /// The same signer signs the same digest again, later.
    Repeated,
    /// Somebody else signs a digest that is signed already.
    CoSigned(Relation),
    /// A digest gets its first signature.
    Signed(Relation),
}

/// What the signer is to the artifact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Relation {
    /// It signed the digest before this one.
    Current,
    /// It signed here before, but not the digest before this one.
    Returned,
    /// Its holder signed here before, with another key, and this key was never seen.
    HolderNewKey,
    /// Its holder goes back to a key that it had left.
    HolderOldKey,
    /// Neither it nor its holder ever signed here.
    Newcomer,
}

/// What the signature of `digest` by `who` is, given what was signed before.
pub(super) fn act(
    state: &SigningState,
    who: &Who,
    digest: Mark,
    kind: Mark,
    file: Option<Mark>,
    now: EventTime,
) -> Act {
    if state.newest(kind).is_none() {
        return Act::First;
    }
    let slot = state.slot(who.credential);
    let Some(known) = state.digest(digest) else { return Act::Signed(relation(state, who, kind)) };
    match slot {
        Some(slot) if known.signers.contains(slot) => {
            if state.quiet_for(slot, now) < RETRY {
                Act::Retry
            } else if file.is_some_and(|file| state.file(file).is_none_or(|known| known.digest != digest)) {
                Act::Copy
            } else {
                Act::Repeated
            }
        }
        _ => Act::CoSigned(relation(state, who, kind)),
    }
}

fn relation(state: &SigningState, who: &Who, kind: Mark) -> Relation {
    let latest = who.holder.and_then(|holder| state.latest_of(holder));
    match (state.slot(who.credential), latest) {
        (Some(_), Some(latest)) if latest.credential != who.credential => Relation::HolderOldKey,
        (Some(slot), _) if state.newest(kind).is_some_and(|newest| newest.signers.contains(slot)) => {
            Relation::Current
        }
        (Some(_), _) => Relation::Returned,
        (None, Some(_)) => Relation::HolderNewKey,
        (None, None) => Relation::Newcomer,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::change_lane::Place;
    use crate::signing::memory::Signature;

    const HOUR: i64 = 3_600;

    /// `alice:k1 signs d1 [as file] at hour`, one after the other; what the last one is.
    #[track_caller]
    fn check(history: &str, expected: Act) {
        let mut state = SigningState::default();
        let mut last = None;
        for line in history.split(',') {
            let words: Vec<&str> = line.split_whitespace().collect();
            let (holder, key) =
                words[0].split_once(':').map_or((None, words[0]), |(holder, key)| (Some(holder), key));
            let mark = |text: &str| Mark::of(1, &[text]);
            let who = Who {
                credential: mark(key),
                holder: holder.map(mark),
                name: key.into(),
                holder_name: holder.map(Into::into),
                parts: vec![],
            };
            let (digest, kind) = (mark(words[1]), Mark::default());
            let now = EventTime::from_secs(words[2].parse::<i64>().unwrap() * HOUR);
            let file = words.get(3).map(|file| mark(file));
            last = Some(act(&state, &who, digest, kind, file, now));
            state.remember(&Signature { who: &who, digest, kind, file, now, place: Place::Unknown });
        }
        assert_eq!(last, Some(expected), "{history}");
    }

    #[test]
    fn every_step_has_a_name() {
        check("k1 d1 0", Act::First);
        check("k1 d1 0, k1 d1 0", Act::Retry);
        check("k1 d1 0, k1 d1 1", Act::Repeated);
        check("k1 d1 0 a, k1 d1 9 b", Act::Copy);
        check("k1 d1 0 a, k1 d1 9 a", Act::Repeated);
        check("k1 d1 0, k2 d1 0", Act::CoSigned(Relation::Newcomer));
        check("k1 d1 0, k2 d1 0, k1 d2 1, k2 d2 1", Act::CoSigned(Relation::Returned));
        check("k1 d1 0, k1 d2 9", Act::Signed(Relation::Current));
        check("k1 d1 0, k2 d2 9", Act::Signed(Relation::Newcomer));
        check("k1 d1 0, k2 d2 9, k1 d3 10", Act::Signed(Relation::Returned));
        check("a:k1 d1 0, a:k2 d2 9", Act::Signed(Relation::HolderNewKey));
        check("a:k1 d1 0, a:k2 d2 9, a:k1 d3 10", Act::Signed(Relation::HolderOldKey));
        check("a:k1 d1 0, a:k2 d2 9, a:k2 d3 10", Act::Signed(Relation::Current));
        check("a:k1 d1 0, b:k2 d1 1, a:k3 d1 9", Act::CoSigned(Relation::HolderNewKey));
        check("k1 d1 0, k2 d1 1, k2 d2 9", Act::Signed(Relation::Current));
    }
}
