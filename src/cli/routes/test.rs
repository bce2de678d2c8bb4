//! `sealwatch routes test`: whom the routes tell of one finding, or of several that are one incident.

use std::io::Read as _;
use std::path::PathBuf;
use std::sync::Arc;

use alerting::routing::{IncidentView, decisions_json};
use alerting::rules::Standing;
use clap::Args;
use detectors::event::{EventTime, Span};
use detectors::finding::{
    Anchor, Decision, DetectorId, FINDING_SCHEMA, Finding, IncidentId, Measure, Mode, Severity, Subject,
    SubjectKind, finding_id,
};
use detectors::incident::{INCIDENT_SCHEMA, Incident, Status, Transition, TransitionReason};
use store::{RunId, Store};

use super::told;
use crate::cli::asking;
use crate::cli::findings::severity;
use crate::exit::{Exit, Failure};
use crate::output;

/// The most that is read of a file of findings, in bytes.
const FILE_MAX_BYTES: u64 = 16 << 20;
/// What `--expect` calls it when nobody is told.
const NOBODY: &str = "nobody";

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The configuration whose routes are asked
    #[arg(long, value_name = "FILE", default_value = "sealwatch.toml")]
    config: PathBuf,
    /// Findings as JSON Lines, which are one incident; `-` is standard input
    #[arg(long, value_name = "FILE", conflicts_with = "facts")]
    finding: Option<PathBuf>,
    /// Ask silences, announced work and open incidents of this database as well
    #[arg(long, value_name = "FILE")]
    db: Option<PathBuf>,
    /// At this time instead of now (RFC 3339): for mute times and silences
    #[arg(long, value_parser = asking::moment, value_name = "TIME")]
    at: Option<i64>,
    /// Who must be told, and nobody else; `nobody` for nobody. Ends with 1 if it is otherwise
    #[arg(long, value_name = "RECEIVER")]
    expect: Vec<String>,
    /// Print the decisions as JSON
    #[arg(long)]
    json: bool,
    /// What the finding is: severity, detector, subject, kind, registry, run (`live`, `exercise:NAME`)
    #[arg(value_name = "KEY=VALUE", required_unless_present = "finding")]
    facts: Vec<String>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let rules = asking::rules(&arguments.config)?;
    let now = arguments.at.unwrap_or_else(asking::now);
    let (run, findings) = match &arguments.finding {
        Some(path) => (RunId::Live, read(path)?),
        None => described(&arguments.facts, now)?,
    };
    let incident = incident_of(&findings)?;
    let transition = Transition {
        time: incident.last_event,
        severity: incident.severity,
        reason: TransitionReason::Opened,
    };
    let standing = match &arguments.db {
        Some(path) => rules.standing(&Store::open_read_only(path)?, now)?,
        None => Standing { now, ..Standing::default() },
    };
    let view = IncidentView { run: &run, incident: &incident, findings: &findings, transition: &transition };
    let decided = rules.decide(&view, &standing);
    let json = decisions_json(&decided.decisions);
    if arguments.json {
        output::print(&format!("{json}\n"))?;
    } else {
        output::print(&super::replay::in_words(&json))?;
    }
    let mut expected = arguments.expect.clone();
    expected.retain(|name| name != NOBODY);
    expected.sort();
    expected.dedup();
    let told = told(&decided.decisions);
    if arguments.expect.is_empty() || told == expected {
        return Ok(Exit::Done);
    }
    let named = |names: &[String]| if names.is_empty() { NOBODY.to_owned() } else { names.join(", ") };
    output::message(&format!("told is {}, expected was {}", named(&told), named(&expected)));
    Ok(Exit::No)
}

