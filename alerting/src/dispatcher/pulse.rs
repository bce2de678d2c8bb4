//! Heartbeats: whom they reach, and who is told when they stay away.

use std::time::Duration;

use detectors::event::EventTime;
use detectors::finding::Severity;
use store::{StoreError, StoredIncident, ToRoute};
use tokio::task::spawn_blocking;

use super::reminders::numbered_notice;
use super::routing_step::Routings;
use super::{Dispatcher, Running};
use crate::heartbeat::{HeartbeatConfig, Pulse, judge, last_arrived};
use crate::outbox::{Tells, nanos};
use crate::routing::{Decision, NotTold, RouteReason};
use crate::shown_time;

/// How often the dispatcher looks whether heartbeats arrive.
const LOOK_EVERY: Duration = Duration::from_secs(30);

/// What is remembered of heartbeats.
#[derive(Debug, Default)]
pub(super) struct Beats {
    /// Since when somebody waits for them, by the clock.
    since: Option<i64>,
    looked_at: Option<i64>,
}

impl Dispatcher {
    /// A heartbeat goes to the receiver that waits for it, whatever the routes say.
    pub(super) fn route_beat(
        &self,
        row: &ToRoute,
        stored: &StoredIncident,
        now: i64,
    ) -> Result<Routings, StoreError> {
        let mut routings = Routings::default();
        let receiver = self.config.heartbeat.as_ref().and_then(HeartbeatConfig::receiver);
        match receiver.filter(|receiver| self.receivers.get(receiver).is_some()) {
            Some(receiver) => {
                let decision = Decision::Tell { receiver, reason: RouteReason::Heartbeat };
                self.plan_one(row, stored, decision, Severity::Info, now, &mut routings)?;
            }
            None => routings.decisions.push(Decision::NotTold(NotTold::NoRoute)),
        }
        Ok(routings)
    }

    /// Tells once that heartbeats stay away. The message is known by the last one that arrived, so neither another
    /// look nor another process tells it again.
    pub(super) async fn miss_beats(&self, running: &mut Running) -> Result<(), StoreError> {
        let Some(config) = self.config.heartbeat.clone() else { return Ok(()) };
        let now = self.clock.unix_nanos();
        let since = *running.beats.since.get_or_insert(now);
        let rested = |at: i64| now >= at.saturating_add(nanos(LOOK_EVERY)) || now < at;
        if !running.beats.looked_at.is_none_or(rested) {
            return Ok(());
        }
        let store = self.store.clone();
        let missing = spawn_blocking(move || {
            let last = last_arrived(store.reader())?;
            let (Pulse::Absent { .. }, Some(to)) =
                (judge(&config, last, since, now), config.absence_receiver())
            else {
                return Ok(());
            };
            let until_now = match last {
                Some(at) => format!("The last one arrived at {}.", shown_time(at)),
                None => "None has arrived yet.".to_owned(),
            };
            let tells = Tells::Notice {
                sentence: format!(
                    "Heartbeats to {} stay away: logs are not read, or messages do not arrive. {until_now}",
                    config.to
                ),
                detail: String::new(),
                at: EventTime::from_nanos(now),
            };
            let message =
                numbered_notice(&to, "heartbeat-absent", Severity::High, &tells, now, last.unwrap_or(0));
            store
                .route(&store::Routing { decided: &[], messages: &[message], decision: "[]", now })
                .map(|_| ())
        });
        missing.await.unwrap_or(Ok(()))?;
        running.beats.looked_at = Some(now);
        Ok(())
    }
}
