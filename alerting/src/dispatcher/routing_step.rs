//! From what waits for routing to messages, or to named reasons for silence, one row a transaction.

use std::collections::BTreeSet;

use detectors::finding::Severity;
use store::{
    Delivery, DeliveryFilter, DeliveryState, GroupId, NewMessage, Page, Purpose, Routed, Routing, RunId,
    StepReason, StoreError, StoredIncident, ToRoute, TransitionNumber,
};

use super::Dispatcher;
use super::holding::Held;
use crate::card::News;
use crate::config::Escalation;
use crate::grouping::{Earlier, Plan, Progress, plan};
use crate::outbox::{DeliveryId, Payload, step_of};
use crate::receivers::with_causes;
use crate::routing::{Decision, IncidentView, NotTold, RouteReason, decisions_json};
use crate::rules::findings_of;

/// How many rows are read at a time.
const BATCH: u32 = 100;
/// How many of the last messages to one receiver about one incident grouping looks at.
const EARLIER_READ: u32 = 50;

/// Whether rows may still wait after a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Waiting {
    Nothing,
    More,
}

/// What one row becomes.
#[derive(Default)]
pub(super) struct Routings {
    messages: Vec<NewMessage>,
    /// For each message, in the same order, which waiting ones it takes over.
    taken_over: Vec<Vec<store::OutboxId>>,
    /// For each message, in the same order, whether it is told together with others.
    held: Vec<Option<Held>>,
    pub(super) decisions: Vec<Decision>,
}

impl Dispatcher {
    /// Routes what waits, oldest first, at most [`BATCH`] rows.
    pub(super) fn route_waiting(&self) -> Result<Waiting, StoreError> {
        let rows = self.store.reader().to_route(BATCH)?;
        for row in &rows {
            match self.route_one(row) {
                Err(error @ StoreError::Unreadable { .. }) => self.give_up(row, &error)?,
                other => other?,
            }
        }
        Ok(if rows.len() < BATCH as usize { Waiting::Nothing } else { Waiting::More })
    }

    fn route_one(&self, row: &ToRoute) -> Result<(), StoreError> {
        let now = self.clock.unix_nanos();
        let routings = self.decide(row, now)?;
        // First the messages that take others over: if the process dies before the row is marked, the next one finds
        // them queued under the same key, and queues nothing twice.
        self.take_over(&routings, now)?;
        let decision = decisions_json(&routings.decisions);
        let routing = Routing { decided: &[row.id], messages: &routings.messages, decision: &decision, now };
        match self.store.route(&routing)? {
            Routed::Already(id) => {
                tracing::warn!(row = %id, "a routing decision was made before; the earlier one holds");
            }
            Routed::Done(ids) => {
                let queued = ids.into_iter().zip(&routings.messages).zip(&routings.held);
                for ((id, message), held) in queued {
                    if let (Some(id), Some(held)) = (id, held) {
                        self.hold_back(id, &message.receiver, &message.run, held, now)?;
                    }
                }
            }
        }
        Ok(())
    }

    fn decide(&self, row: &ToRoute, now: i64) -> Result<Routings, StoreError> {
        match self.store.reader().incident(&row.run, &row.incident)? {
            Some(stored) => self.routings(row, &stored, now),
            None => Ok(Routings {
                decisions: vec![Decision::NotTold(NotTold::IncidentGone)],
                ..Routings::default()
            }),
        }
    }

    fn take_over(&self, routings: &Routings, now: i64) -> Result<(), StoreError> {
        for (message, taken_over) in routings.messages.iter().zip(&routings.taken_over) {
            if !taken_over.is_empty() {
                self.store.fold(taken_over, message, now)?;
            }
        }
        Ok(())
    }

    /// Routes a row as far as a process comes that dies half-way.
    #[cfg(test)]
    pub(super) fn take_over_only(&self, row: &ToRoute) {
        let now = self.clock.unix_nanos();
        self.take_over(&self.decide(row, now).unwrap(), now).unwrap();
    }

