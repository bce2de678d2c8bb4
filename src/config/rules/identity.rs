//! Rules of `[identity]`: its tables can be used, each named client is known by something that is not its own word alone.

use ingest::identity::{Identity, IdentitySettings};

use super::Facts;
use crate::config::diagnostic::Diagnostic;
use crate::config::reading::Purpose;
use crate::config::tree::Node;
use crate::exit::chain;

pub(super) fn check(facts: &Facts<'_>, found: &mut Vec<Diagnostic>) {
    if facts.purpose == Purpose::Watch {
        tables(facts, found);
    }
    let clients = facts.at(&["identity", "client"]).map(Node::items).unwrap_or_default();
    for (number, client) in clients.iter().enumerate() {
        client_is_known(&format!("identity.client[{number}]"), client, found);
    }
}

/// Each table alone, so that both are named if both are wrong.
fn tables(facts: &Facts<'_>, found: &mut Vec<Diagnostic>) {
    for key in ["countries", "networks"] {
        let Some((node, path)) = facts.at(&["identity", key]).and_then(|node| Some((node, node.text()?)))
        else {
            continue;
        };
        let alone = IdentitySettings { countries: Some(path.into()), ..IdentitySettings::default() };
        if let Err(error) = Identity::open(&alone) {
            let help = "check the path and its rights, or fetch the table again from who publishes it";
            found.push(Diagnostic::error(format!("identity.{key}"), &node.span, chain(&error)).help(help));
        }
    }
}

fn client_is_known(path: &str, client: &Node, found: &mut Vec<Diagnostic>) {
    let given = |key: &str| client.get(key).is_some_and(|list| !list.items().is_empty());
    let by = ["principals", "addresses", "user_agents"].map(given);
    match by {
        [false, false, false] => {
            let message = "nothing says how this client is known, so it is nobody";
            let help = "add `addresses`, `principals` or `user_agents`";
            found.push(Diagnostic::error(path, &client.span, message).help(help));
        }
        [false, false, true] => {
            let message = "this client is known by its own word alone: anybody can call himself so";
            let warning = Diagnostic::error(path, &client.span, message).into_warning();
            found.push(warning.help("add `addresses` or `principals`"));
        }
        _ => {}
    }
}
