//! Metadata of a TUF repository (<https://theupdateframework.github.io/specification/latest/>): root, targets, snapshot,
//! timestamp and delegated roles, one file a record.
//!
//! A file becomes one `sign` event for each signature in it: `pkg:generic/<registry>/<role>@<version>`, the file's
//! SHA-256, the key's id, and the metadata's expiry as the signature's `not_after`. What that means compared with the
//! version before (other keys, a version that goes back, a shorter life) is for the detectors of signing to say, who
//! remember the one before. TUF has no time of signing: the record's own time is needed. An empty signature is one
//! that is still to be made, and is none.

use detectors::event::{Actor, Artifact, Digest, Event, EventKind, Outcome, PackageUrl, Sign, Signer};
use sha2::{Digest as _, Sha256};

use super::document::Document;
use crate::decode::{
    MAX_EVENTS_PER_RECORD, PassReason, Reading, Refusal, RefusalReason, digest_of, time_of_text,
};

/// The roles of the specification; delegated ones call themselves `targets`.
const ROLES: [&str; 4] = ["root", "targets", "snapshot", "timestamp"];

/// Reads one file.
pub(crate) fn read(text: &str, reading: &mut Reading<'_>, out: &mut Vec<Event>) -> Result<(), Refusal> {
    let own = Document::of(text)?;
    let signed = own.within("signed");
    let role = signed.text("_type").ok_or_else(|| Refusal::missing("signed._type"))?;
    let role = ROLES
        .into_iter()
        .find(|known| known.eq_ignore_ascii_case(&role))
        .ok_or_else(|| Refusal::new(RefusalReason::UnsupportedKind, format!("`_type` is `{role}`")))?;
    let version = signed.get::<u64>("version").ok_or_else(|| Refusal::missing("signed.version"))?;
    let expires = signed.text("expires").ok_or_else(|| Refusal::missing("signed.expires"))?;
    let expires = time_of_text("signed.expires", &expires)?;
    let registry = reading.registry(None);
    let purl = PackageUrl::new("generic", &format!("{registry}/{role}"), Some(&version.to_string()));
    let mut artifact = purl.as_ref().map(Artifact::of);
    if let Some(artifact) = &mut artifact {
        artifact.digest = Some(digest(text)?);
    }
    let signatures: Vec<_> = own.list("signatures").into_iter().map(Document::cut).collect();
    let made: Vec<_> = signatures.iter().filter(|own| own.text("sig").is_some()).collect();
    if made.len() > MAX_EVENTS_PER_RECORD {
        let detail = format!("{} signatures, of {MAX_EVENTS_PER_RECORD} allowed", made.len());
        return Err(Refusal::new(RefusalReason::TooManyEvents, detail));
    }
    if made.is_empty() {
        reading.pass(PassReason::NoChange);
        return Ok(());
    }
    let time = reading.outer_time("the record's timestamp")?;
    for (index, signature) in (0..).zip(made) {
        let key = signature.text("keyid").ok_or_else(|| Refusal::missing("signatures.keyid"))?;
        let scheme = signed.within("keys").within(&key).text("scheme");
        let signer = Signer {
            key_id: reading.text(&key),
            algorithm: scheme.and_then(|scheme| reading.text(&scheme)),
            not_after: Some(expires),
            ..Signer::default()
        };
        let sign = Sign { signer, predicate: Some("signature".into()), ..Sign::default() };
        out.push(Event {
            id: reading.id(None, index),
            time,
            position: reading.position(index),
            registry: registry.clone(),
            artifact: artifact.clone(),
            actor: Actor::default(),
            outcome: Outcome::Success,
            status: None,
            request_id: None,
            kind: EventKind::Sign(Box::new(sign)),
        });
    }
    Ok(())
}

fn digest(text: &str) -> Result<Digest, Refusal> {
    let hex = data_encoding::HEXLOWER.encode(&Sha256::digest(text.as_bytes()));
    digest_of("the record", &format!("sha256:{hex}"))
}
