//! One version's manifest: what its package.json said, and what the registry added.

use std::collections::BTreeMap;
use std::sync::Arc;

use detectors::event::{Digest, MAX_DEPENDENCIES, MAX_LIST_ITEMS, Metadata, Provenance, ProvenanceLevel};

use crate::decode::{Reading, Refusal, RefusalReason, digest_of};
use crate::wire::document::Document;
use crate::wire::object::Scalar;

/// Scripts that npm runs on the machine that installs the package.
const INSTALL_SCRIPTS: [&str; 3] = ["preinstall", "install", "postinstall"];

/// The metadata of a version.
pub(super) fn metadata(own: &Document<'_>, reading: &mut Reading<'_>) -> Metadata {
    let dist = own.within("dist");
    let npm_user = own.within("_npmUser");
    let text = |text: Option<std::borrow::Cow<'_, str>>, reading: &mut Reading<'_>| {
        text.and_then(|text| reading.text(&text))
    };
    let license = own.text("license").or_else(|| own.within("license").text("type"));
    let repository = own.text("repository").or_else(|| own.within("repository").text("url"));
    let scripts = own.within("scripts");
    let install_scripts = own.raw("scripts").map(|_| {
        let present = INSTALL_SCRIPTS.into_iter().filter_map(|name| {
            let script = scripts.text(name)?;
            reading.text(&format!("{name}: {script}"))
        });
        present.collect()
    });
    let tool = own.text("_npmVersion").map(|version| format!("npm/{version}"));
    Metadata {
        publisher: text(npm_user.text("name"), reading),
        maintainers: people(own, "maintainers", reading),
        license: text(license, reading),
        repository: text(repository, reading),
        homepage: text(own.text("homepage"), reading),
        description: text(own.text("description"), reading),
        keywords: strings(own, "keywords", reading),
        size_bytes: dist.get("unpackedSize"),
        file_count: dist.get("fileCount"),
        install_scripts,
        binaries: None,
        dependencies: dependencies(own, reading),
        vcs_ref: text(own.text("gitHead"), reading),
        tool: tool.and_then(|tool| reading.text(&tool)),
        provenance: provenance(&dist, &npm_user),
    }
}

/// What was published: npm's integrity value, else its older SHA-1.
pub(super) fn digest(own: &Document<'_>) -> Result<Option<Digest>, Refusal> {
    let dist = own.within("dist");
    if let Some(integrity) = dist.text("integrity") {
        // Several may stand there with spaces between; the first is the one npm checks.
        let first = integrity.split(' ').next().unwrap_or("");
        let (algorithm, value) = first.split_once('-').unwrap_or((first, ""));
        use base64::Engine as _;
        let bytes = base64::engine::general_purpose::STANDARD.decode(value).map_err(|error| {
            Refusal::new(RefusalReason::BadEncoding, format!("`dist.integrity` is no base64: {error}"))
        })?;
        let hex = data_encoding::HEXLOWER.encode(&bytes);
        return digest_of("dist.integrity", &format!("{algorithm}:{hex}")).map(Some);
    }
    dist.text("shasum").map(|hex| digest_of("dist.shasum", &format!("sha1:{hex}"))).transpose()
}

/// How far the registry vouches for where the version came from: only what it says of itself counts.
fn provenance(dist: &Document<'_>, npm_user: &Document<'_>) -> Option<Provenance> {
    let is_trusted = npm_user.raw("trustedPublisher").is_some();
    let is_attested = dist.within("attestations").raw("provenance").is_some();
    let level = match (is_trusted, is_attested) {
        (true, _) => ProvenanceLevel::TrustedPublisher,
        (false, true) => ProvenanceLevel::Attested,
        // The publisher is named, so the registry knows how: with a token.
        (false, false) if npm_user.len() > 0 => ProvenanceLevel::Token,
        (false, false) => return None,
    };
    Some(Provenance { level, ..Provenance::default() })
}

/// Names of people, who are objects or `name <address>`.
fn people(own: &Document<'_>, key: &str, reading: &mut Reading<'_>) -> Option<Vec<Arc<str>>> {
    own.raw(key)?;
    let all = own.list(key);
    let kept = reading.kept(all.len(), MAX_LIST_ITEMS);
    let name = |raw: &str| {
        let name = if raw.starts_with('{') {
            Document::cut(raw).text("name").map(std::borrow::Cow::into_owned)
        } else {
            let text: Option<String> = serde_json::from_str(raw).ok();
            text.map(|text| text.split(" <").next().unwrap_or(&text).to_owned())
        };
        name.and_then(|name| reading.text(&name))
    };
    Some(all.into_iter().take(kept).filter_map(name).collect())
}

fn strings(own: &Document<'_>, key: &str, reading: &mut Reading<'_>) -> Option<Vec<Arc<str>>> {
    own.raw(key)?;
    let all = own.list(key);
    let kept = reading.kept(all.len(), MAX_LIST_ITEMS);
    let text = |raw: &str| serde_json::from_str::<String>(raw).ok().and_then(|text| reading.text(&text));
    Some(all.into_iter().take(kept).filter_map(text).collect())
}

/// A manifest without any has none: the registry writes what package.json said.
fn dependencies(own: &Document<'_>, reading: &mut Reading<'_>) -> Option<BTreeMap<Arc<str>, Arc<str>>> {
    let all = own.within("dependencies");
    let kept = reading.kept(all.len(), MAX_DEPENDENCIES);
    let mut found = BTreeMap::new();
    for (name, range) in all.fields().take(kept) {
        if let (Some(name), Ok(Scalar(range))) = (reading.text(&name), serde_json::from_str(range)) {
            let range = reading.cut(&range);
            found.insert(name, Arc::from(&*range));
        }
    }
    Some(found)
}
