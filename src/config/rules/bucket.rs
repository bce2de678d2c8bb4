//! Rules of a source's `bucket`: it can be a place, its key is whole, and it is not asked in the clear.

use ingest::bucket::BucketSettings;

use super::Facts;
use crate::config::diagnostic::Diagnostic;
use crate::config::tree::Node;
use crate::exit::chain;

pub(super) fn check(facts: &Facts<'_>, found: &mut Vec<Diagnostic>) {
    for (path, source) in facts.tables("source") {
        let path = format!("{path}.bucket");
        let Some(node) = source.get("bucket").filter(|_| facts.is_flawless(&path)) else { continue };
        let Some(settings) = facts.typed::<BucketSettings>(node) else { continue };
        place(&path, node, &settings, found);
        if settings.key_id.is_some() != settings.secret.is_some() {
            let message = "one half of a key alone opens nothing";
            let help = "give both `key_id` and `secret`, or neither to ask as anybody";
            found.push(Diagnostic::error(&path, &node.span, message).help(help));
        }
    }
}

fn place(path: &str, node: &Node, settings: &BucketSettings, found: &mut Vec<Diagnostic>) {
    let at = |message: String| {
        let span = node.get("endpoint").map_or(&node.span, |node| &node.span);
        Diagnostic::error(format!("{path}.endpoint"), span, message)
    };
    if let Err(error) = settings.check() {
        let help = "write the service's URL, such as `https://s3.eu-west-1.amazonaws.com`";
        found.push(at(chain(&error)).help(help));
    } else if settings.is_in_the_clear() {
        let warning = at("the bucket is read unencrypted over the network".to_owned()).into_warning();
        found.push(warning.help("write an `https` URL"));
    }
}
