//! Secrets must be where the configuration says, and nobody else should be able to get at them.

use transport::secret::SecretError;

use super::Facts;
use crate::config::diagnostic::Diagnostic;
use crate::exit::chain;

pub(super) fn check(facts: &Facts<'_>, found: &mut Vec<Diagnostic>) {
    if !facts.purpose.looks_up_secrets() {
        return;
    }
    for reference in facts.references {
        let at = |message: String| Diagnostic::error(&reference.path, &reference.span, message);
        match reference.secret.resolve() {
            Ok(resolved) => {
                found.extend(resolved.warning.map(|warning| at(warning.to_string()).into_warning()));
            }
            Err(error) => found.push(at(chain(&error)).help(remedy(&error))),
        }
    }
}

fn remedy(error: &SecretError) -> &'static str {
    match error {
        SecretError::NoVariable { .. } => {
            "set it where Sealwatch is started, or write `file:/path`; `check --without-secrets` does not look"
        }
        SecretError::Unreadable { .. } => {
            "check that the file exists and may be read; `check --without-secrets` does not look"
        }
        _ => "put the secret there, as text of one line",
    }
}
