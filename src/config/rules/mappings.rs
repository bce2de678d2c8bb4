//! Rules of `[mapping]`: each compiles, and each that a source names is there.

use ingest::mapping::{BUILT_IN, MAX_MAPPINGS, Mapping, MappingDeclaration};

use super::Facts;
use crate::config::diagnostic::Diagnostic;
use crate::config::suggestion::nearest;
use crate::config::tree::{Entry, Node};

pub(super) fn check(facts: &Facts<'_>, found: &mut Vec<Diagnostic>) {
    let entries = facts.tree.get("mapping").map(Node::entries).unwrap_or_default();
    if let Some(entry) = entries.get(MAX_MAPPINGS) {
        let message = format!("there are {} mappings, but at most {MAX_MAPPINGS} are allowed", entries.len());
        found.push(Diagnostic::error("mapping", &entry.key_span, message).help("remove some of them"));
    }
    for entry in entries {
        problems(facts, entry, found);
    }
    for (path, source) in facts.tables("source") {
        let Some((node, name)) = source.get("mapping").and_then(|node| Some((node, node.text()?))) else {
            continue;
        };
        if !entries.iter().any(|entry| entry.key == name) && Mapping::built_in(name).is_none() {
            let known =
                || entries.iter().map(|entry| entry.key.as_str()).chain(BUILT_IN.iter().map(|own| own.name));
            let help = nearest(name, known()).map_or_else(
                || format!("add a table `[mapping.{name}]`, or see docs/custom-formats.md for those that are built in"),
                |near| format!("did you mean `{near}`?"),
            );
            let message = format!("there is no mapping `{name}`");
            found.push(Diagnostic::error(format!("{path}.mapping"), &node.span, message).help(help));
        }
        if let Some(format) = source.get("format") {
            let message = "`format` has no effect: records of this source are read by its `mapping`";
            let warning = Diagnostic::error(format!("{path}.format"), &format.span, message).into_warning();
            found.push(warning.help("remove one of the two"));
        }
    }
}

fn problems(facts: &Facts<'_>, entry: &Entry, found: &mut Vec<Diagnostic>) {
    let path = format!("mapping.{}", entry.key);
    if !facts.is_flawless(&path) {
        return;
    }
    let Some(declaration) = facts.typed::<MappingDeclaration>(&entry.node) else { return };
    for problem in Mapping::compile(&entry.key, &declaration).err().unwrap_or_default() {
        let mut node = &entry.node;
        for part in &problem.place {
            let inner = match part.parse::<usize>() {
                Ok(number) => node.items().get(number),
                Err(_) => node.get(part),
            };
            node = inner.unwrap_or(node);
        }
        let place = format!("{path}.{}", problem.place.join("."));
        found.push(Diagnostic::error(place, &node.span, problem.message).help(problem.hint));
    }
}
