//! What an outbox row says is to be told. The incident itself is read when the message leaves, so that it says the
//! latest.

use detectors::incident::{Incident, Transition, TransitionReason};
use serde::{Deserialize, Serialize};
use store::ToRoute;
use thiserror::Error;

/// The form's version; a row of an unknown one is given up visibly instead of being misread.
const VERSION: u32 = 1;

/// What is to be told, as the store keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payload {
    version: u32,
    /// What happened to the incident.
    pub transition: Transition,
}

/// Why a stored payload cannot be told.
#[derive(Debug, Error)]
pub enum PayloadError {
    /// It is not JSON of this form.
    #[error("cannot read what an outbox row is to tell")]
    Unreadable {
        /// Why not.
        #[source]
        source: serde_json::Error,
    },
    /// A newer program wrote it.
    #[error("cannot tell what an outbox row of form {found} says: this program knows form {VERSION}")]
    Newer {
        /// The row's form.
        found: u32,
    },
}

impl Payload {
    /// What is told about a row that waited for routing.
    ///
    /// Its time is that of the incident's history, as messages speak of event time; `reason` is what grouping made
    /// of the row's own.
    #[must_use]
    pub fn of(row: &ToRoute, incident: &Incident, reason: TransitionReason) -> Self {
        let step = incident.history.iter().rev().find(|step| step.reason == reason);
        let time = step.map_or(incident.last_event, |step| step.time);
        Self { version: VERSION, transition: Transition { time, severity: row.severity, reason } }
    }

    /// As the store keeps it.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("numbers, words and times are always JSON")
    }

    /// Reads what the store kept.
    ///
    /// # Errors
    /// When it is unreadable or of a newer form.
    pub fn from_json(text: &str) -> Result<Self, PayloadError> {
        let payload: Self =
            serde_json::from_str(text).map_err(|source| PayloadError::Unreadable { source })?;
        if payload.version == VERSION {
            Ok(payload)
        } else {
            Err(PayloadError::Newer { found: payload.version })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    #[test]
    fn a_payload_is_read_back_and_a_newer_one_is_refused() {
        let payload = Payload { version: VERSION, transition: fixture::opened() };
        assert_eq!(Payload::from_json(&payload.to_json()).unwrap(), payload);
        let newer = Payload { version: 2, ..payload };
        assert!(matches!(Payload::from_json(&newer.to_json()), Err(PayloadError::Newer { found: 2 })));
        assert!(matches!(Payload::from_json("{}"), Err(PayloadError::Unreadable { .. })));
    }
}
