//! Records to a real Apache Kafka: key, headers, order, login, and brokers that hang or refuse.

use std::time::Duration;

use alerting::receivers::{Effect, Outcome, Receiver};
use serde_json::Value;

use super::telling::{Incidents, client, deliver, receiver};
use crate::parts::broker::{KafkaBroker, KafkaOptions, READER, Right};
use crate::parts::topics::Message;

const PATIENT: Duration = Duration::from_secs(60);

fn plain(broker: &KafkaBroker, topic: &str, more: &str) -> Receiver {
    let brokers = broker.bootstrap();
    receiver(&format!("type = 'kafka'\nbrokers = '{brokers}'\ntopic = '{topic}'\n{more}"))
}

fn tell(receiver: &Receiver, id: &str, patience: Duration) -> Outcome {
    deliver(receiver, &client("127.0.0.1:1", None, patience), &Incidents::Hostile.card(), id, None)
}

fn stored(broker: &KafkaBroker, topic: &str) -> Vec<Message> {
    broker.read_all(topic).into_iter().map(|stored| stored.message).collect()
}

fn header<'a>(message: &'a Message, name: &str) -> Option<&'a str> {
    let (_, value) = message.headers.iter().find(|(found, _)| found == name)?;
    std::str::from_utf8(value).ok()
}

#[test]
fn the_steps_of_an_incident_stand_in_one_partition_under_its_id_in_order() {
    let broker = KafkaBroker::shared();
    broker.create_topic("told", 6, &[]);
    let receiver = plain(broker, "told", "");
    for id in ["one", "two", "three"] {
        assert_eq!(tell(&receiver, id, PATIENT), Outcome::Delivered(None));
    }
    let records = stored(broker, "told");
    let ids: Vec<_> = records.iter().map(|record| header(record, "delivery-id").unwrap()).collect();
    assert_eq!(ids, ["one", "two", "three"]);
    for record in &records {
        let body: Value = serde_json::from_slice(record.value.as_deref().unwrap()).unwrap();
        assert_eq!(
            body["data"]["incident"]["id"],
            std::str::from_utf8(record.key.as_deref().unwrap()).unwrap()
        );
        assert_eq!(record.partition, records[0].partition);
        assert_eq!(header(record, "content-type"), Some("application/json"));
    }
}

#[test]
fn a_cloud_event_stands_in_the_headers_of_the_kafka_binding() {
    let broker = KafkaBroker::shared();
    broker.create_topic("events", 1, &[]);
    assert_eq!(
        tell(&plain(broker, "events", "body = 'cloudevents-binary'"), "one", PATIENT),
        Outcome::Delivered(None)
    );
    let records = stored(broker, "events");
    assert_eq!(header(&records[0], "ce_specversion"), Some("1.0"));
    assert_eq!(header(&records[0], "ce_id"), Some("one"));
    assert_eq!(header(&records[0], "ce_type"), Some("sealwatch.incident.opened"));
}

#[test]
fn a_record_goes_over_tls_after_a_login_where_we_have_the_right() {
    let broker = KafkaBroker::shared();
    let folder = tempfile::tempdir().unwrap();
    let password = folder.path().join("password");
    std::fs::write(&password, READER.password).unwrap();
    let secured = |topic: &str| {
        receiver(&format!(
            "type = 'kafka'\nbrokers = '{}'\ntopic = '{topic}'\n\
             [client.overrides]\n\"broker.address.family\" = 'v4'\n\
             [client.security]\nprotocol = 'sasl_ssl'\nca = '{}'\n\
             [client.security.login]\nmechanism = 'SCRAM-SHA-512'\nuser = '{}'\npassword = 'file:{}'",
            broker.external_bootstrap(),
            broker.ca_pem().display(),
            READER.name,
            password.display(),
        ))
    };
    broker.create_topic("written-by-us", 1, &[]);
    broker.create_topic("not-by-us", 1, &[]);
    broker.allow(READER, &[Right::Write("written-by-us")]);
    assert_eq!(tell(&secured("written-by-us"), "one", PATIENT), Outcome::Delivered(None));
    assert_eq!(stored(broker, "written-by-us").len(), 1);
    let refused = tell(&secured("not-by-us"), "one", PATIENT);
    assert!(matches!(&refused, Outcome::Park(failure) if failure.effect == Effect::None), "{refused:?}");
    assert!(!format!("{refused:?}").contains(READER.password));
}

#[test]
fn a_topic_that_is_not_there_needs_a_person_and_one_for_small_records_gets_a_small_one() {
    let broker = KafkaBroker::shared();
    let missing = tell(&plain(broker, "nowhere", ""), "one", PATIENT);
    assert!(matches!(&missing, Outcome::Park(failure) if failure.effect == Effect::None), "{missing:?}");
    broker.create_topic("small", 1, &[("max.message.bytes", "950")]);
    let told = tell(&plain(broker, "small", ""), "one", PATIENT);
    assert_eq!(told, Outcome::Delivered(None));
    let records = stored(broker, "small");
    let body: Value = serde_json::from_slice(records[0].value.as_deref().unwrap()).unwrap();
    assert_eq!(body["data"]["omitted"]["findings"], 2, "{body}");
}

#[test]
fn a_broker_that_hangs_has_nothing_and_nothing_given_up_arrives_later() {
    let mut broker = KafkaBroker::start(KafkaOptions::default());
    broker.create_topic("kept", 1, &[]);
    let receiver = plain(&broker, "kept", "");
    assert_eq!(tell(&receiver, "one", PATIENT), Outcome::Delivered(None));
    broker.freeze();
    let hung = tell(&receiver, "two", Duration::from_secs(2));
    assert!(matches!(&hung, Outcome::Retry { failure, .. } if failure.effect == Effect::None), "{hung:?}");
    broker.thaw();
    assert_eq!(tell(&receiver, "two", PATIENT), Outcome::Delivered(None));
    let records = stored(&broker, "kept");
    let ids: Vec<_> = records.iter().map(|record| header(record, "delivery-id").unwrap()).collect();
    assert_eq!(ids, ["one", "two"]);
}
