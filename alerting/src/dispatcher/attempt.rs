//! One attempt: read the incident as it is now, build its card, and hand it to the receiver.

use detectors::finding::Finding;
use detectors::incident::Incident;
use store::{
    AttemptOutcome, AttemptRecord, FindingFilter, Leased, Order, Page, Reader, RunId, StoreError, Told,
};
use thiserror::Error;
use tokio::task::spawn_blocking;

use super::{Dispatcher, passes};
use crate::card::{Card, Repeat, build};
use crate::outbox::{DeliveryId, Payload, PayloadError};
use crate::receivers::{Attempt, Effect, Failure, Outcome, Place, with_causes};

/// Most findings of an incident that are read for one message: so many within the budget, and so many below it.
const FINDINGS_READ: u32 = 100;

/// An attempt that ended.
pub(super) struct Attempted {
    pub(super) leased: Leased,
    pub(super) started_at: i64,
    pub(super) ended_at: i64,
    pub(super) outcome: Outcome,
}

/// Why there is no card to send.
#[derive(Debug, Error)]
enum CardError {
    #[error("the incident is no longer stored")]
    NoIncident,
    #[error("the message says nothing this program can tell")]
    Payload {
        #[source]
        source: PayloadError,
    },
    #[error("the incident cannot be read")]
    Store {
        #[source]
        source: StoreError,
    },
}

impl Dispatcher {
    /// Sends a leased message once. It always ends in an outcome.
    pub(super) async fn attempt(self, leased: Leased) -> Attempted {
        let started_at = self.clock.unix_nanos();
        let outcome = self.outcome(&leased, started_at).await;
        Attempted { leased, started_at, ended_at: self.clock.unix_nanos(), outcome }
    }

    async fn outcome(&self, leased: &Leased, now: i64) -> Outcome {
        let Some(receiver) = self.receivers.get(&leased.receiver) else {
            return Outcome::Park(failure("no receiver of this name is configured"));
        };
        let (this, row) = (self.clone(), leased.clone());
        let card = match spawn_blocking(move || this.card(&row)).await {
            Ok(Ok(card)) => card,
            Ok(Err(error)) => return of_no_card(&error),
            Err(error) => return Outcome::Dead(failure(&format!("the message cannot be rendered: {error}"))),
        };
        // The id is the store's, made when the message was queued, so that it outlives every change of ours.
        let Some(id) = DeliveryId::parse(&leased.delivery_id) else {
            return Outcome::Dead(failure("the message's id cannot be read"));
        };
        let attempt = Attempt { id: &id, unix_seconds: now.div_euclid(1_000_000_000), place: Place::New };
        receiver.deliver(self.receivers.http(), &card, attempt).await
    }

    fn card(&self, leased: &Leased) -> Result<Card, CardError> {
        let payload = Payload::from_json(&leased.payload).map_err(|source| CardError::Payload { source })?;
        let id = leased.incident.as_ref().ok_or(CardError::NoIncident)?;
        let reader = self.store.reader();
        let stored = reader.incident(&leased.run, id).map_err(|source| CardError::Store { source })?;
        let incident = stored.ok_or(CardError::NoIncident)?.incident;
        let findings =
            findings(reader, &leased.run, &incident).map_err(|source| CardError::Store { source })?;
        let repeat = if leased.possible_repeat { Repeat::Possible } else { Repeat::No };
        Ok(build(payload.transition, incident, findings, self.config.public_url.as_ref()).marked(repeat))
    }
}

/// The findings of an incident, those within the budget first. One that cannot be read is left out and logged: a
/// message that lacks a line is better than none.
pub(super) fn findings(
    reader: &Reader,
    run: &RunId,
    incident: &Incident,
) -> Result<Vec<Finding>, StoreError> {
    let mut findings = Vec::new();
    for told in [Told::Told, Told::BelowBudget] {
        let mut filter = FindingFilter::of(run.clone());
        filter.incident = Some(incident.id.clone());
        filter.told = Some(told);
        for stored in reader.findings(&filter, Order::OldestFirst, Page::first(FINDINGS_READ))? {
            match stored.finding() {
                Ok(finding) => findings.push(finding),
                Err(error) => {
                    tracing::error!(finding = %stored.id, %error, "a stored finding cannot be read");
                }
            }
        }
    }
    Ok(findings)
}

fn of_no_card(error: &CardError) -> Outcome {
    let failure = failure(&with_causes(error));
    match error {
        CardError::Store { source } if passes(source) => Outcome::Retry { wish: None, failure },
        _ => Outcome::Dead(failure),
    }
}

fn failure(words: &str) -> Failure {
    Failure::new(None, Effect::None, words)
}

/// An attempt as the store keeps it.
pub(super) fn record(started_at: i64, ended_at: i64, outcome: &Outcome) -> AttemptRecord {
    let failure = outcome.failure();
    let kept = match (outcome, failure.map(|failure| failure.effect)) {
        (Outcome::Delivered(_), _) => AttemptOutcome::Delivered,
        (Outcome::Accepted(_), _) => AttemptOutcome::Accepted,
        (_, Some(Effect::Possible)) => AttemptOutcome::Ambiguous,
        _ => AttemptOutcome::Failed,
    };
    AttemptRecord {
        started_at,
        ended_at,
        outcome: kept,
        status_code: failure.and_then(|failure| failure.status),
        snippet: failure.map(ToString::to_string).unwrap_or_default(),
    }
}
