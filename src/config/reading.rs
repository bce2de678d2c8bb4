//! From a file to a configuration, or to everything that keeps it from being one.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use super::coverage::Coverage;
use super::diagnostic::{Diagnostic, Level, Report};
use super::rules::{self, Facts};
use super::{Config, schema, syntax, unread, walk};

/// The longest configuration, in bytes.
const FILE_MAX_BYTES: usize = 256 * 1024;

/// What a configuration is read for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// To watch with it: all that a watch needs must be there, the secrets too.
    Watch,
    /// To know whether another machine could watch with it: secrets are not looked up.
    Review,
    /// To tell people with it: as for a watch, but who sees what is not the matter.
    Tell,
    /// To read files with it: what only a watch needs may be missing, and no secret is looked up.
    Files,
}

impl Purpose {
    /// Whether secrets are looked up, and what needs them is tried.
    pub(super) const fn looks_up_secrets(self) -> bool {
        matches!(self, Self::Watch | Self::Tell)
    }

    /// Whether blind detectors are named.
    const fn names_the_blind(self) -> bool {
        matches!(self, Self::Watch | Self::Review)
    }
}

/// A configuration that can be used.
#[derive(Debug, Clone)]
pub(crate) struct Loaded {
    pub(crate) config: Config,
    /// What somebody should know about it.
    pub(crate) warnings: Report,
}

/// Why a file is no configuration that can be used.
#[derive(Debug, thiserror::Error)]
#[error("cannot use the configuration {}: {}", report.file().display(), counted(report.mistakes()))]
pub(crate) struct ConfigErrors {
    /// All mistakes, and the warnings beside them.
    pub(crate) report: Report,
}

fn counted(mistakes: usize) -> String {
    if mistakes == 1 { "it has a mistake".to_owned() } else { format!("it has {mistakes} mistakes") }
}

/// Reads a configuration from a file.
///
/// # Errors
/// All mistakes that could be found in one run.
pub(crate) fn read(path: &Path, purpose: Purpose) -> Result<Loaded, ConfigErrors> {
    let failed = |text: &str, diagnostic: Diagnostic| {
        Err(ConfigErrors { report: Report::new(path, text, vec![diagnostic], Vec::new()) })
    };
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(FILE_MAX_BYTES as u64 + 1).read_to_end(&mut bytes));
    if let Err(error) = read {
        let help = "check the path and its rights; `sealwatch.example.toml` is a configuration to begin with";
        return failed("", Diagnostic::of_file(format!("cannot read the configuration: {error}")).help(help));
    }
    if bytes.len() > FILE_MAX_BYTES {
        let message = format!("cannot read a configuration of more than {FILE_MAX_BYTES} bytes");
        return failed("", Diagnostic::of_file(message).help("check that it is the right file"));
    }
    match String::from_utf8(bytes) {
        Ok(text) => parse(path, &text, purpose),
        Err(error) => {
            let at = error.utf8_error().valid_up_to();
            let text = String::from_utf8_lossy(error.as_bytes()).into_owned();
            let diagnostic = Diagnostic::error("", &(at..at), "cannot read this as text: it is not UTF-8");
            failed(&text, diagnostic.help("save the file as UTF-8"))
        }
    }
}

/// Reads a configuration from a text; `path` only names it.
pub(super) fn parse(path: &Path, text: &str, purpose: Purpose) -> Result<Loaded, ConfigErrors> {
    let shape = schema::config_shape();
    let parsed = syntax::parse(text);
    let is_whole = parsed.mistakes.is_empty();
    let mut diagnostics = parsed.mistakes;
    let mut hidden: Vec<_> =
        parsed.unread.iter().flat_map(|unread| unread::hidden(text, unread, &shape)).collect();
    if let Some(tree) = &parsed.tree {
        let mut walked = walk::walk(tree, &shape);
        hidden.append(&mut walked.hidden);
        diagnostics.append(&mut walked.diagnostics);
        // Of a file that could not be read whole nobody knows what is missing in it.
        if is_whole {
            diagnostics.append(&mut walked.missing);
            let broken = rules::broken(&Facts::new(text, tree, &walked, &diagnostics, purpose));
            diagnostics.extend(broken);
        }
    }
    let is_usable = diagnostics.iter().all(|diagnostic| diagnostic.level == Level::Warning);
    let config = if is_usable { typed(text, &mut diagnostics) } else { None };
    if let Some(config) = &config
        && purpose.names_the_blind()
    {
        diagnostics.extend(Coverage::of(config).warnings());
    }
    let report = Report::new(path, text, diagnostics, hidden);
    match config {
        Some(config) => Ok(Loaded { config, warnings: report }),
        None => Err(ConfigErrors { report }),
    }
}

/// The configuration itself. That it is one has been seen to; whatever was overlooked is still a mistake.
fn typed(text: &str, diagnostics: &mut Vec<Diagnostic>) -> Option<Config> {
    match toml::from_str(text) {
        Ok(config) => Some(config),
        Err(error) => {
            diagnostics.push(Diagnostic::error("", &error.span().unwrap_or(0..0), error.message()));
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_none_is_one_mistake_with_a_remedy() {
        let folder = tempfile::tempdir().unwrap();
        let check = |name: &str, content: Option<Vec<u8>>, expected: &str| {
            let path = folder.path().join(name);
            if let Some(content) = content {
                std::fs::write(&path, content).unwrap();
            }
            let errors = read(&path, Purpose::Watch).unwrap_err();
            let [only] = errors.report.diagnostics() else { panic!("{:?}", errors.report) };
            assert!(only.message.contains(expected), "{}", only.message);
            assert!(only.help.is_some());
        };
        check("missing", None, "No such file");
        check("latin-1", Some(b"a = '\xe9'".to_vec()), "not UTF-8");
        check("long", Some(vec![b'#'; FILE_MAX_BYTES + 1]), "more than 262144 bytes");
        let path = folder.path().join("longest");
        std::fs::write(&path, vec![b'#'; FILE_MAX_BYTES]).unwrap();
        assert!(read(&path, Purpose::Files).is_ok());
    }
}
