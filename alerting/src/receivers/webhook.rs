//! `webhook`: any HTTP endpoint, signed as Standard Webhooks 1.0.0 describes.
//!
//! `webhook-id` is the message's id and stays over retries; `webhook-timestamp` and `webhook-signature` are new in
//! every attempt. A 2xx status is success; a redirect is none. 410 and refused credentials let the receiver rest;
//! 400, 413 and 422 are answered once with a smaller body. Every body is signed, whatever it is.

mod signature;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use transport::{HttpClient, Reply, SecretRef};

pub use signature::SigningKeyError;

use self::signature::SigningKey;
use super::exchange::{StatusClass, Target, default_class};
use super::registry::{Opened, ReceiverProblem, resolve};
use super::{Attempt, Encoded, Fullness, Outcome, cloud_events, native, ocsf};
use crate::card::Card;
use crate::templates::{BodyTemplate, TemplateError};

/// Most bytes of a body: Standard Webhooks advises less than 20 kB.
const BODY_MAX: usize = 20_000;

/// A `webhook` receiver.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WebhookConfig {
    /// Where to find the URL: `env:NAME` or `file:/path`.
    #[schemars(with = "String")]
    pub url: SecretRef,
    /// Where to find the signing secret: `whsec_` and the base64 of 24 to 64 bytes.
    #[schemars(with = "String")]
    pub secret: SecretRef,
    /// Where to find the secret before it, while verifiers still use that one: both sign.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub previous_secret: Option<SecretRef>,
    /// What the body is.
    #[serde(default)]
    pub body: WebhookBody,
    /// With `body = "template"`: the JSON, in the language of Jinja; what is filled in is quoted by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<BodyTemplate>,
}

/// What the body of a `webhook` is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum WebhookBody {
    /// Sealwatch's own: the incident and its findings.
    #[default]
    Native,
    /// A `CloudEvent` around the native body.
    CloudeventsStructured,
    /// The native body, with a `CloudEvent` in the headers.
    CloudeventsBinary,
    /// A Detection Finding of OCSF 1.5.
    Ocsf,
    /// JSON of your own, by `template`.
    Template,
}

/// An endpoint to post to.
#[derive(Debug)]
pub struct Webhook {
    target: Target,
    /// The current key first: some verifiers read no further than the first signature they understand.
    keys: Vec<SigningKey>,
    body: WebhookBody,
    template: Option<BodyTemplate>,
}

impl Webhook {
    pub(super) fn open(config: &WebhookConfig) -> Result<Opened<Self>, ReceiverProblem> {
        let mut warnings = Vec::new();
        let url = resolve(&config.url, &mut warnings)?;
        let target = Target::new(&url).map_err(|source| ReceiverProblem::Url { source })?;
        let mut keys = Vec::new();
        for reference in [Some(&config.secret), config.previous_secret.as_ref()].into_iter().flatten() {
            let secret = resolve(reference, &mut warnings)?;
            let key = SigningKey::parse(&secret);
            keys.push(
                key.map_err(|source| ReceiverProblem::SigningKey { reference: reference.clone(), source })?,
            );
        }
        let template = config.template.clone();
        if (config.body == WebhookBody::Template) != template.is_some() {
            return Err(ReceiverProblem::Template);
        }
        Ok(Opened { receiver: Self { target, keys, body: config.body, template }, warnings })
    }

    pub(super) async fn deliver(&self, http: &HttpClient, card: &Card, attempt: Attempt<'_>) -> Outcome {
        self.target.send(http, |fullness| self.encode(card, attempt, fullness), class).await
    }

    pub(super) fn encode(
        &self,
        card: &Card,
        attempt: Attempt<'_>,
        fullness: Fullness,
    ) -> Result<Encoded, serde_json::Error> {
        let mut encoded = match self.body {
            WebhookBody::Native => Encoded::json(native::within(BODY_MAX, card, fullness)?),
            WebhookBody::CloudeventsStructured => {
                cloud_events::structured(BODY_MAX, card, attempt, fullness)?
            }
            WebhookBody::CloudeventsBinary => cloud_events::binary(BODY_MAX, card, attempt, fullness)?,
            WebhookBody::Template => match self.template.as_ref().map(|template| template.fill(card)) {
                Some(Ok(body)) if fullness == Fullness::Full => Encoded::json(body),
                // It is smaller, and it never fails.
                _ => Encoded::json(native::within(BODY_MAX, card, fullness)?),
            },
            WebhookBody::Ocsf => ocsf::encode(BODY_MAX, card, attempt, fullness)?,
        };
        let signatures: Vec<_> = self
            .keys
            .iter()
            .map(|key| key.sign(attempt.id.as_str(), attempt.unix_seconds, &encoded.body))
            .collect();
        encoded.headers.extend([
            ("webhook-id", attempt.id.as_str().to_owned()),
            ("webhook-timestamp", attempt.unix_seconds.to_string()),
            ("webhook-signature", signatures.join(" ")),
        ]);
        Ok(encoded)
    }
}

impl Webhook {
    /// Why the owner's template cannot say this, so that the built-in body is sent; `None` if it can, or there is none.
    pub(super) fn template_fault(&self, card: &Card) -> Option<TemplateError> {
        self.template.as_ref()?.fill(card).err()
    }
}

fn class(reply: &Reply) -> StatusClass {
    default_class(reply.status)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::card::build;
    use crate::fixture;
    use crate::outbox::DeliveryId;
    use crate::receivers::Place;

    fn webhook(secrets: &[&str]) -> Webhook {
        let secret = |text: &str| transport::SecretString::new(text.to_owned());
        let keys = secrets.iter().map(|text| SigningKey::parse(&secret(text)).unwrap()).collect();
        let target = Target::new(&secret("https://h/hook")).unwrap();
        Webhook { target, keys, body: WebhookBody::Native, template: None }
    }

    const CURRENT: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const PREVIOUS: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

    #[test]
    fn during_a_rotation_both_secrets_sign_and_the_current_one_is_first() {
        let (incident, findings) = fixture::npm_takeover();
        let card = build(fixture::opened(), incident, findings, None);
        let id = DeliveryId::parse("abc").unwrap();
        let attempt = Attempt { id: &id, unix_seconds: 1_778_526_000, place: Place::New };
        let signature = |secrets: &[&str]| {
            let encoded = webhook(secrets).encode(&card, attempt, Fullness::Full).unwrap();
            encoded.headers.iter().find(|(name, _)| *name == "webhook-signature").unwrap().1.clone()
        };
        let both = signature(&[CURRENT, PREVIOUS]);
        assert_eq!(both, format!("{} {}", signature(&[CURRENT]), signature(&[PREVIOUS])));
    }

    #[test]
    fn the_id_stays_and_timestamp_and_signature_are_new_in_each_attempt() {
        let (incident, findings) = fixture::npm_takeover();
        let card = build(fixture::opened(), incident, findings, None);
        let id = DeliveryId::parse("abc").unwrap();
        let headers = |unix_seconds| {
            let attempt = Attempt { id: &id, unix_seconds, place: Place::New };
            webhook(&[CURRENT]).encode(&card, attempt, Fullness::Full).unwrap().headers
        };
        let (first, second) = (headers(100), headers(105));
        assert_eq!(first[0], second[0]);
        assert_ne!(first[1], second[1]);
        assert_ne!(first[2], second[2]);
    }
}
