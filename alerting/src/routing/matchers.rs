//! What routes, silences and inhibition ask: the same matchers everywhere, over an incident or over one finding.

use detectors::finding::{DetectorId, Finding, Mode, Severity, Subject, SubjectKind};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::RunId;

use super::{Glob, IncidentView, Owners, Pattern};

/// What is asked for. What is not given is not asked for; several values of one matcher are alternatives; all
/// matchers must fit. What concerns a subject must fit on one and the same subject.
// No `deny_unknown_fields`: the type stands flattened in others, which refuse what they do not know.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Matchers {
    /// It is at least this severe.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_severity: Option<Severity>,
    /// It is at most this severe.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_severity: Option<Severity>,
    /// One of these detectors has a finding in it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub detectors: Vec<DetectorId>,
    /// A subject is in a registry of one of these names or patterns.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub registries: Vec<Glob>,
    /// A subject is of one of these kinds.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub subject_kinds: Vec<SubjectKind>,
    /// A subject has one of these names or patterns: `pkg:npm/@acme/*`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub subject_names: Vec<Glob>,
    /// A subject's whole name fits one of these regular expressions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub subject_regexes: Vec<Pattern>,
    /// A subject is a package of one of these types: `npm`, `docker`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub purl_types: Vec<String>,
    /// A subject is a package of one of these namespaces or patterns: `@acme`, `library`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub namespaces: Vec<Glob>,
    /// A subject belongs to one of these teams, by `[[owner]]`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub owners: Vec<String>,
    /// It was found in one of these worlds; live alone if not given.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub modes: Vec<Mode>,
    /// The incident has at least so many findings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub min_findings: Option<u32>,
    /// The incident concerns at least so many subjects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub min_subjects: Option<u32>,
}

/// A scope's sign as keys hold it; people write `@`.
const ENCODED_AT: &str = "%40";

/// Whether an incident is what is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fit {
    /// It is.
    Yes,
    /// It would be if it were more severe.
    SeverityBelow,
    /// It is not.
    Not,
}

impl Matchers {
    /// Whether an incident of this severity fits.
    #[must_use]
    pub fn fit(&self, view: &IncidentView<'_>, severity: Severity, owners: &Owners) -> Fit {
        let incident = view.incident;
        let findings = incident.findings.len().saturating_add(incident.further_findings);
        let detected =
            fits_any(&self.detectors, |id| view.findings.iter().any(|finding| finding.detector == *id));
        let fits = self.fits_run(view.run)
            && detected
            && at_least(findings, self.min_findings)
            && at_least(incident.subjects.len(), self.min_subjects)
            && (!self.asks_for_a_subject()
                || incident.subjects.iter().any(|subject| self.fits_subject(subject, owners)))
            && self.max_severity.is_none_or(|most| severity <= most);
        match (fits, self.min_severity) {
            (false, _) => Fit::Not,
            (true, Some(needed)) if severity < needed => Fit::SeverityBelow,
            (true, _) => Fit::Yes,
        }
    }

    /// Whether one finding fits by itself: by its severity, detector and subject. The size of an incident is not
    /// asked of a finding.
    #[must_use]
    pub fn fits_finding(&self, finding: &Finding, owners: &Owners) -> bool {
        self.min_severity.is_none_or(|least| finding.severity >= least)
            && self.max_severity.is_none_or(|most| finding.severity <= most)
            && fits_any(&self.detectors, |id| finding.detector == *id)
            && fits_any(&self.modes, |mode| *mode == finding.mode)
            && self.fits_subject(&finding.subject, owners)
    }

    /// Whether anything is asked of an incident or finding, apart from the world it was found in.
    #[must_use]
    pub fn asks_for_anything(&self) -> bool {
        *self != Self { modes: self.modes.clone(), ..Self::default() }
    }

    /// Whether nothing fits that was not found live.
    pub(super) fn asks_for_live_alone(&self) -> bool {
        self.modes.iter().all(|mode| *mode == Mode::Live)
    }

