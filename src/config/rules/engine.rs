//! Rules of `[engine]`: what is out of bounds, and artifact keys that no finding will ever have.

use detectors::event::PackageUrl;
use detectors::settings::EngineSettings;

use super::Facts;
use crate::config::diagnostic::Diagnostic;
use crate::config::tree::Node;

pub(super) fn check(facts: &Facts<'_>, found: &mut Vec<Diagnostic>) {
    let Some(engine) = facts.tree.get("engine") else { return };
    for (path, problem) in
        facts.typed::<EngineSettings>(engine).map(|settings| settings.problems()).unwrap_or_default()
    {
        let keys: Vec<_> = path.split('.').collect();
        let span = facts.at(&keys).map_or(&engine.span, |node| &node.span);
        let key = keys.last().copied().unwrap_or_default();
        found.push(
            Diagnostic::error(&path, span, format!("`{key}`: {problem}"))
                .help("write a number within these bounds"),
        );
    }
    let critical = engine.get("critical").map(Node::items).unwrap_or_default();
    found.extend(critical.iter().enumerate().filter_map(|(number, key)| key_problem(number, key)));
}

/// Findings are compared with an artifact's key as it is, so another spelling of the same package would be in vain.
fn key_problem(number: usize, node: &Node) -> Option<Diagnostic> {
    let text = node.text()?;
    let path = format!("engine.critical[{number}]");
    match PackageUrl::parse(text) {
        Ok(purl) if purl.key().as_str() == text => None,
        Ok(purl) => {
            let message = format!("`critical`: no artifact has the key `{text}`");
            Some(
                Diagnostic::error(path, &node.span, message).help(format!("write `{}`", purl.key().as_str())),
            )
        }
        Err(error) => {
            let message = format!("`critical`: {error}");
            Some(
                Diagnostic::error(path, &node.span, message)
                    .help("write one without a version, such as `pkg:npm/axios`"),
            )
        }
    }
}
