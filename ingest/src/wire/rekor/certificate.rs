//! Who a certificate or key belongs to, with the claims that Fulcio writes into a certificate
//! (<https://github.com/sigstore/fulcio/blob/main/docs/oid-info.md>).

use std::sync::Arc;

use data_encoding::HEXLOWER;
use detectors::event::{EventTime, Signer};
use sha2::{Digest, Sha256};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::pem::parse_x509_pem;
use x509_parser::prelude::FromDer;
use x509_parser::public_key::PublicKey;
use x509_parser::x509::SubjectPublicKeyInfo;

use crate::decode::{Refusal, RefusalReason};

/// What Fulcio's claims begin with; the number behind it names the claim.
const FULCIO: &str = "1.3.6.1.4.1.57264.1.";

/// Who signed with a key or certificate in PEM.
pub(super) fn signer_of_pem(bytes: &[u8]) -> Result<Signer, Refusal> {
    let Ok((_, pem)) = parse_x509_pem(bytes) else {
        return other_key(bytes);
    };
    match pem.label.as_str() {
        "CERTIFICATE" => signer_of_certificate(&pem.contents),
        "PUBLIC KEY" => signer_of_key(&pem.contents),
        _ => other_key(bytes),
    }
}

/// Who signed with this certificate.
pub(in crate::wire) fn signer_of_certificate(der: &[u8]) -> Result<Signer, Refusal> {
    let (_, certificate) = X509Certificate::from_der(der).map_err(|_| bad("certificate"))?;
    let claim = |number: u32| claim_of(&certificate, number);
    let issuer = claim(8).or_else(|| claim(1));
    let (run, run_attempt) = claim(21).map_or((None, None), |run| attempt_of(&run));
    let identity = alternative_name(&certificate).or_else(|| common_name(&certificate));
    // A keyless certificate's key is used once: only the identity means anything.
    let key =
        if issuer.is_some() { None } else { Some(key_id(&Sha256::digest(certificate.public_key().raw))) };
    Ok(Signer {
        key_id: key,
        identity,
        issuer: issuer.map(Arc::from),
        algorithm: algorithm_of(certificate.public_key()),
        not_before: moment(certificate.validity().not_before.timestamp()),
        not_after: moment(certificate.validity().not_after.timestamp()),
        workflow: claim(18).or_else(|| claim(9)).map(Arc::from),
        trigger: claim(20).or_else(|| claim(2)).map(Arc::from),
        run,
        run_attempt,
        runner: claim(11).map(Arc::from),
        source_repository: claim(12).or_else(|| claim(5)).map(Arc::from),
        source_repository_id: claim(15).map(Arc::from),
    })
}

/// Who signed with this public key (`SubjectPublicKeyInfo` in DER).
pub(super) fn signer_of_key(der: &[u8]) -> Result<Signer, Refusal> {
    let (_, key) = SubjectPublicKeyInfo::from_der(der).map_err(|_| bad("public key"))?;
    let key_id = Some(key_id(&Sha256::digest(der)));
    Ok(Signer { key_id, algorithm: algorithm_of(&key), ..Signer::default() })
}

/// How a key is called: by the SHA-256 of its `SubjectPublicKeyInfo`.
pub(super) fn key_id(sha256: &[u8]) -> Arc<str> {
    Arc::from(format!("sha256:{}", HEXLOWER.encode(sha256)))
}

/// PGP, SSH and minisign keys are called by the hash of their text: the same block, the same key.
fn other_key(bytes: &[u8]) -> Result<Signer, Refusal> {
    let begins = |mark: &[u8]| bytes.trim_ascii_start().starts_with(mark);
    let algorithm = if begins(b"-----BEGIN PGP PUBLIC KEY BLOCK-----") {
        "pgp"
    } else if begins(b"ssh-") || begins(b"ecdsa-sha2-") {
        "ssh"
    } else if begins(b"untrusted comment:") {
        "minisign"
    } else {
        return Err(bad("certificate or key"));
    };
    let key_id = Some(key_id(&Sha256::digest(bytes.trim_ascii())));
    Ok(Signer { key_id, algorithm: Some(Arc::from(algorithm)), ..Signer::default() })
}

