//! Stage 2: calibrates what the shards found surprising, decides what is told, and makes findings.
//!
//! Common to all detectors, one a lane. What it learns in an hour of event time (calibration, population rates) takes
//! effect with the next hour, so neither the order of shards nor the cut of batches shows in a result.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::SharedPriors;
use crate::catalogue;
use crate::detector::{Cell, Look, PriorKey, Priors, Scored, Scores, Tally, Verdict};
use crate::event::{EventTime, Span};
use crate::finding::{
    Decision, DetectorId, FINDING_SCHEMA, Family, Finding, Mode, SubjectKind, Technique, finding_id,
};
use crate::settings::{DetectorMode, EngineSettings};
use crate::severity::{self, Consumption};
use crate::statistics::PValue;
use crate::statistics::calibration::Calibrator;
use crate::statistics::false_discovery::{BatchedLord, Candidate, LordSettings};

/// Width of a batch of decisions, in minutes (DETECTORS.md, Decision layer 2).
const CHANGE_BATCH_MINUTES: u32 = 1;
const VOLUME_BATCH_MINUTES: u32 = 60;
/// Tallies are halved when their chances reach this: a registry's habits may change.
const TALLY_MEMORY: u64 = 1_000_000;

/// A lane of decisions: its scores share a budget. Not to be confused with the lanes of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
enum DecisionLane {
    /// Metadata, signing and tags, decided at once, a minute a batch.
    Change,
    /// Volume and breadth at checkpoints within a window, decided at once, an hour a batch.
    Early,
    /// Volume and breadth of closed windows, decided together.
    Closed,
}

#[derive(Debug)]
pub(super) struct Decisions {
    settings: EngineSettings,
    config_hash: Arc<str>,
    state: DecisionState,
    priors: SharedPriors,
}

/// Saved state of stage 2.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct DecisionState {
    calibrators: BTreeMap<Cell, Calibrator>,
    /// Calibrators of whole detectors, for cells that know too little.
    parents: BTreeMap<DetectorId, Calibrator>,
    tallies: BTreeMap<PriorKey, Tally>,
    /// What this hour taught, not yet in effect.
    pending_scores: BTreeMap<Cell, Vec<f32>>,
    pending_tallies: BTreeMap<PriorKey, Tally>,
    budgets: BTreeMap<DecisionLane, BatchedLord>,
}

impl Decisions {
    pub(super) fn new(settings: EngineSettings) -> Self {
        let lord = |batch_minutes, share: f64| {
            BatchedLord::new(LordSettings {
                alpha: settings.budget.false_share,
                quiet_per_day: settings.budget.quiet_per_day * share,
                batch_minutes,
            })
        };
        // Checkpoints and closed windows are two halves of one lane of the catalogue.
        let budgets = BTreeMap::from([
            (DecisionLane::Change, lord(CHANGE_BATCH_MINUTES, 1.0)),
            (DecisionLane::Early, lord(VOLUME_BATCH_MINUTES, 0.5)),
            (DecisionLane::Closed, lord(VOLUME_BATCH_MINUTES, 0.5)),
        ]);
        let state = DecisionState {
            calibrators: BTreeMap::new(),
            parents: BTreeMap::new(),
            tallies: BTreeMap::new(),
            pending_scores: BTreeMap::new(),
            pending_tallies: BTreeMap::new(),
            budgets,
        };
        Self { config_hash: settings.hash(), settings, state, priors: Arc::default() }
    }

    pub(super) const fn settings(&self) -> &EngineSettings {
        &self.settings
    }

    pub(super) fn priors(&self) -> SharedPriors {
        Arc::clone(&self.priors)
    }

    /// Takes what the shards said in one step, puts it into the order of the log, and decides.
    pub(super) fn decide(&mut self, outputs: Vec<Scores>, findings: &mut Vec<Finding>) {
        let mut looks = Vec::new();
        for output in outputs {
            looks.extend(output.looks);
            for (key, tally) in output.tallies {
                let sum = self.state.pending_tallies.entry(key).or_default();
                sum.hits += tally.hits;
                sum.chances += tally.chances;
            }
        }
        looks.sort_by(in_log_order);
        for look in &looks {
            if let Some((cell, p)) = &look.calibration {
                self.state.pending_scores.entry(cell.clone()).or_default().push(p.get() as f32);
            }
        }
        let (closed, events): (Vec<_>, Vec<_>) = looks.into_iter().partition(|look| look.rank == u32::MAX);
        for look in events {
            let told = self.decide_at_once(&look);
            self.keep(look, told, findings);
        }
        self.decide_together(closed, findings);
    }

