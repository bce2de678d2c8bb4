//! Audit events of Kubernetes (`audit.k8s.io/v1`), which clusters send beside registries' logs: they are known, concern no
//! registry, and become nothing. What a cluster pulls stands in the registry's own log.

use detectors::event::Event;

use super::document::Document;
use crate::decode::{PassReason, Reading, Refusal};

/// Reads one event.
pub(crate) fn read(text: &str, reading: &mut Reading<'_>, _out: &mut Vec<Event>) -> Result<(), Refusal> {
    Document::of(text)?;
    reading.pass(PassReason::NoRegistry);
    Ok(())
}
