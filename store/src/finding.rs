//! Asking for findings: which are new, which are recent, which fit a filter.

use std::ops::ControlFlow;
use std::sync::Arc;

use detectors::event::EventTime;
use detectors::finding::{Decision, DetectorId, Finding, FindingId, IncidentId, Severity, Subject};
use rusqlite::{Row, ToSql, Transaction, named_params};

use crate::error::{Fault, StoreError};
use crate::incident::Told;
use crate::name::{LaneId, RunId};
use crate::reader::{Page, Reader};
use crate::word::{Rank, Unsigned, Word, any_of, row_number};

/// How many findings are read at one time while they are handed over: a slow taker must not hold a commit's
/// state, which would keep the write-ahead log from being emptied.
const BATCH: u32 = 500;

row_number! {
    /// A finding's number in the order of commits, over all runs.
    FindingSeq
}

/// A finding as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredFinding {
    /// Its number in the order of commits.
    pub seq: FindingSeq,
    /// In which world it was made.
    pub run: RunId,
    /// Its id.
    pub id: FindingId,
    /// Which lane found it.
    pub lane: LaneId,
    /// Its number among the lane's findings.
    pub sequence: u64,
    /// The incident it is in now.
    pub incident: Option<IncidentId>,
    /// When it was stored, by the clock.
    pub stored_at: i64,
    /// The finding as first emitted, byte for byte, without `incident`.
    pub body: String,
}

impl StoredFinding {
    /// The finding, with the incident it is in now.
    ///
    /// # Errors
    /// The body is not a finding this program can read.
    pub fn finding(&self) -> Result<Finding, serde_json::Error> {
        let mut finding: Finding = serde_json::from_str(&self.body)?;
        finding.incident.clone_from(&self.incident);
        Ok(finding)
    }
}

/// Which findings of a run are wanted; empty or `None` is any.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FindingFilter {
    /// In which world.
    pub run: RunId,
    /// By one of these detectors.
    pub detectors: Vec<DetectorId>,
    /// At least this loud.
    pub at_least: Option<Severity>,
    /// At this event time or later.
    pub from: Option<EventTime>,
    /// Before this event time.
    pub until: Option<EventTime>,
    /// In this registry.
    pub registry: Option<Arc<str>>,
    /// About this subject.
    pub subject: Option<SubjectMatch>,
    /// Told, or stored below the budget.
    pub told: Option<Told>,
    /// In this incident.
    pub incident: Option<IncidentId>,
    /// Stored after this one: for whoever follows along.
    pub after: Option<FindingSeq>,
}

impl FindingFilter {
    /// All findings of a run.
    #[must_use]
    pub const fn of(run: RunId) -> Self {
        Self {
            run,
            detectors: Vec::new(),
            at_least: None,
            from: None,
            until: None,
            registry: None,
            subject: None,
            told: None,
            incident: None,
            after: None,
        }
    }
}

/// How a subject is named in a filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SubjectMatch {
    /// This one.
    Is(Subject),
    /// Its name holds this text, in any case of letters.
    Contains(String),
}

impl SubjectMatch {
    /// Registry, kind and name of the one; the text of the other: what the queries bind.
    pub(crate) fn bound(this: Option<&Self>) -> (Option<&str>, Option<&str>, Option<&str>, Option<String>) {
        match this {
            None => (None, None, None, None),
            Some(Self::Is(subject)) => {
                (Some(&*subject.registry), Some(subject.kind.as_str()), Some(&*subject.name), None)
            }
            Some(Self::Contains(text)) => (None, None, None, Some(text.to_lowercase())),
        }
    }
}

/// The order of findings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// Last stored first.
    #[default]
    NewestFirst,
    /// As they were stored.
    OldestFirst,
}

const COLUMNS: &str = "seq, run, id, lane, sequence, incident, stored_at, body";

/// The filter's conditions.
const WHERE: &str = "run = :run AND seq > :after
    AND (:detectors IS NULL OR detector IN (SELECT value FROM json_each(:detectors)))
    AND (:at_least IS NULL OR severity >= :at_least)
    AND (:from IS NULL OR time >= :from) AND (:until IS NULL OR time < :until)
    AND (:registry IS NULL OR registry = :registry)
    AND (:name IS NULL OR (registry = :subject_registry AND subject_kind = :kind AND subject = :name))
    AND (:text IS NULL OR instr(lower(subject), :text) > 0)
    AND (:below IS NULL OR (decision = 'below-budget') = :below)
    AND (:incident IS NULL OR incident = :incident)";

impl Reader {
    /// For each id, whether the run does not know it yet.
    ///
    /// # Errors
    /// [`StoreError`] if the database cannot be read.
    pub fn unknown_findings(&self, run: &RunId, ids: &[FindingId]) -> Result<Vec<bool>, StoreError> {
        self.read("look for findings", |transaction| {
            let mut statement = transaction.prepare_cached("SELECT 1 FROM finding WHERE run = ?1 AND id = ?2")?;
            let known = ids.iter().map(|id| statement.exists((run, id.as_str())).map(|known| !known));
            Ok(known.collect::<Result<_, _>>()?)
        })
    }