fn read(path: &PathBuf) -> Result<Vec<Finding>, Failure> {
    let failed = |error: std::io::Error| {
        Failure::new(Exit::Unavailable, format!("cannot read {}: {error}", path.display()))
    };
    let mut text = String::new();
    if path.as_os_str() == "-" {
        std::io::stdin().take(FILE_MAX_BYTES).read_to_string(&mut text).map_err(failed)?;
    } else {
        let file = std::fs::File::open(path).map_err(failed)?;
        file.take(FILE_MAX_BYTES).read_to_string(&mut text).map_err(failed)?;
    }
    let findings =
        serde_json::Deserializer::from_str(&text).into_iter::<Finding>().collect::<Result<Vec<_>, _>>();
    findings.map_err(|error| {
        Failure::new(Exit::Incompatible, format!("cannot read a finding in {}: {error}", path.display()))
            .hint("give it findings as `sealwatch findings --json` prints them")
    })
}

/// A finding as it is described.
fn described(facts: &[String], now: i64) -> Result<(RunId, Vec<Finding>), Failure> {
    let time = EventTime::from_secs(now.div_euclid(1_000_000_000));
    let mut finding = Finding {
        schema: FINDING_SCHEMA.to_owned(),
        id: finding_id(
            DetectorId::KeyChange,
            1,
            &Subject::new(SubjectKind::Artifact, "", ""),
            &Anchor::Window(time, Span::hours(1)),
        ),
        detector: DetectorId::KeyChange,
        subject: Subject::new(SubjectKind::Artifact, "", ""),
        severity: Severity::High,
        time,
        first_event: time,
        last_event: time,
        p_value: None,
        p_exact: None,
        surprise_bits: None,
        observed: Measure::name("", ""),
        expected: None,
        summary: "described on the command line".to_owned(),
        counterfactual: String::new(),
        evidence: Vec::new(),
        technique: Vec::new(),
        slsa_threat: None,
        runbook: String::new(),
        decision: Decision::Told,
        links: Vec::new(),
        mode: Mode::Live,
        incident: None,
        config_hash: Arc::from(""),
        detector_version: 1,
    };
    let mut run = RunId::Live;
    for fact in facts {
        let usage = |why: String| {
            Failure::new(Exit::Usage, format!("cannot use `{fact}`: {why}"))
                .hint("keys are severity, detector, subject, kind, registry and run")
        };
        let (key, value) = fact.split_once('=').ok_or_else(|| usage("it is no `key=value`".to_owned()))?;
        match key {
            "severity" => finding.severity = severity(value).map_err(usage)?,
            "detector" => {
                finding.detector = value
                    .parse()
                    .map_err(|error: detectors::finding::UnknownDetector| usage(error.to_string()))?;
            }
            "subject" => finding.subject.name = Arc::from(value),
            "kind" => finding.subject.kind = asking::kind(value).map_err(usage)?,
            "registry" => finding.subject.registry = Arc::from(value),
            "run" => run = value.parse().map_err(|error: store::NameError| usage(error.to_string()))?,
            _ => return Err(usage(format!("there is no key `{key}`"))),
        }
    }
    finding.mode = alerting::routing::mode_of(&run).unwrap_or(Mode::Live);
    Ok((run, vec![finding]))
}

/// The incident that findings are together.
fn incident_of(findings: &[Finding]) -> Result<Incident, Failure> {
    let most = findings.iter().max_by_key(|finding| finding.severity);
    let Some(most) = most else {
        return Err(Failure::new(Exit::Usage, "cannot ask about no finding").hint("give it one"));
    };
    let mut subjects: Vec<Subject> = findings.iter().map(|finding| finding.subject.clone()).collect();
    subjects.sort();
    subjects.dedup();
    let times = || findings.iter().flat_map(|finding| [finding.first_event, finding.last_event]);
    Ok(Incident {
        schema: INCIDENT_SCHEMA.to_owned(),
        id: IncidentId::of_earliest(&most.id),
        severity: most.severity,
        surprise_bits: None,
        method: "asked".to_owned(),
        history: Vec::new(),
        findings: findings.iter().map(|finding| finding.id.clone()).collect(),
        further_findings: 0,
        subjects,
        techniques: Vec::new(),
        first_event: times().min().unwrap_or(most.first_event),
        last_event: times().max().unwrap_or(most.last_event),
        summary: most.summary.clone(),
        told: findings.iter().any(|finding| finding.decision != Decision::BelowBudget),
        status: Status::New,
        owner: None,
    })
}
