//! `[[route]]` and `[default_route]`: how routes are written, and the checks that make them whole.

use std::collections::BTreeSet;

use detectors::finding::{DetectorId, Severity, SubjectKind};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::ReceiverId;
use thiserror::Error;

use super::Glob;

/// One `[[route]]`. What is not given is not asked for; several values of one matcher are alternatives; all
/// matchers must fit. Registry, kind and name must fit on one and the same subject.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RouteConfig {
    /// The incident is at least this severe.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_severity: Option<Severity>,
    /// One of these detectors has a finding in it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub detectors: Vec<DetectorId>,
    /// A subject is in a registry of one of these names or patterns.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub registries: Vec<Glob>,
    /// A subject is of one of these kinds.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub subject_kinds: Vec<SubjectKind>,
    /// A subject has one of these names or patterns: `pkg:npm/@acme/*`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub subject_names: Vec<Glob>,
    /// Who is told; an empty list tells nobody, on purpose.
    pub receivers: Vec<String>,
    /// Whether the routes after this one are asked too.
    #[serde(default, rename = "continue")]
    pub go_on: bool,
}

/// `[default_route]`: who is told when no route matches.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DefaultRoute {
    /// Who is told; every receiver if not given, nobody if empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receivers: Option<Vec<String>>,
}

/// Routes that have been checked: every receiver exists, and every route can be reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Routes {
    rules: Vec<Rule>,
    default_receivers: Vec<ReceiverId>,
}

/// A route whose receivers exist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rule {
    pub(super) matchers: RouteConfig,
    pub(super) receivers: Vec<ReceiverId>,
}

/// Why routes cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RoutingError {
    /// A route names a receiver that is not configured.
    #[error("cannot route to `{receiver}` in {place}: there is no such receiver")]
    UnknownReceiver {
        /// The name.
        receiver: String,
        /// `route 3` or `default_route`.
        place: String,
    },
    /// A route comes after one that takes everything.
    #[error("cannot reach route {route}: route {taker} before it matches everything and does not continue")]
    Unreachable {
        /// The route that can never match, from 1.
        route: usize,
        /// The route that takes everything, from 1.
        taker: usize,
    },
}

impl RouteConfig {
    /// Whether it asks anything of a subject.
    pub(super) fn asks_for_a_subject(&self) -> bool {
        !(self.registries.is_empty() && self.subject_kinds.is_empty() && self.subject_names.is_empty())
    }

    fn takes_everything(&self) -> bool {
        let any_severity = self.min_severity.is_none_or(|needed| needed == Severity::Info);
        any_severity && self.detectors.is_empty() && !self.asks_for_a_subject() && !self.go_on
    }
}

impl Routes {
    /// Checks routes against the receivers that exist.
    ///
    /// # Errors
    /// When a receiver is unknown, or a route can never match.
    pub fn new(
        routes: Vec<RouteConfig>,
        default_route: DefaultRoute,
        receivers: &BTreeSet<ReceiverId>,
    ) -> Result<Self, RoutingError> {
        let mut taker = None;
        let mut rules = Vec::with_capacity(routes.len());
        for (number, matchers) in (1..).zip(routes) {
            if let Some(taker) = taker {
                return Err(RoutingError::Unreachable { route: number, taker });
            }
            taker = matchers.takes_everything().then_some(number);
            let receivers = known(&matchers.receivers, receivers, || format!("route {number}"))?;
            rules.push(Rule { matchers, receivers });
        }
        let default_receivers = match default_route.receivers {
            Some(names) => known(&names, receivers, || "default_route".to_owned())?,
            None => receivers.iter().cloned().collect(),
        };
        Ok(Self { rules, default_receivers })
    }

    /// The routes with their numbers, from 1.
    pub(super) fn rules(&self) -> impl Iterator<Item = (usize, &Rule)> {
        (1..).zip(&self.rules)
    }

    /// Who is told when no route matches.
    pub(super) fn default_receivers(&self) -> &[ReceiverId] {
        &self.default_receivers
    }
}

/// The receivers of these names.
fn known(
    names: &[String],
    receivers: &BTreeSet<ReceiverId>,
    place: impl Fn() -> String,
) -> Result<Vec<ReceiverId>, RoutingError> {
    let find = |name: &String| {
        let found = receivers.iter().find(|receiver| receiver.as_str() == name);
        found.cloned().ok_or_else(|| RoutingError::UnknownReceiver { receiver: name.clone(), place: place() })
    };
    names.iter().map(find).collect()
}