    /// Whether every live incident fits.
    pub(super) fn takes_everything(&self) -> bool {
        let live = fits_any(&self.modes, |mode| *mode == Mode::Live);
        let any = Self {
            min_severity: self.min_severity.filter(|least| *least > Severity::Info),
            max_severity: self.max_severity.filter(|most| *most < Severity::Critical),
            min_findings: self.min_findings.filter(|least| *least > 1),
            min_subjects: self.min_subjects.filter(|least| *least > 1),
            ..self.clone()
        };
        live && !any.asks_for_anything()
    }

    fn asks_for_a_subject(&self) -> bool {
        !(self.registries.is_empty()
            && self.subject_kinds.is_empty()
            && self.subject_names.is_empty()
            && self.subject_regexes.is_empty()
            && self.purl_types.is_empty()
            && self.namespaces.is_empty()
            && self.owners.is_empty())
    }

    fn fits_run(&self, run: &RunId) -> bool {
        match mode_of(run) {
            Some(Mode::Live) => fits_any(&self.modes, |mode| *mode == Mode::Live),
            // What is not live reaches only whom a route maps to it by name.
            Some(mode) => self.modes.contains(&mode),
            None => false,
        }
    }

    fn fits_subject(&self, subject: &Subject, owners: &Owners) -> bool {
        fits_any(&self.registries, |registry| registry.matches(&subject.registry))
            && fits_any(&self.subject_kinds, |kind| *kind == subject.kind)
            && fits_any(&self.subject_names, |glob| fits_name(subject, |name| glob.matches(name)))
            && fits_any(&self.subject_regexes, |regex| fits_name(subject, |name| regex.matches(name)))
            && fits_any(&self.purl_types, |wanted| purl_type(subject) == Some(wanted))
            && fits_any(&self.namespaces, |wanted| namespace(subject).is_some_and(|own| wanted.matches(&own)))
            && fits_any(&self.owners, |team| owners.of(subject) == Some(team))
    }
}

/// In which world a run finds; `None` for a run that never tells anybody.
#[must_use]
pub const fn mode_of(run: &RunId) -> Option<Mode> {
    match run {
        RunId::Live => Some(Mode::Live),
        RunId::Shadow(_) => Some(Mode::Shadow),
        RunId::Exercise(_) => Some(Mode::Exercise),
        RunId::Backtest(_) | RunId::Learn(_) | RunId::Heartbeat => None,
    }
}

/// The type of a package: `npm` of `pkg:npm/@acme/ui`.
#[must_use]
pub fn purl_type(subject: &Subject) -> Option<&str> {
    Some(path_of(subject)?.0)
}

/// The namespace of a package: `@acme` of `pkg:npm/@acme/ui`; `None` where it has none.
#[must_use]
pub fn namespace(subject: &Subject) -> Option<String> {
    let (namespace, _) = path_of(subject)?.1.rsplit_once('/')?;
    Some(namespace.replace(ENCODED_AT, "@"))
}

fn path_of(subject: &Subject) -> Option<(&str, &str)> {
    if subject.kind != SubjectKind::Artifact {
        return None;
    }
    subject.name.strip_prefix("pkg:")?.split_once('/')
}

/// Whether a subject's name fits, as it is or as people write it.
pub(crate) fn fits_name(subject: &Subject, fits: impl Fn(&str) -> bool) -> bool {
    fits(&subject.name) || (subject.name.contains(ENCODED_AT) && fits(&subject.name.replace(ENCODED_AT, "@")))
}

/// An empty list of wishes is no wish.
fn fits_any<T>(wishes: &[T], fits: impl FnMut(&T) -> bool) -> bool {
    wishes.is_empty() || wishes.iter().any(fits)
}

fn at_least(count: usize, least: Option<u32>) -> bool {
    least.is_none_or(|least| count as u64 >= u64::from(least))
}
