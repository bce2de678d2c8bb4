//! `pagerduty`: Events API v2. The incident's id is the deduplication key, so a repeat is no second incident there.
//!
//! What somebody works on is acknowledged there, what was closed is resolved. Every text is plain; addresses are
//! defanged. Limits and answers: PagerDuty/developer-docs, "Send an Alert Event".

use detectors::finding::Severity;
use detectors::incident::{Status, TransitionReason};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use transport::{HttpClient, Reply, SecretRef, SecretString};

use super::exchange::{StatusClass, Target, default_class};
use super::registry::{Opened, ReceiverProblem, resolve};
use super::{Encoded, Fullness, Outcome};
use crate::card::{Card, Layout, Text};
use crate::sanitise::{Limit, shorten};

/// PagerDuty's limit for a summary, in characters.
const SUMMARY_MAX: Limit = Limit::Characters(1_024);
const KEY_MAX: Limit = Limit::Characters(255);
const LINE_MAX: Limit = Limit::Characters(1_000);
/// Where the interface is, unless configured.
const SERVER: &str = "https://events.pagerduty.com";

/// A `pagerduty` receiver.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PagerDutyConfig {
    /// Where to find the integration's routing key: `env:NAME` or `file:/path`.
    #[schemars(with = "String")]
    pub routing_key: SecretRef,
    /// The events server; write `https://events.eu.pagerduty.com` for an account in Europe.
    #[serde(default = "server")]
    #[schemars(length(min = 1))]
    pub server: String,
}

fn server() -> String {
    SERVER.to_owned()
}

/// A service of PagerDuty.
#[derive(Debug)]
pub struct PagerDuty {
    target: Target,
    routing_key: SecretString,
}

impl PagerDuty {
    pub(super) fn open(config: &PagerDutyConfig) -> Result<Opened<Self>, ReceiverProblem> {
        let mut warnings = Vec::new();
        let key = resolve(&config.routing_key, &mut warnings)?;
        let routing_key = SecretString::new(key.expose().trim().to_owned());
        let target = Target::at(&config.server, "/v2/enqueue")
            .map_err(|source| ReceiverProblem::Url { source })?
            .hiding(&routing_key);
        Ok(Opened { receiver: Self { target, routing_key }, warnings })
    }

    pub(super) async fn deliver(&self, http: &HttpClient, card: &Card) -> Outcome {
        self.target.send(http, |fullness| self.encode(card, fullness), class).await
    }

    pub(super) fn encode(&self, card: &Card, fullness: Fullness) -> Result<Encoded, serde_json::Error> {
        let mut event = event(card, fullness);
        event["routing_key"] = self.routing_key.expose().into();
        Ok(Encoded::json(serde_json::to_vec(&event)?))
    }
}

fn event(card: &Card, fullness: Fullness) -> Value {
    let layout = Layout::of(card, fullness);
    let mut details = serde_json::Map::new();
    details.insert("what happened".to_owned(), card.what_happened().into());
    details.insert("summary".to_owned(), line(layout.sentence).into());
    for (name, text) in &layout.facts {
        details.insert((*name).to_owned(), line(text).into());
    }
    for list in &layout.lists {
        let lines: Vec<_> =
            list.lines.iter().chain(super::fit::rest(list.further).as_ref()).map(line).collect();
        details.insert(list.title.to_owned(), lines.into());
    }
    details.insert("notes".to_owned(), layout.foot.iter().map(line).collect::<Vec<_>>().into());
    let subject = card.record.incident().and_then(|incident| incident.subjects.first());
    let registry = subject.map(|subject| Text::new().untrusted(&*subject.registry));
    let class = card.record.findings().first().map(|finding| finding.detector.as_str());
    let links: Vec<_> =
        layout.link.iter().map(|(words, link)| json!({"href": link.as_str(), "text": words})).collect();
    json!({
        "event_action": action(card),
        "dedup_key": shorten(card.record.id(), KEY_MAX),
        "payload": {
            "summary": shorten(&format!("[{}] {}: {}", card.severity, line(layout.headline), line(layout.sentence)), SUMMARY_MAX),
            "source": registry.as_ref().map_or_else(|| "sealwatch".to_owned(), line),
            "severity": severity(card.severity),
            "timestamp": card.transition.time,
            "component": "registry watch",
            "class": class.unwrap_or(card.record.kind()),
            "custom_details": details,
        },
        "links": links,
        "client": "Sealwatch",
    })
}

fn line(text: &Text) -> String {
    shorten(&text.plain(), LINE_MAX).into_owned()
}

fn action(card: &Card) -> &'static str {
    let status = card.record.incident().map(|incident| incident.status);
    match (card.transition.reason, status) {
        (TransitionReason::Resolved, _) | (_, Some(Status::Resolved)) => "resolve",
        // What became worse wakes people, whoever works on it.
        (TransitionReason::Escalated | TransitionReason::Regressed, _) => "trigger",
        (_, Some(Status::InProgress)) => "acknowledge",
        _ => "trigger",
    }
}

const fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "critical",
        Severity::High => "error",
        Severity::Medium => "warning",
        Severity::Low | Severity::Info => "info",
    }
}

/// 202 is how PagerDuty takes an event; 400 is one that it will never take, whatever its size.
fn class(reply: &Reply) -> StatusClass {
    match (reply.status, default_class(reply.status)) {
        (400, _) if reply.body.contains("invalid event") && reply.body.contains("routing_key") => {
            StatusClass::Park
        }
        (202, _) => StatusClass::Delivered,
        (_, class) => class,
    }
}

#[cfg(test)]
mod tests {
    use detectors::incident::Incident;

    use super::*;
    use crate::card::build;
    use crate::fixture;
    use crate::receivers::channel_tests::{hostile, replied, worst};

    #[test]
    fn what_happens_to_the_incident_happens_there() {
        use TransitionReason::{Escalated, Grew, Opened, Regressed, Resolved};
        let cases = [
            (Opened, Status::New, "trigger"),
            (Grew, Status::InProgress, "acknowledge"),
            (Escalated, Status::InProgress, "trigger"),
            (Resolved, Status::Resolved, "resolve"),
            (Regressed, Status::New, "trigger"),
        ];
        for (reason, status, expected) in cases {
            let (incident, findings) = fixture::npm_takeover();
            let incident = Incident { status, ..incident };
            let id = incident.id.to_string();
            let card = build(fixture::transition(reason), incident, findings, None);
            let event = event(&card, Fullness::Full);
            assert_eq!(
                (event["event_action"].as_str(), event["dedup_key"].as_str()),
                (Some(expected), Some(&*id))
            );
        }
    }

    #[test]
    fn the_worst_card_stays_within_the_limits() {
        let event = event(&worst(), Fullness::Full);
        let summary = event["payload"]["summary"].as_str().unwrap();
        assert!(summary.chars().count() <= SUMMARY_MAX.room());
        assert!(event.to_string().len() < 512 * 1024 / 4);
        assert!(super::event(&hostile(), Fullness::Full).to_string().contains("hxxps://evil"));
    }

    #[test]
    fn a_routing_key_that_is_none_parks_the_receiver() {
        let body = r#"{"status":"invalid event","message":"Event object is invalid","errors":["'routing_key' is invalid"]}"#;
        assert_eq!(class(&replied(400, body)), StatusClass::Park);
        assert_eq!(class(&replied(400, "{}")), StatusClass::Shrink);
        assert_eq!(class(&replied(202, "{}")), StatusClass::Delivered);
    }
}
