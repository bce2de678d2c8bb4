//! `kafka`: one record an incident's step in a topic, keyed by the incident, so that its steps stay in order.
//!
//! A record that all replicas have is delivered. The producer is idempotent; the header `delivery-id` tells a repeat
//! after an ambiguous failure from a new message. The body is that of a `webhook`, a `CloudEvent` after the Kafka binding
//! (headers `ce_…` in binary mode). Brokers are named by the owner like those that are read: the guard for addresses
//! is for HTTP, mail and syslog, and here nothing goes unprotected to another machine unless `insecure` says so.

use std::sync::Arc;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;
use tokio::task::spawn_blocking;
use tokio::time::timeout;
use transport::HttpClient;
use transport::http::Reach;
use transport::kafka::{KafkaSender, KafkaSettings, LookUpError, Outgoing, SendError};

use super::outcome::{Effect, Failure, with_causes};
use super::registry::{Opened, ReceiverProblem};
use super::{Attempt, Encoded, Fullness, Outcome, cloud_events, native};
use crate::card::Card;

/// Most bytes of a body: a quarter of what brokers take unless told otherwise.
const BODY_MAX: usize = 256 * 1024;
/// The longest name of a topic.
const TOPIC_MAX: usize = 249;
/// By what name the brokers' logs know us.
const CLIENT_ID: &str = "sealwatch-alerting";

/// A `kafka` receiver.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KafkaReceiverConfig {
    /// The brokers to begin with: `host:port`, several separated by commas.
    #[schemars(length(min = 1))]
    pub brokers: String,
    /// The topic. It is not made where it is missing, unless the brokers do that.
    #[schemars(length(min = 1, max = 249))]
    pub topic: String,
    /// What a record's value is.
    #[serde(default)]
    pub body: KafkaBody,
    /// How the connection is protected, and single settings of the client.
    #[serde(default)]
    #[schemars(schema_with = "client_schema")]
    pub client: KafkaSettings,
}

/// What the value of a record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum KafkaBody {
    /// Sealwatch's own: the incident and its findings.
    #[default]
    Native,
    /// A `CloudEvent` around the native body.
    CloudeventsStructured,
    /// The native body, with a `CloudEvent` in the headers.
    CloudeventsBinary,
}

fn client_schema(_: &mut SchemaGenerator) -> Schema {
    Schema::try_from(transport::kafka::settings_schema()).unwrap_or_default()
}

/// A topic to write to.
#[derive(Debug)]
pub struct Kafka {
    sender: Arc<Mutex<KafkaSender>>,
    brokers: String,
    topic: String,
    body: KafkaBody,
}

impl Kafka {
    pub(super) fn open(config: &KafkaReceiverConfig) -> Result<Opened<Self>, ReceiverProblem> {
        let usual = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        let topic = config.topic.clone();
        if !(1..=TOPIC_MAX).contains(&topic.len()) || !topic.bytes().all(usual) {
            return Err(ReceiverProblem::Topic { topic: topic.escape_debug().to_string() });
        }
        let problem = |source| ReceiverProblem::Kafka { source };
        let sender = KafkaSender::new(&config.client, &config.brokers, CLIENT_ID).map_err(problem)?;
        let warnings = sender.warnings().map_err(problem)?;
        let sender = Arc::new(Mutex::new(sender));
        let receiver = Self { sender, brokers: config.brokers.clone(), topic, body: config.body };
        Ok(Opened { receiver, warnings })
    }

    pub(super) async fn deliver(&self, http: &HttpClient, card: &Card, attempt: Attempt<'_>) -> Outcome {
        let patience = http.dialer().patience();
        let sent = self.send(card, attempt, Fullness::Full, patience).await;
        match sent {
            // The topic may take smaller records than brokers usually do.
            Err(Trouble::Send(SendError::Delivery(failure))) if failure.reach == Reach::NotSent => {
                self.outcome(self.send(card, attempt, Fullness::Minimal, patience).await)
            }
            sent => self.outcome(sent),
        }
    }

