//! Compares findings with what a scenario expects: found, late, missed, and noise. Pure.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::clock::Moment;
use crate::manifest::{Expectation, Manifest, Severity, Silence, SubjectKind};

/// A finding as far as the judge reads it, from the JSON of the finding contract; what else it says is ignored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FoundFinding {
    /// The detector's id.
    pub detector: String,
    /// What it is about.
    pub subject: FoundSubject,
    /// How severe it is.
    pub severity: Severity,
    /// When it could first be known, in event time.
    pub time: Moment,
    /// The incident it was folded into, if the finding says.
    #[serde(default)]
    pub incident: Option<String>,
}

/// What a finding is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FoundSubject {
    /// Its kind.
    pub kind: SubjectKind,
    /// Its registry.
    pub registry: String,
    /// Its name.
    pub name: String,
}

/// How a recording was judged.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Verdict {
    /// Expectations that were met in time.
    pub found: Vec<Met>,
    /// Expectations that were met after their deadline.
    pub late: Vec<Met>,
    /// Expectations that were not met.
    pub missed: Vec<Unmet>,
    /// Findings that should not have been made.
    pub noisy: Vec<FoundFinding>,
}

/// An expectation that was met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Met {
    /// Which one, by its place in the manifest.
    pub expectation: usize,
    /// When enough of its subjects had been found.
    pub when: Moment,
    /// The names that were found, in time or not.
    pub names: Vec<String>,
}

/// An expectation that was not met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unmet {
    /// Which one, by its place in the manifest.
    pub expectation: usize,
    /// The names that were found; fewer than asked for, or in more than one incident.
    pub names: Vec<String>,
    /// In how many incidents they were.
    pub incidents: usize,
}

impl Verdict {
    /// Whether all was found in time and nothing else was said.
    #[must_use]
    pub const fn is_clean(&self) -> bool {
        self.late.is_empty() && self.missed.is_empty() && self.noisy.is_empty()
    }
}

/// Judges the findings of a scenario's day.
#[must_use]
pub fn judge(manifest: &Manifest, findings: &[FoundFinding]) -> Verdict {
    let mut verdict = Verdict::default();
    for (nth, expectation) in manifest.expectations.iter().enumerate() {
        // The first finding on each subject counts.
        let mut firsts: BTreeMap<&str, &FoundFinding> = BTreeMap::new();
        for finding in findings.iter().filter(|finding| meets(finding, expectation)) {
            let first = firsts.entry(&finding.subject.name).or_insert(finding);
            if finding.time < first.time {
                *first = finding;
            }
        }
        let names: Vec<String> = firsts.keys().map(|name| (*name).to_owned()).collect();
        let incidents =
            firsts.values().filter_map(|finding| finding.incident.as_deref()).collect::<BTreeSet<_>>().len();
        let mut times: Vec<Moment> = firsts.values().map(|finding| finding.time).collect();
        times.sort_unstable();
        let enough = expectation.at_least.checked_sub(1).and_then(|last| times.get(last));
        match enough {
            Some(_) if expectation.one_incident && incidents > 1 => {
                verdict.missed.push(Unmet { expectation: nth, names, incidents });
            }
            Some(when) if *when <= expectation.by => {
                verdict.found.push(Met { expectation: nth, when: *when, names });
            }
            Some(when) => verdict.late.push(Met { expectation: nth, when: *when, names }),
            None => verdict.missed.push(Unmet { expectation: nth, names, incidents }),
        }
    }
    let expected =
        |finding: &FoundFinding| manifest.expectations.iter().any(|wanted| concerns(finding, wanted));
    let unwanted = |finding: &FoundFinding| manifest.silences.iter().any(|silence| breaks(finding, silence));
    // A bin that ends with the day closes at its last moment: what is told then belongs to the day.
    let of_the_day = |finding: &&FoundFinding| finding.time >= manifest.scenario.day_start;
    let noise = findings.iter().filter(of_the_day).filter(|finding| unwanted(finding) && !expected(finding));
    verdict.noisy.extend(noise.cloned());
    verdict
}

/// Whether a finding is of the kind that an expectation asks for, at whatever time and severity.
fn concerns(finding: &FoundFinding, wanted: &Expectation) -> bool {
    finding.detector == wanted.detector
        && finding.subject.kind == wanted.subject.kind
        && finding.subject.registry == wanted.subject.registry
        && wanted.subject.names.contains(&finding.subject.name)
        && finding.time >= wanted.after
}

fn meets(finding: &FoundFinding, wanted: &Expectation) -> bool {
    concerns(finding, wanted) && finding.severity >= wanted.severity_at_least
}

