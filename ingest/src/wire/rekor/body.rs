//! The bodies of log entries: which digest was signed, with which key or certificate.

use detectors::event::{Digest, Signer};
use serde::Deserialize;

use super::statement::Subject;
use super::{Logged, Signature, base64_of, certificate};
use crate::decode::{Refusal, RefusalReason, digest_of};
use crate::wire::object::Text;

/// What is said of a signature that is no attestation.
pub(super) const PLAIN_SIGNATURE: &str = "signature";

/// The body of an entry.
#[derive(Deserialize)]
pub(super) struct Body<'a> {
    #[serde(borrow)]
    pub(super) kind: Text<'a>,
    #[serde(borrow, default)]
    pub(super) spec: Option<Box<Spec<'a>>>,
}

/// The specifications of all kinds that are read, in one object.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Spec<'a> {
    #[serde(borrow)]
    data: Option<Data<'a>>,
    #[serde(borrow)]
    signature: Option<KeyedSignature<'a>>,
    #[serde(borrow)]
    signatures: Option<Vec<VerifiedSignature<'a>>>,
    #[serde(borrow)]
    content: Option<Content<'a>>,
    #[serde(borrow)]
    public_key: Option<Text<'a>>,
    #[serde(borrow)]
    hashed_rekord_v002: Option<HashedRekordV2<'a>>,
    #[serde(borrow)]
    dsse_v002: Option<DsseV2<'a>>,
}

#[derive(Deserialize)]
struct Data<'a> {
    #[serde(borrow, default)]
    hash: Option<Hash<'a>>,
}

#[derive(Deserialize)]
struct Hash<'a> {
    #[serde(borrow)]
    algorithm: Text<'a>,
    #[serde(borrow)]
    value: Text<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct KeyedSignature<'a> {
    #[serde(borrow, default)]
    public_key: Option<KeyContent<'a>>,
}

#[derive(Deserialize)]
struct KeyContent<'a> {
    #[serde(borrow, default)]
    content: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct VerifiedSignature<'a> {
    #[serde(borrow)]
    verifier: Text<'a>,
}

/// `intoto`: version 0.0.2 keeps the keys inside its envelope; a proposed entry has it as text.
#[derive(Deserialize)]
struct Content<'a> {
    #[serde(borrow, default)]
    envelope: Option<IntotoEnvelope<'a>>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum IntotoEnvelope<'a> {
    Object {
        #[serde(borrow, default)]
        signatures: Vec<IntotoSignature<'a>>,
    },
    #[expect(dead_code, reason = "only that it is text matters: its keys stand beside it")]
    Text(#[serde(borrow)] Text<'a>),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct IntotoSignature<'a> {
    #[serde(borrow, default)]
    public_key: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct HashedRekordV2<'a> {
    #[serde(borrow)]
    data: HashV2<'a>,
    #[serde(borrow)]
    signature: SignatureV2<'a>,
}

#[derive(Deserialize)]
struct DsseV2<'a> {
    #[serde(borrow)]
    signatures: Vec<SignatureV2<'a>>,
}

/// A digest as protobuf writes it: the algorithm's name in capitals, the bytes in base64.
#[derive(Deserialize)]
pub(super) struct HashV2<'a> {
    #[serde(borrow)]
    pub(super) algorithm: Text<'a>,
    #[serde(borrow)]
    pub(super) digest: Text<'a>,
}

#[derive(Deserialize)]
struct SignatureV2<'a> {
    #[serde(borrow)]
    verifier: VerifierV2<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct VerifierV2<'a> {
    #[serde(borrow, default)]
    public_key: Option<RawBytes<'a>>,
    #[serde(borrow, default)]
    x509_certificate: Option<RawBytes<'a>>,
}

/// DER in base64.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RawBytes<'a> {
    #[serde(borrow)]
    pub(super) raw_bytes: Text<'a>,
}