    /// Whether the hour taught anything that has not taken effect.
    pub(super) fn has_pending(&self) -> bool {
        !self.state.pending_scores.is_empty() || !self.state.pending_tallies.is_empty()
    }

    /// Lets what the hour taught take effect.
    pub(super) fn end_hour(&mut self, end: EventTime) {
        let seconds = end.nanos().div_euclid(1_000_000_000);
        for (cell, scores) in std::mem::take(&mut self.state.pending_scores) {
            let parent = self.state.parents.entry(cell.detector).or_default();
            for score in &scores {
                parent.record(PValue::clamped(f64::from(*score)), seconds);
            }
            let calibrator = self.state.calibrators.entry(cell).or_default();
            for score in &scores {
                calibrator.record(PValue::clamped(f64::from(*score)), seconds);
            }
        }
        if self.state.pending_tallies.is_empty() {
            return;
        }
        for (key, tally) in std::mem::take(&mut self.state.pending_tallies) {
            let sum = self.state.tallies.entry(key).or_default();
            sum.hits += tally.hits;
            sum.chances += tally.chances;
            if sum.chances > TALLY_MEMORY {
                sum.hits = sum.hits.div_ceil(2);
                sum.chances /= 2;
            }
        }
        self.priors = Arc::new(Priors(self.state.tallies.clone()));
    }

    pub(super) const fn state(&self) -> &DecisionState {
        &self.state
    }

    pub(super) fn restore(&mut self, state: DecisionState) {
        let settings: BTreeMap<_, _> =
            self.state.budgets.iter().map(|(lane, lord)| (*lane, lord.settings())).collect();
        self.state = state;
        // The budget is what the configuration says now; what was spent is what the log says.
        for (lane, lord) in &mut self.state.budgets {
            if let Some(settings) = settings.get(lane) {
                lord.set(*settings);
            }
        }
        self.priors = Arc::new(Priors(self.state.tallies.clone()));
    }

    fn calibrated(&self, cell: &Cell, p: PValue) -> PValue {
        let parent = self.state.parents.get(&cell.detector);
        match self.state.calibrators.get(cell) {
            Some(calibrator) => calibrator.calibrate(p, parent),
            None => parent.map_or(p, |parent| parent.calibrate(p, None)),
        }
    }

    /// Decides a look of an event: it counts as a test of its batch even if it says nothing.
    fn decide_at_once(&mut self, look: &Look) -> bool {
        let Some((cell, p)) = &look.calibration else { return true };
        let weight = self.settings.detector(cell.detector).weight;
        let family = cell.detector.family();
        // An unexplained look lies above any level: its calibration does not matter, only that it counts.
        let p = if look.scored.is_some() { self.calibrated(cell, *p) } else { *p };
        let (lane, width) = match family {
            Family::Downloads => (DecisionLane::Early, Span::minutes(i64::from(VOLUME_BATCH_MINUTES))),
            _ => (DecisionLane::Change, Span::minutes(i64::from(CHANGE_BATCH_MINUTES))),
        };
        let batch = look.time.nanos().div_euclid(width.nanos());
        let Some(lord) = self.state.budgets.get_mut(&lane) else { return false };
        lord.decide_next(batch, Candidate { p, weight })
    }