fn breaks(finding: &FoundFinding, silence: &Silence) -> bool {
    let matches = |pattern: &String| match pattern.strip_suffix('*') {
        Some(start) => finding.subject.name.starts_with(start),
        None => finding.subject.name == *pattern,
    };
    (silence.detectors.is_empty() || silence.detectors.contains(&finding.detector))
        && silence.kind.is_none_or(|kind| kind == finding.subject.kind)
        && silence.registry.as_ref().is_none_or(|registry| *registry == finding.subject.registry)
        && (silence.names.is_empty() || silence.names.iter().any(matches))
        && !silence.except.iter().any(matches)
        && finding.severity >= silence.severity_at_least
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::{About, Nature, Wanted};

    const START: Moment = Moment::utc((2026, 5, 11), (0, 0, 0));

    fn at(minute: i64) -> Moment {
        START.plus(minute * 60_000)
    }

    /// Drift on two of `a`, `b`, `c` between minute 10 and 20, in one incident; silence from medium on elsewhere.
    fn manifest() -> Manifest {
        let names = ["a", "b", "c"].map(str::to_owned).to_vec();
        let silence = |detectors: &[&str], names: &[&str], except: &[&str]| Silence {
            detectors: detectors.iter().map(|id| (*id).to_owned()).collect(),
            kind: Some(SubjectKind::Artifact),
            registry: Some("npm".to_owned()),
            names: names.iter().map(|name| (*name).to_owned()).collect(),
            except: except.iter().map(|name| (*name).to_owned()).collect(),
            severity_at_least: Severity::Medium,
            why: String::new(),
        };
        Manifest {
            scenario: About {
                name: "x".to_owned(),
                title: String::new(),
                source: String::new(),
                seed: 1,
                nature: Nature::Attack,
                epoch: at(10),
                day_start: START,
                day_end: at(1_440),
            },
            files: Vec::new(),
            expectations: vec![Expectation {
                detector: "metadata-drift".to_owned(),
                subject: Wanted { kind: SubjectKind::Artifact, registry: "npm".to_owned(), names },
                at_least: 2,
                severity_at_least: Severity::Medium,
                after: at(10),
                by: at(20),
                one_incident: true,
                why: String::new(),
            }],
            silences: vec![silence(&[], &["z*"], &["zero"]), silence(&["trust-downgrade"], &[], &[])],
        }
    }

    fn finding(detector: &str, name: &str, severity: Severity, minute: i64) -> FoundFinding {
        FoundFinding {
            detector: detector.to_owned(),
            subject: FoundSubject {
                kind: SubjectKind::Artifact,
                registry: "npm".to_owned(),
                name: name.to_owned(),
            },
            severity,
            time: at(minute),
            incident: None,
        }
    }

    fn drift(name: &str, severity: Severity, minute: i64) -> FoundFinding {
        finding("metadata-drift", name, severity, minute)
    }

    fn check(findings: &[FoundFinding], found: &[i64], late: &[i64], missed: usize, noisy: &[&str]) {
        let verdict = judge(&manifest(), findings);
        let minutes = |met: &[Met]| met.iter().map(|met| met.when.since(START) / 60_000).collect::<Vec<_>>();
        let noise: Vec<&str> = verdict.noisy.iter().map(|finding| finding.subject.name.as_str()).collect();
        assert_eq!(
            (minutes(&verdict.found), minutes(&verdict.late), verdict.missed.len(), noise),
            (found.to_vec(), late.to_vec(), missed, noisy.to_vec())
        );
        assert_eq!(verdict.is_clean(), late.is_empty() && missed == 0 && noisy.is_empty());
    }

    #[test]
    fn enough_subjects_in_time_are_found_when_the_last_needed_one_is() {
        use Severity::{High, Medium};
        check(&[drift("a", Medium, 12), drift("b", High, 20)], &[20], &[], 0, &[]);
        check(&[drift("a", Medium, 19), drift("a", Medium, 11), drift("b", High, 12)], &[12], &[], 0, &[]);
        check(&[drift("a", Medium, 12), drift("b", High, 21)], &[], &[21], 0, &[]);
    }

    #[test]
    fn too_few_too_early_too_mild_or_another_detector_is_missed() {
        use Severity::{High, Low, Medium};
        check(&[], &[], &[], 1, &[]);
        check(&[drift("a", Medium, 12), drift("a", Medium, 13)], &[], &[], 1, &[]);
        check(&[drift("a", Medium, 9), drift("b", Medium, 12)], &[], &[], 1, &[]);
        check(&[drift("a", Low, 11), drift("b", Medium, 12)], &[], &[], 1, &[]);
        check(&[drift("a", High, 11), finding("tag-move", "b", High, 12)], &[], &[], 1, &[]);
    }

    #[test]
    fn findings_in_two_incidents_are_not_one() {
        let in_incident = |name: &str, incident: &str| FoundFinding {
            incident: Some(incident.to_owned()),
            ..drift(name, Severity::Medium, 12)
        };
        check(&[in_incident("a", "1"), in_incident("b", "1")], &[12], &[], 0, &[]);
        check(&[in_incident("a", "1"), in_incident("b", "2")], &[], &[], 1, &[]);
    }

    #[test]
    fn noise_is_what_a_silence_names_from_its_severity_on() {
        use Severity::{Critical, Low, Medium};
        let met = [drift("a", Medium, 12), drift("b", Medium, 12)];
        let with = |more: FoundFinding| [met[0].clone(), met[1].clone(), more];
        check(&with(drift("zebra", Medium, 700)), &[12], &[], 0, &["zebra"]);
        check(&with(drift("zebra", Medium, 1_440)), &[12], &[], 0, &["zebra"]);
        check(&with(drift("zebra", Low, 700)), &[12], &[], 0, &[]);
        check(&with(drift("zebra", Critical, -5)), &[12], &[], 0, &[]);
        check(&with(drift("zero", Critical, 700)), &[12], &[], 0, &[]);
        check(&with(drift("c", Critical, 700)), &[12], &[], 0, &[]);
        check(&with(finding("trust-downgrade", "a", Medium, 700)), &[12], &[], 0, &["a"]);
    }

    #[test]
    fn a_finding_of_the_public_contract_is_read() {
        let json = r#"{"schema":"sealwatch.finding/v1","id":"X","detector":"tag-move","time":"2026-05-11T00:12:00.000Z",
            "subject":{"kind":"artifact","registry":"npm","name":"pkg:npm/a"},"severity":"high","p_value":null}"#;
        let read: FoundFinding = serde_json::from_str(json).unwrap();
        assert_eq!((read.time, read.severity, read.incident), (at(12), Severity::High, None));
    }
}
