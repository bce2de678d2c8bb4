//! The live stream: one a tab. It says how many incidents are open, which ones are new on the list that the tab
//! shows or changed on its page, and how far the pipeline is.
//!
//! What it says is always counted from the state that the page was made of, so a tab that was paused or offline
//! catches up with the first message.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{RawQuery, State};
use axum::http::{HeaderName, HeaderValue};
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use detectors::event::EventTime;
use detectors::finding::{IncidentId, Severity};
use futures_util::stream;
use serde::Serialize;
use store::{FindingFilter, FindingSeq, Order, Page, Reader, RunId, StoreError};
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::time::{Interval, MissedTickBehavior};

use crate::listing::IncidentQuery;
use crate::problem::Problem;
use crate::pulse::{Pulse, Seen};
use crate::query::{BadQuery, Parameters, QueryString};
use crate::server::{App, Phase};

/// Something is said at least this often, so that a tab notices a dead connection.
pub(crate) const BEAT_EVERY: Duration = Duration::from_secs(5);
/// Most findings that are looked through for new incidents; beyond it the tab is told that there are more.
pub(crate) const MAX_NEW_FINDINGS: u32 = 500;
/// Most incidents that are named.
pub(crate) const MAX_NAMED: usize = 100;
/// Keeps a proxy from holding messages back.
const NO_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// What a tab shows, and of which state it was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Watched {
    /// Nothing that changes with incidents.
    Nothing,
    /// A list.
    List {
        /// What the list shows.
        query: Box<IncidentQuery>,
        /// The newest finding when it was made.
        since: FindingSeq,
        /// The clock when it was made.
        made_at: i64,
    },
    /// One incident's page.
    Incident {
        /// The incident.
        id: IncidentId,
        /// When it had last changed.
        changed_at: i64,
    },
}

impl Watched {
    /// The address of the stream for this page.
    pub(crate) fn address(&self) -> String {
        match self {
            Self::Nothing => "/stream".to_owned(),
            Self::List { query, since, made_at } => {
                query.parameters().with("since", since).with("made", made_at).after("/stream")
            }
            Self::Incident { id, changed_at } => {
                QueryString::default().with("incident", id).with("changed", changed_at).after("/stream")
            }
        }
    }

    fn read(parameters: &Parameters) -> Result<Self, BadQuery> {
        const LATEST: u64 = i64::MAX.unsigned_abs();
        let moment = |key| {
            Ok(parameters.number(key, LATEST)?.and_then(|nanos| i64::try_from(nanos).ok()).unwrap_or(0))
        };
        if let Some(id) = parameters.read("incident", "the id of an incident", IncidentId::parse)? {
            return Ok(Self::Incident { id, changed_at: moment("changed")? });
        }
        let Some(since) = parameters.number("since", LATEST)? else { return Ok(Self::Nothing) };
        let query = Box::new(IncidentQuery::read(parameters)?);
        Ok(Self::List { query, since: FindingSeq(since), made_at: moment("made")? })
    }
}

/// One message.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Message {
    /// Whether the database can be read.
    readable: bool,
    /// Told incidents that nobody has closed, by severity.
    open: BTreeMap<&'static str, u64>,
    #[serde(flatten)]
    news: News,
    /// The number of the commit.
    change: u64,
    /// When the pipeline last spoke.
    spoke: Option<EventTime>,
    /// What every lane has released.
    watermark: Option<EventTime>,
}

/// What is new for one tab.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
struct News {
    /// Incidents that the list does not show yet.
    new: Vec<IncidentId>,
    /// Incidents that it shows as they were.
    changed: Vec<IncidentId>,
    /// Whether there is more than was looked through.
    more: bool,
}

/// Opens the stream of one tab.
pub(crate) async fn open(
    State(app): State<Arc<App>>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let watched = Watched::read(&Parameters::parse(query.as_deref())?)?;
    let seat = Arc::clone(&app.streams).try_acquire_owned().map_err(|_| Problem::Busy)?;
    let mut beat = tokio::time::interval(BEAT_EVERY);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut pulse = app.pulse.clone();
    pulse.mark_changed();
    let tab = Tab { closing: app.closing.clone(), app, watched, pulse, beat, last: None, _seat: seat };
    let mut answer = Sse::new(stream::unfold(tab, Tab::next)).into_response();
    answer.headers_mut().insert(NO_BUFFERING, HeaderValue::from_static("no"));
    Ok(answer)
}

struct Tab {
    app: Arc<App>,
    watched: Watched,
    pulse: watch::Receiver<Pulse>,
    closing: watch::Receiver<Phase>,
    beat: Interval,
    last: Option<Message>,
    _seat: OwnedSemaphorePermit,
}

