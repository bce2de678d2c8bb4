//! Which incidents a list shows: what its URL asks for, as a filter of the store and back as a URL.

use std::sync::Arc;

use detectors::finding::Severity;
use detectors::incident::{Incident, Status};
use store::{
    IncidentCount, IncidentFilter, IncidentOrder, Page, Reader, RunId, StoreError, SubjectMatch, Told,
};

use crate::query::{BadQuery, Parameters, QueryString};

/// Incidents on one page.
pub(crate) const PAGE_SIZE: u32 = 100;
/// The last page that can be asked for.
pub(crate) const MAX_PAGE: u32 = 10_000;

/// What a list of incidents shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct IncidentQuery {
    pub(crate) at_least: Option<Severity>,
    pub(crate) state: State,
    pub(crate) loudness: Loudness,
    pub(crate) registry: Option<Arc<str>>,
    /// Part of a subject's name.
    pub(crate) text: Option<Arc<str>>,
    pub(crate) order: IncidentOrder,
    /// From 1.
    pub(crate) page: u32,
}

/// In which state of work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum State {
    /// Nobody has closed it.
    #[default]
    Open,
    /// In this one.
    Is(Status),
    /// In any.
    Any,
}

/// On which side of the alert budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Loudness {
    /// Told.
    #[default]
    Told,
    /// Stored only.
    BelowBudget,
    /// Both.
    Any,
}

impl State {
    /// Every choice, in the order of the page.
    pub(crate) const ALL: [Self; 6] = [
        Self::Open,
        Self::Is(Status::New),
        Self::Is(Status::InProgress),
        Self::Is(Status::OnHold),
        Self::Is(Status::Resolved),
        Self::Any,
    ];

    /// The word in a URL and on the page.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Is(status) => status_word(status),
            Self::Any => "any",
        }
    }

    /// Whether a status is meant.
    pub(crate) fn admits(self, status: Status) -> bool {
        match self {
            Self::Open => status != Status::Resolved,
            Self::Is(wanted) => status == wanted,
            Self::Any => true,
        }
    }

    fn statuses(self) -> Vec<Status> {
        let all = [Status::New, Status::InProgress, Status::OnHold, Status::Resolved];
        if self == Self::Any {
            Vec::new()
        } else {
            all.into_iter().filter(|status| self.admits(*status)).collect()
        }
    }
}

impl Loudness {
    /// Every choice, in the order of the page.
    pub(crate) const ALL: [Self; 3] = [Self::Told, Self::BelowBudget, Self::Any];

    /// The word in a URL.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Told => "told",
            Self::BelowBudget => "below-budget",
            Self::Any => "any",
        }
    }

    const fn told(self) -> Option<Told> {
        match self {
            Self::Told => Some(Told::Told),
            Self::BelowBudget => Some(Told::BelowBudget),
            Self::Any => None,
        }
    }

    fn admits(self, told: Told) -> bool {
        self.told().is_none_or(|wanted| wanted == told)
    }
}

/// A status as people write it.
pub(crate) const fn status_word(status: Status) -> &'static str {
    match status {
        Status::New => "new",
        Status::InProgress => "in-progress",
        Status::OnHold => "on-hold",
        Status::Resolved => "resolved",
    }
}

impl Default for IncidentQuery {
    fn default() -> Self {
        Self {
            at_least: None,
            state: State::Open,
            loudness: Loudness::Told,
            registry: None,
            text: None,
            order: IncidentOrder::Newest,
            page: 1,
        }
    }
}

impl IncidentQuery {
    /// Everything there is.
    pub(crate) fn everything() -> Self {
        Self { state: State::Any, loudness: Loudness::Any, ..Self::default() }
    }

    /// Reads a URL's parameters.
    ///
    /// # Errors
    /// [`BadQuery`] naming the parameter that makes no sense.
    pub(crate) fn read(parameters: &Parameters) -> Result<Self, BadQuery> {
        let states = "open, new, in-progress, on-hold, resolved or any";
        let state = parameters
            .read("status", states, |word| State::ALL.into_iter().find(|state| state.as_str() == word))?;
        let loudness = parameters.read("budget", "told, below-budget or any", |word| {
            Loudness::ALL.into_iter().find(|loudness| loudness.as_str() == word)
        })?;
        let order = parameters.read("order", "newest or severity", |word| match word {
            "newest" => Some(IncidentOrder::Newest),
            "severity" => Some(IncidentOrder::MostSevere),
            _ => None,
        })?;
        let page = parameters.read("page", "a page from 1 to 10000", |text| {
            text.parse().ok().filter(|page| (1..=MAX_PAGE).contains(page))
        })?;
        Ok(Self {
            at_least: parameters.severity("severity")?,
            state: state.unwrap_or_default(),
            loudness: loudness.unwrap_or_default(),
            registry: parameters.shared("registry")?,
            text: parameters.shared("q")?,
            order: order.unwrap_or_default(),
            page: page.unwrap_or(1),
        })
    }

