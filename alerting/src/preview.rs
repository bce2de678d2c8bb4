//! What a receiver would be sent, without sending it: for `sealwatch receiver test` and for independent verifiers.

use detectors::finding::Finding;
use detectors::incident::{Incident, Transition, TransitionReason};
use store::{ReceiverId, RunId};
use thiserror::Error;

use crate::card::{PublicUrl, Repeat, build};
use crate::outbox::DeliveryId;
use crate::receivers::{
    Attempt, DataOutput, Encoded, Fullness, Place, Receiver, ReceiverConfig, ReceiverProblem,
};

/// The circumstances of a preview.
#[derive(Debug, Clone)]
pub struct PreviewSettings {
    /// Where links would lead.
    pub public_url: Option<PublicUrl>,
    /// The clock's time, in seconds since 1970: signatures hold for minutes.
    pub unix_seconds: i64,
    /// Whether to mark it as a possible repeat.
    pub repeat: Repeat,
}

/// Why there is no preview.
#[derive(Debug, Error)]
pub enum PreviewError {
    /// The receiver's settings cannot be used.
    #[error("cannot set up the receiver")]
    Receiver {
        /// Why not.
        #[source]
        source: ReceiverProblem,
    },
    /// The message cannot be written.
    #[error("cannot write the message as JSON")]
    Json {
        /// Why not.
        #[source]
        source: serde_json::Error,
    },
}

/// The body and the headers of the message that would tell a receiver of an incident's last transition. Its id is
/// that of the first message of the live run to a receiver called `preview`.
///
/// # Errors
/// When the receiver's secrets cannot be read or used.
pub fn encode_preview(
    receiver: &ReceiverConfig,
    incident: Incident,
    findings: Vec<Finding>,
    settings: &PreviewSettings,
) -> Result<Encoded, PreviewError> {
    let nowhere = DataOutput::new(std::io::sink());
    let receiver =
        Receiver::from_config(receiver, &nowhere).map_err(|source| PreviewError::Receiver { source })?;
    let opened = Transition {
        time: incident.first_event,
        severity: incident.severity,
        reason: TransitionReason::Opened,
    };
    let transition = incident.history.last().cloned().unwrap_or(opened);
    let name = ReceiverId::parse("preview").expect("it is a name");
    let id = DeliveryId::of(&RunId::Live, &incident.id, &name, 1);
    let card = build(transition, incident, findings, settings.public_url.as_ref()).marked(settings.repeat);
    let attempt = Attempt { id: &id, unix_seconds: settings.unix_seconds, place: Place::New };
    receiver.encode(&card, attempt, Fullness::Full).map_err(|source| PreviewError::Json { source })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::fixture;
    use crate::receivers::contract::kinds::KINDS;

    /// One kept preview: the same card must give the same bytes for ever, or somebody decides that it changed.
    /// `SEALWATCH_BLESS=1` is that decision.
    fn check(name: &str, receiver: &ReceiverConfig, (incident, findings): (Incident, Vec<Finding>)) {
        let settings = PreviewSettings {
            public_url: Some(PublicUrl::parse("https://watch.example").unwrap()),
            unix_seconds: 1_778_526_007,
            repeat: Repeat::Possible,
        };
        let encoded = encode_preview(receiver, incident, findings, &settings).unwrap();
        let headers: serde_json::Map<_, _> =
            encoded.headers.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect();
        let body = String::from_utf8(encoded.body).unwrap();
        let preview =
            serde_json::json!({"content_type": encoded.content_type, "headers": headers, "body": body});
        let found = format!("{}\n", serde_json::to_string_pretty(&preview).unwrap());
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests-data").join(name);
        if std::env::var_os("SEALWATCH_BLESS").is_some() {
            std::fs::write(&path, &found).unwrap();
        }
        let kept = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(found == kept, "{name} changed; what is sent now:\n{found}");
    }

    #[test]
    fn messages_are_those_that_were_verified() {
        for kind in KINDS {
            let (config, _files) = kind.config("https://service.example");
            check(&format!("{}.json", kind.label()), &config, fixture::npm_takeover());
            check(&format!("{}-hostile.json", kind.label()), &config, fixture::hostile_takeover());
        }
        let mail = "type = 'email'\nserver = 'mail.example'\nfrom = 'Sealwatch <watch@mail.example>'\n\
                    to = ['soc@mail.example']";
        let mail = toml::from_str(mail).unwrap();
        check("email.json", &mail, fixture::npm_takeover());
        check("email-hostile.json", &mail, fixture::hostile_takeover());
        for (name, body) in [("syslog", "text"), ("syslog-native", "native")] {
            let syslog = format!("type = 'syslog'\nserver = 'siem.example'\nbody = '{body}'");
            let syslog = toml::from_str(&syslog).unwrap();
            check(&format!("{name}.json"), &syslog, fixture::npm_takeover());
            check(&format!("{name}-hostile.json"), &syslog, fixture::hostile_takeover());
        }
        let kafka = "type = 'kafka'\nbrokers = '127.0.0.1:9092'\ntopic = 'incidents'\n\
                     body = 'cloudevents-binary'";
        let kafka = toml::from_str(kafka).unwrap();
        check("kafka-cloudevents-binary.json", &kafka, fixture::npm_takeover());
        check("kafka-cloudevents-binary-hostile.json", &kafka, fixture::hostile_takeover());
        let stdout = toml::from_str("type = \"stdout\"").unwrap();
        check("stdout-hostile.json", &stdout, fixture::hostile_takeover());
    }
}
