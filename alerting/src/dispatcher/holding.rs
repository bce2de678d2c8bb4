//! What is held back to be told together: until a mute time ends, or with others of its group.

use detectors::finding::Severity;
use store::{
    GroupId, NewMessage, OutboxId, Purpose, ReceiverId, RunId, StoreError, StoredIncident, ToRoute,
    TransitionNumber,
};

use super::Dispatcher;
use crate::grouping::{FieldGroup, field_group};
use crate::outbox::{DeliveryId, HeldFor, Payload, Tells};
use crate::routing::Decision;
use crate::rules::findings_of;

/// A message that is told in a digest with others, when that is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Held {
    /// In which group.
    pub(super) group: GroupId,
    /// Why.
    pub(super) why: HeldFor,
    /// When the digest is due, if none waits yet.
    pub(super) due_at: i64,
    /// How long after the last one of the group at the soonest.
    pub(super) spacing: i64,
}

impl Dispatcher {
    /// With which others a receiver is told of an incident; `None` if by itself.
    pub(super) fn group_of(
        &self,
        receiver: &ReceiverId,
        row: &ToRoute,
        stored: &StoredIncident,
    ) -> Result<Option<FieldGroup>, StoreError> {
        let fields = self.config.delivery_to(receiver).group_by;
        if fields.is_empty() {
            return Ok(None);
        }
        let findings = findings_of(self.store.reader(), &row.run, &stored.incident)?;
        Ok(field_group(&fields, &stored.incident, &findings, self.rules.owners()))
    }

    /// Whether a message waits for others, and until when. What is critical waits for no group.
    pub(super) fn held(
        &self,
        decision: &Decision,
        group: Option<FieldGroup>,
        severity: Severity,
        due_at: i64,
    ) -> Option<Held> {
        match (decision, group) {
            (Decision::Muted { mute, until, .. }, _) => Some(Held {
                group: GroupId::held(&format!("mute:{until}")),
                why: HeldFor::Mute { name: mute.to_string() },
                due_at: (*until).max(due_at),
                spacing: 0,
            }),
            (_, Some(group)) if severity < Severity::Critical => Some(Held {
                group: GroupId::held(&format!("by:{}", group.key)),
                why: HeldFor::Group { words: group.words },
                due_at,
                spacing: self.config.group_interval_nanos(),
            }),
            _ => None,
        }
    }

    /// Puts a message that was just queued into the digest of its group. A process that dies before leaves it to be told
    /// by itself, at the same time.
    pub(super) fn hold_back(
        &self,
        message: OutboxId,
        receiver: &ReceiverId,
        run: &RunId,
        held: &Held,
        now: i64,
    ) -> Result<(), StoreError> {
        let number = TransitionNumber(now.unsigned_abs());
        let id = DeliveryId::of_notice(run, held.group.as_str(), receiver, number.0);
        let digest = NewMessage {
            purpose: Purpose::Digest,
            run: run.clone(),
            group: held.group.clone(),
            receiver: receiver.clone(),
            transition: number,
            incident: None,
            delivery_id: id.as_str().to_owned(),
            severity: Severity::Info,
            payload: Payload::new(Tells::Held { why: held.why.clone() }).to_json(),
            due_at: held.due_at,
        };
        self.store.hold(message, &digest, held.spacing, now).map(|_| ())
    }
}
