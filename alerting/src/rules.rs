//! All that decides whether somebody is told: the configuration's rules, and what people decided on top of them.
//!
//! In this order: what was announced says how severe an incident counts; silences may hide it; an incident that
//! people know of may explain it; then the routes say whom to tell, and mute times when. [`Rules::decide`] is pure.

use std::collections::BTreeSet;

use detectors::finding::{Finding, Severity};
use detectors::incident::{Incident, Status};
use store::{
    FindingFilter, IncidentFilter, IncidentOrder, Order, Page, Reader, ReceiverId, RunId, StoreError, Told,
};
use thiserror::Error;

use crate::maintenance::{self, Announced};
use crate::receivers::with_causes;
use crate::routing::inhibition::inhibited;
use crate::routing::{
    Circumstances, Decision, DefaultRoute, IncidentView, InhibitConfig, MuteTimeConfig, MuteTimeError,
    MuteTimes, OpenIncident, OwnerConfig, Owners, RouteConfig, Routes, RoutingError, quiet, route,
};
use crate::silence::{self, Holding, SilenceForm};

/// Most open incidents that inhibition looks at, the most severe first.
pub const OPEN_MAX: u32 = 500;
/// Most findings of an incident that a decision looks at: so many within the budget, and so many below it.
pub const FINDINGS_READ: u32 = 100;

/// What the configuration says about telling.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RulesConfig {
    /// `[[route]]`.
    pub routes: Vec<RouteConfig>,
    /// `[default_route]`.
    pub default_route: DefaultRoute,
    /// `[[owner]]`.
    pub owners: Vec<OwnerConfig>,
    /// `[[mute_time]]`.
    pub mute_times: Vec<MuteTimeConfig>,
    /// `[[inhibit]]`.
    pub inhibit: Vec<InhibitConfig>,
}

/// Rules that have been checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    routes: Routes,
    owners: Owners,
    mute_times: MuteTimes,
    inhibit: Vec<InhibitConfig>,
}

/// Why rules cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RulesError {
    /// Routes cannot.
    #[error(transparent)]
    Routing(#[from] RoutingError),
    /// Mute times cannot.
    #[error(transparent)]
    MuteTime(#[from] MuteTimeError),
    /// A rule speaks of a team that owns nothing.
    #[error("cannot ask for the owner `{team}` in {place}: no `[[owner]]` has this team")]
    UnknownOwner {
        /// The team.
        team: String,
        /// `route 3`, or `inhibit` and the rule's name.
        place: String,
    },
}

/// What people decided, and what else is open, at one moment.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Standing {
    /// The clock's time, in nanoseconds since 1970.
    pub now: i64,
    /// Silences that hold.
    pub silences: Vec<Holding>,
    /// Announced work.
    pub plans: Vec<Announced>,
    /// Other incidents that are open; empty where no rule asks.
    pub open: Vec<OpenIncident>,
}

/// What was decided about an incident.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decided {
    /// How severe it counts, with what was announced.
    pub severity: Severity,
    /// Who is told, or why not, and what weighed in.
    pub decisions: Vec<Decision>,
}

impl From<Routes> for Rules {
    fn from(routes: Routes) -> Self {
        Self { routes, owners: Owners::default(), mute_times: MuteTimes::default(), inhibit: Vec::new() }
    }
}

impl Rules {
    /// Checks rules against the receivers that exist.
    ///
    /// # Errors
    /// [`RulesError`] for the first that cannot be used.
    pub fn new(config: RulesConfig, receivers: &BTreeSet<ReceiverId>) -> Result<Self, RulesError> {
        let owners = Owners::new(config.owners);
        let mute_times = MuteTimes::new(config.mute_times)?;
        for (route, number) in config.routes.iter().zip(1..) {
            if let Some(name) = route.mute.iter().find(|name| !mute_times.has(name)) {
                return Err(MuteTimeError::Unknown { route: number, name: name.clone() }.into());
            }
            known_owners(&route.matchers.owners, &owners, || format!("route {number}"))?;
        }
        for rule in &config.inhibit {
            for matchers in [&rule.source, &rule.target] {
                known_owners(&matchers.owners, &owners, || format!("inhibit `{}`", rule.name))?;
            }
        }
        let routes = Routes::new(config.routes, config.default_route, receivers)?;
        Ok(Self { routes, owners, mute_times, inhibit: config.inhibit })
    }

    /// Who owns what.
    #[must_use]
    pub const fn owners(&self) -> &Owners {
        &self.owners
    }

