//! One attempt: read the incident as it is now, build its card, and hand it to the receiver.

use detectors::event::EventTime;
use detectors::finding::IncidentId;
use detectors::incident::Status;
use store::{
    AttemptOutcome, AttemptRecord, DeliveryFilter, DeliveryState, DeliveryStateKind, Leased, Page, Reader,
    StoreError, TEMPLATE_FAILED,
};
use thiserror::Error;
use tokio::task::spawn_blocking;

use super::reminders::last_step;
use super::{Dispatcher, passes};
use crate::card::{Card, DigestCause, News, PublicUrl, Repeat, Text, build, digest, notice};
use crate::outbox::{DeliveryId, HeldFor, Payload, PayloadError, Tells};
use crate::receivers::{Afterwards, Attempt, Effect, Failure, MessageRef, Outcome, Place, with_causes};
use crate::rules::findings_of;
use crate::templates::TemplateError;

/// An attempt that ended.
pub(super) struct Attempted {
    pub(super) leased: Leased,
    pub(super) started_at: i64,
    pub(super) ended_at: i64,
    pub(super) outcome: Outcome,
    /// That a template of the owner's failed, so that the built-in words were sent.
    pub(super) template_fault: Option<TemplateError>,
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
        let mut template_fault = None;
        let outcome = self.outcome(&leased, started_at, &mut template_fault).await;
        Attempted { leased, started_at, ended_at: self.clock.unix_nanos(), outcome, template_fault }
    }

    async fn outcome(
        &self,
        leased: &Leased,
        now: i64,
        template_fault: &mut Option<TemplateError>,
    ) -> Outcome {
        let Some(receiver) = self.receivers.get(&leased.receiver) else {
            return Outcome::Park(failure("no receiver of this name is configured"));
        };
        // The id is the store's, made when the message was queued, so that it outlives every change of ours.
        let Some(id) = DeliveryId::parse(&leased.delivery_id) else {
            return Outcome::Dead(failure("the message's id cannot be read"));
        };
        let (this, row, afterwards) = (self.clone(), leased.clone(), receiver.afterwards());
        let message = match spawn_blocking(move || this.message(&row, afterwards, now)).await {
            Ok(Ok(message)) => message,
            Ok(Err(error)) => return of_no_card(&error),
            Err(error) => return Outcome::Dead(failure(&format!("the message cannot be rendered: {error}"))),
        };
        let (card, slot_fault) = self.config.card.fill(message.card);
        let fault = slot_fault.or_else(|| receiver.template_fault(&card));
        let card = match &fault {
            Some(_) => card.noting(Text::new().then("a template failed: these are the built-in words")),
            None => card,
        };
        *template_fault = fault;
        let attempt = Attempt {
            id: &id,
            unix_seconds: now.div_euclid(1_000_000_000),
            place: place(message.earlier.as_ref(), afterwards, card.news),
        };
        receiver.deliver(self.receivers.http(), &card, attempt).await
    }

    /// What a leased message says now.
    fn message(&self, leased: &Leased, afterwards: Afterwards, now: i64) -> Result<Message, CardError> {
        let payload = Payload::from_json(&leased.payload).map_err(|source| CardError::Payload { source })?;
        let store = |source| CardError::Store { source };
        let reader = self.store.reader();
        let repeat = if leased.possible_repeat { Repeat::Possible } else { Repeat::No };
        let now = EventTime::from_nanos(now);
        let page = self.config.public_url.as_ref();
        match payload.tells {
            Tells::Incident { news, transition } => {
                let id = leased.incident.as_ref().ok_or(CardError::NoIncident)?;
                let stored = reader.incident(&leased.run, id).map_err(store)?;
                let incident = stored.ok_or(CardError::NoIncident)?.incident;
                let findings = findings_of(reader, &leased.run, &incident).map_err(store)?;
                let superseded = superseded(reader, leased, id).map_err(store)?;
                let card = build(transition, incident, findings, page).telling(news).marked(repeat);
                let card = superseded.into_iter().fold(card, Card::noting);
                let earlier = match afterwards {
                    Afterwards::Nothing => None,
                    Afterwards::Change | Afterwards::Reply => {
                        reader.last_receipt(&leased.run, &leased.group, &leased.receiver).map_err(store)?
                    }
                };
                Ok(Message { card, earlier: earlier.as_deref().and_then(MessageRef::from_receipt) })
            }
            Tells::Digest => {
                let card = many(reader, leased, now, page).map_err(store)?;
                Ok(Message { card: card.marked(repeat), earlier: None })
            }
            Tells::Held { why } => {
                let card = held(reader, leased, why, now, page).map_err(store)?;
                Ok(Message { card: card.marked(repeat), earlier: None })
            }
            Tells::Notice { sentence, detail, at } => {
                let headline = Text::new().then("About the watch itself");
                let said = Text::new().untrusted(sentence);
                let said = if detail.is_empty() { said } else { said.then(" ").untrusted(detail) };
                let id = leased.delivery_id.clone();
                let card = notice(id, leased.severity, headline, said, at, page);
                Ok(Message { card: card.marked(repeat), earlier: None })
            }
        }
    }
}