/// A claim: the first six are plain bytes, the later ones DER strings.
fn claim_of(certificate: &X509Certificate<'_>, number: u32) -> Option<String> {
    let wanted = format!("{FULCIO}{number}");
    let extension = certificate.extensions().iter().find(|own| own.oid.to_id_string() == wanted)?;
    let bytes = if number < 7 { extension.value } else { der_string(extension.value)? };
    Some(String::from_utf8_lossy(bytes).into_owned()).filter(|text| !text.is_empty())
}

/// The content of a DER string, whatever kind of string it is.
fn der_string(der: &[u8]) -> Option<&[u8]> {
    x509_parser::der_parser::parse_der(der).ok().and_then(|(_, object)| object.content.as_slice().ok())
}

/// The identity: a URI for workflows, an address for people.
fn alternative_name(certificate: &X509Certificate<'_>) -> Option<Arc<str>> {
    certificate.extensions().iter().find_map(|extension| match extension.parsed_extension() {
        ParsedExtension::SubjectAlternativeName(names) => {
            names.general_names.iter().find_map(|name| match name {
                GeneralName::URI(text) | GeneralName::RFC822Name(text) | GeneralName::DNSName(text) => {
                    Some(Arc::from(*text))
                }
                _ => None,
            })
        }
        _ => None,
    })
}

fn common_name(certificate: &X509Certificate<'_>) -> Option<Arc<str>> {
    let name = certificate.subject().iter_common_name().next()?;
    name.as_str().ok().filter(|name| !name.is_empty()).map(Arc::from)
}

fn algorithm_of(key: &SubjectPublicKeyInfo<'_>) -> Option<Arc<str>> {
    let by_id = match key.algorithm.algorithm.to_id_string().as_str() {
        "1.3.101.112" => Some("ed25519".to_owned()),
        "1.3.101.113" => Some("ed448".to_owned()),
        _ => None,
    };
    let name = by_id.or_else(|| match key.parsed().ok()? {
        PublicKey::RSA(rsa) => Some(format!("rsa-{}", rsa.key_size())),
        PublicKey::EC(point) => Some(format!("ecdsa-p{}", point.key_size())),
        PublicKey::DSA(_) => Some("dsa".to_owned()),
        _ => None,
    })?;
    Some(Arc::from(name))
}

/// `…/actions/runs/17/attempts/2` is attempt 2 of run `…/actions/runs/17`.
fn attempt_of(run: &str) -> (Option<Arc<str>>, Option<u32>) {
    match run.rsplit_once("/attempts/") {
        Some((run, attempt)) => (Some(Arc::from(run)), attempt.parse().ok()),
        None => (Some(Arc::from(run)), None),
    }
}

/// A time outside 2000 to 2100 is unknown: a root's end may lie in 9999.
fn moment(secs: i64) -> Option<EventTime> {
    EventTime::from_unix_millis(secs.checked_mul(1_000)?).ok()
}

fn bad(what: &str) -> Refusal {
    Refusal::new(RefusalReason::BadCertificate, format!("the {what} cannot be read"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attempt_is_taken_off_its_run() {
        let (run, attempt) = attempt_of("https://github.com/o/r/actions/runs/17/attempts/2");
        assert_eq!((run.as_deref(), attempt), (Some("https://github.com/o/r/actions/runs/17"), Some(2)));
        assert_eq!(attempt_of("https://gitlab.com/o/r/-/jobs/5").1, None);
    }

    #[test]
    fn what_is_no_key_is_refused_and_a_foreign_one_is_named_by_its_text() {
        assert_eq!(signer_of_pem(b"").unwrap_err().reason, RefusalReason::BadCertificate);
        assert_eq!(signer_of_certificate(&[0x30, 0x80]).unwrap_err().reason, RefusalReason::BadCertificate);
        let pgp = signer_of_pem(
            b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nmQ==\n-----END PGP PUBLIC KEY BLOCK-----\n",
        );
        assert_eq!(pgp.unwrap().algorithm.as_deref(), Some("pgp"));
    }
}
