//! `splunk`: the HTTP Event Collector of Splunk, one event a message, with the native body as the event.
//!
//! Answers: "Use the HTTP Event Collector", the table of status codes. Hiding characters are written as JSON
//! escapes, so a viewer of raw events shows nothing forged.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use transport::{HttpClient, Reply, SecretRef};

use super::exchange::{StatusClass, Target, default_class};
use super::registry::{Opened, ReceiverProblem, resolve};
use super::{Attempt, Effect, Encoded, Fullness, Outcome, native};
use crate::card::Card;
use crate::inert_json::to_inert_json;

/// Most bytes of an event's body: Splunk cuts longer ones at index time (`TRUNCATE`, 10,000 by default, is raised
/// for `_json`-like source types; HEC itself takes 1 MB).
const BODY_MAX: usize = 256 * 1024;

/// A `splunk` receiver.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SplunkConfig {
    /// Where the collector is: `https://splunk.example:8088`.
    #[schemars(length(min = 1))]
    pub server: String,
    /// Where to find the collector's token: `env:NAME` or `file:/path`.
    #[schemars(with = "String")]
    pub token: SecretRef,
    /// The index; the token's own if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<String>,
}

/// An event collector.
#[derive(Debug)]
pub struct Splunk {
    target: Target,
    index: Option<String>,
}

#[derive(Serialize)]
struct Event<'a> {
    time: f64,
    source: &'static str,
    sourcetype: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    index: Option<&'a str>,
    fields: Fields<'a>,
    event: Value,
}

/// Fields that are searched without reading the event.
#[derive(Serialize)]
struct Fields<'a> {
    delivery_id: &'a str,
    id: &'a str,
    kind: String,
    severity: &'static str,
}

impl Splunk {
    pub(super) fn open(config: &SplunkConfig) -> Result<Opened<Self>, ReceiverProblem> {
        let mut warnings = Vec::new();
        let token = resolve(&config.token, &mut warnings)?;
        let target = Target::at(&config.server, "/services/collector/event")
            .map_err(|source| ReceiverProblem::Url { source })?
            .with_header("authorization", format!("Splunk {}", token.expose().trim()));
        Ok(Opened { receiver: Self { target, index: config.index.clone() }, warnings })
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
        let native = serde_json::from_slice(&native::within(BODY_MAX, card, fullness)?)?;
        let event = Event {
            time: card.transition.time.unix_millis() as f64 / 1_000.0,
            source: "sealwatch",
            sourcetype: "sealwatch:incident",
            index: self.index.as_deref(),
            fields: Fields {
                delivery_id: attempt.id.as_str(),
                id: card.record.id(),
                kind: card.event_type(),
                severity: card.severity.as_str(),
            },
            event: native,
        };
        Ok(Encoded::json(to_inert_json(&event)?))
    }
}

fn class(reply: &Reply) -> StatusClass {
    /// "Server is busy"; Splunk sends it with 503.
    const BUSY: u64 = 9;
    /// "Incorrect index".
    const INDEX: u64 = 7;
    #[derive(Deserialize)]
    struct Answer {
        code: u64,
    }
    let code = serde_json::from_str::<Answer>(&reply.body).ok().map(|answer| answer.code);
    match (default_class(reply.status), code) {
        (StatusClass::Delivered, Some(0)) => StatusClass::Delivered,
        (StatusClass::Delivered, _) => StatusClass::Retry(Effect::Possible),
        (_, Some(BUSY)) => StatusClass::Retry(Effect::None),
        (_, Some(INDEX)) => StatusClass::Park,
        (class, _) => class,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::receivers::channel_tests::replied;

    #[test]
    fn answers_mean_what_splunk_says_they_mean() {
        let cases = [
            (200, r#"{"text":"Success","code":0}"#, StatusClass::Delivered),
            (200, "<html>login</html>", StatusClass::Retry(Effect::Possible)),
            (400, r#"{"text":"Incorrect index","code":7}"#, StatusClass::Park),
            (403, r#"{"text":"Invalid token","code":4}"#, StatusClass::Park),
            (503, r#"{"text":"Server is busy","code":9}"#, StatusClass::Retry(Effect::None)),
        ];
        for (status, body, expected) in cases {
            assert_eq!(class(&replied(status, body)), expected, "{status} {body}");
        }
    }
}
