//! One finding as a part of its incident's page: what was seen against what is normal, and on what it rests.

use std::cmp::Reverse;

use detectors::catalogue;
use detectors::finding::{Band, Decision, Finding, IncidentId, Quantity};

use super::evidence::{self, Row};
use crate::charts::band::{self, BandChart};
use crate::foreign;
use crate::html::Html;
use crate::show::level;
use crate::show::moment::Now;
use crate::show::number::{self, odds};

/// A finding, ready for the template.
pub(super) struct FindingView {
    pub(super) id: String,
    pub(super) detector: &'static str,
    pub(super) fires_when: &'static str,
    pub(super) severity: Html,
    pub(super) sentence: Html,
    pub(super) subject: Html,
    pub(super) time: Html,
    pub(super) decision: &'static str,
    pub(super) is_below_budget: bool,
    pub(super) chart: Option<BandChart>,
    pub(super) names: Option<Names>,
    pub(super) seen: Html,
    pub(super) expected: Option<Html>,
    pub(super) unit: String,
    pub(super) surprise: Html,
    pub(super) odds: Option<String>,
    pub(super) counterfactual: Option<Html>,
    pub(super) techniques: Vec<(String, &'static str)>,
    pub(super) slsa: Option<String>,
    pub(super) runbook: String,
    pub(super) version: String,
    pub(super) evidence: Vec<Row>,
    pub(super) further: usize,
}

/// Usual names beside the one that was seen.
pub(super) struct Names {
    pub(super) usual: Vec<Html>,
    pub(super) seen: Html,
}

impl FindingView {
    /// The view of a finding of this incident.
    pub(super) fn of(incident: &IncidentId, finding: &Finding, now: Now) -> Self {
        let (evidence, further) = evidence::rows(incident, &finding.evidence, now);
        Self {
            id: foreign::plain(finding.id.as_str()),
            detector: finding.detector.as_str(),
            fires_when: catalogue::entry(finding.detector).fires_when,
            severity: level::severity(finding.severity),
            sentence: foreign::sentence(&finding.summary),
            subject: Html::new()
                .text(finding.subject.kind.as_str())
                .markup(" ")
                .html(&foreign::name(&finding.subject.name))
                .markup(" in ")
                .html(&foreign::name(&finding.subject.registry)),
            time: now.moment(finding.time),
            decision: match finding.decision {
                Decision::Violation => "violation: a hard fact, always told",
                Decision::Told => "within the alert budget: told",
                Decision::BelowBudget => "below the alert budget: stored, nobody is told",
            },
            is_below_budget: finding.decision == Decision::BelowBudget,
            chart: band::of(finding),
            names: names(finding),
            seen: number::measure(&finding.observed),
            expected: finding.expected.as_ref().map(number::band),
            unit: foreign::plain(&finding.observed.unit),
            surprise: level::surprise(finding.surprise_bits),
            odds: finding.surprise_bits.map(odds),
            counterfactual: Some(&*finding.counterfactual)
                .filter(|text| !text.is_empty())
                .map(foreign::sentence),
            techniques: finding
                .technique
                .iter()
                .map(|id| (foreign::plain(&id.0), technique_name(&id.0)))
                .collect(),
            slsa: finding.slsa_threat.map(|threat| foreign::plain(&threat.to_string())),
            runbook: foreign::plain(&finding.runbook),
            version: format!(
                "{}, settings {}",
                finding.detector_version,
                foreign::plain(&finding.config_hash)
            ),
            evidence,
            further,
        }
    }
}

/// Loudest first: severity, then violations, told before untold, surprise, and the id so that equal ones keep
/// one order.
pub(super) fn loudness(finding: &Finding) -> impl Ord + use<> {
    let rank = match finding.decision {
        Decision::Violation => 0_u8,
        Decision::Told => 1,
        Decision::BelowBudget => 2,
    };
    let bits = finding.surprise_bits.filter(|bits| bits.is_finite()).unwrap_or(0.0);
    (Reverse(finding.severity), rank, Reverse((bits * 1_000.0) as i64), finding.id.clone())
}

fn names(finding: &Finding) -> Option<Names> {
    let Quantity::Name(seen) = &finding.observed.value else { return None };
    let usual = finding.expected.as_ref().map(usual_names).unwrap_or_default();
    if let [only] = &*usual {
        let (before, after) = foreign::pair(only, seen);
        return Some(Names { usual: vec![before], seen: after });
    }
    Some(Names {
        usual: usual.iter().map(|name| foreign::name_or_nothing(name)).collect(),
        seen: foreign::name_or_nothing(seen),
    })
}

/// The names of a band, each once.
fn usual_names(band: &Band) -> Vec<&str> {
    let mut names = Vec::new();
    for quantity in [&band.mid, &band.low, &band.high] {
        if let Quantity::Name(name) = quantity
            && !names.contains(&name.as_str())
        {
            names.push(name.as_str());
        }
    }
    names
}

/// The name of an ATT&CK technique of the catalogue (v17); empty for others.
pub(super) fn technique_name(id: &str) -> &'static str {
    match id {
        "T1195.001" => "Compromise Software Dependencies and Development Tools",
        "T1036.005" => "Match Legitimate Resource Name or Location",
        "T1078" => "Valid Accounts",
        "T1083" => "File and Directory Discovery",
        "T1098" => "Account Manipulation",
        "T1110" => "Brute Force",
        "T1136" => "Create Account",
        "T1485" => "Data Destruction",
        "T1550" => "Use Alternate Authentication Material",
        "T1588.003" => "Code Signing Certificates",
        "T1593.003" => "Code Repositories",
        "T1195.002" => "Compromise Software Supply Chain",
        "T1213.003" => "Data from Code Repositories",
        "T1530" => "Data from Cloud Storage",
        "T1553" => "Subvert Trust Controls",
        "T1553.002" => "Code Signing",
        "T1567" => "Exfiltration Over Web Service",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use detectors::finding::{DetectorId, Measure, Severity};

    use super::*;
    use crate::fixture;

    #[test]
    fn every_technique_of_the_catalogue_has_its_name() {
        for detector in DetectorId::ALL {
            for technique in catalogue::entry(detector).techniques {
                assert!(!technique_name(technique).is_empty(), "{technique} of {detector}");
            }
        }
    }

    #[test]
    fn names_are_compared_and_numbers_are_drawn() {
        let id = IncidentId::parse("lpvrycjm7m2dyzulrruye4eg3a").unwrap();
        let of = |observed: Measure, expected: Option<Band>| {
            FindingView::of(&id, &Finding { observed, expected, ..fixture::findings::finding() }, Now(0))
        };
        let drawn = of(Measure::number(9.0, "pulls"), Some(Band::numbers(1.0, 2.0, 3.0, "pulls")));
        assert!(drawn.chart.is_some() && drawn.names.is_none());
        let named =
            of(Measure::name("acme/release@evil", "signer"), Some(Band::name("acme/release@main", "signer")));
        let names = named.names.unwrap();
        assert!(named.chart.is_none());
        assert!(names.usual[0].as_str().contains("<b class=\"differs\">main</b>"));
        assert!(names.seen.as_str().contains("<b class=\"differs\">evil</b>"));
        let unknown = of(Measure::name("x", "signer"), None);
        assert!(unknown.names.unwrap().usual.is_empty() && unknown.expected.is_none());
    }

    #[test]
    fn the_loudest_finding_comes_first() {
        let finding = |severity, decision, bits| Finding {
            severity,
            decision,
            surprise_bits: bits,
            ..fixture::findings::finding()
        };
        let mut all = [
            finding(Severity::Low, Decision::Told, Some(9.0)),
            finding(Severity::High, Decision::Told, Some(21.0)),
            finding(Severity::High, Decision::Violation, None),
            finding(Severity::High, Decision::Told, Some(f64::NAN)),
            finding(Severity::High, Decision::Told, Some(25.0)),
        ];
        all.sort_by_cached_key(loudness);
        assert_eq!(all[0].decision, Decision::Violation);
        assert_eq!(all[1].surprise_bits, Some(25.0));
        assert_eq!(all[4].severity, Severity::Low);
    }
}
