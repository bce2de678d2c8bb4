//! Signatures: entries of a Rekor transparency log and Sigstore bundles
//! (<https://github.com/sigstore/rekor>, <https://github.com/sigstore/protobuf-specs>).
//!
//! Read are the API's answer (`{"<id>": {"body": …}}`), an entry with its `body` or `canonicalizedBody`, the bare body,
//! and a bundle; of kinds `hashedrekord`, `dsse`, `intoto` and `rekord`, in their first and second versions. Nothing is
//! verified: that somebody put a bad signature into a log is news, too.
//!
//! One `sign` event for each digest that was signed. A `dsse` entry that carries no statement names no digest; its
//! event has the signer alone. The time is the log's (`integratedTime`), else the beginning of the certificate's ten
//! minutes, else the record's own. A certificate from a keyless flow has an identity and no key id: its key is used
//! once, so as a key it would always be new.

mod body;
pub(super) mod bundle;
pub(super) mod certificate;
mod entry;
pub(super) mod statement;

use detectors::event::{Event, EventKind, EventTime, Outcome, Sign, Signer, TransparencyLog};

use self::entry::Source;
use self::statement::Subject;
use crate::decode::{MAX_EVENTS_PER_RECORD, Reading, Refusal, RefusalReason, check_nesting, time_of_millis};

/// What is known of one signature, whichever way it came.
pub(super) struct Signature {
    /// Who signed; several for an envelope that is signed several times.
    pub(super) signers: Vec<Signer>,
    /// What was signed; empty if the record does not say.
    pub(super) subjects: Vec<Subject>,
    /// `signature`, or the predicate type.
    pub(super) predicate: Option<String>,
    /// Where it was logged.
    pub(super) logged: Logged,
    /// When it was made, if that is said beside the log and the certificate.
    pub(super) made_at: Option<EventTime>,
}

/// What a log says about an entry.
#[derive(Default)]
pub(super) struct Logged {
    /// The entry's id in the log.
    id: Option<String>,
    /// The log's id, in hex.
    log: Option<String>,
    /// The entry's number.
    index: Option<u64>,
    /// Seconds since 1970.
    integrated_secs: Option<i64>,
}

/// Reads one record, which may hold several entries.
pub(crate) fn read(text: &str, reading: &mut Reading<'_>, out: &mut Vec<Event>) -> Result<(), Refusal> {
    check_nesting(text)?;
    let mut index = 0;
    for source in entry::sources(text)? {
        let signature = match source {
            Source::Entry(entry) => entry.signature()?,
            Source::Bundle(bundle) => bundle.signature()?,
        };
        push_events(&signature, &mut index, reading, out)?;
    }
    Ok(())
}

pub(super) fn push_events(
    signature: &Signature,
    index: &mut u32,
    reading: &mut Reading<'_>,
    out: &mut Vec<Event>,
) -> Result<(), Refusal> {
    let integrated = match signature.logged.integrated_secs {
        // Rekor's second version writes 0: its entries have no time of their own.
        None | Some(0) => None,
        Some(secs) => Some(time_of_millis("integratedTime", secs.saturating_mul(1_000))?),
    };
    let integrated_or_made = integrated.or(signature.made_at);
    let unknown = [Subject::unknown()];
    let subjects = if signature.subjects.is_empty() { &unknown[..] } else { &signature.subjects };
    if subjects.len() * signature.signers.len() > MAX_EVENTS_PER_RECORD {
        let detail = format!("more than {MAX_EVENTS_PER_RECORD} signatures and subjects");
        return Err(Refusal::new(RefusalReason::TooManyEvents, detail));
    }
    for signer in &signature.signers {
        let time = time_of(integrated_or_made, signer, reading)?;
        for subject in subjects {
            let id = signature.logged.event_id(*index);
            let event = Event {
                id: reading.id(id.as_deref(), *index),
                time,
                position: reading.position(*index),
                registry: reading.registry(None),
                artifact: subject.artifact(reading),
                actor: detectors::event::Actor::default(),
                outcome: Outcome::Success,
                status: None,
                request_id: None,
                kind: EventKind::Sign(Box::new(Sign {
                    signer: within_limits(signer, reading),
                    predicate: signature.predicate.as_deref().and_then(|text| reading.text(text)),
                    transparency_log: signature.logged.transparency_log(integrated),
                    signed_at: None,
                })),
            };
            out.push(event);
            *index += 1;
        }
    }
    Ok(())
}

