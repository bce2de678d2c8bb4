//! Whom to tell: a tree of routes with matchers, the first that fits decides, and every decision has a named reason.
//!
//! [`route`] is a pure function of the routes, the incident and the time, so `sealwatch routes test` and the live run
//! cannot disagree. What people decided on top of the routes (silences, announced work) joins in [`crate::rules`].

mod decision;
mod glob;
pub(crate) mod inhibition;
pub(crate) mod matchers;
mod mute;
mod owners;
mod pattern;
mod routes;
mod wall_clock;

use detectors::finding::{Finding, Severity};
use detectors::incident::{Incident, Transition, TransitionReason};
use store::{ReceiverId, RunId};

pub use decision::{Decision, NotTold, Note, RouteReason, decisions_json};
pub use glob::{GLOB_MAX, Glob, GlobError};
pub use inhibition::{InhibitConfig, OpenIncident, Shared};
pub use matchers::{Fit, Matchers, mode_of, namespace, purl_type};
pub use mute::{MUTE_DAYS_MAX, MuteTimeConfig, MuteTimeError, MuteTimes, Weekday};
pub use owners::{OwnerConfig, Owners};
pub use pattern::{PATTERN_MAX, Pattern, PatternError};
pub use routes::{DefaultRoute, RouteConfig, Routes, RoutingError};
pub use wall_clock::{TimeOfDay, WallClockError, Zone};

use self::routes::Rule;

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

/// What routes need to know besides the incident.
#[derive(Debug, Clone, Copy)]
pub struct Circumstances<'a> {
    /// Who owns what.
    pub owners: &'a Owners,
    /// When who is left in peace.
    pub mute_times: &'a MuteTimes,
    /// How severe the incident counts, with what was announced.
    pub severity: Severity,
    /// The clock's time, in nanoseconds since 1970.
    pub now: i64,
}

/// Decides who is told of an incident's transition: one [`Decision::Tell`] or [`Decision::Muted`] for each receiver,
/// or exactly one [`Decision::NotTold`]. When they are told is [`crate::grouping`]'s.
#[must_use]
pub fn route(routes: &Routes, view: &IncidentView<'_>, here: &Circumstances<'_>) -> Vec<Decision> {
    if let Some(reason) = quiet(view) {
        return vec![Decision::NotTold(reason)];
    }
    let mut walk = Walk { routes, view, here, told: Vec::new(), too_quiet: None, to_nobody: None };
    if walk.ask(routes.top()) == Asked::NoneFits && mode_of(view.run) == Some(detectors::finding::Mode::Live)
    {
        walk.push(routes.default_receivers(), &RouteReason::Default, &[]);
    }
    let otherwise = walk.to_nobody.or(walk.too_quiet).unwrap_or(match view.run {
        RunId::Live => NotTold::NoRoute,
        _ => NotTold::NotLive,
    });
    if walk.told.is_empty() { vec![Decision::NotTold(otherwise)] } else { walk.told }
}

/// Why nobody is told whatever the routes say.
pub(crate) fn quiet(view: &IncidentView<'_>) -> Option<NotTold> {
    if !view.run.may_notify() {
        return Some(NotTold::NotLive);
    }
    if !view.incident.told {
        return Some(NotTold::BelowBudget);
    }
    // People are told of what happens; that a colleague closed it they see on the page.
    (view.transition.reason == TransitionReason::Resolved).then_some(NotTold::QuietTransition)
}

/// A walk through the tree, with what came of it so far.
struct Walk<'a> {
    routes: &'a Routes,
    view: &'a IncidentView<'a>,
    here: &'a Circumstances<'a>,
    told: Vec<Decision>,
    too_quiet: Option<NotTold>,
    to_nobody: Option<NotTold>,
}

/// Whether any of the routes in one place fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    OneFits,
    NoneFits,
}

impl<'a> Walk<'a> {
    /// Asks the routes of one place in order, up to the first that fits and does not continue.
    fn ask(&mut self, rules: impl Iterator<Item = &'a Rule>) -> Asked {
        let mut asked = Asked::NoneFits;
        for rule in rules {
            match rule.matchers.fit(self.view, self.here.severity, self.here.owners) {
                Fit::Not => continue,
                Fit::SeverityBelow => {
                    self.too_quiet.get_or_insert(NotTold::SeverityBelow { route: rule.number });
                    continue;
                }
                Fit::Yes => asked = Asked::OneFits,
            }
            if self.ask(self.routes.under(rule)) == Asked::NoneFits {
                if rule.receivers.is_empty() {
                    self.to_nobody.get_or_insert(NotTold::RouteToNobody { route: rule.number });
                }
                self.push(&rule.receivers, &rule.reason(), &rule.mute);
            }
            if !rule.go_on {
                break;
            }
        }
        asked
    }

    /// Each receiver is told once; whoever is told at once by one route is not muted by another.
    fn push(&mut self, receivers: &[ReceiverId], reason: &RouteReason, mute: &[String]) {
        let muted = self.here.mute_times.holding(mute, self.here.severity, self.here.now);
        for receiver in receivers.iter().cloned() {
            let known = self.told.iter().position(|decision| decision.receiver() == Some(&receiver));
            let decision = match &muted {
                Some(mute) => Decision::Muted {
                    receiver,
                    reason: reason.clone(),
                    mute: std::sync::Arc::clone(&mute.name),
                    until: mute.until,
                },
                None => Decision::Tell { receiver, reason: reason.clone() },
            };
            match (known.and_then(|at| self.told.get_mut(at)), &decision) {
                (None, _) => self.told.push(decision),
                (Some(before @ Decision::Muted { .. }), Decision::Tell { .. }) => *before = decision,
                (Some(Decision::Muted { until: before, .. }), Decision::Muted { until, .. }) => {
                    *before = (*before).min(*until);
                }
                (Some(_), _) => {}
            }
        }
    }
}

#[cfg(test)]
mod tests;