    /// One damaged incident must not keep all others from being told.
    fn give_up(&self, row: &ToRoute, error: &StoreError) -> Result<(), StoreError> {
        tracing::error!(incident = %row.incident, error = %with_causes(error), "an incident cannot be routed");
        let decision = decisions_json(&[Decision::NotTold(NotTold::IncidentUnreadable)]);
        let now = self.clock.unix_nanos();
        self.store.route(&Routing { decided: &[row.id], messages: &[], decision: &decision, now }).map(|_| ())
    }

    fn routings(&self, row: &ToRoute, stored: &StoredIncident, now: i64) -> Result<Routings, StoreError> {
        if row.run == RunId::Heartbeat {
            return self.route_beat(row, stored, now);
        }
        if matches!(row.reason, StepReason::Acknowledged | StepReason::Resolved) {
            return self.follow_up(row, stored, now);
        }
        let incident = &stored.incident;
        let findings = findings_of(self.store.reader(), &row.run, incident)?;
        let transition = step_of(row, incident);
        let view = IncidentView { run: &row.run, incident, findings: &findings, transition: &transition };
        let standing = self.rules.standing(self.store.reader(), now)?;
        let decided = self.rules.decide(&view, &standing);
        let mut routings = Routings::default();
        for decision in decided.decisions {
            let severity = heard(stored.incident.severity, row.severity, decided.severity);
            self.plan_one(row, stored, decision, severity, now, &mut routings)?;
        }
        Ok(routings)
    }

    /// What people decided is told to whom it concerned so far, whatever the routes say today.
    fn follow_up(&self, row: &ToRoute, stored: &StoredIncident, now: i64) -> Result<Routings, StoreError> {
        let filter = DeliveryFilter {
            incident: Some((row.run.clone(), row.incident.clone())),
            ..DeliveryFilter::default()
        };
        let messages = self.store.reader().deliveries(&filter, Page::first(EARLIER_READ))?;
        let heard = messages.iter().filter(|message| message.purpose != Purpose::Digest);
        let receivers: BTreeSet<_> = heard.map(|message| message.receiver.clone()).collect();
        let mut routings = Routings::default();
        for receiver in receivers {
            let decision = Decision::Tell { receiver, reason: RouteReason::ToldBefore };
            let severity = stored.incident.severity.max(row.severity);
            self.plan_one(row, stored, decision, severity, now, &mut routings)?;
        }
        if routings.decisions.is_empty() {
            routings.decisions.push(Decision::NotTold(NotTold::QuietTransition));
        }
        Ok(routings)
    }

    pub(super) fn plan_one(
        &self,
        row: &ToRoute,
        stored: &StoredIncident,
        decision: Decision,
        severity: Severity,
        now: i64,
        routings: &mut Routings,
    ) -> Result<(), StoreError> {
        let (receiver, reason, not_before) = match &decision {
            Decision::Tell { receiver, reason } => (receiver.clone(), reason.clone(), now),
            Decision::Muted { receiver, reason, until, .. } => (receiver.clone(), reason.clone(), *until),
            Decision::Fold { .. } | Decision::NotTold(_) | Decision::Note(_) => {
                routings.decisions.push(decision);
                return Ok(());
            }
        };
        let filter = DeliveryFilter {
            receiver: Some(receiver.clone()),
            incident: Some((row.run.clone(), row.incident.clone())),
            ..DeliveryFilter::default()
        };
        let earlier = self.store.reader().deliveries(&filter, Page::first(EARLIER_READ))?;
        // A message of this very row was queued by a process that died before it marked the row.
        let own = |delivery: &Delivery| {
            delivery.purpose != Purpose::News
                || delivery.incident.as_ref() == Some(&row.incident_then)
                    && delivery.transition == row.transition
        };
        let earlier: Vec<_> = earlier.iter().filter(|delivery| !own(delivery)).map(seen).collect();
        let is_beat = row.run == RunId::Heartbeat;
        let news = if is_beat { News::Heartbeat } else { news_of(row.reason) };
        let group = if is_beat { None } else { self.group_of(&receiver, row, stored)? };
        match plan(news, severity, &earlier, now, &self.config) {
            Plan::Fold => routings.decisions.push(Decision::Fold { receiver, reason }),
            Plan::Queue { due_at, news, takes_over } => {
                let id = DeliveryId::of(&row.run, &row.incident_then, &receiver, row.transition.0);
                let escalation = self.config.delivery_to(&receiver).escalation();
                if let Some(escalation) = escalation.filter(|_| !is_beat && is_opening(news, &earlier)) {
                    routings.messages.push(unanswered(
                        row,
                        stored,
                        escalation,
                        severity,
                        due_at.max(not_before),
                    ));
                    routings.taken_over.push(Vec::new());
                    routings.held.push(None);
                }
                routings.messages.push(NewMessage {
                    // What says that the way is open is not folded into a digest, or it would say nothing.
                    purpose: if is_beat { Purpose::Notice } else { Purpose::News },
                    run: row.run.clone(),
                    // Steps are numbered by the incident as it was called then, whatever swallowed it since.
                    group: GroupId::of(&row.incident_then),
                    receiver: receiver.clone(),
                    transition: row.transition,
                    incident: Some(row.incident_then.clone()),
                    delivery_id: id.as_str().to_owned(),
                    severity,
                    payload: Payload::of(row, &stored.incident, news).to_json(),
                    due_at: due_at.max(not_before),
                });
                routings.taken_over.push(takes_over);
                routings.held.push(self.held(&decision, group, severity, due_at));
                routings.decisions.push(decision);
            }
        }
        Ok(())
    }
}

