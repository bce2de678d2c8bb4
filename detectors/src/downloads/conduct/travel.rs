//! `impossible-travel`: one person in two countries that nobody can travel between in the time that lay between.
//!
//! A rule, without a p-value: the least distance between two countries, by centre and radius, at more than 900 km/h. Clouds and
//! VPN providers are left out, as people sit in one place and their packets in another; so are services and whoever is not known
//! to be a person. ATT&CK T1078. Runbook: docs/runbook.md#impossible-travel.

use serde::{Deserialize, Serialize};

use super::places::{is_cloud, least_distance_km};
use super::subject_of;
use crate::detector::{Scores, Seen, Verdict};
use crate::downloads::statement::Statement;
use crate::event::{Actor, ActorKind, AuthMethod, Country, EventTime};
use crate::finding::{Anchor, Band, DetectorId, Evidence, Fact, Measure, Severity};

/// Faster than any airliner.
pub const FASTEST_KM_H: f64 = 900.0;
/// Clocks of two log servers may disagree this much, in hours.
const CLOCK_SLACK_HOURS: f64 = 0.25;
/// How loud the rule is: two places at once are a shared or a stolen credential, and VPNs of one's own are common.
const SEVERITY: Severity = Severity::Medium;

/// Where a person was last. 14 bytes.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct TravelState {
    last: Option<(Country, EventTime)>,
}

pub(super) fn observe(state: &mut TravelState, seen: &Seen<'_>, out: &mut Scores) {
    let event = seen.event();
    let Some(country) = event.actor.country.filter(|_| is_travelling(&event.actor)) else { return };
    let now = seen.now();
    let before = state.last.replace((country, now));
    let Some((from, left)) = before.filter(|(from, _)| *from != country) else { return };
    let Some(distance) = least_distance_km(from, country) else { return };
    let hours = now.since(left).as_hours_f64().max(0.0);
    let possible = FASTEST_KM_H * (hours + CLOCK_SLACK_HOURS);
    if distance <= possible {
        return;
    }
    let Some(subject) = subject_of(event) else { return };
    let needed = distance / FASTEST_KM_H;
    let statement = Statement {
        detector: DetectorId::ImpossibleTravel,
        time: now,
        anchor: Anchor::Event(event.id.clone()),
        observed: Measure::number(distance.round(), "km at least"),
        expected: Some(Band::numbers(0.0, 0.0, possible.round(), "km at least")),
        summary: format!(
            "`{}` was in {from} and {hours:.1} hours later in {country}, at least {distance:.0} km away",
            subject.name
        ),
        counterfactual: format!(
            "silent with {needed:.1} hours or more in between, or from a cloud or VPN network"
        ),
        evidence: vec![Evidence {
            fact: Fact::Field {
                field: "country".to_owned(),
                before: from.to_string(),
                after: country.to_string(),
                bits: 0.0,
            },
            time: event.time,
            position: Some((&event.position).into()),
        }],
        subject,
    };
    out.violation(statement.scored(Verdict::Violation(SEVERITY)));
}

/// Whether the actor is a person who sits where the address says.
fn is_travelling(actor: &Actor) -> bool {
    let person = match actor.kind {
        Some(kind) => kind == ActorKind::Human,
        None => matches!(actor.auth, Some(AuthMethod::Password | AuthMethod::Session)),
    };
    person && !actor.asn.is_some_and(is_cloud)
}