    /// Sends one record; one at a time, each with a thread that may wait.
    async fn send(
        &self,
        card: &Card,
        attempt: Attempt<'_>,
        fullness: Fullness,
        patience: Duration,
    ) -> Result<(), Trouble> {
        let Encoded { body, content_type, headers } = self.encode(card, attempt, fullness)?;
        let key = card.record.id().to_owned();
        let topic = self.topic.clone();
        let mut sender =
            timeout(patience, Arc::clone(&self.sender).lock_owned()).await.map_err(|_| Trouble::Busy)?;
        let sent = spawn_blocking(move || {
            let mut all = vec![("content-type", content_type.as_bytes())];
            all.extend(headers.iter().map(|(name, value)| (*name, value.as_bytes())));
            let record = Outgoing {
                topic: &topic,
                key: Some(key.as_bytes()),
                payload: Some(&body),
                headers: &all,
                ..Outgoing::default()
            };
            sender.send(&record, patience).map(|_| ())
        });
        sent.await.map_err(|_| Trouble::Stopped)?.map_err(Trouble::Send)
    }

    fn outcome(&self, sent: Result<(), Trouble>) -> Outcome {
        let Err(trouble) = sent else { return Outcome::Delivered(None) };
        let effect = match &trouble {
            Trouble::Send(error) if error.reach() == Reach::NotSent => Effect::None,
            Trouble::Json(_) | Trouble::Busy => Effect::None,
            Trouble::Send(_) | Trouble::Stopped => Effect::Possible,
        };
        let failure = Failure::new(None, effect, &format!("{}: {}", self.brokers, with_causes(&trouble)));
        match trouble {
            Trouble::Json(_) => Outcome::Dead(failure),
            // Somebody has to make the topic, or to give us the right to it, or to repair the settings.
            Trouble::Send(SendError::Setup(_) | SendError::LookUp(LookUpError::Topic { .. })) => {
                Outcome::Park(failure)
            }
            Trouble::Send(_) | Trouble::Busy | Trouble::Stopped => Outcome::Retry { wish: None, failure },
        }
    }

    /// The value, and the headers beside it; the media type is a header too.
    pub(super) fn encode(
        &self,
        card: &Card,
        attempt: Attempt<'_>,
        fullness: Fullness,
    ) -> Result<Encoded, serde_json::Error> {
        let mut encoded = match self.body {
            KafkaBody::Native => Encoded::json(native::within(BODY_MAX, card, fullness)?),
            KafkaBody::CloudeventsStructured => cloud_events::structured(BODY_MAX, card, attempt, fullness)?,
            KafkaBody::CloudeventsBinary => {
                let mut encoded = cloud_events::binary(BODY_MAX, card, attempt, fullness)?;
                for (name, _) in &mut encoded.headers {
                    *name = kafka_name(name);
                }
                encoded
            }
        };
        encoded.headers.push(("delivery-id", attempt.id.as_str().to_owned()));
        Ok(encoded)
    }
}