/// How severe a step is told: as its row says it was then, unless what was announced makes it quieter.
fn heard(own: Severity, then: Severity, counts: Severity) -> Severity {
    if counts < own { counts } else { counts.max(then) }
}

/// A stored message as grouping sees it.
fn seen(delivery: &Delivery) -> Earlier {
    let progress = match delivery.state {
        DeliveryState::Queued { .. } if delivery.begun == 0 => Progress::Waiting,
        DeliveryState::Queued { .. } | DeliveryState::Retry { .. } => Progress::Trying,
        DeliveryState::Sending { .. } => Progress::Sending,
        DeliveryState::Accepted { at } | DeliveryState::Delivered { at } => Progress::Told(at),
        DeliveryState::Dead { .. } | DeliveryState::Folded { .. } | DeliveryState::Withdrawn { .. } => {
            Progress::Ended
        }
    };
    // What cannot be read will be given up when it is due; until then it says nothing of an opening.
    let news = Payload::from_json(&delivery.payload).ok().and_then(|payload| payload.news());
    Earlier { id: delivery.id, news, progress }
}

/// Why a step is told.
const fn news_of(reason: StepReason) -> News {
    match reason {
        StepReason::Opened => News::Opened,
        StepReason::Grew => News::Grew,
        StepReason::Escalated => News::Escalated,
        StepReason::Resolved => News::Resolved,
        StepReason::Regressed => News::Regressed,
        StepReason::Acknowledged => News::Acknowledged,
    }
}

/// Whether a message is the receiver's first of an incident, or the first since it came back.
fn is_opening(news: News, earlier: &[Earlier]) -> bool {
    matches!(news, News::Opened | News::Regressed) || (news.calls() && earlier.is_empty())
}

/// What the next receiver is told if nobody takes the incident up. It stands in a group of its own, so that nothing
/// waits for it, and is queued once for each opening: the step that came back has its own number.
fn unanswered(
    row: &ToRoute,
    stored: &StoredIncident,
    escalation: Escalation,
    severity: Severity,
    told_at: i64,
) -> NewMessage {
    let came_back = row.reason == StepReason::Regressed;
    let transition = if came_back { row.transition } else { TransitionNumber(1) };
    let group = format!("{}:unanswered", row.incident_then);
    let number = transition.0;
    NewMessage {
        purpose: Purpose::Unanswered,
        run: row.run.clone(),
        delivery_id: DeliveryId::of_notice(&row.run, &group, &escalation.to, number).as_str().to_owned(),
        group: GroupId::new(group),
        receiver: escalation.to,
        transition,
        incident: Some(row.incident_then.clone()),
        severity,
        payload: Payload::of(row, &stored.incident, News::Unanswered).to_json(),
        due_at: told_at.saturating_add(escalation.after),
    }
}
