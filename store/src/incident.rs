//! Asking for incidents: by filter, by id (also by the id of one that was swallowed), with all that belongs to them.

use std::sync::Arc;

use detectors::event::EventTime;
use detectors::finding::{FindingId, IncidentId, Severity};
use detectors::incident::{Incident, Status};
use rusqlite::{OptionalExtension as _, Row, Transaction};
use serde::Serialize;

use crate::conditions::Conditions;
use crate::error::{Fault, StoreError};
use crate::finding::SubjectMatch;
use crate::name::RunId;
use crate::reader::{Page, Reader};
use crate::word::{Rank, Unsigned, Word, any_of, worded};

worded! {
    /// Whether the budget lets anybody be told.
    pub enum Told {
        /// Within the budget, or a violation.
        Told = "told",
        /// Stored, visible, searchable; nobody is told.
        BelowBudget = "below-budget",
    }
}

impl Told {
    /// What an incident says of itself.
    #[must_use]
    pub const fn of(incident: &Incident) -> Self {
        if incident.told { Self::Told } else { Self::BelowBudget }
    }
}

/// An incident as it is kept.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StoredIncident {
    /// In which world.
    pub run: RunId,
    /// The incident, with people's `status` and `owner`.
    pub incident: Incident,
    /// How often people decided about it: what a decision names as the state it saw.
    pub revision: u64,
    /// When it was first stored, by the clock.
    pub opened_at: i64,
    /// When it was last changed, by findings or people, by the clock.
    pub changed_at: i64,
}

/// Which incidents of a run are wanted; empty or `None` is any. Swallowed ones are never listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IncidentFilter {
    /// In which world.
    pub run: RunId,
    /// In one of these states.
    pub statuses: Vec<Status>,
    /// At least this loud.
    pub at_least: Option<Severity>,
    /// About something in this registry.
    pub registry: Option<Arc<str>>,
    /// About this subject.
    pub subject: Option<SubjectMatch>,
    /// Told, or below the budget.
    pub told: Option<Told>,
    /// Somebody's.
    pub owner: Option<String>,
    /// With evidence of this event time or later.
    pub from: Option<EventTime>,
    /// With evidence from before this event time.
    pub until: Option<EventTime>,
}

impl IncidentFilter {
    /// All incidents of a run.
    #[must_use]
    pub const fn of(run: RunId) -> Self {
        Self {
            run,
            statuses: Vec::new(),
            at_least: None,
            registry: None,
            subject: None,
            told: None,
            owner: None,
            from: None,
            until: None,
        }
    }
}

/// The order of incidents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum IncidentOrder {
    /// Latest evidence first.
    #[default]
    Newest,
    /// Most severe first, then most surprising, then newest.
    MostSevere,
}

/// How many incidents are in a state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct IncidentCount {
    /// The state.
    pub status: Status,
    /// How loud.
    pub severity: Severity,
    /// Told or not.
    pub told: Told,
    /// How many.
    pub count: u64,
}

const COLUMNS: &str = "run, body, status, owner, revision, opened_at, changed_at";

impl Reader {
    /// Incidents that fit the filter.
    ///
    /// # Errors
    /// [`StoreError`] if the database cannot be read.
    pub fn incidents(
        &self,
        filter: &IncidentFilter,
        order: IncidentOrder,
        page: Page,
    ) -> Result<Vec<StoredIncident>, StoreError> {
        let order = match order {
            IncidentOrder::Newest => "last_event DESC, id",
            IncidentOrder::MostSevere => {
                "severity DESC, coalesce(surprise_bits, 1e9) DESC, last_event DESC, id"
            }
        };
        let mut conditions = conditions(filter);
        conditions.bind(":limit", page.limit);
        conditions.bind(":offset", page.offset);
        let sql = format!(
            "SELECT {COLUMNS} FROM incident WHERE {} ORDER BY {order} LIMIT :limit OFFSET :offset",
            conditions.sql()
        );
        self.read("list incidents", |transaction| {
            let mut statement = transaction.prepare_cached(&sql)?;
            let mut rows = statement.query(&*conditions.bound())?;
            let mut found = Vec::new();
            while let Some(row) = rows.next()? {
                found.push(stored(row)?);
            }
            Ok(found)
        })
    }

    /// How many incidents fit the filter.
    ///
    /// # Errors
    /// [`StoreError`] if the database cannot be read.
    pub fn count_incidents(&self, filter: &IncidentFilter) -> Result<u64, StoreError> {
        self.read("count incidents", |transaction| {
            let conditions = conditions(filter);
            let sql = format!("SELECT count(*) FROM incident WHERE {}", conditions.sql());
            let mut statement = transaction.prepare_cached(&sql)?;
            let Unsigned(count) = statement.query_row(&*conditions.bound(), |row| row.get(0))?;
            Ok(count)
        })
    }

