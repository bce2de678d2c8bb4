//! Attestations of PyPI (PEP 740): one attestation object, or a file's provenance with several
//! (<https://docs.pypi.org/api/integrity/>).
//!
//! One `sign` event for each subject of each attestation: who signed stands in the certificate, what in the statement.
//! The time is the transparency log's, else the beginning of the certificate's ten minutes.

use detectors::event::Event;
use serde::Deserialize;

use super::object::Text;
use super::rekor::bundle::TlogEntry;
use super::rekor::{Logged, Signature, base64_of, certificate, push_events, statement};
use crate::decode::{Reading, Refusal, RefusalReason, check_nesting};

#[derive(Deserialize)]
struct Record<'a> {
    version: u64,
    #[serde(borrow, default)]
    attestation_bundles: Option<Vec<Bundle<'a>>>,
    #[serde(borrow, default)]
    verification_material: Option<Material<'a>>,
    #[serde(borrow, default)]
    envelope: Option<Envelope<'a>>,
}

#[derive(Deserialize)]
struct Bundle<'a> {
    #[serde(borrow)]
    attestations: Vec<Attestation<'a>>,
}

#[derive(Deserialize)]
struct Attestation<'a> {
    version: u64,
    #[serde(borrow)]
    verification_material: Material<'a>,
    #[serde(borrow)]
    envelope: Envelope<'a>,
}

#[derive(Deserialize)]
struct Material<'a> {
    #[serde(borrow)]
    certificate: Text<'a>,
    #[serde(borrow, default)]
    transparency_entries: Vec<TlogEntry<'a>>,
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    statement: Text<'a>,
    #[serde(borrow)]
    signature: Text<'a>,
}

/// Reads one attestation or provenance object.
pub(crate) fn read(text: &str, reading: &mut Reading<'_>, out: &mut Vec<Event>) -> Result<(), Refusal> {
    check_nesting(text)?;
    let own: Record<'_> = serde_json::from_str(text).map_err(|error| Refusal::of_json(text, &error))?;
    let attestations = match (own.attestation_bundles, own.verification_material, own.envelope) {
        (Some(bundles), ..) => {
            known_version(own.version)?;
            bundles.into_iter().flat_map(|bundle| bundle.attestations).collect()
        }
        (None, Some(verification_material), Some(envelope)) => {
            vec![Attestation { version: own.version, verification_material, envelope }]
        }
        _ => return Err(Refusal::missing("attestation_bundles")),
    };
    let mut index = 0;
    for attestation in &attestations {
        push_events(&attestation.signature()?, &mut index, reading, out)?;
    }
    Ok(())
}

impl Attestation<'_> {
    fn signature(&self) -> Result<Signature, Refusal> {
        known_version(self.version)?;
        base64_of("envelope.signature", &self.envelope.signature)?;
        let statement = statement::read(&base64_of("envelope.statement", &self.envelope.statement)?)?;
        let material = &self.verification_material;
        let der = base64_of("verification_material.certificate", &material.certificate)?;
        let logged = material.transparency_entries.first();
        Ok(Signature {
            signers: vec![certificate::signer_of_certificate(&der)?],
            subjects: statement.subjects,
            predicate: statement.predicate,
            logged: logged.map_or_else(|| Ok(Logged::default()), TlogEntry::logged)?,
            made_at: None,
        })
    }
}

fn known_version(version: u64) -> Result<(), Refusal> {
    if version == 1 {
        return Ok(());
    }
    Err(Refusal::new(RefusalReason::UnsupportedVersion, format!("`version` is `{version}`")))
}
