//! Rules of `[receivers]` and `[alerting]`: names that can be keys, no receiver twice, and settings that can be used.

use alerting::config::{AlertingConfig, AlertingConfigError};
use alerting::receivers::{DataOutput, Receiver, ReceiverConfig, ReceiverProblem};
use store::ReceiverId;
use transport::HttpClient;
use transport::http::SetupError;
use transport::kafka::KafkaSetupError;

use super::Facts;
use crate::config::diagnostic::Diagnostic;
use crate::config::tree::{Entry, Node};
use crate::exit::chain;

pub(super) fn check(facts: &Facts<'_>, found: &mut Vec<Diagnostic>) {
    let entries = facts.tree.get("receivers").map(Node::entries).unwrap_or_default();
    for entry in entries {
        if ReceiverId::parse(&entry.key).is_err() {
            let message = format!("cannot call a receiver `{}`", entry.key);
            let help = "write up to 128 letters, digits, `.`, `_`, `-`, `:` or `/`";
            found.push(Diagnostic::error(path(entry), &entry.key_span, message).help(help));
        }
    }
    twins(facts, entries, found);
    delivery(facts, entries, found);
    heartbeat(facts, entries, found);
    clicks(facts, entries, found);
    if facts.purpose.looks_up_secrets() {
        found.extend(entries.iter().filter_map(|entry| unusable(facts, entry)));
        found.extend(way_out(facts));
    }
}

fn path(entry: &Entry) -> String {
    format!("receivers.{}", entry.key)
}

/// Two receivers with equal settings tell the same people twice.
fn twins(facts: &Facts<'_>, entries: &[Entry], found: &mut Vec<Diagnostic>) {
    let mut known: Vec<(ReceiverConfig, &str)> = Vec::new();
    for entry in entries.iter().filter(|entry| facts.is_flawless(&path(entry))) {
        let Some(config) = facts.typed::<ReceiverConfig>(&entry.node) else { continue };
        if let Some((_, twin)) = known.iter().find(|(other, _)| *other == config) {
            let message = format!("the receivers `{}` and `{twin}` are the same", entry.key);
            found.push(
                Diagnostic::error(path(entry), &entry.key_span, message)
                    .help("remove one of them, and name the other in routes"),
            );
        } else {
            known.push((config, &entry.key));
        }
    }
}

/// `[alerting.delivery.<receiver>]` speaks of receivers that exist, and nobody stands in for itself.
fn delivery(facts: &Facts<'_>, receivers: &[Entry], found: &mut Vec<Diagnostic>) {
    let table = facts.tree.get("alerting").and_then(|alerting| alerting.get("delivery"));
    let exists = |name: &str| receivers.iter().any(|receiver| receiver.key == name);
    for entry in table.map(Node::entries).unwrap_or_default() {
        let path = format!("alerting.delivery.{}", entry.key);
        if !exists(&entry.key) {
            let message = format!("no receiver is called `{}`", entry.key);
            found.push(Diagnostic::error(&path, &entry.key_span, message).help("name one of `[receivers]`"));
        }
        for key in ["fallback", "escalate_to"] {
            let Some(node) = entry.node.get(key) else { continue };
            let Some(name) = node.text() else { continue };
            let at = |message| Diagnostic::error(format!("{path}.{key}"), &node.span, message);
            if name == entry.key {
                found.push(at(format!("`{name}` cannot stand in for itself")).help("name another receiver"));
            } else if !exists(name) {
                found.push(at(format!("no receiver is called `{name}`")).help("name one of `[receivers]`"));
            }
        }
        let halves = ["escalate_after_minutes", "escalate_to"].map(|key| entry.node.get(key));
        if let [Some(node), None] | [None, Some(node)] = halves {
            found.push(
                Diagnostic::error(&path, &node.span, "one half of an escalation alone does nothing")
                    .help("give both `escalate_after_minutes` and `escalate_to`"),
            );
        }
    }
}

/// Buttons need somebody who takes their clicks, and the other way round.
fn clicks(facts: &Facts<'_>, receivers: &[Entry], found: &mut Vec<Diagnostic>) {
    let door = facts.at(&["alerting", "clicks"]);
    let signed = receivers.iter().find_map(|entry| Some((entry, entry.node.get("signing_secret")?)));
    match (door, signed) {
        (None, Some((entry, node))) => {
            let message = format!("messages of `{}` have buttons, and nobody takes their clicks", entry.key);
            let path = format!("receivers.{}.signing_secret", entry.key);
            let help = "add `[alerting.clicks]` with `listen = \"127.0.0.1:8789\"`, or remove the secret";
            found.push(Diagnostic::error(path, &node.span, message).help(help));
        }
        (Some(node), None) => {
            let message = "no receiver has a `signing_secret`, so no click can be verified";
            let help = "give the `slack-bot` its app's signing secret, or remove `[alerting.clicks]`";
            found.push(Diagnostic::error("alerting.clicks", &node.span, message).help(help));
        }
        (None, None) | (Some(_), Some(_)) => {}
    }
}

