//! Sigstore bundles (`application/vnd.dev.sigstore.bundle.v0.3+json` and older), read for who signed what.

use detectors::event::{EventTime, Signer};
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::body::{HashV2, PLAIN_SIGNATURE, RawBytes};
use super::entry::{LogId, Number};
use super::statement::{self, Subject};
use super::{Logged, Signature, base64_of, certificate};
use crate::decode::{Refusal, RefusalReason};
use crate::wire::object::Text;

/// The media types of the versions that are known.
const MEDIA_TYPES: [&str; 5] = [
    "application/vnd.dev.sigstore.bundle+json;version=0.1",
    "application/vnd.dev.sigstore.bundle+json;version=0.2",
    "application/vnd.dev.sigstore.bundle+json;version=0.3",
    "application/vnd.dev.sigstore.bundle.v0.3+json",
    "application/vnd.dev.sigstore.bundle.v0.3.1+json",
];
/// What an attestation's payload is called.
const IN_TOTO: &str = "application/vnd.in-toto+json";
/// Length of a SHA-256.
const SHA256_BYTES: usize = 32;

/// A bundle.
pub(super) struct Bundle<'a> {
    pub(super) media_type: Text<'a>,
    pub(super) material: VerificationMaterial<'a>,
    pub(super) message: Option<MessageSignature<'a>>,
    pub(super) envelope: Option<DsseEnvelope<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct VerificationMaterial<'a> {
    #[serde(borrow, default)]
    certificate: Option<RawBytes<'a>>,
    #[serde(borrow, default)]
    x509_certificate_chain: Option<Chain<'a>>,
    #[serde(borrow, default)]
    public_key: Option<Hint<'a>>,
    #[serde(borrow, default)]
    tlog_entries: Vec<TlogEntry<'a>>,
}

#[derive(Deserialize)]
struct Chain<'a> {
    #[serde(borrow, default)]
    certificates: Vec<RawBytes<'a>>,
}

/// Which key to look for; cosign writes its SHA-256 in base64.
#[derive(Deserialize)]
struct Hint<'a> {
    #[serde(borrow, default)]
    hint: Option<Text<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::wire) struct TlogEntry<'a> {
    #[serde(default)]
    log_index: Option<Number>,
    #[serde(borrow, default)]
    log_id: Option<LogId<'a>>,
    #[serde(default)]
    integrated_time: Option<Number>,
    #[serde(default)]
    inclusion_proof: Option<IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct MessageSignature<'a> {
    #[serde(borrow, default)]
    message_digest: Option<HashV2<'a>>,
    #[serde(borrow)]
    signature: Text<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DsseEnvelope<'a> {
    #[serde(borrow)]
    payload: Text<'a>,
    #[serde(borrow)]
    payload_type: Text<'a>,
    #[serde(borrow)]
    signatures: Vec<DsseSignature<'a>>,
}

#[derive(Deserialize)]
struct DsseSignature<'a> {
    #[serde(borrow)]
    sig: Text<'a>,
}

impl Bundle<'_> {
    /// Who signed what.
    pub(super) fn signature(&self) -> Result<Signature, Refusal> {
        if !MEDIA_TYPES.contains(&&*self.media_type) {
            let detail = format!("`mediaType` is `{}`", &*self.media_type);
            return Err(Refusal::new(RefusalReason::UnsupportedVersion, detail));
        }
        let signer = self.material.signer()?;
        let logged =
            self.material.tlog_entries.first().map_or_else(|| Ok(Logged::default()), TlogEntry::logged)?;
        self.is_consistent(&signer, &logged)?;
        let (subjects, predicate) = match (&self.message, &self.envelope) {
            (Some(message), None) => (message.subjects()?, Some(PLAIN_SIGNATURE.to_owned())),
            (None, Some(envelope)) => envelope.subjects()?,
            _ => return Err(Refusal::missing("messageSignature or dsseEnvelope")),
        };
        Ok(Signature { signers: vec![signer], subjects, predicate, logged, made_at: None })
    }
}

impl Bundle<'_> {
    /// What needs no key to be seen: an entry without the proof that every version but the first demands, and a time in
    /// the log at which the certificate was not valid. Signatures themselves are not verified.
    fn is_consistent(&self, signer: &Signer, logged: &Logged) -> Result<(), Refusal> {
        let needs_proof = *self.media_type != *MEDIA_TYPES[0];
        if needs_proof && self.material.tlog_entries.iter().any(|entry| entry.inclusion_proof.is_none()) {
            return Err(Refusal::missing("tlogEntries.inclusionProof"));
        }
        let integrated = logged.integrated_secs.filter(|secs| *secs != 0).map(EventTime::from_secs);
        if let (Some(time), Some(from), Some(until)) = (integrated, signer.not_before, signer.not_after)
            && !(from..=until).contains(&time)
        {
            let detail = "`integratedTime` lies outside the certificate's validity";
            return Err(Refusal::new(RefusalReason::ImpossibleValue, detail));
        }
        Ok(())
    }
}

impl VerificationMaterial<'_> {
    fn signer(&self) -> Result<Signer, Refusal> {
        let chain = self.x509_certificate_chain.as_ref().and_then(|chain| chain.certificates.first());
        if let Some(leaf) = self.certificate.as_ref().or(chain) {
            return certificate::signer_of_certificate(&leaf.der("certificate.rawBytes")?);
        }
        let hint = self.public_key.as_ref().ok_or_else(|| Refusal::missing("certificate or publicKey"))?;
        let hint = hint.hint.as_deref().filter(|hint| !hint.is_empty());
        let key_id = hint.map(|hint| match base64_of("publicKey.hint", hint) {
            Ok(hash) if hash.len() == SHA256_BYTES => certificate::key_id(&hash),
            _ => hint.into(),
        });
        Ok(Signer { key_id, ..Signer::default() })
    }
}

impl TlogEntry<'_> {
    pub(in crate::wire) fn logged(&self) -> Result<Logged, Refusal> {
        Ok(Logged {
            id: None,
            log: self.log_id.as_ref().map(LogId::hex).transpose()?,
            index: self.log_index.map(|number| number.unsigned("logIndex")).transpose()?,
            integrated_secs: self.integrated_time.map(|Number(secs)| secs),
        })
    }
}

impl MessageSignature<'_> {
    fn subjects(&self) -> Result<Vec<Subject>, Refusal> {
        base64_of("messageSignature.signature", &self.signature)?;
        let digest = self.message_digest.as_ref().map(HashV2::digest).transpose()?;
        Ok(digest.into_iter().map(Subject::of).collect())
    }
}

impl DsseEnvelope<'_> {
    fn subjects(&self) -> Result<(Vec<Subject>, Option<String>), Refusal> {
        if self.signatures.is_empty() {
            return Err(Refusal::missing("dsseEnvelope.signatures"));
        }
        for signature in &self.signatures {
            base64_of("dsseEnvelope.signatures.sig", &signature.sig)?;
        }
        let payload = base64_of("dsseEnvelope.payload", &self.payload)?;
        if *self.payload_type != *IN_TOTO {
            return Ok((Vec::new(), Some(self.payload_type.to_string())));
        }
        let statement = statement::read(&payload)?;
        Ok((statement.subjects, statement.predicate))
    }
}
