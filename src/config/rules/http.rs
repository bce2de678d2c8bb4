//! Rules of `[http]` and of sources that are posted to: there is a listener, each path is one source's, senders can be
//! known.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use ingest::http::{CheckSettings, SenderCheckError};

use super::Facts;
use crate::config::diagnostic::Diagnostic;
use crate::config::reading::Purpose;
use crate::config::tree::Node;
use crate::exit::chain;

pub(super) fn check(facts: &Facts<'_>, found: &mut Vec<Diagnostic>) {
    let listener = facts.tree.get("http");
    let posted_to: Vec<_> =
        facts.tables("source").filter_map(|(path, source)| Some((path, source.get("http")?))).collect();
    match (listener, posted_to.first()) {
        (None, Some((path, node))) if facts.purpose != Purpose::Files => {
            let message = "nothing listens for the webhooks of this source";
            let help = "add a `[http]` table with `listen = \"127.0.0.1:8790\"`";
            found.push(Diagnostic::error(format!("{path}.http"), &node.span, message).help(help));
        }
        (Some(listener), None) => {
            let message = "`[http]` has no effect: no source is posted to";
            let warning = Diagnostic::error("http", &listener.span, message).into_warning();
            found.push(warning.help("add `http` to a source, or remove the table"));
        }
        _ => {}
    }
    if let Some(listener) = listener {
        in_the_clear(listener, found);
    }
    paths(facts, &posted_to, found);
    if facts.purpose.looks_up_secrets() {
        for (path, node) in &posted_to {
            senders(facts, path, node, found);
        }
    }
}

fn in_the_clear(listener: &Node, found: &mut Vec<Diagnostic>) {
    let Some((node, text)) = listener.get("listen").and_then(|node| Some((node, node.text()?))) else {
        return;
    };
    if text.parse::<SocketAddr>().is_ok_and(|address| !address.ip().is_loopback()) {
        let message = "webhooks come here unencrypted, and their tokens with them";
        let warning = Diagnostic::error("http.listen", &node.span, message).into_warning();
        found.push(warning.help("listen on `127.0.0.1` and let a proxy with TLS stand in front"));
    }
}

fn paths(facts: &Facts<'_>, posted_to: &[(String, &Node)], found: &mut Vec<Diagnostic>) {
    let mut known = BTreeMap::new();
    for (path, node) in posted_to {
        let Some((node, text)) = node.get("path").and_then(|node| Some((node, node.text()?))) else {
            continue;
        };
        let line = facts.line(&node.span);
        if let Some(first) = known.get(text) {
            let message = format!("the path `{text}` belongs to another source already");
            let help = format!("that one is on line {first}; give each source a path of its own");
            found.push(Diagnostic::error(format!("{path}.http.path"), &node.span, message).help(help));
        } else {
            known.insert(text, line);
        }
    }
}

/// What is wrong with a check beside a secret that is not there, which the rules of secrets say.
fn senders(facts: &Facts<'_>, path: &str, node: &Node, found: &mut Vec<Diagnostic>) {
    let Some(own) = node.get("check").filter(|_| facts.is_flawless(&format!("{path}.http.check"))) else {
        return;
    };
    let Some(settings) = facts.typed::<CheckSettings>(own) else { return };
    let (key, error) = match settings.check() {
        Ok(()) | Err(SenderCheckError::Secret(_)) => return,
        Err(error @ SenderCheckError::TooShort) => ("secret", error),
        Err(error @ SenderCheckError::Header(_)) => ("header", error),
    };
    let span = own.get(key).map_or(&own.span, |node| &node.span);
    let help = match key {
        "secret" => "put at least 16 random bytes there, such as `openssl rand -hex 32` writes",
        _ => "write the name of the header that the registry sends",
    };
    found.push(Diagnostic::error(format!("{path}.http.check.{key}"), span, chain(&error)).help(help));
}
