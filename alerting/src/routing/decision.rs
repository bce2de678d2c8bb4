//! The decisions of routing and grouping, each with its reason; they are stored and shown on the incident.

use std::fmt;

use serde::Serialize;
use store::ReceiverId;

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
    /// Nobody is told.
    NotTold(NotTold),
}

/// Why a receiver is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RouteReason {
    /// The route of this number, from 1, matched.
    Route(usize),
    /// No route matched, and the default route names it.
    Default,
    /// It was told of the incident before, and so gets to know how it went on.
    ToldBefore,
}

/// Why nobody is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
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
    /// The store has no such incident any more.
    IncidentGone,
    /// What the store has of the incident cannot be read.
    IncidentUnreadable,
}

impl RouteReason {
    /// The reason's name, for programs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Route(_) => "route",
            Self::Default => "default-route",
            Self::ToldBefore => "told-before",
        }
    }
}

impl NotTold {
    /// The reason's name, for programs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BelowBudget => "below-budget",
            Self::NotLive => "not-live",
            Self::QuietTransition => "quiet-transition",
            Self::NoRoute => "no-route",
            Self::SeverityBelow { .. } => "severity-below",
            Self::RouteToNobody { .. } => "route-to-nobody",
            Self::IncidentGone => "incident-gone",
            Self::IncidentUnreadable => "incident-unreadable",
        }
    }
}

impl fmt::Display for RouteReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Route(number) => write!(f, "route {number} matched"),
            Self::Default => f.write_str("no route matched: default route"),
            Self::ToldBefore => f.write_str("told of it before"),
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
            Self::IncidentGone => f.write_str("the incident is no longer stored"),
            Self::IncidentUnreadable => f.write_str("the stored incident cannot be read"),
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
}

impl<'a> From<&'a Decision> for DecisionRow<'a> {
    fn from(decision: &'a Decision) -> Self {
        match decision {
            Decision::Tell { receiver, reason } => Self {
                outcome: "tell",
                receiver: Some(receiver),
                reason: reason.as_str(),
                words: reason.to_string(),
            },
            Decision::Fold { receiver, reason } => Self {
                outcome: "fold",
                receiver: Some(receiver),
                reason: reason.as_str(),
                words: format!("{reason}; a message that waits already will say it"),
            },
            Decision::NotTold(reason) => Self {
                outcome: "not-told",
                receiver: None,
                reason: reason.as_str(),
                words: reason.to_string(),
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
            Decision::Tell { receiver: receiver.clone(), reason: RouteReason::Route(2) },
            Decision::Fold { receiver, reason: RouteReason::Default },
            Decision::NotTold(NotTold::SeverityBelow { route: 3 }),
        ];
        let expected = concat!(
            r#"[{"outcome":"tell","receiver":"soc","reason":"route","words":"route 2 matched"},"#,
            r#"{"outcome":"fold","receiver":"soc","reason":"default-route","#,
            r#""words":"no route matched: default route; a message that waits already will say it"},"#,
            r#"{"outcome":"not-told","reason":"severity-below","words":"severity below that of route 3"}]"#,
        );
        assert_eq!(decisions_json(&decisions), expected);
    }
}
