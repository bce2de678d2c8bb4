//! Real attacks as compact logs through the whole engine of the change lane: what must be found, and what must not.
//!
//! Each attack is a past, what the attacker did, and the same with what the counterfactuals ask for, which must be silent.
//! Numbers are those of the incidents as they are known in public; times are shortened, names are kept.

mod attacks;
mod benign;

use super::{Engine, Lane, Serial};
use crate::change_lane::story;
use crate::event::{EventTime, Ordered, Span, Timeliness};
use crate::finding::{DetectorId, Finding, Severity};
use crate::incident::{Incident, Incidents};
use crate::settings::EngineSettings;

/// An attack: what came before it, what it did, and the same without what made it one.
struct Attack<'a> {
    name: &'a str,
    past: String,
    attack: String,
    /// Detectors that must speak.
    found_by: &'a [&'a str],
    mended: String,
}

/// All findings of a log, in order, with the incidents that they fold into.
fn play(settings: &EngineSettings, log: &str) -> (Vec<Finding>, Vec<Incident>) {
    let ordered: Vec<Ordered> = story::events(log)
        .into_iter()
        .map(|event| Ordered { order: event.time, timeliness: Timeliness::OnTime, event: event.into() })
        .collect();
    let end = ordered.last().map_or(EventTime::MIN, |last| last.order.plus(Span::days(40)));
    let mut engine = Engine::new(Lane::Change, settings);
    let findings = engine.step(&ordered, end, &Serial);
    let mut incidents = Incidents::default();
    for finding in &findings {
        incidents.add(finding);
    }
    (findings, incidents.all())
}

/// When the last event of a log happens.
fn end_of(log: &str) -> EventTime {
    story::events(log).last().map_or(EventTime::MIN, |last| last.time)
}

fn shown<'a>(findings: impl IntoIterator<Item = &'a Finding>) -> String {
    let line = |finding: &Finding| {
        let bits = finding.surprise_bits.unwrap_or_default();
        format!("  {} {} {bits:.1}: {}\n", finding.severity, finding.detector, finding.summary)
    };
    findings.into_iter().map(line).collect()
}

#[track_caller]
fn check(settings: &EngineSettings, attack: &Attack<'_>) {
    let since = end_of(&attack.past);
    let wanted: Vec<DetectorId> = attack.found_by.iter().map(|id| id.parse().unwrap()).collect();
    let after = |log: &str| {
        let (findings, _) = play(settings, log);
        findings.into_iter().filter(|finding| finding.time > since).collect::<Vec<_>>()
    };
    let found = after(&format!("{}\n{}", attack.past, attack.attack));
    for id in &wanted {
        let own: Vec<&Finding> = found.iter().filter(|finding| finding.detector == *id).collect();
        assert!(!own.is_empty(), "{}: {id} is silent\n{}", attack.name, shown(&found));
        let complete = |finding: &&&Finding| {
            !finding.counterfactual.is_empty() && finding.evidence.iter().any(|item| item.position.is_some())
        };
        assert!(own.iter().all(|finding| complete(&finding)), "{}: {id}", attack.name);
    }
    let mended = after(&format!("{}\n{}", attack.past, attack.mended));
    let loud = mended
        .iter()
        .filter(|finding| finding.severity >= Severity::Low && wanted.contains(&finding.detector));
    let loud: Vec<&Finding> = loud.collect();
    assert!(loud.is_empty(), "{}, mended, is not silent\n{}", attack.name, shown(loud));
}

/// A log that must give nothing of `least` or above, neither as a finding nor as an incident.
#[track_caller]
fn quiet(name: &str, log: &str, least: Severity) {
    let (findings, incidents) = play(&EngineSettings::default(), log);
    let loud: Vec<&Finding> = findings.iter().filter(|finding| finding.severity >= least).collect();
    assert!(loud.is_empty(), "{name}\n{}", shown(loud));
    let loud: Vec<_> = incidents.iter().filter(|incident| incident.severity >= least).collect();
    assert!(loud.is_empty(), "{name}: {loud:#?}\n{}", shown(&findings));
}
