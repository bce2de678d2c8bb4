//! The decisions of routing and grouping, each with its reason; they are stored and shown on the incident.

use std::fmt;
use std::sync::Arc;

use detectors::finding::IncidentId;
use serde::Serialize;
use store::{MaintenanceId, ReceiverId, SilenceId};

use crate::maintenance::Deviation;
use crate::shown_time;
use crate::silence::Pierce;

/// Whether somebody is told, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// This receiver gets a message.
    Tell {
        /// The receiver.
        receiver: ReceiverId,
        /// Why.
        reason: RouteReason,
    },
    /// This receiver gets no message of its own for it: one that waits already will say it.
    Fold {
        /// The receiver.
        receiver: ReceiverId,
        /// Why it is to know at all.
        reason: RouteReason,
    },
    /// This receiver is told when its mute time ends, if there is still something to tell.
    Muted {
        /// The receiver.
        receiver: ReceiverId,
        /// Why it is to know at all.
        reason: RouteReason,
        /// The mute time that holds.
        mute: Arc<str>,
        /// When it ends, by the clock, in nanoseconds since 1970.
        until: i64,
    },
    /// Nobody is told.
    NotTold(NotTold),
    /// Something that weighed in: it tells and silences nobody by itself.
    Note(Note),
}

impl Decision {
    /// Whom it concerns; `None` where it concerns nobody in particular.
    #[must_use]
    pub const fn receiver(&self) -> Option<&ReceiverId> {
        match self {
            Self::Tell { receiver, .. } | Self::Fold { receiver, .. } | Self::Muted { receiver, .. } => {
                Some(receiver)
            }
            Self::NotTold(_) | Self::Note(_) => None,
        }
    }
}

/// Why a receiver is told.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum RouteReason {
    /// A route matched.
    Route {
        /// Its number in the configuration, from 1.
        number: usize,
        /// Its name, if it has one.
        name: Option<Arc<str>>,
    },
    /// No route matched, and the default route names it.
    Default,
    /// It was told of the incident before, and so gets to know how it went on.
    ToldBefore,
    /// It is a heartbeat, and this receiver waits for them.
    Heartbeat,
}

/// Why nobody is told.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum NotTold {
    /// Every finding is below the alert budget.
    BelowBudget,
    /// It was found in a run that is not live.
    NotLive,
    /// It is no news: somebody closed it.
    QuietTransition,
    /// No route matched, and the default route is empty.
    NoRoute,
    /// The only routes that fit ask for a higher severity; this is the first of them.
    SeverityBelow {
        /// The route's number, from 1.
        route: usize,
    },
    /// The route that matched names no receiver, on purpose.
    RouteToNobody {
        /// The route's number, from 1.
        route: usize,
    },
    /// Silences hide every finding that would be told; this is the first of them.
    Silenced {
        /// The silence's number.
        silence: SilenceId,
    },
    /// Another incident that people know of explains it.
    Inhibited {
        /// The name of the rule.
        rule: Arc<str>,
        /// The other incident.
        by: IncidentId,
    },
    /// The store has no such incident any more.
    IncidentGone,
    /// What the store has of the incident cannot be read.
    IncidentUnreadable,
}

/// What weighed in without telling or silencing anybody by itself.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Note {
    /// A silence matches, and does not hide it.
    SilencePassed {
        /// The silence's number.
        silence: SilenceId,
        /// Why not.
        why: Pierce,
    },
    /// All of it was announced, so it is routed as info.
    Planned {
        /// The announcement's number.
        maintenance: MaintenanceId,
    },
    /// It is not what was announced, so it is routed as high or above.
    OutsidePlan {
        /// The announcement's number.
        maintenance: MaintenanceId,
        /// In which way.
        deviation: Deviation,
    },
}

impl Note {
    /// The note's name, for programs.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::SilencePassed { .. } => "silence-passed",
            Self::Planned { .. } => "planned",
            Self::OutsidePlan { .. } => "outside-plan",
        }
    }
}

impl RouteReason {
    /// The reason's name, for programs.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Route { .. } => "route",
            Self::Default => "default-route",
            Self::ToldBefore => "told-before",
            Self::Heartbeat => "heartbeat",
        }
    }
}

impl NotTold {
    /// The reason's name, for programs.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::BelowBudget => "below-budget",
            Self::NotLive => "not-live",
            Self::QuietTransition => "quiet-transition",
            Self::NoRoute => "no-route",
            Self::SeverityBelow { .. } => "severity-below",
            Self::RouteToNobody { .. } => "route-to-nobody",
            Self::Silenced { .. } => "silenced",
            Self::Inhibited { .. } => "inhibited",
            Self::IncidentGone => "incident-gone",
            Self::IncidentUnreadable => "incident-unreadable",
        }
    }
}