impl Body<'_> {
    /// Who signed what.
    pub(super) fn signature(&self, logged: Logged) -> Result<Signature, Refusal> {
        let empty = Spec::default();
        let spec = self.spec.as_deref().unwrap_or(&empty);
        let (signers, signed) = match &*self.kind {
            "hashedrekord" | "rekord" => {
                spec.plain_signature().map(|(signer, digest)| (vec![signer], Some(digest)))?
            }
            "dsse" => (spec.dsse_signers()?, None),
            "intoto" => (spec.intoto_signers()?, None),
            other => {
                return Err(Refusal::new(RefusalReason::UnsupportedKind, format!("`kind` is `{other}`")));
            }
        };
        if signers.is_empty() {
            return Err(Refusal::missing("verifier"));
        }
        // What an attestation says of its subjects stands in its payload, which is not part of the body.
        let predicate = signed.is_some().then(|| PLAIN_SIGNATURE.to_owned());
        Ok(Signature {
            signers,
            subjects: signed.into_iter().map(Subject::of).collect(),
            predicate,
            logged,
            made_at: None,
        })
    }
}

impl Spec<'_> {
    fn plain_signature(&self) -> Result<(Signer, Digest), Refusal> {
        if let Some(own) = &self.hashed_rekord_v002 {
            return Ok((own.signature.verifier.signer()?, own.data.digest()?));
        }

        let hash = self.data.as_ref().and_then(|data| data.hash.as_ref());
        let hash = hash.ok_or_else(|| Refusal::missing("spec.data.hash"))?;
        let key = self.signature.as_ref().and_then(|own| own.public_key.as_ref()?.content.as_ref());
        let key = key.ok_or_else(|| Refusal::missing("spec.signature.publicKey.content"))?;
        let digest = digest_of("spec.data.hash", &format!("{}:{}", &*hash.algorithm, &*hash.value))?;
        Ok((signer_of_pem("publicKey.content", key)?, digest))
    }

    fn dsse_signers(&self) -> Result<Vec<Signer>, Refusal> {
        if let Some(own) = &self.dsse_v002 {
            return own.signatures.iter().map(|signature| signature.verifier.signer()).collect();
        }
        let signatures = self.signatures.as_deref().ok_or_else(|| Refusal::missing("spec.signatures"))?;
        signatures.iter().map(|signature| signer_of_pem("verifier", &signature.verifier)).collect()
    }

    fn intoto_signers(&self) -> Result<Vec<Signer>, Refusal> {
        let keys: Vec<&Text<'_>> = match self.content.as_ref().and_then(|content| content.envelope.as_ref()) {
            Some(IntotoEnvelope::Object { signatures }) => {
                signatures.iter().filter_map(|signature| signature.public_key.as_ref()).collect()
            }
            Some(IntotoEnvelope::Text(_)) | None => Vec::new(),
        };
        let keys = if keys.is_empty() { self.public_key.iter().collect() } else { keys };
        keys.into_iter().map(|key| signer_of_pem("publicKey", key)).collect()
    }
}

impl VerifierV2<'_> {
    fn signer(&self) -> Result<Signer, Refusal> {
        match (&self.x509_certificate, &self.public_key) {
            (Some(certificate), _) => {
                certificate::signer_of_certificate(&certificate.der("x509Certificate")?)
            }
            (None, Some(key)) => certificate::signer_of_key(&key.der("publicKey")?),
            (None, None) => Err(Refusal::missing("verifier")),
        }
    }
}

impl RawBytes<'_> {
    /// The bytes.
    pub(super) fn der(&self, field: &str) -> Result<Vec<u8>, Refusal> {
        base64_of(field, &self.raw_bytes)
    }
}

impl HashV2<'_> {
    /// `SHA2_256` and base64 become `sha256:` and hex.
    pub(super) fn digest(&self) -> Result<Digest, Refusal> {
        let algorithm = match &*self.algorithm {
            "SHA2_256" => "sha256",
            "SHA2_384" => "sha384",
            "SHA2_512" => "sha512",
            other => {
                return Err(Refusal::new(
                    RefusalReason::BadDigest,
                    format!("`{other}` is no digest's algorithm"),
                ));
            }
        };
        let hex = data_encoding::HEXLOWER.encode(&base64_of("digest", &self.digest)?);
        digest_of("digest", &format!("{algorithm}:{hex}"))
    }
}

/// PEM in base64; version 0.0.2 of `intoto` encodes it twice.
fn signer_of_pem(field: &str, encoded: &str) -> Result<Signer, Refusal> {
    let mut bytes = base64_of(field, encoded)?;
    if !bytes.starts_with(b"-----")
        && let Ok(again) = base64_of(field, &String::from_utf8_lossy(&bytes))
    {
        bytes = again;
    }
    certificate::signer_of_pem(&bytes)
}
