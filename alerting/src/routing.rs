//! Whom to tell: routes with matchers, the first that fits decides, and every decision has a named reason.
//!
//! [`route`] is a pure function of the routes and the incident, so `sealwatch route test` and the live run cannot
//! disagree.

mod decision;
mod glob;
mod routes;

use detectors::finding::{Finding, Severity, Subject};
use detectors::incident::{Incident, Transition, TransitionReason};
use store::{ReceiverId, RunId};

pub use decision::{Decision, NotTold, RouteReason, decisions_json};
pub use glob::{GLOB_MAX, Glob, GlobError};
pub use routes::{DefaultRoute, RouteConfig, Routes, RoutingError};

/// What routing looks at.
#[derive(Debug, Clone, Copy)]
pub struct IncidentView<'a> {
    /// In which world it was found.
    pub run: &'a RunId,
    /// The incident as it is now.
    pub incident: &'a Incident,
    /// Those of its findings that the store still has.
    pub findings: &'a [Finding],
    /// What happened that may be worth telling.
    pub transition: &'a Transition,
}

/// Decides who is told of an incident's transition: one [`Decision::Tell`] for each receiver, or exactly one
/// [`Decision::NotTold`]. When they are told is [`crate::grouping`]'s.
#[must_use]
pub fn route(routes: &Routes, view: &IncidentView<'_>) -> Vec<Decision> {
    if let Some(reason) = quiet(view) {
        return vec![Decision::NotTold(reason)];
    }
    let mut told = Vec::new();
    let mut too_quiet = None;
    let mut silenced = None;
    for (number, rule) in routes.rules() {
        match fit(&rule.matchers, view) {
            Fit::Not => continue,
            Fit::SeverityBelow => {
                too_quiet.get_or_insert(NotTold::SeverityBelow { route: number });
                continue;
            }
            Fit::Yes => {}
        }
        if rule.receivers.is_empty() {
            silenced.get_or_insert(NotTold::RouteToNobody { route: number });
        }
        push_new(&mut told, &rule.receivers, RouteReason::Route(number));
        if !rule.matchers.go_on {
            return or_not_told(told, silenced);
        }
    }
    if told.is_empty() && silenced.is_none() {
        push_new(&mut told, routes.default_receivers(), RouteReason::Default);
        return or_not_told(told, Some(too_quiet.unwrap_or(NotTold::NoRoute)));
    }
    or_not_told(told, silenced)
}

/// Why nobody is told whatever the routes say.
fn quiet(view: &IncidentView<'_>) -> Option<NotTold> {
    if *view.run != RunId::Live {
        return Some(NotTold::NotLive);
    }
    if !view.incident.told {
        return Some(NotTold::BelowBudget);
    }
    // People are told of what happens; that a colleague closed it they see on the page.
    (view.transition.reason == TransitionReason::Resolved).then_some(NotTold::QuietTransition)
}

enum Fit {
    Yes,
    SeverityBelow,
    Not,
}

fn fit(rule: &RouteConfig, view: &IncidentView<'_>) -> Fit {
    let fits = |subject: &Subject| {
        fits_any(&rule.registries, |registry| registry.matches(&subject.registry))
            && fits_any(&rule.subject_kinds, |kind| *kind == subject.kind)
            && fits_any(&rule.subject_names, |name| name.matches(&subject.name))
    };
    let detected =
        fits_any(&rule.detectors, |id| view.findings.iter().any(|finding| finding.detector == *id));
    if !detected || (rule.asks_for_a_subject() && !view.incident.subjects.iter().any(fits)) {
        return Fit::Not;
    }
    let needed = rule.min_severity.unwrap_or(Severity::Info);
    if view.incident.severity < needed { Fit::SeverityBelow } else { Fit::Yes }
}

/// An empty list of wishes is no wish.
fn fits_any<T>(wishes: &[T], fits: impl FnMut(&T) -> bool) -> bool {
    wishes.is_empty() || wishes.iter().any(fits)
}

fn push_new(told: &mut Vec<Decision>, receivers: &[ReceiverId], reason: RouteReason) {
    for receiver in receivers {
        let is_told = told
            .iter()
            .any(|decision| matches!(decision, Decision::Tell { receiver: known, .. } if known == receiver));
        if !is_told {
            told.push(Decision::Tell { receiver: receiver.clone(), reason });
        }
    }
}

fn or_not_told(told: Vec<Decision>, otherwise: Option<NotTold>) -> Vec<Decision> {
    match (told.is_empty(), otherwise) {
        (false, _) => told,
        (true, otherwise) => vec![Decision::NotTold(otherwise.unwrap_or(NotTold::NoRoute))],
    }
}

#[cfg(test)]
mod tests;
