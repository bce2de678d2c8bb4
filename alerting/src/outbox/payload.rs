//! What an outbox row says is to be told. The incident itself is read when the message leaves, so that it says the
//! latest.

use detectors::event::EventTime;
use detectors::incident::{Incident, Transition, TransitionReason};
use serde::{Deserialize, Serialize};
use store::ToRoute;
use thiserror::Error;

use crate::card::News;

/// The form's version; a row of an unknown one is given up visibly instead of being misread.
const VERSION: u32 = 2;

/// What is to be told, as the store keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payload {
    version: u32,
    /// What is told.
    pub tells: Tells,
}

/// What a message tells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Tells {
    /// News of an incident.
    Incident {
        /// Why.
        news: News,
        /// The step of the incident's life that it is about.
        transition: Transition,
    },
    /// What the store says was folded into this message.
    Digest,
    /// What was held back, and is told together.
    Held {
        /// Why.
        why: HeldFor,
    },
    /// Something about the program itself.
    Notice {
        /// What happened, in one sentence of ours.
        sentence: String,
        /// What was said about it elsewhere.
        detail: String,
        /// When, by the clock.
        at: EventTime,
    },
}

/// Why messages were held back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "for", rename_all = "kebab-case")]
pub enum HeldFor {
    /// Their receiver was left in peace.
    Mute {
        /// The name of the mute time.
        name: String,
    },
    /// They belong together.
    Group {
        /// What they have in common, in words; the values may be an attacker's.
        words: String,
    },
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
    /// Another version of the program wrote it.
    #[error("cannot tell what an outbox row of form {found} says: this program knows form {VERSION}")]
    OtherForm {
        /// The row's form.
        found: u32,
    },
}

impl Payload {
    /// What tells this.
    #[must_use]
    pub const fn new(tells: Tells) -> Self {
        Self { version: VERSION, tells }
    }

    /// What is told about a row that waited for routing.
    ///
    /// Its time is that of the incident's history, as messages speak of event time; `news` is what grouping made of
    /// the row's own reason.
    #[must_use]
    pub fn of(row: &ToRoute, incident: &Incident, news: News) -> Self {
        Self::new(Tells::Incident { news, transition: step_of(row, incident) })
    }

    /// As the store keeps it.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("numbers, words and times are always JSON")
    }

    /// Reads what the store kept.
    ///
    /// # Errors
    /// When it is unreadable or of another form.
    pub fn from_json(text: &str) -> Result<Self, PayloadError> {
        #[derive(Deserialize)]
        struct Form {
            version: u32,
        }
        let unreadable = |source| PayloadError::Unreadable { source };
        let form: Form = serde_json::from_str(text).map_err(unreadable)?;
        if form.version != VERSION {
            return Err(PayloadError::OtherForm { found: form.version });
        }
        serde_json::from_str(text).map_err(unreadable)
    }

    /// The news of an incident that it tells, if it does.
    #[must_use]
    pub const fn news(&self) -> Option<News> {
        match &self.tells {
            Tells::Incident { news, .. } => Some(*news),
            Tells::Digest | Tells::Held { .. } | Tells::Notice { .. } => None,
        }
    }
}

/// The step of an incident's life that a row is about; that somebody took it up is told as of its last step.
pub(crate) fn step_of(row: &ToRoute, incident: &Incident) -> Transition {
    let reason = row.reason.transition();
    let step = incident.history.iter().rev().find(|step| Some(step.reason) == reason);
    let last = incident.history.last();
    Transition {
        time: step.map_or(incident.last_event, |step| step.time),
        severity: row.severity,
        reason: reason.or(last.map(|step| step.reason)).unwrap_or(TransitionReason::Opened),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    #[test]
    fn a_payload_is_read_back_and_one_of_another_form_is_refused() {
        let payload = Payload::new(Tells::Incident { news: News::Repeated, transition: fixture::opened() });
        assert_eq!(Payload::from_json(&payload.to_json()).unwrap(), payload);
        let newer = Payload { version: 3, ..payload };
        assert!(matches!(Payload::from_json(&newer.to_json()), Err(PayloadError::OtherForm { found: 3 })));
        assert!(matches!(Payload::from_json("{}"), Err(PayloadError::Unreadable { .. })));
        assert_eq!(Payload::new(Tells::Digest).news(), None);
    }
}