    /// How many incidents of the run there are, by state, loudness and budget.
    ///
    /// # Errors
    /// [`StoreError`] if the database cannot be read.
    pub fn incident_counts(&self, run: &RunId) -> Result<Vec<IncidentCount>, StoreError> {
        self.read("count incidents", |transaction| {
            let mut statement = transaction.prepare_cached(
                "SELECT status, severity, told, count(*) FROM incident WHERE run = ?1 AND merged_into IS NULL
                 GROUP BY status, severity, told ORDER BY severity DESC, status, told",
            )?;
            let rows = statement.query_map([run], |row| {
                let (Word(status), Rank(severity), Unsigned(count)) = (row.get(0)?, row.get(1)?, row.get(3)?);
                Ok(IncidentCount { status, severity, told: row.get(2)?, count })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// One incident; the id of a swallowed one leads to the one that swallowed it.
    ///
    /// # Errors
    /// [`StoreError`] if the database cannot be read.
    pub fn incident(&self, run: &RunId, id: &IncidentId) -> Result<Option<StoredIncident>, StoreError> {
        self.read("read an incident", |transaction| find(transaction, run, id))
    }

    /// The ids of the incidents that this one swallowed.
    ///
    /// # Errors
    /// [`StoreError`] if the database cannot be read.
    pub fn swallowed(&self, run: &RunId, id: &IncidentId) -> Result<Vec<IncidentId>, StoreError> {
        self.read("read an incident", |transaction| {
            let mut statement = transaction
                .prepare_cached("SELECT id FROM incident WHERE run = ?1 AND merged_into = ?2 ORDER BY id")?;
            let rows = statement.query_map((run, id.as_str()), |row| row.get(0).map(|Word(id)| id))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// Into which incidents a finding was folded, in order: (incident, clock time).
    ///
    /// # Errors
    /// [`StoreError`] if the database cannot be read.
    pub fn memberships(
        &self,
        run: &RunId,
        finding: &FindingId,
    ) -> Result<Vec<(IncidentId, i64)>, StoreError> {
        self.read("read a finding's incidents", |transaction| {
            let mut statement = transaction.prepare_cached(
                "SELECT incident, at FROM finding_event WHERE run = ?1 AND finding = ?2 ORDER BY seq",
            )?;
            let rows = statement.query_map((run, finding.as_str()), |row| {
                let Word(id) = row.get(0)?;
                Ok((id, row.get(1)?))
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }
}

/// The incident itself, or the one that swallowed it. Pointers are kept one step long when they are made.
fn find(
    transaction: &Transaction<'_>,
    run: &RunId,
    id: &IncidentId,
) -> Result<Option<StoredIncident>, Fault> {
    let mut statement = transaction.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM incident WHERE run = ?1
         AND id = (SELECT coalesce(merged_into, id) FROM incident WHERE run = ?1 AND id = ?2)"
    ))?;
    let mut rows = statement.query((run, id.as_str()))?;
    rows.next()?.map(stored).transpose()
}

/// The id under which the incident stands now.
pub(crate) fn standing(
    transaction: &Transaction<'_>,
    run: &RunId,
    id: &IncidentId,
) -> Result<Option<IncidentId>, Fault> {
    let row = transaction
        .prepare_cached("SELECT coalesce(merged_into, id) FROM incident WHERE run = ?1 AND id = ?2")?
        .query_row((run, id.as_str()), |row| row.get(0).map(|Word(id)| id));
    Ok(row.optional()?)
}

fn conditions(filter: &IncidentFilter) -> Conditions<'_> {
    let mut all = Conditions::new("run = :run AND merged_into IS NULL");
    all.bind(":run", &filter.run);
    all.and_if("status IN (SELECT value FROM json_each(:statuses))", ":statuses", any_of(&filter.statuses));
    all.and_if("severity >= :at_least", ":at_least", filter.at_least.map(Rank));
    all.and_if("told = :told", ":told", filter.told);
    all.and_if("owner = :owner", ":owner", filter.owner.as_deref());
    all.and_if("last_event >= :from", ":from", filter.from.map(EventTime::nanos));
    all.and_if("first_event < :until", ":until", filter.until.map(EventTime::nanos));
    all.and_if(
        "id IN (SELECT incident FROM incident_subject WHERE run = :run AND registry = :registry)",
        ":registry",
        filter.registry.as_deref(),
    );
    match &filter.subject {
        Some(SubjectMatch::Is(subject)) => {
            all.and(
                "id IN (SELECT incident FROM incident_subject WHERE run = :run AND registry = :subject_registry
                        AND kind = :kind AND name = :name)",
            );
            all.bind(":subject_registry", &*subject.registry);
            all.bind(":kind", subject.kind.as_str());
            all.bind(":name", &*subject.name);
        }
        Some(SubjectMatch::Contains(text)) => {
            all.and(
                "EXISTS (SELECT 1 FROM incident_subject AS s WHERE s.run = incident.run
                         AND s.incident = incident.id AND instr(lower(s.name), :text) > 0)",
            );
            all.bind(":text", text.to_ascii_lowercase());
        }
        None => {}
    }
    all
}

fn stored(row: &Row<'_>) -> Result<StoredIncident, Fault> {
    let body = row.get_ref(1)?.as_str().map_err(rusqlite::Error::from)?;
    let mut incident: Incident =
        serde_json::from_str(body).map_err(|error| Fault::Json("incident", error))?;
    let (Word(status), Unsigned(revision)) = (row.get(2)?, row.get(4)?);
    incident.status = status;
    incident.owner = row.get(3)?;
    Ok(StoredIncident {
        run: row.get(0)?,
        incident,
        revision,
        opened_at: row.get(5)?,
        changed_at: row.get(6)?,
    })
}