impl fmt::Display for RouteReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Route { number, name: None } => write!(f, "route {number} matched"),
            Self::Route { number, name: Some(name) } => write!(f, "route {number} `{name}` matched"),
            Self::Default => f.write_str("no route matched: default route"),
            Self::ToldBefore => f.write_str("told of it before"),
            Self::Heartbeat => f.write_str("it waits for heartbeats"),
        }
    }
}

impl fmt::Display for NotTold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BelowBudget => f.write_str("below the alert budget"),
            Self::NotLive => f.write_str("not found in the live run"),
            Self::QuietTransition => f.write_str("no news: it was closed"),
            Self::NoRoute => f.write_str("no route matched and the default route is empty"),
            Self::SeverityBelow { route } => write!(f, "severity below that of route {route}"),
            Self::RouteToNobody { route } => write!(f, "route {route} names no receiver"),
            Self::Silenced { silence } => write!(f, "silence {silence} hides it"),
            Self::Inhibited { rule, by } => write!(f, "inhibited by incident {by} (rule `{rule}`)"),
            Self::IncidentGone => f.write_str("the incident is no longer stored"),
            Self::IncidentUnreadable => f.write_str("the stored incident cannot be read"),
        }
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SilencePassed { silence, why } => write!(f, "silence {silence} does not hide it: {why}"),
            Self::Planned { maintenance } => {
                write!(f, "all of it was announced as maintenance {maintenance}: routed as info")
            }
            Self::OutsidePlan { maintenance, deviation } => {
                write!(f, "not what maintenance {maintenance} announced, {deviation}: routed as high")
            }
        }
    }
}

/// The form in which decisions are stored and shown: `[{"outcome":"tell","receiver":"soc","reason":"route",
/// "words":"route 2 matched"}]`.
#[derive(Serialize)]
struct DecisionRow<'a> {
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    receiver: Option<&'a ReceiverId>,
    reason: &'static str,
    words: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<String>,
}

impl<'a> From<&'a Decision> for DecisionRow<'a> {
    fn from(decision: &'a Decision) -> Self {
        match decision {
            Decision::Tell { receiver, reason } => Self {
                outcome: "tell",
                receiver: Some(receiver),
                reason: reason.as_str(),
                words: reason.to_string(),
                until: None,
            },
            Decision::Muted { receiver, reason, mute, until } => Self {
                outcome: "muted",
                receiver: Some(receiver),
                reason: "mute-time",
                words: format!("{reason}; muted by `{mute}` until {}", shown_time(*until)),
                until: Some(shown_time(*until)),
            },
            Decision::Fold { receiver, reason } => Self {
                outcome: "fold",
                receiver: Some(receiver),
                reason: reason.as_str(),
                words: format!("{reason}; a message that waits already will say it"),
                until: None,
            },
            Decision::NotTold(reason) => Self {
                outcome: "not-told",
                receiver: None,
                reason: reason.as_str(),
                words: reason.to_string(),
                until: None,
            },
            Decision::Note(note) => Self {
                outcome: "note",
                receiver: None,
                reason: note.as_str(),
                words: note.to_string(),
                until: None,
            },
        }
    }
}

/// Decisions as the JSON that the store keeps.
#[must_use]
pub fn decisions_json(decisions: &[Decision]) -> String {
    let rows: Vec<_> = decisions.iter().map(DecisionRow::from).collect();
    serde_json::to_string(&rows).expect("strings and lists are always JSON")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decisions_are_stored_by_name_and_in_words() {
        let receiver = ReceiverId::parse("soc").unwrap();
        let decisions = [
            Decision::Tell {
                receiver: receiver.clone(),
                reason: RouteReason::Route { number: 2, name: None },
            },
            Decision::Muted {
                receiver: receiver.clone(),
                reason: RouteReason::Route { number: 1, name: Some("night".into()) },
                mute: "nights".into(),
                until: 1_778_526_000_000_000_000,
            },
            Decision::Fold { receiver, reason: RouteReason::Default },
            Decision::Note(Note::Planned { maintenance: MaintenanceId(4) }),
            Decision::NotTold(NotTold::SeverityBelow { route: 3 }),
        ];
        let expected = concat!(
            r#"[{"outcome":"tell","receiver":"soc","reason":"route","words":"route 2 matched"},"#,
            r#"{"outcome":"muted","receiver":"soc","reason":"mute-time","#,
            r#""words":"route 1 `night` matched; muted by `nights` until 2026-05-11T19:00:00Z","#,
            r#""until":"2026-05-11T19:00:00Z"},"#,
            r#"{"outcome":"fold","receiver":"soc","reason":"default-route","#,
            r#""words":"no route matched: default route; a message that waits already will say it"},"#,
            r#"{"outcome":"note","reason":"planned","#,
            r#""words":"all of it was announced as maintenance 4: routed as info"},"#,
            r#"{"outcome":"not-told","reason":"severity-below","words":"severity below that of route 3"}]"#,
        );
        assert_eq!(decisions_json(&decisions), expected);
    }
}
