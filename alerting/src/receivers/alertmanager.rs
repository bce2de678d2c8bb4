//! `alertmanager`: Prometheus Alertmanager, API v2. It routes on for those who have it already.
//!
//! Alertmanager keeps alerts in memory alone, so an open incident is told again within the hour, and a closed one
//! with an end. Labels identify an alert there: nothing that changes is one. Alertmanager's own templates escape
//! nothing, so `<` and `>` of foreign text are shown as ‹ and ›. Send to each of several peers, by a receiver each.

use std::time::Duration;

use detectors::event::EventTime;
use detectors::incident::{Status, TransitionReason};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use transport::{HttpClient, Reply, SecretRef};

use super::exchange::{StatusClass, Target, default_class};
use super::registry::{Opened, ReceiverProblem, resolve};
use super::{Attempt, Encoded, Fullness, Outcome};
use crate::card::{Card, Layout, Text};
use crate::sanitise::{Limit, shorten};

/// How often an open incident has to be told again.
pub(super) const FORGETS_AFTER: Duration = Duration::from_secs(3_600);
/// How long an alert stays without being told again, in seconds: long enough for an outage of ours.
const STAYS_SECONDS: i64 = 24 * 3_600;
const LABEL_MAX: Limit = Limit::Characters(200);
const ANNOTATION_MAX: Limit = Limit::Characters(2_000);

/// An `alertmanager` receiver.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AlertmanagerConfig {
    /// Where to find the URL, as `https://alertmanager.example:9093`: `env:NAME` or `file:/path`.
    #[schemars(with = "String")]
    pub url: SecretRef,
    /// Where to find the value of the `Authorization` header, as `Bearer …`, where one is asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub authorization: Option<SecretRef>,
}

/// An Alertmanager.
#[derive(Debug)]
pub struct Alertmanager {
    target: Target,
}

impl Alertmanager {
    pub(super) fn open(config: &AlertmanagerConfig) -> Result<Opened<Self>, ReceiverProblem> {
        let mut warnings = Vec::new();
        let url = resolve(&config.url, &mut warnings)?;
        let mut target = Target::at(url.expose().trim(), "/api/v2/alerts")
            .map_err(|source| ReceiverProblem::Url { source })?;
        if let Some(reference) = &config.authorization {
            let value = resolve(reference, &mut warnings)?;
            target = target.with_header("authorization", value.expose().trim().to_owned());
        }
        Ok(Opened { receiver: Self { target }, warnings })
    }

    pub(super) async fn deliver(&self, http: &HttpClient, card: &Card, attempt: Attempt<'_>) -> Outcome {
        self.target.send(http, |fullness| encode(card, attempt, fullness), class).await
    }
}

/// The alert as JSON.
pub(super) fn encode(
    card: &Card,
    attempt: Attempt<'_>,
    fullness: Fullness,
) -> Result<Encoded, serde_json::Error> {
    Ok(Encoded::json(serde_json::to_vec(&alerts(card, attempt.unix_seconds, fullness))?))
}

fn alerts(card: &Card, now: i64, fullness: Fullness) -> Value {
    let layout = Layout::of(card, fullness);
    let mut annotations = Map::new();
    let mut annotate = |name: &str, words: String| {
        if !words.is_empty() {
            annotations.insert(name.to_owned(), shorten(&words, ANNOTATION_MAX).into_owned().into());
        }
    };
    annotate("summary", shown(layout.headline));
    annotate("description", shown(layout.sentence));
    annotate("severity_now", card.severity.as_str().to_owned());
    annotate("what_happened", card.what_happened().to_owned());
    for list in &layout.lists {
        let lines: Vec<_> =
            list.lines.iter().chain(super::fit::rest(list.further).as_ref()).map(shown).collect();
        annotate(&list.title.to_lowercase().replace(' ', "_"), lines.join("; "));
    }
    let mut labels = Map::new();
    labels.insert("alertname".to_owned(), name(card).into());
    labels.insert("incident".to_owned(), shorten(card.record.id(), LABEL_MAX).into());
    if let Some(subject) = card.record.incident().and_then(|incident| incident.subjects.first()) {
        let label = |words: &str| shorten(&shown(&Text::new().untrusted(words)), LABEL_MAX).into_owned();
        labels.insert("subject_kind".to_owned(), subject.kind.as_str().into());
        labels.insert("registry".to_owned(), label(&subject.registry).into());
        labels.insert("subject".to_owned(), label(&subject.name).into());
    }
    let (start, end) = (card.seen.0, if is_over(card) { now } else { now + STAYS_SECONDS });
    let mut alert = json!({
        "labels": labels,
        "annotations": annotations,
        "startsAt": start.min(EventTime::from_secs(end)),
        "endsAt": EventTime::from_secs(end),
    });
    if let Some((_, link)) = layout.link {
        alert["generatorURL"] = link.as_str().into();
    }
    json!([alert])
}

fn is_over(card: &Card) -> bool {
    card.transition.reason == TransitionReason::Resolved
        || card.record.incident().is_some_and(|incident| incident.status == Status::Resolved)
}

fn name(card: &Card) -> &'static str {
    match card.record.kind() {
        "incident" => "SealwatchIncident",
        "digest" => "SealwatchDigest",
        _ => "SealwatchNotice",
    }
}

/// Foreign text for templates that escape nothing.
fn shown(text: &Text) -> String {
    let inert =
        |words: &str| words.replace('<', "\u{2039}").replace('>', "\u{203a}").replace('&', "\u{ff06}");
    text.encode(inert, str::to_owned)
}

fn class(reply: &Reply) -> StatusClass {
    default_class(reply.status)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::card::build;
    use crate::fixture;
    use crate::receivers::channel_tests::hostile;

    const NOW: i64 = 1_778_527_000;

    #[test]
    fn labels_stay_the_same_while_an_incident_grows_and_an_end_closes_it() {
        let (incident, findings) = fixture::npm_takeover();
        let alert = |reason| {
            let card = build(fixture::transition(reason), incident.clone(), findings.clone(), None);
            alerts(&card, NOW, Fullness::Full)[0].clone()
        };
        let (opened, closed) = (alert(TransitionReason::Opened), alert(TransitionReason::Resolved));
        assert_eq!(opened["labels"], closed["labels"]);
        assert_eq!(closed["endsAt"], "2026-05-11T19:16:40Z");
        assert_eq!(opened["endsAt"], "2026-05-12T19:16:40Z");
        assert!(opened["startsAt"].as_str() < closed["endsAt"].as_str());
    }

    #[test]
    fn names_are_those_that_every_version_takes_and_text_can_do_no_harm_downstream() {
        let alert = &alerts(&hostile(), NOW, Fullness::Full)[0];
        let all = ["labels", "annotations"].map(|key| alert[key].as_object().unwrap().clone());
        for (name, value) in all.iter().flatten() {
            assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{name}");
            assert!(!value.as_str().unwrap().contains(['<', '>', '\n', '\u{202e}']), "{value}");
        }
    }
}
