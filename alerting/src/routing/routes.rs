//! `[[route]]` and `[default_route]`: how routes are written, and the checks that make a tree of them.

use std::collections::BTreeSet;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::ReceiverId;
use thiserror::Error;

use super::{Matchers, RouteReason};

/// One `[[route]]`: what it asks for, whom it tells, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
// The schema asks for `receivers`, not serde: it would say so before it looks at what is flattened, and so hide every
// other mistake of a matcher.
#[schemars(extend("required" = ["receivers"]))]
pub struct RouteConfig {
    /// What it is called: in the reasons that are shown, and by routes under it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The name of the route before it that it refines: it is asked only where that one matches, and then decides
    /// in its place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub under: Option<String>,
    /// What it asks for.
    #[serde(flatten)]
    pub matchers: Matchers,
    /// Who is told; an empty list tells nobody, on purpose.
    #[serde(default)]
    pub receivers: Vec<String>,
    /// During which mute times nobody is told before they end, by the names of `[[mute_time]]`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mute: Vec<String>,
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

/// Routes that have been checked: every receiver exists, every route stands in the tree and can be reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Routes {
    rules: Vec<Rule>,
    top: Vec<usize>,
    default_receivers: Vec<ReceiverId>,
}

/// A route whose receivers exist, with those that refine it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rule {
    pub(super) number: usize,
    pub(super) matchers: Matchers,
    pub(super) receivers: Vec<ReceiverId>,
    pub(super) mute: Vec<String>,
    pub(super) go_on: bool,
    name: Option<Arc<str>>,
    refined_by: Vec<usize>,
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
    /// A route refines one that does not stand before it.
    #[error("cannot put route {route} under `{parent}`: no route before it is called so")]
    UnknownParent {
        /// The route, from 1.
        route: usize,
        /// The name.
        parent: String,
    },
    /// Two routes have one name.
    #[error("cannot tell two routes called `{name}` apart")]
    NamedTwice {
        /// The name.
        name: String,
    },
}

impl RouteConfig {
    /// Whether it leaves nothing for a route after it in the same place of the tree.
    #[must_use]
    pub fn takes_all_from(&self, next: &Self) -> bool {
        self.under == next.under
            && !self.go_on
            && self.matchers.takes_everything()
            && next.matchers.asks_for_live_alone()
    }
}

impl Rule {
    pub(super) fn reason(&self) -> RouteReason {
        RouteReason::Route { number: self.number, name: self.name.clone() }
    }
}

impl Routes {
    /// Checks routes against the receivers that exist.
    ///
    /// # Errors
    /// When a receiver is unknown, a route has no place in the tree, or it can never match.
    pub fn new(
        routes: Vec<RouteConfig>,
        default_route: DefaultRoute,
        receivers: &BTreeSet<ReceiverId>,
    ) -> Result<Self, RoutingError> {
        let mut tree =
            Self { rules: Vec::with_capacity(routes.len()), top: Vec::new(), default_receivers: Vec::new() };
        let mut before: Vec<RouteConfig> = Vec::with_capacity(routes.len());
        for (at, route) in routes.into_iter().enumerate() {
            if let Some(taker) = before.iter().position(|before| before.takes_all_from(&route)) {
                return Err(RoutingError::Unreachable { route: at + 1, taker: taker + 1 });
            }
            tree.push(at, &route, receivers)?;
            before.push(route);
        }
        tree.default_receivers = match default_route.receivers {
            Some(names) => known(&names, receivers, || "default_route".to_owned())?,
            None => receivers.iter().cloned().collect(),
        };
        Ok(tree)
    }

    fn push(
        &mut self,
        at: usize,
        route: &RouteConfig,
        receivers: &BTreeSet<ReceiverId>,
    ) -> Result<(), RoutingError> {
        let number = at + 1;
        let named = |name: &str| self.rules.iter().position(|rule| rule.name.as_deref() == Some(name));
        if let Some(name) = route.name.as_deref().filter(|name| named(name).is_some()) {
            return Err(RoutingError::NamedTwice { name: name.to_owned() });
        }
        let parent = match &route.under {
            None => None,
            Some(parent) => Some(
                named(parent)
                    .ok_or_else(|| RoutingError::UnknownParent { route: number, parent: parent.clone() })?,
            ),
        };
        match parent.and_then(|parent| self.rules.get_mut(parent)) {
            Some(parent) => parent.refined_by.push(at),
            None => self.top.push(at),
        }
        self.rules.push(Rule {
            number,
            matchers: route.matchers.clone(),
            receivers: known(&route.receivers, receivers, || format!("route {number}"))?,
            mute: route.mute.clone(),
            go_on: route.go_on,
            name: route.name.as_deref().map(Arc::from),
            refined_by: Vec::new(),
        });
        Ok(())
    }

    /// The routes that are asked first, in order.
    pub(super) fn top(&self) -> impl Iterator<Item = &Rule> {
        self.top.iter().map(|at| &self.rules[*at])
    }

    /// The routes that refine one, in order.
    pub(super) fn under<'a>(&'a self, rule: &'a Rule) -> impl Iterator<Item = &'a Rule> {
        rule.refined_by.iter().map(|at| &self.rules[*at])
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