impl Tab {
    /// Waits for the next message; `None` when the server ends.
    async fn next(mut self) -> Option<(Result<Event, Infallible>, Self)> {
        loop {
            let is_beat = tokio::select! {
                biased;
                _ = self.closing.wait_for(|phase| *phase == Phase::Closing) => return None,
                changed = self.pulse.changed() => { changed.ok()?; false }
                _ = self.beat.tick() => true,
            };
            let pulse = self.pulse.borrow_and_update().clone();
            let message = match pulse {
                Pulse::Unknown => continue,
                Pulse::Unreadable => self.unreadable(),
                Pulse::Seen(seen) => self.message(&seen).await.unwrap_or_else(|_| self.unreadable()),
            };
            if !is_beat && !self.is_news(&message) {
                continue;
            }
            let event = Event::default().event("news").data(written(&message));
            self.last = Some(message);
            return Some((Ok(event), self));
        }
    }

    /// The pipeline speaks twice a second; that alone waits for the next beat.
    fn is_news(&self, message: &Message) -> bool {
        self.last.as_ref().is_none_or(|last| {
            (last.readable, &last.open, &last.news) != (message.readable, &message.open, &message.news)
        })
    }

    async fn message(&self, seen: &Seen) -> Result<Message, Problem> {
        let watched = self.watched.clone();
        let news = self.app.read(move |reader, run| news(reader, run, &watched)).await?;
        Ok(Message {
            readable: true,
            open: Severity::ALL
                .into_iter()
                .map(|level| (level.as_str(), seen.open.get(&level).copied().unwrap_or(0)))
                .collect(),
            news,
            change: seen.change,
            spoke: seen.spoke_at.map(EventTime::from_nanos),
            watermark: seen.watermark,
        })
    }

    fn unreadable(&self) -> Message {
        let nothing = Message {
            readable: false,
            open: BTreeMap::new(),
            news: News::default(),
            change: 0,
            spoke: None,
            watermark: None,
        };
        Message { readable: false, ..self.last.clone().unwrap_or(nothing) }
    }
}

fn written(message: &Message) -> String {
    serde_json::to_string(message).expect("numbers, times and ids are always JSON")
}

fn news(reader: &Reader, run: &RunId, watched: &Watched) -> Result<News, StoreError> {
    match watched {
        Watched::Nothing => Ok(News::default()),
        Watched::Incident { id, changed_at } => {
            let stored = reader.incident(run, id)?;
            let is_other =
                stored.is_some_and(|stored| stored.changed_at != *changed_at || stored.incident.id != *id);
            Ok(News { changed: is_other.then(|| id.clone()).into_iter().collect(), ..News::default() })
        }
        Watched::List { query, since, made_at } => news_of_list(reader, run, query, *since, *made_at),
    }
}

fn news_of_list(
    reader: &Reader,
    run: &RunId,
    query: &IncidentQuery,
    since: FindingSeq,
    made_at: i64,
) -> Result<News, StoreError> {
    let filter = FindingFilter { after: Some(since), ..FindingFilter::of(run.clone()) };
    let found = reader.findings(&filter, Order::OldestFirst, Page::first(MAX_NEW_FINDINGS))?;
    let mut news = News { more: found.len() >= MAX_NEW_FINDINGS as usize, ..News::default() };
    let ids: BTreeSet<IncidentId> = found.into_iter().filter_map(|finding| finding.incident).collect();
    news.more |= ids.len() > MAX_NAMED;
    for id in ids.into_iter().take(MAX_NAMED) {
        let Some(stored) = reader.incident(run, &id)? else { continue };
        if !query.admits(&stored.incident) {
            continue;
        }
        let list = if stored.opened_at > made_at { &mut news.new } else { &mut news.changed };
        list.push(stored.incident.id);
    }
    Ok(news)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(address: &str) -> Watched {
        let query = address.split_once('?').map(|(_, query)| query);
        Watched::read(&Parameters::parse(query).unwrap()).unwrap()
    }

    #[test]
    fn a_streams_address_is_read_as_it_is_written() {
        let id = IncidentId::parse("lpvrycjm7m2dyzulrruye4eg3a").unwrap();
        let query = IncidentQuery { text: Some("a&b=c".into()), ..IncidentQuery::default() };
        for watched in [
            Watched::Nothing,
            Watched::Incident { id, changed_at: 17 },
            Watched::List { query: Box::new(query), since: FindingSeq(4), made_at: 9 },
        ] {
            assert_eq!(read(&watched.address()), watched);
        }
    }
}
