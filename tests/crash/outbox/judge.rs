//! What one round came to, judged by what the receiver remembers; the database is asked only for what people see.

use std::collections::{BTreeMap, BTreeSet};

use store::{Delivery, DeliveryStateKind as State, Purpose};

use super::receiver::{Answer, Fate, Request};
use super::round::Found;

/// What one round, or many, came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Count {
    pub(super) rounds: u32,
    /// Messages that somebody was to get.
    pub(super) messages: u32,
    /// Of these, how many the receiver does not have although the program says so, or says nothing of.
    pub(super) lost: u32,
    /// How many the receiver lost after it accepted them, and the program shows as no more than accepted.
    pub(super) only_accepted: u32,
    /// How many the program gave up, and shows as given up.
    pub(super) given_up: u32,
    /// How often a message came that may have come before.
    pub(super) repeats: u32,
    /// Of these, how many did not say so.
    pub(super) unmarked: u32,
    /// Of these, how many came although the one before was answered, and the answer written down.
    pub(super) needless: u32,
    /// Rounds in which an older step came after a newer one.
    pub(super) disorder: u32,
}

impl Count {
    pub(super) fn add(&mut self, other: Self) {
        self.rounds += other.rounds;
        self.messages += other.messages;
        self.lost += other.lost;
        self.only_accepted += other.only_accepted;
        self.given_up += other.given_up;
        self.repeats += other.repeats;
        self.unmarked += other.unmarked;
        self.needless += other.needless;
        self.disorder += other.disorder;
    }
}

/// Judges a round: `kill` is what the kill left in the database, `found` are the findings that were committed.
pub(super) fn judge(
    deliveries: &[Delivery],
    requests: &[Request],
    kill: Found,
    found: &BTreeSet<String>,
) -> Count {
    let mut count = Count { rounds: 1, ..Count::default() };
    let mut by_id: BTreeMap<&str, Vec<&Request>> = BTreeMap::new();
    for request in requests {
        by_id.entry(&request.id).or_default().push(request);
    }
    let told = deliveries.iter().filter(|delivery| delivery.purpose == Purpose::News);
    for delivery in told.filter(|delivery| delivery.state.kind() != State::Folded) {
        count.messages += 1;
        let of_it = by_id.remove(delivery.delivery_id.as_str()).unwrap_or_default();
        let has = |fate| of_it.iter().any(|request| request.fate == fate);
        match delivery.state.kind() {
            State::Dead => count.given_up += 1,
            State::Accepted if has(Fate::Lost) => count.only_accepted += 1,
            State::Delivered if has(Fate::Taken) => {}
            _ => count.lost += 1,
        }
        for (number, request) in of_it.iter().enumerate() {
            let earlier = || of_it[..number].iter().filter(|earlier| earlier.fate != Fate::Refused);
            if earlier().next().is_some() {
                count.repeats += 1;
                count.unmarked += u32::from(!request.marked);
                // An answer that the killed process could not write down is none.
                let known = |earlier: &Request| {
                    earlier.answer == Answer::Clear
                        && (earlier.life == request.life || kill != Found::Sending)
                };
                count.needless += u32::from(earlier().all(|earlier| known(earlier)));
            }
        }
    }
    assert!(by_id.is_empty(), "messages under ids that the program does not know: {:?}", by_id.keys());

    // Whatever was folded into something: the last that the receiver heard has everything.
    let heard: Vec<_> = requests.iter().filter(|request| request.fate != Fate::Refused).collect();
    let knows = heard.last().map(|request| &request.findings);
    count.lost += u32::from(knows != Some(found));
    let last_opening = heard.iter().rposition(|request| request.kind == "incident.opened");
    let first_escalation = heard.iter().position(|request| request.kind == "incident.escalated");
    count.disorder += u32::from(matches!((last_opening, first_escalation), (Some(o), Some(e)) if e < o));
    count
}

#[cfg(test)]
mod tests {
    use store::{DeliveryState, OutboxId, RunId};

    use super::super::receiver::Life;
    use super::*;

    fn request(id: &str, kind: &str, fate: Fate, answer: Answer, marked: bool) -> Request {
        let findings = BTreeSet::from(["f".to_owned()]);
        let life = Life::First;
        Request { id: id.to_owned(), marked, kind: kind.to_owned(), findings, fate, answer, life }
    }

    fn delivery(id: &str, state: DeliveryState) -> Delivery {
        Delivery {
            id: OutboxId(1),
            purpose: Purpose::News,
            run: RunId::Live,
            group: store::GroupId::new("g"),
            receiver: store::ReceiverId::parse("soc").unwrap(),
            transition: store::TransitionNumber(1),
            incident: None,
            delivery_id: id.to_owned(),
            severity: detectors::finding::Severity::High,
            payload: String::new(),
            queued_at: 0,
            begun: 1,
            possible_repeat: false,
            receipt: None,
            state,
            attempts: Vec::new(),
        }
    }

    #[test]
    fn the_judge_finds_each_kind_of_fault() {
        use Answer::{Clear, Open};
        use Fate::{Lost, Refused, Taken};
        let (opened, escalated) = ("incident.opened", "incident.escalated");
        let taken = request("a", opened, Taken, Clear, false);
        let delivered = || [delivery("a", DeliveryState::Delivered { at: 1 })];
        let fine = Count { rounds: 1, messages: 1, ..Count::default() };
        let check = |deliveries: &[Delivery], requests: &[Request], expected: Count| {
            assert_eq!(
                judge(deliveries, requests, Found::Sending, &BTreeSet::from(["f".to_owned()])),
                expected,
                "{requests:?}"
            );
        };
        check(&delivered(), std::slice::from_ref(&taken), fine);
        let refused = request("a", opened, Refused, Clear, false);
        check(&delivered(), &[refused.clone(), taken.clone()], fine);
        check(&delivered(), &[refused], Count { lost: 2, ..fine });
        let accepted = [delivery("a", DeliveryState::Accepted { at: 1 })];
        let lost = request("a", opened, Lost, Clear, false);
        check(&accepted, std::slice::from_ref(&lost), Count { only_accepted: 1, ..fine });
        check(&delivered(), &[lost], Count { lost: 1, ..fine });
        let open = request("a", opened, Taken, Open, false);
        let marked = request("a", opened, Taken, Clear, true);
        check(&delivered(), &[open.clone(), marked.clone()], Count { repeats: 1, ..fine });
        check(&delivered(), &[open, taken.clone()], Count { repeats: 1, unmarked: 1, ..fine });
        check(&delivered(), &[taken.clone(), marked], Count { repeats: 1, needless: 1, ..fine });
        let after = Request { life: Life::Second, ..request("a", opened, Taken, Clear, true) };
        check(&delivered(), &[taken.clone(), after], Count { repeats: 1, ..fine });
        let two = [
            delivery("a", DeliveryState::Delivered { at: 1 }),
            delivery("b", DeliveryState::Delivered { at: 2 }),
        ];
        let later = request("b", escalated, Taken, Clear, false);
        check(&two, &[later, taken], Count { messages: 2, disorder: 1, ..fine });
    }
}
