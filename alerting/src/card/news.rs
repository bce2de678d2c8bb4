//! Why a message is sent, in a word for programs and in words for people.

use detectors::incident::TransitionReason;
use serde::{Deserialize, Serialize};

/// Why a message is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum News {
    /// The first news of an incident.
    Opened,
    /// It got further findings.
    Grew,
    /// It got worse.
    Escalated,
    /// It came back after it was closed.
    Regressed,
    /// Somebody took it up.
    Acknowledged,
    /// Somebody closed it.
    Resolved,
    /// It was told before, and nobody has taken it up.
    Repeated,
    /// Others were told of it, and none of them has taken it up in time.
    Unanswered,
    /// Nothing happened: the way is open.
    Heartbeat,
    /// Many messages in one.
    Digest,
    /// Something about the program itself.
    Notice,
}

impl News {
    /// The word for programs: the `type` of the native body. A public contract.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Opened => "incident.opened",
            Self::Grew => "incident.grew",
            Self::Escalated => "incident.escalated",
            Self::Regressed => "incident.regressed",
            Self::Acknowledged => "incident.acknowledged",
            Self::Resolved => "incident.resolved",
            Self::Repeated => "incident.repeated",
            Self::Unanswered => "incident.unanswered",
            Self::Heartbeat => "heartbeat",
            Self::Digest => "digest",
            Self::Notice => "notice",
        }
    }

    /// The words for people.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Opened => "New incident",
            Self::Grew => "Incident grew",
            Self::Escalated => "Incident escalated",
            Self::Regressed => "Incident came back",
            Self::Acknowledged => "Somebody took it up",
            Self::Resolved => "Incident resolved",
            Self::Repeated => "Still open: nobody took it up",
            Self::Unanswered => "Nobody who was told took it up",
            Self::Heartbeat => "Heartbeat: nothing happened",
            Self::Digest => "Digest",
            Self::Notice => "Notice",
        }
    }

    /// Whether people are to look up when it arrives, so that to change an earlier message is not enough.
    #[must_use]
    pub const fn calls(self) -> bool {
        match self {
            Self::Opened
            | Self::Escalated
            | Self::Regressed
            | Self::Repeated
            | Self::Unanswered
            | Self::Digest
            | Self::Notice => true,
            Self::Grew | Self::Acknowledged | Self::Resolved | Self::Heartbeat => false,
        }
    }
}

impl From<TransitionReason> for News {
    fn from(reason: TransitionReason) -> Self {
        match reason {
            TransitionReason::Opened => Self::Opened,
            TransitionReason::Grew => Self::Grew,
            TransitionReason::Escalated => Self::Escalated,
            TransitionReason::Resolved => Self::Resolved,
            TransitionReason::Regressed => Self::Regressed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_of_an_incident_keep_the_words_of_their_contract() {
        use TransitionReason::{Escalated, Grew, Opened, Regressed, Resolved};
        for reason in [Opened, Grew, Escalated, Resolved, Regressed] {
            assert_eq!(News::from(reason).word(), format!("incident.{}", reason.as_str()));
        }
    }
}
