//! Audit logs of Google Cloud (<https://cloud.google.com/logging/docs/audit>).
//!
//! Real ones of GKE (`k8s.io`) were read: they concern no registry and become nothing. Those of Artifact Registry are
//! refused by name, since none was seen yet; a declared mapping can read them meanwhile.

use detectors::event::Event;

use super::document::Document;
use crate::decode::{PassReason, Reading, Refusal, RefusalReason};

/// The service of which a record would concern a registry.
const REGISTRY: &str = "artifactregistry.googleapis.com";

/// Reads one entry.
pub(crate) fn read(text: &str, reading: &mut Reading<'_>, _out: &mut Vec<Event>) -> Result<(), Refusal> {
    let own = Document::of(text)?.within("protoPayload");
    let service = own.text("serviceName").ok_or_else(|| Refusal::missing("protoPayload.serviceName"))?;
    if service == REGISTRY {
        let detail = format!("`serviceName` is `{service}`, of which no real record was seen yet");
        return Err(Refusal::new(RefusalReason::UnsupportedKind, detail));
    }
    reading.pass(PassReason::NoRegistry);
    Ok(())
}
