//! How the pipeline is, from what it says about itself with every commit.

use std::collections::BTreeMap;

use detectors::engine::Knowledge;
use detectors::event::EventTime;
use pipeline::status::{LaneStatus, PartitionState, PartitionStatus, SourceStatus};
use serde::de::DeserializeOwned;
use store::StatusRow;

/// Without a word for this long the pipeline is taken to stand still, in nanoseconds; it speaks twice a second.
pub(crate) const SILENT_AFTER: i64 = 15_000_000_000;

/// Everything that the pipeline said last, by subject.
#[derive(Debug, Clone, Default)]
pub(crate) struct Condition {
    pub(crate) lanes: BTreeMap<String, LaneStatus>,
    pub(crate) knowledge: BTreeMap<String, Knowledge>,
    pub(crate) sources: BTreeMap<String, SourceStatus>,
    pub(crate) partitions: BTreeMap<String, PartitionStatus>,
    /// Statements that this program cannot read: another version made them.
    pub(crate) unreadable: usize,
    /// When it last spoke, by the clock.
    pub(crate) spoke_at: Option<i64>,
}

/// Whether the pipeline works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Life {
    /// It has never said anything in this run.
    Unheard,
    /// It speaks.
    Working,
    /// It has said nothing since this clock time.
    SilentSince(i64),
}

impl Condition {
    /// Reads status rows; unknown keys are somebody else's.
    pub(crate) fn of(rows: &[StatusRow]) -> Self {
        let mut all = Self { spoke_at: rows.iter().map(|row| row.at).max(), ..Self::default() };
        for row in rows {
            let Some((kind, name)) = row.key.split_once(':') else { continue };
            let known = match kind {
                "lane" => insert(&mut all.lanes, name, &row.body),
                "knowledge" => insert(&mut all.knowledge, name, &row.body),
                "source" => insert(&mut all.sources, name, &row.body),
                "partition" => insert(&mut all.partitions, name, &row.body),
                _ => true,
            };
            all.unreadable += usize::from(!known);
        }
        all
    }

    /// Whether it works.
    pub(crate) fn life(&self, now: i64) -> Life {
        match self.spoke_at {
            None => Life::Unheard,
            Some(at) if now.saturating_sub(at) > SILENT_AFTER => Life::SilentSince(at),
            Some(_) => Life::Working,
        }
    }

    /// What every lane has released; `None` before the first event of one.
    pub(crate) fn watermark(&self) -> Option<EventTime> {
        self.lanes.values().map(|lane| lane.watermark).min().flatten()
    }

    /// Events that came so far: the access lane sees all of them.
    pub(crate) fn events(&self) -> u64 {
        self.lanes.values().map(|lane| lane.intake.events).max().unwrap_or(0)
    }

    /// Of these, all but access events.
    pub(crate) fn change_events(&self) -> u64 {
        self.lanes.get("change").map_or(0, |lane| lane.intake.events)
    }

    /// Of these, access events, as far as the slower lane has come.
    pub(crate) fn access_events(&self) -> u64 {
        self.lanes.get("access").map_or(0, |lane| lane.intake.events.saturating_sub(self.change_events()))
    }

    /// Partitions that stand still since records are gone.
    pub(crate) fn lost(&self) -> impl Iterator<Item = &str> {
        let is_lost = |status: &PartitionStatus| matches!(status.state, PartitionState::DataLost { .. });
        self.partitions.iter().filter(move |(_, status)| is_lost(status)).map(|(name, _)| name.as_str())
    }

    /// The share of what detectors hold that has passed its warm-up, from 0 to 1; `None` before they hold anything.
    pub(crate) fn warm_share(&self) -> Option<f64> {
        let sum = |part: fn(&Knowledge) -> u64| self.knowledge.values().map(part).sum::<u64>();
        let held = sum(|known| known.artifacts) + sum(|known| known.principals);
        let warm = sum(|known| known.artifacts_warm) + sum(|known| known.principals_warm);
        (held > 0).then(|| warm as f64 / held as f64)
    }
}

fn insert<T: DeserializeOwned>(into: &mut BTreeMap<String, T>, name: &str, body: &str) -> bool {
    match serde_json::from_str(body) {
        Ok(status) => into.insert(name.to_owned(), status).is_none(),
        Err(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(key: &str, body: &str, at: i64) -> StatusRow {
        StatusRow { key: key.to_owned(), body: body.to_owned(), at }
    }

    #[test]
    fn rows_are_sorted_by_what_they_are_about() {
        let lane = |events: u64| {
            format!(
                r#"{{"watermark":"2026-05-11T19:00:00Z","waiting":0,"waiting_for":null,"findings":0,"intake":
                {{"events":{events},"duplicates":0,"late":0,"untrusted":0,"joined":0,"unjoined":0,"forgotten_ids":0}}}}"#
            )
        };
        let all = Condition::of(&[
            row("lane:change", &lane(10), 5),
            row("lane:access", &lane(110), 7),
            row(
                "partition:a/b[0]",
                r#"{"state":{"state":"data-lost","wanted":1,"oldest":null,"reason":"gone"},"next":1}"#,
                7,
            ),
            row("source:a", "{\"newer\": true}", 7),
            row("somebody-else", "?", 3),
        ]);
        assert_eq!((all.events(), all.change_events(), all.access_events()), (110, 10, 100));
        assert_eq!(
            (all.lost().collect::<Vec<_>>(), all.unreadable, all.spoke_at),
            (vec!["a/b[0]"], 1, Some(7))
        );
        assert_eq!(all.watermark().unwrap().to_string(), "2026-05-11T19:00:00Z");
    }

    #[test]
    fn a_pipeline_without_a_word_is_silent() {
        let spoke = Condition { spoke_at: Some(100), ..Condition::default() };
        assert_eq!(Condition::default().life(0), Life::Unheard);
        assert_eq!(spoke.life(100 + SILENT_AFTER), Life::Working);
        assert_eq!(spoke.life(101 + SILENT_AFTER), Life::SilentSince(100));
    }
}
