//! `elastic`: Elasticsearch or OpenSearch by `_bulk`, one document a message, with fields of ECS beside the native
//! body.
//!
//! The document's id is the message's: a repeat is refused as a conflict, which is success. `create` works for
//! indices and data streams alike.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use transport::http::BodyEnd;
use transport::{HttpClient, Reply, SecretRef};

use super::exchange::{StatusClass, Target, default_class};
use super::registry::{Opened, ReceiverProblem, resolve};
use super::{Attempt, Effect, Encoded, Fullness, Outcome, native};
use crate::card::Card;
use crate::inert_json::to_inert_json;

/// Most bytes of the native body in a document.
const BODY_MAX: usize = 256 * 1024;

/// An `elastic` receiver.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ElasticConfig {
    /// Where it is: `https://elastic.example:9200`.
    #[schemars(length(min = 1))]
    pub server: String,
    /// Where to find the value of the `Authorization` header, as `ApiKey …` or `Basic …`: `env:NAME` or `file:/path`.
    #[schemars(with = "String")]
    pub authorization: SecretRef,
    /// The index or data stream.
    #[serde(default = "index")]
    #[schemars(length(min = 1))]
    pub index: String,
}

fn index() -> String {
    "sealwatch-incidents".to_owned()
}

/// A cluster.
#[derive(Debug)]
pub struct Elastic {
    target: Target,
    index: String,
}

#[derive(Serialize)]
struct Document {
    #[serde(rename = "@timestamp")]
    timestamp: detectors::event::EventTime,
    message: String,
    event: Value,
    rule: Value,
    sealwatch: Value,
}

impl Elastic {
    pub(super) fn open(config: &ElasticConfig) -> Result<Opened<Self>, ReceiverProblem> {
        let mut warnings = Vec::new();
        let value = resolve(&config.authorization, &mut warnings)?;
        let target = Target::at(&config.server, "/_bulk")
            .map_err(|source| ReceiverProblem::Url { source })?
            .with_header("authorization", value.expose().trim().to_owned());
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
        let rules: Vec<_> =
            card.record.findings().iter().take(1).map(|finding| finding.detector.as_str()).collect();
        let document = Document {
            timestamp: card.transition.time,
            message: card.sentence.plain(),
            event: json!({"kind": "alert", "category": ["package"], "dataset": "sealwatch.incident",
                "action": card.event_type(), "severity": number(card.severity), "id": card.record.id()}),
            rule: json!({"name": rules.first().unwrap_or(&card.record.kind())}),
            sealwatch: native,
        };
        let mut body = to_inert_json(&json!({"create": {"_index": self.index, "_id": attempt.id.as_str()}}))?;
        body.push(b'\n');
        body.extend(to_inert_json(&document)?);
        body.push(b'\n');
        Ok(Encoded { body, content_type: "application/x-ndjson", headers: Vec::new() })
    }
}

/// Elastic's own scale for the severity of an alert, 0 to 100.
const fn number(severity: detectors::finding::Severity) -> u8 {
    use detectors::finding::Severity;
    match severity {
        Severity::Critical => 99,
        Severity::High => 73,
        Severity::Medium => 47,
        Severity::Low => 21,
        Severity::Info => 1,
    }
}

/// A bulk request succeeds as a whole and says for each document what became of it.
fn class(reply: &Reply) -> StatusClass {
    #[derive(Deserialize)]
    struct Answer {
        items: Vec<Item>,
    }
    #[derive(Deserialize)]
    struct Item {
        create: Created,
    }
    #[derive(Deserialize)]
    struct Created {
        status: u16,
    }
    let by_status = default_class(reply.status);
    if by_status != StatusClass::Delivered {
        return by_status;
    }
    let answer =
        serde_json::from_str::<Answer>(&reply.body).ok().filter(|_| reply.body_end == BodyEnd::Whole);
    match answer.and_then(|answer| answer.items.first().map(|item| item.create.status)) {
        // The document is there from an earlier attempt.
        Some(409) => StatusClass::Delivered,
        Some(status) => default_class(status),
        None => StatusClass::Retry(Effect::Possible),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::receivers::channel_tests::replied;

    #[test]
    fn the_documents_own_status_decides() {
        let item = |status: u16| {
            format!(r#"{{"took":1,"errors":true,"items":[{{"create":{{"status":{status}}}}}]}}"#)
        };
        let cases = [
            (201, StatusClass::Delivered),
            (409, StatusClass::Delivered),
            (429, StatusClass::Retry(Effect::None)),
            (400, StatusClass::Shrink),
            (403, StatusClass::Park),
            (404, StatusClass::Park),
        ];
        for (status, expected) in cases {
            assert_eq!(class(&replied(200, &item(status))), expected, "{status}");
        }
        assert_eq!(class(&replied(200, "{}")), StatusClass::Retry(Effect::Possible));
        assert_eq!(class(&replied(401, "")), StatusClass::Park);
    }
}
