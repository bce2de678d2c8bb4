//! Asking for findings: which are new, which are recent, which fit a filter.

use std::ops::ControlFlow;
use std::sync::Arc;

use detectors::event::EventTime;
use detectors::finding::{Decision, DetectorId, Finding, FindingId, IncidentId, Severity, Subject};
use rusqlite::{Row, Transaction};

use crate::conditions::Conditions;
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
    /// Its name holds this text, in any case of its ASCII letters.
    Contains(String),
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

impl Reader {
    /// For each id, whether the run does not know it yet.
    ///
    /// # Errors
    /// [`StoreError`] if the database cannot be read.
    pub fn unknown_findings(&self, run: &RunId, ids: &[FindingId]) -> Result<Vec<bool>, StoreError> {
        self.read("look for findings", |transaction| {
            let mut statement =
                transaction.prepare_cached("SELECT 1 FROM finding WHERE run = ?1 AND id = ?2")?;
            let known = ids.iter().map(|id| statement.exists((run, id.as_str())).map(|known| !known));
            Ok(known.collect::<Result<_, _>>()?)
        })
    }

    /// The run's findings of this event time or later, in the order of their storing: what incidents are rebuilt
    /// from after a restart.
    ///
    /// # Errors
    /// [`StoreError`] if the database cannot be read, or a body is no finding.
    pub fn recent_findings(
        &self,
        run: &RunId,
        since: EventTime,
    ) -> Result<Vec<(StoredFinding, Finding)>, StoreError> {
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
            let conditions = conditions(filter);
            let sql = format!("SELECT count(*) FROM finding WHERE {}", conditions.sql());
            let mut statement = transaction.prepare_cached(&sql)?;
            let Unsigned(count) = statement.query_row(&*conditions.bound(), |row| row.get(0))?;
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
    let mut conditions = conditions(filter);
    conditions.bind(":limit", page.limit);
    conditions.bind(":offset", page.offset);
    let sql = format!(
        "SELECT {COLUMNS} FROM finding WHERE {} ORDER BY seq {direction} LIMIT :limit OFFSET :offset",
        conditions.sql()
    );
    let mut statement = transaction.prepare_cached(&sql)?;
    Ok(statement.query_map(&*conditions.bound(), stored)?.collect::<Result<_, _>>()?)
}

fn conditions(filter: &FindingFilter) -> Conditions<'_> {
    let mut all = Conditions::new("run = :run");
    all.bind(":run", &filter.run);
    all.and_if("seq > :after", ":after", filter.after);
    all.and_if(
        "detector IN (SELECT value FROM json_each(:detectors))",
        ":detectors",
        any_of(&filter.detectors),
    );
    all.and_if("severity >= :at_least", ":at_least", filter.at_least.map(Rank));
    all.and_if("time >= :from", ":from", filter.from.map(EventTime::nanos));
    all.and_if("time < :until", ":until", filter.until.map(EventTime::nanos));
    all.and_if("registry = :registry", ":registry", filter.registry.as_deref());
    all.and_if("incident = :incident", ":incident", filter.incident.as_ref().map(IncidentId::as_str));
    match filter.told {
        Some(Told::Told) => all.and("decision <> 'below-budget'"),
        Some(Told::BelowBudget) => all.and("decision = 'below-budget'"),
        None => {}
    }
    match &filter.subject {
        Some(SubjectMatch::Is(subject)) => {
            all.and("registry = :subject_registry AND subject_kind = :kind AND subject = :name");
            all.bind(":subject_registry", &*subject.registry);
            all.bind(":kind", subject.kind.as_str());
            all.bind(":name", &*subject.name);
        }
        Some(SubjectMatch::Contains(text)) => {
            all.and("instr(lower(subject), :text) > 0");
            all.bind(":text", text.to_ascii_lowercase());
        }
        None => {}
    }
    all
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
