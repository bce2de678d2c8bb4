//! What is told because nothing happened: an incident that nobody takes up, and a receiver that cannot be reached.

use std::time::Duration;

use detectors::event::EventTime;
use detectors::finding::Severity;
use detectors::incident::{Transition, TransitionReason};
use store::{GroupId, NewMessage, Overdue, Purpose, ReceiverId, RunId, StoreError, TransitionNumber};
use tokio::task::spawn_blocking;

use super::{Dispatcher, Running};
use crate::card::News;
use crate::outbox::{DeliveryId, Payload, Tells, nanos};
use crate::receivers::Failure;
use crate::routing::{Decision, IncidentView};
use crate::rules::findings_of;

/// How often the dispatcher looks for incidents that nobody took up.
pub(super) const REMIND_EVERY: Duration = Duration::from_secs(60);
/// What is told again if nobody takes it up.
pub(super) const REPEATED_FROM: Severity = Severity::High;
/// Most reminders that one look queues; the rest follows with the next.
const REMINDERS_MAX: u32 = 100;

/// When the dispatcher looked last.
#[derive(Debug, Default)]
pub(super) struct Reminders {
    looked_at: Option<i64>,
}

impl Dispatcher {
    /// Queues what has to be told again, and withdraws what somebody's answer made needless.
    pub(super) async fn remind(&self, running: &mut Running) -> Result<(), StoreError> {
        let now = self.clock.unix_nanos();
        let store = self.store.clone();
        let withdrawn = spawn_blocking(move || store.withdraw_answered(now)).await.unwrap_or(Ok(0))?;
        if withdrawn > 0 {
            tracing::debug!(withdrawn, "escalations withdrawn: somebody took the incidents up");
        }
        let Some(repeat) = self.config.repeat_nanos() else { return Ok(()) };
        let rested = |at: i64| now >= at.saturating_add(nanos(REMIND_EVERY)) || now < at;
        if !running.reminders.looked_at.is_none_or(rested) {
            return Ok(());
        }
        let this = self.clone();
        let repeating = spawn_blocking(move || this.repeat(now, repeat));
        repeating.await.unwrap_or(Ok(()))?;
        running.reminders.looked_at = Some(now);
        Ok(())
    }

    fn repeat(&self, now: i64, repeat: i64) -> Result<(), StoreError> {
        let told_before = now.saturating_sub(repeat);
        for overdue in self.store.reader().overdue(told_before, REPEATED_FROM, REMINDERS_MAX)? {
            if self.is_still_told(&overdue)? {
                self.store.queue_step(&overdue.run, &overdue.incident, now, |number| {
                    repeated(&overdue, number, now)
                })?;
            }
        }
        Ok(())
    }

    /// Whether routing would tell this receiver of the incident as it is today.
    fn is_still_told(&self, overdue: &Overdue) -> Result<bool, StoreError> {
        let reader = self.store.reader();
        let Some(stored) = reader.incident(&overdue.run, &overdue.incident)? else { return Ok(false) };
        let findings = findings_of(reader, &overdue.run, &stored.incident)?;
        let transition = last_step(&stored.incident);
        let view = IncidentView {
            run: &overdue.run,
            incident: &stored.incident,
            findings: &findings,
            transition: &transition,
        };
        let tells_it = |decision: &Decision| matches!(decision, Decision::Tell { receiver, .. } if *receiver == overdue.receiver);
        let standing = self.rules.standing(reader, self.clock.unix_nanos())?;
        Ok(self.rules.decide(&view, &standing).decisions.iter().any(tells_it))
    }

    /// What the fallback of a receiver that cannot be reached is told, once for each time it is lost.
    pub(super) fn lost_notice(
        &self,
        receiver: &ReceiverId,
        failure: Option<&Failure>,
        now: i64,
    ) -> Option<NewMessage> {
        let fallback =
            self.config.delivery_to(receiver).fallback().filter(|fallback| fallback != receiver)?;
        let tells = Tells::Notice {
            sentence: format!(
                "The receiver {receiver} cannot be reached. Its messages wait and are tried again by themselves."
            ),
            detail: failure.map(ToString::to_string).unwrap_or_default(),
            at: EventTime::from_nanos(now),
        };
        Some(notice(&fallback, &format!("lost:{receiver}"), Severity::High, &tells, now))
    }
}

/// A message about the program itself, due at once.
pub(super) fn notice(
    to: &ReceiverId,
    group: &str,
    severity: Severity,
    tells: &Tells,
    now: i64,
) -> NewMessage {
    numbered_notice(to, group, severity, tells, now, now)
}

/// The same, told once for each number.
pub(super) fn numbered_notice(
    to: &ReceiverId,
    group: &str,
    severity: Severity,
    tells: &Tells,
    now: i64,
    number: i64,
) -> NewMessage {
    let number = TransitionNumber(number.unsigned_abs());
    NewMessage {
        purpose: Purpose::Notice,
        run: RunId::Live,
        group: GroupId::new(group),
        receiver: to.clone(),
        transition: number,
        incident: None,
        delivery_id: DeliveryId::of_notice(&RunId::Live, group, to, number.0).as_str().to_owned(),
        severity,
        payload: Payload::new(tells.clone()).to_json(),
        due_at: now,
    }
}

fn repeated(overdue: &Overdue, number: TransitionNumber, now: i64) -> NewMessage {
    let transition = Transition {
        time: EventTime::from_nanos(overdue.told_at),
        severity: overdue.severity,
        reason: TransitionReason::Opened,
    };
    NewMessage {
        purpose: Purpose::News,
        run: overdue.run.clone(),
        group: GroupId::of(&overdue.incident),
        receiver: overdue.receiver.clone(),
        transition: number,
        incident: Some(overdue.incident.clone()),
        delivery_id: DeliveryId::of(&overdue.run, &overdue.incident, &overdue.receiver, number.0)
            .as_str()
            .to_owned(),
        severity: overdue.severity,
        payload: Payload::new(Tells::Incident { news: News::Repeated, transition }).to_json(),
        due_at: now,
    }
}

/// The incident's last step; one without a history has just opened.
pub(super) fn last_step(incident: &detectors::incident::Incident) -> Transition {
    incident.history.last().cloned().unwrap_or(Transition {
        time: incident.first_event,
        severity: incident.severity,
        reason: TransitionReason::Opened,
    })
}