/// The name of a header of CloudEvents in the Kafka binding, which is not that of HTTP.
fn kafka_name(http: &'static str) -> &'static str {
    match http {
        "ce-specversion" => "ce_specversion",
        "ce-id" => "ce_id",
        "ce-source" => "ce_source",
        "ce-type" => "ce_type",
        "ce-time" => "ce_time",
        "ce-subject" => "ce_subject",
        other => other,
    }
}

/// Why a record was not confirmed.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error("cannot write the message")]
    Json(#[from] serde_json::Error),
    #[error("the message before this one waits for its confirmation")]
    Busy,
    #[error("the sender stopped")]
    Stopped,
    #[error(transparent)]
    Send(SendError),
}

#[cfg(test)]
mod tests {
    use transport::kafka::MockBroker;

    use super::*;
    use crate::outbox::DeliveryId;
    use crate::receivers::Place;
    use crate::receivers::channel_tests::{hostile, worst};
    use crate::receivers::fake_server::lenient_client;

    fn open(brokers: &str, more: &str) -> Result<Kafka, String> {
        let config = toml::from_str(&format!("brokers = '{brokers}'\ntopic = 'incidents'\n{more}")).unwrap();
        Kafka::open(&config).map(|opened| opened.receiver).map_err(|problem| with_causes(&problem))
    }

    async fn delivered(kafka: &Kafka, patience: Duration) -> Outcome {
        let id = DeliveryId::parse("abc").unwrap();
        let attempt = Attempt { id: &id, unix_seconds: 7, place: Place::New };
        kafka.deliver(&lenient_client(patience), &hostile(), attempt).await
    }

    #[test]
    fn every_body_says_the_same_within_the_limit_and_carries_the_delivery() {
        let id = DeliveryId::parse("abc").unwrap();
        let attempt = Attempt { id: &id, unix_seconds: 7, place: Place::New };
        for (body, headers) in [("native", 1), ("cloudevents-structured", 1), ("cloudevents-binary", 7)] {
            let kafka = open("127.0.0.1:1", &format!("body = '{body}'")).unwrap();
            let encoded = kafka.encode(&hostile(), attempt, Fullness::Full).unwrap();
            assert_eq!(encoded.headers.len(), headers, "{body}: {:?}", encoded.headers);
            assert!(encoded.headers.iter().all(|(name, _)| !name.starts_with("ce-")));
            assert_eq!(encoded.headers.last().unwrap(), &("delivery-id", "abc".to_owned()));
            let value: serde_json::Value = serde_json::from_slice(&encoded.body).unwrap();
            let native = if body == "cloudevents-structured" { &value["data"] } else { &value };
            assert_eq!(native["data"]["findings"].as_array().unwrap().len(), 2, "{body}");
            let worst = kafka.encode(&worst(), attempt, Fullness::Full).unwrap();
            assert!(worst.body.len() <= BODY_MAX, "{body}: {}", worst.body.len());
        }
    }

    #[tokio::test]
    async fn a_record_is_delivered_when_it_is_confirmed_and_brokers_that_are_away_have_none() {
        let broker = MockBroker::start().unwrap();
        broker.create_topic("incidents", 3).unwrap();
        let kafka = open(broker.bootstrap(), "").unwrap();
        assert_eq!(delivered(&kafka, Duration::from_secs(20)).await, Outcome::Delivered(None));
        broker.down().unwrap();
        let outcome = delivered(&kafka, Duration::from_millis(600)).await;
        assert!(
            matches!(&outcome, Outcome::Retry { failure, .. } if failure.effect == Effect::None),
            "{outcome:?}"
        );
        broker.up().unwrap();
        assert_eq!(delivered(&kafka, Duration::from_secs(20)).await, Outcome::Delivered(None));
    }

    #[test]
    fn settings_that_cannot_work_are_refused() {
        for (brokers, more, expected) in [
            ("kafka.example:9092", "", "without TLS"),
            ("kafka.example", "", "as `host:port`"),
            ("127.0.0.1:1", "[client.security]\nprotocol = 'ssl'\nca = '/nonexistent'", "/nonexistent"),
        ] {
            let problem = open(brokers, more).unwrap_err();
            assert!(problem.contains(expected), "{problem}");
        }
        let long = "t".repeat(TOPIC_MAX + 1);
        for topic in ["", "a b", "a\nb", &long] {
            let config = KafkaReceiverConfig {
                brokers: "127.0.0.1:1".to_owned(),
                topic: topic.to_owned(),
                body: KafkaBody::Native,
                client: KafkaSettings::default(),
            };
            assert!(matches!(Kafka::open(&config), Err(ReceiverProblem::Topic { .. })), "{topic:?}");
        }
    }
}