fn time_of(
    integrated: Option<EventTime>,
    signer: &Signer,
    reading: &Reading<'_>,
) -> Result<EventTime, Refusal> {
    integrated.or(signer.not_before).map_or_else(|| reading.outer_time("integratedTime"), Ok)
}

/// The strings of a certificate are the signer's own, and as long as they like.
fn within_limits(signer: &Signer, reading: &mut Reading<'_>) -> Signer {
    let mut short = signer.clone();
    let texts = [
        &mut short.key_id,
        &mut short.identity,
        &mut short.issuer,
        &mut short.workflow,
        &mut short.trigger,
        &mut short.run,
        &mut short.runner,
        &mut short.source_repository,
        &mut short.source_repository_id,
    ];
    for text in texts {
        *text = text.take().and_then(|text| reading.text(&text));
    }
    short
}

impl Logged {
    /// The id of the event: the entry's own, or its place in its log. The first event of an entry has it as it is.
    fn event_id(&self, index: u32) -> Option<String> {
        let id = match (&self.id, &self.log, self.index) {
            (Some(id), ..) => id.clone(),
            (None, Some(log), Some(number)) => format!("{log}/{number}"),
            _ => return None,
        };
        Some(if index == 0 { id } else { format!("{id}#{index}") })
    }

    fn transparency_log(&self, integrated_time: Option<EventTime>) -> Option<TransparencyLog> {
        let log = self.log.as_deref().map(std::sync::Arc::from);
        (log.is_some() || self.index.is_some() || integrated_time.is_some()).then_some(TransparencyLog {
            log,
            index: self.index,
            integrated_time,
        })
    }
}

/// Standard base64, padding included.
pub(super) fn base64_of(field: &str, text: &str) -> Result<Vec<u8>, Refusal> {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD
        .decode(text.as_bytes())
        .map_err(|error| Refusal::new(RefusalReason::BadEncoding, format!("`{field}` is no base64: {error}")))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use detectors::event::PartitionId;

    use super::*;
    use crate::decode::{Decoder, DecoderSettings, Format};
    use crate::source::RawRecord;

    /// A bundle signed by a key that is only hinted at, with so many subjects.
    fn bundle(subjects: usize) -> String {
        let subjects = vec![r#"{"name":"a"}"#; subjects].join(",");
        let payload = STANDARD.encode(format!(r#"{{"subject":[{subjects}]}}"#));
        format!(
            r#"{{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json","verificationMaterial":{{"publicKey":{{"hint":"k"}}}},"dsseEnvelope":{{"payload":"{payload}","payloadType":"application/vnd.in-toto+json","signatures":[{{"sig":"MEUC"}}]}}}}"#
        )
    }

    fn decode(text: &str, timestamp_ms: Option<i64>) -> Result<Vec<Event>, String> {
        let partition = Arc::new(PartitionId { source: "s".into(), stream: "t".into(), partition: 0 });
        let record = RawRecord { timestamp_ms, ..RawRecord::line(&partition, 0, text.as_bytes()) };
        let mut events = Vec::new();
        let result = Decoder::new(DecoderSettings::new("s", Format::Rekor)).decode(&record, &mut events);
        result.map(|()| events).map_err(|refusal| refusal.to_string())
    }

    #[test]
    fn an_entry_without_a_time_of_its_own_takes_the_records() {
        let millis = 1_778_527_239_000;
        let events = decode(&bundle(1), Some(millis)).unwrap();
        assert_eq!(events[0].time, EventTime::from_unix_millis(millis).unwrap());
        assert_eq!(decode(&bundle(1), None), Err("missing-field: `integratedTime` is missing".to_owned()));
    }

    #[test]
    fn a_statement_of_too_many_subjects_is_refused_whole() {
        assert_eq!(decode(&bundle(MAX_EVENTS_PER_RECORD), Some(1_778_527_239_000)).unwrap().len(), 4_096);
        let refused = decode(&bundle(MAX_EVENTS_PER_RECORD + 1), Some(1_778_527_239_000)).unwrap_err();
        assert_eq!(refused, "too-many-events: more than 4096 signatures and subjects");
    }
}
