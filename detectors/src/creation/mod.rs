//! What comes to be, and what is taken back: bursts of versions, sleepers that wake, strangers, near names, withdrawals.
//!
//! Publishes are seen from four sides: by the artifact (how long it slept, how old the account is), by the publisher
//! (how many at once), by the registry (is the name near one that is known), and withdrawals by who takes back.

pub mod dormant_revival;
pub mod name_squat;
mod near_name;
pub mod new_account_publish;
pub mod publish_burst;
pub mod withdrawal_wave;

use std::sync::Arc;

use crate::event::{Event, EventKind};

/// Who published: as the metadata says, else as the log says.
pub(crate) fn publisher(event: &Event) -> Option<&Arc<str>> {
    let EventKind::Publish(publish) = &event.kind else { return None };
    publish.metadata.publisher.as_ref().or(event.actor.principal.as_ref())
}

/// The artifact and its version: `` `axios` 1.14.1 ``.
pub(crate) fn shown_release(event: &Event) -> String {
    let Some(artifact) = &event.artifact else { return "an artifact".to_owned() };
    let name = artifact.key.as_ref().map(crate::event::ArtifactKey::display_name).unwrap_or_default();
    let version = artifact.version.as_ref().or(artifact.tag.as_ref());
    version.map_or_else(|| format!("`{name}`"), |version| format!("`{name}` {version}"))
}
