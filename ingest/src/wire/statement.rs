//! In-toto statements (<https://github.com/in-toto/attestation>), bare or in a DSSE envelope, with SLSA provenance of
//! versions 0.2 and 1 looked at for what built the artifact.
//!
//! One `sign` event for each subject, with the predicate's type; a bare statement has no signer, a DSSE envelope as
//! many as it has signatures. The time is the end of the build, else its beginning, else the record's own.

use detectors::event::{Event, EventTime, Signer};

use super::document::Document;
use super::rekor::statement as in_toto;
use super::rekor::{Logged, Signature, base64_of, push_events};
use crate::decode::{Reading, Refusal, RefusalReason, time_of_text};

/// What an attestation's payload is called.
const IN_TOTO: &str = "application/vnd.in-toto+json";

/// Reads one statement or envelope.
pub(crate) fn read(text: &str, reading: &mut Reading<'_>, out: &mut Vec<Event>) -> Result<(), Refusal> {
    let own = Document::of(text)?;
    let Some(payload) = own.text("payload") else {
        return push(text, vec![Signer::default()], reading, out);
    };
    let payload_type = own.text("payloadType").unwrap_or_default();
    if payload_type != IN_TOTO {
        let detail = format!("`payloadType` is `{payload_type}`");
        return Err(Refusal::new(RefusalReason::UnsupportedKind, detail));
    }
    let mut signers = Vec::new();
    for signature in own.list("signatures").into_iter().map(Document::cut) {
        base64_of(
            "signatures.sig",
            &signature.text("sig").ok_or_else(|| Refusal::missing("signatures.sig"))?,
        )?;
        let key_id = signature.text("keyid").map(|id| id.as_ref().into());
        signers.push(Signer { key_id, ..Signer::default() });
    }
    if signers.is_empty() {
        return Err(Refusal::missing("signatures"));
    }
    let bytes = base64_of("payload", &payload)?;
    let statement = std::str::from_utf8(&bytes)
        .map_err(|_| Refusal::new(RefusalReason::InvalidUtf8, "`payload` decodes to no UTF-8"))?;
    push(statement, signers, reading, out)
}

fn push(
    text: &str,
    mut signers: Vec<Signer>,
    reading: &mut Reading<'_>,
    out: &mut Vec<Event>,
) -> Result<(), Refusal> {
    let statement = in_toto::read(text.as_bytes())?;
    let own = Document::of(text)?;
    let predicate = own.within("predicate");
    let build = Build::of(&predicate)?;
    for signer in &mut signers {
        signer.workflow = build.workflow.as_deref().map(Into::into);
        signer.trigger = build.trigger.as_deref().map(Into::into);
        signer.run = build.run.as_deref().map(Into::into);
        signer.source_repository = build.source_repository.as_deref().map(Into::into);
    }
    let signature = Signature {
        signers,
        subjects: statement.subjects,
        predicate: statement.predicate,
        logged: Logged::default(),
        made_at: build.time,
    };
    push_events(&signature, &mut 0, reading, out)
}

/// What SLSA provenance says of a build.
#[derive(Default)]
struct Build {
    workflow: Option<String>,
    trigger: Option<String>,
    run: Option<String>,
    source_repository: Option<String>,
    time: Option<EventTime>,
}

impl Build {
    fn of(predicate: &Document<'_>) -> Result<Self, Refusal> {
        let definition = predicate.within("buildDefinition");
        let workflow = definition.within("externalParameters").within("workflow");
        let run = predicate.within("runDetails").within("metadata");
        let old = predicate.within("metadata");
        let time =
            [(&run, "finishedOn"), (&run, "startedOn"), (&old, "buildFinishedOn"), (&old, "buildStartedOn")];
        let time = time.into_iter().find_map(|(place, field)| place.text(field));
        let owned = |text: Option<std::borrow::Cow<'_, str>>| text.map(std::borrow::Cow::into_owned);
        Ok(Self {
            workflow: owned(workflow.text("path")),
            trigger: owned(definition.within("internalParameters").within("github").text("event_name")),
            run: owned(run.text("invocationId").or_else(|| old.text("buildInvocationId"))),
            source_repository: owned(workflow.text("repository")),
            time: time.map(|time| time_of_text("predicate", &time)).transpose()?,
        })
    }
}
