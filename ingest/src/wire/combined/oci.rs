//! Paths of an OCI registry (<https://github.com/opencontainers/distribution-spec>), all under `/v2/`.
//!
//! The artifact's `tag` or `digest` stands where a manifest was asked for. Layers and signatures are parts: their
//! digest or tag stands in `file`, so that one image pulled counts once. Tags `sha256-<hex>` are where signatures
//! lie when a registry has no referrers API: putting one there is a signing event of that digest, not a tag move.

use detectors::event::{AccessAction, Artifact, Digest, PackageUrl, WithdrawAction};

use super::request::{Asked, Consequence, Method, Target, with_file};

/// Reads a path under `/v2/`.
pub(super) fn read(target: &Target<'_>) -> Option<Asked> {
    let path = target.path();
    let Some(path) = path.strip_prefix(&["v2"]) else {
        let is_token =
            matches!(path[..], ["token"] | ["service", "token"]) && target.parameter("service").is_some();
        return is_token.then(|| Asked::plain(AccessAction::Login));
    };
    match path {
        // The version check is how a client learns that it must sign in, and whether its password is right.
        [] => Some(Asked::plain(target.action(AccessAction::Login))),
        ["_catalog"] => Some(Asked::plain(target.action(AccessAction::List))),
        [name @ .., "tags", "list"] => Asked::of(target.action(AccessAction::List), image(name)),
        [name @ .., "referrers", _digest] => Asked::of(target.action(AccessAction::List), image(name)),
        [name @ .., "manifests", reference] => manifest(target, name, reference),
        [name @ .., "blobs", "uploads"] => upload(target, name, target.parameter("mount")),
        [name @ .., "blobs", "uploads", _] => upload(target, name, target.parameter("digest")),
        [name @ .., "blobs", digest] => {
            Asked::of(target.action(AccessAction::Pull), with_file(image(name), digest))
        }
        _ => None,
    }
}

fn image(name: &[&str]) -> Option<Artifact> {
    PackageUrl::new("docker", &name.join("/"), None).map(|purl| Artifact::of(&purl))
}

fn manifest(target: &Target<'_>, name: &[&str], reference: &str) -> Option<Asked> {
    let action = target.action(AccessAction::Pull);
    if let Some(subject) = signed_digest(reference) {
        let asked = Asked::of(action, with_file(image(name), reference))?;
        return Some(match target.method {
            Method::Put => asked.then(Consequence::Sign(subject)),
            _ => asked,
        });
    }
    let mut artifact = image(name)?;
    match Digest::parse(reference) {
        Ok(digest) => artifact.digest = Some(digest),
        Err(_) => artifact.tag = Some(reference.into()),
    }
    let asked = Asked::of(action, Some(artifact))?;
    Some(match target.method {
        Method::Delete => asked.then(Consequence::Withdraw(WithdrawAction::Delete)),
        _ => asked,
    })
}

/// A part on its way in; its digest is known at the end of it, or when it is mounted from another repository.
fn upload(target: &Target<'_>, name: &[&str], digest: Option<String>) -> Option<Asked> {
    let artifact = image(name);
    let artifact = match digest {
        Some(digest) => with_file(artifact, &digest),
        None => artifact,
    };
    Asked::of(target.action(AccessAction::List), artifact)
}

/// The digest whose signature a tag holds: `sha256-<hex>`, with `.sig`, `.att` or `.sbom` behind it from older clients.
pub(crate) fn signed_digest(tag: &str) -> Option<Digest> {
    let (algorithm, rest) = tag.split_once('-')?;
    let hex = rest.split('.').next()?;
    let suffix = &rest[hex.len()..];
    if !matches!(suffix, "" | ".sig" | ".att" | ".sbom") {
        return None;
    }
    Digest::parse(&format!("{algorithm}:{hex}")).ok()
}