    /// As parameters; what is the default is left out.
    pub(crate) fn parameters(&self) -> QueryString {
        let default = Self::default();
        QueryString::default()
            .with_some("severity", self.at_least)
            .with_some("status", (self.state != default.state).then_some(self.state.as_str()))
            .with_some("budget", (self.loudness != default.loudness).then_some(self.loudness.as_str()))
            .with_some("registry", self.registry.as_deref())
            .with_some("q", self.text.as_deref())
            .with_some("order", (self.order == IncidentOrder::MostSevere).then_some("severity"))
            .with_some("page", (self.page > 1).then_some(self.page))
    }

    /// The list's address.
    pub(crate) fn address(&self) -> String {
        self.parameters().after("/incidents")
    }

    /// As the store's filter.
    pub(crate) fn filter(&self, run: &RunId) -> IncidentFilter {
        IncidentFilter {
            statuses: self.state.statuses(),
            at_least: self.at_least,
            registry: self.registry.clone(),
            subject: self.text.as_deref().map(|text| SubjectMatch::Contains(text.to_owned())),
            told: self.loudness.told(),
            ..IncidentFilter::of(run.clone())
        }
    }

    /// Which part of the answer this page is.
    pub(crate) const fn page(&self) -> Page {
        Page { limit: PAGE_SIZE, offset: (self.page - 1) * PAGE_SIZE }
    }

    /// Whether an incident belongs on the list.
    pub(crate) fn admits(&self, incident: &Incident) -> bool {
        let text = self.text.as_deref().map(str::to_ascii_lowercase);
        let names = |text: &String| {
            incident.subjects.iter().any(|subject| subject.name.to_ascii_lowercase().contains(text))
        };
        self.at_least.is_none_or(|at_least| incident.severity >= at_least)
            && self.state.admits(incident.status)
            && self.loudness.admits(Told::of(incident))
            && self
                .registry
                .as_ref()
                .is_none_or(|wanted| incident.subjects.iter().any(|own| own.registry == *wanted))
            && text.as_ref().is_none_or(names)
    }

    /// How many incidents are on the list, all pages together. `counts` answers what asks for no name.
    ///
    /// # Errors
    /// [`StoreError`] if the database cannot be read.
    pub(crate) fn count(
        &self,
        reader: &Reader,
        run: &RunId,
        counts: &[IncidentCount],
    ) -> Result<u64, StoreError> {
        if self.registry.is_some() || self.text.is_some() {
            return reader.count_incidents(&self.filter(run));
        }
        let fits = |row: &&IncidentCount| {
            self.at_least.is_none_or(|at_least| row.severity >= at_least)
                && self.state.admits(row.status)
                && self.loudness.admits(row.told)
        };
        Ok(counts.iter().filter(fits).map(|row| row.count).sum())
    }
}

#[cfg(test)]
mod tests {
    use detectors::finding::{Subject, SubjectKind};

    use super::*;
    use crate::fixture;

    fn read(query: &str) -> Result<IncidentQuery, BadQuery> {
        IncidentQuery::read(&Parameters::parse(Some(query)).unwrap())
    }

    #[test]
    fn an_address_is_read_as_it_is_written() {
        for query in [
            "",
            "severity=high&status=any&budget=below-budget&registry=npm&q=left-pad%2F&order=severity&page=7",
            "status=in-progress",
        ] {
            let parsed = read(query).unwrap();
            assert_eq!(
                parsed.parameters().after(""),
                if query.is_empty() { String::new() } else { format!("?{query}") }
            );
        }
        assert_eq!(read("status=open&budget=told&order=newest&page=1").unwrap(), IncidentQuery::default());
    }

    #[test]
    fn what_makes_no_sense_is_refused_by_name() {
        for (query, key) in [
            ("severity=loud", "severity"),
            ("status=lost", "status"),
            ("budget=big", "budget"),
            ("order=by-name", "order"),
            ("page=0", "page"),
            ("page=99999999999", "page"),
        ] {
            assert!(read(query).unwrap_err().to_string().contains(key), "{query}");
        }
    }

    #[test]
    fn an_incident_is_admitted_as_the_store_would() {
        let finding = fixture::findings::finding();
        let incident = Incident {
            severity: Severity::High,
            subjects: vec![Subject::new(SubjectKind::Artifact, "npm", "pkg:npm/Left-Pad")],
            ..fixture::incident(&[finding])
        };
        for (query, expected) in [
            ("", true),
            ("severity=high", true),
            ("severity=critical", false),
            ("status=resolved", false),
            ("status=any", true),
            ("budget=below-budget", false),
            ("registry=npm&q=LEFT-pad", true),
            ("registry=pypi", false),
            ("q=right", false),
        ] {
            assert_eq!(read(query).unwrap().admits(&incident), expected, "{query}");
        }
    }
}
