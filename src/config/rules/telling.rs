//! Rules of `[[owner]]`, `[[mute_time]]`, `[[inhibit]]` and of what routes name of them: whatever is named is there.

use std::collections::BTreeSet;

use alerting::routing::MuteTimeConfig;

use super::Facts;
use crate::config::diagnostic::Diagnostic;
use crate::config::suggestion::{listed, nearest};
use crate::config::tree::Node;
use crate::config::wording::did_you_mean;

pub(super) fn check(facts: &Facts<'_>, found: &mut Vec<Diagnostic>) {
    named_twice(facts, "route", found);
    named_twice(facts, "mute_time", found);
    named_twice(facts, "inhibit", found);
    parents(facts, found);
    let mutes = names(facts, "mute_time", "name");
    let teams = names(facts, "owner", "team");
    for (path, route) in facts.tables("route") {
        each_named(route, &path, "mute", "mute time", &mutes, found);
        each_named(route, &path, "owners", "owner", &teams, found);
    }
    for (path, rule) in facts.tables("inhibit") {
        for side in ["source", "target"] {
            if let Some(matchers) = rule.get(side) {
                each_named(matchers, &format!("{path}.{side}"), "owners", "owner", &teams, found);
            }
        }
    }
    for (path, node) in facts.tables("mute_time") {
        let time = facts.is_flawless(&path).then(|| facts.typed::<MuteTimeConfig>(node)).flatten();
        if let Some(Err(problem)) = time.map(|time| time.check()) {
            let help = "give it `days`, or a `from` and an `until` that leave some of the day";
            found.push(Diagnostic::error(path, &node.span, problem.to_string()).help(help));
        }
    }
}

fn names<'a>(facts: &Facts<'a>, list: &str, key: &str) -> BTreeSet<&'a str> {
    facts.tables(list).filter_map(|(_, node)| node.get(key)?.text()).collect()
}

/// Whoever is called by name is called by one name.
fn named_twice(facts: &Facts<'_>, list: &str, found: &mut Vec<Diagnostic>) {
    let mut seen = BTreeSet::new();
    for (path, node) in facts.tables(list) {
        let Some((name_node, name)) = node.get("name").and_then(|node| Some((node, node.text()?))) else {
            continue;
        };
        if !seen.insert(name) {
            let message = format!("another `[[{list}]]` is called `{name}` already");
            found.push(
                Diagnostic::error(format!("{path}.name"), &name_node.span, message)
                    .help("give one of them another name"),
            );
        }
    }
}

/// A route stands under one that stands before it, so that the tree can be read from the top.
fn parents(facts: &Facts<'_>, found: &mut Vec<Diagnostic>) {
    let mut before = BTreeSet::new();
    for (path, route) in facts.tables("route") {
        if let Some((node, parent)) = route.get("under").and_then(|node| Some((node, node.text()?)))
            && !before.contains(parent)
        {
            let message = format!("no route before this one is called `{parent}`");
            let help = did_you_mean(nearest(parent, before.iter().copied())).unwrap_or_else(|| {
                format!("write `name = \"{parent}\"` in the route it belongs under, before it")
            });
            found.push(Diagnostic::error(format!("{path}.under"), &node.span, message).help(help));
        }
        before.extend(route.get("name").and_then(Node::text));
    }
}

/// Every name in a list must be one of those that there are.
fn each_named(
    table: &Node,
    path: &str,
    key: &str,
    what: &str,
    known: &BTreeSet<&str>,
    found: &mut Vec<Diagnostic>,
) {
    let items = table.get(key).map(Node::items).unwrap_or_default();
    for (number, (node, name)) in items.iter().filter_map(|node| Some((node, node.text()?))).enumerate() {
        if known.contains(name) {
            continue;
        }
        let (list, own) = if key == "mute" { ("mute_time", "name") } else { ("owner", "team") };
        let help = did_you_mean(nearest(name, known.iter().copied())).unwrap_or_else(|| {
            if known.is_empty() {
                format!("add a `[[{list}]]` with `{own} = \"{name}\"`")
            } else {
                format!("there are {}", listed(known.iter().copied(), "and"))
            }
        });
        let message = format!("there is no {what} `{name}`");
        found.push(Diagnostic::error(format!("{path}.{key}[{number}]"), &node.span, message).help(help));
    }
}