/// What is sent, and what the channel calls the message before it.
struct Message {
    card: Card,
    earlier: Option<MessageRef>,
}

/// Where a message goes: what calls nobody changes the message that is there, and the rest stands below it.
const fn place(earlier: Option<&MessageRef>, afterwards: Afterwards, news: News) -> Place<'_> {
    match (earlier, afterwards) {
        (None, _) | (_, Afterwards::Nothing) => Place::New,
        (Some(earlier), Afterwards::Change) if !news.calls() => Place::Instead(earlier),
        (Some(earlier), Afterwards::Change | Afterwards::Reply) => Place::Below(earlier),
    }
}

/// Which message a new one makes out of date: the last about the incident that the receiver has.
fn superseded(reader: &Reader, leased: &Leased, incident: &IncidentId) -> Result<Option<Text>, StoreError> {
    let filter = DeliveryFilter {
        receiver: Some(leased.receiver.clone()),
        incident: Some((leased.run.clone(), incident.clone())),
        states: vec![DeliveryStateKind::Accepted, DeliveryStateKind::Delivered],
        ..DeliveryFilter::default()
    };
    let last = reader.deliveries(&filter, Page::first(1))?.into_iter().next();
    Ok(last.and_then(|last| match last.state {
        DeliveryState::Accepted { at } | DeliveryState::Delivered { at } => Some(
            Text::new()
                .then("supersedes the message of ")
                .ours(EventTime::from_nanos(at))
                .then(", ")
                .untrusted(last.delivery_id),
        ),
        _ => None,
    }))
}

/// What was folded into a message, as it stands when it leaves.
fn many(
    reader: &Reader,
    leased: &Leased,
    now: EventTime,
    page: Option<&PublicUrl>,
) -> Result<Card, StoreError> {
    let contents = reader.digest_contents(leased.id)?;
    let mut incidents = Vec::new();
    for id in &contents.named {
        incidents.extend(reader.incident(&leased.run, id)?.map(|stored| stored.incident));
    }
    let all = usize::try_from(contents.incidents).unwrap_or(usize::MAX);
    let further = all.saturating_sub(incidents.len());
    Ok(digest(leased.delivery_id.clone(), DigestCause::TooFast, incidents, further, now, page))
}

/// What was held back, as it stands when it leaves: what was closed meanwhile is counted, and one incident alone is
/// told as itself.
fn held(
    reader: &Reader,
    leased: &Leased,
    why: HeldFor,
    now: EventTime,
    page: Option<&PublicUrl>,
) -> Result<Card, StoreError> {
    let contents = reader.digest_contents(leased.id)?;
    let mut incidents = Vec::new();
    for id in &contents.named {
        incidents.extend(reader.incident(&leased.run, id)?.map(|stored| stored.incident));
    }
    let (cause, note) = match why {
        HeldFor::Mute { name } => (
            DigestCause::Muted,
            Text::new().then("held back until the mute time ").untrusted(name).then(" ended"),
        ),
        HeldFor::Group { words } => {
            (DigestCause::Grouped, Text::new().then("what they have in common: ").untrusted(words))
        }
    };
    if contents.incidents == 1 && incidents.len() == 1 {
        let incident = incidents.remove(0);
        let findings = findings_of(reader, &leased.run, &incident)?;
        return Ok(build(last_step(&incident), incident, findings, page).noting(note));
    }
    let all = usize::try_from(contents.incidents).unwrap_or(usize::MAX);
    let further = all.saturating_sub(incidents.len());
    let named = incidents.len();
    incidents.retain(|incident| incident.status != Status::Resolved);
    let closed = named - incidents.len();
    let card = digest(leased.delivery_id.clone(), cause, incidents, further, now, page).noting(note);
    Ok(match closed {
        0 => card,
        _ => card.noting(Text::new().ours(closed).then(" more were closed meanwhile")),
    })
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
pub(super) fn record(attempted: &Attempted) -> AttemptRecord {
    let Attempted { started_at, ended_at, outcome, template_fault, .. } = attempted;
    let failure = outcome.failure();
    let kept = match (outcome, failure.map(|failure| failure.effect)) {
        (Outcome::Delivered(_), _) => AttemptOutcome::Delivered,
        (Outcome::Accepted(_), _) => AttemptOutcome::Accepted,
        (_, Some(Effect::Possible)) => AttemptOutcome::Ambiguous,
        _ => AttemptOutcome::Failed,
    };
    AttemptRecord {
        started_at: *started_at,
        ended_at: *ended_at,
        outcome: kept,
        status_code: failure.and_then(|failure| failure.status),
        snippet: match (failure, template_fault) {
            (Some(failure), _) => failure.to_string(),
            // By these words it is counted.
            (None, Some(fault)) => format!("{TEMPLATE_FAILED}{fault}"),
            (None, None) => String::new(),
        },
    }
}