    /// Decides the windows that closed at one boundary, weighted by how much they were expected to hold.
    fn decide_together(&mut self, looks: Vec<Look>, findings: &mut Vec<Finding>) {
        let Some(first) = looks.first() else { return };
        let batch = first.time.nanos().div_euclid(Span::minutes(i64::from(VOLUME_BATCH_MINUTES)).nanos());
        let candidates: Vec<Candidate> = looks
            .iter()
            .map(|look| match &look.calibration {
                Some((cell, p)) => Candidate {
                    p: if look.scored.is_some() { self.calibrated(cell, *p) } else { *p },
                    weight: self.settings.detector(cell.detector).weight * tier_weight(cell.tier),
                },
                None => Candidate { p: PValue::ONE, weight: 0.0 },
            })
            .collect();
        let told = match self.state.budgets.get_mut(&DecisionLane::Closed) {
            Some(lord) => lord.decide(batch, &candidates),
            None => vec![false; candidates.len()],
        };
        for (look, told) in looks.into_iter().zip(told) {
            self.keep(look, told, findings);
        }
    }

    /// Makes a finding of what is at or above its detector's floor.
    fn keep(&self, look: Look, told: bool, findings: &mut Vec<Finding>) {
        let Some(scored) = look.scored else { return };
        if self.settings.detector(scored.detector).mode == DetectorMode::Off {
            return;
        }
        let p = look.calibration.as_ref().map(|(cell, p)| self.calibrated(cell, *p));
        if p.is_some_and(|p| p.bits() < self.settings.floor_bits(scored.detector)) {
            return;
        }
        findings.push(self.finding(*scored, p, told));
    }

    fn finding(&self, scored: Scored, p: Option<PValue>, told: bool) -> Finding {
        let id = finding_id(scored.detector, scored.major, &scored.subject, &scored.anchor);
        let critical = scored.subject.kind == SubjectKind::Artifact
            && self.settings.critical.iter().any(|key| **key == *scored.subject.name);
        let (severity, exact, decision) = match (&scored.verdict, p) {
            (Verdict::Violation(severity), _) => (*severity, None, Decision::Violation),
            (Verdict::Surprise { tail, .. }, p) => {
                // The draw that splits ties makes decisions fair on the whole; it must not make one finding louder.
                let bits = p.map_or(0.0, PValue::bits).min(tail.exact.bits());
                let severity =
                    severity::of_surprise(bits, scored.detector.family(), critical, Consumption::Unknown);
                (severity, Some(tail.exact.get()), if told { Decision::Told } else { Decision::BelowBudget })
            }
        };
        let times = scored.explanation.evidence.iter().map(|evidence| evidence.time);
        let entry = catalogue::entry(scored.detector);
        Finding {
            schema: FINDING_SCHEMA.to_owned(),
            id,
            detector: scored.detector,
            severity,
            time: scored.time,
            first_event: times.clone().min().unwrap_or(scored.time),
            last_event: times.max().unwrap_or(scored.time),
            p_value: p.map(PValue::get),
            p_exact: exact,
            surprise_bits: p.map(PValue::bits),
            observed: scored.explanation.observed,
            expected: scored.explanation.expected,
            summary: scored.explanation.summary,
            counterfactual: scored.explanation.counterfactual,
            evidence: scored.explanation.evidence,
            technique: entry.techniques.iter().map(|technique| Technique((*technique).to_owned())).collect(),
            slsa_threat: scored.explanation.slsa_threat,
            runbook: format!("docs/runbook.md#{}", scored.detector),
            decision,
            links: scored.explanation.links,
            mode: Mode::Live,
            incident: None,
            config_hash: Arc::clone(&self.config_hash),
            detector_version: scored.major,
            subject: scored.subject,
        }
    }
}

/// A window that was expected to be empty gets little of the budget: min(1, max(.02, μ)) by tier (methods h).
const fn tier_weight(tier: u8) -> f64 {
    match tier {
        0 => 0.1,
        _ => 1.0,
    }
}

/// The order of the log: the event's place, then detector and subject, so that shards do not show.
fn in_log_order(a: &Look, b: &Look) -> Ordering {
    let subject = |look: &'_ Look| look.scored.is_some();
    a.rank
        .cmp(&b.rank)
        .then_with(|| subject(a).cmp(&subject(b)))
        .then_with(|| match (&a.scored, &b.scored) {
            (Some(a), Some(b)) => a.detector.cmp(&b.detector).then_with(|| a.subject.cmp(&b.subject)),
            _ => Ordering::Equal,
        })
        .then_with(|| a.calibration.cmp(&b.calibration))
}
