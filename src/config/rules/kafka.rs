//! Rules of `[kafka]`: what its client refuses, asked of the client itself.

use std::collections::BTreeMap;

use transport::kafka::{KafkaSettings, KafkaSetupError, OverrideValue, Security};
use transport::secret::SecretWarning;

use super::Facts;
use crate::config::diagnostic::Diagnostic;
use crate::config::tree::Node;
use crate::exit::chain;

/// Brokers that need no protection, to ask about something else.
const ON_THIS_MACHINE: &str = "127.0.0.1:9092";

pub(super) fn check(facts: &Facts<'_>, found: &mut Vec<Diagnostic>) {
    overrides(facts, found);
    let Some((brokers, text)) = facts.at(&["kafka", "brokers"]).and_then(|node| Some((node, node.text()?)))
    else {
        return;
    };
    if !facts.is_flawless("kafka.brokers") || !facts.is_flawless("kafka.client.security") {
        return;
    }
    let security = facts.at(&["kafka", "client", "security"]);
    let settings = KafkaSettings {
        security: security.and_then(|node| facts.typed(node)).unwrap_or_default(),
        overrides: BTreeMap::new(),
    };
    match settings.check(text) {
        Ok(warnings) => found.extend(warnings.iter().filter_map(|warning| key_exposed(warning, security?))),
        Err(error) => found.extend(setup_problem(facts, &error, brokers, security)),
    }
}

/// Each override alone, so that all that are refused are named.
fn overrides(facts: &Facts<'_>, found: &mut Vec<Diagnostic>) {
    let entries = facts.at(&["kafka", "client", "overrides"]).map(Node::entries).unwrap_or_default();
    for entry in entries {
        let Some(value) = facts.typed::<OverrideValue>(&entry.node) else { continue };
        let settings = KafkaSettings {
            security: Security::Plaintext { insecure: false },
            overrides: BTreeMap::from([(entry.key.clone(), value)]),
        };
        if let Err(error) = settings.check(ON_THIS_MACHINE) {
            let path = format!("kafka.client.overrides.{}", entry.key);
            found.push(
                Diagnostic::error(path, &entry.key_span, chain(&error))
                    .help("remove it, or write a value that is taken"),
            );
        }
    }
}

fn setup_problem(
    facts: &Facts<'_>,
    error: &KafkaSetupError,
    brokers: &Node,
    security: Option<&Node>,
) -> Option<Diagnostic> {
    let at_brokers = || Diagnostic::error("kafka.brokers", &brokers.span, chain(error));
    let at_security = |text: &str| {
        let node = security.and_then(|node| leaf_with(node, text)).or(security).unwrap_or(brokers);
        Diagnostic::error("kafka.client.security", &node.span, chain(error))
    };
    let is_looked_up = facts.purpose.looks_up_secrets();
    match error {
        KafkaSetupError::Broker { .. } => Some(at_brokers().help("write `host:port`, several separated by commas")),
        KafkaSetupError::Insecure { .. } => Some(at_brokers().help(
            "write `protocol = \"ssl\"` or `\"sasl_ssl\"` in `[kafka.client.security]`, or accept the risk with \
             `insecure = true` there",
        )),
        // Every secret of the file is looked up by a rule of its own.
        KafkaSetupError::Secret { .. } => None,
        KafkaSetupError::Unreadable { .. } | KafkaSetupError::NulInSecret { .. } if !is_looked_up => None,
        KafkaSetupError::Unreadable { path, .. } => {
            Some(at_security(&path.to_string_lossy()).help("check that the file exists and may be read"))
        }
        KafkaSetupError::NulInSecret { reference } => {
            Some(at_security(&reference.to_string()).help("write the secret without a zero byte"))
        }
        _ => Some(at_security("").help("see the documentation of `[kafka.client]`")),
    }
}

/// The secrets' own exposure a rule of theirs reports; the private key's file is no reference.
fn key_exposed(warning: &SecretWarning, security: &Node) -> Option<Diagnostic> {
    let (SecretWarning::WorldReadable { path, .. } | SecretWarning::WorldWritable { path, .. }) = warning;
    let node = leaf_with(security, &path.to_string_lossy())?;
    let warning = Diagnostic::error("kafka.client.security", &node.span, warning.to_string());
    Some(warning.into_warning())
}

/// The value with this text.
fn leaf_with<'a>(node: &'a Node, text: &str) -> Option<&'a Node> {
    if node.text() == Some(text) {
        return Some(node);
    }
    node.entries().iter().find_map(|entry| leaf_with(&entry.node, text))
}
