//! The findings that a silence is tried on: what is open, what was stored of late, and recorded attacks.

use std::collections::HashSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

use alerting::rules::findings_of;
use alerting::silence::{Preview, Seen, SilenceForm};
use detectors::finding::Finding;
use detectors::incident::Status;
use ingest::dead_letter::DeadLetter;
use pipeline::flow::FlowSettings;
use pipeline::replay::ReplaySink;
use store::{FindingFilter, IncidentFilter, IncidentOrder, Order, Page, Reader, RunId};

use crate::cli::demo::Stage;
use crate::exit::{Exit, Failure};
use crate::{output, sources};

/// How far back what was stored counts as of late, in nanoseconds.
const LATE_NANOS: i64 = 7 * 86_400_000_000_000;
/// Most open incidents and most findings of late that are looked at.
const OPEN_MAX: u32 = 5_000;
const LATE_MAX: u32 = 50_000;
const BATCH: u32 = 500;

/// Findings, with where they were seen.
#[derive(Default)]
pub(super) struct Known(Vec<(Finding, Seen)>);

impl Known {
    pub(super) fn findings(&self) -> impl Iterator<Item = (&Finding, Seen)> {
        self.0.iter().map(|(finding, seen)| (finding, *seen))
    }

    /// What is open, whatever its age, and what was stored in the last seven days.
    pub(super) fn of(reader: &Reader, now: i64) -> Result<Self, Failure> {
        let mut all = Vec::new();
        let mut ids = HashSet::new();
        let open = IncidentFilter {
            statuses: vec![Status::New, Status::InProgress, Status::OnHold],
            ..IncidentFilter::of(RunId::Live)
        };
        for stored in reader.incidents(&open, IncidentOrder::MostSevere, Page::first(OPEN_MAX))? {
            for finding in findings_of(reader, &RunId::Live, &stored.incident)? {
                if ids.insert(finding.id.clone()) {
                    all.push((finding, Seen::Open));
                }
            }
        }
        let filter = FindingFilter::of(RunId::Live);
        for offset in (0..LATE_MAX).step_by(BATCH as usize) {
            let page = Page { limit: BATCH, offset };
            let batch = reader.findings(&filter, Order::NewestFirst, page)?;
            let of_late = batch.iter().take_while(|stored| stored.stored_at >= now - LATE_NANOS);
            let mut count = 0;
            for stored in of_late {
                count += 1;
                let Ok(finding) = stored.finding() else { continue };
                if ids.insert(finding.id.clone()) {
                    all.push((finding, Seen::Closed));
                }
            }
            if count < BATCH as usize {
                break;
            }
        }
        Ok(Self(all))
    }

    /// What is found in the recorded attacks of a folder.
    pub(super) fn recorded(folder: &Path) -> Result<Self, Failure> {
        let stage = Stage::load(folder)?;
        let nowhere = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 0);
        let config = stage.config(Path::new("not-used"), "not-used:1", nowhere);
        let (mut source, rules) = sources::files(&config, &stage.files())?;
        let settings =
            FlowSettings { bounds: config.merge_bounds(), ..FlowSettings::new(config.engine.clone()) };
        let mut found = Found(Vec::new());
        pipeline::replay::replay(&mut source, &rules, &settings, true, &mut found)
            .map_err(|error| Failure::new(Exit::Incompatible, error))?;
        Ok(Self(found.0))
    }
}

struct Found(Vec<(Finding, Seen)>);

impl ReplaySink for Found {
    fn finding(&mut self, finding: &Finding) -> std::io::Result<()> {
        self.0.push((finding.clone(), Seen::Recorded));
        Ok(())
    }
    fn dead_letter(&mut self, _: &DeadLetter) -> std::io::Result<()> {
        Ok(())
    }
    fn progress(&mut self, _: u64) {}
}

/// What a silence asks for, as its matchers are kept.
pub(super) fn matchers_in_words(form: &SilenceForm) -> String {
    serde_json::to_string(&form.matchers).unwrap_or_default()
}

/// A preview for people.
pub(super) fn in_words(form: &SilenceForm, preview: &Preview) -> String {
    let mut text = format!(
        "hides up to {}: {} open findings, {} closed of the last 7 days, {} of recorded attacks; {} are told all the same\n",
        form.ceiling,
        preview.open_hidden,
        preview.closed_hidden,
        preview.recorded_hidden,
        preview.told_all_the_same,
    );
    if preview.matches_nothing() {
        text.push_str("it matches nothing that was seen\n");
    }
    for row in &preview.examples {
        let effect =
            row.told_because.as_ref().map_or_else(|| "hidden".to_owned(), |(_, why)| format!("told: {why}"));
        text.push_str(&format!(
            "  {}  {:<8}  {:<16}  {}  ({})\n",
            row.time,
            row.severity,
            row.detector,
            output::visible(&row.summary),
            output::visible(&effect),
        ));
    }
    text
}
