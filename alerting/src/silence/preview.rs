//! What a silence hides and what it does not: of what is open, of the last days, and of recorded attacks.

use detectors::event::EventTime;
use detectors::finding::{Decision, DetectorId, Finding, FindingId, Severity};
use serde::Serialize;

use super::{Effect, SilenceForm};
use crate::routing::Owners;

/// Most findings that a preview names; the rest is counted.
pub const EXAMPLES_MAX: usize = 20;

/// Where a finding was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Seen {
    /// In an incident that nobody has closed.
    Open,
    /// In one that was closed.
    Closed,
    /// In a recorded attack.
    Recorded,
}

/// One finding that a silence is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PreviewRow {
    /// The finding.
    pub finding: FindingId,
    /// Where it was seen.
    pub seen: Seen,
    /// When.
    pub time: EventTime,
    /// How severe it is.
    pub severity: Severity,
    /// Which detector says it.
    pub detector: DetectorId,
    /// What it says.
    pub summary: String,
    /// Why it would be told all the same, by name and in words; `None` where it is hidden.
    pub told_because: Option<(&'static str, String)>,
}

/// What a silence would hide, and would have hidden.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Preview {
    /// Findings in open incidents that it hides.
    pub open_hidden: usize,
    /// Findings in closed incidents of late that it would have hidden.
    pub closed_hidden: usize,
    /// Findings in recorded attacks that it would have hidden.
    pub recorded_hidden: usize,
    /// Findings that it is about and does not hide.
    pub told_all_the_same: usize,
    /// The first of them, those that are told first.
    pub examples: Vec<PreviewRow>,
}

impl Preview {
    /// What a silence makes of findings, the most severe first. What is below the budget is told to nobody anyway.
    #[must_use]
    pub fn of<'a>(
        form: &SilenceForm,
        findings: impl IntoIterator<Item = (&'a Finding, Seen)>,
        owners: &Owners,
    ) -> Self {
        let mut preview = Self::default();
        let mut rows = Vec::new();
        for (finding, seen) in findings {
            if finding.decision == Decision::BelowBudget {
                continue;
            }
            let told_because = match form.effect(finding, owners) {
                Effect::Unmatched => continue,
                Effect::Hides => None,
                Effect::Pierced(why) => Some((why.as_str(), why.to_string())),
            };
            match (&told_because, seen) {
                (Some(_), _) => preview.told_all_the_same += 1,
                (None, Seen::Open) => preview.open_hidden += 1,
                (None, Seen::Closed) => preview.closed_hidden += 1,
                (None, Seen::Recorded) => preview.recorded_hidden += 1,
            }
            rows.push(PreviewRow {
                finding: finding.id.clone(),
                seen,
                time: finding.time,
                severity: finding.severity,
                detector: finding.detector,
                summary: finding.summary.clone(),
                told_because,
            });
        }
        rows.sort_by(|one, other| {
            let rank =
                |row: &PreviewRow| (row.told_because.is_none(), std::cmp::Reverse(row.severity), row.time);
            rank(one).cmp(&rank(other))
        });
        rows.truncate(EXAMPLES_MAX);
        preview.examples = rows;
        preview
    }

    /// Whether it is about nothing that was seen.
    #[must_use]
    pub const fn matches_nothing(&self) -> bool {
        self.open_hidden + self.closed_hidden + self.recorded_hidden + self.told_all_the_same == 0
    }
}
