//! `[alerting.heartbeat]`: a message that says every few minutes that the way is open, and who hears when it stays away.
//!
//! A heartbeat is made by whoever reads the logs (`pipeline/src/heartbeat.rs`, which says why it is a world of its own),
//! and goes the way of every incident. Here is what follows from it: whom it reaches, and when it is missed. [`judge`]
//! is pure and asks for the last one that *arrived*, so a receiver that cannot be reached is missed like a watch that
//! stands still. A program that is not running misses nothing; its heartbeats stay away all the same, and whoever
//! waits for them elsewhere knows.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::{DeliveryFilter, DeliveryState, DeliveryStateKind, Page, Reader, ReceiverId, RunId, StoreError};

use crate::outbox::nanos;

/// So many beats in a row may stay away before they are missed.
pub const MISSED_AFTER: u32 = 2;
/// How much longer than that the last one may take: a message has its way to go.
pub const GRACE: Duration = Duration::from_secs(90);

/// `[alerting.heartbeat]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HeartbeatConfig {
    /// How often, in minutes.
    #[schemars(range(min = 1, max = 1_440))]
    pub every_minutes: u32,
    /// The receiver that a heartbeat is sent to: best one that raises an alarm of its own when none comes.
    pub to: String,
    /// The receiver that is told, once, when heartbeats stay away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub absence_to: Option<String>,
}

/// Whether heartbeats arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pulse {
    /// None has arrived, and none was to yet.
    Awaited,
    /// The last one arrived at this clock time, which is not long ago.
    Beats {
        /// When.
        at: i64,
    },
    /// They stay away.
    Absent {
        /// When the last one arrived; `None` if none ever did.
        last: Option<i64>,
    },
}

impl HeartbeatConfig {
    /// How often.
    #[must_use]
    pub fn every(&self) -> Duration {
        Duration::from_secs(u64::from(self.every_minutes) * 60)
    }

    /// The receiver that a heartbeat is sent to, if it has a name that one can have.
    pub(crate) fn receiver(&self) -> Option<ReceiverId> {
        ReceiverId::parse(&self.to).ok()
    }

    /// Who is told when heartbeats stay away.
    pub(crate) fn absence_receiver(&self) -> Option<ReceiverId> {
        ReceiverId::parse(self.absence_to.as_deref()?).ok()
    }
}

impl Pulse {
    /// The word for programs.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Awaited => "awaited",
            Self::Beats { .. } => "beats",
            Self::Absent { .. } => "absent",
        }
    }
}

/// When the last heartbeat arrived, by the clock.
///
/// # Errors
/// [`StoreError`] if the store cannot be read.
pub fn last_arrived(reader: &Reader) -> Result<Option<i64>, StoreError> {
    let filter = DeliveryFilter {
        run: Some(RunId::Heartbeat),
        states: vec![DeliveryStateKind::Accepted, DeliveryStateKind::Delivered],
        ..DeliveryFilter::default()
    };
    let last = reader.deliveries(&filter, Page::first(1))?.into_iter().next();
    Ok(last.and_then(|last| match last.state {
        DeliveryState::Accepted { at } | DeliveryState::Delivered { at } => Some(at),
        _ => None,
    }))
}

/// Whether heartbeats arrive: the last one came `last`, and somebody waits since `since`; all times are the clock's.
#[must_use]
pub fn judge(config: &HeartbeatConfig, last: Option<i64>, since: i64, now: i64) -> Pulse {
    let patience = nanos(config.every() * MISSED_AFTER + GRACE);
    let waited_from = last.map_or(since, |last| last.max(since));
    if now.saturating_sub(waited_from) > patience {
        return Pulse::Absent { last };
    }
    match last {
        Some(at) if now.saturating_sub(at) <= patience => Pulse::Beats { at },
        _ => Pulse::Awaited,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_beat_is_missed_after_two_stayed_away_and_some_grace() {
        const MINUTE: i64 = 60_000_000_000;
        let config: HeartbeatConfig = toml::from_str("every_minutes = 5\nto = 'soc'").unwrap();
        let patience = 10 * MINUTE + 90_000_000_000;
        let start = 1_000 * MINUTE;
        let cases = [
            (None, start, Pulse::Awaited),
            (None, start + patience, Pulse::Awaited),
            (None, start + patience + 1, Pulse::Absent { last: None }),
            (Some(start), start + patience, Pulse::Beats { at: start }),
            (Some(start), start + patience + 1, Pulse::Absent { last: Some(start) }),
            // One of a life before this one is old, and this one has only begun.
            (Some(0), start + MINUTE, Pulse::Awaited),
            (Some(0), start + patience + 1, Pulse::Absent { last: Some(0) }),
        ];
        for (last, now, expected) in cases {
            assert_eq!(judge(&config, last, start, now), expected, "{last:?} at {now}");
        }
    }

    #[test]
    fn what_is_misspelt_is_refused() {
        assert!(toml::from_str::<HeartbeatConfig>("every_minutes = 5").is_err());
        assert!(toml::from_str::<HeartbeatConfig>("every_minutes = 5\nto = 'a'\nfor = 'b'").is_err());
    }
}
