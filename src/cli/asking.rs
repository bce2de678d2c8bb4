//! What several commands ask in the same words: `key=value` matchers, lengths of time, moments, and who decides.

use std::path::{Path, PathBuf};

use alerting::routing::{Glob, Matchers, Pattern};
use alerting::rules::Rules;
use clap::Args;
use detectors::event::EventTime;
use detectors::finding::{DetectorId, SubjectKind};
use store::ReceiverId;
use transport::{Clock as _, SystemClock};

use crate::cli::findings::severity;
use crate::config::{self, Config, Purpose};
use crate::exit::{Exit, Failure};

/// Nanoseconds of a second.
const SECOND: i64 = 1_000_000_000;
/// Who decides, and why: the ledger keeps both.
#[derive(Debug, Args)]
pub(crate) struct Decider {
    /// Who decides and answers for it
    #[arg(long, value_name = "NAME")]
    pub(crate) owner: String,
    /// Why
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: String,
}

/// The clock's time, in nanoseconds since 1970.
pub(crate) fn now() -> i64 {
    SystemClock::new().unix_nanos()
}

/// A length of time such as `90s`, `30m`, `4h` or `7d`, in nanoseconds.
pub(crate) fn length(text: &str) -> Result<i64, String> {
    let refused = || format!("`{text}` is no length of time; write `90s`, `30m`, `4h` or `7d`");
    let (number, unit) = text.split_at_checked(text.len().saturating_sub(1)).ok_or_else(refused)?;
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return Err(refused()),
    };
    let number: i64 = number.parse::<u32>().map_err(|_| refused())?.into();
    number.checked_mul(seconds * SECOND).ok_or_else(refused)
}

/// A moment (RFC 3339), in nanoseconds since 1970.
pub(crate) fn moment(text: &str) -> Result<i64, String> {
    EventTime::parse(text).map(EventTime::nanos).map_err(|error| error.to_string())
}

/// The matchers of `key=value` words; several of one key are alternatives.
pub(crate) fn matchers(words: &[String]) -> Result<Matchers, Failure> {
    let mut all = Matchers::default();
    for word in words {
        let usage = |why: String| Failure::new(Exit::Usage, format!("cannot use `{word}`: {why}")).hint(KEYS);
        let (key, value) = word.split_once('=').ok_or_else(|| usage("it is no `key=value`".to_owned()))?;
        let glob = || Glob::parse(value).map_err(|error| usage(error.to_string()));
        match key {
            "severity" | "min-severity" => all.min_severity = Some(severity(value).map_err(usage)?),
            "max-severity" => all.max_severity = Some(severity(value).map_err(usage)?),
            "detector" => {
                all.detectors.push(value.parse::<DetectorId>().map_err(|error| usage(error.to_string()))?);
            }
            "registry" => all.registries.push(glob()?),
            "kind" => all.subject_kinds.push(kind(value).map_err(usage)?),
            "subject" => all.subject_names.push(glob()?),
            "subject-regex" => {
                all.subject_regexes.push(Pattern::parse(value).map_err(|error| usage(error.to_string()))?);
            }
            "type" => all.purl_types.push(value.to_owned()),
            "namespace" => all.namespaces.push(glob()?),
            "team" => all.owners.push(value.to_owned()),
            _ => return Err(usage(format!("there is no key `{key}`"))),
        }
    }
    Ok(all)
}

const KEYS: &str = "keys are severity, max-severity, detector, registry, kind, subject, subject-regex, type, namespace and team";

/// Reads a kind of subject.
pub(crate) fn kind(text: &str) -> Result<SubjectKind, String> {
    use SubjectKind::{Artifact, Principal, Registry, Signer};
    let all = [Artifact, Principal, Signer, Registry];
    let words = all.map(SubjectKind::as_str).join(", ");
    all.into_iter().find(|kind| kind.as_str() == text).ok_or_else(|| format!("not one of {words}"))
}

/// The rules of a configuration. Its secrets are not looked up: nobody is told anything.
pub(crate) fn rules(path: &Path) -> Result<Rules, Failure> {
    rules_of(&reviewed(path)?)
}

/// The rules of a configuration if one is given, else none.
pub(crate) fn rules_or_none(path: Option<&PathBuf>) -> Result<Rules, Failure> {
    match path {
        Some(path) => rules(path),
        None => rules_of(&Config::default()),
    }
}

fn reviewed(path: &Path) -> Result<Config, Failure> {
    match config::read(path, Purpose::Review) {
        Ok(loaded) => Ok(loaded.config),
        Err(errors) => {
            crate::output::message(&errors.report.render());
            Err(errors.into())
        }
    }
}

fn rules_of(config: &Config) -> Result<Rules, Failure> {
    let invalid = |error: String| Failure::new(Exit::Configuration, error).hint("run `sealwatch check`");
    let names = config.receivers.keys().map(|name| ReceiverId::parse(name));
    let names = names.collect::<Result<_, _>>().map_err(|error| invalid(error.to_string()))?;
    Rules::new(config.rules(), &names).map_err(|error| invalid(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_has_a_number_and_a_unit() {
        for (text, seconds) in [("90s", 90), ("30m", 1_800), ("4h", 14_400), ("7d", 604_800), ("0d", 0)] {
            assert_eq!(length(text), Ok(seconds * SECOND), "{text}");
        }
        for text in ["", "4", "h", "-1h", "1w", "4 h", "99999999999d", "日"] {
            assert!(length(text).is_err(), "{text}");
        }
    }

    #[test]
    fn matchers_are_read_from_words_and_what_is_none_is_refused() {
        let words = ["severity=high", "detector=tag-move", "subject=pkg:npm/@acme/*", "team=web", "type=npm"];
        let read = matchers(&words.map(str::to_owned)).unwrap();
        let expected: Matchers = toml::from_str(
            "min_severity = 'high'\ndetectors = ['tag-move']\nsubject_names = ['pkg:npm/@acme/*']\nowners = ['web']\npurl_types = ['npm']",
        )
        .unwrap();
        assert_eq!(read, expected);
        for word in
            ["severity", "severity=loud", "colour=red", "detector=x", "subject=", "subject-regex=(", "kind=x"]
        {
            let failure = matchers(&[word.to_owned()]).unwrap_err();
            assert_eq!((failure.exit, failure.hint.is_some()), (Exit::Usage, true), "{word}");
        }
    }
}