/// Heartbeats reach somebody who exists, and are missed by somebody else.
fn heartbeat(facts: &Facts<'_>, receivers: &[Entry], found: &mut Vec<Diagnostic>) {
    let Some(table) = facts.at(&["alerting", "heartbeat"]) else { return };
    let to = table.get("to").and_then(Node::text);
    for key in ["to", "absence_to"] {
        let Some((node, name)) = table.get(key).and_then(|node| Some((node, node.text()?))) else { continue };
        let at = |message| Diagnostic::error(format!("alerting.heartbeat.{key}"), &node.span, message);
        if !receivers.iter().any(|receiver| receiver.key == name) {
            found.push(at(format!("no receiver is called `{name}`")).help("name one of `[receivers]`"));
        } else if key == "absence_to" && to == Some(name) {
            found.push(
                at(format!("`{name}` cannot be told that it is not reached")).help("name another receiver"),
            );
        }
    }
}

/// What only shows when its secrets are there: a URL that is none, a key of the wrong length.
fn unusable(facts: &Facts<'_>, entry: &Entry) -> Option<Diagnostic> {
    let config = facts.is_flawless(&path(entry)).then(|| facts.typed::<ReceiverConfig>(&entry.node))??;
    let problem = Receiver::from_config(&config, &DataOutput::new(std::io::sink())).err()?;
    let at = |node: Option<&Node>| {
        let span = node.map_or(&entry.key_span, |node| &node.span);
        Diagnostic::error(path(entry), span, chain(&problem))
    };
    match &problem {
        ReceiverProblem::Secret { .. } => None,
        ReceiverProblem::Template => Some(
            at(entry.node.get("template").or_else(|| entry.node.get("body")))
                .help("give both `body = \"template\"` and a `template`"),
        ),
        ReceiverProblem::Url { .. } => {
            Some(at(entry.node.get("url")).help("put the receiver's whole URL there, from `https://` on"))
        }
        ReceiverProblem::Server { .. } => {
            Some(at(entry.node.get("server")).help("write a host there, and nothing else"))
        }
        ReceiverProblem::Mail { .. } => {
            Some(at(None).help("see docs/configuration.md for what a receiver of type `email` takes"))
        }
        ReceiverProblem::Syslog { .. } => {
            Some(at(None).help("see docs/configuration.md for what a receiver of type `syslog` takes"))
        }
        ReceiverProblem::Topic { .. } => {
            Some(at(entry.node.get("topic")).help("write up to 249 letters, digits, `.`, `_` or `-` there"))
        }
        ReceiverProblem::Kafka { source: KafkaSetupError::Secret { .. } } => None,
        ReceiverProblem::Kafka { source } => Some(
            at(entry.node.get("client"))
                .help(source.hint().unwrap_or("check the brokers and `client` of this receiver")),
        ),
        ReceiverProblem::SigningKey { reference, .. } => {
            let reference = reference.to_string();
            let written = entry.node.entries().iter().find(|key| key.node.text() == Some(reference.as_str()));
            Some(
                at(written.map(|key| &key.node))
                    .help("put `whsec_` and the base64 of 24 to 64 random bytes there"),
            )
        }
    }
}

/// The client that all messages are sent with.
fn way_out(facts: &Facts<'_>) -> Option<Diagnostic> {
    let node = facts.tree.get("alerting")?;
    let config = facts.typed::<AlertingConfig>(node)?;
    let at = |key: &str, message: String, help: &str| {
        let span = node.get(key).map_or(&node.span, |node| &node.span);
        Some(Diagnostic::error(format!("alerting.{key}"), span, message).help(help))
    };
    let policy = match config.http_policy() {
        Ok(policy) => policy,
        Err(AlertingConfigError::ProxySecret { .. }) => return None,
        Err(error @ AlertingConfigError::ProxyUrl { .. }) => {
            return at("proxy", chain(&error), "put the proxy's whole URL there, from `http` on");
        }
        Err(error @ AlertingConfigError::ExtraRoots { .. }) => {
            return at("extra_roots", chain(&error), "check that the file exists and may be read");
        }
    };
    match HttpClient::new(policy).err()? {
        error @ SetupError::Proxy { .. } => at("proxy", chain(&error), "check the URL of the proxy"),
        error @ SetupError::Roots { .. } => {
            at("extra_roots", chain(&error), "write the file of certificates as PEM")
        }
        error @ SetupError::Client { .. } => at("", chain(&error), "check the TLS library of the system"),
    }
}
