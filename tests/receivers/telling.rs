//! Tells a receiver of the kept incidents, over the real wire.

use std::path::Path;
use std::time::Duration;

use alerting::card::{Card, PublicUrl, build};
use alerting::outbox::DeliveryId;
use alerting::receivers::{Attempt, DataOutput, MessageRef, Outcome, Place, Receiver, ReceiverConfig};
use detectors::finding::Finding;
use detectors::incident::Incident;
use serde_json::Value;
use transport::{HttpClient, HttpPolicy};

/// Which of the kept incidents.
#[derive(Clone, Copy, Debug)]
pub(super) enum Incidents {
    /// Without any trick.
    Honest,
    /// With hostile text wherever an attacker can put any.
    Hostile,
}

impl Incidents {
    /// The card that tells of its first step; the incident is the one inside the kept message of a webhook.
    pub(super) fn card(self) -> Card {
        let name = match self {
            Self::Honest => "webhook.json",
            Self::Hostile => "webhook-hostile.json",
        };
        let kept = std::fs::read_to_string(super::preview(name)).unwrap();
        let kept: Value = serde_json::from_str(&kept).unwrap();
        let body: Value = serde_json::from_str(kept["body"].as_str().unwrap()).unwrap();
        let of = |key: &str| body["data"][key].clone();
        let incident: Incident = serde_json::from_value(of("incident")).unwrap();
        let findings: Vec<Finding> = serde_json::from_value(of("findings")).unwrap();
        let page = PublicUrl::parse("https://watch.example").unwrap();
        build(incident.history[0].clone(), incident, findings, Some(&page))
    }
}

/// A client that may reach this target (`host:port`), trusts this authority, and waits no longer than this.
pub(super) fn client(target: &str, authority: Option<&Path>, patience: Duration) -> HttpClient {
    let allow_targets = [target.parse().unwrap()].into_iter().collect();
    let extra_roots_pem = authority.map(|file| std::fs::read(file).unwrap());
    let policy = HttpPolicy {
        allow_targets,
        allow_insecure_http: true,
        extra_roots_pem,
        request_timeout: patience,
        connect_timeout: Duration::from_secs(20),
        ..HttpPolicy::default()
    };
    HttpClient::new(policy).unwrap()
}

/// A receiver, set up from its configuration as any other.
pub(super) fn receiver(toml: &str) -> Receiver {
    let config: ReceiverConfig = toml::from_str(toml).unwrap();
    Receiver::from_config(&config, &DataOutput::new(std::io::sink())).unwrap()
}

/// Sends a card once.
pub(super) fn deliver(
    receiver: &Receiver,
    http: &HttpClient,
    card: &Card,
    id: &str,
    earlier: Option<&MessageRef>,
) -> Outcome {
    let id = DeliveryId::parse(id).unwrap();
    let place = earlier.map_or(Place::New, Place::Below);
    let attempt = Attempt { id: &id, unix_seconds: 1_778_526_007, place };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(receiver.deliver(http, card, attempt))
}
