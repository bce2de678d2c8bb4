//! Whom an incident reached: the decisions of routing, and what became of each message.

use serde::Deserialize;
use store::{Delivery, DeliveryState, TransitionNumber};

use crate::foreign;
use crate::html::Html;
use crate::show::moment::Now;

/// One message for one receiver.
pub(super) struct Sent {
    pub(super) receiver: Html,
    pub(super) class: &'static str,
    pub(super) state: &'static str,
    pub(super) detail: Html,
    pub(super) attempts: u32,
    pub(super) step: u64,
    pub(super) is_possible_repeat: bool,
}

/// One step of the incident, and what routing made of it.
pub(super) struct Routed {
    pub(super) step: u64,
    /// A sentence each; empty while the step waits.
    pub(super) words: Vec<Html>,
}

/// A decision in the form in which alerting stores it.
#[derive(Deserialize)]
struct Stored {
    outcome: String,
    receiver: Option<String>,
    words: String,
}

impl Sent {
    /// What became of a message.
    pub(super) fn of(delivery: &Delivery, now: Now) -> Self {
        let when = |words: &'static str, at: i64| Html::new().markup(words).html(&now.clock(at));
        let why = |html: Html, reason: &str| html.markup(": ").html(&foreign::sentence(reason));
        let (class, state, detail) = match &delivery.state {
            DeliveryState::Queued { due_at } => ("waits", "queued", when("due ", *due_at)),
            DeliveryState::Sending { .. } => ("waits", "sending", when("queued ", delivery.queued_at)),
            DeliveryState::Accepted { at } => ("good", "accepted", when("", *at)),
            DeliveryState::Delivered { at } => ("good", "delivered", when("", *at)),
            DeliveryState::Retry { next_at, reason } => {
                ("waits", "retry", why(when("again ", *next_at), reason))
            }
            DeliveryState::Dead { at, reason } => {
                ("bad", "not delivered", why(when("given up ", *at), reason))
            }
            DeliveryState::Folded { at, .. } => ("good", "in a digest", when("", *at)),
            DeliveryState::Withdrawn { at, .. } => ("good", "withdrawn", when("", *at)),
        };
        Self {
            receiver: foreign::name(delivery.receiver.as_str()),
            class,
            state,
            detail,
            attempts: delivery.begun,
            step: delivery.transition.0,
            is_possible_repeat: delivery.possible_repeat,
        }
    }
}

impl Routed {
    /// What routing made of a step.
    pub(super) fn of((step, decision): &(TransitionNumber, Option<String>)) -> Self {
        let stored: Vec<Stored> =
            decision.as_deref().and_then(|json| serde_json::from_str(json).ok()).unwrap_or_default();
        let words = stored.iter().map(|decision| {
            let outcome = match decision.outcome.as_str() {
                "tell" => "told ",
                "fold" => "folded for ",
                _ => "nobody told",
            };
            let receiver = decision.receiver.as_deref().map(foreign::name).unwrap_or_default();
            Html::new().markup(outcome).html(&receiver).markup(": ").html(&foreign::sentence(&decision.words))
        });
        Self { step: step.0, words: words.collect() }
    }
}

#[cfg(test)]
mod tests {
    use alerting::routing::{Decision, NotTold, RouteReason, decisions_json};
    use store::ReceiverId;

    use super::*;

    #[test]
    fn what_alerting_decided_is_read_back() {
        let receiver = ReceiverId::parse("soc").unwrap();
        let json = decisions_json(&[
            Decision::Tell { receiver, reason: RouteReason::Route { number: 2, name: None } },
            Decision::NotTold(NotTold::BelowBudget),
        ]);
        let routed = Routed::of(&(TransitionNumber(3), Some(json)));
        let words: Vec<String> = routed.words.iter().map(ToString::to_string).collect();
        assert_eq!(routed.step, 3);
        assert!(
            words[0].starts_with("told ") && words[0].contains("soc") && words[0].contains("route 2 matched")
        );
        assert!(words[1].starts_with("nobody told: "));
        for waiting in [None, Some("not json".to_owned())] {
            assert!(Routed::of(&(TransitionNumber(1), waiting)).words.is_empty());
        }
    }
}
