//! One watch over the database for all open tabs: a cheap look four times a second, a closer one after a commit.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use detectors::event::EventTime;
use detectors::finding::Severity;
use detectors::incident::Status;
use store::{FindingFilter, FindingSeq, Order, Page, Reader, RunId, StoreError, Told};
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;

use crate::condition::Condition;
use crate::server::App;

/// Pause between two looks.
pub(crate) const LOOK_EVERY: Duration = Duration::from_millis(250);

/// What the last look showed.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Pulse {
    /// There was none yet.
    Unknown,
    /// The database as it was.
    Seen(Arc<Seen>),
    /// The database could not be read.
    Unreadable,
}

/// What all tabs need to know of the database.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Seen {
    /// The number of the commit.
    pub(crate) change: u64,
    /// The newest finding.
    pub(crate) newest: Option<FindingSeq>,
    /// Told incidents that nobody has closed, by severity.
    pub(crate) open: BTreeMap<Severity, u64>,
    /// When the pipeline last spoke, by the clock.
    pub(crate) spoke_at: Option<i64>,
    /// What every lane has released.
    pub(crate) watermark: Option<EventTime>,
}

/// Looks as long as the server runs; sleeps while no tab is open.
pub(crate) async fn keep(app: Arc<App>, pulses: watch::Sender<Pulse>) {
    let mut ticks = tokio::time::interval(LOOK_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        // One receiver belongs to the app itself.
        if pulses.receiver_count() <= 1 {
            continue;
        }
        let before = match &*pulses.borrow() {
            Pulse::Seen(seen) => Some(seen.change),
            Pulse::Unknown | Pulse::Unreadable => None,
        };
        let looked = app.read(move |reader, run| look(reader, run, before)).await;
        let next = match looked {
            Ok(None) => continue,
            Ok(Some(seen)) => Pulse::Seen(Arc::new(seen)),
            Err(_) => Pulse::Unreadable,
        };
        pulses.send_if_modified(|pulse| std::mem::replace(pulse, next.clone()) != next);
    }
}

/// What changed since the commit of that number; `None` if nothing did.
fn look(reader: &Reader, run: &RunId, before: Option<u64>) -> Result<Option<Seen>, StoreError> {
    let change = reader.change_counter()?;
    if before == Some(change) {
        return Ok(None);
    }
    let mut open = BTreeMap::new();
    for row in reader.incident_counts(run)? {
        if row.told == Told::Told && row.status != Status::Resolved {
            *open.entry(row.severity).or_default() += row.count;
        }
    }
    let newest = newest(reader, run)?;
    let condition = Condition::of(&reader.status(run)?);
    Ok(Some(Seen { change, newest, open, spoke_at: condition.spoke_at, watermark: condition.watermark() }))
}

/// The number of the newest finding: what a page was made after.
pub(crate) fn newest(reader: &Reader, run: &RunId) -> Result<Option<FindingSeq>, StoreError> {
    let filter = FindingFilter::of(run.clone());
    Ok(reader.findings(&filter, Order::NewestFirst, Page::first(1))?.first().map(|finding| finding.seq))
}
