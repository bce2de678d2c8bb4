//! Rules of `[[route]]` and `[default_route]`: whoever is named exists, and every route and receiver can be reached.

use std::collections::BTreeSet;

use alerting::routing::{DefaultRoute, RouteConfig};

use super::Facts;
use crate::config::diagnostic::Diagnostic;
use crate::config::suggestion::{listed, nearest};
use crate::config::tree::{Entry, Node};
use crate::config::wording::did_you_mean;

pub(super) fn check(facts: &Facts<'_>, found: &mut Vec<Diagnostic>) {
    let before = found.len();
    for (path, route) in facts.tables("route") {
        named(facts, &path, route, found);
    }
    if let Some(route) = facts.tree.get("default_route") {
        named(facts, "default_route", route, found);
    }
    let is_flawless =
        found.len() == before && facts.is_flawless("route") && facts.is_flawless("default_route");
    let reached = reachable(facts, found);
    if is_flawless {
        never_told(facts, &reached, found);
    }
}

fn receivers<'a>(facts: &Facts<'a>) -> &'a [Entry] {
    facts.tree.get("receivers").map(Node::entries).unwrap_or_default()
}

/// Every receiver of a route must exist, and stand there once.
fn named(facts: &Facts<'_>, path: &str, route: &Node, found: &mut Vec<Diagnostic>) {
    let names = || receivers(facts).iter().map(|entry| entry.key.as_str());
    let mut seen = BTreeSet::new();
    let items = route.get("receivers").map(Node::items).unwrap_or_default();
    for (number, (node, name)) in items.iter().filter_map(|node| Some((node, node.text()?))).enumerate() {
        let at =
            |message: String| Diagnostic::error(format!("{path}.receivers[{number}]"), &node.span, message);
        if !seen.insert(name) {
            found.push(at(format!("`{name}` is told twice")).help("remove one of the two"));
        } else if !names().any(|known| known == name) {
            let help = did_you_mean(nearest(name, names())).unwrap_or_else(|| match names().next() {
                Some(_) => {
                    format!("receivers are {}; add `[receivers.{name}]` for another", listed(names(), "and"))
                }
                None => format!("add `[receivers.{name}]`"),
            });
            found.push(at(format!("there is no receiver `{name}`")).help(help));
        }
    }
}

/// What is left of the routes behind one that takes everything.
struct Reached {
    routes: Vec<RouteConfig>,
    default_route: Reach,
}

#[derive(PartialEq, Eq)]
enum Reach {
    Possible,
    Never,
}

/// Reports every route that can never match. A route with a mistake in it takes nothing: nobody knows what it meant.
fn reachable(facts: &Facts<'_>, found: &mut Vec<Diagnostic>) -> Reached {
    let mut reached = Reached { routes: Vec::new(), default_route: Reach::Possible };
    let mut numbers = Vec::new();
    for (number, (path, node)) in (1..).zip(facts.tables("route")) {
        let Some(route) = facts.is_flawless(&path).then(|| facts.typed::<RouteConfig>(node)).flatten() else {
            continue;
        };
        match taker(&reached.routes, &route) {
            None => {
                reached.routes.push(route);
                numbers.push(number);
            }
            Some(taker) => {
                let taker = numbers.get(taker - 1).copied().unwrap_or(taker);
                let message =
                    format!("route {number} is never reached: route {taker} before it takes everything");
                let help = format!("move it before route {taker}, or write `continue = true` there");
                found.push(Diagnostic::error(path, &node.span, message).help(help));
            }
        }
    }
    if taker(&reached.routes, &RouteConfig::default()).is_some() {
        reached.default_route = Reach::Never;
    }
    reached
}

/// The number of the route that leaves nothing for the next one in its place.
fn taker(routes: &[RouteConfig], next: &RouteConfig) -> Option<usize> {
    routes.iter().position(|route| route.takes_all_from(next)).map(|at| at + 1)
}

/// A receiver that no route names was forgotten in one.
fn never_told(facts: &Facts<'_>, reached: &Reached, found: &mut Vec<Diagnostic>) {
    let default = facts
        .tree
        .get("default_route")
        .and_then(|node| facts.typed::<DefaultRoute>(node))
        .unwrap_or_default();
    let told: BTreeSet<&str> = match (&reached.default_route, &default.receivers) {
        // Everybody is told of what no route takes.
        (Reach::Possible, None) => return,
        (Reach::Possible, Some(names)) => names.iter().map(String::as_str).collect(),
        (Reach::Never, _) => BTreeSet::new(),
    };
    let told: BTreeSet<_> =
        reached.routes.iter().flat_map(|route| &route.receivers).map(String::as_str).chain(told).collect();
    let beats =
        ["to", "absence_to"].map(|key| facts.at(&["alerting", "heartbeat", key]).and_then(Node::text));
    let told: BTreeSet<_> = told.into_iter().chain(beats.into_iter().flatten()).collect();
    for entry in receivers(facts).iter().filter(|entry| !told.contains(entry.key.as_str())) {
        let message = format!("the receiver `{}` is never told anything", entry.key);
        let help = "name it in a `[[route]]` or in `[default_route]`, or remove it";
        found
            .push(Diagnostic::error(format!("receivers.{}", entry.key), &entry.key_span, message).help(help));
    }
}
