//! What a value's type says when it does not take the value: the reason, and the remedy behind a line break.
//!
//! A serde error is one text. House rule 6 wants the remedy apart, so types of the configuration join both with
//! [`refuse`], and the walk takes them apart again.

use serde::de;
use transport::secret::NotAReference;

const BETWEEN: &str = "\nhelp: ";

/// Why a value is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) reason: String,
    pub(super) remedy: Option<String>,
    pub(super) concerns: Concerns,
}

/// What kind of value it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Concerns {
    /// One that should refer to a secret, and so may be the secret itself.
    Secret,
    Other,
}

impl Refusal {
    /// Takes the text of a serde error apart.
    pub(super) fn of(text: &str) -> Self {
        let secret = [NotAReference::Literal, NotAReference::VariableName, NotAReference::RelativePath]
            .into_iter()
            .find(|reason| text == format!("{reason}: {}", reason.hint()));
        if let Some(secret) = secret {
            return Self {
                reason: secret.to_string(),
                remedy: Some(secret.hint().to_owned()),
                concerns: Concerns::Secret,
            };
        }
        let (reason, remedy) =
            text.split_once(BETWEEN).map_or((text, None), |(reason, remedy)| (reason, Some(remedy)));
        Self { reason: reason.to_owned(), remedy: remedy.map(str::to_owned), concerns: Concerns::Other }
    }
}

/// The error of a type that refuses a value.
pub(super) fn refuse<E: de::Error>(reason: &str, remedy: &str) -> E {
    E::custom(format_args!("{reason}{BETWEEN}{remedy}"))
}

#[cfg(test)]
mod tests {
    use transport::SecretRef;

    use super::*;

    #[test]
    fn reason_and_remedy_come_apart_again() {
        let error: toml::de::Error = refuse("cannot do this", "do that");
        let refusal = Refusal::of(error.message());
        assert_eq!((refusal.reason.as_str(), refusal.remedy.as_deref()), ("cannot do this", Some("do that")));
        assert_eq!(Refusal::of("unknown").remedy, None);
    }

    #[test]
    fn every_refusal_of_a_reference_is_recognised_as_about_a_secret() {
        for text in ["hunter2", "env:a=b", "file:relative"] {
            let value = toml::Value::String(text.to_owned());
            let error = value.try_into::<SecretRef>().unwrap_err();
            let refusal = Refusal::of(error.message());
            assert_eq!(refusal.concerns, Concerns::Secret, "{text}");
            assert!(refusal.remedy.is_some() && !refusal.reason.contains(text), "{text}");
        }
    }
}
