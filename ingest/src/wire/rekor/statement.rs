//! In-toto statements (<https://github.com/in-toto/attestation>): what an attestation is about.

use detectors::event::{Artifact, Digest, PackageUrl};
use serde::Deserialize;

use super::entry::text_of;
use crate::decode::{Reading, Refusal, check_nesting};
use crate::wire::object::{Pairs, Text};

/// Digests that are understood, the best one first.
const ALGORITHMS: [&str; 4] = ["sha256", "sha512", "sha384", "sha1"];

/// Something that was signed: a digest, and the name that the signer gave it.
pub(in crate::wire) struct Subject {
    digest: Option<Digest>,
    name: Option<String>,
}

/// What a statement says.
pub(in crate::wire) struct Statement {
    pub(in crate::wire) subjects: Vec<Subject>,
    pub(in crate::wire) predicate: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Written<'a> {
    #[serde(borrow, default)]
    subject: Vec<WrittenSubject<'a>>,
    #[serde(borrow, default)]
    predicate_type: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct WrittenSubject<'a> {
    #[serde(borrow, default)]
    name: Option<Text<'a>>,
    #[serde(borrow, default)]
    digest: Pairs<'a>,
}

/// Reads a statement. Subjects with digests of other kinds (a git commit) keep their name alone.
pub(in crate::wire) fn read(bytes: &[u8]) -> Result<Statement, Refusal> {
    let text = text_of("statement", bytes)?;
    check_nesting(text)?;
    let written: Written<'_> = serde_json::from_str(text).map_err(|error| Refusal::of_json(text, &error))?;
    let subjects = written.subject.into_iter().map(|own| {
        let digest = ALGORITHMS.into_iter().find_map(|algorithm| {
            let (_, hex) = own.digest.0.iter().find(|(name, _)| name == algorithm)?;
            Digest::parse(&format!("{algorithm}:{hex}")).ok()
        });
        Subject { digest, name: own.name.map(|name| name.to_string()).filter(|name| !name.is_empty()) }
    });
    Ok(Statement {
        subjects: subjects.collect(),
        predicate: written.predicate_type.map(|text| text.to_string()),
    })
}

impl Subject {
    /// A digest without a name.
    pub(in crate::wire) const fn of(digest: Digest) -> Self {
        Self { digest: Some(digest), name: None }
    }

    /// What a record that names no subject is about.
    pub(in crate::wire) const fn unknown() -> Self {
        Self { digest: None, name: None }
    }

    /// The artifact: npm names its subjects by package URL; any other name is what a builder called a file.
    pub(in crate::wire) fn artifact(&self, reading: &mut Reading<'_>) -> Option<Artifact> {
        let name = self.name.as_deref();
        let purl = name.filter(|name| name.starts_with("pkg:")).and_then(|name| PackageUrl::parse(name).ok());
        let mut artifact = match &purl {
            Some(purl) => Artifact::of(purl),
            None => Artifact { key: None, version: None, tag: None, digest: None, file: None },
        };
        artifact.digest.clone_from(&self.digest);
        if purl.is_none() {
            artifact.file = name.and_then(|name| reading.text(name));
        }
        (artifact.digest.is_some() || artifact.key.is_some() || artifact.file.is_some()).then_some(artifact)
    }
}