    /// The run's findings of this event time or later, in the order of their storing: what incidents are rebuilt
    /// from after a restart.
    ///
    /// # Errors
    /// [`StoreError`] if the database cannot be read, or a body is no finding.
    pub fn recent_findings(&self, run: &RunId, since: EventTime) -> Result<Vec<(StoredFinding, Finding)>, StoreError> {
        let filter = FindingFilter { from: Some(since), ..FindingFilter::of(run.clone()) };
        self.read("read recent findings", |transaction| {
            let stored = select(transaction, &filter, Order::OldestFirst, Page::first(u32::MAX))?;
            let parsed = stored.into_iter().map(|stored| {
                let finding = stored.finding().map_err(|error| Fault::Json("finding", error))?;
                Ok((stored, finding))
            });
            parsed.collect()
        })
    }

    /// One finding.
    ///
    /// # Errors
    /// [`StoreError`] if the database cannot be read.
    pub fn finding(&self, run: &RunId, id: &FindingId) -> Result<Option<StoredFinding>, StoreError> {
        self.read("read a finding", |transaction| {
            let mut statement = transaction
                .prepare_cached(&format!("SELECT {COLUMNS} FROM finding WHERE run = ?1 AND id = ?2"))?;
            Ok(statement.query_map((run, id.as_str()), stored)?.next().transpose()?)
        })
    }

    /// Findings that fit the filter.
    ///
    /// # Errors
    /// [`StoreError`] if the database cannot be read.
    pub fn findings(
        &self,
        filter: &FindingFilter,
        order: Order,
        page: Page,
    ) -> Result<Vec<StoredFinding>, StoreError> {
        self.read("list findings", |transaction| select(transaction, filter, order, page))
    }

    /// How many findings fit the filter.
    ///
    /// # Errors
    /// [`StoreError`] if the database cannot be read.
    pub fn count_findings(&self, filter: &FindingFilter) -> Result<u64, StoreError> {
        self.read("count findings", |transaction| {
            let sql = format!("SELECT count(*) FROM finding WHERE {WHERE}");
            let mut statement = transaction.prepare_cached(&sql)?;
            let count = with_bound(filter, |bound| statement.query_row(bound, |row| row.get(0)))?;
            let Unsigned(count) = count;
            Ok(count)
        })
    }

    /// Hands over the findings that fit the filter, in the order of their storing, however many there are. `take`
    /// may stop with `Break`, whose value is returned. No connection is held while `take` works.
    ///
    /// # Errors
    /// [`StoreError`] if the database cannot be read.
    pub fn each_finding<B>(
        &self,
        filter: &FindingFilter,
        mut take: impl FnMut(StoredFinding) -> ControlFlow<B>,
    ) -> Result<Option<B>, StoreError> {
        let mut filter = filter.clone();
        loop {
            let batch = self.findings(&filter, Order::OldestFirst, Page::first(BATCH))?;
            let Some(last) = batch.last() else { return Ok(None) };
            filter.after = Some(last.seq);
            for finding in batch {
                if let ControlFlow::Break(value) = take(finding) {
                    return Ok(Some(value));
                }
            }
        }
    }
}

fn select(
    transaction: &Transaction<'_>,
    filter: &FindingFilter,
    order: Order,
    page: Page,
) -> Result<Vec<StoredFinding>, Fault> {
    let direction = match order {
        Order::NewestFirst => "DESC",
        Order::OldestFirst => "ASC",
    };
    let sql = format!(
        "SELECT {COLUMNS} FROM finding WHERE {WHERE} ORDER BY seq {direction} LIMIT :limit OFFSET :offset"
    );
    let mut statement = transaction.prepare_cached(&sql)?;
    with_bound(filter, |bound| {
        let mut bound = bound.to_vec();
        bound.extend(named_params! { ":limit": page.limit, ":offset": page.offset });
        statement.query_map(&*bound, stored)?.collect::<Result<Vec<_>, _>>()
    })
    .map_err(Fault::from)
}

/// Runs `act` with the filter's parameters.
fn with_bound<T>(
    filter: &FindingFilter,
    act: impl FnOnce(&[(&str, &dyn ToSql)]) -> rusqlite::Result<T>,
) -> rusqlite::Result<T> {
    let (subject_registry, kind, name, text) = SubjectMatch::bound(filter.subject.as_ref());
    act(named_params! {
        ":run": filter.run,
        ":after": filter.after.unwrap_or(FindingSeq(0)),
        ":detectors": any_of(&filter.detectors),
        ":at_least": filter.at_least.map(Rank),
        ":from": filter.from.map(EventTime::nanos),
        ":until": filter.until.map(EventTime::nanos),
        ":registry": filter.registry.as_deref(),
        ":subject_registry": subject_registry,
        ":kind": kind,
        ":name": name,
        ":text": text,
        ":below": filter.told.map(|told| told == Told::BelowBudget),
        ":incident": filter.incident.as_ref().map(IncidentId::as_str),
    })
}

fn stored(row: &Row<'_>) -> rusqlite::Result<StoredFinding> {
    let (Word(id), Unsigned(sequence)) = (row.get(2)?, row.get(4)?);
    let incident: Option<Word<IncidentId>> = row.get(5)?;
    Ok(StoredFinding {
        seq: row.get(0)?,
        run: row.get(1)?,
        id,
        lane: row.get(3)?,
        sequence,
        incident: incident.map(|Word(id)| id),
        stored_at: row.get(6)?,
        body: row.get(7)?,
    })
}

impl Told {
    /// Whether a finding of this decision reaches people.
    #[must_use]
    pub const fn by(decision: Decision) -> Self {
        match decision {
            Decision::Violation | Decision::Told => Self::Told,
            Decision::BelowBudget => Self::BelowBudget,
        }
    }
}
