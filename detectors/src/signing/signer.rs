//! Who signed: a key with perhaps a holder, or an identity with the parts that a certificate tells of it.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::change_lane::{Mark, short_name};
use crate::event::Signer;

/// A signer as one event tells of it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Who {
    /// Stands for the key, or for the identity: what must stay the same.
    pub(super) credential: Mark,
    /// Stands for the person or builder who holds the key, where the log names one.
    pub(super) holder: Option<Mark>,
    /// The key's id, or the identity.
    pub(super) name: Arc<str>,
    /// The holder's name.
    pub(super) holder_name: Option<Arc<str>>,
    /// What else is known of it.
    pub(super) parts: Vec<(Part, Mark)>,
}

/// One thing that is known of a signer beside its key or identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) enum Part {
    Issuer,
    Organisation,
    Source,
    Workflow,
    Ref,
    Runner,
    Algorithm,
}

impl Part {
    /// What people call it.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Issuer => "issuer",
            Self::Organisation => "organisation",
            Self::Source => "source repository",
            Self::Workflow => "workflow",
            Self::Ref => "kind of ref",
            Self::Runner => "runner",
            Self::Algorithm => "algorithm",
        }
    }
}

/// Hex digits of an `OpenPGP` fingerprint (version 4), and of the key id that its last digits are.
const FINGERPRINT_DIGITS: usize = 40;
const KEY_ID_DIGITS: usize = 16;

/// What one key is called, however a log abbreviates it: tools write an `OpenPGP` key as its fingerprint or as its long
/// id, which is the fingerprint's end (RFC 4880, 12.2). Another key with the same 64 bits costs 2⁶⁴ tries, unlike one
/// with the same 32 of a short id, so short ids stay what they are.
pub(super) fn same_key(key: &str) -> String {
    let lower = key.to_ascii_lowercase();
    let hex = lower.strip_prefix("0x").unwrap_or(&lower);
    let is_hex = hex.bytes().all(|byte| byte.is_ascii_hexdigit());
    match hex.len() {
        FINGERPRINT_DIGITS if is_hex => hex[FINGERPRINT_DIGITS - KEY_ID_DIGITS..].to_owned(),
        KEY_ID_DIGITS if is_hex => hex.to_owned(),
        _ => lower,
    }
}

/// The issuer that a plain key has.
const NO_ISSUER: &str = "a key";

impl Who {
    /// The signer of a signature; `None` where the log names neither key nor identity.
    pub(super) fn of(seed: u64, signer: &Signer) -> Option<Self> {
        // A certificate's key lives for minutes: where somebody vouches for an identity, the identity is what signs.
        match (&signer.key_id, &signer.identity, &signer.issuer) {
            (Some(key), holder, None) => Some(Self::of_key(seed, key, holder.as_ref(), signer)),
            (_, Some(identity), issuer) => Some(Self::of_identity(seed, identity, issuer.as_deref(), signer)),
            _ => None,
        }
    }

    /// Stands for a file of a version, as this signer signs it.
    pub(super) fn file(&self, seed: u64, version: &str, file: &str) -> Mark {
        let signer = self.credential.value().to_string();
        Mark::of(seed, &["file", &signer, version, file])
    }

    fn of_key(seed: u64, key: &Arc<str>, holder: Option<&Arc<str>>, signer: &Signer) -> Self {
        let mut parts = vec![(Part::Issuer, Mark::of(seed, &["issuer", NO_ISSUER]))];
        parts.extend(shared_parts(seed, signer));
        Self {
            credential: Mark::of(seed, &["key", &same_key(key)]),
            holder: holder.map(|holder| Mark::of(seed, &["holder", holder])),
            name: short_name(key),
            holder_name: holder.map(short_name),
            parts,
        }
    }

    fn of_identity(seed: u64, identity: &Arc<str>, issuer: Option<&str>, signer: &Signer) -> Self {
        let (stable, reference) = without_ref(identity);
        let issuer = issuer.unwrap_or_default();
        let mut parts = vec![
            (Part::Issuer, Mark::of(seed, &["issuer", issuer])),
            (Part::Organisation, Mark::of(seed, &["organisation", organisation(stable)])),
        ];
        if let Some(reference) = reference {
            parts.push((Part::Ref, Mark::of(seed, &["ref", kind_of_ref(reference)])));
        }
        parts.extend(shared_parts(seed, signer));
        Self {
            credential: Mark::of(seed, &["identity", issuer, stable]),
            holder: None,
            name: if stable.len() == identity.len() {
                short_name(identity)
            } else {
                short_name(&stable.into())
            },
            holder_name: None,
            parts,
        }
    }
}

fn shared_parts(seed: u64, signer: &Signer) -> impl Iterator<Item = (Part, Mark)> {
    [
        (Part::Source, &signer.source_repository),
        (Part::Workflow, &signer.workflow),
        (Part::Runner, &signer.runner),
        (Part::Algorithm, &signer.algorithm),
    ]
    .into_iter()
    .filter_map(move |(part, value)| {
        Some((part, Mark::of(seed, &[part.word(), without_ref(value.as_ref()?).0])))
    })
}

/// Parts a CI identity from the ref it ran on, which is another one with each release:
/// `https://github.com/o/r/.github/workflows/release.yml@refs/tags/v1.2.3`.
pub(super) fn without_ref(identity: &str) -> (&str, Option<&str>) {
    match identity.rsplit_once('@') {
        Some((stable, reference)) if reference.starts_with("refs/") => (stable, Some(reference)),
        _ => (identity, None),
    }
}

/// `tags`, `heads` or `pull`.
pub(super) fn kind_of_ref(reference: &str) -> &str {
    reference.split('/').nth(1).unwrap_or(reference)
}

/// The host and the organisation of a URL, or the domain of an address.
fn organisation(identity: &str) -> &str {
    if let Some(start) = identity.find("://").map(|at| at + 3) {
        let end = identity[start..].match_indices('/').nth(1).map_or(identity.len(), |(at, _)| start + at);
        &identity[start..end]
    } else {
        identity.rsplit_once('@').map_or(identity, |(_, domain)| domain)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_and_its_key_id_are_one_key() {
        let id = same_key("152812300785C96444D3334D17565732E08E5E41");
        assert_eq!(id, "17565732e08e5e41");
        assert_eq!([same_key("17565732E08E5E41"), same_key("0x17565732E08E5E41")], [id.clone(), id]);
        assert_eq!(same_key("E08E5E41"), "e08e5e41");
        assert_eq!(same_key("SHA256:gP12"), "sha256:gp12");
    }

    #[test]
    fn an_identity_is_the_same_with_every_release() {
        let workflow = "https://github.com/o/r/.github/workflows/release.yml";
        assert_eq!(
            without_ref(&format!("{workflow}@refs/tags/v1.2.3")),
            (workflow, Some("refs/tags/v1.2.3"))
        );
        assert_eq!(without_ref("alice@example.com"), ("alice@example.com", None));
        assert_eq!(kind_of_ref("refs/tags/v1.2.3"), "tags");
        assert_eq!(organisation(workflow), "github.com/o");
        assert_eq!(organisation("https://gitlab.com"), "gitlab.com");
        assert_eq!(organisation("alice@example.com"), "example.com");
        assert_eq!(organisation("spiffe://prod/ns/build"), "prod/ns");
    }
}