    /// Decides who is told of an incident's transition: a decision for each receiver or exactly one
    /// [`Decision::NotTold`], behind notes of what weighed in.
    #[must_use]
    pub fn decide(&self, view: &IncidentView<'_>, standing: &Standing) -> Decided {
        let (severity, note) = maintenance::severity(&standing.plans, view);
        if let Some(reason) = quiet(view) {
            return Decided { severity, decisions: vec![Decision::NotTold(reason)] };
        }
        let mut decisions: Vec<_> = note.into_iter().map(Decision::Note).collect();
        let (silenced, passed) = silence::judge(&standing.silences, view, severity, &self.owners);
        decisions.extend(passed.into_iter().map(Decision::Note));
        let hidden =
            silenced.or_else(|| inhibited(&self.inhibit, view, severity, &standing.open, &self.owners));
        if let Some(reason) = hidden {
            decisions.push(Decision::NotTold(reason));
            return Decided { severity, decisions };
        }
        let here =
            Circumstances { owners: &self.owners, mute_times: &self.mute_times, severity, now: standing.now };
        decisions.extend(route(&self.routes, view, &here));
        Decided { severity, decisions }
    }

    /// What people decided as it stands now, with what else is open if a rule asks for it.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot be read. What cannot be read of a single silence or announcement is left
    /// out and logged: telling too much is better than telling nobody.
    pub fn standing(&self, reader: &Reader, now: i64) -> Result<Standing, StoreError> {
        let mut standing =
            Standing { now, silences: silences(reader, now)?, plans: plans(reader)?, open: Vec::new() };
        if !self.inhibit.is_empty() {
            standing.open = self.open(reader, &standing)?;
        }
        Ok(standing)
    }

    /// Incidents that are open and that silences do not hide: only these explain others.
    fn open(&self, reader: &Reader, standing: &Standing) -> Result<Vec<OpenIncident>, StoreError> {
        let filter = IncidentFilter {
            statuses: vec![Status::New, Status::InProgress, Status::OnHold],
            told: Some(Told::Told),
            ..IncidentFilter::of(RunId::Live)
        };
        let mut found = Vec::new();
        for stored in reader.incidents(&filter, IncidentOrder::MostSevere, Page::first(OPEN_MAX))? {
            let findings = findings_of(reader, &RunId::Live, &stored.incident)?;
            found.push((stored.incident, findings));
        }
        Ok(self.explaining(found, standing))
    }

    /// Of incidents that were open at one moment, those that explain others then: what a silence hides explains
    /// nothing. Pure; also for moments of the past.
    #[must_use]
    pub fn explaining(
        &self,
        found: impl IntoIterator<Item = (Incident, Vec<Finding>)>,
        standing: &Standing,
    ) -> Vec<OpenIncident> {
        let mut open = Vec::new();
        for (incident, findings) in found {
            let Some(transition) = incident.history.last() else { continue };
            let view =
                IncidentView { run: &RunId::Live, incident: &incident, findings: &findings, transition };
            let (severity, _) = maintenance::severity(&standing.plans, &view);
            if silence::judge(&standing.silences, &view, severity, &self.owners).0.is_none() {
                open.push(OpenIncident { incident, findings, severity });
            }
        }
        open
    }

    /// Whether what else is open has a say.
    #[must_use]
    pub fn ask_for_others(&self) -> bool {
        !self.inhibit.is_empty()
    }
}

fn known_owners(teams: &[String], owners: &Owners, place: impl Fn() -> String) -> Result<(), RulesError> {
    match teams.iter().find(|team| !owners.has(team)) {
        Some(team) => Err(RulesError::UnknownOwner { team: team.clone(), place: place() }),
        None => Ok(()),
    }
}

/// The silences that hold at this clock time.
///
/// # Errors
/// [`StoreError`] if the store cannot be read.
pub fn silences(reader: &Reader, now: i64) -> Result<Vec<Holding>, StoreError> {
    let read = |stored: &store::Silence| match SilenceForm::from_json(&stored.matcher) {
        Ok(form) => Some(Holding { id: stored.id, form }),
        Err(error) => {
            tracing::error!(silence = %stored.id, error = %with_causes(&error), "a silence cannot be read and hides nothing");
            None
        }
    };
    Ok(reader.active_silences(now)?.iter().filter_map(read).collect())
}

/// Everything that was announced.
///
/// # Errors
/// [`StoreError`] if the store cannot be read.
pub fn plans(reader: &Reader) -> Result<Vec<Announced>, StoreError> {
    let read = |stored: &store::Maintenance| match Announced::of(stored) {
        Ok(announced) => Some(announced),
        Err(error) => {
            tracing::error!(maintenance = %stored.id, error = %with_causes(&error), "an announcement cannot be read and excuses nothing");
            None
        }
    };
    Ok(reader.maintenance()?.iter().filter_map(read).collect())
}

/// The findings of an incident, those within the budget first. One that cannot be read is left out and logged: a
/// message that lacks a line is better than none.
///
/// # Errors
/// [`StoreError`] if the store cannot be read.
pub fn findings_of(reader: &Reader, run: &RunId, incident: &Incident) -> Result<Vec<Finding>, StoreError> {
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

#[cfg(test)]
mod tests;
