//! How a principal behaves besides how much it pulls: what it is refused, where it comes from, when, and in which order.
//!
//! One state a principal and one pass over an event for seven detectors of the catalogue: `denied-burst`, `not-found-burst`
//! ([`refusals`]), `new-origin`, `unusual-hour` ([`origin`]), `impossible-travel` ([`travel`]), `dependency-confusion` ([`confusion`]) and `enumeration` ([`walk`]). What an ordinary event costs is a
//! few comparisons; models are asked when an hour closes or something is new.

pub mod confusion;
pub mod origin;
mod places;
pub mod refusals;
#[cfg(test)]
mod tests;
pub mod travel;
pub mod walk;

use serde::{Deserialize, Serialize};

use crate::detector::{Cell, Detector, Priors, Scores, Seen};
use crate::event::{Event, EventKind, EventTime, Span};
use crate::finding::{DetectorId, Subject, SubjectKind};
use confusion::{ConfusionState, PrivateNames};
use origin::OriginState;
use refusals::RefusalState;
use travel::TravelState;
use walk::WalkState;

/// The detectors of conduct.
#[derive(Debug, Clone, Default)]
pub struct Conduct {
    private: PrivateNames,
}

impl Conduct {
    /// With the names that are private.
    #[must_use]
    pub const fn new(private: PrivateNames) -> Self {
        Self { private }
    }
}

/// What is kept of one principal: some 200 bytes when it behaves, up to 900 with many origins.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ConductState {
    first: Option<EventTime>,
    refusals: RefusalState,
    origin: OriginState,
    travel: TravelState,
    walk: WalkState,
    confusion: ConfusionState,
}

impl ConductState {
    /// When the open hour ends.
    #[must_use]
    pub fn hour_end(&self) -> Option<EventTime> {
        self.refusals.open_hour().map(|start| start.plus(Span::hours(1)))
    }
}

/// Whether an event is one of conduct: somebody known asked for something.
#[must_use]
pub fn is_conduct(event: &Event) -> bool {
    matches!(event.kind, EventKind::Access(_)) && event.actor.principal.is_some()
}

impl Detector for Conduct {
    type State = ConductState;
    const ID: DetectorId = DetectorId::NewOrigin;
    const MAJOR: u32 = 1;

    fn observe(&self, state: &mut ConductState, seen: &Seen<'_>, out: &mut Scores) {
        if !is_conduct(seen.event()) || !seen.is_on_time() {
            return;
        }
        let first = *state.first.get_or_insert(seen.now());
        let days = seen.now().since(first).as_days_f64();
        refusals::observe(&mut state.refusals, days, seen, out);
        origin::observe(&mut state.origin, days, seen, out);
        travel::observe(&mut state.travel, seen, out);
        walk::observe(&mut state.walk, days, seen, out);
        confusion::observe(&mut state.confusion, &self.private, seen, out);
    }
}

impl Conduct {
    /// Closes the hour that ends at `boundary`.
    pub fn close(
        &self,
        state: &mut ConductState,
        subject: &Subject,
        boundary: EventTime,
        seed: u64,
        priors: &Priors,
        out: &mut Scores,
    ) {
        let days = boundary.since(state.first.unwrap_or(boundary)).as_days_f64();
        refusals::close(&mut state.refusals, subject, boundary, days, seed, priors, out);
    }
}

/// The principal of an event of conduct.
fn subject_of(event: &Event) -> Option<Subject> {
    let principal = event.actor.principal.as_ref()?;
    Some(Subject::new(SubjectKind::Principal, event.registry.clone(), principal.clone()))
}

/// Cells of conduct: by age in days (1, 7, 28).
fn cell(detector: DetectorId, subject: &Subject, tier: u8, days: f64) -> Cell {
    let age = [1.0, 7.0, 28.0].iter().filter(|limit| days >= **limit).count();
    Cell { detector, registry: subject.registry.clone(), tier, age: u8::try_from(age).unwrap_or(u8::MAX) }
}
