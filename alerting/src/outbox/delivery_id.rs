//! What a message is called: the same in every attempt and after every restart.

use std::fmt;

use data_encoding::Specification;
use detectors::finding::IncidentId;
use sha2::{Digest as _, Sha256};
use store::{ReceiverId, RunId};

/// Length of an id: 26 characters of base32 hold 130 bits.
const ID_CHARACTERS: usize = 26;

/// What a message is called: a hash of run, incident, receiver and the incident's transition. Receivers recognise
/// repeats by it (`webhook-id`). It is made of lower-case letters and digits only.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeliveryId(String);

impl DeliveryId {
    /// The id of the message that tells `receiver` of the incident's transition of this number.
    #[must_use]
    pub fn of(run: &RunId, incident: &IncidentId, receiver: &ReceiverId, transition: u64) -> Self {
        hashed([
            "delivery/1",
            &run.to_string(),
            incident.as_str(),
            receiver.as_str(),
            &transition.to_string(),
        ])
    }

    /// The id of a message about no incident: the `number`th of this `kind` for `receiver`.
    #[must_use]
    pub fn of_notice(run: &RunId, kind: &str, receiver: &ReceiverId, number: u64) -> Self {
        hashed(["notice/1", &run.to_string(), kind, receiver.as_str(), &number.to_string()])
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Reads an id that was stored; `None` if it holds anything but lower-case letters and digits, as it goes into
    /// headers as it is.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let usual = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let is_id = (1..=ID_CHARACTERS).contains(&text.len()) && text.bytes().all(usual);
        is_id.then(|| Self(text.to_owned()))
    }
}

fn hashed(parts: [&str; 5]) -> DeliveryId {
    let mut hasher = Sha256::new();
    for part in parts {
        // Lengths keep ("ab", "c") and ("a", "bc") apart.
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part.as_bytes());
    }
    let mut alphabet = Specification::new();
    alphabet.symbols.push_str("abcdefghijklmnopqrstuvwxyz234567");
    let base32 = alphabet.encoding().expect("the alphabet has 32 distinct symbols");
    let mut text = base32.encode(&hasher.finalize());
    text.truncate(ID_CHARACTERS);
    DeliveryId(text)
}

impl fmt::Display for DeliveryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_place_in_a_header_is_no_id() {
        for text in ["", "a.b", "a b", "a\r\nb", "A", "é", &"a".repeat(ID_CHARACTERS + 1)] {
            assert_eq!(DeliveryId::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn an_id_is_pinned_and_differs_for_every_part() {
        let of = |run: &str, incident: &str, receiver: &str, transition| {
            let incident = IncidentId::parse(incident).unwrap();
            DeliveryId::of(&run.parse().unwrap(), &incident, &receiver.parse().unwrap(), transition)
        };
        let (a, b) = ("lpvrycjm7m2dyzulrruye4eg3a", "mpvrycjm7m2dyzulrruye4eg3a");
        let id = of("live", a, "soc", 1);
        // Made with Python: each part after its length in 8 bytes, sha256, base32 in lower case, 26 characters.
        assert_eq!(id.as_str(), "qqynelkr6svmj3x7y5nqcnb7ig");
        for other in [
            of("exercise:x", a, "soc", 1),
            of("live", b, "soc", 1),
            of("live", a, "ops", 1),
            of("live", a, "soc", 2),
        ] {
            assert_ne!(id, other);
        }
        assert_eq!(DeliveryId::parse(id.as_str()), Some(id));
    }
}
