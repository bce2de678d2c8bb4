//! Signatures as Standard Webhooks 1.0.0 defines them: `v1,` and the base64 of an HMAC-SHA256 over
//! `id.timestamp.body`.

use std::fmt;
use std::ops::RangeInclusive;

use data_encoding::BASE64;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use thiserror::Error;
use transport::SecretString;

/// How a secret for symmetric signatures begins.
const PREFIX: &str = "whsec_";
/// How many bytes a secret may have.
pub(super) const KEY_BYTES: RangeInclusive<usize> = 24..=64;

/// A key to sign with. Its `Debug` shows nothing.
pub(super) struct SigningKey(Vec<u8>);

/// Why a text is no signing secret. It repeats nothing of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum SigningKeyError {
    /// It does not begin with `whsec_`.
    #[error("cannot use a signing secret that does not begin with whsec_")]
    Prefix,
    /// What follows is not standard base64 with its padding.
    #[error("cannot read the signing secret after whsec_ as base64")]
    Base64,
    /// It is too short to be safe or too long to be meant.
    #[error("cannot use a signing secret of {0} bytes: Standard Webhooks asks for 24 to 64")]
    Length(usize),
}

impl SigningKey {
    /// Reads `whsec_…`.
    ///
    /// # Errors
    /// [`SigningKeyError`] when it is no such secret.
    pub(super) fn parse(secret: &SecretString) -> Result<Self, SigningKeyError> {
        let encoded = secret.expose().trim().strip_prefix(PREFIX).ok_or(SigningKeyError::Prefix)?;
        let key = BASE64.decode(encoded.as_bytes()).map_err(|_| SigningKeyError::Base64)?;
        if KEY_BYTES.contains(&key.len()) { Ok(Self(key)) } else { Err(SigningKeyError::Length(key.len())) }
    }

    /// The signature of one attempt. `id` must hold no full stop, which ours cannot.
    pub(super) fn sign(&self, id: &str, unix_seconds: i64, body: &[u8]) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes keys of any length");
        mac.update(format!("{id}.{unix_seconds}.").as_bytes());
        mac.update(body);
        format!("v1,{}", BASE64.encode(&mac.finalize().into_bytes()))
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<SigningKey, SigningKeyError> {
        SigningKey::parse(&SecretString::new(text.to_owned()))
    }

    #[test]
    fn a_signature_is_that_of_the_reference_implementation() {
        // The vector of the reference implementation's own tests (standard-webhooks/standard-webhooks, libraries).
        let key = parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let signature = key.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, br#"{"test": 2432232314}"#);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn only_secrets_of_the_right_form_and_length_are_taken() {
        let with_length = |bytes: usize| format!("{PREFIX}{}", BASE64.encode(&vec![7; bytes]));
        let cases = [
            (with_length(23), Some(SigningKeyError::Length(23))),
            (with_length(24), None),
            (with_length(64), None),
            (with_length(65), Some(SigningKeyError::Length(65))),
            (BASE64.encode(&[7; 32]), Some(SigningKeyError::Prefix)),
            (format!("{PREFIX}not base64!"), Some(SigningKeyError::Base64)),
            ("whsk_AAAA".to_owned(), Some(SigningKeyError::Prefix)),
        ];
        for (text, expected) in cases {
            assert_eq!(parse(&text).err(), expected, "{text}");
        }
        assert_eq!(format!("{:?}", parse(&with_length(24)).unwrap()), "***");
    }
}
